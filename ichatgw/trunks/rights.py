# -*- test-case-name: ichatgw.test.trunks.test_rights -*-
"""
Who may dial what.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from attrs import define, field

from ichatgw.address import Address, inFull
from ichatgw.config.declared.rights import ALL, ANY, BEGINS, DialRule
from ichatgw.errors import Refused
from ichatgw.escaping import toSIP
from ichatgw.model import Party
from ichatgw.phonebook.book import PhoneBook
from ichatgw.phonebook.numbers import Numbering
from ichatgw.trunks.emergency import MARKS, Emergency, numberIn

_ABROAD = "00"


@define(eq=False)
class Rights:
    """
    @ivar book: tells the groups of callers.
    @ivar emergency: knows what everybody may call.
    """

    book: PhoneBook
    emergency: Emergency = field(factory=Emergency)
    _rules: tuple[tuple[DialRule, frozenset[str], tuple[str, ...]], ...] = field(default=(), init=False)
    _numbering: Numbering = field(factory=Numbering, init=False)

    def adopt(self, rules: Iterable[DialRule], numbering: Numbering) -> None:
        """Judge by these from now on."""
        self._numbering = numbering
        self._rules = tuple(
            (
                rule,
                frozenset(each for number in rule.numbers for each in self._spellings(number)),
                tuple(
                    each
                    for number in rule.numbers
                    if number.endswith(BEGINS)
                    for each in self._beginnings(number.removesuffix(BEGINS))
                ),
            )
            for rule in rules
        )

    def check(self, caller: Party, called: str, route: str) -> None:
        """
        @param called: the address that is called, and C{route} what it was translated to.
        @raise Refused: if that caller may not.
        """
        if not self._rules or not route.startswith("sip") or self.emergency.route(called) is not None:
            return
        who = self.names(caller)
        for number in _numbersIn(called, route):
            spellings = frozenset(self._spellings(number))
            decides = next((rule for rule in self._rules if _fits(rule, who, spellings)), None)
            if decides is not None and not decides[0].allows:
                raise Refused("DialRule does not let this caller dial that number")

    def names(self, caller: Party) -> frozenset[str]:
        """What stands for a user in a rule."""
        address = Address(caller.uri).bare
        entry = self.book.entryOf(caller)
        groups = entry.groups if entry is not None else ()
        return frozenset((ALL, address, address.rpartition("@")[2], *(f"@{group.lower()}" for group in groups)))

    def _spellings(self, number: str) -> Iterator[str]:
        plain = number.translate(MARKS) if not number.endswith(BEGINS) else number
        yield plain
        yield from self._numbering.keys(plain)

    def _beginnings(self, text: str) -> Iterator[str]:
        """How numbers that begin so may begin in another spelling."""
        yield text
        code, trunk = self._numbering.code, self._numbering.trunk
        if text.startswith("+"):
            rest = text[1:]
        elif text.startswith(_ABROAD):
            rest = text[2:]
        elif code and trunk and text.startswith(trunk):
            rest = code + text[len(trunk) :]
        else:
            return
        yield from (f"+{rest}", f"{_ABROAD}{rest}")
        if code and rest.startswith(code):
            yield rest
            if rest != code:  # what begins with no more than the digit for a call within the country may lead abroad
                yield f"{trunk}{rest[len(code) :]}"


def _numbersIn(*addresses: str) -> Iterator[str]:
    """What is dialled, as it is written, and in full if it is said where it counts."""
    yield from dict.fromkeys(each(address) for address in addresses for each in (numberIn, _fullNumberIn))


def _fullNumberIn(address: str) -> str:
    said = Address(address)
    return inFull(unquote(toSIP(said.rest if said.scheme == "tel" else said.user))).translate(MARKS)


def _fits(
    rule: tuple[DialRule, frozenset[str], tuple[str, ...]], who: frozenset[str], spellings: frozenset[str]
) -> bool:
    about, whole, beginnings = rule
    if who.isdisjoint(about.who):
        return False
    isBegun = bool(beginnings) and any(each.startswith(beginnings) for each in spellings)
    return ANY in about.numbers or isBegun or not whole.isdisjoint(spellings)
