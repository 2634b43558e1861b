# -*- test-case-name: ichatgw.test.ichat.test_flow -*-
# mypy: allow-untyped-calls
"""
The ladders between an iChat and a phone, with the real switch and call between the legs.
"""

from __future__ import annotations

from attrs import define
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.switch import Switch
from ichatgw.errors import NoRoute
from ichatgw.model import Ending, EndReason, Party, TransportAddress
from ichatgw.test.marks import slow
from ichatgw.test.support.clients.ichats import ICHAT, MINI, World, ichat
from ichatgw.test.support.fakes import FakeDialer, FakeLeg, arrivalOf
from ichatgw.test.support.legs import ANSWER
from ichatgw.test.support.media.fakerelays import FakeMediaEngine

PHONE = TransportAddress("203.0.113.5", 5060)


@define
class Plan:
    """Two rules."""

    def translate(self, address: str) -> str:
        rules = {
            "xmpp:72@gw.jabber.example": "sip:72@sip.example",
            "sip:scott@gw.example": "xmpp:scott@jabber.example",
        }
        if address not in rules:
            raise NoRoute(f"no rule matches {address}")
        return rules[address]


class FlowTests(SynchronousTestCase):
    """An iChat, the gateway, and a phone whose leg is faked."""

    def setUp(self) -> None:
        self.world = World()
        self.media = FakeMediaEngine()
        self.phones = FakeDialer()
        dialers = {"xmpp": self.world.protocol, "sip": self.phones}
        self.switch = Switch(self.world.clock, Plan(), self.media, dialers)
        self.switch.startService()
        self.world.protocol.arrivals = self.switch

    def phoneCalls(self, called: str = "sip:scott@gw.example") -> FakeLeg:
        """A phone calls."""
        leg = FakeLeg(Party("sip:bell@sip.example", "Bell"))
        self.switch.arrived(leg, arrivalOf(leg, called))
        return leg

    def assertNothingLeft(self) -> None:
        self.assertTrue(self.world.isEmpty())
        self.assertEqual(self.media.open, 0)
        self.assertEqual(list(self.switch.calls), [])

    def test_iChatCalls(self) -> None:
        """Ladder 1: request, INVITE, 200, response, the iChat's INVITE, 200; BYE from the phone ends both."""
        self.world.request()
        phone = self.phones.legs[0]
        self.assertEqual(self.phones.dialled, [("sip:72@sip.example", Party("xmpp:scott@jabber.example", "scott"))])
        phone.partyRings()
        phone.partyAnswers(ANSWER)
        self.assertEqual(self.world.words[-1], "response 0 to scott@jabber.example/iChat")
        inner = self.world.invite()
        self.assertEqual(inner.orders, ["answer"])
        self.assertIs(inner.side, self.media.relays[0].caller)
        phone.partyHangsUp()
        self.assertEqual(inner.orders, ["answer", "hangup"])
        self.assertNothingLeft()

    def test_iChatHangsUp(self) -> None:
        """BYE from the iChat ends the phone's leg."""
        self.world.request()
        self.phones.legs[0].partyAnswers(ANSWER)
        self.world.invite().partyHangsUp()
        self.assertEqual(self.phones.legs[0].orders, ["start", "hangup"])
        self.assertNothingLeft()

    def test_phoneRefuses(self) -> None:
        """Ladder 2: whatever the phone's network says, the iChat is refused; so it is when there is no rule or port."""
        self.world.request()
        self.phones.legs[0].partyHangsUp(Ending(EndReason.NOT_FOUND))
        self.assertEqual(self.world.words[-1], "response 1 to scott@jabber.example/iChat")
        self.media.full = True
        self.world.request()
        self.assertEqual(self.world.words[-1], "response 1 to scott@jabber.example/iChat")
        self.assertEqual(len(self.phones.legs), 1)
        self.assertNothingLeft()

    @slow
    def test_iChatGivesUp(self) -> None:
        """Ladder 3: the iChat's cancel hangs up the phone, before and after the answer."""
        self.world.request()
        self.world.cancel()
        self.world.request()
        self.phones.legs[1].partyAnswers(ANSWER)
        self.world.cancel()
        for phone in self.phones.legs:
            self.assertEqual([ending.reason for ending in phone.hangups], [EndReason.CANCELLED])
        self.assertNothingLeft()

    def test_phoneCalls(self) -> None:
        """Ladder 4: INVITE, request, 180, response, our INVITE, 200, 200."""
        self.world.presence.known = [ichat(), ichat(MINI)]
        phone = self.phoneCalls()
        self.assertEqual(phone.orders, ["ring", "ring"])
        self.world.accept(MINI)
        inner = self.world.dialer.legs[0]
        self.assertIs(inner.side, self.media.relays[0].callee)
        inner.partyAnswers(ANSWER)
        self.assertEqual(phone.orders[-1], "answer")
        inner.partyHangsUp()
        self.assertEqual(phone.orders[-1], "hangup")
        self.assertNothingLeft()

    def test_phoneIsRefused(self) -> None:
        """Ladders 5 and 6: no rule, no iChat, an iChat that declines or does not answer: the phone is told which."""
        phones = [self.phoneCalls("sip:nobody@gw.example"), self.phoneCalls(), self.phoneCalls()]
        self.world.error("item-not-found", kind="other")
        self.world.protocol.failed(ICHAT.userhostJID(), "item-not-found", 404)
        self.world.presence.known = [ichat()]
        phones.append(self.phoneCalls())
        self.world.decline()
        phones.append(self.phoneCalls())
        self.world.clock.advance(180)
        self.assertEqual(
            [[ending.reason for ending in phone.hangups] for phone in phones],
            [
                [EndReason.NOT_FOUND],
                [EndReason.NOT_FOUND],
                [EndReason.NOT_FOUND],
                [EndReason.DECLINED],
                [EndReason.TIMEOUT],
            ],
        )
        self.assertNothingLeft()

    def test_phoneGivesUp(self) -> None:
        """Ladder 7: the phone's CANCEL makes the iChat stop ringing."""
        self.world.presence.known = [ichat()]
        self.phoneCalls().partyHangsUp(Ending(EndReason.CANCELLED))
        self.assertEqual(self.world.words[-1], "cancel to scott@jabber.example/iChat")
        self.assertNothingLeft()

    def test_stop(self) -> None:
        """When the switch stops, calls in every state end on both sides."""
        self.world.request()
        self.world.presence.known = [ichat()]
        self.phoneCalls()
        self.successResultOf(self.switch.stopService())
        self.assertIn("response 1 to scott@jabber.example/iChat", self.world.words)
        self.assertIn("cancel to scott@jabber.example/iChat", self.world.words)
        self.assertNothingLeft()
