# -*- test-case-name: ichatgw.test.xmpp.presence.test_sqlitestore -*-
"""
Subscriptions that outlive the process: one SQLite file.

What has changed is on the disk when the Deferred of C{written} fires (C{synchronous = EXTRA}), so that no acknowledged
subscription is lost, not even by a C{kill -9}.  A commit waits for the disk, in a thread; all changes that come
meanwhile share the next one.  See C{docs/decisions/0018-commits-have-a-thread.rst}.
"""

from __future__ import annotations

import os
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.protocols.jabber.jid import JID
from zope.interface import implementer

from ichatgw.errors import ConfigError, MalformedError
from ichatgw.runtime.clock import cancel
from ichatgw.runtime.disk import Disk, complain, opened, transaction
from ichatgw.runtime.ratelimit import RateLimit
from ichatgw.runtime.turns import Sweep, Turns
from ichatgw.xmpp.presence.access import NO_GUEST
from ichatgw.xmpp.presence.store import ISubscriptionStore, MemoryStore
from ichatgw.xmpp.stanzas import bareJID, parseJID

LEGACY = "ichat-gw.userdb"
"""The file of the older ichat-gw; it is read once, if it stands beside a database that holds nothing yet."""

IMPORTED = "PRAGMA user_version = 1"
"""
Marks a database that is past that.  It is written together with what was read, so that no crash comes between.
"""

_SCHEMA = "CREATE TABLE IF NOT EXISTS subscription (user TEXT, gateway TEXT, PRIMARY KEY (user, gateway)) WITHOUT ROWID"
_INSERT = "INSERT OR IGNORE INTO subscription VALUES (?, ?)"
_DELETE = "DELETE FROM subscription WHERE user = ? AND gateway = ?"

_log = Logger()


