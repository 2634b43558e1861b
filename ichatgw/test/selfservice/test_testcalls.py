"""
Tests for L{ichatgw.selfservice.testcalls} and L{ichatgw.selfservice.testnumber}.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from ichatgw.errors import CallError, NoRoute
from ichatgw.interfaces import Arrival, IArrivals, IDialer, IInboundLeg, ILeg, IOutboundLeg
from ichatgw.model import PCMA, PCMU, Codec, Direction, Ending, EndReason, Party, SessionDescription
from ichatgw.selfservice.echomedia import EchoMedia
from ichatgw.selfservice.testcalls import (
    MAX_CALLS,
    MAX_OF_CALLER,
    MAX_SECONDS,
    OFFER,
    BackDialer,
    EchoCallee,
    EchoCaller,
    EchoDialer,
    EchoLeg,
    TestCalls,
)
from ichatgw.selfservice.testnumber import TestNumber
from ichatgw.test.support.clients.simnet import SimNet
from ichatgw.test.support.fakes import FakeCall
from ichatgw.test.support.legs import ANSWER, LegContract
from ichatgw.test.support.media.fakerelays import FakeSide

KIM = Party("xmpp:kim@x.example")
OPUS = Codec("opus", 48000, 111, 2)


@implementer(IArrivals)
class Arrivals:
    """Takes calls, and dials the user at once, or refuses."""

    def __init__(self) -> None:
        self.arrivals: list[tuple[IInboundLeg, Arrival]] = []
        self.dialer: IDialer | None = None
        self.dialled: list[str] = []
        self.refusal: Ending | None = None

    def arrived(self, leg: IInboundLeg, arrival: Arrival) -> None:
        self.arrivals.append((leg, arrival))
        leg.call, leg.side = FakeCall(), FakeSide()
        if self.refusal is not None:
            leg.hangup(self.refusal)
        elif self.dialer is not None:
            self.dialer.dial(arrival.called, arrival.party)


@implementer(IDialer)
class Users:
    """Notes who is dialled."""

    def __init__(self, dialled: list[str]) -> None:
        self._dialled = dialled

    def dial(self, called: str, caller: Party) -> IOutboundLeg:
        self._dialled.append(called)
        return EchoCallee(None, caller, "")  # type: ignore[arg-type]


class World:
    """Mixin of a test address."""

    def setUp(self) -> None:
        self.net = SimNet()
        self.arrivals = Arrivals()
        self.tests = TestCalls(
            self.net, "echo@gw.example", lambda: EchoMedia(self.net, self.net, "127.0.0.1"), self.arrivals
        )
        self.arrivals.dialer = BackDialer(self.tests, Users(self.arrivals.dialled))

    def dialled(self, caller: Party = KIM) -> EchoCallee:
        """A leg to the test address."""
        leg = EchoDialer(self.tests).dial("echo:echo@gw.example", caller)
        assert isinstance(leg, EchoCallee)
        leg.call, leg.side = FakeCall(), FakeSide()
        return leg

    def calling(self, user: str = "kim@x.example") -> EchoCaller:
        """A leg of the test address."""
        self.tests.call(user)
        leg = self.arrivals.arrivals[-1][0]
        assert isinstance(leg, EchoCaller)
        return leg

    def isEmpty(self) -> bool:
        """Is nothing left of any leg?"""
        return not self.net.ports and not self.net.getDelayedCalls() and not self.tests._live


class _Contract(World, LegContract):
    def partyHangsUp(self, leg: ILeg) -> None:
        """The party is the gateway, which hangs up when the time is over."""
        assert isinstance(leg, EchoLeg)
        leg.hangup(Ending(EndReason.HANGUP))

    def assertNothingLeft(self) -> None:
        self.assertTrue(self.isEmpty())


class CalleeContractTests(_Contract, SynchronousTestCase):
    """L{EchoCallee} keeps the promises of a leg."""

    def stages(self) -> Mapping[str, Callable[[], ILeg]]:
        return {"dialled": self.fresh, "talking": self.talking}

    def fresh(self) -> EchoCallee:
        """Of a caller of its own."""
        self._count = getattr(self, "_count", 0) + 1
        return self.dialled(Party(f"xmpp:{self._count}@x.example"))

    def talking(self) -> EchoCallee:
        leg = self.fresh()
        leg.start(ANSWER)
        return leg


class CallerContractTests(_Contract, SynchronousTestCase):
    """L{EchoCaller} keeps the promises of a leg."""

    def stages(self) -> Mapping[str, Callable[[], ILeg]]:
        return {"arrived": self.fresh, "talking": self.talking}

    def fresh(self) -> EchoCaller:
        """To a user of its own."""
        self._count = getattr(self, "_count", 0) + 1
        return self.calling(f"{self._count}@x.example")

    def talking(self) -> EchoCaller:
        leg = self.fresh()
        leg.answer(ANSWER)
        return leg


class TestCallTests(World, SynchronousTestCase):
    def news(self, leg: EchoLeg) -> FakeCall:
        """What the leg has said."""
        assert isinstance(leg.call, FakeCall)
        return leg.call

    def side(self, leg: EchoLeg) -> FakeSide:
        """Its side of the relay."""
        assert isinstance(leg.side, FakeSide)
        return leg.side

    def test_interfaces(self) -> None:
        """The dialers are dialers."""
        verifyObject(IDialer, EchoDialer(self.tests))
        verifyObject(IDialer, BackDialer(self.tests, Users([])))

    def test_called(self) -> None:
        """Who calls is answered at once, in both laws of G.711 if it has them, or in what it has."""
        for offered, spoken in (((OPUS, PCMA, PCMU), (PCMA, PCMU)), ((OPUS,), (OPUS,))):
            leg = self.dialled()
            leg.start(SessionDescription(offered))
            self.assertEqual(self.news(leg).news, ["answered"])
            self.assertEqual([answer.codecs for answer in self.news(leg).answers], [spoken])
            self.assertEqual(self.side(leg).remotes, self.news(leg).answers)

    def test_noAudio(self) -> None:
        """Who has no audio is told so, both ways."""
        keys = SessionDescription((Codec("telephone-event", 8000, 101),))
        leg, other = self.dialled(), self.calling()
        leg.start(keys)
        other.answer(keys)
        for each in (leg, other):
            self.assertEqual([ending.reason for _, ending in self.news(each).endings], [EndReason.INCOMPATIBLE])
        self.assertTrue(self.isEmpty())

    def test_noPort(self) -> None:
        """Without room for media the leg ends."""
        leg = self.dialled()
        self.side(leg).full = True
        leg.start(ANSWER)
        self.assertEqual([ending.reason for _, ending in self.news(leg).endings], [EndReason.CONGESTED])
        self.assertTrue(self.isEmpty())

    def test_calls(self) -> None:
        """A user is called by the test address, wherever their calls are forwarded, and offered what all can speak."""
        leg = self.calling()
        _, arrival = self.arrivals.arrivals[0]
        self.assertEqual(arrival.party, Party("echo:echo@gw.example", "Echo"))
        self.assertEqual(arrival.offer, OFFER)
        self.assertEqual(self.arrivals.dialled, ["xmpp:kim@x.example"])
        leg.answer(SessionDescription((PCMA,)))
        self.assertEqual(self.side(leg).remotes[0].codecs, (PCMU, PCMA))  # the relay makes one of the other

    def test_nobodyElse(self) -> None:
        """Only a user who has ordered it now is called so, whatever address a call has."""
        dialer = BackDialer(self.tests, Users(self.arrivals.dialled))
        self.calling()
        for called in ("echo-to:kim@x.example", "echo-to:lee@x.example", ""):
            self.assertRaises(NoRoute, dialer.dial, called, KIM)

    def test_refused(self) -> None:
        """If the call is not taken, who ordered it is told why, and nothing is left."""
        self.arrivals.refusal = Ending(EndReason.CONGESTED, "no media port is free")
        problem = self.assertRaises(CallError, self.tests.call, "kim@x.example")
        self.assertEqual(str(problem), "no media port is free")
        self.assertTrue(self.isEmpty())

    def test_ends(self) -> None:
        """A test call ends by itself."""
        leg = self.dialled()
        leg.start(ANSWER)
        self.net.run(MAX_SECONDS, step=0.5)
        self.assertEqual([ending.reason for _, ending in self.news(leg).endings], [EndReason.HANGUP])
        self.assertTrue(self.isEmpty())

    def test_bounded(self) -> None:
        """One caller has some test calls at a time, however they came, and all together have some."""
        self.calling()
        for _ in range(MAX_OF_CALLER - 1):
            self.dialled().start(ANSWER)
        self.assertRaises(CallError, self.tests.call, "kim@x.example")
        more = self.dialled(Party("xmpp:Kim@x.example/other"))
        more.start(ANSWER)
        self.assertEqual([ending.reason for _, ending in self.news(more).endings], [EndReason.FORBIDDEN])
        for number in range(MAX_CALLS):
            self.dialled(Party(f"sip:{number}@192.0.2.1")).start(ANSWER)
        self.assertEqual(len(self.tests._live), MAX_CALLS)
        last = self.dialled(Party("sip:last@192.0.2.1"))
        last.start(ANSWER)
        self.assertEqual([ending.reason for _, ending in self.news(last).endings], [EndReason.CONGESTED])

    def test_change(self) -> None:
        """It goes along with hold and other formats, but not with formats that are none."""
        leg = self.dialled()
        leg.start(ANSWER)
        self.news(leg).tell(leg, SessionDescription((PCMA,), direction=Direction.INACTIVE))
        self.assertEqual([answer.codecs for answer in self.news(leg).agreements], [(PCMA,)])
        self.assertEqual(self.side(leg).remotes[-1].codecs, (PCMA,))
        self.news(leg).tell(leg, evolve(ANSWER, codecs=()))
        self.assertEqual([ending.reason for ending in self.news(leg).refusals], [EndReason.INCOMPATIBLE])


class TestNumberTests(SynchronousTestCase):
    def setUp(self) -> None:
        test = self

        class Rules:
            def matches(self, address: str) -> bool:
                return address in test.rules

            def translate(self, address: str) -> str:
                if address not in test.rules:
                    raise NoRoute("no rule")
                return test.rules[address]

            def introduced(self, caller: Party, route: str) -> Party:
                return Party(f"{caller.uri}!")

        self.rules = {"sip:72@x": "xmpp:kim@x.example", "sip:*43@x": "xmpp:echo@gw.example"}
        self.routes = TestNumber(Rules(), "echo@gw.example")

    def test_address(self) -> None:
        """The address is known, however it is written, and rules may lead to it; others are as the rules have them."""
        for address in ("xmpp:echo@gw.example", "xmpp:Echo@gw.example/gw", "xmpp:echo@gw.example?call"):
            self.assertTrue(self.routes.matches(address))
            self.assertEqual(self.routes.translate(address), "echo:echo@gw.example")
        self.assertEqual(self.routes.translate("sip:*43@x"), "echo:echo@gw.example")
        self.assertEqual(self.routes.translate("sip:72@x"), "xmpp:kim@x.example")
        for address in ("xmpp:echo@other.example", "sip:echo@gw.example", "xmpp:echo2@gw.example", "xmpp:gw.example"):
            self.assertFalse(self.routes.matches(address))
            self.assertRaises(NoRoute, self.routes.translate, address)

    def test_back(self) -> None:
        """A user who is called for a test is called as they are."""
        self.assertTrue(self.routes.matches("echo-to:kim@x.example"))
        self.assertEqual(self.routes.translate("echo-to:kim@x.example"), "echo-to:kim@x.example")

    def test_introduced(self) -> None:
        """Callers are shown as ever."""
        self.assertEqual(self.routes.introduced(KIM, "sip:1@x").uri, "xmpp:kim@x.example!")
