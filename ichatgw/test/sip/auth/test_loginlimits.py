"""
Tests for L{ichatgw.sip.auth.loginlimits}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.sip.auth import loginlimits
from ichatgw.sip.auth.loginlimits import (
    FORGIVEN,
    MAX_GOOD,
    MAX_SOURCES,
    MAX_WAIT,
    NAME_FREE,
    SOURCE_FREE,
    Guesses,
)
from ichatgw.test.marks import slow

PHONE = "192.0.2.1"
OTHER = "198.51.100.9"


class GuessesTests(SynchronousTestCase):
    """Wrong logins and what they cost."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.guesses = Guesses(self.clock)

    def guess(self, times: int, name: str | None = None, host: str = OTHER) -> None:
        for _ in range(times):
            self.guesses.failed(name, host)

    def test_grows(self) -> None:
        """Some wrong logins of a source cost nothing; then the wait doubles with each, to minutes and no more."""
        self.guess(SOURCE_FREE)
        self.assertEqual(self.guesses.wait(None, OTHER), 0)
        waits = []
        for _ in range(20):
            waits.append(self.guesses.failed(None, OTHER))
            self.clock.advance(waits[-1])
            self.assertEqual(self.guesses.wait(None, OTHER), 0)
        self.assertEqual(waits[:5], [1, 2, 4, 8, 16])
        self.assertEqual(set(waits[10:]), {MAX_WAIT})

    def test_forgiven(self) -> None:
        """Who was quiet for long begins anew."""
        self.guess(SOURCE_FREE + 5)
        self.clock.advance(FORGIVEN + MAX_WAIT)
        self.assertEqual(self.guesses.failed(None, OTHER), 0)

    def test_network(self) -> None:
        """The addresses of one IPv6 network are one source; those of another are another."""
        for number in range(SOURCE_FREE + 1):
            self.guesses.failed(None, f"2001:db8::{number:x}")
        self.assertGreater(self.guesses.wait(None, "2001:db8::ffff"), 0)
        self.assertEqual(self.guesses.wait(None, "2001:db8:0:1::1"), 0)

    def test_name(self) -> None:
        """A name costs a wait after wrong logins from many sources; another name from a new source does not."""
        for number in range(NAME_FREE + 3):
            self.guesses.failed("alice", f"198.51.100.{number}")
        self.assertEqual(self.guesses.wait("alice", PHONE), 4)
        self.assertEqual(self.guesses.wait("bob", PHONE), 0)

    def test_goodSource(self) -> None:
        """Where a name has logged in, others' wrong logins do not count: neither for that name nor from there."""
        self.guesses.succeeded("alice", PHONE)
        for number in range(NAME_FREE * 3):
            self.guesses.failed("alice", f"198.51.100.{number}")
        self.guess(SOURCE_FREE * 5, "bob", PHONE)
        self.guess(SOURCE_FREE * 5, None, PHONE)
        self.assertEqual(self.guesses.wait("alice", PHONE), 0)
        self.assertGreater(self.guesses.wait("alice", "203.0.113.1"), 0)
        self.assertGreater(self.guesses.wait("carol", PHONE), 0)

    def test_goodSourceTurnsBad(self) -> None:
        """Its own wrong logins count all the same, until a right one."""
        self.guesses.succeeded("alice", PHONE)
        self.guess(SOURCE_FREE + 3, "alice", PHONE)
        self.assertEqual(self.guesses.wait("alice", PHONE), 4)
        self.clock.advance(4)
        self.guesses.succeeded("alice", PHONE)
        self.guess(1, "alice", PHONE)
        self.assertEqual(self.guesses.wait("alice", PHONE), 0)

    @slow
    def test_bounded(self) -> None:
        """
        However many sources fail, memory is bounded, none of those that wait is forgotten for it, and those for whom
        there is no room wait as one with those of their network.
        """
        self.guess(SOURCE_FREE + 8)
        for number in range(MAX_SOURCES + 50):
            self.guesses.failed(None, f"10.1.{number // 256}.{number % 256}")
        self.assertLessEqual(len(self.guesses._sources), MAX_SOURCES)
        self.assertGreater(self.guesses.wait(None, OTHER), 0)
        self.assertGreater(self.guesses.wait(None, f"10.1.{MAX_SOURCES // 256}.200"), 0)
        self.clock.advance(FORGIVEN + MAX_WAIT + 1)
        for number in range(MAX_SOURCES + 50):
            self.guesses.failed(None, f"10.2.{number // 256}.{number % 256}")
        self.assertLessEqual(len(self.guesses._sources), MAX_SOURCES)

    @slow
    def test_noRoom(self) -> None:
        """
        One who has ever so many sources (an IPv6 /48 has 65536) does not keep phones out that come from elsewhere for
        the first time; there, too, a few guesses are looked at and no more.
        """
        self.patch(loginlimits, "OTHERS", 1 << 60)  # no two networks share a count by chance
        for number in range(MAX_SOURCES + 200):
            self.guesses.failed(None, f"2001:db8:1:{number:x}::1")
        self.assertGreater(self.guesses.wait(None, "2001:db8:1:ffff::1"), 0)
        for host in ("203.0.113.1", "2001:db8:2::1"):
            for _ in range(SOURCE_FREE):
                self.assertEqual(self.guesses.wait(None, host), 0)
                self.guesses.failed(None, host)
            self.guesses.failed(None, host)
            self.assertGreater(self.guesses.wait(None, host), 0)

    def test_unknownNames(self) -> None:
        """A name that does not exist is counted nowhere."""
        self.guess(100)
        self.assertEqual(self.guesses._names, {})

    def test_manyGoodSources(self) -> None:
        """So many good sources of a name are remembered, the latest."""
        for number in range(MAX_GOOD + 1):
            self.guesses.succeeded("alice", f"192.0.2.{number}")
        self.guess(SOURCE_FREE + 1, None, "192.0.2.0")
        self.guess(SOURCE_FREE + 1, None, "192.0.2.1")
        self.assertGreater(self.guesses.wait("alice", "192.0.2.0"), 0)
        self.assertEqual(self.guesses.wait("alice", "192.0.2.1"), 0)

    def test_forget(self) -> None:
        """With another password a name begins anew."""
        self.guesses.succeeded("alice", PHONE)
        for number in range(NAME_FREE + 3):
            self.guesses.failed("alice", f"198.51.100.{number}")
        self.guesses.forget("alice")
        self.guesses.forget("nobody")
        self.assertEqual(self.guesses.wait("alice", "203.0.113.1"), 0)
