"""Tests for L{ichatgw.calls.call}: what usually happens, every input in every state, and what is logged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

from attrs import evolve
from twisted.logger import LogEvent, LogLevel, capturedLogs, formatEvent
from zope.interface.verify import verifyObject

from ichatgw.calls.call import CLOSING_TIMEOUT
from ichatgw.calls.nulls import GONE, NoCall, Unanswered
from ichatgw.interfaces import ICall
from ichatgw.model import SENT_ON, Direction, Ending, EndReason, Tone
from ichatgw.test.support.callscenes import ANSWER, BUSY, BYE, STOP, CallCase, Ouch, Scene, raises
from ichatgw.test.support.fakes import OFFER, FakeLeg, FakeMessage

STAGES = ("idle", "calling", "talking", "closing", "closing, one left", "closed")


def changed(scene: Scene) -> Scene:
    """The callee has changed something."""
    scene.callee.partyUpdates(ANSWER)
    return scene


INPUTS: dict[str, Callable[[Scene], None]] = {
    "start": lambda scene: scene.call.start(OFFER),
    "ringing": lambda scene: scene.call.ringing(scene.callee),
    "progressing": lambda scene: scene.call.progressing(scene.callee, ANSWER),
    "answered": lambda scene: scene.call.answered(scene.callee, ANSWER),
    "changed": lambda scene: scene.callee.partyUpdates(ANSWER),
    "agreed": lambda scene: changed(scene).caller.partyAgrees(ANSWER),
    "refused": lambda scene: changed(scene).caller.partyRefuses(BUSY),
    "handed": lambda scene: scene.call.handed(scene.callee, Unanswered(Tone("5"))),
    "caller ended": lambda scene: scene.call.ended(scene.caller, BYE),
    "callee ended": lambda scene: scene.call.ended(scene.callee, BYE),
    "hangup": lambda scene: scene.call.hangup(STOP),
}
UNLAWFUL = {
    *(("idle", word) for word in ("ringing", "progressing", "answered")),
    ("calling", "start"),
    ("talking", "start"),
}
"""What no sane leg or owner says; the call ends."""


class CourseTests(CallCase):
    """What usually happens."""

    def test_interface(self) -> None:
        """A call is what legs report to."""
        verifyObject(ICall, self.scene.call)

    def test_made(self) -> None:
        """Each leg knows the call and has its own side of the relay before the first order; none is given yet."""
        for leg, side in (
            (self.scene.caller, self.scene.relay.caller),
            (self.scene.callee, self.scene.relay.callee),
        ):
            self.assertIs(leg.call, self.scene.call)
            self.assertIs(leg.side, side)
            self.assertEqual(leg.orders, [])

    def test_start(self) -> None:
        """The callee's leg calls with the caller's offer; the caller's leg hears nothing."""
        self.scene.call.start(OFFER)
        self.assertEqual((self.scene.callee.orders, self.scene.callee.offers), (["start"], [OFFER]))
        self.assertEqual(self.scene.caller.orders, [])

    def test_ladder(self) -> None:
        """Ringing, early media and the answer go to the caller in their order; the answer as it was given."""
        scene = self.scene.upTo("calling")
        scene.callee.partyRings()
        scene.callee.partyRings()
        scene.callee.partyProgresses(ANSWER)
        scene.callee.partyAnswers(ANSWER)
        self.assertEqual(scene.caller.orders, ["ring", "ring", "progress", "answer"])
        self.assertEqual(scene.caller.answers, [ANSWER, ANSWER])
        self.assertEqual(scene.callee.orders, ["start"])
        self.assertOpen(scene)
        self.assertEqual(scene.clock.getDelayedCalls(), [])

    def test_withinTheCall(self) -> None:
        """While they talk, what changes at either end is told to the other, and so is what that has to say to it."""
        for name in ("caller", "callee"):
            scene = Scene().upTo("talking")
            first, second = (scene.caller, scene.callee) if name == "caller" else (scene.callee, scene.caller)
            before = list(second.orders)
            held = evolve(ANSWER, direction=Direction.SENDONLY)
            first.partyUpdates(held)
            first.partyPresses(Tone("#", 250))
            second.partyAgrees(ANSWER)
            first.partyUpdates(ANSWER)
            second.partyRefuses(BUSY)
            self.assertEqual(second.orders, [*before, "change", "hand", "change"], name)
            self.assertEqual((second.updates, second.tones, second.refusals), ([held, ANSWER], [Tone("#", 250)], []))
            self.assertEqual(first.orders[-2:], ["agree", "refuse"], name)
            self.assertEqual((first.updates, first.tones, first.refusals), ([], [], [BUSY]), name)
            self.assertEqual(first.answers[-1], ANSWER)
            self.assertOpen(scene)

    def test_answeredOnce(self) -> None:
        """Who changes twice before the other one has answered hears one answer, which is to the latter change."""
        scene = Scene().upTo("talking")
        before = scene.callee.orders[:]
        scene.callee.partyUpdates(ANSWER)
        scene.callee.partyUpdates(OFFER)
        scene.caller.partyAgrees(OFFER)
        self.assertEqual(scene.callee.orders, [*before, "agree"])

    def test_bothChange(self) -> None:
        """Changes of both at once are answered each to its own."""
        scene = Scene().upTo("talking")
        scene.caller.partyUpdates(ANSWER)
        scene.callee.partyUpdates(OFFER)
        scene.callee.partyAgrees(ANSWER)
        scene.caller.partyRefuses(BUSY)
        self.assertEqual((scene.caller.orders[-1], scene.callee.orders[-1]), ("agree", "refuse"))

    def test_answeredLate(self) -> None:
        """An answer to a change that comes after the end of the call is not heard."""
        scene = Scene().upTo("talking")
        scene.callee.partyUpdates(ANSWER)
        (change,) = scene.caller.changes
        scene.caller.partyHangsUp(BYE)
        before = scene.callee.orders[:]
        change.agree(ANSWER)
        change.refuse(BUSY)
        self.assertEqual(scene.callee.orders, before)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_withinTheCallOnly(self) -> None:
        """Before the answer and after the end no changes are told; those before it are refused."""
        for stage in ("idle", "calling", "closing", "closed"):
            scene = Scene().upTo(stage)
            before = scene.caller.orders[:]
            scene.callee.partyUpdates(ANSWER)
            scene.callee.partyPresses(Tone("1"))
            self.assertEqual(scene.caller.orders, before, stage)
            self.assertEqual(scene.callee.refusals, [GONE] if stage in ("idle", "calling") else [], stage)

    def test_handed(self) -> None:
        """While they talk, what one sends is handed to the other, with what takes the answer; else it is said."""
        for name in ("caller", "callee"):
            scene = Scene().upTo("talking")
            first, second = (scene.caller, scene.callee) if name == "caller" else (scene.callee, scene.caller)
            second.takes = True
            message = FakeMessage()
            first.partySays(message)
            self.assertEqual((second.messages, message.receipts), ([message], []), name)
            self.assertOpen(scene)
        for stage in ("idle", "calling", "closing", "closed"):
            scene = Scene().upTo(stage)
            message = FakeMessage()
            scene.call.handed(scene.callee, message)
            self.assertEqual((scene.caller.messages, message.receipts), ([], [None]), stage)
        scene = Scene().upTo("talking")
        for call in (scene.call, NoCall()):
            message = FakeMessage()
            call.handed(FakeLeg(), message)
            self.assertEqual(message.receipts, [None])

    def test_early(self) -> None:
        """What may be said before the answer is handed to the caller then, and not after it."""
        for stage in ("idle", "calling", "closing", "closed"):
            scene = Scene().upTo(stage)
            message = FakeMessage(SENT_ON)
            scene.caller.takes = True
            scene.call.handed(scene.callee, message)
            scene.call.handed(scene.caller, message)
            self.assertEqual(scene.caller.messages, [message] if stage == "calling" else [], stage)
            self.assertEqual(scene.callee.messages, [], stage)

    def test_eitherHangsUp(self) -> None:
        """No matter who hangs up, and when, the other is told the same ending, once."""
        for stage in ("idle", "calling", "talking"):
            for name in ("caller", "callee"):
                scene = Scene().upTo(stage)
                first, second = (scene.caller, scene.callee) if name == "caller" else (scene.callee, scene.caller)
                first.partyHangsUp(BUSY)
                self.assertEqual((first.hangups, second.hangups), ([], [BUSY]), f"{stage}, {name}")
                self.assertClosed(scene, f"{stage}, {name}")

    def test_hangup(self) -> None:
        """We end the call: both are told once, in every state."""
        for stage in ("idle", "calling", "talking"):
            scene = Scene().upTo(stage)
            scene.call.hangup(STOP)
            self.assertEqual((scene.caller.hangups, scene.callee.hangups), ([STOP], [STOP]), stage)
            self.assertClosed(scene, stage)

    def test_bothHangUpAtOnce(self) -> None:
        """Two endings that cross: nobody is told twice, the first is the reason."""
        scene = Scene(FakeLeg(slow=True), FakeLeg(slow=True)).upTo("talking")
        scene.caller.partyHangsUp(BYE)
        scene.callee.partyHangsUp(BUSY)
        self.assertEqual((scene.caller.hangups, scene.callee.hangups), ([], [BYE]))
        self.assertClosed(scene)

    def test_portsStayUntilBothAreGone(self) -> None:
        """The relay stays open as long as one leg is."""
        scene = Scene(FakeLeg(slow=True), FakeLeg(slow=True)).upTo("talking")
        scene.caller.partyHangsUp()
        self.assertOpen(scene)
        scene.clock.advance(CLOSING_TIMEOUT - 1)
        self.assertOpen(scene)
        scene.callee.partyHangsUp()
        self.assertClosed(scene)


