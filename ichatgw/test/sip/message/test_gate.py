# -*- test-case-name: ichatgw.test.sip.message.test_gate -*-
"""
Tests for L{ichatgw.sip.message.gate}: start lines, the way of answers, and the answers; and corners of
L{ichatgw.sip.message.syntax}.
"""

from __future__ import annotations

import gzip

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.model import TransportAddress
from ichatgw.sip.message import syntax
from ichatgw.test.support.sip.gates import GateTestCase, request, response


class StartLineTests(GateTestCase):
    """Request line and status line."""

    def test_version(self) -> None:
        """Another version of SIP gets a 505; the name SIP may have any case."""
        self.answered(request(startLine="INVITE sip:100@example.net SIP/3.0"), 505)
        self.answered(request(startLine="INVITE sip:100@example.net SIP/7.10"), 505)
        admitted = self.admitted(request(startLine="INVITE sip:100@example.net sip/2.0"))
        self.assertEqual(admitted.startLine, "INVITE sip:100@example.net SIP/2.0")

    def test_spaces(self) -> None:
        """The parts of a request line stand apart by one space."""
        lines = [
            "INVITE  sip:100@example.net SIP/2.0",
            "INVITE sip:100@example.net  SIP/2.0",
            "INVITE sip:100@example.net SIP/2.0 ",
            "INVITE sip:100@example.net; lr SIP/2.0",
            "INVITE\tsip:100@example.net SIP/2.0",
            "INVITE SIP/2.0",
            "INV@TE sip:100@example.net SIP/2.0",
            "INVITE sip:100@example.net SIP/two",
        ]
        for line in lines:
            self.answered(request(startLine=line), 400)

    def test_schemes(self) -> None:
        """SIP, SIPS and telephone URIs and names of services pass as they came; others get a 416."""
        for target in (
            "sips:100@example.net",
            "SIP:100@example.net;LR;Transport=UDP",
            "tel:+1-201-555-0123;phone-context=x",
            "urn:service:sos.fire",
            "sip:[2001:db8:::1]:05060",
            "sip:a%00b%0d%0A%c2%85%E2%80%A8%41@h",
            "sip:#31#72@example.net",
        ):
            admitted = self.admitted(request(startLine=f"INVITE {target} SIP/2.0"))
            self.assertEqual(admitted.startLine, f"INVITE {target} SIP/2.0")
        for target in ("http://example.net", "mailto:a@b", "nobodyKnowsThisScheme:totallyopaquecontent"):
            self.answered(request(startLine=f"INVITE {target} SIP/2.0"), 416)

    def test_misspeltTargets(self) -> None:
        """A target that is no URI gets a 400."""
        targets = [
            "<sip:100@example.net>",
            "100@example.net",
            "sip:",
            "sip:@",
            "sip:a@b@c",
            "sip:a@b:",
            "sip:a@b:0",
            "sip:a@b:65536",
            "sip:a@b:50:50",
            "sip:2001:db8::10",
            "sip:[2001:db8::10",
            "sip:[1:2:3]",
            "sip:[fe80::1%25eth0]",
            "sip:a@b;;x",
            "sip:a@b;=x",
            "sip:a@b;ttl=x",
            "sip:a@b;ttl=256",
            'sip:a"b@c',
            "sip:a@b?Route=%3Csip:c%3E",
            "sip:a@b?x",
            "tel:xyz",
            "tel:",
            "sip:a@b" + ";x" * 50,
        ]
        for target in targets:
            self.answered(request(startLine=f"INVITE {target} SIP/2.0"), 400)

    def test_statusLine(self) -> None:
        """A response says a code within 100..699 and perhaps a phrase."""
        for line in ("SIP/2.0 100 ", "SIP/2.0 100", "sip/2.0 699 = 2**3 * 5**2 но сто", "SIP/2.0 200 O K "):
            admitted = self.admitted(response(startLine=line))
            self.assertFalse(admitted.isRequest)
            self.assertEqual(admitted.method, "INVITE")
        for line in ("SIP/2.0 099 X", "SIP/2.0 700 X", "SIP/2.0 4294967301 X", "SIP/2.0  200 X", "SIP/3.0 200 X"):
            self.dropped(response(startLine=line))


class EncodedTests(GateTestCase):
    """A body in another form than its own."""

    def test_encoded(self) -> None:
        """
        One that is compressed is refused by what is read (RFC 3261 section 8.2.3); one that only says so is read; a
        request that describes nothing is not asked.
        """
        packed = gzip.compress(b"v=0\r\n", mtime=0)
        for name, encoding in (("Content-Encoding", "gzip"), ("e", "GZIP"), ("Content-Encoding", "deflate")):
            lines = self.answered(request("Content-Type: application/sdp", f"{name}: {encoding}", body=packed), 415)
            self.assertIn("Accept-Encoding: identity", lines)
        for line in ("Content-Encoding: identity", "Content-Encoding:", "Content-Encoding: gzip"):
            self.assertEqual(self.admitted(request(line, body=b"v=0\r\n")).body, b"v=0\r\n")
        line = "BYE sip:100@example.net SIP/2.0"
        self.admitted(request("Content-Encoding: gzip", startLine=line, body=packed, CSeq="1 BYE"))


