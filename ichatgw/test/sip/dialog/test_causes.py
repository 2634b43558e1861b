# -*- test-case-name: ichatgw.test.sip.dialog.test_causes -*-
"""
Why SIP calls end, as their messages say it (RFC 3326, RFC 3261 section 20.43).
"""

from __future__ import annotations

from typing import cast

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.interfaces import IInboundLeg, ILeg
from ichatgw.jingle.session.reasons import toReason
from ichatgw.model import PCMU, Codec, Ending, EndReason, SessionDescription
from ichatgw.sip.leg.leg import SipLeg
from ichatgw.sip.message.status import fromStatus
from ichatgw.test.marks import slow
from ichatgw.test.support.fakes import FakeCall
from ichatgw.test.support.legs import ANSWER
from ichatgw.test.support.sip.sipwire import PHONE_SDP, Rig, ackFor, header, request, respond, status

ENDINGS = (
    ("", EndReason.HANGUP, None),
    ('Reason: Q.850;cause=17;text="busy"\r\n', EndReason.BUSY, 17),
    ('Reason: SIP;cause=480;text="a, b"\r\nReason: Q.850;cause=41\r\n', EndReason.CONNECTIVITY, 41),
    ("Reason: x;y, Q.850;cause=41\r\n", EndReason.CONNECTIVITY, 41),
    ("Reason: Q.850;cause=0\r\n", EndReason.HANGUP, None),
    ("Reason: Q.850;cause=34\r\n", EndReason.HANGUP, 34),
    ("Reason: Q.850;cause=102\r\n", EndReason.EXPIRED, 102),
    ("Reason: nonsense\r\n", EndReason.HANGUP, None),
    ("Reason: ;;;=\r\n", EndReason.HANGUP, None),
)


