# -*- test-case-name: ichatgw.test.calls.test_transfer -*-
"""
A call whose parties may be replaced: Alice has called Bob, and there is a switchboard that finds Carol.
"""

from __future__ import annotations

from attrs import define, field
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.call import Call, Services
from ichatgw.interfaces import ICall, ILeg, IOutboundLeg, IReferral
from ichatgw.model import PCMU, Codec, Ending, EndReason, Party, SessionDescription
from ichatgw.test.support.fakes import FakeLeg, FakeReferral
from ichatgw.test.support.media.fakerelays import FakeRelay

PCMA = Codec("PCMA", 8000, 8)
BOTH = SessionDescription((PCMU, PCMA))
BUSY = Ending(EndReason.BUSY, "486 Busy Here")
BYE = Ending(EndReason.HANGUP)


@define(eq=False)
class FakeSwitchboard:
    """
    Leads to a L{FakeLeg}.

    @ivar wishes: who was to be connected, and where.
    @ivar exchanges: who was heard of.
    """

    target: FakeLeg = field(factory=lambda: FakeLeg(id="target"))
    error: Exception | None = None
    wishes: list[tuple[ILeg, IReferral]] = field(factory=list)
    exchanges: list[tuple[ILeg, ILeg]] = field(factory=list)

    def connect(self, call: ICall, peer: ILeg, referral: IReferral) -> IOutboundLeg:
        self.wishes.append((peer, referral))
        if self.error is not None:
            raise self.error
        return self.target

    def callOf(self, leg: ILeg) -> Call | None:
        return leg.call if isinstance(leg.call, Call) else None

    def presented(self, party: Party, route: str) -> Party:
        return party

    def exchanged(self, call: ICall) -> None:
        assert isinstance(call, Call)
        self.exchanges.append((call.caller, call.callee))


class TransferCase(SynchronousTestCase):
    """Alice has called Bob, and they talk."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.switchboard = FakeSwitchboard()
        self.closings: list[Call] = []
        self.relay = FakeRelay()
        self.alice, self.bob, self.carol = FakeLeg(id="alice"), FakeLeg(id="bob"), self.switchboard.target
        self.call = self.make("1", self.alice, self.bob, self.relay)
        self.call.start(BOTH)
        self.bob.partyAnswers(BOTH)

    def make(self, name: str, caller: FakeLeg, callee: FakeLeg, relay: FakeRelay) -> Call:
        return Call(name, caller, callee, relay, self.clock, self.closings.append, Services(self.switchboard))

    def refer(self, leg: FakeLeg | None = None, referral: FakeReferral | None = None) -> FakeReferral:
        referral = referral or FakeReferral()
        self.call.referred(leg or self.bob, referral)
        return referral

    def assertOver(self, *calls: Call) -> None:
        """These calls are closed, each once; nothing is left."""
        self.assertEqual(self.closings, list(calls or (self.call,)))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])
