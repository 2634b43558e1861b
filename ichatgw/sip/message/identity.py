# -*- test-case-name: ichatgw.test.sip.message.test_identity,ichatgw.test.sip.leg.test_telling -*-
"""
Who calls, as SIP headers say it: From, P-Asserted-Identity (RFC 3325), Remote-Party-ID, Privacy (RFC 3323), Diversion
(RFC 5806).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable
from typing import TypeVar
from urllib.parse import unquote

from attrs import evolve
from sippy.SipAddress import SipAddress
from sippy.SipGenericHF import SipGenericHF
from sippy.SipHeader import SipHeader
from sippy.SipMsg import SipMsg
from sippy.SipRequest import SipRequest

from ichatgw.model import ANONYMOUS, TELEPHONE_HOST, Diversion, Invitation, Party, TransportAddress
from ichatgw.net.hosts import literal
from ichatgw.sip.message.sanitize import displayName
from ichatgw.sip.message.syntax import legible
from ichatgw.sip.message.uris import Misaddressed, parse, uriOf, userOf, written

MAX_DIVERSIONS = 5
"""How many stations of a call that was sent on are passed on."""

_COUNTER = re.compile("[1-9][0-9]{0,2}")

_CAUSE = re.compile(r"[;?&]\s*(?:reason=sip;)?cause=(?:302|4(?:04|08|80|86|87)|503)\b", re.IGNORECASE)
"""Why a server has sent a call on, in an entry of History-Info."""

_OF_CALLER = frozenset(
    ("from", "p-asserted-identity", "remote-party-id", "privacy", "diversion", "history-info", "max-forwards")
)
"""The headers that L{callerOf} reads."""

_HIDING = frozenset({"id", "user", "header"})


def callerIn(startLine: str, headers: Iterable[tuple[str, str]]) -> Party:
    """
    The same as L{callerOf}, of an INVITE that is not read otherwise: that takes half as long.

    @param headers: names and values, as the gate gives them.
    """
    lines = (f"{name}: {value}" for name, value in headers if name.lower() in _OF_CALLER)
    return callerOf(SipRequest("\r\n".join((startLine, *lines, "", ""))))


def callerOf(request: SipRequest) -> Party:
    """
    The caller of an INVITE that came from a peer that we trust with calls, and so with names: what a server before us
    asserts comes before what the phone says of itself.

    The party is marked as private if it wants to be: its address is for our rules and logs only.
    """
    stated = request.getHFBody("from").getUri()
    asserted, hidden = _asserted(request, ("calling",))
    best = stated if asserted is None else asserted
    uri = uriOf(best.url)
    if best.url.host == TELEPHONE_HOST:
        uri = f"sip:{legible(best.url.username or '')}@{stated.url.host}"
    hops = next((body.getNum() for body in request.getHFBodys("max-forwards")), None)
    return Party(
        uri,
        plainName(best.name) or plainName(stated.name),
        private=hidden or _isPrivate(request) or stated.url.host.lower().rstrip(".").endswith("anonymous.invalid"),
        diversions=tuple(_diversion(body.getUri()) for body in request.getHFBodys("diversion")[:MAX_DIVERSIONS]),
        forwards=_forwardsOf(request),
        hops=None if hops is None else max(0, hops - 1),
    )


def _forwardsOf(request: SipRequest) -> int:
    """
    How often a call was sent on: by its Diversion headers, each of which may stand for several, or else by the entries
    of History-Info that say why (RFC 4458 and RFC 7044 section 5).
    """
    stations = (_diversion(body.getUri()) for body in request.getHFBodys("diversion"))
    counters = (dict(each.parameters).get("counter", "") for each in stations)
    diverted = sum(int(counter) if _COUNTER.fullmatch(counter) else 1 for counter in counters)
    entries = ",".join(str(body) for body in request.getHFBodys("history-info"))
    return max(diverted, len(_CAUSE.findall(unquote(entries))))


def invitationOf(request: SipRequest, source: TransportAddress) -> Invitation:
    """The outer marks of an INVITE."""
    userAgents = request.getHFBodys("user-agent")
    return Invitation(
        source,
        str(userAgents[0])[:200] if userAgents else "",
        plainName(request.getHFBody("from").getUri().name),
        plainName(request.getHFBody("to").getUri().name),
        _writtenAt(request),
    )


def _writtenAt(request: SipRequest) -> frozenset[str]:
    """
    The hosts, IP literals, where an INVITE says that it was written: in its Via, its Contact and its Call-ID, where
    iChats put C{192-168-1-2} behind the C{@}.
    """
    named = [request.getHFBody("via").hostname, *(each.getUrl().host for each in request.getHFBodys("contact")[:1])]
    _, _, place = str(request.getHFBody("call-id")).partition("@")
    found = (literal(str(each), 1) for each in (*named, place.replace("-", ".")))
    return frozenset(each.host for each in found if each is not None)


def connectedTo(message: SipMsg, party: Party) -> Party:
    """
    Who is at the far end now, as a message within the call says it (RFC 3325, RFC 5876): C{party}, if it does not.

    @param party: who was there before.
    """
    asserted, hidden = _asserted(message)
    if asserted is None:
        return party
    url = asserted.url
    uri = uriOf(url) if url.host != TELEPHONE_HOST else f"sip:{legible(url.username or '')}@{party.domain}"
    name = plainName(asserted.name)
    if uri == party.uri:
        name = name or party.name
    return evolve(party, uri=uri, name=name, private=hidden or _isPrivate(message))


def _asserted(message: SipMsg, parties: Container[str] = ("calling", "called")) -> tuple[SipAddress | None, bool]:
    """
    The identity that a server asserts, sippy's C{SipAddress}, or C{None}; and whether it is to be hidden.  From
    P-Asserted-Identity, or from its predecessor, Remote-Party-ID.

    @param parties: whom the latter may be about: an INVITE may have one for who calls and one for who is called.
    """
    for body in message.getHFBodys("p-asserted-identity"):
        return body.getUri(), False
    for other in message.getHFBodys("remote-party-id"):
        address = SipAddress(str(other))
        said = {name.lower(): (value or "").strip('"').lower() for name, value in address.params.items()}
        if said.get("party", "calling") in parties:
            return address, said.get("privacy", "off") not in ("off", "")
    return None, False


def _diversion(address: SipAddress) -> Diversion:
    return Diversion(uriOf(address.url), tuple((name, address.params[name] or "") for name in address.params_order))


def _isPrivate(message: SipMsg) -> bool:
    tokens = {
        token.strip().lower()
        for body in message.getHFBodys("privacy")
        for token in str(body).replace(",", ";").split(";")
    }
    return bool(tokens & _HIDING) and "none" not in tokens


def shownAs(caller: Party) -> Party:
    """The caller as the called party may see it."""
    return ANONYMOUS if caller.private else caller


def presentedAs(shown: Party, otherwise: Party) -> SipAddress:
    """
    What From says of a caller, sippy's C{SipAddress}.

    @param shown: the caller as the called party may see it.
    @param otherwise: who calls if the caller has no address of its own.
    """
    local = shown if shown.user else otherwise
    try:
        url = parse(f"sip:{local.domain}")
    except Misaddressed:  # a domain of XMPP that is no host name
        url = parse(f"sip:{otherwise.domain}")
    url.username = userOf(local) or None  # whatever is in it, it names no other host
    return SipAddress(name=displayName(local.name), url=url)


def identityHeaders(caller: Party, asserts: bool) -> tuple[SipHeader, ...]:
    """
    What an INVITE of ours says of the caller beside From.

    @param asserts: whether called parties may know who calls even if the caller does not want to be shown.
    """
    headers = [("privacy", "id")] if caller.private else []
    if asserts and caller.user and caller.uri.startswith("sip"):
        headers += _naming("p-asserted-identity", _asserting, caller)
    if caller.referredBy:
        headers += _naming("referred-by", written, caller.referredBy)
    for each in caller.diversions:
        headers += _naming("diversion", _station, each)
    return tuple(headerOf(name, value) for name, value in headers)


_Named = TypeVar("_Named")


def _naming(header: str, write: Callable[[_Named], str], named: _Named) -> list[tuple[str, str]]:
    """The header that C{write} makes for C{named}; none if its address can be none of SIP."""
    try:
        return [(header, write(named))]
    except Misaddressed:
        return []


def _asserting(caller: Party) -> str:
    name = displayName(caller.name)
    user, at, where = caller.uri.rpartition("@")
    return (f'"{name}" ' if name else "") + written(f"{user}{at}{where.partition(';')[0]}")


def headerOf(name: str, value: str) -> SipHeader:
    """
    A header of ours, that goes out as it is.  sippy would look for several values in one of that name, and take a comma
    in quotes for the end of one.
    """
    return SipHeader(name=name, body=SipGenericHF(value, name))


def connectedHeaders(party: Party | None, otherwise: str) -> tuple[SipHeader, ...]:
    """
    What a response or an UPDATE of ours says of who is at the other end (RFC 3325); nothing of one that does not want
    to be shown.

    @param otherwise: the address of one that has none of SIP; empty if there is none.
    """
    if party is None or party.private:
        return ()
    if not (party.uri.startswith("sip") and party.user):
        party = Party(otherwise, party.name or party.user)
    return identityHeaders(evolve(party, diversions=(), referredBy=""), asserts=True)


def _station(diversion: Diversion) -> str:
    marks = "".join(f";{name}={value}" if value else f";{name}" for name, value in diversion.parameters)
    return written(diversion.uri) + marks


def plainName(name: str | None) -> str:
    """A display name as a person reads it."""
    if not name:
        return ""
    return name.strip().strip('"').replace('\\"', '"').replace("\\\\", "\\")[:200]
