"""
Tests for L{ichatgw.media.relay} and L{ichatgw.media.side}, through the sockets.
"""

from __future__ import annotations

import errno
import socket
from struct import pack
from typing import Any

from attrs import evolve
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.errors import Congested
from ichatgw.interfaces import IMediaSide, IRelay
from ichatgw.media.relay import Relay
from ichatgw.media.rtp import RTPPacket
from ichatgw.model import PCMU, Codec, Direction, SessionDescription, TransportAddress
from ichatgw.test.media_fakes import OURS, OURS6, FakeNetwork, makeEngine

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
        self.relay.caller.connect(at(ALICE, PCMU, Codec("PCMA", 8000, 8)))
        for payloadType in (8, 13, 97, 0):
            self.fromAlice(rtp(1, payloadType=payloadType))
        self.assertEqual([p.payloadType for p in self.heard(BOB)], [0])
        self.assertEqual(self.relay.caller.arriving.dropped["of unknown formats"], 3)

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


class LatchingTests(RelayTestCase):
    """Symmetric RTP: who is taken for the party."""

    NATTED = ("203.0.113.9", 40404)

    def setUp(self) -> None:
        super().setUp()
        self.connectBoth()

    def test_nat(self) -> None:
        """A party that sends from elsewhere than it said is sent to there."""
        self.fromBob(rtp(), self.NATTED)
        self.fromAlice(rtp())
        self.assertEqual((len(self.heard(ALICE)), len(self.heard(self.NATTED)), self.heard(BOB)), (1, 1, []))

    def test_signalledWins(self) -> None:
        """Who comes from the signalled address is the party, whoever came before."""
        self.fromBob(rtp(), self.NATTED)
        self.fromBob(rtp())
        self.fromBob(rtp(), self.NATTED)
        self.fromAlice(rtp())
        self.assertEqual((len(self.heard(ALICE)), len(self.heard(BOB)), self.heard(self.NATTED)), (2, 1, []))

    def test_thirdSender(self) -> None:
        """Another sender is ignored, with one line in the log however much it sends."""
        self.fromBob(rtp())
        for sequence in range(50):
            self.fromBob(rtp(sequence), STRANGER)
        self.assertEqual(len(self.heard(ALICE)), 1)
        self.fromAlice(rtp())
        self.assertEqual(len(self.heard(BOB)), 1)
        self.assertEqual(self.relay.callee.arriving.dropped["stranger"], 50)
        self.assertEqual(self.lines("is dropped"), 1)

    def test_otherPartyIsNoParty(self) -> None:
        """A party that sends to the other's port is a third sender there."""
        self.fromBob(rtp())
        self.fromBob(rtp(), ALICE)
        self.assertEqual(len(self.heard(ALICE)), 1)

    def test_nothingLearnedFromJunk(self) -> None:
        """Only well-formed RTP shows where the party is."""
        for datagram in (
            b"",
            b"\x00\x01\x00\x00\x21\x12\xa4\x42" + b"t" * 12,
            b"\x16\xfe\xff" + b"d" * 40,
            b"\r\n\r\n",
            b"OPTIONS sip:x SIP/2.0\r\n\r\n",
            b"\xc0" + rtp()[1:],
            rtp()[:11],
            b"\x9f" + rtp()[1:30],
            b"\xa0" + rtp()[1:-1] + b"\xff",
            receiverReport(1, 2),
            b"x" * 3000,
        ):
            self.fromBob(datagram, STRANGER)
        self.fromBob(receiverReport(1, 2), STRANGER, TO_BOB + 1)
        self.fromAlice(rtp())
        self.assertEqual((len(self.heard(BOB)), self.heard(STRANGER)), (1, []))
        self.fromBob(rtp())
        self.assertEqual(len(self.heard(ALICE)), 1)

    def test_relatchAfterSilence(self) -> None:
        """A party that fell silent for two seconds may go on from elsewhere, not before; it is reached meanwhile."""
        self.fromBob(rtp(), self.NATTED)
        self.pump(1.9)
        self.fromBob(rtp(), STRANGER)
        self.fromAlice(rtp())
        self.assertEqual(len([p for p in self.heard(self.NATTED) if p.ssrc == SEEN_BY_BOB]) > 0, True)
        self.pump(0.2)
        self.heard(ALICE)
        self.assertEqual(self.heard(STRANGER), [])
        self.fromBob(rtp(), STRANGER)
        self.fromAlice(rtp(2))
        self.assertEqual((len(self.heard(ALICE)), len(self.heard(STRANGER))), (1, 1))

    def test_returnAfterSilence(self) -> None:
        """A party that fell silent goes on from where it was."""
        self.fromBob(rtp(), self.NATTED)
        self.pump(5)
        self.heard(ALICE)
        self.fromBob(rtp(), self.NATTED)
        self.fromBob(rtp(), STRANGER)
        self.assertEqual(len(self.heard(ALICE)), 1)

    def test_moved(self) -> None:
        """A party that says it has moved is sent to there at once, and no more known from where it was."""
        self.fromBob(rtp())
        elsewhere = ("198.51.100.22", 5500)
        self.relay.callee.connect(at(elsewhere))
        self.fromAlice(rtp())
        self.assertEqual((len(self.heard(elsewhere)), self.heard(BOB)), (1, []))
        self.fromBob(rtp(), elsewhere)
        self.fromBob(rtp())
        self.assertEqual(len(self.heard(ALICE)), 2)

    def test_saidAgain(self) -> None:
        """A party that says the same again is still where it was learned to be."""
        self.fromBob(rtp(), self.NATTED)
        self.relay.callee.connect(at(BOB))
        self.relay.callee.connect(SessionDescription((PCMU,)))
        self.fromAlice(rtp())
        self.assertEqual((len(self.heard(self.NATTED)), self.heard(BOB)), (1, []))

    def test_addressNotSaid(self) -> None:
        """A party that has not said where it is, is found by its first valid packet."""
        relay = self.engine.allocate("call-2")
        relay.caller.local(ALICE[0])
        relay.caller.connect(at(ALICE))
        port = relay.callee.local(BOB[0]).port
        relay.callee.connect(SessionDescription((PCMU,)))
        self.fromBob(b"\0\1" + b"s" * 20, STRANGER, port)
        self.fromBob(rtp(), BOB, port)
        self.assertEqual(len(self.heard(ALICE)), 1)
        self.assertIsInstance(relay, Relay)
        self.network.deliver(rtp(), ALICE, 8004)
        self.assertEqual(len(self.heard(BOB)), 1)

    def test_nowhere(self) -> None:
        """A party that names no place of one host is not sent to."""
        for host, port in (("0.0.0.0", 5000), ("239.1.1.1", 5000), ("198.51.100.2", 0)):
            self.relay.callee.connect(at((host, port)))
            self.fromAlice(rtp())
            self.pump(1.5)
        self.assertEqual(self.network.at(TO_BOB).sent, [])
        self.assertEqual(self.network.at(TO_BOB + 1).sent, [])

    def test_quiet(self) -> None:
        """It can be asked for how long a party has sent nothing."""
        self.fromBob(rtp())
        self.pump(0.2)
        self.assertLess(self.relay.callee.quiet, 0.3)
        self.pump(5)
        self.assertApproximates(self.relay.callee.quiet, 5.1, 0.11)


