"""
The servers between which the phones of several cells call: Prosody, the gateway, and an iChat that is at home there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import define, field

from ichatgw.sim.ichat import IChat
from ichatgw.sim.media import Media
from ichatgw.test.e2e.gateway import Gateway
from ichatgw.test.e2e.login import Login
from ichatgw.test.e2e.moment import until, within
from ichatgw.test.e2e.ports import Ports
from ichatgw.test.e2e.prosody import COMPONENT, DOMAIN, Prosody, password

PORTS = Ports()
USER = "scott"
PHONE_TONE, ICHAT_TONE = 440, 550


@define(eq=False)
class Scene:
    """
    @ivar host: where the gateway and the iChat are.
    @ivar settings: lines to add to the gateway's.
    """

    reactor: Any
    directory: Path
    host: str = "127.0.0.1"
    settings: dict[str, object] = field(factory=dict)
    gateway: Gateway = field(init=False)
    ichat: IChat = field(init=False)
    _endings: list[Any] = field(factory=list, init=False)
    _seen: int = field(default=0, init=False)

    async def start(self) -> None:
        """Fires when all are there."""
        server = Prosody(self.reactor, self.directory / "server", PORTS)
        self._endings.append(server)
        await server.start()
        self.gateway = Gateway(self.reactor, self.directory / "gateway", PORTS, server.componentPort, host=self.host)
        shown = f"[{self.host}]" if ":" in self.host else self.host
        # Who is called as 1 and the port of a phone is called there over UDP; 2 is for TCP.
        self.gateway.rule(rf"^xmpp:1(\d+)@{COMPONENT}$", f"sip:phone@{shown}:$1")
        self.gateway.rule(rf"^xmpp:2(\d+)@{COMPONENT}$", f"sip:phone@{shown}:$1;transport=tcp")
        self.gateway.rule(r"^sips?:([a-z]+)@", f"xmpp:$1@{DOMAIN}")
        self.gateway.set("PreferIPv6", "on" if ":" in self.host else "off")
        for name, value in self.settings.items():
            self.gateway.set(name, value)
        self._endings.append(self.gateway)
        await self.gateway.start()
        self.ichat = IChat(self.reactor, f"{USER}@{DOMAIN}/iChat", host=self.host, say=ICHAT_TONE, listenFor=PHONE_TONE)
        self.ichat.start()
        login = Login(self.ichat)
        self._endings += [_Now(self.ichat.stop), _Now(login.stop)]
        await login.start(self.reactor, server.clientPort, password(USER))
        await self.befriend(f"control@{COMPONENT}")

    async def befriend(self, contact: str) -> None:
        """The iChat subscribes to a contact, and sees that it can be called."""
        if not await within(self.reactor, 5, self.ichat.account.subscribe(contact)):
            raise AssertionError(f"{contact} let nobody subscribe")

    async def callable(self, number: str) -> str:
        """A contact of the iChat that leads to C{number}.  @return: its address"""
        contact = f"{number}@{COMPONENT}"
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
