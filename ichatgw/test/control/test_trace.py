# -*- test-case-name: ichatgw.test.control.test_trace -*-
"""Tests for L{ichatgw.control.trace}."""

from __future__ import annotations

from typing import Any, cast

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.control.protocol import Answer, Order, OrderError
from ichatgw.control.server import Orders
from ichatgw.control.trace import MAX_PARTIES, PIECE, Traces, bareOf
from ichatgw.model import TransportAddress
from ichatgw.observe.events import CallArrived, CallRouted, LegStarted, MessageReceived, MessageSent, TrailBegan
from ichatgw.runtime.turns import Turns
from ichatgw.test.support.events import Scene

PHONE = TransportAddress("192.0.2.77", 5060)


class TraceTests(SynchronousTestCase):
    """L{Traces}."""

    def setUp(self) -> None:
        scene = Scene()
        self.clock, self.events = scene.clock, scene.events
        known, _ = scene.follow()
        self.orders = Orders()
        Traces(Turns(self.clock), self.events, scene.trails, known).addTo(self.orders)

    def do(self, **words: str) -> list[str]:
        parties: list[str] = cast(Answer, self.orders(Order("trace", words))).data["parties"]
        return parties

    def call(self, name: str, caller: str = "sip:bell@192.0.2.77") -> list[str]:
        """A call arrives, is routed, and is answered; what is in the log of its messages?"""
        now, publish = self.events.now, self.events.publish
        with capturedLogs() as logged:
            self.message(f"INVITE {name}", name)
            publish(CallArrived(*now(), name, "in-1", "sip", caller, "sip:72@gw", PHONE, ("PCMU",)))
            publish(LegStarted(*now(), name, "in-1", "caller", "sip", caller, (f"{name}@in",)))
            publish(CallRouted(*now(), name, "out-1", "sip", caller, "sip:+4930123@192.0.2.78:5070"))
            publish(LegStarted(*now(), name, "out-1", "callee", "sip", "sip:+4930123@192.0.2.78"))
            self.message(f"INVITE out {name}", name, "out", MessageSent)
            publish(TrailBegan(*now(), name, "out-1", "", f"{name}@out"))
            self.message(f"SIP/2.0 200 OK {name}", name, "out")
            self.message(f"BYE {name}", name)
        return [str(formatEvent(event)) for event in logged if "traced" in str(event.get("log_format"))]

    def message(self, line: str, name: str, side: str = "in", kind: Any = MessageReceived) -> None:
        data = f'{line}\r\nCall-ID: {name}@{side}\r\nAuthorization: Digest response="s3cret"\r\n\r\n'
        self.events.publish(kind(*self.events.now(), "SIP", "udp", data.encode(), PHONE))

    def test_party(self) -> None:
        """Of a traced party's call each message is written once, those before it was known included."""
        for party in ("bell", "SIP:Bell@192.0.2.77", "72", "+4930123", "+4930123@192.0.2.78"):
            self.do(wish="on", party=party)
            lines = self.call(f"c-{party}")
            self.assertEqual(len(lines), 4, (party, lines))
            for line, word in zip(lines, ("INVITE c", "INVITE out c", "200 OK", "BYE"), strict=True):
                self.assertIn(word, line)
                self.assertNotIn("s3cret", line)
            self.assertIn(f"call=c-{party} leg=in-1 traced, from 192.0.2.77:5060 over udp: INVITE", lines[0])
            self.assertIn("leg=out-1 traced, to 192.0.2.77:5060", lines[1])
            self.assertEqual(self.do(wish="off", party=party), [])

    def test_others(self) -> None:
        """Of others nothing is written; and nothing reads the stream when nobody is traced any more."""
        before = self.events.isOn(CallRouted), self.events.isOn(MessageSent)
        self.do(wish="on", party="watson")
        self.assertEqual(self.call("one"), [])
        self.do(wish="off", party="watson")
        self.assertEqual(self.call("two", "sip:watson@x"), [])
        self.assertEqual((self.events.isOn(CallRouted), self.events.isOn(MessageSent)), before)

    def test_liveCall(self) -> None:
        """A call that is up when it begins is traced from its first message on."""
        self.call("one")
        with capturedLogs() as logged:
            self.do(wish="on", party="bell")
            self.message("MESSAGE one", "one")
        self.assertEqual(len([each for each in logged if "traced" in each["log_format"]]), 5)

    def test_long(self) -> None:
        """A long message has several lines, and nothing of it is lost."""
        self.do(wish="on", party="bell")
        self.call("one")
        with capturedLogs() as logged:
            self.message("MESSAGE " + "x" * (3 * PIECE), "one")
        self.assertIn("(1 of 4)", str(formatEvent(logged[0])))
        self.assertEqual(sum(len(event["piece"]) for event in logged) // PIECE, 3)

    def test_orders(self) -> None:
        """Who is traced can be asked; what makes no sense is said to make none."""
        self.do(wish="on", party="72")
        self.assertEqual(self.do(wish="on", party="xmpp:Kim@Example/Mac"), ["72", "kim@example"])
        self.assertEqual(self.do(), ["72", "kim@example"])
        for words in (
            {"wish": "on", "party": ""},
            {"wish": "on", "party": "x" * 300},
            {"wish": "off", "party": "lee"},
            {"wish": "maybe", "party": "lee"},
        ):
            self.assertRaises(OrderError, self.do, **words)
        for number in range(MAX_PARTIES - 2):
            self.do(wish="on", party=f"p{number}")
        self.assertRaises(OrderError, self.do, wish="on", party="one more")
        self.do(wish="on", party="72")

    def test_bare(self) -> None:
        """Addresses are compared without what differs from call to call."""
        for address, bare in (
            ("sip:+49301@pbx.example:5070;user=phone", "+49301@pbx.example"),
            ("xmpp:Kim@Example.com/Mac", "kim@example.com"),
            ("tel:+49301;phone-context=x", "+49301"),
            ("sips:a@[2001:db8::1]:5061", "a@[2001:db8::1]"),
            (" 72 ", "72"),
        ):
            self.assertEqual(bareOf(address), bare)
