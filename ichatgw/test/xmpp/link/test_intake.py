# -*- test-case-name: ichatgw.test.xmpp.link.test_intake -*-
# mypy: allow-untyped-calls
"""
Tests for L{ichatgw.xmpp.link.intake}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from ichatgw.runtime.turns import STRANGERS_SECONDS, TURN_JOBS, TURN_SECONDS, Turns
from ichatgw.test.marks import slow
from ichatgw.test.runtime.test_turns import ABOVE, WorkingClock
from ichatgw.xmpp.link import intake as module
from ichatgw.xmpp.link.intake import MAX_DOMAINS, MAX_OF_DOMAIN, MAX_WAITING, MAX_WEIGHT, SLICE, Arrival, Intake


class IntakeTests(SynchronousTestCase):
    """
    L{Intake}, on a clock by which work takes time.  Here a stanza is a word, C{user@domain:what}, that ends with a
    blank; users are those of C{ours}.
    """

    def setUp(self) -> None:
        self.clock = WorkingClock()
        self.turns = Turns(self.clock)
        self.dealt: list[str] = []
        self.refused: list[str] = []
        self.waits = False
        self.cost = 0.0
        self.weight = 100
        self.slices: list[int] = []
        self.rest = b""
        self.intake = Intake(self.turns, self.parse, self.deal, self.refuse, self.wait)

    def parse(self, data: bytes) -> list[Arrival]:
        self.slices.append(len(data))
        *words, self.rest = (self.rest + data).split(b" ")
        found = []
        for word in words:
            stanza = Element((None, word.decode()))
            domain = word.decode().partition("@")[2].partition(":")[0]
            found.append(Arrival(stanza, domain == "ours", domain, self.weight))
        return found

    def deal(self, stanza: Element) -> None:
        self.clock.work(self.cost)
        self.dealt.append(stanza.name)

    def refuse(self, stanza: Element) -> None:
        self.refused.append(stanza.name)

    def wait(self, wait: bool) -> None:
        self.assertNotEqual(wait, self.waits)
        self.waits = wait

    def send(self, *words: str) -> None:
        self.intake.received("".join(f"{word} " for word in words).encode())

    def turn(self) -> list[str]:
        """What is dealt with in one turn."""
        before = len(self.dealt)
        self.clock.advance(0)
        return self.dealt[before:]

    def finish(self) -> None:
        for _ in range(10_000):
            if not self.clock.getDelayedCalls():
                return
            self.clock.advance(0)
        self.fail("there is no end")

    def test_atOnce(self) -> None:
        """What the turn has room for is dealt with at once, in its order, and the server does not wait."""
        self.send("a@ours:1", "e@evil:1", "a@ours:2")
        self.assertEqual(self.dealt, ["a@ours:1", "e@evil:1", "a@ours:2"])
        self.assertFalse(self.waits)

    def test_pieces(self) -> None:
        """A stanza that comes in pieces is one."""
        self.intake.received(b"a@ou")
        self.intake.received(b"rs:1 ")
        self.assertEqual(self.dealt, ["a@ours:1"])

    def test_budget(self) -> None:
        """A turn ends at its milliseconds, whatever one read has brought."""
        self.cost = TURN_SECONDS / 4 * ABOVE
        self.send(*(f"a@ours:{number}" for number in range(10)))
        self.assertEqual(len(self.dealt), 4)
        self.assertEqual(len(self.turn()), 4)
        self.assertEqual(len(self.turn()), 2)
        self.assertEqual(self.dealt, [f"a@ours:{number}" for number in range(10)])

    def test_slices(self) -> None:
        """A large read is parsed in slices, and not many of them in a turn; the server waits until all is read."""
        words = [f"a@ours:{number:06}" for number in range(65536 // 15)]
        self.send(*words)
        self.assertEqual(max(self.slices), SLICE)
        self.assertLess(len(self.slices), 3)
        self.assertTrue(self.waits)
        most = 0
        while self.clock.getDelayedCalls():
            most = max(most, len(self.turn()))
            self.assertLess(len(self.intake._users.arrivals), MAX_WAITING + SLICE // 14 + 2)
        self.assertLessEqual(most, TURN_JOBS)
        self.assertEqual(self.dealt, words)
        self.assertFalse(self.waits)

    def test_usersFirst(self) -> None:
        """A user's stanza does not wait for those of strangers that came before, nor one domain's for another's."""
        self.cost = TURN_SECONDS * ABOVE
        self.send(*(f"e{number}@evil:x" for number in range(30)), "a@ours:1", "b@good:1")
        self.turn()
        self.turn()
        self.assertIn("a@ours:1", self.dealt)
        for _ in range(2):
            self.turn()
        self.assertIn("b@good:1", self.dealt)
        self.assertEqual(len(self.dealt), 5)

    def test_sharedOut(self) -> None:
        """
        However much strangers send, what is read and dealt with of it in a turn leaves most of that to SIP: a message
        that comes meanwhile is taken at once.
        """
        self.cost = STRANGERS_SECONDS / 4 * ABOVE
        sip = self.turns.line("SIP")
        taken: list[int] = []
        for number in range(20):
            before = self.clock.seconds()
            self.send(*(f"e@d{each}:x" for each in range(50)))
            self.assertLess(self.clock.seconds() - before, STRANGERS_SECONDS * 1.5)
            sip.put(taken.append, number)
            self.assertEqual(taken[-1], number)
            before = self.clock.seconds()
            self.turn()
            self.assertLess(self.clock.seconds() - before, STRANGERS_SECONDS * 1.5)

    def test_strangersAreRefused(self) -> None:
        """Strangers' stanzas beyond their share are refused; users' and other domains' are not, and nobody waits."""
        self.cost = TURN_SECONDS * ABOVE
        self.send(*("e@e:x" for _ in range(300)), "a@ours:1", "b@b:1")
        self.assertEqual(len(self.refused), 300 - MAX_OF_DOMAIN - 1)
        self.assertFalse(self.waits)
        self.finish()
        self.assertEqual(len(self.dealt), MAX_OF_DOMAIN + 3)

    def test_heavy(self) -> None:
        """What waits is bounded by its weight, too: strangers are refused, and for users the server waits."""
        self.cost = TURN_SECONDS * ABOVE
        self.weight = MAX_WEIGHT // 4
        self.send(*(f"e@d{number}:x" for number in range(10)))
        self.assertEqual(len(self.refused), 10 - 4 - 1)
        self.assertFalse(self.waits)
        self.send("a@ours:1", "b@ours:2")
        self.assertTrue(self.waits)
        self.finish()
        self.assertEqual((len(self.dealt), self.waits), (7, False))

    @slow
    def test_manyDomains(self) -> None:
        """However many domains strangers make up, what is kept is bounded."""
        self.patch(module, "MAX_WEIGHT", 100_000)
        self.cost = TURN_SECONDS * ABOVE
        self.send(*(f"e@d{number}:x" for number in range(300)))
        for _ in range(20):
            self.send(*(f"e@d{number}:x" for number in range(300)))
        self.assertLessEqual(self.intake._strangers.weight, 100_000)
        self.assertLess(len(self.intake._strangers.arrivals), MAX_OF_DOMAIN * (MAX_DOMAINS + 1))
        self.finish()
        self.assertFalse(self.waits)

    def test_clear(self) -> None:
        """When the connection is gone nothing is dealt with any more."""
        self.cost = TURN_SECONDS * ABOVE
        self.send(*(f"a@ours:{number}" for number in range(1000)))
        self.intake.clear()
        self.finish()
        self.assertEqual(len(self.dealt), 1)
