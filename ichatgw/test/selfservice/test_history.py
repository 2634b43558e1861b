"""
Tests for L{ichatgw.selfservice.history}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import Ending, EndReason
from ichatgw.observe.events import CallEnded, CallRouted
from ichatgw.observe.stream import Events
from ichatgw.selfservice.history import KEPT, MAX_LIVE, MAX_USERS, CallHistory, PastCall

HANGUP = Ending(EndReason.HANGUP)


class HistoryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.events = Events(Clock(), lambda: 7.0)
        self.history = CallHistory(lambda user: not user.endswith("@stranger.example"))
        self.history.observe(self.events)

    def route(self, call: str, route: str = "xmpp:kim@x.example", caller: str = "sip:72@x") -> None:
        """A call leads there."""
        self.events.publish(CallRouted(0.0, float(len(call)), call, "leg", "xmpp", caller, route))

    def end(self, call: str, wasAnswered: bool = False) -> None:
        """That call is over."""
        self.events.publish(CallEnded(1.0, 9.0, call, "the caller", HANGUP, wasAnswered))

    def test_calls(self) -> None:
        """The latest call comes first, with the time at which it came, and whether the two talked."""
        self.route("a")
        self.assertEqual(self.history.of("kim@x.example"), ())
        self.end("a")
        self.route("bb", "xmpp:Kim@x.example/phone?call", "sip:anonymous@anonymous.invalid")
        self.end("bb", wasAnswered=True)
        self.assertEqual(
            self.history.of("kim@x.example"),
            (PastCall(2.0, "sip:anonymous@anonymous.invalid", True), PastCall(1.0, "sip:72@x", False)),
        )

    def test_forwarded(self) -> None:
        """A call that was forwarded was not taken by its first user; the one to whom it led has taken it, or not."""
        self.route("a")
        self.route("a", "xmpp:lee@x.example")
        self.end("a", wasAnswered=True)
        self.route("b")
        self.route("b", "sip:73@pbx.example")
        self.end("b", wasAnswered=True)
        self.assertEqual([call.wasAnswered for call in self.history.of("kim@x.example")], [False, False])
        self.assertEqual([call.wasAnswered for call in self.history.of("lee@x.example")], [True])

    def test_turnedAway(self) -> None:
        """A user who is not to be disturbed has missed the call."""
        self.history.turnedAway(5.0, "kim@x.example", "sip:72@x")
        self.history.turnedAway(5.0, "eve@stranger.example", "sip:72@x")
        self.assertEqual(self.history.of("kim@x.example"), (PastCall(5.0, "sip:72@x", False),))
        self.assertEqual(len(self.history._users), 1)

    def test_others(self) -> None:
        """Calls to phones, to those who may not call, and calls that led nowhere are not kept."""
        self.route("a", "sip:72@x")
        self.route("b", "xmpp:kim@stranger.example")
        for call in ("a", "b", "unheard of"):
            self.end(call)
        self.assertEqual(len(self.history._users) + len(self.history._live), 0)

    def test_bounded(self) -> None:
        """Of each user the latest are kept, of users those that were called last, and a caller's address in part."""
        for number in range(KEPT + 5):
            self.route("x" * (number + 1), caller="sip:" + "7" * 5000)
            self.end("x" * (number + 1))
        calls = self.history.of("kim@x.example")
        self.assertEqual([call.wall for call in calls], [float(n) for n in range(KEPT + 5, 5, -1)])
        self.assertLess(len(calls[0].caller), 250)
        for number in range(MAX_USERS):
            self.route("y", f"xmpp:{number}@x.example")
            self.end("y")
        self.assertEqual(self.history.of("kim@x.example"), ())
        self.assertEqual(len(self.history._users), MAX_USERS)

    def test_manyLive(self) -> None:
        """Calls that never end do not fill memory."""
        for number in range(MAX_LIVE + 10):
            self.history.routed(CallRouted(0.0, 0.0, str(number), "l", "xmpp", "sip:1@x", "xmpp:kim@x.example"))
        self.assertEqual(len(self.history._live), MAX_LIVE)
