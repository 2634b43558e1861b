"""Tests for L{ichatgw.config} and the modules it is made of."""

from __future__ import annotations

import os
import sys
from io import StringIO
from pathlib import Path

from attrs import fields
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from ichatgw import configdoc
from ichatgw.config import TABLE, Proxy, Settings, main
from ichatgw.configfile import OBSOLETE
from ichatgw.configvalues import NAME_SERVERS
from ichatgw.errors import ConfigError
from ichatgw.model import Party, TransportAddress

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
REQUIRED = "JabberServer = localhost\nJabberComponentName = gw.example.com\nJabberComponentPassword = sesame\n"
RULES = "TranslationPattern = ^xmpp:(.*)@gw$\nTranslationOutput = sip:$1@pbx\n"


class ConfigTestCase(SynchronousTestCase):
    """Writes files and loads them."""

    def write(self, content: str | bytes, mode: int = 0o600) -> str:
        path = Path(self.mktemp())
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        path.chmod(mode)
        return str(path)

    def load(
        self, lines: str = "", overrides: dict[str, str] | None = None, environ: dict[str, str] | None = None
    ) -> Settings:
        """Load what needs no warning."""
        settings, warnings = Settings.load(self.write(REQUIRED + RULES + lines), (overrides or {}).items(), environ)
        self.assertEqual(warnings, [])
        return settings

    def warnings(self, lines: str) -> list[str]:
        """The warnings that C{lines}, from the first line on, give; without the path."""
        path = self.write(lines + "\n" + REQUIRED + RULES)
        return [warning.replace(path, "FILE") for warning in Settings.load(path)[1]]

    def problems(self, lines: str | bytes, **overrides: str) -> list[str]:
        """The problems that C{lines}, from the first line on, give; without the path."""
        content = lines if isinstance(lines, bytes) else lines + "\n" + REQUIRED
        path = self.write(content)
        error = self.assertRaises(ConfigError, Settings.load, path, overrides.items())
        return str(error).replace(path, "FILE").split("\n")


class OriginalFileTests(ConfigTestCase):
    """A file of the original gateway, with CR at line ends and blanks after values, loads unchanged."""

    def test_values(self) -> None:
        """Each setting has the value that the file gives it."""
        settings, _ = Settings.load(str(HERE / "data" / "original.config"))
        self.assertEqual(
            settings,
            Settings(
                jabberServer="jabber.company.com",
                jabberComponentName="ichat-gw.jabber.company.com",
                jabberComponentPassword="pass#word = 1",
                translationRules=(
                    ("^xmpp:(.*)@ichat-gw.jabber.company.com$", "sip:$1@sipdomain.com"),
                    ("^sip:(.*)@sipdomain.com$", "xmpp:$1@jabber.company.com"),
                ),
                dnsServers=(TransportAddress("192.0.2.53", 53), TransportAddress("192.0.2.54", 53)),
                sipGatewayIdentity=Party("sip:ichat-gw@sipdomain.com", "iChat gateway"),
                outboundProxy=Proxy("192.0.2.10", 5080),
                registrationTime=0,
                logFilename="ichat-gw.log",
                preferIPv6=True,
                tlsDomain="sipdomain.com",
            ),
        )

    def test_warnings(self) -> None:
        """Only what this version lacks or one process does not need is remarked upon."""
        path = self.write((HERE / "data" / "original.config").read_bytes())
        _, warnings = Settings.load(path)
        self.assertEqual(
            [warning.replace(path, "FILE") for warning in warnings],
            [
                "FILE:39: GatewayIPCPort: no longer needed, the gateway is one process",
                "FILE:40: JabberConnectorIPCPort: no longer needed, the gateway is one process",
            ],
        )


