# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
What settings do to calls of Jingle clients, IPv6, the registration of their users, and the client as a program.
"""

from __future__ import annotations

import sys

from ichatgw.model import TransportAddress
from ichatgw.sim.jingle.profile import CONVERSATIONS, DIRECT
from ichatgw.sim.media.sockets import Socket, listen
from ichatgw.sim.sip.dialog import State
from ichatgw.sim.sip.message import SIPMessage
from ichatgw.sim.sip.phone import Answering
from ichatgw.test.e2e.programs.program import Program
from ichatgw.test.e2e.programs.prosody import COMPONENT, DOMAIN, password
from ichatgw.test.e2e.support.case import NUMBER, PHONE_TONE
from ichatgw.test.e2e.support.jinglecase import JINGLE_TONE, USER, JingleEndToEnd
from ichatgw.test.e2e.support.moment import pause, until, within


class JingleSettings(JingleEndToEnd):
    """C{JingleEarlyMedia}, C{JingleAnswerWithMedia}, addresses."""

    async def test_earlyMedia(self) -> None:
        """
        With the setting a client hears what a phone's end says before the answer, and stays connected when it comes;
        without, it hears nothing before.
        """
        early = Answering(ring=183, delay=3.0)
        phone = self.startPhone(answering=early)
        await self.startGateway(phone.address.port, settings={"JingleEarlyMedia": "on"})
        for profile in (CONVERSATIONS, DIRECT):
            client, arrival = await self.startJingle(profile, resource=profile.name), phone.whenCalled()
            call = client.call(NUMBER)
            incoming = await within(self.clock, 10, arrival)
            await within(self.clock, 2.5, call.whenConnected())
            await self.sound(call.media, 0.6)
            self.assertEqual(incoming.requests, [])
            await within(self.clock, 10, incoming.whenAnswered())
            await self.bothHear(incoming, call)
            call.hangup()
            await within(self.clock, 5, incoming.whenEnded())
            self.assertEqual(client.complaints, [])
            client.account.logout()

    async def test_noEarlyMedia(self) -> None:
        """Without the setting early media is only ringing."""
        phone = self.startPhone(answering=Answering(ring=183, delay=1.5))
        await self.startGateway(phone.address.port)
        client = await self.startJingle()
        call = client.call(NUMBER)
        await within(self.clock, 10, call.whenRinging())
        await pause(self.clock, 0.8)
        self.assertFalse(call.hasSession)
        await within(self.clock, 10, call.whenConnected())
        call.hangup()

    async def test_answerWithMedia(self) -> None:
        """With the setting a phone's call is answered when media can flow, and not at all if it never can."""
        gateway = await self.startGateway(settings={"JingleAnswerWithMedia": "on"})
        client, phone = await self.startJingle(), self.startPhone()
        outgoing, call = await self.phoneCalls(gateway, client, phone)
        outgoing.hangup()
        await within(self.clock, 5, call.whenEnded())
        arrival = client.whenCalled()
        outgoing = phone.call(f"sip:{USER}@{gateway.address}")
        incoming = await within(self.clock, 10, arrival)
        await within(self.clock, 10, incoming.whenAnswered())
        incoming.vanish()
        await pause(self.clock, 1)
        self.assertIs(outgoing.dialog.state, State.CALLING)
        outgoing.hangup()
        await within(self.clock, 5, outgoing.whenEnded())
        self.assertEqual(outgoing.status, 487)

    async def test_gateway(self) -> None:
        """
        Who adds the gateway itself to his contacts (Cheogram) sees it, and what it is, and calls numbers that are not
        among his contacts.
        """
        phone = self.startPhone()
        await self.startGateway(phone.address.port)
        client = await self.startJingle()
        self.assertTrue(await within(self.clock, 5, client.account.subscribe(COMPONENT)))
        await until(self.clock, lambda: COMPONENT in client.account.promises, "capabilities of the gateway")
        self.assertIn("jabber:iq:gateway", client.account.promises[COMPONENT])
        call, arrival = client.call(f"49301234@{COMPONENT}"), phone.whenCalled()
        incoming = await within(self.clock, 10, arrival)
        await within(self.clock, 10, call.whenConnected())
        await self.bothHear(incoming, call)
        call.hangup()
        self.assertEqual(client.complaints, [])

    async def test_ipv6(self) -> None:
        """A client and a phone that have only IPv6 call each other."""
        phone = self.startPhone("::1", answering=Answering(delay=0.5))
        settings = {"PreferIPv6": "on"}
        gateway = await self.startGateway(phone.address.port, host="::1", phoneHost="[::1]", settings=settings)
        client = await self.startJingle(host="::1")
        call, incoming = await self.jingleCalls(client, phone)
        call.hangup()
        await within(self.clock, 5, incoming.whenEnded())
        outgoing, call = await self.phoneCalls(gateway, client, phone)
        outgoing.hangup()
        self.assertEqual((client.complaints, phone.faults), ([], []))


