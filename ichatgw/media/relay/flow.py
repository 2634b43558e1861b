# -*- test-case-name: ichatgw.test.media.rtp.test_comfort,ichatgw.test.media.relay.test_relay,ichatgw.test.media.relay.test_exchange,ichatgw.test.media.rtp.test_dtmf,ichatgw.test.media.relay.test_figures -*-  # noqa: E501
"""
One direction of a relay: what one party sends, on its way to the other.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any

from attrs import define, field
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from ichatgw.media.relay.jitter import ArrivalJitter
from ichatgw.media.rtp.comfort import Format, preferred
from ichatgw.media.rtp.dtmf import TelephoneEventPlayer
from ichatgw.media.rtp.payloadtypes import REWRITTEN, Mapping, Rewriter
from ichatgw.media.rtp.rtp import FRAME_SAMPLES, FRAME_SECONDS, HEADER, silence
from ichatgw.media.sockets.port import MAX_DATAGRAM, Scratch, Source
from ichatgw.model import Tone
from ichatgw.runtime.nulls import unheard

# How often flows are looked at, and after how many looks without a packet a party is fed (one that never got any: at
# once, though not before what is just starting to flow), or may move elsewhere.
LOOK_SECONDS = 0.1
PRIME = 2
HUNGRY = 10
STALE = 20
# The same after a packet of a key: silence amid its packets would make two keys of it (RFC 4733 section 2.5.1.2).
PRESSED = 50
# More packets than this from one look to the next are no call but a flood, or a loop of relays.  A stall of the host
# for some seconds stays below.
FLOOD = 500
_FRAMES_A_LOOK = int(LOOK_SECONDS / FRAME_SECONDS)
_SEQUENCE_AND_TIMESTAMP = Struct("!HI")
_NATIVE = Struct("=II")


UNMEASURED = 6
"""Bits of the number of a packet of which one is set if its time does not count: two of eight in a row are measured."""


def swapped(number: int) -> int:
    """A 32-bit number of the network as the machine reads it in place, or back."""
    return int.from_bytes(number.to_bytes(4, "big"), sys.byteorder)


@define(eq=False)
class Flow:
    """
    Rewrites and forwards RTP.  The receiving party sees one stream for the whole call: one SSRC, and numbers that go
    on where silence of ours or another source comes between.

    @ivar ssrc: what the receiving party sees, as the machine reads it in place.
    @ivar stranger: told of all that is not RTP of the known source.
    @ivar began: told of the first packet of the source.
    @ivar source: whom packets are taken from; C{None} if not known.
    @ivar send: the C{sendto} of the socket towards the receiving party.
    @ivar destination: where that is; C{None} if it is not known, or wants nothing.
    @ivar payloadTypes: for each second byte another one, see L{Mapping}; C{None} if all pass as they are.
    @ivar rewriters: how packets are rewritten, by payload type.
    @ivar formats: what the receiving party speaks, by its numbers.
    @ivar preferred: the format of silence to begin with; C{None} if we know none.
    @ivar original: the source's own SSRC; C{None} as long as it has sent nothing.
    @ivar relayed: how many packets were sent on.
    @ivar octets: how many octets of RTP these had.
    @ivar silences: how many packets of ours were sent: silence, and keys.
    @ivar dropped: how many packets were not sent on, by reason.
    @ivar jitter: how unevenly packets come.
    @ivar quietLooks: for how many looks the source has sent nothing.
    """

    scratch: Scratch
    _feeder: Feeder
    ssrc: int
    _head: int
    _stamp: int
    stranger: Callable[[int, Source], None] = field(init=False)

    began: Callable[[], object] = field(default=unheard, init=False)
    source: Source | None = field(default=None, init=False)
    send: Callable[[Any, Any], Any] | None = field(default=None, init=False)
    destination: Source | None = field(default=None, init=False)
    payloadTypes: bytes | None = field(default=None, init=False)
    rewriters: dict[int, Rewriter] = field(factory=dict, init=False)
    formats: dict[int, Format] = field(factory=dict, init=False)
    preferred: Format | None = field(default=None, init=False)

    original: int | None = field(default=None, init=False)
    sequenceShift: int = field(default=0, init=False)
    timestampShift: int = field(default=0, init=False)
    relayed: int = field(default=0, init=False)
    octets: int = field(default=0, init=False)
    silences: int = field(default=0, init=False)
    silentOctets: int = field(default=0, init=False)
    undelivered: int = field(default=0, init=False)
    dropped: Counter[str] = field(factory=Counter, init=False)
    jitter: ArrivalJitter = field(factory=ArrivalJitter, init=False)
    quietLooks: int = field(default=0, init=False)

    # The SSRC of the last packet as it lay in the buffer; C{None} if our own silence came after it.
    _current: int | None = field(default=None, init=False)
    _shifted: bool = field(default=False, init=False)
    _player: TelephoneEventPlayer | None = field(default=None, init=False)
    _hungryLooks: int = field(default=0, init=False)
    _receivedBefore: int = field(default=0, init=False)
    _relayedBefore: int = field(default=0, init=False)
    _buffer: bytearray = field(init=False)
    _words: memoryview = field(init=False)
    _views: list[memoryview] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._buffer = self.scratch.buffer
        self._words = self.scratch.words
        self._views = self.scratch.views

    def rtp(self, size: int, source: Source) -> None:
        """
        A datagram of C{size} bytes lies in the buffer.

        This runs for each packet: fields are read and written in place, and all that is rare is done elsewhere.
        """
        buffer = self._buffer
        if (
            source != self.source
            or not 12 <= size <= MAX_DATAGRAM
            or not 128 <= buffer[0] <= 191
            or 192 <= buffer[1] <= 223
        ):
            self.stranger(size, source)
            return
        if self.destination is None:
            self._lose("unwanted")
            return
        types = self.payloadTypes
        if types is not None:
            second = types[buffer[1]]
            if not 192 <= second <= 223:
                buffer[1] = second
            elif second != REWRITTEN or not self.rewriters[buffer[1] & 0x7F].rewrite(buffer, size):
                self._lose("of unknown formats")
                return
        words = self._words
        if words[2] != self._current:
            self._splice()
        if self._shifted:
            sequence, timestamp = _SEQUENCE_AND_TIMESTAMP.unpack_from(buffer, 2)
            _SEQUENCE_AND_TIMESTAMP.pack_into(
                buffer, 2, (sequence + self.sequenceShift) & 0xFFFF, (timestamp + self.timestampShift) & 0xFFFFFFFF
            )
        words[2] = self.ssrc
        head, stamp = words[0], words[1]
        try:
            self.send(self._views[size], self.destination)  # type: ignore[misc]
        except OSError:
            self._lose("unsendable")
            # The next one goes on from the last that was sent: SRTP takes no number that is far behind the last one,
            # as with a source that begins anew under its old SSRC.
            self._current = None
            return
        self._head, self._stamp = head, stamp
        self.relayed += 1
        self.octets += size
        if not self.relayed & UNMEASURED:
            self._measure(stamp)

    def _measure(self, stamp: int) -> None:
        now, timestamp = self._feeder.clock.seconds(), swapped(stamp)
        if self.relayed & 1:
            self.jitter.second(now, timestamp, self.clockRate)
        else:
            self.jitter.first(now, timestamp)

    def _lose(self, reason: str) -> None:
        self.undelivered += 1
        self.dropped[reason] += 1

    @property
    def fed(self) -> int:
        """How many packets the receiving party was sent, of whatever kind."""
        return self.relayed + self.silences

    @property
    def lastSequence(self) -> int:
        """The number of the packet that the receiving party was sent last."""
        return self._last()[0]

    @property
    def clockRate(self) -> float:
        """Hertz of the clock of what the receiving party was sent last."""
        format = self._last()[2] or self.preferred
        return (FRAME_SAMPLES if format is None else format.frame) / FRAME_SECONDS

    @property
    def shown(self) -> int:
        """The SSRC that the receiving party sees, as a number."""
        return swapped(self.ssrc)

    @property
    def payloadOctets(self) -> int:
        """How many octets of payload the receiving party was sent (RFC 3550 section 6.4.1)."""
        return self.octets - HEADER.size * self.relayed + self.silentOctets

    def _last(self) -> tuple[int, int, Format | None]:
        """Sequence number, timestamp and format of the last packet that went out."""
        _, second, sequence, timestamp, _ = HEADER.unpack(_NATIVE.pack(self._head, self._stamp) + b"\0\0\0\0")
        return sequence, timestamp, self.formats.get(second & 0x7F) if self.fed else None

    def map(self, mapping: Mapping | None) -> None:
        """How the payload types of the source become those of the receiving party; C{None}: as they are."""
        self.payloadTypes = None if mapping is None else mapping.table
        self.rewriters = {} if mapping is None else mapping.rewriters

    def speak(self, formats: Sequence[Format]) -> None:
        """What the receiving party speaks, the best first."""
        self.formats = {format.payloadType: format for format in formats}
        self.preferred = preferred(formats)

    @property
    def keyFormat(self) -> Format | None:
        """How the receiving party wants to be told of keys, if possible by the clock of what it hears."""
        if self.destination is None:
            return None
        keys = [format for format in self.formats.values() if format.isKeys]
        audio = self._last()[2] or self.preferred
        same = (format for format in keys if audio is not None and format.frame == audio.frame)
        return next(same, keys[0] if keys else None)

    def press(self, tone: Tone) -> bool:
        """See L{IMediaSide.press}."""
        if self._player is None:
            self._player = TelephoneEventPlayer(self._feeder.clock, self)
        return self._player.play(tone)

    def insert(self, payloadType: int, payload: bytes, timestamp: int | None) -> int | None:
        """See L{ichatgw.media.rtp.dtmf.Stream}: what the source sends goes on around it."""
        if self.send is None or self.destination is None:
            return None
        lastSequence, lastTimestamp, format = self._last()
        sequence, begins = (lastSequence + 1) & 0xFFFF, timestamp is None
        if timestamp is None:
            timestamp = (lastTimestamp + (FRAME_SAMPLES if format is None else format.frame)) & 0xFFFFFFFF
        # The marker says that a key begins; with these types it would make RTCP of it.
        marker = 0x80 if begins and not 64 <= payloadType <= 95 else 0
        packet = HEADER.pack(0x80, payloadType | marker, sequence, timestamp, self.shown) + payload
        # The clock of the audio and its format stay what they were; without any, what we would feed comes next.
        before = format or self.preferred
        last = HEADER.pack(0x80, before.payloadType if before is not None else payloadType, sequence, lastTimestamp, 0)
        self._head, self._stamp = _NATIVE.unpack_from(last)
        self.sequenceShift = (self.sequenceShift + 1) & 0xFFFF
        self._shifted = True
        self.silences += 1
        self.silentOctets += len(payload)
        try:
            self.send(packet, self.destination)
        except OSError:
            self.dropped["unsendable"] += 1
        return timestamp

    def _splice(self) -> None:
        """The packet in the buffer begins a stream: let it go on from where the last one ended."""
        buffer = self._buffer
        self._current = self._words[2]
        self.jitter.interrupt()
        if self.original is None:
            self.began()
        self.original = swapped(self._current)
        if self.fed:
            sequence, timestamp = _SEQUENCE_AND_TIMESTAMP.unpack_from(buffer, 2)
            lastSequence, lastTimestamp, format = self._last()
            frame = FRAME_SAMPLES if format is None else format.frame
            self.sequenceShift = (lastSequence + 1 - sequence) & 0xFFFF
            self.timestampShift = (lastTimestamp + frame - timestamp) & 0xFFFFFFFF
            self._shifted = bool(self.sequenceShift or self.timestampShift)
            if not 64 <= buffer[1] <= 95:
                # The marker tells a jitter buffer to start afresh; with these types it would make RTCP of it.
                buffer[1] |= 0x80
        self._feeder.remove(self)

    def follow(self, before: Flow) -> None:
        """
        Go on with the stream that the receiving party has heard from C{before}, which sends no more.
        """
        before.aim(None, None)
        self.ssrc, self._head, self._stamp = before.ssrc, before._head, before._stamp
        self.relayed, self.octets = before.relayed, before.octets
        self.silences, self.silentOctets = before.silences, before.silentOctets
        self.formats, self.preferred = before.formats, before.preferred
        # The source of this one has its own numbers, whether or not it has been heard before.
        self._current = None
        self._hungryLooks = 0
        self._relayedBefore = self.relayed
        self._receivedBefore = self.relayed + self.undelivered

    def look(self) -> None:
        """
        Notice whether packets came in and went out since the last look.

        A party that was never sent anything is fed too: an iChat with IPv6 sends nothing before it hears something.
        """
        received = self.relayed + self.undelivered
        if received != self._receivedBefore:
            if received - self._receivedBefore > FLOOD:
                self.dropped["flood"] += 1
                self.aim(None, None)
            self._receivedBefore = received
            self.quietLooks = 0
        else:
            self.quietLooks += 1
        if self.relayed != self._relayedBefore:
            self._relayedBefore = self.relayed
            self._hungryLooks = 0
        elif self.destination is not None:
            self._hungryLooks += 1
            if self.preferred is not None and self._hungryLooks >= PRIME and self._hungryLooks >= self._patience:
                self._feeder.add(self)

    @property
    def _patience(self) -> int:
        """After how many looks without a packet the receiving party is fed."""
        format = self._last()[2]
        if format is not None and format.isKeys:
            return PRESSED
        return HUNGRY if self.fed else PRIME

    def aim(self, send: Callable[[Any, Any], Any] | None, destination: Source | None) -> None:
        """Say where the receiving party is; C{None} if nothing is to be sent to it."""
        self.send = send
        self.destination = destination
        if destination is None:
            self._feeder.remove(self)

    def feed(self, frames: int) -> None:
        """
        Send a packet of silence.

        @param frames: how many frames of 20 ms have passed since the last one.
        """
        if self.preferred is None or self.send is None:
            self._feeder.remove(self)
            return
        sequence, timestamp, format = self._last()
        if format is None or format.silence is None:
            format = self.preferred  # else as before: a stream has one clock
        assert format.silence is not None
        timestamp += format.frame * frames
        if self._current is not None:
            # The first after the party's own: its clock went on meanwhile.
            timestamp += format.frame * _FRAMES_A_LOOK * self._hungryLooks
            self._current = None
        packet = silence(
            format.payloadType, (sequence + 1) & 0xFFFF, timestamp & 0xFFFFFFFF, self.shown, format.silence
        )
        self._head, self._stamp = _NATIVE.unpack_from(packet)
        self.silences += 1
        self.silentOctets += len(format.silence)
        try:
            self.send(packet, self.destination)
        except OSError:
            self.dropped["unsendable"] += 1

    def close(self) -> None:
        self.aim(None, None)
        self.source = None
        self.began = unheard
        if self._player is not None:
            self._player.close()
            self._player = None


class Feeder:
    """Feeds silence to all flows that need it; its timer runs only while there are any."""

    def __init__(self, clock: IReactorTime) -> None:
        self.clock = clock
        self._hungry: dict[Flow, None] = {}
        self._timer: LoopingCall | None = None

    def add(self, flow: Flow) -> None:
        if flow in self._hungry:
            return
        self._hungry[flow] = None
        if self._timer is None:
            # A new one each time: one that is started again counts the time between as well.
            self._timer = LoopingCall.withCount(self._feed)
            self._timer.clock = self.clock
            self._timer.start(FRAME_SECONDS, now=False)
        flow.feed(1)

    def remove(self, flow: Flow) -> None:
        self._hungry.pop(flow, None)
        if not self._hungry and self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _feed(self, frames: int) -> None:
        for flow in list(self._hungry):
            flow.feed(frames)
