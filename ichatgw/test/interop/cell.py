# -*- test-case-name: ichatgw.test.gateway.matrix.test_interop -*-
"""
Cells as data, and what came out of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, field, frozen
from twisted.internet.defer import CancelledError, Deferred, TimeoutError

if TYPE_CHECKING:
    from ichatgw.test.interop.runner import Runner, Stage

_T = TypeVar("_T")


class Colour(Enum):
    """What a check may come to, by the word that the matrix prints."""

    GREEN = "ok"
    RED = "RED"
    LACKING = "n/a"
    """The peer cannot do it."""
    MISSED = "-"
    """Not reached, as something before it was red."""


@frozen
class Outcome:
    """What one check came to."""

    colour: Colour
    why: str = ""


@frozen
class Cell:
    """
    One run of real programs.

    @ivar row: who, by what transport and so on: one word for each of its matrix's C{heads}.
    @ivar column: the direction.
    @ivar play: does it, and marks each check of the matrix at the L{Record}.
    @ivar lacking: why the peer cannot do this at all; empty if it can.
    @ivar limit: seconds that it may take, start of its programs included.
    @ivar turn: cells are run in the order of this word, so that those that share servers can follow each other.
    """

    row: tuple[str, ...]
    column: str
    play: Callable[[Record], Awaitable[None]]
    lacking: str = ""
    limit: float = 60.0
    turn: str = ""

    @property
    def name(self) -> str:
        """As C{--cells} selects it."""
        return "/".join(word for word in (*self.row, self.column) if word).replace(" ", "-")


@frozen
class Matrix:
    """
    @ivar heads: what the parts of a row are.
    @ivar checks: what every cell has to show, in this order.
    """

    title: str
    heads: tuple[str, ...]
    checks: tuple[str, ...]
    cells: tuple[Cell, ...]


@define(eq=False)
class Record:
    """
    What a cell has shown so far, and what it may use.

    @ivar directory: its own; the programs leave their logs there.
    @ivar outcomes: by check.
    @ivar measures: seconds, by what took them.
    """

    cell: Cell
    checks: tuple[str, ...]
    directory: Path
    runner: Runner
    outcomes: dict[str, Outcome] = field(factory=dict, init=False)
    measures: dict[str, float] = field(factory=dict, init=False)
    seconds: float = field(default=0.0, init=False)

    @property
    def reactor(self) -> Any:
        return self.runner.reactor

    @contextmanager
    def check(self, name: str) -> Iterator[None]:
        """What is done within shows that C{name} works; if it raises, that is red, and the cell is over."""
        if name not in self.checks:
            raise ValueError(f"{name} is no check of this matrix")
        try:
            yield
        except CancelledError:  # out of time, which is said in the end
            self.outcomes.pop(name, None)
            raise
        except BaseException as error:
            self.outcomes[name] = Outcome(Colour.RED, reasonOf(error))
            raise
        if name not in self.outcomes:
            self.outcomes[name] = Outcome(Colour.GREEN)

    async def awaited(self, what: str, waiting: Deferred[_T], patience: float = 10.0) -> _T:
        """
        C{waiting}'s result.

        @raise TimeoutError: after C{patience} seconds, saying C{what} did not happen.
        """
        try:
            return await waiting.addTimeout(patience, self.reactor)
        except TimeoutError:
            raise TimeoutError(patience, f"{what} did not happen within {patience:g} s") from None

    def measured(self, what: str, seconds: float) -> None:
        """C{what} took so long."""
        self.measures[what] = seconds

    def lacking(self, name: str, why: str) -> None:
        """The peer cannot do C{name}."""
        self.outcomes[name] = Outcome(Colour.LACKING, why)

    def ending(self, peer: Any) -> Any:
        """Call its C{stop} when the cell is over.  @return: the peer"""
        self.runner.ending(peer)
        return peer

    async def stage(self, key: object, make: Callable[[Path], Stage], lasting: bool = False) -> Any:
        """
        Servers that several cells share: kept for the next one that asks for the same C{key}, unless this ends red.

        @param make: makes it, with a directory for its logs; it is started here.
        @param lasting: keep it whatever becomes of the cell.
        """
        return await self.runner.stage(key, make, lasting)

    def finish(self, error: BaseException | None) -> None:
        """The cell is over: what was not shown is not green."""
        red = any(outcome.colour is Colour.RED for outcome in self.outcomes.values())
        for name in self.checks:
            if name in self.outcomes:
                continue
            if red:
                self.outcomes[name] = Outcome(Colour.MISSED)
            else:
                why = reasonOf(error) if error is not None else "was not checked"
                self.outcomes[name] = Outcome(Colour.RED, why)
                red = error is not None

    @property
    def red(self) -> bool:
        """Something is wrong."""
        return any(outcome.colour is Colour.RED for outcome in self.outcomes.values())


def reasonOf(error: BaseException) -> str:
    """In words: the first line of what it says."""
    text = str(error.args[-1]) if isinstance(error, TimeoutError) and error.args else str(error)
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__
