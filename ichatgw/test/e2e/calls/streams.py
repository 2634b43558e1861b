# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Calls whose SIP goes over TCP and TLS.
"""

from __future__ import annotations

from pathlib import Path

from ichatgw.test.e2e.support.case import NUMBER, EndToEnd
from ichatgw.test.e2e.support.moment import within
from ichatgw.test.e2e.support.secure import SecureEndToEnd


class OverTCP(EndToEnd):
    """Phones that speak SIP over TCP."""

    async def test_fromPhone(self) -> None:
        """A phone calls over TCP, each hears the other, and the iChat hangs up."""
        gateway = await self.startGateway()
        ichat, phone = await self.startIChat(), await self.startBaresip()
        address = f"sip:scott@{gateway.address};transport=tcp"
        (await self.callIChat(gateway, ichat, phone, address)).hangup()
        await phone.told("CALL_CLOSED")
        await self.assertHeardBy(phone)

    async def test_toPhone(self) -> None:
        """A phone is called over TCP, each hears the other, and the phone hangs up."""
        phone = await self.startBaresip("72")
        gateway = await self.startGateway(phone.port, transport=";transport=tcp")
        ichat = await self.startIChat()
        call = await self.callPhone(ichat, phone)
        phone.command("hangup")
        await within(self.clock, 5, call.whenEnded())
        await self.assertHeardBy(phone)
        await gateway.tells("INVITE to tcp:")

    async def test_nobodyThere(self) -> None:
        """A phone that is not there is one to which the call does not get through, at once."""
        gateway = await self.startGateway(9, transport=";transport=tcp")
        ichat = await self.startIChat()
        call = ichat.call(NUMBER)
        await within(self.clock, 5, call.whenEnded())
        await gateway.tells("No connection to tcp:127.0.0.1:9")


class OverTLS(SecureEndToEnd):
    """Phones that speak SIP over TLS, with the certificates of a private authority."""

    async def test_fromPhone(self) -> None:
        """A phone that verifies our certificate calls over TLS; each hears the other, and the iChat hangs up."""
        gateway = await self.startGateway(settings=self.certificates("127.0.0.1"))
        ichat = await self.startIChat()
        phone = await self.startBaresip(more=self.phoneCertificates("localhost"))
        address = f"sip:scott@127.0.0.1:{gateway.securePort};transport=tls"
        (await self.callIChat(gateway, ichat, phone, address)).hangup()
        await phone.told("CALL_CLOSED")
        await self.assertHeardBy(phone)

    async def test_mutual(self) -> None:
        """With C{TLSVerify = require} a phone that shows a certificate of our authority calls, another one does not."""
        settings = {**self.certificates("127.0.0.1"), "TLSVerify": "require"}
        gateway = await self.startGateway(settings=settings)
        ichat = await self.startIChat()
        address = f"sip:scott@127.0.0.1:{gateway.securePort};transport=tls"
        stranger = await self.startBaresip(
            "stranger", more=f"sip_cafile {self.authority.path}\nsip_verify_server yes\n"
        )
        stranger.command("dial", address)
        await gateway.program.said(r"No connection from tls:127\.0\.0\.1:\d+: TLS: peer did not return a certificate")
        phone = await self.startBaresip(more=self.phoneCertificates("localhost"))
        (await self.callIChat(gateway, ichat, phone, address)).hangup()
        await phone.told("CALL_CLOSED")

    async def test_reload(self) -> None:
        """Renewed certificates are taken at SIGHUP; a call goes on over the connection that it has."""
        settings = self.certificates("127.0.0.1")
        gateway = await self.startGateway(settings=settings)
        ichat, phone = await self.startIChat(), await self.startBaresip(more=self.phoneCertificates("localhost"))
        address = f"sip:scott@127.0.0.1:{gateway.securePort};transport=tls"
        call = await self.callIChat(gateway, ichat, phone, address)
        renewed = self.certificates("127.0.0.1")
        for name in ("TLSCertificate", "TLSPrivateKey"):
            Path(str(settings[name])).write_bytes(Path(str(renewed[name])).read_bytes())
        await gateway.reload("Settings read again: the certificates in its files")
        await self.sound(call.media)
        self.assertFalse(gateway.said("The connection with tls:"))
        call.hangup()
        await phone.told("CALL_CLOSED")

    async def test_toPhone(self) -> None:
        """A phone whose certificate we verify is called over TLS; each hears the other, and the phone hangs up."""
        gateway = await self.startCalled()
        call = await self.callPhone(await self.startIChat(), self.phone)
        self.phone.command("hangup")
        await within(self.clock, 5, call.whenEnded())
        await self.assertHeardBy(self.phone)
        await gateway.tells("INVITE to tls:")

    async def test_expired(self) -> None:
        """A phone whose certificate has expired is not called, and the log says why."""
        gateway = await self.startCalled(days=-1)
        call = (await self.startIChat()).call(NUMBER)
        await within(self.clock, 8, call.whenEnded())
        await gateway.tells("its certificate is refused: it has expired")
