"""Tests for L{ichatgw.calls.switch}."""

from __future__ import annotations

from attrs import evolve
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.calls.call import CLOSING_TIMEOUT
from ichatgw.calls.switch import RETRY_AFTER, Switch
from ichatgw.errors import CallError, Congested, NoRoute, Refused
from ichatgw.interfaces import IArrivals, ICall
from ichatgw.model import ANONYMOUS, Ending, EndReason, Party
from ichatgw.test.support.fakes import OFFER, FakeDialer, FakeLeg, arrivalOf
from ichatgw.test.support.media.fakerelays import FakeMediaEngine

CALLER = Party("sip:alice@example.net", "Alice")


class FakePlan:
    """Sends everything one way."""

    def __init__(self) -> None:
        self.output = "xmpp:scott@chat.example"
        self.error: Exception | None = None

    def translate(self, address: str) -> str:
        if self.error is not None:
            raise self.error
        return self.output


class ByAddress:
    """Sends each address its own way."""

    def __init__(self, rules: dict[str, str]) -> None:
        self.rules = rules

    def translate(self, address: str) -> str:
        try:
            return self.rules[address]
        except KeyError:
            raise NoRoute("no rule") from None


class BrokenDialer(FakeDialer):
    """Fails in a way that nobody foresaw."""

    def dial(self, called: str, caller: Party) -> FakeLeg:
        raise ZeroDivisionError


class SwitchCase(SynchronousTestCase):
    """A switch among fakes."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.plan = FakePlan()
        self.media = FakeMediaEngine()
        self.dialer = FakeDialer()
        self.switch = self.make()

    def make(self, maxCalls: int = 0) -> Switch:
        switch = Switch(self.clock, self.plan, self.media, {"xmpp": self.dialer}, maxCalls)
        switch.startService()
        return switch

    def arrive(self, slow: bool = False, called: str = "sip:scott@gw.example") -> FakeLeg:
        leg = FakeLeg(CALLER, slow=slow)
        self.switch.arrived(leg, arrivalOf(leg, called, OFFER))
        return leg

    def assertRefused(self, leg: FakeLeg, reason: EndReason, retryAfter: int | None = None) -> None:
        """The leg was hung up once, and nothing is left."""
        self.assertEqual(leg.orders, ["hangup"])
        self.assertEqual((leg.hangups[0].reason, leg.hangups[0].retryAfter), (reason, retryAfter))
        self.assertEqual(self.media.open, 0)
        self.assertEqual(tuple(self.switch.calls), ())
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ArrivalTests(SwitchCase):
    """An arriving leg becomes a call."""

    def test_interface(self) -> None:
        """Adapters bring calls here."""
        verifyObject(IArrivals, self.switch)

    def test_call(self) -> None:
        """The route is dialled for the caller, both legs are joined, and the callee's leg starts with the offer."""
        leg = self.arrive()
        self.assertEqual(self.dialer.dialled, [("xmpp:scott@chat.example", CALLER)])
        (call,) = self.switch.calls
        (callee,) = self.dialer.legs
        self.assertIs(leg.call, call)
        self.assertIs(callee.call, call)
        self.assertIs(leg.side, self.media.relays[0].caller)
        self.assertIs(callee.side, self.media.relays[0].callee)
        self.assertEqual((callee.orders, callee.offers), (["start"], [OFFER]))

    def test_resident(self) -> None:
        """An address that no rule knows, and at which a user is registered, is that user; a rule comes first."""
        self.switch.resident = lambda called: "anna@chat.example"
        self.arrive()
        self.plan.error = NoRoute("no rule")
        self.arrive()
        self.assertEqual(
            [route for route, _ in self.dialer.dialled], ["xmpp:scott@chat.example", "xmpp:anna@chat.example"]
        )

    def test_over(self) -> None:
        """A call that is over is forgotten, its ports are free, others stay."""
        first, second = self.arrive(), self.arrive()
        self.dialer.legs[0].partyHangsUp(Ending(EndReason.BUSY))
        self.assertEqual([call.caller for call in self.switch.calls], [second])
        self.assertEqual(self.media.open, 1)
        self.assertEqual(first.hangups, [Ending(EndReason.BUSY)])

    def test_overAtOnce(self) -> None:
        """A callee's leg that ends inside C{start} leaves nothing."""

        class EndsAtOnce(FakeLeg):
            def start(self, offer: object) -> None:
                self.partyHangsUp(Ending(EndReason.UNAVAILABLE))

        class Dialer(FakeDialer):
            def dial(self, called: str, caller: Party) -> FakeLeg:
                return EndsAtOnce(Party(called))

        self.dialer = Dialer()
        self.switch = self.make()
        self.assertRefused(self.arrive(), EndReason.UNAVAILABLE)

    def test_names(self) -> None:
        """Each call has a name of its own."""
        for _ in range(3):
            self.arrive()
        self.assertEqual(len({call.id for call in self.switch.calls}), 3)

    def test_log(self) -> None:
        """One line joins the call's name with both legs' and the addresses; what a far end wrote stays on it."""
        with capturedLogs() as events:
            leg = self.arrive(called="sip:a\r\nforged@gw" + "x" * 3000)
        line = formatEvent(events[0])
        for part in (f"call={leg.call.id} ", f"leg={leg.id} ", f"leg={self.dialer.legs[0].id}", CALLER.uri):
            self.assertIn(part, line)
        self.assertTrue(line.isprintable() and len(line) < 600, line)


