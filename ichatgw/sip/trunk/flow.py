# -*- test-case-name: ichatgw.test.sip.trunk.test_flows -*-
"""
One way to the server of a trunk: by one of its outbound proxies, or straight.  Each is registered for itself, so that
calls come by the others if one fails (RFC 5626).
"""

from __future__ import annotations

from socket import gethostname
from uuid import NAMESPACE_URL, uuid5

from attrs import define
from sippy.SipContact import SipContact
from sippy.SipHeader import SipHeader
from twisted.internet.interfaces import IReactorTime

from ichatgw.config.declared.trunks import BULK, GRUU, OUTBOUND, Trunk
from ichatgw.config.reading.kinds import Proxy
from ichatgw.sip.auth.authorization import Authorizer
from ichatgw.sip.message.uris import parse
from ichatgw.sip.register.bindings import Binding
from ichatgw.sip.register.extensions import Extensions
from ichatgw.sip.transaction.way import Place, Way
from ichatgw.sip.transport.resolver import Resolver
from ichatgw.sip.transport.target import Transport


@define(eq=False)
class Flow:
    """
    @ivar number: which one of its trunk it is, from 1 on.
    @ivar calling: the way of its calls.
    @ivar registering: the way of its registrations, which take no route that the registrar wants for calls.
    @ivar binding: its Contact at the registrar.
    @ivar isRefused: its registrar does not want it.
    """

    number: int
    calling: Way
    registering: Way
    binding: Binding
    isRefused: bool = False

    @property
    def ways(self) -> tuple[Way, Way]:
        """Both."""
        return self.calling, self.registering

    def wants(self, services: tuple[str, ...]) -> None:
        """Its registrar wants calls to take this route."""
        self.calling.services = tuple(parse(uri) for uri in services)


def flowsOf(trunk: Trunk, clock: IReactorTime, resolver: Resolver, logins: Authorizer) -> tuple[Flow, ...]:
    """The flows of a trunk: one for each proxy."""
    made = []
    for number, proxy in enumerate(trunk.proxies or (None,), 1):
        named = f"the proxy of trunk {trunk.name}" if proxy is not None else f"trunk {trunk.name}"
        place = placeOf(proxy or trunk.server)
        calling, registering = (Way(clock, resolver, logins, place, named, proxy is not None) for _ in range(2))
        binding = Binding(
            trunk.aor, way=registering, registrar=serverURI(trunk), extensions=extensionsOf(trunk, number)
        )
        binding.key = f"{trunk.name} {binding.instance}"  # it may follow another one of that name
        made.append(Flow(number, calling, registering, binding))
    return tuple(made)


def extensionsOf(trunk: Trunk, number: int, host: str = "") -> Extensions:
    """
    What its flow of that number asks its registrar for.

    @param host: the name of this host; that of the system if it is empty.
    """
    isOutbound = OUTBOUND in trunk.extensions or len(trunk.proxies) > 1
    gruu = GRUU in trunk.extensions
    instance = uuid5(NAMESPACE_URL, f"{trunk.aor} {trunk.name} {host or gethostname()}").urn
    return Extensions(
        instance if isOutbound or gruu else "",
        number if isOutbound else 0,
        gruu,
        BULK in trunk.extensions,
    )


def placeOf(proxy: Proxy) -> Place:
    """Where a server is, for L{Way}."""
    return proxy.host, proxy.port, Transport(proxy.transport) if proxy.transport else None, False


def serverURI(trunk: Trunk, user: str = "") -> str:
    """
    A URI at the server of a trunk.

    @param user: an escaped user part; empty for none.
    """
    host = f"[{trunk.server.host}]" if ":" in trunk.server.host else trunk.server.host
    port = f":{trunk.server.port}" if trunk.server.port is not None else ""
    return f"sip:{user}{'@' if user else ''}{host}{port}"


def dialogContact(
    flow: Flow, plain: SipContact, number: str, isPrivate: bool
) -> tuple[SipContact, tuple[SipHeader, ...]]:
    """
    Our Contact in a dialog by a flow, and the headers that go with it; see
    L{ichatgw.sip.register.extensions.Granted.contact}.
    """
    if plain.getUrl().scheme == "sips":
        return plain, ()  # no other address is known to be reached by nothing but TLS
    return flow.binding.granted.contact(plain, number, isPrivate)
