# -*- test-case-name: ichatgw.test.sip.leg.test_inbound -*-
"""
Tests for L{ichatgw.sip.leg.inbound}: phones call.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.nulls import Unanswered
from ichatgw.model import (
    PCMU,
    SENT_ON,
    Codec,
    Direction,
    Ending,
    EndReason,
    Party,
    SessionDescription,
    TransportAddress,
)
from ichatgw.sip.leg.inbound import InboundSipLeg
from ichatgw.sip.leg.telling import Telling
from ichatgw.test.support.legs import ANSWER
from ichatgw.test.support.sip.siptalks import news, side
from ichatgw.test.support.sip.sipwire import PHONE, PHONE_SDP, Rig, ackFor, header, request, status


class InboundTests(SynchronousTestCase):
    """A phone calls."""

    def setUp(self) -> None:
        self.rig = Rig()

    def arrive(self, **changes: object) -> InboundSipLeg:
        self.first = self.rig.invite(**changes)
        return self.rig.invitations.legs[-1]

    def test_arrival(self) -> None:
        """An INVITE is answered 100 and becomes a leg that knows caller, called and offer."""
        leg = self.arrive()
        self.assertEqual([status(m) for m in self.first], [100])
        self.assertEqual(leg.party, Party("sip:alice@sip.example", "Alice"))
        self.assertEqual(self.rig.invitations.called, ["sip:scott@192.0.2.10:5070"])
        self.assertEqual(self.rig.invitations.invitations[0].source, PHONE)
        self.assertEqual(self.rig.invitations.offers[0].address, TransportAddress("192.0.2.77", 30000))

    def test_vias(self) -> None:
        """Every response repeats the Vias as they came, whatever is in quotes there; where it goes is ours to say."""
        vias = (
            'SIP/2.0/UDP 192.0.2.77:5060;x="a;b, c=\\"d";branch=z9hG4bKquoted ;RPort',
            'SIP / 2.0 / UDP  far.example : 4000;ttl=16 ; maddr=203.0.113.9;branch=z9hG4bK1;y="received=1.2.3.4;rport"',
            "SIP/2.0/TCP [2001:DB8::9]:9;Branch=z9hG4bK2",
        )
        invite = request("INVITE").partition("\r\n")
        _, _, rest = invite[2].partition("\r\n")
        text = "\r\n".join((invite[0], *(f"Via: {via}" for via in vias), rest))
        trying = self.rig.receive(text)
        leg = self.rig.invitations.legs[-1]
        leg.ring()
        leg.hangup(Ending(EndReason.BUSY))
        sent = [*trying, *self.rig.wire.take()]
        self.assertEqual([status(each) for each in sent], [100, 180, 486])
        for each in sent:
            top, *others = [line[5:] for line in each.split("\r\n") if line.startswith("Via: ")]
            self.assertEqual(top, vias[0].removesuffix(";RPort") + ";received=192.0.2.77;rport=5060")
            self.assertEqual(tuple(others), vias[1:])

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

    def test_sentOn(self) -> None:
        """A call that leads on is 181, as often as it does, with the new party; once it is answered nothing is said."""
        self.rig.endpoint.tell(Telling.ANSWERS)
        leg = self.arrive()
        for name in ("Kim", "Ben"):
            news(leg).other = Party(f"sip:{name.lower()}@pbx.example", name)
            leg.hand(Unanswered(SENT_ON))
            (forwarded,) = self.rig.wire.take()
            self.assertTrue(forwarded.startswith("SIP/2.0 181 Call Is Being Forwarded\r\n"))
            self.assertEqual(header(forwarded, "P-Asserted-Identity"), f'"{name}" <sip:{name.lower()}@pbx.example>')
            self.assertTrue(forwarded.endswith("\r\n\r\n"))
        leg.ring()
        self.assertEqual([status(each) for each in self.rig.wire.take()], [180])
        leg.answer(ANSWER)
        self.rig.wire.take()
        leg.hand(Unanswered(SENT_ON))
        self.assertEqual(self.rig.wire.take(), [])

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
        self.assertIn("m=audio 20000 RTP/AVP 0 8\r\n", ok)
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

    def connected(self) -> tuple[InboundSipLeg, str]:
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
        """A re-INVITE is answered here, its direction mirrored, and the relay is told; o= keeps its id."""
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
        self.assertIn("m=audio 20000 RTP/AVP 0 8\r\n", ok)
        self.rig.receive(ackFor(ok, cseq=2, body=PHONE_SDP.replace("30000", "30004")))
        self.assertEqual(side(leg).remotes[-1].address, TransportAddress("192.0.2.77", 30004))
        self.assertNotIn("ended", news(leg).news)

    def test_everyRequestIsAnswered(self) -> None:
        """Requests inside the dialog are answered, taken or not."""
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
        leg = self.arrive()
        side(leg).full = True
        leg.answer(ANSWER)
        self.assertEqual([status(m) for m in self.rig.wire.take()], [503])
