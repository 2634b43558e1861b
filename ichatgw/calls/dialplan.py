# -*- test-case-name: ichatgw.test.calls.test_dialplan,ichatgw.test.config.test_reload -*-
"""
The translation rules: which address a called address stands for.

Patterns are PCRE2 (the syntax of Perl), as administrators know them from C{TranslationPattern}; a called address may
come from a stranger, so no pattern gets to think for long.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Protocol

import pcre2
from attrs import define, field
from twisted.logger import Logger

from ichatgw.address import Address
from ichatgw.calls.ruleindex import RuleIndex
from ichatgw.errors import ConfigError, NoRoute
from ichatgw.escaping import toSIP
from ichatgw.model import TELEPHONE_HOST, Party
from ichatgw.runtime.steps import Steps, atOnce

SCHEMES = ("sip", "sips", "xmpp")
LONGEST = 1024

SHORT = 128
"""Characters of an address for which patterns get L{_STEPS}; for a longer one they get an eighth of these."""

_STEPS = 4000
"""
Far more than a sane rule needs.  They are counted anew for each place of the address where a match may start, so that
the worst rule found takes 12 ms for an address of L{SHORT} and for one of L{LONGEST} characters.
"""

PATTERNS_KEPT = 20_000
"""Compiled patterns that are kept: those of the rules in force, for when these are read again."""
_REFERENCE = re.compile(r"\$([1-9])")
_SHOWN = 100

# Escaped characters, classes of characters, and brackets; and brackets that are counted.
_SPECIAL = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[()]", re.DOTALL)
_COUNTED = re.compile(r"\((?:(?![?*])|\?P?<(?![=!])|\?')")
_NO_ADDRESS = re.compile(r"\^(?:\((?:\?:)?)*(?:\\[d+*]|\[[0-9+*#\\d-]+\]|[0-9]|mailto:|@)", re.IGNORECASE)
_OTHERS_REFERENCE = re.compile(r"\\[0-9]|\$0|\$\{[^}]*\}|\$\([^)]*\)|\$[1-9][0-9]")
_DIGITS = re.compile(r"(?:\\d|\[[0-9*#+-]+\]|[0-9+*?{},|()])*")
_AT_THE_START = re.compile(r"(?:\^|\\A|\((?:\?(?:[a-zA-Z^-]*:|[a-zA-Z^-]*\)))?)*")


# What is anchored to another scheme than that of XMPP, and what leads to such a one.
_OTHER_PATTERN = re.compile(r"\^(?:sip(?:s\??)?|tel):", re.IGNORECASE).match
_OTHER_OUTPUT = re.compile(r"sips?:", re.IGNORECASE).match


class Source(Protocol):
    """What leads from one address to another; L{ichatgw.phonebook.routes.Routes} does."""

    def matches(self, address: str) -> bool:
        """Does it know C{address}?"""

    def translate(self, address: str) -> str:
        """
        The address that C{address} stands for.

        @raise NoRoute: if it does not know it, or that leads nowhere.
        """

    def introduced(self, caller: Party, route: str) -> Party:
        """The caller as it is shown to the called party."""


def _tupled(rules: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(rules)


@define(eq=False)
class DialPlan:
    """
    Looks called addresses up in the translation rules.

    A pattern is searched for, it need not match the whole address.  The first rule that matches decides, even if what
    it gives is no address: falling through to a later rule would send the call to an address that no rule means.

    @ivar rules: pattern and output of each rule, in order.
    @ivar isAboutXMPP: may a rule be for an address of XMPP, or lead to one?  Without rules, users of XMPP may register.
    @raise ConfigError: if a rule can never work; the text names it by its number, from 1.
    """

    _log = Logger()

    rules: tuple[tuple[str, str], ...] = field(converter=_tupled)
    isAboutXMPP: bool = field(default=True, init=False)
    _patterns: list[pcre2.Pattern] = field(factory=list, init=False, repr=False)
    _index: RuleIndex = field(factory=RuleIndex, init=False, repr=False)
    _runaways: set[int] = field(factory=set, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        atOnce(self._make())

    @classmethod
    def steps(cls, rules: Iterable[tuple[str, str]]) -> Steps[DialPlan]:
        """
        Make one in steps.

        @raise ConfigError: as the constructor.
        """
        plan = cls(())
        plan.rules = tuple(rules)
        yield from plan._make()
        return plan

    def _make(self) -> Steps[None]:
        self.isAboutXMPP = not self.rules
        for number, (pattern, output) in enumerate(self.rules, 1):
            self._patterns.append(_compile(number, pattern, output))
            self._index.add(number, pattern)
            self.isAboutXMPP |= not (_OTHER_PATTERN(pattern) and _OTHER_OUTPUT(output))
            yield

    def translate(self, address: str) -> str:
        """
        The address that C{address} stands for.

        @param address: with its scheme, as the manual's section on translation rules says.  A telephone number is also
            looked for without its context, and then as the SIP address C{sip:number@tel.invalid}.
        @raise NoRoute: if no rule matches, or the one that does gives no usable address.
        """
        number, match = self._find(address)
        if match is None:
            raise NoRoute("no translation rule matches")
        result = _REFERENCE.sub(lambda reference: _group(match, int(reference[1])), self.rules[number - 1][1])
        found = Address(result)
        if found.scheme not in SCHEMES or not _isClean(found.rest):
            self._log.warn(
                "Translation rule {number} makes no usable address of {address}: {result}",
                number=number,
                address=repr(address[:_SHOWN]),
                result=repr(result[:_SHOWN]),
            )
            raise NoRoute(f"translation rule {number} makes no usable address")
        if found.scheme != "xmpp" and address.startswith("xmpp:"):
            found = found.withUser(toSIP(found.user))
        return f"{found.scheme}:{found.rest}"

    def adopt(self, other: DialPlan) -> None:
        """Use the rules of C{other} from now on."""
        self.rules, self._patterns, self._index = other.rules, other._patterns, other._index
        self.isAboutXMPP = other.isAboutXMPP
        self._runaways = set()

    def matches(self, address: str) -> bool:
        """Is there a rule for C{address}?"""
        return self._find(address)[1] is not None

    def ruleFor(self, address: str) -> int:
        """The number, from 1, of the rule that decides for C{address}; 0 if none does."""
        return self._find(address)[0]

    def _find(self, address: str) -> tuple[int, pcre2.Match | None]:
        """The first rule that matches, by number; C{None} for the match if there is none."""
        for spelling in _spellings(address):
            number, match = self._findAs(spelling)
            if number:
                return number, match
        return 0, None

    def _findAs(self, address: str) -> tuple[int, pcre2.Match | None]:
        isShort = len(address) <= SHORT
        if len(address) <= LONGEST:
            for number in self._index.candidates(address):
                try:
                    match = self._pattern(number, isShort).search(address)
                except UnicodeEncodeError:  # half a surrogate pair is no text
                    break
                except pcre2.LibraryError as e:
                    self._ranAway(number, address, str(e))
                    return number, None
                if match is not None:
                    return number, match
        return 0, None

    def _pattern(self, number: int, isShort: bool) -> pcre2.Pattern:
        return self._patterns[number - 1] if isShort else _compiled(self.rules[number - 1][0], _STEPS // 8)

    def _ranAway(self, number: int, address: str, why: str) -> None:
        """Warn once for each rule: any caller can make it happen as often as it likes."""
        if number not in self._runaways:
            self._runaways.add(number)
            self._log.warn(
                "Translation rule {number} takes too long on {address} ({why}): such calls get no route",
                number=number,
                address=repr(address[:_SHOWN]),
                why=why,
            )


def _spellings(address: str) -> Iterator[str]:
    """How an address may stand in a pattern, the most exact first."""
    yield address
    if address.startswith("tel:"):
        plain, context, _ = address.partition(";")
        if context:
            yield plain
        yield f"sip:{plain[4:]}@{TELEPHONE_HOST}"


def compilePattern(pattern: str) -> pcre2.Pattern:
    """
    Make a pattern ready for use.

    @raise ValueError: if it is none; the text says why.
    """
    return _compiled(pattern, _STEPS)


@lru_cache(maxsize=PATTERNS_KEPT)
def _compiled(pattern: str, steps: int) -> pcre2.Pattern:
    """As L{compilePattern}, with a limit on what a match may take, which PCRE2 wants at the head of the pattern."""
    if not pattern:
        raise ValueError("the pattern is empty")
    limits = f"(*LIMIT_MATCH={steps})(*LIMIT_DEPTH={steps})(*LIMIT_HEAP=4096)"
    try:
        # Without the just-in-time compiler, whose steps are counted otherwise; ASCII: \d shall not match other digits.
        return pcre2.compile(limits + pattern, pcre2.ASCII, jit=False)
    except pcre2.PatternError as e:
        reason = e.msg.partition("; ")[2]
        raise ValueError(f"{reason} at character {max(e.pos - len(limits), 0)} of the pattern") from None
    except UnicodeEncodeError:
        raise ValueError("the pattern is not valid Unicode text") from None


def checkOutput(output: str) -> None:
    """@raise ValueError: if no address can come of C{output}."""
    if Address(output).scheme not in SCHEMES and not output.startswith("$"):
        raise ValueError("the output does not start with sip:, sips: or xmpp:")


def checkReferences(pattern: pcre2.Pattern, output: str) -> None:
    """@raise ValueError: if C{output} refers to brackets that C{pattern} does not have."""
    for reference in _REFERENCE.findall(output):
        if int(reference) > pattern.groups:
            brackets = {0: "no brackets", 1: "one pair of brackets"}.get(pattern.groups, f"{pattern.groups} brackets")
            raise ValueError(f"${reference} is nothing, the pattern has {brackets}")


def checkTogether(pattern: str, compiled: pcre2.Pattern, output: str) -> None:
    """
    @param compiled: the same as C{pattern}.
    @raise ValueError: if C{output} does not go with it.
    """
    checkReferences(compiled, output)
    checkScheme(pattern, output)


def doubts(pattern: str, output: str) -> Iterator[str]:
    """What works, but is hardly meant, in words; each begins with the name of what it is about."""
    if _NO_ADDRESS.match(pattern):
        yield f"TranslationPattern = {pattern}: it matches nothing, for addresses start with xmpp:, sip:, tel: or urn:"
    for other in _OTHERS_REFERENCE.findall(output):
        yield f"TranslationOutput = {output}: {other} stands for itself; what the first brackets matched is $1"


def checkScheme(pattern: str, output: str) -> None:
    """
    @raise ValueError: if C{output} begins with what brackets matched, and these brackets can hold no scheme: they hold
        digits only; or more follows, and they neither stand where an address begins nor name a scheme.
    """
    reference = _REFERENCE.match(output)
    if reference is None:
        return
    before, inside = _brackets(pattern, int(reference[1]))
    isPart = len(output) > reference.end() and not _AT_THE_START.fullmatch(before)
    if _DIGITS.fullmatch(inside) or (isPart and not re.search("sip|xmpp|:", inside, re.IGNORECASE)):
        raise ValueError(f"${reference[1]} holds no sip:, sips: or xmpp:, and the output does not start with one")


def _brackets(pattern: str, number: int) -> tuple[str, str]:
    """What stands before the brackets of that number, and in them."""
    opened: list[int] = []
    begins: dict[int, int] = {}
    for place in _SPECIAL.finditer(pattern):
        at = place.start()
        if place[0] == "(":
            if _COUNTED.match(pattern, at):
                begins[at] = len(begins) + 1
            opened.append(at)
        elif place[0] == ")" and opened:
            start = opened.pop()
            if begins.get(start) == number:
                return pattern[:start], pattern[start + 1 : at]
    return "", pattern


def _compile(number: int, pattern: str, output: str) -> pcre2.Pattern:
    try:
        checkOutput(output)
        compiled = compilePattern(pattern)
        checkTogether(pattern, compiled, output)
        return compiled
    except ValueError as e:
        raise ConfigError(f"translation rule {number}: {e}") from None


def _group(match: pcre2.Match, number: int) -> str:
    """What the brackets of that number matched; nothing if they did not take part."""
    return str(match.groups()[number - 1] or "")


def _isClean(rest: str) -> bool:
    """Neither SIP nor XMPP addresses hold blanks, control characters, these marks, or more than one C{@}."""
    return bool(rest) and rest.isprintable() and not set(rest) & set(' <>"') and rest.count("@") <= 1
