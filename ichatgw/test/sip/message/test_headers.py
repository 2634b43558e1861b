# -*- test-case-name: ichatgw.test.sip.message.test_headers -*-
"""
Tests for L{ichatgw.sip.message.headers}, through the gate: what each header may say, and its plain form.
"""

from __future__ import annotations

from typing import Any

from ichatgw.model import TransportAddress
from ichatgw.sip.message.gate import Gate
from ichatgw.sip.message.syntax import SEMICOLON
from ichatgw.test.support.sip.gates import INVITE, GateTestCase, options, request, response


def within(method: str, *extra: str, **changes: str | None) -> bytes:
    """As L{request}, of that method."""
    every: dict[str, Any] = {"CSeq": f"1 {method}", **changes}
    return request(*extra, startLine=f"{method} sip:100@example.net SIP/2.0", **every)


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
        self.answered(request("Content-Length: 0", "l: 1"), 400)
        self.admitted(request("Content-Length: 0", "l: 0"))
        self.answered(request("Content-Type: a/b", "c: a/b"), 400)
        self.answered(within("REFER", "Refer-To: <sip:a@b>", "r: <sip:a@b>"), 400)
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
        for wrong in ("sdp", "application/sdp, text/plain", 'a/b;c="'):
            self.answered(request(f"Content-Type: {wrong}"), 400)

    def test_callId(self) -> None:
        """A Call-ID is one word of nearly any characters."""
        self.assertEqual(self.header(request(Call_ID='a@~)(><:\\/"][?}{'), "Call-ID"), ['a@~)(><:\\/"][?}{'])
        self.answered(request(Call_ID="a b"), 400)
        self.answered(request(Call_ID=""), 400)

    def test_addresses(self) -> None:
        """
        From and To come in their plain form, whatever their author's taste, but for their URIs, which come as they are.
        No name, which is only for show, is a fault.
        """
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
            "tel:+1-201": "<tel:+1-201>",
            "<tel:*21#>;tag=x": "<tel:*21#>;tag=x",
            "<http://www.example.com>;tag=x": "<http://www.example.com>;tag=x",
            "isbn:2983792873": "<isbn:2983792873>",
            "<sip:a%23b%3Bc%E4@b;X=y;LR>;Tag=x": "<sip:a%23b%3Bc%E4@b;X=y;LR>;tag=x",
            '""unknown"" <sip:a@b>;tag=x': '"unknown" <sip:a@b>;tag=x',
            "Bell, Alexander <sip:a@b>": '"Bell, Alexander" <sip:a@b>',
            '"Mr. J. User <sip:a@b>;tag=x': '"Mr. J. User" <sip:a@b>;tag=x',
            '"a" b <sip:a@b>': '"a b" <sip:a@b>',
            '"a"b" <sip:a@b>': '"a b" <sip:a@b>',
            '"a\\" <sip:a@b>': '"a/" <sip:a@b>',
            "a;b\\c <sip:a@b>": '"a;b/c" <sip:a@b>',
            "A. <work> <sip:a@b>;tag=x": '"A. (work)" <sip:a@b>;tag=x',
            "a <-> b <tel:+49>": '"a (-) b" <tel:+49>',
        }
        for written, plain in addresses.items():
            self.assertEqual(self.header(request(From=written), "From"), [plain])

    def test_emptyParameters(self) -> None:
        """Parameters behind an address that say nothing, or what cannot be read, are left out; an empty tag is none."""
        for written in (";", ";tag=", " ;tag = ; ", ";epid=", ";x=<y>;q=a b", ';+g.x={"a":1}'):
            self.assertEqual(self.header(request(From=f"<sip:a@b>{written}"), "From"), ["<sip:a@b>"], written)
        self.assertEqual(self.header(request(From="sip:a@b;epid=;tag=x;"), "From"), ["<sip:a@b>;tag=x"])
        self.assertEqual(self.header(request(Contact="<sip:a@b>;q=;expires=9;"), "Contact"), ["<sip:a@b>;expires=9"])
        for fault in (";;", ";;tag=x", ";tag=a b", "; =x", ';x="'):
            self.answered(request(From=f"<sip:a@b>{fault}"), 400)

    def test_emptyURIParameters(self) -> None:
        """A URI that ends with a semicolon is read, and stays as it came; several in a row are a fault."""
        line = "OPTIONS sip:100@example.net; SIP/2.0"
        self.assertEqual(self.admitted(request(startLine=line, CSeq="1 OPTIONS")).startLine, line)
        for written in ("<sip:a@b;>", "<sip:a@b;lr;>;tag=x"):
            self.assertEqual(self.header(request(From=written), "From"), [written])
            self.assertEqual(self.header(request(Contact=written), "Contact"), [written])
        self.answered(request(From="<sip:a@b;;>"), 400)
        self.answered(request(startLine="INVITE sip:100@example.net;; SIP/2.0"), 400)

    def test_misspeltAddresses(self) -> None:
        """An address that cannot be read gets a 400."""
        addresses = [
            "",
            "a@b",
            "<sip:a@b",
            "sip:a@b>",
            "< sip:a@b >",
            "<<sip:a@b>>",
            "<sip:a@b>,<sip:c@d>",
            "<sip:a@b> tag=x",
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

    def test_granted(self) -> None:
        """The addresses that a registrar grants (RFC 5627) pass whole, in a form that sippy does not take apart; other
        quoted values with a semicolon, or what escapes in one, do not."""
        given = '<sip:a@b>;pub-gruu="sip:a@b;gr=urn:x;y";temp-gruu="sip:t==@b;gr";expires=60'
        self.assertEqual(
            self.header(response(Contact=f'{given};other="x;y"'), "Contact"),
            [given.replace("b;gr", f"b{SEMICOLON}gr").replace("x;y", f"x{SEMICOLON}y")],
        )
        for given in ('pub-gruu="sip:a@b\\";gr"', 'pub-gruu="\\;"'):
            self.assertEqual(self.header(response(Contact=f"<sip:a@b>;{given}"), "Contact")[:1], ["<sip:a@b>"], given)

    def test_othersContact(self) -> None:
        """In a response one Contact that cannot be read does not cost the others, nor the answer."""
        good = "<sip:a@b>;expires=60"
        for bad in ("<sip:a@b:0>", '"', "<sip:a@b>;;", "<sip:a"):
            self.assertEqual(self.header(response(f"Contact: {bad}", Contact=good), "Contact"), [good])

    def test_noContact(self) -> None:
        """An INVITE that names no place to reach its sender gets one: where it came from."""
        self.assertEqual(self.header(request(Contact=None), "Contact"), ["<sip:198.51.100.7:40000>"])
        self.assertEqual(self.header(request(Contact="<mailto:f@g>"), "Contact"), ["<sip:198.51.100.7:40000>"])
        source = TransportAddress("2001:db8::1", 5060)
        self.assertEqual(self.header(request(Contact=None), "Contact", source), ["<sip:[2001:db8::1]:5060>"])
        self.assertEqual(self.header(options(Contact=None), "Contact"), [])

    def test_wildcardContact(self) -> None:
        """C{*} is for REGISTER only; a response that has it is as one without a Contact."""
        register = request(startLine="REGISTER sip:example.net SIP/2.0", CSeq="1 REGISTER", Contact="*")
        self.assertEqual(self.header(register, "Contact"), ["*"])
        self.answered(request(Contact="*"), 400)
        good = "<sip:a@b>"
        self.assertEqual(self.header(response("Contact: *", Contact=good), "Contact"), [good])
        self.assertEqual(self.header(response(Contact="*"), "Contact"), [])

    def test_routes(self) -> None:
        """Routes come one a line; one that is not SIP's is refused."""
        self.assertEqual(
            self.header(request("Route: <sip:a;LR>,<sip:b;lr>", "Route: <sip:c>"), "Route"),
            ["<sip:a;LR>", "<sip:b;lr>", "<sip:c>"],
        )
        self.answered(request("Route: <http://a>"), 400)
        self.answered(request("Record-Route: <sip:a"), 400)

    def test_referral(self) -> None:
        """The headers in a Refer-To are kept, if they are well-formed."""
        written = "<sip:a@b?Replaces=1%3Bto-tag%3D2&x=>"
        self.assertEqual(self.header(within("REFER", f"r: {written}"), "Refer-To"), [written])
        self.answered(within("REFER", "Refer-To: <sip:a@b?x>"), 400)
        self.answered(within("REFER", "Refer-To: <sip:a@b?x=y=z>"), 400)

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
            ("P-Asserted-Identity", "tel:+1201", "<tel:+1201>"),
            ("P-Asserted-Identity", "Doe, John <sip:a@b>", '"Doe, John" <sip:a@b>'),
            ("P-Asserted-Identity", '"x', None),
            ("P-Asserted-Identity", "<sip:a@b>, <sip:c@d:0>", "<sip:a@b>"),
            ("Referred-By", "nonsense", None),
            ("Diversion", "<sip:a@b>;reason=busy", "<sip:a@b>;reason=busy"),
        ]
        for name, written, plain in values:
            self.assertEqual(self.header(request(f"{name}: {written}"), name), [] if plain is None else [plain])

    def test_logins(self) -> None:
        """Challenges and credentials pass as they came, all of them: who reads them knows their quotes and commas."""
        for name in ("WWW-Authenticate", "Proxy-Authenticate", "Authorization", "Proxy-Authorization"):
            for value in ('Digest  Realm = "a, \\"b\\"" , nonce=c', 'Digest uri="sip:a,b@c"', "NTLM abc==", "Digest"):
                self.assertEqual(
                    self.header(request(f"{name}: {value}", f"{name}: Digest realm=b"), name),
                    [value, "Digest realm=b"],
                )

    def test_dialogHeaders(self) -> None:
        """Headers that name a dialog or a provisional response are read strictly."""
        self.assertEqual(
            self.header(request("Replaces: a@b ; to-tag=c;\tfrom-tag=d"), "Replaces"), ["a@b;to-tag=c;from-tag=d"]
        )
        self.assertEqual(self.header(within("PRACK", "RAck: 01  2 INVITE"), "RAck"), ["1 2 INVITE"])
        self.answered(within("PRACK", "RAck: 1 INVITE"), 400)

    def test_notNeeded(self) -> None:
        """
        What is wrong in a header that a request does not depend on is no reason to refuse it (RFC 3261 section 8.2).
        It is left out.  A call ends, and an answer is confirmed, whatever else is in the request.
        """
        wrong = (
            "Contact: nonsense",
            "Contact:",
            "Contact: *",
            "Record-Route: nonsense",
            "Route: <http://a>",
            "Content-Type:",
            "Content-Type: nonsense",
            "Max-Forwards: 256",
            "Refer-To: nonsense",
            "Path: nonsense",
            "RAck: x",
            "RSeq: x",
        )
        for method in ("ACK", "BYE", "CANCEL", "OPTIONS", "NOTIFY"):
            for line in wrong:
                name = line.partition(":")[0]
                given = INVITE.get(name)
                good = [f"{name}: {given}"] if given is not None and name != "Contact" else []
                kept = self.header(within(method, *good, line, Contact=None, Max_Forwards=None), name)
                self.assertEqual(kept, [given] if good else [], (method, line))
        for line in ("To: <sip:a@b>", "CSeq: 1 BYE", "From: nonsense", "Call-ID: a b"):
            self.answered(within("BYE", line), 400)
        self.answered(within("UPDATE", "Contact: nonsense"), 400)
        self.assertEqual(self.header(within("INFO", "Content-Type:"), "Content-Type"), [])

    def test_require(self) -> None:
        """A request for what nobody here can do gets a 420 that names it, but CANCEL does not."""
        self.gate = Gate(supported=frozenset({"timer"}))
        lines = self.answered(options("Require: Timer, foo", "Require: bar,foo,"), 420)
        self.assertIn("Unsupported: foo, bar", lines)
        self.admitted(options("Require: Timer"))
        self.admitted(request("Require: foo", startLine="CANCEL sip:100@example.net SIP/2.0", CSeq="1 CANCEL"))
