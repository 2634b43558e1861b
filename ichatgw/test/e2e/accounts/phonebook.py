# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Calls by the phone book.
"""

from __future__ import annotations

import json
from pathlib import Path

from twisted.internet.utils import getProcessOutput

from ichatgw.sim.sip.message import NameAddress
from ichatgw.test.e2e.programs.prosody import DOMAIN
from ichatgw.test.e2e.support.jinglecase import USER, JingleEndToEnd
from ichatgw.test.e2e.support.moment import within

NUMBER = "+49301234"


class PhoneBook(JingleEndToEnd):
    """A user has a number."""

    async def test_bothWays(self) -> None:
        """
        Who dials the number, as people of the country do, rings the client of its user; that one calls by the number
        and name of the book, and by its other number after the book has been changed and read again.
        """
        book = Path(self.mktemp()).absolute()
        added = await self._command("--book", str(book), "add", NUMBER, f"{USER}@{DOMAIN}", "--name", "Anna")
        self.assertEqual(added["number"], NUMBER)
        phone = self.startPhone()
        gateway = await self.startGateway(phone.address.port, settings={"PhoneBook": book, "Country": "DE"})
        client = await self.startJingle()

        arrival = client.whenCalled()
        outgoing = phone.call(f"sip:0301234@{gateway.address}")
        incoming = await within(self.clock, 10, arrival)
        await within(self.clock, 10, outgoing.whenAnswered())
        await self.bothHear(outgoing, incoming)
        outgoing.hangup()
        await within(self.clock, 5, incoming.whenEnded())

        _, call = await self.jingleCalls(client, phone)
        caller = NameAddress.parse(call.dialog.remote)
        self.assertEqual(caller.uri, f"sip:{NUMBER}@127.0.0.1")
        self.assertIn("Anna", call.dialog.remote)
        call.hangup()

        changed = ("--book", str(book), "add", "--replace", NUMBER, f"{USER}@{DOMAIN}", "--outgoing", "+49305")
        await self._command(*changed)
        await gateway.reload("numbers in the phone book: 1")
        _, call = await self.jingleCalls(client, phone)
        self.assertEqual(NameAddress.parse(call.dialog.remote).uri, "sip:+49305@127.0.0.1")
        call.hangup()
        self.assertEqual(gateway.faults(), [])

    async def _command(self, *arguments: str) -> dict[str, object]:
        """What C{ichatgw phonebook} says."""
        said = await getProcessOutput("ichatgw", ("phonebook", "--json", *arguments), env=None, reactor=self.clock)
        result: dict[str, object] = json.loads(said)
        return result
