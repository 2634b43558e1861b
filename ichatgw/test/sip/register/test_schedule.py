# -*- test-case-name: ichatgw.test.sip.register.test_schedule -*-
"""
Tests for L{ichatgw.sip.register.schedule}.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.sip.register.bindings import Binding
from ichatgw.sip.register.client import Answer
from ichatgw.sip.register.schedule import MAX_UNANSWERED, STOP_TIMEOUT, Registrations
from ichatgw.sip.transport.resolver import Unresolved
from ichatgw.test.marks import slow

SCOTT, ANNA = "sip:scott@sip.example", "sip:anna@sip.example"


class FakeRegistrar:
    """
    @ivar asked: each REGISTER as address and seconds.
    @ivar waiting: those that wait for an answer; C{None} if they are answered at once by C{policy}.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.waiting: list[Deferred[Answer]] | None = None
        self.policy: Callable[[int], Answer] = lambda seconds: Answer(granted=seconds)

    def register(self, binding: Binding, seconds: int) -> Deferred[Answer]:
        self.asked.append((binding.aor, seconds))
        asked: Deferred[Answer] = Deferred()
        if self.waiting is not None:
            self.waiting.append(asked)
        else:
            asked.callback(self.policy(seconds))
        return asked

    def take(self) -> list[tuple[str, int]]:
        taken, self.asked = self.asked, []
        return taken


