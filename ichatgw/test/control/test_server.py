# -*- test-case-name: ichatgw.test.control.test_server -*-
"""Tests for L{ichatgw.control.server}."""

from __future__ import annotations

import json
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.control.protocol import MAX_OCTETS, Answer, Order, OrderError, Outcome
from ichatgw.control.server import IDLE_TIMEOUT, MAX_SESSIONS, Orders, Server, Session
from ichatgw.runtime.turns import SWEEP_ITEMS, Turns
from ichatgw.test.marks import slow


class Transport(StringTransport):
    """
    Knows whether it was cut.

    @ivar aborted: was it?
    """

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


class ServerTests(SynchronousTestCase):
    """L{Server} and L{Session}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.asked: list[Order] = []
        self.later: Deferred[Answer] = Deferred()
        self.server = Server(Turns(self.clock), self.carryOut)

    def carryOut(self, order: Order) -> Outcome:
        self.asked.append(order)
        if order.name == "later":
            return self.later
        if order.name == "bad":
            raise OrderError("that cannot be: do this")
        if order.name == "broken":
            raise ValueError("ouch")
        return Answer({"name": order.name}, ({"number": number} for number in range(int(order.words.get("count", 0)))))

    def connect(self) -> tuple[Session, Transport]:
        session, transport = self.server.buildProtocol(None), Transport()
        session.makeConnection(transport)
        return session, transport

    def said(self, transport: Transport) -> list[Any]:
        lines = transport.value().split(b"\n")
        transport.clear()
        self.assertEqual(lines.pop(), b"")
        return [json.loads(line) for line in lines]

    def test_order(self) -> None:
        """An order is carried out with its words, and answered."""
        session, transport = self.connect()
        session.dataReceived(b'{"order": "hi", "words": {"count": "2"}}\n')
        self.assertEqual(self.asked, [Order("hi", {"count": "2"})])
        self.assertEqual(
            self.said(transport), [{"item": {"number": 0}}, {"item": {"number": 1}}, {"done": {"name": "hi"}}]
        )

    def test_several(self) -> None:
        """Orders that come together are carried out one after the other, the next one when the last is answered."""
        session, transport = self.connect()
        session.dataReceived(b'{"order": "later"}\n{"order": "two"}\n{"order": "thr')
        self.assertEqual([order.name for order in self.asked], ["later"])
        self.assertEqual(transport.producerState, "paused")
        self.later.callback(Answer({"name": "late"}))
        self.assertEqual(self.said(transport), [{"done": {"name": "late"}}, {"done": {"name": "two"}}])
        self.assertEqual(transport.producerState, "producing")
        session.dataReceived(b'ee"}\n')
        self.assertEqual(self.said(transport), [{"done": {"name": "three"}}])

    def test_errors(self) -> None:
        """What is wrong is said, and the next order is taken; what goes wrong here is in the log."""
        session, transport = self.connect()
        session.dataReceived(b'no\n{"order": "bad"}\n{"order": "broken"}\n{"order": "hi"}\n')
        self.assertEqual(
            self.said(transport),
            [
                {"error": "a line that is no JSON"},
                {"error": "that cannot be: do this"},
                {"error": "something went wrong here: see the log of the gateway"},
                {"done": {"name": "hi"}},
            ],
        )
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_longLine(self) -> None:
        """A line without end is not kept: who sends one is told so, and cut off."""
        for piece in (b"x" * (MAX_OCTETS + 1), b'{"order": "' + b"x" * MAX_OCTETS + b'"}\n'):
            session, transport = self.connect()
            session.dataReceived(piece)
            self.assertEqual(self.said(transport), [{"error": f"an order has at most {MAX_OCTETS} octets"}])
            self.assertTrue(transport.disconnecting)
            session.connectionLost()
        self.assertEqual(self.asked, [])

    @slow
    def test_longAnswer(self) -> None:
        """A long answer is made in parts, and in the meantime others are answered."""
        session, transport = self.connect()
        session.dataReceived(b'{"order": "hi", "words": {"count": "50000"}}\n')
        self.assertEqual(len(self.said(transport)), SWEEP_ITEMS)
        other, otherTransport = self.connect()
        other.dataReceived(b'{"order": "quick"}\n')
        self.assertEqual(self.said(otherTransport), [{"done": {"name": "quick"}}])
        self.clock.pump([0.01] * 300)
        said = self.said(transport)
        self.assertEqual((len(said), said[-1]), (50001 - SWEEP_ITEMS, {"done": {"name": "hi"}}))

    def test_slowReader(self) -> None:
        """Who does not read is sent no more, and cut off after a while; who does at times is not."""
        session, transport = self.connect()
        session.dataReceived(b'{"order": "hi", "words": {"count": "1000"}}\n')
        producer = cast(Any, transport.producer)
        for _ in range(5):
            producer.pauseProducing()
            transport.clear()
            self.clock.pump([1.0] * (IDLE_TIMEOUT - 1))
            self.assertEqual(transport.value(), b"")
            producer.resumeProducing()
        self.assertFalse(transport.aborted)
        producer.pauseProducing()
        self.clock.pump([1.0] * (IDLE_TIMEOUT + 1))
        self.assertTrue(transport.aborted)
        session.connectionLost()
        self.assertEqual((self.clock.getDelayedCalls(), self.server.sessions), ([], set()))

    def test_silent(self) -> None:
        """Who says nothing is cut off, also in the middle of a line; who waits for an answer is not."""
        session, transport = self.connect()
        session.dataReceived(b'{"order"')
        self.clock.advance(IDLE_TIMEOUT + 1)
        self.assertTrue(transport.aborted)
        session, transport = self.connect()
        session.dataReceived(b'{"order": "later"}\n')
        self.clock.advance(10 * IDLE_TIMEOUT)
        self.assertFalse(transport.aborted)

    def test_many(self) -> None:
        """A thousand connections are too many: those beyond the limit are told so, and when one ends there is room."""
        sessions = [self.connect() for _ in range(1000)]
        self.assertEqual(len(self.server.sessions), MAX_SESSIONS)
        refused = [transport for _, transport in sessions if transport.disconnecting]
        self.assertEqual(len(refused), 1000 - MAX_SESSIONS)
        self.assertIn("commands are connected already", self.said(refused[0])[0]["error"])
        for session, _ in sessions:
            session.connectionLost()
        session, transport = self.connect()
        session.dataReceived(b'{"order": "hi"}\n')
        self.assertEqual(self.said(transport), [{"done": {"name": "hi"}}])

    def test_gone(self) -> None:
        """Who goes before the answer comes leaves nothing."""
        session, transport = self.connect()
        session.dataReceived(b'{"order": "hi", "words": {"count": "50000"}}\n')
        session.connectionLost()
        transport.clear()
        self.clock.pump([0.1] * 10)
        self.assertEqual((transport.value(), self.clock.getDelayedCalls()), (b"", []))

    def test_goneEarly(self) -> None:
        """So does who goes while an order is carried out."""
        session, transport = self.connect()
        session.dataReceived(b'{"order": "later"}\n')
        session.connectionLost()
        self.later.callback(Answer({}, range(5)))
        self.clock.pump([0.1] * 10)
        self.assertEqual((transport.value(), self.clock.getDelayedCalls()), (b"", []))


class OrdersTests(SynchronousTestCase):
    """L{Orders}."""

    def test_byName(self) -> None:
        """Each order goes where its name says; one that nobody knows is answered with those that are known."""
        orders = Orders()
        orders.add("one", lambda words: Answer({"one": words}))
        orders.add("two", lambda words: Answer({"two": words}))
        self.assertEqual(orders(Order("two", {"a": "b"})), Answer({"two": {"a": "b"}}))
        error = self.assertRaises(OrderError, orders, Order("three" * 100))
        self.assertIn("but one, two", str(error))
        self.assertLess(len(str(error)), 200)
