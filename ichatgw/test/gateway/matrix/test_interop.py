# -*- test-case-name: ichatgw.test.gateway.matrix.test_interop -*-
"""
The matrix itself: what is not shown is never green, and whatever was started is ended.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.test.interop.cell import Cell, Colour, Matrix, Record
from ichatgw.test.interop.runner import Runner
from ichatgw.test.interop.table import summary, table


class Peer:
    """
    A program that is ended, or cannot be.

    @ivar stopped: how often it was told to stop; C{begun}: to start.
    """

    def __init__(self, fails: bool = False) -> None:
        self.stopped = self.begun = 0
        self.fails = fails
        self.words: list[str] = []

    async def start(self) -> None:
        self.begun += 1

    async def stop(self) -> None:
        self.stopped += 1
        if self.fails:
            raise OSError("it does not stop")

    def troubles(self) -> list[str]:
        words, self.words = self.words, []
        return words


class InteropTestCase(SynchronousTestCase):
    """Runs cells that are no programs."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.runner = Runner(self.clock, Path(self.mktemp()))
        self.runner.logs.mkdir()

    def matrixOf(self, *plays: Callable[[Record], Awaitable[None]], **options: Any) -> Matrix:
        cells = tuple(Cell((f"peer{number}", "UDP"), "calls", play, **options) for number, play in enumerate(plays))
        return Matrix("Phones", ("peer", "by"), ("call", "hold", "bye"), cells)

    def run_(self, matrix: Matrix) -> list[Record]:
        return self.successResultOf(Deferred.fromCoroutine(self.runner.run(matrix, matrix.cells)))


def all_(record: Record) -> None:
    """Everything works."""
    for name in record.checks:
        with record.check(name):
            pass


