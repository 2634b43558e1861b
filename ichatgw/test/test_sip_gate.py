# -*- test-case-name: ichatgw.test.test_sip_gate -*-
"""
Tests for L{ichatgw.sip.gate} and what it stands on: L{ichatgw.sip.framing}, L{ichatgw.sip.headers} and
L{ichatgw.sip.syntax}.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.model import TransportAddress
from ichatgw.sip import syntax
from ichatgw.sip.framing import Limits
from ichatgw.sip.gate import Admitted, Answer, Dropped, Gate

SOURCE = TransportAddress("198.51.100.7", 40000)

INVITE: dict[str, str] = {
    "Via": "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa",
    "Max-Forwards": "70",
    "From": '"Alice" <sip:alice@example.com>;tag=1',
    "To": "<sip:100@example.net>",
    "Call-ID": "a84b4c76e66710@192.0.2.1",
    "CSeq": "1 INVITE",
    "Contact": "<sip:alice@192.0.2.1>",
}


def request(
    *extra: str, startLine: str = "INVITE sip:100@example.net SIP/2.0", body: bytes = b"", **changes: str | None
) -> bytes:
    """An INVITE with some headers changed (C{None}: left out; C{_} for the hyphen) and others added."""
    headers: dict[str, str | None] = dict(INVITE)
    for name, value in changes.items():
        headers[name.replace("_", "-")] = value
    lines = [startLine, *[f"{name}: {value}" for name, value in headers.items() if value is not None], *extra]
    return "\r\n".join([*lines, "", ""]).encode() + body


def options(*extra: str, **changes: str | None) -> bytes:
    """As L{request}, but C{OPTIONS}."""
    every: dict[str, Any] = {"CSeq": "1 OPTIONS", **changes}
    return request(*extra, startLine="OPTIONS sip:100@example.net SIP/2.0", **every)


def response(*extra: str, startLine: str = "SIP/2.0 200 OK", **changes: str | None) -> bytes:
    """As L{request}, but a response."""
    every: dict[str, Any] = {"Max_Forwards": None, **changes}
    return request(*extra, startLine=startLine, **every)


class GateTestCase(SynchronousTestCase):
    """What all tests ask."""

    gate = Gate()

    def admitted(self, datagram: bytes, source: TransportAddress = SOURCE, transport: str = "UDP") -> Admitted:
        """C{datagram} is admitted."""
        verdict = self.gate.admit(datagram, source, transport)
        assert isinstance(verdict, Admitted), verdict
        return verdict

    def header(self, datagram: bytes, title: str, source: TransportAddress = SOURCE) -> list[str]:
        """C{datagram} is admitted with these values of a header."""
        admitted = self.admitted(datagram, source)
        values = [value for name, value in admitted.headers if name == title]
        for value in values:
            self.assertIn(f"\r\n{title}: {value}\r\n", admitted.text)
        return values

    def answered(self, datagram: bytes, status: int, transport: str = "UDP") -> list[str]:
        """C{datagram} is answered with C{status}, in these lines."""
        verdict = self.gate.admit(datagram, SOURCE, transport)
        assert isinstance(verdict, Answer), verdict
        lines = verdict.response.decode().split("\r\n")
        self.assertEqual(lines[0].split(" ")[:2], ["SIP/2.0", str(status)])
        self.assertEqual(lines[-3:], ["Content-Length: 0", "", ""])
        self.assertIn(str(status), verdict.reason)
        return lines

    def dropped(self, datagram: bytes, quiet: bool = False) -> str:
        """C{datagram} is dropped, for this reason."""
        verdict = self.gate.admit(datagram, SOURCE)
        assert isinstance(verdict, Dropped), verdict
        self.assertEqual(verdict.quiet, quiet)
        return verdict.reason


class FramingTests(GateTestCase):
    """Bytes, lines, body."""

    def test_plain(self) -> None:
        """What is in order passes as it is, with its source in the Via and its length counted."""
        admitted = self.admitted(request("Content-Type: application/sdp", body=b"v=0\r\n"))
        self.assertEqual(
            admitted.text,
            "INVITE sip:100@example.net SIP/2.0\r\n"
            "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;received=198.51.100.7\r\n"
            "Max-Forwards: 70\r\n"
            'From: "Alice" <sip:alice@example.com>;tag=1\r\n'
            "To: <sip:100@example.net>\r\n"
            "Call-ID: a84b4c76e66710@192.0.2.1\r\n"
            "CSeq: 1 INVITE\r\n"
            "Contact: <sip:alice@192.0.2.1>\r\n"
            "Content-Type: application/sdp\r\n"
            "Content-Length: 5\r\n"
            "\r\n"
            "v=0\r\n",
        )
        self.assertTrue(admitted.isRequest)
        self.assertEqual((admitted.method, admitted.body), ("INVITE", b"v=0\r\n"))
        self.assertEqual(admitted.startLine, "INVITE sip:100@example.net SIP/2.0")
        self.assertEqual(admitted.headers[1], ("Max-Forwards", "70"))

    def test_keepalives(self) -> None:
        """Keepalives of all fashions are dropped without a word."""
        for datagram in (b"", b"\r\n", b"\r\n\r\n", b"\0", b"\0\0", b"\0\0\0\0", b"\n"):
            self.assertEqual(self.dropped(datagram, quiet=True), "keepalive")

    def test_garbage(self) -> None:
        """What has no start line of SIP is dropped, but not quietly."""
        garbage = [
            b"\0" * 5,
            b"hello",
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x80\xff" * 100,
            bytes(range(256)),
            b"\r\n" * 30000,
            b",",
            b"INVITE sip:a@b\r\n\r\n",
        ]
        for datagram in garbage:
            self.dropped(datagram)

    def test_leadingLineEnds(self) -> None:
        """Line ends before the start line are ignored (RFC 3261 section 7.5)."""
        self.admitted(b"\r\n\r\n" + request())

    def test_folding(self) -> None:
        """A folded header is one line."""
        self.assertEqual(self.header(request("Subject: one\r\n two\r\n\t three"), "Subject"), ["one  two   three"])

    def test_foldedStartLine(self) -> None:
        """A start line is not folded."""
        self.dropped(request().replace(b" SIP/2.0\r\n", b"\r\n SIP/2.0\r\n\t", 1))

    def test_compactNames(self) -> None:
        """Compact names, and names in any case or with blanks behind them, are the header's own."""
        plain = request("Supported: replaces")
        changed = plain.replace(b"Via:", b"v  :").replace(b"From:", b"f:").replace(b"To:", b"tO\t:")
        changed = changed.replace(b"Call-ID:", b"I:").replace(b"Contact:", b"M :").replace(b"Supported:", b"k:")
        self.assertEqual(self.admitted(changed), self.admitted(plain))

    def test_unknownHeaders(self) -> None:
        """A header that nobody here reads does not pass."""
        self.assertNotIn("X-Foo", self.admitted(request("X-Foo: bar", "Date: nonsense", "Also: <sip:x@y>")).text)

    def test_headerWithoutColon(self) -> None:
        """A line that is no header is refused."""
        self.answered(request("Foobar roobar"), 400)
        self.answered(request("Foo bar: x"), 400)
        self.answered(request(": x"), 400)

    def test_noBlankLine(self) -> None:
        """A message that ends with its last header is whole; one cut within a line is not."""
        self.admitted(request()[:-2])
        self.answered(request()[:-4], 400)

    def test_smuggling(self) -> None:
        """Nothing but CRLF ends a line, and nothing that others take for a line end passes."""
        for mark in "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\0\x08\x7f\x9f":
            hidden = f"Subject: a{mark}P-Asserted-Identity: <sip:admin@corp>"
            self.answered(request(hidden), 400)
            self.answered(request(f"X-Unknown: a{mark}b"), 400)
            self.dropped(request(Call_ID=f"a{mark}b"))
            self.dropped(response(hidden))

    def test_smugglingInStartLine(self) -> None:
        """A control character in the request line is refused."""
        self.answered(request(startLine="INVITE sip:a\x0bb@example.net SIP/2.0"), 400)

    def test_escapedControlCharacters(self) -> None:
        """A control character escaped in a quoted string is lawful (RFC 4475 section 3.1.1.2), and made harmless."""
        datagram = request(To='"BEL:\\\x07 NUL:\\\0 VT:\\\x0b" <sip:100@example.net>')
        self.assertEqual(self.header(datagram, "To"), ['"BEL:? NUL:? VT:?" <sip:100@example.net>'])
        self.dropped(request(To='"LF:\\\n" <sip:100@example.net>'))
        self.dropped(request(To="NUL:\\\0 <sip:100@example.net>"))

    def test_latin1(self) -> None:
        """A header that is not UTF-8 is Latin-1, in the answer too."""
        datagram = request(From='"J\xf6rg" <sip:joerg@example.com>;tag=1').decode().encode("latin-1")
        self.assertEqual(self.header(datagram, "From"), ['"Jörg" <sip:joerg@example.com>;tag=1'])
        verdict = self.gate.admit(datagram.replace(b"1 INVITE", b"1 BYE"), SOURCE)
        assert isinstance(verdict, Answer)
        self.assertIn(b"J\xf6rg", verdict.response)

    def test_binaryBody(self) -> None:
        """A body of any octets passes; the text counts its characters, and the octets stay at hand."""
        admitted = self.admitted(request("Content-Length: 4", body=b"\xff\0\r\n"))
        self.assertTrue(admitted.text.endswith("\r\nContent-Length: 4\r\n\r\n\xff\0\r\n"))
        self.assertEqual(admitted.body, b"\xff\0\r\n")

    def test_bodyInUTF8(self) -> None:
        """A body in UTF-8 is read as such."""
        admitted = self.admitted(request("Content-Length: 4", body="ä€".encode()[:4] + b"\xacrest"))
        self.assertEqual(admitted.body, b"\xc3\xa4\xe2\x82")
        admitted = self.admitted(request("Content-Length: 5", body="ä€".encode() + b"rest"))
        self.assertTrue(admitted.text.endswith("\r\nContent-Length: 2\r\n\r\nä€"))


