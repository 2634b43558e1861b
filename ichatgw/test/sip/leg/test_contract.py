# -*- test-case-name: ichatgw.test.sip.leg.test_contract -*-
"""
SIP legs, in and out, keep the promises of a leg.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.interfaces import IInboundLeg, ILeg, IOutboundLeg
from ichatgw.model import Ending, EndReason
from ichatgw.test.support.fakes import OFFER, tell
from ichatgw.test.support.legs import ANSWER, HELD, LegContract
from ichatgw.test.support.sip.siptalks import news
from ichatgw.test.support.sip.sipwire import PHONE_SDP, Rig, byeAfter, header, request, respond


class SipLegContract(LegContract):
    """What both ways share: nothing is left in the endpoint once its transactions have had their time."""

    def setUp(self) -> None:
        self.rig = Rig()
        self.numbers = iter(range(1, 10000))

    def settle(self, leg: ILeg) -> None:
        """The phone answers what it was sent, then time passes."""
        for _ in range(3):
            for message in self.rig.wire.take():
                if message.startswith(("BYE", "CANCEL")):
                    self.rig.receive(respond(message, 200, "OK"))
        self.rig.clock.pump([0.5] * 120 + [64] * 6)
        self.rig.wire.take()

    def assertNothingLeft(self) -> None:
        """No leg, no transaction, no dialog."""
        self.assertEqual(self.rig.endpoint.legs, frozenset())
        self.assertEqual(self.rig.endpoint.transactions, 0)
        self.assertEqual(self.rig.endpoint._transactions.req_consumers, {})


class InboundContractTests(SipLegContract, SynchronousTestCase):
    """The contract, for a leg that arrived."""

    def stages(self) -> Mapping[str, Callable[[], ILeg]]:
        """New, rung, answered; its phone is asked to change, or asks itself, and has no answer yet."""
        return {
            "new": self.new,
            "ringing": self.ringing,
            "answered": self.answered,
            "asking": self.asking,
            "asked": self.asked,
        }

    def new(self) -> IInboundLeg:
        self.callId = f"in-{next(self.numbers)}"
        self.rig.invite(callId=self.callId)
        leg = self.rig.invitations.legs[-1]
        self.toTags = getattr(self, "toTags", {})
        self.toTags[leg] = self.callId
        return leg

    def ringing(self) -> IInboundLeg:
        leg = self.new()
        leg.ring()
        return leg

    def answered(self) -> IInboundLeg:
        leg = self.new()
        leg.answer(ANSWER)
        response = self.rig.wire.take()[-1]
        self.rig.receive(request("ACK", callId=self.toTags[leg], to=header(response, "To"), branch="ack2xx", body=None))
        self.dialogs = getattr(self, "dialogs", {})
        self.dialogs[leg] = header(response, "To")
        return leg

    def asking(self) -> ILeg:
        leg = self.answered()
        tell(leg, HELD)
        return leg

    def asked(self) -> ILeg:
        leg = self.answered()
        again = {"callId": self.toTags[leg], "to": self.dialogs[leg], "cseq": 5, "branch": f"again{self.toTags[leg]}"}
        self.rig.receive(request("INVITE", body=PHONE_SDP.replace(" 0 8 101", " 8"), **again))
        return leg

    def partyHangsUp(self, leg: ILeg) -> None:
        """CANCEL before the answer, BYE after it."""
        callId = self.toTags[leg]
        answered = getattr(self, "dialogs", {}).get(leg)
        if answered:
            self.rig.receive(request("BYE", callId=callId, to=answered, cseq=9))
        else:
            self.rig.receive(request("CANCEL", callId=callId, branch="INVITE1"))


class OutboundContractTests(SipLegContract, SynchronousTestCase):
    """The contract, for a leg that was dialled."""

    def stages(self) -> Mapping[str, Callable[[], ILeg]]:
        """New, called, rung, answered; its phone is asked to change, and has not answered yet."""
        return {
            "new": self.new,
            "calling": self.calling,
            "ringing": self.ringing,
            "answered": self.answered,
            "asking": self.asking,
        }

    def new(self) -> IOutboundLeg:
        return self.rig.dial()

    def calling(self) -> ILeg:
        leg = self.new()
        leg.start(OFFER)
        self.invites = getattr(self, "invites", {})
        self.invites[leg] = self.rig.wire.take()[-1]
        return leg

    def ringing(self) -> ILeg:
        leg = self.calling()
        self.rig.receive(respond(self.invites[leg], 180, "Ringing"))
        return leg

    def answered(self) -> ILeg:
        leg = self.ringing()
        self.rig.receive(respond(self.invites[leg], 200, "OK", body=PHONE_SDP))
        return leg

    def asking(self) -> ILeg:
        leg = self.answered()
        tell(leg, HELD)
        return leg

    def partyHangsUp(self, leg: ILeg) -> None:
        """An error response before the answer, BYE after it; a leg that was never started has no party."""
        invite = getattr(self, "invites", {}).get(leg)
        if invite is None:
            leg.hangup(Ending(EndReason.CANCELLED))
        elif "answered" in news(leg).news:
            self.rig.receive(byeAfter(invite))
        else:
            self.rig.receive(respond(invite, 486, "Busy Here"))
