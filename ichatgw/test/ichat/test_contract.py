# -*- test-case-name: ichatgw.test.ichat.test_contract -*-
# mypy: allow-untyped-calls
"""
iChat's legs, in and out, keep the promises of a leg.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.ichat.inbound import InboundLeg
from ichatgw.ichat.outbound import OutboundLeg
from ichatgw.interfaces import ILeg
from ichatgw.model import Ending, EndReason
from ichatgw.test.support.clients.ichats import MINI, SCOTT, World, ichat
from ichatgw.test.support.fakes import FakeLeg
from ichatgw.test.support.legs import ANSWER, LegContract
from ichatgw.xmpp.presence.presence import Resource


class IChatLegContract(LegContract):
    """
    What both ways share: each leg has a world of its own.

    @ivar world: that of the leg that was made last.
    @ivar worlds: for each leg its world, and its inner legs.
    """

    world: World

    def setUp(self) -> None:
        self.worlds: dict[ILeg, tuple[World, list[FakeLeg]]] = {}

    def remember(self, leg: ILeg, inners: list[FakeLeg]) -> None:
        """This leg is of the last world; these are its inner legs, or will be."""
        self.worlds[leg] = (self.world, inners)

    def settle(self, leg: ILeg) -> None:
        for inner in self.worlds[leg][1]:
            if "hangup" in inner.orders:
                inner.partyHangsUp()

    def assertNothingLeft(self) -> None:
        self.assertTrue(self.world.isEmpty())


class InboundContractTests(IChatLegContract, SynchronousTestCase):
    """L{InboundLeg} keeps the promises of a leg."""

    def stages(self) -> Mapping[str, Callable[[], ILeg]]:
        return {"waiting": self.waiting, "accepted": self.accepted, "talking": self.talking, "ending": self.ending}

    def waiting(self) -> InboundLeg:
        self.world = World(slow=True)
        self.world.request()
        self.remember(self.world.arrived, [])
        return self.world.arrived

    def accepted(self) -> InboundLeg:
        leg = self.waiting()
        leg.answer(ANSWER)
        return leg

    def talking(self) -> InboundLeg:
        leg = self.accepted()
        self.worlds[leg][1].append(self.world.invite())
        return leg

    def ending(self) -> InboundLeg:
        leg = self.talking()
        leg.hangup(Ending(EndReason.HANGUP))
        return leg

    def partyHangsUp(self, leg: ILeg) -> None:
        world, inners = self.worlds[leg]
        world.cancel()
        for inner in inners:
            inner.partyHangsUp()


class OutboundContractTests(IChatLegContract, SynchronousTestCase):
    """L{OutboundLeg} keeps the promises of a leg."""

    def stages(self) -> Mapping[str, Callable[[], ILeg]]:
        return {
            "proceeding": self.proceeding,
            "ringing": self.ringing,
            "inviting": self.inviting,
            "talking": self.talking,
            "ending": self.ending,
        }

    def dial(self, *iChats: Resource) -> OutboundLeg:
        self.world = World(slow=True)
        leg = self.world.dial(*iChats)
        self.remember(leg, self.world.dialer.legs)
        return leg

    def proceeding(self) -> OutboundLeg:
        return self.dial()

    def ringing(self) -> OutboundLeg:
        return self.dial(ichat(), ichat(MINI))

    def inviting(self) -> OutboundLeg:
        leg = self.ringing()
        self.world.accept()
        return leg

    def talking(self) -> OutboundLeg:
        leg = self.inviting()
        self.world.dialer.legs[0].partyAnswers()
        return leg

    def ending(self) -> OutboundLeg:
        leg = self.talking()
        leg.hangup(Ending(EndReason.HANGUP))
        return leg

    def partyHangsUp(self, leg: ILeg) -> None:
        world, inners = self.worlds[leg]
        world.decline()
        world.goesOffline(SCOTT)
        for inner in inners:
            inner.partyHangsUp()
