"""
Tests of L{ichatgw.runtime.turns}.
"""

from __future__ import annotations

import contextlib
import math

from attrs import define, field
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.runtime.turns import (
    CALLS_SECONDS,
    MAX_LAG,
    MEDIA_INTERVAL,
    STRANGERS_SECONDS,
    SWEEP_INTERVAL,
    SWEEP_ITEMS,
    SWEEP_SECONDS,
    TURN_JOBS,
    TURN_SECONDS,
    WAITING,
    Line,
    Share,
    Sweep,
    Turns,
)

ABOVE = 1.05
"""Makes a time a little longer, so that sums of it do not end below a bound by rounding."""


class Panic(BaseException):
    """What compiled libraries raise when they give up; it is no C{Exception}."""


def panic() -> None:
    """A job in which one does so."""
    raise Panic


class WorkingClock(Clock):
    """A clock by which work takes time, without timers that fire meanwhile."""

    def work(self, seconds: float) -> None:
        """Be busy for so long."""
        self.rightNow += seconds

    def advance(self, amount: float) -> None:
        """As a reactor does it: what is put off while timers run comes in the next turn."""
        self.rightNow += amount
        due = [call for call in self.calls if call.getTime() <= self.seconds()]
        for call in due:
            if call.active():
                self.calls.remove(call)
                call.called = 1
                call.func(*call.args, **call.kw)


@define
class Work:
    """
    Jobs that take time, and what was done in which order.

    @ivar cost: seconds that a job takes.
    """

    clock: WorkingClock
    cost: float
    done: list[object] = field(factory=list)

    def do(self, what: object) -> None:
        """One job."""
        self.clock.work(self.cost)
        self.done.append(what)

    def media(self) -> None:
        """Media ports are read, which takes no time here."""
        self.done.append("media")


class TurnsTestCase(SynchronousTestCase):
    """With a clock by which work takes time."""

    def setUp(self) -> None:
        self.clock = WorkingClock()
        self.clock.rightNow = 1000.0
        self.turns = Turns(self.clock)
        self.work = Work(self.clock, TURN_SECONDS / 2 * ABOVE)

    def turn(self) -> list[object]:
        """One turn of the reactor, and what was done in it."""
        self.work.done.clear()
        self.clock.advance(0)
        return list(self.work.done)


