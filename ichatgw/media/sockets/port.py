# -*- test-case-name: ichatgw.test.media.sockets.test_port -*-
"""
UDP sockets for media.

Twisted's own UDP port costs two to three times the bare system calls for each datagram, which is most of what a relay
does.  So these are plain readers (L{ichatgw.media.sockets.readers} waits for them), all of which read into one buffer.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

# The longest datagram that is relayed; audio packets have 172 bytes.
MAX_DATAGRAM = 2048


class MediaSocket(socket.socket):
    """A UDP socket of which the methods may be kept: they are those of its successor, too."""

    def takeOver(self, other: socket.socket) -> None:
        """Be what C{other} is, which is not used any more.  What this one was is closed, or no longer its own."""
        super().__init__(fileno=other.detach())
        self.setblocking(False)


SocketFactory = Callable[[int], MediaSocket]

# What reading says if the system has no memory at the moment.
_PASSING = frozenset({errno.ENOMEM, errno.ENOBUFS})
# A socket address as recvfrom gives it: two members with IPv4, four with IPv6.
Source = tuple[Any, ...]


class Scratch:
    """
    The one buffer that all ports read into.  What is in it is gone with the next read, so it is dealt with at once.

    @ivar buffer: room for a datagram, and a little more to see that one is too long.
    @ivar words: the same as 32-bit numbers in the byte order of the machine.
    @ivar views: the first C{n} bytes, for each C{n}.
    """

    def __init__(self) -> None:
        self.buffer = bytearray(MAX_DATAGRAM + 4)
        whole = memoryview(self.buffer)
        self.words: memoryview = whole.cast("I")
        self.views = [whole[:size] for size in range(len(self.buffer) + 1)]


@implementer(IReadDescriptor)
class Port:
    """
    One bound UDP socket.

    Each wake-up reads one datagram: more is rarely there, and to find that out costs as much as a read.
    """

    __slots__ = ("__weakref__", "_name", "_receive", "_room", "_socket", "deliver", "sendto")

    def __init__(self, bound: MediaSocket, scratch: Scratch, deliver: Callable[[int, Source], None]) -> None:
        """
        @param deliver: (may be changed) told the length of what now is in C{scratch}, and who sent it.
        """
        self._socket = bound
        self._name = bound.getsockname()
        self._room = scratch.buffer
        self._receive = bound.recvfrom_into
        self.deliver = deliver
        self.sendto = bound.sendto

    def doRead(self) -> Failure | None:
        """
        Deliver one datagram, if one is there.

        @return: why the socket can be read no more.
        @raise OSError: if it cannot be read now.
        """
        try:
            size, source = self._receive(self._room)
        except (BlockingIOError, InterruptedError, ConnectionError):
            return None
        except OSError as problem:
            if problem.errno in _PASSING:
                raise
            return Failure(problem)
        self.deliver(size, source)
        return None

    def fileno(self) -> int:
        return self._socket.fileno()

    def logPrefix(self) -> str:
        return "media"

    def connectionLost(self, reason: Failure) -> None:
        self.close()

    @property
    def number(self) -> int:
        """That of the port."""
        number: int = self._name[1]
        return number

    @property
    def isSound(self) -> bool:
        """Is the socket open?  Another one may have its descriptor, if it was closed by others than us."""
        try:
            return bool(self._socket.getsockname() == self._name)
        except OSError:
            return False

    def close(self) -> None:
        """After it was taken from its readers.  Idempotent."""
        if self.isSound:
            self._socket.close()
        else:
            self._socket.detach()

    def reopen(self, makeSocket: SocketFactory) -> None:
        """
        Have a new socket at the same address.  Where C{sendto} was kept, it sends by the new one.

        @raise OSError: if the system refuses; it is closed then.
        """
        self.close()
        self._socket.takeOver(bindUDP(makeSocket, self._socket.family, *self._name[:2]))


def bindUDP(makeSocket: SocketFactory, family: int, host: str, port: int) -> MediaSocket:
    """
    A non-blocking socket of one family only.

    @param host: our address; empty for all of the family.
    @raise OSError: if the system refuses; nothing is left open then.
    """
    made = makeSocket(family)
    try:
        made.setblocking(False)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((host or ("::" if family == socket.AF_INET6 else "0.0.0.0"), port))
    except BaseException:
        made.close()
        raise
    return made
