"""
Asterisk as the PBX of C{docs/recipes/asterisk.rst}, and as the provider of a trunk, as C{docs/trunks.rst} has it: with
the configurations that are written there.
"""

from __future__ import annotations

import wave
from functools import partial
from pathlib import Path
from typing import Any

from attrs import define, field

from ichatgw.sim.jingle.client import JinglePhone
from ichatgw.sim.jingle.profile import CONVERSATIONS
from ichatgw.test.e2e.programs.baresip import Baresip
from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.programs.program import ProgramFailed
from ichatgw.test.e2e.programs.prosody import COMPONENT, DOMAIN, SECRET, Prosody, password
from ichatgw.test.e2e.support.login import Login
from ichatgw.test.e2e.support.moment import until, within
from ichatgw.test.e2e.support.tone import secondsOf
from ichatgw.test.interop.asterisk import Asterisk, lacking
from ichatgw.test.interop.cell import Cell, Matrix, Record
from ichatgw.test.interop.place import HOSTS, PBX, PBX_GATEWAY
from ichatgw.test.interop.scene import PHONE_TONE, PORTS
from ichatgw.test.support.configs import DOCS, block, section

USER = "scott"
CLIENT_TONE = 650
ENOUGH = 1.0
"""Seconds of a tone that make a call with sound."""

CALLED, CALLS, READY = "phone calls", "client calls", "not ready"
BY_ADDRESS, TRUNK = "PBX", "trunk"

# What the pages call things, and what they are called here; the longest first.
_WORDS = {
    "ichat-gw.example.com": COMPONENT,
    r"ichat-gw\.example\.com": COMPONENT.replace(".", r"\."),
    r"ichat-gw\.jabber\.company\.com": COMPONENT.replace(".", r"\."),
    r"example\.com": DOMAIN.replace(".", r"\."),
    "anna@jabber.company.com": f"{USER}@{DOMAIN}",
    "example.com": DOMAIN,
    "alice": USER,
    "bob": "anna",
}

_OURS = """\
JabberServer = 127.0.0.1
JabberComponentPort = {port}
JabberComponentName = {COMPONENT}
JabberComponentPassword = {SECRET}
UDPTCPPort = 5070
MediaRelayPortRangeMin = {first}
MediaRelayPortRangeMax = {last}
LogLevel = DEBUG
"""

_TRUNK_DIALPLAN = """\
[internal]
exten => _8XX,1,Dial(PJSIP/${EXTEN}@gw,60)
 same => n,Hangup()
[from-gw]
exten => _7XX,1,Dial(PJSIP/${EXTEN},60)
 same => n,Hangup()
"""


def _page(name: str) -> str:
    return str((DOCS / name).read_text("utf-8"))


def _here(text: str) -> str:
    for theirs, ours in _WORDS.items():
        text = text.replace(theirs, ours)
    return text


@define
class Recipe:
    """
    @ivar settings: of the gateway.
    @ivar pjsip: Asterisk's C{pjsip.conf}, and C{extensions} its C{extensions.conf}.
    """

    settings: str
    pjsip: str
    extensions: str


def byAddress() -> Recipe:
    """C{docs/recipes/asterisk.rst}, the first of its ways."""
    page = _page("recipes/asterisk.rst")
    return Recipe(section(page, "ichat-gw.config"), section(page, "pjsip.conf"), section(page, "extensions.conf"))


def trunk() -> Recipe:
    """C{docs/trunks.rst}: Asterisk's extension for the gateway; transport and phone are those of the other page."""
    page, other = _page("trunks.rst"), section(_page("recipes/asterisk.rst"), "pjsip.conf")
    rules = "\n".join(line for line in block(page, "these lines are enough").splitlines() if "Translation" in line)
    settings = block(page, "In the gateway") + rules.replace("@provider", "@asterisk") + "\n"
    transport = other[other.index("[transport-udp]") : other.index("; ----")]
    phone = other[other.index("[701]") :]
    return Recipe(settings, f"{transport}{block(page, '**Asterisk**')}\n{phone}", _TRUNK_DIALPLAN)


