# -*- test-case-name: ichatgw.test.check.test_faults,ichatgw.test.check.test_sipanswers -*-
"""
The STUN server, and whether others see us where we say that we are.
"""

from __future__ import annotations

from ipaddress import ip_address

from ichatgw.check.asking.interfaces import Unreachable
from ichatgw.check.finding import Tell, error, ok, warning
from ichatgw.check.given import Given
from ichatgw.check.lookup import addressesOf
from ichatgw.model import TransportAddress
from ichatgw.net.dns import Unanswered
from ichatgw.net.stunservers import STUN_PORT

SUBJECT = "STUN"


async def look(given: Given, tell: Tell) -> None:
    """Ask it, if there is one."""
    if given.settings.stunServer is None:
        return
    host, port = given.settings.stunServer
    try:
        hosts = await addressesOf(given.records, host)
    except Unanswered as problem:
        tell(error(SUBJECT, f"the name servers do not say where {host} is: {problem}", "see /etc/resolv.conf"))
        return
    if not hosts:
        tell(error(SUBJECT, f"STUNServer {host} has no address", "correct STUNServer"))
    for each in hosts[:2]:
        server = TransportAddress(each, port or STUN_PORT)
        try:
            seen = await given.network.seen(server)
        except Unreachable as problem:
            what = f"STUNServer {host} at {server}: {problem}"
            tell(error(SUBJECT, what, "correct STUNServer, or let UDP pass the firewall"))
        else:
            _compare(given, server, seen, tell)


def _compare(given: Given, server: TransportAddress, seen: TransportAddress, tell: Tell) -> None:
    """Is it the address that we advertise?"""
    advertised = [each for each in given.settings.advertisedAddress if (":" in each) == seen.isIPv6]
    if advertised and ip_address(advertised[0]) != ip_address(seen.host):
        what = f"{server} sees us as {seen.host}, and AdvertisedAddress is {advertised[0]}"
        tell(warning(SUBJECT, what, f"set AdvertisedAddress = {seen.host}"))
    else:
        tell(ok(SUBJECT, f"{server} sees us as {seen.host}"))
