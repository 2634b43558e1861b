# -*- test-case-name: ichatgw.test.media.relay.test_latch -*-
"""
Which addresses a party may send from, and where it can be sent to (symmetric RTP, RFC 4961).
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from ichatgw.media.sockets.port import Source
from ichatgw.model import SessionDescription, TransportAddress
from ichatgw.net.literals import ip_address

_BROADCAST = "255.255.255.255"

SendTo = Callable[[Any, Any], Any]


def familyOf(source: Source) -> int:
    """The address family of a socket address."""
    return socket.AF_INET6 if len(source) == 4 else socket.AF_INET


def sendable(address: TransportAddress | None) -> Source | None:
    """
    The address for C{sendto}, with IPv6 as four members.

    @return: C{None} if media must not go there: no port, or not the address of one host.
    """
    if address is None or address.port == 0:
        return None
    ip = ip_address(address.host.partition("%")[0])
    if ip.is_multicast or ip.is_unspecified or str(ip) == _BROADCAST:
        return None
    if ip.version == 4:
        return (str(ip), address.port)
    zone = address.host.partition("%")[2]
    return (str(ip), address.port, 0, _zoneNumber(zone))


def _zoneNumber(zone: str) -> int:
    if zone.isdecimal():
        return int(zone)
    try:
        return socket.if_nametoindex(zone) if zone else 0
    except OSError:
        return 0


def isAt(source: Source, address: TransportAddress | None) -> bool:
    """Is it the same host and port, however written?"""
    expected = sendable(address)
    return expected is not None and (source[0].partition("%")[0], source[1]) == expected[:2]


def above(source: Source) -> Source | None:
    """The same host, one port higher."""
    return (source[0], source[1] + 1, *source[2:]) if source[1] < 65535 else None


class ControlLatch:
    """
    Where the RTCP of one party comes from, and where RTCP for it goes.

    The signalled place always wins; else the first valid one from the host that RTP comes from is kept until RTP
    moves.

    @ivar send: C{sendto} of the port that the party's RTCP came to; C{None} if none came.
    @ivar source: where it came from.
    """

    def __init__(self) -> None:
        self.source: Source | None = None
        self.send: SendTo | None = None
        self._signalled: TransportAddress | None = None
        self._media: Source | None = None

    def signal(self, remote: SessionDescription) -> None:
        """The party has said where it is (RFC 3605, or else the port above)."""
        place = remote.address
        if remote.rtcp is not None:
            self._signalled = remote.rtcp
        elif place is not None and place.port < 65535:
            self._signalled = TransportAddress(place.host, place.port + 1)
        else:
            self._signalled = None
        self.forget()

    def forget(self) -> None:
        """The party has moved: forget its source."""
        self.source = self.send = self._media = None

    def mediaFrom(self, source: Source, asSignalled: bool) -> None:
        """
        RTP comes from C{source} now.

        @param asSignalled: it is where the party said, so its word about RTCP holds too.
        """
        self.source = self.send = None
        self._media = source
        if not asSignalled:
            self._signalled = None

    def admits(self, source: Source) -> bool:
        if source == self.source or isAt(source, self._signalled):
            return True
        return self.source is None and self._media is not None and source[0] == self._media[0]

    def adopt(self, source: Source, send: SendTo | None) -> None:
        """Valid RTCP came from C{source}; the answer goes out by C{send}."""
        self.source, self.send = source, send

    def guess(self) -> Source | None:
        """Where RTCP goes as long as none has come."""
        signalled = sendable(self._signalled)
        if signalled is not None or self._media is None:
            return signalled
        return above(self._media)