class LimitTests(GateTestCase):
    """Size and number."""

    gate = Gate(Limits(size=2000, headers=20, line=500, commas=5, separators=60))

    def test_bodyTooLarge(self) -> None:
        """A request whose body makes it too large gets a 413."""
        self.answered(request(body=b"x" * 2000), 413)

    def test_headerTooLarge(self) -> None:
        """A request whose header alone is too large gets a 513."""
        self.answered(request(*["Subject: " + "x" * 200] * 10), 513)

    def test_largeSilently(self) -> None:
        """What is too large and has no Via within the limit is dropped."""
        self.dropped(request(*["Subject: " + "x" * 200] * 10, Via=None))
        self.dropped(b"OPTIONS sip:a@b SIP/2.0\r\n" + b"a:\r\n" * 16000)

    def test_atTheLimit(self) -> None:
        """A message of just the largest size passes."""
        self.admitted(request(body=b"x" * (2000 - len(request()))))

    def test_tooManyHeaders(self) -> None:
        """More headers than allowed get a 400."""
        self.admitted(request(*["X-A: b"] * 13))
        self.answered(request(*["X-A: b"] * 14), 400)

    def test_longLine(self) -> None:
        """A longer header than allowed gets a 400."""
        self.admitted(request("Subject: " + "x" * 491))
        self.answered(request("Subject: " + "x" * 492), 400)
        self.answered(request("Subject: " + "x" * 480 + "\r\n y" * 5), 400)

    def test_commas(self) -> None:
        """More commas in a header than allowed get a 400."""
        self.admitted(request("Allow: a,b,c,d,e,f"))
        self.answered(request("Allow: a,b,c,d,e,f,g"), 400)

    def test_separators(self) -> None:
        """More commas, semicolons and quotes in all than allowed get a 400, and no answer if they are in the Via."""
        self.admitted(request(*["Accept: a;b,c"] * 10))
        self.answered(request("Accept: " + ";" * 60), 400)
        self.answered(request("Subject: " + '"' * 60), 400)
        self.dropped(request(Via="SIP/2.0/UDP a;branch=b" + ";x" * 60))

    def test_noAmplification(self) -> None:
        """An answer is never much longer than the request."""
        requests = [
            b"A sip:a SIP/3.0\r\nv:SIP/2.0/UDP a\r\n\r\n",
            b"A sip:a SIP/3.0\r\n" + b"v:SIP/2.0/UDP a,SIP/2.0/UDP a\r\n" * 18 + b"\r\n",
            request(CSeq="1 BYE"),
            request("Require: " + "a,b,c,d"),
        ]
        for datagram in requests:
            verdict = self.gate.admit(datagram, TransportAddress("2001:db8:1111:2222:3333:4444:5555:6666", 65535))
            assert isinstance(verdict, Answer), verdict
            self.assertLessEqual(len(verdict.response), 2 * len(datagram) + 256)


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
        """SIP, SIPS and telephone URIs pass; others get a 416."""
        targets = {
            "sips:100@example.net": "sips:100@example.net",
            "SIP:100@example.net;LR;Transport=UDP": "sip:100@example.net;lr;transport=udp",
            "tel:+1-201-555-0123;phone-context=x": "sip:+12015550123@tel.invalid;user=phone",
            "sip:[2001:db8:::1]:05060": "sip:[2001:db8::1]:5060",
            "sip:a%00b%0d%0A%c2%85%E2%80%A8%41@h": "sip:a%2500b%250d%250A%25c2%85%25E2%80%A8%41@h",
        }
        for target, plain in targets.items():
            admitted = self.admitted(request(startLine=f"INVITE {target} SIP/2.0"))
            self.assertEqual(admitted.startLine, f"INVITE {plain} SIP/2.0")
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


