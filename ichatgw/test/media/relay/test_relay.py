# -*- test-case-name: ichatgw.test.media.relay.test_relay -*-
"""
Tests for L{ichatgw.media.relay.relay} and L{ichatgw.media.relay.side}, through the sockets.
"""

from __future__ import annotations

import errno
import socket
from typing import Any

from attrs import evolve
from zope.interface.verify import verifyObject

from ichatgw.errors import Congested
from ichatgw.interfaces import IMediaSide, IRelay
from ichatgw.media.relay.filter import BlockedMedia
from ichatgw.media.rtp.rtp import RTPPacket
from ichatgw.model import PCMU, Codec, Direction, Tone
from ichatgw.test.marks import slow
from ichatgw.test.support.media.fakes import OURS, OURS6
from ichatgw.test.support.media.relays import (
    ALICE,
    BOB,
    BOB6,
    SEEN_BY_ALICE,
    SEEN_BY_BOB,
    STRANGER,
    TO_ALICE,
    TO_BOB,
    RelayTestCase,
    at,
    rtp,
)


class ForwardingTests(RelayTestCase):
    """What comes in at one side goes out at the other."""

    def test_interfaces(self) -> None:
        """It is what a call expects."""
        self.assertTrue(verifyObject(IRelay, self.relay))
        self.assertTrue(verifyObject(IMediaSide, self.relay.caller))

    def test_local(self) -> None:
        """Each side has its own even port, open with the one above when it is told, and always the same."""
        self.assertEqual(str(self.relay.caller.local(ALICE[0])), f"{OURS}:8000")
        self.assertEqual(self.network.bound(), {(socket.AF_INET, 8000), (socket.AF_INET, 8001)})
        self.assertEqual(str(self.relay.callee.local(BOB6[0])), f"[{OURS6}]:8002")
        self.assertEqual(str(self.relay.caller.local(BOB[0])), f"{OURS}:8000")

    def test_bothWays(self) -> None:
        """A packet arrives as it was sent, but with the SSRC of the receiving side; it leaves from that side's port."""
        self.connectBoth()
        packet = RTPPacket(0, 65535, 0xFFFFFFFF, 0xAAAA, bytes(range(160)), True)
        self.fromAlice(packet.pack())
        self.assertEqual(self.network.at(TO_BOB).sent, [(evolve(packet, ssrc=SEEN_BY_BOB).pack(), BOB)])
        self.fromBob(packet.pack())
        self.assertEqual(self.network.at(TO_ALICE).sent, [(evolve(packet, ssrc=SEEN_BY_ALICE).pack(), ALICE)])

    def test_otherParty(self) -> None:
        """
        A side whose party had media that was protected passes nothing when that party has gone, until another one has
        it that is said to have plain media.
        """
        self.connectBoth()
        side = self.relay.callee
        guard = BlockedMedia(side.arriving)
        side.guard(guard)
        side.unguard(guard)
        side.connect(at(STRANGER))
        self.fromBob(rtp(1), STRANGER)
        self.assertEqual(self.heard(ALICE), [])
        side.protect(None, self.fail)
        self.fromBob(rtp(2), STRANGER)
        self.fromAlice(rtp(1))
        self.assertEqual((len(self.heard(ALICE)), len(self.heard(STRANGER))), (1, 1))

    def test_families(self) -> None:
        """One party may have IPv4 and the other IPv6."""
        self.relay.caller.local(ALICE[0])
        self.relay.caller.connect(at(ALICE))
        self.relay.callee.local(BOB6[0])
        self.relay.callee.connect(at(BOB6))
        self.fromAlice(rtp())
        self.assertEqual(len(self.heard(BOB6)), 1)
        self.fromBob(rtp(), BOB6)
        self.assertEqual(len(self.heard(ALICE)), 1)

    def test_otherFamilyThanShown(self) -> None:
        """A party that was shown an IPv4 address and says it is at an IPv6 one is sent to from a socket of that."""
        self.connectBoth()
        self.relay.callee.connect(at(BOB6))
        self.fromAlice(rtp())
        self.assertEqual(len(self.heard(BOB6)), 1)

    def test_otherFamilyNotToBeHad(self) -> None:
        """If no socket of the family can be had, nothing is sent and nothing breaks."""
        self.connectBoth()
        self.network.bindError = OSError(errno.EMFILE, "too many")
        self.relay.callee.connect(at(BOB6))
        self.fromAlice(rtp())
        self.assertEqual(self.heard(BOB6), [])
        self.assertEqual(self.lines("no media for the"), 1)

    def test_sizes(self) -> None:
        """Up to 2048 bytes pass; more do not, and less than a header does not."""
        self.connectBoth()
        head = rtp()[:12]
        for size, passes in (
            (11, False),
            (12, True),
            (998, True),
            (999, True),
            (2048, True),
            (2049, False),
            (9000, False),
        ):
            self.fromAlice(head.ljust(size, b"x")[:size])
            self.assertEqual([len(one) for one in self.network.sentTo(BOB)], [size] if passes else [], size)

    def test_junk(self) -> None:
        """What is not RTP version 2 is dropped, even from the party."""
        self.connectBoth()
        self.fromAlice(rtp())
        self.heard(BOB)
        for first in (0x00, 0x01, 0x16, 0x40, 0x7F, 0xC0, 0xFF):
            self.fromAlice(bytes([first]) + rtp()[1:])
        self.fromAlice(b"")
        self.assertEqual(self.heard(BOB), [])
        self.assertEqual(dict(self.relay.caller.arriving.dropped), {"STUN": 2, "DTLS": 1, "OTHER": 5})

    def test_notBeforeKnown(self) -> None:
        """Nothing is sent to a party that has not said where it is, and it is not learned from its early packets."""
        self.relay.caller.local(ALICE[0])
        self.relay.caller.connect(at(ALICE))
        self.relay.callee.local(BOB[0])
        self.fromBob(rtp())
        self.fromAlice(rtp())
        self.pump(3)
        self.assertEqual([s.sent for s in self.network.sockets if s.bound and s.bound[1] == TO_BOB], [[]])
        self.assertEqual([p for p in self.heard(ALICE) if p.payload != b"\xff" * 160], [])

    def test_notBeforeShown(self) -> None:
        """Nothing is sent to a party before it was told where we are."""
        self.relay.caller.connect(at(ALICE))
        self.relay.callee.local(BOB[0])
        self.relay.callee.connect(at(BOB))
        self.fromBob(rtp())
        self.pump(3)
        self.assertEqual(self.network.sentTo(ALICE), [])
        self.relay.caller.local(ALICE[0])
        self.fromBob(rtp(2))
        self.assertEqual(len(self.heard(ALICE)), 1)

    def test_unsendable(self) -> None:
        """A packet that the system does not take is lost, and the next one is not."""
        self.connectBoth()
        self.network.at(TO_BOB).sendError = OSError(errno.ENOBUFS, "full")
        self.fromAlice(rtp(1))
        self.network.at(TO_BOB).sendError = None
        self.fromAlice(rtp(2))
        self.assertEqual([packet.sequence for packet in self.heard(BOB)], [2])

    def test_hold(self) -> None:
        """A party that does not listen is sent nothing; one that does not speak is heard if it does."""
        self.connectBoth()
        for direction, listens in (
            (Direction.SENDONLY, False),
            (Direction.RECVONLY, True),
            (Direction.INACTIVE, False),
            (Direction.SENDRECV, True),
        ):
            self.relay.callee.hold(direction)
            self.fromAlice(rtp())
            self.assertEqual(len(self.heard(BOB)), listens, direction)
            self.relay.callee.connect(at(BOB, direction=direction))
            self.fromAlice(rtp())
            self.assertEqual(len(self.heard(BOB)), listens, direction)
            self.fromBob(rtp())
            self.assertEqual(len(self.heard(ALICE)), 1)

    def test_flood(self) -> None:
        """Far more packets than any call has are a loop or an attack: forwarding ends until the party is moved."""
        self.connectBoth()
        for _ in range(501):
            self.fromAlice(rtp())
        self.clock.advance(0.1)
        self.heard(BOB)
        self.fromAlice(rtp())
        self.assertEqual(self.heard(BOB), [])
        self.relay.callee.connect(at(BOB))
        self.fromAlice(rtp())
        self.assertEqual(len(self.heard(BOB)), 1)


