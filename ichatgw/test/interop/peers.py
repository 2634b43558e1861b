"""
The phones of the matrix, told in the same words.
"""

from __future__ import annotations

import re
import wave
from collections.abc import Callable
from typing import Protocol

from attrs import define, field

from ichatgw.sim.ichat.call import IChatCall
from ichatgw.test.e2e.programs.baresip import Baresip
from ichatgw.test.e2e.programs.linphone import Linphone
from ichatgw.test.e2e.programs.sipp import Sipp
from ichatgw.test.e2e.support.moment import pause, until
from ichatgw.test.e2e.support.tone import secondsOf
from ichatgw.test.interop.cell import Record
from ichatgw.test.interop.scene import ICHAT_TONE, PHONE_TONE, PORTS, Line, hears

ENOUGH = 0.6
"""Seconds of a tone that make a call with sound."""

_PROXY = """\
[proxy_0]
reg_proxy=<{proxy}>
reg_route=<{proxy};lr>
reg_identity={identity}
reg_expires=60
reg_sendregister=1
publish=0
"""

HELD = 1.2
"""Seconds for which a phone holds."""


class Peer(Protocol):
    """
    A phone, from its start to its end.

    @ivar says: the tone that the iChat hears when it can hear the phone.
    """

    says: int

    @property
    def port(self) -> int:
        """Where it is called."""

    async def start(self) -> None:
        """Fires when it is ready."""

    async def dial(self, uri: str) -> None:
        """Call."""

    async def answer(self) -> None:
        """Wait to be called, and answer."""

    async def established(self) -> None:
        """Wait until its call is up."""

    async def hold(self, call: IChatCall) -> None:
        """Hold for a while, and take the call back."""

    async def hangup(self) -> None:
        """End the call."""

    async def closed(self) -> None:
        """Wait until its call is over."""

    async def heard(self) -> None:
        """Its call being over: it has heard the iChat, before it held and after that."""


async def silence(record: Record, call: IChatCall) -> None:
    """Wait until the iChat hears the phone no more, and a while longer."""
    ear = call.media.detector
    assert ear is not None
    last = [ear.seconds, record.reactor.seconds()]

    def quiet() -> bool:
        if ear.seconds != last[0]:
            last[:] = [ear.seconds, record.reactor.seconds()]
        return bool(record.reactor.seconds() - last[1] > HELD - 0.4)

    await until(record.reactor, quiet, "silence at the iChat while the phone holds", 8)


@define(eq=False)
class BaresipPeer:
    """
    baresip.  What it plays cannot be recorded after it has held, so from then on its own word has to do for how long it
    decoded what it heard.
    """

    record: Record
    line: Line
    says: int = PHONE_TONE
    phone: Baresip = field(init=False)
    _back: float = field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        line, way, more = self.line, self.line.way, ""
        if line.authority is not None:
            more = f"sip_certificate {line.certificate()}\nsip_cafile {line.authority.path}\nsip_verify_server yes\n"
        account = f"<sip:{line.user}@{line.domain};transport={way.transport.lower()}>"
        if line.login is not None:
            account += f";auth_user={line.login[0]};auth_pass={line.login[1]}"
        account += f';outbound="{line.proxy};lr";regint=60' if line.proxy else ";regint=0"
        self.phone = Baresip(
            self.record.reactor,
            self.record.directory / "phone",
            PORTS,
            "phone",
            PHONE_TONE,
            way.host,
            more,
            account=account,
            encryption="srtp-mand" if way.media == "SDES" else "",
        )

    @property
    def port(self) -> int:
        return self.phone.securePort if self.line.way.transport == "TLS" else self.phone.port

    async def start(self) -> None:
        await self.record.ending(self.phone).start()

    async def dial(self, uri: str) -> None:
        self.phone.command("dial", uri)

    async def answer(self) -> None:
        await self.phone.told("CALL_INCOMING")
        self.phone.command("accept")

    async def established(self) -> None:
        await self.phone.told("CALL_ESTABLISHED")

    async def hold(self, call: IChatCall) -> None:
        self.phone.command("hold")
        await silence(self.record, call)
        before = await self._decoded()
        await pause(self.record.reactor, 0.5)
        if await self._decoded() > before + 0.1:
            raise AssertionError("the phone hears something although it holds")
        self.phone.command("resume")
        await hears(self.record.reactor, call.media, ENOUGH)
        self._back = await self._decoded() - before

    async def hangup(self) -> None:
        self.phone.command("hangup")

    async def closed(self) -> None:
        await self.phone.told("CALL_CLOSED")

    async def heard(self) -> None:
        def recorded() -> float:
            try:
                return secondsOf(self.phone.recording(), ICHAT_TONE)
            except (EOFError, OSError, wave.Error):  # not written to its end yet
                return 0.0

        await until(self.record.reactor, lambda: recorded() >= ENOUGH, f"{ICHAT_TONE} Hz at the phone", 5)
        if "hold" in self.record.outcomes and self._back < ENOUGH / 2:
            raise AssertionError(f"after it had held the phone heard only {self._back:.1f} s")

    async def _decoded(self) -> float:
        """Seconds of sound that it has taken in."""
        found = re.search(r"decode:.*?time = ([0-9.]+) sec", await self.phone.asked("audio_debug"), re.DOTALL)
        if found is None:
            raise AssertionError("baresip does not say what it decoded")
        return float(found[1])


