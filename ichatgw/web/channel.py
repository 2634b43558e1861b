# -*- test-case-name: ichatgw.test.web.test_channel -*-
"""
HTTP from any host: bounded in the number of connections, the time that each takes, and the octets that each sends.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import Request, Site

from ichatgw.net.networks import sourceOf
from ichatgw.runtime.turns import Turns

MAX_CONNECTIONS = 200
MAX_FROM_SOURCE = 50
"""Connections at a time."""

ASKING = 20.0
"""Seconds in which the next request has to be there whole."""

ANSWERING = 60.0
"""Seconds in which an answer has to be taken."""

MAX_HEADERS = 100
MAX_HEADER_OCTETS = 16384
MAX_BODY = 16384
"""Octets."""

_FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 21\r\n\r\n"
_FULL += b"too many connections\n"


def hostOf(address: object) -> str:
    """The IP literal of a peer; empty if it has none."""
    return address.host if isinstance(address, IPv4Address | IPv6Address) else ""


class BoundedRequest(Request):
    """A request, whose body is short."""

    def gotLength(self, length: int | None) -> None:
        """Refuse what is longer, and what does not say how long it is."""
        if length is None or length > MAX_BODY:
            channel = cast(Channel, self.channel)
            channel.refuse(411, b"Length Required") if length is None else channel.refuse(413, b"Content Too Large")
            length = 0
        Request.gotLength(self, length)


class Channel(HTTPChannel):
    """One connection of an HTTP client, each phase of which has a time limit."""

    maxHeaders = MAX_HEADERS
    totalHeadersSize = MAX_HEADER_OCTETS
    requestFactory = BoundedRequest
    _ends: IDelayedCall | None = None
    _isRefused = False

    def connectionMade(self) -> None:
        """The first request has to come within L{ASKING} seconds."""
        HTTPChannel.connectionMade(self)
        self._giveTime(ASKING)

    def allContentReceived(self) -> None:
        """A whole request has come: it has to be answered within L{ANSWERING} seconds."""
        if self._isRefused:
            return
        self._giveTime(ANSWERING)
        HTTPChannel.allContentReceived(self)

    def requestDone(self, request: Any) -> None:
        """The request is answered: the next one has to come within L{ASKING} seconds."""
        self._giveTime(ASKING)
        HTTPChannel.requestDone(self, request)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is closed: stop its timer and free its place."""
        self._giveTime(None)
        HTTPChannel.connectionLost(self, reason)
        cast(BoundedSite, cast(Any, self).site).left(self)

    def dataReceived(self, data: bytes) -> None:
        """Octets of a connection that was refused, here or by Twisted, are not read."""
        if not self._isRefused and not cast(Any, self.transport).disconnecting:
            HTTPChannel.dataReceived(self, data)

    def refuse(self, status: int, words: bytes) -> None:
        """Answer with C{status} and its phrase C{words}, and close the connection."""
        self._isRefused = True
        transport = cast(Any, self.transport)
        head = b"HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
        body = b"%d %s\n" % (status, words)
        transport.write(head % (status, words, len(body)) + body)
        transport.loseConnection()

    def lineLengthExceeded(self, line: bytes) -> None:
        """A header, or what is none, is too long."""
        self.refuse(431, b"Request Header Fields Too Large")

    def _giveTime(self, seconds: float | None) -> None:
        if self._ends is not None:
            self._ends.cancel()
            self._ends = None
        if seconds is not None:
            self._ends = cast(Any, self).callLater(seconds, self._late)

    def _late(self) -> None:
        self._ends = None
        cast(Any, self.transport).abortConnection()


class _Full(Protocol):
    """Answers a connection for which there is no room, and closes it."""

    def connectionMade(self) -> None:
        transport = cast(Any, self.transport)
        transport.write(_FULL)
        transport.loseConnection()


class BoundedSite(Site):
    """
    The HTTP site: limits the connections, in all and from one source.

    @ivar refused: how many there was no room for.
    """

    noisy = False
    displayTracebacks = False
    protocol = cast(Any, Channel)

    def __init__(self, turns: Turns, resource: Any) -> None:
        # The times are ours (Channel), and so is what becomes of a body.
        Site.__init__(
            self, resource, requestFactory=BoundedRequest, timeout=None, reactor=turns, parsePOSTFormSubmission=False
        )
        self.refused = 0
        self._sources: Counter[str] = Counter()
        self._open: dict[Any, str] = {}

    def buildProtocol(self, addr: Any) -> Any:
        """
        @return: a protocol that answers with an error and closes, if there is no room.
        """
        source = sourceOf(hostOf(addr)) if hostOf(addr) else ""
        if len(self._open) >= MAX_CONNECTIONS or self._sources[source] >= MAX_FROM_SOURCE:
            self.refused += 1
            return _Full()
        made = Site.buildProtocol(self, addr)
        self._open[made] = source
        self._sources[source] += 1
        return made

    def left(self, channel: Any) -> None:
        """A connection is closed: its place is free."""
        source = self._open.pop(channel, None)
        if source is not None:
            self._sources[source] -= 1
            if not self._sources[source]:
                del self._sources[source]

    def startFactory(self) -> None:
        """There is no log of requests, whose time had to be known."""

    stopFactory = startFactory

    def log(self, request: Any) -> None:
        """No log line for each request: metrics are scraped all the time."""

    @property
    def connections(self) -> list[Any]:
        """The open connections."""
        return list(self._open)
