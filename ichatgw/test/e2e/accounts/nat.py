# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
A gateway at home, behind a NAT, with accounts at two providers, of which it knows user and password.
"""

from __future__ import annotations

from typing import Any

from ichatgw.test.e2e.programs.natnetwork import OFFICE, PHONE, PROVIDERS, NATNetwork
from ichatgw.test.e2e.programs.prosody import COMPONENT, DOMAIN, Prosody
from ichatgw.test.e2e.programs.provider import ACCOUNT, NUMBERS, PASSWORD, Provider, recipe
from ichatgw.test.e2e.support.case import PORTS
from ichatgw.test.e2e.support.jinglecase import USER, JingleEndToEnd
from ichatgw.test.e2e.support.moment import pause, within
from ichatgw.test.marks import alone

SILENCE = 30
"""Seconds after which the NAT forgets a flow: less than from one keepalive to the one after the next."""


class OfficeProsody(Prosody):
    """One that is reached by others than this host."""

    COMPONENT_HOST = "*"


class BehindNAT(JingleEndToEnd):
    """Nothing leads in but what the gateway has sent out before."""

    makeServer = OfficeProsody

    async def setUp(self) -> None:  # type: ignore[override]
        self.network = NATNetwork(SILENCE)
        self.network.start()
        self.addCleanup(self.network.stop)
        await super().setUp()

    async def startProvider(self, host: str, phone: Any, **how: Any) -> Provider:
        """One at that address, which calls to that phone."""
        provider = Provider(self.clock, self.directory(f"provider-{host}"), PORTS, phone.address, host=host, **how)
        self.ending(provider)
        await provider.start()
        return provider

    @alone
    async def test_calls(self) -> None:
        """
        The trunk is registered and kept open: a call to its number rings a client after the NAT would have forgotten
        the way in, and both hear each other.  When the provider has gone the next call goes by the other within 4 s.
        """
        phone = self.startPhone(host=PHONE, symmetric=True)
        first = await self.startProvider(PROVIDERS[0], phone, incoming=recipe())
        second = await self.startProvider(PROVIDERS[1], phone, inRequestURI=True)
        lines: list[tuple[str, object]] = []
        for name, provider in (("first", first), ("second", second)):
            lines += [
                ("Trunk", name),
                ("TrunkServer", f"sip:{provider.host}:{provider.port}"),
                ("TrunkUser", ACCOUNT),
                ("TrunkPassword", PASSWORD),
                ("TrunkProbeTime", 0),  # or these would keep the way open
            ]
        rules = [
            (rf"^xmpp:(\d+)@{COMPONENT}$", "sip:$1@first,second"),
            (rf"^sip:{NUMBERS[0]}@(?:first|second)$", f"xmpp:{USER}@{DOMAIN}"),
        ]
        gateway = await self.startGateway(
            host="", rules=rules, settings={"JabberServer": OFFICE}, lines=lines, within=self.network.within
        )
        begun = self.clock.seconds()
        for provider in (first, second):
            await provider.registered()
        client = await self.startJingle(host=OFFICE)

        await pause(self.clock, max(0.0, begun + SILENCE + 1.5 - self.clock.seconds()))
        outgoing, incoming = await self.phoneCalls(
            gateway, client, phone, f"sip:{NUMBERS[0]}@{PROVIDERS[0]}:{first.port}"
        )
        outgoing.hangup()
        await within(self.clock, 5, incoming.whenEnded())

        await first.stop()
        call, answered = await self.jingleCalls(client, phone, patience=4.0)
        call.hangup()
        await within(self.clock, 5, answered.whenEnded())
        self.assertEqual(gateway.faults(), [])
