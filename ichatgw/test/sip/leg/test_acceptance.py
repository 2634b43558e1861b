# -*- test-case-name: ichatgw.test.sip.leg.test_acceptance -*-
"""
A phone that has accepted an INVITE of ours gets an ACK, whatever is wrong with its 2xx; and a BYE after that, and never
before, if nothing comes of the call.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import Ending, EndReason, TransportAddress
from ichatgw.sip.leg.leg import SipLeg
from ichatgw.test.marks import slow
from ichatgw.test.support.fakes import OFFER
from ichatgw.test.support.sip.siptalks import news
from ichatgw.test.support.sip.sipwire import PHONE, PHONE_SDP, Rig, header, respond

OTHER = "Contact: <sip:other@192.0.2.78:5062>\r\n"

UNREADABLE = (
    *(f"{name}: rubbish\r\n" for name in ("Record-Route", "Contact", "Service-Route", "Path", "Route", "Refer-To")),
    *(f"{name}: x\r\n" for name in ("Max-Forwards", "RSeq", "RAck", "Session-Expires", "Min-SE", "Expires")),
    "Record-Route: <sip:\r\n",
    "Record-Route: <mailto:a@b>\r\n",
    "Record-Route: <sip:192.0.2.99:99999;lr>\r\n",
    "Contact: <sip:100@1.2.3.4:99999>\r\n",
    "Contact: *\r\n",
    "Refer-To: <sip:a@b>\r\nRefer-To: <sip:a@b>\r\n",
    "Max-Forwards: 1\r\nMax-Forwards: 2\r\n",
)
"""Headers that can be done without."""

UNUSABLE = (
    "a line that is none\r\n",
    "Content-Type: text/plain\r\n",
    f"Server: {'y' * 5000}\r\n",
    "".join(f"X-{number}: y\r\n" for number in range(200)),
)
"""What makes the body or the whole message one that cannot be used."""


class AcceptanceTests(SynchronousTestCase):
    """A phone has taken the call."""

    def start(self) -> SipLeg:
        self.rig = Rig()
        leg = self.rig.dial()
        leg.start(OFFER)
        (self.invite,) = self.rig.wire.take()
        return leg

    def accept(self, text: str) -> list[tuple[str, TransportAddress]]:
        """What goes out after a 200."""
        self.rig.wire.take()
        self.rig.endpoint.received(text.encode(), PHONE)
        return [(message.split()[0], address) for message, address in self.rig.wire.sent]

    def test_unreadable(self) -> None:
        """A header that cannot be read and can be done without costs no call, before and after we have given up."""
        for extra in UNREADABLE:
            leg = self.start()
            self.assertEqual(self.accept(respond(self.invite, 200, "OK", "b1", PHONE_SDP, extra)), [("ACK", PHONE)])
            self.assertEqual(news(leg).news, ["answered"], extra)
            leg = self.start()
            leg.hangup(Ending(EndReason.CANCELLED))
            sent = self.accept(respond(self.invite, 200, "OK", "b1", PHONE_SDP, extra))
            self.assertEqual(sent, [("ACK", PHONE), ("BYE", PHONE)], extra)

    def test_route(self) -> None:
        """Of a route the stations stay that can be read."""
        self.start()
        route = "Record-Route: <sip:192.0.2.98;lr>, <rubbish>, <sip:192.0.2.99;lr>\r\n"
        sent = self.accept(respond(self.invite, 200, "OK", "b1", PHONE_SDP, route))
        self.assertEqual(sent, [("ACK", TransportAddress("192.0.2.99", 5060))])
        self.assertEqual(self.rig.wire.sent[0][0].count("Route: "), 2)

    def test_unusable(self) -> None:
        """A 2xx of which nothing can be made is acknowledged, and the call ended, with a line that says why."""
        for extra in UNUSABLE:
            leg = self.start()
            with capturedLogs() as events:
                sent = self.accept(respond(self.invite, 200, "OK", "b1", PHONE_SDP, extra))
            self.assertEqual(sent, [("ACK", PHONE), ("BYE", PHONE)], extra[:40])
            self.assertEqual(news(leg).news, ["ended"])
            lines = [formatEvent(event) or "" for event in events]
            said = any("cannot be read" in line and str(PHONE) in line for line in lines)
            self.assertEqual(said, not extra.startswith("Content-Type"), lines)

    def test_again(self) -> None:
        """It is acknowledged each time that it comes, and ended once."""
        for extra in UNUSABLE:
            self.start()
            text = respond(self.invite, 200, "OK", "b1", PHONE_SDP, extra)
            self.accept(text)
            self.assertEqual(self.accept(text), [("ACK", PHONE)])

    def test_tags(self) -> None:
        """A To that cannot be read may have a tag all the same; ACK and BYE have it then."""
        for written, tag in (
            (";tag=b1;tag=b2", ";tag=b1"),
            (";x;;Tag = b1", ";tag=b1"),
            (';tag=b1;"', ";tag=b1"),
            (";tag=", ""),
            (";tag", ""),
            ("", ""),
            (";=;tag=", ""),
        ):
            leg = self.start()
            text = respond(self.invite, 200, "OK", "b1", PHONE_SDP).replace(";tag=b1\r\n", f"{written}\r\n")
            self.assertEqual(self.accept(text), [("ACK", PHONE)], written)
            leg.hangup(Ending(EndReason.HANGUP))
            for message, _ in self.rig.wire.sent:
                self.assertEqual(header(message, "To"), f"<sip:100@192.0.2.77>{tag}", written)
            self.assertEqual([message.split()[0] for message, _ in self.rig.wire.sent], ["ACK", "BYE"])

    def test_unreachable(self) -> None:
        """Where there is no way to its Contact, or to its proxy, ACK and BYE go where the 200 came from."""
        for extra in (
            "Contact: <sip:100@203.0.113.5>\r\n",
            "Record-Route: <sip:203.0.113.5;lr>\r\n",
            "Contact: <sips:100@203.0.113.5>\r\n",
        ):
            leg = self.start()
            self.rig.wire.unreachable.add("203.0.113.5")
            self.rig.endpoint._transactions.streams = None
            self.assertEqual(self.accept(respond(self.invite, 200, "OK", "b1", PHONE_SDP, extra)), [("ACK", PHONE)])
            self.rig.wire.take()
            leg.hangup(Ending(EndReason.HANGUP))
            self.assertEqual([(text.split()[0], to) for text, to in self.rig.wire.sent], [("BYE", PHONE)])

    def test_cut(self) -> None:
        """One whose end is missing, or of which nobody knows where it ends, is none: it comes again."""
        for written, replaced in (
            ("Content-Length: ", "Content-Length: 9"),
            ("Contact:", "Server: a\x01\nb\r\nContact:"),
        ):
            leg = self.start()
            self.assertEqual(
                self.accept(respond(self.invite, 200, "OK", "b1", PHONE_SDP).replace(written, replaced)), []
            )
            self.assertEqual(news(leg).news, [])

    @slow
    def test_order(self) -> None:
        """
        In whatever order they come, a hangup and the responses of two phones: nobody gets a BYE before the ACK, and
        each phone that has accepted has got both at the end.
        """
        steps: tuple[Callable[[SipLeg], object], ...] = (
            lambda leg: self.rig.endpoint.received(respond(self.invite, 180, "Ringing").encode(), PHONE),
            lambda leg: leg.hangup(Ending(EndReason.CANCELLED)),
            lambda leg: self.rig.endpoint.received(self.ok("b1"), PHONE),
            lambda leg: self.rig.endpoint.received(self.ok("b1", "Server: again\r\n"), PHONE),
            lambda leg: self.rig.endpoint.received(self.ok("b2", OTHER), PHONE),
            lambda leg: self.rig.clock.advance(0.4),
        )
        for order in permutations(steps):
            leg = self.start()
            for step in order:
                step(leg)
            methods: dict[str, list[str]] = {"b1": [], "b2": []}
            for message, _ in self.rig.wire.sent:
                tag = header(message, "To").partition(";tag=")[2]
                if tag and methods[tag][-1:] != [message.split()[0]]:
                    methods[tag].append(message.split()[0])
            for tag, sent in methods.items():
                self.assertEqual(sent[:2], ["ACK", "BYE"], (tag, sent))

    def ok(self, tag: str, extra: str = "") -> bytes:
        return respond(self.invite, 200, "OK", tag, PHONE_SDP, extra).encode()
