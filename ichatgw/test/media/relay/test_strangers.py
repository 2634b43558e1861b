# -*- test-case-name: ichatgw.test.media.relay.test_strangers -*-
"""
Somebody who has no part in a call sends to all ports at the pace of speech for as long as it lasts.
"""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.media.relay.relay import Relay
from ichatgw.media.rtp.rtp import RTPPacket
from ichatgw.model import Direction, Whereabouts
from ichatgw.test.marks import slow
from ichatgw.test.support.media.fakes import FakeNetwork, makeEngine
from ichatgw.test.support.media.relays import ALICE, STRANGER, at

TRIES = 100
STEP = 0.02
STEPS = 90
# Bob speaks from that step on, and holds for these.
SPEAKS, HOLDS = 25, range(55, 75)
NAT = "192.0.2.77"
# What Bob says of himself, where his packets come from, and where his messages do.
PARTIES = (
    (("198.51.100.2", 5000), ("198.51.100.2", 5000), Whereabouts(("198.51.100.2",), isSure=True)),
    (("198.51.100.2", 5000), ("198.51.100.2", 5062), Whereabouts(("198.51.100.2",), isSure=True)),
    (("9.9.9.9", 5000), ("9.9.9.9", 5000), Whereabouts(("192.0.2.1",))),
    (("192.168.1.5", 5000), (NAT, 41234), Whereabouts((NAT,), isSure=True)),
    (("192.168.1.5", 5000), (NAT, 41234), Whereabouts(("192.0.2.1", NAT), isSure=True)),
)


def packet(letter: bytes, sequence: int, ssrc: int, payloadType: int = 0) -> bytes:
    return RTPPacket(payloadType, sequence & 0xFFFF, sequence * 160 & 0xFFFFFFFF, ssrc, letter * 160).pack()


class _Sprayer:
    """Sends to each port, by one of the ways that there are."""

    def __init__(self, random: Random, network: FakeNetwork) -> None:
        self._network = network
        self._sequence = random.randrange(65536)
        self._ssrc = random.choice([0xB0B, random.getrandbits(32)])
        self._rotates = random.random() < 0.3
        self._payloadType = random.choice([0, 0, 0, 8, 101])
        self._control = random.random() < 0.3

    def spray(self) -> None:
        self._sequence += 1
        host, port = STRANGER
        source = (host, port + self._sequence % 4) if self._rotates else STRANGER
        for _, number in list(self._network.bound()):
            datagram = packet(b"x", self._sequence, self._ssrc, self._payloadType)
            self._network.deliver(datagram, source, number)
            if self._control:
                self._network.deliver(b"\x80\xc9\0\1" + b"xxxx", source, number)


class SprayTests(SynchronousTestCase):
    """A stranger who sends to all ports hears nothing, and nothing of it is heard."""

    def attempt(self, random: Random, isEarly: bool) -> None:
        """
        A call of less than two seconds: Bob says nothing at first, then he speaks, holds, and speaks again.

        @param isEarly: the stranger is there before the party has said where it is.
        """
        clock, network = Clock(), FakeNetwork()
        relay = makeEngine(clock, network).allocate("call")
        assert isinstance(relay, Relay)
        named, bob, whereabouts = random.choice(PARTIES)
        relay.caller.local(ALICE[0])
        relay.caller.connect(at(ALICE), None, Whereabouts((ALICE[0],), isSure=True))
        relay.callee.local(named[0])
        sprayer = _Sprayer(random, network)
        for _ in range(60 if isEarly else 0):
            sprayer.spray()
            clock.advance(STEP)
        relay.callee.connect(at(named), None, whereabouts)
        alice, heardByBob = 0, 0
        for step in range(STEPS):
            if step in (HOLDS.start, HOLDS.stop):
                direction = Direction.INACTIVE if step in HOLDS else Direction.SENDRECV
                relay.callee.connect(at(named, direction=direction), None, whereabouts)
            sprayer.spray()
            network.deliver(packet(b"a", step, 0xA11CE), ALICE, 8000)
            if step >= SPEAKS and step not in HOLDS:
                network.deliver(packet(b"b", step, 0xB0B), bob, 8002)
            clock.advance(STEP)
            alice += sum(b"bbb" in heard for heard in self.check(network, ALICE))
            heardByBob += sum(b"aaa" in heard for place in {named, bob} for heard in self.check(network, place))
        self.assertEqual(alice, STEPS - SPEAKS - len(HOLDS))
        self.assertGreaterEqual(heardByBob, alice - 1)
        dropped = relay.callee.arriving.dropped
        self.assertGreaterEqual(dropped["stranger"] + dropped["of unknown formats"], STEPS)

    def check(self, network: FakeNetwork, place: Any) -> list[bytes]:
        heard = network.sentTo(place)
        self.assertEqual([datagram for datagram in heard if b"xxx" in datagram], [])
        for port in range(4):
            self.assertEqual(network.sentTo((STRANGER[0], STRANGER[1] + port)), [])
        return heard

    @slow
    def test_fromTheAnswerOn(self) -> None:
        """Those who begin when the party answers."""
        for seed in range(TRIES // 10):
            self.attempt(Random(seed), isEarly=False)

    @slow
    def test_alwaysFromTheAnswerOn(self) -> None:
        """The same in a hundred of a hundred calls."""
        for seed in range(TRIES // 10, TRIES):
            self.attempt(Random(seed), isEarly=False)

    @slow
    def test_before(self) -> None:
        """Nor those who were there before."""
        for seed in range(TRIES // 10):
            self.attempt(Random(TRIES + seed), isEarly=True)

    @slow
    def test_alwaysBefore(self) -> None:
        """Nor they in a hundred of a hundred calls."""
        for seed in range(TRIES // 10, TRIES):
            self.attempt(Random(TRIES + seed), isEarly=True)
