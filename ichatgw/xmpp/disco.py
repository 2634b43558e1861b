# -*- test-case-name: ichatgw.test.xmpp.test_disco,ichatgw.test.xmpp.commands.test_catalogue -*-
# mypy: allow-untyped-calls, allow-subclassing-any
"""
Service discovery (XEP-0030) and software version (XEP-0092).

iChat calls a contact only if the capabilities its presence names (XEP-0115 in its first form) are confirmed here: it
asks for each C{node#ver} and C{node#ext} by itself, at the address the presence came from.
"""

from __future__ import annotations

from typing import Any

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.words.protocols.jabber.jid import JID
from twisted.words.protocols.jabber.xmlstream import toResponse
from twisted.words.xish.domish import Element
from wokkel.disco import NS_DISCO_INFO, NS_DISCO_ITEMS, DiscoFeature, DiscoIdentity, DiscoInfo, DiscoItems
from wokkel.generic import NS_VERSION
from wokkel.subprotocols import XMPPHandler

from ichatgw.errors import MalformedError
from ichatgw.selfservice.words import languageOf
from ichatgw.xmpp.caps.entity import Entity
from ichatgw.xmpp.clients import ICHAT_NODE
from ichatgw.xmpp.commands.catalogue import NS_COMMANDS, Catalogue
from ichatgw.xmpp.discoinfo import NS_CAPS
from ichatgw.xmpp.link.stream import NS_PING
from ichatgw.xmpp.presence.stanzas import CAPS_VERSION
from ichatgw.xmpp.prompt import NS_GATEWAY
from ichatgw.xmpp.stanzas import errorReply, languageTag, recipient, sender

NAME = "ichat-gw"
NS_ESCAPING = r"jid\20escaping"

GATEWAY = Entity(
    frozenset({NS_CAPS, NS_DISCO_INFO, NS_DISCO_ITEMS, NS_VERSION, NS_PING, NS_GATEWAY, NS_ESCAPING}),
    (("gateway", "pstn", "", NAME), ("gateway", "sip", "", NAME), ("server", NAME, "", NAME)),
)
"""What the component itself is to Jingle clients: by it Cheogram offers to call the numbers among its addresses."""

VC_FEATURES = {
    "avavail": "apple:iq:vc:available",
    "avcap": "apple:iq:vc:capable",
    "audio": "apple:iq:vc:audio",
}
NODES = {f"{ICHAT_NODE}#{word}": feature for word, feature in {**VC_FEATURES, CAPS_VERSION: NS_VERSION}.items()}


class Disco(XMPPHandler):
    """
    Answers what our addresses are and can do.  Each answer comes from the address that was asked.

    Twisted and wokkel keep each address they read for ever, so these requests are read here.
    """

    def __init__(
        self, control: JID, version: str, phone: Entity | None = None, catalogue: Catalogue | None = None
    ) -> None:
        """
        @param control: the control address, bare; it takes no calls.
        @param version: of this program.
        @param phone: what our addresses are to Jingle clients, if anything.
        @param catalogue: knows the commands, if there are any.
        """
        super().__init__()
        self._catalogue = catalogue
        self._phone = phone
        self._control = control
        self._version = version

    def connectionInitialized(self) -> None:
        for namespace, observer in (
            (NS_DISCO_INFO, self._info),
            (NS_DISCO_ITEMS, self._items),
            (NS_VERSION, self._program),
        ):
            self.xmlstream.addObserver(f'/iq[@type="get"]/query[@xmlns="{namespace}"]', observer)

    def _info(self, iq: Element) -> None:
        node = iq.query.getAttribute("node", "")
        try:
            asked = recipient(iq)
        except MalformedError:
            self._answer(iq, None)
            return
        phone = self._phone
        if phone and (node in phone.nodes or (not node and asked.resource and self._takesCalls(asked))):
            self._answer(iq, _entityInfo(phone, node))
        elif phone and (node in GATEWAY.nodes or not (node or asked.user)):
            self._answer(iq, _entityInfo(GATEWAY, node))
        elif node and self._catalogue and node not in NODES:
            self._answer(iq, self._catalogue.info(asked, node, languageOf(languageTag(iq))))
        else:
            self._answer(iq, _nodeInfo(node) if node else self._addressInfo(asked))

    def _takesCalls(self, asked: JID) -> bool:
        return bool(asked.user and asked.user != self._control.user)

    def _addressInfo(self, asked: JID) -> DiscoInfo:
        """Of a bare address: what it is to iChats and, beside that, to others."""
        info = DiscoInfo()
        features = [NS_DISCO_INFO, NS_DISCO_ITEMS, NS_VERSION, NS_PING]
        if self._takesCalls(asked):
            info.append(DiscoIdentity("client", "pc", NAME))
            features.extend(VC_FEATURES.values())
            if self._phone is not None:
                features.extend(sorted(self._phone.features))
        else:
            info.append(DiscoIdentity("server", NAME, NAME))
            if self._catalogue is not None and self._catalogue.has(asked):
                info.append(DiscoIdentity("client", "bot", NAME))
                features.append(NS_COMMANDS)
        for feature in dict.fromkeys(features):
            info.append(DiscoFeature(feature))
        return info

    def _items(self, iq: Element) -> None:
        node = iq.query.getAttribute("node", "")
        if node and self._catalogue is not None:
            self._answer(iq, self._commands(iq, node, self._catalogue))
        else:
            self._answer(iq, None if node else DiscoItems())

    def _commands(self, iq: Any, node: str, catalogue: Catalogue) -> DiscoItems | None:
        try:
            return catalogue.items(sender(iq), recipient(iq), node, languageOf(languageTag(iq)))
        except MalformedError:
            return None

    def _program(self, iq: Element) -> None:
        query = Element((NS_VERSION, "query"))
        query.addElement("name", content=NAME)
        query.addElement("version", content=self._version)
        self._reply(iq, query)

    def _answer(self, iq: Any, found: DiscoInfo | DiscoItems | None) -> None:
        if found is None:
            iq.handled = True
            self.send(errorReply(iq, "item-not-found"))
        else:
            self._reply(iq, found.toElement())

    def _reply(self, iq: Any, query: Element) -> None:
        iq.handled = True
        reply = toResponse(iq, "result")
        reply.addChild(query)
        self.send(reply)


def _entityInfo(entity: Entity, node: str) -> DiscoInfo:
    """Exactly what the hash in our presence was computed of."""
    info = DiscoInfo()
    if node:
        info.nodeIdentifier = node
    for category, kind, _, name in entity.identities:
        info.append(DiscoIdentity(category, kind, name))
    for feature in sorted(entity.features):
        info.append(DiscoFeature(feature))
    return info


def _nodeInfo(node: str) -> DiscoInfo | None:
    """One capability of a gateway address, or C{None} if there is none of that name."""
    feature = NODES.get(node)
    if feature is None:
        return None
    info = DiscoInfo()
    info.nodeIdentifier = node
    info.append(DiscoIdentity("client", "pc"))
    info.append(DiscoFeature(NS_DISCO_INFO))
    info.append(DiscoFeature(feature))
    return info
