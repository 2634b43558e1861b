# -*- test-case-name: ichatgw.test.sip.transport.test_tls -*-
"""
Tests for L{ichatgw.sip.transport.tls}, and of TLS below L{ichatgw.sip.transport.connectionpool}.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import evolve
from OpenSSL import crypto
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport, IOPump
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import ConfigError, NeedsRestart
from ichatgw.model import TransportAddress
from ichatgw.runtime.steps import atOnce
from ichatgw.sip.transport.connection import CONNECT_TIMEOUT, FREE_READINGS
from ichatgw.sip.transport.connectionlimits import MAX_FROM_HOST
from ichatgw.sip.transport.connectionpool import HANDSHAKE, Connections
from ichatgw.sip.transport.target import Target, Transport
from ichatgw.sip.transport.tls import Files, Security, faultOf
from ichatgw.test.marks import slow
from ichatgw.test.support.sip.certificates import Authority

MESSAGE = b"OPTIONS sip:a SIP/2.0\r\nl: 0\r\n\r\n"
SERVER = Target(Transport.TLS, TransportAddress("192.0.2.1", 5061), "sip.example")


class FilesTests(SynchronousTestCase):
    """What an administrator can get wrong."""

    def setUp(self) -> None:
        self.authority = Authority(Path(self.mktemp()))
        self.certificate, self.key = self.authority.issue("gw.example", "gw.example")
        self.files = Files(self.certificate, self.key, authorities=self.authority.path)

    def refused(self, **changes: Any) -> str:
        return str(self.assertRaises(ConfigError, Security, evolve(self.files, **changes)))

    def test_right(self) -> None:
        """With a certificate we can serve; without one we can call."""
        self.assertTrue(Security(self.files).canServe)
        self.assertFalse(Security(Files()).canServe)
        certificate, key = self.authority.issue("gw.example", passPhrase="tiger")
        self.assertTrue(Security(Files(certificate, key, "tiger")).canServe)

    def test_wrong(self) -> None:
        """What is wrong is said with the setting and the file, and without the pass phrase."""
        self.assertIn("TLSCertificate /nowhere: No such file", self.refused(certificate="/nowhere"))
        self.assertIn(f"TLSCertificate {self.key}", self.refused(certificate=self.key))
        self.assertIn("TLSPrivateKey", self.refused(key=self.certificate))
        self.assertIn("belongs to", self.refused(key=self.authority.issue("other")[1]))
        self.assertIn("TLSCAFile", self.refused(authorities=self.key))
        self.assertIn("TLSCADirectory", self.refused(directory="/nowhere"))
        self.assertIn("Diffie-Hellman", self.refused(parameters=self.key))
        certificate, key = self.authority.issue("gw.example", passPhrase="tiger")
        problem = self.refused(certificate=certificate, key=key, passPhrase="panther")
        self.assertIn("TLSPrivateKeyPassPhrase", problem)
        self.assertNotIn("panther", problem)

    def test_expired(self) -> None:
        """A certificate of ours that has expired is warned of."""
        certificate, key = self.authority.issue("gw.example", days=-1)
        with capturedLogs() as events:
            Security(Files(certificate, key))
        self.assertIn("has expired", formatEvent(events[0]) or "")

    def test_otherDomain(self) -> None:
        """So is one that is not for our domain, if that is known."""
        for domain, expected in (
            ("other.example", "it is not for other.example (TLSDomain)"),
            ("gw.example", ""),
            ("", ""),
        ):
            certificate, key = self.authority.issue("gw.example", "gw.example")
            with capturedLogs() as events:
                Security(Files(certificate, key, domain=domain))
            self.assertIn(expected, " ".join(str(formatEvent(event)) for event in events))
            self.assertEqual(len(events), 1 if expected else 0)

    def test_reload(self) -> None:
        """New files are used from the next connection on; wrong ones change nothing."""
        security = Security(self.files)
        self.assertIsNone(atOnce(security.prepare(self.files))())
        certificate, key = self.authority.issue("gw.example", "new.example")
        self.assertRaises(ConfigError, atOnce, security.prepare(evolve(self.files, certificate=certificate)))
        before = security._server
        self.assertEqual(security.files, self.files)
        changed = atOnce(security.prepare(evolve(self.files, certificate=certificate, key=key)))
        self.assertIs(security._server, before)
        self.assertIn("certificate", changed() or "")
        self.assertIsNot(security._server, before)

    def test_firstCertificate(self) -> None:
        """Nobody listens for TLS yet, so the first certificate needs a restart, and that is said."""
        security = Security(Files())
        self.assertIn("restart", str(self.assertRaises(NeedsRestart, atOnce, security.prepare(self.files))))


class Side:
    """One end: its connections, and what they received."""

    def __init__(self, files: Files) -> None:
        self.reactor = MemoryReactorClock()
        self.security = Security(files)
        self.connections = Connections(self.reactor, self.security)
        self.received: list[bytes] = []
        self.lost: list[Target] = []
        self.connections.received = lambda message, source, transport: self.received.append(message)
        self.connections.unreachable = lambda target, why: self.lost.append(target)
        self.cut: list[tuple[Target, str]] = []
        self.connections.gone = lambda *news: self.cut.append(news)


class HandshakeTests(SynchronousTestCase):
    """Two of us, with certificates."""

    def setUp(self) -> None:
        self.authority = Authority(Path(self.mktemp()))
        self.pump: IOPump | None = None

    def sides(self, *names: str, server: Any = None, client: Any = None, **issued: Any) -> None:
        certificate, key = self.authority.issue("x", *(names or ("sip.example",)), **issued)
        self.server = Side(evolve(Files(certificate, key, authorities=self.authority.path), **(server or {})))
        self.client = Side(evolve(Files(authorities=self.authority.path), **(client or {})))

    def call(self, target: Target = SERVER) -> list[str]:
        """
        The client sends a message.

        @return: what was logged.
        """
        self.client.connections.expect(target)
        with capturedLogs() as events:
            self.client.connections.send(MESSAGE, target)
            if self.client.reactor.tcpClients:
                self._connect()
            self.flush()
        return [formatEvent(event) or "" for event in events]

    def flush(self) -> None:
        assert self.pump is not None
        for _ in range(3):
            for side in (self.client, self.server):
                side.reactor.advance(0)
            self.pump.flush()

    def _connect(self) -> None:
        host, port, factory, _, _ = self.client.reactor.tcpClients.pop()
        near, far = IPv4Address("TCP", "192.0.2.9", 40000), IPv4Address("TCP", host, port)
        client: Any = factory.buildProtocol(far)
        server: Any = self.server.connections.server(Transport.TLS).buildProtocol(near)
        clientSocket = FakeTransport(client, False, peerAddress=far)
        serverSocket = FakeTransport(server, True, peerAddress=near)
        server.makeConnection(serverSocket)
        client.makeConnection(clientSocket)
        self.pump = IOPump(client, server, clientSocket, serverSocket, False)

    @slow
    def test_rightName(self) -> None:
        """The message arrives, and an answer comes back over the same connection."""
        self.sides("sip:sip.example")
        self.call()
        self.assertEqual(self.server.received, [MESSAGE])
        self.server.connections.send(MESSAGE, Target(Transport.TLS, TransportAddress("192.0.2.9", 40000)))
        self.flush()
        self.assertEqual(self.client.received, [MESSAGE])
        self.assertEqual((self.client.connections.open, self.server.connections.open), (1, 1))

    def assertRefused(self, why: str) -> None:
        """The connection came to nothing, nothing was sent over it, and the log says why."""
        lines = self.call()
        self.lines = "\n".join(lines)
        self.assertEqual(self.server.received, [])
        self.assertEqual(self.client.lost, [SERVER])
        self.assertEqual(self.client.connections.open, 0)
        self.assertTrue(any(why in line and "tls:192.0.2.1:5061" in line for line in lines), lines)

    def test_wrongName(self) -> None:
        """A certificate for somebody else is refused."""
        self.sides("other.example")
        self.assertRefused("it is not for sip.example")

    def test_expired(self) -> None:
        """One that has expired is refused; whose it is can read so in his log."""
        self.sides(days=-1)
        self.assertRefused("it has expired")
        self.assertIn("No connection from tls:192.0.2.9:40000: TLS: ", self.lines)
        self.assertIn("alert certificate expired", self.lines)

    def test_selfSigned(self) -> None:
        """One that is signed by nobody else is refused."""
        self.sides(selfSigned=True)
        self.assertRefused("it is self-signed")

    def test_unknownAuthority(self) -> None:
        """One of an authority that we do not know is refused."""
        other = Authority(Path(self.mktemp()), "Other Authority")
        self.sides(client={"authorities": other.path})
        self.assertRefused("unknown authority")

    def test_directory(self) -> None:
        """Authorities may be files of a directory, named by their hashes; others than those there are not known."""
        directory = Path(self.mktemp())
        directory.mkdir()
        path = Path(self.authority.path)
        hashed = crypto.load_certificate(crypto.FILETYPE_PEM, path.read_bytes()).subject_name_hash()
        (directory / f"{hashed:08x}.0").write_bytes(path.read_bytes())
        self.sides(client={"authorities": "", "directory": str(directory)})
        self.call()
        self.assertEqual(self.server.received, [MESSAGE])
        self.authority = Authority(Path(self.mktemp()), "Other Authority")
        self.sides(client={"authorities": "", "directory": str(directory)})
        self.assertRefused("unknown authority")

    def test_client(self) -> None:
        """Those who call us must show a certificate only if that is required; one that is shown must be right."""
        shown = dict(zip(("certificate", "key"), self.authority.issue("phone"), strict=True))
        expired = dict(zip(("certificate", "key"), self.authority.issue("phone", days=-1), strict=True))
        for verify, certificate, taken in (
            ("none", {}, True),
            ("none", expired, True),
            ("optional", {}, True),
            ("optional", shown, True),
            ("optional", expired, False),
            ("require", {}, False),
            ("require", shown, True),
            ("require", expired, False),
        ):
            self.sides(server={"clients": verify}, client=certificate)
            self.call()
            self.assertEqual(self.server.received == [MESSAGE], taken, (verify, certificate))
            self.assertEqual(self.server.connections.open, int(taken))

    def test_clientRefused(self) -> None:
        """A certificate that a client shows is refused with a line that says what is wrong."""
        other = Authority(Path(self.mktemp()), "Other Authority")
        for shown, why in (
            (self.authority.issue("phone", days=-1), "its certificate is refused: it has expired"),
            (self.authority.issue("phone", days=90), "its certificate is refused: it is not valid yet"),
            (self.authority.issue("phone", selfSigned=True), "its certificate is refused: it is self-signed"),
            (other.issue("phone"), "its certificate is refused: it comes from an unknown authority"),
            (None, "TLS: peer did not return a certificate"),
        ):
            certificate = {} if shown is None else dict(zip(("certificate", "key"), shown, strict=True))
            self.sides(server={"clients": "require"}, client=certificate)
            lines = self.call()
            self.assertEqual((self.server.received, self.server.connections.open), ([], 0), why)
            self.assertTrue(any("from tls:192.0.2.9:40000" in line and why in line for line in lines), lines)

    def test_ourCertificateRefused(self) -> None:
        """A server that wants a certificate of us says so after the handshake (TLS 1.3): the log says so too."""
        self.sides(server={"clients": "require"})
        lines = self.call()
        why = "TLS: tlsv13 alert certificate required"
        self.assertTrue(any(line.endswith(f"with tls:192.0.2.1:5061 is closed: {why}") for line in lines), lines)
        self.assertEqual(self.client.cut, [(SERVER, why)])

    def test_notYet(self) -> None:
        """One that is not valid yet is refused."""
        self.sides(days=90)
        self.assertRefused("it is not valid yet")

    def chained(self, *, whole: bool) -> None:
        """A server whose certificate is from an authority below the one that is trusted."""
        below = self.authority.subordinate("Below")
        certificate, key = below.issue("x", "sip.example")
        if whole:
            path = Path(certificate)
            path.write_text(path.read_text() + Path(below.path).read_text())
        self.server = Side(Files(certificate, key))
        self.client = Side(Files(authorities=self.authority.path))

    def test_chain(self) -> None:
        """Authorities between the root and the certificate stand below that in its file."""
        self.chained(whole=True)
        self.call()
        self.assertEqual(self.server.received, [MESSAGE])

    def test_chainBroken(self) -> None:
        """If they do not, nobody knows where the certificate comes from."""
        self.chained(whole=False)
        self.assertRefused("unknown authority")

    def test_servername(self) -> None:
        """The server is told which domain is called, so that it can show the right certificate; an address is none."""
        for name, told in (("sip.example", b"sip.example"), ("192.0.2.1", None)):
            self.sides("sip.example", "192.0.2.1", client={"addresses": True})
            named: list[Any] = []
            context: Any = self.server.security._server
            context.set_tlsext_servername_callback(lambda link, named=named: named.append(link.get_servername()))
            self.call(evolve(SERVER, name=name))
            self.assertEqual(self.server.received, [MESSAGE])
            self.assertEqual(named, [told])

    def test_reloadKeepsConnections(self) -> None:
        """New certificates are for new connections; those that there are go on."""
        self.sides()
        self.call()
        certificate, key = self.authority.issue("x", "new.example")
        use = atOnce(self.server.security.prepare(evolve(self.server.security.files, certificate=certificate, key=key)))
        self.assertIn("certificates", use() or "")
        self.call()
        self.assertEqual((self.server.received, self.client.connections.open), ([MESSAGE, MESSAGE], 1))
        self.client.connections.close()
        self.flush()
        self.client.connections._closing = False
        self.call(evolve(SERVER, name="new.example"))
        self.assertEqual(len(self.server.received), 3)

    def test_otherDomain(self) -> None:
        """A connection that was made to one domain is not used for another one that the certificate does not name."""
        self.sides("sip.example", "also.example")
        self.call()
        self.call(Target(Transport.TLS, SERVER.address, "also.example"))
        self.assertEqual(self.server.received, [MESSAGE, MESSAGE])
        for _ in range(2):
            self.call(Target(Transport.TLS, SERVER.address, "evil.example"))
            self.assertEqual(self.server.received, [MESSAGE, MESSAGE])
            self.assertEqual(self.client.lost.pop(), SERVER)

    def test_suggested(self) -> None:
        """A name that the far end of a call gives counts where nobody else is expected, and there only."""
        self.sides("sip.example")
        self.client.connections.suggest(SERVER)
        self.client.connections.suggest(evolve(SERVER, name="evil.example"))
        self.client.connections.send(MESSAGE, SERVER)
        self._connect()
        self.flush()
        self.assertEqual(self.server.received, [MESSAGE])

    def test_alias(self) -> None:
        """One who has proved who he is is called over the connection that he made; for no other domain (RFC 5923)."""
        shown = dict(zip(("certificate", "key"), self.authority.issue("x", "pbx.example"), strict=True))
        self.sides(server={"clients": "optional"}, client=shown)
        self.call()
        source = Target(Transport.TLS, TransportAddress("192.0.2.9", 40000))
        self.server.connections.alias(source, 5061)
        there = Target(Transport.TLS, TransportAddress("192.0.2.9", 5061), "pbx.example")
        self.server.connections.expect(there)
        self.server.connections.send(MESSAGE, there)
        self.flush()
        self.assertEqual((self.client.received, self.server.reactor.tcpClients), ([MESSAGE], []))
        self.server.connections.expect(evolve(there, name="other.example"))
        self.server.connections.send(MESSAGE, there)
        self.assertEqual(len(self.server.reactor.tcpClients), 1)
        self.client.connections.close()
        self.flush()
        self.assertEqual(self.server.connections._aliases, {})

    def test_noAlias(self) -> None:
        """One who has shown nothing is not."""
        self.sides()
        self.call()
        self.server.connections.alias(Target(Transport.TLS, TransportAddress("192.0.2.9", 40000)), 5061)
        self.assertEqual(self.server.connections._aliases, {})

    def test_neverShakesHands(self) -> None:
        """A server that accepts and says nothing is given up; so is a client."""
        self.sides()
        self.client.connections.expect(SERVER)
        self.client.connections.send(MESSAGE, SERVER)
        self._connect()
        self.client.reactor.advance(CONNECT_TIMEOUT + 1)
        self.server.reactor.advance(CONNECT_TIMEOUT + 1)
        self.flush()
        self.assertEqual(self.client.lost, [SERVER])
        self.assertEqual((self.client.connections.open, self.server.connections.open), (0, 0))

    def test_strangersCount(self) -> None:
        """Those who connect and do not begin the handshake count as well, until they are sent away."""
        self.sides()
        made: list[Any] = []
        for port in range(MAX_FROM_HOST + 1):
            address = IPv4Address("TCP", "192.0.2.9", 1000 + port)
            server: Any = self.server.connections.server(Transport.TLS).buildProtocol(address)
            if server is not None:
                made.append(server)
                server.makeConnection(FakeTransport(server, True, peerAddress=address))
        self.assertIsNone(server)
        self.assertEqual(self.server.connections.open, MAX_FROM_HOST)
        self.server.reactor.advance(CONNECT_TIMEOUT + 1)
        for server in made:
            self.assertTrue(server.transport.disconnected or server.transport.disconnecting)
            server.connectionLost(Failure(ConnectionDone()))
        self.assertEqual((self.server.connections.open, len(self.server.connections._places)), (0, 0))

    def test_pieces(self) -> None:
        """Pieces of records that bring nothing are paid for as well, during the handshake and after it."""
        self.sides()
        self.server.connections.pays = lambda host, octets: octets == HANDSHAKE
        address = IPv4Address("TCP", "192.0.2.8", 1)
        shaking: Any = self.server.connections.server(Transport.TLS).buildProtocol(address)
        shaking.makeConnection(FakeTransport(shaking, True, peerAddress=address))
        self.call()
        self.assertEqual(self.server.received, [MESSAGE])
        assert self.pump is not None
        for far, record in ((shaking, b"\x16\x03\x01\x00\xff"), (self.pump.server, b"\x17\x03\x03\x00\xff")):
            connection = far.wrappedProtocol
            for piece in record + bytes(FREE_READINGS - len(record)):
                far.dataReceived(bytes([piece]))
            self.assertIsNone(connection._throttled)
            far.dataReceived(b"\0")
            self.assertIsNotNone(connection._throttled)
            connection.abort("it leaves")

    def test_plain(self) -> None:
        """Who speaks without TLS to the port for TLS is sent away."""
        self.sides()
        server: Any = self.server.connections.server(Transport.TLS).buildProtocol(IPv4Address("TCP", "192.0.2.9", 1))
        socket = FakeTransport(server, True, peerAddress=IPv4Address("TCP", "192.0.2.9", 1))
        server.makeConnection(socket)
        server.dataReceived(MESSAGE)
        self.assertTrue(socket.disconnecting or socket.disconnected)
        server.connectionLost(Failure(ConnectionDone()))
        self.assertEqual((self.server.received, self.server.connections.open), ([], 0))

    def test_unknownFault(self) -> None:
        """What OpenSSL finds is in words, or at least in its number."""
        self.assertIn("expired", faultOf(10))
        self.assertIn("99", faultOf(99))