class PresentedTests(SwitchCase):
    """Whom the called party sees."""

    def presented(self, caller: Party, output: str, called: str) -> Party:
        """
        @param output: where the call goes.
        """
        plan = ByAddress({called: output, "xmpp:scott@chat.example": "sip:4711@sip.example"})
        switch = Switch(self.clock, plan, self.media, {"sip": self.dialer, "xmpp": self.dialer})
        switch.startService()
        switch.arrived(leg := FakeLeg(caller), arrivalOf(leg, called))
        return self.dialer.dialled[-1][1]

    def test_translated(self) -> None:
        """SIP sees an XMPP caller under the address at which SIP can call them, if the rules give one."""
        caller = Party("xmpp:scott@chat.example", "Scott")
        self.assertEqual(
            self.presented(caller, "sip:1001@sip.example", "xmpp:1001@gw"), Party("sip:4711@sip.example", "Scott")
        )
        unknown = Party("xmpp:other@chat.example", "Other")
        self.assertEqual(self.presented(unknown, "sip:1001@sip.example", "xmpp:1001@gw"), unknown)

    def test_private(self) -> None:
        """XMPP is not told who a caller is who wants to stay unknown; SIP has its own words for that."""
        caller = Party("sip:1001@sip.example", "Bob", private=True)
        self.assertEqual(
            self.presented(caller, "xmpp:scott@chat.example", "sip:scott@gw"), evolve(ANONYMOUS, private=True)
        )
        self.assertEqual(self.presented(caller, "sip:2@sip.example", "sip:2@gw"), caller)


