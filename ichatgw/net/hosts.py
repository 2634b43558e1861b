# -*- test-case-name: ichatgw.test.sip.transaction.test_layer -*-
"""
Hosts as messages name them: IP literals, with and without brackets, and which of them may be sent to.
"""

from __future__ import annotations

from functools import lru_cache

from ichatgw.model import TransportAddress
from ichatgw.net.literals import ip_address


def bracketed(host: str) -> str:
    """As sippy and SIP write an IPv6 literal."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


@lru_cache(maxsize=4096)  # asked for each message, of the same few hosts
def literal(host: str, port: int) -> TransportAddress | None:
    """The address, or C{None} if C{host} is a name (or the port is none)."""
    try:
        return TransportAddress(str(ip_address(host.strip("[]"))), int(port))
    except (ValueError, TypeError):
        return None


@lru_cache(maxsize=4096)
def isHost(host: str) -> bool:
    """Does the literal name one host?  A far end must not make us send to a group, or to this host by 0.0.0.0."""
    address = ip_address(host)
    return not (address.is_multicast or address.is_unspecified or host == "255.255.255.255")
