# -*- test-case-name: ichatgw.test.check.test_faults -*-
"""
Servers that are neither of XMPP nor of SIP: name servers, and the one that captures messages.
"""

from __future__ import annotations

from ichatgw.check.asking.interfaces import Unreachable
from ichatgw.check.finding import Tell, error, ok
from ichatgw.check.given import Given
from ichatgw.check.lookup import addressesOf
from ichatgw.model import TransportAddress
from ichatgw.net.dns import Unanswered
from ichatgw.observe.hep.wire import PORT

HEP, DNS = "HEP", "DNS"


async def lookAtNames(given: Given, tell: Tell) -> None:
    """Ask each of C{DNSServers}: with one of two that is dead all works, and slowly."""
    for server in given.settings.dnsServers:
        try:
            await given.network.asked(server, given.settings.jabberServer)
        except Unreachable as problem:
            tell(error(DNS, f"DNSServers: {server}: {problem}", "correct DNSServers, or let UDP pass the firewall"))
        else:
            tell(ok(DNS, f"DNSServers: {server} answers"))


async def lookAtCapture(given: Given, tell: Tell) -> None:
    """Does something listen at C{HEPServer}?"""
    if given.settings.hepServer is None:
        return
    host, port, transport = given.settings.hepServer
    try:
        hosts = await addressesOf(given.records, host)
    except Unanswered as problem:
        tell(error(HEP, f"the name servers do not say where HEPServer {host} is: {problem}", "see /etc/resolv.conf"))
        return
    if not hosts:
        tell(error(HEP, f"HEPServer {host} has no address", "correct HEPServer, or add it to the DNS or /etc/hosts"))
        return
    server, isStream = TransportAddress(hosts[0], port or PORT), transport == "tcp"
    try:
        await given.network.reached(server, isStream)
    except Unreachable as problem:
        remedy = "start the server, correct host, port and transport in HEPServer, or let it pass the firewall"
        tell(error(HEP, f"HEPServer {host} at {server}: {problem}", remedy))
    else:
        said = "is there" if isStream else "refuses nothing; over UDP no server says more"
        tell(ok(HEP, f"{server} {said}"))
