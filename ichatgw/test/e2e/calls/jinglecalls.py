# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
What happens in calls of Jingle clients, and to those that come to nothing.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve

from ichatgw.sim.jingle.callee import JingleTaking, Pickup
from ichatgw.sim.jingle.profile import CONVERSATIONS, DINO, DIRECT, GAJIM, MONAL, MOVIM, SISKIN, STANZA
from ichatgw.sim.sip.phone import Answering
from ichatgw.test.e2e.programs.prosody import COMPONENT, DOMAIN
from ichatgw.test.e2e.support.case import ICHAT_TONE, NUMBER
from ichatgw.test.e2e.support.jinglecase import JINGLE_TONE, USER, JingleEndToEnd
from ichatgw.test.e2e.support.moment import pause, until, within


class JingleEndings(JingleEndToEnd):
    """Calls that come to nothing, and why each side is told so."""

    async def test_calleeHangsUp(self) -> None:
        """A client that was called hangs up: the phone gets a BYE."""
        gateway = await self.startGateway()
        client, phone = await self.startJingle(), self.startPhone()
        outgoing, call = await self.phoneCalls(gateway, client, phone)
        call.hangup()
        await within(self.clock, 5, outgoing.whenEnded())
        self.assertEqual((outgoing.status, outgoing.why), (0, "they hung up"))
        self.assertEqual(client.complaints, [])

    async def test_phoneHangsUp(self) -> None:
        """A phone that was called hangs up: the client's session is terminated with success."""
        phone = self.startPhone()
        await self.startGateway(phone.address.port)
        client = await self.startJingle()
        call, incoming = await self.jingleCalls(client, phone)
        incoming.hangup()
        await within(self.clock, 5, call.whenEnded())
        self.assertEqual((call.outcome, call.condition), ("they hung up", "success"))
        self.assertEqual(client.complaints, [])

    async def test_calleeSaysNo(self) -> None:
        """A client is busy, or declines, by a message or in a session: the phone is told 486 or 603."""
        gateway = await self.startGateway()
        for profile in (CONVERSATIONS, DIRECT):
            client = await self.startJingle(profile, resource=profile.name)
            for action, status in ((Pickup.BUSY, 486), (Pickup.DECLINE, 603)):
                client.taking = JingleTaking(action)
                phone = self.startPhone()
                call = phone.call(f"sip:{USER}@{gateway.address}")
                await within(self.clock, 10, call.whenEnded())
                self.assertEqual(call.status, status, profile.name)
            client.account.logout()
            self.assertEqual(client.complaints, [])

    async def test_phoneSaysNo(self) -> None:
        """A phone is busy, declines or is not there: the client is told, by a message or in its session."""
        phone = self.startPhone()
        await self.startGateway(phone.address.port)
        for profile in (CONVERSATIONS, DIRECT):
            client = await self.startJingle(profile, resource=profile.name)
            for status, condition in ((486, "busy"), (603, "decline"), (480, "timeout")):
                phone.answering = Answering(code=status)
                call = client.call(NUMBER)
                await within(self.clock, 10, call.whenEnded())
                self.assertEqual(call.condition, condition, profile.name)
                self.assertEqual(call.outcome, "rejected" if profile.messages else "they hung up")
            client.account.logout()
            self.assertEqual(client.complaints, [])

    async def test_wrongNumber(self) -> None:
        """A call to a number that there is not ends in every client, by what that client looks at."""
        phone = self.startPhone(answering=Answering(ring=0, code=404))
        await self.startGateway(phone.address.port)
        for profile in (CONVERSATIONS, DINO, MOVIM, MONAL, SISKIN, DIRECT):
            client = await self.startJingle(profile, resource=profile.name)
            call = client.call(NUMBER)
            await within(self.clock, 10, call.whenEnded())
            expected = ("rejected", "gone") if profile.messages else ("they hung up", "gone")
            if profile.heedsErrors:
                expected = ("bounced", "item-not-found")
            self.assertEqual((call.outcome, call.condition), expected, profile.name)
            client.account.logout()
            self.assertEqual(client.complaints, [])

    async def test_phoneAbandons(self) -> None:
        """A phone gives up while clients ring: they are told, by a message or in a session, and it gets 487."""
        gateway = await self.startGateway()
        for profile in (CONVERSATIONS, DIRECT):
            client = await self.startJingle(profile, resource=profile.name, taking=JingleTaking(Pickup.IGNORE))
            phone, arrival = self.startPhone(), client.whenCalled()
            outgoing = phone.call(f"sip:{USER}@{gateway.address}")
            incoming = await within(self.clock, 10, arrival)
            await within(self.clock, 10, outgoing.whenRinging())
            outgoing.hangup()
            await within(self.clock, 5, incoming.whenEnded())
            await within(self.clock, 5, outgoing.whenEnded())
            self.assertEqual(outgoing.status, 487)
            self.assertEqual(incoming.outcome, "retracted" if profile.messages else "they hung up")
            self.assertEqual((incoming.condition, client.complaints), ("cancel", []))
            client.account.logout()

    async def test_clientAbandons(self) -> None:
        """A client gives up while the phone rings: that gets CANCEL."""
        phone = self.startPhone(answering=Answering(delay=None))
        await self.startGateway(phone.address.port)
        for profile in (CONVERSATIONS, DIRECT):
            client, arrival = await self.startJingle(profile, resource=profile.name), phone.whenCalled()
            outgoing = client.call(NUMBER)
            incoming = await within(self.clock, 10, arrival)
            await within(self.clock, 10, outgoing.whenRinging())
            outgoing.hangup()
            await within(self.clock, 5, incoming.whenEnded())
            self.assertEqual((incoming.status, client.complaints), (487, []))

    async def test_twoClients(self) -> None:
        """
        All clients of a user ring, those that know proposals and those that do not.  The first one has the call, the
        others are told that it was taken elsewhere.
        """
        gateway = await self.startGateway()
        ignore = JingleTaking(Pickup.IGNORE)
        for winner, losers in ((CONVERSATIONS, (STANZA, DIRECT)), (DIRECT, (CONVERSATIONS, DIRECT))):
            first = await self.startJingle(winner, resource="winner", taking=JingleTaking(delay=1.0))
            others = [
                await self.startJingle(profile, resource=f"loser{number}", taking=ignore)
                for number, profile in enumerate(losers)
            ]
            arrivals = [each.whenCalled() for each in others]
            phone = self.startPhone()
            outgoing, _ = await self.phoneCalls(gateway, first, phone)
            for arrival in arrivals:
                lost = await within(self.clock, 1, arrival)
                await within(self.clock, 3, lost.whenEnded())
                self.assertIn(lost.outcome, ("retracted", "accepted elsewhere", "they hung up"))
            outgoing.hangup()
            await within(self.clock, 5, first.calls[0].whenEnded())
            for each in (first, *others):
                self.assertEqual(each.complaints, [])
                each.account.logout()

    async def test_vanishes(self) -> None:
        """A client that is gone without a word is missed within 30 s, and the phone gets a BYE."""
        gateway = await self.startGateway()
        client, phone = await self.startJingle(), self.startPhone()
        outgoing, call = await self.phoneCalls(gateway, client, phone)
        call.vanish()
        began = self.clock.seconds()
        await within(self.clock, 33, outgoing.whenEnded())
        self.assertLess(self.clock.seconds() - began, 31)
        self.assertEqual(outgoing.why, "they hung up")

    async def test_unprotected(self) -> None:
        """A client that protects no media is refused, and told why; so is the phone that calls it."""
        phone = self.startPhone()
        gateway = await self.startGateway(phone.address.port)
        client = await self.startJingle(GAJIM)
        call = client.call(NUMBER)
        await within(self.clock, 10, call.whenEnded())
        self.assertEqual(call.condition, "security-error")
        outgoing = phone.call(f"sip:{USER}@{gateway.address}")
        await within(self.clock, 10, outgoing.whenEnded())
        self.assertIn(outgoing.status, (403, 488))

    async def test_video(self) -> None:
        """
        A video call becomes an audio call, proposed or begun at once, of clients that share one transport among all
        contents and of those that do not; one of video alone is rejected.
        """
        phone = self.startPhone()
        await self.startGateway(phone.address.port)
        for profile in (
            CONVERSATIONS,
            MOVIM,
            DINO,
            STANZA,
            DIRECT,
            evolve(DINO, name="dino-direct", messages=False),
        ):
            client = await self.startJingle(profile, resource=profile.name)
            call = client.call(NUMBER, ("audio", "video"))
            await within(self.clock, 10, call.whenConnected())
            await self.sound(call.media, 0.6)
            call.hangup()
            await within(self.clock, 10, phone.calls[-1].whenEnded())
            client.account.logout()
            self.assertEqual(client.complaints, [], profile.name)
        client = await self.startJingle()
        call = client.call(NUMBER, ("video",))
        await within(self.clock, 10, call.whenEnded())
        self.assertEqual((call.outcome, call.condition), ("rejected", "unsupported-applications"))


