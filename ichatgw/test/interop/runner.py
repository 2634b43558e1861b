# -*- test-case-name: ichatgw.test.gateway.matrix.test_interop -*-
"""
Runs cells, one after the other, and ends whatever they started.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from ichatgw.test.interop.cell import Cell, Colour, Matrix, Outcome, Record

MAX_STAGES = 3
"""How many are kept at once, besides lasting ones; they take memory."""

STOPPING = 20.0
"""Seconds that one program may take for its end."""


class Stage(Protocol):
    """Servers that several cells use."""

    async def start(self) -> None:
        """Fires when they serve."""

    async def stop(self) -> None:
        """End them all."""

    def troubles(self) -> list[str]:
        """What they have logged since this was asked last that must not be there."""


class OutOfTime(Exception):
    """A cell took longer than it may."""


@define(eq=False)
class Runner:
    """
    @ivar logs: where each cell has a directory.
    @ivar said: called with each cell's record when it is over.
    """

    reactor: Any
    logs: Path
    said: Callable[[Record], None] = lambda record: None
    _endings: list[Any] = field(factory=list, init=False)
    _stages: dict[object, Stage] = field(factory=dict, init=False)
    _used: dict[object, Stage] = field(factory=dict, init=False)
    _lasting: set[object] = field(factory=set, init=False)
    _made: int = field(default=0, init=False)

    async def run(self, matrix: Matrix, cells: tuple[Cell, ...]) -> list[Record]:
        """Run some of its cells."""
        records = []
        for cell in sorted(cells, key=lambda cell: cell.turn):
            record = Record(cell, matrix.checks, self.logs / cell.name.replace("/", "_"), self)
            await self._play(record)
            records.append(record)
            self.said(record)
        return sorted(records, key=lambda record: cells.index(record.cell))

    async def close(self) -> None:
        """End everything."""
        await self._endCell()
        await self._endStages(tuple(self._stages))

    def ending(self, peer: Any) -> None:
        """Stop it after the cell."""
        self._endings.append(peer)

    async def stage(self, key: object, make: Callable[[Path], Stage], lasting: bool = False) -> Stage:
        """The stage of that C{key}: the one there is, or a new one."""
        if key not in self._stages:
            self._made += 1
            await self._makeRoom()
            made = self._stages[key] = make(self.logs / f"stage-{self._made}")
            if lasting:
                self._lasting.add(key)
            else:
                self._used[key] = made
            await made.start()
        elif not lasting:
            self._stages[key] = self._used[key] = self._stages.pop(key)  # the one that was used last is last
        return self._stages[key]

    async def _play(self, record: Record) -> None:
        cell = record.cell
        if cell.lacking:
            record.outcomes.update({name: Outcome(Colour.LACKING, cell.lacking) for name in record.checks})
            return
        begun = self.reactor.seconds()
        error: BaseException | None = None
        try:
            record.directory.mkdir(parents=True, exist_ok=True)
            playing = Deferred.fromCoroutine(_awaiting(cell, record))
            await playing.addTimeout(cell.limit, self.reactor, _outOfTime(cell.limit))
        except Exception as raised:
            error = raised
            (record.directory / "failure.txt").write_text(Failure(raised).getTraceback())
        record.finish(error)
        await self._endCell()
        used, self._used = self._used, {}
        try:
            troubles = [trouble for stage in used.values() for trouble in stage.troubles()]
        except Exception as raised:  # of a stage that is half started, say
            troubles = [repr(raised)]
        if troubles and not record.red:
            last = record.checks[-1]
            record.outcomes[last] = Outcome(Colour.RED, f"the gateway's log: {troubles[0]}"[:200])
        if record.red:
            await self._endStages(tuple(used))
        record.seconds = self.reactor.seconds() - begun

    async def _endCell(self) -> None:
        endings, self._endings = self._endings, []
        for peer in reversed(endings):
            await self._end(peer)

    async def _makeRoom(self) -> None:
        """End the stage that has not been used for longest, if there are too many."""
        idle = [key for key in self._stages if key not in self._lasting and key not in self._used]
        if len(self._stages) - len(self._lasting) >= MAX_STAGES:
            await self._endStages(tuple(idle[:1]))

    async def _endStages(self, keys: tuple[object, ...]) -> None:
        for key in keys:
            await self._end(self._stages.pop(key))

    async def _end(self, peer: Any) -> None:
        """Nothing that goes wrong here may keep others from being ended."""
        try:
            stopping = peer.stop()
            if stopping is not None:
                await Deferred.fromCoroutine(_finished(stopping)).addTimeout(STOPPING, self.reactor)
        except Exception as error:
            with (self.logs / "endings.txt").open("a") as kept:
                kept.write(f"{peer!r}: {error!r}\n")


async def _awaiting(cell: Cell, record: Record) -> None:
    await cell.play(record)


async def _finished(stopping: Any) -> None:
    await stopping


def _outOfTime(limit: float) -> Callable[[Any, float], Any]:
    def translate(result: Any, _: float) -> Any:
        if isinstance(result, Failure):
            result.trap(CancelledError)
        raise OutOfTime(f"not done after {limit:g} s")

    return translate
