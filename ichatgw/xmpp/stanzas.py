# -*- test-case-name: ichatgw.test.xmpp.test_stanzas,ichatgw.test.xmpp.link.test_component,ichatgw.test.ichat.test_protocol,ichatgw.test.xmpp.commands.test_catalogue -*-  # noqa: E501
# mypy: allow-untyped-calls
"""
Small things every reader and writer of stanzas needs: addresses that are checked, and error answers.
"""

from __future__ import annotations

import re
from functools import lru_cache

from twisted.words.protocols.jabber.error import StanzaError
from twisted.words.protocols.jabber.jid import JID, InvalidFormat
from twisted.words.protocols.jabber.xmlstream import toResponse
from twisted.words.xish.domish import Element

from ichatgw.address import Address
from ichatgw.errors import MalformedError, NoRoute

NS_XML = "http://www.w3.org/XML/1998/namespace"

NS_RECEIPTS = "urn:xmpp:receipts"
"""XEP-0184."""

MAX_ADDRESS = 512  # beyond any in use; the standard allows 3071, but stringprep takes its time


_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_PLAIN = re.compile(rf"(?:([!#-%(-.0-9;=?A-Z\[-~]+)@)?({_LABEL}(?:\.{_LABEL})*)(?:/([ -~]+))?", re.ASCII).fullmatch
"""An address of ASCII alone: stringprep, which takes half a millisecond, only makes its letters small."""


def _plainJID(user: str | None, host: str, resource: str | None) -> JID:
    """An address whose parts are as they may be, but for capital letters."""
    jid: JID = JID.__new__(JID)
    jid.user, jid.host, jid.resource = user and user.lower(), host.lower(), resource
    return jid


@lru_cache(maxsize=4096)
def parseJID(text: str) -> JID:
    """
    Read an address and bring it to its one spelling (RFC 6122 section 2).

    Addresses are cached here in bounded number; Twisted's C{internJID} would keep every one it ever saw.

    @raise MalformedError: if it is none.
    """
    if len(text) > MAX_ADDRESS:
        raise MalformedError("the address is too long")
    plain = _PLAIN(text)
    if plain is not None:
        return _plainJID(*plain.groups())
    try:
        jid = JID(text) if text else None
    except (InvalidFormat, ValueError, IndexError) as error:
        raise MalformedError(f"not an address: {text[:80]!r}") from error
    # Characters that stringprep maps to nothing must not turn user@host into host.
    if jid is None or not jid.host or ("@" in text.partition("/")[0] and not jid.user):
        raise MalformedError(f"not an address: {text[:80]!r}")
    return jid


def calledUser(uri: str, component: str) -> JID:
    """
    Whom a call to a URI is for.

    @param uri: C{xmpp:user@domain} (RFC 5122), perhaps with a resource; its query is left out.
    @param component: our own domain, which is not called.
    @raise NoRoute: if it is no user's.
    """
    said = Address(uri)
    try:
        jid = parseJID(said.rest.partition("?")[0])
    except MalformedError as error:
        raise NoRoute(str(error)) from error
    if said.scheme != "xmpp" or not jid.user:
        raise NoRoute(f"not the address of a user: {uri[:80]!r}")
    if jid.host == component:
        raise NoRoute("the gateway does not call itself")
    return jid


def bareJID(jid: JID) -> JID:
    """The address without its resource."""
    if not jid.resource:
        return jid
    bare: JID = JID.__new__(JID)
    bare.user, bare.host, bare.resource = jid.user, jid.host, None
    return bare


def sender(stanza: Element) -> JID:
    """
    Who sent the stanza.

    @raise MalformedError: if it does not say so, or says nonsense.
    """
    return parseJID(stanza.getAttribute("from") or "")


def recipient(stanza: Element) -> JID:
    """
    Whom the stanza is for.

    @raise MalformedError: if it does not say so, or says nonsense.
    """
    return parseJID(stanza.getAttribute("to") or "")


def errorReply(stanza: Element, condition: str, text: str = "", kind: str | None = None) -> Element:
    """
    Answer a request with an error (RFC 6120 section 8.3) that comes from the address that was asked.

    What was sent is not repeated, as the RFC leaves it open: it may be large or hostile.

    @param text: what people may be told of it beyond that.
    @param kind: what the sender can do about it; if not given, as the RFC has it for this condition.
    """
    reply: Element = toResponse(stanza, "error")
    reply.addChild(StanzaError(condition, type=kind, text=text or None).getElement())
    return reply


def languageTag(stanza: Element) -> str:
    """The C{xml:lang} of an element (RFC 5646); empty if it has none."""
    tag = stanza.getAttribute((NS_XML, "lang")) or stanza.getAttribute("xml:lang") or ""
    return str(tag)


def isRequest(stanza: Element) -> bool:
    """Is it an IQ that must be answered?"""
    return stanza.name == "iq" and stanza.getAttribute("type") in ("get", "set")


def untangle(stanza: Element) -> None:
    """
    Let no element in a stanza that has been dealt with know the one around it: so it is freed at once, and not when
    Python's collector comes, which leaves older objects alone while a call is up.
    """
    waiting = [stanza]
    while waiting:
        for child in waiting.pop().elements():
            child.parent = None
            waiting.append(child)
