# -*- test-case-name: ichatgw.test.sip.dialog.test_offeranswer -*-
"""
Offers that a SIP party makes within a call, as they look on the wire.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.interfaces import IChange, ILeg
from ichatgw.model import PCMU, Direction, Ending, EndReason, SessionDescription, TransportAddress
from ichatgw.sip.dialog.reinvite import ANSWER_TIMEOUT
from ichatgw.test.support.fakes import OFFER, FakeCall, agree, refuse, tell
from ichatgw.test.support.sip.siptalks import G722, HELD, WIDE, both, directionOf, formats, versionOf
from ichatgw.test.support.sip.sipwire import PHONE_SDP, Rig, header, request, status


class TheirsTests(SynchronousTestCase):
    """The phone makes an offer."""

    def test_holdAndResume(self) -> None:
        """Each is answered at once, mirrored, and then told to the call."""
        for method in ("INVITE", "UPDATE"):
            for talk in both():
                for text, mirrored, direction in (
                    (HELD, "recvonly", Direction.SENDONLY),
                    (PHONE_SDP, "sendrecv", Direction.SENDRECV),
                    (PHONE_SDP.replace("a=sendrecv", "a=inactive"), "inactive", Direction.INACTIVE),
                    (PHONE_SDP.replace("a=sendrecv", "a=recvonly"), "sendonly", Direction.RECVONLY),
                ):
                    (ok,) = talk.send(method, body=text)
                    self.assertEqual((status(ok), directionOf(ok)), (200, mirrored))
                    self.assertIn("UPDATE", header(ok, "Allow"))
                    self.assertIn("192.0.2.10:5070", header(ok, "Contact"))
                    if method == "INVITE":
                        talk.acknowledge(ok)
                    self.assertEqual(talk.news.updates[-1].direction, direction)
                    self.assertEqual(talk.side.holds[-1], direction)
                self.assertEqual(len(talk.news.updates), 4)
                self.assertEqual(talk.rig.wire.take(), [])

    def test_holdByZeros(self) -> None:
        """The old way to hold, by an address of zeros, in both families (RFC 3264 section 8.4)."""
        for zeros in ("IN IP4 0.0.0.0", "IN IP6 ::"):
            for talk in both():
                (ok,) = talk.send("INVITE", body=PHONE_SDP.replace("IN IP4 192.0.2.77\r\nt=", f"{zeros}\r\nt="))
                self.assertEqual((status(ok), directionOf(ok)), (200, "recvonly"))
                self.assertIn("c=IN IP4 192.0.2.10\r\n", ok)
                self.assertEqual(talk.news.updates[-1].direction, Direction.SENDONLY)
                self.assertFalse(talk.side.holds[-1].listens)

    def test_nothingNew(self) -> None:
        """An offer that says the same again is answered with the same, and nobody is told."""
        for talk in both():
            (first,) = talk.send("INVITE")
            talk.acknowledge(first)
            (again,) = talk.send("INVITE")
            self.assertEqual(versionOf(first), versionOf(again))
            self.assertEqual(talk.news.updates, [])

    def test_elsewhere(self) -> None:
        """A phone whose media has moved is followed by the relay; the other party need not know."""
        for talk in both():
            talk.send("INVITE", body=PHONE_SDP.replace("30000", "30002"))
            self.assertEqual(talk.side.remotes[-1].address, TransportAddress("192.0.2.77", 30002))
            self.assertEqual(talk.news.updates, [])

    def test_withoutOffer(self) -> None:
        """A re-INVITE without a body gets our offer, and the answer in its ACK is taken and told."""
        for talk in both():
            (ok,) = talk.send("INVITE", body=None)
            self.assertEqual(directionOf(ok), "sendrecv")
            talk.acknowledge(ok, HELD)
            self.assertEqual([each.direction for each in talk.news.updates], [Direction.SENDONLY])
            self.assertEqual(talk.side.remotes[-1].direction, Direction.SENDONLY)
            (ok,) = talk.send("INVITE", body=None)
            self.assertEqual(directionOf(ok), "sendrecv", "who asks for an offer is not held by what he said before")
            talk.acknowledge(ok, PHONE_SDP)
            self.assertEqual(talk.news.updates[-1].direction, Direction.SENDRECV)

    def test_withoutAnswer(self) -> None:
        """If the ACK brings no answer, all is as before; if it brings one that cannot be, the call is over."""
        for talk in both():
            (ok,) = talk.send("INVITE", body=None)
            talk.acknowledge(ok)
            self.assertNotIn("ended", talk.news.news)
            (ok,) = talk.send("INVITE", body=None)
            sent = talk.acknowledge(ok, PHONE_SDP.replace(" 0 8 101", " 18"))
            self.assertEqual([m.split()[0] for m in sent], ["BYE"])
            self.assertEqual(talk.news.reasons, [EndReason.INCOMPATIBLE])

    def test_secondWithoutOffer(self) -> None:
        """While our offer waits for its answer, any other offer is 491."""
        for talk in both():
            (ok,) = talk.send("INVITE", body=None)
            for method, body in (("INVITE", None), ("INVITE", HELD), ("UPDATE", HELD)):
                self.assertEqual([status(m) for m in talk.send(method, body=body)], [491])
            self.assertEqual([status(m) for m in talk.send("UPDATE", body=None)], [200])
            talk.acknowledge(ok, PHONE_SDP)
            self.assertEqual([status(m) for m in talk.send("INVITE", body=HELD)], [200])

    def test_lateOfferOfTheFirst(self) -> None:
        """The same holds for an INVITE without a body that began the call."""
        rig = Rig()
        rig.invite(body=None)
        leg = rig.invitations.legs[-1]
        leg.answer(OFFER)
        (ok,) = rig.wire.take()
        again = request("INVITE", to=header(ok, "To"), cseq=2, branch="again")
        self.assertEqual([status(m) for m in rig.receive(again)], [491])

    def test_notAcknowledged(self) -> None:
        """A 200 that is never acknowledged is repeated, and in the end so is the call (RFC 3261 section 13.3.1.4)."""
        for talk in both():
            talk.send("INVITE", body=HELD)
            talk.rig.clock.pump([0.5] * 6)
            self.assertTrue(all(status(m) == 200 for m in talk.rig.wire.take()))
            self.assertNotIn("ended", talk.news.news)
            talk.rig.clock.pump([1] * 32)
            self.assertEqual(talk.news.reasons, [EndReason.CONNECTIVITY])
            self.assertTrue(any(m.startswith("BYE") for m in talk.rig.wire.take()))

    def test_refusalNotAcknowledged(self) -> None:
        """A refusal that is never acknowledged is no reason to end the call."""
        for talk in both():
            talk.send("INVITE", body="v=0\r\nnonsense")
            talk.rig.clock.pump([1] * 40)
            self.assertNotIn("ended", talk.news.news)

    def test_strangeBody(self) -> None:
        """What is no SDP is 415; SDP that cannot be read is 488, with a warning; the call goes on."""
        for talk in both():
            for method in ("INVITE", "UPDATE"):
                (reply,) = talk.send(method, contentType="text/plain", body="hi")
                self.assertEqual((status(reply), header(reply, "Accept")[:16]), (415, "application/sdp,"))
                (reply,) = talk.send(method, body="v=0\r\nnonsense")
                self.assertEqual(status(reply), 488)
                self.assertIn("no audio over RTP", header(reply, "Warning"))
            self.assertNotIn("ended", talk.news.news)

    def test_newContact(self) -> None:
        """Requests go to the latest Contact (target refresh)."""
        for method in ("INVITE", "UPDATE"):
            for talk in both():
                (ok,) = talk.send(method, contact="<sip:moved@192.0.2.79:5062>")
                if method == "INVITE":
                    talk.acknowledge(ok)
                talk.leg.hangup(Ending(EndReason.HANGUP))
                ((bye, address),) = talk.rig.wire.sent
                self.assertTrue(bye.startswith("BYE sip:moved@192.0.2.79:5062 SIP/2.0"))
                self.assertEqual(address, TransportAddress("192.0.2.79", 5062))

    def test_beforeTheAnswer(self) -> None:
        """An offer before the answer of the call is too early; the phone may come again."""
        rig = Rig()
        rig.invite()
        rig.invitations.legs[-1].ring()
        (ringing,) = rig.wire.take()
        for number, method in ((2, "UPDATE"), (3, "INVITE")):
            text = request(method, to=header(ringing, "To"), cseq=number, branch=f"early{number}")
            (reply,) = rig.receive(text)
            self.assertEqual(status(reply), 500)
            self.assertTrue(header(reply, "Retry-After"))


class AskingTests(SynchronousTestCase):
    """The phone wants other formats than those that the other party speaks."""

    def test_agreed(self) -> None:
        """The other party is asked while the phone hears 100, and answered as it was."""
        for talk in both():
            (trying,) = talk.send("INVITE", body=WIDE)
            self.assertEqual(status(trying), 100)
            self.assertEqual(talk.news.updates[-1].codecs, (G722,))
            agree(talk.leg, SessionDescription((G722,), direction=Direction.SENDONLY))
            (ok,) = talk.rig.wire.take()
            self.assertEqual((status(ok), formats(ok), directionOf(ok)), (200, "9", "sendonly"))
            self.assertEqual(talk.side.remotes[-1].codecs, (G722,))
            talk.acknowledge(ok)
            self.assertEqual(len(talk.news.updates), 1)

    def test_refused(self) -> None:
        """If it does not go along, that is 488 with a warning, and the call goes on as it was."""
        for talk in both():
            before = talk.side.remotes[:]
            talk.send("INVITE", body=WIDE)
            refuse(talk.leg, Ending(EndReason.INCOMPATIBLE, "an iChat has no other format than PCMU"))
            (reply,) = talk.rig.wire.take()
            self.assertEqual(status(reply), 488)
            self.assertIn("an iChat has no other format", header(reply, "Warning"))
            self.assertEqual(talk.side.remotes, before)
            (ok,) = talk.send("INVITE", body=HELD)
            self.assertEqual(formats(ok), "0")
            self.assertNotIn("ended", talk.news.news)

    def test_answerOfOthers(self) -> None:
        """An agreement to something else is none."""
        for talk in both():
            talk.send("INVITE", body=WIDE)
            agree(talk.leg, OFFER)
            self.assertEqual([status(m) for m in talk.rig.wire.take()], [488])

    def test_atOnce(self) -> None:
        """A party that answers within the question is no reason for a 100."""
        for talk in both():
            talk.leg.call = Willing()
            (ok,) = talk.send("INVITE", body=WIDE)
            self.assertEqual((status(ok), formats(ok)), (200, "9"))

    def test_update(self) -> None:
        """An UPDATE cannot wait; a re-INVITE can."""
        for talk in both():
            (reply,) = talk.send("UPDATE", body=WIDE)
            self.assertEqual(status(reply), 488)
            self.assertEqual(talk.news.updates, [])

    def test_anotherMeanwhile(self) -> None:
        """While the question waits, another offer of the phone is too early, and one of the other party crosses it."""
        for talk in both():
            talk.send("INVITE", body=WIDE)
            for method in ("INVITE", "UPDATE"):
                (reply,) = talk.send(method, body=HELD)
                self.assertEqual(status(reply), 500)
                self.assertTrue(0 <= int(header(reply, "Retry-After")) <= 10)
            tell(talk.leg, OFFER)
            self.assertEqual(talk.news.news[-1], "refused")

    def test_cancelled(self) -> None:
        """A phone that gives up its re-INVITE hears 487; the other party, who may have gone along, is told."""
        for talk in both():
            talk.send("INVITE", body=WIDE)
            branch = f"INVITE{talk.cseq}{header(talk.accepted, 'Call-ID').partition('@')[0]}"
            replies = talk.rig.receive(talk.text("CANCEL", cseq=talk.cseq, branch=branch))
            self.assertEqual(sorted(status(m) for m in replies), [200, 487])
            self.assertEqual(talk.news.updates[-1].codecs, (PCMU,))
            agree(talk.leg, SessionDescription((G722,)))
            self.assertEqual(talk.rig.wire.take(), [])

    def test_tooLong(self) -> None:
        """A question that is never answered is 504, and the call goes on as it was."""
        for talk in both():
            talk.send("INVITE", body=WIDE)
            talk.rig.clock.advance(ANSWER_TIMEOUT)
            self.assertEqual([status(m) for m in talk.rig.wire.take()], [504])
            agree(talk.leg, SessionDescription((G722,)))
            self.assertEqual([m for m in talk.rig.wire.take() if not status(m)], [])

    def test_endMeanwhile(self) -> None:
        """When the call ends meanwhile, no matter who ends it, the re-INVITE is 487."""
        for talk in both():
            talk.send("INVITE", body=WIDE)
            talk.leg.hangup(Ending(EndReason.HANGUP))
            self.assertEqual(sorted(m.split()[0] for m in talk.rig.wire.take()), ["BYE", "SIP/2.0"])
        for talk in both():
            talk.send("INVITE", body=WIDE)
            self.assertEqual(sorted(status(m) for m in talk.send("BYE")), [200, 487])


class Willing(FakeCall):
    """Its other party goes along with anything, at once."""

    def changed(self, leg: ILeg, change: IChange) -> None:
        change.agree(change.offer)
