# -*- test-case-name: ichatgw.test.gateway.matrix.test_interop -*-
"""
The matrix, as text.
"""

from __future__ import annotations

from collections.abc import Iterable

from ichatgw.test.interop.cell import Colour, Matrix, Outcome, Record

_PAINT = {Colour.GREEN: "\x1b[32m", Colour.RED: "\x1b[31;1m", Colour.LACKING: "\x1b[33m", Colour.MISSED: "\x1b[2m"}


def table(matrix: Matrix, records: Iterable[Record], painted: bool = False) -> str:
    """Rows as in the cells' own order; below them why a check is red, or not applicable."""
    byRow: dict[tuple[str, ...], dict[str, Record]] = {}
    columns: list[str] = []
    for record in records:
        byRow.setdefault(record.cell.row, {})[record.cell.column] = record
        if record.cell.column not in columns:
            columns.append(record.cell.column)
    notes: dict[str, int] = {}
    widths = [max([len(head), *(len(row[at]) for row in byRow)]) for at, head in enumerate(matrix.heads)]
    wide = max(len(check) for check in matrix.checks) + 3
    span = max([wide * len(matrix.checks), *(len(column) + 1 for column in columns)])
    lines = [
        matrix.title,
        "=" * len(matrix.title),
        " ".join(" " * width for width in widths) + "".join(f" | {column:<{span}}" for column in columns),
        " ".join(f"{head:<{width}}" for head, width in zip(matrix.heads, widths, strict=True))
        + f" | {''.join(f'{check:<{wide}}' for check in matrix.checks):<{span}}" * len(columns),
    ]
    for row, cells in byRow.items():
        line = " ".join(f"{word:<{width}}" for word, width in zip(row, widths, strict=True))
        for column in columns:
            shown = cells.get(column)
            marks = [_mark(shown.outcomes[c], notes, wide, painted) if shown else " " * wide for c in matrix.checks]
            line += " | " + "".join(marks) + " " * (span - wide * len(matrix.checks))
        lines.append(line.rstrip())
    lines += [f"[{number}] {why}" for why, number in notes.items()]
    return "\n".join(lines)


def _mark(outcome: Outcome, notes: dict[str, int], wide: int, painted: bool) -> str:
    word = outcome.colour.value
    if outcome.why:
        word += f"[{notes.setdefault(outcome.why, len(notes) + 1)}]"
    padding = " " * max(wide - len(word), 1)
    return (f"{_PAINT[outcome.colour]}{word}\x1b[0m" if painted else word) + padding


def summary(records: Iterable[Record], seconds: float) -> str:
    """One line that counts the checks."""
    found = list(records)
    count = {colour: sum(o.colour is colour for r in found for o in r.outcomes.values()) for colour in Colour}
    red = sum(record.red for record in found)
    return (
        f"{count[Colour.GREEN]} green, {count[Colour.RED]} red, {count[Colour.MISSED]} not reached, "
        f"{count[Colour.LACKING]} not applicable; {red} of {len(found)} cells red; {seconds:.0f} s"
    )
