# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
What changes in the middle of calls between phones, and phones that answer in odd ways.
"""

from __future__ import annotations

from ichatgw.test.e2e.programs.baresip import Baresip
from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.support.case import EndToEnd
from ichatgw.test.e2e.support.moment import pause

HELD = r"a=sendonly"


class _Phones(EndToEnd):
    """One phone calls another one, by a number at the gateway."""

    async def startPhoneGateway(self, port: int) -> Gateway:
        """Numbers lead to the phone at C{port}, no matter who calls."""
        return await self.startGateway(port, rules=((r"^sips?:(\d+)@", f"sip:$1@127.0.0.1:{port}"),))

    async def dial(self, phone: Baresip, gateway: Gateway) -> None:
        """C{phone} calls; the call is answered when this fires."""
        phone.command("dial", f"sip:72@{gateway.address}")
        await phone.told("CALL_ESTABLISHED", 20)


class BetweenPhones(_Phones):
    """What one does, the other one hears of."""

    async def test_hold(self) -> None:
        """A phone (baresip) holds and resumes; the one that it called (sipp) is told so by re-INVITEs."""
        called = await self.startSipp("toldheld")
        gateway = await self.startPhoneGateway(called.port)
        phone = await self.startBaresip()
        await self.dial(phone, gateway)
        phone.command("hold")
        await gateway.program.said(r"leg=sip-in-\S+ .*is sendonly with PCMU", 20)
        await gateway.program.said(r"leg=sip-out-\S+.* goes along: sendrecv", 20)
        await pause(self.clock, 1)  # baresip takes no order to resume before its re-INVITE is over
        phone.command("resume")
        await gateway.program.said(r"leg=sip-in-\S+ .*is sendrecv with PCMU", 20)
        await gateway.program.said(r"(?s)(goes along: .*?){2}", 20)
        phone.command("hangup")
        await called.succeeded()

    async def test_held(self) -> None:
        """A phone that was called (sipp) holds and resumes; the caller (baresip) is told so, and answers."""
        called = await self.startSipp("held", TALKING=500, HELD=1500, ENDING=1500)
        gateway = await self.startPhoneGateway(called.port)
        phone = await self.startBaresip()
        await self.dial(phone, gateway)
        await phone.program.said(HELD, 20)
        await gateway.program.said(r"leg=sip-in-\S+.* goes along", 20)
        await gateway.program.said(r"leg=sip-out-\S+ .*is sendrecv with PCMU", 20)
        await gateway.program.said(r"(?s)(leg=sip-in-\S+.* goes along.*?){2}", 20)
        await called.succeeded()
        await phone.told("CALL_CLOSED", 20)

    async def test_everything(self) -> None:
        """
        A phone refreshes its session, holds by UPDATE, resumes by a re-INVITE without an offer, presses a key, asks for
        a session that is too short, for what we can, and sends a text; the one that it called is told what concerns it.
        """
        called = await self.startSipp("modified")
        gateway = await self.startPhoneGateway(called.port)
        caller = await self.startSipp("modify", gateway.address, "72")
        await caller.succeeded()
        await called.succeeded()

    async def test_reliable(self) -> None:
        """A phone that rings reliably is acknowledged."""
        called = await self.startSipp("reliable")
        gateway = await self.startPhoneGateway(called.port)
        phone = await self.startBaresip()
        await self.dial(phone, gateway)
        phone.command("hangup")
        await called.succeeded()

    async def test_demanded(self) -> None:
        """A caller who demands reliable ringing gets it."""
        called = await self.startSipp("answer", RINGING=500)
        gateway = await self.startPhoneGateway(called.port)
        caller = await self.startSipp("demand", gateway.address, "72", TALKING=500)
        await caller.succeeded()
        await called.succeeded()

    async def test_forked(self) -> None:
        """Of two phones that answer the first is talked to, the second one hung up."""
        called = await self.startSipp("forked")
        gateway = await self.startPhoneGateway(called.port)
        phone = await self.startBaresip()
        await self.dial(phone, gateway)
        await gateway.program.said("has answered too, and is told to hang up", 20)
        await self.settle()
        self.assertNotIn("CALL_CLOSED", [name for name, _ in phone.events])
        phone.command("hangup")
        await called.succeeded()


class Refreshed(_Phones):
    """Time passes."""

    timeout = 150

    async def test_bothTurns(self) -> None:
        """
        A call is refreshed by us at half of the shortest time that there is, by UPDATE; then the phone takes its turn,
        and vanishes: the caller is told.
        """
        called = await self.startSipp("refreshed", patience=140)
        gateway = await self.startPhoneGateway(called.port)
        phone = await self.startBaresip()
        await self.dial(phone, gateway)
        await gateway.program.said("the session was not refreshed in time", 120)
        await phone.told("CALL_CLOSED", 20)
        await called.succeeded()


class BetweenPhoneAndIChat(EndToEnd):
    """An iChat is not held."""

    async def test_hold(self) -> None:
        """
        While a phone holds its call with an iChat, the iChat hears silence, and stays, though it hangs up after ten
        seconds without media; then both hear each other.
        """
        gateway = await self.startGateway()
        ichat, phone = await self.startIChat(), await self.startBaresip()
        call = await self.callIChat(gateway, ichat, phone)
        phone.command("hold")
        await gateway.program.said(r"leg=sip-in-\S+ .*is sendonly", 20)
        await pause(self.clock, 12)
        self.assertFalse(call.over)
        phone.command("resume")
        await gateway.program.said(r"leg=sip-in-\S+ .*is sendrecv", 20)
        await self.sound(call.media)
        call.hangup()
        await phone.told("CALL_CLOSED", 20)
        self.assertContent(ichat)
