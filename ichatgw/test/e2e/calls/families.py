# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
A gateway that listens to IPv4 and IPv6 (C{IPAddress} is blank), and phones of either family.
"""

from __future__ import annotations

from ichatgw.test.e2e.programs.baresip import Baresip
from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.support.case import PHONE_TONE, EndToEnd


class BothFamilies(EndToEnd):
    """Calls from one family to the other, the gateway having no address of its own."""

    async def startBoth(self, caller: str, called: str, transport: str = "") -> tuple[Gateway, Baresip, Baresip]:
        """A phone at each of the two addresses, and a rule that leads from one to the other."""
        near = await self.startBaresip("near", host=caller)
        far = await self.startBaresip("99", host=called)
        shown = f"[{called}]" if ":" in called else called
        rule = ("^sip:99@", f"sip:99@{shown}:{far.port}{transport}")
        return await self.startGateway(host="", rules=[rule]), near, far

    async def call(self, caller: str, called: str, transport: str = "") -> Gateway:
        """One phone calls the other through the gateway, each hears the other, and the called one hangs up."""
        gateway, near, far = await self.startBoth(caller, called, transport)
        shown = f"[{caller}]" if ":" in caller else caller
        near.command("dial", f"sip:99@{shown}:{gateway.port}{transport}")
        await far.told("CALL_INCOMING")
        far.command("accept")
        await near.told("CALL_ESTABLISHED")
        await self.settle()
        await self.settle()
        await self.settle()
        far.command("hangup")
        await near.told("CALL_CLOSED")
        await self.assertHeardBy(near, PHONE_TONE)
        await self.assertHeardBy(far, PHONE_TONE)
        return gateway

    async def test_fourToSix(self) -> None:
        """A phone on IPv4 calls one on IPv6, over UDP; the gateway listens to both families, with TCP too."""
        gateway = await self.call("127.0.0.1", "::1")
        for host in ("0.0.0.0", "::"):
            for transport in ("UDP", "TCP"):
                await gateway.tells(f"Listening for SIP on {host} port {gateway.port} over {transport}")
        await gateway.tells("INVITE to udp:[::1]:")

    async def test_sixToFour(self) -> None:
        """A phone on IPv6 calls one on IPv4, over TCP."""
        gateway = await self.call("::1", "127.0.0.1", ";transport=tcp")
        await gateway.tells("INVITE from [::1]:")
