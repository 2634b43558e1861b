# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
What goes wrong between the gateway and SIP servers: each leads to a line in the log and to the next target, or to the
end of that one call, and never to a hang.
"""

from __future__ import annotations

from pathlib import Path

from twisted.internet.ssl import Certificate, PrivateCertificate

from ichatgw.sim.ichat.call import IChatCall
from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.programs.prosody import COMPONENT
from ichatgw.test.e2e.programs.zone import Zone
from ichatgw.test.e2e.support.case import NUMBER, EndToEnd
from ichatgw.test.e2e.support.hostilepeers import Cable, HostileServer, connected
from ichatgw.test.e2e.support.moment import pause, until, within
from ichatgw.test.e2e.support.secure import SecureEndToEnd
from ichatgw.test.support.names import a, srv
from ichatgw.test.support.sip.certificates import Authority

PBX = "pbx.example"
TRANSPORTS = {"": "_sip._udp", ";transport=tcp": "_sip._tcp", ";transport=tls": "_sips._tcp"}
ANSWER_TIMEOUT = 20
"""Seconds that a call may take to come to the second target; on a busy machine."""


class NextTarget(EndToEnd):
    """The first server of a domain fails, the second is a phone."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.authority = Authority(Path(self.mktemp()).absolute())

    async def startTargets(self, first: int, transport: str = "", **how: object) -> Gateway:
        """A phone, and a gateway whose numbers lead to C{pbx.example}: first to that port, then to the phone."""
        more: str = how.pop("more", "")  # type: ignore[assignment]
        settings: dict[str, object] = how.pop("settings", {})  # type: ignore[assignment]
        self.phone = await self.startBaresip("72", more=more)
        port = self.phone.securePort if "tls" in transport else self.phone.port
        self.zone = Zone(
            self.clock,
            {
                PBX: [a("127.0.0.1")],
                f"{TRANSPORTS[transport]}.{PBX}": [srv(PBX, first, 1), srv(PBX, port, 2)],
            },
        )
        self.ending(self.zone)
        rule = (rf"^xmpp:(\d+)@{COMPONENT}$", f"sip:$1@{PBX}{transport}")
        return await self.startGateway(settings={"DNSServers": self.zone.start(), **settings}, rules=[rule])

    async def reached(self) -> IChatCall:
        """The phone is called, and hears and is heard; then the iChat hangs up."""
        call = (await self.startIChat()).call(NUMBER)
        await self.phone.told("CALL_INCOMING", ANSWER_TIMEOUT)
        self.phone.command("accept")
        await within(self.clock, 10, call.whenAnswered())
        await self.sound(call.media)
        call.hangup()
        await self.phone.told("CALL_CLOSED")
        return call

    def hostileServer(self, piece: bytes = b"", reads: bool = True) -> int:
        """A server that takes connections and does no more than that."""
        self.crook = HostileServer(self.clock, piece, reads)
        self.ending(self.crook)
        return self.crook.start()

    async def test_dead(self) -> None:
        """A server that is not there over UDP costs four seconds, and is said."""
        first = Zone(self.clock, None)  # takes datagrams and says nothing
        self.ending(first)
        port = int(first.start().rpartition(":")[2])
        gateway = await self.startTargets(port)
        await self.reached()
        await gateway.tells(f"no answer from udp:127.0.0.1:{port}")
        self.assertIn(f"SRV _sip._udp.{PBX}", self.zone.asked)

    async def test_refuses(self) -> None:
        """A server that takes no connection costs nothing."""
        gateway = await self.startTargets(9, ";transport=tcp")
        await self.reached()
        await gateway.tells("No connection to tcp:127.0.0.1:9")

    async def test_readsNothing(self) -> None:
        """One that takes the connection and reads nothing is given up."""
        port = self.hostileServer(reads=False)
        gateway = await self.startTargets(port, ";transport=tcp")
        await self.reached()
        self.assertEqual(len(self.crook.connections), 1)
        await gateway.tells(f"no answer from tcp:127.0.0.1:{port}")

    async def test_halfAMessage(self) -> None:
        """So is one that answers with half a message."""
        port = self.hostileServer(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP 127")
        gateway = await self.startTargets(port, ";transport=tcp")
        await self.reached()
        self.assertTrue(self.crook.connections[0].heard.startswith(b"INVITE"))
        await gateway.tells(f"no answer from tcp:127.0.0.1:{port}")

    async def test_garbage(self) -> None:
        """One that speaks something else is given up at once, and the log says why."""
        port = self.hostileServer(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        gateway = await self.startTargets(port, ";transport=tcp")
        await self.reached()
        await gateway.tells(f"The connection with tcp:127.0.0.1:{port} is closed: a message without a")

    def certified(self, days: int = 30) -> str:
        """A certificate for the domain, as a line of a phone's configuration."""
        certificate, key = self.authority.issue("phone", PBX, days=days)
        both = Path(certificate).with_suffix(".both")
        both.write_text(Path(certificate).read_text() + Path(key).read_text())
        return f"sip_certificate {both}\n"

    async def startSecure(self, first: int) -> Gateway:
        """As L{startTargets}, over TLS."""
        settings = {"TLSCAFile": self.authority.path}
        return await self.startTargets(first, ";transport=tls", settings=settings, more=self.certified())

    async def test_neverShakesHands(self) -> None:
        """A TLS server that never finishes the handshake is given up."""
        port = self.hostileServer()
        gateway = await self.startSecure(port)
        await self.reached()
        self.assertTrue(self.crook.connections[0].heard)
        await gateway.tells(f"no answer from tls:127.0.0.1:{port}")
        await gateway.program.said(f"No connection to tls:127.0.0.1:{port}: the TLS handshake took too long")

    async def test_expired(self) -> None:
        """A TLS server whose certificate has expired is refused, with a line that says so, and costs nothing."""
        old = await self.startBaresip("old", more=self.certified(days=-1))
        gateway = await self.startSecure(old.securePort)
        await self.reached()
        self.assertNotIn("CALL_INCOMING", [name for name, _ in old.events])
        why = "its certificate is refused: it has expired"
        await gateway.tells(f"No connection to tls:127.0.0.1:{old.securePort}: {why}")

    async def test_wantsCertificate(self) -> None:
        """A TLS server that wants our certificate, and says so after the handshake, costs nothing; the log says so."""
        certificate, key = self.authority.issue("wanting", PBX)
        own = PrivateCertificate.loadPEM(Path(certificate).read_bytes() + Path(key).read_bytes())
        wanting = HostileServer(self.clock)
        self.ending(wanting)
        port = wanting.start(own.options(Certificate.loadPEM(Path(self.authority.path).read_bytes())))
        gateway = await self.startSecure(port)
        await self.reached()
        await gateway.program.said(
            rf"The connection with tls:127\.0\.0\.1:{port} is closed: TLS: .*certificate required"
        )
        await gateway.tells("goes on after '503 no connection: TLS: ")


class NameServers(EndToEnd):
    """DNS servers that do not answer."""

    async def test_dead(self) -> None:
        """A dead DNS server ends the call that needs it, with a line that says so, and delays no other."""
        zone = Zone(self.clock, None)
        self.ending(zone)
        phone = await self.startBaresip("72")
        gateway = await self.startGateway(
            phone.port,
            settings={"DNSServers": zone.start()},
            rules=[(rf"^xmpp:73@{COMPONENT}$", f"sip:73@{PBX}")],
        )
        ichat = await self.startIChat()
        stuck = ichat.call(f"73@{COMPONENT}")
        await until(self.clock, lambda: zone.asked, "a question")
        call = await self.callPhone(ichat, phone)
        self.assertFalse(gateway.said("name servers"))
        await within(self.clock, ANSWER_TIMEOUT, stuck.whenEnded())
        await gateway.tells(f"the name servers do not say where '{PBX}' is")
        call.hangup()
        await phone.told("CALL_CLOSED")

    async def test_second(self) -> None:
        """If one DNS server is dead the next is asked."""
        dead = Zone(self.clock, None)
        phone = await self.startBaresip("72")
        alive = Zone(self.clock, {PBX: [a("127.0.0.1")], f"_sip._udp.{PBX}": [srv(PBX, phone.port)]})
        self.ending(dead)
        self.ending(alive)
        await self.startGateway(
            settings={"DNSServers": f"{dead.start()}, {alive.start()}"},
            rules=[(rf"^xmpp:(\d+)@{COMPONENT}$", f"sip:$1@{PBX}")],
        )
        call = (await self.startIChat()).call(NUMBER)
        await phone.told("CALL_INCOMING", ANSWER_TIMEOUT)
        self.assertTrue(dead.asked)
        call.hangup()
        await phone.told("CALL_CLOSED")


def layCable(test: EndToEnd, port: int) -> Cable:
    """One to C{port} of this host, until the end of the test."""
    cable = Cable(test.clock, port)
    test.ending(cable)
    cable.start()
    return cable


class CutConnections(EndToEnd):
    """Connections that are cut while somebody speaks."""

    async def test_fromPhone(self) -> None:
        """A phone's call outlives its connection, and our BYE finds its way over another one."""
        gateway = await self.startGateway()
        cable = layCable(self, gateway.port)
        ichat, phone = await self.startIChat(), await self.startBaresip()
        call = await self.callIChat(gateway, ichat, phone, f"sip:scott@127.0.0.1:{cable.port};transport=tcp")
        cable.cut()
        await gateway.program.said(r"The connection with tcp:127\.0\.0\.1:\d+ is closed")
        await self.sound(call.media)
        call.hangup()
        await phone.told("CALL_CLOSED")
        await gateway.tells(f"Connected to tcp:127.0.0.1:{phone.port}")

    async def test_toPhone(self) -> None:
        """So does a call to a phone, and its BYE is taken over another connection."""
        phone = await self.startBaresip("72")
        cable = layCable(self, phone.port)
        await self.startGateway(cable.port, transport=";transport=tcp")
        call = await self.callPhone(await self.startIChat(), phone)
        cable.cut()
        await self.sound(call.media)
        phone.command("hangup")
        await within(self.clock, 10, call.whenEnded())
        self.assertEqual(call.outcome, "they hung up")


class CutSecure(SecureEndToEnd):
    """The same over TLS."""

    async def test_fromPhone(self) -> None:
        """Our BYE finds its way to a phone whose certificate proves the address that it gives."""
        settings = {**self.certificates("127.0.0.1"), "TLSAcceptAddresses": "on"}
        gateway = await self.startGateway(settings=settings)
        cable = layCable(self, gateway.securePort)
        ichat, phone = await self.startIChat(), await self.startBaresip(more=self.phoneCertificates("127.0.0.1"))
        call = await self.callIChat(gateway, ichat, phone, f"sip:scott@127.0.0.1:{cable.port};transport=tls")
        cable.cut()
        await gateway.program.said(r"The connection with tls:127\.0\.0\.1:\d+ is closed")
        await self.sound(call.media)
        call.hangup()
        await phone.told("CALL_CLOSED")
        await gateway.tells(f"Connected to tls:127.0.0.1:{phone.securePort}")


class Callers(EndToEnd):
    """Those who connect and do not behave."""

    async def test_readsNothing(self) -> None:
        """One who asks and asks and never reads the answers is sent away; the gateway stays small and serves others."""
        gateway = await self.startGateway()
        greedy = await connected(self.clock, gateway.port, reads=False)
        before = _resident(gateway.program.pid)
        for number in range(400):
            greedy.transport.write(b"".join(_options(number * 100 + each) for each in range(100)))  # type: ignore[union-attr]
            await pause(self.clock, 0.02)
            if gateway.said("it does not read what we send"):
                break
        await gateway.program.said("is closed: it does not read what we send", ANSWER_TIMEOUT)
        self.assertLess(_resident(gateway.program.pid) - before, 20_000)
        ichat, phone = await self.startIChat(), await self.startBaresip()
        (await self.callIChat(gateway, ichat, phone)).hangup()

    async def test_halfAMessage(self) -> None:
        """One who begins a message and does not go on is sent away, with a line that says so."""
        gateway = await self.startGateway()
        half = await connected(self.clock, gateway.port)
        half.transport.write(_options(1) + _options(2)[:60])  # type: ignore[union-attr]
        await until(self.clock, lambda: b"200 OK" in half.heard, "an answer to the first")
        await gateway.program.said("is closed: it said nothing for too long", 30)
        await until(self.clock, lambda: half.over, "the end of the connection")


def _options(number: int) -> bytes:
    return (
        f"OPTIONS sip:gateway@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bKo{number}\r\n"
        f"From: <sip:x@127.0.0.1>;tag=x\r\nTo: <sip:y@127.0.0.1>\r\nCall-ID: o{number}\r\nCSeq: 1 OPTIONS\r\n"
        "Max-Forwards: 70\r\nContact: <sip:x@127.0.0.1:9;transport=tcp>\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def _resident(pid: int) -> int:
    """Resident memory in KiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4


class Vanished(EndToEnd):
    """A phone is gone in the middle of a call, without a word."""

    async def test_phone(self) -> None:
        """Nothing is heard of it any more, it does not answer when it is asked, and the iChat is told."""
        gateway = await self.startGateway(settings={"MediaTimeout": "5"})
        ichat, phone = await self.startIChat(), await self.startBaresip()
        call = await self.callIChat(gateway, ichat, phone)
        phone.program.signal("KILL")
        await within(self.clock, 45, call.whenEnded())
        await gateway.tells("sends no media any more")
        self.assertEqual(gateway.said("sends no media any more"), 1)
