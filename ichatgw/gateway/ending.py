# -*- test-case-name: ichatgw.test.gateway.test_build -*-
"""
The end of a process that cannot go on.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

MAX_END = 12.0
"""Seconds after which a process that has to end does so, in good order or not: what is broken may keep it from that."""

_log = Logger()


def endProcess(reactor: Any, why: str, atExit: Callable[..., object] = atexit.register) -> None:
    """
    End the process in good order, as far as that goes, with a status by which C{systemd} starts it again.

    @param atExit: has something done when all else is over.
    """
    _log.critical("ichatgw ends: {why}", why=why)
    atExit(os._exit, 1)
    reactor.callLater(MAX_END, os._exit, 1)
    reactor.stop()
