# -*- test-case-name: ichatgw.test.sip.transaction.test_forks -*-
"""
One INVITE and several phones; and an INVITE that is cancelled, at every moment.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import Ending, EndReason, TransportAddress
from ichatgw.sip.dialog.states import CANCELLED
from ichatgw.test.support.fakes import OFFER
from ichatgw.test.support.sip.siptalks import news
from ichatgw.test.support.sip.sipwire import PHONE, PHONE_SDP, Rig, header, request, respond, status

OTHER = "Contact: <sip:other@192.0.2.78:5062>\r\n"
GAVE_UP = Ending(EndReason.CANCELLED)


class ForkTests(SynchronousTestCase):
    """More than one phone speaks."""

    def setUp(self) -> None:
        self.rig = Rig()
        self.leg = self.rig.dial()
        self.leg.start(OFFER)
        (self.invite,) = self.rig.wire.take()

    def answer(self, tag: str, extra: str = "", body: str = PHONE_SDP) -> list[str]:
        return self.rig.receive(respond(self.invite, 200, "OK", tag=tag, body=body, extra=extra))

    def test_second(self) -> None:
        """A phone that answers second is acknowledged where it is, and ended; the call with the first one goes on."""
        self.answer("one")
        self.rig.endpoint.received(respond(self.invite, 200, "OK", "two", PHONE_SDP, OTHER).encode(), PHONE)
        sent = list(self.rig.wire.sent)
        self.rig.wire.take()
        self.assertEqual([m.split()[0] for m, _ in sent], ["ACK", "BYE"])
        for message, address in sent:
            self.assertEqual(address, TransportAddress("192.0.2.78", 5062))
            self.assertIn(" sip:other@192.0.2.78:5062 SIP/2.0\r\n", message)
            self.assertTrue(header(message, "To").endswith(";tag=two"))
            self.assertEqual(header(message, "Call-ID"), header(self.invite, "Call-ID"))
        number = int(header(self.invite, "CSeq").split()[0])
        self.assertEqual(header(sent[0][0], "CSeq"), f"{number} ACK")
        self.assertEqual(header(sent[1][0], "CSeq"), f"{number + 1} BYE")
        self.rig.receive(respond(sent[1][0], 200, "OK"))
        self.leg.hangup(Ending(EndReason.HANGUP))
        (bye,) = self.rig.wire.take()
        self.assertTrue(header(bye, "To").endswith(";tag=one"))

    def test_secondAgain(self) -> None:
        """Its 200 again brings the ACK again, and no second BYE."""
        self.answer("one")
        self.answer("two", OTHER)
        self.assertEqual([m.split()[0] for m in self.answer("two", OTHER)], ["ACK"])

    def test_sameAgain(self) -> None:
        """The first 200 again brings its ACK again, also if a server on the way has changed a header in it."""
        (ack,) = self.answer("one")
        for extra in ("", "Server: other\r\n", "Record-Route: <sip:192.0.2.99;lr>\r\n", OTHER):
            self.assertEqual(self.answer("one", extra), [ack])
        self.assertEqual(self.rig.receive(respond(self.invite, 180, "Ringing", "one")), [])

    def test_untagged(self) -> None:
        """A phone of RFC 2543 that has no tag is talked to without one."""
        ok = respond(self.invite, 200, "OK", body=PHONE_SDP).replace(";tag=b1", "")
        (ack,) = self.rig.receive(ok)
        self.assertEqual(header(ack, "To"), header(self.invite, "To"))
        self.assertEqual(news(self.leg).news, ["answered"])
        bye = request(
            "BYE", from_=header(self.invite, "To"), to=header(self.invite, "From"), callId=header(ok, "Call-ID")
        )
        self.assertEqual([status(each) for each in self.rig.receive(bye)], [200])
        self.assertEqual(news(self.leg).news, ["answered", "ended"])

    def test_third(self) -> None:
        """So is every other one, even after the call; but not for ever."""
        self.answer("one")
        self.answer("two")
        self.leg.hangup(Ending(EndReason.HANGUP))
        self.rig.receive(respond(self.rig.wire.take()[-1], 200, "OK"))
        self.rig.clock.pump([1] * 20)
        self.rig.wire.take()
        self.assertEqual([m.split()[0] for m in self.answer("three")], ["ACK", "BYE"])
        self.rig.clock.pump([1] * 80)
        self.rig.wire.take()
        self.assertEqual(self.answer("four"), [])

    def test_routes(self) -> None:
        """Its ACK and BYE take its own route."""
        self.answer("one", "Record-Route: <sip:192.0.2.98;lr>\r\n")
        self.rig.endpoint.received(
            respond(self.invite, 200, "OK", "two", PHONE_SDP, f"Record-Route: <sip:192.0.2.99;lr>\r\n{OTHER}").encode(),
            PHONE,
        )
        for message, address in self.rig.wire.sent:
            self.assertEqual(address, TransportAddress("192.0.2.99", 5060))
            self.assertEqual(header(message, "Route"), "<sip:192.0.2.99;lr>")

    def test_others(self) -> None:
        """Stray responses that are none of this change nothing."""
        self.answer("one")
        for code in (180, 486):
            self.assertEqual(self.rig.receive(respond(self.invite, code, "Hm", tag="two")), [])
        self.assertEqual(self.rig.receive(respond(self.invite.replace("branch=", "branch=x"), 200, "OK", "two")), [])

    def test_early(self) -> None:
        """Early media of each fork is taken as it comes; an answer without a body means what that fork has said."""
        second = PHONE_SDP.replace("30000", "30004")
        self.rig.receive(respond(self.invite, 183, "Session Progress", tag="one", body=PHONE_SDP))
        self.rig.receive(respond(self.invite, 183, "Session Progress", tag="two", body=second))
        ports = [each.address.port for each in self.leg.side.remotes if each.address]  # type: ignore[attr-defined]
        self.assertEqual(ports, [30000, 30004])
        self.answer("one", body="")
        self.assertEqual(self.leg.side.remotes[-1].address.port, 30000)  # type: ignore[attr-defined]
        self.assertEqual(self.leg.call.news, ["progressing", "progressing", "answered"])  # type: ignore[attr-defined]


class CancelTests(SynchronousTestCase):
    """A caller who gives up."""

    def setUp(self) -> None:
        self.rig = Rig()
        self.leg = self.rig.dial()
        self.leg.start(OFFER)
        (self.invite,) = self.rig.wire.take()

    def assertNothingLeft(self) -> None:
        self.rig.clock.pump([1] * 70)
        self.rig.wire.take()
        self.assertEqual(self.rig.endpoint.transactions, 0)
        self.assertEqual(self.rig.endpoint._transactions.req_consumers, {})

    def test_beforeAnything(self) -> None:
        """Before any response CANCEL waits for one, and still says why."""
        self.leg.hangup(Ending(EndReason.ANSWERED_ELSEWHERE))
        self.assertEqual(self.rig.wire.take(), [])
        (cancel,) = self.rig.receive(respond(self.invite, 100, "Trying"))
        self.assertTrue(cancel.startswith("CANCEL"))
        self.assertIn("Call completed elsewhere", header(cancel, "Reason"))
        self.rig.receive(respond(cancel, 200, "OK"))
        self.rig.receive(respond(self.invite, 487, "Request Terminated"))
        self.assertNothingLeft()

    def test_neverAnything(self) -> None:
        """If none ever comes, all is forgotten."""
        self.leg.hangup(GAVE_UP)
        self.assertNothingLeft()

    def test_ringing(self) -> None:
        """While it rings CANCEL goes out at once, and once."""
        self.rig.receive(respond(self.invite, 180, "Ringing"))
        self.leg.hangup(GAVE_UP)
        (cancel,) = self.rig.wire.take()
        self.assertTrue(cancel.startswith("CANCEL"))
        self.rig.receive(respond(cancel, 200, "OK"))
        self.assertEqual(self.rig.receive(respond(self.invite, 180, "Ringing", tag="b2")), [])
        (ack,) = self.rig.receive(respond(self.invite, 487, "Request Terminated"))
        self.assertTrue(ack.startswith("ACK"))
        self.assertNothingLeft()

    def test_answeredAtOnce(self) -> None:
        """A 200 that crosses CANCEL, or comes before it could be sent, is acknowledged and ended."""
        for code in (100, 180, None):
            self.setUp()
            if code:
                self.rig.receive(respond(self.invite, code, "Hm"))
            self.leg.hangup(GAVE_UP)
            self.rig.wire.take()
            sent = self.rig.receive(respond(self.invite, 200, "OK", body=PHONE_SDP))
            self.assertEqual([m.split()[0] for m in sent], ["ACK", "BYE"])
            self.assertEqual(self.leg.call.news[-1], "ended")  # type: ignore[attr-defined]
            self.rig.receive(respond(next(m for m in sent if m.startswith("BYE")), 200, "OK"))
            self.assertNothingLeft()

    def test_neverEnds(self) -> None:
        """A phone that rings on and never ends the INVITE is left alone after a while."""
        self.rig.receive(respond(self.invite, 180, "Ringing"))
        self.leg.hangup(GAVE_UP)
        (cancel,) = self.rig.wire.take()
        self.rig.receive(respond(cancel, 200, "OK"))
        self.rig.clock.advance(CANCELLED)
        self.assertEqual(self.rig.endpoint.transactions, 0)
        self.assertNothingLeft()

    def test_refusedAtOnce(self) -> None:
        """A refusal that crosses it is the end."""
        self.rig.receive(respond(self.invite, 180, "Ringing"))
        self.leg.hangup(GAVE_UP)
        self.rig.wire.take()
        self.rig.receive(respond(self.invite, 486, "Busy Here"))
        self.assertEqual([status(m) for m in self.rig.wire.take() if status(m)], [])
        self.assertNothingLeft()

    def test_afterTheAnswer(self) -> None:
        """After the answer it is BYE."""
        self.rig.receive(respond(self.invite, 200, "OK", body=PHONE_SDP))
        self.leg.hangup(GAVE_UP)
        (bye,) = self.rig.wire.take()
        self.assertTrue(bye.startswith("BYE"))
        self.rig.receive(respond(bye, 200, "OK"))
        self.assertNothingLeft()
