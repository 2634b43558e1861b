# -*- test-case-name: ichatgw.test.xmpp.presence.test_presence,ichatgw.test.xmpp.presence.test_showing -*-
"""
Presence stanzas (RFC 6121 section 4), read and written.
"""

from __future__ import annotations

import re

from twisted.words.protocols.jabber.error import NS_XMPP_STANZAS
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element

from ichatgw.xmpp.clients import ICHAT_NODE, ICHAT_NODES, SHOW_ORDER, Resource
from ichatgw.xmpp.discoinfo import NS_CAPS, NS_CAPS2, NS_HASHES, SECOND_ALGORITHMS

CAPS_VERSION = "448"  # no iChat ever had it
CAPS_EXTENSIONS = ("avavail", "avcap", "audio")

MAX_TEXT = 256
"""As many characters of a text are kept of what a client says of itself."""


def presenceStanza(to: JID, from_: JID, kind: str | None = None, caps: bool = False) -> Element:
    """Presence as the first gateway sent it: never a show or a status, always priority 0 where one belongs."""
    stanza = Element((None, "presence"))
    if kind is not None:
        stanza["type"] = kind
    stanza["to"], stanza["from"] = to.full(), from_.full()
    if kind in (None, "unavailable"):
        stanza.addElement("priority", content="0")
    if caps:
        child = stanza.addElement((NS_CAPS, "c"))
        child["node"], child["ver"] = ICHAT_NODE, CAPS_VERSION
        child["ext"] = " ".join(CAPS_EXTENSIONS)
    return stanza


def readResource(jid: JID, stanza: Element) -> Resource:
    """What cannot be understood counts as not said."""
    caps = _readCaps(stanza)
    show = _textOf(stanza, "show")
    priority = _textOf(stanza, "priority")
    return Resource(
        jid=jid,
        show=show if show in SHOW_ORDER else "",
        priority=max(-128, min(127, int(priority))) if re.fullmatch("[+-]?[0-9]{1,3}", priority) else 0,
        node=caps.get("node", "")[:MAX_TEXT],
        ver=caps.get("ver", "")[:MAX_TEXT],
        ext=frozenset(caps.get("ext", "")[:MAX_TEXT].split()),
        hash=caps.get("hash", "")[:MAX_TEXT],
        caps2=_readCaps2(stanza)[:MAX_TEXT],
    )


def _readCaps(stanza: Element) -> dict[str, str]:
    """The attributes of the capabilities; an iChat's, if a server put others beside them."""
    found = [child.attributes for child in stanza.elements() if (child.uri, child.name) == (NS_CAPS, "c")]
    found.sort(key=lambda attributes: attributes.get("node") not in ICHAT_NODES)
    return found[0] if found else {}


def _readCaps2(stanza: Element) -> str:
    """The best of the hashes (XEP-0390)."""
    found = {
        one.getAttribute("algo"): str(one).strip()
        for child in stanza.elements()
        if (child.uri, child.name) == (NS_CAPS2, "c")
        for one in child.elements()
        if (one.uri, one.name) == (NS_HASHES, "hash")
    }
    best = next((algorithm for algorithm in SECOND_ALGORITHMS if found.get(algorithm)), None)
    return "" if best is None else f"{best}.{found[best]}"


def _textOf(stanza: Element, name: str) -> str:
    child = next((child for child in stanza.elements() if child.name == name), None)
    return "" if child is None else str(child).strip()


def readError(stanza: Element) -> tuple[str, int | None]:
    error = next((child for child in stanza.elements() if child.name == "error"), None)
    if error is None:
        return "", None
    condition = next((c.name for c in error.elements() if c.uri == NS_XMPP_STANZAS and c.name != "text"), "")
    code = error.getAttribute("code") or ""
    return condition, int(code) if re.fullmatch("[0-9]{3}", code) else None
