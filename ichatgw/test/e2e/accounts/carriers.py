# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
What a registrar can grant beyond a registration, and what it tells of: Kamailio plays a carrier.
"""

from __future__ import annotations

from functools import partial
from uuid import uuid4

from twisted.internet.defer import Deferred

from ichatgw.model import TransportAddress
from ichatgw.sim.jingle.client import JinglePhone
from ichatgw.sim.sip.message import SIPMessage
from ichatgw.sim.sip.phone import Phone
from ichatgw.test.e2e.programs.carrier import SUBSCRIPTION, Core, Edge, requireModules
from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.programs.prosody import COMPONENT, DOMAIN
from ichatgw.test.e2e.programs.provider import ACCOUNT, NUMBERS, PASSWORD
from ichatgw.test.e2e.support.case import PORTS
from ichatgw.test.e2e.support.jinglecase import USER, JingleEndToEnd
from ichatgw.test.e2e.support.moment import until, within


class Carriers(JingleEndToEnd):
    """A gateway with one trunk."""

    timeout = 150

    async def startCarrier(self, phone: Phone, edges: int = 0) -> tuple[Core, list[Edge]]:
        """The core, and as many edges."""
        requireModules()
        core = Core(self.clock, self.directory("core"), PORTS, phone.address)
        made = [Edge(self.clock, self.directory(f"edge{n}"), PORTS, core.port) for n in range(1, edges + 1)]
        for program in (core, *made):
            self.ending(program)
            await program.start()
        return core, made

    async def startTrunk(self, core: Core, *lines: tuple[str, object]) -> Gateway:
        """The gateway, with these settings of the trunk beside its account."""
        rules = [
            (rf"^xmpp:(\d+)@{COMPONENT}$", "sip:$1@carrier"),
            (rf"^sip:{NUMBERS[1]}@carrier$", f"xmpp:{USER}@{DOMAIN}"),
        ]
        trunk: list[tuple[str, object]] = [
            ("Trunk", "carrier"),
            ("TrunkServer", f"sip:127.0.0.1:{core.port}"),
            ("TrunkUser", ACCOUNT),
            ("TrunkPassword", PASSWORD),
            ("TrunkNumbers", ", ".join(NUMBERS)),
            *lines,
        ]
        return await self.startGateway(rules=rules, settings={"AllowedSIPPeers": "192.0.2.1"}, lines=trunk)

    async def test_flows(self) -> None:
        """
        A trunk with two edges is registered by each, and the registrar keeps the two apart (RFC 5626): when one edge
        has gone calls come by the other one, and leave by it within four seconds.
        """
        phone = self.startPhone()
        core, edges = await self.startCarrier(phone, 2)
        proxies = [("TrunkProxy", f"sip:127.0.0.1:{edge.port}") for edge in edges]
        gateway = await self.startTrunk(core, *proxies)
        for number in (1, 2):
            await core.program.said(rf"SAVED {ACCOUNT} for 600 s with .*reg-id={number}")
        client = await self.startJingle()
        called = f"sip:{NUMBERS[1]}@127.0.0.1:{core.port}"
        for alive in (2, 1):
            outgoing, incoming = await self.phoneCalls(gateway, client, phone, called)
            outgoing.hangup()
            await within(self.clock, 5, incoming.whenEnded())
            call, answered = await self.jingleCalls(client, phone, patience=4.0)
            answered.hangup()
            await within(self.clock, 5, call.whenEnded())
            if alive == 2:
                await edges[0].stop()
        self.assertIn(f"CALLED 72 by {ACCOUNT} by port {edges[1].port}", core.program.output)
        self.assertIn(";ob>", core.program.output.partition("CALLED")[2])
        self.assertEqual(gateway.faults(), [])

    async def test_bulk(self) -> None:
        """One registration is for all numbers of the account (RFC 6140), and calls say in it which they are for."""
        phone = self.startPhone()
        core, _ = await self.startCarrier(phone)
        gateway = await self.startTrunk(core, ("TrunkExtensions", "bulk"))
        await core.program.said(rf"SAVED {ACCOUNT} for 600 s with gin at <sip:127\.0\.0\.1:\d+;")
        client = await self.startJingle()
        called = f"sip:{NUMBERS[1]}@127.0.0.1:{core.port}"
        outgoing, incoming = await self.phoneCalls(gateway, client, phone, called)
        outgoing.hangup()
        await within(self.clock, 5, incoming.whenEnded())
        self.assertEqual(gateway.faults(), [])

    async def test_mailbox(self) -> None:
        """
        The mailbox of a trunk is subscribed to, with its login; what waits there is a message to the user with that
        number, and the subscription is renewed before it ends, and ended when the gateway stops.
        """
        phone = self.startPhone()
        core, _ = await self.startCarrier(phone)
        gateway = await self.startTrunk(core, ("TrunkMailbox", NUMBERS[1]))
        client = await self.startJingle()
        await core.program.said(f"SUBSCRIBED {NUMBERS[1]} for 3600")
        tag = ""
        for new, words in ((2, "2 new messages"), (0, "No new messages")):
            tag = await self.publish(phone, core, new, tag)
            await until(self.clock, partial(_has, client, words), words)
        await core.program.said("(?s)(SUBSCRIBED .* for 3600 s.*){2}", SUBSCRIPTION)
        self.assertEqual(gateway.faults(), [])
        await gateway.stop()
        await core.program.said("SUBSCRIBED .* for 0 s")

    async def publish(self, phone: Phone, core: Core, new: int, before: str) -> str:
        """
        So many messages wait in the mailbox.

        @param before: what was given the last time (RFC 3903); empty for the first one.
        """
        uri = f"sip:{NUMBERS[1]}@127.0.0.1:{core.port}"
        waiting = "yes" if new else "no"
        publish = SIPMessage("PUBLISH", uri, body=f"Messages-Waiting: {waiting}\r\nVoice-Message: {new}/0\r\n")
        publish.headers = [
            ("Via", phone.agent.via()),
            ("Max-Forwards", "70"),
            ("To", f"<{uri}>"),
            ("From", f"<{uri}>;tag={new}"),
            ("Call-ID", str(uuid4())),
            ("CSeq", "1 PUBLISH"),
            ("Event", "message-summary"),
            ("Expires", "600"),
            ("Content-Type", "application/simple-message-summary"),
            *([("SIP-If-Match", before)] if before else []),
        ]
        answered: Deferred[SIPMessage | None] = Deferred()
        phone.agent.send(publish, TransportAddress("127.0.0.1", core.port), answered.callback)
        response = await within(self.clock, 5, answered)
        assert response is not None
        return response.get("SIP-ETag")


def _has(client: JinglePhone, words: str) -> bool:
    return words in [body for _, body in client.account.messages]
