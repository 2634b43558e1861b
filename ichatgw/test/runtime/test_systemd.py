# -*- test-case-name: ichatgw.test.runtime.test_systemd -*-
"""Tests for L{ichatgw.runtime.systemd}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.runtime.systemd import ALIVE, Send, watchdog


class WatchdogTests(SynchronousTestCase):
    """L{watchdog}."""

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

    def test_alive(self) -> None:
        """Signs of life go to the socket that systemd names, also to one that is in no directory."""
        for path, address in (("/run/systemd/notify", "/run/systemd/notify"), ("@/systemd", "\0/systemd")):
            self.environ["NOTIFY_SOCKET"] = path
            alive = watchdog(self.environ, 7, self.connect)
            assert alive is not None
            alive()
            self.assertEqual(self.sent.pop(), (ALIVE, address))

    def test_unwanted(self) -> None:
        """Where none are wanted, or those of another process, or nobody says where to, there are none."""
        for changed in (
            {"NOTIFY_SOCKET": ""},
            {"WATCHDOG_USEC": ""},
            {"WATCHDOG_PID": "8"},
            {"NOTIFY_SOCKET": "vsock:2:1"},
        ):
            self.assertIsNone(watchdog({**self.environ, **changed}, 7, self.connect), changed)
        self.assertIsNone(watchdog({}, 7, self.connect))
        self.environ.pop("WATCHDOG_PID")
        self.assertIsNotNone(watchdog(self.environ, 7, self.connect))

    def test_deaf(self) -> None:
        """A systemd that does not listen does no harm."""
        alive = watchdog(self.environ, 7, self.connect)
        self.problem = ConnectionRefusedError()
        assert alive is not None
        alive()
        self.assertEqual(self.sent, [])
