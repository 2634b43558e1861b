# -*- test-case-name: ichatgw.test.media.ice.test_lite -*-
"""
Tests for L{ichatgw.media.ice.lite}: parties over SIP that do ICE.
"""

from __future__ import annotations

from os import urandom
from typing import Any

from attrs import evolve

from ichatgw import sdp
from ichatgw.media.ice import stun
from ichatgw.media.ice.agent import Agent, Credentials
from ichatgw.media.ice.checklist import Base, Checklist
from ichatgw.media.ice.lite import MAX_REQUESTS
from ichatgw.model import PCMU, Checks, SessionDescription, TransportAddress, TransportDescription
from ichatgw.observe.events import Event, IceState
from ichatgw.observe.stream import Events
from ichatgw.test.support.media.relays import ALICE, BOB, BOB6, STRANGER, TO_BOB, RelayTestCase, at, rtp
from ichatgw.test.support.sip.sipwire import PHONE_SDP

CHECKS = Checks("ours", "p" * 22, "theirs")
HIDDEN = ("192.168.7.7", 5000)
NATTED = ("203.0.113.9", 40404)


class Found:
    """Hears from the agent of the party."""

    def __init__(self, ways: list[TransportAddress]) -> None:
        self._ways = ways

    def selected(self, base: Base, address: TransportAddress) -> None:
        self._ways.append(address)

    def lost(self, why: str) -> None:
        """A way that is lost is missed by the test."""


