# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Calls that do not come about, and what either side is told.
"""

from __future__ import annotations

from ichatgw.sim.ichat.profile import Action, Calling, Taking
from ichatgw.test.e2e.support.case import NUMBER, EndToEnd
from ichatgw.test.e2e.support.moment import until, within


class PhoneIsTold(EndToEnd):
    """SIP to iChat, not answered."""

    async def test_declined(self) -> None:
        """An iChat that declines is 603 to the phone."""
        gateway = await self.startGateway()
        ichat = await self.startIChat(taking=Taking(action=Action.DECLINE))
        phone = await self.startSipp("refused", gateway.address, STATUS=603)
        await phone.succeeded()
        self.assertContent(ichat)

    async def test_noRoute(self) -> None:
        """An address that no rule matches is 404."""
        gateway = await self.startGateway()
        await (await self.startSipp("refused", gateway.address, "999", STATUS=404)).succeeded()

    async def test_offline(self) -> None:
        """A user who is offline by what the server says is 404."""
        gateway = await self.startGateway()
        ichat = await self.startIChat()
        ichat.account.logout()
        await (await self.startSipp("refused", gateway.address, STATUS=404)).succeeded()

    async def test_silent(self) -> None:
        """A user of whom nothing is heard within C{IChatProceedingTimeout} is 408."""
        gateway = await self.startGateway(settings={"IChatProceedingTimeout": 1000})
        await (await self.startSipp("refused", gateway.address, "anna", STATUS=408)).succeeded()

    async def test_noLink(self) -> None:
        """While the XMPP server is away a phone hears 503 at once, and the log says why."""
        gateway = await self.startGateway()
        await self.server.stop()
        await until(self.clock, lambda: gateway.said("No link to the XMPP server") > 0, "the loss of the link", 5)
        began = self.clock.seconds()
        await (await self.startSipp("refused", gateway.address, STATUS=503)).succeeded()
        self.assertLess(self.clock.seconds() - began, 2.0)
        await gateway.tells("New calls are refused: XMPP link: ")

    async def test_linkLost(self) -> None:
        """A phone that waits for a user hears 503 at once when the XMPP server goes away."""
        gateway = await self.startGateway()
        phone = await self.startSipp("refused", gateway.address, "anna", STATUS=503)
        await until(self.clock, lambda: gateway.said("to 'xmpp:") > 0 or gateway.said(" as 'xmpp:") > 0, "the call", 5)
        await self.server.stop()
        began = self.clock.seconds()
        await phone.succeeded()
        self.assertLess(self.clock.seconds() - began, 3.0)
        await gateway.tells("ended: no_link 'the link to the XMPP server was lost'")
        self.assertEqual(gateway.said("ended: no_link 'the link to the XMPP server was lost'"), 1)

    async def test_errorFromIChat(self) -> None:
        """An iChat that answers C{item-not-found} is 404."""
        gateway = await self.startGateway()
        await self.startIChat(taking=Taking(action=Action.ERROR))
        await (await self.startSipp("refused", gateway.address, STATUS=404)).succeeded()

    async def test_refusedAfterAccept(self) -> None:
        """An iChat that refuses the INVITE with 486 is 486 to the phone."""
        gateway = await self.startGateway()
        await self.startIChat(taking=Taking(code=486))
        await (await self.startSipp("refused", gateway.address, STATUS=486)).succeeded()

    async def test_abandoned(self) -> None:
        """A phone that gives up hears 487, and the iChat vc:cancel."""
        gateway = await self.startGateway()
        ichat = await self.startIChat(taking=Taking(action=Action.IGNORE))
        arrival = ichat.whenCalled()
        phone = await self.startSipp("abandon", gateway.address, RINGING=300)
        call = await within(self.clock, 5, arrival)
        await within(self.clock, 5, call.whenEnded())
        self.assertEqual(call.outcome, "they cancelled")
        await phone.succeeded()
        self.assertContent(ichat)


class IChatIsTold(EndToEnd):
    """iChat to SIP, not answered."""

    async def test_notFound(self) -> None:
        """A 404 of the phone is a declined call to the iChat."""
        await self._refused(404)

    async def test_busy(self) -> None:
        """A 486 of the phone is a declined call to the iChat."""
        await self._refused(486)

    async def _refused(self, status: int) -> None:
        phone = await self.startSipp("refuse", STATUS=status)
        await self.startGateway(phone.port)
        ichat = await self.startIChat()
        call = ichat.call(NUMBER)
        await within(self.clock, 10, call.whenEnded())
        self.assertEqual(call.outcome, "declined")
        await phone.succeeded()
        self.assertContent(ichat)

    async def test_abandoned(self) -> None:
        """An iChat that gives up makes the phone see CANCEL."""
        phone = await self.startSipp("ring")
        await self.startGateway(phone.port)
        ichat = await self.startIChat(calling=Calling(cancelAfter=0.5))
        call = ichat.call(NUMBER)
        await within(self.clock, 10, call.whenEnded())
        self.assertEqual(call.outcome, "cancelled")
        await phone.succeeded()
        self.assertContent(ichat)
