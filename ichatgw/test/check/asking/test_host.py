"""Tests for L{ichatgw.check.asking.host}."""

from __future__ import annotations

import socket
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.check.asking import host
from ichatgw.check.asking.database import faultOf
from ichatgw.check.asking.interfaces import IHost


class HostTests(SynchronousTestCase):
    """L{host.Host}."""

    def setUp(self) -> None:
        self.host = host.Host()
        verifyObject(IHost, self.host)

    def test_ports(self) -> None:
        """A port that another socket has cannot be had; one that is free is free afterwards."""
        for kind, number in (("udp", socket.SOCK_DGRAM), ("tcp", socket.SOCK_STREAM)):
            with closing(socket.socket(socket.AF_INET, number)) as other:
                other.bind(("127.0.0.1", 0))
                if kind == "tcp":
                    other.listen(1)
                port = other.getsockname()[1]
                self.assertRaises(OSError, self.host.tryPort, kind, "127.0.0.1", port)
            self.host.tryPort(kind, "127.0.0.1", port)
            self.host.tryPort(kind, "127.0.0.1", port)

    def test_system(self) -> None:
        """What the system tells is of the kind that is expected."""
        first, last = self.host.systemPorts()
        self.assertTrue(0 <= first <= last)
        self.assertTrue(self.host.fileLimit() >= 0)
        self.assertTrue(self.host.room("x") > 0)
        self.assertRaises(OSError, self.host.room, "/nowhere/at/all")
        self.assertIsInstance(self.host.reservedPorts(), str)
        self.assertIsInstance(self.host.now(), datetime)
        self.assertEqual(self.host.sippyFault(), "")

    def test_versions(self) -> None:
        """A library that is not there has no version."""
        self.patch(host, "LIBRARIES", ("sippy", "there-is-no-such-library"))
        versions = self.host.versions()
        self.assertEqual(versions["there-is-no-such-library"], "")
        self.assertTrue(versions["sippy"])
        self.assertTrue(versions["Python"])

    def test_database(self) -> None:
        """A database is whole, or it is said what is broken in it, also where its beginning is right."""
        path = self.mktemp()
        with closing(sqlite3.connect(path)) as made:
            made.execute("CREATE TABLE user (name TEXT PRIMARY KEY)")
            made.executemany("INSERT INTO user VALUES (?)", [(f"user {number:06d}",) for number in range(2000)])
            made.commit()
        self.assertEqual(faultOf(path), "")
        content = Path(path).read_bytes()
        for damaged in (
            content[:4096] + bytes(8192) + content[12288:],
            content[: len(content) // 2],
            content[:100] + 3000 * b"x" + content[3100:],
            content[:16] + 84 * b"\xff",
        ):
            Path(path).write_bytes(damaged)
            self.assertNotEqual(faultOf(path), "")
            self.assertTrue(faultOf(path).isprintable())
        Path(path).write_bytes(content)
        with closing(sqlite3.connect(path)) as other:
            other.execute("BEGIN EXCLUSIVE")
            self.assertEqual(faultOf(path), "", "another process has it")

    def test_unreadable(self) -> None:
        """A system that does not tell is no fault."""
        self.patch(host, "_SETTINGS", "/nowhere")
        self.assertEqual((self.host.systemPorts(), self.host.reservedPorts()), ((0, 0), ""))
