# -*- test-case-name: ichatgw.test.runtime.test_disk,ichatgw.test.users.test_sqlite -*-
"""
Writing to disk without waiting for it.

A commit takes 1 to 30 ms on the disks we know, and on one that is dying it takes seconds: sound would wait for it.  So
commits are the one kind of work that is done in a thread: one, for all files, one commit after the other.  It only gets
values that are made for it and touches nothing else; what comes of it is told on the reactor's own thread.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any, Protocol

from twisted.internet.defer import Deferred, execute
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger
from twisted.python.failure import Failure

from ichatgw.runtime.ratelimit import RateLimit

BUSY_TIMEOUT = 0.2
"""Seconds to wait for another process that has locked a file, e.g. a backup."""


class Disk(Protocol):
    """Does what takes time at the disk."""

    def run(self, work: Callable[[], object]) -> Deferred[Any]:
        """
        Do C{work}, after all that was given before.

        @return: fires with what it returns, or fails with what it raises.
        """

    def settle(self) -> None:
        """Wait for all that was given, and tell what came of it.  For the start and the end, when no call is up."""


class DiskThread:
    """A L{Disk} with a thread of its own, which lives while there is work or has been."""

    def __init__(self, reactor: IReactorFromThreads) -> None:
        self._reactor = reactor
        self._executor = ThreadPoolExecutor(1, "disk")
        self._given: dict[Future[object], Deferred[Any]] = {}

    def run(self, work: Callable[[], object]) -> Deferred[Any]:
        """See L{Disk}."""
        future = self._executor.submit(work)
        told = self._given[future] = Deferred()
        future.add_done_callback(self._done)
        return told

    def settle(self) -> None:
        """See L{Disk}."""
        for future in list(self._given):
            future.exception()  # waits
            self._tell(future)

    def close(self) -> None:
        """The same, and the thread ends."""
        self.settle()
        self._executor.shutdown()

    def _done(self, future: Future[object]) -> None:
        """Runs in the thread: hand the outcome to the reactor."""
        self._reactor.callFromThread(self._tell, future)

    def _tell(self, future: Future[object]) -> None:
        told = self._given.pop(future, None)
        if told is None:
            return  # it has been waited for
        problem = future.exception()
        if problem is None:
            told.callback(future.result())
        else:
            told.errback(Failure(problem))


class DirectDisk:
    """A L{Disk} that does it at once: for tests, and for programs that have nothing else to do."""

    def run(self, work: Callable[[], object]) -> Deferred[Any]:
        """See L{Disk}."""
        return execute(work)

    def settle(self) -> None:
        """There is nothing that could be waited for."""


def opened(path: str, timeout: float = BUSY_TIMEOUT) -> sqlite3.Connection:
    """
    A connection to an SQLite file, which is made if it is not there, for our user alone.  It commits nothing by itself,
    and may be used in the thread of the disk.

    @param timeout: seconds to wait for another process that has locked the file.
    @raise sqlite3.Error: if that cannot be.
    """
    umask = os.umask(0o077)
    try:
        return sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)
    finally:
        os.umask(umask)


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[sqlite3.Cursor]:
    """All of it is in the file afterwards, or C{sqlite3.Error} is raised and nothing is."""
    try:
        with closing(database.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            yield cursor
            cursor.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def complain(log: Logger, failure: Failure, path: str, limit: RateLimit, meanwhile: str = "") -> None:
    """
    Say in the log that a commit has failed.

    @param log: of the part that wanted the commit.
    @param limit: how often the same may be said.
    @param meanwhile: a sentence, without its end, on what is done until it succeeds.
    """
    if failure.check(sqlite3.Error) is None:
        log.failure("{path} cannot be written", failure, path=path)
    elif limit.allow(None):
        log.error(
            "{path} cannot be written: {problem}{meanwhile}",
            path=path,
            problem=failure.value,
            meanwhile=f". {meanwhile}" if meanwhile else "",
        )
