# -*- test-case-name: ichatgw.test.selfservice.test_echomedia,ichatgw.test.selfservice.test_testcalls -*-
"""
The far end of a test call: says a tone, and then what it hears.
"""

from __future__ import annotations

from enum import Enum
from secrets import randbits
from typing import Any

from attrs import define, field
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import LoopingCall

from ichatgw.errors import Congested, MalformedError
from ichatgw.media.rtp.g711 import ULAW_TO_ALAW
from ichatgw.media.rtp.rtp import FRAME_SAMPLES, FRAME_SECONDS, Kind, RTPPacket, classify
from ichatgw.media.rtp.tones import tone
from ichatgw.model import PCMA, PCMU, Codec, TransportAddress
from ichatgw.runtime.clock import cancel

HERTZ, LEVEL = 440, -15.0
"""Of the tone."""

TONE_SECONDS = 2.0

FIRST_PACKET_TIMEOUT = 2.0
"""Seconds after which the tone begins though nothing was heard: before that, there may be no way yet for media."""

MAX_PER_SECOND = 200
"""
Packets that are echoed in a second.  Two test calls that are joined, by a transfer, echo each other: what goes round
comes to rest by it.
"""

MAX_LATE = 10
"""How many frames of the tone are sent at once, if they are late."""


class Stage(Enum):
    """What is said."""

    WAITING = "nothing, until something is heard"
    TONE = "a tone"
    ECHO = "what is heard"
    CLOSED = "nothing any more"


def chosen(codecs: tuple[Codec, ...]) -> tuple[Codec, ...]:
    """
    What is spoken of formats that are offered: both laws of G.711, in which there is a tone, else the first one, of
    which an echo can be made without knowing it; nothing, if there is no audio among them.
    """
    audio = tuple(codec for codec in codecs if not codec.isEvent and codec.name.lower() != "cn")
    return tuple(filter(_isG711, audio)) or audio[:1]


def _isG711(codec: Codec) -> bool:
    return codec.matches(PCMU) or codec.matches(PCMA)


