# -*- test-case-name: ichatgw.test.media.sockets.test_portrange -*-
"""
The UDP ports that calls may use, in pairs: an even one for RTP and the odd one above it for RTCP.
"""

from __future__ import annotations

from collections import deque

from twisted.internet.interfaces import IReactorTime

from ichatgw.errors import Congested

# Seconds in which what is still on its way to an old call has passed.
QUARANTINE = 10.0


class PortPool:
    """
    Lends port numbers.  The pair that came back first goes out first, and not before its quarantine is over, so that
    a new call never hears the rest of an old one.
    """

    def __init__(self, clock: IReactorTime, portMin: int, portMax: int, quarantine: float = QUARANTINE) -> None:
        """
        @param portMin: the lowest port; an odd one is left out.
        @param portMax: the highest port, RTCP ports included; less than C{portMin} means C{portMin}.
        """
        self._clock = clock
        self._quarantine = quarantine
        first = portMin + portMin % 2
        # Each with the time from which on it may be lent.
        self._free = deque((port, float("-inf")) for port in range(first, max(portMin, portMax), 2))
        self._lent: set[int] = set()

    @property
    def free(self) -> int:
        """How many pairs are not lent, whether or not in quarantine."""
        return len(self._free)

    @property
    def lent(self) -> int:
        return len(self._lent)

    def hasRoom(self, pairs: int) -> bool:
        """Are so many pairs to be had now?"""
        return len(self._free) >= pairs and self._free[pairs - 1][1] <= self._clock.seconds()

    def take(self) -> int:
        """
        The even port of a free pair.

        @raise Congested: if all are in use or in quarantine.
        """
        if not self.hasRoom(1):
            raise Congested("no media port is free (MediaRelayPortRangeMin, MediaRelayPortRangeMax)")
        port, _ = self._free.popleft()
        self._lent.add(port)
        return port

    def restore(self, port: int) -> None:
        """Put back a pair that was not used; it is the next to go out."""
        self._lent.remove(port)
        self._free.appendleft((port, float("-inf")))

    def giveBack(self, port: int) -> None:
        """
        Put back a pair that was used.

        @raise ValueError: if C{port} is not lent.  Who gave it back before no longer owns it; another call may.
        """
        if port not in self._lent:
            raise ValueError(f"port {port} is not lent")
        self._lent.remove(port)
        self._free.append((port, self._clock.seconds() + self._quarantine))
