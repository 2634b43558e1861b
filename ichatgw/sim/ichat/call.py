# -*- test-case-name: ichatgw.test.sim.ichat.test_ichat -*-
"""
A call as an iChat sees it: what is the same no matter who called.  Its SIP, its media, its ending.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall
from twisted.words.xish.domish import Element

from ichatgw.errors import MalformedError
from ichatgw.sim.ichat.profile import CANCEL, addressRecords, description
from ichatgw.sim.media.media import Media
from ichatgw.sim.moment import OneShot
from ichatgw.sim.sip.dialog import Dialog, State
from ichatgw.sim.sip.message import SIPMessage
from ichatgw.sim.sip.sdp import Description
from ichatgw.sim.xmpp import xml

if TYPE_CHECKING:
    from ichatgw.sim.ichat.ichat import IChat

PING_ANSWER_TIMEOUT = 2.0


@define(eq=False)
class IChatCall:
    """
    @ivar peer: the other side's address, as it stands in the stanzas.
    @ivar outcome: how it ended: C{declined}, C{cancelled}, C{we hung up}, C{they hung up}, C{refused 488}, ...
    @ivar pings: how many PING messages were answered.
    """

    ichat: IChat
    peer: str
    media: Media
    outcome: str = field(default="", init=False)
    dialog: Dialog | None = field(default=None, init=False)
    pings: int = field(default=0, init=False)
    _accepted: OneShot[IChatCall] = field(factory=OneShot, init=False)
    _answered: OneShot[IChatCall] = field(factory=OneShot, init=False)
    _ended: OneShot[IChatCall] = field(factory=OneShot, init=False)
    _timers: list[IDelayedCall] = field(factory=list, init=False)
    _pinger: LoopingCall | None = field(default=None, init=False)

    @property
    def over(self) -> bool:
        return self._ended.happened

    def whenAccepted(self) -> Deferred[IChatCall]:
        """Fires when the callee, whichever side it is, has accepted by vc:response."""
        return self._accepted.when()

    def whenAnswered(self) -> Deferred[IChatCall]:
        """Fires when the SIP call is up."""
        return self._answered.when()

    def whenEnded(self) -> Deferred[IChatCall]:
        """Fires when the call is over, no matter who ended it."""
        return self._ended.when()

    def hangup(self) -> None:
        """End the call, in whatever state it is."""
        if self.dialog is not None and self.dialog.state is State.UP:
            self.dialog.bye()
        else:
            self.giveUp()

    def giveUp(self) -> None:
        """End a call that is not up."""
        raise NotImplementedError

    def hold(self, direction: str = "sendonly") -> None:
        """A new offer, as an iChat would not make by itself."""
        if self.dialog is not None:
            self.dialog.request("INVITE", self.describe(direction=direction), "application/sdp")

    def finish(self, outcome: str) -> None:
        """The call is over.  Idempotent."""
        if self.over:
            return
        self.outcome = outcome
        for timer in self._timers:
            if timer.active():
                timer.cancel()
        if self._pinger is not None and self._pinger.running:
            self._pinger.stop()
        self.media.stop()
        self.ichat.callOver(self)
        self._accepted.miss(outcome)
        self._answered.miss(outcome)
        self._ended.come(self)

    def later(self, delay: float, what: Callable[..., object], *arguments: object) -> None:
        """Do something in a while, unless the call ends before."""
        self._timers.append(self.ichat.reactor.callLater(delay, what, *arguments))

    def sendQuery(self, namespace: str, values: dict[str, str]) -> Element:
        """Send one of the vc stanzas."""
        iq = xml.element("iq", type="set", to=self.peer, from_=self.ichat.jid, id=self.ichat.account.newId())
        query = xml.add(iq, "query", namespace)
        for name, value in values.items():
            xml.add(query, name, text=value)
        self.ichat.send(iq)
        return iq

    def sendCancel(self) -> None:
        """Take the request back, or tell that nobody will come."""
        self.sendQuery(CANCEL, {"VCProtocolVersion": "1"})

    def records(self) -> str:
        """Our own addresses."""
        return addressRecords(self.ichat.address, self.ichat.quirks)

    def describe(self, *, formats: tuple[str, ...] = ("0 PCMU/8000",), direction: str = "sendrecv") -> str:
        """Our session description with audio alone."""
        return description(self.ichat.address, xml.bare(self.ichat.jid), formats, video=False, direction=direction)

    # News from the dialog

    def provisional(self, dialog: Dialog, response: SIPMessage) -> None:
        """Nothing to show."""

    def answered(self, dialog: Dialog, body: str) -> None:
        """The call is up."""
        if body:
            self.connect(body)
        self.media.silent = self._deaf
        self.ichat.account.announce(busy=True)
        self._pinger = LoopingCall(self._ping)
        self._pinger.clock = self.ichat.reactor
        self._pinger.start(self.ichat.quirks.pingInterval, now=False)
        self._answered.come(self)

    def ended(self, dialog: Dialog, status: int, why: str) -> None:
        """The SIP call is over."""
        self.finish(f"refused {status}" if status else why)

    def requested(self, dialog: Dialog, request: SIPMessage) -> tuple[int, str]:
        """Something came within the call; a gateway should hide what its other side does."""
        self.ichat.complain(f"{request.method} within the call")
        if request.method != "INVITE":
            return 200, ""
        if request.body:
            self.connect(request.body)
        return 200, self.describe()

    def connect(self, body: str) -> None:
        """Talk to where a session description says."""
        try:
            described = Description.parse(body)
            self.media.start(described.address, described.control)
        except (MalformedError, ValueError) as error:
            self.ichat.complain(f"session description: {error}")
        else:
            self.ichat.expectMedia(self, described.address, described.control)

    def _deaf(self) -> None:
        self.ichat.complain("nothing heard for ten seconds")
        self.hangup()

    def _ping(self) -> None:
        """An iChat's sign of life within the call."""
        if self.dialog is None or self.dialog.state is not State.UP:
            return
        patience = self.ichat.reactor.callLater(
            PING_ANSWER_TIMEOUT, self.ichat.complain, "PING not answered within 2 s"
        )
        self._timers.append(patience)

        def heard(response: SIPMessage | None) -> None:
            if patience.active():
                patience.cancel()
            if response is None or response.status != 200:
                self.ichat.complain(f"PING answered {response.status if response else 'not at all'}")
            else:
                self.pings += 1

        self.dialog.request("MESSAGE", "PING", "text/plain", heard)
