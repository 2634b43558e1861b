# -*- test-case-name: ichatgw.test.sip.dialog.test_ouroffers -*-
"""
Offers that are made to a SIP party within a call, as they look on the wire, and those that cross its own.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import Codec, Direction, Ending, EndReason, SessionDescription
from ichatgw.sip.dialog.offeranswer import MAX_CROSSINGS
from ichatgw.test.support.fakes import OFFER, tell
from ichatgw.test.support.sip.siptalks import ALAW, HELD, PCMA, ULAW, Talk, both, directionOf, formats, versionOf
from ichatgw.test.support.sip.sipwire import PHONE_SDP, Rig, header, request, respond, status


def reinvite(talk: Talk, direction: Direction) -> str:
    """The other party lets media flow so from now on: what the phone is told."""
    tell(talk.leg, evolve(OFFER, direction=direction))
    (invite,) = talk.rig.wire.take()
    return invite


class OursTests(SynchronousTestCase):
    """The other party has changed: the phone is told."""

    def test_holdAndResume(self) -> None:
        """It gets a re-INVITE each time, and its answer is taken."""
        for talk in both():
            for order, theirs in (("sendonly", "recvonly"), ("sendrecv", "sendrecv"), ("inactive", "inactive")):
                invite = reinvite(talk, Direction(order))
                self.assertTrue(invite.startswith("INVITE sip:"))
                self.assertEqual(directionOf(invite), order)
                self.assertIn("UPDATE", header(invite, "Allow"))
                (ack,) = talk.rig.receive(
                    respond(invite, 200, "OK", body=ULAW.replace("sendrecv", theirs), extra=CONTACT)
                )
                self.assertTrue(ack.startswith("ACK"))
                self.assertEqual(header(ack, "CSeq").split()[0], header(invite, "CSeq").split()[0])
                self.assertEqual(talk.news.news[-1], "agreed")
                self.assertEqual(talk.side.remotes[-1].direction.value, theirs)
            self.assertEqual([each.direction for each in talk.news.agreements], [Direction.SENDRECV] * 3)
            self.assertEqual(talk.news.updates, [])

    def test_version(self) -> None:
        """The description keeps its id, and its version goes up by one."""
        for talk in both():
            versions = []
            for order in ("sendonly", "sendrecv"):
                invite = reinvite(talk, Direction(order))
                versions.append(versionOf(invite))
                talk.rig.receive(respond(invite, 200, "OK", body=ULAW))
            self.assertEqual(versions[1], (versions[0][0], versions[0][1] + 1))

    def test_nothingNew(self) -> None:
        """What it knows it is not told."""
        for talk in both():
            tell(talk.leg, OFFER)
            self.assertEqual(talk.rig.wire.take(), [])
            self.assertEqual(talk.news.news[-1], "agreed")

    def test_bothHold(self) -> None:
        """Who holds is offered no more than he allows, and is not taken off hold by the other's resuming."""
        for talk in both():
            (ok,) = talk.send("INVITE", body=HELD)
            talk.acknowledge(ok)
            for order, offered in ((Direction.SENDONLY, "inactive"), (Direction.SENDRECV, "recvonly")):
                invite = reinvite(talk, order)
                self.assertEqual(directionOf(invite), offered)
                theirs = {"inactive": "inactive", "recvonly": "sendonly"}[offered]
                talk.rig.receive(respond(invite, 200, "OK", body=ULAW.replace("sendrecv", theirs)))
                self.assertEqual(talk.news.agreements[-1].direction, Direction.SENDONLY)
            (ok,) = talk.send("INVITE", body=PHONE_SDP)
            self.assertEqual(directionOf(ok), "sendrecv")

    def test_answerWithinHold(self) -> None:
        """While the other party holds, an offer of the phone is not answered with more than that party allows."""
        for talk in both():
            tell(talk.leg, evolve(OFFER, direction=Direction.SENDONLY))
            talk.rig.receive(respond(talk.rig.wire.take()[0], 200, "OK", body=ULAW.replace("sendrecv", "recvonly")))
            (ok,) = talk.send("INVITE", body=PHONE_SDP)
            self.assertEqual(directionOf(ok), "sendonly")
            self.assertEqual(talk.news.updates, [])

    def test_allLines(self) -> None:
        """An offer of ours names every media line that the session has had (RFC 3264 section 8)."""
        talk = Talk.inbound(Rig(), body=PHONE_SDP.replace("m=audio", "m=video 30100 RTP/AVP 31\r\nm=audio"))
        invite = reinvite(talk, Direction.SENDONLY)
        lines = [line for line in invite.split("\r\n") if line.startswith("m=")]
        self.assertEqual(lines, ["m=video 0 RTP/AVP 31", "m=audio 20000 RTP/AVP 0"])

    def test_otherFormats(self) -> None:
        """Other formats are offered, with numbers that mean nothing else in this dialog; the answer is the answer."""
        for talk in both():
            opus = Codec("opus", 48000, 101, 2)
            tell(talk.leg, SessionDescription((opus, PCMA)))
            (invite,) = talk.rig.wire.take()
            numbers = formats(invite).split()
            self.assertEqual(numbers[1], "8")
            self.assertIn(f"a=rtpmap:{numbers[0]} opus/48000/2\r\n", invite)
            talk.rig.receive(respond(invite, 200, "OK", body=ALAW))
            self.assertEqual(talk.news.agreements, [SessionDescription((PCMA,))])
            self.assertEqual(talk.rig.wire.take(), [])

    def test_refused(self) -> None:
        """What the phone refuses it is not told again, and the call goes on as it was; the next change is told."""
        for talk in both():
            tell(talk.leg, SessionDescription((PCMA,)))
            (invite,) = talk.rig.wire.take()
            talk.rig.receive(respond(invite, 488, "Not Acceptable Here", extra='Warning: 304 x "no"\r\n'))
            self.assertEqual([each.reason for each in talk.news.refusals], [EndReason.INCOMPATIBLE])
            self.assertNotIn("ended", talk.news.news)
            invite = reinvite(talk, Direction.SENDONLY)
            self.assertEqual((formats(invite), directionOf(invite)), ("0", "sendonly"))

    def test_unsendable(self) -> None:
        """A hold that cannot even be sent has failed, and the other party hears it; the next one is told."""
        for talk in both():
            talk.rig.wire.unreachable.add("192.0.2.77")
            tell(talk.leg, evolve(OFFER, direction=Direction.SENDONLY))
            self.assertEqual([each.reason for each in talk.news.refusals], [EndReason.CONNECTIVITY])
            self.assertEqual((talk.rig.wire.take(), "ended" in talk.news.news), ([], False))
            talk.rig.wire.unreachable.clear()
            self.assertEqual(directionOf(reinvite(talk, Direction.SENDONLY)), "sendonly")

    def test_whileAsked(self) -> None:
        """While the phone waits for the other party's word on its own offer, a change of that party is refused."""
        for talk in both():
            talk.send("INVITE", body=PHONE_SDP.replace(" 0 8 101", " 9"))
            self.assertEqual(talk.news.news[-1], "changed")
            tell(talk.leg, evolve(OFFER, direction=Direction.SENDONLY))
            self.assertIs(talk.news.refusals[-1].reason, EndReason.INCOMPATIBLE)
            self.assertEqual(talk.rig.wire.take(), [])

    def test_nothingToOffer(self) -> None:
        """Formats that are filtered, or carry no speech, are not offered; what is made of them may be agreed."""
        for codec, outcome in ((Codec("G722", 8000, 9), "refused"), (PCMA, "agreed")):
            talk = Talk.outbound(Rig(filtered=frozenset({8, 9})))
            tell(talk.leg, SessionDescription((codec, Codec("telephone-event", 8000, 101))))
            self.assertEqual((talk.news.news[-1], talk.rig.wire.take()), (outcome, []))

    def test_lost(self) -> None:
        """A phone that does not know the call, or does not answer, has lost it."""
        for code in (408, 481):
            for talk in both():
                invite = reinvite(talk, Direction.SENDONLY)
                sent = talk.rig.receive(respond(invite, code, "No"))
                self.assertEqual([m.split()[0] for m in sent], ["ACK", "BYE"])
                self.assertEqual(talk.news.reasons, [EndReason.CONNECTIVITY])
        for talk in both():
            tell(talk.leg, evolve(OFFER, direction=Direction.SENDONLY))
            talk.rig.clock.pump([0.5] * 65)
            self.assertEqual(talk.news.reasons, [EndReason.CONNECTIVITY])

    def test_badAnswer(self) -> None:
        """A 200 that does not answer what was offered ends the call; one without a body leaves it as it was."""
        for talk in both():
            tell(talk.leg, evolve(OFFER, direction=Direction.SENDONLY))
            talk.rig.receive(respond(talk.rig.wire.take()[0], 200, "OK"))
            self.assertNotIn("ended", talk.news.news)
            tell(talk.leg, evolve(OFFER, direction=Direction.INACTIVE))
            (invite,) = talk.rig.wire.take()[-1:]
            sent = talk.rig.receive(respond(invite, 200, "OK", body="v=0\r\nrubbish"))
            self.assertEqual([m.split()[0] for m in sent], ["ACK", "BYE"])
            self.assertEqual(talk.news.reasons, [EndReason.INCOMPATIBLE])

    def test_changesMeanwhile(self) -> None:
        """What changes while a re-INVITE is under way is told after it, and the leg speaks when all is settled."""
        for talk in both():
            for order in (Direction.SENDONLY, Direction.INACTIVE, Direction.SENDRECV, Direction.SENDONLY):
                tell(talk.leg, evolve(OFFER, direction=order))
            (invite,) = talk.rig.wire.take()
            self.assertEqual(directionOf(invite), "sendonly")
            tell(talk.leg, evolve(OFFER, direction=Direction.INACTIVE))
            sent = talk.rig.receive(respond(invite, 200, "OK", body=ULAW.replace("sendrecv", "recvonly")))
            self.assertEqual([m.split()[0] for m in sent], ["ACK", "INVITE"])
            self.assertEqual(directionOf(sent[1]), "inactive")
            self.assertNotIn("agreed", talk.news.news)
            talk.rig.receive(respond(sent[1], 200, "OK", body=ULAW.replace("sendrecv", "inactive")))
            self.assertEqual(talk.news.news.count("agreed"), 1)

    def test_beforeTheAck(self) -> None:
        """No re-INVITE goes out before the call's own INVITE is acknowledged (RFC 3261 section 14.1)."""
        rig = Rig()
        rig.invite()
        leg = rig.invitations.legs[-1]
        leg.answer(OFFER)
        (ok,) = rig.wire.take()
        tell(leg, evolve(OFFER, direction=Direction.SENDONLY))
        self.assertEqual(rig.wire.take(), [])
        (invite,) = rig.receive(request("ACK", to=header(ok, "To"), branch="ack", body=None))
        self.assertEqual(directionOf(invite), "sendonly")

    def test_theyHoldInTheAnswer(self) -> None:
        """A phone that allows less in its answer than before has changed: the call hears of it."""
        for talk in both():
            tell(talk.leg, SessionDescription((PCMA,)))
            (invite,) = talk.rig.wire.take()
            talk.rig.receive(respond(invite, 200, "OK", body=ALAW.replace("sendrecv", "sendonly")))
            self.assertEqual(talk.news.agreements[-1].direction, Direction.SENDONLY)
            self.assertEqual(talk.rig.wire.take(), [])

    def test_hangupMeanwhile(self) -> None:
        """A call that ends meanwhile ends; a late 200 to the re-INVITE is acknowledged."""
        for talk in both():
            invite = reinvite(talk, Direction.SENDONLY)
            talk.leg.hangup(Ending(EndReason.HANGUP))
            self.assertEqual([m.split()[0] for m in talk.rig.wire.take()], ["BYE"])
            self.assertEqual([m.split()[0] for m in talk.rig.receive(respond(invite, 200, "OK", body=ULAW))], ["ACK"])
            self.assertEqual(talk.news.news.count("ended"), 1)


