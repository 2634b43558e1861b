# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Sockets of a running gateway are closed behind its back.
"""

from __future__ import annotations

from pathlib import Path
from signal import SIGRTMIN, SIGUSR1

from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.service.running import TAC
from ichatgw.test.e2e.support.case import ICHAT_TONE, PORTS, EndToEnd
from ichatgw.test.e2e.support.moment import until
from ichatgw.test.e2e.support.tone import secondsOf

_CLOSING = """
import os, select, signal, socket
exec(compile(open({tac!r}).read(), {tac!r}, "exec"))

def sockets(ports):
    for number in range(3, 64):
        try:
            with socket.socket(fileno=os.dup(number)) as opened:
                name = opened.getsockname()
                try:
                    opened.getpeername()
                except OSError:
                    if isinstance(name, tuple) and name[1] in ports:
                        yield number
        except OSError:
            continue

def closeSockets(*args):
    for number in list(sockets([settings.udpTcpPort])):
        os.close(number)

def closeMedia(*args):
    for number in list(sockets(range(settings.mediaRelayPortRangeMin, settings.mediaRelayPortRangeMax))):
        os.close(number)

def closePoller(*args):
    for name in os.listdir("/proc/self/fd"):
        try:
            if "eventpoll" in os.readlink("/proc/self/fd/" + name):
                os.close(int(name))
        except OSError:
            continue

signal.signal(signal.SIGUSR1, closeSockets)
signal.signal(signal.SIGRTMIN, closePoller)
signal.signal(signal.SIGRTMIN + 1, closeMedia)
"""


class ClosedSockets(EndToEnd):
    """Nothing tells a process of that."""

    def _tac(self) -> Path:
        tac = Path(self.mktemp()).absolute()
        tac.write_text(_CLOSING.format(tac=str(TAC)))
        return tac

    async def test_listening(self) -> None:
        """The sockets for SIP over UDP and TCP are there again within a second, and calls are taken over both."""
        gateway = await self.startGateway(tac=self._tac())
        gateway.program.signal(SIGUSR1)
        for transport in ("UDP", "TCP"):
            words = f"over {transport} on 127.0.0.1 port {gateway.port} was lost; it is there again"
            await gateway.program.said(words, 3)
        ichat, phone = await self.startIChat(), await self.startBaresip()
        for address in (f"sip:scott@{gateway.address}", f"sip:scott@{gateway.address};transport=tcp"):
            (await self.callIChat(gateway, ichat, phone, address)).hangup()
            await phone.told("CALL_CLOSED")
            await self.settle()

    async def test_media(self) -> None:
        """The media ports of a call are there again within a second, and both parties hear each other as before."""
        gateway = await self.startGateway(tac=self._tac())
        ichat, phone = await self.startIChat(), await self.startBaresip()
        call = await self.callIChat(gateway, ichat, phone)
        gateway.program.signal(SIGRTMIN + 1)
        # Two of each side.
        await gateway.program.said(r"(?:Media port \d+ was lost; it is there again[^$]*){4}", 2)
        await self.sound(call.media, 3)
        call.hangup()
        await phone.told("CALL_CLOSED")
        await until(self.clock, lambda: secondsOf(phone.recording(), ICHAT_TONE) > 3.5, "the iChat at the phone", 3)

    async def test_reactor(self) -> None:
        """If the reactor waits for nothing any more the process ends, with a line that says why."""
        gateway = Gateway(self.clock, self.directory("gateway"), PORTS, self.server.componentPort)
        gateway.rules(0)
        self.ending(gateway.program)
        await gateway.start(tac=self._tac())
        gateway.program.signal(SIGRTMIN)
        self.assertEqual(await gateway.program.ended(20), 1)
        await gateway.tells("ichatgw ends: the reactor does not wait for sockets any more")
