# -*- test-case-name: ichatgw.test.runtime.test_pulse -*-
"""
Does the reactor still wait for sockets?  If what it waits with has gone, its timers go on, and all else is over.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress

from attrs import define, field
from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

BEAT = b"\0"


@implementer(IReadDescriptor)
@define(eq=False)
class Pulse:
    """
    Sends a beat to itself at each look, and has to have heard it at the next one.  See L{ichatgw.runtime.watch.Vital}.

    @ivar pair: makes two sockets that are connected.
    """

    _reactor: IReactorFDSet
    pair: Callable[[], tuple[socket.socket, socket.socket]] = socket.socketpair
    _ends: tuple[socket.socket, socket.socket] | None = field(default=None, init=False)
    _heard: bool = field(default=True, init=False)

    @property
    def missing(self) -> str:
        """Empty if the last beat was heard; then there is another one."""
        if not self._heard:
            return "the reactor does not wait for sockets any more"
        self._beat()
        return ""

    def revive(self) -> None:
        """
        Try other sockets.  It takes until the next look to know.

        @raise OSError: if there are none.
        """
        self.stop()
        self._beat()

    def stop(self) -> None:
        """Close the sockets.  Idempotent."""
        ends, self._ends = self._ends, None
        if ends is not None:
            with suppress(OSError):
                self._reactor.removeReader(self)
            for end in ends:
                with suppress(OSError):
                    end.close()

    def _beat(self) -> None:
        self._heard = False
        if self._ends is None:
            self._ends = self.pair()
            for end in self._ends:
                end.setblocking(False)
            self._reactor.addReader(self)
        with suppress(OSError):  # what is not sent is not heard
            self._ends[1].send(BEAT)

    def doRead(self) -> None:
        """A beat has come through the reactor."""
        with suppress(BlockingIOError):
            if self._ends is not None and self._ends[0].recv(len(BEAT)):
                self._heard = True

    def fileno(self) -> int:
        return -1 if self._ends is None else self._ends[0].fileno()

    def logPrefix(self) -> str:
        return "pulse"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor has dropped us, or is going down."""
        self.stop()
