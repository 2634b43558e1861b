"""Tests for L{ichatgw.calls.call}: news from inside an order, legs that never end, and whatever else fails."""

from __future__ import annotations

from twisted.logger import LogLevel, capturedLogs

from ichatgw.calls.call import CLOSING_TIMEOUT, Call
from ichatgw.model import EndReason
from ichatgw.test.support.callscenes import BUSY, BYE, STOP, AnswersInside, CallCase, Ouch, Scene, endsInside, raises
from ichatgw.test.support.fakes import OFFER, FakeLeg
from ichatgw.test.support.media.fakerelays import FakeRelay


class ReentrancyTests(CallCase):
    """News from inside an order."""

    def test_endsInsideStart(self) -> None:
        """A callee's leg that ends inside C{start} ends the call with its reason."""
        scene = Scene(callee=endsInside("start")).upTo("calling")
        self.assertEqual(scene.caller.orders, ["hangup"])
        self.assertEqual(scene.caller.hangups, [BUSY])
        self.assertClosed(scene)

    def test_endsInsideOrders(self) -> None:
        """A caller's leg may end inside each of its orders; the callee is told."""
        for when, news in (
            ("ring", FakeLeg.partyRings),
            ("progress", FakeLeg.partyProgresses),
            ("answer", FakeLeg.partyAnswers),
        ):
            scene = Scene(caller=endsInside(when)).upTo("calling")
            news(scene.callee)
            self.assertEqual(scene.callee.hangups, [BUSY], when)
            self.assertEqual(scene.caller.hangups, [], when)
            self.assertClosed(scene, when)

    def test_allInsideStart(self) -> None:
        """Ringing, answer and end inside C{start} are taken in their order."""
        scene = Scene(callee=AnswersInside()).upTo("calling")
        self.assertEqual(scene.caller.orders, ["ring", "answer", "hangup"])
        self.assertClosed(scene)

    def test_ownerHangsUpInside(self) -> None:
        """A listener that hears C{closed} may speak to the call again."""
        heard: list[str] = []

        def closed(call: Call) -> None:
            heard.append("closed")
            call.hangup(STOP)
            call.start(OFFER)

        scene = self.scene
        call = Call("c2", scene.caller, scene.callee, scene.relay, scene.clock, closed)
        call.start(OFFER)
        call.hangup(BYE)
        self.assertEqual((heard, scene.relay.closed), (["closed"], 1))


class WriteOffTests(CallCase):
    """A leg that never says C{ended}."""

    def test_writtenOff(self) -> None:
        """It is waited for L{CLOSING_TIMEOUT}, then the ports are given back and an error names call and leg."""
        for name in ("caller", "callee", "both"):
            scene = Scene().upTo("talking")
            silent = {"caller": [scene.caller], "callee": [scene.callee], "both": [scene.caller, scene.callee]}[name]
            for leg in silent:
                leg.slow = True
            scene.call.hangup(BYE)
            scene.clock.advance(CLOSING_TIMEOUT - 0.1)
            self.assertOpen(scene, name)
            with capturedLogs() as events:
                scene.clock.advance(0.2)
            self.assertClosed(scene, name)
            errors = [event for event in events if event["log_level"] is LogLevel.error]
            self.assertEqual({event["leg"] for event in errors}, {leg.id for leg in silent})
            self.assertEqual({event["call"] for event in errors}, {"c1"})

    def test_lateAfterAll(self) -> None:
        """What a leg says after it was written off is passed over."""
        scene = Scene(FakeLeg(slow=True), FakeLeg(slow=True)).upTo("talking")
        scene.call.hangup(BYE)
        scene.clock.advance(CLOSING_TIMEOUT)
        scene.caller.partyHangsUp()
        scene.callee.partyHangsUp()
        self.assertClosed(scene)

    def test_notStretched(self) -> None:
        """A second hangup, or the first leg's end, does not make us wait longer."""
        scene = Scene(FakeLeg(slow=True), FakeLeg(slow=True)).upTo("talking")
        scene.call.hangup(BYE)
        scene.clock.advance(CLOSING_TIMEOUT - 1)
        scene.call.hangup(STOP)
        scene.caller.partyHangsUp()
        scene.clock.advance(1)
        self.assertClosed(scene)


