# -*- test-case-name: ichatgw.test.runtime.test_systemd -*-
"""Tests for L{ichatgw.runtime.systemd}."""

from __future__ import annotations

import os
import socket
import tempfile

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.runtime.systemd import READY, Notifier, Send


class NotifierTests(SynchronousTestCase):
    """L{Notifier}."""

    def setUp(self) -> None:
        self.sent: list[tuple[bytes, str]] = []
        self.problem: Exception | None = None
        self.environ = {"NOTIFY_SOCKET": "/run/systemd/notify", "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"}

    def connect(self) -> Send:
        def send(data: bytes, address: str) -> None:
            if self.problem is not None:
                raise self.problem
            self.sent.append((data, address))

        return send

    def test_told(self) -> None:
        """Notes go to the socket that systemd names, also to one that is in no directory, several in one message."""
        for path, address in (("/run/systemd/notify", "/run/systemd/notify"), ("@/systemd", "\0/systemd")):
            self.environ["NOTIFY_SOCKET"] = path
            notifier = Notifier.of(self.environ, 7, self.connect)
            notifier.alive()
            notifier.tell(READY, "STATUS=fine \u2713")
            self.assertTrue(notifier.isHeard and notifier.wantsLife)
            self.assertEqual(self.sent, [(b"WATCHDOG=1", address), ("READY=1\nSTATUS=fine \u2713".encode(), address)])
            del self.sent[:]

    def test_noLife(self) -> None:
        """Where no signs of life are wanted, or those of another process, all else is told."""
        for changed in ({"WATCHDOG_USEC": ""}, {"WATCHDOG_PID": "8"}):
            notifier = Notifier.of({**self.environ, **changed}, 7, self.connect)
            self.assertEqual((notifier.isHeard, notifier.wantsLife), (True, False), changed)
        self.environ.pop("WATCHDOG_PID")
        self.assertTrue(Notifier.of(self.environ, 7, self.connect).wantsLife)

    def test_unheard(self) -> None:
        """Where nobody says where to, nothing is sent."""
        for changed in ({"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}):
            notifier = Notifier.of({**self.environ, **changed}, 7, self.connect)
            notifier.tell(READY)
            self.assertEqual((notifier.isHeard, notifier.wantsLife), (False, False), changed)
        Notifier.of({}, 7, self.connect).alive()
        self.assertEqual(self.sent, [])

    def test_deaf(self) -> None:
        """A systemd that does not listen does no harm."""
        notifier = Notifier.of(self.environ, 7, self.connect)
        self.problem = ConnectionRefusedError()
        notifier.tell(READY)
        self.assertEqual(self.sent, [])

    def test_socket(self) -> None:
        """What is sent arrives at a socket of the kind that systemd opens."""
        path = os.path.join(tempfile.mkdtemp(), "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(path)
            Notifier.of({"NOTIFY_SOCKET": path}).tell(READY, "STATUS=fine")
            self.assertEqual(systemd.recv(100), b"READY=1\nSTATUS=fine")
