"""
The servers between which the phones of several cells call: Prosody, the gateway, and an iChat that is at home there.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

from attrs import define, evolve, field, frozen

from ichatgw.sim.ichat.ichat import IChat
from ichatgw.sim.media.media import Media
from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.programs.kamailio import Kamailio
from ichatgw.test.e2e.programs.kamailio import password as secretOf
from ichatgw.test.e2e.programs.prosody import COMPONENT, DOMAIN, Prosody, password
from ichatgw.test.e2e.programs.zone import Zone
from ichatgw.test.e2e.support.login import Login
from ichatgw.test.e2e.support.moment import until, within
from ichatgw.test.e2e.support.ports import Ports
from ichatgw.test.support.sip.certificates import Authority

PORTS = Ports()
USER = "scott"
HOSTS = {"IPv4": "127.0.0.1", "IPv6": "::1"}
GATEWAYS = {"IPv4": "gateway4.phones.test", "IPv6": "gateway6.phones.test"}
NAME_SERVER = "127.0.0.53"
PHONE_TONE, ICHAT_TONE = 440, 550
_numbers = count(1)


@frozen
class Way:
    """
    How a phone and the gateway get at each other.

    @ivar login: who calls has to log in, with a digest of MD5 if C{old}.
    @ivar proxied: both are at home at Kamailio, and all goes through it.
    """

    transport: str
    family: str
    media: str = "RTP"
    login: bool = False
    old: bool = False
    proxied: bool = False

    @property
    def host(self) -> str:
        """The address of everybody."""
        return HOSTS[self.family]

    @property
    def shown(self) -> str:
        """The address as it stands in a URI."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def stage(self) -> Way:
        """What servers depend on: several transports are served by one gateway, but of a proxy each has its own."""
        return self if self.proxied else evolve(self, transport="")


@frozen
class Line:
    """
    What a phone is told.

    @ivar user: its name.
    @ivar called: it is called, and does not call.
    @ivar number: by which the iChat calls it.
    @ivar domain: where it is at home: its own, or that of the proxy.
    @ivar login: the name and password with which it logs in; C{None} if it need not.
    @ivar proxy: where it registers, and sends its calls; a URI.
    @ivar authority: who vouches for the others, if it uses TLS.
    """

    way: Way
    user: str
    called: bool
    number: int
    domain: str
    login: tuple[str, str] | None
    proxy: str
    authority: Authority | None

    def certificate(self) -> Path:
        """A file with its own certificate and key."""
        assert self.authority is not None
        certificate, key = self.authority.issue("phone", self.domain)
        both = Path(certificate).with_suffix(".both")
        both.write_text(Path(certificate).read_text() + Path(key).read_text())
        return both


@define(eq=False)
class Names:
    """The name server that all programs of the run ask."""

    reactor: Any
    zone: Zone = field(init=False)

    async def start(self) -> None:
        self.zone = Zone(self.reactor, {})
        self.zone.start(NAME_SERVER, 53)
        for family, name in GATEWAYS.items():
            self.zone.host(name, HOSTS[family])

    async def stop(self) -> None:
        await self.zone.stop()

    def troubles(self) -> list[str]:
        return []


