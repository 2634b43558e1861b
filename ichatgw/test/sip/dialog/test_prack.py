# -*- test-case-name: ichatgw.test.sip.dialog.test_prack -*-
"""
Provisional responses that are acknowledged (RFC 3262), and UPDATE before the answer (RFC 3311).
"""

from __future__ import annotations

from typing import Any, cast

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import PCMU, Codec, Direction, Ending, EndReason, SessionDescription, TransportAddress
from ichatgw.sip.dialog.prack import LAST_WAIT
from ichatgw.test.support.fakes import OFFER, FakeCall, tell
from ichatgw.test.support.legs import ANSWER
from ichatgw.test.support.media.fakerelays import FakeSide
from ichatgw.test.support.sip.siptalks import directionOf
from ichatgw.test.support.sip.sipwire import PHONE_SDP, Rig, header, request, respond, status

DEMANDED = "Require: 100rel\r\n"
PCMA = Codec("PCMA", 8000, 8)


class CalledTests(SynchronousTestCase):
    """We are called by somebody who demands reliable responses."""

    def setUp(self) -> None:
        self.rig = Rig()
        (trying,) = self.rig.invite(extra=DEMANDED)
        self.assertEqual((status(trying), header(trying, "Require")), (100, ""))
        self.leg = self.rig.invitations.legs[-1]
        self.cseq = 1

    @property
    def news(self) -> FakeCall:
        return cast(FakeCall, self.leg.call)

    def prack(self, response: str, body: str | None = None, rack: str = "") -> list[str]:
        """The phone acknowledges a response."""
        self.cseq += 1
        rack = rack or f"{header(response, 'RSeq')} {header(response, 'CSeq')}"
        to, branch = header(response, "To"), f"prack{self.cseq}"
        text = request("PRACK", to=to, cseq=self.cseq, branch=branch, extra=f"RAck: {rack}\r\n", body=body)
        return self.rig.receive(text)

    def timers(self) -> str:
        waiting: Any = self.rig.clock.getDelayedCalls()
        return " ".join(str(each.func) for each in waiting)

    def test_ringing(self) -> None:
        """180 is numbered, and sent again until PRACK comes, which is answered."""
        self.leg.ring()
        (ringing,) = self.rig.wire.take()
        self.assertEqual((status(ringing), header(ringing, "Require")), (180, "100rel"))
        self.assertTrue(0 < int(header(ringing, "RSeq")) < 2**31)
        self.rig.clock.advance(0.5)
        self.assertEqual(self.rig.wire.take(), [ringing])
        self.rig.clock.advance(1)
        self.assertEqual(self.rig.wire.take(), [ringing])
        self.assertEqual([status(m) for m in self.prack(ringing)], [200])
        self.rig.clock.pump([1] * 40)
        self.assertEqual([m for m in self.rig.wire.take() if status(m)], [])

    def test_wrong(self) -> None:
        """A PRACK for something else is 481 and acknowledges nothing; so is one that comes again, or too late."""
        self.leg.ring()
        (ringing,) = self.rig.wire.take()
        number = int(header(ringing, "RSeq"))
        for rack in (f"{number + 1} 1 INVITE", f"{number} 2 INVITE", f"{number} 1 UPDATE"):
            self.assertEqual([status(m) for m in self.prack(ringing, rack=rack)], [481])
        self.assertEqual([status(m) for m in self.prack(ringing)], [200])
        self.assertEqual([status(m) for m in self.prack(ringing)], [481])

    def test_oneAfterTheOther(self) -> None:
        """The next response waits for the PRACK of the one before; so does the 200."""
        self.leg.ring()
        self.leg.progress(ANSWER)
        self.leg.answer(ANSWER)
        (ringing,) = self.rig.wire.take()
        _, progress = self.prack(ringing)
        self.assertEqual(status(progress), 183)
        self.assertEqual(int(header(progress, "RSeq")), int(header(ringing, "RSeq")) + 1)
        replies = self.prack(progress)
        self.assertEqual([status(m) for m in replies], [200, 200])
        self.assertEqual(header(replies[1], "CSeq"), "1 INVITE")
        self.assertEqual(header(replies[1], "Require"), "")

    def test_never(self) -> None:
        """If PRACK never comes the call is refused."""
        self.leg.ring()
        self.rig.wire.take()
        self.rig.clock.pump([0.5] * int(LAST_WAIT * 2))
        self.assertEqual({status(m) for m in self.rig.wire.take() if status(m)}, {180, 480})
        self.assertEqual(self.news.reasons, [EndReason.CONNECTIVITY])

    def test_refused(self) -> None:
        """A refusal waits for nothing."""
        self.leg.ring()
        self.rig.wire.take()
        self.leg.hangup(Ending(EndReason.BUSY))
        self.assertEqual([status(m) for m in self.rig.wire.take()], [486])
        self.rig.clock.advance(0.4)
        self.assertEqual([m for m in self.rig.wire.take() if status(m) == 180], [])

    def test_cancelled(self) -> None:
        """So does the end of a caller who gives up; then nothing is waited for."""
        self.leg.ring()
        self.rig.wire.take()
        self.assertIn("Sender", self.timers())
        replies = self.rig.receive(request("CANCEL", branch="INVITE1"))
        self.assertEqual(sorted(status(m) for m in replies), [200, 487])
        self.assertNotIn("Sender", self.timers())
        self.rig.clock.advance(0.5)
        self.assertEqual([m for m in self.rig.wire.take() if status(m) == 180], [])

    def test_endMeanwhile(self) -> None:
        """A call that ends while its 200 waits is refused."""
        self.leg.ring()
        self.leg.answer(ANSWER)
        self.rig.wire.take()
        self.leg.hangup(Ending(EndReason.HANGUP))
        self.assertIn(480, [status(m) for m in self.rig.wire.take()])

    def test_answerForGood(self) -> None:
        """An answer that was acknowledged is not given again in the 200; if it has changed, a re-INVITE says so."""
        self.leg.progress(SessionDescription((PCMU, PCMA)))
        (progress,) = self.rig.wire.take()
        self.prack(progress)
        self.leg.answer(SessionDescription((PCMA,)))
        (ok,) = self.rig.wire.take()
        self.assertEqual((status(ok), header(ok, "Content-Length")), (200, "0"))
        (invite,) = self.rig.receive(request("ACK", to=header(ok, "To"), branch="ack", body=None))
        self.assertTrue(invite.startswith("INVITE"))
        self.assertIn("RTP/AVP 8 0\r\n", invite)

    def test_sameAnswer(self) -> None:
        """If it has not, nothing more is said."""
        self.leg.progress(OFFER)
        self.prack(self.rig.wire.take()[0])
        self.leg.answer(OFFER)
        (ok,) = self.rig.wire.take()
        self.assertEqual(self.rig.receive(request("ACK", to=header(ok, "To"), branch="ack", body=None)), [])

    def test_update(self) -> None:
        """After an acknowledged answer the caller may make another offer, by UPDATE or in the PRACK itself."""
        held = PHONE_SDP.replace("sendrecv", "sendonly")
        self.leg.progress(OFFER)
        (progress,) = self.rig.wire.take()
        self.assertEqual([status(m) for m in self.early("UPDATE", progress, held)], [500], "not acknowledged yet")
        self.prack(progress)
        (ok,) = self.early("UPDATE", progress, held)
        self.assertEqual((status(ok), directionOf(ok)), (200, "recvonly"))
        self.leg.ring()
        (ringing,) = self.rig.wire.take()
        (ok,) = self.prack(ringing, PHONE_SDP)
        self.assertEqual((status(ok), directionOf(ok)), (200, "sendrecv"))

    def test_holdBeforeTheAnswer(self) -> None:
        """A hold before the answer is told when there is somebody to tell, and so is its end."""
        self.leg.progress(OFFER)
        (progress,) = self.rig.wire.take()
        self.prack(progress)
        self.early("UPDATE", progress, PHONE_SDP.replace("sendrecv", "sendonly"))
        self.assertEqual(self.news.updates, [])
        self.leg.answer(OFFER)
        self.assertEqual([each.direction for each in self.news.updates], [Direction.SENDONLY])
        (ok,) = self.rig.wire.take()
        self.rig.receive(request("ACK", to=header(ok, "To"), branch="ack", body=None))
        self.early("UPDATE", progress, PHONE_SDP)
        self.assertIs(self.news.updates[-1].direction, Direction.SENDRECV)

    def early(self, method: str, response: str, body: str) -> list[str]:
        self.cseq += 1
        return self.rig.receive(
            request(method, to=header(response, "To"), cseq=self.cseq, branch=f"early{self.cseq}", body=body)
        )

    def test_offerBeforeTheAnswer(self) -> None:
        """As long as our 200 waits for a PRACK, another offer of the caller is too early, and may be made again."""
        self.leg.ring()
        (ringing,) = self.rig.wire.take()
        self.leg.answer(ANSWER)
        for method in ("INVITE", "UPDATE"):
            (reply,) = self.early(method, ringing, PHONE_SDP)
            self.assertEqual((status(reply), header(reply, "Retry-After")), (500, "5"))
        self.assertEqual([status(m) for m in self.prack(ringing)], [200, 200])

    def test_notDemanded(self) -> None:
        """Who only supports it gets plain ones."""
        rig = Rig()
        rig.invite(extra="Supported: 100rel\r\n")
        rig.invitations.legs[-1].ring()
        (ringing,) = rig.wire.take()
        self.assertEqual((header(ringing, "Require"), header(ringing, "RSeq")), ("", ""))


