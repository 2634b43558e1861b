# -*- test-case-name: ichatgw.test.xmpp.test_hostilenames -*-
# mypy: allow-untyped-calls
"""
Names and texts of strangers in stanzas: whatever they hold, the stream goes on, and says no more than they do.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element
from wokkel.generic import parseXml

from ichatgw.errors import NoRoute
from ichatgw.jingle.stanzas.jingle import Reason
from ichatgw.jingle.stanzas.proposals import CallMessage, Word
from ichatgw.model import Party
from ichatgw.runtime.turns import Turns
from ichatgw.test.marks import slow
from ichatgw.test.support.streams import ServerSide
from ichatgw.test.support.texts import hostileTexts
from ichatgw.texts.interfaces import Text
from ichatgw.xmpp.cards.vcards import NS_TEMP, NS_VCARD4, Card, VCards
from ichatgw.xmpp.link.stream import ComponentStream
from ichatgw.xmpp.names import Names
from ichatgw.xmpp.presence.stanzas import presenceStanza
from ichatgw.xmpp.presence.statuses import Statuses
from ichatgw.xmpp.texts import ChatMessages

KIM, PHONE = JID("kim@chat.test/x"), JID("72@gw.test/gw")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


FEW: tuple[str, ...] = (
    "]]>",
    "</body></message>",
    "<!--",
    "&#0;",
    "a\r\nb\t",
    "\0\x1b\ufffe\ud800",
    "/@\"'",
    "x" * 700,
)
"""Of each kind one: markup, ends of lines, what XML forbids, what an address has, and a long one."""


def noRoute(address: str) -> str:
    """No rule matches."""
    raise NoRoute("no rule")


class HostileNameTests(SynchronousTestCase):
    """
    A server reads each stanza.

    @cvar texts: those that are tried.
    """

    texts = FEW

    def setUp(self) -> None:
        self.clock = Clock()
        self.stream = ComponentStream(Turns(self.clock), "gw.test", "test", 60, lambda user: True)
        self.server = ServerSide(self.stream)
        self.server.shakeHands()

    def check(self, made: Callable[[str], Element | None], found: Callable[[Any], list[object]]) -> None:
        """
        @param made: a stanza that says something; C{None} if it was sent.
        @param found: what a reader finds of that in it.
        """
        for text in self.texts:
            stanza = made(text)
            if stanza is not None:
                self.stream.send(stanza)
            sent = self.server.take()
            self.assertNotEqual(sent, "", ascii(text))
            element = parseXml(sent.encode())
            for said in found(element):
                self.assertTrue(self.plain(text).startswith(self.plain(str(said))), (ascii(text), ascii(str(said))))
                self.assertTrue(str(said) or not self.plain(text), ascii(text))

    def plain(self, text: str) -> str:
        """What XML can hold of a text, with line ends as it has them."""
        return _NOT_XML.sub("", text).replace("\r\n", "\n").replace("\r", "\n")

    def test_presence(self) -> None:
        """Names and statuses in presence."""
        names, statuses = Names(self.clock, lambda address: ""), Statuses(self.clock)
        add = statuses.adding(names.adding(lambda stanza: None))

        def made(text: str) -> Element:
            names.remember(KIM, PHONE, text)
            statuses.say(KIM, PHONE, text[:128])
            stanza = presenceStanza(KIM, PHONE)
            add(stanza)
            return stanza

        self.check(made, lambda stanza: [stanza.nick, stanza.status])

    def test_messages(self) -> None:
        """Name, subject and body of what a phone writes."""
        chat = ChatMessages(self.clock, "gw.test", JID("control@gw.test"), noRoute, lambda jid: True, lambda: "")
        chat.parent = self.stream

        def made(text: str) -> None:
            chat.carry(Text(Party("sip:72@pbx.test", text), "xmpp:kim@chat.test", text, text))

        self.check(made, lambda stanza: [stanza.nick, stanza.subject, stanza.body])

    def test_addresses(self) -> None:
        """The user part of a writer's address makes an address of ours, or none: then it is anonymous."""
        chat = ChatMessages(self.clock, "gw.test", JID("control@gw.test"), noRoute, lambda jid: True, lambda: "")
        chat.parent = self.stream
        for text in self.texts:
            chat.carry(Text(Party(f"sip:{text}@pbx.test", "x"), "xmpp:kim@chat.test", "hello"))
            stanza = parseXml(self.server.take().encode())
            self.assertEqual(JID(stanza["from"]).host, "gw.test")
            self.assertEqual(str(stanza.body), "hello")

    def test_proposals(self) -> None:
        """The caller's name in a proposal, and words of phones in the reason why a call is over."""

        def made(text: str) -> Element:
            reason = Reason("busy", text)
            return CallMessage(KIM, PHONE, Word.PROPOSE, "s1", ("audio",), reason, name=text).toElement()

        self.check(made, lambda stanza: [stanza.nick])

    def test_cards(self) -> None:
        """All that stands in visiting cards of both kinds."""
        said = [""]
        cards = VCards(
            self.clock, lambda user, ours: succeed(Card(said[0], said[0])), lambda jid: True, lambda ours: True
        )
        cards.parent = self.stream
        cards.makeConnection(self.stream)
        cards.connectionInitialized()
        for query in (f"<vCard xmlns='{NS_TEMP}'/>", f"<vcard xmlns='{NS_VCARD4}'/>"):

            def made(text: str, query: str = query) -> None:
                said[0] = text
                self.clock.advance(1)
                self.server.send(f"<iq type='get' id='1' to='72@gw.test' from='kim@chat.test/x'>{query}</iq>")

            self.check(made, _texts)


@slow
class ManyHostileNameTests(HostileNameTests):
    """Likewise with each piece alone, and mixtures of them."""

    texts = tuple(hostileTexts(153, 150))


def _texts(stanza: Element) -> list[object]:
    """Name, nick and organisation in a card of either kind."""
    card = stanza.firstChildElement()
    names = {"FN", "NICKNAME", "ORGNAME", "fn", "nickname", "org"}
    found: list[object] = []
    waiting = [card]
    while waiting:
        element = waiting.pop()
        waiting.extend(element.elements())
        if element.name in names and not list(element.elements()):
            found.append(str(element))
    return found
