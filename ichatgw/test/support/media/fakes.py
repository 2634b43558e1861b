"""
Sockets and readers that exist only in memory, for the tests of media.
"""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet.task import Clock

from ichatgw.media.engine import MediaEngine, MediaOptions
from ichatgw.media.relay.medialatch import Elsewhere
from ichatgw.net.localaddresses import LocalAddresses

OURS = "192.0.2.1"
OURS6 = "2001:db8::1"


class FakeAddresses(LocalAddresses):
    """Hosts of 203.0.113.0/24 cannot be reached; all others see us at one address for each family."""

    def towards(self, host: str) -> str:
        if host.startswith("203.0.113."):
            raise OSError("no route")
        return OURS6 if ":" in host else OURS


class FakeSocket:
    """A UDP socket: what arrives is put into C{arriving}, what is sent is found in C{sent}."""

    def __init__(self, network: FakeNetwork, family: int, descriptor: int) -> None:
        self.network = network
        self.family = family
        self.descriptor = descriptor
        self.bound: tuple[str, int] | None = None
        self.arriving: list[tuple[bytes, Any]] = []
        self.sent: list[tuple[bytes, Any]] = []
        self.options: list[tuple[int, int, int]] = []
        self.blocking = True
        self.receiveError: OSError | None = None
        self.sendError: OSError | None = None

    def setblocking(self, blocking: bool) -> None:
        self.blocking = blocking

    def setsockopt(self, level: int, name: int, value: int) -> None:
        self.options.append((level, name, value))

    def bind(self, address: tuple[str, int]) -> None:
        if self.network.bindError is not None:
            raise self.network.bindError
        if address[1] in self.network.busy or (self.family, address[1]) in self.network.bound():
            raise OSError(errno.EADDRINUSE, "in use")
        self.bound = address

    def recvfrom_into(self, buffer: bytearray) -> tuple[int, Any]:
        if self.receiveError is not None:
            raise self.receiveError
        if not self.arriving:
            raise BlockingIOError
        datagram, source = self.arriving.pop(0)
        kept = datagram[: len(buffer)]
        memoryview(buffer)[: len(kept)] = kept
        return len(kept), source

    def sendto(self, datagram: Any, address: Any) -> int:
        if self.sendError is not None:
            raise self.sendError
        self.sent.append((bytes(datagram), address))
        return len(datagram)

    def fileno(self) -> int:
        return self.descriptor if self in self.network.sockets else -1

    def close(self) -> None:
        self.network.sockets.remove(self)

    def getsockname(self) -> tuple[str, int] | None:
        """As the system does, this fails after the socket was closed."""
        if self not in self.network.sockets:
            raise OSError(errno.EBADF, "closed")
        return self.bound

    def detach(self) -> int:
        if self in self.network.sockets:
            self.network.sockets.remove(self)
        return self.descriptor

    def takeOver(self, other: FakeSocket) -> None:
        """As L{ichatgw.media.sockets.port.MediaSocket} does."""
        self.descriptor, self.bound = other.detach(), other.bound
        self.arriving, self.receiveError, self.sendError = [], None, None
        self.network.sockets.append(self)


class FakeNetwork(Clock):
    """Makes sockets, and is what they register with; a clock as well."""

    def __init__(self) -> None:
        super().__init__()
        self.sockets: list[FakeSocket] = []
        self.readers: list[Any] = []
        self.busy: set[int] = set()
        self.bindError: OSError | None = None
        self.made = 0

    def makeSocket(self, family: int) -> Any:
        self.made += 1
        made = FakeSocket(self, family, self.made)
        self.sockets.append(made)
        return made

    def bound(self) -> set[tuple[int, int]]:
        return {(one.family, one.bound[1]) for one in self.sockets if one.bound is not None}

    def addReader(self, reader: Any) -> None:
        self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:
        """As of a reactor: one that is not there does no harm."""
        if reader in self.readers:
            self.readers.remove(reader)

    missing = ""

    def revive(self) -> None:
        """Nothing is ever missing."""

    def drain(self) -> None:
        """Nothing waits: what is delivered is read at once."""

    def at(self, port: int, family: int = socket.AF_INET) -> FakeSocket:
        """The socket of ours with that port."""
        return next(s for s in self.sockets if s.family == family and s.bound is not None and s.bound[1] == port)

    def deliver(self, datagram: bytes, source: Any, port: int) -> None:
        """A datagram arrives at our port."""
        target = self.at(port, socket.AF_INET6 if len(source) == 4 else socket.AF_INET)
        target.arriving.append((datagram, source))
        next(reader for reader in self.readers if reader.fileno() == target.descriptor).doRead()

    def sentTo(self, address: Any) -> list[bytes]:
        """All that was sent to a place, in order; it is forgotten then."""
        found = []
        for one in self.sockets:
            found += [datagram for datagram, target in one.sent if target == address]
            one.sent = [(datagram, target) for datagram, target in one.sent if target != address]
        return found


class Numbers:
    """Numbers that are not random: 1, 2, 3 in the upper byte."""

    def __init__(self) -> None:
        self._next = 0

    def __call__(self) -> int:
        self._next += 1
        return self._next << 24


def makeEngine(
    clock: Clock,
    network: FakeNetwork,
    portMin: int = 8000,
    portMax: int = 8099,
    configured: str = "",
    elsewhere: Elsewhere = Elsewhere.NAT,
    patience: float = 0,
) -> MediaEngine:
    return MediaEngine(
        clock,
        FakeAddresses(configured),
        MediaOptions(portMin, portMax, elsewhere=elsewhere, patience=patience),
        readers=network,
        makeSocket=network.makeSocket,
        random32=Numbers(),
    )
