# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Users of iChat at a SIP registrar: Kamailio registers them, and phones call them there.
"""

from __future__ import annotations

from ichatgw.test.e2e.programs.baresip import Baresip
from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.programs.kamailio import DOMAIN, Kamailio, password
from ichatgw.test.e2e.programs.prosody import DOMAIN as XMPP_DOMAIN
from ichatgw.test.e2e.programs.zone import Zone
from ichatgw.test.e2e.support.case import CONTROL, NUMBER, PHONE_TONE, PORTS, EndToEnd
from ichatgw.test.e2e.support.moment import pause, until, within


class WithRegistrar(EndToEnd):
    """A registrar, and a gateway that registers users there."""

    async def startRegistrar(self, moved: bool = False, **options: int) -> None:
        """
        Kamailio for C{sip.test}, which a name server leads to.

        @param moved: to where it was before.
        """
        self.registrar = Kamailio(self.clock, self.directory("kamailio"), PORTS, **options)  # type: ignore[arg-type]
        self.ending(self.registrar)
        await self.registrar.start()
        zone = Zone(self.clock, {})
        port = self.registrar.formerPort if moved else self.registrar.port
        zone.domain(DOMAIN, "UDP", port, "127.0.0.1")
        self.ending(zone)
        self.nameServer = zone.start()

    async def startRegistering(self, word: str = "", **settings: object) -> Gateway:
        """
        The gateway, which registers users of the XMPP server there.

        @param word: the password to log in with, if it is not the right one.
        """
        self.credentials = self.directory("credentials").absolute()
        self.write(word or password("scott"))
        return await self.startGateway(
            rules=[(rf"^xmpp:([a-z]+)@{XMPP_DOMAIN}$", f"sip:$1@{DOMAIN}"), ("^xmpp:72@", f"sip:phone@{DOMAIN}")],
            settings={
                "DNSServers": self.nameServer,
                "SIPCredentials": self.credentials,
                "RegistrationTime": 600,
                "RegistrationRetryTime": 2,
                **settings,
            },
        )

    def write(self, word: str) -> None:
        """The file of credentials."""
        self.credentials.write_text(f"scott@{DOMAIN} - {word}\n")
        self.credentials.chmod(0o600)

    async def startAway(self, registered: bool = False) -> Baresip:
        """A phone that is at home at Kamailio too, and sends all its calls there."""
        account = f"<sip:phone@{DOMAIN}>;regint={60 if registered else 0};auth_user=phone;auth_pass={password('phone')}"
        account += f';outbound="sip:127.0.0.1:{self.registrar.port};lr"'
        phone = Baresip(self.clock, self.directory("away"), PORTS, "phone", PHONE_TONE, account=account)
        self.ending(phone)
        await phone.start()
        if registered:
            await self.registrar.saved("phone")
        return phone


class AtRegistrar(WithRegistrar):
    """A user online with an iChat is registered under their SIP address, and is called there."""

    async def test_called(self) -> None:
        """
        A user is registered with his password when he comes online; a phone calls his SIP address through the
        registrar, he answers, and each hears the other.  When he has gone he is registered no more: 404.
        """
        await self.startRegistrar()
        gateway = await self.startRegistering()
        self.assertEqual(self.registrar.saves("scott"), [])
        ichat = await self.startIChat()
        await self.registrar.saved("scott", 600)
        phone = await self.startAway()
        call = await self.callIChat(gateway, ichat, phone, f"sip:scott@{DOMAIN}")
        call.hangup()
        await phone.told("CALL_CLOSED")
        await self.assertHeardBy(phone)
        ichat.account.logout()
        await self.registrar.saved("scott", 0)
        self.assertEqual(self.registrar.saves("scott"), ["600", "0"])
        phone.events.clear()
        phone.command("dial", f"sip:scott@{DOMAIN}")
        self.assertIn("404", await phone.told("CALL_CLOSED"))
        self.assertContent(ichat)

    async def test_stays(self) -> None:
        """
        With C{RegisterUsers = subscribed} a user who goes offline stays registered, and a call through the registrar
        reaches the gateway; after a restart they are registered again, though nobody is online.
        """
        await self.startRegistrar()
        gateway = await self.startRegistering(RegisterUsers="subscribed")
        ichat = await self.startIChat()
        await self.registrar.saved("scott", 600)
        ichat.account.logout()
        await self.settle()
        phone = await self.startAway()
        phone.command("dial", f"sip:scott@{DOMAIN}")
        await gateway.tells("as 'xmpp:scott@xmpp.test'")
        self.assertEqual(self.registrar.saves("scott"), ["600"])
        await gateway.stop()
        await self.registrar.saved("scott", 0)
        await gateway.start()
        await until(self.clock, lambda: self.registrar.saves("scott") == ["600", "0", "600"], "the registration")
        self.assertContent(ichat)

    async def test_shutdown(self) -> None:
        """All are taken off the registrar when the gateway stops, and it stops at once."""
        await self.startRegistrar()
        gateway = await self.startRegistering()
        await self.startIChat()
        await self.registrar.saved("scott", 600)
        self.assertLess(await gateway.stop(), 5.0)
        await self.registrar.saved("scott", 0)
        await gateway.tells(f"'sip:scott@{DOMAIN}' is registered no more")

    async def test_notSubscribed(self) -> None:
        """Who has no contact at the gateway is registered nowhere."""
        await self.startRegistrar()
        await self.startRegistering()
        scott = await self.startIChat()
        await self.registrar.saved("scott", 600)
        for contact in (CONTROL, NUMBER):
            scott.account.unsubscribe(contact)
        await self.registrar.saved("scott", 0)

    async def test_notServed(self) -> None:
        """A user outside of AllowedXMPPDomains after a SIGHUP is taken off at once; put back when inside again."""
        await self.startRegistrar()
        gateway = await self.startRegistering()
        await self.startIChat()
        await self.registrar.saved("scott", 600)
        gateway.set("AllowedXMPPDomains", "elsewhere.test")
        await gateway.reload("AllowedXMPPDomains is now elsewhere.test")
        await self.registrar.saved("scott", 0)
        gateway.set("AllowedXMPPDomains", XMPP_DOMAIN)
        await gateway.reload(f"AllowedXMPPDomains is now elsewhere.test, {XMPP_DOMAIN}")
        await until(self.clock, lambda: self.registrar.saves("scott") == ["600", "0", "600"], "his return", 5)

    async def test_wrongPassword(self) -> None:
        """
        A wrong password is one clear line in the log; it is tried again after RegistrationRetryTime, and with the right
        one, after a SIGHUP, he is registered.
        """
        await self.startRegistrar()
        gateway = await self.startRegistering("wrong")
        await self.startIChat()
        line = f"'sip:scott@{DOMAIN}' is not registered: 401"
        await gateway.program.said(line)
        begun = self.clock.seconds()
        wrong = lambda: self.registrar.program.output.count("WRONG PASSWORD of scott")  # noqa: E731
        before = wrong()
        await until(self.clock, lambda: wrong() > before, "another try", 6)
        self.assertGreater(self.clock.seconds() - begun, 1.5)
        await until(self.clock, lambda: wrong() > before + 1, "a third try", 6)
        await gateway.tells(line)
        self.assertEqual(gateway.said(line), 1)
        self.assertFalse(gateway.said("wrong" + password("")))
        self.write(password("scott"))
        gateway.program.signal("HUP")
        await self.registrar.saved("scott", 600)
        await gateway.program.said(f"'sip:scott@{DOMAIN}' is registered for 600 s")

    async def test_longer(self) -> None:
        """A registrar that wants a longer time (423) gets it."""
        await self.startRegistrar(least=900)
        gateway = await self.startRegistering()
        await self.startIChat()
        await self.registrar.saved("scott", 900)
        self.assertFalse(gateway.said("is not registered"))

    async def test_moved(self) -> None:
        """A registrar that has moved (302) is followed: users are registered there, and their calls go there."""
        await self.startRegistrar(moved=True, login=False)
        phone = await self.startAway(registered=True)
        gateway = await self.startRegistering()
        ichat = await self.startIChat()
        await self.registrar.saved("scott", 600)
        self.assertFalse(gateway.said("is not registered"))
        call = await self.callPhone(ichat, phone)
        phone.command("hangup")
        await within(self.clock, 5, call.whenEnded())
        for method in ("REGISTER", "INVITE"):
            self.assertIn(f"LED {method} ON", self.registrar.program.output)

    async def test_refreshed(self) -> None:
        """Registrations are refreshed before their time is over."""
        await self.startRegistrar()
        await self.startRegistering(RegistrationTime=10)
        await self.startIChat()
        await self.registrar.saved("scott", 10)
        await until(self.clock, lambda: len(self.registrar.saves("scott")) > 1, "a refresh", 9.5)

    async def test_registrarDead(self) -> None:
        """A registrar that is not there is said in the log, and the user is registered when it comes back."""
        await self.startRegistrar()
        await self.registrar.stop()
        gateway = await self.startRegistering()
        await self.startIChat()
        await gateway.program.said(f"'sip:scott@{DOMAIN}' is not registered: ", 45)
        await self.registrar.start()
        await self.registrar.saved("scott", 600, 45)

    async def test_twoResources(self) -> None:
        """The user stays registered until their last iChat has gone."""
        await self.startRegistrar()
        await self.startRegistering()
        first, second = await self.startIChat(), await self.startIChat(resource="Mini")
        await self.registrar.saved("scott", 600)
        first.account.logout()
        await pause(self.clock, 1.0)
        self.assertEqual(self.registrar.saves("scott"), ["600"])
        second.account.logout()
        await self.registrar.saved("scott", 0)

    async def test_returns(self) -> None:
        """A user who returns at once, perhaps while being taken off, is registered in the end."""
        await self.startRegistrar()
        gateway = await self.startRegistering()
        ichat = await self.startIChat()
        await self.registrar.saved("scott", 600)
        for _ in range(3):
            ichat.account.logout()
            await pause(self.clock, 0.02)
            ichat.account.login()
            await pause(self.clock, 0.05)
        await pause(self.clock, 1.5)
        self.assertEqual(self.registrar.saves("scott")[-1], "600")
        phone = await self.startAway()
        (await self.callIChat(gateway, ichat, phone, f"sip:scott@{DOMAIN}")).hangup()
        await phone.told("CALL_CLOSED")

    async def test_callsOut(self) -> None:
        """An iChat calls a phone through Kamailio, which asks the gateway for the password of the caller."""
        await self.startRegistrar()
        phone = await self.startAway(registered=True)
        await self.startRegistering()
        ichat = await self.startIChat()
        call = await self.callPhone(ichat, phone)
        phone.command("hangup")
        await within(self.clock, 5, call.whenEnded())
        await self.assertHeardBy(phone)