class CauseTests(SynchronousTestCase):
    """Both kinds of legs."""

    def setUp(self) -> None:
        self.rig = Rig()

    def ending(self, leg: ILeg) -> Ending:
        ((_, ending),) = cast(FakeCall, leg.call).endings
        return ending

    def arrive(self, callId: str = "in-1") -> IInboundLeg:
        self.rig.invite(callId=callId)
        return self.rig.invitations.legs[-1]

    def answered(self, callId: str = "in-1") -> tuple[IInboundLeg, str]:
        """A leg that arrived and was answered, and the C{To} of its dialog."""
        leg = self.arrive(callId)
        leg.answer(ANSWER)
        ok = self.rig.wire.take()[-1]
        self.rig.receive(ackFor(ok))
        return leg, header(ok, "To")

    def call(self) -> SipLeg:
        leg = self.rig.dial()
        leg.start(SessionDescription((PCMU,)))
        self.invite = self.rig.wire.take()[-1]
        self.rig.receive(respond(self.invite, 180, "Ringing"))
        return leg

    def test_callerHangsUp(self) -> None:
        """The cause in a BYE is heard; nonsense counts as none."""
        for number, (extra, reason, cause) in enumerate(ENDINGS):
            leg, to = self.answered(f"bye-{number}")
            self.rig.receive(request("BYE", callId=f"bye-{number}", to=to, cseq=2, extra=extra))
            ending = self.ending(leg)
            self.assertEqual((ending.reason, ending.cause), (reason, cause), extra)

    def test_refused(self) -> None:
        """The cause in a final response is heard, in whichever Reason header it is, and whether it had rung."""
        for extra, reason, cause in (
            ("Reason: SIP;cause=480\r\nReason: Q.850;cause=79\r\n", EndReason.INCOMPATIBLE, 79),
            ("Reason: Q.850;cause=0\r\n", EndReason.TIMEOUT, 19),
            ("", EndReason.DECLINED, None),
        ):
            leg = self.call()
            self.rig.receive(respond(self.invite, 603, "Decline", extra=extra))
            self.assertEqual((self.ending(leg).reason, self.ending(leg).cause), (reason, cause))

    def test_handedOn(self) -> None:
        """The cause that the other party has given goes with our final response (RFC 6432); else there is none."""
        for number, (ending, reason) in enumerate(
            (
                (fromStatus(480, "x", reasons="SIP;cause=480, Q.850;cause=20"), "Q.850;cause=20"),
                (fromStatus(603, "x", reasons="Q.850;cause=34"), "Q.850;cause=34"),
                (fromStatus(486, "Busy Here"), ""),
                (Ending(EndReason.DECLINED, cause=21), "Q.850;cause=21"),
                (Ending(EndReason.ANSWERED_ELSEWHERE), ""),
            )
        ):
            self.arrive(f"handed-{number}").hangup(ending)
            response = self.rig.wire.take()[-1]
            self.assertTrue(400 <= status(response) < 700)
            self.assertEqual(header(response, "Reason"), reason)

    def test_wantsLogin(self) -> None:
        """Who reads that a call was refused for want of a login reads where the password belongs."""
        for code in (401, 407):
            leg = self.call()
            with capturedLogs() as events:
                self.rig.receive(respond(self.invite, code, "Other"))
            lines = [formatEvent(event) or "" for event in events]
            self.assertTrue(any("wants a login" in line and "SIPCredentials" in line for line in lines), lines)
            self.assertIs(self.ending(leg).reason, EndReason.FORBIDDEN)

    @slow
    def test_cancelled(self) -> None:
        """A caller who was answered elsewhere has not given up."""
        leg = self.arrive()
        extra = 'Reason: SIP ;cause=200 ;text="Call completed elsewhere"\r\n'
        self.rig.receive(request("CANCEL", branch="INVITE1", callId="in-1", extra=extra))
        self.assertIs(self.ending(leg).reason, EndReason.ANSWERED_ELSEWHERE)
        leg = self.arrive("in-2")
        self.rig.receive(request("CANCEL", branch="INVITE1", callId="in-2", extra="Reason: Q.850;cause=102\r\n"))
        self.assertEqual((self.ending(leg).reason, self.ending(leg).cause), (EndReason.CANCELLED, 102))

    def test_elsewhere(self) -> None:
        """
        However it is written that a call was completed elsewhere (RFC 3326), and whatever stands beside it, those who
        ring are told just that.
        """
        for number, extra in enumerate(
            (
                'Reason: SIP;cause=200;text="Call completed elsewhere"\r\n',
                'Reason: SIP;text="Call completed; elsewhere, cause=31";cause=200\r\n',
                "reason: sip ; Cause = 200\r\n",
                "Reason: Q.850;cause=31, SIP;cause=200\r\n",
                "Reason: SIP;cause=200\r\nReason: Q.850;cause=16\r\n",
                'Reason: Q.850;cause=26;text="Non-selected user clearing"\r\n',
                "Reason: preemption;cause=1, SIP;cause=200;x=y\r\n",
            )
        ):
            caller, callee = self.arrive(f"else-{number}"), self.call()
            cancel = request("CANCEL", branch="INVITE1", callId=f"else-{number}", extra=extra)
            self.rig.receive(cancel)
            callee.hangup(self.ending(caller))
            (told,) = (each for each in self.rig.wire.take() if each.startswith("CANCEL"))
            self.assertEqual(header(told, "Reason"), 'SIP;cause=200;text="Call completed elsewhere"', extra)
            self.assertEqual(toReason(self.ending(caller), True).condition, "cancel")

    def test_callerHungUp(self) -> None:
        """Our BYE says why."""
        leg, _ = self.answered()
        leg.hangup(Ending(EndReason.CONNECTIVITY))
        (bye,) = self.rig.wire.take()
        self.assertEqual(header(bye, "Reason"), "Q.850;cause=41")

    def test_calleeHungUp(self) -> None:
        """Our BYE and CANCEL to the callee say why, too."""
        leg = self.call()
        leg.hangup(Ending(EndReason.ANSWERED_ELSEWHERE))
        (cancel,) = self.rig.wire.take()
        self.assertEqual(header(cancel, "Reason"), 'SIP;cause=200;text="Call completed elsewhere"')
        leg = self.call()
        self.rig.receive(respond(self.invite, 200, "OK", body=PHONE_SDP))
        leg.hangup(Ending(EndReason.HANGUP, cause=16))
        (bye,) = self.rig.wire.take()
        self.assertEqual(header(bye, "Reason"), "Q.850;cause=16")

    def test_calleeHangsUp(self) -> None:
        """The callee's cause is heard as well."""
        leg = self.call()
        self.rig.receive(respond(self.invite, 200, "OK", body=PHONE_SDP))
        self.rig.receive(
            request(
                "BYE",
                callId=header(self.invite, "Call-ID"),
                from_=header(respond(self.invite, 200, "OK"), "To"),
                to=header(self.invite, "From"),
                cseq=2,
                extra="Reason: Q.850;cause=21\r\n",
            )
        )
        self.assertEqual((self.ending(leg).reason, self.ending(leg).cause), (EndReason.DECLINED, 21))

    def test_warning(self) -> None:
        """A 488 says what it is about, and one of the callee's is understood."""
        leg = self.arrive()
        leg.answer(SessionDescription((Codec("opus", 48000, 96, 2),)))
        (refusal,) = self.rig.wire.take()
        self.assertTrue(header(refusal, "Warning").startswith('304 ichat-gw "no common codec'), refusal)
        dialled = self.call()
        self.rig.receive(respond(self.invite, 488, "No", extra='Warning: 304 pbx "Media type not available"\r\n'))
        self.assertEqual((self.ending(dialled).reason, self.ending(dialled).cause), (EndReason.INCOMPATIBLE, 79))
