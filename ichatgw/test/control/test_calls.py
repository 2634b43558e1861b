# -*- test-case-name: ichatgw.test.control.test_calls -*-
"""Tests for L{ichatgw.control.calls}."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.control.calls import Calls
from ichatgw.control.protocol import Answer, Order, OrderError
from ichatgw.control.server import Orders
from ichatgw.log.redaction import Content
from ichatgw.model import Ending, EndReason, TransportAddress
from ichatgw.observe.events import (
    CallAnswered,
    CallArrived,
    CallEnded,
    CallRang,
    CallRouted,
    LegStarted,
    MediaStarted,
    MediaStats,
    MessageReceived,
    TrailBegan,
)
from ichatgw.test.support.events import Scene

PHONE = TransportAddress("192.0.2.77", 5060)
SOUND = TransportAddress("192.0.2.77", 4000)


class CallsTests(SynchronousTestCase):
    """L{Calls}."""

    def setUp(self) -> None:
        scene = Scene()
        self.clock, self.events = scene.clock, scene.events
        known, _ = scene.follow()
        self.ended: list[Ending] = []
        self.live: dict[str, Any] = {}
        self.orders = Orders()
        switch = SimpleNamespace(run="abc-", find=self.live.get)
        self.content = Content.DIGITS
        self.kept: dict[str, Any] = {}
        archive = SimpleNamespace(find=lambda name: succeed(self.kept.get(name)))
        self.known = known
        Calls(known, cast(Any, switch), lambda: self.content, cast(Any, archive)).addTo(self.orders)

    def ring(self, name: str) -> None:
        now, publish = self.events.now, self.events.publish
        self.live[name] = SimpleNamespace(hangup=self.ended.append)
        publish(CallArrived(*now(), name, "in-1", "sip", "sip:a@b", "sip:72@gw", PHONE, ("PCMU", "PCMA")))
        publish(LegStarted(*now(), name, "in-1", "caller", "sip", "sip:a@b"))
        publish(CallRouted(*now(), name, "out-1", "ichat", "sip:a@b", "xmpp:kim@example"))
        publish(LegStarted(*now(), name, "out-1", "callee", "ichat", "xmpp:kim@example"))
        self.clock.advance(1)
        publish(CallRang(*now(), name, "out-1"))

    def begin(self, name: str) -> None:
        self.ring(name)
        now, publish = self.events.now, self.events.publish
        self.clock.advance(2)
        publish(CallAnswered(*now(), name, "out-1", ("PCMU",)))
        publish(MediaStarted(*now(), name, "caller", SOUND))
        publish(
            MediaStats(
                *now(), name, "caller", 150, 24000, 3, 0.004, 1, 0.02, (("strangers", 2),), SOUND, False, 0.00612
            )
        )
        self.clock.advance(10)

    def end(self, name: str) -> None:
        del self.live[name]
        self.events.publish(CallEnded(*self.events.now(), name, "the caller", Ending(EndReason.HANGUP), True))

    def told(self, outcome: Deferred[Answer]) -> Answer:
        found: list[Any] = []
        outcome.addBoth(found.append)
        if isinstance(found[0], Failure):
            found[0].raiseException()
        return cast(Answer, found[0])

    def do(self, name: str, **words: str) -> tuple[Any, list[Any]]:
        outcome = self.orders(Order(name, words))
        answer = self.told(outcome) if isinstance(outcome, Deferred) else outcome
        data, items = json.loads(json.dumps([dict(answer.data), list(answer.items)]))
        return data, items

    def test_live(self) -> None:
        """A call that is up is shown with who, whom, for how long, its legs, and what was sent."""
        self.assertEqual(self.do("calls"), ({"count": 0}, []))
        self.begin("abc-1")
        data, (call,) = self.do("calls")
        self.assertEqual(data, {"count": 1})
        self.assertEqual(
            [call[name] for name in ("id", "state", "caller", "called", "route", "source", "age", "talked", "codecs")],
            ["abc-1", "talking", "sip:a@b", "sip:72@gw", "xmpp:kim@example", "192.0.2.77:5060", 13, 10, ["PCMU"]],
        )
        self.assertEqual(
            [(leg["id"], leg["role"], leg["kind"], leg["party"], leg["state"]) for leg in call["legs"]],
            [
                ("in-1", "caller", "sip", "sip:a@b", "talking"),
                ("out-1", "callee", "ichat", "xmpp:kim@example", "talking"),
            ],
        )
        media = call["media"]["caller"]
        self.assertEqual(
            [media[name] for name in ("packets", "lost", "jitter", "lostBeyond", "roundTrip", "dropped", "source")],
            [150, 3, 0.004, 1, 0.02, {"strangers": 2}, "192.0.2.77:4000"],
        )
        self.assertEqual(media["arrivalJitter"], 0.0061)

    def test_past(self) -> None:
        """Of those that are over the last are shown, the latest first, with the reason."""
        for number in range(5):
            self.begin(f"abc-{number}")
            self.end(f"abc-{number}")
        _, calls = self.do("calls", past="2")
        self.assertEqual([call["id"] for call in calls], ["abc-4", "abc-3"])
        self.assertIn("ended by the caller", calls[0]["why"])
        self.assertEqual([len(self.do("calls", past=most)[1]) for most in ("0", "20", "999999")], [0, 5, 5])
        for wrong in ("", "-1", "x", "1000000"):
            self.assertRaises(OrderError, self.do, "calls", past=wrong)

    def test_one(self) -> None:
        """One call is shown with its ladder; its name may be short."""
        self.begin("abc-7")
        for name in ("abc-7", "7", "call=abc-7"):
            call, ladder = self.do("call", id=name)
            self.assertEqual(call["id"], "abc-7")
        self.assertEqual(
            [rung["event"] for rung in ladder],
            ["CallArrived", "LegStarted", "CallRouted", "LegStarted", "CallRang", "CallAnswered", "MediaStarted"],
        )
        self.assertEqual([rung["side"] for rung in ladder[:4]], ["caller", "caller", "callee", "callee"])
        for wrong in ("8", "", "x" * 10_000):
            words = "name a call by id" if not wrong else "see ichatgw calls"
            self.assertIn(words, str(self.assertRaises(OrderError, self.do, "call", id=wrong)))
        self.assertIn("name a call by id", str(self.assertRaises(OrderError, self.do, "hangup")))

    def test_archived(self) -> None:
        """One that is no longer in memory is shown as it was kept, and can no longer be ended."""
        self.begin("abc-7")
        self.end("abc-7")
        self.kept["old-3"] = self.known.find("abc-7"), self.known.ladder("abc-7")
        for name in ("old-3", "call=old-3"):
            call, ladder = self.do("call", id=name)
            self.assertEqual((call["id"], len(ladder)), ("abc-7", 8))
        self.assertRaises(OrderError, self.do, "hangup", id="old-3")

    def test_hangupEarly(self) -> None:
        """One that still rings is ended too; its caller hears that the callee cannot be reached."""
        self.ring("abc-1")
        self.do("hangup", id="abc-1")
        self.assertEqual([ending.reason for ending in self.ended], [EndReason.UNAVAILABLE])

    def test_hidden(self) -> None:
        """What LogHides hides is hidden here as well."""
        self.begin("abc-1")
        data = b"MESSAGE sip:x SIP/2.0\r\nCall-ID: m\r\nContent-Type: text/plain\r\n\r\nlove"
        self.events.publish(TrailBegan(*self.events.now(), "abc-1", "in-1", "", "m"))
        self.events.publish(MessageReceived(*self.events.now(), "SIP", "udp", data, PHONE))
        for self.content, isShown in ((Content.DIGITS, True), (Content.TEXTS, False)):
            rung = self.do("call", id="1")[1][-1]
            self.assertEqual("love" in rung["text"], isShown)

    def test_hangup(self) -> None:
        """A call that is up is ended; one that is over is said to be."""
        self.begin("abc-1")
        data, _ = self.do("hangup", id="1")
        self.assertEqual(data["text"], "call abc-1 from sip:a@b to sip:72@gw ends")
        self.assertEqual(self.ended, [Ending(EndReason.HANGUP, "ended by an administrator")])
        self.end("abc-1")
        self.assertIn("over already", str(self.assertRaises(OrderError, self.do, "hangup", id="1")))
        self.assertRaises(OrderError, self.do, "hangup")
