"""
Tests for L{ichatgw.sip.register.extensions}: the examples of RFC 5626, RFC 5627 and RFC 6140.
"""

from __future__ import annotations

from sippy.SipAddress import SipAddress
from sippy.SipContact import SipContact
from sippy.SipResponse import SipResponse
from sippy.SipURL import SipURL
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.sip.register.extensions import NONE, NOTHING, Extensions, Granted, granted

INSTANCE = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
PUBLIC = f"sip:callee@example.com;gr={INSTANCE}"
TEMPORARY = "sip:tgruu.7hs==jd7vnzga5w7fajsc7-ajd6fabz0f8g5@example.com;gr"
CONTACT = (
    f'<sip:callee@192.0.2.1>;pub-gruu="{PUBLIC}";temp-gruu="{TEMPORARY}";+sip.instance="<{INSTANCE}>";expires=3600'
)
"""RFC 5627 section 9, message 3."""


def contact(uri: str = "sip:callee@192.0.2.1:5060") -> SipContact:
    """Our Contact, as it is without extensions."""
    return SipContact(address=SipAddress(url=SipURL(url=uri)))


def ok(extra: str = "") -> SipResponse:
    """A 200."""
    lines = (
        "SIP/2.0 200 OK",
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKnasdds",
        "From: <sip:callee@example.com>;tag=a73kszlfl",
        "To: <sip:callee@example.com>;tag=b88sn",
        "Call-ID: 1j9FpLxk3uxtm8tn@192.0.2.1",
        "CSeq: 1 REGISTER",
    )
    return SipResponse("\r\n".join(lines) + f"\r\n{extra}Content-Length: 0\r\n\r\n")


class AskingTests(SynchronousTestCase):
    """What a REGISTER says."""

    def said(self, extensions: Extensions) -> list[str]:
        return [str(header) for header in extensions.headers()]

    def test_none(self) -> None:
        """Without extensions only Path is known of, and the Contact is plain."""
        plain = contact()
        NONE.address(plain)
        self.assertEqual(str(plain), "<sip:callee@192.0.2.1:5060>")
        self.assertEqual(self.said(NONE), ["Supported: path"])

    def test_outbound(self) -> None:
        """A flow is named by the instance and a number (RFC 5626 section 9.1)."""
        asked = Extensions("urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF", 1)
        plain = contact("sip:bob@192.0.2.2;transport=tcp")
        asked.address(plain)
        self.assertEqual(
            str(plain),
            "<sip:bob@192.0.2.2;transport=tcp>"
            ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>";reg-id=1',
        )
        self.assertEqual(self.said(asked), ["Supported: path, outbound"])

    def test_gruu(self) -> None:
        """An address is asked for by the instance (RFC 5627 section 9)."""
        asked = Extensions(INSTANCE, gruu=True)
        plain = contact("sip:callee@192.0.2.1")
        asked.address(plain)
        self.assertEqual(str(plain), f'<sip:callee@192.0.2.1>;+sip.instance="<{INSTANCE}>"')
        self.assertEqual(self.said(asked), ["Supported: path, gruu"])

    def test_bulk(self) -> None:
        """The Contact for all numbers has C{bnc}, and who does not know it has to refuse (RFC 6140 section 5.2)."""
        asked = Extensions(bulk=True)
        plain = contact("sip:198.51.100.3:5060")
        asked.address(plain)
        self.assertEqual(str(plain), "<sip:198.51.100.3:5060;bnc>")
        self.assertEqual(self.said(asked), ["Require: gin", "Proxy-Require: gin", "Supported: path"])

    def test_all(self) -> None:
        """All three go together."""
        asked = Extensions(INSTANCE, 2, True, True)
        plain = contact("sip:198.51.100.3")
        asked.address(plain)
        self.assertEqual(str(plain), f'<sip:198.51.100.3;bnc>;+sip.instance="<{INSTANCE}>";reg-id=2')
        self.assertEqual(self.said(asked)[-1], "Supported: path, outbound, gruu")


