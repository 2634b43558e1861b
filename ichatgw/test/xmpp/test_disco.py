"""
Tests for L{ichatgw.xmpp.disco}.
"""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.test.support.streams import StubLink, parse
from ichatgw.xmpp.caps.entity import PHONE_FEATURES, Entity
from ichatgw.xmpp.disco import GATEWAY as COMPONENT
from ichatgw.xmpp.disco import Disco
from ichatgw.xmpp.discoinfo import Info
from ichatgw.xmpp.stanzas import parseJID

INFO = "http://jabber.org/protocol/disco#info"
ITEMS = "http://jabber.org/protocol/disco#items"

GATEWAY = Entity(PHONE_FEATURES | {"urn:xmpp:jingle:transports:ice-udp:1"})


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


class PhoneTests(SynchronousTestCase):
    """With Jingle, each address is a phone as well."""

    def setUp(self) -> None:
        self.link = StubLink(Disco(parseJID("control@gw.test"), "1.2.3", GATEWAY))
        self.link.up()

    def ask(self, to: str, node: str = "") -> str:
        more = f" node='{node}'" if node else ""
        self.link.receive(
            f"<iq type='get' id='1' from='scott@jabber.example/x' to='{to}'><query xmlns='{INFO}'{more}/></iq>"
        )
        return "".join(self.link.take())

    def test_hashed(self) -> None:
        """What is answered for the node of our presence, and for the full address, is what was hashed."""
        for to, node in (("72@gw.test/gw", ""), *(("72@gw.test", node) for node in GATEWAY.nodes)):
            query = parse(self.ask(to, node)).query
            identities = [(c["category"], c["type"], "", c["name"]) for c in query.elements() if c.name == "identity"]
            features = [c["var"] for c in query.elements() if c.name == "feature"]
            self.assertEqual(Info(tuple(identities), tuple(features)).version(), GATEWAY.version)
            self.assertEqual(query.getAttribute("node"), node or None)

    def test_bare(self) -> None:
        """A bare address is both, and an iChat's questions are answered as ever."""
        answer = self.ask("72@gw.test")
        self.assertIn("apple:iq:vc:audio", answer)
        self.assertIn("urn:xmpp:jingle-message:0", answer)
        self.assertIn("apple:iq:vc:capable", self.ask("72@gw.test/gw", "apple:ichat:caps#avcap"))

    def test_component(self) -> None:
        """The component is a gateway to SIP and telephones; the control address takes no calls."""
        answer = self.ask("gw.test")
        for kind in ("sip", "pstn"):
            self.assertIn(f"<identity category='gateway' type='{kind}'", answer)
        self.assertIn("jabber:iq:gateway", answer)
        for to in ("gw.test", "control@gw.test", "control@gw.test/x"):
            self.assertNotIn("jingle", self.ask(to))

    def test_componentHashed(self) -> None:
        """What is answered for the nodes of the component's presence is what was hashed."""
        whole = self.ask("gw.test")
        for node in COMPONENT.nodes:
            answer = self.ask("gw.test", node)
            self.assertEqual(answer.replace(f" node='{node}'", ""), whole)
        features = re.findall("<feature var='([^']+)'", whole)
        identities = re.findall("<identity category='([^']+)' type='([^']+)' name='([^']+)'", whole)
        version = Info(
            tuple((category, kind, "", name) for category, kind, name in identities), tuple(features)
        ).version()
        self.assertEqual(version, COMPONENT.version)
