# -*- test-case-name: ichatgw.test.web.test_api -*-
"""
The orders of the command C{ichatgw} over HTTP, as JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from attrs import frozen
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from ichatgw.control.protocol import Answer, Order, OrderError, Outcome
from ichatgw.web.answers import JSON, Refusal, Reply, Visit, jsonPieces, jsonReply
from ichatgw.web.root import Routes

ASKS = ("status", "calls", "call", "registrations", "trunks", "users")
"""Orders that change nothing: GET."""

CHANGES = ("hangup", "drain", "reload", "loglevel", "trace")
"""Orders that change something: POST."""


@frozen
class API:
    """@ivar orders: carries one out."""

    orders: Callable[[Order], Outcome]

    def addTo(self, routes: Routes) -> None:
        """Answer what begins with C{/api/}."""
        for names, method in ((ASKS, "GET"), (CHANGES, "POST")):
            for name in names:
                routes.exact[method, f"/api/{name}"] = self.ordered

    def ordered(self, visit: Visit) -> Deferred[Reply]:
        """Carry out the order that the address names."""
        words = visit.form if visit.method == "POST" else visit.words
        order = Order(visit.path.rpartition("/")[2], {name: text for name, text in words.items() if name != "token"})
        return self.carried(order).addCallback(_replyOf)

    def carried(self, order: Order) -> Deferred[Answer]:
        """
        Fires with what has become of an order.

        @raise Refusal: (in the Deferred) if it cannot be carried out.
        """
        carried: Deferred[Answer] = maybeDeferred(cast(Callable[[Order], Answer], self.orders), order)
        return carried.addErrback(_refused)


def _refused(failure: Failure) -> Answer:
    failure.trap(OrderError)
    raise Refusal(409, str(failure.value))


def _replyOf(answer: Answer) -> Reply:
    if answer.items == ():
        return jsonReply(dict(answer.data))
    return Reply(jsonPieces("items", answer.items, answer.data), JSON)
