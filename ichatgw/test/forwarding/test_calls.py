# -*- test-case-name: ichatgw.test.forwarding.test_calls -*-
"""
Forwarded calls with a switch: what else can become of them, and who is told of it.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.switch import Switch
from ichatgw.interfaces import ILeg
from ichatgw.model import SENT_ON, Ending, EndReason, Party
from ichatgw.observe.callreports import Reports
from ichatgw.observe.events import CallRouted, LegStarted
from ichatgw.test.calls.test_switch import ByAddress
from ichatgw.test.forwarding.test_dialer import ANNA, BELL, BUSY, SCOTT, World
from ichatgw.test.support.events import Scene
from ichatgw.test.support.fakes import OFFER, FakeLeg, FakeReferral, arrivalOf
from ichatgw.test.support.media.fakerelays import FakeMediaEngine


class SwitchTests(SynchronousTestCase):
    """Bell calls Scott, whose calls lead to a phone when he is busy."""

    def setUp(self) -> None:
        self.world = World()
        self.world.choose(SCOTT, busy="72")
        self.media = FakeMediaEngine()
        plan = ByAddress({"sip:scott@gw": f"xmpp:{SCOTT}", "sip:anna@gw": f"xmpp:{ANNA}"})
        self.switch = Switch(self.world.clock, plan, self.media, self.world.dialers, limits=self.world.limits)
        self.switch.startService()
        self.scene = Scene()
        self.scene.watch()
        self.switch.reports = Reports(self.scene.events)
        self.world.dialer.reports = lambda: self.switch.reports

    def call(self, called: str = "sip:scott@gw") -> FakeLeg:
        """One more call of Bell."""
        caller = FakeLeg(BELL)
        self.switch.arrived(caller, arrivalOf(caller, called, OFFER))
        return caller

    def forwarded(self) -> tuple[FakeLeg, FakeLeg]:
        """A call that the phone has answered: Bell's leg and that of the phone."""
        caller = self.call()
        self.world.users.legs[-1].partyHangsUp(BUSY)
        phone = self.world.phones.legs[-1]
        phone.partyAnswers(OFFER)
        return caller, phone

    def assertNothingLeft(self) -> None:
        """All calls are over."""
        self.assertEqual((self.switch.live, self.media.open, self.world.isEmpty), (0, 0, True))

    def test_talks(self) -> None:
        """Either party can end it, and nothing is left."""
        for ends in (0, 1):
            legs = self.forwarded()
            self.assertEqual(legs[0].orders, ["hand", "answer"])
            self.assertEqual([message.value for message in legs[0].messages], [SENT_ON])
            legs[ends].partyHangsUp(Ending(EndReason.HANGUP))
            self.assertTrue(legs[1 - ends].over)
            self.assertNothingLeft()

    def test_replaced(self) -> None:
        """The place of the phone, by its own dialog, can be had (RFC 3891), as in a call that was not forwarded."""
        caller, phone = self.forwarded()
        dave = FakeLeg(Party("sip:dave@example.net"))

        def place(isParty: Callable[[ILeg], bool]) -> ILeg | None:
            return phone if isParty(phone) else None

        self.switch.arrived(dave, arrivalOf(dave, "sip:x@gw", OFFER, place=place))
        self.assertEqual((dave.orders, phone.over, caller.over), (["answer"], True, False))
        caller.partyHangsUp(Ending(EndReason.HANGUP))
        self.assertTrue(dave.over)

    def test_joined(self) -> None:
        """The phone can connect its peer to who talks to it in another forwarded call (RFC 5589)."""
        caller, phone = self.forwarded()
        other, again = self.forwarded()
        referral = FakeReferral(joins=again)
        phone.call.referred(phone, referral)
        self.assertEqual(referral.news, ["accepted", "succeeded"])
        for leg in (phone, again):
            leg.partyHangsUp(Ending(EndReason.HANGUP))
        self.assertEqual((caller.over, other.over), (False, False))
        caller.partyHangsUp(Ending(EndReason.HANGUP))
        self.assertTrue(other.over)
        self.assertNothingLeft()

    def test_transferredToAUser(self) -> None:
        """A transfer to a user whose calls lead on leads on."""
        caller, phone = self.forwarded()
        self.world.choose(ANNA, always="73")
        referral = FakeReferral(called="sip:anna@gw")
        phone.call.referred(phone, referral)
        self.world.phones.legs[-1].partyAnswers(OFFER)
        self.assertEqual(self.world.phones.dialled[-1][0], "sip:73@pbx.example")
        self.assertEqual(referral.news[-1], "succeeded")
        caller.partyHangsUp(Ending(EndReason.HANGUP))

    def test_stopped(self) -> None:
        """A gateway that stops ends forwarded calls like others."""
        _, phone = self.forwarded()
        self.call()
        self.successResultOf(self.switch.stopService())
        self.assertTrue(phone.over)
        self.assertNothingLeft()

    def test_reported(self) -> None:
        """Who watches calls hears where the call leads now, which is the route in its record."""
        self.forwarded()
        routes = [event for event in self.scene.seen if isinstance(event, CallRouted)]
        self.assertEqual([event.route for event in routes], [f"xmpp:{SCOTT}", "sip:72@pbx.example"])
        self.assertEqual(len({event.leg for event in routes}), 1)
        last = [event for event in self.scene.seen if isinstance(event, LegStarted)][-1]
        self.assertEqual((last.role, last.party, last.leg), ("callee", "sip:72@pbx.example", routes[0].leg))

    def test_reportedChain(self) -> None:
        """So it is when users lead to users: it stays one leg of the call."""
        self.world.choose(SCOTT, always=ANNA)
        self.world.choose(ANNA, always="73")
        self.call()
        routes = [event for event in self.scene.seen if isinstance(event, CallRouted)]
        self.assertEqual([event.route for event in routes][-2:], [f"xmpp:{ANNA}", "sip:73@pbx.example"])
        self.assertEqual(len({event.leg for event in routes}), 1)
        (call,) = self.switch.calls
        call.strand("xmpp", Ending(EndReason.NO_LINK))
        self.assertEqual(self.world.phones.legs[-1].hangups, [], "it leads to no user any more")
