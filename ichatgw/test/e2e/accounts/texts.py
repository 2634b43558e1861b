# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Texts and names between phones and XMPP clients.
"""

from __future__ import annotations

from pathlib import Path

from twisted.words.xish.domish import Element

from ichatgw.sim.jingle.client import JinglePhone
from ichatgw.sim.xmpp import xml
from ichatgw.test.e2e.programs.prosody import DOMAIN
from ichatgw.test.e2e.support.case import CONTROL, NUMBER
from ichatgw.test.e2e.support.jinglecase import USER, JingleEndToEnd
from ichatgw.test.e2e.support.moment import until, within

RECEIPTS = "urn:xmpp:receipts"
NICK = "http://jabber.org/protocol/nick"


class Texts(JingleEndToEnd):
    """A client and a phone write to each other."""

    async def test_bothWays(self) -> None:
        """What either writes arrives as it was written, from an address that can be answered, and with its name."""
        phone = self.startPhone(display="Bob Phone")
        gateway = await self.startGateway(phone.address.port)
        client = await self.startJingle()

        self.write(client, NUMBER, "h\u00e9llo <b> & \U0001f600", "m1")
        await until(self.clock, lambda: phone.texts, "a text")
        ((writer, body),) = phone.texts
        self.assertEqual(body, "h\u00e9llo <b> & \U0001f600")
        self.assertTrue(writer.startswith(f"sip:{USER}@"), writer)
        await until(self.clock, lambda: self.found("received", RECEIPTS), "a receipt")

        status = await within(self.clock, 10, phone.write(f"sip:{USER}@{gateway.address}", "gr\u00fc\u00dfe\n\u2713"))
        self.assertEqual(status, 202)
        await until(self.clock, lambda: (NUMBER, "gr\u00fc\u00dfe\n\u2713") in client.account.messages, "a message")
        (message,) = self.found("body", "jabber:client")
        self.assertEqual(xml.text(xml.child(message, "nick", NICK)), "Bob Phone")
        self.assertEqual(gateway.faults(), [])

    async def test_errors(self) -> None:
        """Why a text has not arrived is said at both ends; the control user alone greets."""
        phone = self.startPhone()
        gateway = await self.startGateway(phone.address.port)
        client = await self.startJingle()
        phone.takesTexts = 486
        self.write(client, NUMBER, "hello", "m1")
        await until(self.clock, lambda: self.found("error", "jabber:client"), "an error")
        (error,) = self.found("error", "jabber:client")
        self.assertIn("486", xml.toXml(error))
        status = await within(self.clock, 10, phone.write(f"sip:nobodyhere@{gateway.address}", "hello"))
        self.assertIn(status, (404, 480))
        status = await within(self.clock, 10, phone.write(f"sip:{USER}@{gateway.address}", "x" * 1000, "text/html"))
        self.assertEqual(status, 415)
        self.write(client, CONTROL, "hello", "m2")
        greeting = (CONTROL, "You have reached the iChat gateway")
        await until(self.clock, lambda: greeting in client.account.messages, "the greeting")
        self.assertEqual(gateway.faults(), [])

    async def test_connected(self) -> None:
        """
        When a PBX says within the call who is there now the client's user reads it, and a phone hears it by UPDATE; so
        does a phone whose call is transferred to an XMPP user, whose name it is told, and who reads that of the phone.
        """
        book = Path(self.mktemp()).absolute()
        book.write_text(f"number,jid,name\n+49301234,{USER}@{DOMAIN},Anna Book\n")
        pbx, phone = self.startPhone(), self.startPhone(user="alice", display="Alice")
        gateway = await self.startGateway(
            pbx.address.port,
            rules=((r"^sip:(72)@", f"sip:$1@{pbx.address}"),),
            settings={"PhoneBook": book, "Country": "DE", "ConnectedIdentity": "changes"},
        )
        client = await self.startJingle()
        call, there = await self.jingleCalls(client, pbx)
        there.introduce('"Kim Brandt" <sip:+4930100@pbx.example>')
        told = (f"{NUMBER}/gw", "You are connected to Kim Brandt (+4930100) now")
        await until(self.clock, lambda: told in client.account.messages, "who is there")
        call.hangup()
        await within(self.clock, 5, there.whenEnded())

        arrival = pbx.whenCalled()
        outgoing = phone.call(f"sip:72@{gateway.address}")
        incoming = await within(self.clock, 10, arrival)
        await within(self.clock, 10, outgoing.whenAnswered())
        incoming.introduce('"Kim Brandt" <sip:+4930100@pbx.example>')
        await until(self.clock, lambda: "UPDATE" in outgoing.requests, "an UPDATE")
        self.assertEqual(outgoing.shown, '"Kim Brandt" <sip:+4930100@pbx.example>')
        called = client.whenCalled()
        incoming.refer(f"sip:{USER}@{gateway.address}")
        await within(self.clock, 10, called)
        await until(self.clock, lambda: "Anna Book" in outgoing.shown, "an UPDATE")
        self.assertEqual(outgoing.shown.partition("@")[0], '"Anna Book" <sip:+49301234')
        await self.sound(outgoing.media, 0.6)
        self.assertEqual(gateway.faults(), [])

    async def test_names(self) -> None:
        """A client is shown the name of a caller, a phone that of its callee, and clients ask who has a number."""
        book = Path(self.mktemp()).absolute()
        book.write_text(f"number,jid,name\n+49301234,{USER}@{DOMAIN},Anna Book\n")
        phone = self.startPhone(display="Bob Phone")
        gateway = await self.startGateway(phone.address.port, settings={"PhoneBook": book, "Country": "DE"})
        client = await self.startJingle()
        outgoing, _ = await self.phoneCalls(gateway, client, phone)
        self.assertEqual(outgoing.shown.partition("@")[0], '"Anna Book" <sip:+49301234')
        (proposal,) = self.found("propose", "urn:xmpp:jingle-message:0")
        self.assertEqual(xml.text(xml.child(proposal, "nick", NICK)), "Bob Phone")
        for number, name in (("+49301234", "Anna Book"), ("72", "Bob Phone"), ("73", "73")):
            query = xml.element("iq", type="get", to=f"{number}@{NUMBER.partition('@')[2]}")
            xml.add(query, "vCard", "vcard-temp")
            answer = await within(self.clock, 5, client.account.ask(query))
            card = xml.child(answer, "vCard", "vcard-temp")
            assert card is not None
            self.assertEqual([xml.text(each) for each in xml.children(card) if each.name == "FN"], [name])
        self.assertEqual(gateway.faults(), [])

    def write(self, client: JinglePhone, to: str, text: str, id: str) -> None:
        """Send a chat message that asks for a receipt."""
        message = xml.element("message", type="chat", to=to, id=id)
        xml.add(message, "body", text=text)
        xml.add(message, "request", RECEIPTS)
        client.account.send(message)

    def found(self, name: str, uri: str) -> list[Element]:
        """The messages to the client that hold such an element."""
        return [each for each in self.messages if xml.child(each, name, uri) is not None]
