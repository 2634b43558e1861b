# -*- test-case-name: ichatgw.test.sip.message.test_framing -*-
"""
Tests for L{ichatgw.sip.message.framing}, through the gate: what is a message at all, and how much of it there may be.
"""

from __future__ import annotations

from ichatgw.model import TransportAddress
from ichatgw.sip.message import framing
from ichatgw.sip.message.framing import Limits
from ichatgw.sip.message.gate import Answer, Gate
from ichatgw.test.support.sip.gates import SOURCE, GateTestCase, request, response


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

    def test_again(self) -> None:
        """A line is judged by what it says and where it stands, whether or not it has come before."""
        gate = Gate()
        lines = (
            "Contact: *",
            "To: <sip:100@example.net",
            "Record-Route: <sip:a.example>, nonsense, <sip:b.example;lr>",
            "Subject: a\vb",
            "Sub ject: a",
            "Expires: soon",
            "Supported: " + ",".join(f"tag{number}" for number in range(200)),
            "Refer-To: <sip:a@example.net",
        )
        messages = [make(line) for line in lines for make in (request, response)]
        first = []
        for message in messages:
            framing._fieldBefore.cache_clear()
            first.append(gate.admit(message, SOURCE))
        self.assertEqual([gate.admit(message, SOURCE) for message in messages], first)
        self.assertEqual([gate.admit(message, SOURCE) for message in reversed(messages)], first[::-1])

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

    def test_bareLF(self) -> None:
        """A message without any CR in its header is understood; one with both kinds of line ends is refused."""
        plain = request("Subject: x", body=b"v=0\r\n")
        head, _, body = plain.partition(b"\r\n\r\n")
        bare = head.replace(b"\r\n", b"\n")
        admitted = self.admitted(bare + b"\n\n" + body)
        self.assertEqual(admitted, self.admitted(plain))
        self.admitted(bare.replace(b"Content-Length: 5", b"Content-Length: 0") + b"\n")
        self.answered(head.replace(b"Subject: x", b"Subject: x\nA: b") + b"\r\n\r\n" + body, 400)
        self.answered(plain.replace(b"Subject: x", b"Subject: x\nRoute: <sip:evil>"), 400)
        self.dropped(b"\n" * 50)

    def test_brokenText(self) -> None:
        """UTF-8 that was cut, and Latin-1, do not cost a call where it is but a name."""
        for name in (b"J\xc3", b"J\xfcrgen", b"J\xc3\xbc\x80", b"\xff\xfe\x81"):
            self.admitted(request(From="@@").replace(b"@@", b'"' + name + b'" <sip:a@b>;tag=1'))


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

    def test_longButUnread(self) -> None:
        """A header that nobody here reads may be as long as it likes within the message, as Identity is (RFC 8224)."""
        for message in (request("Identity: " + "x" * 1500), response("X-Token: " + "x" * 1500)):
            self.assertNotIn("xxx", self.admitted(message).text)

    def test_commas(self) -> None:
        """More commas in a header than allowed get a 400, if we read what is between them; else they cost nothing."""
        contacts = [f"<sip:a@{number}>" for number in range(7)]
        self.admitted(register := request("Contact: " + ",".join(contacts[:6]), Contact=None))
        self.assertIn(b"<sip:a@5>", register)
        self.answered(request("Contact: " + ",".join(contacts), Contact=None), 400)
        for name in ("Allow", "Supported", "Accept", "Allow-Events", "Accept-Language", "Privacy"):
            self.admitted(request(f"{name}: " + ",".join("abcdefgh" * 9)))

    def test_separators(self) -> None:
        """More commas, semicolons and quotes in all than allowed get a 400, and no answer if they are in the Via."""
        self.admitted(request(*["Accept: a;b,c"] * 10))
        self.admitted(request("Subject: " + '"' * 60))
        self.answered(request("Diversion: <sip:a@b>" + ";" * 60), 400)
        self.answered(request("Reason: " + '"' * 60), 400)
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