class PayloadTypeTests(RelayTestCase):
    """Each party keeps its own numbers."""

    EVENTS = Codec("telephone-event", 8000, 101)

    def test_mapped(self) -> None:
        """A codec that the parties number differently is renumbered each way; the marker stays."""
        self.connectBoth()
        self.relay.caller.connect(at(ALICE, PCMU, self.EVENTS))
        self.relay.callee.connect(at(BOB, PCMU, evolve(self.EVENTS, payloadType=96)))
        self.fromAlice(rtp(1, payloadType=101, marker=True))
        self.fromAlice(rtp(2, payloadType=101))
        self.fromAlice(rtp(3, payloadType=0))
        self.fromBob(rtp(1, payloadType=96))
        self.assertEqual([(p.payloadType, p.marker) for p in self.heard(BOB)], [(96, True), (96, False), (0, False)])
        self.assertEqual([p.payloadType for p in self.heard(ALICE)], [101])

    def test_unknown(self) -> None:
        """What the receiver does not have, or nobody has named, is not passed on."""
        self.connectBoth()
        self.relay.caller.connect(at(ALICE, PCMU, Codec("G722", 8000, 9)))
        for payloadType in (9, 13, 97, 0):
            self.fromAlice(rtp(1, payloadType=payloadType))
        self.assertEqual([p.payloadType for p in self.heard(BOB)], [0])
        self.assertEqual(self.relay.caller.arriving.dropped["of unknown formats"], 3)

    def test_unheardKeys(self) -> None:
        """Keys of a party whose other party takes none in its media are told, until that one does."""
        tones: list[Tone] = []
        self.connectBoth()
        self.relay.caller.listen(tones.append)
        self.relay.caller.connect(at(ALICE, PCMU, self.EVENTS))
        key = RTPPacket(101, 1, 160, 0xAAAA, bytes.fromhex("05800640")).pack()
        self.fromAlice(key)
        self.fromAlice(rtp(2))
        self.assertEqual((tones, [packet.payloadType for packet in self.heard(BOB)]), ([Tone("5", 200)], [0]))
        self.relay.callee.connect(at(BOB, PCMU, self.EVENTS))
        self.fromAlice(RTPPacket(101, 3, 900, 0xAAAA, bytes.fromhex("06800640")).pack())
        self.assertEqual((len(tones), [packet.payloadType for packet in self.heard(BOB)]), (1, [101]))
        self.relay.close()
        self.assertIsNone(self.relay.caller.heard)

    def test_ownNumbers(self) -> None:
        """A party sends by the numbers that it was told; one that sends by its own is understood as well."""
        self.connectBoth()
        self.relay.caller.connect(at(ALICE, PCMU, self.EVENTS), (PCMU, evolve(self.EVENTS, payloadType=97)))
        self.relay.callee.connect(at(BOB, PCMU, evolve(self.EVENTS, payloadType=96)))
        self.fromAlice(rtp(1, payloadType=97))
        self.fromAlice(rtp(2, payloadType=101))
        self.assertEqual([p.payloadType for p in self.heard(BOB)], [96, 96])

    def test_unknownIsSilence(self) -> None:
        """A party that is sent only what it does not know is fed all the same, without a break."""
        self.connectBoth()
        for sequence in range(100):
            self.fromAlice(rtp(sequence, payloadType=13))
            self.pump(0.02)
        packets = self.heard(BOB)
        self.assertGreater(len(packets), 80)
        numbers = [packet.sequence for packet in packets]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))

    @slow
    def test_clocks(self) -> None:
        """Events between a phone and a browser: each has its numbers, its clock, and one stream with its audio."""
        opus, theirs = Codec("opus", 48000, 96, 2), Codec("telephone-event", 8000, 101)
        self.connectBoth()
        self.relay.caller.connect(at(ALICE, evolve(opus, payloadType=111), Codec("telephone-event", 48000, 110)))
        self.relay.callee.connect(at(BOB, opus, theirs))
        self.fromAlice(RTPPacket(111, 1, 960, 7, b"opus").pack())
        self.fromAlice(RTPPacket(110, 2, 1920, 7, b"\x05\x0a\x03\xc0", True).pack())
        self.fromAlice(RTPPacket(110, 3, 1920, 7, b"\x05\x8a\x07\x80").pack())
        self.fromAlice(RTPPacket(111, 4, 2880, 7, b"opus").pack())
        self.assertEqual(
            [(p.payloadType, p.sequence, p.timestamp, p.payload.hex(), p.marker) for p in self.heard(BOB)],
            [
                (96, 1, 960, b"opus".hex(), False),
                (101, 2, 1920, "050a00a0", True),
                (101, 3, 1920, "058a0140", False),
                (96, 4, 2880, b"opus".hex(), False),
            ],
        )
        self.fromBob(RTPPacket(101, 2, 5000, 7, b"\x05\x0a\x00\xa0", True).pack())
        self.assertEqual([(p.payloadType, p.payload.hex()) for p in self.heard(ALICE)], [(110, "050a03c0")])


