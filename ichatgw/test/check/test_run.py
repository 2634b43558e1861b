"""Tests for L{ichatgw.check.run} and L{ichatgw.check.finding}."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.check.finding import LONGEST, Tell, error, exitStatus, ok, warning
from ichatgw.check.run import LIMIT, examine


class ExamineTests(SynchronousTestCase):
    """L{examine}."""

    def test_sideBySide(self) -> None:
        """What checks find is shown in the order of the checks, and each waits for none."""
        waits: Deferred[None] = Deferred()

        async def slow(given: Any, tell: Tell) -> None:
            await waits
            tell(ok("a", "late"))

        async def quick(given: Any, tell: Tell) -> None:
            tell(ok("b", "soon"))
            waits.callback(None)

        given: Any = SimpleNamespace(clock=Clock())
        found = self.successResultOf(examine(given, {"a": slow, "b": quick}))
        self.assertEqual([each.what for each in found], ["late", "soon"])

    def test_limit(self) -> None:
        """A check that does not end is ended, and what it has found stays."""

        async def endless(given: Any, tell: Tell) -> None:
            tell(ok("a", "begun"))
            await Deferred()

        given: Any = SimpleNamespace(clock=Clock())
        done = examine(given, {"a": endless})
        given.clock.advance(LIMIT - 1)
        self.assertNoResult(done)
        given.clock.advance(1)
        self.assertEqual([each.what for each in self.successResultOf(done)], ["begun", "not done after 60 s"])

    def test_failure(self) -> None:
        """A check that fails is a finding, and the others go on."""

        async def faulty(given: Any, tell: Tell) -> None:
            raise RuntimeError("ouch")

        async def quick(given: Any, tell: Tell) -> None:
            tell(ok("b", "soon"))

        given: Any = SimpleNamespace(clock=Clock())
        found = self.successResultOf(examine(given, {"a": faulty, "b": quick}))
        self.assertEqual([each.what for each in found], ["this check has failed: RuntimeError: ouch", "soon"])


class FindingTests(SynchronousTestCase):
    """L{ichatgw.check.finding}."""

    def test_exitStatus(self) -> None:
        """The worst finding decides."""
        for found, status in (([], 0), ([ok("a", "")], 0), ([warning("a", ""), ok("a", "")], 1)):
            self.assertEqual(exitStatus(found), status)
        self.assertEqual(exitStatus([error("a", ""), warning("a", "")]), 2)

    def test_length(self) -> None:
        """What far ends say is not shown at any length."""
        found = error("a", "x" * 1000, "y" * 1000)
        self.assertEqual((len(found.what), len(found.remedy)), (LONGEST, LONGEST))

    def test_oneLine(self) -> None:
        """What they say is one line, and nothing in it does something to a terminal or cannot be written."""
        self.assertEqual(error("a", "b\n\033[2J").what, "b\\n\\x1b[2J")
        self.assertEqual(error("a", "b", "\ud800").remedy, "\\ud800")
