# -*- test-case-name: ichatgw.test.net.test_opened -*-
"""
Notices when a listening socket is gone though its port does not know: its descriptor has been closed, and perhaps
given to something else.  The system tells the reactor nothing of that.
"""

from __future__ import annotations

import os
from typing import Any

from attrs import define, field
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure


def _identity(descriptor: int) -> tuple[int, int] | None:
    """What a descriptor stands for; C{None} for nothing."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino


@define(eq=False)
class Opened:
    """
    A port of the reactor.

    @ivar port: it listens already.
    """

    _reactor: Any
    port: Any
    _descriptor: int = field(init=False)
    _identity: tuple[int, int] | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._descriptor = self.port.fileno()
        self._identity = _identity(self._descriptor)

    @property
    def isGone(self) -> bool:
        """Is there another socket, or none, where the port has its own?"""
        return _identity(self._descriptor) != self._identity

    def drop(self) -> None:
        """The port is closed, as if reading had failed; what has its descriptor now is left alone."""
        try:
            self._reactor.removeReader(self.port)
        except OSError:
            # The reactor would never wait for what gets this descriptor next, as it thinks that it does already.
            self._reactor._reads.discard(self._descriptor)
        self.port.socket.detach()
        self.port.connectionLost(Failure(ConnectionLost()))
