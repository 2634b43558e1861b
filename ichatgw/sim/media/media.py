# -*- test-case-name: ichatgw.test.sim.media.test_media -*-
"""
The voice and the ear of a simulated phone: a packet of tone every 20 ms, and a close look at what comes back.
"""

from __future__ import annotations

from collections.abc import Callable
from random import getrandbits

from attrs import define, field
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from ichatgw.errors import MalformedError
from ichatgw.model import TransportAddress
from ichatgw.sim.media.rtp import KEYS, Packet, checkControl, isControl, keyEvent, keyOf, senderReport
from ichatgw.sim.media.tone import FRAME, FROM_ALAW, TO_ALAW, ToneDetector, ToneSource

PCMU, PCMA = 0, 8
INTERVAL = 0.02
SILENCE_LIMIT = 10.0
"""An iChat ends an audio chat after so many seconds without anything heard."""

REPORTS = 5.0

Output = Callable[[bytes, TransportAddress], None]


def _random(bits: int) -> Callable[[], int]:
    return lambda: getrandbits(bits)


@define(eq=False)
class Media:
    """
    One stream each way.

    @ivar send: sends RTP; C{sendControl} sends RTCP.
    @ivar source: what to say; C{None} says nothing.
    @ivar detector: what to listen for.
    @ivar silent: called when nothing came for ten seconds; C{None} does not watch.
    @ivar primed: wait with sending until something came (an iChat does so over IPv6).
    @ivar senders: the SSRCs heard, in order.
    @ivar empty: how many packets without payload came.
    @ivar eventType: the payload type of pressed keys that are sent (RFC 4733), C{heardEventType} of those that come;
        C{None} if there are none.
    @ivar keys: the keys heard.
    @ivar spoken: the payload types of those that are spoken, PCMU or PCMA or both: the first is sent.
    @ivar alsoTaken: payload types that the owner said it takes, but does not listen to.
    @ivar began: when the tone was heard first; C{None} before.
    """

    clock: IReactorTime
    send: Output
    sendControl: Output
    source: ToneSource | None = None
    detector: ToneDetector | None = None
    silent: Callable[[], None] | None = None
    primed: bool = False
    eventType: int | None = None
    heardEventType: int | None = None
    spoken: tuple[int, ...] = (PCMU,)
    alsoTaken: tuple[int, ...] = ()
    ssrc: int = field(factory=_random(32), init=False)
    muted: bool = field(default=False, init=False)
    sent: int = field(default=0, init=False)
    received: int = field(default=0, init=False)
    empty: int = field(default=0, init=False)
    reports: int = field(default=0, init=False)
    keys: str = field(default="", init=False)
    began: float | None = field(default=None, init=False)
    longestGap: float = field(default=0.0, init=False)
    senders: list[int] = field(factory=list, init=False)
    faults: list[str] = field(factory=list, init=False)
    _remote: TransportAddress | None = field(default=None, init=False)
    _control: TransportAddress | None = field(default=None, init=False)
    _sequence: int = field(factory=_random(15), init=False)
    _timestamp: int = field(factory=_random(31), init=False)
    _frame: int = field(default=0, init=False)
    _heard: float = field(default=0.0, init=False)
    _voice: LoopingCall | None = field(default=None, init=False)
    _reporter: LoopingCall | None = field(default=None, init=False)
    _pressed: list[tuple[str, int, bool]] = field(factory=list, init=False)
    _pressedAt: int = field(default=0, init=False)
    _keyAt: int | None = field(default=None, init=False)

    @property
    def running(self) -> bool:
        return self._voice is not None

    def start(self, remote: TransportAddress, control: TransportAddress) -> None:
        """Talk to these addresses; may be said anew."""
        self._remote, self._control = remote, control
        if self._voice is not None:
            return
        self._heard = self.clock.seconds()
        self._voice = LoopingCall.withCount(self._speak)
        self._reporter = LoopingCall(self._report)
        for loop, interval in ((self._voice, INTERVAL), (self._reporter, REPORTS)):
            loop.clock = self.clock
            loop.start(interval, now=False)

    def stop(self) -> None:
        """Say no more.  Idempotent."""
        for loop in (self._voice, self._reporter):
            if loop is not None and loop.running:
                loop.stop()
        self._voice = self._reporter = None

    def press(self, keys: str, frames: int = 5) -> None:
        """
        Press keys, one after the other, instead of talking.

        @param frames: how long each, in units of 20 ms.
        @raise ValueError: if there is no such key, or keys are not sent at all.
        """
        if self.eventType is None or any(key not in KEYS for key in keys):
            raise ValueError(f"cannot press {keys!r}")
        for key in keys:
            self._pressed.extend((key, frame * FRAME, False) for frame in range(1, frames + 1))
            # The end is said three times (RFC 4733 section 2.5.1.4), and then nothing for a while.
            self._pressed.extend([(key, frames * FRAME, True)] * 3 + [("", 0, False)] * 2)

    def datagramReceived(self, datagram: bytes) -> None:
        """Take in an RTP or RTCP packet."""
        try:
            if isControl(datagram):
                checkControl(datagram)
                self.reports += 1
            else:
                self._listen(Packet.parse(datagram))
        except MalformedError as error:
            self.faults.append(str(error))

    def _listen(self, packet: Packet) -> None:
        now = self.clock.seconds()
        if self.received:
            self.longestGap = max(self.longestGap, now - self._heard)
        self._heard = now
        self.received += 1
        if packet.ssrc not in self.senders:
            self.senders.append(packet.ssrc)
        if packet.payloadType == self.heardEventType:
            self._hearKey(packet)
        elif packet.payloadType in self.alsoTaken:
            pass
        elif packet.payloadType not in self.spoken:
            self.faults.append(f"payload type {packet.payloadType}")
        elif not packet.payload:
            self.empty += 1
        elif self.detector is not None:
            isALaw = packet.payloadType == PCMA
            self.detector.hear(packet.payload.translate(FROM_ALAW) if isALaw else packet.payload)
            if self.began is None and self.detector.seconds:
                self.began = now

    def _hearKey(self, packet: Packet) -> None:
        """One of the packets of a pressed key; all have the same timestamp."""
        if packet.timestamp != self._keyAt:
            self._keyAt = packet.timestamp
            self.keys += keyOf(packet.payload)

    def _speak(self, count: int) -> None:
        """As many packets as the clock says are due, but no burst after a long pause of the whole process."""
        for _ in range(min(count, 10)):
            self._say()
        if self.silent is not None and self.clock.seconds() - self._heard > SILENCE_LIMIT:
            tell, self.silent = self.silent, None
            tell()

    def _say(self) -> None:
        waiting = self.primed and not self.received
        if self._remote is None or self.source is None or self.muted or waiting:
            return
        packet = self._next(self.source)
        if packet is not None:
            self._sequence = (self._sequence + 1) & 0xFFFF
            self.sent += 1
            self.send(packet.pack(), self._remote)
        self._frame += 1
        self._timestamp = (self._timestamp + FRAME) & 0xFFFFFFFF

    def _next(self, source: ToneSource) -> Packet | None:
        """The packet that is due: a piece of the tone, or of a pressed key; between two keys none."""
        if not self._pressed:
            payload, spoken = source.frame(self._frame), self.spoken[0]
            payload = payload.translate(TO_ALAW) if spoken == PCMA else payload
            return Packet(spoken, self._sequence, self._timestamp, self.ssrc, payload, marker=not self.sent)
        key, duration, isEnd = self._pressed.pop(0)
        if not key or self.eventType is None:
            return None
        isFirst = duration == FRAME and not isEnd
        if isFirst:
            self._pressedAt = self._timestamp
        payload = keyEvent(key, duration, isEnd)
        return Packet(self.eventType, self._sequence, self._pressedAt, self.ssrc, payload, marker=isFirst)

    def _report(self) -> None:
        if self._control is not None and self.sent:
            now = self.clock.seconds()
            octets = self.sent * FRAME
            self.sendControl(senderReport(self.ssrc, now, self._timestamp, self.sent, octets, "sim"), self._control)
