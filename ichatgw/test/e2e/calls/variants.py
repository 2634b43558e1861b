# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
The ways in which iChats differ, and in which a call can go, each once: a simulated iChat and phone at the real gateway
and server.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.task import LoopingCall

from ichatgw.model import TransportAddress
from ichatgw.sim.ichat.call import IChatCall
from ichatgw.sim.ichat.ichat import IChat
from ichatgw.sim.ichat.profile import LEOPARD, SNOW, Action, Calling, Profile, Quirks, Taking
from ichatgw.sim.sip.phone import Answering, Phone, PhoneCall
from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.programs.prosody import COMPONENT
from ichatgw.test.e2e.support.case import ICHAT_TONE, NUMBER, PHONE_TONE, EndToEnd
from ichatgw.test.e2e.support.moment import pause, until, within

# What iChats may look like: of every call they make and take it must not matter.
PROFILES: dict[str, tuple[Profile, Quirks]] = {
    "Leopard": (LEOPARD, Quirks()),
    "Snow Leopard": (SNOW, Quirks()),
    "no line feed": (LEOPARD, Quirks(lineFeed=False)),
    "stale bytes": (LEOPARD, Quirks(junk=True)),
    "upper-case digits": (LEOPARD, Quirks(upperCase=True)),
    "a relay's address first": (SNOW, Quirks(relayRecord=True)),
    "upper-case names": (LEOPARD, Quirks(otherCase=True)),
    "no video": (LEOPARD, Quirks(video=False)),
    "another Contact": (LEOPARD, Quirks(contact="sip:user@192.0.2.99:9")),
    "no results for sets": (SNOW, Quirks(reply=False)),
    "frequent pings": (LEOPARD, Quirks(pingInterval=0.2)),
}


NOBODY, NOBODY6 = TransportAddress("192.0.2.99", 16402), TransportAddress("2001:db8::99", 16402)