class ViaTests(GateTestCase):
    """Where answers go."""

    def test_plain(self) -> None:
        """Vias come one a line, as they were written, in their order: responses repeat them."""
        written = "SIP  / 2.0  / UDP  192.0.2.1 : 5060 ; Branch = z9hG4bKa ; hidden ,SIP/2.0/TCP [::1];received=[::2]"
        self.assertEqual(
            self.header(request("v: SIP/2.0/SCTP c", Via=written), "Via"),
            [
                "SIP  / 2.0  / UDP  192.0.2.1 : 5060 ; Branch = z9hG4bKa ; hidden;received=198.51.100.7",
                "SIP/2.0/TCP [::1];received=[::2]",
                "SIP/2.0/SCTP c",
            ],
        )

    def test_reflection(self) -> None:
        """Nobody but the source is C{received}, and C{rport} is the source's, if asked for."""
        top = "SIP/2.0/UDP 192.0.2.1;branch=b"
        vias = {
            f"{top};received=203.0.113.9": f"{top};received=198.51.100.7",
            f"{top};RECEIVED=203.0.113.9;RPort=53": f"{top};received=198.51.100.7;rport=40000",
            f"{top};rport": f"{top};received=198.51.100.7;rport=40000",
            f"{top};rport=": f"{top};received=198.51.100.7;rport=40000",
            f"{top};x= ;RPORT = ;": f"{top};x= ;received=198.51.100.7;rport=40000",
            f"{top};": f"{top};received=198.51.100.7",
            f'{top};x="a;received=203.0.113.9"': f'{top};x="a;received=203.0.113.9";received=198.51.100.7',
            f'{top};x="a;rport=53"': f'{top};x="a;rport=53";received=198.51.100.7',
            f"{top}; received = 203.0.113.9 ;y": f"{top};y;received=198.51.100.7",
            f"{top};maddr=203.0.113.9": f"{top};maddr=203.0.113.9;received=198.51.100.7",
        }
        for written, plain in vias.items():
            self.assertEqual(self.header(request(Via=written), "Via"), [plain])
            self.assertIn(f"Via: {plain}", self.answered(request(Via=written, CSeq="1 BYE"), 400))

    def test_ipv6Source(self) -> None:
        """An IPv6 source is written without brackets (RFC 3261's via-received)."""
        self.assertEqual(
            self.header(request(), "Via", TransportAddress("2001:db8::1", 5060)),
            ["SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;received=2001:db8::1"],
        )

    def test_response(self) -> None:
        """The Via of a response is ours already and stays."""
        via = "SIP/2.0/UDP 192.0.2.1;branch=b;received=203.0.113.9"
        self.assertEqual(self.header(response(Via=via), "Via"), [via])

    def test_misspelt(self) -> None:
        """A request whose Via cannot be read is dropped."""
        vias = [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0 192.0.2.1",
            "SIP/2.0/UDP 192.0.2.15;;,;,,",
            "SIP/2.0/UDP 2001:db8::9:1",
            "SIP/2.0/UDP [2001:db8::9:1",
            "SIP/2.0/UDP a:0",
            "SIP/2.0/UDP a:99999",
            "SIP/2.0/UDP a:5060:5060",
            "SIP/2.0/UDP a;branch=b;branch=c",
            "SIP/2.0/UDP a;branch=b c",
            "SIP/2.0/UDP a;rport=x",
            "SIP/2.0/UDP a;received",
            "SIP/2.0/UDP a;received=",
            "SIP/2.0/UDP a;branch=",
            "SIP/2.0/UDP a;branch=b;;",
            "SIP/2.0/UDP a;rport=65536",
            "SIP/2.0/UDP a, SIP/2.0/UDP b;rport=c:5060",
            'SIP/2.0/UDP a;x="',
            "HTTP/2.0/UDP a",
        ]
        for wrong in vias:
            self.dropped(request(Via=wrong))
            self.dropped(response(Via=wrong))


class AnswerTests(GateTestCase):
    """What is said to those who are refused."""

    def test_answer(self) -> None:
        """An answer copies what RFC 3261 section 8.2.6 asks for and tags the To."""
        lines = self.answered(request("Via: SIP/2.0/TCP b;branch=c", "Subject: x", CSeq="1 BYE"), 400)
        self.assertEqual(
            lines[:4] + lines[5:7],
            [
                "SIP/2.0 400 CSeq Method Mismatch",
                "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;received=198.51.100.7",
                "Via: SIP/2.0/TCP b;branch=c",
                'From: "Alice" <sip:alice@example.com>;tag=1',
                "Call-ID: a84b4c76e66710@192.0.2.1",
                "CSeq: 1 BYE",
            ],
        )
        self.assertRegex(lines[4], r"^To: <sip:100@example.net>;tag=[0-9a-f]{16}$")

    def test_stateless(self) -> None:
        """The same request gets the same answer, another one another tag (RFC 3261 section 8.2.7)."""
        first, again, other = (self.answered(request(CSeq=f"{n} BYE"), 400) for n in (1, 1, 2))
        self.assertEqual(first, again)
        self.assertNotEqual(first[3], other[3])

    def test_tagStays(self) -> None:
        """A To that has its tag keeps it."""
        lines = self.answered(request(To="<sip:100@example.net>;tag=x", CSeq="1 BYE"), 400)
        self.assertIn("To: <sip:100@example.net>;tag=x", lines)

    def test_neverForACK(self) -> None:
        """An ACK is never answered."""
        self.dropped(request(startLine="ACK sip:100@example.net SIP/2.0", CSeq="1 BYE"))

    def test_unsafe(self) -> None:
        """What cannot be copied safely is not answered."""
        self.dropped(request(From="a\x0bb"))


class SyntaxTests(SynchronousTestCase):
    """Corners of L{syntax} that no whole message reaches."""

    def test_noURI(self) -> None:
        """What is no URI of any scheme is nothing to borrow."""
        self.assertRaises(MalformedError, syntax.borrowed, "nonsense")

    def test_lists(self) -> None:
        """Commas within quotes and angle brackets do not separate."""
        self.assertEqual(syntax.listItems('"a,b" <c,d>, e'), ['"a,b" <c,d>', "e"])
