"""Tests for L{ichatgw.sip.transfer.refer}: REFER within a call (RFC 3515)."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast
from urllib.parse import quote

from attrs import define
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.errors import NoRoute
from ichatgw.interfaces import ILeg, IReferral
from ichatgw.model import Ending, EndReason
from ichatgw.sip.message.status import TO_STATUS
from ichatgw.sip.transfer.subscription import LIFETIME
from ichatgw.test.support.fakes import OFFER, FakeCall, FakeLeg
from ichatgw.test.support.sip.siptalks import Talk, both
from ichatgw.test.support.sip.sipwire import Rig, header, respond, status

CAROL = "Refer-To: <sip:carol@192.0.2.10:5070>\r\n"


@define(eq=False)
class DecidingCall(FakeCall):
    """
    A call that takes what it hears.

    @ivar decide: says to a referral what is to become of it.
    """

    decide: Callable[[IReferral], None] = lambda referral: referral.accepted()

    def referred(self, leg: ILeg, referral: IReferral) -> None:
        super().referred(leg, referral)
        self.decide(referral)


class ReferCase(SynchronousTestCase):
    """A phone in a call refers its peer."""

    def setUp(self) -> None:
        self.take(Talk.inbound(Rig()))

    def take(self, talk: Talk) -> None:
        self.talk = talk
        self.rig = talk.rig
        talk.leg.call = DecidingCall()

    def refer(self, extra: str = CAROL) -> str:
        """@return: the response."""
        (response,) = self.talk.send("REFER", extra=extra)
        return response

    @property
    def call(self) -> FakeCall:
        return cast(FakeCall, self.talk.leg.call)

    def notified(self, seconds: float = 0) -> list[str]:
        """The NOTIFYs that go out, all answered."""
        self.rig.clock.advance(seconds)
        found: list[str] = []
        waiting = self.rig.wire.take()
        while waiting:
            text = waiting.pop(0)
            if text.startswith("NOTIFY"):
                found.append(text)
                waiting += self.rig.receive(respond(text, 200, "OK"))
        return found


class ReferTests(ReferCase):
    """What is said and done."""

    def test_accepted(self) -> None:
        """202, and then a NOTIFY with 100, in the dialog, no matter who called whom."""
        for talk in both():
            self.take(talk)
            self.assertEqual(status(self.refer()), 202)
            (referral,) = self.call.referrals
            self.assertTrue(verifyObject(IReferral, referral))
            self.assertEqual((referral.called, referral.by), ("sip:carol@192.0.2.10:5070", ""))
            self.assertIsNone(referral.joins)
            self.assertEqual(self.rig.wire.take(), [])
            self.rig.clock.advance(0)
            (notify,) = self.rig.wire.take()
            self.assertTrue(notify.startswith("NOTIFY "))
            self.assertEqual(header(notify, "Event"), "refer")
            self.assertIn(f"\r\nSubscription-State: active;expires={LIFETIME}\r\n", notify)
            self.assertEqual(header(notify, "Content-Type"), "message/sipfrag;version=2.0")
            self.assertTrue(notify.endswith("\r\n\r\nSIP/2.0 100 Trying\r\n"))
            self.assertTrue(header(notify, "Contact"))

    def test_stranger(self) -> None:
        """Who may not call, and was called, can have no call made either; unless he has logged in."""
        for talk in both():
            self.take(talk)
            self.rig.endpoint.admit(lambda host: False)
            self.assertEqual(status(self.refer()), 403)
            self.assertEqual((self.call.referrals, self.call.news.count("ended")), ([], 0))
            self.talk.leg.login = "alice"
            self.assertEqual(status(self.refer()), 202)

    def test_progress(self) -> None:
        """Ringing and success follow; then the subscription is over."""
        self.refer()
        self.notified()
        (referral,) = self.call.referrals
        referral.rang()
        referral.succeeded()
        first, last = self.notified()
        self.assertTrue(first.endswith("SIP/2.0 180 Ringing\r\n"))
        self.assertTrue(last.endswith("SIP/2.0 200 OK\r\n"))
        self.assertEqual(header(last, "Subscription-State"), "terminated;reason=noresource")
        self.assertEqual(self.rig.endpoint._referrals._subscriptions, {})

    def test_failed(self) -> None:
        """Each reason has its status line."""
        for reason in EndReason:
            self.refer()
            self.call.referrals[-1].failed(Ending(reason))
            code, phrase = TO_STATUS[reason]
            *_, last = self.notified()
            self.assertTrue(last.endswith(f"SIP/2.0 {code} {phrase}\r\n"), reason)
            self.assertEqual(header(last, "Subscription-State"), "terminated;reason=noresource")

    def test_declined(self) -> None:
        """Without a peer it is 403, while another one is pending 491; so it is if nobody decides."""
        decisions: tuple[tuple[Callable[[IReferral], None], int], ...] = (
            (lambda referral: referral.declined(), 403),
            (lambda referral: referral.declined(busy=True), 491),
            (lambda referral: None, 403),
        )
        for decide, code in decisions:
            self.talk.leg.call = DecidingCall(decide=decide)
            self.assertEqual(status(self.refer()), code)
            self.assertEqual(self.notified(LIFETIME), [])

    def test_quiet(self) -> None:
        """Who wants no NOTIFYs gets none, and is told so (RFC 4488)."""
        for extra in ("Refer-Sub: false\r\nRequire: norefersub\r\n", "Refer-Sub: false\r\n"):
            response = self.refer(CAROL + extra)
            self.assertEqual((status(response), header(response, "Refer-Sub")), (202, "false"))
            for referral in self.call.referrals:
                referral.rang()
                referral.succeeded()
                referral.failed(Ending(EndReason.BUSY))
            self.assertEqual(self.notified(LIFETIME), [])
        response = self.refer(CAROL + "Refer-Sub: true\r\n")
        self.assertEqual((status(response), header(response, "Refer-Sub")), (202, ""))
        self.assertEqual(len(self.notified()), 1)

    def test_second(self) -> None:
        """The second REFER of a dialog is told from the first by an id (RFC 3515 section 2.4.6)."""
        self.refer()
        self.call.referrals[-1].failed(Ending(EndReason.BUSY))
        self.notified()
        self.refer()
        (notify,) = self.notified()
        self.assertEqual(header(notify, "Event"), f"refer;id={self.talk.cseq}")

    def test_referredBy(self) -> None:
        """Who refers is passed on as he says it."""
        self.refer(CAROL + 'Referred-By: "Bob" <sip:bob@sip.example;x=y>;cid="1@2"\r\n')
        self.assertEqual(self.call.referrals[0].by, "sip:bob@sip.example")

    def test_addresses(self) -> None:
        """SIP, telephone and XMPP addresses, as the rules see them when they are called."""
        for text, called in (
            ("sip:carol@example.net;user=phone", "sip:carol@example.net"),
            ("sip:carol@example.net;method=INVITE", "sip:carol@example.net"),
            ("sips:carol@example.net?Subject=x", "sips:carol@example.net"),
            ("tel:+1-201-555", "tel:+1201555"),
            ("xmpp:scott@chat.example", "xmpp:scott@chat.example"),
            ("xmpp:scott@chat.example?call", "xmpp:scott@chat.example"),
        ):
            self.assertEqual(status(self.refer(f"Refer-To: <{text}>\r\n")), 202, text)
            self.assertEqual(self.call.referrals[-1].called, called)
        self.assertEqual(status(self.refer("r: sip:carol@example.net\r\n")), 202)

    def test_refused(self) -> None:
        """None, two, rubbish, an address of no call, another method, a name that is none."""
        for extra, code in (
            ("", 400),
            (CAROL + CAROL, 400),
            ("Refer-To: <rubbish>\r\n", 400),
            ("Refer-To: <http://example.net/>\r\n", 416),
            ("Refer-To: <mailto:carol@example.net>\r\n", 416),
            ("Refer-To: <sip:carol@example.net;method=BYE>\r\n", 403),
            ("Refer-To: <sip:carol@example.net;method=SUBSCRIBE>\r\n", 403),
            ("Refer-To: <sip:carol@example.net?Replaces=rubbish>\r\n", 400),
            (CAROL + "Require: frobnicate\r\n", 420),
        ):
            self.assertEqual(status(self.refer(extra)), code, extra)
        self.assertEqual(self.call.referrals, [])
        self.assertEqual(self.notified(LIFETIME), [])

    def test_replaces(self) -> None:
        """The dialog of another is carried on; whatever else the address carries is not."""
        name = quote("x@y;to-tag=1;from-tag=2;early-only", safe="")
        self.refer(f"Refer-To: <sip:carol@example.net?Replaces={name}&Require=replaces&Route=%3Csip:evil%3E>\r\n")
        (referral,) = self.call.referrals
        self.assertEqual((referral.called, referral.joins), ("sip:carol@example.net", None))
        self.assertRaises(NoRoute, referral.dialled, FakeLeg())
        leg = self.rig.dial()
        referral.dialled(leg)
        leg.start(OFFER)
        invite = self.rig.wire.take()[-1]
        self.assertEqual(header(invite, "Replaces"), "x@y;to-tag=1;from-tag=2;early-only")

    def test_ownDialog(self) -> None:
        """A dialog of our own is that leg."""
        other = Talk.inbound(self.rig, callId="second", branch="second")
        self.refer(self.replacing(other))
        (referral,) = self.call.referrals
        self.assertIs(referral.joins, other.leg)
        referral.dialled(FakeLeg())  # it is not told of that dialog, which is gone by then

    def test_itself(self) -> None:
        """The very dialog of the REFER is no other."""
        self.refer(self.replacing(self.talk))
        self.assertIsNone(self.call.referrals[0].joins)

    def replacing(self, talk: Talk) -> str:
        ok = talk.accepted
        tags = ";".join(
            f"{name}={header(ok, which).partition(';tag=')[2]}"
            for name, which in (("to-tag", "To"), ("from-tag", "From"))
        )
        return f"Refer-To: <sip:carol@192.0.2.10?Replaces={quote(header(ok, 'Call-ID') + ';' + tags, safe='')}>\r\n"


class AfterwardsTests(ReferCase):
    """The call, or the subscription, ends before the other."""

    def test_blind(self) -> None:
        """The phone hangs up at once: it is still told what becomes of its referral (RFC 5057 section 4.1)."""
        self.refer()
        self.notified()
        self.talk.send("BYE")
        (referral,) = self.call.referrals
        referral.rang()
        self.rig.clock.advance(10)
        referral.succeeded()
        last = self.notified()[-1]
        self.assertTrue(last.endswith("SIP/2.0 200 OK\r\n"))
        self.assertEqual(header(last, "Call-ID"), header(self.talk.accepted, "Call-ID"))
        self.rig.clock.pump([1.0] * 40)
        self.assertEqual(self.rig.endpoint.transactions, 0)

    def test_hungUpByUs(self) -> None:
        """The last word goes out before our BYE."""
        self.refer()
        self.notified()
        self.call.referrals[0].succeeded()
        self.talk.leg.hangup(Ending(EndReason.HANGUP))
        methods = [text.split(" ")[0] for text in self.rig.wire.take()]
        self.assertEqual(methods, ["NOTIFY", "BYE"])

    def test_slow(self) -> None:
        """So it does for a phone that has not answered the NOTIFYs before."""
        self.refer()
        self.rig.clock.advance(0)
        self.call.referrals[0].succeeded()
        self.talk.leg.hangup(Ending(EndReason.HANGUP))
        said = [(text.split(" ")[0], text.rstrip().rpartition("SIP/2.0 ")[2]) for text in self.rig.wire.take()]
        self.assertEqual([method for method, _ in said], ["NOTIFY", "NOTIFY", "BYE"])
        self.assertEqual([status for _, status in said[:2]], ["100 Trying", "200 OK"])

    def test_notWanted(self) -> None:
        """A phone that knows of no subscription keeps its call."""
        self.refer()
        self.rig.clock.advance(0)
        (notify,) = self.rig.wire.take()
        self.rig.receive(respond(notify, 481, "Subscription Does Not Exist"))
        self.call.referrals[0].succeeded()
        self.assertEqual(self.notified(), [])
        self.assertNotIn("ended", self.call.news)

    def test_subscribed(self) -> None:
        """It can be renewed or given up by its name (RFC 3515 section 2.4.4), other events not."""
        self.refer()
        self.notified()
        for event, code in (("presence", 489), ("", 489), ("refer;id=9", 481), ("refer", 200)):
            (response,) = self.talk.send("SUBSCRIBE", extra=f"Event: {event}\r\nExpires: 30\r\n")
            self.assertEqual(status(response), code, event)
        self.assertEqual(header(response, "Expires"), "30")
        (notify,) = self.notified()
        self.assertEqual(header(notify, "Subscription-State"), "active;expires=30")
        (response,) = self.talk.send("SUBSCRIBE", extra="Event: refer\r\nExpires: 0\r\n")
        self.assertEqual((status(response), header(response, "Expires")), (200, "0"))
        (notify,) = self.notified()
        self.assertEqual(header(notify, "Subscription-State"), "terminated;reason=timeout")
        (response,) = self.talk.send("SUBSCRIBE", extra="Event: refer\r\n")
        self.assertEqual(status(response), 481)

    def test_stopped(self) -> None:
        """When the gateway stops nobody is told any more, and nothing is left."""
        self.refer()
        self.rig.endpoint.stopService()
        self.call.referrals[0].succeeded()
        self.rig.clock.pump([1.0] * 10)
        self.assertEqual([text for text in self.rig.wire.take() if text.startswith("NOTIFY")], [])
        self.assertEqual(self.rig.endpoint._referrals._subscriptions, {})

    def test_forgotten(self) -> None:
        """Nothing is kept of referrals that are over."""
        for _ in range(3):
            self.refer()
            self.call.referrals[-1].failed(Ending(EndReason.BUSY))
            self.notified()
        self.refer()
        self.talk.send("BYE")
        self.assertEqual(list(self.rig.endpoint._referrals._subscriptions), [self.talk.leg])
        self.rig.clock.pump([1.0] * (LIFETIME + 1))
        self.assertEqual(self.rig.endpoint._referrals._subscriptions, {})