class TableTests(ConfigTestCase):
    """L{TABLE} and what is made from it."""

    def test_everyAttribute(self) -> None:
        """Each attribute of L{Settings} is in the table; only the translation rules take two settings."""
        attributes = [setting.attribute for setting in TABLE]
        self.assertEqual(set(attributes), {attribute.name for attribute in fields(Settings)})
        self.assertEqual([name for name in attributes if attributes.count(name) > 1], ["translationRules"] * 2)

    def test_attributeNames(self) -> None:
        """An attribute is named as its setting, apart from case."""
        for setting in TABLE:
            if setting.attribute != "translationRules":
                self.assertEqual(setting.attribute.lower(), setting.name.lower())

    def test_documentedDefaults(self) -> None:
        """The defaults that are documented can be read, and give the defaults that are used."""
        lines = "".join(
            f"{setting.name} = {setting.default}\n"
            for setting in TABLE
            if setting.default and setting.attribute != "sipGatewayIdentity"
        )
        self.assertEqual(self.load(lines), self.load())

    def test_originalDefaults(self) -> None:
        """The defaults are those that the original documents."""
        settings = Settings()
        self.assertEqual((settings.udpTcpPort, settings.tlsPort, settings.jabberComponentPort), (5070, 5071, 5275))
        self.assertEqual((settings.mediaRelayPortRangeMin, settings.mediaRelayPortRangeMax), (8000, 9999))
        self.assertEqual((settings.registrationTime, settings.registrationRetryTime), (3600, 120))
        self.assertEqual((settings.iChatProceedingTimeout, settings.jabberServerPingDuration), (5000, 60))
        self.assertEqual((settings.codecIdFilterList, settings.preferIPv6), ((3,), False))
        self.assertEqual((settings.logLevel, settings.logFileMaxLines), ("INFO", 50000))
        self.assertEqual((settings.ringingTimeout, settings.iChatInviteTimeout, settings.maxCalls), (180, 30, 0))

    def test_gatewayIdentity(self) -> None:
        """Unless told otherwise the gateway calls as ichat-gw of its component."""
        self.assertEqual(self.load().sipGatewayIdentity, Party("sip:ichat-gw@gw.example.com", "iChat-gw"))

    def shipped(self, *path: str) -> str:
        """What a file beside the package holds."""
        if not (ROOT / "setup.cfg").exists():
            raise SkipTest("the installed package has no files beside it")
        return ROOT.joinpath(*path).read_text(encoding="utf-8")

    def test_sampleFile(self) -> None:
        """The sample file in etc/ is the one made from the table."""
        self.assertEqual(self.shipped("etc", "ichat-gw.config"), configdoc.sample(TABLE))

    def test_documentation(self) -> None:
        """The chapter in docs/ is the one made from the table."""
        self.assertEqual(self.shipped("docs", "settings.rst"), configdoc.rst(TABLE))

    def test_sampleLoads(self) -> None:
        """The sample file loads, and changes no default."""
        settings, warnings = Settings.load(self.write(configdoc.sample(TABLE)))
        self.assertEqual(
            settings,
            Settings(
                jabberServer="localhost",
                jabberComponentName="ichat-gw.jabber.company.com",
                jabberComponentPassword="change-me",
            ),
        )
        self.assertEqual(len(warnings), 1)  # there are no rules yet

    def test_sampleUncommented(self) -> None:
        """With every comment sign before a setting taken away it loads as well, with the rules of the manual."""
        lines = configdoc.sample(TABLE).replace("\n#", "\n").split("\n")
        text = "\n".join(line for line in lines if " = " in line and not line.startswith(" "))
        settings, _ = Settings.load(self.write(text.replace("@JabberComponentName", "@gw.example.com")))
        self.assertEqual([output for _, output in settings.translationRules][1], "xmpp:$1@jabber.company.com")
        self.assertEqual(len(settings.translationRules), 2)

    def test_command(self) -> None:
        """C{python -m ichatgw.config} writes either, and says how it is used otherwise."""
        for argument, expected in (("sample", configdoc.sample(TABLE)), ("rst", configdoc.rst(TABLE))):
            stream = StringIO()
            self.patch(sys, "stdout", stream)
            self.assertEqual(main([argument]), 0)
            self.assertEqual(stream.getvalue(), expected)
        stream = StringIO()
        self.patch(sys, "stderr", stream)
        self.assertEqual((main([]), main(["else"])), (2, 2))
        self.assertIn("Usage", stream.getvalue())


