# -*- test-case-name: ichatgw.test.gateway.test_build,ichatgw.test.config.test_reloadable -*-
"""
The calls: the switch, its limits, and the media.
"""

from __future__ import annotations

import os
from base64 import b32encode
from functools import partial

from attrs import frozen
from twisted.logger import Logger

from ichatgw.calls.limits import Limits
from ichatgw.calls.switch import Switch
from ichatgw.config.reload import Reloadable
from ichatgw.forwarding.setup import Forwards, forwardsOf
from ichatgw.gateway.clients import Clients
from ichatgw.gateway.common import Common
from ichatgw.gateway.routing import Routing
from ichatgw.gateway.selfservice import testCallsOf
from ichatgw.gateway.sipside import SIPSide
from ichatgw.interfaces import IDialer
from ichatgw.media.engine import MediaEngine, MediaOptions
from ichatgw.media.relay.medialatch import Elsewhere
from ichatgw.model import Ending, EndReason
from ichatgw.selfservice.testcalls import BACK, SCHEME, BackDialer, EchoDialer, TestCalls
from ichatgw.trunks.directions import Directions
from ichatgw.users.preferences import IPreferences
from ichatgw.xmpp.side import XMPPSide

_log = Logger()

RUN_LETTERS = 6
"""Letters that the names of the calls of one run of the process begin with."""


@frozen
class CallSide:
    """
    @ivar switch: the live calls.
    @ivar limits: how many there may be.
    @ivar media: the relays.
    @ivar forwards: where calls lead that users do not take.
    @ivar tests: the test calls; C{None} if there are none.
    """

    switch: Switch
    limits: Limits
    media: MediaEngine
    forwards: Forwards
    tests: TestCalls | None


def callSideOf(
    common: Common, sip: SIPSide, routing: Routing, xmpp: XMPPSide, clients: Clients, preferences: IPreferences
) -> CallSide:
    """Put it together, and have all calls come here."""
    settings, turns, endpoint = common.settings, common.turns, sip.endpoint
    media = _mediaOf(common)
    limits = Limits(turns, settings.callsPerCaller, settings.callsPerSecond)
    dialers: dict[str, IDialer] = {"sip": endpoint, "sips": endpoint}
    switch = Switch(turns, routing.routes, media, dialers, maxCalls=settings.maxCalls, limits=limits)
    media.lost = partial(_portLost, switch)
    switch.alwaysRelay = settings.alwaysRelayIChatMedia
    switch.resident = sip.registrations.resident
    switch.introduced = routing.routes.introduced
    switch.directed = Directions(routing.rights, endpoint.trunks.isTrunk).route
    switch.run = f"{b32encode(os.urandom(5)).decode()[:RUN_LETTERS].lower()}-"
    for part in (endpoint, switch):
        part.shed(sip.isOverloaded)
    endpoint.limit(switch.isFull)
    endpoint.matchers.append(clients.iChat)
    endpoint.arrivals = switch
    clients.deliver(switch)
    forwards = forwardsOf(turns, settings, clients.dialer, dialers, switch, preferences, routing.rights, xmpp.guests)
    dialers["xmpp"] = forwards.dialer
    tests = testCallsOf(common, switch)
    if tests is not None:
        dialers |= {SCHEME: EchoDialer(tests), BACK: BackDialer(tests, clients.dialer)}
    clients.ringOn(forwards.dialer.ringsOn)
    return CallSide(switch, limits, media, forwards, tests)


def _portLost(switch: Switch, call: str, why: str) -> None:
    """A call that hears nothing any more ends."""
    live = switch.find(call)
    if live is not None:
        _log.error("call={call} ends: {why}", call=call, why=why)
        live.hangup(Ending(EndReason.FAILED, why))


def _mediaOf(common: Common) -> MediaEngine:
    settings = common.settings
    return MediaEngine(
        common.reactor,
        common.addresses,
        MediaOptions(
            settings.mediaRelayPortRangeMin,
            settings.mediaRelayPortRangeMax,
            elsewhere=Elsewhere(settings.mediaFromOtherHosts),
            patience=settings.mediaTimeout,
        ),
        identity=common.identity,
    )


def reloadablesOf(calls: CallSide) -> tuple[Reloadable, ...]:
    """What can change while they go on."""
    switch, limits = calls.switch, calls.limits
    return (
        calls.forwards.reloadable,
        Reloadable(
            ("alwaysRelayIChatMedia",), lambda new: partial(setattr, switch, "alwaysRelay", new.alwaysRelayIChatMedia)
        ),
        Reloadable(("maxCalls",), lambda new: partial(setattr, switch, "maxCalls", new.maxCalls)),
        Reloadable(("callsPerCaller",), lambda new: partial(setattr, limits, "perCaller", new.callsPerCaller)),
        Reloadable(("callsPerSecond",), lambda new: partial(setattr, limits, "perSecond", new.callsPerSecond)),
    )
