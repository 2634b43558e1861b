# -*- test-case-name: ichatgw.test.runtime.test_pulse -*-
"""
Tests for L{ichatgw.runtime.pulse}, with a real reactor of their own.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.selectreactor import SelectReactor
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.runtime.pulse import Pulse
from ichatgw.runtime.watch import INTERVAL, TRIES, Watch


class PulseTests(SynchronousTestCase):
    """L{Pulse}."""

    def setUp(self) -> None:
        self.reactor: Any = SelectReactor()
        self.addCleanup(self.reactor.removeAll)
        self.pulse = Pulse(self.reactor)
        self.addCleanup(self.pulse.stop)

    def test_interface(self) -> None:
        """It is something that a reactor waits for."""
        self.assertTrue(verifyObject(IReadDescriptor, self.pulse))

    def test_well(self) -> None:
        """Nothing is missing while the reactor looks at its sockets between two looks of ours."""
        for _ in range(5):
            self.assertEqual(self.pulse.missing, "")
            self.reactor.iterate(0.1)

    def test_dead(self) -> None:
        """A reactor that does not is missed, and goes on being missed, whatever is tried."""
        self.assertEqual(self.pulse.missing, "")
        for _ in range(3):
            self.assertIn("does not wait for sockets", self.pulse.missing)
            self.pulse.revive()
        self.reactor.iterate(0.1)
        self.assertEqual(self.pulse.missing, "")

    def test_closed(self) -> None:
        """If only its own socket was closed behind its back, another one takes its place."""
        self.assertEqual(self.pulse.missing, "")
        self.reactor.iterate(0.1)
        os.close(self.pulse.fileno())
        self.assertEqual(self.pulse.missing, "")
        self.assertNotEqual(self.pulse.missing, "")
        self.pulse.revive()
        self.reactor.iterate(0.1)
        self.assertEqual(self.pulse.missing, "")

    def test_noSockets(self) -> None:
        """Without any sockets the process ends as well, and says why."""
        ends: list[str] = []
        watch = Watch(self.reactor, (Pulse(self.reactor, noPair),), ends.append)
        for _ in range(TRIES):
            watch._look()
        self.assertEqual(len(ends), 1)
        self.assertIn("too many open files", ends[0])
        self.assertGreater(INTERVAL, 0)


def noPair() -> Any:
    raise OSError(24, "too many open files")
