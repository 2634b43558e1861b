# -*- test-case-name: ichatgw.test.config.test_forwarding,ichatgw.test.config.test_settings,ichatgw.test.config.test_reloadable -*-  # noqa: E501
"""
Settings of forwarding: where calls to users lead that they do not take.
"""

from __future__ import annotations

import re

from attrs import frozen

from ichatgw.calls.dialplan import SCHEMES
from ichatgw.config.declared.declare import setting
from ichatgw.config.declared.rights import ALL, OUTPUT, listedPeople
from ichatgw.config.reading.kinds import SWITCH, Kind
from ichatgw.config.reading.reader import Reload
from ichatgw.users.preferences import (
    DEFAULT_SECONDS,
    MAX_SECONDS,
    MIN_SECONDS,
    VOICEMAIL,
    When,
    readTarget,
)

_FORWARDING = "Forwarding"

_RULE = re.compile(
    r"(?P<when>always|busy|no\s+answer|offline)(?:\s+after\s+(?P<seconds>[0-9]{1,4}))?\s+to\s+(?P<target>.+?)"
    r"(?:\s+for\s+(?P<who>.+))?",
    re.IGNORECASE,
)
_SIP = re.compile(r"sips?:[^\s@<>\"]{1,255}@[^\s@<>\"]{1,255}", re.IGNORECASE)


@frozen
class ForwardRule:
    """
    @ivar target: as L{readTarget} gives it, or a SIP address.
    @ivar seconds: for L{When.NO_ANSWER}, how long a call rings before.
    @ivar who: users, domains, groups with C{@} before their names, or L{ALL}; in lower case.
    """

    when: When
    target: str
    seconds: int = DEFAULT_SECONDS
    who: tuple[str, ...] = (ALL,)

    def __str__(self) -> str:
        after = f" after {self.seconds}" if self.when is When.NO_ANSWER else ""
        whom = "" if self.who == (ALL,) else f" for {', '.join(self.who)}"
        return f"{self.when.value}{after} to {self.target}{whom}"


def _rule(text: str) -> tuple[ForwardRule, ...]:
    found = _RULE.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    when = When(" ".join(found["when"].lower().split()))
    seconds = int(found["seconds"] or DEFAULT_SECONDS)
    if not MIN_SECONDS <= seconds <= MAX_SECONDS or (found["seconds"] and when is not When.NO_ANSWER):
        raise ValueError(text)
    target = found["target"].strip()
    if target.partition(":")[0].lower() in SCHEMES[:2]:
        if not _SIP.fullmatch(target):
            raise ValueError(text)
    else:
        target = readTarget(target)
    return (ForwardRule(when, target, seconds, listedPeople(found["who"] or ALL)),)


RULE: Kind[tuple[ForwardRule, ...]] = Kind(
    _rule,
    "always, busy, no answer after so many seconds, or offline, then to and a target, and perhaps for and whom",
    show=lambda rules: "; ".join(map(str, rules)),
    blank=(),
)


@frozen(kw_only=True, slots=False)
class ForwardingSettings:
    """What the administrator has decided about calls that users do not take."""

    forwardRule: tuple[ForwardRule, ...] = setting(
        _FORWARDING,
        "ForwardRule",
        RULE,
        (),
        "Where calls to users are forwarded; as many lines as are needed, for each of always, busy, no answer and"
        " offline the first that fits the user decides. What users choose for themselves comes first. The target is a"
        f" number or an address that the user could dial, {VOICEMAIL}, or a SIP address; users are addresses"
        " (user@domain), domains, groups of the phone book (@sales), or all. See docs/forwarding.rst.",
        example=f"no answer after 20 to {VOICEMAIL} for @sales, example.com",
        reload=Reload.NEW_CALLS,
    )
    forwardsOfUsers: bool = setting(
        _FORWARDING,
        "ForwardsOfUsers",
        SWITCH,
        True,
        "Whether calls are forwarded as users choose for themselves. If not, only ForwardRule counts.",
        reload=Reload.NEW_CALLS,
    )
    voicemailOutput: str = setting(
        _FORWARDING,
        "VoicemailOutput",
        OUTPUT,
        "",
        f"What {VOICEMAIL} stands for: the address of the mailboxes. $1 stands for the number that the phone book has"
        " for the user, else for the part of the user's address before the @. It may name trunks, as a"
        " TranslationOutput does.",
        example="sip:*97$1@pbx.example.com",
        reload=Reload.NEW_CALLS,
    )
