# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
What the end-to-end tests of Jingle begin with: clients, and SIP phones inside the test.
"""

from __future__ import annotations

from typing import Any

from twisted.words.xish.domish import Element

from ichatgw.sim.jingle.call import JingleCall
from ichatgw.sim.jingle.callee import IncomingJingleCall
from ichatgw.sim.jingle.client import JinglePhone
from ichatgw.sim.jingle.profile import CONVERSATIONS, ClientProfile
from ichatgw.sim.sip.phone import Phone, PhoneCall
from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.programs.prosody import DOMAIN, password
from ichatgw.test.e2e.support.case import CONTROL, NUMBER, PHONE_TONE, EndToEnd
from ichatgw.test.e2e.support.login import Login
from ichatgw.test.e2e.support.moment import within

JINGLE_TONE = 650
USER = "anna"


class JingleEndToEnd(EndToEnd):
    """
    With clients that have the habits of real ones.

    @ivar messages: those that came to the client that was started last.
    """

    messages: list[Element]

    async def startJingle(
        self, profile: ClientProfile = CONVERSATIONS, account: str = USER, resource: str = "phone", **options: Any
    ) -> JinglePhone:
        """Log a client in, with the control address and a number among its contacts."""
        options = {"say": JINGLE_TONE, "listenFor": PHONE_TONE, **options}
        client = JinglePhone(self.clock, f"{account}@{DOMAIN}/{resource}", clientProfile=profile, **options)
        self.addCleanup(client.stop)
        login = Login(client)
        self.messages = login.messages
        self.addCleanup(login.stop)
        await login.start(self.clock, self.server.clientPort, password(account))
        for contact in (CONTROL, NUMBER) if account not in self._subscribed else ():
            granted = await within(self.clock, 10, client.account.subscribe(contact))
            self.assertTrue(granted, f"{contact} did not let {account} subscribe")
        self._subscribed.add(account)
        await within(self.clock, 10, client.account.whenCallable(NUMBER))
        return client

    def startPhone(self, host: str = "127.0.0.1", **options: Any) -> Phone:
        """A SIP phone inside the test."""
        options = {"say": PHONE_TONE, "listenFor": JINGLE_TONE, "user": "72", **options}
        phone = Phone(self.clock, host, **options)
        phone.start()
        self.addCleanup(phone.stop)
        return phone

    async def phoneCalls(
        self, gateway: Gateway, client: JinglePhone, phone: Phone, uri: str = ""
    ) -> tuple[PhoneCall, IncomingJingleCall]:
        """
        Let a phone call a client that answers; both have heard the other when this fires.

        @param uri: what the phone calls, if not the client's address at the gateway.
        """
        arrival = client.whenCalled()
        outgoing = phone.call(uri or f"sip:{client.jid.partition('@')[0]}@{gateway.address}")
        incoming = await within(self.clock, 10, arrival)
        await within(self.clock, 10, outgoing.whenAnswered())
        await self.bothHear(outgoing, incoming)
        return outgoing, incoming

    async def jingleCalls(
        self, client: JinglePhone, phone: Phone, patience: float = 10.0
    ) -> tuple[JingleCall, PhoneCall]:
        """
        Let a client call a phone that answers; both have heard the other when this fires.

        @param patience: seconds in which the call has to arrive.
        """
        arrival = phone.whenCalled()
        outgoing = client.call(NUMBER)
        incoming = await within(self.clock, patience, arrival)
        await within(self.clock, 10, outgoing.whenConnected())
        await self.bothHear(incoming, outgoing)
        return outgoing, incoming

    async def bothHear(self, one: PhoneCall, other: JingleCall, seconds: float = 0.6) -> None:
        """Wait until each has heard so much more of the other's tone."""
        await within(self.clock, 10, other.whenConnected())
        await self.sound(one.media, seconds)
        await self.sound(other.media, seconds)
