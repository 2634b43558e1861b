"""
Where Jingle clients are at home: Prosody with WebSockets, and the gateway, in a network that WebRTC takes for real.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import define, field

from ichatgw.test.e2e.programs.baresip import Baresip
from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.programs.linphone import Linphone
from ichatgw.test.e2e.programs.program import ProgramFailed
from ichatgw.test.e2e.programs.prosody import COMPONENT, DOMAIN, Prosody, password
from ichatgw.test.e2e.programs.sipp import Sipp
from ichatgw.test.e2e.support.moment import until
from ichatgw.test.e2e.support.ports import Ports
from ichatgw.test.interop.cell import Record
from ichatgw.test.interop.clients import TONE, Client
from ichatgw.test.interop.place import HOSTS, HOSTS6
from ichatgw.test.interop.scene import PHONE_TONE, PORTS
from ichatgw.test.interop.sniffer import PhoneWire, Sniffer
from ichatgw.test.interop.tonedetector import ToneDetector

GATEWAY = {"IPv4": HOSTS[1], "IPv6": HOSTS6[1]}
PHONE = {"IPv4": HOSTS[0], "IPv6": HOSTS6[0]}
USER = "scott"


class WebProsody(Prosody):
    """
    Prosody as browsers need it.

    @ivar webPort: where clients connect by WebSocket.
    """

    MORE = """\
