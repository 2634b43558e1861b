# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
A name server with a zone of the test's own, by C{twisted.names}.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.names import dns, server
from twisted.names.error import DNSNameError

from ichatgw.test.names import a, aaaa, naptr, srv

_SERVICES = {
    "UDP": ("SIP+D2U", "_sip._udp"),
    "TCP": ("SIP+D2T", "_sip._tcp"),
    "TLS": ("SIPS+D2T", "_sips._tcp"),
}


class NameServer:
    """
    Answers over UDP from its table, and what is not in it does not exist.

    @ivar port: where it listens.
    @ivar asked: the queries so far, as C{"NAPTR sip.test"}.
    """

    def __init__(self, reactor: Any, host: str = "127.0.0.1", port: int = 0) -> None:
        self._reactor = reactor
        self._host = host
        self.port = port
        self.asked: list[str] = []
        self._records: dict[str, list[Any]] = {}
        self._listening: Any = None

    def add(self, name: str, *records: Any) -> None:
        """Records of a name, besides those that it has."""
        self._records.setdefault(name, []).extend(records)

    def host(self, name: str, address: str) -> None:
        """A host."""
        self.add(name, aaaa(address) if ":" in address else a(address))

    def domain(self, name: str, transport: str, port: int, *addresses: str) -> None:
        """
        A SIP domain that is served over one more transport: NAPTR, SRV, and the addresses of a host.

        @param transport: C{UDP}, C{TCP} or C{TLS}; those that are added first are preferred.
        """
        service, label = _SERVICES[transport]
        served = len([each for each in self._records.get(name, ()) if each.TYPE == dns.NAPTR])
        target = f"{label[1:].replace('.', '')}.{name}".replace("_", "")
        self.add(name, naptr(service, f"{label}.{name}", order=10 + served))
        self.add(f"{label}.{name}", srv(target, port))
        for address in addresses:
            self.host(target, address)

    async def start(self) -> None:
        """Listen."""
        factory = server.DNSServerFactory(clients=[self])
        factory.noisy = False
        self._listening = self._reactor.listenUDP(
            self.port, dns.DNSDatagramProtocol(factory, reactor=self._reactor), interface=self._host
        )
        self.port = self._listening.getHost().port

    async def stop(self) -> None:
        if self._listening is not None:
            await self._listening.stopListening()

    # IResolver, as far as the server needs one

    def query(self, query: Any, timeout: Any = None) -> Deferred[Any]:
        """See C{twisted.internet.interfaces.IResolver}."""
        name = str(query.name).lower()
        self.asked.append(f"{dns.QUERY_TYPES.get(query.type, query.type)} {name}")
        records = self._records.get(name)
        if records is None:
            return fail(DNSNameError())
        found = [
            dns.RRHeader(name, record.TYPE, dns.IN, 60, record, auth=True)
            for record in records
            if query.type == record.TYPE
        ]
        return succeed((found, [], []))
