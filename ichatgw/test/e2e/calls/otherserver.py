# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
The same with ejabberd, whose answers to probes, subscriptions and unknown users are not those of Prosody.
"""

from __future__ import annotations

from ichatgw.sim.sip.phone import Phone
from ichatgw.test.e2e.programs.ejabberd import Ejabberd
from ichatgw.test.e2e.support.case import ICHAT_TONE, NUMBER, PHONE_TONE, EndToEnd
from ichatgw.test.e2e.support.moment import pause, until, within


class OnEjabberd(EndToEnd):
    """Subscriptions, calls both ways, who is not there, and a server that goes and comes back."""

    makeServer = Ejabberd

    async def test_bothWays(self) -> None:
        """A phone calls an iChat, and the iChat calls the phone; each hears the other both times."""
        phone = await self.startBaresip("72")
        gateway = await self.startGateway(phone.port)
        ichat = await self.startIChat()
        (await self.callIChat(gateway, ichat, phone)).hangup()
        await phone.told("CALL_CLOSED")
        await self.assertHeardBy(phone)
        call = ichat.call(NUMBER)
        await phone.told("CALL_INCOMING")
        phone.command("accept")
        await within(self.clock, 10, call.whenAnswered())
        await self.sound(call.media)
        phone.command("hangup")
        await within(self.clock, 5, call.whenEnded())
        self.assertContent(ichat)

    async def test_notThere(self) -> None:
        """Of users who are offline, or whom it does not know, this server says nothing: they are 408 after a while."""
        gateway = await self.startGateway(settings={"IChatProceedingTimeout": 1000})
        ichat = await self.startIChat()
        ichat.account.logout()
        for user in ("scott", "nobody"):
            await (await self.startSipp("refused", gateway.address, user, STATUS=408)).succeeded()

    async def test_comesOnline(self) -> None:
        """A user who comes online while a phone waits rings; one who does so after that does not."""
        gateway = await self.startGateway(settings={"IChatProceedingTimeout": 3000})
        ichat = await self.startIChat()
        phone = Phone(self.clock, say=PHONE_TONE, listenFor=ICHAT_TONE)
        phone.start()
        self.addCleanup(phone.stop)
        for late in (False, True):
            ichat.account.logout()
            await pause(self.clock, 0.5)
            arrival = ichat.whenCalled()
            call = phone.call(f"sip:scott@{gateway.address}")
            await pause(self.clock, 1.0)
            if late:
                await within(self.clock, 10, call.whenEnded())
                self.assertEqual(call.status, 408)
            self.assertFalse(arrival.called)
            ichat.account.login()
            if late:
                await pause(self.clock, 1.0)
                self.assertFalse(arrival.called)
                return
            taken = await within(self.clock, 5, arrival)
            await within(self.clock, 5, taken.whenAnswered())
            await self.sound(taken.media)
            call.hangup()
            await within(self.clock, 5, taken.whenEnded())

    async def test_serverComesBack(self) -> None:
        """When the server is there again so is the link, and who was subscribed can be called."""
        gateway = await self.startGateway()
        await self.startIChat()
        await self.server.stop()
        await until(self.clock, lambda: gateway.said("No link to the XMPP server") > 0, "the loss of the link", 5)
        await self.server.start()
        await gateway.linked(20, times=2)
        await pause(self.clock, 0.2)
        ichat = await self.startIChat(resource="again")
        phone = await self.startBaresip()
        (await self.callIChat(gateway, ichat, phone)).hangup()
        await phone.told("CALL_CLOSED")
