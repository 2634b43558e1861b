# -*- test-case-name: ichatgw.test.sip.transport.test_udp,ichatgw.test.sip.transport.test_streams,ichatgw.test.config.test_reload,ichatgw.test.net.test_opened -*-  # noqa: E501
"""
The UDP sockets of the SIP endpoint (RFC 3261 section 18).
"""

from __future__ import annotations

import errno
import socket
from collections import Counter
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from ichatgw.errors import ConfigError
from ichatgw.model import TransportAddress
from ichatgw.net.localaddresses import LocalAddresses
from ichatgw.net.opened import Opened
from ichatgw.runtime.turns import Turns
from ichatgw.sip.transport.kernel import holds
from ichatgw.sip.transport.peek import toTag

MAX_DATAGRAM = 65535
"""Read whole, then judged: a datagram cut by the kernel would be misread."""

RECEIVE_BUFFER = 4 * 1024 * 1024
"""Octets that the kernel may keep for us while we are busy; it gives what C{net.core.rmem_max} allows."""

MAX_CALLS, MAX_OF_HOST = 200, 100
"""How many INVITEs that begin a call wait for their turn, of all hosts and of one: what can be done within 0.2 s."""

READ_OCTETS = 16 * 1024
"""Octets that are read in one go; those for which the turn has no room wait in memory."""

SHARE = 0.5
"""We are late only if so much of the time goes into messages that are not dropped."""

PLACES_KEPT = 1024
"""Addresses of which there is one value for all messages.  Strangers may push others out, and no more."""

NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)

Received = Callable[[bytes, TransportAddress], object]
"""Takes a datagram and where it came from."""

_log = Logger()


class Calls:
    """
    The INVITEs that begin a call, of hosts that may call.  They wait by themselves, so that nothing else waits for
    them, and have a share of each turn; their number is bounded.

    @ivar admits: may a host, an IP literal, call?
    """

    def __init__(self, turns: Turns) -> None:
        self.admits: Callable[[str], bool] = lambda host: False
        self._line = turns.line("an INVITE over UDP")
        self._line.counts = False
        self._line.share = turns.callers
        self._hosts: Counter[str] = Counter()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._line)

    def isCrowded(self, host: str) -> bool:
        """Do too many wait for another one of C{host} to wait?"""
        return len(self._line) >= MAX_CALLS or self._hosts[host] >= MAX_OF_HOST

    def take(self, hand: Received, datagram: bytes, source: TransportAddress) -> bool:
        """Have C{hand} called with a datagram now or later, if it begins a call and may wait."""
        if datagram[:7] != b"INVITE " or not self.admits(source.host):
            return False
        if toTag(datagram) is not None or self.isCrowded(source.host):
            return False
        self._hosts[source.host] += 1
        self._line.put(self._hand, hand, datagram, source)
        return True

    def _hand(self, hand: Received, datagram: bytes, source: TransportAddress) -> None:
        self._hosts[source.host] -= 1
        if not self._hosts[source.host]:
            del self._hosts[source.host]
        hand(datagram, source)

    def clear(self) -> None:
        """Forget all."""
        self._line.clear()
        self._hosts.clear()


