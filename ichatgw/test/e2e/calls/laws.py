# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Phones that have A-law only, and iChats, which have mu-law only.
"""

from __future__ import annotations

from ichatgw.sim.ichat.call import IChatCall
from ichatgw.sim.ichat.ichat import IChat
from ichatgw.test.e2e.programs.baresip import Baresip
from ichatgw.test.e2e.support.case import EndToEnd
from ichatgw.test.e2e.support.moment import pause, within
from ichatgw.test.e2e.support.secure import SecureEndToEnd

ALAW = "PCMA/8000/1"


class OtherLaw(EndToEnd):
    """Each hears the other's tone."""

    async def holds(self, phone: Baresip) -> None:
        for order in ("hold", "resume"):
            phone.command(order)
            await pause(self.clock, 1.5)

    async def assertHeard(self, ichat: IChat, phone: Baresip, call: IChatCall) -> None:
        """Both hear each other after a hold, and the phone hangs up."""
        await self.holds(phone)
        await self.sound(call.media)
        phone.command("hangup")
        await within(self.clock, 5, call.whenEnded())
        await self.assertHeardBy(phone)
        self.assertContent(ichat)

    async def test_phoneCalls(self) -> None:
        """A phone with A-law calls an iChat; so it is after a hold, too."""
        gateway = await self.startGateway()
        ichat, phone = await self.startIChat(), await self.startBaresip(codecs=ALAW)
        call = await self.callIChat(gateway, ichat, phone)
        await self.assertHeard(ichat, phone, call)

    async def test_phoneIsCalled(self) -> None:
        """An iChat calls a phone with A-law."""
        phone = await self.startBaresip("72", codecs=ALAW)
        await self.startGateway(phone.port)
        ichat = await self.startIChat()
        call = await self.callPhone(ichat, phone)
        await self.assertHeard(ichat, phone, call)

    async def test_phones(self) -> None:
        """A phone with A-law calls one with mu-law."""
        callee = await self.startBaresip("72")
        gateway = await self.startGateway(rules=[("^sip:72@.*$", f"sip:72@127.0.0.1:{callee.port}")])
        caller = await self.startBaresip(codecs=ALAW)
        caller.command("dial", f"sip:72@{gateway.address}")
        await callee.told("CALL_INCOMING")
        callee.command("accept")
        await caller.told("CALL_ESTABLISHED")
        await pause(self.clock, 2.5)
        caller.command("hangup")
        await callee.told("CALL_CLOSED")
        for phone in (caller, callee):
            await self.assertHeardBy(phone, 440)


class OtherLawEncrypted(SecureEndToEnd):
    """The same, with media that is protected."""

    async def test_keys(self) -> None:
        """By keys in the signalling."""
        await self.talk("srtp-mand")

    async def test_dtls(self) -> None:
        """By keys that DTLS agrees on."""
        await self.talk("dtls_srtp")

    async def talk(self, encryption: str) -> None:
        """A phone with that encryption calls an iChat."""
        gateway = await self.startGateway(settings=self.certificates("127.0.0.1"))
        ichat = await self.startIChat()
        phone = await self.startBaresip(more=self.phoneCertificates("localhost"), encryption=encryption, codecs=ALAW)
        address = f"sip:scott@127.0.0.1:{gateway.securePort};transport=tls"
        call = await self.callIChat(gateway, ichat, phone, address)
        phone.command("hangup")
        await within(self.clock, 5, call.whenEnded())
        await self.assertHeardBy(phone)
