# -*- test-case-name: ichatgw.test.test_xmpp_sqlitestore -*-
"""
Subscriptions that outlive the process: one SQLite file.

What C{add} has promised is on the disk when it returns (C{synchronous = FULL}), so that no acknowledged subscription
is lost, not even by a C{kill -9}.  A write takes one C{fsync} of the reactor's time, and happens when somebody adds or
drops a buddy; see C{docs/decisions/0001-subscriptions-on-the-reactor.rst}.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.words.protocols.jabber.jid import JID
from zope.interface import implementer

from ichatgw.errors import ConfigError, MalformedError
from ichatgw.ratelimit import RateLimit
from ichatgw.xmpp.stanzas import bareJID, parseJID
from ichatgw.xmpp.store import ISubscriptionStore, MemoryStore

LEGACY = "ichat-gw.userdb"
"""The file of the older ichat-gw; it is read once, if it stands beside a database that is not there yet."""

BUSY_TIMEOUT = 0.2
"""Seconds to wait for somebody else who has the file, e.g. a backup."""

_SCHEMA = "CREATE TABLE IF NOT EXISTS subscription (user TEXT, gateway TEXT, PRIMARY KEY (user, gateway)) WITHOUT ROWID"

_log = Logger()


@implementer(ISubscriptionStore)
class SQLiteStore(Service):
    """
    Reads the file when the service starts, and answers from memory; only changes go to the disk.

    A file that is damaged is put aside.  When the disk is full, or the file cannot be written for another reason,
    subscriptions are kept in memory, which is logged, and all of them are written as soon as that succeeds again.
    """

    def __init__(self, clock: IReactorTime, path: str) -> None:
        self._path = path
        self._memory = MemoryStore()
        self._database: sqlite3.Connection | None = None
        self._behind = False
        self._complaints = RateLimit(clock, 1 / 60, 1)

    def startService(self) -> None:
        """
        Open the file, or make it.

        @raise ConfigError: if that cannot be.
        """
        Service.startService(self)
        new = not os.path.exists(self._path)
        try:
            rows = self._load()
        except sqlite3.DatabaseError as problem:
            if isinstance(problem, sqlite3.OperationalError):
                raise ConfigError(f"cannot open {self._path} (SubscriptionDatabase): {problem}") from problem
            self._putAside(problem)
            rows = self._load()
        for user, gateway in rows:
            self._remember(user, gateway)
        if new:
            self._import(os.path.join(os.path.dirname(self._path), LEGACY))

    def stopService(self) -> None:
        """Close the file."""
        Service.stopService(self)
        if self._database is not None:
            if self._behind:
                self._write(None)
            self._database.close()
            self._database = None

    def add(self, user: JID, gatewayJID: JID) -> bool:
        """See L{ISubscriptionStore}.  It is on the disk when this returns C{True}, if the disk takes it."""
        if gatewayJID in self._memory.gatewayJIDs(user):
            return True
        if not self._memory.add(user, gatewayJID):
            return False
        self._write(("INSERT OR IGNORE INTO subscription VALUES (?, ?)", user, gatewayJID))
        return True

    def remove(self, user: JID, gatewayJID: JID) -> None:
        """See L{ISubscriptionStore}."""
        if gatewayJID in self._memory.gatewayJIDs(user):
            self._memory.remove(user, gatewayJID)
            self._write(("DELETE FROM subscription WHERE user = ? AND gateway = ?", user, gatewayJID))

    def users(self) -> tuple[JID, ...]:
        """See L{ISubscriptionStore}."""
        return self._memory.users()

    def gatewayJIDs(self, user: JID) -> tuple[JID, ...]:
        """See L{ISubscriptionStore}."""
        return self._memory.gatewayJIDs(user)

    def knows(self, user: JID) -> bool:
        """See L{ISubscriptionStore}."""
        return self._memory.knows(user)

    def _load(self) -> list[tuple[str, str]]:
        umask = os.umask(0o077)
        try:
            database = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT, isolation_level=None)
        finally:
            os.umask(umask)
        try:
            database.execute("PRAGMA synchronous = FULL")
            database.execute(_SCHEMA)
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
        """Take a pair of the file; one that is no pair of addresses is left out."""
        try:
            return self._memory.add(bareJID(parseJID(str(user))), bareJID(parseJID(str(gateway))))
        except MalformedError as problem:
            _log.warn("A subscription in {path} is left out: {problem}", path=self._path, problem=problem)
            return False

    def _import(self, path: str) -> None:
        """
        Take over the older program's file: C{v1}, then a line for each user and, after a tab, one for each pair of his.
        """
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                lines = [line.rstrip() for line in file]
        except OSError:
            return
        if not lines or lines[0] != "v1":
            _log.error("{path} is not imported: it is no user database of ichat-gw (v1)", path=path)
            return
        user, taken = "", 0
        for line in filter(None, lines[1:]):
            if line.startswith("\t"):
                taken += bool(user) and self._remember(user, line.strip())
            else:
                user = line.strip()
        self._behind = True
        self._write(None)
        _log.info("{count} subscriptions were imported from {path}", count=taken, path=path)

    def _write(self, change: tuple[str, JID, JID] | None) -> None:
        """Make one change in the file; all of what is in memory, if an earlier change failed."""
        if self._database is None:
            return
        try:
            if self._behind or change is None:
                self._writeAll(self._database)
            else:
                statement, user, gateway = change
                self._database.execute(statement, (user.full(), gateway.full()))
        except sqlite3.Error as problem:
            self._behind = True
            if self._complaints.allow(""):
                _log.error(
                    "{path} cannot be written: {problem}. Subscriptions are kept in memory until it can",
                    path=self._path,
                    problem=problem,
                )
        else:
            if self._behind:
                _log.info("{path} is up to date again", path=self._path)
            self._behind = False

    def _writeAll(self, database: sqlite3.Connection) -> None:
        pairs = [(user.full(), ours.full()) for user in self.users() for ours in self.gatewayJIDs(user)]
        try:
            with closing(database.cursor()) as cursor:
                cursor.execute("BEGIN IMMEDIATE")
                cursor.execute("DELETE FROM subscription")
                cursor.executemany("INSERT INTO subscription VALUES (?, ?)", pairs)
                cursor.execute("COMMIT")
        except sqlite3.Error:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
