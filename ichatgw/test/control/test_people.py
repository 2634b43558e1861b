# -*- test-case-name: ichatgw.test.control.test_people -*-
# mypy: allow-untyped-calls
"""Tests for L{ichatgw.control.people}."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID

from ichatgw.control.people import People
from ichatgw.control.protocol import Answer, Order
from ichatgw.control.server import Orders


class PeopleTests(SynchronousTestCase):
    """L{People}."""

    def setUp(self) -> None:
        def client(name: str, isIChat: bool, node: str) -> Any:
            return SimpleNamespace(jid=JID(f"kim@example/{name}"), isIChat=isIChat, node=node, show="", priority=1)

        self.clients = [client("Mac", True, ""), client("Phone", False, "conversations"), client("Text", False, "")]
        self.left: list[str] = []
        presence = SimpleNamespace(
            users=(JID("kim@example"), JID("gone@example")),
            resources=lambda user: self.clients if user.user == "kim" else (),
        )
        registrations = SimpleNamespace(
            addresses=("kim@pbx", "gone@pbx"),
            about=lambda address: {"address": address} if address == "kim@pbx" else None,
        )
        self.orders = Orders()
        People(cast(Any, presence), cast(Any, registrations), lambda client: bool(client.node)).addTo(self.orders)

    def do(self, name: str) -> tuple[Any, list[Any]]:
        answer = cast(Answer, self.orders(Order(name)))
        return answer.data, list(answer.items)

    def test_users(self) -> None:
        """Each user has clients, and each of these a kind; who has gone meanwhile is left out."""
        data, users = self.do("users")
        self.assertEqual(data, {"count": 2})
        self.assertEqual([user["user"] for user in users], ["kim@example"])
        self.assertEqual([each["kind"] for each in users[0]["clients"]], ["ichat", "jingle", "no calls"])
        self.assertEqual(users[0]["clients"][0]["address"], "kim@example/Mac")

    def test_registrations(self) -> None:
        """So it is with addresses."""
        self.assertEqual(self.do("registrations"), ({"count": 2}, [{"address": "kim@pbx"}]))
