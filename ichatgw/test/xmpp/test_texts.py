# -*- test-case-name: ichatgw.test.xmpp.test_texts -*-
# mypy: allow-untyped-calls
"""Tests for L{ichatgw.xmpp.texts} and L{ichatgw.xmpp.conditions}."""

from __future__ import annotations

import re

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID

from ichatgw.errors import NoLink, NoRoute
from ichatgw.model import ANONYMOUS, Ending, EndReason, Party
from ichatgw.test.support.streams import StubLink, parse
from ichatgw.test.support.texts import FakeTexts
from ichatgw.texts.interfaces import Fate, NotCarried, Text
from ichatgw.xmpp.conditions import FROM_CONDITION, TO_CONDITION, fromCondition
from ichatgw.xmpp.texts import ANSWER_TIMEOUT, ERRORS, ChatMessages

BOB = Party("sip:72@192.0.2.77", "Bob")
KIM = "kim@jabber.example/phone"
REQUEST = "<request xmlns='urn:xmpp:receipts'/>"
ERROR = "<error type='cancel'><{} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"


def translate(address: str) -> str:
    """The rules."""
    if not re.fullmatch(r"xmpp:\d+@gw\.test", address):
        raise NoRoute("no rule")
    return f"sip:{address[5:].partition('@')[0]}@192.0.2.77"


class ChatTestCase(SynchronousTestCase):
    """A link."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.texts = FakeTexts()
        self.trouble = ""
        self.chat = ChatMessages(
            self.clock,
            "gw.test",
            JID("control@gw.test"),
            translate,
            lambda jid: jid.host == "jabber.example",
            lambda: self.trouble,
        )
        self.chat.texts = self.texts
        self.link = StubLink(self.chat)
        self.link.up()

    def say(self, children: str, sender: str = KIM, to: str = "72@gw.test", kind: str = "chat", id: str = "") -> str:
        """A message comes; what was said to that?"""
        mark = f" id='{id}'" if id else ""
        self.link.receive(f"<message from='{sender}' to='{to}' type='{kind}'{mark}>{children}</message>")
        return "".join(self.link.take())


class FromUserTests(ChatTestCase):
    """What users write."""

    def test_text(self) -> None:
        """A chat message to a number is a text of its sender's bare address; nothing is said to that."""
        self.assertEqual(self.say("<subject>S</subject><body>h\u00e9llo &amp; \U0001f600</body>", id="1"), "")
        text = Text(Party("xmpp:kim@jabber.example", "kim"), "xmpp:72@gw.test", "h\u00e9llo & \U0001f600", "S")
        self.assertEqual(self.texts.taken, [text])
        self.assertIsNone(self.texts.taken[0].told)
        self.say("<body>x</body>", to="72@gw.test/gw", kind="normal")
        self.assertEqual(self.texts.taken[1].to, "xmpp:72@gw.test")

    def test_language(self) -> None:
        """Of several languages the stanza's own is carried."""
        self.say("<body xml:lang='de'>hallo</body><body>hello</body>")
        self.assertEqual(self.texts.taken[0].body, "hello")

    def test_noText(self) -> None:
        """Rooms, headlines, errors, signs of typing, calls and what is for the control user are no texts."""
        for kind in ("groupchat", "headline", "error", "nonsense"):
            self.assertEqual(self.say("<body>x</body>", kind=kind), "")
        propose = "<propose xmlns='urn:xmpp:jingle-message:0' id='a'/>"
        for children in ("", "<body/>", "<body> \n</body>", "<composing/>", f"{propose}<body>a call</body>"):
            self.assertEqual(self.say(children), "")
        for to in ("control@gw.test", "control@gw.test/x", "gw.test"):
            self.assertEqual(self.say("<body>x</body>", to=to), "")
        self.assertEqual(self.say("<body>x</body>", sender="@"), "")
        self.assertEqual(self.texts.taken, [])

    def test_strangers(self) -> None:
        """Who may not call may not write; strangers get few errors."""
        answer = self.say("<body>x</body>", sender="eve@evil.example/x", id="7")
        self.assertIn("<forbidden", answer)
        self.assertIn("not among AllowedXMPPDomains", answer)
        self.assertIn("id='7'", answer)
        more = [self.say("<body>x</body>", sender=f"eve@evil.example/{number}") for number in range(50)]
        self.assertEqual(sum(map(bool, more)), ERRORS[1] - 1)
        self.assertEqual(self.texts.taken, [])

    def test_encrypted(self) -> None:
        """What only says that it cannot be read is not carried."""
        for namespace in ("eu.siacs.conversations.axolotl", "urn:xmpp:omemo:2", "jabber:x:encrypted"):
            answer = self.say(f"<encrypted xmlns='{namespace}'/><body>I sent you an OMEMO message</body>")
            self.assertIn("<not-acceptable", answer)
        self.assertEqual(self.texts.taken, [])

    def test_repeated(self) -> None:
        """A message that comes twice is carried once; another with that id, or one without, is another."""
        for _ in range(2):
            self.say("<body>x</body>", id="1")
        self.say("<body>y</body>", id="1")
        self.say("<body>x</body>", id="1", to="73@gw.test")
        self.say("<body>x</body>")
        self.say("<body>x</body>")
        self.assertEqual(len(self.texts.taken), 5)

    def test_refused(self) -> None:
        """Why it is not carried comes back as an error, with words, and without the text."""
        for reason in EndReason:
            self.texts.refusal = NotCarried(Ending(reason, "why not"))
            answer = self.say("<body>secret</body>")
            self.assertIn(f"<{TO_CONDITION[reason]} ", answer)
            self.assertIn("why not", answer)
            self.assertNotIn("secret", answer)

    def test_receipts(self) -> None:
        """Who asks for a receipt gets one when the text is delivered, and not before (XEP-0184)."""
        self.assertEqual(self.say(f"<body>x</body>{REQUEST}", id="1"), "")
        told = self.texts.taken[0].told
        assert told is not None
        told(Fate.DELIVERED)
        (receipt,) = self.link.take()
        element = parse(receipt)
        self.assertEqual(
            (element["to"], element["from"], element["type"], element.received["id"]), (KIM, "72@gw.test", "chat", "1")
        )
        self.texts.fate = Fate.DELIVERED
        self.assertIn("<received", self.say(f"<body>y</body>{REQUEST}", id="2"))
        for children, id in ((f"<body>y</body>{REQUEST}", ""), ("<body>y</body>", "3")):
            self.assertEqual(self.say(children, id=id), "")
        told(Fate.FAILED)
        self.assertIn("<recipient-unavailable", "".join(self.link.take()))

    def test_fault(self) -> None:
        """A fault of ours is logged, and ends nothing."""
        self.texts.fate = None
        self.say("<body>x</body>")
        self.texts.answers[0].errback(ValueError("x"))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)


