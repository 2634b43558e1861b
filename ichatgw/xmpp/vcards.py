# -*- test-case-name: ichatgw.test.xmpp.test_vcards -*-
# mypy: allow-untyped-calls, allow-subclassing-any
"""
Visiting cards of our addresses: vcard-temp (XEP-0054) and vCard4 (XEP-0292), with name and number.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.internet.interfaces import IReactorTime
from twisted.words.protocols.jabber.jid import JID
from twisted.words.protocols.jabber.xmlstream import toResponse
from twisted.words.xish.domish import Element
from wokkel.subprotocols import XMPPHandler

from ichatgw.errors import MalformedError
from ichatgw.escaping import toSIP
from ichatgw.runtime.ratelimit import RateLimit
from ichatgw.xmpp.stanzas import bareJID, errorReply, recipient, sender

NS_TEMP = "vcard-temp"
NS_VCARD4 = "urn:ietf:params:xml:ns:vcard-4.0"

CARDS = (5.0, 300)
"""How many cards one user is given, in a second and at once: a client asks for those of all contacts when it starts."""

_NUMBER = re.compile(r"\+?[0-9*#]{1,32}")


class VCards(XMPPHandler):
    """Answers who is behind our addresses, to users who may call: names are personal."""

    def __init__(
        self,
        clock: IReactorTime,
        nameOf: Callable[[JID, JID], str],
        allows: Callable[[JID], bool],
        serves: Callable[[JID], bool],
    ) -> None:
        """
        @param nameOf: the name that a user (first) sees of our address (second); empty if there is none.
        @param allows: who may call.
        @param serves: is this bare address of ours one that can be called, or the control address?
        """
        super().__init__()
        self._nameOf = nameOf
        self._allows = allows
        self._serves = serves
        self._cards = RateLimit(clock, *CARDS)

    def connectionInitialized(self) -> None:
        self.xmlstream.addObserver(f"/iq[@type='get']/vCard[@xmlns='{NS_TEMP}']", self._asked, 0, _temporary)
        self.xmlstream.addObserver(f"/iq[@type='get']/vcard[@xmlns='{NS_VCARD4}']", self._asked, 0, _fourth)

    def _asked(self, write: Callable[[JID, str, str], Element], iq: Any) -> None:
        iq.handled = True
        try:
            user, ours = sender(iq), bareJID(recipient(iq))
        except MalformedError:
            return  # no valid address to answer
        condition = self._objection(user, ours)
        if condition:
            self.send(errorReply(iq, condition))
            return
        number = unquote(toSIP(ours.user or ""))
        reply = toResponse(iq, "result")
        reply.addChild(
            write(ours, self._nameOf(user, ours) or number or ours.host, number if _NUMBER.fullmatch(number) else "")
        )
        self.send(reply)

    def _objection(self, user: JID, ours: JID) -> str:
        """Why there is no card for C{user}, the condition of an error; empty if there is."""
        if not self._allows(user):
            return "forbidden"
        if not self._serves(ours):
            return "item-not-found"
        return "" if self._cards.allow(bareJID(user)) else "resource-constraint"


def _temporary(ours: JID, name: str, number: str) -> Element:
    card = Element((NS_TEMP, "vCard"))
    card.addElement("FN", content=name)
    card.addElement("NICKNAME", content=name)
    if number:
        telephone = card.addElement("TEL")
        telephone.addElement("VOICE")
        telephone.addElement("NUMBER", content=number)
    card.addElement("JABBERID", content=ours.full())
    return card


def _fourth(ours: JID, name: str, number: str) -> Element:
    card = Element((NS_VCARD4, "vcard"))
    card.addElement("fn").addElement("text", content=name)
    card.addElement("nickname").addElement("text", content=name)
    if number:
        card.addElement("tel").addElement("uri", content=f"tel:{number}")
    card.addElement("impp").addElement("uri", content=f"xmpp:{ours.full()}")
    return card
