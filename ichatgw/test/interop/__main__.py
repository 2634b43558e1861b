"""
C{python -m ichatgw.test.interop [--cells PATTERN] [--list] [--logs DIRECTORY]}
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from ichatgw.sim.run import exitWith
from ichatgw.test.interop.cell import Cell, Colour, Matrix, Record
from ichatgw.test.interop.cells.endings import ENDINGS
from ichatgw.test.interop.cells.jingle import JINGLE
from ichatgw.test.interop.cells.others import OTHERS
from ichatgw.test.interop.cells.pbx import ASTERISK
from ichatgw.test.interop.cells.phones import PHONES
from ichatgw.test.interop.cells.scenarios import SCENARIOS
from ichatgw.test.interop.place import INSIDE, enter, furnish
from ichatgw.test.interop.runner import Runner
from ichatgw.test.interop.table import summary, table

MATRICES: tuple[Matrix, ...] = (PHONES, JINGLE, ENDINGS, SCENARIOS, OTHERS, ASTERISK)


def options() -> argparse.ArgumentParser:
    """What may be asked for."""
    parser = argparse.ArgumentParser(
        "python -m ichatgw.test.interop", description="The matrix of what works with whom."
    )
    parser.add_argument("--cells", action="append", metavar="PATTERN", help="only cells whose names match, or hold it")
    parser.add_argument("--list", action="store_true", help="print the names of the cells, and run none")
    parser.add_argument("--logs", type=Path, default=Path("_interop"), help="where the programs leave their logs")
    return parser


def selected(matrix: Matrix, patterns: list[str] | None) -> tuple[Cell, ...]:
    """The cells of a matrix that any of the patterns selects; all without one."""
    return tuple(
        cell
        for cell in matrix.cells
        if not patterns or any(fnmatchcase(cell.name, pattern) or pattern in cell.name for pattern in patterns)
    )


async def play(reactor: Any, patterns: list[str] | None, logs: Path) -> bool:
    """Run what is selected.  @return: nothing is red"""
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    runner = Runner(reactor, logs.absolute(), say)
    reactor.addSystemEventTrigger("before", "shutdown", lambda: _closing(runner))
    begun = reactor.seconds()
    everything: list[Record] = []
    tables: list[str] = []
    try:
        for matrix in MATRICES:
            records = await runner.run(matrix, selected(matrix, patterns))
            everything += records
            if records:
                tables.append(table(matrix, records, sys.stdout.isatty()))
    finally:
        await runner.close()
    print("\n" + "\n\n".join(tables))
    line = summary(everything, reactor.seconds() - begun)
    print(f"\n{line}\nlogs in {logs}/")
    (logs / "matrix.txt").write_text("\n\n".join(tables) + f"\n\n{line}\n")
    return bool(everything) and not any(record.red for record in everything)


def say(record: Record) -> None:
    """A line for each cell, as it ends."""
    colours = {outcome.colour for outcome in record.outcomes.values()}
    word = next(c for c in (Colour.RED, Colour.GREEN, Colour.LACKING, Colour.MISSED) if c in colours).value
    reasons = [f"{name}: {o.why}" for name, o in record.outcomes.items() if o.colour is Colour.RED]
    measures = [f"{what} {seconds:.2f} s" for what, seconds in record.measures.items()]
    told = "; ".join([*measures, *reasons])
    print(f"{word:<4} {record.cell.name} ({record.seconds:.1f} s)  {told}".rstrip(), flush=True)


def _closing(runner: Runner) -> Any:
    return Deferred.fromCoroutine(runner.close())


def main() -> None:
    """As a program."""
    asked = options().parse_args()
    if asked.list:
        print("\n".join(cell.name for matrix in MATRICES for cell in selected(matrix, asked.cells)))
        return
    if INSIDE not in os.environ:
        enter(sys.argv[1:])
    furnish()
    exitWith(lambda reactor: play(reactor, asked.cells, asked.logs))


if __name__ == "__main__":
    main()