class CallerTests(SynchronousTestCase):
    """We call somebody who sends reliable responses."""

    def setUp(self) -> None:
        self.rig = Rig()
        self.leg = self.rig.dial()
        self.leg.start(SessionDescription((PCMU, PCMA)))
        (self.invite,) = self.rig.wire.take()

    @property
    def news(self) -> FakeCall:
        return cast(FakeCall, self.leg.call)

    def heard(self, code: int, number: int, tag: str = "b1", body: str = "", extra: str = "") -> list[str]:
        extra += f"Require: 100rel\r\nRSeq: {number}\r\n"
        return self.rig.receive(respond(self.invite, code, "Hm", tag=tag, body=body, extra=extra))

    def test_offered(self) -> None:
        """We say that we can; not to an iChat, and not where nobody needs to ring."""
        self.assertIn("100rel", header(self.invite, "Supported"))
        leg = self.rig.endpoint.pinned().dial("sip:user@192.0.2.77:5060", self.leg.party)
        leg.call, leg.side = FakeCall(), FakeSide()
        leg.start(OFFER)
        self.assertEqual(header(self.rig.wire.take()[0], "Supported"), "")
        self.rig.receive(respond(self.invite, 200, "OK", body=PHONE_SDP))
        tell(self.leg, evolve(OFFER, direction=Direction.SENDONLY))
        self.assertNotIn("100rel", header(self.rig.wire.take()[0], "Supported"))

    def test_prack(self) -> None:
        """Each is acknowledged once, in the dialog that it has begun."""
        (prack,) = self.heard(180, 7)
        self.assertTrue(prack.startswith("PRACK sip:100@192.0.2.77:5060 SIP/2.0"))
        number = int(header(self.invite, "CSeq").split()[0])
        self.assertEqual(header(prack, "RAck"), f"7 {number} INVITE")
        self.assertEqual(header(prack, "CSeq"), f"{number + 1} PRACK")
        self.assertTrue(header(prack, "To").endswith(";tag=b1"))
        self.assertEqual(self.heard(180, 7, extra="X-Again: 1\r\n"), [], "a repetition")
        self.rig.receive(respond(prack, 200, "OK"))
        self.assertEqual(self.news.news, ["ringing"])
        (prack,) = self.heard(183, 8, body=PHONE_SDP)
        self.assertEqual(header(prack, "RAck"), f"8 {number} INVITE")
        self.assertEqual(self.news.news, ["ringing", "progressing"])

    def test_outOfOrder(self) -> None:
        """One that overtakes another waits until it comes again."""
        self.heard(180, 7)
        self.assertEqual(self.heard(183, 9, body=PHONE_SDP), [])
        self.assertEqual(self.news.news, ["ringing"])

    def test_forks(self) -> None:
        """Each of several phones is acknowledged where it is, and the INVITE's own course is not changed."""
        self.heard(180, 7, "one")
        contact = "Contact: <sip:other@192.0.2.78:5062>\r\nRecord-Route: <sip:192.0.2.99;lr>\r\n"
        self.rig.endpoint.received(
            respond(self.invite, 180, "Ringing", "two", extra=f"{contact}{DEMANDED}RSeq: 40\r\n").encode(),
            TransportAddress("192.0.2.77", 5060),
        )
        ((prack, address),) = self.rig.wire.sent
        self.rig.wire.take()
        self.assertTrue(prack.startswith("PRACK sip:other@192.0.2.78:5062"))
        self.assertEqual((header(prack, "Route"), address.host), ("<sip:192.0.2.99;lr>", "192.0.2.99"))
        self.leg.hangup(Ending(EndReason.CANCELLED))
        (cancel,) = self.rig.wire.take()
        self.assertNotIn("tag=", header(cancel, "To"))
        self.assertTrue(cancel.startswith("CANCEL sip:100@192.0.2.77 SIP/2.0"))

    def test_answerForGood(self) -> None:
        """A 200 without a body means the answer that came before; and then UPDATE was allowed before it."""
        number = iter(range(1, 9))

        def update(body: str) -> list[str]:
            cseq = next(number)
            return self.rig.receive(
                request(
                    "UPDATE",
                    to=header(self.invite, "From"),
                    from_=f"{header(self.invite, 'To')};tag=b1",
                    callId=header(self.invite, "Call-ID"),
                    cseq=cseq,
                    branch=f"u{cseq}",
                    body=body,
                )
            )

        self.rig.receive(respond(self.invite, 180, "Ringing"))
        self.assertEqual([status(m) for m in update(PHONE_SDP)], [491])
        self.heard(183, 7, body=PHONE_SDP)
        (ok,) = update(PHONE_SDP.replace("30000", "30008").replace("sendrecv", "sendonly"))
        self.assertEqual(status(ok), 200)
        self.assertEqual(self.news.news, ["ringing", "progressing"])
        (ack,) = self.rig.receive(respond(self.invite, 200, "OK"))
        self.assertTrue(ack.startswith("ACK"))
        self.assertEqual(self.news.news[-1], "answered")
        self.assertEqual(cast(FakeSide, self.leg.side).remotes[-1].address, TransportAddress("192.0.2.77", 30008))
        self.assertIs(self.news.answers[-1].direction, Direction.SENDONLY)
        update(PHONE_SDP)
        self.assertEqual([each.direction for each in self.news.updates], [Direction.SENDRECV])

    def test_afterGivingUp(self) -> None:
        """One that comes although we have given up is acknowledged still."""
        self.rig.receive(respond(self.invite, 180, "Ringing"))
        self.leg.hangup(Ending(EndReason.CANCELLED))
        self.rig.wire.take()
        self.assertEqual([m.split()[0] for m in self.heard(180, 3, "two")], ["PRACK"])

    def test_refusedExtension(self) -> None:
        """A phone that demands what we have not, or refuses what we have not demanded, cannot be called."""
        for code in (420, 421):
            self.setUp()
            self.rig.receive(respond(self.invite, code, "Extension"))
            self.assertEqual(self.news.reasons, [EndReason.FAILED])
