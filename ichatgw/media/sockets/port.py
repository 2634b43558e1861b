# -*- test-case-name: ichatgw.test.media.sockets.test_port -*-
"""
UDP sockets for media.

Twisted's own UDP port costs two to three times the bare system calls for each datagram, which is most of what a relay
does.  So these are plain readers (L{ichatgw.media.sockets.readers} waits for them), all of which read into one buffer.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

# The longest datagram that is relayed; audio packets have 172 bytes.
MAX_DATAGRAM = 2048

SocketFactory = Callable[[int], socket.socket]
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

    __slots__ = ("__weakref__", "_receive", "_room", "_socket", "deliver", "sendto")

    def __init__(self, bound: socket.socket, scratch: Scratch, deliver: Callable[[int, Source], None]) -> None:
        """
        @param deliver: (may be changed) told the length of what now is in C{scratch}, and who sent it.
        """
        self._socket = bound
        self._room = scratch.buffer
        self._receive = bound.recvfrom_into
        self.deliver = deliver
        self.sendto = bound.sendto

    def doRead(self) -> None:
        try:
            size, source = self._receive(self._room)
        except (BlockingIOError, InterruptedError, ConnectionError):
            return
        self.deliver(size, source)

    def fileno(self) -> int:
        return self._socket.fileno()

    def logPrefix(self) -> str:
        return "media"

    def connectionLost(self, reason: Failure) -> None:
        self.close()

    def close(self) -> None:
        """After it was taken from its readers."""
        self._socket.close()


def bindUDP(makeSocket: SocketFactory, family: int, host: str, port: int) -> socket.socket:
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
