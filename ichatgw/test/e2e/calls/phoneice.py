# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Phones that do ICE.
"""

from __future__ import annotations

from ichatgw.test.e2e.programs.baresip import Baresip
from ichatgw.test.e2e.support.case import EndToEnd

_MODULES = "module stun.so\nmodule ice.so\n"


class PhoneICE(EndToEnd):
    """Of a phone with ICE each hears the other, no matter who calls."""

    async def phone(self) -> Baresip:
        """One with ICE."""
        return await self.startBaresip(more=_MODULES, account="<sip:72@127.0.0.1>;regint=0;medianat=ice")

    async def test_phoneCalls(self) -> None:
        """Its offer is answered with the lite end of ICE, whatever the settings say."""
        gateway, ichat, phone = await self.startGateway(), await self.startIChat(), await self.phone()
        (await self.callIChat(gateway, ichat, phone)).hangup()
        await phone.told("CALL_CLOSED")
        await self.assertHeardBy(phone)
        self.assertIn("a=ice-lite", phone.program.output)

    async def test_phoneIsCalled(self) -> None:
        """It is offered ICE if that is set, and answers with it."""
        phone = await self.phone()
        await self.startGateway(phone.port, settings={"SIPOffersICE": "on"})
        ichat = await self.startIChat()
        (await self.callPhone(ichat, phone)).hangup()
        await phone.told("CALL_CLOSED")
        await self.assertHeardBy(phone)
        self.assertIn("a=ice-lite", phone.program.output)
