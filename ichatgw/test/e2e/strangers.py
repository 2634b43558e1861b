# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Hosts that may not call, in numbers, while others talk.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from attrs import asdict, define, evolve, field
from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol
from twisted.trial.unittest import SkipTest
from twisted.words.xish.domish import Element

from ichatgw.sim.xmpp import xml
from ichatgw.sip.strangers import SOURCE
from ichatgw.test.e2e.programs.flooder import NETWORK, Flood
from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.programs.observer import Observed, Plan
from ichatgw.test.e2e.programs.program import CHECKOUT, Program
from ichatgw.test.e2e.programs.prosody import COMPONENT, DOMAIN
from ichatgw.test.e2e.service.crowd import CrowdServer
from ichatgw.test.e2e.support.case import PORTS
from ichatgw.test.e2e.support.machine import Others
from ichatgw.test.e2e.support.moment import pause, until
from ichatgw.test.e2e.support.secure import SecureEndToEnd
from ichatgw.test.marks import alone

CALLS = 10
QUIET = 6.0
"""Seconds of observation without strangers, for comparison."""

MAX_GAP = 0.06
"""Seconds that a stream may be interrupted, or twice as long as without strangers if that is longer."""

SLOW, BUSY = 0.004, 0.02
"""
Seconds that answers may take anyway, or three times as long as without strangers; and those of a gateway that has too
much to do with the calls of the host that asks.
"""

MAX_GROWTH, MAX_LEFT = 64, 5
"""MB that the gateway may have more while there are strangers, and afterwards."""

MAX_OF_ALL = 20
"""MB that it may have more after all kinds of them: tables that are filled once, e.g. of the headers read last."""

ROUNDS, BAD = 6, 2
"""Rounds that one scene has, and bad ones in which the machine had nothing else to do."""

DISTURBED = 0.3
"""Processors that may be busy with something else in a round that counts."""

FEDERATED = 1000

ROUTE, NETWORK_HERE = ("-6", "route"), ("local", NETWORK, "dev", "lo")
"""For C{ip}: to lead a network of IPv6 to this host."""

MANY = (
    ("one source, one Call-ID, one From tag, one branch", Flood(0, same=("callId", "tag", "branch"))),
    ("64 sources, all different", Flood(0, sources=64)),
    ("1024 sources, one branch", Flood(0, sources=1024, same=("branch",))),
    ("1024 sources, 15 kB", Flood(0, sources=1024, rate=500, size=15000)),
    ("1024 sources, garbage", Flood(0, sources=1024, garbage=True)),
    ("1 source, all different", Flood(0)),
    ("64 connections over TCP, one Call-ID", Flood(0, "tcp", 64, same=("callId",))),
    ("400 connections over TCP, an octet at a time", Flood(0, "tcp", 400, rate=20000, pieces=True)),
    ("400 connections over TLS, an octet at a time", Flood(0, "tls", 400, rate=20000, pieces=True)),
    ("16 connections over TLS, 15 kB", Flood(0, "tls", 16, rate=200, size=15000)),
)


