# -*- test-case-name: ichatgw.test.calls.test_journal -*-
"""
The calls that are up, kept on the disk, so that the next process can tell their parties of the end if this one is
killed.

A call is written when it has lived for a moment (most that end at once never are), and again when what would have to be
said has changed; it is removed when it is over.  A few calls share a commit.  It need not outlive a power cut, when
sockets and phones are gone too, so a commit is a write to memory of the system, and is made where a disk that hangs
delays nothing else.
C{docs/decisions/0014-ends-are-told-after-a-kill.rst} has the numbers.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from attrs import define, field, frozen
from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ichatgw.model import Farewell
from ichatgw.runtime.disk import Disk, complain, opened, transaction
from ichatgw.runtime.ratelimit import RateLimit

ANSWER_TIMEOUT = 0.5
"""Seconds that a call lives before it is written, and from one change to the next writing."""

BATCH = 48
"""Calls that are written in one turn."""

PAUSE = 0.08
"""Seconds between two batches."""

RETRY = 5.0
"""Seconds after which what could not be written is tried again: a full disk may have room by then."""

MAX_LEFT = 20_000
"""Calls of an earlier process that are read."""

_TABLE = "CREATE TABLE IF NOT EXISTS call (name TEXT PRIMARY KEY, farewells TEXT) WITHOUT ROWID"
_WRITE = "INSERT OR REPLACE INTO call (name, farewells) VALUES (?, ?)"
_ERASE = "DELETE FROM call WHERE name = ?"

_log = Logger()

Ask = Callable[[], Iterable[Farewell]]
"""Gives the farewells of both legs of a call."""


@frozen
class Left:
    """A call that an earlier process has left behind."""

    name: str
    farewells: tuple[Farewell, ...]


@define(eq=False)
class Journal(Service):
    """
    @ivar path: the file.
    @ivar _written: what is in it.
    @ivar _writing: what is being changed in it: how calls would be ended, C{None} for those that are over.
    @ivar _pending: likewise, what is to be changed next.
    """

    _clock: IReactorTime
    path: str
    _disk: Disk
    _database: sqlite3.Connection | None = field(default=None, init=False)
    _touched: dict[str, tuple[float, Ask]] = field(factory=dict, init=False)
    _written: dict[str, str] = field(factory=dict, init=False)
    _writing: dict[str, str | None] = field(factory=dict, init=False)
    _pending: dict[str, str | None] = field(factory=dict, init=False)
    _timer: IDelayedCall | None = field(default=None, init=False)
    _left: tuple[Left, ...] = field(default=(), init=False)
    _complaints: RateLimit = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._complaints = RateLimit(self._clock, 1 / 60, 1)

    @property
    def left(self) -> tuple[Left, ...]:
        """The calls that the process before this one has left behind; known once the service has started."""
        return self._left

    def startService(self) -> None:
        """Read what was left.  A file that cannot be used is begun anew, or done without: calls matter more."""
        Service.startService(self)
        try:
            self._open()
        except sqlite3.Error as problem:
            _log.warn("{path} is begun anew: {problem}", path=self.path, problem=problem)
            self._removed()
            try:
                self._open()
            except sqlite3.Error as still:
                _log.error(
                    "{path} cannot be used: {problem}. Parties of calls are not told if this process is killed",
                    path=self.path,
                    problem=still,
                )

    def stopService(self) -> None:
        """Write what is to be written, and close the file; after a stop in good order no call is in it."""
        Service.stopService(self)
        database = self._database
        if database is not None:
            self._disk.settle()
            self._commit(tuple(self._touched))
            self._disk.settle()
            database.close()
            self._database = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def changed(self, name: str, ask: Ask) -> None:
        """A call has begun, or what would have to be said at its end may have changed."""
        if self._database is not None and name not in self._touched:
            self._touched[name] = (self._clock.seconds() + ANSWER_TIMEOUT, ask)
            self._wake(ANSWER_TIMEOUT)

    def over(self, name: str) -> None:
        """A call has ended, or its parties have been told."""
        self._touched.pop(name, None)
        if name in self._written or name in self._writing:
            self._pending[name] = None
            self._wake(ANSWER_TIMEOUT)
        else:
            self._pending.pop(name, None)

    def _wake(self, delay: float) -> None:
        if self._timer is None and self._database is not None:
            self._timer = self._clock.callLater(delay, self._due)

    def _due(self) -> None:
        self._timer = None
        if self._writing:
            self._wake(PAUSE)
            return
        now = self._clock.seconds()
        due: list[str] = []
        for name, (at, _) in self._touched.items():
            if at > now or len(due) == BATCH:
                break
            due.append(name)
        self._commit(due)
        if self._touched:
            at, _ = next(iter(self._touched.values()))
            self._wake(max(PAUSE, at - now))

    def _commit(self, names: Iterable[str]) -> None:
        for name in names:
            _, ask = self._touched.pop(name)
            said = self._said(name, ask)
            if said != (self._pending.get(name) or self._written.get(name, "[]")):
                self._pending[name] = said
        database = self._database
        if database is None or not self._pending:
            return
        self._writing, self._pending = self._pending, {}
        self._disk.run(partial(_write, database, self._writing)).addCallbacks(self._wrote, self._failed)

    def _wrote(self, _: object) -> None:
        for name, said in self._writing.items():
            if said is None:
                self._written.pop(name, None)
            else:
                self._written[name] = said
        self._writing = {}

    def _failed(self, failure: Failure) -> None:
        """The file is as it was.  What has changed once more since then counts."""
        changes = {**self._writing, **self._pending}
        self._pending = {name: said for name, said in changes.items() if said is not None or name in self._written}
        self._writing = {}
        self._wake(RETRY)
        complain(_log, failure, self.path, self._complaints)

    def _said(self, name: str, ask: Ask) -> str:
        try:
            return json.dumps(tuple(ask()))
        except Exception:
            _log.failure("call={call} does not say how it would be ended", call=name)
            return "[]"

    def _open(self) -> None:
        """
        @raise sqlite3.Error: if the file cannot be used.
        """
        database = opened(self.path, timeout=0)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = OFF")
            database.execute(_TABLE)
            rows = database.execute(f"SELECT name, farewells FROM call LIMIT {MAX_LEFT}").fetchall()
        except BaseException:
            database.close()
            raise
        self._database = database
        self._left = tuple(map(_readLeft, rows))
        self._written = {str(name): str(said) for name, said in rows}

    def _removed(self) -> None:
        for path in (self.path, f"{self.path}-wal", f"{self.path}-shm"):
            if os.path.isfile(path):
                try:
                    os.remove(path)
                except OSError as problem:
                    _log.warn("{path} cannot be removed: {problem}", path=path, problem=problem.strerror)


def _write(database: sqlite3.Connection, changes: Mapping[str, str | None]) -> None:
    """
    Commit changes, in whichever thread.

    @param changes: how calls would be ended, by their names; C{None} for those that are over.
    @raise sqlite3.Error: if that cannot be.
    """
    with transaction(database) as cursor:
        cursor.executemany(_ERASE, [(name,) for name, said in changes.items() if said is None])
        cursor.executemany(_WRITE, [(name, said) for name, said in changes.items() if said is not None])


def _readLeft(row: tuple[object, object]) -> Left:
    """What does not read as this class has written it says nothing."""
    name, said = row
    try:
        found = json.loads(str(said))
        farewells = tuple(tuple(map(str, words)) for words in found if isinstance(words, list) and words)
    except (ValueError, TypeError):
        farewells = ()
    return Left(str(name), farewells)