class JingleRegistered(JingleEndToEnd):
    """Users with Jingle clients are registered at the SIP registrar, as those with iChats are."""

    async def test_registered(self) -> None:
        """Who has subscribed and is online is registered; calls to the Contact ring their client; who leaves is not."""
        registrar = Registrar(self)
        rule = (rf"^xmpp:([a-z]+)@{DOMAIN}$", f"sip:$1@{registrar.socket.address}")
        await self.startGateway(rules=(rule,), settings={"RegistrationTime": 3600})
        client = await self.startJingle()
        await until(self.clock, lambda: registrar.contacts, "a registration")
        (user, contact) = registrar.contacts.popitem()
        self.assertEqual(user, f"sip:{USER}@{registrar.socket.address.host}")  # To has no port (RFC 3261 table 1)
        phone, arrival = self.startPhone(), client.whenCalled()
        outgoing = phone.call(contact)
        incoming = await within(self.clock, 10, arrival)
        await within(self.clock, 10, outgoing.whenAnswered())
        await self.bothHear(outgoing, incoming)
        outgoing.hangup()
        await within(self.clock, 5, incoming.whenEnded())
        client.account.logout()
        await until(self.clock, lambda: registrar.gone, "the end of the registration")
        self.assertEqual(registrar.gone, [user])


class Registrar:
    """
    Takes every REGISTER.

    @ivar contacts: where users are reached, by their addresses.
    @ivar gone: those who are not reached any more.
    """

    def __init__(self, test: JingleEndToEnd) -> None:
        self.contacts: dict[str, str] = {}
        self.gone: list[str] = []
        self.socket: Socket = listen(test.clock, "127.0.0.1", 0, self._received)
        test.addCleanup(self.socket.close)

    def _received(self, datagram: bytes, source: TransportAddress) -> None:
        if datagram[:1] < b"A":
            return  # STUN and empty lines, which keep the way open
        request = SIPMessage.parse(datagram)
        if request.method != "REGISTER":
            return
        user, contact = request.get("To").strip("<>"), request.get("Contact")
        expires = request.get("Expires") or contact.rpartition("expires=")[2]
        if expires == "0":
            self.gone.append(user)
        else:
            self.contacts[user] = contact.partition("<")[2].partition(">")[0]
        response = request.response(200, "registrar")
        if expires != "0":
            response.headers.append(("Contact", f"{contact.partition('>')[0]}>;expires={expires}"))
        self.socket.send(response.pack(), source)


class JingleProgram(JingleEndToEnd):
    """C{python -m ichatgw.sim jingle}, as an administrator runs it."""

    async def test_calls(self) -> None:
        """It calls, presses keys, hears the tone, draws the call, and exits with 0; with 1 if the phone is busy."""
        phone = self.startPhone()
        await self.startGateway(phone.address.port)
        program = self._start("--call", "72", "--keys", "12#", "--duration", "2.5")
        self.assertEqual(await program.ended(30), 0, program.output)
        self.assertEqual(phone.calls[0].media.keys, "12#")
        for words in ("as conversations", "session-initiate", "the tone was heard"):
            self.assertIn(words, program.output)
        phone.answering = Answering(code=486)
        program = self._start("--call", "72", "--profile", "dino")
        self.assertEqual(await program.ended(30), 1)
        self.assertIn("rejected", program.output)

    async def test_answers(self) -> None:
        """It answers, or is busy, and exits with 0."""
        gateway, phone = await self.startGateway(), self.startPhone()
        for more, status in ((("--duration", "2"), 0), (("--decline", "busy"), 486)):
            program = self._start("--answer", *more)
            await program.said("waiting for a call")
            outgoing = phone.call(f"sip:{USER}@{gateway.address}")
            if status:
                await within(self.clock, 10, outgoing.whenEnded())
                self.assertEqual(outgoing.status, status)
            self.assertEqual(await program.ended(30), 0, program.output)

    def _start(self, *arguments: str) -> Program:
        login = ["--jid", f"{USER}@{DOMAIN}", "--password", password(USER), "--tls", "off", "--component", COMPONENT]
        server = ["--server", f"127.0.0.1:{self.server.clientPort}", "--tone", str(JINGLE_TONE), "--expect"]
        command = [sys.executable, "-u", "-m", "ichatgw.sim", "jingle", *login, *server, str(PHONE_TONE), *arguments]
        program = Program(self.clock, "jingle", command, self.directory("jingle").absolute())
        program.start()
        self.ending(program)
        return program
