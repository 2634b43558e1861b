# -*- test-case-name: ichatgw.test.test_sip_leg -*-
"""
SIP legs, in and out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.interfaces import ILeg
from ichatgw.model import PCMU, Codec, Direction, Ending, EndReason, Party, SessionDescription, TransportAddress
from ichatgw.sip.inbound import InboundSipLeg
from ichatgw.sip.leg import SipLeg
from ichatgw.test.fakes import FakeCall, FakeSide
from ichatgw.test.legs import ANSWER, HELD, LegContract
from ichatgw.test.sipwire import PHONE, PHONE_SDP, Rig, ackFor, header, request, respond, status

OFFER = SessionDescription((PCMU,))


def news(leg: ILeg) -> FakeCall:
    return cast(FakeCall, leg.call)


def side(leg: ILeg) -> FakeSide:
    return cast(FakeSide, leg.side)


class SipLegContract(LegContract):
    """What both ways share: nothing is left in the endpoint once its transactions have had their time."""

    def setUp(self) -> None:
        self.rig = Rig()
        self.numbers = iter(range(1, 10000))

    def settle(self, leg: ILeg) -> None:
        """The phone answers what it was sent, then time passes."""
        for _ in range(3):
            for message in self.rig.wire.take():
                if message.startswith(("BYE", "CANCEL")):
                    self.rig.receive(respond(message, 200, "OK"))
        self.rig.clock.pump([0.5] * 120 + [64] * 6)
        self.rig.wire.take()

    def assertNothingLeft(self) -> None:
        """No leg, no transaction, no dialog."""
        self.assertEqual(self.rig.endpoint.legs, frozenset())
        self.assertEqual(self.rig.endpoint.transactions, 0)
        self.assertEqual(self.rig.endpoint._transactions.req_consumers, {})


class InboundContractTests(SipLegContract, SynchronousTestCase):
    """The contract, for a leg that arrived."""

    def stages(self) -> Mapping[str, Callable[[], ILeg]]:
        """New, rung, answered; its phone is asked to change, or asks itself, and has no answer yet."""
        return {
            "new": self.new,
            "ringing": self.ringing,
            "answered": self.answered,
            "asking": self.asking,
            "asked": self.asked,
        }

    def new(self) -> ILeg:
        self.callId = f"in-{next(self.numbers)}"
        self.rig.invite(callId=self.callId)
        leg = self.rig.invitations.legs[-1]
        self.toTags = getattr(self, "toTags", {})
        self.toTags[leg] = self.callId
        return leg

    def ringing(self) -> ILeg:
        leg = self.new()
        leg.ring()
        return leg

    def answered(self) -> ILeg:
        leg = self.new()
        leg.answer(ANSWER)
        response = self.rig.wire.take()[-1]
        self.rig.receive(request("ACK", callId=self.toTags[leg], to=header(response, "To"), branch="ack2xx", body=None))
        self.dialogs = getattr(self, "dialogs", {})
        self.dialogs[leg] = header(response, "To")
        return leg

    def asking(self) -> ILeg:
        leg = self.answered()
        leg.update(HELD)
        return leg

    def asked(self) -> ILeg:
        leg = self.answered()
        again = {"callId": self.toTags[leg], "to": self.dialogs[leg], "cseq": 5, "branch": f"again{self.toTags[leg]}"}
        self.rig.receive(request("INVITE", body=PHONE_SDP.replace(" 0 8 101", " 8"), **again))
        return leg

    def partyHangsUp(self, leg: ILeg) -> None:
        """CANCEL before the answer, BYE after it."""
        callId = self.toTags[leg]
        answered = getattr(self, "dialogs", {}).get(leg)
        if answered:
            self.rig.receive(request("BYE", callId=callId, to=answered, cseq=9))
        else:
            self.rig.receive(request("CANCEL", callId=callId, branch="INVITE1"))


class OutboundContractTests(SipLegContract, SynchronousTestCase):
    """The contract, for a leg that was dialled."""

    def stages(self) -> Mapping[str, Callable[[], ILeg]]:
        """New, called, rung, answered; its phone is asked to change, and has not answered yet."""
        return {
            "new": self.new,
            "calling": self.calling,
            "ringing": self.ringing,
            "answered": self.answered,
            "asking": self.asking,
        }

    def new(self) -> ILeg:
        return self.rig.dial()

    def calling(self) -> ILeg:
        leg = self.new()
        leg.start(OFFER)
        self.invites = getattr(self, "invites", {})
        self.invites[leg] = self.rig.wire.take()[-1]
        return leg

    def ringing(self) -> ILeg:
        leg = self.calling()
        self.rig.receive(respond(self.invites[leg], 180, "Ringing"))
        return leg

    def answered(self) -> ILeg:
        leg = self.ringing()
        self.rig.receive(respond(self.invites[leg], 200, "OK", body=PHONE_SDP))
        return leg

    def asking(self) -> ILeg:
        leg = self.answered()
        leg.update(HELD)
        return leg

    def partyHangsUp(self, leg: ILeg) -> None:
        """An error response before the answer, BYE after it; a leg that was never started has no party."""
        invite = getattr(self, "invites", {}).get(leg)
        if invite is None:
            leg.hangup(Ending(EndReason.CANCELLED))
        elif "answered" in news(leg).news:
            self.rig.receive(
                request(
                    "BYE",
                    uri="sip:scott@192.0.2.10:5070",
                    from_=header(invite, "To") + ";tag=b1",
                    to=header(invite, "From"),
                    callId=header(invite, "Call-ID"),
                    cseq=9,
                )
            )
        else:
            self.rig.receive(respond(invite, 486, "Busy Here"))


class InboundTests(SynchronousTestCase):
    """A phone calls."""

    def setUp(self) -> None:
        self.rig = Rig()

    def arrive(self, **changes: object) -> SipLeg:
        self.first = self.rig.invite(**changes)
        return cast(SipLeg, self.rig.invitations.legs[-1])

    def test_arrival(self) -> None:
        """An INVITE is answered 100 and becomes a leg that knows caller, called and offer."""
        leg = self.arrive()
        self.assertEqual([status(m) for m in self.first], [100])
        self.assertEqual(leg.party, Party("sip:alice@sip.example", "Alice"))
        self.assertEqual(self.rig.invitations.called, ["sip:scott@192.0.2.10:5070"])
        self.assertEqual(self.rig.invitations.invitations[0].source, PHONE)
        self.assertEqual(self.rig.invitations.offers[0].address, TransportAddress("192.0.2.77", 30000))

    def test_marks(self) -> None:
        """User-Agent and both display names of the INVITE come with the arrival."""
        self.arrive(
            to='"72@gw.example" <sip:user@192.0.2.10:5070>',
            from_='"scott@chat.example" <sip:user@192.0.2.77:16402>;tag=5',
            extra="User-Agent: Viceroy 1.4.1\r\n",
        )
        invitation = self.rig.invitations.invitations[0]
        self.assertEqual(invitation.userAgent, "Viceroy 1.4.1")
        self.assertEqual((invitation.calledName, invitation.callerName), ("72@gw.example", "scott@chat.example"))

    def test_retransmittedInvite(self) -> None:
        """The same INVITE again brings the last response again, and no second leg."""
        leg = self.arrive()
        leg.ring()
        self.rig.wire.take()
        again = self.rig.invite()
        self.assertEqual([status(m) for m in again], [180])
        self.assertEqual(len(self.rig.invitations.legs), 1)

    def test_ring(self) -> None:
        """C{ring} is 180 with a Contact of ours and the dialog's tag."""
        leg = self.arrive()
        leg.ring()
        (ringing,) = self.rig.wire.take()
        self.assertEqual(status(ringing), 180)
        self.assertIn("192.0.2.10:5070", header(ringing, "Contact"))
        self.assertIn("tag=", header(ringing, "To"))

    def test_answer(self) -> None:
        """C{answer} is 200 with the relay's address, and the relay learns the caller's."""
        leg = self.arrive()
        leg.answer(SessionDescription((PCMU,), TransportAddress("198.51.100.7", 16402)))
        (ok,) = self.rig.wire.take()
        self.assertEqual(status(ok), 200)
        self.assertIn("c=IN IP4 192.0.2.10\r\n", ok)
        self.assertIn("m=audio 20000 RTP/AVP 0\r\n", ok)
        self.assertNotIn("198.51.100.7", ok)
        self.assertEqual(side(leg).remotes[0].address, TransportAddress("192.0.2.77", 30000))
        self.assertEqual(side(leg).remotes[0].codecs, (PCMU,))

    def test_answerIsRetransmitted(self) -> None:
        """A 200 without an ACK is sent again, and in the end the leg is over and the phone gets BYE."""
        leg = self.arrive()
        leg.answer(ANSWER)
        self.rig.wire.take()
        self.rig.clock.pump([0.5] * 4)
        self.assertTrue(all(status(m) == 200 for m in self.rig.wire.take()))
        self.rig.clock.pump([1] * 32)
        self.assertIn("ended", news(leg).news)
        self.assertTrue(any(m.startswith("BYE") for m in self.rig.wire.take()))

    def test_noCommonCodec(self) -> None:
        """An answer of which the caller speaks nothing is 488."""
        leg = self.arrive()
        leg.answer(SessionDescription((Codec("opus", 48000, 96, 2),)))
        self.assertEqual([status(m) for m in self.rig.wire.take()], [488])
        self.assertEqual(news(leg).reasons, [EndReason.INCOMPATIBLE])

    def test_statusForReason(self) -> None:
        """A refused caller gets the status that the manual gives, and when to come again."""
        for reason, code in (
            (EndReason.NOT_FOUND, 404),
            (EndReason.DECLINED, 603),
            (EndReason.TIMEOUT, 408),
            (EndReason.CONGESTED, 503),
        ):
            leg = self.arrive(callId=f"refused-{code}")
            leg.hangup(Ending(reason, retryAfter=10 if code == 503 else None))
            (response,) = self.rig.wire.take()
            self.assertEqual(status(response), code)
            self.assertEqual(header(response, "Retry-After"), "10" if code == 503 else "")

    def test_cancel(self) -> None:
        """CANCEL is answered 200, the INVITE 487 with the tag of the 180, and the call hears CANCELLED."""
        leg = self.arrive()
        leg.ring()
        (ringing,) = self.rig.wire.take()
        replies = self.rig.receive(request("CANCEL", branch="INVITE1"))
        self.assertEqual(sorted(status(m) for m in replies), [200, 487])
        final = next(m for m in replies if status(m) == 487)
        self.assertEqual(header(final, "To"), header(ringing, "To"))
        self.assertEqual(news(leg).reasons, [EndReason.CANCELLED])

    def test_earlyBye(self) -> None:
        """A BYE before the answer ends the INVITE with 487 and is answered 200."""
        leg = self.arrive()
        leg.ring()
        to = header(self.rig.wire.take()[0], "To")
        replies = self.rig.receive(request("BYE", to=to, cseq=2))
        self.assertEqual(sorted(status(m) for m in replies), [200, 487])
        self.assertEqual(news(leg).reasons, [EndReason.CANCELLED])

    def test_lateOffer(self) -> None:
        """An INVITE without a body gets our offer in the 200, and the answer in its ACK is taken."""
        leg = self.arrive(body=None)
        leg.answer(ANSWER)
        (ok,) = self.rig.wire.take()
        self.assertIn("m=audio 20000 RTP/AVP 0\r\n", ok)
        self.assertEqual(side(leg).remotes, [])
        self.rig.receive(ackFor(ok, body=PHONE_SDP))
        self.assertEqual(side(leg).remotes[0].address, TransportAddress("192.0.2.77", 30000))

    def test_lateOfferUnanswered(self) -> None:
        """An ACK that brings no answer to our offer ends the call."""
        leg = self.arrive(body=None)
        leg.answer(ANSWER)
        (ok,) = self.rig.wire.take()
        sent = self.rig.receive(ackFor(ok))
        self.assertEqual(news(leg).reasons, [EndReason.INCOMPATIBLE])
        self.assertTrue(any(m.startswith("BYE") for m in sent))

    def connected(self) -> tuple[SipLeg, str]:
        leg = self.arrive()
        leg.answer(ANSWER)
        (ok,) = self.rig.wire.take()
        self.rig.receive(ackFor(ok))
        return leg, header(ok, "To")

    def test_bye(self) -> None:
        """The phone's BYE is answered 200 and ends the leg."""
        leg, to = self.connected()
        replies = self.rig.receive(request("BYE", to=to, cseq=2))
        self.assertEqual([status(m) for m in replies], [200])
        self.assertEqual(news(leg).reasons, [EndReason.HANGUP])

    def test_ourBye(self) -> None:
        """Our BYE goes to the phone's Contact."""
        leg, _ = self.connected()
        leg.hangup(Ending(EndReason.HANGUP))
        ((bye, address),) = self.rig.wire.sent
        self.assertTrue(bye.startswith("BYE sip:alice@192.0.2.77:5060 SIP/2.0"))
        self.assertEqual(address, PHONE)

    def test_byeToAName(self) -> None:
        """A phone whose Contact is a host name gets our BYE at the address that it speaks from."""
        leg = self.arrive(contact="<sip:alice@phone.invalid>")
        leg.answer(ANSWER)
        self.rig.receive(ackFor(self.rig.wire.take()[0]))
        leg.hangup(Ending(EndReason.HANGUP))
        ((bye, address),) = self.rig.wire.sent
        self.assertTrue(bye.startswith("BYE sip:alice@phone.invalid SIP/2.0"))
        self.assertEqual(address, PHONE)

    def test_hold(self) -> None:
        """A re-INVITE is answered here, its direction mirrored, and the relay is told; o= keeps its id (X30)."""
        leg, to = self.connected()
        first = self.rig.endpoint
        held = PHONE_SDP.replace("a=sendrecv", "a=sendonly").replace("30000", "30002")
        replies = self.rig.receive(request("INVITE", to=to, cseq=2, body=held))
        ok = replies[-1]
        self.assertEqual([status(m) for m in replies], [200])
        self.assertIn("a=recvonly\r\n", ok)
        self.assertEqual(side(leg).holds, [Direction.SENDONLY])
        self.assertEqual(side(leg).remotes[-1].address, TransportAddress("192.0.2.77", 30002))
        self.rig.receive(ackFor(ok, cseq=2))
        again = next(m for m in self.rig.receive(request("INVITE", to=to, cseq=3)) if status(m) == 200)
        origins = [next(line for line in m.split("\r\n") if line.startswith("o=")).split() for m in (ok, again)]
        self.assertEqual(origins[0][1], origins[1][1])
        self.assertEqual(int(origins[1][2]), int(origins[0][2]) + 1)
        self.assertIs(first, self.rig.endpoint)
        self.assertNotIn("ended", news(leg).news)

    def test_offerlessReinvite(self) -> None:
        """A re-INVITE without a body gets our offer, and its ACK's answer is taken."""
        leg, to = self.connected()
        ok = self.rig.receive(request("INVITE", to=to, cseq=2, body=None))[-1]
        self.assertIn("m=audio 20000 RTP/AVP 0\r\n", ok)
        self.rig.receive(ackFor(ok, cseq=2, body=PHONE_SDP.replace("30000", "30004")))
        self.assertEqual(side(leg).remotes[-1].address, TransportAddress("192.0.2.77", 30004))
        self.assertNotIn("ended", news(leg).news)

    def test_everyRequestIsAnswered(self) -> None:
        """Requests inside the dialog are answered, taken or not (X25)."""
        _, to = self.connected()
        for cseq, (method, code) in enumerate(
            [("OPTIONS", 200), ("MESSAGE", 200), ("INFO", 200), ("REFER", 400), ("FROBNICATE", 501)], 2
        ):
            replies = self.rig.receive(request(method, to=to, cseq=cseq))
            self.assertEqual([status(m) for m in replies], [code], method)

    def test_oldCSeq(self) -> None:
        """A request with a CSeq already seen is 500 (RFC 3261 section 12.2.2)."""
        _, to = self.connected()
        self.assertEqual([status(m) for m in self.rig.receive(request("INFO", to=to, cseq=1))], [500])

    def test_exceptionInside(self) -> None:
        """What fails inside a leg ends that leg."""
        leg, to = self.connected()

        def broken(event: object) -> None:
            raise ValueError("ouch")

        leg._event = broken  # type: ignore[method-assign]
        self.rig.receive(request("BYE", to=to, cseq=2))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual(news(leg).reasons, [EndReason.FAILED])

    def test_earlyMedia(self) -> None:
        """C{progress} is 183 with an answer; it is left out where it cannot be."""
        leg = self.arrive()
        leg.progress(ANSWER)
        (early,) = self.rig.wire.take()
        self.assertEqual(status(early), 183)
        self.assertIn("m=audio 20000", early)
        leg.progress(SessionDescription((Codec("opus", 48000, 96, 2),)))
        self.assertEqual(self.rig.wire.take(), [])

    def test_noPort(self) -> None:
        """If the relay has no port left the caller gets 503."""
        leg = cast(InboundSipLeg, self.arrive())
        side(leg).full = True
        leg.answer(ANSWER)
        self.assertEqual([status(m) for m in self.rig.wire.take()], [503])


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
        self.assertIn("m=audio 20000 RTP/AVP 0\r\n", self.invite)
        self.assertEqual(header(self.invite, "Max-Forwards"), "70")
        self.assertIn("INVITE", header(self.invite, "Allow"))

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
        for body in (PHONE_SDP.replace(" 0 8 101", " 8"), "v=0\r\nrubbish", ""):
            leg = self.call()
            sent = self.rig.receive(respond(self.invite, 200, "OK", body=body))
            self.assertEqual([m.split()[0] for m in sent], ["ACK", "BYE"])
            self.assertEqual(news(leg).news, ["ended"])
            self.assertEqual(news(leg).reasons, [EndReason.INCOMPATIBLE])
            self.rig.receive(respond(sent[-1], 200, "OK"))

    def test_failure(self) -> None:
        """An error response ends the leg; its ACK goes where the INVITE went, not to the error's Contact."""
        for code, reason in ((404, EndReason.NOT_FOUND), (486, EndReason.BUSY), (380, EndReason.FAILED)):
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
        self.assertEqual(sorted(m.split()[0] for m in sent), ["ACK", "BYE"])
        self.assertEqual(news(leg).news, ["ringing", "ended"])

    def test_unreachable(self) -> None:
        """A phone that there is no way to ends the leg."""
        self.rig.wire.unreachable.add("192.0.2.77")
        leg = self.call()
        self.assertEqual(news(leg).reasons, [EndReason.UNAVAILABLE])
        self.assertEqual(self.rig.endpoint._transactions.req_consumers, {})

    def test_filteredCodecs(self) -> None:
        """Formats of CodecIdFilterList are not offered; if none is left there is no call."""
        self.rig = Rig(filtered=frozenset({3}))
        leg = self.rig.dial()
        leg.start(SessionDescription((Codec("GSM", 8000, 3), PCMU)))
        self.assertIn("RTP/AVP 0\r\n", self.rig.wire.take()[0])
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