class HeaderTests(GateTestCase):
    """The rules of single headers."""

    def test_mandatory(self) -> None:
        """Without Via, a request is dropped; without another mandatory header it gets a 400."""
        self.dropped(request(Via=None))
        for name in ("From", "To", "Call_ID", "CSeq"):
            missing: dict[str, Any] = {name: None}
            lines = self.answered(request(**missing), 400)
            self.assertFalse([line for line in lines if line.startswith(name.replace("_", "-") + ":")])
            self.dropped(response(**missing))

    def test_maxForwards(self) -> None:
        """Max-Forwards may be missing or 0; otherwise it is a number up to 255."""
        self.admitted(request(Max_Forwards=None))
        self.assertEqual(self.header(request(Max_Forwards="0068"), "Max-Forwards"), ["68"])
        self.assertEqual(self.header(request(Max_Forwards="0"), "Max-Forwards"), ["0"])
        for wrong in ("256", "300", "-1", "x", "", "7_0", "٧", "9" * 5000):
            self.answered(request(Max_Forwards=wrong), 400)

    def test_single(self) -> None:
        """A header that stands alone and comes twice gets a 400."""
        for name in ("From", "To", "Call-ID", "CSeq", "Max-Forwards"):
            self.answered(request(f"{name}: {INVITE[name]}"), 400)
        self.answered(request("Content-Length: 0", "l: 0"), 400)
        self.answered(request("Content-Type: a/b", "c: a/b"), 400)
        self.answered(request("Refer-To: <sip:a@b>", "r: <sip:a@b>"), 400)
        self.dropped(response("t: <sip:100@example.net>"))

    def test_firstOnly(self) -> None:
        """Of a header that is repeated by mistake and does little harm, the first counts."""
        self.assertEqual(self.header(request("Expires: 60", "Expires: 70", "s: a", "s: b"), "Expires"), ["60"])

    def test_cseq(self) -> None:
        """CSeq is a number below 2**31 and the request's method."""
        self.assertEqual(self.header(request(CSeq="0009 \t INVITE"), "CSeq"), ["9 INVITE"])
        self.assertEqual(self.header(request(CSeq="2147483647 INVITE"), "CSeq"), ["2147483647 INVITE"])
        for wrong in ("2147483648 INVITE", "1 BYE", "1 invite", "-1 INVITE", "1", "INVITE", "1INVITE", "1 INVITE x"):
            self.answered(request(CSeq=wrong), 400)

    def test_contentLength(self) -> None:
        """The body is as long as Content-Length says; what is not there cannot be."""
        self.assertEqual(self.admitted(request("Content-Length: 2", body=b"abc")).body, b"ab")
        self.assertEqual(self.admitted(request(body=b"abc")).body, b"abc")
        self.assertEqual(self.admitted(request("L:0", body=b"abc")).body, b"")
        for wrong in ("4", "-5", "1_0", "٣", "", "x", "+3", "9" * 5000, "3, 3"):
            self.answered(request(f"Content-Length: {wrong}", body=b"abc"), 400)
        self.dropped(response("Content-Length: 1"))

    def test_stream(self) -> None:
        """On a stream there is no body without its length (RFC 3261 section 18.3)."""
        self.admitted(request("Content-Length: 0"), transport="TCP")
        self.answered(request(), 400, transport="TCP")

    def test_contentType(self) -> None:
        """A media type loses its blanks and the parameters that sippy stumbles over."""
        types = {
            "application/sdp": "application/sdp",
            "application / sdp ; charset = utf-8": "application/sdp;charset=utf-8",
            'multipart/mixed;boundary="a;b";flag': "multipart/mixed",
            'multipart/mixed;boundary="a b"': 'multipart/mixed;boundary="a b"',
        }
        for written, plain in types.items():
            self.assertEqual(self.header(request(f"Content-Type: {written}"), "Content-Type"), [plain])
        for wrong in ("", "sdp", "application/sdp, text/plain", 'a/b;c="'):
            self.answered(request(f"Content-Type: {wrong}"), 400)

    def test_callId(self) -> None:
        """A Call-ID is one word of nearly any characters."""
        self.assertEqual(self.header(request(Call_ID='a@~)(><:\\/"][?}{'), "Call-ID"), ['a@~)(><:\\/"][?}{'])
        self.answered(request(Call_ID="a b"), 400)
        self.answered(request(Call_ID=""), 400)

    def test_addresses(self) -> None:
        """From and To come in their plain form, whatever their author's taste."""
        addresses = {
            "sip:a@b;tag=x": "<sip:a@b>;tag=x",
            "sip:a@b ; TAG = x": "<sip:a@b>;tag=x",
            "<sip:a@b>": "<sip:a@b>",
            "sips:a@b:5061": "<sips:a@b:5061>",
            "A. B. <sip:a@b> ;\ttag=x": '"A. B." <sip:a@b>;tag=x',
            "caller<sip:a@b>;tag=x": "caller<sip:a@b>;tag=x",
            '"a, b"   <sip:a@b>;tag=x': '"a, b" <sip:a@b>;tag=x',
            '"a \\"b\\" \\\\" <sip:a@b>;tag=x': "\"a 'b' /\" <sip:a@b>;tag=x",
            '"<sip:evil@x>" <sip:a@b>;tag=x': '"(sip:evil@x)" <sip:a@b>;tag=x',
            "大停電 <sip:a@b>;tag=x": '"大停電" <sip:a@b>;tag=x',
            '<sip:a@b>;x="a;tag=evil";tag=x': "<sip:a@b>;tag=x",
            '<sip:a@b>;x="a,b";tag=x': '<sip:a@b>;x="a,b";tag=x',
            "<sip:a@b?Subject=x>": "<sip:a@b>",
            "tel:+1-201": "<sip:+1201@tel.invalid;user=phone>",
            "<tel:*21#>;tag=x": "<sip:*21%23@tel.invalid;user=phone>;tag=x",
            "<http://www.example.com>;tag=x": "<sip:http%3A%2F%2Fwww.example.com@http.invalid>;tag=x",
            "isbn:2983792873": "<sip:isbn%3A2983792873@isbn.invalid>",
        }
        for written, plain in addresses.items():
            self.assertEqual(self.header(request(From=written), "From"), [plain])

    def test_misspeltAddresses(self) -> None:
        """An address that cannot be read gets a 400."""
        addresses = [
            "",
            "a@b",
            '"Mr. J. User <sip:a@b>',
            '"a" b <sip:a@b>',
            '"a"b" <sip:a@b>',
            '"a\\" <sip:a@b>',
            "Bell, Alexander <sip:a@b>",
            "<sip:a@b",
            "sip:a@b>",
            "< sip:a@b >",
            "<<sip:a@b>>",
            "<sip:a@b>,<sip:c@d>",
            "<sip:a@b> tag=x",
            "<sip:a@b>;",
            "<sip:a@b>;tag=",
            "<sip:a@b>;tag=a b",
            "<sip:a@b>;tag=1;tag=2",
            '<sip:a@b>;x="',
            "<sip:a@b>" + "".join(f";p{n}" for n in range(50)),
            "sip:a@b?Subject=x",
            "sip:a,b@c",
            "<tel:what>",
            "*",
        ]
        for wrong in addresses:
            self.answered(request(From=wrong), 400)

    def test_contacts(self) -> None:
        """Contacts come one a line; those that SIP cannot reach stay out, and so do headers in their URIs."""
        written = (
            '<sip:a@b?Route=%3Csip:c%3E>;q=0.5, "x,y" <sip:d@e>;+sip.instance="<urn:uuid:1>", <mailto:f@g>,sip:h@i'
        )
        self.assertEqual(
            self.header(request(Contact=written), "Contact"),
            ["<sip:a@b>;q=0.5", '"x,y" <sip:d@e>;+sip.instance="<urn:uuid:1>"', "<sip:h@i>"],
        )
        self.answered(request(Contact="<sip:a@b>,"), 400)
        self.answered(request(Contact='"Joe" <sip:joe@example.org>;;;;'), 400)

    def test_noContact(self) -> None:
        """An INVITE that names no place to reach its sender gets one: where it came from."""
        self.assertEqual(self.header(request(Contact=None), "Contact"), ["<sip:198.51.100.7:40000>"])
        self.assertEqual(self.header(request(Contact="<mailto:f@g>"), "Contact"), ["<sip:198.51.100.7:40000>"])
        source = TransportAddress("2001:db8::1", 5060)
        self.assertEqual(self.header(request(Contact=None), "Contact", source), ["<sip:[2001:db8::1]:5060>"])
        self.assertEqual(self.header(options(Contact=None), "Contact"), [])

    def test_wildcardContact(self) -> None:
        """C{*} is for REGISTER only."""
        register = request(startLine="REGISTER sip:example.net SIP/2.0", CSeq="1 REGISTER", Contact="*")
        self.assertEqual(self.header(register, "Contact"), ["*"])
        self.answered(request(Contact="*"), 400)
        self.dropped(response(Contact="*"))

    def test_routes(self) -> None:
        """Routes come one a line; one that is not SIP's is refused."""
        self.assertEqual(
            self.header(request("Route: <sip:a;LR>,<sip:b;lr>", "Route: <sip:c>"), "Route"),
            ["<sip:a;lr>", "<sip:b;lr>", "<sip:c>"],
        )
        self.answered(request("Route: <http://a>"), 400)
        self.answered(request("Record-Route: <sip:a"), 400)

    def test_referral(self) -> None:
        """The headers in a Refer-To are kept, if they are well-formed."""
        written = "<sip:a@b?Replaces=1%3Bto-tag%3D2&x=>"
        self.assertEqual(self.header(options(f"r: {written}"), "Refer-To"), [written])
        self.answered(options("Refer-To: <sip:a@b?x>"), 400)
        self.answered(options("Refer-To: <sip:a@b?x=y=z>"), 400)

    def test_needless(self) -> None:
        """What is malformed and not needed stays out; what is in order goes on in its plain form."""
        values = [
            ("Expires", "0060", "60"),
            ("Expires", "4294967296", None),
            ("Expires", "1" + "0" * 400, None),
            ("Expires", "Fri, 01 Jan 2010 16:00:00 GMT", None),
            ("Retry-After", "120 (in a meeting);duration=60", "120 (in a meeting);duration=60"),
            ("Retry-After", "949302838503028349304023988", None),
            ("Session-Expires", "1800;refresher=uac", "1800;refresher=uac"),
            ("Session-Expires", "soon", None),
            ("Reason", 'Q.850 ; cause = 16 ; text="bye; now"', 'Q.850;cause=16;text="bye  now"'),
            ("Reason", "SIP;cause=200;location=x", "SIP;cause=200"),
            ("Reason", "SIP;text=x", None),
            ("Reason", 'SIP;text="', None),
            ("Warning", '399  example.net "Hm"', '399 example.net "Hm"'),
            ("Warning", '1812 overture "In Progress"', None),
            ("P-Asserted-Identity", "tel:+1201", "<sip:+1201@tel.invalid;user=phone>"),
            ("P-Asserted-Identity", '"x', None),
            ("Referred-By", "nonsense", None),
            ("Diversion", "<sip:a@b>;reason=busy", "<sip:a@b>;reason=busy"),
            ("WWW-Authenticate", 'Digest  Realm = "a,b" , nonce=c', 'Digest realm="a,b", nonce=c'),
            ("WWW-Authenticate", "Digest", None),
            ("WWW-Authenticate", "Digest realm", None),
            ("WWW-Authenticate", 'Digest realm="a\\"b"', None),
            ("Authorization", 'Digest username="a",uri="sip:b"', 'Digest username="a", uri="sip:b"'),
            ("Authorization", 'Digest username="a,b"', None),
            ("Authorization", "NTLM abc==", None),
        ]
        for name, written, plain in values:
            self.assertEqual(self.header(request(f"{name}: {written}"), name), [] if plain is None else [plain])

    def test_dialogHeaders(self) -> None:
        """Headers that name a dialog or a provisional response are read strictly."""
        self.assertEqual(
            self.header(request("Replaces: a@b ; to-tag=c;\tfrom-tag=d"), "Replaces"), ["a@b;to-tag=c;from-tag=d"]
        )
        self.assertEqual(self.header(options("RAck: 01  2 INVITE"), "RAck"), ["1 2 INVITE"])
        self.answered(options("RAck: 1 INVITE"), 400)
        self.answered(options("RSeq: x"), 400)

    def test_require(self) -> None:
        """A request for what nobody here can do gets a 420 that names it, but CANCEL does not."""
        self.gate = Gate(supported=frozenset({"timer"}))
        lines = self.answered(options("Require: Timer, foo", "Require: bar,foo,"), 420)
        self.assertIn("Unsupported: foo, bar", lines)
        self.admitted(options("Require: Timer"))
        self.admitted(request("Require: foo", startLine="CANCEL sip:100@example.net SIP/2.0", CSeq="1 CANCEL"))


class ViaTests(GateTestCase):
    """Where answers go."""

    def test_plain(self) -> None:
        """Vias come one a line, in their plain form, in their order."""
        written = "SIP  / 2.0  / UDP  192.0.2.1 : 5060 ; Branch = z9hG4bKa ; hidden ,SIP/2.0/TCP [::1];received=[::2]"
        self.assertEqual(
            self.header(request("v: SIP/2.0/SCTP c", Via=written), "Via"),
            [
                "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;hidden;received=198.51.100.7",
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
            f'{top};x="a;received=203.0.113.9"': f"{top};received=198.51.100.7",
            f'{top};x="a;rport=53"': f"{top};received=198.51.100.7",
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