class ControlTests(RelayTestCase):
    """RTCP passes in the numbers that the other party knows."""

    CONTROL_ALICE = (ALICE[0], ALICE[1] + 1)
    CONTROL_BOB = (BOB[0], BOB[1] + 1)

    def setUp(self) -> None:
        super().setUp()
        self.connectBoth()
        self.fromAlice(rtp(ssrc=0xAAAA))
        self.fromBob(rtp(ssrc=0xBBBB))
        self.heard(ALICE)
        self.heard(BOB)

    def test_report(self) -> None:
        """A report names the stream as its source does, and comes from the one that the other party hears."""
        self.fromBob(receiverReport(0xBBBB, SEEN_BY_BOB), self.CONTROL_BOB, TO_BOB + 1)
        self.assertEqual(
            self.network.at(TO_ALICE + 1).sent, [(receiverReport(SEEN_BY_ALICE, 0xAAAA), self.CONTROL_ALICE)]
        )

    def test_onePort(self) -> None:
        """An iChat sends RTCP from and to its one port; it is no RTP, and answers go where it came from."""
        place = TransportAddress(*BOB)
        self.relay.callee.connect(at(BOB, rtcp=place))
        self.fromAlice(receiverReport(0xAAAA, 0), self.CONTROL_ALICE, TO_ALICE + 1)
        self.assertEqual(self.network.at(TO_BOB).sent, [(receiverReport(SEEN_BY_BOB, 0), BOB)])
        self.fromBob(rtp(ssrc=0xBBBB))
        self.fromBob(receiverReport(0xBBBB, SEEN_BY_BOB))
        self.assertEqual(
            self.network.at(TO_ALICE + 1).sent, [(receiverReport(SEEN_BY_ALICE, 0xAAAA), self.CONTROL_ALICE)]
        )
        self.fromAlice(receiverReport(0xAAAA, 1), self.CONTROL_ALICE, TO_ALICE + 1)
        self.assertEqual(self.network.at(TO_BOB).sent[-1], (receiverReport(SEEN_BY_BOB, 1), BOB))

    def test_strangers(self) -> None:
        """RTCP from elsewhere is dropped, on both ports."""
        self.fromBob(receiverReport(1, 2), STRANGER, TO_BOB + 1)
        self.fromBob(receiverReport(1, 2), STRANGER)
        self.assertEqual(self.network.sentTo(self.CONTROL_ALICE), [])
        self.assertEqual(self.relay.callee.arriving.dropped["stranger"], 2)

    def test_malformed(self) -> None:
        """Broken RTCP, or anything else on its port, is dropped."""
        self.fromBob(receiverReport(1, 2)[:-4], self.CONTROL_BOB, TO_BOB + 1)
        self.fromBob(rtp(), self.CONTROL_BOB, TO_BOB + 1)
        self.fromBob(b"", self.CONTROL_BOB, TO_BOB + 1)
        self.fromBob(b"\x80\xc8".ljust(2500, b"\0"), self.CONTROL_BOB, TO_BOB + 1)
        self.assertEqual(self.network.sentTo(self.CONTROL_ALICE), [])
        self.assertEqual(dict(self.relay.callee.arriving.dropped), {"malformed RTCP": 1, "not RTCP": 3})

    def test_nat(self) -> None:
        """RTCP from another port of the host that RTP comes from is the party's; it is answered there."""
        self.relay.callee.connect(at((BOB[0], 9)))
        self.fromBob(rtp(), BOB)
        natted = (BOB[0], 31313)
        self.fromBob(receiverReport(0xBBBB, 0), natted, TO_BOB + 1)
        self.fromAlice(receiverReport(0xAAAA, 0), self.CONTROL_ALICE, TO_ALICE + 1)
        self.assertEqual(len(self.network.sentTo(natted)), 1)

    def test_counts(self) -> None:
        """A sender report counts what we sent, silence included, in timestamps of ours."""
        self.pump(2)
        self.fromAlice(rtp(5, ssrc=0xAAAA))
        packets = self.heard(BOB)
        report = pack("!BBHIIIIII", 0x80, 200, 6, 0xAAAA, 1, 2, 5 * 160, 77, 88)
        self.fromAlice(report, self.CONTROL_ALICE, TO_ALICE + 1)
        count = len(packets) + 1
        self.assertEqual(
            self.network.sentTo(self.CONTROL_BOB),
            [pack("!BBHIIIIII", 0x80, 200, 6, SEEN_BY_BOB, 1, 2, packets[-1].timestamp, count, count * 160)],
        )

    def test_unsendable(self) -> None:
        """RTCP that cannot be sent is lost."""
        self.network.at(TO_ALICE + 1).sendError = OSError(errno.EPERM, "no")
        self.fromBob(receiverReport(0xBBBB, SEEN_BY_BOB), self.CONTROL_BOB, TO_BOB + 1)
        self.assertEqual(self.relay.callee.arriving.dropped["unsendable"], 1)

    def test_notBeforeKnown(self) -> None:
        """Nothing is sent to a party whose place for RTCP is not known."""
        self.relay.callee.connect(at((BOB[0], 65535)))
        self.fromAlice(receiverReport(0xAAAA, 0), self.CONTROL_ALICE, TO_ALICE + 1)
        self.assertEqual([s.sent for s in self.network.sockets], [[]] * 4)


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
