# -*- test-case-name: ichatgw.test.sip.transaction.test_farewells -*-
"""Tests for L{ichatgw.sip.transaction.farewells}: a process that knows nothing of a dialog ends it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.reading.credentials import Credentials, Keyring
from ichatgw.interfaces import ILeg
from ichatgw.model import Ending, EndReason, TransportAddress
from ichatgw.sip.leg.leg import SipLeg
from ichatgw.sip.leg.outbound import OutboundSipLeg
from ichatgw.sip.transaction.farewells import BYE, BYE_BEFORE, LEAP, TEXT, TIMES
from ichatgw.sip.transport.target import Target, Transport
from ichatgw.test.support.fakes import OFFER
from ichatgw.test.support.legs import ANSWER
from ichatgw.test.support.names import FakeNames, a
from ichatgw.test.support.sip.sipwire import PHONE, PHONE_SDP, Rig, header, request, respond, status
from ichatgw.test.support.sip.trunks import SERVER, TrunkRig, trunk

PROXY = TransportAddress("192.0.2.99", 5062)
ROUTE = "Record-Route: <sip:192.0.2.99:5062;lr>\r\n"


class FarewellTests(SynchronousTestCase):
    """The words that a leg keeps, and what another process makes of them."""

    def setUp(self) -> None:
        self.rig = Rig()

    def outbound(self, extra: str = "") -> OutboundSipLeg:
        """A phone has answered."""
        leg = self.rig.dial()
        leg.start(OFFER)
        self.invite = self.rig.wire.take()[-1]
        self.rig.receive(respond(self.invite, 200, "OK", body=PHONE_SDP, extra=extra))
        return leg

    def said(self, leg: SipLeg, rig: Rig | None = None) -> tuple[str, TransportAddress]:
        """What another process sends, and where to."""
        ((way, *words),) = leg.farewells()
        self.assertEqual(way, BYE)
        self.other = rig or Rig()
        self.other.endpoint.goodbyes.say(*words)
        ((bye, address),) = self.other.wire.sent
        self.assertTrue(bye.startswith("BYE "), bye)
        return bye, address

    def test_called(self) -> None:
        """A phone that we have called gets the BYE that its dialog wants (RFC 3261 section 12.2.1.1)."""
        leg = self.outbound()
        bye, address = self.said(leg)
        leg.hangup(Ending(EndReason.HANGUP))
        ours = self.rig.wire.take()[-1]
        for name in ("From", "To", "Call-ID", "Max-Forwards"):
            self.assertEqual(header(bye, name), header(ours, name))
        self.assertEqual((bye.split("\r\n")[0], address), (ours.split("\r\n")[0], PHONE))
        number = int(header(bye, "CSeq").split()[0])
        self.assertEqual(number, int(header(ours, "CSeq").split()[0]) + LEAP)
        self.assertEqual(header(bye, "Reason"), "Q.850;cause=41")

    def test_calling(self) -> None:
        """So does one that has called us."""
        self.rig.invite()
        (leg,) = self.rig.invitations.legs
        leg.ring()
        leg.answer(ANSWER)
        ok = self.rig.wire.take()[-1]
        self.rig.receive(request("ACK", to=header(ok, "To")))
        bye, address = self.said(leg)
        self.assertTrue(bye.startswith("BYE sip:alice@192.0.2.77:5060 SIP/2.0"), bye)
        self.assertEqual((header(bye, "From"), header(bye, "To")), (header(ok, "To"), header(ok, "From")))
        self.assertEqual((header(bye, "Call-ID"), address), (header(ok, "Call-ID"), PHONE))

    def test_routes(self) -> None:
        """The BYE goes by the proxies that the dialog goes by."""
        bye, address = self.said(self.outbound(ROUTE))
        self.assertEqual((address, header(bye, "Route")), (PROXY, "<sip:192.0.2.99:5062;lr>"))
        self.assertTrue(bye.startswith("BYE sip:100@192.0.2.77:5060 SIP/2.0"))

    def test_streams(self) -> None:
        """Over TCP it goes to where the phone can be reached without the connection that there was."""
        there = Target(Transport.TCP, TransportAddress("192.0.2.77", 40000))
        self.rig.stream(request("INVITE", contact="<sip:alice@192.0.2.77:5090;transport=tcp>"), there)
        (leg,) = self.rig.invitations.legs
        leg.answer(ANSWER)
        ((_, _, _, transport, host, port, *_),) = leg.farewells()
        self.assertEqual((transport, host, port), ("tcp", "192.0.2.77", "5090"))

    def secured(self) -> OutboundSipLeg:
        """A phone is called over TLS, by the domain of its server."""
        self.rig = Rig(names=FakeNames(**{"pbx.example": [a("192.0.2.77")]}))
        leg = self.rig.dial("sips:100@pbx.example")
        leg.start(OFFER)
        (self.invite,) = self.rig.streams.take()
        return leg

    def test_secured(self) -> None:
        """Over TLS, the next process wants to see the certificate that this one has seen (RFC 5922 section 7.1)."""
        leg = self.secured()
        there = Target(Transport.TLS, TransportAddress("192.0.2.77", 5061))
        for contact in ("sips:100@192.0.2.77", "sips:100@pbx.example"):
            ringing = respond(self.invite, 180, "Ringing", extra=f"Contact: <{contact}>\r\n")
            self.rig.stream(ringing, there)
            ((way, *words),) = leg.farewells()
            other = Rig()
            other.endpoint.goodbyes.ways[way](*words)
            other.clock.advance(0)
            self.assertEqual([each.name for each in other.streams.suggested], ["pbx.example"])
            ((cancel, target),) = other.streams.sent
            self.assertEqual((cancel[:7], target), ("CANCEL ", there))
        ok = respond(self.invite, 200, "OK", body=PHONE_SDP, extra="Contact: <sips:1@192.0.2.77>\r\n")
        self.rig.stream(ok, there)
        ((way, *words),) = leg.farewells()
        other = Rig()
        other.endpoint.goodbyes.ways[way](*words)
        self.assertEqual([each.name for each in other.streams.suggested], ["pbx.example"])
        ((bye, target),) = other.streams.sent
        self.assertEqual((bye[:4], target), ("BYE ", there))

    def test_over(self) -> None:
        """Before there is a dialog, and when it is over, there is nothing to say."""
        leg = self.rig.dial()
        self.assertEqual(leg.farewells(), ())
        leg = self.outbound()
        leg.hangup(Ending(EndReason.HANGUP))
        self.assertEqual(leg.farewells(), ())

    def texts(self, leg: ILeg) -> list[str]:
        """What another process sends, again and again, to the phone."""
        ((way, *words),) = leg.farewells()
        self.assertEqual(way, TEXT)
        other = Rig()
        before = len(other.clock.getDelayedCalls())
        other.endpoint.goodbyes.ways[way](*words)
        other.clock.pump([0.1] * 40)
        self.assertEqual({address for _, address in other.wire.sent}, {PHONE})
        self.assertEqual(len(other.clock.getDelayedCalls()), before)
        return other.wire.take()

    def test_ringing(self) -> None:
        """A phone that rings gets the CANCEL of the INVITE that it has got, three times (RFC 3261 section 9.1)."""
        leg = self.rig.dial()
        leg.start(OFFER)
        invite = self.rig.wire.take()[-1]
        for step in ("", "Ringing"):
            if step:
                self.rig.receive(respond(invite, 180, step))
            cancels = self.texts(leg)
            self.assertEqual(len(cancels), len(TIMES))
            (cancel,) = set(cancels)
            self.assertTrue(cancel.startswith("CANCEL sip:100@192.0.2.77 SIP/2.0\r\n"), cancel)
            for name in ("Via", "From", "To", "Call-ID", "Max-Forwards"):
                self.assertEqual(header(cancel, name), header(invite, name))
            self.assertEqual(header(cancel, "CSeq"), header(invite, "CSeq").replace("INVITE", "CANCEL"))
        leg.hangup(Ending(EndReason.CANCELLED))
        ours = next(message for message in self.rig.wire.take() if message.startswith("CANCEL"))
        self.assertEqual((header(ours, "Via"), ours.split("\r\n")[0]), (header(cancel, "Via"), cancel.split("\r\n")[0]))

    def test_waiting(self) -> None:
        """A phone that has called, and hears it ring, gets a final response (RFC 3261 section 8.2.6)."""
        (trying,) = self.rig.invite()
        (leg,) = self.rig.invitations.legs
        leg.ring()
        (ringing,) = self.rig.wire.take()
        (refusal,) = set(self.texts(leg))
        self.assertEqual(status(refusal), 503)
        for name in ("Via", "From", "To", "Call-ID", "CSeq"):
            self.assertEqual(header(refusal, name), header(ringing, name))
        self.assertTrue(trying.startswith("SIP/2.0 100"))

    def test_login(self) -> None:
        """A BYE that is challenged is sent again with a login."""
        leg = self.outbound()
        keyring = Keyring({"192.0.2.77": Credentials("gw", "sesame")})
        bye, _ = self.said(leg, Rig(keyring=keyring))
        self.other.wire.take()
        extra = 'Proxy-Authenticate: Digest realm="pbx", nonce="n"\r\n'
        (again,) = self.other.receive(respond(bye, 407, "Proxy Authentication Required", extra=extra))
        self.assertTrue(header(again, "Proxy-Authorization").startswith("Digest "))
        self.assertGreater(header(again, "CSeq"), header(bye, "CSeq"))
        self.other.receive(respond(again, 200, "OK"))
        self.other.clock.pump([1] * 40)
        self.assertEqual(self.other.wire.take(), [])

    def test_loginOfDomain(self) -> None:
        """The login is that for the domain that was called, wherever its phone is."""
        self.rig = Rig(names=FakeNames(**{"pbx.example": [a("192.0.2.77")]}))
        leg = self.rig.dial("sip:100@pbx.example")
        leg.start(OFFER)
        self.rig.receive(respond(self.rig.wire.take()[-1], 200, "OK", body=PHONE_SDP))
        keyring = Keyring({"pbx.example": Credentials("gw", "x")})
        self.assertIn('username="gw"', self.challenged(leg, Rig(keyring=keyring)))

    def test_loginOfTrunk(self) -> None:
        """The BYE of a call by a trunk logs in as the trunk; if that is no more, as the gateway would anywhere."""
        one = trunk(registrationTime=0)
        self.rig = TrunkRig(one)
        leg = self.rig.dial("sip:+49891234@one")
        leg.start(OFFER)
        invite = next(sent for sent in self.rig.wire.take() if sent.startswith("INVITE"))
        ok = respond(invite, 200, "OK", body=PHONE_SDP, extra="Contact: <sip:c@198.51.100.9>\r\n")
        self.rig.receive(ok, SERVER)
        self.assertIn('username="4930"', self.challenged(leg, TrunkRig(one)))
        self.assertEqual(self.challenged(leg, TrunkRig(trunk("two", registrationTime=0))), "")

    def test_before(self) -> None:
        """What an earlier version has written is said too."""
        ((_, _, _, *words),) = self.outbound().farewells()
        other = Rig()
        other.endpoint.goodbyes.ways[BYE_BEFORE](*words)
        (bye,) = other.wire.take()
        self.assertTrue(bye.startswith("BYE sip:100@192.0.2.77"))

    def challenged(self, leg: SipLeg, rig: Rig) -> str:
        """With what another process logs in when its BYE is asked for that; empty if with nothing."""
        bye, address = self.said(leg, rig)
        rig.wire.take()
        extra = 'Proxy-Authenticate: Digest realm="pbx", nonce="n"\r\n'
        again = rig.receive(respond(bye, 407, "Proxy Authentication Required", extra=extra), address)
        return header(again[0], "Proxy-Authorization") if again else ""

    def test_silence(self) -> None:
        """Nobody waits for an answer; a BYE that gets none is sent again for a while, and given up."""
        self.said(self.outbound())
        self.other.clock.pump([0.5] * 300)
        self.assertEqual((self.flushLoggedErrors(), self.other.endpoint.transactions), ([], 0))

    def test_wrongWords(self) -> None:
        """Words that are none of ours are refused."""
        for words in (("udp",), ("", "", "pigeon", "h", "1", "", "sip:a", "<sip:a>", "<sip:b>", "c", "1")):
            self.assertRaises(ValueError, self.rig.endpoint.goodbyes.say, *words)
        self.assertRaises(ValueError, self.rig.endpoint.goodbyes.send, "udp", "192.0.2.77")