class RunnerTests(InteropTestCase):
    """Cells, and what becomes of them."""

    def test_green(self) -> None:
        """A cell that shows all is green."""

        async def play(record: Record) -> None:
            all_(record)

        (record,) = self.run_(self.matrixOf(play))
        self.assertFalse(record.red)
        self.assertEqual({o.colour for o in record.outcomes.values()}, {Colour.GREEN})

    def test_red(self) -> None:
        """What fails is red with its reason; what would have come after it was not reached."""

        async def play(record: Record) -> None:
            with record.check("call"):
                pass
            with record.check("hold"):
                raise OSError("no sound\nand more")

        (record,) = self.run_(self.matrixOf(play))
        self.assertEqual(
            [(name, o.colour, o.why) for name, o in record.outcomes.items()],
            [("call", Colour.GREEN, ""), ("hold", Colour.RED, "no sound"), ("bye", Colour.MISSED, "")],
        )
        self.assertIn("OSError", (record.directory / "failure.txt").read_text())

    def test_laterRed(self) -> None:
        """A check that was green turns red when its second half fails."""

        async def play(record: Record) -> None:
            all_(record)
            with record.check("call"):
                raise OSError("after all not")

        (record,) = self.run_(self.matrixOf(play))
        self.assertIs(record.outcomes["call"].colour, Colour.RED)

    def test_forgotten(self) -> None:
        """A check that a cell does not come to is red."""

        async def play(record: Record) -> None:
            with record.check("call"):
                pass
            record.lacking("hold", "it has no such key")

        (record,) = self.run_(self.matrixOf(play))
        self.assertEqual([o.colour.name for o in record.outcomes.values()], ["GREEN", "LACKING", "RED"])

    def test_beforeTheFirstCheck(self) -> None:
        """A cell whose programs do not start is red."""

        async def play(record: Record) -> None:
            raise OSError("not installed")

        (record,) = self.run_(self.matrixOf(play))
        self.assertEqual(record.outcomes["call"].why, "not installed")
        self.assertTrue(record.red)

    def test_outOfTime(self) -> None:
        """A cell that takes too long is red, what it started is ended, and the next one runs."""
        peer = Peer()

        async def hangs(record: Record) -> None:
            record.ending(peer)
            with record.check("call"):
                await Deferred()

        async def works(record: Record) -> None:
            all_(record)

        matrix = self.matrixOf(hangs, works, limit=9.0)
        running = Deferred.fromCoroutine(self.runner.run(matrix, matrix.cells))
        self.clock.advance(8.9)
        self.assertEqual(peer.stopped, 0)
        self.clock.advance(0.2)
        first, second = self.successResultOf(running)
        self.assertTrue(first.red)
        self.assertIn("not done after 9 s", first.outcomes["call"].why)
        self.assertFalse(second.red)
        self.assertEqual(peer.stopped, 1)

    def test_awaited(self) -> None:
        """What does not happen in time is red, by its name."""

        async def play(record: Record) -> None:
            with record.check("call"):
                await record.awaited("the answer", Deferred(), 3)

        matrix = self.matrixOf(play)
        running = Deferred.fromCoroutine(self.runner.run(matrix, matrix.cells))
        self.clock.advance(3.1)
        (record,) = self.successResultOf(running)
        self.assertEqual(record.outcomes["call"].why, "the answer did not happen within 3 s")

    def test_lacking(self) -> None:
        """What a peer cannot do is not run, and neither green nor red."""
        (record,) = self.run_(self.matrixOf(lambda record: self.fail("it ran"), lacking="no TLS"))
        self.assertFalse(record.red)
        self.assertEqual({o.colour for o in record.outcomes.values()}, {Colour.LACKING})

    def test_endings(self) -> None:
        """What cannot be ended keeps nothing else from it."""
        first, second = Peer(), Peer(fails=True)

        async def play(record: Record) -> None:
            record.ending(first)
            record.ending(second)
            all_(record)

        self.run_(self.matrixOf(play))
        self.assertEqual([first.stopped, second.stopped], [1, 1])
        self.assertIn("it does not stop", (self.runner.logs / "endings.txt").read_text())

    def test_stages(self) -> None:
        """Cells that ask for the same stage share it, unless one of them was red; in the end each is stopped."""
        stages: list[Peer] = []

        def make(directory: Path) -> Any:
            stages.append(Peer())
            return stages[-1]

        async def play(record: Record) -> None:
            await record.stage("one", make)
            all_(record)

        async def fails(record: Record) -> None:
            await record.stage("one", make)
            raise OSError

        self.run_(self.matrixOf(play, play, fails, play))
        self.assertEqual([(stage.begun, stage.stopped) for stage in stages], [(1, 1), (1, 0)])
        self.successResultOf(Deferred.fromCoroutine(self.runner.close()))
        self.assertEqual(stages[1].stopped, 1)

    def test_lasting(self) -> None:
        """A stage that is lasting outlives a red cell."""
        stage = Peer()

        async def fails(record: Record) -> None:
            await record.stage("one", lambda directory: stage, lasting=True)
            raise OSError

        self.run_(self.matrixOf(fails, fails))
        self.assertEqual((stage.begun, stage.stopped), (1, 0))
        self.successResultOf(Deferred.fromCoroutine(self.runner.close()))
        self.assertEqual(stage.stopped, 1)

    def test_brokenStage(self) -> None:
        """A stage that cannot tell its troubles is one; the next cell runs."""
        stage = Peer()
        stage.troubles = None  # type: ignore[assignment, method-assign]

        async def play(record: Record) -> None:
            await record.stage("one", lambda directory: stage)
            all_(record)

        async def works(record: Record) -> None:
            all_(record)

        self.assertEqual([record.red for record in self.run_(self.matrixOf(play, works))], [True, False])

    def test_fewStages(self) -> None:
        """Few stages are kept: the one that was not used for longest goes."""
        stages = {name: Peer() for name in "abcde"}

        def playing(name: str) -> Callable[[Record], Awaitable[None]]:
            async def play(record: Record) -> None:
                await record.stage(name, lambda directory: stages[name])
                all_(record)

            return play

        self.run_(self.matrixOf(*map(playing, "abcabd")))
        self.assertEqual([name for name, stage in stages.items() if stage.stopped], ["c"])
        self.assertEqual(sum(stage.begun for stage in stages.values()), 4)

    def test_turns(self) -> None:
        """Cells are run in the order of their turns, and told of in that of the matrix."""
        order: list[str] = []

        async def play(record: Record) -> None:
            order.append(record.cell.turn)
            all_(record)

        cells = tuple(Cell((turn,), "calls", play, turn=turn) for turn in "bac")
        matrix = Matrix("Phones", ("peer",), ("call",), cells)
        self.assertEqual([record.cell.turn for record in self.run_(matrix)], ["b", "a", "c"])
        self.assertEqual(order, ["a", "b", "c"])

    def test_troubles(self) -> None:
        """What a server complains of in its log makes the cell red."""
        stage = Peer()

        async def play(record: Record) -> None:
            await record.stage("one", lambda directory: stage)
            all_(record)
            stage.words.append("Traceback")

        (record,) = self.run_(self.matrixOf(play))
        self.assertIn("Traceback", record.outcomes["bye"].why)


class TableTests(InteropTestCase):
    """What is printed."""

    def test_table(self) -> None:
        """A row for each peer; below, the reasons."""

        async def works(record: Record) -> None:
            all_(record)

        async def fails(record: Record) -> None:
            with record.check("call"):
                raise OSError("no answer")

        matrix = self.matrixOf(works, fails)
        records = self.run_(matrix)
        text = table(matrix, records)
        self.assertEqual(
            [line.split() for line in text.splitlines()][4:],
            [
                ["peer0", "UDP", "|", "ok", "ok", "ok"],
                ["peer1", "UDP", "|", "RED[1]", "-", "-"],
                ["[1]", "no", "answer"],
            ],
        )
        self.assertIn("\x1b[31", table(matrix, records, painted=True))
        self.assertEqual(
            summary(records, 3.2), "3 green, 1 red, 2 not reached, 0 not applicable; 1 of 2 cells red; 3 s"
        )
