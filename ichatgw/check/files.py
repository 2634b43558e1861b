# -*- test-case-name: ichatgw.test.check.test_faults -*-
"""
Files: can they be written, are they what they should be, and who can read the secrets?
"""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator, Iterator

from ichatgw.check.finding import Finding, Tell, error, ok, warning
from ichatgw.check.given import Given
from ichatgw.config.reading.credentials import Keyring, loadUsers
from ichatgw.config.settings import Settings
from ichatgw.control.place import NONE, isThere
from ichatgw.errors import ConfigError
from ichatgw.web.login import checkedToken, readUsers

SUBJECT = "files"

LEAST_ROOM = 50 << 20
"""Octets that should be free where files grow."""

_SQLITE = b"SQLite format 3\0"


async def look(given: Given, tell: Tell) -> None:
    """Look at all files that settings name."""
    settings = given.settings
    findings = [*_written(given), *_databases(settings), *_shared(settings), *_secrets(settings), *_socket(given)]
    if not findings:
        findings += [each async for each in _broken(given)]
    for finding in findings:
        tell(finding)
    if not findings:
        tell(ok(SUBJECT, "those that settings name can be used"))


def databasesOf(settings: Settings) -> dict[str, str]:
    """The databases, by the setting that names each."""
    path = settings.subscriptionDatabase
    calls = settings.callDatabase or (f"{path}-calls" if path not in ("", "none") else "")
    past = settings.callHistoryDatabase
    found = {"SubscriptionDatabase": path, "CallDatabase": calls, "CallHistoryDatabase": past}
    return {name: path for name, path in found.items() if path not in ("", "none")}


def _written(given: Given) -> Iterator[Finding]:
    """What is written has to have room, in directories that can be written."""
    settings = given.settings
    named = {"LogFilename": settings.logFilename, "CallRecords": settings.callRecords, **databasesOf(settings)}
    full: set[str] = set()
    for name, path in named.items():
        if path in ("", "-"):
            continue
        folder = os.path.dirname(os.path.abspath(path))
        if not os.path.isdir(folder):
            yield error(SUBJECT, f"{name}: there is no directory {folder}", "make it, for the gateway's user")
        elif not os.access(folder, os.W_OK | os.X_OK):
            yield error(SUBJECT, f"{name}: {folder} cannot be written", "let the gateway's user own it")
        elif os.path.exists(path) and not os.access(path, os.R_OK | os.W_OK):
            yield error(SUBJECT, f"{name}: {path} cannot be written", "let the gateway's user own it")
        elif folder not in full and _isFull(given, path):
            full.add(folder)
            yield warning(SUBJECT, f"{name}: less than {LEAST_ROOM >> 20} MiB are free in {folder}", "make room there")


def _isFull(given: Given, path: str) -> bool:
    try:
        return bool(given.host.room(path) < LEAST_ROOM)
    except OSError:
        return False


def _databases(settings: Settings) -> Iterator[Finding]:
    """A database that is there has to be one."""
    for name, path in databasesOf(settings).items():
        try:
            if not os.path.isfile(path):
                if os.path.exists(path):
                    yield error(SUBJECT, f"{name}: {path} is no file", "name another one")
                continue
            with open(path, "rb") as file:
                head = file.read(len(_SQLITE))
        except OSError as problem:
            yield error(SUBJECT, f"{name}: {path}: {problem.strerror}", "let the gateway's user own it")
            continue
        if head and head != _SQLITE:
            yield error(SUBJECT, f"{name}: {path} is no database of SQLite", "move it away, or put its backup there")


async def _broken(given: Given) -> AsyncIterator[Finding]:
    """What looks like a database, and cannot be read to its end."""
    for name, path in databasesOf(given.settings).items():
        fault = await given.host.databaseFault(path) if os.path.exists(path) else ""
        if fault:
            remedy = "stop the gateway, and put its backup there or move it away"
            yield error(SUBJECT, f"{name}: {path} is damaged: {fault}", remedy)


def _socket(given: Given) -> Iterator[Finding]:
    """Could the command reach a gateway with this configuration?"""
    path = given.settings.controlSocket
    if path in ("", NONE) or given.isRunning:
        return
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        yield error(SUBJECT, f"ControlSocket: there is no directory {folder}", "make it, for the gateway's user")
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield error(SUBJECT, f"ControlSocket: {folder} cannot be written", "let the gateway's user own it")
    else:
        try:
            isThere(os.path.abspath(path))
        except ConfigError as problem:
            what, _, remedy = str(problem).partition(": ")
            yield error(SUBJECT, f"ControlSocket: {what}", remedy or "name another file")


def _shared(settings: Settings) -> Iterator[Finding]:
    """Each file is for one thing."""
    named = {"LogFilename": settings.logFilename, "CallRecords": settings.callRecords, **databasesOf(settings)}
    seen: dict[str, str] = {}
    for name, path in named.items():
        if path in ("", "-"):
            continue
        other = seen.setdefault(os.path.realpath(path), name)
        if other != name:
            yield error(SUBJECT, f"{other} and {name} name the same file, {path}", "give each a file of its own")


def _secrets(settings: Settings) -> Iterator[Finding]:
    """Files with passwords can be read, and not by all."""
    for name, path, load in (
        ("SIPCredentials", settings.sipCredentials, Keyring.load),
        ("SIPUsers", settings.sipUsers, loadUsers),
    ):
        try:
            if path:
                load(path)
        except ConfigError as problem:
            yield error(SUBJECT, f"{name}: {problem}", "correct it, and chmod o-r it")
    for name, path in (("HTTPUsers", settings.httpUsers),):
        if path and isWorldReadable(path):
            yield error(SUBJECT, f"{name}: everybody on this host can read {path}", f"chmod o-r {path}")
            return
    try:
        if settings.httpUsers:
            readUsers(settings.httpUsers)
        checkedToken(settings.httpToken)
    except ConfigError as problem:
        yield error(SUBJECT, str(problem), "correct it, and let nobody else read it")


def isWorldReadable(path: str) -> bool:
    """Can everybody on this host read it?"""
    try:
        return bool(os.stat(path).st_mode & stat.S_IROTH)
    except OSError:
        return False
