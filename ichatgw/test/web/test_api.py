"""Tests for L{ichatgw.web.api}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.test.support.web import Place
from ichatgw.web.api import ASKS, CHANGES

JSON = "application/json"


class APITests(SynchronousTestCase):
    """The orders of the command."""

    def setUp(self) -> None:
        self.place = Place()

    def test_orders(self) -> None:
        """Each order of the command is one here, with its words: what only asks by GET, what changes by POST."""
        for name in ASKS:
            self.assertEqual(self.place.ask(f"/api/{name}?call=a-1").status, 200)
        for name in CHANGES:
            self.place.ask(f"/api/{name}", "POST", '{"call": "a-1"}', Content_Type=JSON)
        self.assertEqual([order.name for order in self.place.ordered], [*ASKS, *CHANGES])
        self.assertEqual({str(dict(order.words)) for order in self.place.ordered}, {"{'call': 'a-1'}"})

    def test_list(self) -> None:
        """Many things are a list, beside what else is said."""
        self.assertEqual(self.place.ask("/api/calls").json, {"items": [{"id": "a"}, {"id": "b"}], "count": 2})

    def test_cannot(self) -> None:
        """What cannot be carried out is 409, in the words of the command; what is no order is 404, also in JSON."""
        said = self.place.ask("/api/drain", "POST", "{}", Content_Type=JSON)
        self.assertEqual((said.status, said.json), (409, {"error": "it is stopping already"}))
        said = self.place.ask("/api/nothing")
        self.assertEqual((said.status, said.headers["content-type"]), (404, JSON))