class CloseTests(RelayTestCase):
    """L{Relay.close}."""

    def test_nothingLeft(self) -> None:
        """No socket, reader or timer is left, whatever was going on."""
        self.connectBoth()
        self.pump(3)
        self.relay.close()
        self.relay.close()
        self.assertEqual((self.network.sockets, self.network.readers, self.clock.getDelayedCalls()), ([], [], []))
        self.assertEqual(self.engine.live, 0)

    def test_deaf(self) -> None:
        """A closed relay takes orders that come late, and gives no address."""
        self.connectBoth()
        self.relay.close()
        self.relay.caller.connect(at(ALICE))
        self.relay.caller.hold(Direction.SENDRECV)
        self.assertRaises(Congested, self.relay.caller.local, ALICE[0])
        self.pump(2)
        self.assertEqual((self.network.sockets, self.clock.getDelayedCalls()), ([], []))

    @property
    def summaries(self) -> list[Any]:
        return [event for event in self.events if "packets from the caller" in (event["log_format"] or "")]

    def test_neverAnswered(self) -> None:
        """Of a call that had no media nothing is said; of one that was answered, and where nothing came, it is."""
        self.relay.close()
        self.assertEqual(self.summaries, [])

    def test_nothingCame(self) -> None:
        """Both were answered and neither sent: that is worth a line."""
        self.connectBoth()
        self.pump(3)
        self.relay.close()
        [event] = self.summaries
        self.assertEqual((event["fromCaller"], event["fromCallee"]), (0, 0))

    def test_summary(self) -> None:
        """One line says what passed."""
        self.connectBoth()
        self.fromAlice(rtp())
        self.fromAlice(rtp(2))
        self.fromBob(rtp())
        self.fromBob(rtp(), STRANGER)
        self.relay.close()
        self.relay.close()
        [event] = self.summaries
        self.assertEqual(
            (event["call"], event["fromCaller"], event["fromCallee"], event["dropped"]),
            ("call-1", 2, 1, "1 stranger"),
        )
