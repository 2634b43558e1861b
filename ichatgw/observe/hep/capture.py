# -*- test-case-name: ichatgw.test.observe.hep.test_capture -*-
"""
Sends what goes over the wire to a server that keeps it (L{ichatgw.observe.hep.packet}): SIP as it was sent and
received, and the reports of RTCP.

It is sent as it was, passwords' proofs and keys of media included: to hide them would cost more than all the rest, and
what is captured is to be compared.

Nothing waits for that server: what it does not take is lost, and that is logged.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ichatgw.observe.events import Message, MessageSent, ReportReceived
from ichatgw.observe.hep.packet import IPProtocol, Kind, callOf, endsOf, pack, whoOf
from ichatgw.observe.messages import BATCH_SECONDS, Marked, Messages
from ichatgw.observe.stream import Events
from ichatgw.runtime.ratelimit import RateLimit

MAX_QUEUED = 5000
"""How many wait at most."""

MAX_OCTETS = 8 * 1024 * 1024
"""How many octets they have at most."""

MAX_AT_ONCE = 100
"""How many are sent in one turn of the reactor."""

PAUSE = 0.002
"""Seconds between such turns."""

_UDP, _TCP = int(IPProtocol.UDP), int(IPProtocol.TCP)
_SIP, _RTCP = int(Kind.SIP), int(Kind.RTCP)

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
    _messages: Messages
    send: Callable[[bytes], bool]
    captureId: int
    password: str
    reports: Callable[[bytes], bytes | None]
    lost: int = field(default=0, init=False)
    # With the mark of each.
    _queue: deque[tuple[Message | ReportReceived, str]] = field(factory=deque, init=False)
    _octets: int = field(default=0, init=False)
    _later: IDelayedCall | None = field(default=None, init=False)
    _complaints: RateLimit = field(init=False)

    _who: bytes = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._who = whoOf(self.captureId, self.password)
        self._complaints = RateLimit(self._clock, 1 / 60, 1, mostSources=1)

    def read(self, events: Events) -> Callable[[], None]:
        """
        Capture what this stream says.

        @return: ends that.
        """
        end = events.subscribe(self._report, ReportReceived)
        self._messages.readers.append(self._said)

        def ended() -> None:
            self._messages.flush()
            self._messages.readers.remove(self._said)
            end()

        return ended

    def stop(self) -> None:
        """Send what is there."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        while self._queue:
            self._sendSome()

    def _said(self, messages: Sequence[Marked]) -> None:
        if not self._queue and len(messages) <= MAX_AT_ONCE:
            for message, trail in messages:
                if message.protocol == "SIP":
                    self._sendOne(message, trail)
            return
        for message, trail in messages:
            if message.protocol == "SIP":
                self._take(message, trail)
        if self._queue and self._later is None:
            self._flush()

    def _report(self, event: ReportReceived) -> None:
        self._take(event, "")
        if self._later is None:
            self._later = self._clock.callLater(BATCH_SECONDS, self._flush)

    def _take(self, event: Message | ReportReceived, trail: str) -> None:
        self._queue.append((event, trail))
        self._octets += len(event.data)
        while len(self._queue) > MAX_QUEUED or self._octets > MAX_OCTETS:
            self._octets -= len(self._queue.popleft()[0].data)
            self._lose()

    def _flush(self) -> None:
        self._later = None
        self._sendSome()
        if self._queue:
            self._later = self._clock.callLater(PAUSE, self._flush)

    def _sendSome(self) -> None:
        for _ in range(min(MAX_AT_ONCE, len(self._queue))):
            event, trail = self._queue.popleft()
            self._octets -= len(event.data)
            self._sendOne(event, trail)

    def _sendOne(self, event: Message | ReportReceived, trail: str) -> None:
        """What cannot be told by HEP is left out: then one of the addresses is not known, or it says nothing."""
        source, destination, protocol, payload = event.remote, event.local, _UDP, event.data
        if source is None or destination is None:
            return
        if isinstance(event, Message):
            if event.__class__ is MessageSent:
                source, destination = destination, source
            owner, kind = self._messages.trails.of(trail), _SIP
            call = "" if owner is None else owner.call
            if event.transport != "udp":
                protocol = _TCP
        else:
            told = self.reports(payload)
            if told is None:
                return
            payload, call, kind = told, event.call, _RTCP
        try:
            ends = endsOf(source.host, source.port, destination.host, destination.port, protocol, kind)
            packet = pack(ends, self._who, event.wall, payload, callOf(call))
        except ValueError:
            self._lose()
            return
        if not self.send(packet):
            self._lose()

    def _lose(self) -> None:
        self.lost += 1
        if self._complaints.allow(None):
            _log.warn("The server of HEP does not take what is sent: {lost} packets are lost so far", lost=self.lost)
