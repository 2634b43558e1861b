# -*- test-case-name: ichatgw.test.check.test_lookup -*-
"""
The addresses of hosts, by the hosts file and the DNS.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import DeferredList

from ichatgw.net.dns import AAAA, A, Records, Unanswered, address
from ichatgw.net.hosts import literal


async def addressesOf(records: Records, host: str) -> list[str]:
    """
    The addresses of a host as IP literals, those of IPv4 first; none if it has none.

    @raise Unanswered: if the name servers do not say.
    """
    given = literal(host, 0)
    if given is not None:
        return [given.host]
    local = [each for kind in (A, AAAA) for each in records.local(host, kind)]
    if local:
        return list(dict.fromkeys(local))
    results: Any = await DeferredList([records.lookUp(host, kind) for kind in (A, AAAA)], consumeErrors=True)
    found = [address(record) for success, answer in results if success for record in answer]
    problems = [answer.value for success, answer in results if not success]
    if not found and problems:
        raise problems[0] if isinstance(problems[0], Unanswered) else Unanswered(str(problems[0]))
    return found