@define(eq=False)
class Scene:
    """
    @ivar names: where the phones' domains are entered.
    @ivar kamailio: the proxy, if there is one.
    """

    reactor: Any
    directory: Path
    way: Way
    names: Names
    gateway: Gateway = field(init=False)
    ichat: IChat = field(init=False)
    authority: Authority = field(init=False)
    kamailio: Kamailio | None = field(default=None, init=False)
    domain: str = field(init=False)
    _endings: list[Any] = field(factory=list, init=False)
    _seen: int = field(default=0, init=False)
    _ready: bool = field(default=False, init=False)

    async def start(self) -> None:
        """Fires when all are there."""
        server = Prosody(self.reactor, self.directory / "server", PORTS)
        self._endings.append(server)
        await server.start()
        self.domain = f"proxy{next(_numbers)}.phones.test"
        self.authority = Authority((self.directory / "certificates").absolute())
        if self.way.proxied:
            await self._startProxy()
        self.gateway = Gateway(
            self.reactor, self.directory / "gateway", PORTS, server.componentPort, host=self.way.host
        )
        self._endings.append(self.gateway)
        self._configure()
        await self.gateway.start()
        self.ichat = IChat(self.reactor, f"{USER}@{DOMAIN}/iChat", host=self.way.host, say=ICHAT_TONE)
        self.ichat.start()
        login = Login(self.ichat)
        self._endings += [_Now(self.ichat.stop), _Now(login.stop)]
        await login.start(self.reactor, server.clientPort, password(USER))
        await self.befriend(f"control@{COMPONENT}")
        if self.kamailio is not None:
            await self.kamailio.saved(USER)
        self._ready = True

    async def _startProxy(self) -> None:
        """Kamailio for a domain that is served over one transport, which only the DNS says."""
        certificate = (*self.authority.issue("proxy", self.domain), self.authority.path)
        self.kamailio = Kamailio(
            self.reactor,
            self.directory / "kamailio",
            PORTS,
            self.way.host,
            domain=self.domain,
            login=self.way.login,
            certificate=certificate,
        )
        self._endings.append(self.kamailio)
        await self.kamailio.start()
        port = self.kamailio.securePort if self.way.transport == "TLS" else self.kamailio.port
        self.names.zone.domain(self.domain, self.way.transport, port, self.way.host)
        self.names.zone.host(self.domain, self.way.host)

    def _configure(self) -> None:
        gateway, settings = self.gateway, self._settings()
        if self.way.proxied:
            gateway.rule(rf"^xmpp:(\d+)@{COMPONENT}$", f"sip:phone$1@{self.domain}")
            gateway.rule(rf"^xmpp:([a-z]+)@{DOMAIN}$", f"sip:$1@{self.domain}")
        else:
            gateway.rule(rf"^xmpp:(\d+)@{COMPONENT}$", "sip:phone@phone$1.phones.test")
        gateway.rule(r"^sips?:([a-z]+)@", f"xmpp:$1@{DOMAIN}")
        for name, value in settings.items():
            gateway.set(name, value)

    def _settings(self) -> dict[str, object]:
        """Of the gateway."""
        certificate, key = self.authority.issue("gateway", GATEWAYS[self.way.family], self.domain, self.way.host)
        settings: dict[str, object] = {
            "DNSServers": NAME_SERVER,
            "PreferIPv6": "on" if self.way.family == "IPv6" else "off",
            "TLSCertificate": certificate,
            "TLSPrivateKey": key,
            "TLSCAFile": self.authority.path,
            "RegistrationTime": 600 if self.way.proxied else 0,
            "SIPMediaEncryption": "required" if self.way.media == "SDES" else "never",
            "SIPMediaKeysInClear": "on",
        }
        if self.way.proxied and self.way.login:
            line = f"{USER}@{self.domain} - {secretOf(USER)}"
            settings["SIPCredentials"] = self._secret("credentials", line)
        elif self.way.login:
            settings["SIPUsers"] = self._secret("users", f"phone {secretOf('phone')}")
            settings["AllowedSIPPeers"] = "192.0.2.1"
            if self.way.old:
                settings["DigestAlgorithms"] = "MD5"
        return settings

    def _secret(self, name: str, line: str) -> Path:
        """A file that only its owner can read."""
        path = (self.directory / name).absolute()
        path.write_text(line + "\n")
        path.chmod(0o600)
        return path

    def line(self, way: Way, called: bool) -> Line:
        """What the next phone has to know."""
        number = next(_numbers)
        user = f"phone{number}" if way.proxied else "phone"
        asked = way.login and (way.proxied or not called)
        proxy = ""
        if self.kamailio is not None:
            port = self.kamailio.securePort if way.transport == "TLS" else self.kamailio.port
            proxy = f"sip:{self.domain}:{port};transport={way.transport.lower()}"
        return Line(
            way,
            user,
            called,
            number,
            self.domain if way.proxied else f"phone{number}.phones.test",
            (user, secretOf(user)) if asked else None,
            proxy,
            self.authority if way.transport == "TLS" else None,
        )

    def address(self, way: Way) -> str:
        """Where a phone calls the iChat: its own address at the proxy, or the gateway's."""
        if way.proxied:
            return f"sip:{USER}@{self.domain}"
        port = self.gateway.securePort if way.transport == "TLS" else self.gateway.port
        return f"sip:{USER}@{GATEWAYS[way.family]}:{port};transport={way.transport.lower()}"

    async def befriend(self, contact: str) -> None:
        """The iChat subscribes to a contact, and sees that it can be called."""
        if not await within(self.reactor, 5, self.ichat.account.subscribe(contact)):
            raise AssertionError(f"{contact} let nobody subscribe")

    async def callable(self, line: Line, port: int) -> str:
        """
        A contact of the iChat that leads to a phone.

        @param port: where the phone listens, if it is not called through a proxy.
        @return: its address.
        """
        if not line.way.proxied:
            self.names.zone.domain(line.domain, line.way.transport, port, line.way.host)
        contact = f"{line.number}@{COMPONENT}"
        await self.befriend(contact)
        await within(self.reactor, 5, self.ichat.account.whenCallable(contact))
        return contact

    async def stop(self) -> None:
        for peer in reversed(self._endings):
            await peer.stop()

    def troubles(self) -> list[str]:
        """See L{ichatgw.test.interop.runner.Stage}."""
        if not self._ready:
            return []
        faults = self.gateway.faults() + self.ichat.complaints
        new = faults[self._seen :]
        self._seen = len(faults)
        return new


@define(eq=False)
class _Now:
    """What stops at once."""

    act: Any

    async def stop(self) -> None:
        self.act()


async def hears(reactor: Any, media: Media, seconds: float = 1.0, patience: float = 10.0) -> None:
    """Wait until a simulated ear has heard so much more of its tone."""
    ear = media.detector
    assert ear is not None
    goal = ear.seconds + seconds
    await until(reactor, lambda: ear.seconds >= goal, f"{seconds} s of {ear.frequency} Hz at the iChat", patience)
