# -*- test-case-name: ichatgw.test.sip.dialog.test_routeset -*-
"""
Where the next request of a dialog goes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from ichatgw.model import TransportAddress
from ichatgw.net.literals import ip_address
from ichatgw.sip.transport.target import Target, Transport


class Stated(NamedTuple):
    """
    Where the far end says that it is, or a server that it has to be reached by.

    @ivar host: the literal in the first Route, or else in the Contact; C{None} if that is a name.
    @ivar port: the port there; C{None} if it says none.
    @ivar transport: the one that it asks for.
    @ivar plain: it does not say any.
    @ivar routed: it is from a Route.
    """

    host: str | None
    port: int | None
    transport: Transport
    plain: bool
    routed: bool


def nextHop(
    stated: Stated,
    flow: Target | None,
    first: Target | None,
    isOpen: Callable[[Target], bool],
    hidden: bool = False,
) -> Target | None:
    """
    RFC 3261 section 12.2.1.1, for a world with NAT.

    A far end that speaks to us over a connection is answered over it as long as it is open (RFC 5923); a name, or a
    private address of a host that sends from a public one, leads nowhere: then it is where it sends from, and if its
    connection is closed, at the port that goes with the name.

    @param flow: where the far end's last message came from.
    @param first: where our INVITE went, for dialogs that we began.
    @param isOpen: is there a connection to it?
    @param hidden: the far end has sent us a request itself, from elsewhere than it believes to be.
    """
    host, port, transport, plain, routed = stated
    if flow is None:
        there = _at(transport, host, port)
        return first if first is not None and (there is None or there.address == first.address) else there
    if flow.transport.reliable and (plain or flow.transport is transport):
        near = host is None or host == flow.address.host or hidden or _isLocal(host, flow.address.host)
        if near and isOpen(flow):
            return flow
        if plain:
            transport = flow.transport
    if host is None:
        if not flow.transport.reliable or isOpen(flow):
            return flow
        # The far end does not listen at the port that its connection came from.
        return first if first is not None else _at(flow.transport, flow.address.host, port)
    if not routed and (_isLocal(host, flow.address.host) or (hidden and not flow.transport.reliable)):
        return flow
    return _at(transport, host, port)


def _at(transport: Transport, host: str | None, port: int | None) -> Target | None:
    if host is None:
        return None
    return Target(transport, TransportAddress(host, transport.defaultPort if port is None else port))


@lru_cache(maxsize=1024)
def _isLocal(stated: str, source: str) -> bool:
    """Does C{stated} lead nowhere from here, where C{source} does?  Shared addresses (RFC 6598) too."""
    return not ip_address(stated).is_global and not ip_address(source).is_private
