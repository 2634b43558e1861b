# -*- test-case-name: ichatgw.test.calls.test_journal -*-
"""
Ends the calls of a process that was killed: the next process tells their parties that they are over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from attrs import define, field
from twisted.logger import Logger

from ichatgw.calls.farewell import Says
from ichatgw.calls.journal import Journal, Left
from ichatgw.model import Farewell
from ichatgw.runtime.turns import Sweep, Turns

_log = Logger()


@define(eq=False)
class Epilogue:
    """
    Sends the farewells that the journal has kept, a few in a turn: those by SIP as soon as there are sockets, those by
    XMPP when the link is up.  Then they are forgotten; no answer is waited for.

    @ivar bySip: who sends those of each way, for the ways that need no link.
    @ivar byXmpp: the same, for those that need it.
    @ivar isLinked: is the link up?
    """

    _turns: Turns
    _journal: Journal
    bySip: Mapping[str, Says]
    byXmpp: Mapping[str, Says]
    isLinked: Callable[[], bool]
    _waiting: dict[str, list[Farewell]] = field(factory=dict, init=False)
    _sweeps: list[Sweep[Left]] = field(factory=list, init=False)

    def start(self) -> None:
        """The sockets are there."""
        left = self._journal.left
        if left:
            _log.warn(
                "{count} calls were up when the gateway ended without a word; their parties are told now",
                count=len(left),
            )
            self._sweep(self._begin, left)

    def linked(self) -> None:
        """The link is up."""
        self._sweep(self._finish, [Left(name, tuple(said)) for name, said in self._waiting.items()])

    def stop(self) -> None:
        """What has not been said by now is said after the next start."""
        for sweep in self._sweeps:
            sweep.stop()

    def _sweep(self, do: Callable[[Left], object], left: Iterable[Left]) -> None:
        sweep = self._turns.sweep(do)
        self._sweeps.append(sweep)
        sweep.start(left)

    def _begin(self, left: Left) -> None:
        waiting = []
        for way, *words in left.farewells:
            if way in self.byXmpp:
                waiting.append((way, *words))
            else:
                self._say(self.bySip, left.name, (way, *words))
        if not waiting:
            self._journal.over(left.name)
        elif self.isLinked():
            self._finish(Left(left.name, tuple(waiting)))
        else:
            self._waiting[left.name] = waiting

    def _finish(self, left: Left) -> None:
        self._waiting.pop(left.name, None)
        for farewell in left.farewells:
            self._say(self.byXmpp, left.name, farewell)
        self._journal.over(left.name)

    def _say(self, ways: Mapping[str, Says], name: str, farewell: Farewell) -> None:
        way, *words = farewell
        try:
            ways[way](*words)
        except Exception as problem:
            _log.warn(
                "call={call} cannot be ended by {way!r:.40}: {problem!r:.200}", call=name, way=way, problem=problem
            )
