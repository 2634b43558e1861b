# -*- test-case-name: ichatgw.test.control.test_place -*-
"""
Where the socket for the administrators' command is.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorUNIX
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from ichatgw.errors import ConfigError

NAME = "ichatgw.sock"
NONE = "none"
MODE = 0o600
LONGEST = 107
"""Octets that the path of a UNIX socket can have (unix(7))."""

_log = Logger()


def defaultPath(environ: Mapping[str, str]) -> str:
    """In the directory that C{systemd} makes for the process (C{RuntimeDirectory}), else in the current one."""
    folder = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return os.path.abspath(os.path.join(folder, NAME))


def answers(path: str) -> bool:
    """
    Does a process listen at this socket?

    @raise OSError: if that cannot be told.
    """
    with socket.socket(socket.AF_UNIX) as asking:
        asking.setblocking(False)
        try:
            asking.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except BlockingIOError:
            pass  # so many wait there that there is no room for us
    return True


def isThere(path: str, answers: Callable[[str], bool] = answers) -> bool:
    """
    Is there a socket that a process which was killed has left?

    @raise ConfigError: if there is something else, or none can be there.
    """
    if len(os.fsencode(path)) > LONGEST:
        raise ConfigError(f"{path} is longer than the {LONGEST} octets that the path of a socket can have")
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return False
    except OSError as problem:
        raise ConfigError(f"{path} cannot be used: {problem.strerror}") from None
    if not stat.S_ISSOCK(mode):
        raise ConfigError(f"{path} is no socket: remove it, or name another file")
    try:
        isLive = answers(path)
    except OSError as problem:
        raise ConfigError(f"{path} cannot be used: {problem.strerror}") from None
    if isLive:
        raise ConfigError(f"another process listens at {path}: name another socket for each gateway")
    return True


def clear(path: str, answers: Callable[[str], bool] = answers) -> None:
    """
    Remove a socket that a process which was killed has left.

    @raise ConfigError: if there is something else.
    """
    try:
        if isThere(path, answers):
            os.unlink(path)
    except OSError as problem:
        raise ConfigError(f"{path} cannot be used: {problem.strerror}") from None


class ControlListener(Service):
    """
    Listens at the socket.

    @ivar path: of the socket.
    @ivar isWanted: was this path set?  Else the gateway goes on without the socket, if it cannot be had.
    """

    def __init__(self, reactor: IReactorUNIX, path: str, factory: Factory, isWanted: bool) -> None:
        self.path = path
        self.isWanted = isWanted
        self._reactor = reactor
        self._factory = factory
        self._port: Any = None

    def startService(self) -> None:
        """
        Listen.

        @raise ConfigError: if that cannot be.
        """
        Service.startService(self)
        try:
            clear(self.path)
            self._port = self._reactor.listenUNIX(self.path, self._factory, mode=MODE)
        except (ConfigError, CannotListenError, OSError) as problem:
            why = str(problem) if isinstance(problem, ConfigError) else f"{self.path}: {problem}"
            if self.isWanted:
                raise ConfigError(f"ControlSocket: {why}") from None
            _log.warn("The command ichatgw cannot reach this gateway, see ControlSocket: {why}", why=why)

    def stopService(self) -> Deferred[None]:
        """Listen no more, and remove the socket."""
        Service.stopService(self)
        port, self._port = self._port, None
        if port is None:
            return succeed(None)
        with suppress(AttributeError):
            for session in list(self._factory.sessions):  # type: ignore[attr-defined]
                session.transport.loseConnection()
        return maybeDeferred(port.stopListening)
