# -*- test-case-name: ichatgw.test.calls.test_limits -*-
"""
How many calls there may be.
"""

from __future__ import annotations

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.limits import Limits, callerKey, sourceOfCalls
from ichatgw.errors import Congested, Refused
from ichatgw.model import Party
from ichatgw.test.marks import slow

SCOTT = Party("xmpp:scott@jabber.example/iChat")
BELL = Party("sip:bell@192.0.2.1")


class LimitsTests(SynchronousTestCase):
    """L{Limits}."""

    def setUp(self) -> None:
        self.clock = Clock()

    def test_none(self) -> None:
        """By default there is no limit, and nothing is remembered of calls that are over."""
        limits = Limits(self.clock)
        for number in range(1000):
            limits.begin(str(number), SCOTT)
        for number in range(1000):
            limits.end(str(number))
        self.assertEqual((limits._callers, limits._counts), ({}, {}))

    def test_admit(self) -> None:
        """A call that goes elsewhere needs room among the caller's other calls."""
        limits = Limits(self.clock, perCaller=2)
        limits.begin("1", SCOTT)
        limits.begin("2", SCOTT)
        limits.admit("1", SCOTT)
        refusal = self.assertRaises(Refused, limits.admit, "3", SCOTT)
        self.assertEqual(str(refusal), "this caller has 2 other calls, CallsPerCaller allows no more")
        limits.admit("1", BELL)

    def test_move(self) -> None:
        """A call whose caller is another one now counts as theirs; one that never began does not count."""
        limits = Limits(self.clock, perCaller=1)
        limits.begin("1", SCOTT)
        limits.move("1", BELL)
        limits.move("2", BELL)
        self.assertRaises(Refused, limits.begin, "2", BELL)
        limits.begin("3", SCOTT)
        limits.end("1")
        limits.end("3")
        self.assertEqual((limits._callers, limits._counts), ({}, {}))

    def test_perCaller(self) -> None:
        """A caller with all calls that are allowed gets no other until one ends; others are not hindered."""
        limits = Limits(self.clock, perCaller=2)
        limits.begin("1", SCOTT)
        limits.begin("2", Party("xmpp:Scott@jabber.example/other"))
        refusal = self.assertRaises(Refused, limits.begin, "3", SCOTT)
        self.assertEqual(str(refusal), "this caller has 2 calls, CallsPerCaller allows no more")
        limits.begin("4", BELL)
        limits.end("3")
        self.assertRaises(Refused, limits.begin, "5", SCOTT)
        limits.end("1")
        limits.begin("6", SCOTT)

    def test_endsOnce(self) -> None:
        """A call is not counted down twice."""
        limits = Limits(self.clock, perCaller=1)
        limits.begin("1", SCOTT)
        limits.end("1")
        limits.begin("2", SCOTT)
        limits.end("1")
        self.assertRaises(Refused, limits.begin, "3", SCOTT)

    def spent(self, limits: Limits, count: int, caller: Party = SCOTT, source: str = "jabber.example") -> int:
        """Somebody begins so many calls: how many may he?"""
        done = 0
        for _ in range(count):
            try:
                limits.spend(caller, source)
            except Congested:
                continue
            done += 1
        return done

    def test_perSecond(self) -> None:
        """So many may begin in a second, no matter who calls; after some time there is room again."""
        limits = Limits(self.clock, perSecond=3)
        for number in range(3):
            limits.spend(Party(f"sip:{number}@192.0.2.1"), f"192.0.2.{number}")
        refusal = self.assertRaises(Congested, limits.spend, BELL, "192.0.2.9")
        self.assertEqual(str(refusal), "more than 3 calls in a second, CallsPerSecond allows no more")
        self.clock.advance(0.4)
        limits.spend(Party("sip:4@192.0.2.1"), "192.0.2.4")
        self.assertRaises(Congested, limits.spend, Party("sip:5@192.0.2.1"), "192.0.2.5")

    @slow
    def test_oneForAll(self) -> None:
        """A caller that begins as many as it can leaves room for others, and has what they do not want."""
        limits = Limits(self.clock, perSecond=20)
        first = self.spent(limits, 1000)
        self.assertEqual(first, 15)
        refusal = self.assertRaises(Congested, limits.spend, SCOTT, "jabber.example")
        self.assertIn("CallsPerSecond leaves the rest to others", str(refusal))
        self.assertEqual(self.spent(limits, 5, BELL, "192.0.2.1"), 5)
        served = others = 0
        for step in range(1000):
            self.clock.advance(0.01)
            served += self.spent(limits, 50)
            if step % 20 == 0:
                others += self.spent(limits, 1, BELL, "192.0.2.1")
        self.assertGreaterEqual(others, 49)
        self.assertGreaterEqual(served, 10 * 20 - others - 12)

    def test_names(self) -> None:
        """Under many names from one source it has no more."""
        limits = Limits(self.clock, perSecond=20)
        self.assertLessEqual(sum(self.spent(limits, 1, Party(f"sip:{each}@x"), "192.0.2.1") for each in range(99)), 20)
        served = 0
        for step in range(1000):
            self.clock.advance(0.01)
            for name in range(9):
                self.spent(limits, 1, Party(f"sip:{step}-{name}@x"), "192.0.2.1")
            if step % 50 == 49:
                served += self.spent(limits, 1, BELL, "192.0.2.2")
        self.assertEqual(served, 20)

    def test_source(self) -> None:
        """A caller cannot choose its source: not by what it says in From, nor by the name of an account."""
        self.assertEqual(sourceOfCalls(evolve(BELL, origin="2001:db8:1:2::")), "2001:db8:1:2::")
        self.assertEqual(sourceOfCalls(SCOTT), "jabber.example")

    def test_isSpent(self) -> None:
        """Whether a call may begin can be asked without beginning one; who calls is asked only if it matters."""
        limits = Limits(self.clock, perSecond=8)
        asked: list[Party] = []

        def isSpent(caller: Party, source: str) -> bool:
            return limits.isSpent(lambda: asked.append(caller) or caller, source)  # type: ignore[func-returns-value]

        for number in range(200):
            caller, source = ((SCOTT, "a"), (BELL, "b"))[number % 7 == 0]
            before = isSpent(caller, source)
            try:
                limits.spend(caller, source)
            except Congested:
                self.assertTrue(before)
            else:
                self.assertFalse(before)
            self.clock.advance(0.03)
        self.assertLess(len(asked), 200)
        self.assertFalse(Limits(self.clock).isSpent(lambda: SCOTT, "a"))

    def test_refusedIsNotCounted(self) -> None:
        """A call that is refused for its caller does not count as one of the caller's."""
        limits = Limits(self.clock, perCaller=1)
        limits.begin("1", SCOTT)
        for number in range(9):
            self.assertRaises(Refused, limits.begin, f"x{number}", SCOTT)
        limits.begin("2", BELL)

    def test_change(self) -> None:
        """Limits may change while calls live."""
        limits = Limits(self.clock)
        limits.begin("1", SCOTT)
        limits.perCaller, limits.perSecond = 1, 1
        self.assertRaises(Refused, limits.begin, "2", SCOTT)
        limits.spend(BELL, "host")
        self.assertRaises(Congested, limits.spend, BELL, "host")
        limits.perSecond = 0
        limits.spend(BELL, "host")

    def test_key(self) -> None:
        """A caller is the same whatever the resource, port, parameters, scheme of SIP and case."""
        self.assertEqual(callerKey(SCOTT), "xmpp:scott@jabber.example")
        for uri in ("sip:Bell@Host", "sips:bell@host:5061", "sip:bell@host;transport=tcp"):
            self.assertEqual(callerKey(Party(uri)), "sip:bell@host", uri)
        self.assertEqual(callerKey(Party("sip:bell@[::1]:5060")), callerKey(Party("sip:bell@[::1]")))
        self.assertEqual(callerKey(Party("sip:192.0.2.1:5060")), "sip:192.0.2.1")
        self.assertNotEqual(callerKey(Party("sip:a@b")), callerKey(Party("sip:b@b")))

    def test_keyOfParameters(self) -> None:
        """A user part that holds parameters does not hide the host, nor those of another caller."""
        self.assertEqual(callerKey(Party("sip:a;b@host:5060;lr")), "sip:a;b@host")
        keys = {callerKey(Party(f"sip:+49;phone-context=x@{host}")) for host in ("one", "two")}
        self.assertEqual(len(keys), 2)
        self.assertEqual(sourceOfCalls(Party("sip:a;b?c@host")), "host")