class _Datagrams(DatagramProtocol):
    """
    The datagrams of one socket, as jobs of the reactor's turns.  While some wait the socket is not read on: the kernel
    keeps the next ones.  INVITEs that begin a call wait elsewhere, see L{Calls}.
    """

    noisy = False

    def __init__(
        self,
        received: Received,
        turns: Turns,
        closed: Callable[[], object],
        calls: Calls,
    ) -> None:
        """
        @param calls: shared by all sockets.
        @param closed: called when the socket is closed, by us or by the system.
        """
        self._received = received
        self._closed = closed
        self._calls = calls
        self._seconds = turns.seconds
        self._line = turns.line("SIP over UDP", self._pause, self._resume)
        self._line.counts = False
        self._behindSince: float | None = None
        self._worked = 0.0

    @property
    def lag(self) -> float:
        """
        For how many seconds there have been datagrams that wait, without a break; 0 if there is none, or if it is not
        those who may send that take the time: a flood of others is dropped, however long it lasts.
        """
        lag = 0.0 if self._behindSince is None else self._seconds() - self._behindSince
        return lag if self._worked >= SHARE * lag else 0.0

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Hand on, in this turn or in a later one."""
        self._look()
        source = _placeOf(addr[0], addr[1])
        if not self._calls.take(self._hand, datagram, source):
            self._line.put(self._hand, datagram, source)

    def _hand(self, datagram: bytes, source: TransportAddress) -> None:
        begun = self._seconds()
        if self._received(datagram, source) is not False:
            self._worked += self._seconds() - begun

    def _look(self) -> None:
        """Are there others?"""
        if not len(self._line) and not len(self._calls) and not holds(self.transport):
            self._behindSince, self._worked = None, 0.0
        elif self._behindSince is None:
            self._behindSince = self._seconds()

    def stopProtocol(self) -> None:
        """The socket is closed."""
        self._line.clear()
        self._closed()

    def _pause(self) -> None:
        port: Any = self.transport
        port.stopReading()
        # The reactor counts octets, and would read on for thousands of short datagrams, and for ever if they are empty.
        port.maxThroughput = 0

    def _resume(self) -> None:
        self._look()
        port: Any = self.transport
        if port is not None:
            port.maxThroughput = READ_OCTETS
            port.startReading()


class UDPWire:
    """
    One UDP socket for each address family.

    @ivar addresses: which address of ours a far host sees.
    @ivar port: the port, the same for both families.
    @param turns: when a datagram has its turn.

    It can be looked after, see L{ichatgw.runtime.watch.Vital}.
    """

    _received: Received

    def __init__(self, reactor: Any, addresses: LocalAddresses, port: int, turns: Turns | None = None) -> None:
        self._reactor = reactor
        self._turns = turns or Turns(reactor)
        self._calls = Calls(self._turns)
        self._addresses = addresses
        self.port = port
        self._ports: dict[int, Opened] = {}
        self._datagrams: dict[int, _Datagrams] = {}
        self._lost: dict[int, str] = {}

    def listen(self, received: Received) -> None:
        """
        Open the sockets: that of the configured address, or both families' wildcards (IPv6 only where there is IPv6).

        @raise ConfigError: if a socket cannot be had.
        """
        self._received = received
        configured = self._addresses.configured
        hosts = [configured] if configured else ["0.0.0.0", "::"]
        for host in hosts:
            try:
                self._open(host)
            except OSError as problem:
                if host == "::" and problem.errno in NO_IPV6:
                    _log.info("No IPv6 here: {problem}", problem=problem.strerror)
                    continue
                self.close()
                raise ConfigError(
                    f"cannot listen for SIP on {host} port {self.port} (IPAddress, UDPTCPPort): {problem.strerror}"
                ) from problem

    def _open(self, host: str) -> None:
        """
        @raise OSError: if the socket cannot be had.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with openSocket(family, socket.SOCK_DGRAM, host, self.port) as opened:
            if not self.port:
                self.port = opened.getsockname()[1]
            datagrams = _Datagrams(self._received, self._turns, partial(self._closed, family, host), self._calls)
            adopted = self._reactor.adoptDatagramPort(opened.fileno(), family, datagrams, MAX_DATAGRAM)
            adopted.maxThroughput = READ_OCTETS
            self._datagrams[family] = datagrams
            self._ports[family] = Opened(self._reactor, adopted)
        _log.info("Listening for SIP on {host} port {port} over UDP", host=host, port=self.port)

    def _closed(self, family: int, host: str) -> None:
        """A socket is closed; if not by us, the reactor has dropped it since reading failed."""
        self._datagrams.pop(family, None)
        if self._ports.pop(family, None) is not None:
            self._lost[family] = host

    @property
    def missing(self) -> str:
        """See L{ichatgw.runtime.watch.Vital}."""
        for each in list(self._ports.values()):
            if each.isGone:
                each.drop()
        hosts = " and ".join(self._lost.values())
        return hosts and f"the socket for SIP over UDP on {hosts} port {self.port} was lost"

    def revive(self) -> None:
        """See L{ichatgw.runtime.watch.Vital}."""
        for family, host in list(self._lost.items()):
            self._open(host)
            del self._lost[family]

    @property
    def lag(self) -> float:
        """For how many seconds there have been datagrams that wait, without a break; 0 if there is none."""
        return max((each.lag for each in self._datagrams.values()), default=0.0)

    @property
    def admits(self) -> Callable[[str], bool]:
        """Which hosts may call."""
        return self._calls.admits

    @admits.setter
    def admits(self, admits: Callable[[str], bool]) -> None:
        self._calls.admits = admits

    def isCrowded(self, host: str) -> bool:
        """See L{Calls.isCrowded}."""
        return self._calls.isCrowded(host)

    def send(self, datagram: bytes, address: TransportAddress) -> None:
        """Send one datagram; a failure is logged at debug level and shows as a timeout."""
        opened = self._ports.get(socket.AF_INET6 if address.isIPv6 else socket.AF_INET)
        if opened is None:
            _log.debug("Not sent to {address}: no socket of that family", address=address)
            return
        try:
            # The port's own C{write} would look five times whether this is an address.
            opened.port.socket.sendto(datagram, (address.host, address.port))
        except OSError as problem:
            _log.debug("Not sent to {address}: {problem!r}", address=address, problem=problem)

    def towards(self, host: str) -> TransportAddress:
        """
        Our address as C{host} sees it.

        @raise OSError: if there is none.
        """
        return _placeOf(self._addresses.towards(host), self.port)

    def close(self) -> None:
        """Close the sockets at once."""
        ports, self._ports = self._ports, {}
        self._lost.clear()
        for opened in ports.values():
            opened.port.stopListening()
        self._datagrams.clear()
        self._calls.clear()


@lru_cache(maxsize=PLACES_KEPT)
def _placeOf(host: str, port: int) -> TransportAddress:
    """The address that a socket has given us, without the scope of an IPv6 address."""
    return TransportAddress(host.partition("%")[0], port)


def openSocket(family: socket.AddressFamily, kind: socket.SocketKind, host: str, port: int) -> socket.socket:
    """
    A socket bound to an address, of its own family only.

    @raise OSError: if it cannot be had.
    """
    opened = socket.socket(family, kind)
    try:
        opened.setblocking(False)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_DGRAM:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        else:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((host, port))
    except OSError:
        opened.close()
        raise
    return opened
