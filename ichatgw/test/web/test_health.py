"""Tests for L{ichatgw.web.health}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.test.support.web import Place


class HealthTests(SynchronousTestCase):
    """Whether the process lives, and takes calls."""

    def test_ready(self) -> None:
        """Ready is 200; not ready is 503 and says in which part what is wrong; the process lives in both cases."""
        place = Place()
        self.assertEqual(place.ask("/ready").json, {"ready": True, "troubles": []})
        place.trouble = "not connected"
        said = place.ask("/ready")
        self.assertEqual(said.status, 503)
        self.assertEqual(said.json, {"ready": False, "troubles": [{"part": "XMPP link", "text": "not connected"}]})
        self.assertEqual(place.ask("/live").json, {"live": True})
