# -*- test-case-name: ichatgw.test.sim.xmpp.test_router -*-
"""
XML elements and addresses of XMPP with types on them: the library beneath has none.
"""

from __future__ import annotations

from collections.abc import Iterator

from twisted.words.xish import domish

STREAM_NAMESPACES = (None, "jabber:client", "jabber:server", "jabber:component:accept")
STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
CAPS = "http://jabber.org/protocol/caps"
DISCO_INFO = "http://jabber.org/protocol/disco#info"
ROSTER = "jabber:iq:roster"
VERSION = "jabber:iq:version"
PING = "urn:xmpp:ping"


def element(name: str, uri: str | None = None, /, **attributes: str) -> domish.Element:
    """A new element; an underscore behind an attribute's name falls away (C{from_})."""
    made = domish.Element((uri, name))
    for key, value in attributes.items():
        made[key.rstrip("_")] = value
    return made


def add(
    parent: domish.Element, name: str, uri: str | None = None, /, text: str = "", **attributes: str
) -> domish.Element:
    """A new child; without C{uri} it is in the namespace of its parent."""
    made: domish.Element = parent.addElement((uri or parent.uri, name))
    if uri is not None:
        made.defaultUri = uri
    for key, value in attributes.items():
        made[key.rstrip("_")] = value
    if text:
        made.addContent(text)
    return made


def children(parent: domish.Element) -> Iterator[domish.Element]:
    """The elements within."""
    yield from parent.elements()


def child(parent: domish.Element, name: str, uri: str | None = None) -> domish.Element | None:
    """The first child of that name (and namespace, if given)."""
    return next((each for each in children(parent) if each.name == name and uri in (None, each.uri)), None)


def text(of: domish.Element | None) -> str:
    """The text within, empty for nothing."""
    return "" if of is None else str(of)


def get(of: domish.Element, name: str) -> str:
    """An attribute, empty if absent."""
    return str(of.attributes.get(name, ""))


def toXml(of: domish.Element) -> str:
    """The element written out."""
    return str(of.toXml())


def copied(of: domish.Element, namespace: str) -> domish.Element:
    """A deep copy, with what belonged to one stream's namespace moved to another's."""
    uri = namespace if of.uri in STREAM_NAMESPACES else of.uri
    made = domish.Element((uri, of.name))
    made.attributes = dict(of.attributes)
    for each in of.children:
        if isinstance(each, domish.Element):
            made.children.append(copied(each, namespace))
        else:
            made.addContent(str(each))
    return made


def errorFor(stanza: domish.Element, condition: str, kind: str = "cancel", code: str = "503") -> domish.Element:
    """The error to send back for a stanza (RFC 6120 section 8.3)."""
    answer = element(stanza.name, type="error", to=get(stanza, "from"), from_=get(stanza, "to"))
    if get(stanza, "id"):
        answer["id"] = get(stanza, "id")
    add(add(answer, "error", type=kind, code=code), condition, STANZAS)
    return answer


def resultFor(stanza: domish.Element) -> domish.Element:
    """An empty result for an IQ."""
    return element("iq", type="result", id=get(stanza, "id"), to=get(stanza, "from"), from_=get(stanza, "to"))


def bare(jid: str) -> str:
    """The address without its resource, in lower case."""
    return jid.partition("/")[0].lower()


def domainOf(jid: str) -> str:
    """The domain of an address."""
    return bare(jid).rpartition("@")[2]


def resourceOf(jid: str) -> str:
    """The resource, empty if there is none."""
    return jid.partition("/")[2]