RECIPES = {BY_ADDRESS: byAddress, TRUNK: trunk}


class RecipeGateway(Gateway):
    """The gateway, with settings that somebody else has written."""

    def __init__(self, reactor: Any, directory: Path, componentPort: int, settings: str) -> None:
        super().__init__(reactor, directory, PORTS, componentPort, host=PBX_GATEWAY)
        self.port = 5070
        words = {"port": componentPort, "first": self.mediaPorts[0], "last": self.mediaPorts[-1]}
        # The last one of a name counts.
        self._lines = _here(settings) + _OURS.format(COMPONENT=COMPONENT, SECRET=SECRET, **words)
        if "IPAddress" not in settings:
            self.set("IPAddress", PBX_GATEWAY)


@define(eq=False)
class Office:
    """
    Asterisk with a phone, an XMPP server with a client, and the gateway between them.

    @ivar way: one of L{RECIPES}.
    """

    reactor: Any
    directory: Path
    way: str
    asterisk: Asterisk = field(init=False)
    server: Prosody = field(init=False)
    gateway: RecipeGateway = field(init=False)

    async def start(self) -> None:
        """Fires when all serve."""
        recipe = RECIPES[self.way]()
        files = {"pjsip.conf": _here(recipe.pjsip), "extensions.conf": _here(recipe.extensions)}
        self.asterisk = Asterisk(self.reactor, self.directory / "asterisk", files)
        self.server = Prosody(self.reactor, self.directory / "server", PORTS)
        await self.server.start()
        await self.asterisk.start()
        self.gateway = RecipeGateway(
            self.reactor, self.directory / "gateway", self.server.componentPort, recipe.settings
        )
        await self.gateway.start()

    async def stop(self) -> None:
        """End all."""
        for each in ("gateway", "asterisk", "server"):
            if hasattr(self, each):
                await getattr(self, each).stop()

    def check(self) -> None:
        """@raise AssertionError: if the gateway has logged what must not be there"""
        faults = self.gateway.faults()
        if faults:
            raise AssertionError(f"the gateway's log: {faults[0]}")

    async def known(self) -> None:
        """Wait until Asterisk knows where the gateway is."""
        if self.way == TRUNK:
            await self.asterisk.program.said("Added contact 'sip:gw@")
        else:
            await self.qualified("Avail")

    async def qualified(self, state: str) -> None:
        """Wait until Asterisk, asking by OPTIONS, finds the gateway C{Avail} or C{Unavail}."""
        for _ in range(20):
            await self.asterisk.told("pjsip qualify ichatgw")
            if f" {state} " in await self.asterisk.told("pjsip show contacts"):
                return
        raise AssertionError(f"Asterisk does not find the gateway {state}")

    async def client(self, record: Record) -> JinglePhone:
        """A Jingle client that is online; it is ended with the cell."""
        client = JinglePhone(
            self.reactor,
            f"{USER}@{DOMAIN}/phone",
            host=HOSTS[0],
            clientProfile=CONVERSATIONS,
            say=CLIENT_TONE,
            listenFor=PHONE_TONE,
        )
        login = Login(client)
        record.ending(_Ending(client, login))
        await login.start(self.reactor, self.server.clientPort, password(USER))
        for contact in ("control", "701"):
            await within(self.reactor, 10, client.account.subscribe(f"{contact}@{COMPONENT}"))
        await within(self.reactor, 10, client.account.whenCallable(f"701@{COMPONENT}"))
        return client

    async def phone(self, record: Record) -> Baresip:
        """Asterisk's phone, which is registered; it is ended with the cell."""
        account = f"<sip:701@{PBX}>;auth_user=701;auth_pass=change-me;regint=60"
        phone = Baresip(self.reactor, record.directory / "phone", PORTS, "701", PHONE_TONE, HOSTS[0], account=account)
        record.ending(phone)
        await phone.start()
        await phone.program.said(r"200 OK .*1 binding")
        return phone


