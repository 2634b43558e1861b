# -*- test-case-name: ichatgw.test.media.sockets.test_sockets,ichatgw.test.media.transport.test_candidates -*-
"""
The sockets of one side of a relay: a pair of ports for each address family, opened when first needed.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from contextlib import suppress

from attrs import define, field, frozen
from twisted.logger import Logger

from ichatgw.errors import Congested, OutOfReach
from ichatgw.media.sockets.port import Port, Scratch, SocketFactory, Source, bindUDP
from ichatgw.media.sockets.portrange import PortPool
from ichatgw.media.sockets.readers import Readers
from ichatgw.model import TransportAddress
from ichatgw.net.localaddresses import LocalAddresses

Deliver = Callable[[int, Source], None]

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
            with suppress(OSError):  # it was closed behind our back
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
