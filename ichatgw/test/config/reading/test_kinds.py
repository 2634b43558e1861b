"""Tests for L{ichatgw.config.reading.kinds}: what is accepted as a value, and what is not."""

from __future__ import annotations

from twisted.python.filepath import FilePath

from ichatgw.config.declared.phonebook import BOOK_FIRST, RULES_FIRST
from ichatgw.config.reading.kinds import DIRECTORY, HEP_SERVER, NAME_SERVERS
from ichatgw.config.settings import Proxy, Settings
from ichatgw.errors import ConfigError
from ichatgw.model import Party
from ichatgw.test.support.configs import REQUIRED, ConfigTestCase


class ValueTests(ConfigTestCase):
    """What is accepted as a value, and what is not."""

    def refused(self, name: str, *values: str) -> None:
        """Each value is one problem that shows place, name and value."""
        for value in values:
            problem, *more = self.problems(f"{name} = {value}")
            self.assertEqual(more, [])
            self.assertTrue(problem.startswith(f"FILE:1: {name} = {value}: expected "), problem)

    def test_switch(self) -> None:
        """A switch has the original's four words for each position, in any case."""
        for word, value in [(w, True) for w in ("1", "true", "ON", "Enable")] + [
            (w, False) for w in ("0", "FALSE", "off", "disable")
        ]:
            self.assertEqual(self.load(f"PreferIPv6 = {word}\n").preferIPv6, value)
        self.refused("PreferIPv6", "yes", "2", "on off")

    def test_numbers(self) -> None:
        """Whole numbers are digits, within limits."""
        self.assertEqual(self.load("UDPTCPPort = 0\n").udpTcpPort, 0)
        self.assertEqual(self.load("MaxCalls = 007\n").maxCalls, 7)
        self.refused("UDPTCPPort", "65536", "-1", "5060x", "1_0", "\u0661", "0x10", "9" * 90)
        self.refused("JabberComponentPort", "0")
        self.refused("RingingTimeout", "0", "3601", "3.5")
        for text, seconds in {"1": 1, "3600": 3600}.items():
            self.assertEqual(self.load(f"RingingTimeout = {text}\n").ringingTimeout, seconds)

    def test_expectation(self) -> None:
        """The message says what was expected."""
        self.assertEqual(
            self.problems("RingingTimeout = soon"),
            ["FILE:1: RingingTimeout = soon: expected a whole number of seconds from 1 to 3600"],
        )

    def test_country(self) -> None:
        """A country is its two letters."""
        self.assertEqual(self.load("Country = de\n").country, "DE")
        self.refused("Country", "Germany", "49", "XX", "D")

    def test_bookOrder(self) -> None:
        """The book comes first, or the rules do."""
        self.assertEqual(self.load().phoneBookOrder, BOOK_FIRST)
        for text in ("rules first", "Rules-First", "rules"):
            self.assertEqual(self.load(f"PhoneBookOrder = {text}\n").phoneBookOrder, RULES_FIRST)
        self.assertEqual(self.load("PhoneBookOrder = book first\n").phoneBookOrder, BOOK_FIRST)
        self.refused("PhoneBookOrder", "first", "rules book", "book last")

    def test_address(self) -> None:
        """An address is an IP literal that others can send to."""
        self.assertEqual(self.load("IPAddress = 2001:db8::5\n").ipAddress, "2001:db8::5")
        self.refused("IPAddress", "localhost", "0.0.0.0", "::", "224.0.0.1", "[::1]", "1.2.3", "010.1.1.1")
        self.refused("DNSServers", "192.0.2.1,here", "192.0.2.1:0", "192.0.2.1:99999", "[192.0.2.1", "2001:db8::x")
        servers = self.load("DNSServers = 192.0.2.1:5353, [2001:db8::1]:54, 2001:db8::2\n").dnsServers
        expected = [("192.0.2.1", 5353), ("2001:db8::1", 54), ("2001:db8::2", 53)]
        self.assertEqual([(server.host, server.port) for server in servers], expected)
        self.assertEqual(NAME_SERVERS.show(servers), "192.0.2.1:5353, [2001:db8::1]:54, 2001:db8::2")

    def test_advertised(self) -> None:
        """There is one advertised address of each family at most."""
        both = self.load("AdvertisedAddress = 203.0.113.10, 2001:db8::10\n").advertisedAddress
        self.assertEqual(both, ("203.0.113.10", "2001:db8::10"))
        problems = self.problems("AdvertisedAddress = 203.0.113.10, 203.0.113.11\n")
        self.assertIn("at most one", "".join(problems))

    def test_hosts(self) -> None:
        """The XMPP server is a name or an address, the component a name."""
        self.assertEqual(Settings.load(self.write(REQUIRED + "JabberServer = [::1]"))[0].jabberServer, "::1")
        path = self.write("JabberServer = a b\nJabberComponentName = c@d\nJabberComponentPassword = x\n")
        error = self.assertRaises(ConfigError, Settings.load, path)
        self.assertEqual(len(str(error).split("\n")), 2)
        self.refused("JabberControlUsername", "control@gw", "a b", "a/b")

    def test_payloadTypes(self) -> None:
        """The codec filter holds payload types."""
        self.refused("CodecIdFilterList", "128", "GSM", "3,x")

    def test_algorithms(self) -> None:
        """Algorithms of digest authentication are spelt in any case, and keep their order."""
        self.refused("DigestAlgorithms", "SHA1", "MD5, none", "MD5-sess")
        self.assertEqual(self.load("DigestAlgorithms = md5, sha-256\n").digestAlgorithms, ("MD5", "SHA-256"))
        self.assertEqual(self.load("DigestAlgorithms =\n").digestAlgorithms, ("SHA-256", "MD5"))

    def test_codecFilterWithoutPcmu(self) -> None:
        """Filtering PCMU is possible, but hardly meant."""
        self.assertEqual(
            self.warnings("CodecIdFilterList = 0"),
            ["CodecIdFilterList: without 0 (PCMU) no call with iChat can have sound"],
        )

    def test_logLevel(self) -> None:
        """The level is one of the original's words, in any case."""
        self.assertEqual(self.load("LogLevel = debug\n").logLevel, "DEBUG")
        self.refused("LogLevel", "VERBOSE")

    def test_identity(self) -> None:
        """The identity is a name-addr in all its forms; the scheme and the brackets may be missing."""
        for text, uri, name in (
            ('"A B" <sip:a@b.com>', "sip:a@b.com", "A B"),
            ('"A \\"B\\" \\\\" <sip:a@b.com>', "sip:a@b.com", 'A "B" \\'),
            ("A B <sip:a@b.com;transport=udp>;tag=1".removesuffix(";tag=1"), "sip:a@b.com", "A B"),
            ("<sips:b.com:5061>", "sips:b.com:5061", ""),
            ("sip:a@[2001:db8::1]:5070", "sip:a@[2001:db8::1]:5070", ""),
            ("a@b.com", "sip:a@b.com", ""),
            ('"A" <a@b.com>', "sip:a@b.com", "A"),
            ("\u201cA\u201d <sip:a@b.com>", "sip:a@b.com", "A"),
            ("SIP:a@b.com?x=y", "sip:a@b.com", ""),
        ):
            self.assertEqual(self.load(f"SIPGatewayIdentity = {text}\n").sipGatewayIdentity, Party(uri, name))
        self.refused(
            "SIPGatewayIdentity", '"A <sip:a@b>', "<>", "tel:1@", "sip:a b@c", "sip:@b", "sip:a@", "mailto:a@b"
        )

    def test_proxy(self) -> None:
        """The outbound proxy is a SIP URI; scheme and port may be missing."""
        for text, proxy in (
            ("sip:proxy.example.com", Proxy("proxy.example.com")),
            ("proxy.example.com:5080", Proxy("proxy.example.com", 5080)),
            ("<sip:192.0.2.1:5070;lr>", Proxy("192.0.2.1", 5070)),
            ("sip:[2001:db8::1]", Proxy("2001:db8::1")),
            ("sip:p;transport=UDP", Proxy("p", None, "udp")),
        ):
            self.assertEqual(self.load(f"OutboundProxy = {text}\n").outboundProxy, proxy)
            self.assertEqual(self.load(f"OutboundProxy = {proxy}\n").outboundProxy, proxy)
        self.refused(
            "OutboundProxy", "sip:user@proxy", "sip:p:0", "sip:p:70000", "http://p", ";lr", "sip:p;transport=x", "sip:"
        )

    def test_noHost(self) -> None:
        """What looks like an address and is none, and marks that stand for many names, are no host."""
        self.refused("OutboundProxy", "*", "5060", "192.168.1.300", "sip:10.0.0", '"pbx.example.com"', "udp:pbx:5060")
        self.refused("JabberServer", "*.example.com", "1.2.3.4.5", "$host")
        self.assertEqual(self.load("JabberServer = 3com.example\n").jabberServer, "3com.example")

    def test_domains(self) -> None:
        """Domains are named one by one; a dot at the end is no part of one."""
        self.refused("AllowedXMPPDomains", "*", "*.example.com", "example.com, *", "scott@example.com")
        self.assertEqual(
            self.load("AllowedXMPPDomains = Example.com., b\u00fccher.example\n").allowedXMPPDomains,
            ("example.com", "b\u00fccher.example"),
        )

    def test_ports(self) -> None:
        """No two sockets get the same port."""
        (problem,) = self.problems("UDPTCPPort = 8500")
        self.assertTrue(problem.startswith("FILE:1: UDPTCPPort = 8500: expected a port outside those of media"))
        (problem,) = self.problems("MediaRelayPortRangeMin = 5000")
        self.assertIn("MediaRelayPortRangeMin = 5000: expected a port outside", problem)
        (problem,) = self.problems("TLSPort = 5070")
        self.assertIn("TLSPort = 5070: expected another port", problem)
        self.load("TLSPort = 0\nUDPTCPPort = 0\n")

    def test_proxyTransport(self) -> None:
        """The proxy may be one for TCP or TLS; C{sips} is TLS, whatever that goes over."""
        self.refused("OutboundProxy", "sips:p;transport=udp")
        for text, transport in (
            ("sips:p", "tls"),
            ("sip:p;transport=tcp", "tcp"),
            ("sips:p;transport=tcp", "tls"),
        ):
            self.assertEqual(self.load(f"OutboundProxy = {text}\n").outboundProxy, Proxy("p", None, transport))

    def test_hepServer(self) -> None:
        """A server of HEP is a host, perhaps with a port, reached by UDP if nothing else is said."""
        for text, expected in {
            "homer": ("homer", 0, "udp"),
            "192.0.2.60:9061": ("192.0.2.60", 9061, "udp"),
            "[2001:db8::60]:9060;transport=tcp": ("2001:db8::60", 9060, "tcp"),
            "homer.example.com;transport=UDP": ("homer.example.com", 0, "udp"),
        }.items():
            self.assertEqual(self.load(f"HEPServer = {text}\n").hepServer, expected)
            self.assertEqual(HEP_SERVER.parse(HEP_SERVER.show(expected)), expected)
        self.assertEqual(HEP_SERVER.show(None), "")
        for text in ("homer;transport=tls", "homer:70000", "homer;x", ":9060", "udp:homer:1"):
            (problem,) = self.problems(f"HEPServer = {text}")
            self.assertIn(f"HEPServer = {text}: expected a host name", problem)

    def test_directory(self) -> None:
        """A directory is one that is there, and no file, not even one that may be run."""
        directory = FilePath(self.mktemp())
        self.assertRaises(ValueError, DIRECTORY.parse, directory.path)
        directory.makedirs()
        self.assertEqual(DIRECTORY.parse(directory.path), directory.path)
        program = directory.child("program")
        program.touch()
        program.chmod(0o755)
        self.assertRaises(ValueError, DIRECTORY.parse, program.path)

    def test_portRange(self) -> None:
        """The range of ports must hold a call: two even ports and the ones above them."""
        self.load("MediaRelayPortRangeMin = 8000\nMediaRelayPortRangeMax = 8003\n")
        self.load("MediaRelayPortRangeMin = 7999\nMediaRelayPortRangeMax = 8003\n")
        lines = "MediaRelayPortRangeMin = 7999\nMediaRelayPortRangeMax = 8002"
        (problem,) = self.problems(lines)
        self.assertTrue(problem.startswith("FILE:2: MediaRelayPortRangeMax = 8002: expected "), problem)
        self.assertTrue(problem.endswith("at least 8003"), problem)
        (problem,) = self.problems("MediaRelayPortRangeMin = 20000")
        self.assertTrue(problem.startswith("FILE:1: MediaRelayPortRangeMin = 20000: expected "), problem)

    def test_allProblemsAtOnce(self) -> None:
        """All that is wrong is said in one error, a line each."""
        path = self.write("UDPTCPPort = x\nLogLevel = y\nJabberServer = a b\n")
        error = self.assertRaises(ConfigError, Settings.load, path, [("MaxCalls", "many")])
        lines = str(error).replace(path, "FILE").split("\n")
        self.assertEqual(
            [line.partition(":")[0] + line.partition("=")[0].rpartition(":")[2].rstrip() for line in lines[:4]],
            ["FILE UDPTCPPort", "FILE LogLevel", "FILE JabberServer", "command line MaxCalls"],
        )
        self.assertEqual(len(lines), 6)

    def test_required(self) -> None:
        """Each required setting that is missing is named, and what it is for."""
        error = self.assertRaises(ConfigError, Settings.load, None)
        self.assertEqual(
            [line.partition(" is missing")[0] for line in str(error).split("\n")],
            [f"settings: Jabber{name}" for name in ("Server", "ComponentName", "ComponentPassword")],
        )
        self.assertEqual(len(self.problems(b"JabberServer =\nJabberComponentName = x\n")), 2)
