# -*- test-case-name: ichatgw.test.media.relay.test_figures -*-
"""
Tests for L{ichatgw.media.relay.figures}, through the sockets.
"""

from __future__ import annotations

from struct import pack

from ichatgw.model import TransportAddress
from ichatgw.observe.events import Event, MediaEvent, MediaStarted, MediaStats, ReportReceived
from ichatgw.observe.stream import Events
from ichatgw.test.support.media.relays import (
    ALICE,
    BOB,
    SEEN_BY_BOB,
    TO_ALICE,
    TO_BOB,
    RelayTestCase,
    rtp,
)

SENDER_INFO = pack("!IIIII", 0x55667788, 0x99AA0000, 0, 50, 8000)


class FigureTests(RelayTestCase):
    """What is published of the media of a call."""

    def setUp(self) -> None:
        super().setUp()
        self.published: list[Event] = []
        stream = Events(self.clock, lambda: 0.0)
        stream.subscribe(self.published.append, MediaEvent)
        self.relay.caller.events = self.relay.callee.events = stream
        self.connectBoth()

    def talk(self, *sequences: int) -> None:
        """Alice sends these packets, one each 20 ms."""
        for sequence in sequences:
            self.fromAlice(rtp(sequence))
            self.pump(0.02)

    def last(self, side: str = "caller") -> MediaStats:
        return [event for event in self.published if isinstance(event, MediaStats) and event.side == side][-1]

    def test_started(self) -> None:
        """The first packet of a party is told of when it comes, once, and from where."""
        self.pump(1)
        self.talk(1, 2, 3)
        self.fromBob(rtp(7, ssrc=0xBBBB))
        started = [event for event in self.published if isinstance(event, MediaStarted)]
        self.assertEqual(
            [(event.call, event.side, event.source) for event in started],
            [("call-1", "caller", TransportAddress(*ALICE)), ("call-1", "callee", TransportAddress(*BOB))],
        )
        self.assertAlmostEqual(started[0].time, 1.0)

    def test_everyTenSeconds(self) -> None:
        """Figures come every ten seconds, and a last time when the relay is closed."""
        self.talk(*range(1, 1251))
        counts = [(event.packets, event.isLast) for event in self.published if isinstance(event, MediaStats)]
        self.assertEqual([isLast for _, isLast in counts], [False, False])
        self.relay.close()
        self.assertEqual((self.last().packets, self.last().octets, self.last().isLast), (1250, 1250 * 172, True))
        self.assertEqual(self.last().lost, 0)

    def test_lost(self) -> None:
        """Packets that never came are counted by the gaps in their numbers, also where these begin anew."""
        numbers = [65000 + n for n in range(1000) if n % 10]
        self.talk(*range(64990, 65000), *(number & 0xFFFF for number in numbers))
        self.relay.close()
        self.assertEqual((self.last().packets, self.last().lost), (910, 100))

    def test_silenceIsNoLoss(self) -> None:
        """A party that pauses, and is replaced by silence meanwhile, has lost nothing; nor if it begins anew."""
        self.talk(*range(1, 101))
        self.pump(5)
        self.talk(*range(101, 201))
        self.fromAlice(rtp(9000, ssrc=0xCCCC))
        self.relay.close()
        self.assertEqual((self.last().packets, self.last().lost), (201, 0))

    def test_dropped(self) -> None:
        """What was not relayed is no loss on the way to us, and is told with its reason."""
        self.talk(*range(1, 11))
        for sequence in range(11, 21):
            self.fromAlice(rtp(sequence, payloadType=77))
        self.talk(*range(21, 31))
        self.relay.close()
        self.assertEqual((self.last().packets, self.last().lost), (20, 0))
        self.assertEqual(dict(self.last().dropped), {"of unknown formats": 10})

    def test_heardBeyond(self) -> None:
        """What a party reports of the stream that it hears is told of that stream, with the round trip."""
        self.talk(*range(1, 11))
        self.fromBob(rtp(1, ssrc=0xBBBB))
        self.fromAlice(pack("!BBHI", 0x80, 200, 6, 0xAAAA) + SENDER_INFO, (ALICE[0], ALICE[1] + 1), TO_ALICE + 1)
        self.clock.advance(1.0)
        block = pack("!IIIIII", SEEN_BY_BOB, 64 << 24 | 5, 9, 160, 0x778899AA, 65536 * 9 // 10)
        self.fromBob(pack("!BBHI", 0x81, 201, 7, 0xBBBB) + block, (BOB[0], BOB[1] + 1), TO_BOB + 1)
        self.relay.close()
        stats = self.last("caller")
        self.assertEqual((stats.lostBeyond, stats.jitter), (5, 0.02))
        assert stats.roundTrip is not None
        self.assertAlmostEqual(stats.roundTrip, 0.1, 3)
        self.assertIs(self.last("callee").jitter, None)
        reports = [event.side for event in self.published if isinstance(event, ReportReceived)]
        self.assertEqual(reports, ["caller", "callee"])

    def test_othersReports(self) -> None:
        """What is said of streams that are not ours, or of reports that nobody has sent, is not believed."""
        self.talk(*range(1, 11))
        self.fromBob(rtp(1, ssrc=0xBBBB))
        for about in (0x1234, SEEN_BY_BOB):
            block = pack("!IIIIII", about, 0, 9, 80, 0x1, 0)
            self.fromBob(pack("!BBHI", 0x81, 201, 7, 0xBBBB) + block, (BOB[0], BOB[1] + 1), TO_BOB + 1)
        self.relay.close()
        self.assertEqual((self.last("caller").jitter, self.last("caller").roundTrip), (0.01, None))

    def test_noMedia(self) -> None:
        """Of a party that never sent anything there is nothing to tell."""
        self.pump(11)
        self.relay.close()
        self.assertEqual(self.published, [])
