# -*- test-case-name: ichatgw.test.media.ice.test_lite -*-
"""
The lite end of ICE (RFC 8445 section 2.5): a party that has found a way to us says so by its checks, and these are
answered.  We check nothing, as our address is the one that the signalling shows.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from ichatgw.errors import MalformedError
from ichatgw.media.ice import stun
from ichatgw.media.sockets.port import Source
from ichatgw.model import Checks, TransportAddress
from ichatgw.observe.events import IceState, MediaEvent
from ichatgw.runtime.ratelimit import RateLimit

MAX_REQUESTS = 50
"""Checks a second, in the long run and at once."""

MAX_REMEMBERED = 64


class Checked(Protocol):
    """The side of the party."""

    def transmit(self, datagram: bytes, destination: Source, atControl: bool) -> None:
        """Send it."""

    def found(self, source: Source) -> None:
        """The party is there, and hears there."""

    def tell(self, kind: type[MediaEvent], *what: object) -> None:
        """Publish an event of that kind."""


class Lite:
    """
    Answers the checks of one party.

    @ivar checks: by what they are known.
    """

    def __init__(self, clock: IReactorTime, side: Checked, checks: Checks) -> None:
        self.checks = checks
        self._side = side
        self._start = f"{checks.ufrag}:".encode()
        self._rate = RateLimit(clock, MAX_REQUESTS, MAX_REQUESTS)
        self._seen: OrderedDict[bytes, Source] = OrderedDict()
        self._best = 0
        self._way: Source | None = None

    def received(self, datagram: bytes, source: Source, atControl: bool) -> None:
        """
        A datagram that looks like STUN.  Never raises.

        @param atControl: it came to the port for RTCP.
        """
        # It takes longer to read it than to see that it is none of ours; most of a flood ends here.
        if datagram[:2] != b"\0\1" or self._start not in datagram or not self._rate.allow(None):
            return
        if self._seen.get(datagram[8:20], source) != source:
            return  # a replay, from another address, of what the party has sent
        try:
            request = stun.parse(datagram)
        except MalformedError:
            return
        name = f"{self.checks.ufrag}:{self.checks.peer}"
        if request.attributes.get("USERNAME") != name or not stun.isAuthentic(request, self.checks.password):
            return
        self._seen[request.transaction_id] = source
        if len(self._seen) > MAX_REMEMBERED:
            self._seen.popitem(last=False)
        if "ICE-CONTROLLED" in request.attributes:  # section 6.1.1: with a lite end, the full one controls
            self._side.transmit(stun.roleConflict(request, self.checks.password), source, atControl)
            return
        where = TransportAddress(source[0].partition("%")[0], source[1])
        self._side.transmit(stun.success(request, where, self.checks.password), source, atControl)
        if not atControl and "USE-CANDIDATE" in request.attributes:
            self._nominated(source, int(request.attributes.get("PRIORITY", 0)))

    def _nominated(self, source: Source, priority: int) -> None:
        """Of several ways the best is taken (section 8.1.1); some nominate each that they find."""
        if priority >= self._best:
            self._best = priority
            self._side.found(source)
            if source != self._way:
                self._way = source
                self._side.tell(IceState, "connected", str(TransportAddress(source[0].partition("%")[0], source[1])))
