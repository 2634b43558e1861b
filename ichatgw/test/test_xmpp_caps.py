# -*- test-case-name: ichatgw.test.test_xmpp_caps -*-
# mypy: allow-untyped-calls
"""
Tests for L{ichatgw.xmpp.caps}.
"""

from __future__ import annotations

from typing import cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element
from zope.interface.verify import verifyObject

from ichatgw.test.streams import StubLink, parse
from ichatgw.xmpp import caps as module
from ichatgw.xmpp.caps import (
    BATCH,
    MOST_FEATURES,
    MOST_PENDING,
    NODE,
    PATIENCE,
    PHONE,
    PHONE_FEATURES,
    Capabilities,
    Entity,
    verification,
)
from ichatgw.xmpp.presence import IPresenceListener, Resource
from ichatgw.xmpp.stanzas import parseJID

INFO = "http://jabber.org/protocol/disco#info"
EXODUS = (
    "<identity category='client' name='Exodus 0.9.1' type='pc'/>"
    "<feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/disco#info'/>"
    "<feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/muc'/>"
)
PSI = (
    "<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>"
    "<identity xml:lang='el' category='client' name='\u03a8 0.11' type='pc'/>"
    "<feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/disco#info'/>"
    "<feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/muc'/>"
    "<x xmlns='jabber:x:data' type='result'>"
    "<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>"
    "<field var='ip_version'><value>ipv4</value><value>ipv6</value></field>"
    "<field var='os'><value>Mac</value></field><field var='os_version'><value>10.5.1</value></field>"
    "<field var='software'><value>Psi</value></field><field var='software_version'><value>0.11</value></field></x>"
)
EXODUS_HASH = "QgayPKawpkPSDYmwT/WM94uAlu0="
PSI_HASH = "q07IKJEyjvHSyhy//CH0CxmKi8w="


def client(
    name: str = "x", ver: str = EXODUS_HASH, hash: str = "sha-1", node: str = "http://code.google.com/p/exodus"
) -> Resource:
    return Resource(parseJID(f"scott@jabber.example/{name}"), "", 0, node, ver, frozenset(), hash)


class OursTests(SynchronousTestCase):
    """What our addresses say of themselves."""

    def test_hash(self) -> None:
        """The hash is that of the standard, and of exactly the features that clients look for."""
        features = [child.split("'")[1] for child in EXODUS.split("<feature ")[1:]]
        self.assertEqual(verification([("client", "pc", "", "Exodus 0.9.1")], features), EXODUS_HASH)
        self.assertEqual(Entity(PHONE_FEATURES).version, verification([PHONE], PHONE_FEATURES))
        self.assertNotEqual(Entity(PHONE_FEATURES | {"x"}).version, Entity(PHONE_FEATURES).version)
        jingle = {feature.removeprefix("urn:xmpp:jingle") for feature in PHONE_FEATURES if "jingle" in feature}
        self.assertEqual(jingle, {":1", ":apps:rtp:1", ":apps:rtp:audio", ":dtmf:0", "-message:0"})
        others = {"http://jabber.org/protocol/caps", "http://jabber.org/protocol/disco#info", "urn:xmpp:ping"}
        self.assertEqual({feature for feature in PHONE_FEATURES if "jingle" not in feature}, others)

    def test_second(self) -> None:
        """The second kind of capabilities is hashed as the standard shows (XEP-0390, the first example)."""
        features = (
            "http://jabber.org/protocol/si",
            "http://jabber.org/protocol/bytestreams",
            "http://jabber.org/protocol/chatstates",
            "http://jabber.org/protocol/disco#info",
            "http://jabber.org/protocol/disco#items",
            "urn:xmpp:ping",
            "jabber:iq:time",
            "jabber:iq:privacy",
            "jabber:iq:version",
            "http://jabber.org/protocol/rosterx",
            "urn:xmpp:time",
            "jabber:x:oob",
            "http://jabber.org/protocol/ibb",
            "http://jabber.org/protocol/si/profile/file-transfer",
            "urn:xmpp:receipts",
            "jabber:iq:roster",
            "jabber:iq:last",
        )
        self.assertEqual(
            module._verification2([("client", "mobile", "", "BombusMod")], features),
            "kzBZbkqJ3ADrj7v08reD1qcWUwNGHaidNUgD7nHpiw8=",
        )

    def test_presence(self) -> None:
        """Presence carries both kinds."""
        presence = Element((None, "presence"))
        Entity(PHONE_FEATURES).addCaps(presence)
        first, second = presence.elements()
        self.assertEqual((first["node"], first["ver"], first["hash"]), (NODE, Entity(PHONE_FEATURES).version, "sha-1"))
        self.assertEqual((second.uri, second.hash["algo"]), ("urn:xmpp:caps", "sha-256"))