class JingleMidCall(JingleEndToEnd):
    """What the parties do while they talk."""

    async def test_clientHolds(self) -> None:
        """A client puts the phone on hold and takes it off, by C{session-info} and by C{content-modify}."""
        await self._holds("hold", "modify")

    async def test_phoneHolds(self) -> None:
        """A phone puts a client on hold and takes it off: the client is told, and both are heard on after it."""
        gateway = await self.startGateway()
        client, phone = await self.startJingle(), self.startPhone()
        outgoing, call = await self.phoneCalls(gateway, client, phone)
        for direction in ("sendonly", "inactive"):
            outgoing.hold(direction)
            await until(self.clock, lambda: call.held, "a word of hold")
            outgoing.hold("sendrecv")
            await until(self.clock, lambda: not call.held, "a word of its end")
            await self.bothHear(outgoing, call)
        infos = [request for request in call.requests if request.startswith("session-info")]
        self.assertEqual(infos, ["session-info hold", "session-info unhold"] * 2)
        outgoing.hangup()
        self.assertEqual((client.complaints, phone.faults), ([], []))

    async def test_keysInSignalling(self) -> None:
        """Keys told in the signalling (XEP-0181, INFO) reach the other side in its media, as both take events."""
        gateway = await self.startGateway()
        client, phone = await self.startJingle(), self.startPhone()
        outgoing, call = await self.phoneCalls(gateway, client, phone)
        await within(self.clock, 5, call.pressBySignal("5", 240))
        await until(self.clock, lambda: outgoing.media.keys == "5", "a key at the phone")
        outgoing.pressBySignal("#")
        await until(self.clock, lambda: call.media.keys == "#", "a key at the client")
        self.assertEqual((outgoing.bodies, call.keys), ([], ""))
        outgoing.hangup()

    async def test_keys(self) -> None:
        """Keys pressed at either side arrive at the other as events in the stream."""
        gateway = await self.startGateway()
        client, phone = await self.startJingle(), self.startPhone()
        outgoing, call = await self.phoneCalls(gateway, client, phone)
        call.press("17#")
        await until(self.clock, lambda: outgoing.media.keys == "17#", "three keys at the phone")
        outgoing.media.press("*4")
        await until(self.clock, lambda: call.media.keys == "*4", "two keys at the client")
        await self.bothHear(outgoing, call)
        self.assertEqual((call.media.faults, outgoing.media.faults, client.complaints), ([], [], []))
        outgoing.hangup()

    async def test_video(self) -> None:
        """A client that wants to add video is refused that, and the call goes on."""
        gateway = await self.startGateway()
        client, phone = await self.startJingle(), self.startPhone()
        outgoing, call = await self.phoneCalls(gateway, client, phone)
        await within(self.clock, 5, call.addVideo())
        await until(self.clock, lambda: "content-reject" in call.requests, "a refusal of video")
        await self.bothHear(outgoing, call)
        outgoing.hangup()

    async def test_restart(self) -> None:
        """A client looks for its way anew (ICE restart), no matter who called, and both are heard on."""
        phone = self.startPhone()
        gateway = await self.startGateway(phone.address.port)
        client = await self.startJingle()
        outgoing, call = await self.phoneCalls(gateway, client, phone)
        await within(self.clock, 5, call.restartICE())
        await until(self.clock, lambda: "transport-info" in call.requests, "an answer with another ufrag")
        await pause(self.clock, 1)
        await self.bothHear(outgoing, call)
        outgoing.hangup()
        await within(self.clock, 5, call.whenEnded())
        again, incoming = await self.jingleCalls(client, phone)
        await within(self.clock, 5, again.restartICE())
        await pause(self.clock, 1)
        await self.bothHear(incoming, again)
        again.hangup()
        self.assertEqual(client.complaints, [])

    async def _holds(self, *ways: str) -> None:
        gateway = await self.startGateway()
        client, phone = await self.startJingle(), self.startPhone()
        outgoing, call = await self.phoneCalls(gateway, client, phone)
        ear = call.media.detector
        assert ear is not None
        for way in ways:
            if way == "hold":
                call.hold()
            else:
                await within(self.clock, 5, call.modify("responder"))
            await pause(self.clock, 0.3)
            heard = ear.seconds
            await pause(self.clock, 0.7)
            self.assertLess(ear.seconds - heard, 0.1, way)
            self.assertEqual(outgoing.directions[-1], "sendonly", way)
            if way == "hold":
                call.unhold()
            else:
                await within(self.clock, 5, call.modify("both"))
            await self.bothHear(outgoing, call)
            self.assertEqual(outgoing.directions[-1], "sendrecv", way)
        outgoing.hangup()
        self.assertEqual(client.complaints, [])


