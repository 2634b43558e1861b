# -*- test-case-name: ichatgw.test.test_sip_hop -*-
"""
Where the next request of a dialog goes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address

from ichatgw.model import TransportAddress
from ichatgw.sip.target import Target, Transport


def nextHop(
    stated: TransportAddress | None,
    transport: Transport,
    plain: bool,
    routed: bool,
    flow: Target | None,
    first: Target | None,
    isOpen: Callable[[Target], bool],
) -> Target | None:
    """
    RFC 3261 section 12.2.1.1, for a world with NAT.

    A far end that speaks to us over a connection is answered over it as long as it is open (RFC 5923); a name, or a
    private address of somebody who speaks from a public one, leads nowhere: then it is where it speaks from.

    @param stated: the address in the first Route, or else in the Contact; C{None} if that is a name.
    @param transport: the one that it asks for.
    @param plain: it does not say any.
    @param routed: it is from a Route.
    @param flow: where the far end's last message came from.
    @param first: where our INVITE went, for dialogs that we began.
    @param isOpen: is there a connection to it?
    """
    if flow is None:
        if first is not None and (stated is None or stated == first.address):
            return first
        return Target(transport, stated) if stated is not None else None
    if flow.transport.reliable and (plain or flow.transport is transport):
        if (stated is None or stated.host == flow.address.host or _isBehindNAT(stated, flow)) and isOpen(flow):
            return flow
        if plain and stated is not None:
            transport = flow.transport
    if stated is None:
        return first if first is not None and flow.transport.reliable else flow
    if not routed and _isBehindNAT(stated, flow):
        return flow
    return Target(transport, stated)


def _isBehindNAT(stated: TransportAddress, flow: Target) -> bool:
    return _isLocal(stated.host, flow.address.host)


@lru_cache(maxsize=1024)
def _isLocal(stated: str, source: str) -> bool:
    """Does C{stated} lead nowhere from here, where C{source} does?  Shared addresses (RFC 6598) too."""
    return not ip_address(stated).is_global and not ip_address(source).is_private