class Variants(EndToEnd):
    """One gateway, one phone, one iChat that is told anew how to be."""

    async def begin(self, **settings: object) -> None:
        """Start all."""
        self.phone = Phone(self.clock, say=PHONE_TONE, listenFor=ICHAT_TONE)
        self.phone.start()
        self.addCleanup(self.phone.stop)
        self.gateway: Gateway = await self.startGateway(self.phone.address.port, settings=settings)
        self.ichat: IChat = await self.startIChat()

    def be(self, name: str) -> None:
        """From now on the iChat is of another kind.  It keeps its socket, and with it the Contact it began with."""
        self.ichat.profile, self.ichat.quirks = PROFILES[name]
        self.ichat.agent.userAgent = self.ichat.profile.userAgent

    async def call(self, **how: Any) -> tuple[PhoneCall, IChatCall]:
        """Let the iChat call; fires when the phone has been reached."""
        self.ichat.calling = Calling(**how)
        arrival = self.phone.whenCalled()
        ours = self.ichat.call(NUMBER)
        return await within(self.clock, 5, arrival), ours

    def ring(self, user: str = "bell") -> PhoneCall:
        """Let the phone call."""
        self.phone.user = user
        return self.phone.call(f"sip:scott@{self.gateway.address}")

    async def refused(self, call: PhoneCall) -> int:
        """The code with which the phone's call was refused."""
        await within(self.clock, 10, call.whenEnded())
        return call.status

    async def heard(self, phone: PhoneCall, ichat: IChatCall) -> None:
        """Both hear each other."""
        await self.sound(phone.media, 0.3)
        await self.sound(ichat.media, 0.3)

    async def none(self) -> None:
        """No call is left at the gateway: as many have ended as began."""
        said = self.gateway.said
        began, ended = (lambda: said(" as 'sip:") + said(" as 'xmpp:")), (lambda: said(" ended by "))
        await until(self.clock, lambda: ended() == began(), "the end of all calls", 5)

    async def test_profiles(self) -> None:
        """Whatever an iChat looks like it can call and be called, with sound, and is answered all it asks."""
        await self.begin()
        for name in PROFILES:
            self.be(name)
            phone, ichat = await self.call()
            await within(self.clock, 5, ichat.whenAnswered())
            await self.heard(phone, ichat)
            if name == "frequent pings":
                await until(self.clock, lambda call=ichat: call.pings > 1, "answers to pings", 2)  # type: ignore[misc]
                self.assertEqual([r for r in phone.requests if r != "BYE"], [])
            ichat.hangup()
            await within(self.clock, 5, phone.whenEnded())
            await self.taken()
            self.assertEqual(self.ichat.complaints, [], name)
        await self.none()

    async def test_calling(self) -> None:
        """Requests that are repeated, taken back, followed by no INVITE, by a lost one, or by one without PCMU."""
        await self.begin(IChatInviteTimeout=1)
        phone, ichat = await self.call(repeats=2)
        await within(self.clock, 5, ichat.whenAnswered())
        self.assertEqual(len(self.phone.calls), 1)
        ichat.hangup()
        await within(self.clock, 5, phone.whenEnded())

        ways: tuple[dict[str, Any], ...] = ({"cancelAfter": 0.1}, {"cancelOnAccept": True}, {"invite": False})
        for how in ways:
            phone, ichat = await self.call(**how)
            await within(self.clock, 10, phone.whenEnded())
            if "invite" in how:
                ichat.giveUp()
            await within(self.clock, 5, ichat.whenEnded())
            self.assertEqual(ichat.outcome, "cancelled", str(how))
        calls = len(self.phone.calls)

        self.ichat.lose = 1
        phone, ichat = await self.call()
        await within(self.clock, 5, ichat.whenAnswered())
        ichat.hangup()
        await within(self.clock, 5, phone.whenEnded())
        self.assertEqual(len(self.phone.calls), calls + 1)

        self.ichat.quirks = Quirks(pcmu=False)
        phone, ichat = await self.call()
        await within(self.clock, 5, ichat.whenEnded())
        self.assertEqual(ichat.outcome, "refused 488")
        await within(self.clock, 5, phone.whenEnded())
        await self.none()

    async def test_refusedByPhone(self) -> None:
        """Whatever the phone's network answers, the iChat hears that it was declined; a 302 leads on."""
        await self.begin()
        for code in (404, 480, 486, 500, 503, 603):
            self.phone.answering = Answering(code=code, delay=0.05)
            _, ichat = await self.call()
            await within(self.clock, 5, ichat.whenEnded())
            self.assertEqual(ichat.outcome, "declined", str(code))
        other = Phone(self.clock, user="other")
        other.start()
        self.addCleanup(other.stop)
        self.phone.answering = Answering(code=302, delay=0.05, contact=f"sip:other@{other.address}")
        arrival = other.whenCalled()
        _, ichat = await self.call()
        await within(self.clock, 5, arrival)
        await within(self.clock, 5, ichat.whenAnswered())
        ichat.hangup()
        await within(self.clock, 5, other.calls[0].whenEnded())
        self.assertContent(self.ichat)
        await self.none()

    async def test_twoAtOnce(self) -> None:
        """Two iChats call two numbers at the same moment, and each gets its own."""
        await self.begin()
        anna = await self.startIChat("anna")
        calls = [self.ichat.call(NUMBER), anna.call(f"73@{COMPONENT}")]
        for call in calls:
            await within(self.clock, 5, call.whenAnswered())
        called = sorted(call.dialog.invite.uri.partition("@")[0] for call in self.phone.calls)
        self.assertEqual(called, ["sip:72", "sip:73"])
        for call in calls:
            await self.sound(call.media, 0.3)
            call.hangup()
        for each in self.phone.calls:
            await within(self.clock, 5, each.whenEnded())
        self.assertContent(self.ichat, anna)

    async def test_taking(self) -> None:
        """Each way to decline, to fail and to say nothing has its code at the phone."""
        await self.begin(RingingTimeout=1)
        for taking, code in (
            (Taking(Action.DECLINE), 603),
            (Taking(Action.DECLINE_WITHOUT_DATA), 603),
            (Taking(Action.DECLINE_LINE_FEED), 603),
            (Taking(Action.ERROR), 404),
            (Taking(Action.IGNORE), 408),
            (Taking(Action.COUNTER), 408),
            (Taking(Action.ACCEPT, delay=2.0), 408),
            (Taking(code=486), 486),
            (Taking(code=603), 603),
        ):
            self.ichat.taking = evolve(taking, delay=taking.delay if taking.delay > 1 else 0.05)
            self.assertEqual(await self.refused(self.ring()), code, str(taking))
        self.ichat.taking = Taking()
        arrival = self.ichat.whenCalled()
        phone = self.ring("alexander.graham.bell")
        taken = await within(self.clock, 5, arrival)
        await within(self.clock, 5, taken.whenAnswered())
        self.assertEqual(taken.peer.partition("@")[0], "alexander")
        taken.hangup()
        await within(self.clock, 5, phone.whenEnded())
        await self.none()

    async def taken(self) -> None:
        """The phone calls the iChat, with sound, and hangs up."""
        arrival = self.ichat.whenCalled()
        phone = self.ring()
        taken = await within(self.clock, 5, arrival)
        await within(self.clock, 5, taken.whenAnswered())
        await self.heard(phone, taken)
        phone.hangup()
        await within(self.clock, 5, taken.whenEnded())

    async def test_skipsFirst(self) -> None:
        """With C{SkipFirstIChatAddress} an iChat is called at the second of its addresses; one of a relay is none."""
        await self.begin(SkipFirstIChatAddress="on")
        self.ichat.quirks = Quirks(first=(NOBODY,), relayRecord=True)
        await self.taken()
        await self.none()

    async def test_otherFamily(self) -> None:
        """An IPv6 address is of no use to a gateway of IPv4, whatever is preferred; without another it is 603."""
        await self.begin(PreferIPv6="on")
        self.ichat.quirks = Quirks(first=(NOBODY6,))
        await self.taken()
        self.ichat.quirks = Quirks(first=(NOBODY6,), nowhere=True)
        self.assertEqual(await self.refused(self.ring()), 603)
        await self.none()

    async def test_intruders(self) -> None:
        """An INVITE that no call waits for, from a known host or another one, places none, and disturbs none."""
        await self.begin()
        target = TransportAddress("127.0.0.1", self.gateway.port)
        for calling in (Calling(), Calling(foreignHost="127.0.0.2")):
            self.ichat.calling = calling
            call = self.ichat.intrude(NUMBER, target)
            await within(self.clock, 5, call.whenEnded())
            self.assertEqual(call.outcome, "refused 403")
        self.assertEqual(self.phone.calls, [])
        phone, ichat = await self.call()
        await within(self.clock, 5, ichat.whenAnswered())
        self.ichat.calling = Calling(foreignHost="127.0.0.2")
        call = self.ichat.intrude(NUMBER, target)
        await within(self.clock, 5, call.whenEnded())
        self.assertEqual(len(self.phone.calls), 1)
        await self.heard(phone, ichat)
        ichat.hangup()
        await within(self.clock, 5, phone.whenEnded())
        await self.none()

    async def test_behindNAT(self) -> None:
        """
        An iChat that names a private address only and is seen at another one can call; a stranger who sends its INVITE
        all the time does not get its place.
        """
        await self.begin()
        self.ichat.quirks = Quirks(first=(TransportAddress("192.168.77.7", 16402),), nowhere=True)
        target = TransportAddress("127.0.0.1", self.gateway.port)
        calling, strangers = Calling(foreignHost="127.0.0.2"), []

        def intrude() -> None:
            before, self.ichat.calling = self.ichat.calling, calling
            strangers.append(self.ichat.intrude(NUMBER, target))
            self.ichat.calling = before

        def giveUp() -> None:
            if loop.running:
                loop.stop()

        loop = LoopingCall(intrude)
        loop.clock = self.clock
        self.addCleanup(giveUp)
        loop.start(0.2)
        phone, ichat = await self.call()
        await within(self.clock, 10, ichat.whenAnswered())
        await self.heard(phone, ichat)
        giveUp()
        for each in strangers:
            await within(self.clock, 10, each.whenEnded())
            self.assertIn("refused", each.outcome)
        ichat.hangup()
        await within(self.clock, 5, phone.whenEnded())
        await self.none()

    async def test_away(self) -> None:
        """Of two iChats of a user only the one that is there rings, while there is one."""
        await self.begin()
        mini = await self.startIChat(resource="Mini")
        mini.account.announce(show="away")
        await pause(self.clock, 0.3)
        await self.taken()
        self.assertEqual(mini.calls, [])
        self.ichat.account.logout()
        await pause(self.clock, 0.3)
        arrival = mini.whenCalled()
        phone = self.ring()
        taken = await within(self.clock, 5, arrival)
        await within(self.clock, 5, taken.whenAnswered())
        phone.hangup()
        await within(self.clock, 5, taken.whenEnded())
        await self.none()

    async def test_resources(self) -> None:
        """Who goes away does not end the ringing of others, and a stranger does not answer for them."""
        await self.begin()
        self.ichat.taking = Taking(Action.IGNORE)
        mini = await self.startIChat(resource="Mini", taking=Taking(Action.IGNORE))
        stranger = await self.startIChat("anna")
        arrivals = self.ichat.whenCalled(), mini.whenCalled()
        phone = self.ring()
        first, second = [await within(self.clock, 5, arrival) for arrival in arrivals]
        stranger.answerUnasked(first.peer)
        self.ichat.account.logout()
        await pause(self.clock, 0.3)
        self.assertFalse(phone.over)
        second.accept()
        await within(self.clock, 5, phone.whenAnswered())
        await self.heard(phone, second)
        phone.hangup()
        await within(self.clock, 5, second.whenEnded())
        self.assertEqual(stranger.calls, [])
        await self.none()