class FailureTests(CallCase):
    """What fails inside one call ends that call."""

    def test_start(self) -> None:
        """A callee's leg that raises in C{start}: the caller is told, nothing is raised."""
        scene = Scene(callee=raises("start")).upTo("calling")
        self.assertEqual(len(self.flushLoggedErrors(Ouch)), 1)
        self.assertEqual([ending.reason for ending in scene.caller.hangups], [EndReason.FAILED])
        self.assertEqual([ending.reason for ending in scene.callee.hangups], [EndReason.FAILED])
        self.assertClosed(scene)

    def test_callersOrders(self) -> None:
        """A caller's leg that raises in an order: both are hung up, and it is over even if no leg says so."""
        for when, news in (
            ("ring", FakeLeg.partyRings),
            ("progress", FakeLeg.partyProgresses),
            ("answer", FakeLeg.partyAnswers),
        ):
            scene = Scene(raises(when, slow=True), FakeLeg(slow=True)).upTo("calling")
            news(scene.callee)
            self.assertEqual(len(self.flushLoggedErrors(Ouch)), 1, when)
            self.assertEqual((len(scene.caller.hangups), len(scene.callee.hangups)), (1, 1), when)
            self.assertClosed(scene, when)
            scene.callee.partyHangsUp()
            scene.caller.partyHangsUp()
            self.assertClosed(scene, when)

    def test_hangup(self) -> None:
        """A leg that cannot even hang up does not keep the other one, or the ports."""
        for stage in ("idle", "calling", "talking"):
            scene = Scene(raises("hangup"), FakeLeg()).upTo(stage)
            scene.call.hangup(STOP)
            self.assertEqual(len(self.flushLoggedErrors(Ouch)), 2, stage)
            self.assertTrue(scene.callee.over, stage)
            self.assertClosed(scene, stage)

    def test_hangupInReturn(self) -> None:
        """The same when the party of the sound leg hangs up."""
        scene = Scene(raises("hangup"), FakeLeg()).upTo("talking")
        scene.callee.partyHangsUp()
        self.flushLoggedErrors(Ouch)
        self.assertClosed(scene)

    def test_othersUnharmed(self) -> None:
        """Another call goes on."""
        other = Scene().upTo("talking")
        Scene(callee=raises("start")).upTo("calling")
        self.flushLoggedErrors(Ouch)
        self.assertOpen(other)
        other.caller.partyHangsUp()
        self.assertClosed(other)

    def test_relay(self) -> None:
        """A relay that cannot be closed does not keep the call alive, however it ends."""

        class Stuck(FakeRelay):
            def close(self) -> None:
                super().close()
                raise Ouch("close")

        for slow in (False, True):
            scene = Scene(FakeLeg(slow=slow), FakeLeg(slow=slow), Stuck()).upTo("talking")
            scene.call.hangup(BYE)
            scene.clock.advance(CLOSING_TIMEOUT)
            self.assertClosed(scene)
            self.assertEqual(len(self.flushLoggedErrors(Ouch)), 1)

    def test_owner(self) -> None:
        """An owner that fails when told C{closed} is told once, and the ports are given back once."""
        told: list[Call] = []

        def closed(call: Call) -> None:
            told.append(call)
            raise Ouch("closed")

        scene = self.scene
        call = Call("c2", scene.caller, scene.callee, scene.relay, scene.clock, closed)
        call.start(OFFER)
        scene.callee.partyHangsUp()
        self.assertEqual((told, scene.relay.closed), ([call], 1))
        self.assertEqual(len(self.flushLoggedErrors(Ouch)), 1)
