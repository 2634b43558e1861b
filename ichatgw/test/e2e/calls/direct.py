# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Calls whose media goes from phone to phone: C{AlwaysRelayIChatMedia} is off.
"""

from __future__ import annotations

from ichatgw.test.e2e.support.case import PHONE_TONE, EndToEnd
from ichatgw.test.e2e.support.moment import until


class DirectMedia(EndToEnd):
    """From phone to phone, and with an iChat."""

    async def test_phones(self) -> None:
        """Each hears the other, and the gateway has no part in it."""
        near, far = await self.startBaresip("near"), await self.startBaresip("99")
        rule = ("^sip:99@", f"sip:99@127.0.0.1:{far.port}")
        gateway = await self.startGateway(rules=[rule], settings={"AlwaysRelayIChatMedia": "off"})
        near.command("dial", f"sip:99@{gateway.address}")
        await far.told("CALL_INCOMING")
        far.command("accept")
        await near.told("CALL_ESTABLISHED")
        for _ in range(4):
            await self.settle()
        far.command("hangup")
        await near.told("CALL_CLOSED")
        await self.assertHeardBy(near, PHONE_TONE)
        await self.assertHeardBy(far, PHONE_TONE)
        await until(self.clock, lambda: gateway.said("media: went from party to party"), "the end of the call")

    async def test_iChat(self) -> None:
        """A call with an iChat is relayed all the same."""
        gateway = await self.startGateway(settings={"AlwaysRelayIChatMedia": "off"})
        ichat, phone = await self.startIChat(), await self.startBaresip()
        (await self.callIChat(gateway, ichat, phone)).hangup()
        await phone.told("CALL_CLOSED")
        await self.assertHeardBy(phone)
        self.assertFalse(gateway.said("went from party to party"))
