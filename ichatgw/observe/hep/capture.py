# -*- test-case-name: ichatgw.test.observe.hep.test_capture -*-
"""
Sends what goes over the wire to a server that keeps it (L{ichatgw.observe.hep.packet}): SIP as it was sent and
received, and the reports of RTCP.

It is sent as it was, passwords' proofs and keys of media included: to hide them would cost more than all the rest, and
what is captured is to be compared.

Nobody waits for that server: what it does not take is lost, and that is told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ichatgw.model import TransportAddress
from ichatgw.observe.events import Message, MessageSent, ReportReceived
from ichatgw.observe.hep.packet import Capture, IPProtocol, Kind, pack
from ichatgw.observe.stream import Events
from ichatgw.observe.trails import Trails
from ichatgw.runtime.ratelimit import RateLimit

BATCH_SECONDS = 0.05
"""For so long messages wait to be sent together: by then it is known of which call they are."""

MOST_QUEUED = 5000
"""How many wait at most."""

MOST_OCTETS = 8 * 1024 * 1024
"""How many octets they have at most."""

MOST_AT_ONCE = 100
"""How many are sent in one turn of the reactor."""

PAUSE = 0.002
"""Seconds between such turns."""

_log = Logger()


@define(eq=False)
class HEPCapture:
    """
    Queues what is to be sent.

    @ivar send: sends a packet; says whether it could.
    @ivar captureId: by which the server knows us.
    @ivar password: what it wants to see.
    @ivar reports: makes JSON of a compound packet of RTCP; C{None} if it says nothing.
    @ivar lost: how many packets were not sent.
    """

    _clock: IReactorTime
    _trails: Trails
    send: Callable[[bytes], bool]
    captureId: int
    password: str
    reports: Callable[[bytes], bytes | None]
    lost: int = field(default=0, init=False)
    _queue: deque[Message | ReportReceived] = field(factory=deque, init=False)
    _octets: int = field(default=0, init=False)
    _later: IDelayedCall | None = field(default=None, init=False)
    _complaints: RateLimit = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._complaints = RateLimit(self._clock, 1 / 60, 1, mostSources=1)

    def read(self, events: Events) -> Callable[[], None]:
        """
        Capture what this stream says.

        @return: ends that.
        """
        ends = (events.subscribe(self._message, Message), events.subscribe(self._take, ReportReceived))

        def end() -> None:
            for each in ends:
                each()

        return end

    def stop(self) -> None:
        """Send what is there."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        while self._queue:
            self._sendSome()

    def _message(self, event: Message) -> None:
        if event.protocol == "SIP":
            self._take(event)

    def _take(self, event: Message | ReportReceived) -> None:
        self._queue.append(event)
        self._octets += len(event.data)
        while len(self._queue) > MOST_QUEUED or self._octets > MOST_OCTETS:
            self._octets -= len(self._queue.popleft().data)
            self._lose()
        if self._later is None:
            self._later = self._clock.callLater(BATCH_SECONDS, self._flush)

    def _flush(self) -> None:
        self._later = None
        self._sendSome()
        if self._queue:
            self._later = self._clock.callLater(PAUSE, self._flush)

    def _sendSome(self) -> None:
        for _ in range(min(MOST_AT_ONCE, len(self._queue))):
            event = self._queue.popleft()
            self._octets -= len(event.data)
            packet = self._packetOf(event)
            if packet is not None and not self.send(packet):
                self._lose()

    def _packetOf(self, event: Message | ReportReceived) -> bytes | None:
        """C{None} if it cannot be told by HEP: then one of the addresses is not known."""
        capture = self._ofMessage(event) if isinstance(event, Message) else self._ofReport(event)
        if capture is None:
            return None
        try:
            return pack(capture, self.captureId, self.password)
        except ValueError:
            self._lose()
            return None

    def _ofMessage(self, message: Message) -> Capture | None:
        owner = self._trails.of(self._trails.trailOf(message))
        protocol = IPProtocol.UDP if message.transport == "udp" else IPProtocol.TCP
        call = "" if owner is None else owner.call
        ends = self._ends(message.remote, message.local, isSent=isinstance(message, MessageSent))
        return None if ends is None else Capture(Kind.SIP, protocol, *ends, message.wall, message.data, call)

    def _ofReport(self, event: ReportReceived) -> Capture | None:
        payload = self.reports(event.data)
        ends = self._ends(event.source, event.local, isSent=False)
        if payload is None or ends is None:
            return None
        return Capture(Kind.RTCP, IPProtocol.UDP, *ends, event.wall, payload, event.call)

    def _ends(
        self, remote: TransportAddress | None, local: TransportAddress | None, isSent: bool
    ) -> tuple[TransportAddress, TransportAddress] | None:
        """Source and destination."""
        if remote is None or local is None:
            return None
        return (local, remote) if isSent else (remote, local)

    def _lose(self) -> None:
        self.lost += 1
        if self._complaints.allow(None):
            _log.warn("The server of HEP does not take what is sent: {lost} packets are lost so far", lost=self.lost)
