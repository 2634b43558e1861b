"""Tests for L{ichatgw.web.history}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.test.support.web import Place


class HistoryTests(SynchronousTestCase):
    """The calls of the last hour."""

    def test_minutes(self) -> None:
        """A minute has the calls that lived at a time, also those that began before it, and those that came."""
        place = Place()
        place.scene.arrives()
        place.clock.advance(150)
        place.scene.arrives("c-2", callId="two")
        place.scene.ends("c-2")
        place.scene.ends()
        place.clock.advance(60)
        found = [(each.most, each.arrived, each.failed) for each in place.history.minutes]
        self.assertEqual(found, [(1, 1, 0), (1, 0, 0), (2, 1, 0), (0, 0, 0)])

    def test_hour(self) -> None:
        """There is never more than an hour, however long nothing has happened."""
        place = Place()
        place.scene.arrives()
        place.clock.advance(1_000_000)
        self.assertEqual([each.most for each in place.history.minutes], [1] * 60)
