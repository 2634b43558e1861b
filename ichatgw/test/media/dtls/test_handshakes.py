# -*- test-case-name: ichatgw.test.media.dtls.test_handshakes -*-
"""
Tests for L{ichatgw.media.dtls.handshakes}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.media.dtls.dtls import HANDSHAKE_TIMEOUT, LAST_FLIGHT_TIMEOUT, Identity
from ichatgw.media.dtls.handshakes import (
    ANSWER_TIMEOUT,
    MAX_OF_HOST,
    MAX_OF_OTHERS,
    MAX_OF_PARTY,
    Handshakes,
    Signalled,
)
from ichatgw.media.sockets.port import Source
from ichatgw.media.srtp.srtp import MasterKey
from ichatgw.model import Fingerprint

PARTY = ("192.0.2.9", 4000)
ELSEWHERE = ("198.51.100.66", 6000)


class End:
    """One end, with what it sent and said."""

    def __init__(self, clock: Clock, active: bool, identity: Identity, expected: Fingerprint) -> None:
        self.sent: list[tuple[bytes, Source]] = []
        self.keys: list[tuple[MasterKey, MasterKey, Source]] = []
        self.failures: list[str] = []
        self.handshakes = Handshakes(
            clock,
            identity,
            Signalled(expected, lambda source: source == PARTY, lambda source: source[0] == PARTY[0]),
            active,
            lambda datagram, source: self.sent.append((datagram, source)),
            lambda ours, theirs, source: self.keys.append((ours, theirs, source)),
            self.failures.append,
        )

    def take(self) -> list[bytes]:
        taken = [datagram for datagram, _ in self.sent]
        self.sent.clear()
        return taken


class HandshakesTests(SynchronousTestCase):
    """Who is the party."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.ours, self.theirs = Identity(), Identity()
        self.waiting = End(self.clock, False, self.ours, self.theirs.fingerprint)
        self.party = self.beginner(self.theirs)

    def beginner(self, identity: Identity) -> End:
        return End(self.clock, True, identity, self.ours.fingerprint)

    def talk(self, far: End, place: Source) -> None:
        """C{far} begins with the one that waits, from C{place}."""
        far.handshakes.begin(PARTY)
        for _ in range(10):
            for datagram in far.take():
                self.waiting.handshakes.received(datagram, place)
            for datagram in self.waiting.take():
                far.handshakes.received(datagram, PARTY)

    def test_agreed(self) -> None:
        """Both have the keys, and know where the other is; nothing is left to wait for."""
        self.talk(self.party, ELSEWHERE)
        ((ours, theirs, place),) = self.waiting.keys
        self.assertEqual(place, ELSEWHERE)
        self.assertEqual(self.party.keys, [(theirs, ours, PARTY)])
        self.clock.advance(LAST_FLIGHT_TIMEOUT)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_impostor(self) -> None:
        """A peer that shows another certificate from elsewhere gets nothing, and does no harm."""
        self.talk(self.beginner(Identity()), ELSEWHERE)
        self.assertEqual((self.waiting.keys, self.waiting.failures), ([], []))
        self.talk(self.party, PARTY)
        self.assertEqual(len(self.waiting.keys), 1)

    def test_wrongParty(self) -> None:
        """One that does so from the address that the party has named is the party, and is wrong."""
        self.talk(self.beginner(Identity()), PARTY)
        self.assertEqual(len(self.waiting.failures), 1)
        self.talk(self.party, PARTY)
        self.assertEqual(self.waiting.keys, [])

    def test_oneStranger(self) -> None:
        """
        Handshakes of one host that come to no end keep out neither the party, wherever it is, nor others; those of one
        network of IPv6 count as one host's.
        """
        for places in (
            [(ELSEWHERE[0], number + 1) for number in range(8)],
            [(f"2001:db8::{number}", 6000, 0, 0) for number in range(8)],
        ):
            heard = [self.isHeard(place) for place in places]
            self.assertEqual(heard, [number < MAX_OF_HOST for number in range(8)])
        for place in (PARTY, (PARTY[0], 7777), ("198.51.100.67", 6000), ("2001:db8:1::1", 6000, 0, 0)):
            self.assertTrue(self.isHeard(place), place)

    def test_manyStrangers(self) -> None:
        """There is an end to the number of handshakes, and who comes later has a place after a while."""
        places = [(f"198.51.100.{number}", 6000) for number in range(MAX_OF_OTHERS + 1)]
        self.assertEqual([self.isHeard(place) for place in places], [True] * MAX_OF_OTHERS + [False])
        self.clock.advance(ANSWER_TIMEOUT)
        self.assertTrue(self.isHeard(places[-1]))
        self.assertEqual(len(self.waiting.handshakes._under), MAX_OF_OTHERS)

    def test_party(self) -> None:
        """The hosts of the party have places of their own, and the signalled address always has one."""
        heard = [self.isHeard((PARTY[0], number + 1)) for number in range(MAX_OF_PARTY + 1)]
        self.assertEqual(heard, [True] * MAX_OF_PARTY + [False])
        self.assertTrue(self.isHeard(PARTY))
        self.clock.advance(ANSWER_TIMEOUT)
        self.talk(self.party, (PARTY[0], 7777))
        self.assertEqual(len(self.waiting.keys), 1)
        self.assertEqual(self.waiting.handshakes._began, {})

    def isHeard(self, place: Source) -> bool:
        """Does somebody who begins from C{place} get further than to the cookie?"""
        far = self.beginner(Identity())
        far.handshakes.begin(PARTY)
        for _ in range(2):
            for datagram in far.take():
                self.waiting.handshakes.received(datagram, place)
            answers, self.waiting.sent = self.waiting.sent, []
            for datagram, _ in answers:
                far.handshakes.received(datagram, PARTY)
        far.handshakes.close()
        return bool(answers)

    def test_hellos(self) -> None:
        """A flood of hellos from made-up places gets no more than it brings, and nothing is remembered of it."""
        self.party.handshakes.begin(PARTY)
        (hello,) = self.party.take()
        for number in range(500):
            self.waiting.handshakes.received(hello, (ELSEWHERE[0], number + 1))
            for answer, _ in self.waiting.sent:
                self.assertLess(len(answer), len(hello))
            self.waiting.sent.clear()
        self.assertEqual(self.waiting.handshakes._under, {})

    def test_late(self) -> None:
        """Nobody came: said once, and nothing is left."""
        self.clock.advance(HANDSHAKE_TIMEOUT + 1)
        self.assertEqual((len(self.waiting.failures), len(self.party.failures)), (1, 1))
        self.assertIn("too long", self.waiting.failures[0])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_close(self) -> None:
        """Closed ones are deaf and dumb."""
        for end in (self.waiting, self.party):
            end.handshakes.close()
            end.handshakes.close()
        self.talk(self.party, PARTY)
        self.waiting.handshakes.received(b"\x16\xfe\xfd", PARTY)
        self.assertEqual((self.waiting.sent, self.party.sent), ([], []))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_strangerToTheActive(self) -> None:
        """If we begin, nobody else may."""
        other = self.beginner(self.theirs)
        other.handshakes.begin(PARTY)
        (hello,) = other.take()
        self.party.handshakes.received(hello, ELSEWHERE)
        self.assertEqual(self.party.sent, [])
