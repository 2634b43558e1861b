# -*- test-case-name: ichatgw.test.media.sockets.test_sockets,ichatgw.test.media.transport.test_candidates -*-
"""
The sockets of one side of a relay: a pair of ports for each address family, opened when first needed.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

from attrs import define, field, frozen
from twisted.logger import Logger

from ichatgw.errors import Congested, OutOfReach
from ichatgw.media.sockets.port import Port, Scratch, SocketFactory, Source, bindUDP
from ichatgw.media.sockets.portrange import PortPool
from ichatgw.media.sockets.readers import Readers
from ichatgw.model import TransportAddress
from ichatgw.net.localaddresses import LocalAddresses

Deliver = Callable[[int, Source], None]

LOOKS = 4
"""Each so many looks, which is in less than half a second, it is seen to whether the ports are open."""

TRIES = 4
"""So often it is tried to open again a port that has gone."""

# What binding says of a port that others use, or that we may not have.
_TAKEN = frozenset({errno.EADDRINUSE, errno.EACCES})
# What it says of a family that this host does not have, or that we may not use.
_NO_FAMILY = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})


def _noSocket(problem: OSError) -> Congested:
    hint = "; see ulimit -n or LimitNOFILE" if problem.errno in (errno.EMFILE, errno.ENFILE) else ""
    return Congested(f"no socket for media: {problem}{hint}")


@frozen
class PortPair:
    """
    @ivar number: the even port, which is C{rtp}'s; C{rtcp}'s is the one above.
    """

    number: int
    rtp: Port
    rtcp: Port


@frozen
class Supplies:
    """What all sides have in common."""

    addresses: LocalAddresses
    pool: PortPool
    readers: Readers
    scratch: Scratch
    makeSocket: SocketFactory


@define(eq=False)
class SideSockets:
    """
    One port number is set aside at once, so that a call which was admitted gets its media; a second address family
    takes another number.

    @ivar reserved: an even port lent by the pool, not yet bound.
    """

    _supplies: Supplies
    _reserved: int | None
    _pairs: dict[int, PortPair] = field(factory=dict)
    _looks: int = field(default=0, init=False)
    _failed: int = field(default=0, init=False)
    _log = Logger()

    @property
    def isOpen(self) -> bool:
        return bool(self._pairs)

    @property
    def pairs(self) -> tuple[PortPair, ...]:
        """Those that are open."""
        return tuple(self._pairs.values())

    @property
    def hosts(self) -> tuple[str, ...]:
        """The addresses of this host that others can be told."""
        return self._supplies.addresses.own()

    @property
    def advertised(self) -> tuple[str, ...]:
        """Those of a router that hands on to our ports whatever comes to the same ports there."""
        return self._supplies.addresses.advertised

    def open(self, family: int, rtp: Deliver, rtcp: Deliver) -> PortPair:
        """
        The pair of C{family}.

        @raise Congested: if there is no port, or no socket can be had.
        @raise OutOfReach: if we have no address of that family.
        """
        pair = self._pairs.get(family)
        if pair is None:
            pair = self._openNew(family, rtp, rtcp)
            try:
                for port in (pair.rtp, pair.rtcp):
                    self._supplies.readers.addReader(port)
            except OSError as problem:
                self._closePair(pair)
                raise _noSocket(problem) from problem
            self._pairs[family] = pair
        return pair

    def address(self, towards: str, pair: PortPair) -> TransportAddress:
        """
        @raise OutOfReach: if there is no way to C{towards}.
        """
        try:
            return TransportAddress(self._supplies.addresses.towards(towards), pair.number)
        except OSError as problem:
            raise OutOfReach(str(problem)) from problem

    def look(self) -> str:
        """
        Open again what was closed by others than us.  To be called every
        L{LOOK_SECONDS<ichatgw.media.relay.flow.LOOK_SECONDS>}.

        @return: why a port cannot be opened, if that was tried L{TRIES} times; else nothing.
        """
        self._looks += 1
        if self._looks % LOOKS:
            return ""
        ports = [port for pair in self._pairs.values() for port in (pair.rtp, pair.rtcp)]
        problems = [problem for port in ports if not port.isSound and (problem := self._reopen(port))]
        self._failed = self._failed + 1 if problems else 0
        return problems[0] if self._failed >= TRIES else ""

    def _reopen(self, port: Port) -> str:
        """Why that cannot be; empty if it can."""
        supplies = self._supplies
        supplies.readers.removeReader(port)
        try:
            port.reopen(supplies.makeSocket)
            supplies.readers.addReader(port)
        except (OSError, MemoryError) as problem:
            port.close()
            return f"media port {port.number} was lost, and cannot be opened again: {problem}"
        self._log.error("Media port {port} was lost; it is there again", port=port.number)
        return ""

    def close(self) -> None:
        """Close the sockets and give the ports back.  Idempotent."""
        pairs, self._pairs = self._pairs, {}
        for pair in pairs.values():
            self._closePair(pair)
        if self._reserved is not None:
            self._supplies.pool.giveBack(self._reserved)
            self._reserved = None

    def _closePair(self, pair: PortPair) -> None:
        for port in (pair.rtp, pair.rtcp):
            self._supplies.readers.removeReader(port)
            port.close()
        self._supplies.pool.giveBack(pair.number)

    def _openNew(self, family: int, rtp: Deliver, rtcp: Deliver) -> PortPair:
        """Ports that others on this host use go back to the end of the queue; the pool ends the search."""
        pool = self._supplies.pool
        while True:
            number, self._reserved = self._reserved if self._reserved is not None else pool.take(), None
            try:
                return self._bind(family, number, rtp, rtcp)
            except OSError as problem:
                pool.giveBack(number)
                if problem.errno in _NO_FAMILY:
                    raise OutOfReach(f"no socket for media: {problem}") from problem
                if problem.errno not in _TAKEN:
                    raise _noSocket(problem) from problem
                self._log.debug("UDP ports {port} and {above} are in use", port=number, above=number + 1)

    def _bind(self, family: int, number: int, rtp: Deliver, rtcp: Deliver) -> PortPair:
        supplies = self._supplies
        host = supplies.addresses.configured
        if host and (":" in host) != (family == socket.AF_INET6):
            raise OSError(errno.EAFNOSUPPORT, f"{host} is the only address")
        first = bindUDP(supplies.makeSocket, family, host, number)
        try:
            second = bindUDP(supplies.makeSocket, family, host, number + 1)
        except BaseException:
            first.close()
            raise
        return PortPair(number, Port(first, supplies.scratch, rtp), Port(second, supplies.scratch, rtcp))
