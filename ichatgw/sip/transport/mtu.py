# -*- test-case-name: ichatgw.test.sip.transport.test_mtu -*-
"""
Requests that are too large for a datagram (RFC 3261 section 18.1.1).
"""

from __future__ import annotations

from attrs import define, field
from sippy.SipRequest import SipRequest

from ichatgw.model import TransportAddress
from ichatgw.sip.sippylib.clock import dispatcher

MAX_DATAGRAM = 1300
"""Octets of a request over UDP while the MTU of the path is not known (RFC 3261 section 18.1.1)."""

TOO_LARGE = "it is too large for a datagram, and there is no TCP"
"""Why a request is not sent that may not go over UDP (RFC 3428 section 8): it says so of itself, C{congestionSafe}."""

SMALL = frozenset({"ACK", "BYE", "CANCEL", "OPTIONS"})
"""Requests that carry nothing."""

WITHOUT_TCP = 300.0
"""Seconds for which an address that refused TCP is sent large requests over UDP at once."""

MAX_WITHOUT = 256


@define(eq=False)
class Large:
    """Remembers the addresses to which large requests cannot be sent over TCP."""

    _without: dict[TransportAddress, float] = field(factory=dict, init=False)

    def refused(self, address: TransportAddress) -> None:
        """There is no TCP at C{address}."""
        if len(self._without) >= MAX_WITHOUT:
            self._without.clear()
        self._without[address] = dispatcher.clock.seconds() + WITHOUT_TCP

    def mayMove(self, message: SipRequest, address: TransportAddress) -> bool:
        """May a request to C{address} go over TCP, if it is large?  One for an iChat may not."""
        if getattr(message, "pinned", False) or message.getMethod() in SMALL:
            return False
        return self._without.get(address, 0.0) <= dispatcher.clock.seconds()