class SyntaxTests(ConfigTestCase):
    """The lines of the file."""

    def test_caseAndBlanks(self) -> None:
        """Names have no case; blanks and tabs around names and values do not count."""
        self.assertEqual(self.load(" \t udptcpPORT\t=\t 5060 \t\n").udpTcpPort, 5060)

    def test_comments(self) -> None:
        """Comments stand on lines of their own; elsewhere the sign is part of the value."""
        self.assertEqual(self.load("  # UDPTCPPort = 1\nLogFilename = a#b # c\n").logFilename, "a#b # c")

    def test_equalsSigns(self) -> None:
        """The first equals sign ends the name; others belong to the value."""
        self.assertEqual(self.load("LogFilename=a = b=c\n").logFilename, "a = b=c")

    def test_laterLines(self) -> None:
        """A later line replaces an earlier one."""
        self.assertEqual(self.load("UDPTCPPort = 1\nUDPTCPPort = 2\n").udpTcpPort, 2)

    def test_empty(self) -> None:
        """An empty value is the default, even after another one."""
        self.assertEqual(self.load("UDPTCPPort = 1\nUDPTCPPort =\nOutboundProxy=\n"), self.load())

    def test_lists(self) -> None:
        """Lines of a list add up, in place of the default; an empty line empties it."""
        self.assertEqual(
            self.load("CodecIdFilterList = 8,9\nCodecIdFilterList = 18 ; 8\n").codecIdFilterList, (8, 9, 18)
        )
        self.assertEqual(self.load("CodecIdFilterList = 8\nCodecIdFilterList =\n").codecIdFilterList, ())

    def test_listSeparators(self) -> None:
        """Blanks, commas and semicolons separate, in any number."""
        self.assertEqual(
            NAME_SERVERS.show(self.load("DNSServers = 192.0.2.1 , 192.0.2.2;;2001:db8::1,\n").dnsServers),
            "192.0.2.1, 192.0.2.2, 2001:db8::1",
        )

    def test_alias(self) -> None:
        """C{TLSDomainName}, as the manual calls it, is C{TLSDomain}."""
        self.assertEqual(self.load("TLSDomainName = x.org\n").tlsDomain, "x.org")

    def test_unknownName(self) -> None:
        """An unknown name is reported with the nearest known one; its value is not shown."""
        self.assertEqual(
            self.warnings("JabberComponentPasword = hunter2\nXyzzyqqq = 1\nTranslationPatern = x"),
            [
                "FILE:1: JabberComponentPasword: unknown setting, did you mean JabberComponentPassword?",
                "FILE:2: Xyzzyqqq: unknown setting",
                "FILE:3: TranslationPatern: unknown setting, did you mean TranslationPattern?",
            ],
        )

    def test_otherLines(self) -> None:
        """A line of another form is passed over with a warning that does not show it."""
        self.assertEqual(
            self.warnings("JabberComponentPassword hunter2\nhunter2\n= hunter2\na b = hunter2"),
            [f"FILE:{n}: not of the form Name = value, ignored" for n in (1, 2, 3, 4)],
        )

    def test_hostileName(self) -> None:
        """What is no plain text is escaped and cut in messages."""
        (warning,) = self.warnings("\x1b[2J" + "x" * 5000 + " = 1")
        self.assertTrue(warning.isprintable())
        self.assertLess(len(warning), 200)

    def test_obsolete(self) -> None:
        """Settings that tied the original's processes together, or did nothing, are accepted, whatever their value."""
        for name, why in OBSOLETE.items():
            self.assertEqual(
                self.warnings(f"{name} = nonsense"),
                [f"FILE:1: {name}: {why}"],
            )

    def test_byteOrderMark(self) -> None:
        """A byte order mark, as some editors write it, does not spoil the first name."""
        Settings.load(self.write("\ufeff" + REQUIRED))

    def test_latin1(self) -> None:
        """A file that is not UTF-8 is read as ISO 8859-1, with a warning."""
        path = self.write((REQUIRED + RULES + "LogFilename = caf\u00e9\n").encode("latin-1"))
        settings, warnings = Settings.load(path)
        self.assertEqual(settings.logFilename, "caf\u00e9")
        self.assertEqual(warnings, [f"{path}: not valid UTF-8, read as ISO 8859-1"])

    def test_lineSeparators(self) -> None:
        """Only line feeds end lines: other separators cannot smuggle in a setting."""
        self.assertEqual(len(self.problems("LogFilename = a\u2028UDPTCPPort = 1")), 1)
        self.assertEqual(len(self.problems("LogFilename = a\rUDPTCPPort = 1")), 1)

    def test_unreadable(self) -> None:
        """A file that is not there, or no file, or far too long, is an error that names it."""
        error = self.assertRaises(ConfigError, Settings.load, "/nowhere/gw.config")
        self.assertEqual(str(error), "/nowhere/gw.config: cannot be read: No such file or directory")
        self.assertRaises(ConfigError, Settings.load, "/")
        self.assertEqual(self.problems(b"#" * ((1 << 20) + 1)), ["FILE: longer than 1048576 bytes"])

    def test_binary(self) -> None:
        """Any bytes at all give an error or warnings, and nothing else."""
        self.assertEqual(len(self.problems(bytes(range(256)) * 100)), 3)


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

    def test_expectation(self) -> None:
        """The message says what was expected."""
        self.assertEqual(
            self.problems("RingingTimeout = soon"),
            ["FILE:1: RingingTimeout = soon: expected a whole number of seconds from 1 to 3600"],
        )

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

    def test_proxyTransport(self) -> None:
        """The proxy may be one for TCP or TLS; C{sips} is TLS, whatever that goes over."""
        self.refused("OutboundProxy", "sips:p;transport=udp")
        for text, transport in (
            ("sips:p", "tls"),
            ("sip:p;transport=tcp", "tcp"),
            ("sips:p;transport=tcp", "tls"),
        ):
            self.assertEqual(self.load(f"OutboundProxy = {text}\n").outboundProxy, Proxy("p", None, transport))

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