class LineTests(TurnsTestCase):
    """Jobs of sources."""

    def test_atOnce(self) -> None:
        """A job for which the turn has room does not wait."""
        self.turns.line("a").put(self.work.do, 1)
        self.assertEqual(self.work.done, [1])

    def test_turnEndsAtItsSeconds(self) -> None:
        """When the jobs of a turn have taken their time, the others wait for the next turn, and so on."""
        line = self.turns.line("a")
        for number in range(5):
            line.put(self.work.do, number)
        self.assertEqual(self.work.done, [0, 1])
        self.assertEqual(self.turn(), [2, 3])
        self.assertEqual(self.turn(), [4])

    def test_turnEndsAtItsJobs(self) -> None:
        """The number of jobs in a turn is bounded as well."""
        self.work.cost = 0.0
        line = self.turns.line("a")
        for number in range(2 * TURN_JOBS + 1):
            line.put(self.work.do, number)
        self.assertEqual(len(self.work.done), TURN_JOBS)
        self.assertEqual(len(self.turn()), TURN_JOBS)
        self.assertEqual(self.turn(), [2 * TURN_JOBS])

    def test_sourcesTakeTurns(self) -> None:
        """A source that has much to say does not keep back one that has little."""
        loud, soft = self.turns.line("loud"), self.turns.line("soft")
        for number in range(6):
            loud.put(self.work.do, number)
        soft.put(self.work.do, "soft")
        self.assertEqual(self.turn(), [2, "soft"])
        self.assertEqual(self.turn(), [3, 4])

    def test_sourcesShareATurn(self) -> None:
        """What one source has spent of a turn is not there for the others."""
        self.turns.line("a").put(self.work.do, 1)
        self.turns.line("b").put(self.work.do, 2)
        self.turns.line("c").put(self.work.do, 3)
        self.assertEqual(self.work.done, [1, 2])
        self.assertEqual(self.turn(), [3])

    def test_orderIsKept(self) -> None:
        """A job that comes while another one of its line waits comes after it, room or not."""
        line = self.turns.line("a")
        for number in range(3):
            line.put(self.work.do, number)
        self.turn()
        line.put(self.work.do, 3)
        self.assertEqual(self.work.done, [2, 3])

    def test_backPressure(self) -> None:
        """A source is told when some of its jobs wait, and when none waits any more."""
        told: list[str] = []
        line = self.turns.line("a", lambda: told.append("pause"), lambda: told.append("resume"))
        for number in range(2 + WAITING):
            self.assertEqual(told, [])
            line.put(self.work.do, number)
        line.put(self.work.do, 2 + WAITING)
        self.assertEqual(told, ["pause"])
        while len(line):
            self.assertEqual(told, ["pause"])
            self.turn()
        self.assertEqual(told, ["pause", "resume"])

    def test_fewWait(self) -> None:
        """A source of which few jobs wait is told nothing."""
        told: list[str] = []
        line = self.turns.line("a", lambda: told.append("pause"), lambda: told.append("resume"))
        for number in range(4):
            line.put(self.work.do, number)
        self.turn()
        self.assertEqual(told, [])

    def test_resumedSourceGivesMore(self) -> None:
        """A source that gives its next job while it is resumed loses none."""
        more = [100, 101, 102]

        def resumed() -> None:
            if more:
                line.put(self.work.do, more.pop(0))

        line = self.turns.line("a", None, resumed)
        for number in range(2 + WAITING):
            line.put(self.work.do, number)
        done = [*self.work.done]
        for _ in range(WAITING):
            done += self.turn()
        self.assertEqual(done, [*range(2 + WAITING), 100])

    def test_panic(self) -> None:
        """A job that raises what nobody catches costs nothing but itself: its line goes on, and so do the others."""
        told: list[str] = []
        line = self.turns.line("a", lambda: told.append("pause"), lambda: told.append("resume"))
        other = self.turns.line("b")
        for number in range(2):
            line.put(self.work.do, number)
        for number in range(WAITING - 1):
            line.put(self.work.do, number)
        line.put(panic)
        other.put(self.work.do, 100)
        done: list[object] = []
        for _ in range(2 * WAITING):
            with contextlib.suppress(Panic):
                done += self.turn()
        self.assertIn(100, done)
        self.assertEqual(told, ["pause", "resume"])
        self.assertEqual((self.turns.lag, len(line)), (0.0, 0))
        line.put(self.work.do, 101)
        self.assertIn(101, self.work.done)

    def test_panicAtOnce(self) -> None:
        """So does one that is done at once; what comes then is counted as before."""
        line = self.turns.line("a")
        with contextlib.suppress(Panic):
            line.put(panic)
        for number in range(4):
            line.put(self.work.do, number)
        self.assertEqual(self.work.done, [0, 1])

    def test_mediaFails(self) -> None:
        """If media cannot be read, the job is done nevertheless, and the next ones as well."""
        self.turns.media = lambda: 1 / 0
        line = self.turns.line("a")
        for number in range(4):
            line.put(self.work.do, number)
        self.assertEqual(self.work.done, [0, 1])
        self.assertEqual(self.turn(), [2, 3])
        self.assertTrue(self.flushLoggedErrors(ZeroDivisionError))

    def test_failure(self) -> None:
        """A job that fails is logged, and the next one is done."""
        line = self.turns.line("a")
        line.put(lambda: 1 / 0)
        line.put(self.work.do, 1)
        self.assertEqual(self.work.done, [1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_cleared(self) -> None:
        """Jobs that are forgotten are not done."""
        line = self.turns.line("a")
        for number in range(4):
            line.put(self.work.do, number)
        line.clear()
        self.assertEqual(self.turn(), [])
        self.assertEqual(len(line), 0)

    def test_lag(self) -> None:
        """How far signalling is behind counts from the moment that a job had to wait."""
        self.assertEqual(self.turns.lag, 0.0)
        line = self.turns.line("a")
        for number in range(5):
            line.put(self.work.do, number)
        self.clock.work(0.5)
        self.assertAlmostEqual(self.turns.lag, 0.5)
        self.turn()
        self.assertAlmostEqual(self.turns.lag, 0.5 + TURN_SECONDS * ABOVE)
        self.turn()
        self.assertEqual(self.turns.lag, 0.0)

    def test_late(self) -> None:
        """It is late when jobs have waited for long without a break, and no more when none waits."""
        line = self.turns.line("a")
        for number in range(5):
            line.put(self.work.do, number)
        self.clock.work(MAX_LAG * 0.9)
        self.assertFalse(self.turns.isLate)
        self.clock.work(MAX_LAG * 0.2)
        self.assertTrue(self.turns.isLate)
        self.turn()
        self.turn()
        self.assertFalse(self.turns.isLate)

    def test_holds(self) -> None:
        """
        A source that has more than it has given is behind even while no job waits, until it has given all, or is gone:
        one that is read a little at a time is not up to date after each little.
        """
        for isGone in (False, True):
            held = True
            line = self.turns.line("a")
            line.holds = lambda: held  # noqa: B023
            for part in range(1, 5):
                for _ in range(5):
                    line.put(self.work.do, part)
                while len(line):
                    self.turn()
                self.clock.work(0.1)
                self.assertGreater(self.turns.lag, 0.1 * part)
            held = isGone
            if isGone:
                line.end()
            else:
                line.put(self.work.do, "the last")
                self.turn()
            self.assertEqual((self.turns.lag, self.turns._counting), (0.0, 0))

    def test_doesNotCount(self) -> None:
        """Jobs of strangers that wait are no sign of too much to do, however long."""
        strangers, users = self.turns.line("a"), self.turns.line("b")
        strangers.counts = False
        for number in range(9):
            strangers.put(self.work.do, number)
        self.clock.work(1.0)
        self.assertFalse(self.turns.isLate)
        users.put(self.work.do, "one")
        self.clock.work(MAX_LAG * 1.1)
        self.assertTrue(self.turns.isLate)
        self.turn()
        self.assertTrue(len(strangers))
        self.assertFalse(self.turns.isLate)


class ShareTests(TurnsTestCase):
    """Lines that have a part of each turn together."""

    def setUp(self) -> None:
        super().setUp()
        self.work.cost = STRANGERS_SECONDS / 2 * ABOVE

    def line(self, share: Share | None) -> Line:
        """A line with that share."""
        made = self.turns.line("a")
        made.share = share
        return made

    def test_endsAtItsSeconds(self) -> None:
        """What lines with one share do ends when that is spent, and goes on in the next turn, each in its turn."""
        one, other = self.line(self.turns.strangers), self.line(self.turns.strangers)
        for number in range(3):
            one.put(self.work.do, number)
            other.put(self.work.do, -number)
        self.assertEqual(self.work.done, [0, 0])
        self.assertEqual(self.turn(), [1, -1])
        self.assertEqual(self.turn(), [2, -2])

    def test_othersDoNotWait(self) -> None:
        """Others are served at once, and have the rest of the turn, however much waits of a share that is spent."""
        strangers, others = self.line(self.turns.strangers), self.line(None)
        for number in range(9):
            strangers.put(self.work.do, number)
        self.work.done.clear()
        others.put(self.work.do, "others'")
        self.assertEqual(self.work.done, ["others'"])
        self.turn()
        for number in range(20):
            others.put(self.work.do, f"others' {number}")
        self.assertEqual([each for each in self.work.done if isinstance(each, int)], [2, 3])
        self.assertGreater(len(self.work.done), 5)
        self.assertIn(4, self.turn())

    def test_noneStarves(self) -> None:
        """Those with a share get it in each turn, however much others have to do."""
        strangers, others = self.line(self.turns.strangers), self.line(None)
        for number in range(4):
            strangers.put(self.work.do, number)
        for _ in range(99):
            others.put(self.work.do, "others'")
        self.assertEqual([each for _ in range(3) for each in self.turn() if isinstance(each, int)], [2, 3])

    def test_apart(self) -> None:
        """One share is not spent by another one's lines."""
        strangers, callers = self.line(self.turns.strangers), self.line(self.turns.callers)
        for number in range(3):
            strangers.put(self.work.do, number)
        for _ in range(9):
            callers.put(self.work.do, "call")
        self.assertEqual(self.turn().count("call"), math.ceil(CALLS_SECONDS / self.work.cost))
        self.assertEqual((len(strangers), self.turns.lag > 0), (0, True))

    def test_aLongJob(self) -> None:
        """A job longer than the share is the last of it, and what waits comes in the next turn."""
        self.work.cost = STRANGERS_SECONDS * 2
        strangers = self.line(self.turns.strangers)
        for number in range(3):
            strangers.put(self.work.do, number)
        self.assertEqual([list(self.work.done), self.turn(), self.turn()], [[0], [1], [2]])


class MediaTests(TurnsTestCase):
    """Sound goes first."""

    def setUp(self) -> None:
        super().setUp()
        self.turns.media = self.work.media
        self.work.cost = MEDIA_INTERVAL * ABOVE

    def test_betweenJobs(self) -> None:
        """Media is read before each job that comes when it is due."""
        line = self.turns.line("a")
        line.put(self.work.do, 1)
        line.put(self.work.do, 2)
        self.assertEqual(self.work.done, ["media", 1, "media", 2])

    def test_notTooOften(self) -> None:
        """After short jobs it is not due yet."""
        self.work.cost = MEDIA_INTERVAL / 4
        line = self.turns.line("a")
        for number in range(4):
            line.put(self.work.do, number)
        self.assertEqual(self.work.done.count("media"), 1)

    def test_betweenTimers(self) -> None:
        """Timers that are due together let media pass between them."""
        for number in range(3):
            self.turns.callLater(1, self.work.do, number)
        self.clock.advance(1)
        self.assertEqual(self.work.done, ["media", 0, "media", 1, "media", 2])

    def test_betweenItems(self) -> None:
        """So does work on many items."""
        self.turns.sweep(self.work.do).start([1, 2])
        self.assertEqual(self.work.done, ["media", 1, "media", 2])

    def test_notWithinJobs(self) -> None:
        """A job is not interrupted: what it begins is a part of it, and no media is read before that."""

        def outer() -> None:
            self.work.do("outer")
            self.turns.run("b", self.work.do, "inner")

        self.turns.run("a", outer)
        self.turns.callLater(0, outer)
        self.clock.advance(0)
        self.assertEqual(self.work.done, 2 * ["media", "outer", "inner"])

    def test_notWithinJobsThatFailed(self) -> None:
        """After a timer that failed it is read as before."""
        self.turns.callLater(0, lambda: 1 / 0)
        self.assertRaises(ZeroDivisionError, self.clock.advance, 0)
        self.turns.run("a", self.work.do, 1)
        self.turns.run("a", self.work.do, 2)
        self.assertEqual(self.work.done, ["media", 1, "media", 2])


class LaterTests(TurnsTestCase):
    """Jobs that come of others."""

    def test_later(self) -> None:
        """What a job puts off is no part of it, and has a turn of its own."""
        line = self.turns.line("a")

        def again(left: int) -> None:
            self.work.do(left)
            if left:
                line.later(again, left - 1)

        line.put(again, 9)
        self.assertEqual(self.work.done, [9])
        self.assertEqual(self.turn(), [8, 7])
        self.assertEqual(self.turn(), [6, 5])
        self.assertEqual(len(self.turns._lines), 1)
        for _ in range(4):
            self.turn()
        self.assertEqual((len(line), len(self.turns._lines)), (0, 0))


class SweepTests(TurnsTestCase):
    """Work on many items."""

    def setUp(self) -> None:
        super().setUp()
        self.work.cost = SWEEP_SECONDS / 4 * ABOVE
        self.ends = 0
        self.sweep: Sweep[object] = self.turns.sweep(self.work.do, self.ended)

    def ended(self) -> None:
        """The last item is done."""
        self.ends += 1

    def part(self) -> list[object]:
        """What is done when the next part is due."""
        self.work.done.clear()
        self.clock.advance(SWEEP_INTERVAL)
        return list(self.work.done)

    def test_partEndsAtItsSeconds(self) -> None:
        """A part ends when it has taken its time; the next one comes later."""
        self.sweep.start(range(10))
        self.assertEqual(self.work.done, [0, 1, 2, 3])
        self.assertEqual(self.turn(), [])
        self.assertEqual(self.part(), [4, 5, 6, 7])
        self.assertEqual((self.sweep.running, self.ends), (True, 0))
        self.assertEqual(self.part(), [8, 9])
        self.assertEqual((self.sweep.running, self.ends), (False, 1))

    def test_partEndsAtItsItems(self) -> None:
        """The number of items in a part is bounded as well."""
        self.work.cost = 0.0
        self.sweep.start(range(SWEEP_ITEMS + 1))
        self.assertEqual(len(self.work.done), SWEEP_ITEMS)
        self.assertEqual(self.part(), [SWEEP_ITEMS])

    def test_notReady(self) -> None:
        """When it is not the moment for more, it is asked again later."""
        ready = False
        sweep: Sweep[object] = self.turns.sweep(self.work.do, self.ended, lambda: ready, interval=0.0)
        sweep.start(range(6))
        self.assertEqual(self.turn(), [])
        self.assertEqual(self.part(), [])
        self.assertTrue(sweep.running)
        ready = True
        self.assertEqual(self.part(), [0, 1, 2, 3])
        self.assertEqual((self.turn(), self.ends), ([4, 5], 1))

    def test_stopped(self) -> None:
        """Items that are left when it is stopped are not worked on, and it has no end."""
        self.sweep.start(range(10))
        self.sweep.stop()
        self.sweep.stop()
        self.assertEqual(self.part(), [])
        self.assertEqual((self.sweep.running, self.ends), (False, 0))

    def test_stoppedWithin(self) -> None:
        """The work on an item may stop all the rest."""
        self.sweep.do = lambda item: self.sweep.stop()
        self.sweep.start(range(10))
        self.assertFalse(self.sweep.running)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_anew(self) -> None:
        """One that is started again begins with the new items."""
        self.sweep.start(range(10))
        self.work.done.clear()
        self.sweep.start("abcde")
        self.assertEqual(self.work.done, ["a", "b", "c", "d"])
        self.assertEqual(self.part(), ["e"])

    def test_failure(self) -> None:
        """An item that fails does not keep the others back."""
        self.sweep.do = lambda item: self.work.do(1 // item)  # type: ignore[operator]
        self.sweep.start([1, 0, 1])
        self.assertEqual(self.work.done, [1, 1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_none(self) -> None:
        """Without items it ends at once."""
        self.sweep.start([])
        self.assertEqual((self.sweep.running, self.ends), (False, 1))


class ClockTests(TurnsTestCase):
    """It is a clock."""

    def test_interface(self) -> None:
        """It provides what a clock has to."""
        verifyObject(IReactorTime, self.turns)
        self.assertEqual(self.turns.seconds(), 1000.0)

    def test_timer(self) -> None:
        """A timer can be seen, put off and cancelled as any other."""
        timer = self.turns.callLater(1, self.work.do, 1)
        self.assertEqual(self.turns.getDelayedCalls(), [timer])
        timer.delay(1)
        self.clock.advance(1)
        self.assertTrue(timer.active())
        timer.cancel()
        self.clock.advance(5)
        self.assertEqual(self.work.done, [])

    def test_watched(self) -> None:
        """How long each job and each timer took is told, and what it was."""
        told: list[tuple[float, str]] = []
        self.turns.watch = lambda seconds, name: told.append((round(seconds, 4), name))
        self.turns.run("a message", self.work.do, 1)
        self.turns.callLater(0, self.work.do, 2)
        self.clock.advance(0)
        self.assertEqual(told, [(0.0042, "a message"), (0.0042, "Work.do")])
