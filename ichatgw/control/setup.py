# -*- test-case-name: ichatgw.test.control.test_setup,ichatgw.test.gateway.test_build -*-
"""
What administrators can order, as the settings want it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import frozen
from twisted.application.service import Service

from ichatgw.calls.switch import Switch
from ichatgw.config.reload import Reloader
from ichatgw.config.settings import Settings
from ichatgw.control.calls import Calls
from ichatgw.control.drain import Drain
from ichatgw.control.people import People
from ichatgw.control.place import NONE, ControlListener, defaultPath
from ichatgw.control.process import Process
from ichatgw.control.protocol import Answer
from ichatgw.control.server import Orders, Server
from ichatgw.control.trace import Traces
from ichatgw.log.redaction import Content
from ichatgw.media.engine import MediaEngine
from ichatgw.observe.readiness import Readiness
from ichatgw.runtime import files
from ichatgw.runtime.stalls import Stalls
from ichatgw.runtime.turns import Turns
from ichatgw.sip.register.schedule import Registrations
from ichatgw.watchers import Watchers
from ichatgw.xmpp.link.component import Link
from ichatgw.xmpp.presence.presence import Presence


@frozen
class Parts:
    """
    Whom orders are for.

    @ivar isJingle: is this client one that can be called by Jingle?
    @ivar trunks: gives the state of each trunk, see L{ichatgw.sip.trunk.states.states}.
    """

    turns: Turns
    switch: Switch
    link: Link
    presence: Presence
    registrations: Registrations
    media: MediaEngine
    stalls: Stalls
    readiness: Readiness
    isJingle: Callable[[Any], bool]
    watchers: Watchers
    trunks: Callable[[], Iterator[Mapping[str, Any]]]

    def figures(self) -> Mapping[str, Any]:
        """What the status says, as C{json} takes it."""
        return {
            "calls": self.switch.live,
            "callsMade": self.switch.made,
            "component": self.link.component,
            "link": self.link.trouble or "up",
            "users": len(self.presence.users),
            "registrations": len(self.registrations.addresses),
            "mediaPorts": self.media.pairs,
            "mediaPortsFree": self.media.free,
            "files": files.opened(),
            "filesAllowed": files.allowed(),
            "longestTurn": round(self.stalls.longest, 4),
            "longTurns": self.stalls.total,
        }


def controlOf(
    reactor: Any,
    parts: Parts,
    settings: Settings,
    reloader: Reloader,
    takesLevel: bool,
    environ: Mapping[str, str] = os.environ,
    orders: Orders | None = None,
) -> list[Service]:
    """
    The services that take orders: from signals, and at the socket.

    @param takesLevel: can the level of the log be changed?
    @param orders: is to carry out the same, for others who take them.
    """
    drain = Drain(reactor, parts.switch, reactor.stop)
    orders = Orders() if orders is None else orders
    Process(parts.turns, parts.readiness, drain, reloader, parts.figures, takesLevel).addTo(orders)
    People(parts.presence, parts.registrations, parts.isJingle).addTo(orders)
    orders.add("trunks", lambda words: Answer(items=parts.trunks()))
    watchers = parts.watchers

    def content() -> Content:
        return Content(reloader.settings.logHides)

    Calls(watchers.calls, parts.switch, content, watchers.archive).addTo(orders)
    Traces(parts.turns, watchers.events, watchers.trails, watchers.calls, content).addTo(orders)
    path = settings.controlSocket
    if path == NONE:
        return [drain]
    server = Server(parts.turns, orders)
    return [
        drain,
        ControlListener(reactor, os.path.abspath(path) if path else defaultPath(environ), server, bool(path)),
    ]