class RuleTests(ConfigTestCase):
    """Translation rules in the file."""

    def test_inOrder(self) -> None:
        """Rules are kept in their order, as they stand."""
        path = self.write(REQUIRED + "TranslationPattern = (a)$\nTranslationOutput = sip:$1\n" + RULES)
        self.assertEqual(
            Settings.load(path)[0].translationRules, (("(a)$", "sip:$1"), ("^xmpp:(.*)@gw$", "sip:$1@pbx"))
        )

    def test_pairs(self) -> None:
        """A pattern without output, or an output without pattern, is a problem at its own line."""
        self.assertEqual(
            self.problems(
                "TranslationOutput = sip:a\nTranslationPattern = b\nTranslationPattern = c\nTranslationOutput = sip:c\n"
                "TranslationOutput = sip:d\nTranslationPattern = e"
            ),
            [
                "FILE:1: TranslationOutput = sip:a: expected a TranslationPattern before it",
                "FILE:2: TranslationPattern = b: expected a TranslationOutput to follow",
                "FILE:5: TranslationOutput = sip:d: expected a TranslationPattern before it",
                "FILE:6: TranslationPattern = e: expected a TranslationOutput to follow",
            ],
        )

    def test_logFilename(self) -> None:
        """A log that cannot be written is a problem, and looking does not make it."""
        directory = self.mktemp()
        os.mkdir(directory)
        for path in (directory, "/nowhere/at/all"):
            self.assertEqual(
                self.problems(f"LogFilename = {path}"),
                [f"FILE:1: LogFilename = {path}: expected the name of a file that can be written"],
            )
        path = os.path.join(directory, "log")
        self.assertEqual(self.load(f"LogFilename = {path}\n").logFilename, path)
        self.assertFalse(os.path.exists(path))
        for name in ("-", "/dev/null"):
            self.assertEqual(self.load(f"LogFilename = {name}\n").logFilename, name)

    def test_otherFiles(self) -> None:
        """A file that is named and cannot be read is a problem at its line, and so is a directory that is none."""
        here = self.write("x")
        for name in (
            *("SIPCredentials", "SIPUsers", "TLSCertificate", "TLSPrivateKey", "TLSDHParamsFilename", "TLSCAFile"),
            "TLSCADirectory",
        ):
            wrong, kind = (here, "directory") if name == "TLSCADirectory" else (os.path.dirname(here) or ".", "file")
            for path in (wrong, "/nowhere"):
                self.assertEqual(
                    self.problems(f"{name} = {path}"),
                    [f"FILE:1: {name} = {path}: expected the name of a {kind} that can be read"],
                )
        self.assertEqual(self.load(f"SIPUsers = {here}\n").sipUsers, here)

    def test_badRules(self) -> None:
        """A rule that can never work is a problem at the line that is at fault."""
        self.assertEqual(
            self.problems("TranslationPattern = a(b\nTranslationOutput = bob"),
            [
                "FILE:1: TranslationPattern = a(b: expected a rule that works, but missing closing parenthesis at"
                " character 3 of the pattern",
                "FILE:2: TranslationOutput = bob: expected a rule that works, but the output does not start with sip:,"
                " sips: or xmpp:",
            ],
        )

    def test_noSuchGroup(self) -> None:
        """An output that refers to brackets that the pattern lacks is a problem at its line."""
        self.assertEqual(
            self.problems("TranslationPattern = ^xmpp:(.*)@(.*)$\nTranslationOutput = sip:$3@pbx"),
            [
                "FILE:2: TranslationOutput = sip:$3@pbx: expected a rule that works, but $3 is nothing, the pattern has"
                " 2 brackets"
            ],
        )

    def test_noRules(self) -> None:
        """Without rules the gateway starts, with a warning."""
        _, warnings = Settings.load(self.write(REQUIRED))
        self.assertEqual(
            warnings, ["TranslationPattern: there are no translation rules, so every call will be refused"]
        )