class Line(DatagramProtocol):
    """
    Phones behind one socket, with media elsewhere: each INVITE that comes is answered, each that is sent acknowledged.

    @ivar ports: the media ports for the calls to come, in order.
    @ivar media: for each call that is up, the number called and the gateway's media port.
    """

    def __init__(self, gateway: Gateway, ports: list[int]) -> None:
        self._target = ("127.0.0.1", gateway.port)
        self._ports = list(ports)
        self.media: dict[str, int] = {}

    def call(self, number: int) -> None:
        """Call a number."""
        here = self._here()
        self._send(
            f"INVITE sip:{number}@{self._to} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {here};branch=z9hG4bKcall{number};rport\r\nFrom: <sip:caller@{here}>;tag=c{number}\r\n"
            f"To: <sip:{number}@{self._to}>\r\nCall-ID: call-{number}\r\nCSeq: 1 INVITE\r\n",
            True,
        )

    @property
    def _to(self) -> str:
        return f"{self._target[0]}:{self._target[1]}"

    def _here(self) -> str:
        transport: Any = self.transport
        return f"127.0.0.1:{transport.getHost().port}"

    def _send(self, head: str, hasOffer: bool = False) -> None:
        body = ""
        if hasOffer:
            body = (
                "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                f"m=audio {self._ports.pop(0)} RTP/AVP 0\r\n"
            )
        kind = "Content-Type: application/sdp\r\n" if body else ""
        tail = (
            f"Contact: <sip:line@{self._here()}>\r\nMax-Forwards: 70\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        )
        transport: Any = self.transport
        transport.write((head + tail).encode(), self._target)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Whatever the gateway says; an empty datagram keeps a router's door open."""
        if not datagram.strip():
            return
        head, _, body = datagram.decode().partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        headers = dict(line.partition(": ")[::2] for line in reversed(lines))
        number = headers["To"].partition("sip:")[2].partition("@")[0]
        isNew = number not in self.media
        if "m=audio " in body:
            self.media[number] = int(body.partition("m=audio ")[2].partition(" ")[0])
        method = headers["CSeq"].partition(" ")[2]
        if first.startswith("SIP/2.0 200") and method == "INVITE":
            target = headers["Contact"].strip("<>")
            names = "".join(f"{name}: {headers[name]}\r\n" for name in ("From", "To", "Call-ID"))
            via = f"Via: SIP/2.0/UDP {self._here()};branch=z9hG4bKack{number};rport\r\n"
            self._send(f"ACK {target} SIP/2.0\r\n{via}{names}CSeq: 1 ACK\r\n")
        elif not first.startswith(("SIP/", "ACK")) and (isNew or method != "INVITE"):
            vias = "".join(f"{line}\r\n" for line in lines if line.startswith("Via"))
            to = headers["To"] if ";tag=" in headers["To"] else f"{headers['To']};tag=l{number}"
            names = (
                f"From: {headers['From']}\r\nTo: {to}\r\nCall-ID: {headers['Call-ID']}\r\nCSeq: {headers['CSeq']}\r\n"
            )
            self._send(f"SIP/2.0 200 OK\r\n{vias}{names}", method == "INVITE")


@define(eq=False)
class Observer:
    """The program that talks and asks; see L{ichatgw.test.e2e.programs.observer}."""

    program: Program
    _told: int = field(default=0, init=False)

    def start(self, plan: Plan) -> None:
        """Talk from now on."""
        self.program.start()
        self._say(json.dumps(asdict(plan)))

    async def observed(self) -> Observed:
        """What it has observed since the last time."""
        self._told += 1
        self._say("")
        await until(self.program.reactor, lambda: self.program.output.count("}\n") >= self._told, "a report")
        said = json.loads(self.program.output.splitlines()[-1])
        return Observed(**{**said, "answers": tuple(said["answers"])})

    def _say(self, line: str) -> None:
        transport: Any = self.program.transport
        transport.writeToChild(0, line.encode() + b"\n")


@alone
class Strangers(SecureEndToEnd):
    """
    What they do to others.

    A host that may call has ten calls up, each with sound both ways, and asks OPTIONS sixteen times a second; then
    strangers flood the gateway for some seconds, with each kind of message and from many addresses.  All who talk, ask
    and flood are processes of their own, and times are the kernel's.  The same is measured without strangers first,
    since the machine may be slow or busy: no request may remain unanswered, and neither answers nor sound may be much
    later than without them.
    """

    timeout = 600
    makeServer = CrowdServer
    quiet = Observed(float("inf"), 0, (), 0)

    async def start(self, host: str = "127.0.0.1") -> None:
        """
        The gateway, with ten calls up.

        @param host: where it listens; empty for everywhere.
        """
        users = Path(self.mktemp())
        users.write_text("alice - wonder\n")
        users.chmod(0o600)
        settings = {
            **self.certificates("127.0.0.1"),
            "AllowedSIPPeers": "127.0.0.1",
            "AllowedXMPPDomains": "friends.example",
            "SIPUsers": users.absolute(),
            "LogLevel": "INFO",
        }
        phone = PORTS.take(2)
        rules = ((r"^sip:(\d+)@", f"sip:$1@127.0.0.1:{phone}"),)
        self.gateway = await self.startGateway(phone, host=host, settings=settings, rules=rules)
        ports = [PORTS.take(2) for _ in range(2 * CALLS)]
        later = [PORTS.take(2) for _ in range(2)]
        callers = self.callers = Line(self.gateway, [*ports[:CALLS], later[0]])
        called = Line(self.gateway, [*ports[CALLS:], later[1]])
        for line, port in ((callers, PORTS.take(2)), (called, phone)):
            opened = self.clock.listenUDP(port, line, interface="127.0.0.1")
            self.addCleanup(opened.stopListening)
        for number in range(100, 100 + CALLS):
            await self.call(number)
        remotes = [line.media[str(100 + each)] for line in (callers, called) for each in range(CALLS)]
        self.observer = Observer(self.program("observer"))
        self.ending(self.observer.program)
        self.observer.start(Plan(tuple(zip(ports, remotes, strict=True)), self.gateway.port))
        await pause(self.clock, 1.0)
        await self.observe()

    async def call(self, number: int) -> None:
        """One more call comes up."""
        self.callers.call(number)
        await until(self.clock, lambda: str(number) in self.callers.media, f"call {number}")

    async def observe(self) -> None:
        """How it is without strangers, at best."""
        await self.observer.observed()
        await pause(self.clock, QUIET)
        self.quiet = min(self.quiet, await self.observer.observed(), key=lambda each: (each.gap, each.p95))

    async def endure(self, what: str, flooding: Callable[[], Awaitable[str]], mayBeBusy: bool = False) -> None:
        """
        Be flooded, and see how others fare.  A round that is not good is made again: L{BAD} of them are too many,
        unless the machine was busy with something else.

        @param flooding: fires when that is over, with words about it.
        @param mayBeBusy: may OPTIONS be told meanwhile that no call is taken (RFC 3261 section 11.2)?
        """
        bad: list[str] = []
        for _ in range(ROUNDS):
            others = Others((self.gateway.program.pid, self.observer.program.pid))
            problems = await self._endure(what, flooding, mayBeBusy)
            load = others.load()
            if not problems:
                return
            print(f"{what}: not good ({', '.join(problems)}), and {load:.2f} processors busy with something else")
            bad += [", ".join(problems)] if load < DISTURBED else []
            if len(bad) == BAD:
                break
            await self.observe()
        self.fail(f"{what}: {'; '.join(bad) or 'the machine has other things to do'}")

    async def _endure(self, what: str, flooding: Callable[[], Awaitable[str]], mayBeBusy: bool) -> list[str]:
        before = self.memory()
        said = await flooding()
        grown = self.memory() - before
        await pause(self.clock, 2.2)  # until an answer that has not come by now is lost
        seen = await self.observer.observed()
        left = self.memory() - before
        print(f"{what}: {said}; {seen}; {grown:+.1f} MB, {left:+.1f} MB left; without them: {self.quiet}")
        bounds = {
            "requests without an answer": not seen.unanswered,
            "answers that no call is taken": mayBeBusy or not seen.busy,
            "a stream that is not heard": seen.packets > 100,
            "a gap in the sound": seen.gap < max(MAX_GAP, 2 * self.quiet.gap),
            "late answers": seen.p95 < max(BUSY if mayBeBusy else SLOW, 3 * self.quiet.p95),
            "memory": grown < MAX_GROWTH,
            "memory that is not given back": left < MAX_LEFT,
        }
        return [words for words, isKept in bounds.items() if not isKept]

    def memory(self) -> float:
        """MB that the gateway has."""
        pages = int(Path(f"/proc/{self.gateway.program.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def program(self, name: str, *arguments: str) -> Program:
        """A program of this package.  It is run from the checkout, as it is not installed."""
        command = [sys.executable, "-m", f"ichatgw.test.e2e.programs.{name}", *arguments]
        return Program(self.clock, name, command, self.directory(name), dict(CHECKOUT))

    async def flood(self, flood: Flood, answers: list[int] | None = None, refused: list[int] | None = None) -> str:
        """
        Let a process send.

        @param answers: gets how many came.
        @param refused: gets how many calls were refused and are to be tried again later.
        """
        program = self.program("flooder", flood.argument())
        self.ending(program)
        program.start()
        self.assertEqual(await program.ended(flood.seconds + 20), 0, program.output)
        sent = json.loads(program.output)
        self.assertGreater(sent["count"], 100)
        if flood.transport == "udp" and not flood.mayCall:
            self.assertLessEqual(sent["heard"], sent["octets"])
        if answers is not None:
            answers.append(sent["answers"])
        if refused is not None:
            refused.append(sent["refused"])
        return "{count} messages of {octets} octets, {heard} octets heard, {refused} refused for now".format(**sent)

    async def test_messages(self) -> None:
        """
        INVITE, OPTIONS, REGISTER, REFER, ACK and garbage, over UDP, TCP and TLS, from one address to a thousand, with
        what a sender may choose the same or different: others do not notice, no memory is lost, and a call that begins
        meanwhile comes up.  What comes back to strangers over UDP is less than they send.
        """
        await self.start()
        # What is made once, when something comes for the first time, is not what is looked for.
        first = Flood(self.gateway.port, sources=1024, seconds=2)
        await self.endure("warming up", lambda: self.flood(first))
        await self.endure("warming up, TCP", lambda: self.flood(evolve(first, transport="tcp", sources=64)))
        secure = evolve(MANY[-1][1], port=self.gateway.securePort, seconds=2)
        await self.endure("warming up, TLS", lambda: self.flood(secure))
        before = self.memory()
        for what, flood in MANY:
            port = self.gateway.securePort if flood.transport == "tls" else self.gateway.port
            await self.endure(what, lambda flood=flood, port=port: self.flood(evolve(flood, port=port)))  # type: ignore[misc]
        flooding = Deferred.fromCoroutine(self.flood(Flood(self.gateway.port, sources=64, seconds=4)))
        await pause(self.clock, 1.0)
        await self.call(100 + CALLS)
        await flooding
        await pause(self.clock, 1.0)
        self.assertLess(self.memory() - before, MAX_OF_ALL)

    async def test_network(self) -> None:
        """
        A host with an IPv6 address has a network of them: its thousand addresses are one stranger, and have as much
        done as one.
        """
        if subprocess.run(("ip", *ROUTE, "add", *NETWORK_HERE), capture_output=True).returncode:
            raise SkipTest("an IPv6 network cannot be led here: that takes iproute2, IPv6 and the right to do so")
        self.addCleanup(subprocess.run, ("ip", *ROUTE, "del", *NETWORK_HERE), check=True)
        await self.start("")
        flood = Flood(self.gateway.port, sources=1024, isIPv6=True)
        answers: list[int] = []
        await self.endure("1024 addresses of an IPv6 network", lambda: self.flood(flood, answers))
        self.assertLess(max(answers), SOURCE.most + SOURCE.perSecond * (flood.seconds + 2))
        self.assertGreater(min(answers), SOURCE.most / 4)

    async def test_overload(self) -> None:
        """
        A host that may call calls far more often than the gateway can: what is too much is refused, the calls that are
        up do not notice, OPTIONS is answered as soon as ever, and of what was refused nothing is kept.
        """
        await self.overloaded("udp")

    async def test_overloadTCP(self) -> None:
        """So it is over TCP, where what is not read waits at the sender."""
        await self.overloaded("tcp")

    async def test_overloadTLS(self) -> None:
        """So it is over TLS."""
        await self.overloaded("tls")

    async def overloaded(self, transport: str) -> None:
        """A host that may call sends a thousand calls a second."""
        await self.start()
        port = self.gateway.securePort if transport == "tls" else self.gateway.port
        flood = Flood(port, transport, rate=1000, mayCall=True, methods=("INVITE",))
        await self.flood(evolve(flood, seconds=2))  # what is made once, with the first calls, is not what is looked for
        await pause(self.clock, 2.2)
        await self.observe()
        refused: list[int] = []
        what = f"a thousand calls a second over {transport}"
        await self.endure(what, lambda: self.flood(flood, refused=refused), mayBeBusy=True)
        self.assertGreater(min(refused), 100)
        await self.gateway.tells("New calls are refused")

    async def test_federated(self) -> None:
        """Presences and proposals of a thousand users of another server, who may not call: others do not notice."""
        await self.start()
        server: CrowdServer = self.server

        async def flooding() -> str:
            await self._federate(server)
            return f"{FEDERATED} stanzas a second"

        await self.endure("federated users", flooding)

    async def _federate(self, server: CrowdServer, seconds: int = 10) -> None:
        for part in range(seconds * 50):
            for number in range(FEDERATED // 100):
                user = f"user{(part * FEDERATED // 100 + number) % FEDERATED}@{DOMAIN}"
                server.router.route(presence(user))
                server.router.route(proposal(user, part))
            await pause(self.clock, 0.02)


def presence(user: str) -> Element:
    """A client comes online; what it can do is another thing each time."""
    made = xml.element("presence", "jabber:client", **{"from": f"{user}/x", "to": f"72@{COMPONENT}"})
    xml.add(made, "c", "http://jabber.org/protocol/caps", hash="sha-1", node="http://x.example", ver=f"{user}=")
    return made


def proposal(user: str, number: int) -> Element:
    """A call is proposed (XEP-0353)."""
    made = xml.element("message", "jabber:client", **{"from": f"{user}/x", "to": f"72@{COMPONENT}"})
    proposed = xml.add(made, "propose", "urn:xmpp:jingle-message:0", id=f"{user}-{number}")
    xml.add(proposed, "description", "urn:xmpp:jingle:apps:rtp:1", media="audio")
    return made
