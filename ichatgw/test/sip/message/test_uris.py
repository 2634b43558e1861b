# -*- test-case-name: ichatgw.test.sip.message.test_uris -*-
"""
Tests for L{ichatgw.sip.message.uris} and for what becomes of URIs on their way through sippy.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.model import PCMU, Ending, EndReason, Party, SessionDescription
from ichatgw.sip.message import syntax
from ichatgw.sip.message.uris import Misaddressed, parse, uriOf, userOf
from ichatgw.test.support.sip.siptalks import Talk
from ichatgw.test.support.sip.sipwire import PHONE_SDP, Rig, header, respond, status

# Importing ichatgw.sip readies sippy, and so comes first.
# isort: split
from sippy.SipURL import SipURL

ODD = (
    "sip:a%23b@192.0.2.77:5060",
    "sip:a%3Bb@192.0.2.77",
    "sip:%E4@192.0.2.77",
    "sip:a%00b@192.0.2.77",
    "sip:a#b@192.0.2.77",
    "sip:user;x=y:pass%40word@192.0.2.77:5060;transport=UDP;ob;Weird=%41;lr=on",
    "SIP:100@192.0.2.77:05060;maddr=192.0.2.77;user=phone;method=INVITE",
    "sip:[2001:DB8::0077]:5062;x;y",
)


class EmptyPartTests(SynchronousTestCase):
    """What the rules of an administrator leave empty."""

    def test_leftOut(self) -> None:
        """An empty user part or parameter, and headers, are no part of a Request-URI (RFC 3261 section 19.1.1)."""
        for given, right in (
            ("sip:@pbx.example", "sip:pbx.example"),
            ("sip:1@pbx.example;", "sip:1@pbx.example"),
            ("sip:1@pbx.example:5062;;transport=tcp;", "sip:1@pbx.example:5062;transport=tcp"),
            (
                "sip:1;phone-context=+49@[2001:db8::1];lr?Subject=x&Replaces=y",
                "sip:1;phone-context=+49@[2001:db8::1];lr",
            ),
            ("sips:1?2@pbx.example?X=y", "sips:1?2@pbx.example"),
        ):
            self.assertEqual(str(parse(given)), right)


class HostTests(SynchronousTestCase):
    """Hosts beyond ASCII, as XMPP has them."""

    def test_inASCII(self) -> None:
        """A host goes out as the DNS has it; one that the DNS cannot have is none."""
        self.assertEqual(
            str(parse("sip:j\u00fcrgen@b\u00fccher.example:5062")), "sip:j%C3%BCrgen@xn--bcher-kva.example:5062"
        )
        self.assertEqual(str(parse("sip:B\u00dcCHER.example;lr")), "sip:xn--bcher-kva.example;lr")
        for host in ("\u00e4" * 80, "\u00e4..example", "\u00e4\u2028b"):
            self.assertRaises(Misaddressed, parse, f"sip:a@{host}")

    def test_caller(self) -> None:
        """So does the domain of who calls; one that can be no host is not shown, and costs no call."""
        for domain, shown in (("ch\u00e4t.example", "xn--cht-rla.example"), ("\u00e4" * 80, "gw.example")):
            rig = Rig()
            leg = rig.dial(caller=Party(f"xmpp:j\u00fcrgen@{domain}", "J\u00fcrgen"))
            leg.start(SessionDescription((PCMU,)))
            (invite,) = rig.wire.take()
            self.assertIn(f"<sip:j%C3%BCrgen@{shown}>;tag=", header(invite, "From"))


class WrittenTests(SynchronousTestCase):
    """URIs of others."""

    def test_asTheyCame(self) -> None:
        """What is not changed is written as it came, and so is a copy; all the same it is read right."""
        for text in ODD:
            url = SipURL(text)
            self.assertEqual((str(url), str(url.getCopy()), str(url.getCopy().getCopy())), (text, text, text))
        odd = SipURL(ODD[5])
        self.assertEqual((odd.username, odd.port, odd.transport, odd.lr), ("user", 5060, "udp", True))
        self.assertEqual(str(SipURL("tel:+1-201;x=y")), "tel:+1-201;x=y")

    def test_changed(self) -> None:
        """What has been changed since is written as it is now; the copy of before is not touched."""
        for change in (
            lambda url: setattr(url, "host", "b"),
            lambda url: setattr(url, "username", "b"),
            lambda url: url.other.append("b"),
            lambda url: url.userparams.append("b"),
        ):
            url = SipURL(ODD[0])
            other = url.getCopy()
            change(url)
            self.assertIn("b", str(url).replace("a%23b", "a"))
            self.assertEqual(str(other), ODD[0])

    def test_readdressed(self) -> None:
        """A sips URI stays one."""
        self.assertEqual(SipURL("sips:a@b").getCopy().scheme, "sips")


class RulesTests(SynchronousTestCase):
    """What the translation rules see and give."""

    def test_seen(self) -> None:
        """Needless escapes are taken away; those that mean something stay, and what is no text."""
        for text, seen in (
            ("sip:%2331%2372@gw", "sip:#31#72@gw"),
            ("sip:#31#72@gw", "sip:#31#72@gw"),
            ("sip:%2b49%41@gw:5061;x=y", "sip:+49A@gw:5061"),
            ("sip:J%C3%BCrgen@gw", "sip:Jürgen@gw"),
            ("sip:a%40b%3ac%3B%25%20@gw", "sip:a%40b%3Ac%3B%25%20@gw"),
            ("sip:%E4%00%0a@gw", "sip:%E4%00%0a@gw"),
            ("sip:a%00%0A@gw", "sip:a%00%0A@gw"),
            ("sip:gw", "sip:gw"),
            ("tel:+49-30-(12)", "tel:+493012"),
            ("tel:7042;phone-context=+49-30", "tel:+49307042"),
            ("tel:+4930;phone-context=ims.example", "tel:+4930"),
            ("tel:7042;phone-context=ims.example;x=y", "tel:7042;phone-context=ims.example"),
            ("TEL:*21%23", "tel:*21#"),
            ("urn:service:sos", "urn:service:sos"),
            ("sip:xmpp%3Aa%40b@urn.invalid", "sip:xmpp%3Aa%40b@urn.invalid"),
        ):
            self.assertEqual(uriOf(SipURL(text)), seen)
        for text in ("tel:x", "tel:7042;phone-context=+x", "tel:;x"):
            self.assertRaises(MalformedError, SipURL, text)

    def test_given(self) -> None:
        """What a rule gives becomes a URI: marks that must not stand in one are escaped, escapes stay."""
        for given, uri in (
            ("sip:#31#72@gw:5061", "sip:%2331%2372@gw:5061"),
            ("sip:*21*123#@gw", "sip:*21*123%23@gw"),
            ("sip:anna%40example.org@gw", "sip:anna%40example.org@gw"),
            ("sip:Jürgen@gw;x=y", "sip:J%C3%BCrgen@gw;x=y"),
            ("sip:100%@gw", "sip:100%25@gw"),
            ("sip:7042;phone-context=x@gw", "sip:7042;phone-context=x@gw"),
            ("sip:u[{|}]^`@gw", "sip:u%5B%7B%7C%7D%5D%5E%60@gw"),
            ("sip:u:pass@gw", "sip:u:pass@gw"),
            ("sip:a@b@gw", "sip:a%40b@gw"),
            ("sip:\udc80@gw", "sip:%3F@gw"),
        ):
            self.assertEqual(str(parse(given)), uri)
        for given in ("tel:+49", "urn:service:sos", "http://a", "sip:", "a@b", "sip:a@b:x"):
            self.assertRaises(Misaddressed, parse, given)

    def test_user(self) -> None:
        """The name of an XMPP user is text, that of a SIP user may be escaped already."""
        for uri, user in (
            ("xmpp:a%41#;b@h", "a%2541%23%3Bb"),
            ("sip:a%41#b@h", "a%41%23b"),
            ("xmpp:h", ""),
        ):
            self.assertEqual(userOf(Party(uri)), user)

    def test_legibleIsStable(self) -> None:
        """Whatever is made legible and escaped again is still the same address, if its octets are text."""
        for number in range(256):
            user = f"x%{number:02X}y"
            again = syntax.escaped(syntax.legible(user))
            self.assertEqual(syntax.legible(again), syntax.legible(user))
            self.assertTrue(again.isascii() and not set(again) & set(' "<>@#:;\\'), again)


class DialogTests(SynchronousTestCase):
    """URIs in what we send."""

    def test_remoteTarget(self) -> None:
        """The Request-URI of our requests in a dialog is the Contact, byte for byte, on either side."""
        for contact in ODD[:6]:
            talk = Talk.inbound(Rig(), contact=f"<{contact}>")
            talk.leg.hangup(Ending(EndReason.HANGUP))
            self.assertEqual(talk.rig.wire.take()[-1].split(" ")[:2], ["BYE", contact])
            rig = Rig()
            leg = rig.dial()
            leg.start(SessionDescription((PCMU,)))
            (invite,) = rig.wire.take()
            (ack,) = rig.receive(respond(invite, 200, "OK", body=PHONE_SDP, extra=f"Contact: <{contact}>\r\n"))
            self.assertEqual(ack.split(" ")[:2], ["ACK", contact])
            leg.hangup(Ending(EndReason.HANGUP))
            self.assertEqual(rig.wire.take()[-1].split(" ")[:2], ["BYE", contact])

    def test_routes(self) -> None:
        """Route headers are the Record-Routes, byte for byte; so are From and To in our responses."""
        route = "<sip:a%3Bb;x=y@192.0.2.99;LR;ftag=%41;r2=on>"
        rig = Rig()
        answers = rig.invite(
            extra=f"Record-Route: {route}\r\n",
            from_="<sip:%E4;x=y@sip.example;Y=z>;tag=a1",
            to="<tel:+1-201;phone-context=x>",
        )
        self.assertEqual(header(answers[-1], "From"), "<sip:%E4;x=y@sip.example;Y=z>;tag=a1")
        self.assertTrue(header(answers[-1], "To").startswith("<tel:+1-201;phone-context=x>"))
        rig = Rig()
        talk = Talk.inbound(rig, extra=f"Record-Route: {route}\r\n")
        self.assertEqual(header(talk.accepted, "Record-Route"), route)
        talk.leg.hangup(Ending(EndReason.HANGUP))
        self.assertEqual(header(rig.wire.take()[-1], "Route"), route)

    def test_hash(self) -> None:
        """A number with a hash is escaped in the Request-URI and To of our INVITE, and in the names of callers."""
        rig = Rig()
        rig.dial("sip:#31#72@192.0.2.77", Party("sip:*21#@gw.example")).start(SessionDescription((PCMU,)))
        (invite,) = rig.wire.take()
        self.assertTrue(invite.startswith("INVITE sip:%2331%2372@192.0.2.77 SIP/2.0"))
        self.assertEqual(header(invite, "To"), "<sip:%2331%2372@192.0.2.77>")
        self.assertTrue(header(invite, "From").startswith("<sip:*21%23@gw.example>"))
        self.assertEqual(header(invite, "Contact"), "<sip:*21%23@192.0.2.10:5070>")


class CalledTests(SynchronousTestCase):
    """Who is called."""

    def setUp(self) -> None:
        self.rig = Rig()

    def called(self, uri: str, **changes: Any) -> str:
        self.rig.invite(uri=uri, **changes)
        return self.rig.invitations.called[-1]

    def test_requestUri(self) -> None:
        """The Request-URI says it, whatever stands in To (RFC 3261 section 8.2.2.1)."""
        self.assertEqual(self.called("sip:juliet@gw", to="<sip:sales@pbx>"), "sip:juliet@gw")

    def test_asItCame(self) -> None:
        """Rules see telephone numbers and services as such."""
        for number, (uri, seen) in enumerate(
            (
                ("tel:+49-30-1", "tel:+49301"),
                ("tel:7042;phone-context=+4930", "tel:+49307042"),
                ("urn:service:sos", "urn:service:sos"),
                ("sip:xmpp%3Aa%40b@urn.invalid", "sip:xmpp%3Aa%40b@urn.invalid"),
                ("sip:%2331@gw;user=phone", "sip:#31@gw"),
            )
        ):
            self.assertEqual(self.called(uri, callId=f"{number}@x"), seen)

    def test_to(self) -> None:
        """Where the administrator says so, To decides as of old."""
        self.rig.endpoint.letToDecide(True)
        self.assertEqual(self.called("sip:juliet@gw", to="<sip:sales@pbx>"), "sip:sales@pbx")

    def test_forks(self) -> None:
        """Two forks of one INVITE that call two users both ring; the same one by another way is refused."""
        self.assertEqual(self.called("sip:juliet@gw", branch="1"), "sip:juliet@gw")
        self.assertEqual(self.called("sip:romeo@gw", branch="2"), "sip:romeo@gw")
        refused = self.rig.invite(uri="sip:romeo@gw", branch="3")
        self.assertEqual([status(each) for each in refused if status(each) >= 200], [482])
        self.assertEqual(len(self.rig.invitations.legs), 2)

    def test_laterInvite(self) -> None:
        """A new INVITE with a higher CSeq is no copy of one before, whatever else they share."""
        self.called("sip:juliet@gw", branch="1")
        self.assertEqual(self.called("sip:juliet@gw", branch="2", cseq=2), "sip:juliet@gw")
        self.assertEqual(len(self.rig.invitations.legs), 2)
