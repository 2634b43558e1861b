# -*- test-case-name: ichatgw.test.calls.test_admission,ichatgw.test.sip.leg.test_encryption -*-
"""
Who may call.  Closed unless a setting opens it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network

from twisted.logger import Logger

from ichatgw.model import Ending, EndReason
from ichatgw.net.literals import ip_address
from ichatgw.net.networks import PRIVATE

_log = Logger()


NOT_ADMITTED = Ending(EndReason.FORBIDDEN, "not among AllowedSIPPeers")
"""Why a call of all others is refused."""


class AccessControl:
    """
    Says which hosts may call.  It is asked before an INVITE becomes anything.

    @param networks: those that may.
    @param trusts: tells of other hosts (IP literals) that may.
    """

    def __init__(
        self, networks: Iterable[IPv4Network | IPv6Network], trusts: Callable[[str], bool] = lambda host: False
    ) -> None:
        self._trusts = trusts
        self.allows = lru_cache(maxsize=1024)(self._allows)
        self.open(networks)

    def open(self, networks: Iterable[IPv4Network | IPv6Network]) -> None:
        """From now on let in the calls from these networks, and from no others."""
        self._networks = tuple(networks)
        if set(PRIVATE) <= set(self._networks):
            _log.info(
                "AllowedSIPPeers has the word private: all behind a proxy or a NAT of this network may call,"
                " too (a Docker bridge, say, or a port that is forwarded with its sender's address rewritten)"
            )
        self.allows.cache_clear()

    def _allows(self, host: str) -> bool:
        """May C{host}, an IP literal, call?  An IPv4 address that is written as an IPv6 one is judged as what it is."""
        address = ip_address(host.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._networks)

    def admits(self, host: str) -> bool:
        """May C{host}, an IP literal, call without a login?"""
        return bool(self.allows(host)) or self._trusts(host)
