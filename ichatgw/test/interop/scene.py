"""
The servers between which the phones of several cells call: Prosody, the gateway, and an iChat that is at home there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import define, field

from ichatgw.sim.ichat import IChat
from ichatgw.sim.media import Media
from ichatgw.test.certificates import Authority
from ichatgw.test.e2e.gateway import Gateway
from ichatgw.test.e2e.login import Login
from ichatgw.test.e2e.moment import until, within
from ichatgw.test.e2e.ports import Ports
from ichatgw.test.e2e.prosody import COMPONENT, DOMAIN, Prosody, password

PORTS = Ports()
USER = "scott"
LOGIN = ("phone", "password-of-phone")
HOSTS = {"IPv4": "127.0.0.1", "IPv6": "::1"}
PHONE_TONE, ICHAT_TONE = 440, 550


@define(eq=False)
class Line:
    """
    How a phone is connected.

    @ivar host: its address.
    @ivar called: it is called, and does not call.
    @ivar login: the name and password that it is asked for; C{None} if it is not.
    @ivar authority: who vouches for the others, if it uses TLS.
    """

    transport: str
    host: str
    called: bool
    login: tuple[str, str] | None = None
    authority: Authority | None = None

    @property
    def shown(self) -> str:
        """The address as it stands in a URI."""
        return f"[{self.host}]" if ":" in self.host else self.host

    def certificate(self) -> Path:
        """A file with its own certificate and key."""
        assert self.authority is not None
        certificate, key = self.authority.issue("phone", "localhost")
        both = Path(certificate).with_suffix(".both")
        both.write_text(Path(certificate).read_text() + Path(key).read_text())
        return both


@define(eq=False)
class Scene:
    """
    @ivar host: where the gateway and the iChat are.
    @ivar login: phones have to log in, and with C{oldLogin} as those can that know MD5 only.
    """

    reactor: Any
    directory: Path
    host: str
    login: bool = False
    oldLogin: bool = False
    gateway: Gateway = field(init=False)
    ichat: IChat = field(init=False)
    authority: Authority = field(init=False)
    _endings: list[Any] = field(factory=list, init=False)
    _seen: int = field(default=0, init=False)

    async def start(self) -> None:
        """Fires when all are there."""
        server = Prosody(self.reactor, self.directory / "server", PORTS)
        self._endings.append(server)
        await server.start()
        self.authority = Authority((self.directory / "certificates").absolute())
        self.gateway = Gateway(self.reactor, self.directory / "gateway", PORTS, server.componentPort, host=self.host)
        self._endings.append(self.gateway)
        self._configure()
        await self.gateway.start()
        self.ichat = IChat(self.reactor, f"{USER}@{DOMAIN}/iChat", host=self.host, say=ICHAT_TONE)
        self.ichat.start()
        login = Login(self.ichat)
        self._endings += [_Now(self.ichat.stop), _Now(login.stop)]
        await login.start(self.reactor, server.clientPort, password(USER))
        await self.befriend(f"control@{COMPONENT}")

    def _configure(self) -> None:
        gateway, shown = self.gateway, f"[{self.host}]" if ":" in self.host else self.host
        # The first digit of a number is a transport, the rest a port.
        for prefix, host, transport in (("1", shown, "udp"), ("2", shown, "tcp"), ("3", "localhost", "tls")):
            gateway.rule(rf"^xmpp:{prefix}(\d+)@{COMPONENT}$", f"sip:phone@{host}:$1;transport={transport}")
        gateway.rule(r"^sips?:([a-z]+)@", f"xmpp:$1@{DOMAIN}")
        certificate, key = self.authority.issue("gateway", self.host, "localhost")
        for name, value in (("TLSCertificate", certificate), ("TLSPrivateKey", key)):
            gateway.set(name, value)
        gateway.set("TLSCAFile", self.authority.path)
        gateway.set("PreferIPv6", "on" if ":" in self.host else "off")
        if self.login:
            users = self.directory / "users"
            users.write_text(" ".join(LOGIN) + "\n")
            users.chmod(0o600)
            gateway.set("SIPUsers", users.absolute())
            gateway.set("AllowedSIPPeers", "192.0.2.1")
            if self.oldLogin:
                gateway.set("DigestAlgorithms", "MD5")

    def line(self, transport: str, called: bool) -> Line:
        """What a phone has to know."""
        authority = self.authority if transport == "TLS" else None
        return Line(transport, self.host, called, LOGIN if self.login and not called else None, authority)

    def address(self, user: str, transport: str) -> str:
        """Where a phone calls somebody at the gateway."""
        host = self.gateway.address.rpartition(":")[0]
        port = self.gateway.securePort if transport == "TLS" else self.gateway.port
        return f"sip:{user}@{host}:{port}" + ("" if transport == "UDP" else f";transport={transport.lower()}")

    async def befriend(self, contact: str) -> None:
        """The iChat subscribes to a contact, and sees that it can be called."""
        if not await within(self.reactor, 5, self.ichat.account.subscribe(contact)):
            raise AssertionError(f"{contact} let nobody subscribe")

    async def callable(self, line: Line, port: int) -> str:
        """A contact of the iChat that leads to a phone.  @return: its address"""
        contact = f"{('UDP', 'TCP', 'TLS').index(line.transport) + 1}{port}@{COMPONENT}"
        await self.befriend(contact)
        await within(self.reactor, 5, self.ichat.account.whenCallable(contact))
        return contact

    async def stop(self) -> None:
        for peer in reversed(self._endings):
            await peer.stop()

    def troubles(self) -> list[str]:
        """See L{ichatgw.test.interop.runner.Stage}."""
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
