# -*- test-case-name: ichatgw.test.net.test_networks -*-
"""
How much of an address tells one stranger from another.

A host with an IPv6 address can use every address of its network: a limit that counted single addresses would be evaded.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network

from ichatgw.net.literals import ip_address

Network = IPv4Network | IPv6Network

PRIVATE: tuple[Network, ...] = tuple(
    map(
        ip_network,
        (
            "127.0.0.0/8",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
            "::1/128",
            "fc00::/7",
            "fe80::/10",
        ),
    )
)
"""What the word C{private} stands for: loopback, private and link-local addresses."""


@lru_cache(maxsize=4096)  # asked for each message, of the same few hosts
def sourceOf(host: str) -> str:
    """
    What counts as one source: an IPv4 address, or the /64 network of an IPv6 address.

    @param host: an IP literal; an IPv4 address in IPv6 form (C{::ffff:192.0.2.1}) is the IPv4 address.
    @return: the first address of it.
    """
    return _network(host, 32, 64)


@lru_cache(maxsize=4096)
def neighbourhoodOf(host: str) -> str:
    """
    What probably belongs to one owner: the /24 network of an IPv4 address, or the /48 of an IPv6 address.

    @param host: as for L{sourceOf}.
    @return: the first address of it.
    """
    return _network(host, 24, 48)


def _network(host: str, bits: int, bits6: int) -> str:
    address = ip_address(host.partition("%")[0])
    address = getattr(address, "ipv4_mapped", None) or address
    network = ip_network((address, bits if address.version == 4 else bits6), strict=False)
    return str(network.network_address)