CONTACT = "Contact: <sip:100@192.0.2.77:5060>\r\n"


class GlareTests(SynchronousTestCase):
    """Both make an offer at once."""

    def test_theirsCrossesOurs(self) -> None:
        """While ours is under way, theirs is 491; an UPDATE that offers too."""
        for talk in both():
            invite = reinvite(talk, Direction.SENDONLY)
            for method in ("INVITE", "UPDATE"):
                self.assertEqual([status(m) for m in talk.send(method, body=HELD)], [491])
            talk.rig.receive(respond(invite, 200, "OK", body=ULAW.replace("sendrecv", "recvonly")))
            self.assertEqual(talk.news.news[-1], "agreed")

    def test_oursCrossesTheirs(self) -> None:
        """
        Ours that is refused by 491 is made again: by who made the Call-ID after 2.1 to 4 s, by the other one after up
        to 2 s (RFC 3261 section 14.1).  Meanwhile theirs is taken.
        """
        for talk, (earliest, latest) in zip(both(), ((0.0, 2.0), (2.1, 4.0)), strict=True):
            invite = reinvite(talk, Direction.SENDONLY)
            (ack,) = talk.rig.receive(respond(invite, 491, "Request Pending"))
            self.assertTrue(ack.startswith("ACK"))
            self.assertNotIn("refused", talk.news.news)
            if earliest:
                talk.rig.clock.advance(earliest - 0.01)
                self.assertEqual(talk.rig.wire.take(), [])
                talk.rig.clock.advance(0.005)
                (ok,) = talk.send("INVITE", body=PHONE_SDP)
                self.assertEqual(status(ok), 200)
                talk.acknowledge(ok)
            talk.rig.clock.pump([0.1] * int((latest - earliest) * 10 + 1))
            sent = [m for m in talk.rig.wire.take() if m.startswith("INVITE")]
            if earliest:
                # the answer to theirs has said it already
                self.assertEqual(sent, [])
                self.assertEqual(directionOf(ok), "sendonly")
            else:
                self.assertEqual(directionOf(sent[0]), "sendonly")
                talk.rig.receive(respond(sent[0], 200, "OK", body=ULAW.replace("sendrecv", "recvonly")))
            self.assertEqual(talk.news.news[-1], "agreed")

    def test_tooEarlyForThem(self) -> None:
        """A 500 that says when to come again is heeded."""
        for talk in both():
            invite = reinvite(talk, Direction.SENDONLY)
            talk.rig.receive(respond(invite, 500, "Server Internal Error", extra="Retry-After: 3\r\n"))
            talk.rig.clock.advance(2.9)
            self.assertEqual(talk.rig.wire.take(), [])
            talk.rig.clock.advance(0.2)
            self.assertEqual([m.split()[0] for m in talk.rig.wire.take()], ["INVITE"])

    def test_notForEver(self) -> None:
        """It is tried some times, and then given up; the call goes on."""
        for talk in both():
            tell(talk.leg, evolve(OFFER, direction=Direction.SENDONLY))
            invites = talk.rig.wire.take()
            for _ in range(MAX_CROSSINGS):
                talk.rig.receive(respond(invites[-1], 491, "Request Pending"))
                talk.rig.clock.advance(4)
                invites += [m for m in talk.rig.wire.take() if m.startswith("INVITE")]
            self.assertEqual(len(invites), MAX_CROSSINGS + 1)
            talk.rig.receive(respond(invites[-1], 491, "Request Pending"))
            self.assertEqual(talk.news.news[-1], "refused")
            self.assertNotIn("ended", talk.news.news)

    def test_endMeanwhile(self) -> None:
        """Nothing is left of it when the call ends while it waits."""
        for talk in both():
            tell(talk.leg, evolve(OFFER, direction=Direction.SENDONLY))
            talk.rig.receive(respond(talk.rig.wire.take()[0], 491, "Request Pending"))
            talk.leg.hangup(Ending(EndReason.HANGUP))
            talk.rig.wire.take()
            talk.rig.clock.advance(4)
            self.assertEqual([m for m in talk.rig.wire.take() if m.startswith("INVITE")], [])
