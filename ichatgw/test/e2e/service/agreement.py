# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
All who are told whether the gateway is ready are told the same, at once.
"""

from __future__ import annotations

import json
import signal
import socket
import tempfile
from pathlib import Path
from typing import Any

from twisted.web.client import Agent, readBody

from ichatgw.media.sockets.portrange import QUARANTINE
from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.support.case import PORTS, EndToEnd
from ichatgw.test.e2e.support.moment import pause
from ichatgw.test.e2e.support.probe import Probe

AT_ONCE = 0.1
"""Seconds within which a request is refused."""


class _Asking(Probe):
    """
    @ivar last: the last answer.
    """

    last = ""

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """See C{DatagramProtocol}."""
        self.last = datagram.decode("latin-1")
        super().datagramReceived(datagram, addr)


class Agreed(EndToEnd):
    """OPTIONS, INVITE, C{/ready} and C{systemd}, for each part that is wrong."""

    async def begin(self, **how: Any) -> Gateway:
        """A gateway of which all is known."""
        path = str(Path(tempfile.mkdtemp()) / "notify")
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.systemd.close)
        self.systemd.bind(path)
        self.systemd.setblocking(False)
        self.status = ""
        self.webPort = PORTS.take()
        settings = {"HTTPPort": self.webPort, **how.pop("settings", {})}
        gateway = await self.startGateway(settings=settings, environment={"NOTIFY_SOCKET": path}, **how)
        self.asking = _Asking(self.clock, ("127.0.0.1", gateway.port))
        self.asking.start()
        self.ending(self.asking)
        return gateway

    def look(self) -> str:
        """What C{systemd} was told last."""
        while True:
            try:
                note = self.systemd.recv(65535).decode()
            except BlockingIOError:
                return self.status
            for line in note.split("\n"):
                if line.startswith("STATUS="):
                    self.status = line.removeprefix("STATUS=")

    async def ready(self) -> tuple[int, list[str]]:
        """What C{/ready} says: the code, and the parts that are wrong."""
        answer = await Agent(self.clock).request(b"GET", f"http://127.0.0.1:{self.webPort}/ready".encode())
        found = json.loads(await readBody(answer))
        self.assertEqual(found["ready"], answer.code == 200)
        return answer.code, [each["part"] for each in found["troubles"]]

    async def agree(self, part: str, patience: float = 2.0) -> None:
        """All say within so many seconds that this part is wrong, and go on saying so; none if it is empty."""
        last = self.clock.seconds() + patience
        while not self.says(self.look(), part):
            self.assertLess(self.clock.seconds(), last, f"{part}: {self.status}")
            await pause(self.clock, 0.05)
        code, parts = await self.ready()
        self.assertEqual((code, parts[:1]), (503, [part]) if part else (200, []))
        for method in ("OPTIONS", "INVITE"):
            asked = self.clock.seconds()
            status = await self.asking.ask(method, user="4711")
            took = self.clock.seconds() - asked
            if part:
                self.assertEqual(status, 503, method)
                self.assertLess(took, AT_ONCE)
                self.assertIn("\r\nRetry-After: ", self.asking.last)
                self.assertIn(f'\r\nWarning: 399 ichat-gw "{part}: ', self.asking.last)
            else:
                self.assertEqual(status, 200 if method == "OPTIONS" else 404)

    def says(self, status: str, part: str) -> bool:
        """Is that what C{systemd} was told?"""
        return status.startswith(f"Not ready: {part}: " if part else "Ready ")

    async def test_link(self) -> None:
        """The link to the XMPP server is lost, and is there again."""
        await self.begin()
        await self.agree("")
        await self.server.stop()
        await self.agree("XMPP link")
        await self.server.start()
        await self.agree("", 10.0)

    async def test_ports(self) -> None:
        """A call has the last media ports; when it is over they are free."""
        first = PORTS.take(6)
        first += first % 2
        gateway = await self.begin(settings={"MediaRelayPortRangeMin": first, "MediaRelayPortRangeMax": first + 3})
        await self.agree("")
        ichat, phone = await self.startIChat(), await self.startBaresip()
        await self.callIChat(gateway, ichat, phone)
        await self.agree("calls")
        phone.command("hangup")
        await self.agree("", QUARANTINE + 5)

    async def test_drain(self) -> None:
        """It drains, while a call is up."""
        gateway = await self.begin()
        ichat, phone = await self.startIChat(), await self.startBaresip()
        await self.callIChat(gateway, ichat, phone)
        gateway.program.signal(signal.SIGUSR2)
        await self.agree("calls")
        await pause(self.clock, 1.0)
        await self.agree("calls")
        gateway.program.signal(signal.SIGUSR2)  # now it is in a hurry
        self.assertEqual(await gateway.program.ended(5.0), 0)
        self.assertEqual(self.look(), "Stopping")

    async def test_files(self) -> None:
        """Connections have the files that there may be, and go again."""
        await self.begin(within=("prlimit", "--nofile=80:80"))
        await self.agree("")
        crowd = [socket.socket() for _ in range(49)]
        for each in crowd:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", self.webPort))
        await self.agree("files", 4.0)
        for each in crowd:
            each.close()
        await self.agree("", 4.0)

    async def test_stoodStill(self) -> None:
        """A process that stood still takes calls again at once, and is not thought to be overloaded."""
        gateway = await self.begin()
        await self.agree("")
        gateway.program.signal("STOP")
        await pause(self.clock, 2.0)
        gateway.program.signal(signal.SIGCONT)
        await self.agree("", 1.0)
