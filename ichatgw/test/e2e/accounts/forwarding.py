# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Calls to users who sleep, and calls that lead on: to a second phone, to voicemail, to other users, and round.
"""

from __future__ import annotations

from pathlib import Path

from ichatgw.sim.ichat.profile import Action, Taking
from ichatgw.sim.jingle.callee import JingleTaking, Pickup
from ichatgw.sim.jingle.profile import CONVERSATIONS, DIRECT
from ichatgw.sim.sip.phone import Answering, Phone, PhoneCall
from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.programs.prosody import COMPONENT, DOMAIN, Prosody
from ichatgw.test.e2e.support.case import PHONE_TONE
from ichatgw.test.e2e.support.jinglecase import USER, JingleEndToEnd
from ichatgw.test.e2e.support.moment import until, within

PLACE_TONE = 880


class KeepingProsody(Prosody):
    """It keeps messages for users who are offline: what a push service would tell their clients of."""

    DISABLED = ("s2s", "tls", "posix")

    def isKept(self, account: str) -> bool:
        """Is there a message for that user?"""
        kept: Path = self._directory / "data" / DOMAIN.replace(".", "%2e") / "offline" / f"{account}.list"
        return kept.exists() and kept.stat().st_size > 0


class Asleep(JingleEndToEnd):
    """A user who has subscribed, and whose client is woken by the message of a call only."""

    makeServer = KeepingProsody

    async def fallAsleep(self) -> None:
        """The client of the user has been there, and is no more."""
        client = await self.startJingle()
        client.account.logout()
        await self.settle()
        client.stop()

    async def test_woken(self) -> None:
        """
        The phone hears it ring, the client comes when its server has the proposal, answers, and both hear the other.
        """
        phone = self.startPhone()
        gateway = await self.startGateway(phone.address.port, settings={"IChatProceedingTimeout": 1000})
        await self.fallAsleep()
        outgoing = phone.call(f"sip:{USER}@{gateway.address}")
        await until(self.clock, lambda: self.server.isKept(USER), "a proposal for the sleeping client")
        await within(self.clock, 10, outgoing.whenRinging())
        client = await self.startJingle(resource="woken")
        await until(self.clock, lambda: client.calls, "the proposal at the client that was woken")
        await within(self.clock, 10, outgoing.whenAnswered())
        await self.bothHear(outgoing, client.calls[0])
        outgoing.hangup()
        await within(self.clock, 5, client.calls[0].whenEnded())

    async def test_sleepsOn(self) -> None:
        """If no client wakes it rings for C{RingingTimeout}; then it is 480, and the proposal is taken back."""
        phone = self.startPhone()
        gateway = await self.startGateway(
            phone.address.port, settings={"IChatProceedingTimeout": 1000, "RingingTimeout": 4}
        )
        await self.fallAsleep()
        outgoing = phone.call(f"sip:{USER}@{gateway.address}")
        await within(self.clock, 10, outgoing.whenRinging())
        await within(self.clock, 10, outgoing.whenEnded())
        self.assertEqual(outgoing.status, 480)
        client = await self.startJingle(resource="late")
        await until(self.clock, lambda: any("retract" in each.toXml() for each in self.messages), "the retraction")
        self.assertEqual([call.over for call in client.calls], [True])

    async def test_unknown(self) -> None:
        """A user whom the server does not know does not ring: it returns the proposal, and says nothing of presence."""
        phone = self.startPhone()
        gateway = await self.startGateway(phone.address.port, settings={"IChatProceedingTimeout": 1000})
        outgoing = phone.call(f"sip:nobody@{gateway.address}")
        await within(self.clock, 5, outgoing.whenEnded())
        self.assertEqual(outgoing.status, 408)
        self.failureResultOf(outgoing.whenRinging())

    async def test_offlineForward(self) -> None:
        """With a place for it, a call to a user whose clients sleep leads there when none has come."""
        phone, place = self.startPhone(), self.startPhone(user="73", say=PLACE_TONE)
        gateway = await self.startGateway(
            place.address.port,
            settings={
                "IChatProceedingTimeout": 1000,
                "JingleProceedingTimeout": 1000,
                "ForwardRule": "offline to 73 for all",
            },
        )
        await self.fallAsleep()
        arrival = place.whenCalled()
        outgoing = phone.call(f"sip:{USER}@{gateway.address}")
        incoming = await within(self.clock, 10, arrival)
        await within(self.clock, 5, outgoing.whenAnswered())
        self.assertIn("unavailable", incoming.dialog.invite.get("Diversion"))


class Forwarded(JingleEndToEnd):
    """Calls that a user does not take."""

    async def startForwarding(self, *rules: str, **settings: object) -> tuple[Gateway, Phone, Phone]:
        """A gateway with these rules, a phone that calls, and one to which numbers lead."""
        place = self.startPhone(user="73", say=PLACE_TONE, listenFor=PHONE_TONE)
        lines = [("ForwardRule", rule) for rule in rules]
        gateway = await self.startGateway(place.address.port, lines=lines, settings=settings)
        return gateway, self.startPhone(listenFor=PLACE_TONE), place

    async def leadOn(
        self, gateway: Gateway, phone: Phone, place: Phone, user: str = USER
    ) -> tuple[PhoneCall, PhoneCall]:
        """Let the phone call a user, and the place answer; both have heard the other."""
        arrival = place.whenCalled()
        outgoing = phone.call(f"sip:{user}@{gateway.address}")
        incoming = await within(self.clock, 15, arrival)
        await within(self.clock, 10, outgoing.whenAnswered())
        await self.sound(outgoing.media, 0.6)
        await self.sound(incoming.media, 0.6)
        return outgoing, incoming

    async def test_busy(self) -> None:
        """
        A client that is busy, or declines, has the call lead to the second phone, which sees who calls and who has sent
        it on; both phones hear each other, and the client rings no more.
        """
        gateway, phone, place = await self.startForwarding("busy to 73")
        client = await self.startJingle()
        for action in (Pickup.BUSY, Pickup.DECLINE):
            client.taking = JingleTaking(action)
            outgoing, incoming = await self.leadOn(gateway, phone, place)
            self.assertIn(181, outgoing.provisionals)
            invite = incoming.dialog.invite
            self.assertIn(f"<sip:{USER}@{DOMAIN}>;reason=user-busy", invite.get("Diversion"))
            self.assertIn("72@", invite.get("From"))
            self.assertTrue(int(invite.get("Max-Forwards")) <= 20)
            outgoing.hangup()
            await within(self.clock, 5, incoming.whenEnded())
        self.assertEqual((len(client.calls), client.complaints), (2, []))

    async def test_noAnswer(self) -> None:
        """
        After the time that is set the client stops ringing, by whichever way it was called, and the second phone rings.
        """
        gateway, phone, place = await self.startForwarding("no answer after 1 to 73")
        for profile, outcome in ((CONVERSATIONS, "retracted"), (DIRECT, "they hung up")):
            client = await self.startJingle(profile, resource=profile.name, taking=JingleTaking(Pickup.IGNORE))
            outgoing, incoming = await self.leadOn(gateway, phone, place)
            await until(self.clock, lambda client=client: client.calls[0].over, "the end of the ringing")  # type: ignore[misc]
            self.assertEqual(client.calls[0].outcome, outcome)
            incoming.hangup()
            await within(self.clock, 5, outgoing.whenEnded())
            client.account.logout()
        await gateway.tells("forwards to '73' (no answer)")

    async def test_iChat(self) -> None:
        """So it is with an iChat that declines, or does not answer."""
        gateway, phone, place = await self.startForwarding("busy to 73", "no answer after 2 to 73")
        for action in (Action.DECLINE, Action.IGNORE):
            ichat = await self.startIChat(taking=Taking(action=action), resource=action.name)
            outgoing, incoming = await self.leadOn(gateway, phone, place, "scott")
            outgoing.hangup()
            await within(self.clock, 5, incoming.whenEnded())
            self.assertContent(ichat)
            ichat.account.logout()

    async def test_voicemail(self) -> None:
        """Always to voicemail: the client does not ring, and the mailbox is the user's."""
        mailbox = self.startPhone(user="mailbox", say=PLACE_TONE, listenFor=PHONE_TONE)
        gateway, phone, _ = await self.startForwarding(
            "always to voicemail", VoicemailOutput=f"sip:*97$1@{mailbox.address}"
        )
        client = await self.startJingle()
        outgoing, incoming = await self.leadOn(gateway, phone, mailbox)
        self.assertTrue(incoming.dialog.invite.uri.startswith(f"sip:*97{USER}@"))
        outgoing.hangup()
        self.assertEqual(client.calls, [])

    async def test_fromUser(self) -> None:
        """A user who calls another user's number is forwarded as well."""
        place = self.startPhone(user="73", say=PLACE_TONE)
        rules = [(f"^xmpp:55@{COMPONENT}$", f"xmpp:scott@{DOMAIN}")]
        settings = {"ForwardRule": f"always to 73 for scott@{DOMAIN}"}
        await self.startGateway(place.address.port, rules=rules, settings=settings)
        client, arrival = await self.startJingle(listenFor=PLACE_TONE), place.whenCalled()
        call = client.call(f"55@{COMPONENT}")
        await within(self.clock, 10, arrival)
        await within(self.clock, 10, call.whenConnected())
        await self.sound(call.media, 0.6)
        call.hangup()

    async def test_abandoned(self) -> None:
        """A caller who gives up while the second phone rings stops it."""
        gateway, phone, place = await self.startForwarding("busy to 73")
        place.answering = Answering(delay=None)
        await self.startJingle(taking=JingleTaking(Pickup.BUSY))
        arrival = place.whenCalled()
        outgoing = phone.call(f"sip:{USER}@{gateway.address}")
        incoming = await within(self.clock, 10, arrival)
        outgoing.hangup()
        await within(self.clock, 5, incoming.whenEnded())
        await within(self.clock, 5, outgoing.whenEnded())
        self.assertEqual((incoming.status, outgoing.status), (487, 487))

    async def test_round(self) -> None:
        """Users who forward to each other: 480 at once."""
        gateway, phone, _ = await self.startForwarding(
            f"always to scott@{DOMAIN} for {USER}@{DOMAIN}", f"always to {USER}@{DOMAIN}"
        )
        for user in (USER, "scott"):
            call = phone.call(f"sip:{user}@{gateway.address}")
            await within(self.clock, 5, call.whenEnded())
            self.assertEqual(call.status, 480)
        await gateway.tells("goes round")

    async def test_roundByPhone(self) -> None:
        """The same by a number that its server leads back to the gateway."""
        gateway, phone, place = await self.startForwarding("always to 73")
        place.answering = Answering(ring=0, delay=0, code=302, contact=f"sip:{USER}@{gateway.address}")
        call = phone.call(f"sip:{USER}@{gateway.address}")
        await within(self.clock, 10, call.whenEnded())
        self.assertEqual(call.status, 482)
        await gateway.tells("ended: failed '482 Loop Detected'")