class TheirsTests(SynchronousTestCase):
    """What clients can."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.caps = Capabilities(self.clock, parseJID("control@gw.test"))
        self.told: list[Resource] = []
        self.caps.listeners.append(self.told.append)
        self.link = StubLink(self.caps)
        self.link.up()

    def asked(self) -> list[Element]:
        return [parse(text) for text in self.link.take()]

    def answer(self, question: Element, inside: str, kind: str = "result", from_: str = "") -> None:
        self.link.receive(
            f"<iq type='{kind}' id='{question['id']}' from='{from_ or question['to']}' to='control@gw.test'>"
            f"<query xmlns='{INFO}'>{inside}</query></iq>"
        )

    def test_interface(self) -> None:
        """It listens to presence."""
        verifyObject(IPresenceListener, self.caps)

    def test_asksOnce(self) -> None:
        """One client of each kind is asked, and what it says is true of all."""
        self.caps.available(client("a"))
        self.caps.available(client("b"))
        (question,) = self.asked()
        self.assertEqual((question["to"], question["from"]), ("scott@jabber.example/a", "control@gw.test"))
        self.assertEqual(question.query["node"], f"http://code.google.com/p/exodus#{EXODUS_HASH}")
        self.assertIsNone(self.caps.features(client("b")))
        self.answer(question, EXODUS)
        self.assertEqual(self.told, [client("a"), client("b")])
        self.assertIn("http://jabber.org/protocol/muc", self.caps.features(client("b")) or ())
        self.caps.available(client("c"))
        self.assertEqual(self.asked(), [])

    def test_forms(self) -> None:
        """Languages and forms are part of the hash."""
        self.caps.available(client(ver=PSI_HASH))
        self.answer(self.asked()[0], PSI)
        self.assertIsNotNone(self.caps.features(client("other", ver=PSI_HASH)))

    def test_lie(self) -> None:
        """What does not fit the hash, or has none, is true of the one that says it."""
        for one in (client(ver="wrong"), client(hash="md5"), client(hash="")):
            self.setUp()
            self.caps.available(one)
            self.answer(self.asked()[0], EXODUS)
            self.assertIsNotNone(self.caps.features(one))
            other = Resource(parseJID("other@jabber.example/x"), "", 0, one.node, one.ver, frozenset(), one.hash)
            self.assertIsNone(self.caps.features(other))

    def test_notAsked(self) -> None:
        """Nobody is asked who says nothing of itself, or is an iChat."""
        self.caps.available(client(node=""))
        self.caps.available(client(ver=""))
        self.caps.available(client(node="apple:ichat:caps"))
        self.assertEqual(self.asked(), [])

    def test_strangers(self) -> None:
        """Nobody answers for another."""
        self.caps.available(client())
        (question,) = self.asked()
        self.answer(question, EXODUS, from_="mallory@jabber.example/x")
        self.link.receive("<iq type='result' id='caps-99' from='scott@jabber.example/x'/>")
        self.assertIsNone(self.caps.features(client()))

    def test_errors(self) -> None:
        """An error, or too long a list, teaches nothing."""
        for kind, inside in (("error", ""), ("result", "<feature var='x'/>" * (MOST_FEATURES + 1))):
            self.caps.available(client())
            self.answer(self.asked()[0], inside, kind)
        self.assertEqual((self.caps.features(client()), self.told), (None, []))

    def test_silence(self) -> None:
        """If one does not answer, or goes, another is asked later."""
        self.caps.available(client("a"))
        self.clock.advance(PATIENCE + 1)
        self.caps.available(client("b"))
        self.assertEqual([one["to"][-1] for one in self.asked()], ["a", "b"])
        self.caps.unavailable(parseJID("scott@jabber.example"))
        self.caps.available(client("c"))
        self.assertEqual([one["to"][-1] for one in self.asked()], ["c"])
        self.caps.failed(parseJID("scott@jabber.example"), "", None)

    def test_crowd(self) -> None:
        """All who came while one of them was asked are told of, a few at a time."""
        for number in range(3 * BATCH):
            self.caps.available(client(str(number)))
        (question,) = self.asked()
        self.answer(question, EXODUS)
        self.assertEqual(len(self.told), BATCH)
        self.clock.pump([0] * 5)
        self.assertEqual(self.told, [client(str(number)) for number in range(3 * BATCH)])
        self.assertEqual((self.clock.getDelayedCalls(), self.asked()), ([], []))

    def test_nextIsAsked(self) -> None:
        """Who is asked and does not answer, lies, or goes holds up nobody for long."""
        for name in "abcde":
            self.caps.available(client(name))
        (question,) = self.asked()
        self.clock.advance(PATIENCE)
        (question,) = self.asked()
        self.assertEqual(question["to"][-1], "b")
        self.answer(question, "<feature var='lie'/>")
        (question,) = self.asked()
        self.assertEqual(question["to"][-1], "c")
        self.caps.unavailable(client("c").jid)
        (question,) = self.asked()
        self.answer(question, "", "error")
        self.assertEqual(self.told, [client("b")])
        (question,) = self.asked()
        self.answer(question, EXODUS)
        self.assertEqual(self.told, [client("b"), client("e")])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_listenerFails(self) -> None:
        """The others hear of it all the same."""
        self.caps.listeners.insert(0, lambda resource: cast(None, 1 / 0))
        self.caps.available(client("a"))
        self.caps.available(client("b"))
        self.answer(self.asked()[0], EXODUS)
        self.assertEqual((len(self.told), len(self.flushLoggedErrors(ZeroDivisionError))), (2, 2))

    def test_waiting(self) -> None:
        """So many wait and no more; none does when the link is lost."""
        self.patch(module, "MOST_WAITING", 10)
        for number in range(20):
            self.caps.available(client(str(number)))
        self.assertEqual(len(self.caps._waiting), 10)
        self.answer(self.asked()[0], EXODUS)
        for number in range(3 * BATCH):
            self.caps.available(client(str(number), ver="new"))
        self.link.lose()
        self.assertEqual((len(self.caps._waiting), self.clock.getDelayedCalls()), (0, []))

    def test_bounds(self) -> None:
        """Questions and answers are kept in bounded number, and questions not beyond the link."""
        for number in range(MOST_PENDING + 10):
            self.caps.available(client(ver=str(number)))
        questions = self.asked()
        self.assertEqual(len(questions), MOST_PENDING)
        self.patch(module, "MOST_KNOWN", 10)
        for question in questions:
            self.answer(question, EXODUS)
        self.assertEqual(len(self.caps._known), 10)
        self.caps.available(client(ver="new"))
        self.link.lose()
        self.assertEqual(self.caps._questions, {})
