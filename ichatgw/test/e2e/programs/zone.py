# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
A name server for one test, on a port of its own.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import DatagramProtocol
from twisted.names import dns

from ichatgw.test.support.names import a, aaaa, naptr, srv

_SERVICES = {
    "UDP": ("SIP+D2U", "_sip._udp"),
    "TCP": ("SIP+D2T", "_sip._tcp"),
    "TLS": ("SIPS+D2T", "_sips._tcp"),
}


class Zone(DatagramProtocol):
    """
    @ivar table: names and their records; what is not in it does not exist.  C{None}: nothing is ever answered.
    @ivar asked: what it was asked for, as C{"A pbx.example"}.
    """

    def __init__(self, reactor: Any, table: dict[str, list[Any]] | None) -> None:
        self._reactor = reactor
        self._port: Any = None
        self.table = table
        self.asked: list[str] = []

    def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """
        Open the socket.

        @return: the value of C{DNSServers}.
        """
        self._port = self._reactor.listenUDP(port, self, interface=host)
        return f"{host}:{self._port.getHost().port}"

    def add(self, name: str, *records: Any) -> None:
        """Records of a name, besides those that it has."""
        assert self.table is not None
        self.table.setdefault(name, []).extend(records)

    def host(self, name: str, address: str) -> None:
        """A host."""
        self.add(name, aaaa(address) if ":" in address else a(address))

    def domain(self, name: str, transport: str, port: int, address: str) -> None:
        """
        A SIP domain that is served over one more transport: NAPTR, SRV, and the address of its host.

        @param transport: C{UDP}, C{TCP} or C{TLS}; those that are added first are preferred.
        """
        assert self.table is not None
        service, label = _SERVICES[transport]
        served = sum(record.TYPE == dns.NAPTR for record in self.table.get(name, ()))
        server = f"server-{transport.lower()}.{name}"
        self.add(name, naptr(service, f"{label}.{name}", order=10 + served))
        self.add(f"{label}.{name}", srv(server, port))
        self.host(server, address)

    async def stop(self) -> None:
        if self._port is not None:
            await self._port.stopListening()

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        question = dns.Message()
        question.fromStr(datagram)
        if not question.queries:
            return  # it was no question: some tests want a port at which nobody answers
        query = question.queries[0]
        name = str(query.name).lower()
        self.asked.append(f"{dns.QUERY_TYPES.get(query.type, query.type)} {name}")
        if self.table is None:
            return
        answer = dns.Message(question.id, answer=True, auth=True, rCode=dns.OK if name in self.table else dns.ENAME)
        answer.queries = [query]
        for record in self.table.get(name, ()):
            if query.type == record.TYPE:
                answer.answers.append(dns.RRHeader(name, record.TYPE, ttl=60, payload=record, auth=True))
        self._port.write(answer.toStr(), addr)
