"""
A site for tests, and what browsers and programs send to it.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from attrs import define
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from ichatgw.control.protocol import Answer, Order, OrderError, Outcome
from ichatgw.observe.readiness import Condition, Readiness
from ichatgw.runtime.turns import Turns
from ichatgw.test.support.events import Scene
from ichatgw.web.answers import Reply, Visit
from ichatgw.web.api import API
from ichatgw.web.channel import BoundedSite, Channel
from ichatgw.web.health import Health
from ichatgw.web.history import History
from ichatgw.web.login import Forms, WebLogins
from ichatgw.web.pages import Pages
from ichatgw.web.root import Root, Routes

FIGURES = {
    "calls": 0,
    "link": "up",
    "users": 2,
    "registrations": 1,
    "mediaPorts": 100,
    "mediaPortsFree": 98,
    "files": 20,
    "longestTurn": 0.004,
}

TRUNK = {
    "name": "provider",
    "server": "sip.example.com",
    "state": "works",
    "works": True,
    "registers": True,
    "left": 540,
    "flows": 1,
    "flowsRegistered": 1,
    "trouble": "",
    "probing": "answers",
    "calls": 2,
    "maxCalls": 10,
}
"""The state of a trunk."""


class Wire(StringTransport):
    """The other end of a connection."""

    aborted = False

    def abortConnection(self) -> None:
        """It is cut."""
        self.aborted = self.disconnecting = True


@define
class Said:
    """An answer, as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


class Place:
    """
    A site with calls, readiness and orders.

    @ivar trouble: why no calls can be taken.
    @ivar ordered: the orders that have come.
    @ivar trunks: states of trunks.
    @param kept: how many calls that are over are kept in memory.
    """

    def __init__(self, logins: WebLogins | None = None, kept: int = 1000) -> None:
        self.scene = Scene()
        self.trouble = ""
        self.ordered: list[Order] = []
        self.clock: Clock = self.scene.clock
        self.turns = Turns(self.clock)
        self.calls, _ = self.scene.follow(kept)
        self.readiness = Readiness([Condition("XMPP link", lambda: self.trouble)])
        self.history = History(self.turns, lambda: self.calls.count)
        self.history.read(self.scene.events)
        self.routes = Routes()
        health, api = Health(self.readiness), API(self.order)
        self.routes.exact["GET", "/live"] = health.live
        self.routes.exact["GET", "/ready"] = health.ready
        api.addTo(self.routes)
        self.trunks: list[dict[str, Any]] = []
        self.pages = Pages(self.calls, self.readiness, self.history, lambda: FIGURES, lambda: iter(self.trunks), api)
        self.pages.addTo(self.routes)
        self.routes.exact["GET", "/fails"] = self._fails
        self.routes.exact["GET", "/breaks"] = lambda visit: Reply(self._breaks())
        self.routes.exact["GET", "/long"] = lambda visit: Reply(b"x" * 1000 for _ in range(1000))
        self.forms = Forms()
        logins = logins or WebLogins(self.turns)
        self.site = BoundedSite(self.turns, Root(self.turns, self.routes, logins, self.forms, False))

    def order(self, order: Order) -> Outcome:
        """Carry out an order."""
        self.ordered.append(order)
        if order.name == "calls":
            return Answer({"count": 2}, iter([{"id": "a"}, {"id": "b"}]))
        if order.name == "drain":
            raise OrderError("it is stopping already")
        return Answer({"text": order.name})

    def _fails(self, visit: Visit) -> Reply:
        raise RuntimeError("broken")

    def _breaks(self) -> Any:
        yield b"begun"
        raise RuntimeError("in the middle")

    def connect(self, host: str = "127.0.0.1") -> tuple[Channel, Wire]:
        """Another connection."""
        wire = Wire(peerAddress=IPv4Address("TCP", host, 40000))
        channel = self.site.buildProtocol(IPv4Address("TCP", host, 40000))
        channel.makeConnection(wire)
        return channel, wire

    def ask(self, path: str, method: str = "GET", body: str = "", host: str = "127.0.0.1", **headers: str) -> Said:
        """A request on a connection of its own."""
        channel, wire = self.connect(host)
        lines = [f"{method} {path} HTTP/1.1", f"Host: {headers.pop('Host', 'localhost:8088')}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(body)}"] if body else []
        channel.dataReceived("\r\n".join([*lines, "", body]).encode("latin-1", "replace"))
        for _ in range(2000):
            if wire.disconnecting:
                break
            self.clock.advance(0.02)
        said = answerIn(wire.value())
        channel.connectionLost()
        return said


def basic(name: str, password: str) -> str:
    """The header of a login."""
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


def answerIn(data: bytes) -> Said:
    """Read an answer, whose body may be in chunks."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        whole = b""
        while body:
            size, _, body = body.partition(b"\r\n")
            length = int(size or b"0", 16)
            whole, body = whole + body[:length], body[length + 2 :]
        body = whole
    return Said(int(first.split(" ")[1]), headers, body.decode("utf-8", "replace"))
