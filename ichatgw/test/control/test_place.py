# -*- test-case-name: ichatgw.test.control.test_place -*-
"""Tests for L{ichatgw.control.place}."""

from __future__ import annotations

import os
import socket
import tempfile
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.control.place import LONGEST, MODE, ControlListener, answers, clear, defaultPath
from ichatgw.errors import ConfigError


class PlaceCase(SynchronousTestCase):
    """A directory whose name is short enough for a socket."""

    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp()
        self.path = os.path.join(self.folder, "s")

    def bind(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        made.bind(self.path)
        self.addCleanup(made.close)
        return made


class ClearTests(PlaceCase):
    """L{clear}."""

    def test_nothing(self) -> None:
        """Where nothing is nothing is done."""
        clear(self.path)
        self.assertEqual(os.listdir(self.folder), [])

    def test_stale(self) -> None:
        """What a process that was killed has left is removed."""
        self.bind().close()
        self.assertFalse(answers(self.path))
        clear(self.path)
        self.assertFalse(os.path.exists(self.path))

    def test_live(self) -> None:
        """The socket of a process that lives stays, also if there is no room for one more connection."""
        listening = self.bind()
        listening.listen(0)
        for _ in range(5):
            self.assertIn("another process listens at", str(self.assertRaises(ConfigError, clear, self.path)))
            waiting = socket.socket(socket.AF_UNIX)
            waiting.setblocking(False)
            self.addCleanup(waiting.close)
            waiting.connect_ex(self.path)
        self.assertTrue(os.path.exists(self.path))

    def test_noSocket(self) -> None:
        """A file that is no socket is never removed, nor what a link leads to."""
        target = os.path.join(self.folder, "precious")
        for make in (lambda path: open(path, "w").close(), os.mkdir, lambda path: os.symlink(target, path)):
            path = os.path.join(self.folder, f"x{make}"[-20:].replace("/", "_"))
            make(path)
            self.assertIn("is no socket: remove it", str(self.assertRaises(ConfigError, clear, path)))
            self.assertTrue(os.path.lexists(path))

    def test_unusable(self) -> None:
        """A place that cannot be used is said to be unusable, and why."""
        file = os.path.join(self.folder, "file")
        open(file, "w").close()
        for path, words in (
            ("/" + "x" * LONGEST, f"longer than the {LONGEST} octets"),
            (os.path.join(file, "s"), "cannot be used: Not a directory"),
        ):
            self.assertIn(words, str(self.assertRaises(ConfigError, clear, path)))

    def test_others(self) -> None:
        """So is the socket of another user."""
        self.bind()

        def refuse(path: str) -> bool:
            raise PermissionError(13, "Permission denied")

        self.assertIn(
            "cannot be used: Permission denied", str(self.assertRaises(ConfigError, clear, self.path, refuse))
        )


class Port:
    """What listens."""

    def __init__(self, listening: list[str]) -> None:
        self._listening = listening

    def stopListening(self) -> Deferred[None]:
        self._listening.clear()
        return succeed(None)


class DoorTests(PlaceCase):
    """L{ControlListener}."""

    def setUp(self) -> None:
        super().setUp()
        self.listening: list[Any] = []
        self.problem: Exception | None = None

    def listenUNIX(self, path: str, factory: Factory, mode: int) -> Port:
        if self.problem is not None:
            raise self.problem
        self.listening += [path, mode]
        return Port(self.listening)

    def listener(self, isWanted: bool = True) -> ControlListener:
        return ControlListener(cast(Any, self), self.path, Factory(), isWanted)

    def test_listens(self) -> None:
        """It listens where it should, for one user only, until it stops."""
        listener = self.listener()
        listener.startService()
        self.assertEqual((self.listening, MODE), ([self.path, MODE], 0o600))
        self.successResultOf(listener.stopService())
        self.assertEqual(self.listening, [])
        self.successResultOf(listener.stopService())

    def test_wanted(self) -> None:
        """A socket that the settings name and that cannot be had stops the start."""
        self.bind().listen()
        error = self.assertRaises(ConfigError, self.listener().startService)
        self.assertIn(f"ControlSocket: another process listens at {self.path}", str(error))

    def test_default(self) -> None:
        """If nobody has named it, the gateway does without, and the log says why."""
        self.problem = CannotListenError(None, None, OSError("no room"))
        listener = self.listener(isWanted=False)
        with capturedLogs() as events:
            listener.startService()
        (line,) = [str(formatEvent(event)) for event in events]
        self.assertIn("cannot reach this gateway, see ControlSocket", line)
        self.successResultOf(listener.stopService())

    def test_defaultPath(self) -> None:
        """Without a setting it is in the directory of systemd, the first of several, else in the current one."""
        for environ, path in (
            ({}, os.path.abspath("ichatgw.sock")),
            ({"RUNTIME_DIRECTORY": "/run/ichatgw"}, "/run/ichatgw/ichatgw.sock"),
            ({"RUNTIME_DIRECTORY": "/run/a:/run/b"}, "/run/a/ichatgw.sock"),
        ):
            self.assertEqual(defaultPath(environ), path)
