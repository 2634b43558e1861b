"""Tests for L{ichatgw.sip.transfer.outofdialogrefer}: REFER outside of the dialog that it is about (RFC 4538)."""

from __future__ import annotations

from typing import cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.reading.credentials import Credentials
from ichatgw.model import TransportAddress
from ichatgw.sip.auth.digest import answer, challenges
from ichatgw.sip.auth.verifier import Verifier
from ichatgw.test.sip.transfer.test_refer import CAROL, DecidingCall
from ichatgw.test.support.fakes import FakeCall
from ichatgw.test.support.sip.siptalks import Talk
from ichatgw.test.support.sip.sipwire import PHONE, Rig, header, request, respond, status

STRANGER = TransportAddress("203.0.113.9", 5060)


class OutsideTests(SynchronousTestCase):
    """A phone has a call, and a console refers its peer: who may, and what happens."""

    def setUp(self) -> None:
        self.begin()

    def begin(self, **arguments: object) -> None:
        self.rig = Rig(**arguments)
        self.rig.endpoint.admit(lambda host: host == PHONE.host)
        self.talk = Talk.inbound(self.rig)
        self.talk.leg.call = DecidingCall()
        self.sequence = 0
        ok = self.talk.accepted
        local, remote = header(ok, "To").partition(";tag=")[2], header(ok, "From").partition(";tag=")[2]
        self.target = f"Target-Dialog: {header(ok, 'Call-ID')};local-tag={local};remote-tag={remote}\r\n"

    @property
    def call(self) -> FakeCall:
        return cast(FakeCall, self.talk.leg.call)

    def refer(self, extra: str, source: TransportAddress = PHONE, contact: str = "<sip:c@192.0.2.78:5062>") -> str:
        self.sequence += 1
        text = request(
            "REFER",
            callId=f"console-{self.sequence}",
            branch=f"console{self.sequence}",
            extra=extra,
            from_="<sip:console@sip.example>;tag=c1",
            contact=contact,
        )
        (response,) = self.rig.receive(text, source)
        return response

    def notifies(self) -> list[str]:
        return [text for text in self.rig.wire.take() if text.startswith("NOTIFY")]

    def test_taken(self) -> None:
        """It is about the call that it names; NOTIFYs go in the dialog that it begins."""
        response = self.refer(CAROL + self.target + "Require: tdialog\r\n")
        self.assertEqual(status(response), 202)
        self.assertIn(";tag=", header(response, "To"))
        self.assertIn("192.0.2.10:5070", header(response, "Contact"))
        (referral,) = self.call.referrals
        self.rig.clock.advance(0)
        (notify,) = self.notifies()
        self.assertTrue(notify.startswith("NOTIFY sip:c@192.0.2.78:5062 SIP/2.0"))
        self.assertEqual(header(notify, "Call-ID"), "console-1")
        self.assertEqual(header(notify, "From"), header(response, "To"))
        self.assertEqual(header(notify, "To"), "<sip:console@sip.example>;tag=c1")
        self.assertTrue(notify.endswith("SIP/2.0 100 Trying\r\n"))
        self.rig.receive(respond(notify, 200, "OK"))
        self.talk.send("BYE")
        referral.succeeded()
        (last,) = self.notifies()
        self.assertTrue(last.endswith("SIP/2.0 200 OK\r\n"))
        self.assertEqual(header(last, "CSeq"), "2 NOTIFY")

    def test_quiet(self) -> None:
        """Without NOTIFYs, if that is wished."""
        response = self.refer(CAROL + self.target + "Refer-Sub: false\r\n")
        self.assertEqual((status(response), header(response, "Refer-Sub")), (202, "false"))
        self.call.referrals[0].succeeded()
        self.rig.clock.advance(200)
        self.assertEqual(self.notifies(), [])

    def test_refused(self) -> None:
        """No dialog, one that is not ours, not fully named, or over; nothing to refer to; no Contact."""
        wrong = self.target.replace("local-tag=", "local-tag=x")
        for extra, code in (
            (CAROL, 403),
            (CAROL + wrong, 403),
            (CAROL + "Target-Dialog: call-1@192.0.2.77\r\n", 400),
            (self.target, 400),
            (CAROL + CAROL + self.target, 400),
            ("Refer-To: <http://example.net/>\r\n" + self.target, 416),
        ):
            self.assertEqual(status(self.refer(extra)), code, extra)
        self.assertEqual(status(self.refer(CAROL + self.target, contact="*")), 400)
        self.talk.send("BYE")
        self.assertEqual(status(self.refer(CAROL + self.target)), 403)
        self.assertEqual(self.call.referrals, [])

    def test_stranger(self) -> None:
        """Who may not call may not refer, even if he knows the name of the dialog."""
        self.assertEqual(status(self.refer(CAROL + self.target, STRANGER)), 403)
        self.assertEqual(self.call.referrals, [])

    def test_login(self) -> None:
        """If people can log in, they may do so here as well; a wrong login is asked again."""
        self.begin(verifier=Verifier("gw.example", {"console": "secret"}, Clock()))
        challenge = self.refer(CAROL + self.target, STRANGER)
        self.assertEqual(status(challenge), 401)
        (first, *_) = challenges([header(challenge, "WWW-Authenticate")])
        for password, code in (("wrong", 401), ("secret", 202)):
            login = answer(first, Credentials("console", password), "REFER", "sip:scott@192.0.2.10:5070")
            response = self.refer(CAROL + self.target + f"Authorization: {login}\r\n", STRANGER)
            self.assertEqual(status(response), code, password)
        self.assertEqual(len(self.call.referrals), 1)

    def test_unheard(self) -> None:
        """A console that says nothing is told no more."""
        self.refer(CAROL + self.target)
        self.rig.clock.pump([1.0] * 100)
        self.rig.wire.take()
        self.call.referrals[0].succeeded()
        self.assertEqual(self.notifies(), [])
        self.assertEqual(self.rig.endpoint.transactions, 0)

    def test_nowhere(self) -> None:
        """A console that cannot be reached, too."""
        self.rig.wire.unreachable.add("192.0.2.79")
        self.assertEqual(status(self.refer(CAROL + self.target, contact="<sip:c@192.0.2.79>")), 202)
        self.rig.clock.advance(0)
        self.call.referrals[0].succeeded()
        self.assertEqual(self.notifies(), [])
        self.assertEqual(self.flushLoggedErrors(), [])
