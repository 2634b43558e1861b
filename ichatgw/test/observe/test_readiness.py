# -*- test-case-name: ichatgw.test.observe.test_readiness -*-
"""Tests for L{ichatgw.observe.readiness}."""

from __future__ import annotations

from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.observe.readiness import Condition, Readiness, Trouble


class ReadinessTests(SynchronousTestCase):
    """L{Readiness}."""

    def test_all(self) -> None:
        """Calls can be taken while all conditions hold; else each that does not is told, and one of them at once."""
        wrong = {"link": "", "files": ""}
        readiness = Readiness([Condition(part, partial(wrong.__getitem__, part)) for part in wrong])
        self.assertEqual((readiness.troubles, readiness.trouble()), ((), ""))
        wrong["files"] = "9 of 9 are open"
        self.assertEqual(readiness.troubles, (Trouble("files", "9 of 9 are open"),))
        self.assertEqual(readiness.trouble(), "files: 9 of 9 are open")
        wrong["link"] = "refused"
        self.assertEqual([str(each) for each in readiness.troubles], ["link: refused", "files: 9 of 9 are open"])
        self.assertEqual(readiness.trouble(), "link: refused")

    def test_none(self) -> None:
        """A gateway that needs nothing is ready."""
        self.assertEqual(Readiness().trouble(), "")
