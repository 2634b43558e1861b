# -*- test-case-name: ichatgw.test.net.test_localaddresses -*-
"""
Our own addresses: which one a far host sees, and which ones there are.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any

import ifaddr
from attrs import define, field


@define(eq=False)
class LocalAddresses:
    """
    Knows the addresses that this host may name to others.

    @ivar configured: the one address to use, or empty for whatever the routing table says.
    @ivar advertised: what hosts beyond our router shall use instead, which it hands on to us port by port (1:1 NAT); at
        most one of each family.
    @ivar adapters: lists the interfaces, as C{ifaddr} does.
    """

    configured: str = ""
    adapters: Callable[[], Iterable[Any]] = ifaddr.get_adapters
    advertised: tuple[str, ...] = ()
    _known: dict[str, str] = field(factory=dict, init=False)

    def towards(self, host: str) -> str:
        """
        The address that C{host} (an IP literal) reaches us at.

        @raise OSError: if there is no route to C{host}, or it is of another family than the configured address.
        """
        if self.configured and not self.advertised:
            if (":" in self.configured) != (":" in host):
                raise OSError(f"{host} is not of the family of IPAddress {self.configured}")
            return self.configured
        known = self._known.get(host)
        if known is None:
            if len(self._known) >= 1024:
                self._known.clear()
            known = self._known[host] = self._seenFrom(host)
        return known

    def reaches(self, host: str) -> bool:
        """Can C{host}, an IP literal, be reached from here, as far as families and routes tell?"""
        try:
            self.towards(host)
        except OSError:
            return False
        return True

    def _seenFrom(self, host: str) -> str:
        if self.configured and (":" in self.configured) != (":" in host):
            raise OSError(f"{host} is not of the family of IPAddress {self.configured}")
        if ip_address(host).is_global:
            for advertised in self.advertised:
                if (":" in advertised) == (":" in host):
                    return advertised
        return self.configured or _sourceFor(host)

    def forget(self) -> None:
        """Ask the routing table again from now on."""
        self._known.clear()

    def all(self) -> tuple[str, ...]:
        """
        Every address others can be told: those of this host, then those advertised.
        """
        return (*self.own(), *self.advertised)

    def own(self) -> tuple[str, ...]:
        """
        The configured one, or those of all interfaces but loopback and link-local ones; if only loopback is left, that
        (a test host without a network).
        """
        if self.configured:
            return (self.configured,)
        found = [
            address.ip if isinstance(address.ip, str) else address.ip[0]
            for adapter in self.adapters()
            for address in adapter.ips
        ]
        usable = [a for a in found if not (ip_address(a).is_loopback or ip_address(a).is_link_local)]
        return tuple(usable or ["127.0.0.1"])


def _sourceFor(host: str) -> str:
    """Ask the kernel: connecting a UDP socket sends nothing and does not block."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((host, 9))
        return str(probe.getsockname()[0])
