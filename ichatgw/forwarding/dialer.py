# -*- test-case-name: ichatgw.test.forwarding.test_dialer -*-
"""
Dials users of XMPP, whose calls may lead on, and sees to it that none leads on for ever.

How often a call was sent on it tells by its C{Diversion} headers (RFC 5806) or C{History-Info} (RFC 7044), how many
servers it may pass by C{Max-Forwards}.  Where a server between takes these away, a user still has a bounded number of
calls that lead on at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import count
from typing import Protocol

from attrs import define, evolve, field, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from ichatgw.calls.inner import InnerCall
from ichatgw.calls.limits import Limits, sourceOfCalls
from ichatgw.errors import CallError, NoLink, NoRoute, Refused
from ichatgw.escaping import toSIP
from ichatgw.forwarding.choices import NOTHING, Choices, Chosen, Forward
from ichatgw.forwarding.leg import ForwardingLeg
from ichatgw.interfaces import IDialer, IOutboundLeg
from ichatgw.model import Diversion, EndReason, Party
from ichatgw.observe.callreports import UNREPORTED, Reports
from ichatgw.runtime.nulls import unheard
from ichatgw.users.preferences import When
from ichatgw.xmpp.stanzas import bareJID, calledUser

MAX_FORWARDS = 5
"""How often a call may be sent on, here and elsewhere."""

MAX_HOPS = 20
"""Servers that a call may pass once it was sent on."""

MAX_AT_ONCE = 30
"""Calls of one user that lead on at a time."""

REASONS = {
    When.ALWAYS: "unconditional",
    When.BUSY: "user-busy",
    When.NO_ANSWER: "no-answer",
    When.OFFLINE: "unavailable",
}
"""What C{Diversion} says of it (RFC 5806 section 4)."""

_log = Logger()


class Busy(CallError):
    """The user does not want to be disturbed."""

    reason = EndReason.BUSY


class NotForwarded(CallError):
    """A call leads on, and cannot: to where its user may not call, or in a round."""

    reason = EndReason.UNAVAILABLE


class Routes(Protocol):
    """See L{ichatgw.forwarding.targets.Targets}."""

    def route(self, user: str, target: str) -> str:
        """The address to dial."""


@frozen
class _Sent:
    """
    A call that leads on.

    @ivar name: by which the limits know it.
    @ivar caller: who calls, as the place is told.
    """

    name: str
    forward: Forward
    caller: str
    route: str


@frozen
class Ways:
    """
    How legs are made.

    @ivar users: dials users without more ado.
    @ivar dialers: URI scheme to the maker of legs of that kind; that of users is the L{ForwardingDialer}.
    @ivar presented: a caller as it is shown at an address.
    """

    users: IDialer
    dialers: Mapping[str, IDialer]
    presented: Callable[[Party, str], Party]


@implementer(IDialer)
@define(eq=False)
class ForwardingDialer:
    """
    @ivar limits: forwarded calls count as calls of the user who forwards.
    @ivar component: our domain, in lower case.
    @ivar reports: gives what is told of what happens to calls.
    @ivar turnedAway: is told of a user who is not disturbed, and who called, as the user may know.
    """

    clock: IReactorTime
    ways: Ways
    choices: Choices
    routes: Routes
    limits: Limits
    component: str
    reports: Callable[[], Reports] = lambda: UNREPORTED
    turnedAway: Callable[[str, Party], object] = unheard
    _live: Counter[str] = field(factory=Counter, init=False)
    _counted: dict[ForwardingLeg, _Sent] = field(factory=dict, init=False)
    _numbers: count[int] = field(factory=lambda: count(1), init=False)

    def ringsOn(self, user: str) -> bool:
        """Does a call to a user without a client online ring on?  Not if it leads on for that."""
        return self.choices.of(user).forward(When.OFFLINE) is None

    def dial(self, called: str, caller: Party) -> IOutboundLeg:
        """
        See L{IDialer}.

        @raise Busy: if the user does not want to be disturbed, and the call leads nowhere else.
        @raise NotForwarded: if it leads on at once, and cannot, or comes back to a user who has sent it on.
        """
        user = bareJID(calledUser(called, self.component)).full()
        chosen = self.choices.of(user)
        if any(each.uri == f"xmpp:{user}" for each in caller.diversions):
            raise NotForwarded(f"the call goes round: {user[:120]} has sent it on already")
        if chosen is NOTHING:
            return self.ways.users.dial(called, caller)
        if chosen.atOnce is not None:
            return self._forwarded(user, chosen, caller, chosen.atOnce)
        if chosen.doNotDisturb:
            self.turnedAway(user, caller)
            raise Busy("the user does not want to be disturbed")
        try:
            leg = self.ways.users.dial(called, caller)
        except NoLink as problem:
            forward = chosen.forward(When.OFFLINE)
            if forward is None:
                raise
            _log.info("{user!r:.120} is taken to be offline: {why}", user=user, why=problem)
            return self._forwarded(user, chosen, caller, forward)
        return self._leg(user, chosen, caller, leg)

    def _leg(
        self, user: str, chosen: Chosen, caller: Party, inner: IOutboundLeg, isForwarded: bool = False
    ) -> ForwardingLeg:
        return ForwardingLeg(
            user=user,
            chosen=chosen,
            first=inner,
            isForwarded=isForwarded,
            clock=self.clock,
            onward=lambda leg, forward: self._onward(leg, user, caller, forward),
            leads=self._leads,
            over=self._over,
        )

    def _onward(self, leg: ForwardingLeg, user: str, caller: Party, forward: Forward) -> IOutboundLeg:
        name = self._admitted(user, caller)
        made, self._counted[leg] = self._dialled(name, user, caller, forward)
        return made

    def _forwarded(self, user: str, chosen: Chosen, caller: Party, forward: Forward) -> ForwardingLeg:
        """The call leads on before the user is called."""
        try:
            name = self._admitted(user, caller)
            inner, sent = self._dialled(name, user, caller, forward)
        except (Refused, NoRoute) as problem:
            raise NotForwarded(f"{user[:120]} does not forward to {forward.target[:80]!r}: {problem}") from problem
        leg = self._leg(user, chosen, caller, inner, isForwarded=True)
        self._counted[leg] = sent
        return leg

    def _leads(self, leg: ForwardingLeg) -> None:
        """A call leads on now."""
        sent = self._counted[leg]
        _log.info(
            "call={call} leg={leg} {user!r:.120} forwards to {target!r:.80} ({when}) as {route!r}",
            call=leg.call.id,
            leg=leg.id,
            user=leg.user,
            target=sent.forward.target,
            when=sent.forward.when.value,
            route=sent.route[:200],
        )
        self.reports().routed(leg.call.id, _outermost(leg), sent.caller, sent.route)

    def _admitted(self, user: str, caller: Party) -> str:
        """
        One more call of the user leads on.

        @return: its name, for L{_release}.
        @raise CallError: if none may.
        """
        if caller.forwards >= MAX_FORWARDS or caller.hops == 0:
            raise NotForwarded(f"the call goes round: it was sent on {caller.forwards} times")
        if self._live[user] >= MAX_AT_ONCE:
            raise NotForwarded(f"{MAX_AT_ONCE} calls of the user lead on already: does one go round?")
        name = f"forwarded {next(self._numbers)} of {user}"
        party = Party(f"xmpp:{user}")
        self.limits.begin(name, party)
        self._live[user] += 1
        try:
            self.limits.spend(party, sourceOfCalls(party))
        except CallError:
            self._release(name, user)
            raise
        return name

    def _dialled(self, name: str, user: str, caller: Party, forward: Forward) -> tuple[IOutboundLeg, _Sent]:
        try:
            route = self.routes.route(user, forward.target)
            dialer = self.ways.dialers.get(route.partition(":")[0])
            if dialer is None:
                raise NoRoute(f"nothing here dials {route[:100]!r}")
            shown = self._sentOn(user, caller, forward.when, route)
            return dialer.dial(route, shown), _Sent(name, forward, shown.uri, route)
        except BaseException:
            self._release(name, user)
            raise

    def _sentOn(self, user: str, caller: Party, when: When, route: str) -> Party:
        """The caller, as one whose call was sent on by the user."""
        station = Diversion(f"xmpp:{user}", (("reason", REASONS[when]), ("counter", "1")))
        sent = evolve(
            caller,
            diversions=(station, *caller.diversions),
            forwards=caller.forwards + 1,
            hops=MAX_HOPS if caller.hops is None else min(caller.hops, MAX_HOPS),
        )
        if not route.startswith("sip"):
            return self.ways.presented(sent, route)
        shown = tuple(evolve(each, uri=self._asSIP(each.uri, route)) for each in sent.diversions)
        return evolve(self.ways.presented(sent, route), diversions=shown)

    def _asSIP(self, uri: str, route: str) -> str:
        """The address of a station as SIP shows it: a user's number where they have one."""
        if not uri.startswith("xmpp:"):
            return uri
        shown = self.ways.presented(Party(uri), route)
        return f"sip:{toSIP(shown.user)}@{shown.domain}" if shown.uri.startswith("xmpp:") else shown.uri

    def _over(self, leg: ForwardingLeg) -> None:
        sent = self._counted.pop(leg, None)
        if sent is not None:
            self._release(sent.name, leg.user)

    def _release(self, name: str, user: str) -> None:
        self.limits.end(name)
        self._live[user] -= 1
        if self._live[user] <= 0:
            del self._live[user]


def _outermost(leg: ForwardingLeg) -> ForwardingLeg:
    """The leg that the call knows, where users lead to users: it leads to where the innermost does."""
    while isinstance(leg.call, InnerCall) and isinstance(leg.call.outer, ForwardingLeg):
        outer = leg.call.outer
        outer.kind, outer.party = leg.kind, leg.party
        leg = outer
    return leg