class JingleAndIChat(JingleEndToEnd):
    """Calls between two users of XMPP, of whom one has an iChat."""

    RULE = (rf"^xmpp:([a-z]+)@{COMPONENT}$", rf"xmpp:$1@{DOMAIN}")

    async def test_jingleCallsIChat(self) -> None:
        """A Jingle client calls an iChat through the gateway; both hear each other, and the iChat hangs up."""
        await self._start()
        client = await self.startJingle(listenFor=ICHAT_TONE)
        ichat = await self.startIChat(listenFor=JINGLE_TONE)
        arrival = ichat.whenCalled()
        call = client.call(f"scott@{COMPONENT}")
        incoming = await within(self.clock, 10, arrival)
        await within(self.clock, 10, call.whenConnected())
        await self._hear(call.media, incoming.media)
        incoming.hangup()
        await within(self.clock, 5, call.whenEnded())
        self.assertEqual((call.outcome, call.condition), ("they hung up", "success"))
        self.assertEqual((client.complaints, ichat.complaints), ([], []))

    async def test_iChatCallsJingle(self) -> None:
        """An iChat calls a Jingle client through the gateway; both hear each other, and the iChat hangs up."""
        await self._start()
        client = await self.startJingle(listenFor=ICHAT_TONE)
        ichat = await self.startIChat(listenFor=JINGLE_TONE)
        address, arrival = f"{USER}@{COMPONENT}", client.whenCalled()
        self.assertTrue(await within(self.clock, 5, ichat.account.subscribe(address)))
        await within(self.clock, 5, ichat.account.whenCallable(address))
        call = ichat.call(address)
        incoming = await within(self.clock, 10, arrival)
        await within(self.clock, 10, call.whenAnswered())
        await self._hear(call.media, incoming.media)
        call.hangup()
        await within(self.clock, 5, incoming.whenEnded())
        self.assertEqual((incoming.outcome, incoming.condition), ("they hung up", "success"))
        self.assertEqual((client.complaints, ichat.complaints), ([], []))

    async def test_jingleCallsJingle(self) -> None:
        """One Jingle client calls another through the gateway: two sessions, with keys and hold passed from one on."""
        await self._start()
        caller = await self.startJingle(listenFor=ICHAT_TONE)
        callee = await self.startJingle(DIRECT, "scott", say=ICHAT_TONE, listenFor=JINGLE_TONE)
        arrival = callee.whenCalled()
        call = caller.call(f"scott@{COMPONENT}")
        incoming = await within(self.clock, 10, arrival)
        self.assertEqual(incoming.peer, f"{USER}@{COMPONENT}/gw")
        await within(self.clock, 10, call.whenConnected())
        await self._hear(call.media, incoming.media)
        call.hold()
        await until(self.clock, lambda: incoming.held, "hold at the callee")
        call.unhold()
        await until(self.clock, lambda: not incoming.held, "its end")
        await within(self.clock, 5, incoming.pressBySignal("7"))
        await until(self.clock, lambda: call.media.keys == "7", "a key at the caller")
        call.press("42")
        await until(self.clock, lambda: incoming.media.keys == "42", "keys at the callee")
        incoming.hangup()
        await within(self.clock, 5, call.whenEnded())
        self.assertEqual((call.outcome, call.condition), ("they hung up", "success"))
        self.assertEqual((caller.complaints, callee.complaints), ([], []))

    async def _start(self) -> None:
        await self.startGateway(rules=(self.RULE,))

    async def _hear(self, *media: Any) -> None:
        for each in media:
            await self.sound(each, 0.6)
