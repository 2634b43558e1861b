"""
Tests for L{ichatgw.config.settings} and L{ichatgw.config.reading.document}: the table of settings, and where their
values come from.
"""

from __future__ import annotations

import sys
from io import StringIO
from pathlib import Path

from attrs import fields
from twisted.trial.unittest import SkipTest

import ichatgw.test
from ichatgw.config.reading import document
from ichatgw.config.reading.reader import Reload
from ichatgw.config.settings import TABLE, Proxy, Settings, main
from ichatgw.errors import ConfigError
from ichatgw.model import Party, TransportAddress
from ichatgw.test.support import data
from ichatgw.test.support.configs import REQUIRED, RULES, ConfigTestCase

ROOT = Path(ichatgw.test.__file__).parents[2]


class OriginalFileTests(ConfigTestCase):
    """A file of the original gateway, with CR at line ends and blanks after values, loads unchanged."""

    def test_values(self) -> None:
        """Each setting has the value that the file gives it."""
        settings, _ = Settings.load(str(data("original.config")))
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
        path = self.write(data("original.config").read_bytes())
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

    def test_steps(self) -> None:
        """Between the entries of a file, and between its rules, other work gets its turn."""
        steps = Settings.steps(self.write(REQUIRED + 100 * RULES))
        self.assertGreaterEqual(sum(1 for _ in steps), 400)

    def test_everyAttribute(self) -> None:
        """Each attribute of L{Settings} is in the table; only rules and trunks take more than one."""
        attributes = [setting.attribute for setting in TABLE]
        self.assertEqual(set(attributes), {attribute.name for attribute in fields(Settings)})
        self.assertEqual({name for name in attributes if attributes.count(name) > 1}, {"translationRules", "trunks"})

    def test_attributeNames(self) -> None:
        """An attribute is named as its setting, apart from case."""
        for setting in TABLE:
            if setting.attribute not in ("translationRules", "trunks"):
                self.assertEqual(setting.attribute.lower(), setting.name.lower())

    def test_documentedDefaults(self) -> None:
        """The defaults that are documented can be read, and give the defaults that are used."""
        lines = "".join(
            f"{setting.name} = {setting.default}\n"
            for setting in TABLE
            if setting.default and not setting.group and setting.attribute != "sipGatewayIdentity"
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
        self.assertEqual(self.shipped("etc", "ichat-gw.config"), document.sample(TABLE))

    def test_documentation(self) -> None:
        """The chapter in docs/ is the one made from the table."""
        self.assertEqual(self.shipped("docs", "settings.rst"), document.rst(TABLE))

    def test_summary(self) -> None:
        """The help on an option says whether it is required, or else its default and unit, if it has one."""
        ends = {
            "JabberServer": " XMPP server. [required]",
            "JabberComponentPort": " [default: 5275]",
            "RingingTimeout": " [default: 180 seconds]",
            "CallDatabase": " none keeps nothing.",
        }
        said = {setting.name: document.summary(setting) for setting in TABLE if setting.name in ends}
        self.assertEqual({name: said[name].endswith(end) for name, end in ends.items()}, dict.fromkeys(ends, True))

    def test_reload(self) -> None:
        """Both say of each setting when a change of it holds, in the words of its declaration."""
        for text in (document.sample(TABLE).replace("\n#", ""), document.rst(TABLE).replace("``SIGHUP``", "SIGHUP")):
            flat = " ".join(text.split())
            for reload in Reload:
                count = sum(1 for setting in TABLE if setting.reload is reload)
                self.assertEqual(flat.count(reload.value), count, reload)

    def test_sampleLoads(self) -> None:
        """The sample file loads, and changes no default."""
        settings, warnings = Settings.load(self.write(document.sample(TABLE)))
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
        lines = document.sample(TABLE).replace("\n#", "\n").split("\n")
        text = "\n".join(line for line in lines if " = " in line and not line.startswith(" "))
        settings, _ = Settings.load(self.write(text.replace("@JabberComponentName", "@gw.example.com")))
        self.assertEqual([output for _, output in settings.translationRules][1], "xmpp:$1@jabber.company.com")
        self.assertEqual(len(settings.translationRules), 2)

    def test_command(self) -> None:
        """C{python -m ichatgw.config.settings} writes either, and says how it is used otherwise."""
        for argument, expected in (("sample", document.sample(TABLE)), ("rst", document.rst(TABLE))):
            stream = StringIO()
            self.patch(sys, "stdout", stream)
            self.assertEqual(main([argument]), 0)
            self.assertEqual(stream.getvalue(), expected)
        stream = StringIO()
        self.patch(sys, "stderr", stream)
        self.assertEqual((main([]), main(["else"])), (2, 2))
        self.assertIn("Usage", stream.getvalue())


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
        """A secret may stand in a file of its own; the line end there is no part of it, nor a byte order mark."""
        for written in ("from file\n", "\ufefffrom file\r\n"):
            secret = self.write(written)
            found = self.load(f"JabberComponentPasswordFile = {secret}\n").jabberComponentPassword
            self.assertEqual(found, "from file")
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
