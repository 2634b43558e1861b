# -*- test-case-name: ichatgw.test.trunks.test_rights,ichatgw.test.config.test_settings,ichatgw.test.config.test_reloadable -*-  # noqa: E501
"""
Settings of what each user may dial, and of emergency numbers.
"""

from __future__ import annotations

import re

from attrs import frozen

from ichatgw.calls.dialplan import SCHEMES
from ichatgw.config.declared.declare import setting
from ichatgw.config.reading.kinds import Kind
from ichatgw.config.reading.reader import Reload

_RIGHTS = "Rights"

ANY = "any"
ALL = "all"
BEGINS = "..."
"""What stands behind the beginning of numbers."""

_NUMBER = re.compile(r"\+?[0-9*#]{1,32}(?:\.\.\.)?|\+\.\.\.")
_WHO = re.compile(r"""@[\w.+-]{1,64}|(?:[^\s@,;"<>:]{1,255}@)?[^\s@,;"<>:]{1,255}""")
_SEPARATORS = re.compile(r"[\s,;]+")


@frozen
class DialRule:
    """
    @ivar allows: whether these may call those numbers.
    @ivar numbers: whole ones, beginnings with L{BEGINS} behind them, or L{ANY}.
    @ivar who: addresses, domains, groups with C{@} before their names, or L{ALL}; in lower case.
    """

    allows: bool
    numbers: tuple[str, ...]
    who: tuple[str, ...] = (ALL,)

    def __str__(self) -> str:
        words = f"{'allow' if self.allows else 'deny'} {', '.join(self.numbers)}"
        return words if self.who == (ALL,) else f"{words} for {', '.join(self.who)}"


def _rule(text: str) -> tuple[DialRule, ...]:
    verb, _, rest = text.strip().partition(" ")
    numbers, _, who = re.sub(r"\s+for\s+", "\n", rest.strip(), count=1).partition("\n")
    listed = tuple(filter(None, _SEPARATORS.split(numbers.lower())))
    known = all(each == ANY or _NUMBER.fullmatch(each) for each in listed)
    if verb.lower() not in ("allow", "deny") or not listed or not known:
        raise ValueError(text)
    return (DialRule(verb.lower() == "allow", listed, listedPeople(who) if who else (ALL,)),)


def listedPeople(text: str) -> tuple[str, ...]:
    """
    Whom a rule is about: addresses, domains, groups with C{@} before their names, or L{ALL}; in lower case.

    @raise ValueError: if C{text} names no user, or holds something else.
    """
    people = tuple(filter(None, _SEPARATORS.split(text.lower())))
    if not people or not all(map(_WHO.fullmatch, people)):
        raise ValueError(text)
    return people


def _numbers(text: str) -> tuple[str, ...]:
    found = tuple(filter(None, _SEPARATORS.split(text)))
    if not all(re.fullmatch(r"[0-9*#]{1,8}", each) for each in found):
        raise ValueError(text)
    return tuple(dict.fromkeys(found))


def _output(text: str) -> str:
    if text.partition(":")[0].lower() not in SCHEMES[:2] or re.search(r"\$(?!1)|[\s<>\"]", text):
        raise ValueError(text)
    return text


RULE: Kind[tuple[DialRule, ...]] = Kind(
    _rule, "allow or deny, numbers, and perhaps for and whom", show=lambda rules: "; ".join(map(str, rules)), blank=()
)
NUMBERS: Kind[tuple[str, ...]] = Kind(_numbers, "short numbers, separated by commas", show=", ".join, blank=())
OUTPUT: Kind[str] = Kind(_output, "an address that starts with sip: or sips:, with $1 for the number")


@frozen(kw_only=True, slots=False)
class RightsSettings:
    """What the administrator has decided about who may dial what."""

    dialRule: tuple[DialRule, ...] = setting(
        _RIGHTS,
        "DialRule",
        RULE,
        (),
        "Who may dial what, in calls that lead to SIP; as many lines as are needed. The first that fits the number and"
        " the caller decides, and without one the call is made. Numbers are whole, or beginnings with ... behind them,"
        " or any; they are compared in all their spellings (see Country), as dialled and as translated. Callers are"
        " addresses (user@domain), domains, groups of the phone book (@sales), or all.",
        example="deny 0900..., 0137... for @interns, guests.example.com",
        reload=Reload.NEW_CALLS,
    )
    emergencyNumbers: tuple[str, ...] = setting(
        _RIGHTS,
        "EmergencyNumbers",
        NUMBERS,
        (),
        "Numbers that everybody may call, whatever DialRule says, and that go where EmergencyOutput says, whatever the"
        " translation rules say; so does urn:service:sos. Both settings have to be there.",
        example="112, 110",
        reload=Reload.NEW_CALLS,
    )
    emergencyOutput: str = setting(
        _RIGHTS,
        "EmergencyOutput",
        OUTPUT,
        "",
        "Where calls to EmergencyNumbers go; $1 stands for the number, which is the first of these for"
        " urn:service:sos. It may name trunks, as a TranslationOutput does; TrunkMaxCalls does not count then.",
        example="sip:$1@provider,backup",
        reload=Reload.NEW_CALLS,
    )
