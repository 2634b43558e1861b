# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
A gateway that is killed while people talk, and started again.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from twisted.web.client import Agent, readBody

from ichatgw.observe.archive.archive import LATE
from ichatgw.sim.jingle.callee import JingleTaking, Pickup
from ichatgw.sim.sip.phone import Answering
from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.support.case import NUMBER, PORTS
from ichatgw.test.e2e.support.jinglecase import USER, JingleEndToEnd
from ichatgw.test.e2e.support.moment import pause, until, within

WRITTEN = 1.5
"""Seconds after which a call is on the disk, on a busy machine too."""


class KilledInCalls(JingleEndToEnd):
    """C{kill -9} in a call: after the next start both parties hear that it is over."""

    def _gateway(self, phonePort: int = 0, instead: Gateway | None = None) -> Gateway:
        """
        One that may be killed.

        @param instead: the one that was, whose place it takes.
        """
        gateway = Gateway(self.clock, self.directory("gateway"), PORTS, self.server.componentPort)
        gateway.rules(phonePort)
        gateway.set("SubscriptionDatabase", self.database)
        if instead is not None:
            gateway.set("UDPTCPPort", instead.port)
        self.ending(gateway.program)
        return gateway

    async def _first(self, phonePort: int = 0) -> Gateway:
        self.database = self.directory("store.sqlite").absolute()
        gateway = self._gateway(phonePort)
        await gateway.start()
        return gateway

    async def _killed(self, gateway: Gateway, *calls: Any) -> Gateway:
        """Kill it, start another one, and wait for the end of the calls."""
        await pause(self.clock, WRITTEN)
        gateway.program.signal("KILL")
        await until(self.clock, lambda: gateway.program.status is not None, "the end of the process")
        again = self._gateway(instead=gateway)
        await again.start()
        for call in calls:
            await within(self.clock, 20, call.whenEnded())
        await again.tells("calls were up when the gateway ended without a word")
        self.assertEqual(again.said("calls were up when the gateway ended without a word"), 1)
        return again

    async def test_phoneToClient(self) -> None:
        """A phone gets a BYE of its dialog, and the client that it called an end of its session, once."""
        gateway = await self._first()
        client, phone = await self.startJingle(), self.startPhone()
        outgoing, call = await self.phoneCalls(gateway, client, phone)
        again = await self._killed(gateway, outgoing, call)
        self.assertEqual((outgoing.status, outgoing.why, call.condition), (0, "they hung up", "gone"))
        self.assertEqual(client.complaints, [])
        await again.stop()
        third = self._gateway(instead=gateway)
        await third.start()
        self.assertEqual(third.said("ended without a word"), 0)

    async def test_clientToPhone(self) -> None:
        """So do a client that has called, and the phone that it called."""
        phone = self.startPhone()
        gateway = await self._first(phone.address.port)
        client = await self.startJingle()
        call, incoming = await self.jingleCalls(client, phone)
        await self._killed(gateway, incoming, call)
        self.assertEqual((incoming.why, call.condition), ("they hung up", "gone"))
        self.assertEqual(client.complaints, [])

    async def test_phoneToIChat(self) -> None:
        """So do a phone and an iChat, whose dialog ends too."""
        gateway = await self._first()
        ichat, phone = await self.startIChat(), self.startPhone()
        arrival = ichat.whenCalled()
        outgoing = phone.call(f"sip:scott@{gateway.address}")
        call = await within(self.clock, 10, arrival)
        await within(self.clock, 10, call.whenAnswered())
        # By itself it hangs up after ten seconds of silence, and on a busy machine the next start may take as long.
        call.media.silent = None
        await self._killed(gateway, outgoing, call)
        self.assertEqual((outgoing.why, call.outcome), ("they hung up", "they hung up"))

    def _lines(self, records: Path) -> int:
        return len(records.read_text("utf-8").splitlines()) if records.exists() else 0

    async def test_records(self) -> None:
        """Each call that was over before has its record, with what its media was; the one that was up has none."""
        phone = self.startPhone()
        self.database = self.directory("store.sqlite").absolute()
        gateway = self._gateway(phone.address.port)
        records = self.directory("calls.json").absolute()
        gateway.set("CallRecords", records)
        await gateway.start()
        client = await self.startJingle()
        call, incoming = await self.jingleCalls(client, phone)
        await pause(self.clock, 1.0)
        call.hangup()
        await within(self.clock, 10, incoming.whenEnded())
        await self.jingleCalls(client, phone)
        gateway.program.signal("KILL")
        await until(self.clock, lambda: gateway.program.status is not None, "the end of the process")
        await until(self.clock, lambda: self._lines(records) >= 1, "the end of what writes beside it")
        [record] = map(json.loads, records.read_text("utf-8").splitlines())
        ends = [record[name] for name in ("callerKind", "calleeKind", "endedBy", "reason", "callerReason")]
        self.assertEqual(ends, ["jingle", "sip", "the caller", "hangup", "hangup"])
        self.assertIn("DTLS", record["callerEncryption"])
        for side in ("caller", "callee"):
            self.assertTrue(record[f"{side}Packets"] > 10, record)
            self.assertTrue(record[f"{side}MOS"] > 3, record)

    async def test_history(self) -> None:
        """
        After the next start a call that was over some seconds before the kill is on the page with its ladder, and is
        found there by who called.
        """
        phone = self.startPhone()
        self.database = self.directory("store.sqlite").absolute()
        webPort, kept = PORTS.take(), self.directory("history.sqlite").absolute()

        def served(instead: Gateway | None = None) -> Gateway:
            made = self._gateway(phone.address.port, instead)
            made.set("CallHistoryDatabase", kept)
            made.set("HTTPPort", webPort)
            return made

        gateway = served()
        await gateway.start()
        client = await self.startJingle()
        call, incoming = await self.jingleCalls(client, phone)
        call.hangup()
        await within(self.clock, 10, incoming.whenEnded())
        await pause(self.clock, LATE + WRITTEN)
        gateway.program.signal("KILL")
        await until(self.clock, lambda: gateway.program.status is not None, "the end of the process")
        again = served(gateway)
        await again.start()
        agent, where = Agent(self.clock), f"http://127.0.0.1:{webPort}"
        page = await readBody(await agent.request(b"GET", f"{where}/calls?q={USER}".encode()))
        [path] = re.findall(r'href="(/calls/[^"?]+)"', page.decode())
        ladder = (await readBody(await agent.request(b"GET", f"{where}{path}".encode()))).decode()
        for said in ("session-initiate", "session-terminate", "INVITE", "BYE", "Why it ended"):
            self.assertIn(said, ladder)

    async def test_attempts(self) -> None:
        """
        So has each attempt that became no call, whatever the reason, of who may call; also if the process is killed as
        soon as the last of them has its answer.
        """
        self.database = self.directory("store.sqlite").absolute()
        gateway = self._gateway(self.startPhone().address.port)
        records = self.directory("attempts.json").absolute()
        gateway.set("CallRecords", records)
        await gateway.start()
        probe = self.startProbe(gateway)
        codes = [
            await probe.ask("INVITE", user="4711"),
            await probe.ask("INVITE", user="r", more="Require: teleport"),
            await probe.ask("INVITE", user="m", more="Max-Forwards: 0"),
            await probe.ask("INVITE", user="s", more="Session-Expires: 10\r\nSupported: timer"),
        ]
        gateway.program.signal("KILL")
        await until(self.clock, lambda: gateway.program.status is not None, "the end of the process")
        await until(self.clock, lambda: self._lines(records) >= len(codes), "the end of what writes beside it")
        self.assertEqual(codes, [404, 420, 400, 422])  # the third has two Max-Forwards
        found = [json.loads(line) for line in records.read_text("utf-8").splitlines()]
        self.assertEqual(
            [(each["called"].partition("@")[0], each["reason"], each["endedBy"]) for each in found],
            [
                ("sip:4711", "not_found", "the gateway"),
                ("sip:r", "failed", "the gateway"),
                ("sip:m", "failed", "the gateway"),
                ("sip:s", "failed", "the gateway"),
            ],
        )
        self.assertEqual({each["caller"] for each in found}, {"sip:probe@127.0.0.1"})

    async def test_ringing(self) -> None:
        """A phone that rings gets CANCEL, and the client that calls it hears that the call failed."""
        phone = self.startPhone(answering=Answering(delay=None))
        gateway = await self._first(phone.address.port)
        client, arrival = await self.startJingle(), phone.whenCalled()
        outgoing = client.call(NUMBER)
        incoming = await within(self.clock, 10, arrival)
        await within(self.clock, 10, outgoing.whenRinging())
        await self._killed(gateway, incoming, outgoing)
        self.assertEqual((incoming.status, outgoing.condition, client.complaints), (487, "gone", []))

    async def test_waiting(self) -> None:
        """A client that rings stops, and the phone that calls it gets a final response."""
        gateway = await self._first()
        client = await self.startJingle(taking=JingleTaking(Pickup.IGNORE))
        phone, arrival = self.startPhone(), client.whenCalled()
        outgoing = phone.call(f"sip:{USER}@{gateway.address}")
        incoming = await within(self.clock, 10, arrival)
        await within(self.clock, 10, outgoing.whenRinging())
        await self._killed(gateway, outgoing, incoming)
        self.assertEqual((outgoing.status, incoming.outcome, client.complaints), (503, "retracted", []))
