# -*- test-case-name: ichatgw.test.gateway.test_build,ichatgw.test.texts.test_gateway,ichatgw.test.gateway.test_ready -*-  # noqa: E501
"""
Puts the gateway together.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from attrs import frozen

from ichatgw.calls.journal import Journal
from ichatgw.calls.recovery import Epilogue
from ichatgw.config.reload import Part
from ichatgw.config.settings import Settings
from ichatgw.control.setup import Parts
from ichatgw.errors import CallError, Congested
from ichatgw.gateway import callside, clients, texting, xmppside
from ichatgw.gateway.callside import CallSide, callSideOf
from ichatgw.gateway.clients import Clients, clientsOf
from ichatgw.gateway.common import Common
from ichatgw.gateway.ending import endProcess
from ichatgw.gateway.routing import Routing, routingOf
from ichatgw.gateway.selfservice import selfServiceOf
from ichatgw.gateway.service import Gateway
from ichatgw.gateway.sipside import SIPSide, sipSideOf
from ichatgw.gateway.xmppside import xmppSideOf
from ichatgw.observe.readiness import Condition
from ichatgw.observe.report import Report
from ichatgw.runtime.clock import useMonotonicTime
from ichatgw.runtime.files import Files
from ichatgw.runtime.memory import Memory
from ichatgw.runtime.pulse import Pulse
from ichatgw.runtime.systemd import Notifier
from ichatgw.runtime.watch import Vital, Watch
from ichatgw.sip.trunk.states import states
from ichatgw.users.preferences import IPreferences, MemoryPreferences
from ichatgw.users.sqlite import SQLitePreferences
from ichatgw.watchers import Watchers, watchersOf
from ichatgw.xmpp.link.linked import Linked
from ichatgw.xmpp.side import XMPPSide
from ichatgw.xmpp.stranded import Stranded


@frozen
class Sides:
    """All of the gateway."""

    common: Common
    sip: SIPSide
    routing: Routing
    xmpp: XMPPSide
    clients: Clients
    calls: CallSide
    preferences: IPreferences

    @property
    def vitals(self) -> tuple[Vital, ...]:
        """What must live for calls to be taken."""
        return (*self.sip.endpoint.vitals, self.xmpp.link, self.calls.media)


def gateway(reactor: Any, settings: Settings) -> Gateway:
    """
    Put the gateway together.

    @param reactor: provides time, TCP and sockets.
    @raise ConfigError: if a translation rule can never work, or a file that a setting names cannot be used.
    """
    useMonotonicTime(reactor)
    sides = _sidesOf(Common.of(reactor, settings))
    common, sip, xmpp, calls = sides.common, sides.sip, sides.xmpp, sides.calls
    made = Gateway(
        calls.switch,
        sip.endpoint,
        xmpp.link,
        xmpp.presence,
        calls.media,
        sip.registrations,
        common.turns,
        xmpp.database,
    )
    made.preferences = sides.preferences
    watchers = watchersOf(reactor, settings, common.trails)
    watchers.keep(common.turns, settings, common.disk)
    made.watchers = watchers
    _observe(made, sides, watchers)
    objection = partial(_objection, made)
    made.texts = texting.textsOf(common, sip.endpoint, xmpp, calls.switch, objection, sides.routing.book)
    ordered = selfServiceOf(
        common,
        routing=sides.routing,
        xmpp=xmpp,
        switch=calls.switch,
        events=watchers.events,
        preferences=made.preferences,
        forwards=calls.forwards,
        tests=calls.tests,
    )
    _journal(made, sides)
    made.stops += [sip.endpoint.trunks.stop, sip.endpoint.mailboxes.stop]
    notifier = Notifier.of()
    _lookAfter(made, sides, notifier)
    _judge(made, sides)
    made.parts = Parts(
        common.turns,
        calls.switch,
        xmpp.link,
        xmpp.presence,
        sip.registrations,
        calls.media,
        made.stalls,
        made.readiness,
        sides.clients.takesJingle,
        watchers,
        partial(states, sip.endpoint.trunks.accounts),
    )
    made.report = Report(common.turns, made.readiness, notifier, lambda: f"with {calls.switch.live} calls")
    made.reloadables += _reloadables(sides)
    made.reloadables += (*watchers.reloadables, texting.reloadableOf(sip.endpoint, made.texts), ordered)
    return made


def _sidesOf(common: Common) -> Sides:
    sip = sipSideOf(common)
    routing = routingOf(common, sip.endpoint.trunks)
    xmpp = xmppSideOf(common, routing)
    users = clientsOf(common, sip, routing, xmpp)
    preferences = _preferencesOf(common, xmpp)
    calls = callSideOf(common, sip, routing, xmpp, users, preferences)
    xmpp.link.addHandler(Linked(lost=Stranded(common.turns, lambda: calls.switch.calls).lost))
    return Sides(common, sip, routing, xmpp, users, calls, preferences)


def _preferencesOf(common: Common, xmpp: XMPPSide) -> IPreferences:
    """What users have chosen: in the file of the subscriptions, if there is one."""
    if xmpp.database is None:
        return MemoryPreferences()
    return SQLitePreferences(common.turns, common.settings.subscriptionDatabase, common.disk)


def _observe(made: Gateway, sides: Sides, watchers: Watchers) -> None:
    """Have all parts tell the watchers what happens."""
    events = watchers.events
    sides.sip.endpoint.observe(events)
    sides.clients.observe(events)
    for each in (sides.xmpp.link, sides.calls.media, sides.sip.registrations):
        each.events = events
    sides.calls.switch.reports = watchers.reports
    made.stalls.stalled = watchers.reports.stalled


def _journal(made: Gateway, sides: Sides) -> None:
    """Keep the calls that are up in a file, if there is to be one."""
    common, link = sides.common, sides.xmpp.link
    path = common.settings.callDatabase
    if not path and common.settings.subscriptionDatabase not in ("", "none"):
        path = f"{common.settings.subscriptionDatabase}-calls"
    if path in ("", "none"):
        return
    journal = Journal(common.reactor, path, common.disk)
    bySIP = sides.sip.endpoint.goodbyes.ways
    made.keep(journal, Epilogue(common.turns, journal, bySIP, sides.clients.byXMPP, lambda: link.connected))


def _lookAfter(made: Gateway, sides: Sides, notifier: Notifier) -> None:
    """Watch what must live, and memory; end the process if something cannot be mended."""
    reactor = sides.common.reactor
    made.memory = Memory(reactor)
    sides.calls.limits.hasRoom = made.memory.hasRoom
    alive = notifier.alive if notifier.wantsLife else None
    made.watch = Watch(reactor, (Pulse(reactor), *sides.vitals), partial(endProcess, reactor), alive)


def _judge(made: Gateway, sides: Sides) -> None:
    """Say whether calls can be taken."""
    link, switch, isAboutXMPP = sides.xmpp.link, sides.calls.switch, sides.routing.isAboutXMPP
    isOverloaded, vitals, files = sides.sip.isOverloaded, sides.vitals, Files(sides.common.reactor)
    made.readiness.conditions += [
        Condition("XMPP link", lambda: link.trouble if isAboutXMPP() else "", lambda: link.wasUp),
        Condition("calls", lambda: switch.trouble),
        Condition("reactor", lambda: "there is too much to do" if isOverloaded() else ""),
        Condition("files", lambda: files.trouble),
        Condition("sockets", lambda: "; ".join(filter(None, (vital.missing for vital in vitals)))),
    ]
    sides.sip.endpoint.heed(made.readiness.refusal)


def _objection(made: Gateway) -> CallError | None:
    """Why no text can be taken now, if that is so."""
    trouble = made.readiness.trouble()
    return Congested(trouble) if trouble else None


def _reloadables(sides: Sides) -> tuple[Part, ...]:
    """What can change while the gateway runs."""
    return (
        *sides.sip.reloadables,
        *sides.routing.reloadables,
        *xmppside.reloadablesOf(sides.common, sides.xmpp),
        clients.reloadableOf(sides.clients),
        *callside.reloadablesOf(sides.calls),
    )
