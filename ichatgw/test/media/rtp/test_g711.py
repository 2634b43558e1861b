# -*- test-case-name: ichatgw.test.media.rtp.test_g711 -*-
"""
Tests for L{ichatgw.media.rtp.g711} and L{ichatgw.media.rtp.payloadtypes.Law}: G.711 both ways.
"""

from __future__ import annotations

from math import pi, sin

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.media.rtp import g711
from ichatgw.media.rtp.g711 import ALAW_TO_ULAW, ULAW_TO_ALAW
from ichatgw.media.rtp.rtp import RTPPacket
from ichatgw.model import PCMA, PCMU, Codec
from ichatgw.test.support.media.relays import ALICE, BOB, RelayTestCase, at, rtp

EVENTS = Codec("telephone-event", 8000, 101)
NOISE = Codec("CN", 8000, 13)


class TableTests(SynchronousTestCase):
    """One octet for each."""

    def test_known(self) -> None:
        """Silence, the loudest and some in between are what ITU-T G.711 has for them."""
        for ulaw, alaw in ((0xFF, 0xD5), (0x7F, 0x55), (0x80, 0xAA), (0x00, 0x2A), (0xE7, 0xC5), (0x8F, 0xA5)):
            self.assertEqual(ULAW_TO_ALAW[ulaw], alaw, hex(ulaw))
        for alaw, ulaw in ((0xAA, 0x80), (0x2A, 0x00), (0xD5, 0xFE), (0x55, 0x7E)):
            self.assertEqual(ALAW_TO_ULAW[alaw], ulaw, hex(alaw))

    def test_order(self) -> None:
        """What is louder stays louder or equal, and signs stay."""
        for table, values, others in (
            (ULAW_TO_ALAW, g711._ULAW, g711._ALAW),
            (ALAW_TO_ULAW, g711._ALAW, g711._ULAW),
        ):
            for negative in (True, False):
                octets = sorted((v[1], octet) for octet, v in enumerate(values) if v[0] is negative)
                made = [others[table[octet]] for _, octet in octets]
                self.assertEqual({sign for sign, _ in made}, {negative})
                self.assertEqual([size for _, size in made], sorted(size for _, size in made))

    def test_tone(self) -> None:
        """A tone goes there and back with less than a hundredth of its power as noise."""

        def octet(value: int) -> int:
            return min(range(256), key=lambda each: abs(_value(g711._ULAW[each]) - value))

        heard = bytes(octet(round(3000 * sin(2 * pi * 440 * n / 8000))) for n in range(160))
        back = heard.translate(ULAW_TO_ALAW).translate(ALAW_TO_ULAW)
        pairs = [(_value(g711._ULAW[a]), _value(g711._ULAW[b])) for a, b in zip(heard, back, strict=True)]
        self.assertLess(sum((a - b) ** 2 for a, b in pairs), sum(a * a for a, _ in pairs) / 100)


def _value(sample: tuple[bool, int]) -> int:
    return -sample[1] if sample[0] else sample[1]


class RelayTests(RelayTestCase):
    """Alice has mu-law only, Bob A-law only."""

    def setUp(self) -> None:
        super().setUp()
        self.connectBoth()
        self.relay.caller.connect(at(ALICE, PCMU, EVENTS, NOISE))
        self.relay.callee.connect(at(BOB, PCMA, EVENTS, NOISE))

    def test_bothWays(self) -> None:
        """Each hears the other one by its own law and number, and the marker stays."""
        self.fromAlice(rtp(1, payloadType=0, marker=True))
        self.fromBob(rtp(1, payloadType=8))
        (bob,), (alice,) = self.heard(BOB), self.heard(ALICE)
        self.assertEqual((bob.payloadType, bob.marker, bob.payload), (8, True, bytes([ULAW_TO_ALAW[0x70]]) * 160))
        self.assertEqual((alice.payloadType, alice.payload), (0, bytes([ALAW_TO_ULAW[0x70]]) * 160))

    def test_othersPass(self) -> None:
        """Keys and comfort noise are what they were."""
        for payloadType in (101, 13):
            self.fromAlice(rtp(1, payloadType=payloadType))
            (heard,) = self.heard(BOB)
            self.assertEqual((heard.payloadType, heard.payload), (payloadType, b"p" * 160))

    def test_sameLawPasses(self) -> None:
        """What the receiver has is not touched, though it has the other law as well."""
        self.relay.callee.connect(at(BOB, PCMA, PCMU))
        self.fromAlice(rtp(1, payloadType=0))
        self.assertEqual([(p.payloadType, p.payload) for p in self.heard(BOB)], [(0, b"p" * 160)])

    def test_ownNumbers(self) -> None:
        """Any number may stand for a law, and any clock."""
        for rate in (8000, 16000):
            self.relay.caller.connect(at(ALICE, evolve(PCMU, payloadType=97, clockRate=rate)))
            self.relay.callee.connect(at(BOB, evolve(PCMA, payloadType=98, clockRate=rate)))
            self.fromAlice(rtp(1, payloadType=97))
            self.assertEqual([p.payloadType for p in self.heard(BOB)], [98])
        self.relay.callee.connect(at(BOB, evolve(PCMA, payloadType=98)))
        self.fromAlice(rtp(2, payloadType=97))
        self.assertEqual(self.heard(BOB), [], "another clock is another format")

    def test_header(self) -> None:
        """Sources, extensions and padding are not audio."""
        packet = RTPPacket(0, 1, 160, 7, b"p" * 20).pack()
        extended = b"\xb1" + packet[1:12] + b"SRCE" + b"\xbe\xde\0\1EXTN" + b"ppp" + b"\0\0\0\4"
        self.fromAlice(extended)
        (heard,) = self.network.sentTo(BOB)
        self.assertEqual(heard[12:], b"SRCE\xbe\xde\0\1EXTN" + bytes([ULAW_TO_ALAW[0x70]]) * 3 + b"\0\0\0\4")
        for wrong in (b"\xa0" + packet[1:-1] + b"\xff", b"\x8f" + packet[1:20]):
            self.fromAlice(wrong)
        self.assertEqual(self.network.sentTo(BOB), [])

    def test_silence(self) -> None:
        """What is fed is silence in the law of who hears it."""
        self.pump(0.5)
        self.assertEqual({(p.payloadType, p.payload) for p in self.heard(BOB)}, {(8, b"\xd5" * 160)})
