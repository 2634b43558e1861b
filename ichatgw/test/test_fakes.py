# -*- test-case-name: ichatgw.test.test_fakes -*-
# mypy: allow-untyped-calls
"""
The fakes are what they stand for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.errors import Congested, NoRoute
from ichatgw.interfaces import (
    IArrivals,
    ICall,
    IDialer,
    IInvitationMatcher,
    ILeg,
    IMediaEngine,
    IMediaSide,
    IMessage,
    IRelay,
)
from ichatgw.model import Party
from ichatgw.test.support.fakes import (
    OFFER,
    FakeArrivals,
    FakeCall,
    FakeDialer,
    FakeLeg,
    FakeMatcher,
    FakeMessage,
    arrivalOf,
)
from ichatgw.test.support.legs import LegContract
from ichatgw.test.support.media.fakerelays import FakeMediaEngine, FakeRelay, FakeSide
from ichatgw.test.support.texts import FakePort, FakeTexts
from ichatgw.texts.interfaces import ITextPort, ITexts

CALLER = Party("sip:alice@example.net", "Alice")


class FakesTests(SynchronousTestCase):
    """L{ichatgw.test.support.fakes} and L{ichatgw.test.support.media.fakerelays}."""

    def test_interfaces(self) -> None:
        """Each fake provides its interface."""
        verifyObject(ICall, FakeCall())
        verifyObject(ILeg, FakeLeg())
        verifyObject(IMessage, FakeMessage())
        verifyObject(IMediaSide, FakeSide())
        verifyObject(IRelay, FakeRelay())
        verifyObject(IMediaEngine, FakeMediaEngine())
        verifyObject(IDialer, FakeDialer())
        verifyObject(IArrivals, FakeArrivals())
        verifyObject(IInvitationMatcher, FakeMatcher())
        verifyObject(ITexts, FakeTexts())
        verifyObject(ITextPort, FakePort())

    def test_refusals(self) -> None:
        """A fake that shall refuse raises what the real one would."""
        self.assertRaises(Congested, FakeSide(full=True).local, "192.0.2.1")
        self.assertRaises(Congested, FakeMediaEngine(full=True).allocate, "call")
        self.assertRaises(NoRoute, FakeDialer(NoRoute()).dial, "sip:bob@example.net", CALLER)

    def test_arrivals(self) -> None:
        """What arrives gets a call and a side."""
        arrivals = FakeArrivals()
        leg = FakeLeg()
        arrivals.arrived(leg, arrivalOf(leg, "sip:bob@example.net"))
        self.assertIs(leg.call, arrivals.calls[0])

    def test_relays(self) -> None:
        """The engine knows which relays are still open."""
        engine = FakeMediaEngine()
        engine.allocate("call").close()
        engine.allocate("call")
        self.assertEqual(engine.open, 1)


class FakeLegTests(LegContract, SynchronousTestCase):
    """L{FakeLeg} keeps the promises of a leg."""

    def stages(self) -> Mapping[str, Callable[[], ILeg]]:
        def started() -> ILeg:
            leg = FakeDialer().dial("sip:bob@example.net", CALLER)
            leg.start(OFFER)
            return leg

        return {"fresh": FakeLeg, "started": started, "slow": lambda: FakeLeg(slow=True)}

    def partyHangsUp(self, leg: ILeg) -> None:
        cast(FakeLeg, leg).partyHangsUp()

    def settle(self, leg: ILeg) -> None:
        if "hangup" in cast(FakeLeg, leg).orders:
            cast(FakeLeg, leg).partyHangsUp()
