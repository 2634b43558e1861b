# -*- test-case-name: ichatgw.test.command.test_trunks,ichatgw.test.command.test_process -*-
"""
C{ichatgw trunks}: the accounts at SIP servers by which calls come and go.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from typing import Any

from ichatgw.command.gateway import ask, takesPlace
from ichatgw.command.result import Result
from ichatgw.command.words import lasting, plain


class Trunks:
    """The trunks."""

    HELP = "show the trunks: whether each works, for how long it is registered, what its server says, and its calls"

    def declare(self, parser: ArgumentParser) -> None:
        """See L{ichatgw.command.Command}."""
        takesPlace(parser)

    def run(self, arguments: Namespace) -> Result:
        """See L{ichatgw.command.Command}."""
        found = ask(arguments, "trunks").items
        return Result("\n".join(map(_line, found)) or "there are no trunks", found)


def _line(trunk: dict[str, Any]) -> str:
    trouble = f": {trunk['trouble']}" if trunk["trouble"] else ""
    left = trunk["left"]
    isNot = "not registered" if trunk["registers"] else "without registration"
    registered = isNot if left is None else f"registered for {lasting(left)}"
    if trunk["flows"] > 1:
        registered += f" by {trunk['flowsRegistered']} of {trunk['flows']} proxies"
    most = f" of {trunk['maxCalls']}" if trunk["maxCalls"] else ""
    words = (
        trunk["name"],
        trunk["server"],
        trunk["state"] + trouble,
        registered,
        f"probing: {trunk['probing']}",
        f"calls: {trunk['calls']}{most}",
    )
    return "\t".join(map(plain, words))


def summary(trunks: Iterable[dict[str, Any]]) -> list[str]:
    """Lines for the status: how many work, and which do not; none if there are none."""
    found = list(trunks)
    if not found:
        return []
    broken = [trunk for trunk in found if not trunk["works"]]
    count = f"{len(found) - len(broken)} of {len(found)} work, {sum(trunk['calls'] for trunk in found)} calls"
    lines = [f"  trunks: {count}"]
    for trunk in broken[:MAX_BROKEN]:
        trouble = f": {trunk['trouble']}" if trunk["trouble"] else ""
        lines.append(f"    {plain(trunk['name'])}: {plain(trunk['state'] + trouble)}")
    if len(broken) > MAX_BROKEN:
        lines.append(f"    and {len(broken) - MAX_BROKEN} more: ichatgw trunks")
    return lines


MAX_BROKEN = 20
"""Trunks that do not work, of which the status names so many."""

trunks = Trunks()