class LiteTests(RelayTestCase):
    """Bob does ICE; the address that he has signalled is not where he hears."""

    def setUp(self) -> None:
        super().setUp()
        self.connectBoth()
        self.relay.callee.connect(at(HIDDEN))
        self.relay.callee.check(CHECKS)
        self.numbers = iter(range(1000))

    def check(
        self,
        source: Any = NATTED,
        nominates: bool = False,
        name: str = "ours:theirs",
        password: str = CHECKS.password,
        priority: int = 100,
        controlling: bool = True,
        port: int = TO_BOB,
    ) -> list[stun.Message]:
        """He checks a way; what comes back there?"""
        self.network.sentTo(source)
        transaction = next(self.numbers).to_bytes(12, "big")
        self.request = stun.check(transaction, name, password, priority, (controlling, 7), nominates)
        self.fromBob(self.request, source, port)
        return [stun.parse(datagram) for datagram in self.network.sentTo(source) if datagram[0] <= 3]

    def fedAt(self, place: Any) -> bool:
        """Does what Alice says go there?"""
        self.heard(place)
        self.fromAlice(rtp(next(self.numbers)))
        return bool(self.heard(place))

    def test_published(self) -> None:
        """Those who watch calls hear of each way that he chooses, once."""
        published: list[Event] = []
        stream = Events(self.clock, lambda: 0.0)
        stream.subscribe(published.append, IceState)
        self.relay.callee.events = stream
        other = (NATTED[0], NATTED[1] + 1)
        for source, nominates in ((NATTED, False), (NATTED, True), (NATTED, True), (other, True)):
            self.check(source, nominates=nominates)
        ways = [(event.side, event.state, event.text) for event in published if isinstance(event, IceState)]
        self.assertEqual(ways, [("callee", "connected", f"{host}:{port}") for host, port in (NATTED, other)])

    def test_answered(self) -> None:
        """A check is answered with where it came from; media goes there only when he has chosen that way."""
        (answer,) = self.check()
        self.assertIs(answer.message_class, stun.Class.RESPONSE)
        self.assertTrue(stun.isAuthentic(answer, CHECKS.password))
        self.assertEqual(stun.mapped(answer), TransportAddress(*NATTED))
        self.assertFalse(self.fedAt(NATTED))
        self.check(nominates=True)
        self.assertTrue(self.fedAt(NATTED))
        self.fromBob(rtp(), NATTED)
        self.assertEqual(len(self.heard(ALICE)), 1)

    def test_unsendable(self) -> None:
        """An answer that the system does not take is lost, and counted with what its party does not get."""
        self.network.at(TO_BOB).sendError = OSError("full")
        self.assertEqual(self.check(), [])
        self.assertEqual(self.relay.caller.arriving.dropped["unsendable"], 1)

    def test_fullAgent(self) -> None:
        """A full agent that goes by our SDP answer finds a way to us, and both send there."""
        ours = TransportDescription(CHECKS.ufrag, CHECKS.password)
        described = SessionDescription((PCMU,), TransportAddress("192.0.2.1", TO_BOB))
        answer = sdp.writeAnswer(described, sdp.Origin(1), sdp.parse(PHONE_SDP), ours)
        self.assertIn("a=ice-lite\r\n", answer)
        read = sdp.parse(answer.replace("a=ice-lite\r\n", "")).stream.transport
        base, found, sent = Base(1, False), list[TransportAddress](), list[bytes]()
        agent = Agent(
            self.clock,
            urandom,
            Checklist((base,), 1, False),
            Credentials(CHECKS.peer, "q" * 22),
            True,
            lambda base, address, datagram: sent.append(datagram),
            Found(found),
        )
        agent.start(read.ufrag, read.password)
        agent.add(read.candidates)
        for _ in range(100):
            self.clock.advance(0.05)
            for datagram in sent:
                self.fromBob(datagram, NATTED)
            sent.clear()
            for datagram in self.network.sentTo(NATTED):
                agent.received(base, TransportAddress("192.0.2.1", TO_BOB), datagram)
        self.assertEqual(found, [TransportAddress("192.0.2.1", TO_BOB)])
        self.assertTrue(self.fedAt(NATTED))
        agent.close()

    def test_best(self) -> None:
        """Of several ways that he chooses the best is taken; he may come from another port of it later."""
        self.check(BOB, nominates=True, priority=200)
        self.check(NATTED, nominates=True, priority=100)
        self.assertEqual((self.fedAt(BOB), self.fedAt(NATTED)), (True, False))
        moved = (BOB[0], BOB[1] + 6)
        self.check(moved, nominates=True, priority=200)
        self.assertTrue(self.fedAt(moved))

    def test_IPv6(self) -> None:
        """He may find a way of the other family."""
        self.relay.callee.local(BOB6[0])
        (port,) = [pair.number for pair in self.relay.callee._sockets.pairs if pair.number != TO_BOB]
        self.check(BOB6, nominates=True, port=port)
        self.assertTrue(self.fedAt(BOB6))

    def test_others(self) -> None:
        """Nobody else's check is answered, nor what is none, nor a check of his that another one repeats."""
        wrongs: list[dict[str, Any]] = [{"name": "ours:other"}, {"name": "other:theirs"}, {"password": "q" * 22}]
        for wrong in wrongs:
            self.assertEqual(self.check(STRANGER, nominates=True, **wrong), [])
        for junk in (b"\0\1" + bytes(18), b"\0\1\0\0ours:", b"\1\1" + bytes(30)):
            self.fromBob(junk, STRANGER)
        self.check(NATTED, nominates=True)
        self.fromBob(self.request, STRANGER)
        self.assertEqual(self.network.sentTo(STRANGER), [])
        self.assertTrue(self.fedAt(NATTED))

    def test_roles(self) -> None:
        """One who thinks that we control is told to."""
        (answer,) = self.check(controlling=False)
        self.assertEqual(answer.attributes["ERROR-CODE"][0], stun.ROLE_CONFLICT)

    def test_control(self) -> None:
        """Checks for RTCP are answered at its port; they say nothing of media."""
        self.assertEqual(len(self.check(nominates=True, port=TO_BOB + 1)), 1)
        self.assertFalse(self.fedAt(NATTED))

    def test_pace(self) -> None:
        """So many in a moment, and no more."""
        answered = sum(len(self.check()) for _ in range(MAX_REQUESTS + 20))
        self.assertEqual(answered, MAX_REQUESTS)

    def test_anew(self) -> None:
        """When he starts anew, what was known before counts no more; when he does no ICE any more, nothing does."""
        self.relay.callee.check(evolve(CHECKS))
        self.assertEqual(len(self.check()), 1, "said again")
        self.relay.callee.check(Checks("again", "r" * 22, "theirs"))
        self.assertEqual(self.check(), [])
        self.assertEqual(len(self.check(name="again:theirs", password="r" * 22)), 1)
        self.relay.callee.check(None)
        self.assertEqual(self.check(name="again:theirs", password="r" * 22), [])

    def test_closed(self) -> None:
        """With the call all ends."""
        self.relay.close()
        self.relay.callee.check(CHECKS)
        self.relay.callee.checked(self.request if hasattr(self, "request") else b"\0\1", NATTED, False)
        self.assertEqual(self.network.sentTo(NATTED), [])
