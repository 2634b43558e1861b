# -*- test-case-name: ichatgw.test.sim.sip.test_message -*-
"""
Tests of the simulators' SIP messages.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.model import TransportAddress
from ichatgw.sim.sip.message import NameAddress, SIPMessage, addressOf, parameter, userOf

INVITE = (
    b"INVITE sip:user@192.0.2.10:5070 SIP/2.0\r\n"
    b"v: SIP/2.0/UDP 198.51.100.7:16402;branch=z9hG4bK1\r\n"
    b't: "72@ichat-gw.jabber.example" <sip:user@192.0.2.10:5070>\r\n'
    b'From: "scott@jabber.example"\r\n  <sip:user@198.51.100.7:16402>;tag=527520767\r\n'
    b"Call-ID: x@y\r\nCSeq: 1 INVITE\r\nContent-Length: 3\r\n\r\nv=0"
)


class MessageTests(SynchronousTestCase):
    def test_request(self) -> None:
        """Compact names become long ones, folded lines one line."""
        message = SIPMessage.parse(INVITE)
        self.assertEqual((message.method, message.uri, message.body), ("INVITE", "sip:user@192.0.2.10:5070", "v=0"))
        self.assertEqual(NameAddress.parse(message.get("to")).display, "72@ichat-gw.jabber.example")
        self.assertEqual(NameAddress.parse(message.get("From")).tag, "527520767")
        self.assertEqual((message.key, message.sequence), (("z9hG4bK1", "INVITE"), 1))

    def test_roundTrip(self) -> None:
        """What is packed parses as it was, with the length of the body in bytes."""
        message = SIPMessage("MESSAGE", "sip:a@b", body="\u00fc")
        message.headers = [("Via", "v;branch=1"), ("From", "f"), ("To", "t"), ("Call-ID", "c"), ("CSeq", "2 MESSAGE")]
        parsed = SIPMessage.parse(message.pack())
        self.assertEqual(parsed.body, "\u00fc")
        self.assertEqual(parsed.get("Content-Length"), "2")
        self.assertEqual(parsed.headers[:-1], message.headers)

    def test_response(self) -> None:
        """An answer repeats what RFC 3261 section 8.2.6 says, and gets a tag once."""
        request = SIPMessage.parse(INVITE)
        answer = SIPMessage.parse(request.response(180, "77").pack())
        self.assertEqual((answer.status, answer.reason, answer.label), (180, "Ringing", "180 INVITE"))
        self.assertEqual(answer.key, request.key)
        self.assertEqual(NameAddress.parse(answer.get("To")).tag, "77")
        request.set("To", "<sip:a@b>;tag=1")
        self.assertEqual(request.response(200, "77").get("To"), "<sip:a@b>;tag=1")

    def test_malformed(self) -> None:
        """What is no SIP message, or lacks or contradicts something needed, is malformed."""
        for bad in (
            b"",
            b"\xff\xfe",
            b"GET / HTTP/1.0\r\n\r\n",
            INVITE.replace(b"Call-ID", b"X-Other"),
            INVITE.replace(b"CSeq: 1 INVITE", b"CSeq: one INVITE"),
            INVITE.replace(b"Content-Length: 3", b"Content-Length: 4"),
            INVITE.replace(b"Call-ID: x@y", b"Call-ID x@y"),
        ):
            self.assertRaises(MalformedError, SIPMessage.parse, bad)


class AddressTests(SynchronousTestCase):
    def test_nameAddress(self) -> None:
        """Quoted, bare and missing display names are understood."""
        for text, display, uri, tag in (
            ('"A \\"B\\" <x>" <sip:a@b;lr>;tag=1', 'A "B" <x>', "sip:a@b;lr", "1"),
            ("Bob <sip:b@c>", "Bob", "sip:b@c", ""),
            ("<sip:b@c>", "", "sip:b@c", ""),
            ("sip:b@c;tag=9", "", "sip:b@c", "9"),
        ):
            self.assertEqual(NameAddress.parse(text), NameAddress(display, uri, tag))

    def test_addressOf(self) -> None:
        """A URI leads somewhere when its host is an IP literal."""
        self.assertEqual(addressOf("sip:a@192.0.2.1"), TransportAddress("192.0.2.1", 5060))
        self.assertEqual(addressOf("sip:[::1]:5070;lr"), TransportAddress("::1", 5070))
        for elsewhere in ("sip:a@example.com", "tel:1", "", "sip:a@192.0.2.1:99999"):
            self.assertIsNone(addressOf(elsewhere))

    def test_userOf(self) -> None:
        """The user part, if there is one."""
        self.assertEqual([userOf("sip:bell@h"), userOf("sip:h"), userOf("x")], ["bell", "", ""])

    def test_parameter(self) -> None:
        """Parameters are looked for behind the angle brackets, in any case."""
        self.assertEqual(parameter("<sip:a;tag=no>;x=1;TAG=yes", "tag"), "yes")
        self.assertEqual(parameter("<sip:a;tag=no>", "tag"), "")
