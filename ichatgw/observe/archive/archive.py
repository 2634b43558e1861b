# -*- test-case-name: ichatgw.test.observe.archive.test_archive -*-
"""
Keeps the calls that are over, with their ladders, in a file of SQLite for some days, and finds them again.

A call is written some seconds after its end, with what came late.  What may be shown of its messages is made between
other work, some calls at a time; the rest is done by the thread of the disk.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, inlineCallbacks, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ichatgw.log.redaction import Content
from ichatgw.observe.archive import codec, table
from ichatgw.observe.archive.table import Found, Row
from ichatgw.observe.registry import LiveCalls
from ichatgw.observe.snapshots import CallSnapshot, Rung
from ichatgw.runtime.clock import cancel
from ichatgw.runtime.disk import Disk, complain
from ichatgw.runtime.ratelimit import RateLimit
from ichatgw.runtime.turns import Sweep, Turns

LATE = 5.0
"""Seconds for which messages of a call may come after its end."""

INTERVAL = 0.25
"""Seconds from one writing to the next."""

BATCH = 200
"""Calls that are written in one commit."""

MAX_WAITING = 5000
"""Calls that wait to be written; beyond that the oldest are not kept."""

RETRY = 60.0
"""Seconds after which what could not be written is tried again."""

DAY = 86400.0
ERASING_INTERVAL = 3600.0
"""Seconds after which old calls are looked for."""

ERASING_PAUSE = 0.2
"""Seconds from one part of erasing to the next."""

Whole = tuple[CallSnapshot, tuple[Rung, ...]]
"""A call, and its ladder."""

_log = Logger()


@define(eq=False)
class Archive:
    """
    @ivar path: the file.
    @ivar days: for how long calls are kept.
    @ivar hides: what of messages is not kept besides secrets.
    @ivar lost: how many calls could not be kept.
    @param wall: gives seconds since 1970; read at the start only, so that nothing is erased when that clock is set.
    """

    _turns: Turns
    path: str
    days: int
    _disk: Disk
    _calls: LiveCalls
    _wall: Callable[[], float]
    hides: Content = Content.DIGITS
    lost: int = field(default=0, init=False)
    _since: float = field(default=0.0, init=False)
    _database: sqlite3.Connection | None = field(default=None, init=False)
    _waiting: deque[tuple[float, Callable[[], Whole]]] = field(factory=deque, init=False)
    _rows: list[Row] = field(factory=list, init=False)
    _isBusy: bool = field(default=False, init=False)
    _packing: Sweep[Callable[[], Whole]] = field(init=False)
    _later: IDelayedCall | None = field(default=None, init=False)
    _erasing: IDelayedCall | None = field(default=None, init=False)
    _complaints: RateLimit = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._packing = self._turns.sweep(self._pack, self._commit)
        self._complaints = RateLimit(self._turns, 1 / 60, 1)

    def start(self) -> None:
        """Begin to keep what ends.  If the file cannot be used the log says so, and nothing is kept."""
        try:
            self._database = table.openedTable(self.path)
        except sqlite3.Error as problem:
            _log.error(
                "{path} cannot be used: {problem}. Calls that are over are kept in memory only",
                path=self.path,
                problem=problem,
            )
            return
        self._calls.listeners.append(self._ended)
        self._since = self._wall() - self._turns.seconds()
        self._erase()

    def stop(self) -> None:
        """Keep all that has ended, and close the file."""
        if self._database is None:
            return
        self._calls.listeners.remove(self._ended)
        self._packing.stop()
        self._disk.settle()
        cancel(self._later, self._erasing)
        for _, whole in self._waiting:
            self._pack(whole)
        self._waiting.clear()
        self._commit()
        self._disk.settle()
        cancel(self._later, self._erasing)
        self._database.close()
        self._database = None

    # What is asked

    def find(self, name: str) -> Deferred[Whole | None]:
        """The call of that name, and its ladder; C{None} if there is none, or it cannot be read."""
        if self._database is None:
            return succeed(None)
        found: Deferred[Any] = self._disk.run(partial(table.find, self._database, name))
        return found.addCallback(self._read).addErrback(self._unread)

    @inlineCallbacks
    def search(
        self, wanted: str, before: int | None, most: int, isKnown: Callable[[str], bool]
    ) -> Generator[Deferred[Any], Any, list[Found]]:
        """
        Calls that are found by a text, the latest first.

        @param before: the number of a L{Found} from which on, downwards; C{None} for the latest.
        @param isKnown: is the call of that name left out?
        @return: fires with a list of L{Found}.
        """
        found: list[Found] = []
        isFirst = True
        while self._database is not None and len(found) < most and (isFirst or before is not None):
            isFirst = False
            part = self._disk.run(partial(table.search, self._database, wanted.lower(), before, most))
            try:
                calls, before = yield part
            except (sqlite3.Error, ValueError):
                self._unread(Failure())
                break
            found += [each for each in calls if not isKnown(each.name)]
        return found[:most]

    # What is kept

    def _ended(self, call: CallSnapshot) -> None:
        if not call.id:
            return  # an attempt that became no call has no ladder
        self._waiting.append((self._turns.seconds() + LATE, self._calls.later(call.id)))
        if len(self._waiting) > MAX_WAITING:
            self._waiting.popleft()
            self.lost += 1
        self._soon(LATE)

    def _soon(self, seconds: float) -> None:
        if self._later is None and not self._isBusy:
            self._later = self._turns.callLater(seconds, self._due)

    def _due(self) -> None:
        self._later = None
        self._isBusy = True
        self._packing.start(self._over(self._turns.seconds()))

    def _over(self, now: float) -> Iterator[Callable[[], Whole]]:
        while self._waiting and self._waiting[0][0] <= now and len(self._rows) < BATCH:
            yield self._waiting.popleft()[1]

    def _pack(self, whole: Callable[[], Whole]) -> None:
        call, rungs = whole()
        ended = call.arrived + call.age
        words = call.words.lower().encode("utf-8", "replace").decode()  # half a surrogate pair is no text
        self._rows.append(Row(call.id, ended, words, codec.packedCall(call), codec.packed(call, rungs, self.hides)))

    def _commit(self) -> None:
        if self._database is None or not self._rows:
            self._written(None)
            return
        rows, self._rows = self._rows, []
        done = self._disk.run(partial(table.write, self._database, rows))
        done.addCallbacks(self._written, self._failed, errbackArgs=(rows,))

    def _written(self, _: object) -> None:
        self._isBusy = False
        if self._waiting:
            at, _whole = self._waiting[0]
            self._soon(max(INTERVAL, at - self._turns.seconds()))

    def _failed(self, failure: Failure, rows: list[Row]) -> None:
        complain(_log, failure, self.path, self._complaints, "Calls that are over wait until it can")
        if failure.check(sqlite3.Error) is None:
            self.lost += len(rows)  # they are at fault, and would be again
            self._written(None)
            return
        self._isBusy = False
        self._rows = rows
        self._soon(RETRY)

    def _erase(self) -> None:
        self._erasing = None
        if self._database is None:
            return
        before = self._since + self._turns.seconds() - DAY * self.days
        done = self._disk.run(partial(table.erase, self._database, before))
        done.addCallbacks(self._erased, self._failedErasing)

    def _erased(self, hasMore: bool) -> None:
        self._erasing = self._turns.callLater(ERASING_PAUSE if hasMore else ERASING_INTERVAL, self._erase)

    def _failedErasing(self, failure: Failure) -> None:
        complain(_log, failure, self.path, self._complaints)
        self._erased(False)

    def _read(self, text: str | None) -> Whole | None:
        return None if text is None else codec.read(text)

    def _unread(self, failure: Failure) -> None:
        failure.trap(sqlite3.Error, ValueError)
        if self._complaints.allow("read"):
            _log.error("{path} cannot be read: {problem}", path=self.path, problem=failure.getErrorMessage()[:200])