@define
class _Ending:
    client: JinglePhone
    login: Login

    async def stop(self) -> None:
        self.client.stop()
        self.login.stop()


async def office(record: Record, way: str) -> Office:
    """The servers, which are ended with the cell: they want ports that there are once."""
    made: Office = record.ending(Office(record.reactor, record.directory, way))
    await made.start()
    return made


async def called(record: Record, way: str) -> None:
    """The phone dials 801, and the client answers; the phone hangs up."""
    place = await office(record, way)
    with record.check("known"):
        await place.known()
    client, phone = await place.client(record), await place.phone(record)
    with record.check("call"):
        arrival = client.whenCalled()
        phone.command("dial", f"sip:801@{PBX}")
        call = await record.awaited("a call at the client", arrival)
        await record.awaited("the connection of its media", call.whenConnected())
        await phone.told("CALL_ESTABLISHED")
    with record.check("sound"):
        await heard(record, call)
    with record.check("end"):
        phone.command("hangup")
        await record.awaited("the end of the client's call", call.whenEnded())
        place.check()
    with record.check("sound"):
        await heardBy(record, phone)


async def calls(record: Record, way: str) -> None:
    """The client calls 701, and the phone answers; the client hangs up."""
    place = await office(record, way)
    with record.check("known"):
        await place.known()
    client, phone = await place.client(record), await place.phone(record)
    with record.check("call"):
        call = client.call(f"701@{COMPONENT}")
        await phone.told("CALL_INCOMING")
        phone.command("accept")
        await record.awaited("the connection of the client's media", call.whenConnected())
        await phone.told("CALL_ESTABLISHED")
    with record.check("sound"):
        await heard(record, call)
    with record.check("end"):
        call.hangup()
        await phone.told("CALL_CLOSED")
        place.check()
    with record.check("sound"):
        await heardBy(record, phone)


async def notReady(record: Record, way: str) -> None:
    """While the gateway has no XMPP server Asterisk, which asks by OPTIONS, knows it; after that calls arrive again."""
    place = await office(record, way)
    for name in ("sound", "end"):
        record.lacking(name, "there is no call")
    with record.check("known"):
        await place.qualified("Avail")
        await place.server.stop()
        await place.qualified("Unavail")
        await place.server.start()
        await place.gateway.linked(times=2)
        await place.qualified("Avail")
    client, phone = await place.client(record), await place.phone(record)
    with record.check("call"):
        arrival = client.whenCalled()
        phone.command("dial", f"sip:801@{PBX}")
        await record.awaited("a call at the client", arrival)
        phone.command("hangup")
        place.check()


async def heard(record: Record, call: Any) -> None:
    """Wait until the client has heard the phone."""
    ear = call.media.detector
    goal = ear.seconds + ENOUGH
    await until(record.reactor, lambda: ear.seconds >= goal, f"{ENOUGH} s of {PHONE_TONE} Hz at the client")


async def heardBy(record: Record, phone: Baresip) -> None:
    """Its call being over, the phone has recorded the client."""

    def recorded() -> float:
        try:
            return secondsOf(phone.recording(), CLIENT_TONE)
        except (EOFError, OSError, ProgramFailed, wave.Error):  # not written to its end yet
            return 0.0

    await until(record.reactor, lambda: recorded() >= ENOUGH / 2, f"{CLIENT_TONE} Hz at the phone", 5)


ASTERISK = Matrix(
    "Asterisk",
    ("as",),
    ("known", "call", "sound", "end"),
    tuple(
        Cell((f"Asterisk {way}",), column, partial(play, way=way), lacking(), turn=way)
        for way in RECIPES
        for column, play in ((CALLED, called), (CALLS, calls), *(((READY, notReady),) if way == BY_ADDRESS else ()))
    ),
)
