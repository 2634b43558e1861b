"""
Tests for L{ichatgw.xmpp.disco}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.test.streams import StubLink
from ichatgw.xmpp.disco import Disco
from ichatgw.xmpp.stanzas import parseJID

INFO = "http://jabber.org/protocol/disco#info"
ITEMS = "http://jabber.org/protocol/disco#items"


class DiscoTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.link = StubLink(Disco(parseJID("control@gw.test"), "1.2.3"))
        self.link.up()

    def ask(self, namespace: str, to: str = "72@gw.test", more: str = "", kind: str = "get") -> str:
        self.link.receive(
            f"<iq type='{kind}' id='1' from='scott@jabber.example/iChat' to='{to}'>"
            f"<query xmlns='{namespace}'{more}/></iq>"
        )
        return "".join(self.link.take())

    def result(self, to: str, query: str) -> str:
        return f"<iq to='scott@jabber.example/iChat' from='{to}' id='1' type='result'>{query}</iq>"

    def test_nodes(self) -> None:
        """Each capability our presence names is confirmed by itself, with its node, from the address asked."""
        for word, feature in (
            ("avavail", "apple:iq:vc:available"),
            ("avcap", "apple:iq:vc:capable"),
            ("audio", "apple:iq:vc:audio"),
            ("448", "jabber:iq:version"),
        ):
            node = f"apple:ichat:caps#{word}"
            query = (
                f"<query xmlns='{INFO}' node='{node}'><identity category='client' type='pc'/>"
                f"<feature var='{INFO}'/><feature var='{feature}'/></query>"
            )
            self.assertEqual(self.ask(INFO, more=f" node='{node}'"), self.result("72@gw.test", query))

    def test_unknownNode(self) -> None:
        """Any other node is not found, and not repeated."""
        for node in ("apple:ichat:caps#ice", "apple:ichat:caps", "x" * 1000):
            for namespace in (INFO, ITEMS):
                answer = self.ask(namespace, more=f" node='{node}'")
                self.assertIn("from='72@gw.test' id='1' type='error'", answer)
                self.assertIn("<item-not-found", answer)
                self.assertNotIn(node, answer)

    def test_component(self) -> None:
        """The component is a server, and so is the control address, which takes no calls."""
        features = (INFO, ITEMS, "jabber:iq:version", "urn:xmpp:ping")
        query = (
            f"<query xmlns='{INFO}'><identity category='server' type='ichat-gw' name='ichat-gw'/>"
            + "".join(f"<feature var='{feature}'/>" for feature in features)
            + "</query>"
        )
        for to in ("gw.test", "control@gw.test"):
            self.assertEqual(self.ask(INFO, to), self.result(to, query))

    def test_address(self) -> None:
        """An address that takes calls is a client that can talk."""
        answer = self.ask(INFO)
        self.assertIn("<identity category='client' type='pc'", answer)
        for feature in ("available", "capable", "audio"):
            self.assertIn(f"<feature var='apple:iq:vc:{feature}'/>", answer)

    def test_items(self) -> None:
        """There are no items."""
        self.assertEqual(self.ask(ITEMS), self.result("72@gw.test", f"<query xmlns='{ITEMS}'/>"))

    def test_version(self) -> None:
        """The program tells its name and version."""
        query = "<query xmlns='jabber:iq:version'><name>ichat-gw</name><version>1.2.3</version></query>"
        self.assertEqual(self.ask("jabber:iq:version", "gw.test"), self.result("gw.test", query))

    def test_others(self) -> None:
        """What is not asked is not answered here."""
        for kind in ("set", "result", "error"):
            self.assertEqual(self.ask(INFO, kind=kind), "")
        self.assertEqual(self.ask("jabber:iq:last"), "")

    def test_malformed(self) -> None:
        """A nonsensical address is not found."""
        self.assertIn("<item-not-found", self.ask(INFO, "@"))