class GrantedTests(SynchronousTestCase):
    """What a registrar says."""

    def test_gruu(self) -> None:
        """Both addresses are read."""
        self.assertEqual(granted(ok(), [CONTACT]), Granted(PUBLIC, TEMPORARY))

    def test_outbound(self) -> None:
        """Flows are kept apart if the registrar requires it; it may say how often it wants to hear of us."""
        for extra, expected in (
            ("Require: outbound\r\nFlow-Timer: 120\r\n", Granted(outbound=True, flowTimer=120)),
            ("Require: path,  OUTBOUND\r\n", Granted(outbound=True)),
            ("Require: path\r\nRequire: outbound\r\n", Granted(outbound=True)),
            ("Supported: outbound\r\n", NOTHING),
            ("Require: outbound-not\r\n", NOTHING),
        ):
            self.assertEqual(granted(ok(extra), ["<sip:a@b>"]), expected, extra)

    def test_hostile(self) -> None:
        """What is no address, or no time, is as if it was not there."""
        for text in (
            '<sip:a@b>;pub-gruu="tel:1"',
            '<sip:a@b>;pub-gruu=""',
            "<sip:a@b>;pub-gruu=sip:a@b;gr",
            '<sip:a@b>;pub-gruu="sip:a@b>\r\nX: y"',
            f'<sip:a@b>;pub-gruu="sip:{"a" * 1000}@b"',
            '<sip:a@b>;pub-gruu="sip:a@b',
        ):
            self.assertEqual(granted(ok(), [text]), NOTHING, text)
        for timer in ("0", "-1", "soon", "", "1" * 30):
            self.assertIsNone(granted(ok(f"Flow-Timer: {timer}\r\n"), []).flowTimer, timer)
        self.assertEqual(granted(ok("Flow-Timer: 999999\r\n"), []).flowTimer, 3600)

    def test_silence(self) -> None:
        """Keepalives come before the time that is granted is over, and before a usual one if there is none."""
        self.assertLess(Granted(outbound=True, flowTimer=20).silence(True), 20)
        self.assertTrue(95 <= Granted(outbound=True).silence(True) <= 120)
        self.assertTrue(24 <= Granted(outbound=True).silence(False) <= 29)


class ContactTests(SynchronousTestCase):
    """Our Contact in dialogs."""

    def uri(self, given: Granted, number: str = "", isPrivate: bool = False) -> str:
        made, headers = given.contact(contact(), number, isPrivate)
        self.said = [str(header) for header in headers]
        return str(made).strip("<>")

    def test_nothing(self) -> None:
        """Where nothing is granted it stays as it is."""
        self.assertEqual(self.uri(NOTHING), "sip:callee@192.0.2.1:5060")
        self.assertEqual(self.said, [])

    def test_gruu(self) -> None:
        """It is the address that leads to us from anywhere (RFC 5627 section 4.3)."""
        self.assertEqual(self.uri(Granted(PUBLIC, TEMPORARY)), PUBLIC)
        self.assertEqual(self.said, ["Supported: gruu"])

    def test_private(self) -> None:
        """Who does not want to be known has the one that does not tell; without it that of the host."""
        self.assertEqual(self.uri(Granted(PUBLIC, TEMPORARY), isPrivate=True), TEMPORARY)
        self.assertEqual(self.uri(Granted(PUBLIC), isPrivate=True), "sip:callee@192.0.2.1:5060")

    def test_outbound(self) -> None:
        """Without such an address, C{ob} has what follows come over the same flow (RFC 5626 section 4.3)."""
        plain = contact()
        made, headers = Granted(outbound=True).contact(plain, "", False)
        self.assertEqual(str(made), "<sip:callee@192.0.2.1:5060;ob>")
        self.assertEqual([str(header) for header in headers], ["Supported: outbound"])
        self.assertEqual(str(plain), "<sip:callee@192.0.2.1:5060>")

    def test_bulk(self) -> None:
        """One for all numbers becomes that of a number (RFC 6140 section 7.1.1)."""
        whole = Granted(f"sip:ssp.example.com;bnc;gr={INSTANCE}")
        self.assertEqual(self.uri(whole, "+12145550105"), f"sip:+12145550105@ssp.example.com;gr={INSTANCE}")
        self.assertEqual(self.uri(whole), "sip:callee@192.0.2.1:5060")

    def test_hostile(self) -> None:
        """An address that cannot be read is not used."""
        for uri in ("sip:", "sip:@", "sip:a@b:99999"):
            self.assertEqual(self.uri(Granted(uri)), "sip:callee@192.0.2.1:5060", uri)