class RegistrationTests(SynchronousTestCase):
    """L{Registrations} and L{Registration}."""

    def setUp(self) -> None:
        self.make()

    def make(self, seconds: int = 3600, perSecond: float = 1000) -> None:
        self.clock = Clock()
        self.registrar = FakeRegistrar()
        self.registrations = Registrations(self.clock, self.registrar, seconds, 120, perSecond)

    def test_resident(self) -> None:
        """The one user of an address is known by it; of two nobody knows which."""
        self.assertEqual(self.registrations.resident(SCOTT), "")
        self.add()
        self.assertEqual(self.registrations.resident(SCOTT), "scott@chat.example")
        self.add("scotty@chat.example")
        self.assertEqual(self.registrations.resident(SCOTT), "")

    def test_advice(self) -> None:
        """Who reads that an address is not registered reads what to look at; the time is said as ever."""
        for why, advice in (
            ("401 Unauthorized", "SIPCredentials"),
            ("404 Not Found", "endpoint_identifier_order"),
            ("405 Method Not Allowed", "RegistrationTime"),
            ("480 Away", "again in 120 s"),
        ):
            self.make()
            self.registrar.policy = lambda seconds, why=why: Answer(text=why)  # type: ignore[misc]
            with capturedLogs() as events:
                self.add()
            (line,) = [formatEvent(event) or "" for event in events]
            self.assertIn(f"is not registered: {why}; again in 120 s", line)
            self.assertIn(advice, line)

    def add(self, user: str = "scott@chat.example", aor: str = SCOTT) -> None:
        self.registrations.add(user, aor)
        self.clock.advance(0.01)

    def remove(self, user: str = "scott@chat.example") -> None:
        self.registrations.remove(user)
        self.clock.advance(0.01)

    def test_cycle(self) -> None:
        """One who comes is registered, refreshed in time, and taken off when he goes; then nothing is left."""
        self.add()
        self.assertEqual(self.registrar.take(), [(SCOTT, 3600)])
        self.assertEqual(self.registrations.registered, {SCOTT})
        self.clock.advance(3230)
        self.assertEqual(self.registrar.take(), [])
        self.clock.advance(15)
        self.assertEqual(self.registrar.take(), [(SCOTT, 3600)])
        self.remove()
        self.assertEqual(self.registrar.take(), [(SCOTT, 0)])
        self.assertEqual((self.registrations.registered, self.registrations.users), (set(), set()))
        self.clock.advance(10_000)
        self.assertEqual(self.registrar.take(), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_never(self) -> None:
        """RegistrationTime 0 registers nobody."""
        self.make(seconds=0)
        self.add()
        self.assertEqual(self.registrar.take(), [])

    def test_again(self) -> None:
        """More presence of the same user changes nothing; another address replaces the first."""
        self.add()
        self.add()
        self.assertEqual(self.registrar.take(), [(SCOTT, 3600)])
        self.add(aor=ANNA)
        self.assertEqual(sorted(self.registrar.take()), [(ANNA, 3600), (SCOTT, 0)])

    def test_shared(self) -> None:
        """An address that two share is registered once, until both are gone."""
        self.add("one@chat.example")
        self.add("two@chat.example")
        self.remove("one@chat.example")
        self.assertEqual(self.registrar.take(), [(SCOTT, 3600)])
        self.remove("two@chat.example")
        self.assertEqual(self.registrar.take(), [(SCOTT, 0)])

    def test_grantedLess(self) -> None:
        """The time that is granted counts."""
        self.registrar.policy = lambda seconds: Answer(granted=60)
        self.add()
        self.clock.advance(54.5)
        self.assertEqual(len(self.registrar.take()), 2)

    def test_inTime(self) -> None:
        """However short a time is granted, the next REGISTER goes out before its end, and not at once."""
        for granted in (*range(1, 130), 3600, 7200):
            self.make()
            self.registrar.policy = lambda seconds, granted=granted: Answer(granted=granted)  # type: ignore[misc]
            self.add()
            self.registrar.take()
            self.clock.advance(granted * 0.3)
            self.assertEqual(len(self.registrar.take()), 0, granted)
            self.clock.advance(granted * 0.6)
            self.assertEqual(len(self.registrar.take()), 1, granted)

    def test_failure(self) -> None:
        """After a failure it is tried again: after RegistrationRetryTime, or when the registrar wants it."""
        for answer, wait in ((Answer(text="403 Forbidden"), 120), (Answer(text="503 Later", retryAfter=30), 30)):
            self.make()
            self.registrar.policy = lambda seconds, answer=answer: answer  # type: ignore[misc]
            with capturedLogs() as events:
                self.add()
                self.clock.advance(wait - 1)
                self.assertEqual(len(self.registrar.take()), 1)
                self.clock.advance(2)
                self.assertEqual(len(self.registrar.take()), 1)
            (line,) = [formatEvent(event) for event in events]
            self.assertIn(answer.text, line)
            self.assertIn(SCOTT, line)
            self.registrar.policy = lambda seconds: Answer(granted=seconds)
            self.clock.advance(wait)
            self.assertEqual(self.registrations.registered, {SCOTT})

    def test_unreachable(self) -> None:
        """A registrar that is not found or not reached is one more failure; an exception of ours is logged."""
        for problem in (Unresolved("no address"), OSError("unreachable"), ZeroDivisionError()):
            self.make()
            self.registrar.waiting = []
            self.add()
            self.registrar.waiting.pop().errback(problem)
            self.clock.advance(121)
            self.assertEqual(len(self.registrar.take()), 2)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_tooBrief(self) -> None:
        """423: the time that the registrar wants at least is asked for at once; one that makes no sense is not."""
        self.registrar.policy = lambda s: Answer(granted=s) if s >= 7200 else Answer(text="423", least=7200)
        self.add()
        self.clock.advance(0.1)
        self.assertEqual(self.registrar.take(), [(SCOTT, 3600), (SCOTT, 7200)])
        self.make()
        self.registrar.policy = lambda s: Answer(text="423", least=60)
        self.add()
        self.clock.advance(100)
        self.assertEqual(len(self.registrar.take()), 1)

    def test_goesWhileAsked(self) -> None:
        """Who goes before the registrar has answered is taken off after that."""
        self.registrar.waiting = []
        self.add()
        self.remove()
        self.assertEqual(self.registrar.take(), [(SCOTT, 3600)])
        self.registrar.waiting.pop().callback(Answer(granted=3600))
        self.clock.advance(0.01)
        self.assertEqual(self.registrar.take(), [(SCOTT, 0)])

    def test_returnsWhileTakenOff(self) -> None:
        """Who returns while he is taken off the list is put back on it."""
        self.add()
        self.registrar.waiting = []
        self.remove()
        self.add()
        self.assertEqual(self.registrar.take(), [(SCOTT, 3600), (SCOTT, 0)])
        self.registrar.waiting.pop().callback(Answer(granted=0))
        self.clock.advance(0.01)
        self.assertEqual(self.registrar.take(), [(SCOTT, 3600)])

    def test_goesWhileRefused(self) -> None:
        """Who goes while his registration waits for another attempt leaves nothing."""
        self.registrar.policy = lambda seconds: Answer(text="403 Forbidden")
        self.add()
        self.registrar.take()
        self.remove()
        self.clock.advance(1000)
        self.assertEqual(self.registrar.take(), [])
        self.assertEqual(self.registrations._byAddress, {})

    def test_takenOffInVain(self) -> None:
        """A registrar that does not want to take somebody off is not asked again."""
        self.add()
        self.registrar.policy = lambda seconds: Answer(text="500 No")
        self.remove()
        self.clock.advance(1000)
        self.assertEqual(self.registrar.take(), [(SCOTT, 3600), (SCOTT, 0)])
        self.assertEqual(self.registrations._byAddress, {})

    @slow
    def test_paced(self) -> None:
        """Many who come at once are registered, so many a second and no more; their refreshes are as far apart."""
        self.come(500)

    @slow
    def test_crowd(self) -> None:
        """So are 2000."""
        self.come(2000)

    def come(self, count: int) -> None:
        """At once, where 250 a second are registered."""
        self.make(perSecond=250)
        self.crowd(count)
        registered = self.sentPerSecond(count // 250)
        self.assertTrue(all(240 <= sent <= 251 for sent in registered), registered)
        self.clock.advance(0.1)
        self.assertEqual(len(self.registrations.registered), count)
        self.clock.advance(3238.9 - count / 250)
        refreshed = self.sentPerSecond(min(count // 250, 3))[1:]
        self.assertTrue(all(240 <= sent <= 251 for sent in refreshed), refreshed)

    def test_tooMany(self) -> None:
        """More than can be registered anew in time are registered all the same, and that is said once."""
        self.make(seconds=10, perSecond=1)
        with capturedLogs() as logs:
            for number in range(9):
                self.add(f"u{number}@chat.example", f"sip:u{number}@sip.example")
            self.assertEqual([formatEvent(each) for each in logs if each["log_level"].name == "warn"], [])
            for number in range(9, 12):
                self.add(f"u{number}@chat.example", f"sip:u{number}@sip.example")
        (said,) = (formatEvent(each) for each in logs if each["log_level"].name == "warn")
        self.assertIn("More than 9 addresses cannot be registered anew in time", said)
        self.assertIn("raise RegistrationsPerSecond", said)
        self.clock.pump([1] * 12)
        self.assertIn(("sip:u11@sip.example", 10), self.registrar.take())

    @slow
    def test_pacedGoing(self) -> None:
        """Many who go at once are taken off the list so many a second, too, and nothing is left."""
        self.make(perSecond=250)
        self.crowd(500)
        self.sentPerSecond(3)
        for number in range(500):
            self.registrations.remove(f"u{number}")
        gone = self.sentPerSecond(3)
        self.assertEqual(sum(gone), 499)  # the first of them was taken off at once
        self.assertTrue(all(sent <= 251 for sent in gone), gone)
        self.assertEqual(self.registrations.registered, frozenset())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def crowd(self, count: int, domain: str = "sip.example") -> None:
        """Many come at once."""
        for number in range(count):
            self.registrations.add(f"u{number}", f"sip:u{number}@{domain}")

    def sentPerSecond(self, seconds: int) -> list[int]:
        """How many REGISTERs are sent in each of the next seconds."""
        sent = []
        for _ in range(seconds):
            self.registrar.asked.clear()
            self.clock.pump([0.004] * 250)
            sent.append(len(self.registrar.asked))
        return sent

    def test_slow(self) -> None:
        """One that does not answer is not asked ever more, others are asked meanwhile; it goes on when it answers."""
        self.registrar.waiting = []
        self.crowd(3 * MAX_UNANSWERED)
        self.clock.pump([0.01] * 500)
        self.assertEqual(len(self.registrar.take()), MAX_UNANSWERED)
        self.registrations.add("anna", "sip:anna@other.example")
        self.clock.pump([0.01] * 10)
        self.assertEqual(self.registrar.take(), [("sip:anna@other.example", 3600)])
        waiting = self.registrar.waiting
        for _ in range(3 * MAX_UNANSWERED + 1):
            waiting.pop(0).callback(Answer(granted=3600))
            self.clock.pump([0.01] * 3)
        self.assertEqual(len(self.registrations.registered), 3 * MAX_UNANSWERED + 1)
        self.assertEqual(waiting, [])

    def test_slowStop(self) -> None:
        """Those who wait their turn leave nothing at a stop."""
        self.registrar.waiting = []
        self.crowd(2 * MAX_UNANSWERED)
        self.clock.pump([0.01] * 500)
        stopped = self.registrations.stop()
        self.clock.advance(STOP_TIMEOUT + 0.1)
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.registrations._byAddress, {})

    def test_stop(self) -> None:
        """A stop takes all off the list, and then nobody is put on it."""
        self.add()
        self.add("anna@chat.example", ANNA)
        self.registrar.take()
        stopped = self.registrations.stop()
        self.clock.advance(0.1)
        self.successResultOf(stopped)
        self.assertEqual(sorted(self.registrar.take()), [(ANNA, 0), (SCOTT, 0)])
        self.add()
        self.assertEqual(self.registrar.take(), [])
        self.clock.advance(0.1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopIdle(self) -> None:
        """Without registrations a stop is done at once."""
        self.successResultOf(self.registrations.stop())

    def test_stopUnanswered(self) -> None:
        """A registrar that says nothing does not hold up a stop for long."""
        self.add()
        self.registrar.waiting = []
        stopped = self.registrations.stop()
        self.clock.advance(STOP_TIMEOUT - 0.1)
        self.assertNoResult(stopped)
        self.clock.advance(0.2)
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])
