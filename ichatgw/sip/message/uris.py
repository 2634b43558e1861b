# -*- test-case-name: ichatgw.test.sip.message.test_uris,ichatgw.test.sip.message.test_identity,ichatgw.test.sip.test_endpoint -*-  # noqa: E501
"""
SIP URIs between sippy and the rest: as the translation rules see them, and as what they give is written.

sippy's C{SipURL} holds the user part as it stands in the URI, with its escapes (see
L{ichatgw.sip.message.sippypatches}).
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

import ichatgw.sip.message.sippypatches  # noqa: F401

# isort: split
from sippy.SipURL import SipURL

from ichatgw.address import Address
from ichatgw.errors import CallError
from ichatgw.model import TELEPHONE_HOST, Party
from ichatgw.sip.message.sanitize import userPart
from ichatgw.sip.message.syntax import escaped, legible

_URN_HOST = "urn.invalid"
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")


class Misaddressed(CallError):
    """A translated address is no SIP URI."""


def parse(uri: str) -> SipURL:
    """
    An address as a person has written it, in a translation rule say; what must not stand in a URI is escaped, or left
    out: a user part, or a parameter, that is empty, and the headers that a Request-URI cannot have (RFC 3261 section
    19.1.1).

    @raise Misaddressed: if it is none.
    """
    scheme, colon, rest = uri.partition(":")
    if scheme.lower() not in ("sip", "sips"):
        raise Misaddressed(f"{uri[:100]!r} is no SIP address")
    user, at, where = rest.rpartition("@")
    name, mark, password = user.partition(":")
    before = f"{escaped(name)}{mark}{escaped(password)}{at}" if user else ""
    try:
        url = SipURL(f"{scheme}{colon}{before}{_place(where)}")
        if not url.host or (url.port is not None and not 0 < int(url.port) < 65536):
            raise ValueError("no host, or a port out of range")
        if not url.host.isascii():
            url.host = url.host.encode("idna").decode()  # a host of SIP is one of the DNS (RFC 3261 section 25.1)
    except Exception as problem:  # sippy raises whatever comes to hand
        raise Misaddressed(f"{uri[:100]!r} is no SIP address") from problem
    return url


def _place(text: str) -> str:
    return ";".join(filter(None, text.partition("?")[0].split(";")))


def identity(url: SipURL) -> SipURL:
    """
    A copy of a URI as From and To hold it: who a party is, without the route to it, its port, and the headers to send
    there, which RFC 3261 section 19.1.1 keeps out of these headers.
    """
    copy = url.getCopy()
    copy.port = copy.transport = copy.ttl = copy.maddr = copy.method = None
    copy.lr, copy.headers, copy.other = False, {}, []
    return copy


def uriOf(url: SipURL) -> str:
    """
    A URI as the translation rules see it: scheme, user, host and port, without needless escapes, parameters and
    headers; a telephone number, in full or with its context, as C{tel:} and a service as C{urn:}.
    """
    if url.host == TELEPHONE_HOST:
        context = next((each for each in url.userparams if each.startswith("phone-context=")), "")
        return f"tel:{legible(url.username or '')}{context and ';'}{context}"
    if url.host == _URN_HOST:
        urn = unquote(url.username or "")
        if urn.startswith("urn:"):
            return urn
    user = f"{legible(url.username)}@" if url.username else ""
    port = f":{int(url.port)}" if url.port is not None else ""
    return f"{url.scheme}:{user}{url.host}{port}"


def userOf(party: Party) -> str:
    """The user part of a party's address, for C{SipURL}: one of XMPP is text, one of SIP may be escaped already."""
    return userPart(party.user) if party.uri.startswith("xmpp:") else escaped(party.user)


def written(uri: str) -> str:
    """
    What L{uriOf} gives, or a rule, as a header holds it: nothing in its user part ends the brackets, and what is beyond
    ASCII is escaped, or as the DNS has it.

    @raise Misaddressed: if its host can be none of SIP.
    """
    address = Address(uri)
    text = str(address.withUser(escaped(address.user)))
    if not text.isascii() and address.scheme in ("sip", "sips"):
        text = str(parse(uri))
    return f"<{_BEYOND_ASCII.sub(lambda found: quote(found[0]), text)}>"