@implementer(ISubscriptionStore)
class SQLiteStore(Service):
    """
    Reads the file when the service starts, and answers from memory; only changes go to the disk.

    Changes are committed in the next turn of the reactor, or when the commit before is done: all that a server sends at
    once goes by one commit, and a crowd of users by a few each second.  Pairs that come and go between two commits
    leave nothing to do, so there are never more changes than pairs in memory and in the file.

    Pairs of users who may not call are not taken out of the file into memory, and removed from it after the start, some
    at a time.

    A file that is damaged is put aside.  When the disk is full, or the file cannot be written for another reason,
    subscriptions are kept in memory, which is logged, and all of them are written as soon as that succeeds again.
    """

    def __init__(self, turns: Turns, path: str, allows: Callable[[JID], bool], disk: Disk) -> None:
        """
        @param allows: may this user, a bare address, call?
        @param disk: where commits are made.
        """
        self._disk = disk
        self._allows = allows
        self._strangers: list[tuple[JID, JID]] = []
        self._forgetting: Sweep[tuple[JID, JID]] = turns.sweep(self._forget)
        self._clock = turns
        self._path = path
        self._memory = MemoryStore()
        self._database: sqlite3.Connection | None = None
        self._behind = False
        self._changes: dict[tuple[JID, JID], bool] = {}
        self._waiting: list[Deferred[None]] = []
        self._written: deque[Deferred[None]] = deque()
        self._telling: Sweep[Deferred[None]] = turns.sweep(lambda each: each.callback(None), interval=0.0)
        self._due: IDelayedCall | None = None
        self._committing: list[Deferred[None]] | None = None
        self._complaints = RateLimit(turns, 1 / 60, 1)

    def startService(self) -> None:
        """
        Open the file, or make it.

        @raise ConfigError: if that cannot be.
        """
        Service.startService(self)
        try:
            rows = self._load()
        except sqlite3.DatabaseError as problem:
            if isinstance(problem, sqlite3.OperationalError):
                raise ConfigError(
                    f"cannot open {self._path} (SubscriptionDatabase): {_why(self._path, problem)}"
                ) from problem
            self._putAside(problem)
            rows = self._load(IMPORTED)  # what the older program knew is older still
        self._complainOf(sum(not self._remember(user, gateway) for user, gateway in rows), self._path)
        if not rows and not self._hasImported():
            self._import(os.path.join(os.path.dirname(self._path), LEGACY))
        self._forgetStrangers()

    def stopService(self) -> None:
        """Write what is to be written, and close the file."""
        Service.stopService(self)
        self._forgetting.stop()
        if self._database is not None:
            self.flush()
            self._database.close()
            self._database = None

    def add(self, user: JID, gatewayJID: JID) -> bool:
        """See L{ISubscriptionStore}."""
        if gatewayJID in self._memory.gatewayJIDs(user):
            return True
        if not self._memory.add(user, gatewayJID):
            return False
        self._note((user, gatewayJID), True)
        return True

    def remove(self, user: JID, gatewayJID: JID) -> bool:
        """See L{ISubscriptionStore}."""
        if not self._memory.remove(user, gatewayJID):
            return False
        self._note((user, gatewayJID), False)
        return True

    def written(self) -> Deferred[None]:
        """See L{ISubscriptionStore}."""
        waiting: Deferred[None] = Deferred()
        if self._due is not None or (self._committing is not None and self._changes):
            self._waiting.append(waiting)
        elif self._committing is not None:
            self._committing.append(waiting)
        elif self._written:
            self._written.append(waiting)
        else:
            waiting.callback(None)
        return waiting

    def flush(self) -> None:
        """Write now what is to be written, wait for it, and tell those who wait.  For the start and the end."""
        self._disk.settle()
        self._commit()
        self._disk.settle()
        self._telling.stop()
        for each in self._toTell():
            each.callback(None)

    def _toTell(self) -> Iterator[Deferred[None]]:
        while self._written:
            yield self._written.popleft()

    def users(self) -> tuple[JID, ...]:
        """See L{ISubscriptionStore}."""
        return self._memory.users()

    def gatewayJIDs(self, user: JID) -> tuple[JID, ...]:
        """See L{ISubscriptionStore}."""
        return self._memory.gatewayJIDs(user)

    def knows(self, user: JID) -> bool:
        """See L{ISubscriptionStore}."""
        return self._memory.knows(user)

    def _hasImported(self) -> bool:
        assert self._database is not None
        return bool(self._database.execute("PRAGMA user_version").fetchone()[0])

    def _complainOf(self, missing: int, path: str) -> None:
        if missing:
            _log.error("{count} subscriptions in {path} could not be taken", count=missing, path=path)

    def _load(self, mark: str = "") -> list[tuple[str, str]]:
        database = opened(self._path)
        try:
            database.execute("PRAGMA synchronous = EXTRA")
            database.execute(_SCHEMA)
            if mark:
                database.execute(mark)
            rows = database.execute("SELECT user, gateway FROM subscription").fetchall()
        except BaseException:
            database.close()
            raise
        self._database = database
        return rows

    def _putAside(self, problem: Exception) -> None:
        aside = f"{self._path}.damaged"
        os.replace(self._path, aside)
        _log.critical(
            "{path} is damaged ({problem}); it is now {aside}, and no subscription is known. iChat users have to add"
            " the control user again",
            path=self._path,
            problem=problem,
            aside=aside,
        )

    def _remember(self, user: str, gateway: str) -> bool:
        """Take a pair of the file; one that is no pair of addresses is left out, and one of a stranger put aside."""
        try:
            pair = bareJID(parseJID(str(user))), bareJID(parseJID(str(gateway)))
        except MalformedError as problem:
            if self._complaints.allow("malformed"):
                _log.warn("A subscription in {path} is left out: {problem}", path=self._path, problem=problem)
            return False
        if self._allows(pair[0]):
            return self._memory.add(*pair)
        self._strangers.append(pair)
        return True

    def _forgetStrangers(self) -> None:
        """Remove from the file what users have there who may not call."""
        strangers, self._strangers = self._strangers, []
        if strangers:
            _log.info(
                "{count} subscriptions of {users} users who may not call are dropped from {path}: {why}",
                count=len(strangers),
                users=len({user for user, _ in strangers}),
                path=self._path,
                why=NO_GUEST,
            )
            self._forgetting.start(strangers)

    def _forget(self, pair: tuple[JID, JID]) -> None:
        user, gatewayJID = pair
        if gatewayJID not in self._memory.gatewayJIDs(user):  # else they may call by now, and have come again
            self._note(pair, False)

    def _import(self, path: str) -> None:
        """
        Take over the older program's file: C{v1}, then a line for each user and, after a tab, one for each pair.
        """
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                lines = [line.rstrip() for line in file]
        except OSError:
            return
        if not lines or lines[0] != "v1":
            _log.error("{path} is not imported: it is no user database of ichat-gw (v1)", path=path)
            return
        user, missing = "", 0
        for line in filter(None, lines[1:]):
            if not line.startswith("\t"):
                user = line.strip()
            elif not self._remember(user, line.strip()):
                missing += 1
        self._complainOf(missing, path)
        self._changes = dict.fromkeys(self._pairs(), True)
        self.flush()
        _log.info("{count} subscriptions were imported from {path}", count=len(self._pairs()), path=path)

    def _pairs(self) -> list[tuple[JID, JID]]:
        return [(user, ours) for user in self.users() for ours in self.gatewayJIDs(user)]

    def _note(self, pair: tuple[JID, JID], wanted: bool) -> None:
        """A pair is in memory, or no more; the file has to follow."""
        if self._database is None:
            return
        if self._changes.get(pair) is (not wanted):
            del self._changes[pair]  # as the file has it
        else:
            self._changes[pair] = wanted
        self._soon()

    def _soon(self) -> None:
        """There is something to be written, in the next turn or after the commit that is being made."""
        if self._due is None and self._committing is None:
            self._due = self._clock.callLater(0, self._commit)

    def _commit(self) -> None:
        """Have the changes made in the file; all of what is in memory, if an earlier change failed."""
        due, self._due = self._due, None
        cancel(due)
        self._committing, self._waiting = self._waiting, []
        database = self._database
        if database is None or not (self._changes or self._behind):
            self._told()
            return
        changes, self._changes = self._changes, {}
        if self._behind:
            changes = dict.fromkeys(self._pairs(), True)
        rows = [(user.full(), ours.full(), wanted) for (user, ours), wanted in changes.items()]
        done = self._disk.run(partial(_write, database, self._behind, rows))
        done.addCallbacks(self._committed, self._failed)

    def _committed(self, _: object) -> None:
        if self._behind:
            self._behind = False
            _log.info("{path} is up to date again", path=self._path)
        self._told()

    def _failed(self, failure: Failure) -> None:
        self._behind = True
        complain(_log, failure, self._path, self._complaints, "Subscriptions are kept in memory until it can")
        self._told()

    def _told(self) -> None:
        """A commit is over, and those who wait for it are told in their order, some at a time."""
        self._written.extend(self._committing or ())
        self._committing = None
        if self._changes:
            self._soon()
        if self._written and not self._telling.running:
            self._telling.start(self._toTell())


