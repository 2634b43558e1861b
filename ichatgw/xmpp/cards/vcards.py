# -*- test-case-name: ichatgw.test.xmpp.cards.test_vcards -*-
# mypy: allow-untyped-calls, allow-subclassing-any
"""
Visiting cards of our addresses: vcard-temp (XEP-0054) and vCard4 (XEP-0292), with name, number, organisation and
picture.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
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

_log = Logger()

_NUMBER = re.compile(r"\+?[0-9*#]{1,32}")


@frozen
class Card:
    """
    What is on a card.

    @ivar name: empty if none is known.
    @ivar org: the organisation; empty if none is known.
    @ivar picture: its media type and its octets; C{None} if there is none.
    """

    name: str = ""
    org: str = ""
    picture: tuple[str, bytes] | None = None


@frozen
class _Written:
    """
    @ivar ours: the address whose card it is.
    @ivar number: its number; empty if it has none.
    """

    ours: JID
    name: str
    number: str
    card: Card


class VCards(XMPPHandler):
    """Answers who is behind our addresses, to users who may call: names are personal."""

    def __init__(
        self,
        clock: IReactorTime,
        cardOf: Callable[[JID, JID], Deferred[Card]],
        allows: Callable[[JID], bool],
        serves: Callable[[JID], bool],
    ) -> None:
        """
        @param cardOf: what a user (first) sees of our address (second).
        @param allows: who may call.
        @param serves: is this bare address of ours one that can be called, or the control address?
        """
        super().__init__()
        self._cardOf = cardOf
        self._allows = allows
        self._serves = serves
        self._cards = RateLimit(clock, *CARDS)

    def connectionInitialized(self) -> None:
        self.xmlstream.addObserver(f"/iq[@type='get']/vCard[@xmlns='{NS_TEMP}']", self._asked, 0, _temporary)
        self.xmlstream.addObserver(f"/iq[@type='get']/vcard[@xmlns='{NS_VCARD4}']", self._asked, 0, _fourth)

    def _asked(self, write: Callable[[_Written], Element], iq: Any) -> None:
        iq.handled = True
        try:
            user, ours = sender(iq), bareJID(recipient(iq))
        except MalformedError:
            return  # no valid address to answer
        condition = self._objection(user, ours)
        if condition:
            self.send(errorReply(iq, condition))
            return
        self._cardOf(user, ours).addCallback(self._answer, iq, ours, write).addErrback(
            lambda failure: _log.failure("A visiting card could not be made", failure)
        )

    def _answer(self, card: Card, iq: Any, ours: JID, write: Callable[[_Written], Element]) -> None:
        number = unquote(toSIP(ours.user or ""))
        reply = toResponse(iq, "result")
        shown = number if _NUMBER.fullmatch(number) else ""
        reply.addChild(write(_Written(ours, card.name or number or ours.host, shown, card)))
        self.send(reply)

    def _objection(self, user: JID, ours: JID) -> str:
        """Why there is no card for C{user}, the condition of an error; empty if there is."""
        if not self._allows(user):
            return "forbidden"
        if not self._serves(ours):
            return "item-not-found"
        return "" if self._cards.allow(bareJID(user)) else "resource-constraint"


def _temporary(written: _Written) -> Element:
    card = Element((NS_TEMP, "vCard"))
    card.addElement("FN", content=written.name)
    card.addElement("NICKNAME", content=written.name)
    if written.number:
        telephone = card.addElement("TEL")
        telephone.addElement("VOICE")
        telephone.addElement("NUMBER", content=written.number)
    if written.card.org:
        card.addElement("ORG").addElement("ORGNAME", content=written.card.org)
    if written.card.picture is not None:
        kind, content = written.card.picture
        photo = card.addElement("PHOTO")
        photo.addElement("TYPE", content=kind)
        photo.addElement("BINVAL", content=b64encode(content).decode())
    card.addElement("JABBERID", content=written.ours.full())
    return card


def _fourth(written: _Written) -> Element:
    card = Element((NS_VCARD4, "vcard"))
    card.addElement("fn").addElement("text", content=written.name)
    card.addElement("nickname").addElement("text", content=written.name)
    if written.number:
        card.addElement("tel").addElement("uri", content=f"tel:{written.number}")
    if written.card.org:
        card.addElement("org").addElement("text", content=written.card.org)
    if written.card.picture is not None:
        kind, content = written.card.picture
        card.addElement("photo").addElement("uri", content=f"data:{kind};base64,{b64encode(content).decode()}")
    card.addElement("impp").addElement("uri", content=f"xmpp:{written.ours.full()}")
    return card
