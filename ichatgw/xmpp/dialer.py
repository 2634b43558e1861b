# -*- test-case-name: ichatgw.test.xmpp.test_dialer -*-
# mypy: allow-untyped-calls
"""
Which protocol a call to an XMPP user takes: the capabilities of their clients decide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import ClassVar, Protocol

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from attrs import define, field, frozen
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.words.protocols.jabber.jid import JID
from zope.interface import implementer

from ichatgw.address import Address
from ichatgw.calls.inner import InnerCall, OuterLeg, begin
from ichatgw.calls.nulls import NoCall
from ichatgw.errors import CallError, MalformedError, NoLink, NoRoute
from ichatgw.interfaces import ICall, IDialer, IMediaSide, IOutboundLeg
from ichatgw.model import Ending, EndReason, Party, SessionDescription
from ichatgw.runtime.clock import cancel
from ichatgw.xmpp.presence.presence import IPresenceListener, Resource
from ichatgw.xmpp.stanzas import bareJID, parseJID

_log = Logger()
_numbers = count(1)


@implementer(IDialer)
@frozen
class ByLink:
    """
    Dials users of XMPP while the link to the server is up.

    What is sent without a link is lost, and its answer would be waited for in vain.

    @ivar dialer: dials them.
    @ivar trouble: why there is no link; empty if there is one.
    """

    dialer: IDialer
    trouble: Callable[[], str]

    def dial(self, called: str, caller: Party) -> IOutboundLeg:
        """
        See L{IDialer}.

        @raise NoLink: if there is no link.
        """
        trouble = self.trouble()
        if trouble:
            raise NoLink(f"no link to the XMPP server: {trouble}")
        return self.dialer.dial(called, caller)


class Users(Protocol):
    """What is known of a user's clients, to choose a protocol by."""

    def resources(self, bare: JID) -> Sequence[Resource]:
        """The clients that are known to be online."""

    def probe(self, user: JID) -> None:
        """Ask the user's server for its presence."""


@implementer(IDialer, IPresenceListener)
@define(eq=False)
class XMPPDialer:
    """
    Dials users of XMPP by one of two protocols: a user with a client that is known to speak Jingle by that, else
    a user with an iChat by the one for iChats, and all others by Jingle.  If no client is known, presence is waited
    for; and if still nothing is known then, a call by Jingle may find a client that sleeps.

    @ivar takesJingle: is this client known to be one that can be called by Jingle?
    @ivar patience: seconds to wait for presence.
    """

    clock: IReactorTime
    users: Users
    iChat: IDialer
    jingle: IDialer
    takesJingle: Callable[[Resource], bool]
    patience: float = 5.0
    _waiting: dict[JID, list[DeferredLeg]] = field(factory=dict, init=False)

    def dial(self, called: str, caller: Party) -> IOutboundLeg:
        """See L{IDialer}."""
        try:
            callee = parseJID(Address(called).rest.partition("?")[0])
        except MalformedError as error:
            raise NoRoute(str(error)) from error
        dialer = self._decide(callee)
        if dialer is not None:
            return dialer.dial(called, caller)
        self.jingle.dial(called, caller)  # raises now, if there can be no call
        return DeferredLeg(
            Party(f"xmpp:{callee.userhost()}"),
            callee,
            self,
            lambda: (self._decide(callee) or self.jingle).dial(called, caller),
        )

    def _decide(self, callee: JID) -> IDialer | None:
        known = self.users.resources(bareJID(callee))
        if callee.resource:
            known = [one for one in known if one.jid == callee]
        if not known:
            return None
        byIChat = any(one.isIChat for one in known) and not any(map(self.takesJingle, known))
        return self.iChat if byIChat else self.jingle

    def wait(self, leg: DeferredLeg) -> None:
        """C{leg} waits for presence."""
        self._waiting.setdefault(bareJID(leg.callee), []).append(leg)
        self.users.probe(leg.callee)

    def forget(self, leg: DeferredLeg) -> None:
        """C{leg} waits no more."""
        user = bareJID(leg.callee)
        rest = [other for other in self._waiting.get(user, ()) if other is not leg]
        if rest:
            self._waiting[user] = rest
        else:
            self._waiting.pop(user, None)

    def available(self, resource: Resource) -> None:
        """See L{IPresenceListener}."""
        for leg in self._waiting.get(bareJID(resource.jid), [])[:]:
            if not leg.callee.resource or leg.callee == resource.jid:
                leg.decide()

    def unavailable(self, jid: JID) -> None:
        """See L{IPresenceListener}: no client is online that could tell more."""
        self._giveUp(jid, Ending(EndReason.NOT_FOUND, "is offline", cause=20))

    def failed(self, jid: JID, condition: str, code: int | None) -> None:
        """See L{IPresenceListener}: presence does not get through, a call might."""
        self._giveUp(jid, Ending(EndReason.NOT_FOUND, "there is no such user, or they do not show presence"))

    def _giveUp(self, jid: JID, nobody: Ending) -> None:
        for leg in self._waiting.get(bareJID(jid), [])[:]:
            leg.decide(nobody)