@define(eq=False)
class LinphonePeer:
    """linphonec.  While it holds it plays music: the tone that it always plays."""

    record: Record
    line: Line
    says: int = PHONE_TONE
    phone: Linphone = field(init=False)
    _before: float = field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        line, way, more = self.line, self.line.way, ""
        if line.login is not None:
            more += f"[auth_info_0]\nusername={line.login[0]}\npasswd={line.login[1]}\n"
        if line.proxy:
            more += _PROXY.format(proxy=line.proxy, identity=f"sip:{line.user}@{line.domain}")
        self.phone = Linphone(
            self.record.reactor,
            self.record.directory / "phone",
            PORTS,
            line.user,
            PHONE_TONE,
            way.host,
            way.transport.lower(),
            authority=line.authority.path if line.authority is not None else "",
            encryption="srtp" if way.media == "SDES" else "none",
            mandatory=way.media == "SDES",
            more=more,
        )

    @property
    def port(self) -> int:
        return self.phone.port

    async def start(self) -> None:
        await self.record.ending(self.phone).start()

    async def dial(self, uri: str) -> None:
        self.phone.command(f"call {uri}")

    async def answer(self) -> None:
        await self.phone.program.said("Receiving new incoming call")
        self.phone.command("answer")

    async def established(self) -> None:
        await self.phone.program.said("Media streams established")

    async def hold(self, call: IChatCall) -> None:
        self.phone.command("pause")
        await self.phone.program.said("is now paused")
        await pause(self.record.reactor, HELD)
        self._before = self.phone.heard(ICHAT_TONE)
        self.phone.command("resume")
        await self.phone.program.said("(?s)is now paused.*Media streams established")
        await hears(self.record.reactor, call.media, 2 * ENOUGH)

    async def hangup(self) -> None:
        self.phone.command("terminate")

    async def closed(self) -> None:
        await self.phone.program.said(r"Call 1 with .* ended")

    async def heard(self) -> None:
        reactor, goal = self.record.reactor, self._before + ENOUGH
        await until(reactor, lambda: self.phone.heard(ICHAT_TONE) >= goal, f"{ICHAT_TONE} Hz at the phone", 5)
        if "hold" in self.record.outcomes and self._before < ENOUGH:
            raise AssertionError(f"before it held the phone heard only {self._before:.1f} s")


@define(eq=False)
class SippPeer:
    """sipp.  It echoes what it hears: hearing himself proves to the iChat both directions.  It acts by the clock."""

    record: Record
    line: Line
    says: int = ICHAT_TONE
    phone: Sipp = field(init=False)

    def __attrs_post_init__(self) -> None:
        script = "held" if self.line.called else "hold-login" if self.line.login is not None else "hold"
        self.phone = Sipp(
            self.record.reactor,
            self.record.directory / "phone",
            PORTS,
            script,
            self.line.way.host,
            self.line.way.transport.lower(),
            self.line.login,
        )

    @property
    def port(self) -> int:
        return self.phone.port

    async def start(self) -> None:
        self.record.ending(self.phone)
        if self.line.called:
            await self.phone.start(TALKING=2500, HELD=2000, ENDING=2500)

    async def dial(self, uri: str) -> None:
        # It does not ask the DNS for addresses of IPv6.
        user, _, host = uri.removeprefix("sip:").partition(";")[0].partition("@")
        host = f"{self.line.way.shown}:{host.rpartition(':')[2]}"
        await self.phone.start(host, user, TALKING=2500, HELD=2000)

    async def answer(self) -> None:
        pass

    async def established(self) -> None:
        pass

    async def hold(self, call: IChatCall) -> None:
        await silence(self.record, call)
        await hears(self.record.reactor, call.media, ENOUGH)

    async def hangup(self) -> None:
        pass

    async def closed(self) -> None:
        await self.phone.succeeded()

    async def heard(self) -> None:
        await self.phone.succeeded()


PEERS: dict[str, Callable[[Record, Line], Peer]] = {
    "baresip": BaresipPeer,
    "linphonec": LinphonePeer,
    "sipp": SippPeer,
}
