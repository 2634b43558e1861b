# -*- test-case-name: ichatgw.test.sip.leg.test_outbound -*-
"""
Tests for L{ichatgw.sip.leg.outbound}: phones are called.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import PCMU, Codec, Ending, EndReason, Party, SessionDescription, TransportAddress
from ichatgw.sip.leg.leg import SipLeg
from ichatgw.test.support.fakes import OFFER, FakeCall
from ichatgw.test.support.media.fakerelays import FakeSide
from ichatgw.test.support.sip.siptalks import news, side
from ichatgw.test.support.sip.sipwire import PHONE, PHONE_SDP, Rig, header, respond


class OutboundTests(SynchronousTestCase):
    """We call a phone."""

    def setUp(self) -> None:
        self.rig = Rig()

    def call(self, *arguments: object) -> SipLeg:
        leg = self.rig.dial(*arguments)  # type: ignore[arg-type]
        leg.start(OFFER)
        taken = self.rig.wire.sent
        self.address = taken[-1][1] if taken else None
        self.invite = self.rig.wire.take()[-1] if taken else ""
        return leg

    def test_invite(self) -> None:
        """The INVITE names the caller, the called, us in Contact, and the relay in its SDP."""
        self.call()
        self.assertTrue(self.invite.startswith("INVITE sip:100@192.0.2.77 SIP/2.0\r\n"))
        self.assertEqual(header(self.invite, "To"), "<sip:100@192.0.2.77>")
        self.assertTrue(header(self.invite, "From").startswith("scott <sip:scott@chat.example>;tag="))
        self.assertEqual(header(self.invite, "Contact"), "<sip:scott@192.0.2.10:5070>")
        self.assertIn("branch=z9hG4bK", header(self.invite, "Via"))
        self.assertIn("192.0.2.10:5070", header(self.invite, "Via"))
        self.assertIn("m=audio 20000 RTP/AVP 0 8\r\n", self.invite)
        self.assertEqual(header(self.invite, "Max-Forwards"), "70")
        self.assertIn("INVITE", header(self.invite, "Allow"))

    def test_port(self) -> None:
        """From and To say who somebody is, without a port (RFC 3261 section 19.1.1); the Request-URI says where."""
        for called in ("sip:100@192.0.2.77:5070", "sip:100@192.0.2.77:5070;transport=udp"):
            self.call(called, Party("sip:200@pbx.example:5064", "B"))
            self.assertTrue(self.invite.startswith(f"INVITE {called} SIP/2.0\r\n"))
            self.assertEqual(header(self.invite, "To"), "<sip:100@192.0.2.77>")
            self.assertIn("<sip:200@pbx.example>;tag=", header(self.invite, "From"))
            self.assertEqual(self.address, TransportAddress("192.0.2.77", 5070))

    def test_identity(self) -> None:
        """A caller without a name of his own calls as SIPGatewayIdentity."""
        self.call("sip:100@192.0.2.77", Party("xmpp:chat.example"))
        self.assertIn("<sip:ichat-gw@gw.example>;tag=", header(self.invite, "From"))

    def test_ipv6(self) -> None:
        """Over IPv6 every address of ours is our IPv6 address, in brackets."""
        self.call("sip:100@[2001:db8::77]:5062")
        self.assertEqual(self.address, TransportAddress("2001:db8::77", 5062))
        self.assertIn("[2001:db8::10]:5070", header(self.invite, "Via"))
        self.assertIn("[2001:db8::10]:5070", header(self.invite, "Contact"))
        self.assertIn("c=IN IP6 2001:db8::10\r\n", self.invite)

    def test_outboundProxy(self) -> None:
        """With an outbound proxy the INVITE goes there, by a loose route."""
        self.rig = Rig(outboundProxy=("192.0.2.99", 5062, None, False))
        self.call("sip:100@far.example")
        self.assertTrue(self.invite.startswith("INVITE sip:100@far.example SIP/2.0"))
        self.assertEqual(header(self.invite, "Route"), "<sip:192.0.2.99:5062;lr>")
        self.assertEqual(self.address, TransportAddress("192.0.2.99", 5062))

    def test_ringing(self) -> None:
        """180 is ringing; 100 and 183 without a body are not."""
        leg = self.call()
        for code in (100, 183, 180):
            self.rig.receive(respond(self.invite, code, "x"))
        self.assertEqual(news(leg).news, ["ringing"])

    def test_sentOn(self) -> None:
        """181 of a PBX is told to the caller, and is no ringing."""
        leg = self.call()
        call = news(leg)
        self.rig.receive(respond(self.invite, 181, "Call Is Being Forwarded"))
        self.assertEqual(call.news, ["handed"])
        self.rig.receive(respond(self.invite, 180, "Ringing"))
        self.assertEqual(call.news, ["handed", "ringing"])

    def test_earlyMedia(self) -> None:
        """183 with SDP is early media; a 200 without SDP after it is answered by the same."""
        leg = self.call()
        self.rig.receive(respond(self.invite, 183, "Session Progress", body=PHONE_SDP))
        self.rig.receive(respond(self.invite, 200, "OK"))
        self.assertEqual(news(leg).news, ["progressing", "answered"])

    def test_answered(self) -> None:
        """200 is acknowledged at the phone's Contact, the relay learns the phone's address, the call its answer."""
        leg = self.call()
        (ack,) = self.rig.receive(respond(self.invite, 200, "OK", body=PHONE_SDP))
        self.assertTrue(ack.startswith("ACK sip:100@192.0.2.77:5060 SIP/2.0"))
        self.assertEqual(news(leg).news, ["answered"])
        self.assertEqual(side(leg).remotes[0].address, TransportAddress("192.0.2.77", 30000))

    def test_retransmitted200(self) -> None:
        """A 200 that comes again is acknowledged again and is no second answer."""
        leg = self.call()
        ok = respond(self.invite, 200, "OK", body=PHONE_SDP)
        self.rig.receive(ok)
        (ack,) = self.rig.receive(ok)
        self.assertTrue(ack.startswith("ACK"))
        self.assertEqual(news(leg).news, ["answered"])

    def test_recordRoute(self) -> None:
        """ACK and BYE go through the proxies that recorded themselves."""
        leg = self.call()
        route = "Record-Route: <sip:192.0.2.99:5062;lr>\r\n"
        self.rig.endpoint.received(respond(self.invite, 200, "OK", body=PHONE_SDP, extra=route).encode(), PHONE)
        leg.hangup(Ending(EndReason.HANGUP))
        for message, address in self.rig.wire.sent:
            self.assertEqual(address, TransportAddress("192.0.2.99", 5062))
            self.assertIn(" sip:100@192.0.2.77:5060 SIP/2.0\r\n", message)
            self.assertEqual(header(message, "Route"), "<sip:192.0.2.99:5062;lr>")
        self.assertEqual([m.split()[0] for m, _ in self.rig.wire.sent], ["ACK", "BYE"])

    def test_unacceptableAnswer(self) -> None:
        """An answer without our codec, or none at all, ends the call: ACK first, then BYE."""
        for body in (PHONE_SDP.replace(" 0 8 101", " 9"), "v=0\r\nrubbish", ""):
            leg = self.call()
            sent = self.rig.receive(respond(self.invite, 200, "OK", body=body))
            self.assertEqual([m.split()[0] for m in sent], ["ACK", "BYE"])
            self.assertEqual(news(leg).news, ["ended"])
            self.assertEqual(news(leg).reasons, [EndReason.INCOMPATIBLE])
            self.rig.receive(respond(sent[-1], 200, "OK"))

    def test_failure(self) -> None:
        """An error response ends the leg; its ACK goes where the INVITE went, not to the error's Contact."""
        for code, reason in ((404, EndReason.NOT_FOUND), (486, EndReason.BUSY), (420, EndReason.FAILED)):
            leg = self.call()
            self.rig.endpoint.received(
                respond(self.invite, code, "No", extra="Contact: <sip:victim@203.0.113.9>\r\n").encode(), PHONE
            )
            ((ack, address),) = self.rig.wire.sent
            self.rig.wire.take()
            self.assertTrue(ack.startswith("ACK sip:100@192.0.2.77 SIP/2.0"))
            self.assertEqual(address, PHONE)
            self.assertEqual(news(leg).reasons, [reason])
            self.assertIn(str(code), news(leg).endings[0][1].text)

    def test_noAnswerAtAll(self) -> None:
        """Nobody there: the INVITE is sent again for 32 s, then the call hears TIMEOUT, and that nobody answered."""
        leg = self.call()
        self.rig.clock.pump([0.5] * 63)
        self.assertTrue(all(m.startswith("INVITE") for m in self.rig.wire.take()))
        self.assertEqual(news(leg).news, [])
        self.rig.clock.advance(1)
        self.assertEqual(news(leg).reasons, [EndReason.TIMEOUT])
        self.assertEqual(news(leg).endings[0][1].text, "408 Request Timeout, for nobody answered")

    def test_cancel(self) -> None:
        """A hangup while it rings is CANCEL."""
        leg = self.call()
        self.rig.receive(respond(self.invite, 180, "Ringing"))
        leg.hangup(Ending(EndReason.CANCELLED))
        (cancel,) = self.rig.wire.take()
        self.assertTrue(cancel.startswith("CANCEL sip:100@192.0.2.77 SIP/2.0"))
        self.assertEqual(header(cancel, "Via"), header(self.invite, "Via"))

    def test_cancelBeforeAnyResponse(self) -> None:
        """A hangup before any response waits with its CANCEL until there is one (RFC 3261 section 9.1)."""
        leg = self.call()
        leg.hangup(Ending(EndReason.CANCELLED))
        self.assertEqual(self.rig.wire.take(), [])
        sent = self.rig.receive(respond(self.invite, 180, "Ringing"))
        self.assertEqual([m.split()[0] for m in sent], ["CANCEL"])

    def test_answerCrossesCancel(self) -> None:
        """A 200 that crosses our CANCEL is acknowledged and then ended by BYE."""
        leg = self.call()
        self.rig.receive(respond(self.invite, 180, "Ringing"))
        leg.hangup(Ending(EndReason.CANCELLED))
        self.rig.wire.take()
        sent = self.rig.receive(respond(self.invite, 200, "OK", body=PHONE_SDP))
        self.assertEqual([m.split()[0] for m in sent], ["ACK", "BYE"])
        self.assertEqual(news(leg).news, ["ringing", "ended"])

    def test_unreachable(self) -> None:
        """A phone that there is no way to ends the leg."""
        self.rig.wire.unreachable.add("192.0.2.77")
        leg = self.call()
        self.assertEqual(news(leg).reasons, [EndReason.UNAVAILABLE])
        self.assertEqual(self.rig.endpoint._transactions.req_consumers, {})

    def test_filteredCodecs(self) -> None:
        """Formats of CodecIdFilterList are not offered; if none is left there is no call."""
        for filtered, offered in ({3}, "0 8"), ({3, 8}, "0"), ({0, 3}, "8"):
            self.rig = Rig(filtered=frozenset(filtered))
            leg = self.rig.dial()
            leg.start(SessionDescription((Codec("GSM", 8000, 3), PCMU)))
            sent = self.rig.wire.take()
            self.assertIn(f"RTP/AVP {offered}\r\n", sent[0])
        leg = self.rig.dial()
        leg.start(SessionDescription((Codec("GSM", 8000, 3),)))
        self.assertEqual(news(leg).reasons, [EndReason.INCOMPATIBLE])

    def test_pinned(self) -> None:
        """All requests of a pinned dialog go to the one address, whatever its Contact says."""
        leg = self.rig.endpoint.pinned().dial(
            "sip:user@198.51.100.7:16402", Party("sip:ichat-gw@gw.example", "iChat-gw")
        )
        leg.call, leg.side = FakeCall(), FakeSide()
        leg.start(OFFER)
        ((invite, address),) = self.rig.wire.sent
        self.rig.wire.take()
        iChat = TransportAddress("198.51.100.7", 16402)
        self.assertEqual(address, iChat)
        self.assertTrue(invite.startswith("INVITE sip:user@198.51.100.7:16402 SIP/2.0"))
        self.rig.endpoint.received(respond(invite, 200, "OK", body=PHONE_SDP).encode(), iChat)
        leg.hangup(Ending(EndReason.HANGUP))
        self.assertEqual([(m.split()[0], a) for m, a in self.rig.wire.sent], [("ACK", iChat), ("BYE", iChat)])

    def test_injection(self) -> None:
        """Text from XMPP cannot become a header of ours."""
        self.call(
            "sip:100@192.0.2.77", Party("xmpp:sc%0d%0aott@chat.example", 'x"\r\nP-Asserted-Identity: <sip:a@b>\\')
        )
        self.assertNotIn("\r\nP-Asserted-Identity", self.invite)
