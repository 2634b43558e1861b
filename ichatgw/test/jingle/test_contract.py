# -*- test-case-name: ichatgw.test.jingle.test_contract -*-
"""
The legs of Jingle clients keep the promises of all legs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.interfaces import ILeg
from ichatgw.jingle.inbound import InboundLeg
from ichatgw.jingle.outbound import OutboundLeg
from ichatgw.model import Ending, EndReason
from ichatgw.test.support.clients.jingles import BELL_JID, MESSAGES, PHONE, SESSIONS, World
from ichatgw.test.support.legs import ANSWER, LegContract

HANGUP = Ending(EndReason.HANGUP)


class _JingleContract(LegContract):
    """A world of its own for each leg."""

    def setUp(self) -> None:
        self.worlds: dict[str, World] = {}
        self.legs: dict[str, ILeg] = {}

    def settle(self, leg: ILeg) -> None:
        self.worlds[leg.id].clock.advance(0.1)

    def assertNothingLeft(self) -> None:
        for id, world in self.worlds.items():
            if "ended" in self._news(self.legs[id]).news:
                self.assertTrue(world.isEmpty())

    def test_notOverByItself(self) -> None:
        """A leg that nobody hangs up has not said C{ended}."""
        for stage, make in self.stages().items():
            if stage != "over":
                self.assertNotIn("ended", self._news(make()).news, stage)


class InboundContractTests(_JingleContract, SynchronousTestCase):
    """L{InboundLeg} in all its states."""

    def stages(self) -> Mapping[str, Callable[[], ILeg]]:
        return {
            "proposed": self.proposed,
            "ringing": self.ringing,
            "proceeding": self.proceeding,
            "offered": self.offered,
            "talking": self.talking,
            "talking, offered": self.talkingOffered,
            "over": self.over,
        }

    def remember(self, world: World) -> InboundLeg:
        leg = world.arrived
        self.worlds[leg.id], self.legs[leg.id] = world, leg
        return leg

    def proposed(self) -> InboundLeg:
        world = World()
        world.propose()
        return self.remember(world)

    def ringing(self) -> InboundLeg:
        leg = self.proposed()
        leg.ring()
        return leg

    def proceeding(self) -> InboundLeg:
        leg = self.ringing()
        leg.answer(ANSWER)
        return leg

    def offered(self) -> InboundLeg:
        world = World()
        world.initiate()
        return self.remember(world)

    def talking(self) -> InboundLeg:
        leg = self.proceeding()
        self.worlds[leg.id].initiate()
        return leg

    def talkingOffered(self) -> InboundLeg:
        leg = self.offered()
        leg.answer(ANSWER)
        return leg

    def over(self) -> InboundLeg:
        leg = self.talking()
        leg.hangup(HANGUP)
        return leg

    def partyHangsUp(self, leg: ILeg) -> None:
        world = self.worlds[leg.id]
        world.message("retract")
        world.jingle("session-terminate", "<reason><success/></reason>")


class OutboundContractTests(_JingleContract, SynchronousTestCase):
    """L{OutboundLeg} in all its states."""

    def stages(self) -> Mapping[str, Callable[[], ILeg]]:
        return {
            "proposing": self.proposing,
            "initiating": self.initiating,
            "unknown": self.unknown,
            "joining": self.joining,
            "talking": self.talking,
            "talking, initiated": self.talkingInitiated,
            "over": self.over,
        }

    def remember(self, world: World, leg: OutboundLeg) -> OutboundLeg:
        self.worlds[leg.id], self.legs[leg.id] = world, leg
        return leg

    def proposing(self) -> OutboundLeg:
        world = World()
        return self.remember(world, world.dial(phone=MESSAGES, laptop=MESSAGES))

    def initiating(self) -> OutboundLeg:
        world = World()
        return self.remember(world, world.dial(phone=SESSIONS))

    def unknown(self) -> OutboundLeg:
        world = World()
        return self.remember(world, world.dial())

    def joining(self) -> OutboundLeg:
        leg = self.proposing()
        self.worlds[leg.id].message("proceed", sid=leg.sid, to=BELL_JID)
        return leg

    def talking(self) -> OutboundLeg:
        leg = self.joining()
        self.worlds[leg.id].accept(PHONE, leg.sid)
        return leg

    def talkingInitiated(self) -> OutboundLeg:
        leg = self.initiating()
        self.worlds[leg.id].accept(PHONE, self.sidOf(leg))
        return leg

    def over(self) -> OutboundLeg:
        leg = self.talking()
        leg.hangup(HANGUP)
        return leg

    def sidOf(self, leg: ILeg) -> str:
        """The name of the last session that was offered."""
        return str(self.worlds[leg.id].last("session-initiate")["sid"])

    def partyHangsUp(self, leg: ILeg) -> None:
        assert isinstance(leg, OutboundLeg)
        world = self.worlds[leg.id]
        world.message("reject", sid=leg.sid, to=BELL_JID)
        for stanza in list(world.stanzas):
            jingle = stanza.jingle if stanza.name == "iq" else None
            if jingle is not None and jingle["action"] == "session-initiate":
                world.jingle("session-terminate", "<reason><busy/></reason>", jingle["sid"], to=BELL_JID)
