# -*- test-case-name: ichatgw.test.sim.sip.test_phone -*-
"""
SIP transactions over UDP (RFC 3261 section 17): who sends again, when, and until when.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ichatgw.model import TransportAddress
from ichatgw.sim.sip.message import SIPMessage

T1 = 0.5
T2 = 4.0
LIFETIME = 64 * T1

Transmit = Callable[[SIPMessage, TransportAddress], None]


@define(eq=False)
class Repeater:
    """Sends something again and again, at growing distances, until told to stop or for 32 s."""

    clock: IReactorTime
    send: Callable[[], None]
    gaveUp: Callable[[], None]
    longest: float = T2
    _timers: list[IDelayedCall] = field(factory=list, init=False)

    def start(self) -> None:
        """Send now, and from now on."""
        self.send()
        self._timers = [self.clock.callLater(LIFETIME, self._giveUp), self._later(T1)]

    def stop(self) -> None:
        """Send no more.  Idempotent."""
        for timer in self._timers:
            if timer.active():
                timer.cancel()

    def _later(self, interval: float) -> IDelayedCall:
        return self.clock.callLater(interval, self._again, interval)

    def _again(self, interval: float) -> None:
        self.send()
        self._timers[1] = self._later(min(2 * interval, self.longest))

    def _giveUp(self) -> None:
        self.stop()
        self.gaveUp()


@define(eq=False)
class ClientTransaction:
    """
    A request on its way.

    @ivar news: told each provisional and each 2xx response, the first other final one, and C{None} for a time-out.
    @ivar done: told once that a final response came, or none in time.
    """

    clock: IReactorTime
    transmit: Transmit
    request: SIPMessage
    target: TransportAddress
    news: Callable[[SIPMessage | None], None]
    done: Callable[[], None]
    proceeding: bool = field(default=False, init=False)
    _final: SIPMessage | None = field(default=None, init=False)
    _repeater: Repeater = field(init=False)

    def start(self) -> None:
        """Send the request (timers A and B, or E and F)."""
        longest = LIFETIME if self.request.method == "INVITE" else T2
        self._repeater = Repeater(self.clock, self._send, self._timedOut, longest)
        self._repeater.start()

    def stop(self) -> None:
        """Send no more."""
        self._repeater.stop()

    def received(self, response: SIPMessage) -> None:
        """Take in a response that belongs here."""
        isInvite = self.request.method == "INVITE"
        if response.status < 200:
            if self._final is None:
                self.proceeding = True
                if isInvite:
                    self._repeater.stop()
                self.news(response)
            return
        first = self._final is None
        self._final = response
        self._repeater.stop()
        if isInvite and response.status >= 300:
            self._acknowledge(response)
        if first:
            self.done()
        if first or (isInvite and response.status < 300):
            self.news(response)

    def _send(self) -> None:
        self.transmit(self.request, self.target)

    def _timedOut(self) -> None:
        if self._final is None:
            self._final = SIPMessage(status=408, reason="Request Timeout")
            self.done()
            self.news(None)

    def _acknowledge(self, response: SIPMessage) -> None:
        """The ACK of a refusal belongs to the transaction (RFC 3261 section 17.1.1.3)."""
        ack = SIPMessage("ACK", self.request.uri)
        for name, value in self.request.headers:
            if name in ("Via", "From", "Call-ID", "Max-Forwards", "Route"):
                ack.headers.append((name, value))
        ack.headers.append(("To", response.get("To")))
        ack.headers.append(("CSeq", f"{self.request.sequence} ACK"))
        self.transmit(ack, self.target)


@define(eq=False)
class ServerTransaction:
    """
    A request that arrived, and what was answered.

    @ivar abandoned: called when nobody acknowledged the final answer to an INVITE.
    @ivar done: told once that the final answer went out.
    """

    clock: IReactorTime
    transmit: Transmit
    request: SIPMessage
    target: TransportAddress
    abandoned: Callable[[], None]
    done: Callable[[], None]
    final: bool = field(default=False, init=False)
    acknowledged: bool = field(default=False, init=False)
    _last: SIPMessage | None = field(default=None, init=False)
    _repeater: Repeater | None = field(default=None, init=False)

    def respond(self, response: SIPMessage) -> None:
        """Answer; a final answer to an INVITE is sent until it is acknowledged (timers G and H)."""
        if self.final:
            return
        self._last = response
        self.final = response.status >= 200
        if self.final:
            self.done()
        if self.final and self.request.method == "INVITE":
            self._repeater = Repeater(self.clock, self._send, self._gaveUp)
            self._repeater.start()
        else:
            self._send()

    def repeated(self) -> None:
        """The request came again."""
        if self._last is not None:
            self._send()

    def acknowledge(self) -> None:
        """The ACK came."""
        self.acknowledged = True
        self.stop()

    def stop(self) -> None:
        """Send no more."""
        if self._repeater is not None:
            self._repeater.stop()

    def _send(self) -> None:
        if self._last is not None:
            self.transmit(self._last, self.target)

    def _gaveUp(self) -> None:
        if not self.acknowledged:
            self.abandoned()
