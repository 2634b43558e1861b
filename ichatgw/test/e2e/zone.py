# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
A name server for one test, on a port of its own.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import DatagramProtocol
from twisted.names import dns


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

    def start(self) -> str:
        """
        Open the socket.

        @return: the value of C{DNSServers}.
        """
        self._port = self._reactor.listenUDP(0, self, interface="127.0.0.1")
        return f"127.0.0.1:{self._port.getHost().port}"

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