@define(eq=False)
class EchoMedia(DatagramProtocol):
    """
    One stream each way, between here and the relay.

    @ivar reactor: provides sockets.
    @ivar host: the address of this host at which the relay can be reached, an IP literal.
    """

    reactor: Any
    clock: IReactorTime
    host: str
    stage: Stage = field(default=Stage.WAITING, init=False)
    _port: Any = field(default=None, init=False)
    _relay: tuple[str, int] = field(default=("", 0), init=False)
    _codecs: tuple[Codec, ...] = field(default=(), init=False)
    _ssrc: int = field(factory=lambda: randbits(32), init=False)
    _sequence: int = field(factory=lambda: randbits(15), init=False)
    _timestamp: int = field(factory=lambda: randbits(31), init=False)
    _frame: int = field(default=0, init=False)
    _heard: int | None = field(default=None, init=False)
    _offsets: tuple[int, int] = field(default=(0, 0), init=False)
    _second: int = field(default=0, init=False)
    _count: int = field(default=0, init=False)
    _voice: LoopingCall | None = field(default=None, init=False)
    _timer: IDelayedCall | None = field(default=None, init=False)

    def open(self) -> TransportAddress:
        """
        @return: where it listens; RTCP comes to the same port, and is dropped.
        @raise Congested: if there is no socket.
        """
        try:
            self._port = self.reactor.listenUDP(0, self, interface=self.host, maxPacketSize=2048)
        except (CannotListenError, OSError) as problem:
            raise Congested(f"no socket for a test call: {problem}") from problem
        return self._here()

    @property
    def address(self) -> TransportAddress | None:
        """Where it listens; C{None} if it does not."""
        return None if self._port is None else self._here()

    def _here(self) -> TransportAddress:
        return TransportAddress(self.host, self._port.getHost().port)

    def start(self, port: int, codecs: tuple[Codec, ...]) -> None:
        """
        The far end has answered.

        @param port: of the relay, at C{host}.
        @param codecs: what is spoken, see L{chosen}.
        """
        self._relay = self.host, port
        self._codecs = codecs
        self._timer = self.clock.callLater(FIRST_PACKET_TIMEOUT, self._begin)

    def speak(self, codecs: tuple[Codec, ...]) -> None:
        """These formats are spoken from now on."""
        self._codecs = codecs

    def close(self) -> None:
        """Idempotent."""
        self.stage = Stage.CLOSED
        cancel(self._timer)
        self._timer = None
        self._silence()
        port, self._port = self._port, None
        if port is not None:
            port.stopListening()

    def datagramReceived(self, datagram: bytes, source: tuple[str, int]) -> None:
        """Something has come; all but RTP of the relay is dropped."""
        if source[:2] != self._relay or classify(datagram) is not Kind.RTP:
            return
        if self.stage is Stage.WAITING:
            self._begin()
        elif self.stage is Stage.ECHO:
            try:
                packet = RTPPacket.parse(datagram)
            except MalformedError:
                return
            self._echo(packet)

    @property
    def _ours(self) -> Codec | None:
        """The format of the tone; C{None} if there is none."""
        return next(filter(_isG711, self._codecs), None)

    def _begin(self) -> None:
        cancel(self._timer)
        self._timer = None
        if self._ours is None:
            self.stage = Stage.ECHO
            return
        self.stage = Stage.TONE
        self._voice = LoopingCall.withCount(self._speak)
        self._voice.clock = self.clock
        self._voice.start(FRAME_SECONDS, now=False)

    def _silence(self) -> None:
        if self._voice is not None and self._voice.running:
            self._voice.stop()
        self._voice = None

    def _speak(self, count: int) -> None:
        ours = self._ours
        for _ in range(min(count, MAX_LATE)):
            if ours is None or self._frame >= TONE_SECONDS / FRAME_SECONDS:
                self.stage = Stage.ECHO
                self._silence()
                return
            self._say(ours)

    def _say(self, codec: Codec) -> None:
        whole = tone(HERTZ, LEVEL)
        at = self._frame * FRAME_SAMPLES % len(whole)
        payload = whole[at : at + FRAME_SAMPLES]
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + FRAME_SAMPLES) & 0xFFFFFFFF
        self._send(
            RTPPacket(
                codec.payloadType,
                self._sequence,
                self._timestamp,
                self._ssrc,
                payload.translate(ULAW_TO_ALAW) if codec.matches(PCMA) else payload,
                marker=not self._frame,
            )
        )
        self._frame += 1

    def _echo(self, packet: RTPPacket) -> None:
        """Its numbers run on from ours, with the gaps that they have."""
        if all(codec.payloadType != packet.payloadType for codec in self._codecs) or self._isTooMuch():
            return
        isFirst = packet.ssrc != self._heard
        if isFirst:
            self._heard = packet.ssrc
            self._offsets = (
                self._sequence + 1 - packet.sequence,
                self._timestamp + FRAME_SAMPLES - packet.timestamp,
            )
        self._sequence = (packet.sequence + self._offsets[0]) & 0xFFFF
        self._timestamp = (packet.timestamp + self._offsets[1]) & 0xFFFFFFFF
        self._send(
            RTPPacket(
                packet.payloadType,
                self._sequence,
                self._timestamp,
                self._ssrc,
                packet.payload,
                marker=isFirst or packet.marker,
            )
        )

    def _isTooMuch(self) -> bool:
        second = int(self.clock.seconds())
        if second != self._second:
            self._second, self._count = second, 0
        self._count += 1
        return self._count > MAX_PER_SECOND

    def _send(self, packet: RTPPacket) -> None:
        if self.transport is not None:
            try:
                self.transport.write(packet.pack(), self._relay)
            except OSError:
                return  # as if it were lost
