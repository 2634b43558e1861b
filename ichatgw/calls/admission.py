# -*- test-case-name: ichatgw.test.calls.test_admission,ichatgw.test.sip.leg.test_encryption -*-
"""
Who may call.  Closed unless a setting opens it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from typing import Protocol, runtime_checkable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from ichatgw.calls.nulls import NoCall
from ichatgw.interfaces import IArrivals, IInboundLeg
from ichatgw.model import Ending, EndReason, SessionDescription, TransportAddress
from ichatgw.net.literals import ip_address
from ichatgw.net.networks import PRIVATE
from ichatgw.runtime.ratelimit import RateLimit

_log = Logger()


@runtime_checkable
class Objects(Protocol):
    """A leg that may have to be refused for its media."""

    def objection(self) -> Ending | None:
        """Why; C{None} if it need not be."""


@implementer(IArrivals)
class Doorman:
    """
    Stands before the switch, and lets in only the INVITEs of hosts that may call.

    It is for the calls of phones.  The INVITE of an iChat, which may come from anywhere, never gets this far: it
    belongs to a call that waits for it, or is refused.

    @ivar arrivals: who takes the calls that are let in.
    @param networks: where they may come from.
    @param trusts: tells of other hosts (IP literals) that may call.
    """

    def __init__(
        self,
        clock: IReactorTime,
        networks: Iterable[IPv4Network | IPv6Network],
        arrivals: IArrivals,
        trusts: Callable[[str], bool] = lambda host: False,
    ) -> None:
        self._arrivals = arrivals
        self._trusts = trusts
        self._lines = RateLimit(clock, 1, 10)
        self.allows = lru_cache(maxsize=1024)(self._allows)
        self.open(networks)

    def open(self, networks: Iterable[IPv4Network | IPv6Network]) -> None:
        """From now on let in the calls from these networks, and from no others."""
        self._networks = tuple(networks)
        if set(PRIVATE) <= set(self._networks):
            _log.info(
                "AllowedSIPPeers has the word private: whoever comes through a proxy or a NAT of this network may call,"
                " too (a Docker bridge, say, or a port that is forwarded with its sender's address rewritten)"
            )
        self.allows.cache_clear()

    def _allows(self, host: str) -> bool:
        """May C{host}, an IP literal, call?  An IPv4 address in IPv6 clothes is judged as what it is."""
        address = ip_address(host.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._networks)

    def admits(self, host: str) -> bool:
        """May C{host}, an IP literal, call without a login?"""
        return bool(self.allows(host)) or self._trusts(host)

    def arrived(self, leg: IInboundLeg, called: str, offer: SessionDescription) -> None:
        """See L{IArrivals}.  A leg without a C{source} did not come over the network."""
        source: TransportAddress | None = getattr(leg, "source", None)
        login = getattr(leg, "login", None)
        if source is None or login is not None or self.admits(source.host):
            objection = leg.objection() if isinstance(leg, Objects) else None
            if objection is None:
                self._arrivals.arrived(leg, called, offer)
            else:
                self._refuse(leg, called, objection)
            return
        self._refuse(leg, called, Ending(EndReason.FORBIDDEN, "not among AllowedSIPPeers"))

    def _refuse(self, leg: IInboundLeg, called: str, ending: Ending) -> None:
        source: TransportAddress | None = getattr(leg, "source", None)
        if self._lines.allow("" if source is None else source.host):
            _log.info(
                "leg={leg} from {caller!r} at {source} to {called!r} refused: {why}",
                leg=leg.id,
                caller=leg.party.uri[:100],
                source=source,
                called=called[:100],
                why=ending.text,
            )
        leg.call = NoCall()
        leg.hangup(ending)