class RefusalTests(SwitchCase):
    """Calls that cannot be."""

    def test_notPermitted(self) -> None:
        """A caller who may not call where the address leads is refused, and nobody is dialled."""
        asked: list[tuple[str, str]] = []

        def directed(caller: Party, called: str, route: str) -> str:
            asked.append((called, route))
            raise Refused("no")

        self.switch.directed = directed
        self.assertRefused(self.arrive(called="sip:72@gw"), EndReason.FORBIDDEN)
        self.assertEqual((asked, self.dialer.legs), ([("sip:72@gw", self.plan.output)], []))

    def test_noRoute(self) -> None:
        """An address without a rule is not found, and costs no port."""
        self.plan.error = NoRoute("no rule for it")
        self.assertRefused(self.arrive(), EndReason.NOT_FOUND)
        self.assertEqual(self.media.relays, [])

    def test_noDialer(self) -> None:
        """A route of a kind that nobody dials, or of none, is not found."""
        for route in ("h323:bob@example.net", "bob", "", "XMPP:bob@example.net"):
            self.plan.output = route
            self.assertRefused(self.arrive(), EndReason.NOT_FOUND)
        self.assertEqual(self.media.relays, [])

    def test_congested(self) -> None:
        """Without a media port the caller is told when to try again."""
        self.media.full = True
        self.assertRefused(self.arrive(), EndReason.CONGESTED, RETRY_AFTER)
        self.assertEqual(self.dialer.dialled, [])

    def test_perCaller(self) -> None:
        """A caller with as many calls as allowed is refused in one line, 403, until one of them ends."""
        self.switch.limits.perCaller = 1
        first = self.arrive()
        with capturedLogs() as events:
            refused = self.arrive()
        self.assertEqual([ending.reason for ending in refused.hangups], [EndReason.FORBIDDEN])
        self.assertEqual(len(events), 1)
        self.assertIn("refused: forbidden 'this caller has 1 calls", str(formatEvent(events[0])))
        first.hangup(Ending(EndReason.HANGUP))
        self.assertEqual(self.arrive().hangups, [])

    def test_perSecond(self) -> None:
        """Calls beyond those that may begin in a second are refused in one line, 503, and may be tried again."""
        self.switch.limits.perSecond = 1
        self.arrive()
        with capturedLogs() as events:
            refused = self.arrive()
        self.assertEqual(
            [(ending.reason, ending.retryAfter) for ending in refused.hangups], [(EndReason.CONGESTED, RETRY_AFTER)]
        )
        self.assertEqual(len(events), 1)

    def test_nonsense(self) -> None:
        """Calls that lead nowhere take nothing of those that may begin in a second."""
        self.switch.limits.perSecond = 1
        self.plan.error = NoRoute("no rule")
        for _ in range(100):
            self.assertEqual([ending.reason for ending in self.arrive().hangups], [EndReason.NOT_FOUND])
        self.plan.error = None
        self.assertEqual(self.arrive().hangups, [])

    def test_refusedIsNotCounted(self) -> None:
        """A call that is refused does not count among those of its caller."""
        self.switch.limits.perCaller = 1
        self.plan.error = NoRoute("no rule")
        self.arrive()
        self.plan.error = None
        self.assertEqual(self.arrive().hangups, [])

    def test_overload(self) -> None:
        """While there is too much to do new calls are refused, 503, and those that are up go on."""
        busy = False
        self.switch.shed(lambda: busy)
        first = self.arrive()
        busy = True
        self.assertEqual(
            [(ending.reason, ending.retryAfter) for ending in self.arrive().hangups],
            [(EndReason.CONGESTED, RETRY_AFTER)],
        )
        self.assertEqual(first.hangups, [])
        busy = False
        self.assertEqual(self.arrive().hangups, [])

    def test_isFull(self) -> None:
        """It is known before whether there is room: calls, media ports, memory, those of a second; all else is free."""
        bell = Party("sip:bell@192.0.2.1")

        def isFull() -> bool:
            return self.switch.isFull(lambda: bell, "192.0.2.1")

        self.switch = self.make(maxCalls=1)
        self.assertFalse(isFull())
        first = self.arrive()
        self.assertTrue(isFull())
        first.partyHangsUp()
        self.assertFalse(isFull())
        self.media.full = True
        self.assertTrue(isFull())
        self.switch.alwaysRelay = False
        self.assertFalse(isFull())  # media may pass elsewhere
        self.switch.limits.hasRoom = lambda: False
        self.assertTrue(isFull())
        self.switch.limits.hasRoom = lambda: True
        self.switch.limits.perSecond = 1
        self.switch.limits.spend(bell, "192.0.2.1")
        self.assertTrue(isFull())
        self.switch.limits.perSecond = 0
        self.switch.stopService()
        self.assertTrue(isFull())

    def test_drain(self) -> None:
        """New calls are refused and those that are up go on; it is known when the last one is over, and when again."""
        first = self.arrive()
        drained = self.switch.drain()
        self.assertEqual(first.hangups, [])
        late = self.arrive()
        self.assertEqual([(each.reason, each.retryAfter) for each in late.hangups], [(EndReason.SHUTDOWN, RETRY_AFTER)])
        self.assertIn("draining", self.switch.trouble)
        self.assertNoResult(drained)
        first.partyHangsUp()
        self.successResultOf(drained)
        self.successResultOf(self.switch.drain())

    def test_drainCutShort(self) -> None:
        """A switch that stops while it drains ends the calls, and both are over with the last."""
        first = self.arrive()
        drained = self.switch.drain()
        stopped = self.switch.stopService()
        self.assertEqual([each.reason for each in first.hangups], [EndReason.SHUTDOWN])
        self.successResultOf(drained)
        self.successResultOf(stopped)
        self.successResultOf(self.switch.drain())
        self.assertIn("stopping", self.switch.trouble)

    def test_maxCalls(self) -> None:
        """More calls than allowed are refused the same way; when one is over there is room again."""
        self.switch = self.make(maxCalls=2)
        first = self.arrive()
        self.arrive()
        third = self.arrive()
        self.assertEqual(
            third.hangups, [Ending(EndReason.CONGESTED, "2 calls are up, MaxCalls allows no more", RETRY_AFTER)]
        )
        self.assertEqual(len(self.media.relays), 2)
        first.partyHangsUp()
        self.assertEqual(self.arrive().hangups, [])

    def test_dialerRefuses(self) -> None:
        """A dialer that refuses says why, and the ports that were taken are given back once."""
        for error, reason, retryAfter in (
            (NoRoute("nobody"), EndReason.NOT_FOUND, None),
            (Refused("not you"), EndReason.FORBIDDEN, None),
            (Congested("later"), EndReason.CONGESTED, RETRY_AFTER),
            (CallError("no"), EndReason.FAILED, None),
        ):
            self.dialer.error = error
            leg = self.arrive()
            self.assertRefused(leg, reason, retryAfter)
            self.assertEqual(leg.hangups[0].text, str(error))
        self.assertEqual([relay.closed for relay in self.media.relays], [1] * 4)

    def test_unforeseen(self) -> None:
        """An exception of ours is logged and refuses this call only; nothing of it reaches the caller."""
        self.plan.error = KeyError("secret")
        leg = self.arrive()
        self.assertRefused(leg, EndReason.FAILED)
        self.assertNotIn("secret", leg.hangups[0].text)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.plan.error = None
        self.assertEqual(self.arrive().hangups, [])

    def test_unforeseenInTheDialer(self) -> None:
        """The same when it is the dialer, with the ports given back."""
        self.dialer = BrokenDialer()
        self.switch = self.make()
        self.assertRefused(self.arrive(), EndReason.FAILED)
        self.assertEqual([relay.closed for relay in self.media.relays], [1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_slowRefusal(self) -> None:
        """A refused leg may take its time, and reports to something that takes all news."""
        self.plan.error = NoRoute("no rule")
        leg = self.arrive(slow=True)
        verifyObject(ICall, leg.call)
        leg.call.ringing(leg)
        leg.call.progressing(leg, OFFER)
        leg.call.answered(leg, OFFER)
        leg.partyHangsUp()
        self.assertEqual(leg.orders, ["hangup"])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_log(self) -> None:
        """A refusal is one info line with the call, the addresses and the reason, whatever the caller wrote."""
        self.plan.error = NoRoute("no rule for 'x\r\nforged'" + "y" * 3000)
        with capturedLogs() as events:
            leg = self.arrive(called="sip:\r\n@gw")
        (event,) = events
        line = formatEvent(event)
        self.assertIs(event["log_level"], LogLevel.info)
        for part in (f"call={leg.call.id}", f"leg={leg.id}", "not_found", CALLER.uri):
            self.assertIn(part, line)
        self.assertTrue(line.isprintable() and len(line) < 600, line)


class StopTests(SwitchCase):
    """An orderly stop."""

    def test_idle(self) -> None:
        """Without calls it is done at once."""
        self.successResultOf(self.switch.stopService())
        self.assertFalse(self.switch.running)

    def test_calls(self) -> None:
        """Both parties of every call are told, and it is done when the last leg is gone."""
        callers = [self.arrive(slow=True), self.arrive(slow=True)]
        stopped = self.switch.stopService()
        for leg in [*callers, *self.dialer.legs]:
            self.assertEqual([ending.reason for ending in leg.hangups], [EndReason.SHUTDOWN])
        self.assertNoResult(stopped)
        callers[0].partyHangsUp()
        self.assertNoResult(stopped)
        callers[1].partyHangsUp()
        self.successResultOf(stopped)
        self.assertEqual(self.media.open, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_silentLeg(self) -> None:
        """A leg that never ends is written off; the stop does not wait for ever."""
        self.arrive(slow=True)
        stopped = self.switch.stopService()
        self.clock.advance(CLOSING_TIMEOUT)
        self.successResultOf(stopped)
        self.assertEqual(self.media.open, 0)

    def test_newCalls(self) -> None:
        """From then on calls are refused, with the hint to try again; the stop does not wait for them."""
        live = self.arrive(slow=True)
        stopped = self.switch.stopService()
        late = self.arrive(slow=True)
        self.assertEqual([(e.reason, e.retryAfter) for e in late.hangups], [(EndReason.SHUTDOWN, RETRY_AFTER)])
        live.partyHangsUp()
        self.successResultOf(stopped)

    def test_again(self) -> None:
        """Started anew it takes calls."""
        self.switch.stopService()
        self.switch.startService()
        self.assertEqual(self.arrive().hangups, [])
        self.assertEqual(len(tuple(self.switch.calls)), 1)

    def test_twice(self) -> None:
        """The stop of the service fires when it is done."""
        leg = self.arrive(slow=True)
        first, second = self.switch.stopService(), self.switch.stopService()
        leg.partyHangsUp()
        self.successResultOf(first)
        self.successResultOf(second)
