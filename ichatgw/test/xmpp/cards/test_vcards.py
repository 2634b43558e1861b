# -*- test-case-name: ichatgw.test.xmpp.cards.test_vcards -*-
"""Tests for L{ichatgw.xmpp.cards.vcards}."""

from __future__ import annotations

from base64 import b64decode

from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from ichatgw.test.support.streams import StubLink, parse
from ichatgw.xmpp.cards.vcards import CARDS, NS_TEMP, NS_VCARD4, Card, VCards


class VCardTests(SynchronousTestCase):
    """Who is behind an address."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.cards = {
            "72": Card("Bob <Book>"),
            "73": Card("Kim", "Sales & Co", ("image/png", b"\x89PNG\r\n")),
        }
        cards = VCards(
            self.clock,
            lambda user, ours: succeed(self.cards.get(ours.user or "", Card())),
            lambda jid: jid.host == "jabber.example",
            lambda ours: ours.user != "nobody",
        )
        self.link = StubLink(cards)
        self.link.up()

    def ask(self, to: str = "72@gw.test", sender: str = "kim@jabber.example/phone", four: bool = False) -> Element:
        query = f"<vcard xmlns='{NS_VCARD4}'/>" if four else f"<vCard xmlns='{NS_TEMP}'/>"
        self.link.receive(f"<iq type='get' id='1' to='{to}' from='{sender}'>{query}</iq>")
        (answer,) = self.link.take()
        return parse(answer)

    def test_temporary(self) -> None:
        """vcard-temp has the name and the number."""
        answer = self.ask("72@gw.test/gw")
        self.assertEqual((answer["type"], answer["from"], answer["id"]), ("result", "72@gw.test/gw", "1"))
        card = answer.vCard
        self.assertEqual((card.uri, str(card.FN), str(card.NICKNAME)), (NS_TEMP, "Bob <Book>", "Bob <Book>"))
        self.assertEqual((str(card.TEL.NUMBER), str(card.JABBERID)), ("72", "72@gw.test"))

    def test_fourth(self) -> None:
        """So has vCard4 (RFC 6351)."""
        card = self.ask(four=True).vcard
        self.assertEqual(card.uri, NS_VCARD4)
        found = {each.name: [str(value) for value in each.elements()] for each in card.elements()}
        name = ["Bob <Book>"]
        self.assertEqual(found, {"fn": name, "nickname": name, "tel": ["tel:72"], "impp": ["xmpp:72@gw.test"]})

    def test_more(self) -> None:
        """Both have the organisation and the picture, if these are known."""
        card = self.ask("73@gw.test").vCard
        self.assertEqual((str(card.ORG.ORGNAME), str(card.PHOTO.TYPE)), ("Sales & Co", "image/png"))
        self.assertEqual(b64decode(str(card.PHOTO.BINVAL)), b"\x89PNG\r\n")
        card = self.ask("73@gw.test", four=True).vcard
        self.assertEqual(str(card.org.text), "Sales & Co")
        self.assertEqual(str(next(card.photo.elements())), "data:image/png;base64,iVBORw0K")

    def test_nameless(self) -> None:
        """Whose name is not known has its number or address for one; what is no number is not called one."""
        self.assertEqual(str(self.ask("+4930@gw.test").vCard.FN), "+4930")
        card = self.ask(r"alice\40pbx.example@gw.test").vCard
        self.assertEqual((str(card.FN), card.TEL), ("alice@pbx.example", None))
        self.assertEqual(str(self.ask("gw.test").vCard.FN), "gw.test")

    def test_refused(self) -> None:
        """Who may not call learns no names, and what is no address of ours has no card."""
        self.assertEqual(self.ask(sender="eve@evil.example/x").error.forbidden.name, "forbidden")
        self.assertIsNotNone(self.ask("nobody@gw.test").error.firstChildElement())
        self.assertIn("item-not-found", self.ask("nobody@gw.test").toXml())

    def test_bounded(self) -> None:
        """A user is given so many at once; another one does not suffer."""
        answers = [self.ask()["type"] for _ in range(CARDS[1] + 50)]
        self.assertEqual((answers.count("result"), answers.count("error")), (CARDS[1], 50))
        self.assertEqual(self.ask(sender="lee@jabber.example/x")["type"], "result")
        self.clock.advance(1)
        self.assertEqual(self.ask()["type"], "result")
