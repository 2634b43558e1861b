# -*- test-case-name: ichatgw.test.jingle.stanzas.test_description -*-
# mypy: allow-untyped-calls
"""
C{<candidate/>}s of a transport (XEP-0176, XEP-0177), read and written.

Those that lead nowhere for us are passed over: TCP, link-local addresses, and names instead of addresses, as browsers
give them for their own hosts (mDNS, C{.local}).  Such a host is found by the checks that it sends.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from itertools import islice

from twisted.words.xish.domish import Element

from ichatgw.jingle.stanzas.namespaces import NS_RAW_UDP
from ichatgw.jingle.stanzas.xml import children, number, numberOr, readable, word, wordOr
from ichatgw.model import Candidate, TransportAddress

MAX_CANDIDATES = 64
"""As many of one stanza are looked at; the rest is passed over."""

_KINDS = ("host", "srflx", "prflx", "relay")


def readCandidates(transport: Element) -> tuple[Candidate, ...]:
    """Those that can be used: what cannot be is ignored (XEP-0176 section 5.4)."""
    elements = islice(children(transport, transport.uri, "candidate"), MAX_CANDIDATES)
    return tuple(readable(lambda element: _readCandidate(element, transport.uri), elements))


def _readCandidate(element: Element, namespace: str) -> Candidate | None:
    """
    C{None} if we cannot use it: TCP, the name of a host (mDNS), link-local and other addresses that lead nowhere.

    @raise MalformedError: if it cannot be told where it leads.
    """
    address = _readAddress(element, "ip", "port")
    component = number(element, "component", 256, 1)
    if namespace == NS_RAW_UDP:
        return None if address is None or component not in (1, 2) else Candidate("raw", component, 0, address)
    protocol = word(element, "protocol", "udp").lower()
    kind = word(element, "type", "host").lower()
    priority = numberOr(element, "priority", 2**32 - 1, 0)
    foundation = wordOr(element, "foundation", "")
    if address is None or protocol != "udp" or component not in (1, 2) or kind not in _KINDS:
        return None
    related = None
    if kind != "host" and element.getAttribute("rel-addr") is not None:
        related = next(readable(lambda one: _readAddress(one, "rel-addr", "rel-port"), (element,)), None)
    return Candidate(foundation[:32], component, min(priority, 2**31 - 1), address, "udp", kind, related)


def _readAddress(element: Element, host: str, port: str) -> TransportAddress | None:
    text, portNumber = word(element, host, "").strip(), number(element, port, 65535, 0)
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return None
        address = address.ipv4_mapped or address
    useless = address.is_multicast or address.is_unspecified or str(address) == "255.255.255.255"
    if useless or not portNumber or (address.is_link_local and address.version == 6):
        return None
    return TransportAddress(str(address), portNumber)


def addCandidate(transport: Element, candidate: Candidate, position: int, generation: int) -> None:
    """
    Write one.

    @param position: its place among the others, from 1.
    @param generation: how often ICE was started anew.
    """
    element = transport.addElement("candidate")
    address = candidate.address
    element["component"], element["generation"] = str(candidate.component), str(generation)
    element["id"] = f"c{generation}-{candidate.component}-{address.port}-{position}"
    element["ip"], element["port"] = address.host, str(address.port)
    if transport.uri == NS_RAW_UDP:
        element["type"] = candidate.kind
        return
    element["foundation"], element["network"] = candidate.foundation, "0"
    element["priority"], element["protocol"], element["type"] = (
        str(candidate.priority),
        candidate.protocol,
        candidate.kind,
    )
    if candidate.related is not None:
        element["rel-addr"], element["rel-port"] = candidate.related.host, str(candidate.related.port)
