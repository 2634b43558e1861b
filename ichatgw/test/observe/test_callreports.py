"""Tests for L{ichatgw.observe.callreports}, as the switch and its calls use it."""

from __future__ import annotations

from ichatgw.calls.call import CLOSING_TIMEOUT
from ichatgw.calls.inner import InnerCall
from ichatgw.errors import NoRoute
from ichatgw.interfaces import ICall
from ichatgw.model import PCMU, Ending, EndReason, SessionDescription
from ichatgw.observe.callreports import Reports, follow
from ichatgw.observe.events import (
    CallAnswered,
    CallArrived,
    CallEnded,
    CallRang,
    CallRouted,
    Event,
    LegEnded,
    LegStarted,
    Limit,
    Refused,
    Stall,
    TrailBegan,
)
from ichatgw.test.calls.test_switch import CALLER, SwitchCase
from ichatgw.test.support.events import Scene
from ichatgw.test.support.fakes import FakeCall, FakeLeg

ANSWER = SessionDescription((PCMU,))


class ReportTests(SwitchCase):
    """What is published of a call."""

    def setUp(self) -> None:
        super().setUp()
        self.scene = Scene()
        self.scene.watch()
        self.switch.reports = Reports(self.scene.events)

    def kinds(self) -> list[type[Event]]:
        """What was published since the last time."""
        kinds = [type(event) for event in self.scene.seen]
        self.scene.seen.clear()
        return kinds

    def test_wholeCall(self) -> None:
        """A call is seen to arrive, to be routed, to ring once, to be answered and to end, each once and in order."""
        leg = self.arrive()
        callee = self.dialer.legs[0]
        arrived, _, routed, _ = self.scene.seen
        assert isinstance(arrived, CallArrived) and isinstance(routed, CallRouted)
        self.assertEqual((arrived.caller, arrived.called), (CALLER.uri, "sip:scott@gw.example"))
        self.assertEqual((routed.route, routed.leg), ("xmpp:scott@chat.example", callee.id))
        self.assertEqual(self.kinds(), [CallArrived, LegStarted, CallRouted, LegStarted])
        callee.partyRings()
        callee.partyRings()
        callee.partyAnswers(ANSWER)
        self.assertEqual(self.kinds(), [CallRang, CallAnswered])
        callee.partyHangsUp(Ending(EndReason.HANGUP, "BYE"))
        *legs, ended = self.scene.seen
        self.assertEqual(
            [(type(event), getattr(event, "leg", "")) for event in legs], [(LegEnded, callee.id), (LegEnded, leg.id)]
        )
        assert isinstance(ended, CallEnded)
        self.assertEqual((ended.by, ended.ending.text, ended.wasAnswered), ("the callee", "BYE", True))

    def test_refused(self) -> None:
        """A call for which there is no rule arrives, is refused and over."""
        self.plan.error = NoRoute("no rule")
        self.arrive()
        self.assertEqual(self.kinds(), [CallArrived, LegStarted, Refused, LegEnded, CallEnded])

    def test_limit(self) -> None:
        """So is one that a limit keeps out, which is told besides."""
        self.switch.maxCalls = 1
        self.arrive()
        self.kinds()
        self.arrive()
        refused, limit = (event for event in self.scene.seen if isinstance(event, (Refused, Limit)))
        self.assertIn("MaxCalls", getattr(limit, "text", ""))
        self.assertIs(getattr(refused, "reason", None), EndReason.CONGESTED)

    def test_writtenOff(self) -> None:
        """A leg that never says that it has ended is told of without an ending."""
        self.arrive(slow=True)
        self.dialer.legs[0].partyHangsUp(Ending(EndReason.BUSY))
        self.clock.advance(CLOSING_TIMEOUT)
        endings = [event.ending for event in self.scene.seen if isinstance(event, LegEnded)]
        self.assertEqual(endings, [Ending(EndReason.BUSY), None])
        self.assertIsInstance(self.scene.seen[-1], CallEnded)

    def test_stall(self) -> None:
        """Long turns are told of."""
        self.switch.reports.stalled(0.5, "a job")
        self.assertEqual(
            [(event.seconds, event.what) for event in self.scene.seen if isinstance(event, Stall)], [(0.5, "a job")]
        )

    def test_unread(self) -> None:
        """Where nobody reads nothing is published, and calls go on as ever."""
        self.switch.reports = Reports(Scene().events)
        leg = self.arrive()
        self.dialer.legs[0].partyHangsUp(Ending(EndReason.BUSY))
        self.assertEqual((leg.orders, self.scene.seen), (["hangup"], []))


class FollowTests(SwitchCase):
    """By what the messages of legs are known."""

    def trail(self, leg: FakeLeg) -> TrailBegan:
        scene = Scene()
        scene.watch()
        follow(scene.events, leg, "mark")
        [event] = scene.seen
        assert isinstance(event, TrailBegan)
        return event

    def test_innerLegs(self) -> None:
        """The messages of a leg within a leg are those of the one that the call knows."""
        outer, middle, inner = FakeLeg(kind="xmpp"), FakeLeg(kind="ichat"), FakeLeg(kind="sip")
        call: ICall = FakeCall()
        outer.call, middle.call, inner.call = call, InnerCall(outer), InnerCall(middle)
        found = self.trail(inner)
        self.assertEqual((found.call, found.leg, found.kind), (call.id, outer.id, ""))
        found = self.trail(middle)
        self.assertEqual((found.call, found.leg, found.kind), (call.id, outer.id, "ichat"))

    def test_plainLegs(self) -> None:
        """Those of a leg of a call are its own."""
        leg = FakeLeg(kind="sip")
        found = self.trail(leg)
        self.assertEqual((found.leg, found.kind, found.trail), (leg.id, "sip", "mark"))
