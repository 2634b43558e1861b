# -*- test-case-name: ichatgw.test.xmpp.test_prompt -*-
# mypy: allow-untyped-calls, allow-subclassing-any
"""
The prompt of a gateway (XEP-0100 section 6.4): who adds a contact is asked for a number or a SIP address, and told
which XMPP address that has here.
"""

from __future__ import annotations

import re
from typing import Any

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.words.protocols.jabber.xmlstream import toResponse
from twisted.words.xish.domish import Element
from wokkel.subprotocols import XMPPHandler

from ichatgw.address import Address
from ichatgw.errors import MalformedError
from ichatgw.escaping import escape, fromSIP
from ichatgw.xmpp.stanzas import errorReply, parseJID

NS_GATEWAY = "jabber:iq:gateway"
DESCRIPTION = "Enter a telephone number or a SIP address."
PROMPT = "Number or address"

_SCHEME = re.compile(r"(?:sips?|tel|xmpp):", re.IGNORECASE)
_NUMBER = re.compile(r"\+?[0-9 ()./-]+\Z")
_MARKS = str.maketrans("", "", " ()./-")


class Prompt(XMPPHandler):
    """Answers the prompt."""

    def __init__(self, component: str) -> None:
        super().__init__()
        self._component = component.lower()

    def connectionInitialized(self) -> None:
        self.xmlstream.addObserver(f'/iq[@type="get"]/query[@xmlns="{NS_GATEWAY}"]', self._asked)
        self.xmlstream.addObserver(f'/iq[@type="set"]/query[@xmlns="{NS_GATEWAY}"]', self._told)

    def _asked(self, iq: Any) -> None:
        query = Element((NS_GATEWAY, "query"))
        query.addElement("desc", content=DESCRIPTION)
        query.addElement("prompt", content=PROMPT)
        self._reply(iq, query)

    def _told(self, iq: Any) -> None:
        text = "".join(str(child) for child in iq.query.elements() if child.name == "prompt")
        try:
            address = parseJID(f"{userOf(text)}@{self._component}")
        except MalformedError:
            iq.handled = True
            self.send(errorReply(iq, "not-acceptable"))
            return
        query = Element((NS_GATEWAY, "query"))
        query.addElement("jid", content=address.full())
        self._reply(iq, query)

    def _reply(self, iq: Any, query: Element) -> None:
        iq.handled = True
        reply = toResponse(iq, "result")
        reply.addChild(query)
        self.send(reply)


def userOf(text: str) -> str:
    """
    The user part of our address for what a user typed: a number without the marks that people write in it, or
    whatever else it is in full, escaped (XEP-0106).
    """
    text = text.strip()
    scheme = _SCHEME.match(text)
    if scheme is not None:
        said = Address(text)
        text = said.place.partition(";")[0].partition("?")[0]
        return text.translate(_MARKS) if said.scheme == "tel" else fromSIP(f"{said.user}@{text}" if said.user else text)
    return text.translate(_MARKS) if _NUMBER.match(text) else escape(text)
