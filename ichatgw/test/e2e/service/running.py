# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
The gateway as a service: its ways to start, its server's restart, its own stop.
"""

from __future__ import annotations

from pathlib import Path

import ichatgw
from ichatgw.test.e2e.support.case import CLEAN, CONTROL, ICHAT_TONE, NUMBER, EndToEnd
from ichatgw.test.e2e.support.moment import until, within

TAC = Path(ichatgw.__file__).parent.parent / "etc" / "ichatgw.tac"


class Reactors(EndToEnd):
    """The gateway on other reactors than the default one."""

    async def test_asyncio(self) -> None:
        """A call goes through on asyncio's loop."""
        await self._carriesACall("-n", "--reactor", "asyncio")

    async def test_poll(self) -> None:
        """A call goes through on poll."""
        await self._carriesACall("-n", "--reactor", "poll")

    async def test_select(self) -> None:
        """A call goes through on select."""
        await self._carriesACall("-n", "--reactor", "select")

    async def test_tac(self) -> None:
        """C{twistd -ny etc/ichatgw.tac} serves."""
        await self._carriesACall("-n", tac=TAC)

    async def _carriesACall(self, *arguments: str, tac: Path | None = None) -> None:
        gateway = await self.startGateway(arguments=arguments, tac=tac)
        ichat = await self.startIChat(listenFor=ICHAT_TONE)
        arrival = ichat.whenCalled()
        phone = await self.startSipp("call", gateway.address, TALKING=1500)
        call = await within(self.clock, 10, arrival)
        await self.sound(call.media, 1.0)
        await phone.succeeded()
        self.assertContent(ichat)


class Restarts(EndToEnd):
    """What happens to calls when a server goes away."""

    async def test_serverRestarts(self) -> None:
        """A call outlives a restart of the XMPP server, the link is back within 6 s, and the next call works."""
        gateway = await self.startGateway()
        ichat, phone = await self.startIChat(), await self.startBaresip()
        call = await self.callIChat(gateway, ichat, phone)
        await self.server.stop()
        await self.sound(call.media, 0.5)
        await self.server.start()
        await gateway.linked(6.0, times=2)
        await self.sound(call.media, 0.5)
        self.assertFalse(call.over)
        call.hangup()
        await phone.told("CALL_CLOSED")
        await self.assertHeardBy(phone)
        again, other = await self.startIChat(resource="again"), await self.startBaresip("second")
        (await self.callIChat(gateway, again, other)).hangup()
        await other.told("CALL_CLOSED")
        self.assertContent(again)

    async def test_reload(self) -> None:
        """At SIGHUP a call stays, and the next one goes by the new rules."""
        gateway = await self.startGateway()
        ichat, phone = await self.startIChat(), await self.startBaresip()
        call = await self.callIChat(gateway, ichat, phone)
        gateway.rule("^sip:999@", "xmpp:scott@gone.test")
        gateway.set("AllowedSIPPeers", "192.0.2.1")
        gateway.set("UDPTCPPort", 1)
        await gateway.reload(f"UDPTCPPort would be 1, but stays {gateway.port} until a restart")
        await gateway.tells("AllowedSIPPeers is now 192.0.2.1/32, it was private")
        self.assertEqual(gateway.said("AllowedSIPPeers is now 192.0.2.1/32, it was private"), 1)
        await gateway.tells("TranslationPattern and TranslationOutput is now 3 rules, it was 2 rules")
        self.assertEqual(gateway.said("TranslationPattern and TranslationOutput is now 3 rules, it was 2 rules"), 1)
        await self.sound(call.media, 0.5)
        await (await self.startSipp("refused", gateway.address, STATUS=403)).succeeded()
        call.hangup()
        await phone.told("CALL_CLOSED")

    async def test_stop(self) -> None:
        """At SIGTERM both sides of a call are hung up, presence is taken back, and the exit is clean within 5 s."""
        gateway = await self.startGateway()
        ichat, phone = await self.startIChat(), await self.startBaresip()
        call = await self.callIChat(gateway, ichat, phone)
        self.assertIn(NUMBER, ichat.account.presences)
        took = await gateway.stop()
        self.assertLess(took, 5.0)
        self.assertIn(gateway.program.status, CLEAN)
        await within(self.clock, 2, call.whenEnded())
        self.assertEqual(call.outcome, "they hung up")
        await phone.told("CALL_CLOSED", 2)
        await self.settle()
        self.assertNotIn(NUMBER, ichat.account.presences)

    async def test_subscriptionsStay(self) -> None:
        """A gateway that is started again shows itself to those who had subscribed, without being asked."""
        database: dict[str, object] = {"SubscriptionDatabase": self.directory("store.sqlite").absolute()}
        gateway = await self.startGateway(settings=database)
        ichat = await self.startIChat()
        await gateway.stop()
        shown = ichat.account.presences
        await until(self.clock, lambda: NUMBER not in shown, "that the number went offline", 3.0)
        await self.startGateway(settings=database)
        await until(self.clock, lambda: NUMBER in shown and CONTROL in shown, "that both came back", 5.0)

    async def test_stopWhileRinging(self) -> None:
        """At SIGTERM a call that still rings ends at both sides."""
        phone = await self.startSipp("ring")
        gateway = await self.startGateway(phone.port)
        ichat = await self.startIChat()
        call = ichat.call(NUMBER)
        await gateway.program.said("is ringing")
        self.assertLess(await gateway.stop(), 5.0)
        await within(self.clock, 2, call.whenEnded())
        self.assertEqual(call.outcome, "declined")
        await phone.succeeded()