@implementer(IOutboundLeg)
@define(eq=False)
class DeferredLeg(OuterLeg):
    """
    A leg that waits for presence, and then has another leg do its work.

    It reports what that I{inner} leg says as its own, and lends it its side of the relay.

    @ivar make: makes the inner leg.
    @ivar nobody: what presence said of a user of whom no client has been found yet; it says most if none is.
    """

    party: Party
    callee: JID
    chooser: XMPPDialer
    make: Callable[[], IOutboundLeg]
    kind: ClassVar[str] = "xmpp"
    id: str = field(init=False, factory=lambda: f"to-xmpp-{next(_numbers)}")
    call: ICall = field(init=False, factory=NoCall)
    side: IMediaSide = field(init=False)
    _offer: SessionDescription | None = field(init=False, default=None)
    _timer: IDelayedCall | None = field(init=False, default=None)
    nobody: Ending | None = field(init=False, default=None)
    _over: bool = field(init=False, default=False)

    # Orders

    def start(self, offer: SessionDescription) -> None:
        """Wait for presence that tells which protocol to use."""
        if self._offer is None and not self._over:
            self._offer = offer
            silence = Ending(EndReason.TIMEOUT, "no client of the user showed up")
            self._timer = self.chooser.clock.callLater(self.chooser.patience, self.decide, silence)
            _log.info(
                "call={call} leg={leg} waits for presence of {user!r:.120}",
                call=self.call.id,
                leg=self.id,
                user=self.party.uri,
            )
            self.chooser.wait(self)

    def hangup(self, ending: Ending) -> None:
        if self.inner is not None:
            self.inner.hangup(ending)
        else:
            _finish(self, ending)

    def decide(self, nobody: Ending | None = None) -> None:
        """
        The waiting is over.

        @param nobody: how it ends if no client gives a sign of life when it is called all the same; C{None} if there
            is one.
        """
        if self.inner is not None or self._over or self._offer is None:
            return
        _stop(self)
        self.nobody = nobody
        try:
            inner = self.make()
        except CallError as error:
            _finish(self, Ending(error.reason, str(error)))
            return
        except Exception:
            _log.failure("call={call} leg={leg} could not call", call=self.call.id, leg=self.id)
            _finish(self, Ending(EndReason.FAILED, "internal error"))
            return
        self.inner = inner
        inner.call = InnerCall(
            self, rang=partial(_heard, self), taken=partial(_heard, self), over=partial(_ended, self)
        )
        inner.side = self.side
        begin(self, inner, self._offer)


def _stop(leg: DeferredLeg) -> None:
    leg.chooser.forget(leg)
    cancel(leg._timer)
    leg._timer = None


def _finish(leg: DeferredLeg, ending: Ending) -> None:
    if not leg._over:
        leg._over = True
        _stop(leg)
        leg.inner = None
        leg.call.ended(leg, ending)


def _heard(leg: DeferredLeg) -> None:
    leg.nobody = None


def _ended(leg: DeferredLeg, ending: Ending) -> None:
    nobody = leg.nobody
    _finish(leg, nobody if nobody is not None and ending.reason is EndReason.UNAVAILABLE else ending)
