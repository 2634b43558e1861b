# -*- test-case-name: ichatgw.test.net.test_stunservers -*-
"""
Where the STUN server is that tells us how the Internet sees us.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any, Protocol

from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.logger import Logger
from twisted.names.dns import AAAA, A

from ichatgw.model import TransportAddress

STUN_PORT = 3478

_log = Logger()


class Records(Protocol):
    """Who looks names up; see L{ichatgw.net.dns.Records}."""

    def lookUp(self, name: str, kind: int) -> Deferred[tuple[Any, ...]]: ...


class STUNServers:
    """
    Looks the addresses of one host up, whenever it is called; what is remembered is the business of C{records}.
    """

    def __init__(self, records: Records, host: str, port: int) -> None:
        """
        @param port: 0 for that of STUN.
        """
        self._records = records
        self._host = host
        self._port = port or STUN_PORT

    def __call__(self) -> Deferred[Sequence[TransportAddress]]:
        """One address of each family, if there is one.  Never fails."""
        try:
            ip_address(self._host)
        except ValueError:
            found = DeferredList([self._records.lookUp(self._host, kind) for kind in (A, AAAA)], consumeErrors=True)
            return found.addCallback(self._found)
        return succeed([TransportAddress(self._host, self._port)])

    def _found(self, results: Any) -> Sequence[TransportAddress]:
        answers = zip((A, AAAA), results, strict=True)
        hosts = [_literal(records[0], kind) for kind, (success, records) in answers if success and records]
        if not hosts:
            _log.debug("{host} was not found", host=self._host)
        return [TransportAddress(host, self._port) for host in hosts]


def _literal(record: Any, kind: int) -> str:
    return str(record.dottedQuad()) if kind == A else str(ip_address(record.address))
