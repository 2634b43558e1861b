"""Tests for L{ichatgw.call}."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

from attrs import define, evolve, field
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.call import CLOSING_TIMEOUT, Call
from ichatgw.interfaces import ICall
from ichatgw.model import PCMU, Direction, Ending, EndReason, SessionDescription, Tone, TransportAddress
from ichatgw.test.fakes import OFFER, FakeLeg, FakeRelay

ANSWER = SessionDescription((PCMU,), TransportAddress("192.0.2.77", 30000))
BUSY = Ending(EndReason.BUSY, "486 Busy Here", 7)
BYE = Ending(EndReason.HANGUP)
STOP = Ending(EndReason.SHUTDOWN, "stopping")


@define(eq=False)
class Scene:
    """
    A call between two fake legs.

    @ivar closings: what C{closed} was told.
    """

    caller: FakeLeg = field(factory=lambda: FakeLeg(id="in-1"))
    callee: FakeLeg = field(factory=lambda: FakeLeg(id="out-1"))
    relay: FakeRelay = field(factory=FakeRelay)
    clock: Clock = field(factory=Clock)
    closings: list[Call] = field(factory=list)
    call: Call = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.call = Call("c1", self.caller, self.callee, self.relay, self.clock, self.closings.append)

    def upTo(self, stage: str) -> Scene:
        """Bring the call into a state by name."""
        if stage == "idle":
            return self
        if stage.startswith("closing"):
            self.caller.slow = self.callee.slow = True
        self.call.start(OFFER)
        if stage == "talking":
            self.callee.partyAnswers(ANSWER)
        elif stage == "closing":
            self.call.hangup(BYE)
        elif stage in ("closing, one left", "closed"):
            self.callee.partyHangsUp(BUSY)
        return self


STAGES = ("idle", "calling", "talking", "closing", "closing, one left", "closed")

INPUTS: dict[str, Callable[[Scene], None]] = {
    "start": lambda scene: scene.call.start(OFFER),
    "ringing": lambda scene: scene.call.ringing(scene.callee),
    "progressing": lambda scene: scene.call.progressing(scene.callee, ANSWER),
    "answered": lambda scene: scene.call.answered(scene.callee, ANSWER),
    "updated": lambda scene: scene.call.updated(scene.callee, ANSWER),
    "agreed": lambda scene: scene.call.agreed(scene.callee, ANSWER),
    "refused": lambda scene: scene.call.refused(scene.callee, BUSY),
    "info": lambda scene: scene.call.info(scene.callee, Tone("5")),
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


class CallCase(SynchronousTestCase):
    """What the tests of a call have in common."""

    def setUp(self) -> None:
        self.scene = Scene()

    def assertClosed(self, scene: Scene, message: str = "") -> None:
        """Over, said once, ports given back once, no timer left."""
        self.assertEqual(scene.closings, [scene.call], message)
        self.assertEqual(scene.relay.closed, 1, message)
        self.assertEqual(scene.clock.getDelayedCalls(), [], message)

    def assertOpen(self, scene: Scene, message: str = "") -> None:
        """Not over."""
        self.assertEqual(scene.closings, [], message)
        self.assertEqual(scene.relay.closed, 0, message)


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
            first.partyAgrees(ANSWER)
            first.partyRefuses(BUSY)
            self.assertEqual(second.orders, [*before, "update", "info", "agree", "refuse"], name)
            self.assertEqual((second.updates, second.tones, second.refusals), ([held], [Tone("#", 250)], [BUSY]), name)
            self.assertEqual(second.answers[-1], ANSWER)
            self.assertEqual((first.updates, first.tones, first.refusals), ([], [], []), name)
            self.assertOpen(scene)

    def test_withinTheCallOnly(self) -> None:
        """Before the answer and after the end nobody is told of changes."""
        for stage in ("idle", "calling", "closing", "closed"):
            scene = Scene().upTo(stage)
            before = scene.caller.orders[:]
            scene.callee.partyUpdates(ANSWER)
            scene.callee.partyPresses(Tone("1"))
            self.assertEqual(scene.caller.orders, before, stage)

    def test_eitherHangsUp(self) -> None:
        """Whoever hangs up, and when, the other is told the same ending, once."""
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


class EndsInside(FakeLeg):
    """A leg that ends inside the order named C{when}."""

    when = ""

    def _order(self, name: str) -> None:
        if name == self.when:
            self.partyHangsUp(BUSY)

    def start(self, offer: SessionDescription) -> None:
        super().start(offer)
        self._order("start")

    def ring(self) -> None:
        super().ring()
        self._order("ring")

    def progress(self, answer: SessionDescription) -> None:
        super().progress(answer)
        self._order("progress")

    def answer(self, answer: SessionDescription) -> None:
        super().answer(answer)
        self._order("answer")


class AnswersInside(FakeLeg):
    """A leg whose party takes the call at once, and may hang up at once."""

    def start(self, offer: SessionDescription) -> None:
        super().start(offer)
        self.partyRings()
        self.partyAnswers(ANSWER)
        self.partyHangsUp(BYE)


def endsInside(when: str) -> EndsInside:
    leg = EndsInside()
    leg.when = when
    return leg


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
        """Whoever hears C{closed} may speak to the call again."""
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


class Ouch(Exception):
    """What a broken leg raises."""


class Raises(FakeLeg):
    """A leg that breaks its promise in the orders named C{broken}."""

    broken: tuple[str, ...] = ()

    def _order(self, name: str) -> None:
        if name in self.broken:
            raise Ouch(name)

    def start(self, offer: SessionDescription) -> None:
        super().start(offer)
        self._order("start")

    def ring(self) -> None:
        super().ring()
        self._order("ring")

    def progress(self, answer: SessionDescription) -> None:
        super().progress(answer)
        self._order("progress")

    def answer(self, answer: SessionDescription) -> None:
        super().answer(answer)
        self._order("answer")

    def hangup(self, ending: Ending) -> None:
        self._order("hangup")
        super().hangup(ending)


def raises(*broken: str, slow: bool = False) -> Raises:
    leg = Raises(slow=slow)
    leg.broken = broken
    return leg


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
        for line in self.lines(events):
            self.assertTrue(line.isprintable(), line)
            self.assertTrue(len(line) < 400, len(line))

    def test_failures(self) -> None:
        """The failure of a leg names the call."""
        with capturedLogs() as events:
            Scene(callee=raises("start", "hangup")).upTo("calling")
        self.flushLoggedErrors(Ouch)
        self.assertEqual({event.get("call") for event in events}, {"c1"})
