# -*- test-case-name: ichatgw.test.sip.transport.test_target,ichatgw.test.sip.leg.test_acceptance -*-
"""
Where a message goes, and over what.
"""

from __future__ import annotations

from enum import Enum

from attrs import field, frozen

from ichatgw.model import TransportAddress


class Transport(Enum):
    """
    What carries SIP (RFC 3261 section 18); the value is what a URI's C{transport} parameter and sippy call it.
    """

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"

    @classmethod
    def of(cls, name: str, secure: bool = False) -> Transport:
        """
        The one that a URI asks for.

        @param name: its C{transport} parameter; one that we do not know counts as none.
        @param secure: its scheme is C{sips}.
        """
        if secure:
            return cls.TLS
        return _NAMED.get(name.lower(), cls.UDP)

    @property
    def defaultPort(self) -> int:
        """Where it is found if nothing is said (RFC 3261 section 19.1.2)."""
        return 5061 if self is Transport.TLS else 5060

    @property
    def reliable(self) -> bool:
        """Nothing has to be sent twice."""
        return self is not Transport.UDP


_NAMED = {each.value: each for each in Transport}


@frozen
class Target:
    """
    One of the places that a request may be sent to.

    @ivar name: the domain that was to be reached, which the certificate of a TLS peer has to name (RFC 5922 section
        7.1).  It is no part of where the target is.
    """

    transport: Transport
    address: TransportAddress
    name: str = field(default="", eq=False)

    @property
    def sippyAddress(self) -> tuple[tuple[str, int], str]:
        """The target in sippy's form: host and port, and the name of the transport."""
        host = f"[{self.address.host}]" if self.address.isIPv6 else self.address.host
        return (host, self.address.port), self.transport.value

    def __str__(self) -> str:
        return f"{self.transport.value}:{self.address}"
