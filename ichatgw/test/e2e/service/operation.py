# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
The gateway as those who run it see it: is it ready, what does it tell systemd and a proxy, what does the command say?
"""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SkipTest

from ichatgw.test.e2e.programs.dispatcher import Dispatcher
from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.programs.prosody import DOMAIN
from ichatgw.test.e2e.support.case import PORTS, EndToEnd
from ichatgw.test.e2e.support.moment import pause, until, within
from ichatgw.test.e2e.support.probe import Probe
from ichatgw.test.support.hepreceiver import decoded

_OTHER_USER = """
import collections, errno, io, json, os, socket, sys
from importlib import import_module
from ichatgw.command import COMMANDS, main

for where in COMMANDS.values():  # before the right to read them is gone
    import_module(where.partition(":")[0])
path, other = sys.argv[1], 65534
os.setgroups([])
os.setresgid(other, other, other)
os.setresuid(other, other, other)

def tried(does, *arguments):
    try:
        does(*arguments)
    except OSError as problem:
        return errno.errorcode[problem.errno]
    return "done"

def connect(kind):
    with socket.socket(socket.AF_UNIX, getattr(socket, f"SOCK_{kind}")) as asking:
        return tried(asking.connect, path)

refused = {kind: collections.Counter(connect(kind) for _ in range(1000)) for kind in ("STREAM", "DGRAM", "SEQPACKET")}
changed = {
    "unlink": tried(os.unlink, path),
    "rename": tried(os.rename, path, path + "2"),
    "chmod": tried(os.chmod, path, 0o666),
}
said = io.StringIO()
status = main(["status", "--socket", path], io.StringIO(), said)
print(json.dumps({"refused": refused, "changed": changed, "status": status, "said": said.getvalue()}))
"""
"""Run as root: becomes a user that has no rights, tries the socket that is named, and tells as JSON how that went."""

UNKNOWN = "4711"
"""A number that no rule knows: 404 at once, if calls are taken."""


def _waiting(opened: socket.socket) -> Iterator[bytes]:
    """The datagrams that wait at a socket."""
    while True:
        try:
            yield opened.recv(65535)
        except BlockingIOError:
            return


class Notified(EndToEnd):
    """What systemd is told."""

    async def test_life(self) -> None:
        """
        It is told when the gateway is ready, when it is not and why, when settings are read again, when it stops, and
        all the time that it lives; but not by a process that stands still.
        """
        path = str(Path(tempfile.mkdtemp()) / "notify")
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.systemd.close)
        self.systemd.bind(path)
        self.systemd.setblocking(False)
        self.notes: list[str] = []
        gateway = await self.startGateway(environment={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "30000000"})
        await self.told("READY=1")
        await self.told("STATUS=Ready with 0 calls")
        await self.told("WATCHDOG=1")
        await self.server.stop()
        await self.told("STATUS=Not ready: XMPP link: ", 3.0)
        await self.server.start()
        await self.told("STATUS=Ready with 0 calls", 8.0)
        await gateway.reload("nothing changed")
        await self.told("RELOADING=1")
        await self.told("READY=1")
        gateway.program.signal("STOP")
        await pause(self.clock, 0.3)
        self.look()
        await pause(self.clock, 1.0)
        self.assertEqual(self.look(), [])
        gateway.program.signal(signal.SIGCONT)
        await self.told("WATCHDOG=1")
        gateway.program.signal(signal.SIGUSR2)
        await self.told("STOPPING=1")
        self.assertEqual(await gateway.program.ended(10.0), 0)

    def look(self) -> list[str]:
        """What has come since the last look."""
        found: list[str] = []
        try:
            while True:
                found += self.systemd.recv(4096).decode().split("\n")
        except BlockingIOError:
            pass
        self.notes += found
        return found

    async def told(self, note: str, patience: float = 5.0) -> None:
        """Wait for a note, and forget it and those before."""

        def isThere() -> bool:
            self.look()
            return any(each.startswith(note) for each in self.notes)

        await until(self.clock, isThere, f"{note} among {self.notes[-20:]}", patience)
        at = next(number for number, each in enumerate(self.notes) if each.startswith(note))
        del self.notes[: at + 1]


class Dispatched(EndToEnd):
    """Two gateways behind Kamailio, each with a server of its own."""

    async def test_moves(self) -> None:
        """
        New calls go to the second gateway within 2 s after the first has lost its server, and back when that is there
        again; and likewise when the first is to drain.  What the first is asked in between it answers at once.
        """
        other = self.makeServer(self.clock, self.directory("server"), PORTS)
        self.ending(other)
        await other.start()
        first = await self.startGateway()
        second = await self.startGateway(server=other)
        kamailio = Dispatcher(self.clock, self.directory("kamailio"), PORTS, (first.port, second.port))
        self.ending(kamailio)
        await kamailio.start()
        self.probe = Probe(self.clock, ("127.0.0.1", kamailio.port))
        self.probe.start()
        self.ending(self.probe)
        await self.goTo(kamailio, first, 15.0)
        ichat, phone = await self.startIChat(), await self.startBaresip()
        call = await self.callIChat(first, ichat, phone)

        await self.server.stop()
        await self.goTo(kamailio, second, 2.0)
        await self.server.start()
        await first.linked(8.0, times=2)
        await self.goTo(kamailio, first, 2.0)

        await self.sound(call.media, 0.3)
        first.program.signal(signal.SIGUSR2)
        await self.goTo(kamailio, second, 2.0)
        await self.sound(call.media, 0.3)
        self.assertIsNone(first.program.status)
        phone.command("hangup")
        self.assertEqual(await first.program.ended(8.0), 0)

    async def goTo(self, kamailio: Dispatcher, gateway: Gateway, patience: float) -> None:
        """Calls are taken by that gateway within so many seconds."""
        began = self.clock.seconds()
        while True:
            asked = self.clock.seconds()
            code = await self.probe.ask("INVITE", user=UNKNOWN)
            now = self.clock.seconds()
            self.assertIn(code, (404, 480, 500))
            if code == 500:  # as which a proxy hands on 503 (RFC 3261 section 16.7)
                self.assertLess(now - asked, 0.1)
            if code == 404 and kamailio.chosen == gateway.port:
                return
            self.assertLess(now - began, patience, f"{code} of {kamailio.chosen}, and not of {gateway.port}")
            await pause(self.clock, 0.1)


class Commanded(EndToEnd):
    """The command C{ichatgw}."""

    async def command(self, *arguments: str, status: int = 0) -> str:
        """What it writes."""
        out, err, code = await getProcessOutputAndValue(
            "ichatgw", (*arguments, "--socket", self.path), env=os.environ, reactor=self.clock
        )
        self.assertEqual(code, status, (out, err))
        text: str = (out or err).decode()
        return text

    async def json(self, *arguments: str, status: int = 0) -> Any:
        return json.loads(await self.command(*arguments, "--json", status=status))

    async def startCommanded(self) -> Gateway:
        self.path = str(Path(tempfile.mkdtemp()) / "s")
        return await self.startGateway(settings={"ControlSocket": self.path})

    async def test_process(self) -> None:
        """It says how the gateway is, who is there, changes the log's level, and has settings read again."""
        gateway = await self.startCommanded()
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        await self.startIChat()
        status = await self.json("status")
        self.assertEqual((status["ready"], status["calls"], status["link"]), (True, 0, "up"))
        self.assertIn("ready for calls", await self.command("status"))
        (user,) = await self.json("users")
        self.assertEqual((user["user"], user["clients"][0]["kind"]), (f"scott@{DOMAIN}", "ichat"))
        self.assertIn("level INFO now, it had DEBUG", await self.command("loglevel", "info"))
        self.assertIn("LogLevel is now DEBUG, it was INFO", (await self.json("reload"))["lines"])
        gateway.set("MaxCalls", "many")
        gateway.write()
        self.assertIn("MaxCalls", await self.command("reload", status=1))
        await self.server.stop()
        await until(self.clock, lambda: gateway.said("Not ready for calls") > 0, "that it is not ready", 3.0)
        self.assertIn("NOT READY for calls\n  XMPP link: ", await self.command("status", status=3))

    async def test_drain(self) -> None:
        """A gateway that drains refuses calls, and stops with the last one; the second time at once."""
        gateway = await self.startCommanded()
        probe = self.startProbe(gateway)
        ichat, phone = await self.startIChat(), await self.startBaresip()
        call = await self.callIChat(gateway, ichat, phone)
        self.assertIn("1 call is over", await self.command("drain"))
        for method in ("OPTIONS", "INVITE"):
            self.assertEqual(await probe.ask(method), 503)
        self.assertIn("draining", await self.command("status", status=3))
        await self.sound(call.media, 0.3)
        self.assertIn("1 call is ended now", await self.command("drain"))
        await within(self.clock, 3, call.whenEnded())
        self.assertEqual(await gateway.program.ended(8.0), 0)
        self.assertFalse(os.path.exists(self.path))
        self.assertIn("no gateway listens", await self.command("status", status=1))

    async def test_hostile(self) -> None:
        """A line of 10 MB, a thousand connections and such as say nothing disturb neither a call nor the command."""
        gateway = await self.startCommanded()
        ichat, phone = await self.startIChat(), await self.startBaresip()
        call = await self.callIChat(gateway, ichat, phone)
        opened = []
        for number in range(1000):
            opened.append(socket.socket(socket.AF_UNIX))
            self.addCleanup(opened[-1].close)
            opened[-1].setblocking(False)
            while opened[-1].connect_ex(self.path) == errno.EAGAIN:  # as many wait as may
                await pause(self.clock, 0.01)
            if number < 5:
                opened[-1].send(b"x" * 10_000_000)
        await self.sound(call.media, 1.0)
        self.assertIn("connected already", await self.command("status", status=1))
        for each in opened:
            each.close()
        await pause(self.clock, 0.5)
        self.assertEqual((await self.json("status"))["calls"], 1)
        self.assertEqual(gateway.faults(), [])
        call.hangup()
        await phone.told("CALL_CLOSED")

    async def test_otherUsers(self) -> None:
        """
        Another user of the host can neither connect nor take the socket away, although they can see it; the command
        tells them who may.  Neither a call nor the administrator's command is disturbed.
        """
        if os.geteuid() != 0:
            raise SkipTest("only root can become another user")
        gateway = await self.startCommanded()
        os.chmod(os.path.dirname(self.path), 0o755)
        ichat, phone = await self.startIChat(), await self.startBaresip()
        call = await self.callIChat(gateway, ichat, phone)
        out, err, code = await getProcessOutputAndValue(
            sys.executable, ("-c", _OTHER_USER, self.path), env=os.environ, reactor=self.clock
        )
        self.assertEqual((code, err), (0, b""))
        found = json.loads(out)
        self.assertEqual(found["refused"], {name: {"EACCES": 1000} for name in ("STREAM", "DGRAM", "SEQPACKET")})
        self.assertEqual(found["changed"], {"unlink": "EACCES", "rename": "EACCES", "chmod": "EPERM"})
        self.assertEqual(found["status"], 1)
        self.assertIn(
            f"you may not connect to {self.path}: be the user as whom the gateway runs, or root", found["said"]
        )
        await self.sound(call.media, 0.3)
        self.assertEqual((await self.json("status"))["calls"], 1)
        self.assertEqual(gateway.faults(), [])
        call.hangup()
        await phone.told("CALL_CLOSED")

    async def test_captured(self) -> None:
        """
        A server of HEP gets every message of SIP of a call that its ladder has, each with the call's name and both
        addresses.
        """
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as server:
            server.bind(("127.0.0.1", 0))
            server.setblocking(False)
            self.path = str(Path(tempfile.mkdtemp()) / "s")
            place = f"127.0.0.1:{server.getsockname()[1]}"
            gateway = await self.startGateway(settings={"ControlSocket": self.path, "HEPServer": place})
            ichat, phone = await self.startIChat(), await self.startBaresip()
            call = await self.callIChat(gateway, ichat, phone)
            await pause(self.clock, 1.0)
            call.hangup()
            await phone.told("CALL_CLOSED")
            await pause(self.clock, 1.0)
            packets = list(map(decoded, _waiting(server)))
        (past,) = await self.json("calls", "--past")
        ladder = (await self.json("call", past["id"]))["ladder"]
        said = [(rung["text"].split("\r\n")[0], rung["way"]) for rung in ladder if rung.get("transport") == "udp"]
        self.assertTrue({"in", "out"} == {way for _, way in said} and len(said) > 8, said)
        found = [each for each in packets if each.get("correlation") == past["id"].encode() and each["kind"] == 1]
        ways = [
            (each["payload"].decode().split("\r\n")[0], "out" if each["sourcePort"] == gateway.port else "in")
            for each in found
        ]
        self.assertEqual(sorted(ways), sorted(said))
        self.assertTrue(all(each["source"] == each["destination"] == "127.0.0.1" for each in found))

    async def test_calls(self) -> None:
        """A call that is up is shown with its figures and its ladder, and can be ended; then it is one of the past."""
        gateway = await self.startCommanded()
        ichat, phone = await self.startIChat(), await self.startBaresip()
        call = await self.callIChat(gateway, ichat, phone)
        (shown,) = await self.json("calls")
        self.assertEqual((shown["state"], shown["called"]), ("talking", f"sip:scott@{gateway.address}"))
        self.assertEqual(
            [(leg["kind"], leg["state"]) for leg in shown["legs"]], [("sip", "talking"), ("ichat", "talking")]
        )
        self.assertTrue(shown["codecs"])
        while not await self.hasFigures():  # the timeout of the test ends this
            await pause(self.clock, 0.5)
        text = await self.command("calls")
        self.assertIn(f"{shown['id']}  talking", text)
        ladder = (await self.json("call", shown["id"]))["ladder"]
        titles = [(rung["side"], rung["way"], rung["title"].split(" ")[0]) for rung in ladder if rung["way"]]
        self.assertIn(("caller", "in", "INVITE"), titles)
        self.assertIn(("caller", "out", "200"), titles)
        self.assertIn(("callee", "out", "vc:request"), titles)
        self.assertIn("caller --> o            INVITE scott", await self.command("call", shown["id"]))
        self.assertIn("see ichatgw calls", await self.command("hangup", "nothing", status=1))
        self.assertIn("ends", await self.command("hangup", shown["id"]))
        await within(self.clock, 3, call.whenEnded())
        await phone.told("CALL_CLOSED")
        self.assertEqual(await self.json("calls"), [])
        (past,) = await self.json("calls", "--past")
        self.assertIn("ended by an administrator", past["why"])

    async def hasFigures(self) -> bool:
        (shown,) = await self.json("calls")
        return all(shown["media"].get(side, {}).get("packets", 0) > 20 for side in ("caller", "callee"))
