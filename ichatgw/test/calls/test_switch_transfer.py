"""Tests for the part of L{ichatgw.calls.switch} that leads calls elsewhere."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.limits import Limits
from ichatgw.calls.parties import GOODBYE_GRACE
from ichatgw.calls.switch import Phase, Switch
from ichatgw.errors import CallError, NoRoute
from ichatgw.interfaces import ILeg
from ichatgw.model import Codec, Ending, EndReason, Party, SessionDescription
from ichatgw.test.calls.test_switch import ByAddress
from ichatgw.test.support.fakes import OFFER, FakeDialer, FakeLeg, FakeReferral, arrivalOf
from ichatgw.test.support.media.fakerelays import FakeMediaEngine

ALICE = Party("sip:alice@example.net", "Alice")
BOB, CAROL = "sip:bob@gw.example", "sip:carol@gw.example"


class SwitchTransferCase(SynchronousTestCase):
    """Alice has called Bob over SIP; XMPP can be reached as well."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.sip, self.xmpp = FakeDialer(), FakeDialer()
        self.media = FakeMediaEngine()
        self.limits = Limits(self.clock, perCaller=1)
        self.switch = Switch(
            self.clock,
            ByAddress(
                {
                    BOB: "sip:bob@192.0.2.1",
                    CAROL: "sip:carol@192.0.2.1",
                    "sip:scott@gw.example": "xmpp:scott@chat.example",
                    "sip:odd@gw.example": "h323:odd",
                    "xmpp:scott@chat.example": "sip:7@gw.example",
                }
            ),
            self.media,
            {"sip": self.sip, "xmpp": self.xmpp},
            maxCalls=1,
            limits=self.limits,
        )
        self.switch.startService()
        self.alice = FakeLeg(ALICE, id="alice")
        self.switch.arrived(self.alice, arrivalOf(self.alice, BOB, OFFER))
        self.bob = self.sip.legs[0]
        self.bob.partyAnswers(OFFER)
        (self.call,) = self.switch.calls

    def refer(self, leg: FakeLeg, called: str, refusal: CallError | None = None) -> FakeReferral:
        referral = FakeReferral(called=called, by="sip:bob@192.0.2.1", refusal=refusal)
        self.call.referred(leg, referral)
        return referral


class ConnectTests(SwitchTransferCase):
    """A transfer leads where a call would."""

    def test_translated(self) -> None:
        """The address goes through the rules; who is connected calls, and it is known who has brought that about."""
        with capturedLogs() as events:
            self.refer(self.bob, CAROL)
        called, caller = self.sip.dialled[-1]
        self.assertEqual(called, "sip:carol@192.0.2.1")
        self.assertEqual((caller.uri, caller.name, caller.referredBy), (ALICE.uri, "Alice", "sip:bob@192.0.2.1"))
        self.assertIn(
            "call=1 leads on to 'sip:carol@gw.example' as 'sip:carol@192.0.2.1' leg=" + self.sip.legs[-1].id,
            [formatEvent(event) for event in events],
        )

    def test_otherProtocol(self) -> None:
        """It may be an XMPP user; MaxCalls counts calls, and this is the same one."""
        referral = self.refer(self.bob, "sip:scott@gw.example")
        self.xmpp.legs[0].partyAnswers(OFFER)
        self.assertEqual(referral.news, ["accepted", "succeeded"])
        self.assertEqual(list(self.switch.calls), [self.call])
        self.clock.advance(GOODBYE_GRACE)
        self.alice.partyHangsUp()
        self.assertEqual((list(self.switch.calls), self.media.open), ([], 0))
        self.assertEqual((self.limits._callers, self.limits._counts), ({}, {}))

    def test_userOfXMPP(self) -> None:
        """A user of XMPP who is connected over SIP has the address that the rules give."""
        self.alice.partyHangsUp()
        scott = FakeLeg(Party("xmpp:scott@chat.example", "scott"))
        self.switch.arrived(scott, arrivalOf(scott, BOB, OFFER))
        self.sip.legs[-1].partyAnswers(OFFER)
        (self.call,) = self.switch.calls
        self.refer(self.sip.legs[-1], CAROL)
        self.assertEqual(self.sip.dialled[-1][1].uri, "sip:7@gw.example")

    def test_noRule(self) -> None:
        """What no rule matches, or nobody dials, is not dialled."""
        for called in ("sip:stranger@elsewhere.example", "sip:carol@192.0.2.1", "sip:odd@gw.example", ""):
            referral = self.refer(self.bob, called)
            self.assertEqual(referral.endings[0].reason, EndReason.NOT_FOUND, called)
        self.assertEqual(len(self.sip.dialled), 1)

    def test_dialled(self) -> None:
        """The referral hears of the leg, and may find that it cannot do what else is wished: then it never starts."""
        referral = self.refer(self.bob, CAROL)
        self.assertEqual(referral.legs, [self.sip.legs[-1]])
        self.sip.legs[-1].partyHangsUp()
        referral = self.refer(self.bob, "sip:scott@gw.example", NoRoute("there is no such dialog"))
        self.assertEqual(referral.endings[0].reason, EndReason.NOT_FOUND)
        self.assertEqual(self.xmpp.legs[0].orders, [])

    def test_limits(self) -> None:
        """Who is connected must be free to call; the call counts as one of its present caller."""
        self.switch.maxCalls = 0
        self.switch.arrived(leg := FakeLeg(Party("sip:bob@192.0.2.1")), arrivalOf(leg, CAROL))
        referral = self.refer(self.alice, CAROL)
        self.assertEqual(referral.endings[0].reason, EndReason.FORBIDDEN)
        self.limits.perCaller = 2
        self.refer(self.alice, CAROL)
        self.sip.legs[-1].partyAnswers(OFFER)
        self.assertEqual(self.limits._callers["1"], "sip:carol@192.0.2.1")

    def test_stopping(self) -> None:
        """When the gateway stops nobody is connected any more."""
        self.switch.phase = Phase.STOPPING
        self.assertEqual(self.refer(self.bob, CAROL).endings[0].reason, EndReason.SHUTDOWN)


