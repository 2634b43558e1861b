"""Tests for L{ichatgw.check.asking.host}."""

from __future__ import annotations

import socket
from contextlib import closing
from datetime import datetime

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.check.asking import host
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

    def test_unreadable(self) -> None:
        """A system that does not tell is no fault."""
        self.patch(host, "_SETTINGS", "/nowhere")
        self.assertEqual((self.host.systemPorts(), self.host.reservedPorts()), ((0, 0), ""))
