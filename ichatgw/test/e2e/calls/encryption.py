# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Phones whose media is SRTP.
"""

from __future__ import annotations

from ichatgw.sim.ichat.call import IChatCall
from ichatgw.test.e2e.programs.baresip import Baresip
from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.programs.linphone import Linphone
from ichatgw.test.e2e.support.case import ENOUGH, ICHAT_TONE, NUMBER, PHONE_TONE, PORTS, EndToEnd
from ichatgw.test.e2e.support.jinglecase import JINGLE_TONE, USER, JingleEndToEnd
from ichatgw.test.e2e.support.moment import pause, until, within
from ichatgw.test.e2e.support.secure import SecureEndToEnd

BY_KEYS, BY_DTLS = "agreed on in the signalling", "agreed on by DTLS"


class EncryptedMedia(SecureEndToEnd):
    """Tones are heard through SRTP, and not otherwise."""

    async def phoneCalls(self, encryption: str, **settings: object) -> tuple[Gateway, Baresip, IChatCall]:
        """A phone with that encryption calls an iChat over TLS."""
        gateway = await self.startGateway(settings={**self.certificates("127.0.0.1"), **settings})
        ichat = await self.startIChat()
        phone = await self.startBaresip(more=self.phoneCertificates("localhost"), encryption=encryption)
        address = f"sip:scott@127.0.0.1:{gateway.securePort};transport=tls"
        return gateway, phone, await self.callIChat(gateway, ichat, phone, address)

    async def phoneIsCalled(self, encryption: str, **settings: object) -> tuple[Gateway, Baresip, IChatCall]:
        """An iChat calls a phone with that encryption over TLS."""
        gateway = await self.startCalled(encryption=encryption, settings=settings)
        return gateway, self.phone, await self.callPhone(await self.startIChat(), self.phone)

    async def ends(self, phone: Baresip, call: IChatCall) -> None:
        """The phone hangs up, and has heard the iChat."""
        phone.command("hangup")
        await within(self.clock, 5, call.whenEnded())
        await self.assertHeardBy(phone)

    async def holds(self, phone: Baresip, call: IChatCall) -> None:
        """The phone holds and resumes; the iChat hears it again."""
        for order in ("hold", "resume"):
            phone.command(order)
            await pause(self.clock, 1.5)
        await self.sound(call.media)

    def assertEncrypted(self, gateway: Gateway, phone: Baresip, how: str) -> None:
        """Both ends say so."""
        self.assertEqual(gateway.said(how), 1)
        said = phone.program.output
        self.assertTrue("SRTP is Enabled" in said or "DTLS-SRTP complete" in said, said[-2000:])

    async def test_fromPhone(self) -> None:
        """A phone calls with keys that it insists on; through hold and resume each hears the other."""
        gateway, phone, call = await self.phoneCalls("srtp-mand")
        await self.holds(phone, call)
        await self.ends(phone, call)
        self.assertEncrypted(gateway, phone, BY_KEYS)

    async def test_toPhone(self) -> None:
        """A phone that insists on keys is called where they are required; both hear, through hold and resume too."""
        gateway, phone, call = await self.phoneIsCalled("srtp-mand", SIPMediaEncryption="required")
        await self.holds(phone, call)
        await self.ends(phone, call)
        self.assertEncrypted(gateway, phone, BY_KEYS)

    async def test_byDefault(self) -> None:
        """A phone that takes keys, and is called over TLS with the settings as they are, encrypts."""
        gateway, phone, call = await self.phoneIsCalled("srtp")
        await self.ends(phone, call)
        self.assertEncrypted(gateway, phone, BY_KEYS)

    async def test_plainPhone(self) -> None:
        """A phone that knows no SRTP is called over TLS with the settings as they are, and talks as ever."""
        gateway, phone, call = await self.phoneIsCalled("")
        await self.ends(phone, call)
        self.assertFalse(gateway.said("is protected by"))

    async def test_fromPhoneByDTLS(self) -> None:
        """A phone calls with DTLS; through hold and resume each hears the other."""
        gateway, phone, call = await self.phoneCalls("dtls_srtp")
        await self.holds(phone, call)
        await self.ends(phone, call)
        self.assertEncrypted(gateway, phone, BY_DTLS)

    async def test_toPhoneByDTLS(self) -> None:
        """A phone is called with DTLS; through hold and resume each hears the other."""
        gateway, phone, call = await self.phoneIsCalled("dtls_srtp", SIPMediaEncryption="required", SIPMediaKeys="dtls")
        await self.holds(phone, call)
        await self.ends(phone, call)
        self.assertEncrypted(gateway, phone, BY_DTLS)

    async def test_betweenPhones(self) -> None:
        """A plain phone calls one with SRTP, and holds: that one is told, with the keys as they are, and hears on."""
        self.phone = called = await self.startBaresip(
            "72", more=self.phoneCertificates("localhost"), encryption="srtp-mand"
        )
        gateway = await self.startGateway(
            settings={**self.certificates("localhost"), "SIPMediaKeys": "sdes"},
            rules=[("^sip:72@.*$", f"sip:72@localhost:{called.securePort};transport=tls")],
        )
        caller = await self.startBaresip("plain")
        caller.command("dial", f"sip:72@{gateway.address}")
        await called.told("CALL_INCOMING")
        called.command("accept")
        await caller.told("CALL_ESTABLISHED")
        await pause(self.clock, 2)
        for order in ("hold", "resume"):
            caller.command(order)
            await pause(self.clock, 1.5)
        self.assertGreaterEqual(gateway.said("new offer answered"), 2)
        await pause(self.clock, 2)
        caller.command("hangup")
        await called.told("CALL_CLOSED")
        await self.assertHeardBy(called, PHONE_TONE)
        await self.assertHeardBy(caller, PHONE_TONE)
        self.assertEncrypted(gateway, called, BY_KEYS)

    async def test_refused(self) -> None:
        """A phone without SRTP is refused where that is required, and none is called without."""
        gateway = await self.startCalled(settings={"SIPMediaEncryption": "required"})
        ichat = await self.startIChat()
        arrived = ichat.whenCalled()
        self.phone.command("dial", f"sip:scott@127.0.0.1:{gateway.securePort};transport=tls")
        self.assertIn("488", await self.phone.told("CALL_CLOSED"))
        self.assertFalse(arrived.called)
        await gateway.tells("media must be encrypted")
        self.phone.events.clear()
        call = ichat.call(NUMBER)
        await within(self.clock, 10, call.whenEnded())
        await gateway.tells("incompatible")


class EncryptedByLinphone(EndToEnd):
    """The same with another make of phone, over UDP: its DTLS, and its keys where the settings let them stand there."""

    async def startLinphone(self, encryption: str) -> Linphone:
        phone = Linphone(
            self.clock,
            self.directory("linphone"),
            PORTS,
            "72",
            PHONE_TONE,
            encryption=encryption,
            mandatory=True,
        )
        self.ending(phone)
        await phone.start()
        return phone

    async def both(self, encryption: str, how: str, **settings: object) -> None:
        """A call each way, with hold and resume by the phone; each hears the other."""
        phone = await self.startLinphone(encryption)
        gateway = await self.startGateway(phone.port, settings=settings)
        ichat = await self.startIChat()
        arrival = ichat.whenCalled()
        phone.command(f"call sip:scott@{gateway.address}")
        call = await within(self.clock, 10, arrival)
        await within(self.clock, 10, call.whenAnswered())
        goal = await self.talk(phone, call)
        phone.command("terminate")
        await within(self.clock, 5, call.whenEnded())
        await self.hasHeard(phone, goal)
        await gateway.tells(how)
        self.assertEqual(gateway.said(how), 1)
        outgoing = ichat.call(NUMBER)
        await phone.logged("LinphoneCallIncomingReceived")
        phone.command("answer")
        await within(self.clock, 10, outgoing.whenAnswered())
        goal = await self.talk(phone, outgoing)
        outgoing.hangup()
        await self.hasHeard(phone, goal)
        self.assertEqual(gateway.said(how), 2)  # neither pause nor resume changed a key of ours

    async def talk(self, phone: Linphone, call: IChatCall) -> float:
        """
        The phone pauses and resumes, and is heard again.

        @return: how much it has to have heard in the end.
        """
        await self.sound(call.media)
        before = phone.heard(ICHAT_TONE)
        phone.command("pause")
        await pause(self.clock, 1.5)
        goal = phone.heard(ICHAT_TONE) + ENOUGH
        self.assertGreaterEqual(goal, before + 2 * ENOUGH)
        phone.command("resume")
        await pause(self.clock, 1)
        await self.sound(call.media)
        return goal

    async def hasHeard(self, phone: Linphone, goal: float) -> None:
        """Its recording is written when the call is over."""
        await until(self.clock, lambda: phone.heard(ICHAT_TONE) >= goal, "the iChat at the phone")

    async def test_keys(self) -> None:
        """Keys in the signalling, for a phone that insists on them."""
        await self.both("srtp", BY_KEYS, SIPMediaKeysInClear="on", SIPMediaEncryption="required")

    async def test_dtls(self) -> None:
        """DTLS, for a phone that insists on it."""
        await self.both("dtls", BY_DTLS, SIPMediaEncryption="required")


class EncryptedAtBothEnds(JingleEndToEnd, SecureEndToEnd):
    """A Jingle client with ICE and DTLS-SRTP, and a phone with keys in its signalling."""

    async def test_jingleCalls(self) -> None:
        """The client calls the phone over TLS; each hears the other, and nothing goes plainly at either end."""
        gateway = await self.startCalled(encryption="srtp-mand", settings={"SIPMediaEncryption": "required"})
        client = await self.startJingle()
        call = client.call(NUMBER)
        await self.phone.told("CALL_INCOMING")
        self.phone.command("accept")
        await within(self.clock, 10, call.whenConnected())
        await self.sound(call.media)
        self.phone.command("hangup")
        await within(self.clock, 5, call.whenEnded())
        await self.assertHeardBy(self.phone, JINGLE_TONE)
        await gateway.tells(BY_KEYS)
        self.assertEqual(gateway.said(BY_KEYS), 1)
        self.assertEqual(gateway.said("is protected by"), 2)

    async def test_phoneCalls(self) -> None:
        """The phone calls the client over TLS, by DTLS at both ends."""
        gateway = await self.startGateway(settings={**self.certificates("127.0.0.1"), "SIPMediaEncryption": "required"})
        client = await self.startJingle()
        phone = await self.startBaresip(more=self.phoneCertificates("localhost"), encryption="dtls_srtp")
        arrival = client.whenCalled()
        phone.command("dial", f"sip:{USER}@127.0.0.1:{gateway.securePort};transport=tls")
        call = await within(self.clock, 10, arrival)
        await within(self.clock, 10, call.whenConnected())
        await self.sound(call.media)
        phone.command("hangup")
        await within(self.clock, 5, call.whenEnded())
        await self.assertHeardBy(phone, JINGLE_TONE)
        await gateway.tells(BY_DTLS)
        self.assertEqual(gateway.said(BY_DTLS), 1)
        self.assertEqual(gateway.said("is protected by"), 2)
