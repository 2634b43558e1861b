# -*- test-case-name: ichatgw.test.gateway.test_build,ichatgw.test.config.test_reloadable -*-
"""
The SIP side: the endpoint, who may call by it, and the registrations of users.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from ipaddress import ip_network

from attrs import frozen

from ichatgw.calls.admission import AccessControl
from ichatgw.config.reload import Part, Reloadable
from ichatgw.config.settings import Settings
from ichatgw.gateway.common import USER_AGENT, Common, messageLogOf
from ichatgw.net.networks import Network
from ichatgw.runtime.turns import MAX_LAG, Turns
from ichatgw.sip.endpoint import Endpoint
from ichatgw.sip.register.schedule import Registrations
from ichatgw.sip.setup import endpointOf
from ichatgw.sip.transport.udp import UDPWire


@frozen
class SIPSide:
    """
    @ivar endpoint: sends and receives.
    @ivar wire: the UDP socket.
    @ivar registrations: of users at their servers.
    @ivar reloadables: what can change while it runs.
    """

    endpoint: Endpoint
    wire: UDPWire
    registrations: Registrations
    reloadables: tuple[Part, ...]
    _turns: Turns

    def isOverloaded(self) -> bool:
        """Is there too much to do for further calls?"""
        return self._turns.isLate or self.wire.lag > MAX_LAG


def sipSideOf(common: Common) -> SIPSide:
    """
    Put it together.

    @raise ConfigError: if a file cannot be used, or the sippy that is installed.
    """
    settings, turns = common.settings, common.turns
    wire = UDPWire(common.reactor, common.addresses, settings.udpTcpPort, turns)
    endpoint, parts = endpointOf(
        common.reactor,
        turns,
        settings,
        common.addresses,
        wire,
        USER_AGENT,
        messageLogOf(settings, common.trails),
        common.identity.fingerprint,
    )
    registrar = endpoint.registrar()
    registrations = Registrations(
        turns,
        registrar,
        settings.registrationTime,
        settings.registrationRetryTime,
        settings.registrationsPerSecond,
    )
    registrar.cut = partial(_cut, registrations, endpoint)
    registrations.appeared, registrations.vanished = endpoint.userMailboxes.begin, endpoint.userMailboxes.end
    access = AccessControl(_peers(settings), lambda host: registrar.trusts(host) or endpoint.isProxy(host))
    endpoint.admit(access.admits)
    reloadables = (
        *parts,
        Reloadable(("allowedSIPPeers",), lambda new: partial(access.open, _peers(new))),
        Reloadable(
            ("logLevel", "logHides"), lambda new: partial(endpoint.logMessages, messageLogOf(new, common.trails))
        ),
    )
    return SIPSide(endpoint, wire, registrations, reloadables, turns)


def _cut(registrations: Registrations, endpoint: Endpoint, aors: list[str]) -> None:
    """There is no way any more on which these were registered."""
    registrations.cut(aors)
    endpoint.mailboxes.cut(aors)


def _peers(settings: Settings) -> tuple[Network, ...]:
    """The hosts that may call by SIP."""
    allowed = settings.allowedSIPPeers
    if settings.outboundProxy is not None:
        with suppress(ValueError):  # it is named, not given as an address
            allowed = (*allowed, ip_network(settings.outboundProxy.host))
    return allowed
