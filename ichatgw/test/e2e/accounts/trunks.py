# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Calls by trunks: Kamailio plays the providers.
"""

from __future__ import annotations

from twisted.words.xish.domish import Element

from ichatgw.sim.jingle.client import JinglePhone
from ichatgw.sim.sip.phone import Phone
from ichatgw.sim.xmpp import xml
from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.programs.prosody import COMPONENT, DOMAIN
from ichatgw.test.e2e.programs.provider import ACCOUNT, NUMBERS, PASSWORD, Provider
from ichatgw.test.e2e.support.case import PORTS
from ichatgw.test.e2e.support.jinglecase import USER, JingleEndToEnd
from ichatgw.test.e2e.support.moment import until, within


class Trunks(JingleEndToEnd):
    """A gateway with two trunks, and hosts that may call by nothing else."""

    async def startProviders(self, phone: Phone) -> tuple[Provider, Provider]:
        """The second one puts the number that is called into the Request-URI."""
        made = tuple(
            Provider(self.clock, self.directory(name), PORTS, phone.address, inRequestURI=name == "second")
            for name in ("first", "second")
        )
        for provider in made:
            self.ending(provider)
            await provider.start()
        return made[0], made[1]

    async def startTrunks(self, *providers: Provider) -> Gateway:
        """The gateway; fires when its trunks are registered."""
        rules = [
            (rf"^xmpp:(\d+)@{COMPONENT}$", "sip:$1@first,second"),
            (rf"^sip:{NUMBERS[0]}@(?:first|second)$", f"xmpp:{USER}@{DOMAIN}"),
        ]
        trunks: list[tuple[str, object]] = []
        for name, provider in zip(("first", "second"), providers, strict=True):
            trunks += [
                ("Trunk", name),
                ("TrunkServer", f"sip:127.0.0.1:{provider.port}"),
                ("TrunkUser", ACCOUNT),
                ("TrunkPassword", PASSWORD),
                ("TrunkNumbers", ", ".join(NUMBERS)),
                *([("TrunkExtensions", "gruu")] if name == "second" else []),
            ]
        gateway = await self.startGateway(rules=rules, settings={"AllowedSIPPeers": "192.0.2.1"}, lines=trunks)
        for provider in providers:
            await provider.registered()
        return gateway

    async def test_bothWays(self) -> None:
        """
        Who dials a number of a trunk rings a user's client, whichever way the provider says it; the client calls by the
        first trunk, under a number of it, and by the second within 4 s after the first has gone.  The second one has
        given the gateway an address that leads to it from anywhere, and what is said within calls arrives by that.
        """
        phone = self.startPhone()
        providers = await self.startProviders(phone)
        gateway = await self.startTrunks(*providers)
        client = await self.startJingle()
        for provider in providers:
            called = f"sip:{NUMBERS[0]}@127.0.0.1:{provider.port}"
            outgoing, incoming = await self.phoneCalls(gateway, client, phone, called)
            outgoing.hangup()
            await within(self.clock, 5, incoming.whenEnded())

        call, answered = await self.jingleCalls(client, phone)
        self.assertIn(f"CALLED 72 by {ACCOUNT} as", providers[0].program.output)
        self.assertNotIn("CALLED", providers[1].program.output)
        answered.hangup()
        await within(self.clock, 5, call.whenEnded())

        await providers[0].stop()
        call, answered = await self.jingleCalls(client, phone, patience=4.0)
        self.assertIn(f"CALLED 72 by {ACCOUNT} as", providers[1].program.output)
        self.assertIn(f" at <sip:{ACCOUNT}@127.0.0.1;gr=urn:uuid:", providers[1].program.output)
        answered.hangup()
        await within(self.clock, 5, call.whenEnded())
        self.assertEqual(gateway.faults(), [])
        self.assertEqual(gateway.said(PASSWORD), 0)

    async def test_texts(self) -> None:
        """
        What a client writes to a number goes by the first trunk, which demands a login, and by the second when that has
        gone; what somebody writes to a number of a trunk reaches its user, from an address that can be answered.
        """
        phone = self.startPhone()
        providers = await self.startProviders(phone)
        gateway = await self.startTrunks(*providers)
        client = await self.startJingle()
        await self.writesBothWays(client, phone, providers[0], 1)
        await providers[0].stop()
        await self.writesBothWays(client, phone, providers[1], 2)
        self.assertEqual(gateway.faults(), [])
        self.assertEqual(gateway.said(PASSWORD), 0)

    async def writesBothWays(self, client: JinglePhone, phone: Phone, provider: Provider, count: int) -> None:
        """
        A text goes out by a provider, and another one comes in.

        @param count: how many have gone, with this one.
        """
        client.account.send(chat(f"72@{COMPONENT}", f"out {count}"))
        await until(self.clock, lambda: len(phone.texts) == count, "a text")
        writer, body = phone.texts[-1]
        self.assertEqual((writer.partition("@")[0], body), (f"sip:{ACCOUNT}", f"out {count}"))
        self.assertIn(f"CALLED 72 by {ACCOUNT} as", provider.program.output)
        written = phone.write(f"sip:{NUMBERS[0]}@127.0.0.1:{provider.port}", f"in {count}")
        self.assertEqual(await within(self.clock, 10, written), 202)
        await until(self.clock, lambda: len(client.account.messages) == count, "a message")
        writer, body = client.account.messages[-1]
        self.assertEqual(body, f"in {count}")
        self.assertTrue(writer.endswith(f"@{COMPONENT}"), writer)

    async def test_strangers(self) -> None:
        """A host that is no peer calls nobody, by the address of the gateway, the name of a trunk or its number."""
        phone = self.startPhone(host="127.0.0.9")
        providers = await self.startProviders(phone)
        gateway = await self.startTrunks(*providers)
        await self.startJingle()
        for called in (f"{NUMBERS[0]}@{gateway.address}", f"{ACCOUNT}@{gateway.address}", f"{USER}@{gateway.address}"):
            call = phone.call(f"sip:{called}")
            await within(self.clock, 5, call.whenEnded())
            self.assertEqual(call.status, 403)
            status = await within(self.clock, 5, phone.write(f"sip:{called}", "hello"))
            self.assertEqual(status, 403)


def chat(to: str, text: str) -> Element:
    """A chat message."""
    message = xml.element("message", type="chat", to=to)
    xml.add(message, "body", text=text)
    return message
