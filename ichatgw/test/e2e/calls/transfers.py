# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Calls that are transferred, joined and picked up, with the tone of the party that is there afterwards.
"""

from __future__ import annotations

from ichatgw.sim.ichat.call import IChatCall
from ichatgw.sim.media.media import Media
from ichatgw.sim.media.tone import ToneDetector
from ichatgw.sim.sip.phone import Answering, Phone, PhoneCall
from ichatgw.test.e2e.programs.baresip import Baresip
from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.support.case import ICHAT_TONE, NUMBER, PHONE_TONE, PORTS
from ichatgw.test.e2e.support.jinglecase import JINGLE_TONE, JingleEndToEnd
from ichatgw.test.e2e.support.moment import pause, within

DESK_TONE = 800
"""What the phone on the desk, to which calls are transferred, says."""


class Transfers(JingleEndToEnd):
    """A phone on a desk has the number 8; number 9 is always busy."""

    async def startDesk(self) -> Baresip:
        """A real phone with a tone of its own."""
        desk = Baresip(self.clock, self.directory("8"), PORTS, "8", DESK_TONE)
        self.ending(desk)
        await desk.start()
        return desk

    async def startAll(self, phonePort: int, desk: Baresip) -> Gateway:
        """The gateway, which knows the way to the desk and to a phone that is busy."""
        busy = self.startPhone(user="9", answering=Answering(delay=0.1, code=486))
        rules = (
            (r"^sip:8@", f"sip:8@127.0.0.1:{desk.port}"),
            (r"^sip:9@", f"sip:9@127.0.0.1:{busy.address.port}"),
        )
        return await self.startGateway(phonePort, rules=rules)

    async def hears(self, media: Media, frequency: int, seconds: float = 1.0) -> None:
        """From now on another tone."""
        media.detector = ToneDetector(frequency)
        await self.sound(media, seconds)

    async def callNumber(self, phone: Phone) -> tuple[IChatCall, PhoneCall]:
        """An iChat calls a phone of ours, and hears it."""
        ichat = await self.startIChat()
        arrival = phone.whenCalled()
        call = ichat.call(NUMBER)
        there = await within(self.clock, 10, arrival)
        await within(self.clock, 10, call.whenAnswered())
        await self.sound(call.media)
        return call, there

    async def endAtDesk(self, desk: Baresip, call: IChatCall, tone: int = ICHAT_TONE) -> None:
        """The phone on the desk hangs up; it has heard whom it talked to, and that one is told."""
        desk.command("hangup")
        await within(self.clock, 5, call.whenEnded())
        await self.assertHeardBy(desk, tone)

    async def test_blind(self) -> None:
        """A phone transfers an iChat to a phone that answers; it is hung up, and the two talk."""
        phone, desk = await self.startBaresip("72"), await self.startDesk()
        gateway = await self.startAll(phone.port, desk)
        call = await self.callPhone(await self.startIChat(), phone)
        phone.command("transfer", f"sip:8@{gateway.address}")
        await desk.told("CALL_INCOMING")
        await self.sound(call.media, 0.3)  # until somebody answers, the two go on
        desk.command("accept")
        await phone.told("CALL_CLOSED")
        await self.hears(call.media, DESK_TONE)
        await self.endAtDesk(desk, call)

    async def test_recovery(self) -> None:
        """The target is busy: the phone, which had put the iChat on hold, is told so and goes on."""
        phone = self.startPhone(listenFor=ICHAT_TONE)
        gateway = await self.startAll(phone.address.port, await self.startDesk())
        call, there = await self.callNumber(phone)
        there.hold()
        there.refer(f"sip:9@{gateway.address}")
        self.assertEqual(await within(self.clock, 10, there.whenReferred()), 486)
        self.assertEqual(there.progress, ["100 Trying", "180 Ringing", "486 Busy Here"])
        self.assertFalse(there.over)
        there.hold("sendrecv")
        await self.hears(call.media, PHONE_TONE)
        await self.sound(there.media, 0.6)
        there.hangup()
        await within(self.clock, 5, call.whenEnded())

    async def test_attended(self) -> None:
        """A phone that has called the desk as well joins the two calls, here, and both of its own end."""
        phone, desk = self.startPhone(listenFor=ICHAT_TONE), await self.startDesk()
        gateway = await self.startAll(phone.address.port, desk)
        call, there = await self.callNumber(phone)
        there.hold()
        asked = phone.call(f"sip:8@{gateway.address}")
        await desk.told("CALL_INCOMING")
        desk.command("accept")
        await within(self.clock, 10, asked.whenAnswered())
        await self.hears(asked.media, DESK_TONE)
        there.refer(f"sip:8@{gateway.address}", asked)
        self.assertEqual(await within(self.clock, 10, there.whenReferred()), 200)
        await within(self.clock, 10, asked.whenEnded())
        await within(self.clock, 10, there.whenEnded())
        await self.hears(call.media, DESK_TONE)
        await self.endAtDesk(desk, call)
        self.assertEqual(gateway.program.output.count("takes the place of"), 1)

    async def test_attendedHeld(self) -> None:
        """Both calls are on hold when they are joined: each party is told that this is over, and hears the other."""
        phone = self.startPhone()
        desk = self.startPhone(user="8", say=DESK_TONE, listenFor=JINGLE_TONE)
        gateway = await self.startGateway(
            phone.address.port, rules=((r"^sip:8@", f"sip:8@127.0.0.1:{desk.address.port}"),)
        )
        client = await self.startJingle()
        call, there = await self.jingleCalls(client, phone)
        there.hold()
        asked = phone.call(f"sip:8@{gateway.address}")
        await within(self.clock, 10, asked.whenAnswered())
        asked.hold()
        await pause(self.clock, 0.5)
        there.refer(f"sip:8@{gateway.address}", asked)
        self.assertEqual(await within(self.clock, 10, there.whenReferred()), 200)
        await within(self.clock, 10, asked.whenEnded())
        await within(self.clock, 10, there.whenEnded())
        await self.hears(call.media, DESK_TONE)
        await self.sound(desk.calls[0].media)
        self.assertEqual(desk.calls[0].directions, ["sendonly", "sendrecv"])
        call.hangup()
        await within(self.clock, 5, desk.calls[0].whenEnded())

    async def test_pickUp(self) -> None:
        """A call that rings at one phone is taken at another, which knows the dialog (RFC 3891)."""
        ringing, desk = self.startPhone(answering=Answering(delay=None)), await self.startDesk()
        other = self.startPhone(user="73", say=DESK_TONE, listenFor=ICHAT_TONE)
        gateway = await self.startAll(ringing.address.port, desk)
        ichat = await self.startIChat()
        arrival = ringing.whenCalled()
        call = ichat.call(NUMBER)
        there = await within(self.clock, 10, arrival)
        taken = other.call(f"sip:72@{gateway.address}", replaces=there.name)
        await within(self.clock, 10, taken.whenAnswered())
        await within(self.clock, 10, call.whenAnswered())
        await within(self.clock, 10, there.whenEnded())
        await self.hears(call.media, DESK_TONE)
        await self.sound(taken.media, 0.6)
        taken.hangup()
        await within(self.clock, 5, call.whenEnded())

    async def test_replaced(self) -> None:
        """A call that is up goes on at another phone; the first is hung up, the iChat hears the new one."""
        phone, desk = self.startPhone(), await self.startDesk()
        other = self.startPhone(user="73", say=DESK_TONE, listenFor=ICHAT_TONE)
        gateway = await self.startAll(phone.address.port, desk)
        call, there = await self.callNumber(phone)
        taken = other.call(f"sip:72@{gateway.address}", replaces=there.name)
        await within(self.clock, 10, taken.whenAnswered())
        await within(self.clock, 10, there.whenEnded())
        await self.hears(call.media, DESK_TONE)
        await self.sound(taken.media, 0.6)
        late = other.call(f"sip:72@{gateway.address}", replaces=there.name)
        await within(self.clock, 10, late.whenEnded())
        self.assertEqual(late.status, 603)
        call.hangup()
        await within(self.clock, 5, taken.whenEnded())

    async def test_jingleStays(self) -> None:
        """A phone that has called a Jingle client transfers it to the desk."""
        phone, desk = self.startPhone(), await self.startDesk()
        gateway = await self.startAll(phone.address.port, desk)
        client = await self.startJingle()
        there, call = await self.phoneCalls(gateway, client, phone)
        there.refer(f"sip:8@{gateway.address}")
        await desk.told("CALL_INCOMING")
        there.hangup()  # blind: it does not wait
        desk.command("accept")
        await self.hears(call.media, DESK_TONE)
        desk.command("hangup")
        await within(self.clock, 5, call.whenEnded())
        await self.assertHeardBy(desk, JINGLE_TONE)

    async def test_toXMPP(self) -> None:
        """A phone transfers a phone to an iChat."""
        phone = self.startPhone(listenFor=PHONE_TONE)
        desk = await self.startDesk()
        gateway = await self.startAll(phone.address.port, desk)
        ichat = await self.startIChat(listenFor=DESK_TONE)
        there = phone.call(f"sip:8@{gateway.address}")
        await desk.told("CALL_INCOMING")
        desk.command("accept")
        await within(self.clock, 10, there.whenAnswered())
        await self.hears(there.media, DESK_TONE, 0.6)
        arrival = ichat.whenCalled()
        there.refer(f"sip:scott@{gateway.address}")
        call = await within(self.clock, 10, arrival)
        self.assertEqual(await within(self.clock, 10, there.whenReferred()), 200)
        await within(self.clock, 10, there.whenEnded())
        await self.sound(call.media, 1.0)
        await self.endAtDesk(desk, call)

    async def test_sipp(self) -> None:
        """Another make of phone transfers an iChat that it has called, and is told of each step as RFC 3515 says."""
        desk = await self.startDesk()
        gateway = await self.startAll(0, desk)
        ichat = await self.startIChat(listenFor=DESK_TONE)
        arrival = ichat.whenCalled()
        phone = await self.startSipp("refer", gateway.address, TARGET=f"sip:8@{gateway.address}")
        call = await within(self.clock, 10, arrival)
        await desk.told("CALL_INCOMING")
        await pause(self.clock, 1.0)  # so that it is told of the ringing
        desk.command("accept")
        await self.sound(call.media, 1.0)
        await phone.succeeded()
        await self.endAtDesk(desk, call)

    async def test_noRule(self) -> None:
        """A target that no rule matches is not called: the call goes on, and the phone is told 404."""
        phone, desk = self.startPhone(listenFor=ICHAT_TONE), await self.startDesk()
        await self.startAll(phone.address.port, desk)
        call, there = await self.callNumber(phone)
        there.refer("sip:stranger1@elsewhere.example")
        self.assertEqual(await within(self.clock, 10, there.whenReferred()), 404)
        await self.hears(call.media, PHONE_TONE)
        call.hangup()
        await within(self.clock, 5, there.whenEnded())