class ServedTests(ConfigTestCase):
    """Settings that ichat-gw had and that take some doing."""

    def test_noWarning(self) -> None:
        """Each is served, whatever its value."""
        self.load("AlwaysRelayIChatMedia = enable\nKeepAlives = 1\n")
        self.load("AlwaysRelayIChatMedia = disable\nKeepAlives = 0\n")


class SourceTests(ConfigTestCase):
    """Command line before environment before file before default."""

    def test_commandLine(self) -> None:
        """The command line replaces what the file says, lists and rules included."""
        settings = self.load(
            "UDPTCPPort = 1\nCodecIdFilterList = 8\nIPAddress = 192.0.2.1\n",
            {
                "udptcpport": "2",
                "codecidfilterlist": "9",
                "ipaddress": "",
                "translationpattern": "x",
                "translationoutput": "sip:y",
            },
        )
        self.assertEqual((settings.udpTcpPort, settings.codecIdFilterList, settings.ipAddress), (2, (9,), ""))
        self.assertEqual(settings.translationRules, (("x", "sip:y"),))

    def test_commandLineAlone(self) -> None:
        """No file is needed."""
        settings, _ = Settings.load(
            None,
            [("JabberServer", "localhost"), ("JabberComponentName", "gw")],
            {"ICHATGW_JABBERCOMPONENTPASSWORD": "x"},
        )
        self.assertEqual(settings.jabberComponentPassword, "x")

    def test_environment(self) -> None:
        """The environment gives secrets, before the file, and nothing but secrets."""
        settings = self.load(
            environ={
                "ICHATGW_JABBERCOMPONENTPASSWORD": "environment",
                "ICHATGW_TLSPRIVATEKEYPASSPHRASE": "",
                "ICHATGW_UDPTCPPORT": "1",
            }
        )
        self.assertEqual((settings.jabberComponentPassword, settings.udpTcpPort), ("environment", 5070))

    def test_passwordFile(self) -> None:
        """A secret may stand in a file of its own; the line end there is no part of it."""
        secret = self.write("from file\n")
        self.assertEqual(self.load(f"JabberComponentPasswordFile = {secret}\n").jabberComponentPassword, "from file")
        settings = self.load(
            overrides={"jabbercomponentpasswordfile": secret}, environ={"ICHATGW_JABBERCOMPONENTPASSWORD": "x"}
        )
        self.assertEqual(settings.jabberComponentPassword, "from file")
        self.load("JabberComponentPasswordFile =\n")

    def test_badPasswordFile(self) -> None:
        """A file that is not there, empty, too long or not text is one problem each."""
        for path, why in (
            ("/nowhere", ", but No such file or directory"),
            (self.write(" \n"), ""),
            (self.write("a\nb"), ""),
            (self.write("x" * 5000), ""),
            (self.write(b"\xff\xfe"), ""),
        ):
            error = self.assertRaises(
                ConfigError,
                Settings.load,
                None,
                [("JabberServer", "a"), ("JabberComponentName", "b"), ("JabberComponentPasswordFile", path)],
            )
            self.assertEqual(
                str(error),
                f"command line: JabberComponentPasswordFile = {path}: expected a file that holds one line of text{why}",
            )


class SecretTests(ConfigTestCase):
    """Secrets are shown nowhere, and kept from others' eyes."""

    def test_repr(self) -> None:
        """The settings can be logged."""
        text = repr(Settings(jabberComponentPassword="hunter2", tlsPrivateKeyPassPhrase="hunter3"))
        self.assertNotIn("hunter", text)

    def test_problem(self) -> None:
        """A wrong secret is not quoted."""
        self.assertEqual(
            self.problems("JabberComponentPassword = hunter\x01"),
            ["FILE:1: JabberComponentPassword = (not shown): expected any text"],
        )

    def test_worldReadable(self) -> None:
        """A file that holds a secret and that everybody may read gives a warning."""
        for content, expected in ((REQUIRED + RULES, 1), (RULES + "UDPTCPPort = 1\n", 0)):
            path = self.write(content, 0o644)
            overrides = [("JabberServer", "a"), ("JabberComponentName", "b")]
            _, warnings = Settings.load(path, overrides, {"ICHATGW_JABBERCOMPONENTPASSWORD": "x"})
            self.assertEqual(warnings, [f"{path}: holds a password and everybody on this host can read it"] * expected)

    def test_worldReadablePasswordFile(self) -> None:
        """So does a password file."""
        secret = self.write("x", 0o644)
        self.assertEqual(
            self.warnings(f"JabberComponentPasswordFile = {secret}"),
            ["FILE:1: JabberComponentPasswordFile: everybody on this host can read that file"],
        )
