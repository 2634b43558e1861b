# -*- test-case-name: ichatgw.test.sip.transaction.test_layer -*-
"""
The transaction layer: what we changed of sippy's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import ichatgw.sip.sippylib.clock  # noqa: F401  (before sippy)

# isort: split
from sippy.SipRequest import SipRequest
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import Ending, EndReason, TransportAddress
from ichatgw.net.hosts import bracketed, isHost, literal
from ichatgw.sip.sippylib.clock import useClock
from ichatgw.sip.transaction import tables
from ichatgw.sip.transaction.layer import Transactions
from ichatgw.sip.transaction.tables import KnownDialog
from ichatgw.sip.transport.listeningpoint import ListeningPoint
from ichatgw.sip.transport.target import Transport
from ichatgw.test.support.fakes import OFFER
from ichatgw.test.support.sip.sipwire import (
    GATEWAY,
    PHONE,
    PHONE_SDP,
    FakeWire,
    Rig,
    ackFor,
    header,
    request,
    respond,
    status,
)


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
        door = ListeningPoint(lambda data, target: wire.send(data, target.address), GATEWAY, Transport.UDP)
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
        self.patch(tables, "MAX_ANSWERS", 50)
        for cseq in range(300):
            self.rig.receive(request("OPTIONS", cseq=cseq))
        self.assertTrue(len(self.transactions.l1rcache) <= 110)

    def test_cacheIsForgotten(self) -> None:
        """After a minute nothing is kept."""
        self.rig.receive(request("OPTIONS"))
        self.rig.clock.pump([33, 33])
        self.assertEqual(dict(self.transactions.l1rcache), {})

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
        self.transactions.unregConsumer(cast(KnownDialog, object()), "gone")

    def test_foreignFamily(self) -> None:
        """A listening point that cannot be had is an OSError for the caller, and no exception for what arrives."""
        self.assertRaises(OSError, self.transactions.getServer, ("name.example", 5060))
        self.rig.wire.unreachable.add(PHONE.host)
        self.assertEqual(self.rig.receive(request("OPTIONS")), [])
        self.assertEqual(self.flushLoggedErrors(), [])  # anybody can forge such a source: no traceback for it

    def test_lateFailureInside(self) -> None:
        """What fails after the final response is not answered a second time."""

        def broken(message: Any, transaction: Any) -> None:
            self.transactions.sendResponse(message.genResponse(486, "Busy Here"), transaction)
            raise ValueError("ouch")

        self.transactions.req_cb = broken
        for method in ("OPTIONS", "INVITE"):
            self.assertEqual([status(m) for m in self.rig.receive(request(method))], [486])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)
        self.rig.clock.pump([1] * 70)
        self.assertEqual(self.rig.endpoint.transactions, 0)

    def test_refusalFails(self) -> None:
        """If not even the 500 can be sent, the transaction goes all the same."""

        def broken(*arguments: object) -> None:
            raise ValueError("ouch")

        self.transactions.req_cb = broken
        self.patch(self.transactions, "transmitData", broken)
        self.assertEqual(self.rig.receive(request("INVITE")), [])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)
        self.assertEqual(self.rig.endpoint.transactions, 0)


class ClientTests(SynchronousTestCase):
    """Requests of ours."""

    def setUp(self) -> None:
        self.rig = Rig()
        self.transactions = self.rig.endpoint._transactions

    def send(self, method: str, taken: Callable[[Any], None], target: str = "sip:100@name.example") -> str:
        """A request whose URI names a host, sent to the phone's address."""
        message = SipRequest(request(method, uri=target, extra="Route: <sip:192.0.2.77;lr>\r\n"))
        message.setTarget(((PHONE.host, PHONE.port), "udp"))
        self.transaction = self.transactions.newTransaction(message, taken)
        (sent,) = self.rig.wire.take()
        return sent

    def test_failureInside(self) -> None:
        """What fails on a final response leaves no transaction; an INVITE is acknowledged, each time it is answered."""

        def broken(response: object) -> None:
            raise ValueError("ouch")

        for method, code in (("OPTIONS", 200), ("INVITE", 200), ("INVITE", 486)):
            response = respond(self.send(method, broken), code, "Whatever")
            acks = self.rig.receive(response)
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
            self.assertEqual([ack[:3] for ack in acks], ["ACK"] * (method == "INVITE"))
            self.assertEqual(self.rig.receive(response), acks)
            self.assertEqual(self.rig.endpoint.transactions, 0)

    def test_failureOnProvisional(self) -> None:
        """What fails on a provisional response harms nothing: the final one is taken."""
        answers: list[int] = []

        def broken(response: Any) -> None:
            answers.append(response.getSCode()[0])
            if answers == [180]:
                raise ValueError("ouch")

        sent = self.send("INVITE", broken)
        self.rig.receive(respond(sent, 180, "Ringing"))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.rig.receive(respond(sent, 486, "Busy Here"))
        self.assertEqual(answers, [180, 486])
        self.assertEqual(self.rig.endpoint.transactions, 0)

    def test_ackOfFailure(self) -> None:
        """The ACK of a failure takes the way of its INVITE (RFC 3261 section 17.1.1.3), whatever its Contact says."""
        sent = self.send("INVITE", lambda response: None)
        response = respond(sent, 486, "Busy Here", extra="Contact: <sip:x@203.0.113.9>\r\n")
        self.rig.endpoint.received(response.encode(), PHONE)
        ((ack, address),) = self.rig.wire.sent
        self.assertEqual(address, PHONE)
        self.assertEqual(ack.split("\r\n")[0], "ACK sip:100@name.example SIP/2.0")
        self.assertEqual(header(ack, "Via"), header(sent, "Via"))
        self.assertEqual(header(ack, "Route"), header(sent, "Route"))
        self.assertIn(";tag=b1", header(ack, "To"))

    def test_cancel(self) -> None:
        """A CANCEL goes where its INVITE went, though the URI has a name."""
        sent = self.send("INVITE", lambda response: None)
        self.transactions.cancelTransaction(self.transaction)
        self.assertEqual(self.rig.wire.take(), [])
        self.rig.endpoint.received(respond(sent, 180, "Ringing").encode(), PHONE)
        ((cancel, address),) = self.rig.wire.sent
        self.assertEqual((cancel.partition(" ")[0], address), ("CANCEL", PHONE))

    def test_lateFinal(self) -> None:
        """A final response after the timeout is not news."""
        codes: list[int] = []
        sent = self.send("INVITE", lambda response: codes.append(response.getSCode()[0]))
        self.rig.clock.pump([0.5] * 66)
        self.assertEqual(codes, [408])
        self.rig.receive(respond(sent, 200, "OK", body=PHONE_SDP))
        self.assertEqual(codes, [408])
        self.rig.clock.pump([1] * 33)
        self.assertEqual(self.rig.endpoint.transactions, 0)

    def test_nameInContact(self) -> None:
        """Inside a call nothing is sent to a name in the Contact, but back to where the answer came from."""
        leg = self.rig.dial()
        leg.start(OFFER)
        invite = self.rig.wire.take()[-1]
        contact = "Contact: <sip:100@evil.example>\r\n"
        self.rig.endpoint.received(respond(invite, 200, "OK", body=PHONE_SDP, extra=contact).encode(), PHONE)
        leg.hangup(Ending(EndReason.HANGUP))
        self.assertEqual(
            [(text.partition(" ")[0], address) for text, address in self.rig.wire.sent],
            [("ACK", PHONE), ("BYE", PHONE)],
        )

    def test_shutdown(self) -> None:
        """A shutdown in the middle of everything leaves no timer of the transaction layer, and no transaction."""
        self.send("INVITE", lambda response: None)
        self.rig.invite(callId="other")
        self.rig.receive(request("OPTIONS", callId="third"))
        self.transactions.shutdown()
        self.assertEqual(self.rig.endpoint.transactions, 0)
        owners = [getattr(getattr(call, "func", None), "__self__", None) for call in self.rig.clock.getDelayedCalls()]
        layer = [o for o in owners if getattr(getattr(o, "callback", None), "__self__", None) is self.transactions]
        self.assertEqual(layer, [])
