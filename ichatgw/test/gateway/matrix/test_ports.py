# -*- test-case-name: ichatgw.test.gateway.matrix.test_ports -*-
"""Tests for L{ichatgw.test.e2e.support.ports}."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.test.e2e.support import ports
from ichatgw.test.e2e.support.ports import HIGHEST, LOWEST, SHARE, NoPorts, Ports, claimed


class PortsTests(SynchronousTestCase):
    """Who gets which ports, by claims of which no process outside these tests knows."""

    def setUp(self) -> None:
        self.patch(ports, "CLAIM", f"{ports.CLAIM}-test-{os.getpid()}")
        self.taken: set[int] = set()
        self.patch(ports, "_isFree", lambda port: port not in self.taken)

    def made(self) -> Ports:
        """As another process would have them."""
        made = Ports()
        self.addCleanup(made.close)
        return made

    def test_each(self) -> None:
        """Each port is handed out once in a round, the first of a row is even."""
        made = self.made()
        rows = [made.take(count) for count in (1, 2, 1, 80)]
        self.assertEqual([first % 2 for first in rows], [0, 0, 0, 0])
        self.assertEqual([after - first for first, after in zip(rows, rows[1:], strict=False)], [2, 2, 2])

    def test_taken(self) -> None:
        """A row that holds a port which a program has is passed over."""
        made = self.made()
        first = made.take()
        self.taken = {first + 5}
        self.assertEqual(made.take(8), first + 10)

    def test_round(self) -> None:
        """After the last one of its share come the first ones again."""
        made = self.made()
        first = made.take(80)
        for _ in range(SHARE // 80 - 1):
            self.assertGreater(made.take(80), first)
        self.assertEqual(made.take(80), first)

    def test_noneInARow(self) -> None:
        """It is an error if there are not so many, not an endless search."""
        made = self.made()
        made.take()
        self.taken = set(range(LOWEST, HIGHEST, 3))
        self.assertRaises(NoPorts, made.take, 3)
        self.assertRaises(NoPorts, made.take, SHARE + 1)

    def test_processes(self) -> None:
        """Processes that run at once share no port; one more than there are shares gets none, until one ends."""
        made = [self.made() for _ in range((HIGHEST - LOWEST) // SHARE)]
        taken = [{each.take() for _ in range(SHARE // 2)} for each in made]
        self.assertEqual(len(set().union(*taken)), sum(map(len, taken)))
        self.assertTrue(all(LOWEST <= port < HIGHEST for port in set().union(*taken)))
        self.assertRaises(NoPorts, self.made().take)
        made[3].close()
        self.assertIn(self.made().take(), taken[3])

    def test_untilClosed(self) -> None:
        """A share is somebody else's when its claim is closed, not before."""
        claim, share = claimed()
        other, elsewhere = claimed()
        self.assertFalse(set(share) & set(elsewhere))
        claim.close()
        again, same = claimed()
        self.assertEqual(same, share)
        for each in (other, again):
            each.close()
