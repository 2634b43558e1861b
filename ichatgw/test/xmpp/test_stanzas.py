"""
Tests for L{ichatgw.xmpp.stanzas}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID, InvalidFormat

from ichatgw.errors import MalformedError
from ichatgw.test.support.streams import parse
from ichatgw.xmpp.stanzas import bareJID, errorReply, isRequest, parseJID, recipient, sender

MALFORMED = (
    "",
    "@host",
    "user@",
    "/resource",
    "user@/resource",
    "a b@host",
    "a@b@host",
    "\u00ad@host",
    "user@\u00ad",
    "\x00@host",
    "user@ho st",
    "user@-host",
    "user@host/\x07",
    "user@host/\ud800",
    "u" * 1024 + "@host",
    "user@host/" + "r" * 1024,
    "x" * 100_000,
)


class AddressTests(SynchronousTestCase):
    def test_oneSpelling(self) -> None:
        """Case of user and host does not tell addresses apart, case of the resource does."""
        self.assertEqual(parseJID("Scott@Jabber.Example/iChat"), parseJID("scott@jabber.example/iChat"))
        self.assertNotEqual(parseJID("scott@jabber.example/ichat"), parseJID("scott@jabber.example/iChat"))

    def test_malformed(self) -> None:
        """Nonsense is a L{MalformedError}, whatever its kind."""
        for text in MALFORMED:
            with self.assertRaises(MalformedError, msg=repr(text[:40])):
                parseJID(text)

    def test_bare(self) -> None:
        """A bare address has no resource, and the full one keeps its own."""
        full = parseJID("scott@jabber.example/iChat")
        self.assertEqual(bareJID(full), parseJID("scott@jabber.example"))
        self.assertEqual(full.resource, "iChat")
        self.assertIs(bareJID(parseJID("gw.test")), parseJID("gw.test"))

    def test_ofStanza(self) -> None:
        """Sender and recipient of a stanza are read, and missing ones are malformed."""
        stanza = parse("<message from='A@b/c' to='100@gw.test'/>")
        self.assertEqual((sender(stanza).full(), recipient(stanza).full()), ("a@b/c", "100@gw.test"))
        for read in (sender, recipient):
            self.assertRaises(MalformedError, read, parse("<message/>"))


class PlainAddressTests(SynchronousTestCase):
    """Addresses of ASCII alone are read without stringprep, and as with it."""

    def compare(self, text: str) -> None:
        """Both ways give the same, or both refuse."""
        try:
            jid = JID(text)
            expected = (jid.user, jid.host, jid.resource)
        except (InvalidFormat, IndexError, UnicodeError):
            self.assertRaises(MalformedError, parseJID, text)
            return
        read = parseJID(text)
        self.assertEqual((read.user, read.host, read.resource), expected, text)

    def test_eachCharacter(self) -> None:
        """Each character of ASCII in each part is taken, changed or refused as stringprep has it."""
        for number in range(128):
            character = chr(number)
            if character not in "@/":  # they divide the parts
                self.compare(f"a{character}b@x.example")
                self.compare(f"a@x.example/{character}R{character}")
            if character not in "@/.":
                self.compare(f"a@x{character}y.example/R")

    def test_shapes(self) -> None:
        """So are addresses of all shapes."""
        for text in (
            "A@B.Example/C d",
            "b.example",
            "b.example/c@d/e",
            "a@b.example/c@d",
            "localhost",
            "a@-b",
            "a@b-.example",
            "a@b..c",
            "a@127.0.0.1",
            "a@[::1]",
            "72\\40pbx.example@gw.example",
            "\u00c4@b.example",
            "a@b\u212a.example",
        ):
            self.compare(text)


class ErrorReplyTests(SynchronousTestCase):
    def test_reply(self) -> None:
        """An error comes from the address that was asked, and does not repeat the request."""
        request = parse("<iq type='get' id='1' from='a@b/c' to='100@gw.test'><query xmlns='big'/></iq>")
        self.assertEqual(
            errorReply(request, "item-not-found").toXml(),
            "<iq to='a@b/c' from='100@gw.test' id='1' type='error'><error type='cancel' code='404'>"
            "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
        )

    def test_isRequest(self) -> None:
        """Only get and set want an answer."""
        kinds = {kind: isRequest(parse(f"<iq type='{kind}'/>")) for kind in ("get", "set", "result", "error", "x")}
        self.assertEqual([kind for kind, wants in kinds.items() if wants], ["get", "set"])
        self.assertFalse(isRequest(parse("<message type='get'/>")))
