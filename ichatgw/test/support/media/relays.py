# -*- test-case-name: ichatgw.test.media.relay.test_relay -*-
"""
A relay between Alice and Bob, and the packets that they send.
"""

from __future__ import annotations

from struct import pack
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.media.relay.relay import Relay
from ichatgw.media.rtp.rtp import RTPPacket
from ichatgw.model import PCMU, Codec, SessionDescription, TransportAddress
from ichatgw.test.support.media.fakes import FakeNetwork, makeEngine

ALICE = ("198.51.100.1", 4000)
BOB = ("198.51.100.2", 5000)
STRANGER = ("198.51.100.66", 6000)
BOB6 = ("2001:db8:b::2", 5000, 0, 0)
# Where the two sides of the first relay listen, and the SSRCs that the parties see.
TO_ALICE, TO_BOB = 8000, 8002
SEEN_BY_BOB, SEEN_BY_ALICE = 0x01000000, 0x04000000


def at(address: Any, *codecs: Codec, **fields: Any) -> SessionDescription:
    return SessionDescription(codecs or (PCMU,), TransportAddress(*address[:2]), **fields)


def rtp(sequence: int = 1, ssrc: int = 0xAAAA, payloadType: int = 0, marker: bool = False) -> bytes:
    return RTPPacket(payloadType, sequence, sequence * 160, ssrc, b"p" * 160, marker).pack()


def receiverReport(ssrc: int, about: int, highest: int = 9) -> bytes:
    return pack("!BBHIIIIIII", 0x81, 201, 7, ssrc, about, 0, highest, 0, 0, 0)


class RelayTestCase(SynchronousTestCase):
    """Alice, the caller, and Bob, the callee, are joined by a relay."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.network = FakeNetwork()
        self.engine = makeEngine(self.clock, self.network)
        relay = self.engine.allocate("call-1")
        assert isinstance(relay, Relay)
        self.relay = relay
        self.events: list[Any] = []
        observer: Any = self.events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def connectBoth(self) -> None:
        self.relay.caller.local(ALICE[0])
        self.relay.caller.connect(at(ALICE))
        self.relay.callee.local(BOB[0])
        self.relay.callee.connect(at(BOB))

    def fromAlice(self, datagram: bytes, source: Any = ALICE, port: int = TO_ALICE) -> None:
        self.network.deliver(datagram, source, port)

    def fromBob(self, datagram: bytes, source: Any = BOB, port: int = TO_BOB) -> None:
        self.network.deliver(datagram, source, port)

    def heard(self, place: Any) -> list[RTPPacket]:
        return [RTPPacket.parse(datagram) for datagram in self.network.sentTo(place)]

    def pump(self, seconds: float) -> None:
        self.clock.pump([0.02] * round(seconds / 0.02))

    def lines(self, text: str) -> int:
        return sum(text in (event["log_format"] or "") for event in self.events)
