"""
Tests for L{ichatgw.xmpp.commands.catalogue}.
"""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.selfservice.orders import Command
from ichatgw.test.support.streams import StubLink
from ichatgw.xmpp.commands.catalogue import NS_COMMANDS, Catalogue
from ichatgw.xmpp.disco import Disco
from ichatgw.xmpp.presence.access import XMPPAccess
from ichatgw.xmpp.stanzas import parseJID

INFO = "http://jabber.org/protocol/disco#info"
ITEMS = "http://jabber.org/protocol/disco#items"
CONTROL = parseJID("control@gw.example")


class CatalogueTests(SynchronousTestCase):
    """As service discovery shows it."""

    def setUp(self) -> None:
        catalogue = Catalogue(CONTROL, XMPPAccess("gw.example", ("x.example",)))
        self.link = StubLink(Disco(CONTROL, "1", catalogue=catalogue))
        self.link.up()

    def ask(
        self, namespace: str, node: str = "", to: str = "control@gw.example", by: str = "kim@x.example/a", tag: str = ""
    ) -> str:
        """The answer to a query."""
        attributes = f" xml:lang='{tag}'" if tag else ""
        more = f" node='{node}'" if node else ""
        self.link.receive(
            f"<iq type='get' id='1' from='{by}' to='{to}'{attributes}><query xmlns='{namespace}'{more}/></iq>"
        )
        return "".join(self.link.take())

    def test_feature(self) -> None:
        """The control address says that it has commands; a number does not."""
        self.assertIn(f"<feature var='{NS_COMMANDS}'/>", self.ask(INFO))
        self.assertIn("<identity category='client' type='bot'", self.ask(INFO))
        self.assertNotIn(NS_COMMANDS, self.ask(INFO, to="72@gw.example"))

    def test_items(self) -> None:
        """Each command is listed, at the address that was asked, by its name in the user's language."""
        for to in ("control@gw.example", "control@gw.example/gw", "gw.example"):
            answer = self.ask(ITEMS, NS_COMMANDS, to)
            self.assertEqual(re.findall(r" node='(\w+)'", answer), [each.value for each in Command])
            self.assertEqual(answer.count(f"jid='{to}'"), len(Command))
        self.assertIn("name='My number'", answer)
        self.assertIn("name='Meine Nummer'", self.ask(ITEMS, NS_COMMANDS, tag="de-DE"))

    def test_strangers(self) -> None:
        """Those who may not call are shown no commands."""
        answer = self.ask(ITEMS, NS_COMMANDS, by="eve@stranger.example/a")
        self.assertIn("type='result'", answer)
        self.assertNotIn("<item", answer)

    def test_nodes(self) -> None:
        """Each command can be asked what it is."""
        for each in Command:
            answer = self.ask(INFO, each.value)
            self.assertIn("<identity category='automation' type='command-node'", answer)
            self.assertIn("<feature var='jabber:x:data'/>", answer)
            self.assertIn(f"node='{each.value}'", answer)
            self.assertIn("type='result'", self.ask(ITEMS, each.value))
        self.assertIn("type='command-list'", self.ask(INFO, NS_COMMANDS))

    def test_noSuchNode(self) -> None:
        """Numbers have no commands, and there are no others."""
        for node, to in ((NS_COMMANDS, "72@gw.example"), ("help", "72@gw.example"), ("x" * 999, "gw.example")):
            for namespace in (INFO, ITEMS):
                self.assertIn("<item-not-found", self.ask(namespace, node, to))

    def test_capabilities(self) -> None:
        """What iChats ask for stays."""
        self.assertIn("apple:iq:vc:audio", self.ask(INFO, "apple:ichat:caps#audio", "72@gw.example"))
