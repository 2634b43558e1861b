# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Users and the control user: orders by chat and by commands, and test calls.
"""

from __future__ import annotations

from twisted.words.xish.domish import Element

from ichatgw.sim.jingle.client import JinglePhone
from ichatgw.sim.media.media import Media
from ichatgw.sim.media.tone import ToneDetector
from ichatgw.sim.xmpp import xml
from ichatgw.test.e2e.support.case import CONTROL
from ichatgw.test.e2e.support.jinglecase import JINGLE_TONE, JingleEndToEnd
from ichatgw.test.e2e.support.moment import until, within

COMMANDS = "http://jabber.org/protocol/commands"
ITEMS = "http://jabber.org/protocol/disco#items"
ECHO = f"echo@{CONTROL.partition('@')[2]}"
TEST_TONE = 440


class SelfService(JingleEndToEnd):
    """A user and the control user."""

    async def test_orders(self) -> None:
        """Orders by chat and by commands are carried out, and do the same; the next call shows it."""
        phone = self.startPhone(display="Bob Phone")
        gateway = await self.startGateway(phone.address.port)
        client = await self.startJingle()
        await self.say(client, "help", "You can write")
        outgoing, _ = await self.phoneCalls(gateway, client, phone)
        outgoing.hangup()
        await within(self.clock, 10, outgoing.whenEnded())
        listed = await within(self.clock, 5, client.account.ask(self.query()))
        query = xml.child(listed, "query", ITEMS)
        assert query is not None
        nodes = [each["node"] for each in xml.children(query)]
        self.assertEqual(nodes, ["number", "test", "calls", "forward", "dnd", "help"])
        asked = await self.order(client, "dnd")
        self.assertEqual(asked["status"], "executing")
        done = await self.order(client, "dnd", {"dnd": "1"}, asked["sessionid"])
        self.assertEqual(done["status"], "completed")
        await self.say(client, "dnd", "is on")
        busy = phone.call(f"sip:{client.jid.partition('@')[0]}@{gateway.address}")
        await within(self.clock, 10, busy.whenEnded())
        self.assertEqual(busy.status, 486)
        await self.say(client, "ruhe aus", "ist aus")
        await self.say(client, "calls", "(missed)\n")
        self.assertEqual(gateway.faults(), [])

    async def test_testCall(self) -> None:
        """A user who calls the test address hears a tone, and then what they say."""
        gateway = await self.startGateway(self.startPhone().address.port)
        client = await self.startJingle(listenFor=TEST_TONE)
        await within(self.clock, 10, client.account.subscribe(ECHO))
        await within(self.clock, 10, client.account.whenCallable(ECHO))
        call = client.call(ECHO)
        await within(self.clock, 10, call.whenConnected())
        await self.hearsItself(call.media)
        self.assertEqual(gateway.faults(), [])

    async def test_iChat(self) -> None:
        """An iChat does so too."""
        gateway = await self.startGateway(self.startPhone().address.port)
        ichat = await self.startIChat(say=JINGLE_TONE, listenFor=TEST_TONE)
        await within(self.clock, 10, ichat.account.subscribe(ECHO))
        call = ichat.call(ECHO)
        await within(self.clock, 10, call.whenAnswered())
        await self.hearsItself(call.media)
        self.assertContent(ichat)
        self.assertEqual(gateway.faults(), [])

    async def test_calledBack(self) -> None:
        """A user who orders a test call is called, and hears the same."""
        gateway = await self.startGateway(self.startPhone().address.port)
        client = await self.startJingle(listenFor=TEST_TONE)
        arrival = client.whenCalled()
        await self.say(client, "test", "being called")
        call = await within(self.clock, 10, arrival)
        await within(self.clock, 10, call.whenConnected())
        await self.hearsItself(call.media)
        self.assertEqual(gateway.faults(), [])

    async def test_phone(self) -> None:
        """A rule makes a number of the test address, for phones."""
        gateway = await self.startGateway(self.startPhone().address.port, rules=(("sip:43@.*", f"xmpp:{ECHO}"),))
        phone = self.startPhone(say=JINGLE_TONE, listenFor=TEST_TONE)
        call = phone.call(f"sip:43@{gateway.address}")
        await within(self.clock, 10, call.whenAnswered())
        await self.hearsItself(call.media)
        self.assertEqual(gateway.faults(), [])

    async def hearsItself(self, media: Media) -> None:
        """First there is the tone, and then what is said."""
        await self.sound(media, 1.0)
        media.detector = ToneDetector(JINGLE_TONE)
        await self.sound(media, 1.0)

    async def say(self, client: JinglePhone, text: str, answer: str) -> None:
        """Write to the control user, which answers something with these words."""
        before = len(client.account.messages)
        message = xml.element("message", type="chat", to=CONTROL)
        xml.add(message, "body", text=text)
        client.account.send(message)
        await until(
            self.clock,
            lambda: any(who == CONTROL and answer in said for who, said in client.account.messages[before:]),
            f"{answer!r} as the answer to {text!r}",
        )

    def query(self) -> Element:
        """Which commands are there?"""
        iq = xml.element("iq", type="get", to=CONTROL)
        xml.add(iq, "query", ITEMS)["node"] = COMMANDS
        return iq

    async def order(
        self, client: JinglePhone, node: str, values: dict[str, str] | None = None, session: str = ""
    ) -> Element:
        """Run a command, and give what is in the answer."""
        iq = xml.element("iq", type="set", to=CONTROL)
        command = xml.add(iq, "command", COMMANDS)
        command["node"], command["action"] = node, "execute"
        if session:
            command["sessionid"] = session
        if values is not None:
            form = xml.add(command, "x", "jabber:x:data")
            form["type"] = "submit"
            for name, value in values.items():
                field = xml.add(form, "field")
                field["var"] = name
                xml.add(field, "value", text=value)
        answer = await within(self.clock, 5, client.account.ask(iq))
        found = xml.child(answer, "command", COMMANDS)
        assert found is not None, xml.toXml(answer)
        return found
