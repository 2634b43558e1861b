# -*- test-case-name: ichatgw.test.users.test_sqlite -*-
"""
Preferences of users that outlive the process: a table in the file of the subscriptions.
"""

from __future__ import annotations

import json
import sqlite3
from functools import partial

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ichatgw.runtime.clock import cancel
from ichatgw.runtime.disk import Disk, complain, opened, transaction
from ichatgw.runtime.ratelimit import RateLimit
from ichatgw.users.preferences import (
    MAX_USERS,
    NONE_CHOSEN,
    Forwarding,
    IPreferences,
    MemoryPreferences,
    Preferences,
    When,
)

RETRY = 60.0
"""Seconds after which what could not be written is tried again."""

BATCH = 500
"""Users whose choices are written by one commit."""

_TABLE = "CREATE TABLE IF NOT EXISTS preferences (user TEXT PRIMARY KEY, chosen TEXT) WITHOUT ROWID"
_WRITE = "INSERT OR REPLACE INTO preferences VALUES (?, ?)"
_ERASE = "DELETE FROM preferences WHERE user = ?"

_log = Logger()


@implementer(IPreferences)
class SQLitePreferences(Service):
    """
    Reads the table when the service starts, and answers from memory; what a row says is found out when its user is
    asked for first, so that a start with thousands of users is quick.  Changes are committed in the next turn of the
    reactor, or when the commit before is done, in the thread of the disk.

    A table that cannot be used stops nothing: then choices are kept in memory, which is logged.  A row that cannot be
    understood stays as it is in the file until its user chooses something else.
    """

    def __init__(self, clock: IReactorTime, path: str, disk: Disk) -> None:
        """
        @param path: the file; it may have other tables.
        @param disk: where commits are made; the same as that of the other tables, so that none waits for a lock.
        """
        self._clock = clock
        self._path = path
        self._disk = disk
        self._memory = MemoryPreferences()
        self._database: sqlite3.Connection | None = None
        self._unread: dict[str, str] = {}
        self._changes: dict[str, Preferences] = {}
        self._isWriting = False
        self._due: IDelayedCall | None = None
        self._complaints = RateLimit(clock, 1 / 60, 1)

    def startService(self) -> None:
        """Open the file and read what is there."""
        Service.startService(self)
        try:
            self._database = opened(self._path)
            self._database.execute(_TABLE)
            rows = self._database.execute(f"SELECT user, chosen FROM preferences LIMIT {MAX_USERS}").fetchall()
        except sqlite3.Error as problem:
            self._close()
            _log.error(
                "{path} cannot be used: {problem}. What users choose is kept in memory only",
                path=self._path,
                problem=problem,
            )
        else:
            self._unread = {str(user): str(chosen) for user, chosen in rows}

    def stopService(self) -> None:
        """Write what is to be written, and close the file."""
        Service.stopService(self)
        cancel(self._due)
        self._due = None
        self._disk.settle()
        while self._database is not None and self._changes:
            left = len(self._changes)
            self._commit()
            self._disk.settle()
            if len(self._changes) >= left:
                break  # the disk takes nothing
        cancel(self._due)
        self._due = None
        self._close()

    def of(self, user: str) -> Preferences:
        """See L{IPreferences}."""
        text = self._unread.pop(user, None)
        if text is not None:
            self._take(user, text)
        return self._memory.of(user)

    def set(self, user: str, preferences: Preferences) -> bool:
        """See L{IPreferences}."""
        known = self.of(user)
        if known == preferences:
            return True
        isFull = known == NONE_CHOSEN and len(self._unread) + len(self._memory) >= MAX_USERS
        if isFull or not self._memory.set(user, preferences):
            return False
        if self._database is not None:
            self._changes[user] = preferences
            self._soon(0.0)
        return True

    def _take(self, user: str, text: str) -> None:
        try:
            self._memory.set(user, read(text))
        except ValueError as problem:
            if self._complaints.allow("row"):
                _log.error(
                    "The preferences of {user!r:.80} in {path} are left out: {problem}",
                    user=user,
                    path=self._path,
                    problem=str(problem)[:200],
                )

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def _soon(self, seconds: float) -> None:
        if self._due is None and not self._isWriting:
            self._due = self._clock.callLater(seconds, self._commit)

    def _commit(self) -> None:
        cancel(self._due)
        self._due = None
        database = self._database
        if database is None or not self._changes:
            return
        changes = {user: self._changes.pop(user) for user in list(self._changes)[:BATCH]}
        self._isWriting = True
        done = self._disk.run(partial(_write, database, [(user, written(each)) for user, each in changes.items()]))
        done.addCallbacks(self._committed, self._failed, errbackArgs=(changes,))

    def _committed(self, _: object) -> None:
        self._isWriting = False
        if self._changes:
            self._soon(0.0)

    def _failed(self, failure: Failure, changes: dict[str, Preferences]) -> None:
        """What was to be written is tried later, as it is by then."""
        self._isWriting = False
        self._changes = {**changes, **self._changes}
        complain(_log, failure, self._path, self._complaints, "What users choose is kept in memory until it can")
        self._soon(RETRY)


def _write(database: sqlite3.Connection, rows: list[tuple[str, str]]) -> None:
    """
    Commit changes, in whichever thread.

    @param rows: users, and what they have chosen as text; empty for nothing.
    @raise sqlite3.Error: if that cannot be.
    """
    with transaction(database) as cursor:
        cursor.executemany(_WRITE, [row for row in rows if row[1]])
        cursor.executemany(_ERASE, [(user,) for user, text in rows if not text])


def written(preferences: Preferences) -> str:
    """As text for the file; empty for L{NONE_CHOSEN}."""
    if preferences == NONE_CHOSEN:
        return ""
    rules = [[each.when.value, each.target, each.seconds] for each in preferences.forwardings]
    return json.dumps({"forward": rules, "dnd": preferences.doNotDisturb})


def read(text: str) -> Preferences:
    """
    What L{written} has written.

    @raise ValueError: if it is something else.
    """
    try:
        found = json.loads(text)
        rules = tuple(Forwarding(When(when), str(target), int(seconds)) for when, target, seconds in found["forward"])
        return Preferences(rules, bool(found["dnd"]))
    except (KeyError, TypeError, RecursionError, OverflowError) as problem:
        raise ValueError(f"no preferences: {problem}") from problem