class ReplaceTests(SwitchTransferCase):
    """A leg arrives for the place of another."""

    def take(self, old: ILeg | None, offer: SessionDescription = OFFER) -> FakeLeg:
        leg = FakeLeg(Party("sip:dave@example.net"), id="dave")

        def place(isParty: Callable[[ILeg], bool]) -> ILeg | None:
            if old is not None and isParty(old):
                return old
            leg.hangup(Ending(EndReason.NOT_FOUND, "no such dialog"))
            return None

        self.switch.arrived(leg, arrivalOf(leg, "sip:whatever@gw.example", offer, place=place))
        return leg

    def test_taken(self) -> None:
        """It gets the place; no rule is asked, as nobody is dialled; a full gateway does not mind."""
        with capturedLogs() as events:
            leg = self.take(self.bob)
        self.assertEqual((leg.orders, self.call.callee), (["answer"], leg))
        self.assertEqual(list(self.switch.calls), [self.call])
        self.assertIn(
            f"call=1 leg=dave of 'sip:dave@example.net' replaces leg={self.bob.id}",
            [formatEvent(event) for event in events],
        )

    def test_callersPlace(self) -> None:
        """The call is the newcomer's from then on."""
        self.take(self.alice)
        self.assertEqual(self.limits._counts, {"sip:dave@example.net": 1})
        self.bob.partyHangsUp()
        self.assertEqual(self.limits._counts, {})

    def test_none(self) -> None:
        """If there is no such leg it has ended itself, and is no call."""
        leg = self.take(None)
        self.assertEqual([ending.text for ending in leg.hangups], ["no such dialog"])
        self.assertEqual(list(self.switch.calls), [self.call])

    def test_noParty(self) -> None:
        """A leg that is no party of a call cannot be replaced."""
        self.assertEqual([ending.text for ending in self.take(FakeLeg()).hangups], ["no such dialog"])
        self.refer(self.bob, CAROL)
        leg = self.take(self.sip.legs[-1])
        self.assertEqual([ending.text for ending in leg.hangups], ["no such dialog"])

    def test_formats(self) -> None:
        """Without a common format the call stays as it was."""
        leg = self.take(self.bob, SessionDescription((Codec("opus", 48000, 96, 2),)))
        self.assertEqual(leg.hangups[0].reason, EndReason.INCOMPATIBLE)
        self.assertEqual((self.call.callee, self.bob.hangups), (self.bob, []))

    def test_limits(self) -> None:
        """A party with as many calls as allowed gets no place."""
        self.switch.maxCalls = 0
        self.switch.arrived(leg := FakeLeg(Party("sip:dave@example.net")), arrivalOf(leg, CAROL))
        self.assertEqual(self.take(self.bob).hangups[0].reason, EndReason.FORBIDDEN)
