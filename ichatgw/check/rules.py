# -*- test-case-name: ichatgw.test.check.test_rules,ichatgw.test.check.test_faults -*-
"""
The translation rules and the phone book: can they work, where do sample addresses lead, and may all the world call?
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from ichatgw.address import Address
from ichatgw.calls.dialplan import LONGEST, SCHEMES, DialPlan
from ichatgw.check.dialling.reach import unreached
from ichatgw.check.finding import Finding, Tell, error, ok, warning
from ichatgw.check.given import Given
from ichatgw.check.sipservers import hostOf
from ichatgw.config.settings import Settings
from ichatgw.errors import CallError, ConfigError
from ichatgw.model import Party
from ichatgw.phonebook.numbers import Numbering
from ichatgw.phonebook.routes import Routes
from ichatgw.phonebook.setup import routesOf
from ichatgw.runtime.turns import Turns
from ichatgw.sip.transport.target import Transport
from ichatgw.trunks.directions import Directions
from ichatgw.trunks.emergency import Emergency
from ichatgw.trunks.rights import Rights
from ichatgw.trunks.routes import TrunkRoutes, calledBy

SUBJECT, BOOK, CALL, ACCESS = "rules", "phone book", "call", "AllowedSIPPeers"

MAX_SHOWN = 20
"""So many rules that do not match are shown one by one."""

_CALLED = (*SCHEMES, "tel", "urn")


@frozen
class _Map:
    """
    What leads from one address to another.

    @ivar byBook: the rules and the phone book.
    @ivar routes: these, calls by trunks and calls for help.
    @ivar rights: who may dial what.
    @ivar trunks: the names of the trunks.
    """

    plan: DialPlan
    byBook: Routes
    routes: TrunkRoutes
    emergency: Emergency
    rights: Rights
    trunks: frozenset[str]

    @classmethod
    def of(cls, settings: Settings, turns: Turns) -> _Map:
        """@raise ConfigError: if the phone book cannot be used."""
        plan = DialPlan(settings.translationRules)
        byBook, _ = routesOf(turns, plan, settings)
        component = settings.jabberComponentName.lower()
        emergency = Emergency(settings.emergencyNumbers, settings.emergencyOutput, lambda domain: domain == component)
        rights = Rights(byBook.book, emergency)
        rights.adopt(settings.dialRule, Numbering(settings.country))
        trunks = frozenset(trunk.name for trunk in settings.trunks)
        return cls(plan, byBook, TrunkRoutes(byBook, trunks.__contains__, emergency), emergency, rights, trunks)


async def look(given: Given, tell: Tell) -> None:
    """Are there rules that cannot work, and where do the calls lead?"""
    if any(not network.prefixlen for network in given.settings.allowedSIPPeers):
        what = "it lets in all the world: anybody can have calls made at your expense"
        tell(warning(ACCESS, what, "name the hosts there, and phones that are elsewhere in SIPUsers"))
    same = _same(given.settings)
    for number, before in same.items():
        what = f"rule {number} is never reached, rule {before} has the same pattern"
        tell(warning(SUBJECT, what, "take one of them out"))
    if given.settings.translationRules:
        tell(ok(SUBJECT, f"{len(given.settings.translationRules)} translation rules can be read"))
    try:
        known = _Map.of(given.settings, Turns(given.clock))
    except ConfigError as problem:
        for line in str(problem).split("\n"):
            tell(error(BOOK, line, "correct that line of the phone book, see docs/phonebook.rst"))
        return
    for fault in unreached(known.plan, given.settings.jabberComponentName):
        if fault.number not in same:
            tell(warning(SUBJECT, fault.what, fault.remedy))
    if given.settings.phoneBook:
        tell(ok(BOOK, f"{given.settings.phoneBook}: {len(known.byBook.book)} numbers"))
    for address in given.calls:
        await _follow(given, known, address, tell)


def _same(settings: Settings) -> dict[int, int]:
    """The rules that never decide, as one before them has the same pattern: which one that is."""
    first: dict[str, int] = {}
    rules = enumerate(settings.translationRules, 1)
    found = {number: first.setdefault(pattern, number) for number, (pattern, _) in rules}
    return {number: before for number, before in found.items() if before != number}


async def _follow(given: Given, known: _Map, address: str, tell: Tell) -> None:
    """Show what becomes of a call to an address."""
    if Address(address).scheme not in _CALLED:
        tell(error(CALL, f"{address}: no address that is called", "begin it with xmpp:, sip:, tel: or urn:"))
        return
    if len(address) > LONGEST:
        tell(error(CALL, f"{address[:40]}...: longer than {LONGEST} characters, which no rule is tried for", "cut it"))
        return
    asked = _asArrived(address, known.trunks)
    for line in _steps(known, address, asked):
        tell(ok(CALL, f"{address}: {line}"))
    try:
        route = known.routes.translate(asked)
        if given.caller or not given.settings.dialRule:
            route = Directions(known.rights, known.trunks.__contains__).route(Party(given.caller), asked, route)
    except CallError as problem:
        tell(error(CALL, f"{address}: leads nowhere: {problem}", _remedy(str(problem))))
        return
    tell(ok(CALL, f"{address}: is {route}"))
    tell(await _place(given, known, address, route))


def _asArrived(address: str, trunks: frozenset[str]) -> str:
    """As it comes from a trunk, if that is what is meant."""
    said = Address(address)
    trunk = said.place.lower()
    return calledBy(trunk, said.user) if said.scheme == "sip" and trunk in trunks else address


def _remedy(problem: str) -> str:
    if "DialRule" in problem:
        return "change DialRule, if this caller may dial it"
    if "no usable address" in problem:
        return "correct the output of that rule"
    return "add a TranslationPattern that matches it, and mind ^ and $"


def _steps(known: _Map, address: str, asked: str) -> Iterator[str]:
    """Each source that is tried, in words."""
    if known.emergency.route(asked) is not None:
        yield "a call for help: EmergencyOutput decides"
        return
    inBook = bool(known.byBook.book) and known.byBook.book.matches(address)
    if inBook and (known.byBook.bookFirst or not known.plan.matches(address)):
        yield "it is in the phone book"
        return
    if known.byBook.book:
        yield "it is in the phone book, which rules go before" if inBook else "it is not in the phone book"
    rules, decides = known.plan.rules, known.plan.ruleFor(address)
    passed = decides - 1 if decides else len(rules)
    for number in range(1, min(passed, MAX_SHOWN) + 1):
        yield f"rule {number} does not match: {rules[number - 1][0]}"
    if passed > MAX_SHOWN:
        yield f"rules {MAX_SHOWN + 1} to {passed} do not match"
    if decides:
        yield f"rule {decides} matches: {rules[decides - 1][0]} makes {rules[decides - 1][1]}"


async def _place(given: Given, known: _Map, address: str, route: str) -> Finding:
    """Where an address is to be found."""
    found = Address(route)
    names = found.place.lower().split(",")
    if found.scheme == "xmpp":
        return _user(given.settings, address, names[0])
    wrong = [name for name in names if name not in known.trunks] if len(names) > 1 else []
    if wrong:
        return error(CALL, f"{address}: there is no trunk {wrong[0]}", "correct the name, or declare that Trunk")
    if names[0] in known.trunks:
        return ok(CALL, f"{address}: goes by trunk {', then '.join(names)}")
    if given.settings.outboundProxy is not None:
        return ok(CALL, f"{address}: goes by OutboundProxy {given.settings.outboundProxy}")
    place = hostOf(route)
    if place is None:
        return error(CALL, f"{address}: {route} names no host", "correct the output of the rule")
    transport = Transport(place.transport) if place.transport else None
    try:
        targets = await given.resolver.targets(place.host, place.port, transport, found.scheme == "sips")
    except CallError as problem:
        return error(CALL, f"{address}: {problem}", "correct the host in the rule, or the DNS")
    return ok(CALL, f"{address}: goes to {', then '.join(map(str, targets))}")


def _user(settings: Settings, address: str, domain: str) -> Finding:
    domain = domain.partition("/")[0]
    if domain == settings.jabberComponentName.lower():
        return error(CALL, f"{address}: leads to the gateway itself", "lead to the domain of the users")
    return ok(CALL, f"{address}: calls the clients of an XMPP user of {domain}")
