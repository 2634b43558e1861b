# -*- test-case-name: ichatgw.test.media.transport.test_candidates -*-
"""
Which candidates a transport names, and what it does with those of the other host.
"""

from __future__ import annotations

from attrs import evolve
from twisted.internet.defer import succeed

from ichatgw.media.ice import stun
from ichatgw.media.ice.checklist import preferenceOf, priorityOf
from ichatgw.media.transport.gathering import MAX_HOSTS
from ichatgw.model import (
    Candidate,
    TransportAddress,
)
from ichatgw.test.support.media.mediahosts import World


class CandidatesTests(World):
    """They come from here and from there, soon or late, and some are of no use."""

    def test_advertised(self) -> None:
        """The address of a router that hands all on to us is a candidate, derived from our own."""
        self.one.engine._supplies.addresses.advertised = ("203.0.113.10",)
        own, public = self.one.make().local.candidates
        self.assertEqual((str(public.address), public.kind), (f"203.0.113.10:{own.address.port}", "srflx"))
        self.assertEqual(public.related, own.address)
        self.assertLess(public.priority, own.priority)
        self.assertEqual(own.priority, priorityOf("host", 1, preferenceOf(False, 0)))
        self.assertEqual(public.priority, priorityOf("srflx", 1, preferenceOf(False, 0)))

    def test_seenBy(self) -> None:
        """Where a STUN server sees us is told to the party as soon as it is known, and no later than we close."""
        server = TransportAddress("198.51.100.99", 3478)
        self.one.transports._stunServers = lambda: succeed([server])
        made = self.one.make()
        own = made.local.candidates[0].address
        ((_, query),) = [(0, each) for each in self.one.network.sentTo((server.host, server.port))]
        answer = stun.success(stun.parse(query), TransportAddress("203.0.113.7", 40000), "x" * 22)
        self.one.network.deliver(answer, ("203.0.113.66", 3478), own.port)
        self.assertEqual(self.one.news.candidates, [])
        self.one.network.deliver(answer, (server.host, server.port), own.port)
        (found,) = self.one.news.candidates
        self.assertEqual((str(found.address), found.kind, found.related), ("203.0.113.7:40000", "srflx", own))
        self.assertEqual(made.local.candidates[-1], found)
        self.assertEqual(found.priority, priorityOf("srflx", 1, preferenceOf(False, MAX_HOSTS)))
        self.assertEqual(found.foundation, "499")
        foundations = [candidate.foundation for candidate in made.local.candidates]
        self.assertTrue(all(map(str.isdecimal, foundations)), foundations)  # Siskin passes over others
        self.assertEqual(len(set(foundations)), len(foundations))
        self.one.network.deliver(answer, (server.host, server.port), own.port)
        self.assertEqual(len(self.one.news.candidates), 1)
        made.seenBy([server])
        made.close()
        made.seenBy([server])
        for host in (self.one, self.two):
            host.relay.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nothingNew(self) -> None:
        """A server that sees us where we are, or says to see an address of the other family, tells nothing."""
        server = TransportAddress("198.51.100.99", 3478)
        made = self.one.make()
        own = made.local.candidates[0].address
        for seen in (own, TransportAddress("2001:db8::7", 40000)):
            made.seenBy([server])
            query = stun.parse(self.one.network.sentTo((server.host, server.port))[-1])
            self.one.network.deliver(stun.success(query, seen, "x" * 22), (server.host, server.port), own.port)
            self.assertEqual(self.one.news.candidates, [], seen)
        made.seenBy([server])
        query = stun.parse(self.one.network.sentTo((server.host, server.port))[-1])
        seen = TransportAddress("203.0.113.7", 40000)
        self.one.network.deliver(stun.success(query, seen, "x" * 22), (server.host, server.port), own.port)
        self.assertEqual([found.address for found in self.one.news.candidates], [seen])

    def test_trickle(self) -> None:
        """Candidates that come later count, before the description and after it."""
        offer = self.offer()
        bare = evolve(offer, candidates=())
        answer = self.two.make(bare).local
        self.one.transport.addCandidates(answer.candidates)
        self.introduce(bare, evolve(answer, candidates=()))
        self.run_(0.5)
        self.two.transport.addCandidates(offer.candidates)
        self.run_(0.5)
        self.assertTalking()

    def test_unnamed(self) -> None:
        """A peer whose candidates nobody told us is found by its checks (peer-reflexive)."""
        offer = self.offer()
        answer = self.two.make(offer).local
        self.introduce(evolve(offer, candidates=()), answer)
        self.run_(1)
        self.assertTalking()

    def test_deadCandidates(self) -> None:
        """Candidates at which nobody is cost some time, and no more."""
        offer = self.offer()
        dead = tuple(
            Candidate(f"d{n}", 1, 2130706431 - n, TransportAddress(f"198.51.100.{n}", 9), "udp") for n in range(1, 9)
        )
        answer = self.two.make(offer).local
        self.introduce(
            evolve(offer, candidates=dead + offer.candidates), evolve(answer, candidates=dead + answer.candidates)
        )
        self.run_(3)
        self.assertTalking()