class ToUserTests(ChatTestCase):
    """What users are written."""

    def setUp(self) -> None:
        super().setUp()
        self.fates: list[Fate] = []

    def carry(self, wants: bool = False, writer: Party = BOB) -> Deferred[Fate]:
        text = Text(writer, "xmpp:kim@jabber.example/phone", "hi <b>", "S", self.fates.append if wants else None)
        return self.chat.carry(text)

    def sent(self) -> str:
        (message,) = self.link.take()
        return message

    def test_message(self) -> None:
        """It goes to the bare address, from the one that can be answered."""
        fate = self.carry()
        message = parse(self.sent())
        self.assertEqual(
            (message["to"], message["from"], message["type"]), ("kim@jabber.example", "72@gw.test", "chat")
        )
        self.assertEqual((str(message.body), str(message.subject), message.request), ("hi <b>", "S", None))
        self.assertNoResult(fate)
        self.clock.advance(ANSWER_TIMEOUT)
        self.assertIs(self.successResultOf(fate), Fate.ACCEPTED)

    def test_writers(self) -> None:
        """One whom the rules do not lead back to has all of its address; who hides has none."""
        self.carry(writer=Party("sip:alice@pbx.example"))
        self.assertEqual(parse(self.sent())["from"], r"alice\40pbx.example@gw.test")
        self.carry(writer=ANONYMOUS)
        self.assertEqual(parse(self.sent())["from"], "anonymous@gw.test")

    def test_bounced(self) -> None:
        """If the server sends it back at once, that is why it is not carried."""
        fate = self.carry()
        id = parse(self.sent())["id"]
        self.say(ERROR.format("item-not-found"), sender="kim@jabber.example", kind="error", id=id)
        self.assertIs(self.failureResultOf(fate, NotCarried).value.reason, EndReason.NOT_FOUND)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_bouncedLater(self) -> None:
        """If that comes later, its writer is told so that wanted to know."""
        for wants, fates in ((False, []), (True, [Fate.FAILED])):
            self.carry(wants)
            id = parse(self.sent())["id"]
            self.clock.advance(ANSWER_TIMEOUT)
            for _ in range(2):
                self.say(ERROR.format("service-unavailable"), sender=KIM, kind="error", id=id)
            self.assertEqual(self.fates, fates)

    def test_receipt(self) -> None:
        """The receipt of any client of the reader counts, once; nobody else's does."""
        fate = self.carry(True)
        message = parse(self.sent())
        self.assertEqual(message.request.uri, "urn:xmpp:receipts")
        receipt = f"<received xmlns='urn:xmpp:receipts' id='{message['id']}'/>"
        self.say(receipt, sender="eve@jabber.example/x")
        self.assertNoResult(fate)
        self.say(receipt, sender="kim@jabber.example/tablet")
        self.assertIs(self.successResultOf(fate), Fate.DELIVERED)
        self.say(receipt)
        self.assertEqual(self.fates, [])

    def test_receiptLater(self) -> None:
        """So it does the next day."""
        self.carry(True)
        id = parse(self.sent())["id"]
        self.clock.advance(80_000)
        self.say(f"<received xmlns='urn:xmpp:receipts' id='{id}'/>")
        self.assertEqual(self.fates, [Fate.DELIVERED])

    def test_noWay(self) -> None:
        """Without a link, or an address of a user, nothing is sent."""
        text = Text(Party("sip:72@192.0.2.77"), "xmpp:72@gw.test", "x")
        self.assertRaises(NoRoute, self.chat.carry, text)
        self.trouble = "it is gone"
        self.assertRaises(NoLink, self.carry)
        self.assertEqual(self.link.take(), [])


class ConditionTests(SynchronousTestCase):
    """Conditions and reasons."""

    def test_total(self) -> None:
        """Each reason has a condition."""
        self.assertEqual(set(TO_CONDITION), set(EndReason))

    def test_back(self) -> None:
        """Each condition has a reason, those that nobody knows too."""
        for condition, (reason, _) in FROM_CONDITION.items():
            self.assertIs(fromCondition(condition).reason, reason)
        self.assertEqual(fromCondition(""), Ending(EndReason.FAILED, "error without a condition", cause=31))
