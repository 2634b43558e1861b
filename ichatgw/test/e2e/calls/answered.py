# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Calls that are answered, both ways, with sound both ways.
"""

from __future__ import annotations

from ichatgw.sim.ichat.profile import SNOW, Action, Quirks, Taking
from ichatgw.test.e2e.support.case import ICHAT_TONE, NUMBER, EndToEnd
from ichatgw.test.e2e.support.moment import within


class PhoneCallsIChat(EndToEnd):
    """SIP to iChat."""

    async def test_iChatHangsUp(self) -> None:
        """A phone calls an iChat, each hears the other's tone, and the iChat hangs up."""
        gateway = await self.startGateway()
        ichat, phone = await self.startIChat(), await self.startBaresip()
        call = await self.callIChat(gateway, ichat, phone)
        call.hangup()
        await phone.told("CALL_CLOSED")
        await self.assertHeardBy(phone)
        self.assertContent(ichat)

    async def test_phoneHangsUp(self) -> None:
        """A phone calls an iChat, each hears the other's tone, and the phone hangs up."""
        gateway = await self.startGateway()
        ichat, phone = await self.startIChat(profile=SNOW), await self.startBaresip()
        call = await self.callIChat(gateway, ichat, phone)
        phone.command("hangup")
        await within(self.clock, 5, call.whenEnded())
        self.assertEqual(call.outcome, "they hung up")
        await self.assertHeardBy(phone)
        self.assertContent(ichat)

    async def test_ipv6(self) -> None:
        """All of it works on IPv6, where an iChat sends nothing before it has received something."""
        gateway = await self.startGateway(host="::1", settings={"PreferIPv6": "on"})
        ichat, phone = await self.startIChat(host="::1"), await self.startBaresip(host="::1")
        (await self.callIChat(gateway, ichat, phone)).hangup()
        await phone.told("CALL_CLOSED")
        await self.assertHeardBy(phone)

    async def test_twoResources(self) -> None:
        """Both iChats of a user ring; when one answers, the other hears vc:cancel."""
        gateway = await self.startGateway()
        winner = await self.startIChat(taking=Taking(delay=0.5))
        loser = await self.startIChat(resource="Mini", taking=Taking(action=Action.IGNORE))
        lost = loser.whenCalled()
        phone = await self.startBaresip()
        await self.callIChat(gateway, winner, phone)
        ring = await within(self.clock, 1, lost)
        await within(self.clock, 2, ring.whenEnded())
        self.assertEqual(ring.outcome, "they cancelled")
        phone.command("hangup")
        await self.assertHeardBy(phone)
        self.assertContent(winner, loser)


class IChatCallsPhone(EndToEnd):
    """iChat to SIP."""

    async def test_baresip(self) -> None:
        """An iChat calls a phone, each hears the other's tone, and the phone hangs up."""
        phone = await self.startBaresip("72")
        await self.startGateway(phone.port)
        ichat = await self.startIChat()
        call = ichat.call(NUMBER)
        await phone.told("CALL_INCOMING")
        phone.command("accept")
        await within(self.clock, 10, call.whenAnswered())
        await self.sound(call.media)
        phone.command("hangup")
        await within(self.clock, 5, call.whenEnded())
        self.assertEqual(call.outcome, "they hung up")
        await self.assertHeardBy(phone)
        self.assertContent(ichat)

    async def test_sipp(self) -> None:
        """An iChat calls another make of phone, hears its own tone as an echo, and hangs up."""
        phone = await self.startSipp("answer", RINGING=200)
        await self.startGateway(phone.port)
        ichat = await self.startIChat(listenFor=ICHAT_TONE, quirks=Quirks(junk=True, otherCase=True))
        call = ichat.call(NUMBER)
        await within(self.clock, 10, call.whenAnswered())
        await self.sound(call.media)
        call.hangup()
        await phone.succeeded()
        self.assertContent(ichat)
