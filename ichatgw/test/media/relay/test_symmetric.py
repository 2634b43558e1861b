# -*- test-case-name: ichatgw.test.media.relay.test_symmetric -*-
"""
Tests for L{ichatgw.media.relay.side}, through the sockets: who is taken for the party, wherever it says it is.
"""

from __future__ import annotations

from typing import Any

from ichatgw.media.relay.medialatch import RUN, Elsewhere
from ichatgw.media.relay.relay import Relay
from ichatgw.media.relay.side import Twice
from ichatgw.media.rtp.rtp import RTPPacket
from ichatgw.model import PCMU, Direction, SessionDescription, Whereabouts
from ichatgw.test.marks import slow
from ichatgw.test.support.media.fakes import makeEngine
from ichatgw.test.support.media.relays import ALICE, BOB, STRANGER, TO_BOB, RelayTestCase, at, receiverReport, rtp


class LatchingTests(RelayTestCase):
    """Symmetric RTP: who is taken for the party."""

    # Where a NAT lets Bob appear; his signalling comes from there.
    NATTED = ("203.0.113.9", 40404)
    SEEN = Whereabouts((NATTED[0],), isSure=True)
    # He is behind a server that tells nothing of his NAT.
    PROXIED = Whereabouts(("203.0.113.80",))

    def setUp(self) -> None:
        super().setUp()
        self.connectBoth()
        self.relay.callee.connect(at(BOB), None, self.SEEN)

    def talk(self, source: Any, packets: int = RUN, first: int = 1, ssrc: int = 0xBBBB, payloadType: int = 0) -> None:
        """So many packets of one stream, 20 ms apart; both ends go on in between."""
        for sequence in range(first, first + packets):
            self.fromBob(rtp(sequence, ssrc, payloadType), source)
            self.pump(0.02)

    def spoken(self, place: Any) -> list[RTPPacket]:
        """What was heard there, without the silence that is fed."""
        return [packet for packet in self.heard(place) if packet.payload.startswith(b"p")]

    def spray(self, source: Any = STRANGER, packets: int = 50) -> None:
        """Alice talks meanwhile."""
        for sequence in range(packets):
            self.fromAlice(rtp(sequence))
            self.talk(source, 1, sequence, 0x51AA)

    def test_nat(self) -> None:
        """A party that sends from elsewhere than it said, but from where its signalling comes, is sent to there."""
        self.fromBob(rtp(), self.NATTED)
        self.fromAlice(rtp())
        self.assertEqual((len(self.heard(ALICE)), len(self.heard(self.NATTED)), self.heard(BOB)), (1, 1, []))

    def test_signalledWins(self) -> None:
        """What comes from the signalled address is the party's, no matter what came before."""
        self.fromBob(rtp(), self.NATTED)
        self.fromBob(rtp())
        self.fromBob(rtp(), self.NATTED)
        self.fromAlice(rtp())
        self.assertEqual((len(self.heard(ALICE)), len(self.heard(BOB)), self.heard(self.NATTED)), (2, 1, []))

    def test_signalledHostWins(self) -> None:
        """The host that was signalled comes before the one of the signalling, whatever the port."""
        other = (BOB[0], BOB[1] + 10)
        self.fromBob(rtp(), self.NATTED)
        self.fromBob(rtp(), other)
        self.fromBob(rtp(), self.NATTED)
        self.assertEqual(len(self.heard(ALICE)), 2)

    def test_behindProxy(self) -> None:
        """
        If a server hides the NAT of a party that names a private address, another host is the party after several
        packets of one stream, and stays so.
        """
        self.relay.callee.connect(at(("192.168.1.5", 5000)), None, self.PROXIED)
        self.talk(self.NATTED, RUN - 1)
        self.assertEqual(self.heard(ALICE), [])
        self.talk(self.NATTED, 1, RUN)
        self.assertEqual(len(self.heard(ALICE)), 1)
        self.fromAlice(rtp())
        self.assertEqual(len(self.heard(self.NATTED)), 1)
        self.pump(60)
        self.heard(self.NATTED)
        self.spray()
        self.assertEqual((len(self.heard(self.NATTED)), self.heard(STRANGER)), (50, []))

    def test_onlyARun(self) -> None:
        """Gaps, other streams, a burst, and formats that were not agreed on show no party."""
        self.relay.callee.connect(at(("192.168.1.5", 5000)), None, self.PROXIED)
        for number in range(20):
            self.talk(self.NATTED, 1, number * 2)
            self.talk((*STRANGER[:1], 7000 + number), RUN - 1)
            self.talk(STRANGER, 1, number, ssrc=number)
        for sequence in range(100, 120):
            self.fromBob(rtp(sequence), STRANGER)
        self.talk(STRANGER, 20, 500, payloadType=8)
        self.assertEqual(self.relay.callee.arriving.source, None)
        self.assertEqual(self.relay.callee.arriving.dropped["of unknown formats"], 20)

    def test_realHostTakesItBack(self) -> None:
        """A party whose place another has taken is heard with its first packet, and the log tells of it."""
        for real in (BOB, (BOB[0], 5900), ("203.0.113.80", 7)):
            self.relay.callee.connect(at(ALICE))
            self.relay.callee.connect(at(BOB), None, self.PROXIED)
            self.talk(STRANGER)
            self.fromAlice(rtp())
            self.assertNotEqual(self.heard(STRANGER), [], "as nothing speaks for anybody")
            self.heard(ALICE)
            self.talk(real, 3)
            self.talk(STRANGER, 9, 50)
            self.assertEqual((len(self.heard(ALICE)), self.relay.callee.arriving.source), (3, real))
        self.assertEqual(self.lines("only seemed to"), 3)

    def test_heardBeforeTheAnswer(self) -> None:
        """Who sends long before the party has said where it is cannot be the party."""
        relay = self.engine.allocate("call-2")
        relay.caller.local(ALICE[0])
        relay.caller.connect(at(ALICE))
        port = relay.callee.local(BOB[0]).port
        for sequence in range(100):
            self.fromBob(rtp(sequence), STRANGER, port)
            self.pump(0.02)
        self.fromBob(rtp(), self.NATTED, port)
        relay.callee.connect(at(("192.168.1.5", 5000)), None, self.PROXIED)
        for sequence in range(100, 100 + 2 * RUN):
            self.fromBob(rtp(sequence), STRANGER, port)
            self.pump(0.02)
        self.assertEqual(self.spoken(ALICE), [])
        for sequence in range(2 * RUN):
            self.fromBob(rtp(sequence), self.NATTED, port)
            self.pump(0.02)
        self.assertEqual(len(self.spoken(ALICE)), RUN + 1)

    def test_noOtherHost(self) -> None:
        """
        Nobody else is the party where it can be nowhere else: it names an address of the world, or its own as a server
        has seen it, or there is no server between.
        """
        for address, whereabouts in (
            (("9.9.9.9", 5000), self.PROXIED),
            (("9.9.9.9", 5000), None),
            (("127.0.0.3", 5000), self.PROXIED),
            (BOB, Whereabouts(("203.0.113.80", BOB[0]))),
            (("192.168.1.5", 5000), self.SEEN),
        ):
            self.relay.callee.connect(at(address), None, whereabouts)
            self.heard(address)
            self.spray()
            self.assertEqual((self.spoken(ALICE), self.heard(STRANGER), len(self.heard(address))), ([], [], 50))

    def test_settings(self) -> None:
        """The administrator may allow no other host at all, or any."""
        for elsewhere, whereabouts, expected in (
            (Elsewhere.NEVER, self.PROXIED, None),
            (Elsewhere.ALWAYS, self.SEEN, STRANGER),
        ):
            self.engine = makeEngine(self.clock, self.network, 9000, 9099, elsewhere=elsewhere)
            relay = self.engine.allocate("call-2")
            assert isinstance(relay, Relay)
            port = relay.callee.local(BOB[0]).port
            relay.callee.connect(at(BOB), None, whereabouts)
            for sequence in range(RUN):
                self.fromBob(rtp(sequence), STRANGER, port)
                self.pump(0.02)
            self.assertEqual(relay.callee.arriving.source, expected)
            relay.close()

    def test_hostThatMoves(self) -> None:
        """Where any host is allowed, a party that fell silent may go on with its stream from another one."""
        self.engine = makeEngine(self.clock, self.network, 9000, 9099, elsewhere=Elsewhere.ALWAYS)
        relay = self.engine.allocate("call-2")
        assert isinstance(relay, Relay)
        relay.caller.local(ALICE[0])
        relay.caller.connect(at(ALICE))
        port = relay.callee.local(BOB[0]).port
        relay.callee.connect(at(BOB))
        self.fromBob(rtp(ssrc=0xBBBB), BOB, port)
        self.pump(2.1)
        for ssrc, source in ((0xCCCC, STRANGER), (0xBBBB, self.NATTED)):
            for sequence in range(2, 2 + RUN):
                self.fromBob(rtp(sequence, ssrc), source, port)
                self.pump(0.02)
        self.assertEqual(relay.callee.arriving.source, self.NATTED)

    def test_otherPortOfTheSameHost(self) -> None:
        """
        Who sends from another port of the host that it has named hears at the port that it has named, within a private
        network; elsewhere, where a NAT may have changed the port, at both.
        """
        for host, places in (("198.51.100.2", 1), ("9.9.9.9", 2)):
            named, other = (host, 5000), (host, 5062)
            self.relay.callee.connect(at(named), None, Whereabouts((host,), isSure=True))
            self.talk(other, 3)
            self.assertEqual(len(self.heard(ALICE)), 3)
            self.heard(named), self.heard(other)
            self.fromAlice(rtp(ssrc=places))
            self.assertEqual((len(self.heard(named)), len(self.heard(other))), (1, places - 1))

    def test_namedPortUnreachable(self) -> None:
        """If the port that it has named cannot be sent to, the other one still is."""
        sent = []

        def send(datagram: Any, address: Any) -> None:
            if address == BOB:
                raise OSError("refused")
            sent.append(address)

        Twice(send, BOB)(rtp(), self.NATTED)
        self.assertEqual(sent, [self.NATTED])
        self.assertRaises(OSError, Twice(send, self.NATTED), rtp(), BOB)

    def test_stillOtherPort(self) -> None:
        """Once it is heard from the port that it has named, it is sent to there alone."""
        self.relay.callee.connect(at(("9.9.9.9", 5000)))
        self.talk(("9.9.9.9", 5062), 3)
        self.talk(("9.9.9.9", 5000), 3)
        self.heard(("9.9.9.9", 5062))
        self.fromAlice(rtp())
        self.assertEqual(self.heard(("9.9.9.9", 5062)), [])

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

    def test_returnAfterSilence(self) -> None:
        """A party that was silent for a minute goes on from where it was, and is reached meanwhile; nobody else is."""
        self.fromBob(rtp(), self.NATTED)
        for _ in range(60):
            self.pump(1)
            self.spray(packets=1)
        self.assertEqual((len(self.heard(ALICE)) > 0, self.heard(STRANGER)), (True, []))
        self.assertGreaterEqual(len(self.heard(self.NATTED)), 60)
        self.talk(self.NATTED, 3)
        self.assertEqual(len(self.spoken(ALICE)), 3)

    @slow
    def test_otherPortAfterSilence(self) -> None:
        """A NAT may give a party that was silent another port: after some packets it is known there."""
        self.fromBob(rtp(), self.NATTED)
        self.pump(60)
        moved = (self.NATTED[0], 50505)
        self.talk(moved, RUN + 3, 3000)
        self.heard(ALICE)
        self.heard(moved)
        self.fromAlice(rtp())
        self.assertEqual((len(self.heard(moved)), self.heard(self.NATTED)[-1:] == []), (1, False))
        self.fromBob(rtp(), self.NATTED)
        self.fromAlice(rtp(2))
        self.assertEqual(len(self.heard(self.NATTED)), 1, "where it was before is where it is")

    @slow
    def test_portStaysWhileItSends(self) -> None:
        """No other port takes the place of one that sends."""
        for sequence in range(50):
            self.talk(self.NATTED, 1, sequence)
            self.talk((self.NATTED[0], 50505), 1, sequence)
        self.assertEqual(self.relay.callee.arriving.source, self.NATTED)

    def test_nobodyComesWhileItHolds(self) -> None:
        """While a party says that it sends nothing, it does not come from elsewhere than is known."""
        self.fromBob(rtp(), self.NATTED)
        self.relay.callee.connect(at(BOB, direction=Direction.INACTIVE), None, self.SEEN)
        self.pump(60)
        self.heard(ALICE)
        self.talk((self.NATTED[0], 50505), 50)
        self.spray()
        self.assertEqual(self.spoken(ALICE), [])

    def test_holdByZeros(self) -> None:
        """A party that holds by an address of zeros is sent nothing, and then is where it was."""
        self.fromBob(rtp(), self.NATTED)
        self.relay.callee.connect(at(("0.0.0.0", 5000)), None, self.SEEN)
        self.fromAlice(rtp())
        self.spray()
        self.assertEqual((self.heard(self.NATTED), self.heard(STRANGER), self.heard(BOB)), ([], [], []))
        self.relay.callee.connect(at(BOB), None, self.SEEN)
        self.fromAlice(rtp(2))
        self.assertEqual((len(self.heard(self.NATTED)), self.heard(BOB)), (1, []))

    def test_otherServer(self) -> None:
        """The signalling comes by another host now: so may media, which is worth more than that of the former one."""
        self.fromBob(rtp(), self.NATTED)
        moved = ("203.0.113.10", 41414)
        self.relay.callee.connect(at(BOB), None, Whereabouts((moved[0],), isSure=True))
        self.fromAlice(rtp())
        self.assertEqual(len(self.heard(self.NATTED)), 1, "until it is heard elsewhere")
        self.talk(moved, 2)
        self.fromAlice(rtp(2))
        self.assertEqual((len(self.heard(moved)), self.relay.callee.arriving.source), (1, moved))

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
        """A party that has not said where it is, is found by its packets."""
        relay = self.engine.allocate("call-2")
        relay.caller.local(ALICE[0])
        relay.caller.connect(at(ALICE))
        port = relay.callee.local(BOB[0]).port
        relay.callee.connect(SessionDescription((PCMU,)))
        self.fromBob(b"\0\1" + b"s" * 20, STRANGER, port)
        for sequence in range(RUN):
            self.fromBob(rtp(sequence), BOB, port)
            self.clock.advance(0.02)
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
