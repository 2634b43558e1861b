# -*- test-case-name: ichatgw.test.check.asking.test_host -*-
"""
This host, as the system tells.
"""

from __future__ import annotations

import os
import platform
import resource
import socket
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.utils import getProcessOutputAndValue
from zope.interface import implementer

from ichatgw import __version__
from ichatgw.check.asking import database
from ichatgw.check.asking.interfaces import IHost
from ichatgw.sip.sippylib import selfcheck
from ichatgw.sip.transport.certificateexpiry import wallClock

LIBRARIES = ("Twisted", "sippy", "wokkel", "cryptography", "pyOpenSSL", "aioice")

_KINDS = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM}
_SETTINGS = "/proc/sys/net/ipv4"


@implementer(IHost)
class Host:
    """See L{IHost}."""

    def __init__(self, reactor: Any = None) -> None:
        self._reactor = reactor

    def now(self) -> datetime:
        """See L{IHost}."""
        return wallClock()

    def tryPort(self, kind: str, host: str, port: int) -> None:
        """See L{IHost}."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with closing(socket.socket(family, _KINDS[kind])) as tried:
            if kind == "tcp":
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                tried.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            tried.bind((host, port))
            if kind == "tcp":
                tried.listen(1)

    def fileLimit(self) -> int:
        """See L{IHost}."""
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        return 0 if hard == resource.RLIM_INFINITY else hard

    def systemPorts(self) -> tuple[int, int]:
        """See L{IHost}."""
        words = _read("ip_local_port_range").split()
        return (int(words[0]), int(words[1])) if len(words) == 2 and all(map(str.isdecimal, words)) else (0, 0)

    def reservedPorts(self) -> str:
        """See L{IHost}."""
        return _read("ip_local_reserved_ports")

    def room(self, path: str) -> int:
        """See L{IHost}."""
        found = os.statvfs(os.path.dirname(os.path.abspath(path)))
        return found.f_bavail * found.f_frsize

    def databaseFault(self, path: str) -> Deferred[str]:
        """See L{IHost}."""
        program = [sys.executable, "-I", "-S", database.__file__, path]
        done = getProcessOutputAndValue(program[0], program[1:], os.environ, reactor=self._reactor)
        told: Deferred[str] = done.addCallback(lambda result: result[0].decode("utf-8", "replace").strip())
        return told

    def versions(self) -> Mapping[str, str]:
        """See L{IHost}."""
        found = {"ichatgw": __version__, "Python": platform.python_version()}
        for name in LIBRARIES:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                found[name] = ""
        return found

    def sippyFault(self) -> str:
        """See L{IHost}."""
        return selfcheck.check()


def _read(name: str) -> str:
    with suppress(OSError, UnicodeDecodeError), open(os.path.join(_SETTINGS, name), encoding="ascii") as file:
        return file.read().strip()
    return ""
