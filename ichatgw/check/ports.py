# -*- test-case-name: ichatgw.test.check.test_faults -*-
"""
The ports of this host: can the gateway have them, and are there enough for media?
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from ipaddress import ip_address

from ichatgw.check.finding import Finding, Tell, error, ok, warning
from ichatgw.check.given import Given
from ichatgw.config.settings import Settings
from ichatgw.sip.setup import filesOf

ADDRESS, PORTS, MEDIA = "addresses", "ports", "media ports"

FEW_CALLS = 10
"""A range for fewer calls than these is hardly meant."""

_PORTS_OF_CALL = 4
_ALL = ("0.0.0.0", "::")
_ABSENT = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


async def look(given: Given, tell: Tell) -> None:
    """Try all of them."""
    settings = given.settings
    for finding in _addresses(given):
        tell(finding)
    served = _served(settings)
    findings = [finding for name, kind, hosts, port in served for finding in _tried(given, name, kind, hosts, port)]
    for finding in findings:
        tell(finding)
    if not findings:
        said = "the running gateway has them" if given.isRunning else "all of them are free"
        tell(ok(PORTS, f"{', '.join(dict.fromkeys(f'{name} {port}' for name, _, _, port in served))}: {said}"))
    for finding in (*_width(settings), *_overlap(given), *_taken(given)):
        tell(finding)


def hostsOf(settings: Settings) -> tuple[str, ...]:
    """The addresses at which sockets are opened."""
    return (settings.ipAddress,) if settings.ipAddress else _ALL


def isOurs(given: Given) -> bool:
    """Is the port for SIP free, or the running gateway's own?  If not, another program may be a gateway."""
    if given.isRunning or not given.settings.udpTcpPort:
        return True
    return not any(
        _fault(given, "udp", host, given.settings.udpTcpPort) == errno.EADDRINUSE for host in hostsOf(given.settings)
    )


def _fault(given: Given, kind: str, host: str, port: int) -> int:
    """Why a port cannot be had, as a number of C{errno}; 0 if it can."""
    try:
        given.host.tryPort(kind, host, port)
    except OSError as problem:
        return problem.errno or errno.EIO
    return 0


def _addresses(given: Given) -> Iterator[Finding]:
    settings = given.settings
    if settings.ipAddress and _fault(given, "udp", settings.ipAddress, 0) in _ABSENT:
        what = f"IPAddress {settings.ipAddress} is no address of this host"
        yield error(ADDRESS, what, "see ip address, or leave IPAddress blank")
    for advertised in settings.advertisedAddress:
        if not ip_address(advertised).is_global:
            what = f"AdvertisedAddress {advertised} is a private one, which the Internet cannot reach"
            yield warning(ADDRESS, what, "set the public address of the router, or leave it blank")


def _served(settings: Settings) -> list[tuple[str, str, tuple[str, ...], int]]:
    """The settings, kinds, addresses and numbers of the ports that the gateway listens on."""
    hosts = hostsOf(settings)
    found = [("UDPTCPPort", kind, hosts, settings.udpTcpPort) for kind in ("udp", "tcp")]
    if filesOf(settings).certificate:
        found.append(("TLSPort", "tcp", hosts, settings.tlsPort))
    if settings.httpPort:
        found.append(("HTTPPort", "tcp", (settings.httpAddress,), settings.httpPort))
    return [each for each in found if each[3]]


def _tried(given: Given, name: str, kind: str, hosts: tuple[str, ...], port: int) -> Iterator[Finding]:
    if given.isRunning:
        return
    for host in hosts:
        fault = _fault(given, kind, host, port)
        if fault == errno.EADDRINUSE:
            flag = "u" if kind == "udp" else "t"
            what = f"{name}: another program has {kind.upper()} port {port}"
            yield error(PORTS, what, f"see which by ss -{flag}lnp 'sport = :{port}', and stop it or take another port")
            return
        if fault in _ABSENT and host not in _ALL and host != given.settings.ipAddress:
            what = f"{name}: {host} is no address of this host"
            yield error(ADDRESS, what, "see ip address, or leave HTTPAddress blank")
            return
        if fault == errno.EACCES:
            what = f"{name}: this user may not open {kind.upper()} port {port}"
            yield error(PORTS, what, "take one above 1023, or AmbientCapabilities=CAP_NET_BIND_SERVICE of systemd")
            return


def _width(settings: Settings) -> Iterator[Finding]:
    first, last = settings.mediaRelayPortRangeMin, settings.mediaRelayPortRangeMax
    calls = (last - (first + first % 2) + 1) // _PORTS_OF_CALL
    if settings.maxCalls > calls:
        what = f"ports {first} to {last} are enough for {calls} calls, and MaxCalls is {settings.maxCalls}"
        yield warning(MEDIA, what, f"set MediaRelayPortRangeMax = {first + _PORTS_OF_CALL * settings.maxCalls}")
    elif calls < FEW_CALLS:
        what = f"ports {first} to {last} are enough for {calls} calls"
        yield warning(MEDIA, what, "let MediaRelayPortRangeMax be four ports more for each call")
    else:
        yield ok(MEDIA, f"ports {first} to {last} are enough for {calls} calls")


def _overlap(given: Given) -> Iterator[Finding]:
    """Other programs should not get them by chance."""
    settings = given.settings
    low, high = given.host.systemPorts()
    first, last = settings.mediaRelayPortRangeMin, settings.mediaRelayPortRangeMax
    if not high or last < low or first > high:
        return
    reserved = _ranges(given.host.reservedPorts())
    if not all(any(a <= port <= b for a, b in reserved) for port in (max(first, low), min(last, high))):
        what = f"the system gives ports {low} to {high} to any program, also those of media"
        yield warning(MEDIA, what, f"sysctl -w net.ipv4.ip_local_reserved_ports={first}-{last}, or other ports")


def _ranges(text: str) -> list[tuple[int, int]]:
    """As Linux writes them: C{8000-9999,12345}."""
    found = []
    for word in text.split(","):
        low, _, high = word.strip().partition("-")
        if low.isdecimal():
            found.append((int(low), int(high) if high.isdecimal() else int(low)))
    return found


def _taken(given: Given) -> Iterator[Finding]:
    """Media ports that other programs have."""
    if given.isRunning:
        status = given.status or {}
        yield ok(MEDIA, f"{status.get('mediaPortsFree')} of {status.get('mediaPorts')} pairs are free in the gateway")
        return
    settings = given.settings
    span = range(settings.mediaRelayPortRangeMin, settings.mediaRelayPortRangeMax + 1)
    host = hostsOf(settings)[0]
    taken = [port for port in span if _fault(given, "udp", host, port) == errno.EADDRINUSE]
    if taken:
        shown = ", ".join(map(str, taken[:5])) + (" and others" if len(taken) > 5 else "")
        what = f"other programs have {len(taken)} of them: {shown}"
        yield warning(MEDIA, what, "see which by ss -ulnp, and move the range of MediaRelayPortRangeMin")
