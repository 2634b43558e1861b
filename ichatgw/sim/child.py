# -*- test-case-name: ichatgw.test.sim.test_ladder -*-
"""
A gateway in a process of its own, run by the real C{twistd}, with a configuration made for the occasion.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from random import randrange

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IProcessTransport, IReactorProcess
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

import ichatgw
from ichatgw.sim.moment import OneShot

MEDIA_PORTS = 200


class NoTwistd(Exception):
    """There is no C{twistd} beside the interpreter."""


class _Output(ProcessProtocol):
    """Keeps what the process says, and tells when it is gone."""

    def __init__(self) -> None:
        self.said = bytearray()
        self.gone: OneShot[int] = OneShot()

    def outReceived(self, data: bytes) -> None:
        self.said += data

    errReceived = outReceived

    def processEnded(self, reason: Failure) -> None:
        signal = getattr(reason.value, "signal", None)
        self.gone.come(-signal if signal else getattr(reason.value, "exitCode", None) or 0)


@define(eq=False)
class Gateway:
    """
    @ivar settings: the lines of its configuration, as pairs, since patterns come more than once.
    """

    reactor: IReactorProcess
    settings: list[tuple[str, str]]
    _directory: str = field(default="", init=False)
    _output: _Output = field(factory=_Output, init=False)
    _process: IProcessTransport | None = field(default=None, init=False)

    def start(self) -> None:
        """
        Run it.

        @raise NoTwistd: if it cannot be found.
        """
        twistd = os.path.join(os.path.dirname(sys.executable), "twistd")
        if not os.path.exists(twistd):
            raise NoTwistd(f"{twistd} does not exist")
        self._directory = tempfile.mkdtemp(prefix="ichatgw-demo-")
        path = os.path.join(self._directory, "ichat-gw.config")
        lines = [*self.settings, ("LogFilename", self._log)]
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.writelines(f"{name} = {value}\n" for name, value in lines)
        command = [twistd, "--nodaemon", "--pidfile=", "ichatgw", "--config", path]
        self._process = self.reactor.spawnProcess(
            self._output, twistd, command, env=_environment(), path=self._directory
        )

    @property
    def pid(self) -> int:
        """Of its process, which runs."""
        assert self._process is not None
        return int(self._process.pid)

    def whenGone(self) -> Deferred[int]:
        """Fires with the exit code, negative if a signal ended it."""
        return self._output.gone.when()

    def terminate(self, signal: str = "TERM") -> None:
        """Ask it to end."""
        if self._process is not None and not self._output.gone.happened:
            with suppress(ProcessExitedAlready):
                self._process.signalProcess(signal)

    def remove(self) -> None:
        """Leave nothing: neither the process nor its files."""
        self.terminate("KILL")
        if self._directory:
            shutil.rmtree(self._directory, ignore_errors=True)

    def lastWords(self) -> str:
        """The end of what it said and logged."""
        said = self._output.said.decode("utf-8", "replace")
        with suppress(OSError), open(self._log, encoding="utf-8", errors="replace") as file:
            said += file.read()
        return "\n".join(said.splitlines()[-40:])

    @property
    def _log(self) -> str:
        return os.path.join(self._directory, "ichat-gw.log")


def _environment() -> Mapping[str, str]:
    """Ours, with this very package first on the path."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(ichatgw.__file__)))
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path}


def freePort(host: str) -> int:
    """A UDP port that is free at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def mediaPorts(count: int = MEDIA_PORTS) -> tuple[int, int]:
    """
    The first and the last of so many UDP ports in a row, below those that the kernel hands out by itself; all are free
    at this moment, if that can be had.
    """
    for _ in range(50):
        first = randrange(20000, 32000 - count, 2)
        if all(map(_isFree, range(first, first + count))):
            break
    return first, first + count - 1


def _isFree(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