class EveryInputTests(CallCase):
    """Every state and every input."""

    def finish(self, scene: Scene) -> None:
        """Both parties go, time passes."""
        scene.caller.partyHangsUp()
        scene.callee.partyHangsUp()
        scene.clock.advance(CLOSING_TIMEOUT)

    def test_lawful(self) -> None:
        """What may come late or twice does no harm: nothing is logged as a failure, the call closes once."""
        for stage, word in product(STAGES, INPUTS):
            if (stage, word) in UNLAWFUL:
                continue
            scene = Scene().upTo(stage)
            INPUTS[word](scene)
            self.assertEqual(self.flushLoggedErrors(), [], f"{stage}, {word}")
            self.finish(scene)
            self.assertClosed(scene, f"{stage}, {word}")

    def test_unlawful(self) -> None:
        """What must not come ends this call at once, with one failure in the log; nothing is raised."""
        for stage, word in UNLAWFUL:
            scene = Scene().upTo(stage)
            INPUTS[word](scene)
            self.assertEqual(len(self.flushLoggedErrors()), 1, f"{stage}, {word}")
            self.assertClosed(scene, f"{stage}, {word}")
            self.assertEqual(scene.caller.hangups[0].reason, EndReason.FAILED)
            self.finish(scene)
            self.assertClosed(scene, f"{stage}, {word}")

    def test_nothingAfterTheEnd(self) -> None:
        """A call that is over gives no order, whatever it hears."""
        for word, tell in INPUTS.items():
            for stage in ("closing", "closed"):
                scene = Scene().upTo(stage)
                before = (list(scene.caller.orders), list(scene.callee.orders))
                tell(scene)
                self.assertEqual((scene.caller.orders, scene.callee.orders), before, f"{stage}, {word}")

    def test_answeredOnce(self) -> None:
        """Ringing and answers after the answer are not passed on."""
        scene = self.scene.upTo("talking")
        scene.callee.partyAnswers(ANSWER)
        scene.callee.partyRings()
        scene.callee.partyProgresses()
        self.assertEqual(scene.caller.orders, ["answer"])

    def test_endedTwice(self) -> None:
        """A leg that says C{ended} twice does not stand for the other one."""
        scene = Scene(FakeLeg(slow=True)).upTo("talking")
        scene.call.ended(scene.callee, BYE)
        scene.call.ended(scene.callee, BYE)
        self.assertOpen(scene)
        scene.caller.partyHangsUp()
        self.assertClosed(scene)