http_ports = {{ {webPort} }}
http_interfaces = {{ "127.0.0.1" }}
https_ports = {{ }}
http_default_host = "xmpp.test"
cross_domain_websocket = true
consider_websocket_secure = true
modules_enabled = {{ "roster", "saslauth", "disco", "ping", "pep", "carbons", "websocket" }}
"""

    def __init__(self, reactor: Any, directory: Path, ports: Ports) -> None:
        self.webPort = ports.take()
        Prosody.__init__(self, reactor, directory, ports)

    async def start(self) -> None:
        await Prosody.start(self)
        await self.program.said(r"Activated service 'http' on")


@define(eq=False)
class Testbed:
    """
    Prosody and the gateway.

    @ivar family: C{IPv4} or C{IPv6}: where the gateway is.
    @ivar settings: lines to add to the gateway's.
    """

    reactor: Any
    directory: Path
    family: str
    settings: dict[str, object] = field(factory=dict)
    server: WebProsody = field(init=False)
    gateway: Gateway = field(init=False)
    _seen: int = field(default=0, init=False)

    async def start(self) -> None:
        """Fires when both serve."""
        self.server = WebProsody(self.reactor, self.directory / "server", PORTS)
        await self.server.start()
        host, phones = GATEWAY[self.family], PHONE[self.family]
        shown = f"[{phones}]" if ":" in phones else phones
        self.gateway = Gateway(self.reactor, self.directory / "gateway", PORTS, self.server.componentPort, host=host)
        # Who is called as 1 and the port of a phone is called there.
        self.gateway.rule(rf"^xmpp:1(\d+)@{COMPONENT}$", f"sip:phone@{shown}:$1")
        self.gateway.rule(rf"^xmpp:to-([a-z]+)@{COMPONENT}$", f"xmpp:$1@{DOMAIN}")
        self.gateway.rule(r"^sip:([a-z]+)@", f"xmpp:$1@{DOMAIN}")
        self.gateway.set("LogLevel", "STACK")
        if self.family == "IPv6":
            # To an address of its own host baresip sends from that same address, whatever address it has named.
            self.gateway.set("MediaFromOtherHosts", "always")
        for name, value in self.settings.items():
            self.gateway.set(name, value)
        await self.gateway.start()

    async def stop(self) -> None:
        if hasattr(self, "gateway"):
            await self.gateway.stop()
        await self.server.stop()

    def troubles(self) -> list[str]:
        """See L{ichatgw.test.interop.runner.Stage}."""
        faults = self.gateway.faults()
        new = faults[self._seen :]
        self._seen = len(faults)
        return new

    async def client(self, record: Record, kind: type[Client], resource: str = "client", **wanted: Any) -> Client:
        """
        Log a client in; it is ended with the cell.

        @param wanted: more about how it is: see L{Client}; and C{account}, whose it is, and C{listens}, the frequency
            to listen for.
        """
        listens, account = wanted.pop("listens", PHONE_TONE), wanted.pop("account", USER)
        directory = record.directory / f"{kind.kind}-{resource}"
        directory.mkdir(parents=True)
        wanted = {
            "jid": f"{account}@{DOMAIN}",
            "password": password(account),
            "resource": resource,
            "url": f"ws://127.0.0.1:{self.server.webPort}/xmpp-websocket",
            "host": "127.0.0.1",
            "port": self.server.clientPort,
            "contacts": [f"control@{COMPONENT}"],
            "tone": TONE,
            **wanted,
        }
        client = kind(self.reactor, directory, wanted, ToneDetector(self.reactor.seconds, listens))
        record.ending(client)
        await client.start()
        return client

    async def phone(
        self, record: Record, codecs: str = "PCMU/8000/1", encryption: str = "", name: str = "phone"
    ) -> Phone:
        """Start a phone; it is ended with the cell."""
        phone = Phone(self.reactor, record.directory / name, PHONE[self.family], codecs, encryption)
        record.ending(phone)
        await phone.start()
        return phone

    async def sipp(self, record: Record, script: str, target: str = "", **words: object) -> Sipp:
        """Start a phone that follows a script; it is ended with the cell."""
        phone = Sipp(self.reactor, record.directory / script, PORTS, script, PHONE[self.family])
        record.ending(phone)
        await phone.start(target, USER, **words)
        return phone

    async def linphone(self, record: Record) -> Linphone:
        """Start a linphonec that knows ICE; it is ended with the cell."""
        phone = Linphone(
            self.reactor, record.directory / "linphone", PORTS, "phone", PHONE_TONE, PHONE[self.family], ice=True
        )
        record.ending(phone)
        await phone.start()
        return phone

    def user(self, name: str) -> str:
        """What clients call another user by."""
        return f"to-{name}@{COMPONENT}"

    def number(self, port: int) -> str:
        """What clients call a phone by."""
        return f"1{port}@{COMPONENT}"


@define(eq=False)
class Phone:
    """
    baresip, and somebody who looks at what it is sent.

    @ivar number: what clients call it by.
    """

    reactor: Any
    directory: Path
    host: str
    codecs: str = "PCMU/8000/1"
    encryption: str = ""
    baresip: Baresip = field(init=False)
    wire: PhoneWire = field(init=False)
    _sniffer: Sniffer = field(init=False)

    async def start(self) -> None:
        """Fires when it takes commands."""
        modules = "module opus.so\nmodule g722.so\n"
        self.baresip = Baresip(
            self.reactor,
            self.directory,
            PORTS,
            "phone",
            PHONE_TONE,
            self.host,
            modules,
            codecs=self.codecs,
            encryption=self.encryption,
        )
        self.wire = PhoneWire(self.reactor.seconds, self.baresip.port, self.baresip.mediaPorts, TONE)
        self._sniffer = Sniffer(self.reactor)
        self._sniffer.wires.append(self.wire)
        self._sniffer.start()
        await self.baresip.start()

    async def stop(self) -> None:
        await self.baresip.stop()
        await self._sniffer.stop()

    @property
    def number(self) -> str:
        return f"1{self.baresip.port}@{COMPONENT}"

    def command(self, name: str, parameters: str = "") -> int:
        """
        C{dial}, C{accept}, C{hangup}, C{hold}, C{resume}.

        @return: how much it has told so far.
        """
        since = len(self.baresip.events)
        self.baresip.command(name, parameters)
        return since

    async def told(self, event: str, patience: float = 15.0, since: int = 0) -> tuple[float, str]:
        """
        Wait until it has told of an event.

        @return: when that was seen, and what was said about it.
        """

        def found() -> list[str]:
            return [about for name, about in self.baresip.events[since:] if name == event]

        try:
            await until(self.reactor, found, f"{event} at the phone", patience)
        except Exception as problem:
            raise ProgramFailed(f"{problem}; it told {self.baresip.events[-8:]}") from problem
        return float(self.reactor.seconds()), found()[0]
