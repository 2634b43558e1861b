# -*- test-case-name: ichatgw.test.gateway.matrix.test_interop_sniffer -*-
"""
What goes over the wire to a phone: SIP requests, RTP, and the keys that are pressed.

Both ends of every datagram are on this machine, so each passes the loopback interface, whatever its addresses.
"""

from __future__ import annotations

import re
import socket
import struct
from array import array
from collections.abc import Callable, Iterator
from typing import Any

from attrs import define, field, frozen
from twisted.internet.interfaces import IReadDescriptor
from zope.interface import implementer

from ichatgw.sim.media.tone import decode
from ichatgw.test.e2e.support.tone import share
from ichatgw.test.support.media.frames import Datagram, datagram

PURE = 0.7
LOUD = 300
DIRECTIONS = ("sendonly", "recvonly", "inactive", "sendrecv")
KEYS = "0123456789*#ABCD"

_SIGNAL = re.compile(r"^Signal=([0-9A-D*#])\s*$", re.MULTILINE)

_ALL_PROTOCOLS = 0x0003


@frozen
class Request:
    """One SIP request."""

    method: str
    text: str
    at: float

    @property
    def direction(self) -> str:
        """What its description says of the direction of media."""
        return next((word for word in DIRECTIONS if f"a={word}" in self.text), "sendrecv")


@define(eq=False)
class PhoneWire:
    """
    What a phone is sent.

    @ivar seconds: gives the time.
    @ivar sipPort: where it listens for SIP.
    @ivar mediaPorts: where it may listen for RTP.
    @ivar frequency: the tone that it should be sent, if that is mu-law.
    @ivar packets: how many packets of RTP it was sent, and when the C{first} and the C{last} were.
    @ivar heard: seconds of the tone.
    @ivar firstHeard: when the tone began, and when it was last there, C{lastHeard}.
    @ivar keys: the keys of the telephone events (RFC 4733) that have ended, and how long each was, in seconds.
    @ivar requests: the SIP requests.
    """

    seconds: Callable[[], float]
    sipPort: int
    mediaPorts: range
    frequency: float
    packets: int = field(default=0, init=False)
    first: float | None = field(default=None, init=False)
    last: float | None = field(default=None, init=False)
    heard: float = field(default=0.0, init=False)
    firstHeard: float | None = field(default=None, init=False)
    lastHeard: float | None = field(default=None, init=False)
    keys: list[tuple[str, float]] = field(factory=list, init=False)
    requests: list[Request] = field(factory=list, init=False)
    _samples: array[int] = field(factory=lambda: array("h"), init=False)
    _ended: set[int] = field(factory=set, init=False)

    @property
    def pressed(self) -> str:
        """All keys, those of INFO (application/dtmf-relay) too."""
        signals = [_SIGNAL.search(request.text) for request in self.requests if request.method == "INFO"]
        return "".join([key for key, _ in self.keys] + [signal[1] for signal in signals if signal is not None])

    def took(self, seen: Datagram) -> None:
        """Called for each datagram."""
        port, payload = seen.destination[1], seen.payload
        if port == self.sipPort:
            text = payload.decode("utf-8", "replace")
            method = text.partition(" ")[0]
            if method.isalpha():
                self.requests.append(Request(method, text, self.seconds()))
        elif port in self.mediaPorts and port % 2 == 0 and len(payload) > 12 and payload[0] >> 6 == 2:
            self._rtp(payload)

    def _rtp(self, packet: bytes) -> None:
        now = self.seconds()
        self.packets += 1
        self.first = now if self.first is None else self.first
        self.last = now
        payloadType = packet[1] & 0x7F
        start = 12 + 4 * (packet[0] & 15)
        if packet[0] & 0x10:
            start += 4 + 4 * struct.unpack_from("!H", packet, start + 2)[0]
        payload = packet[start:]
        if payloadType == 0:
            self._samples.extend(decode(payload))
            self._judge(now)
        elif payloadType >= 96 and len(payload) == 4:
            self._event(struct.unpack_from("!I", packet, 4)[0], payload)

    def _judge(self, now: float) -> None:
        while len(self._samples) >= 800:
            window, self._samples = self._samples[:800], self._samples[800:]
            if max(window) > LOUD and share(window, 8000, self.frequency) > PURE:
                self.heard += 0.1
                self.firstHeard = now if self.firstHeard is None else self.firstHeard
                self.lastHeard = now

    def _event(self, began: int, payload: bytes) -> None:
        key, flags, duration = struct.unpack("!BBH", payload)
        if flags & 0x80 and began not in self._ended and key < len(KEYS):
            self._ended.add(began)
            self.keys.append((KEYS[key], duration / 8000))


@implementer(IReadDescriptor)
class Sniffer:
    """
    Sees all that passes the loopback interface.

    @ivar wires: who is told of each datagram.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_PROTOCOLS))
        self._socket.bind(("lo", _ALL_PROTOCOLS))
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.wires: list[PhoneWire] = []

    def start(self) -> None:
        """Begin to look."""
        self._reactor.addReader(self)

    async def stop(self) -> None:
        """End it."""
        self._reactor.removeReader(self)
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def logPrefix(self) -> str:
        return "sniffer"

    def doRead(self) -> None:
        for frame in self._frames():
            seen = datagram(frame)
            if seen is not None:
                for wire in self.wires:
                    wire.took(seen)

    def connectionLost(self, reason: object) -> None:
        """The reactor stops."""

    def _frames(self) -> Iterator[bytes]:
        for _ in range(100):
            try:
                frame, address = self._socket.recvfrom(65536)
            except BlockingIOError:
                return
            if address[2] != socket.PACKET_OUTGOING:
                yield frame