class LogTests(CallCase):
    """What an administrator reads."""

    def lines(self, events: Sequence[LogEvent]) -> list[str]:
        return [formatEvent(event) for event in events]

    def test_everyLineNamesTheCall(self) -> None:
        """Every line names the call; changes of state are at info level, one line each."""
        with capturedLogs() as events:
            scene = self.scene.upTo("calling")
            scene.callee.partyRings()
            scene.clock.advance(2)
            scene.callee.partyAnswers()
            scene.clock.advance(61.5)
            scene.callee.partyHangsUp(BYE)
        self.assertEqual(
            self.lines(events),
            [
                "call=c1 leg=out-1 'sip:bob@example.net' is ringing",
                "call=c1 leg=out-1 'sip:bob@example.net' answered after 2.0 s",
                "call=c1 leg=out-1 'sip:bob@example.net' ended: hangup ''",
                "call=c1 ended by the callee: hangup, talked 61.5 s; 'sip:bob@example.net' to 'sip:bob@example.net'",
            ],
        )
        self.assertEqual({event["log_level"] for event in events}, {LogLevel.info})
        self.assertEqual({event["call"] for event in events}, {"c1"})

    def test_notAnswered(self) -> None:
        """A call that was not answered says so, and why."""
        with capturedLogs() as events:
            self.scene.upTo("calling").callee.partyHangsUp(BUSY)
        expected = "call=c1 ended by the callee: busy '486 Busy Here', not answered; "
        self.assertEqual(self.lines(events)[-1].partition("; ")[0] + "; ", expected)

    def test_ringsOnce(self) -> None:
        """That a party is ringing is said once, however often it says so."""
        with capturedLogs() as events:
            scene = self.scene.upTo("calling")
            scene.callee.partyRings()
            scene.callee.partyRings()
        self.assertEqual(len(self.lines(events)), 1)
        self.assertEqual(scene.caller.orders, ["ring", "ring"])

    def test_hostileWords(self) -> None:
        """The far end's words stay on their line, and short."""
        with capturedLogs() as events:
            self.scene.upTo("calling").callee.partyHangsUp(
                Ending(EndReason.BUSY, "a\r\nforged line\x1b[2J" + "x" * 5000)
            )
        lines = self.lines(events)
        self.assertTrue(any("forged line" in line for line in lines), lines)
        for line in lines:
            self.assertTrue(line.isprintable(), line)
            self.assertTrue(len(line) < 400, len(line))

    def test_failures(self) -> None:
        """The failure of a leg names the call."""
        with capturedLogs() as events:
            Scene(callee=raises("start", "hangup")).upTo("calling")
        self.flushLoggedErrors(Ouch)
        self.assertEqual({event.get("call") for event in events}, {"c1"})
        lines = self.lines(events)
        self.assertTrue(any("ended by the gateway: failed 'internal error'" in line for line in lines), lines)