def _write(database: sqlite3.Connection, isAll: bool, rows: list[tuple[str, str, bool]]) -> None:
    """
    Commit changes, in whichever thread.

    @param isAll: are these all that there is?
    @param rows: user, address of ours, and whether the pair is to be there.
    @raise sqlite3.Error: if that cannot be.
    """
    with transaction(database) as cursor:
        if isAll:
            cursor.execute("DELETE FROM subscription")
        for statement, wanted in ((_INSERT, True), (_DELETE, False)):
            cursor.executemany(statement, [(user, ours) for user, ours, what in rows if what is wanted])
        cursor.execute(IMPORTED)


def _why(path: str, problem: sqlite3.OperationalError) -> str:
    """What is wrong with the file, as far as can be seen; SQLite says little."""
    folder = os.path.dirname(path) or "."
    if os.path.isdir(path):
        return "it is a directory, and has to be a file"
    if not os.path.isdir(folder):
        return f"there is no directory {folder}"
    if not os.path.exists(path) and not os.access(folder, os.W_OK | os.X_OK):
        return f"the directory {folder} may not be written"
    if os.path.exists(path) and not os.access(path, os.R_OK | os.W_OK):
        return "it may not be read and written"
    if "locked" in str(problem):
        return "another program has locked it; two gateways need a file each"
    return str(problem)
