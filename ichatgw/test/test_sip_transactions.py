# -*- test-case-name: ichatgw.test.test_sip_transactions -*-
"""
The transaction layer: what we changed of sippy's.
"""

from __future__ import annotations

from typing import cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import TransportAddress
from ichatgw.sip import transactions
from ichatgw.sip.reactor import useClock
from ichatgw.sip.transactions import Door, Transactions, bracketed, isHost, literal
from ichatgw.test.sipwire import GATEWAY, PHONE, FakeWire, Rig, ackFor, header, request, respond, status


class AddressTests(SynchronousTestCase):
    """Literals and names."""

    def test_literal(self) -> None:
        """A literal, in brackets or not, is an address; anything else is not."""
        self.assertEqual(literal("192.0.2.1", 5060), TransportAddress("192.0.2.1", 5060))
        self.assertEqual(literal("[2001:db8::1]", 5060), TransportAddress("2001:db8::1", 5060))
        for host, port in (("name.example", 5060), ("", 5060), ("192.0.2.1", 70000), ("192.0.2.1", None)):
            self.assertIsNone(literal(host, cast(int, port)))

    def test_brackets(self) -> None:
        """Brackets are put on once, and only on IPv6."""
        self.assertEqual([bracketed(h) for h in ("::1", "[::1]", "192.0.2.1")], ["[::1]", "[::1]", "192.0.2.1"])

    def test_isHost(self) -> None:
        """Groups and "any" are no hosts."""
        self.assertEqual(
            [isHost(h) for h in ("192.0.2.1", "::1", "224.0.0.1", "ff02::1", "0.0.0.0", "255.255.255.255")],
            [True, True, False, False, False, False],
        )

    def test_door(self) -> None:
        """Nothing is sent to a name, to a group, or to port 0."""
        wire = FakeWire()
        door = Door(wire, GATEWAY)
        for host, port in (("name.example", 5060), ("224.0.0.1", 5060), ("192.0.2.1", 0)):
            door.send_to("x", (host, port))
        self.assertEqual(wire.sent, [])
        door.send_to(b"x", ("192.0.2.1", 5060))
        self.assertEqual(wire.sent, [("x", TransportAddress("192.0.2.1", 5060))])
        self.assertEqual(door.addr2str(("192.0.2.1", 5060)), "udp:192.0.2.1:5060")


class TransactionsTests(SynchronousTestCase):
    """L{Transactions}, through an endpoint."""

    def setUp(self) -> None:
        self.rig = Rig()
        self.transactions = self.rig.endpoint._transactions

    def test_retransmission(self) -> None:
        """A request that comes again gets the same response again, and is not handled again."""
        first = self.rig.receive(request("OPTIONS"))
        self.assertEqual(self.rig.receive(request("OPTIONS")), first)

    def test_cacheIsBounded(self) -> None:
        """However many requests come, only so many responses are kept."""
        self.patch(transactions, "CACHE_LIMIT", 50)
        for cseq in range(300):
            self.rig.receive(request("OPTIONS", cseq=cseq))
        self.assertTrue(len(self.transactions.l1rcache) + len(self.transactions.l2rcache) <= 110)

    def test_cacheIsForgotten(self) -> None:
        """After a minute nothing is kept."""
        self.rig.receive(request("OPTIONS"))
        self.rig.clock.pump([33, 33])
        self.assertEqual((self.transactions.l1rcache, self.transactions.l2rcache), ({}, {}))

    def test_exceptionInside(self) -> None:
        """What fails inside is answered 500, once, and leaves no transaction."""

        def broken(message: object, transaction: object) -> None:
            raise ValueError("ouch")

        self.transactions.req_cb = broken
        self.assertEqual([status(m) for m in self.rig.receive(request("OPTIONS"))], [500])
        self.assertEqual([status(m) for m in self.rig.receive(request("INVITE"))], [500])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)
        self.rig.receive(request("ACK", to=header(request("INVITE"), "To") + ";tag=x", branch="INVITE1", body=None))
        self.rig.clock.pump([1] * 70)
        self.assertEqual(self.rig.endpoint.transactions, 0)

    def test_unmatched(self) -> None:
        """Responses and ACKs to nothing are dropped, also when they come again."""
        for _ in range(2):
            self.assertEqual(self.rig.receive(respond(request("INVITE"), 200, "OK")), [])
            self.assertEqual(self.rig.receive(request("ACK", to="<sip:a@b>;tag=1")), [])
        self.assertEqual(self.rig.endpoint.transactions, 0)

    def test_ackOfFailure(self) -> None:
        """Our refusal of an INVITE is sent again until its ACK comes, and then no more."""
        self.rig.invite()
        from ichatgw.model import Ending, EndReason

        self.rig.invitations.legs[0].hangup(Ending(EndReason.BUSY))
        (busy,) = self.rig.wire.take()
        self.rig.clock.advance(0.5)
        self.assertEqual(self.rig.wire.take(), [busy])
        self.rig.receive(ackFor(busy))
        self.rig.clock.pump([1] * 5)
        self.assertEqual(self.rig.wire.take(), [])

    def test_shutdown(self) -> None:
        """After a shutdown no timer of the transaction layer is left."""
        clock = Clock()
        useClock(clock)
        layer = Transactions(FakeWire(), lambda message, transaction: None)
        self.assertEqual(len(clock.getDelayedCalls()), 1)
        layer.shutdown()
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_unknownConsumer(self) -> None:
        """A dialog that ends after the shutdown is not missed."""
        self.transactions.shutdown()
        self.transactions.unregConsumer(object(), "gone")

    def test_foreignFamily(self) -> None:
        """A door that cannot be had is an OSError for whoever calls, and no exception for what arrives."""
        self.assertRaises(OSError, self.transactions.getServer, ("name.example", 5060))
        self.rig.wire.unreachable.add(PHONE.host)
        self.assertEqual(self.rig.receive(request("OPTIONS")), [])
        self.flushLoggedErrors(OSError)
