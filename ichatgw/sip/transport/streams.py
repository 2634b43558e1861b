# -*- test-case-name: ichatgw.test.sip.transport.test_streams,ichatgw.test.gateway.test_tollfraud,ichatgw.test.net.test_opened -*-  # noqa: E501
"""
The listening sockets for SIP over TCP and TLS, and the connections (RFC 3261 section 18).
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.logger import Logger

from ichatgw.errors import ConfigError
from ichatgw.model import TransportAddress
from ichatgw.net.localaddresses import LocalAddresses
from ichatgw.net.opened import Opened
from ichatgw.runtime.turns import Turns
from ichatgw.sip.transport.certificateexpiry import Expiry, WallClock, wallClock
from ichatgw.sip.transport.connectionpool import Connections, Received
from ichatgw.sip.transport.target import Target, Transport
from ichatgw.sip.transport.tls import Security
from ichatgw.sip.transport.udp import NO_IPV6, openSocket

BACKLOG = 512

_log = Logger()


class StreamWire:
    """
    @param tcpPort: gives the port for TCP, the same as that for UDP, when that is known; 0 for not listening.
    @param tlsPort: the port for TLS; not used without a certificate.
    @param security: certificates and what is verified.
    @param turns: when a message has its turn.
    @param now: the clock on the wall.

    It can be looked after, see L{ichatgw.runtime.watch.Vital}.
    """

    def __init__(
        self,
        reactor: Any,
        addresses: LocalAddresses,
        tcpPort: Callable[[], int],
        tlsPort: int,
        security: Security,
        turns: Turns | None = None,
        now: WallClock = wallClock,
    ) -> None:
        self._reactor = reactor
        self._addresses = addresses
        self._tcpPort = tcpPort
        self._security = security
        self._numbers = {Transport.TCP: 0, Transport.TLS: tlsPort}
        self._ports: dict[tuple[Transport, str], Opened] = {}
        self._lost: list[tuple[Transport, str]] = []
        self._expiry = Expiry(turns or reactor, lambda: security.expiry, now)
        self.connections = Connections(reactor, security, addresses.configured, turns)

    def listen(
        self, received: Received, unreachable: Callable[[Target, str], None], gone: Callable[[Target, str], None]
    ) -> None:
        """
        Open the sockets.

        @param received: takes each message.
        @param unreachable: is told of targets to which there is no connection, and why.
        @param gone: is told of targets to which there is a connection no more, and why.
        @raise ConfigError: if one cannot be had.
        """
        self.connections.gone = gone
        self.connections.received = received
        self.connections.unreachable = unreachable
        self._numbers[Transport.TCP] = self._tcpPort()
        kinds = [Transport.TCP, *([Transport.TLS] if self._security.canServe else [])]
        for kind in kinds:
            self._listen(kind)
        self._expiry.start()
        if not self._security.canServe:
            _log.info("Not listening for SIP over TLS: there is no certificate (TLSCertificate)")

    def _listen(self, kind: Transport) -> None:
        configured = self._addresses.configured
        for host in [configured] if configured else ["0.0.0.0", "::"]:
            try:
                self._open(kind, host)
            except OSError as problem:
                if host == "::" and problem.errno in NO_IPV6:
                    continue
                self.close()
                setting = "TLSPort" if kind is Transport.TLS else "UDPTCPPort"
                raise ConfigError(
                    f"cannot listen for SIP over {kind.name} on {host} port {self._numbers[kind]} (IPAddress,"
                    f" {setting}): {problem.strerror}"
                ) from problem

    def _open(self, kind: Transport, host: str) -> None:
        """
        @raise OSError: if the socket cannot be had.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        place = (kind, host)
        with openSocket(family, socket.SOCK_STREAM, host, self._numbers[kind]) as opened:
            opened.listen(BACKLOG)
            if not self._numbers[kind]:
                self._numbers[kind] = opened.getsockname()[1]
            server = self.connections.server(kind, partial(self._closed, place))
            adopted = self._reactor.adoptStreamPort(opened.fileno(), family, server)
            self._ports[place] = Opened(self._reactor, adopted)
        _log.info(
            "Listening for SIP on {host} port {port} over {kind}",
            host=host,
            port=self._numbers[kind],
            kind=kind.name,
        )

    def _closed(self, place: tuple[Transport, str]) -> None:
        """A socket is closed; if not by us, the reactor has dropped it."""
        if self._ports.pop(place, None) is not None:
            self._lost.append(place)

    @property
    def missing(self) -> str:
        """See L{ichatgw.runtime.watch.Vital}."""
        for each in list(self._ports.values()):
            if each.isGone:
                each.drop()
        if not self._lost:
            return ""
        places = " and ".join(f"{kind.name} on {host} port {self._numbers[kind]}" for kind, host in self._lost)
        return f"the socket for SIP over {places} was lost"

    def revive(self) -> None:
        """See L{ichatgw.runtime.watch.Vital}."""
        for place in list(self._lost):
            self._open(*place)
            self._lost.remove(place)

    def admit(self, mayCall: Callable[[str], bool], pays: Callable[[str, int], bool]) -> None:
        """
        Those hosts (IP literals) may call: they always find a place.

        @param pays: see L{Connections}.
        """
        self.connections.mayCall = mayCall
        self.connections.pays = pays

    def send(self, data: bytes, target: Target) -> None:
        """See L{ichatgw.sip.transport.listeningpoint.Streams}."""
        self.connections.send(data, target)

    def towards(self, host: str, transport: Transport) -> TransportAddress:
        """See L{ichatgw.sip.transport.listeningpoint.Streams}."""
        return TransportAddress(self._addresses.towards(host), self._numbers[transport])

    def ping(self, target: Target) -> None:
        """Keep the connection to C{target} open, if there is one."""
        self.connections.ping(target)

    def isOpen(self, target: Target) -> bool:
        """See L{ichatgw.sip.transport.listeningpoint.Streams}."""
        return self.connections.isOpen(target)

    @property
    def presents(self) -> bool:
        """See L{ichatgw.sip.transport.listeningpoint.Streams}."""
        return self._security.canServe

    def alias(self, source: Target, port: int) -> None:
        """See L{ichatgw.sip.transport.listeningpoint.Streams}."""
        self.connections.alias(source, port)

    def expect(self, target: Target) -> None:
        """See L{ichatgw.sip.transport.listeningpoint.Streams}."""
        self.connections.expect(target)

    def suggest(self, target: Target) -> None:
        """See L{ichatgw.sip.transport.listeningpoint.Streams}."""
        self.connections.suggest(target)

    def close(self) -> None:
        """Listen no more, and close all connections."""
        self._expiry.stop()
        ports, self._ports = self._ports, {}
        self._lost.clear()
        for opened in ports.values():
            opened.port.stopListening()
        self.connections.close()
