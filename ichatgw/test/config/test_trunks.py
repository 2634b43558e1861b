"""
Tests for L{ichatgw.config.declared.trunks} and L{ichatgw.config.reading.groups}: trunks as they are written down.
"""

from __future__ import annotations

from pathlib import Path

from ichatgw.config.declared.trunks import ASSERTED, AUTO, BULK, FROM, GRUU, OUTBOUND, PREFERRED, Trunk
from ichatgw.config.reading.kinds import Proxy
from ichatgw.config.settings import Settings
from ichatgw.test.support.configs import REQUIRED, RULES, ConfigTestCase

ACCOUNT = "Trunk = provider\nTrunkServer = sip.example.com\nTrunkUser = 4930\nTrunkPassword = hunter2\n"


class TrunkTests(ConfigTestCase):
    """What a trunk is made of."""

    def test_none(self) -> None:
        """There is no trunk unless one is declared."""
        self.assertEqual(self.load().trunks, ())

    def test_account(self) -> None:
        """Server, user and password are enough; all else has a default."""
        self.assertEqual(
            self.load(ACCOUNT).trunks, (Trunk("provider", Proxy("sip.example.com"), "4930", password="hunter2"),)
        )
        trunk = self.load(ACCOUNT).trunks[0]
        self.assertEqual((trunk.registers, trunk.aor), (True, "sip:4930@sip.example.com"))
        self.assertEqual((trunk.calledNumber, trunk.callerNumber), (AUTO, (PREFERRED,)))

    def test_byAddress(self) -> None:
        """A trunk without a user is not registered, and has no address there."""
        trunk = self.load("Trunk = pbx\nTrunkServer = [2001:db8::1]:5062\n").trunks[0]
        self.assertEqual((trunk.registers, trunk.aor, trunk.server.port), (False, "", 5062))
        self.assertEqual(
            self.load("Trunk = a\nTrunkServer = [2001:db8::1]\nTrunkUser = x").trunks[0].aor, "sip:x@[2001:db8::1]"
        )

    def test_several(self) -> None:
        """Each begins with its name, without regard to case, and has the settings that follow it, in any order."""
        trunks = self.load(
            ACCOUNT + "MaxCalls = 7\ntrunk = Second-1\nTrunkMaxCalls = 2\nTrunkServer = sips:b.example:5071\n"
            "TRUNKCALLERNUMBER = from, p-asserted-identity\n"
        ).trunks
        self.assertEqual([trunk.name for trunk in trunks], ["provider", "second-1"])
        self.assertEqual([trunk.maxCalls for trunk in trunks], [0, 2])
        self.assertEqual(trunks[1].server, Proxy("b.example", 5071, "tls"))
        self.assertEqual(trunks[1].callerNumber, (FROM, ASSERTED))

    def test_numbers(self) -> None:
        """Numbers may be written for people to read; lines of them add up within a trunk."""
        trunk = self.load(
            ACCOUNT + "TrunkNumbers = +49 (30) 1234-0, 030/1235\nTrunkNumbers = *17 ; +49301236 +49301237\n"
        ).trunks[0]
        self.assertEqual(trunk.numbers, ("+493012340", "0301235", "*17", "+49301236", "+49301237"))

    def test_proxies(self) -> None:
        """There may be several proxies, in one line or more; the first is named first."""
        lines = "TrunkProxy = sip:a.example;transport=tls, sip:b.example\nTrunkProxy = sip:[2001:db8::1]:5062\n"
        self.assertEqual(
            self.load(ACCOUNT + lines).trunks[0].proxies,
            (Proxy("a.example", None, "tls"), Proxy("b.example"), Proxy("2001:db8::1", 5062)),
        )

    def test_extensions(self) -> None:
        """Registrars are asked for what was chosen, and for nothing by default."""
        self.assertEqual(self.load(ACCOUNT).trunks[0].extensions, ())
        trunk = self.load(ACCOUNT + "TrunkExtensions = GRUU bulk\nTrunkExtensions = outbound\n").trunks[0]
        self.assertEqual(trunk.extensions, (GRUU, BULK, OUTBOUND))

    def test_commandLine(self) -> None:
        """Trunks of the command line replace those of the file."""
        settings, _ = Settings.load(
            self.write(REQUIRED + RULES + ACCOUNT), [("Trunk", "other"), ("TrunkServer", "192.0.2.1")]
        )
        self.assertEqual([trunk.name for trunk in settings.trunks], ["other"])

    def test_steps(self) -> None:
        """Between the lines of trunks other work gets its turn."""
        lines = "".join(f"Trunk = t{number}\nTrunkServer = 192.0.2.1\nTrunkUser = u{number}\n" for number in range(50))
        steps = Settings.steps(self.write(REQUIRED + RULES + lines))
        self.assertGreaterEqual(sum(1 for _ in steps), 300)


class SecretTests(ConfigTestCase):
    """Passwords of trunks."""

    def test_repr(self) -> None:
        """A trunk and the settings can be logged."""
        settings = self.load(ACCOUNT)
        self.assertNotIn("hunter2", repr(settings.trunks[0]) + repr(settings))

    def test_environment(self) -> None:
        """A password may stand in the environment, under the name of its trunk, and comes before that of the file."""
        lines = ACCOUNT + "Trunk = my-pbx\nTrunkServer = 192.0.2.1\nTrunkUser = 7\n"
        trunks = self.load(
            lines, environ={"ICHATGW_TRUNKPASSWORD_PROVIDER": "other", "ICHATGW_TRUNKPASSWORD_MY_PBX": "third"}
        ).trunks
        self.assertEqual([trunk.password for trunk in trunks], ["other", "third"])
        self.assertEqual(self.load(ACCOUNT, environ={"ICHATGW_TRUNKPASSWORD": "x"}).trunks[0].password, "hunter2")

    def test_file(self) -> None:
        """A password may stand in a file of its own, or be a credential of systemd."""
        account = ACCOUNT.partition("TrunkPassword")[0]
        path = Path(self.write("swordfish\n"))
        lines = f"{account}TrunkPasswordFile = {path}\n"
        self.assertEqual(self.load(lines).trunks[0].password, "swordfish")
        lines = f"{account}TrunkPasswordFile = {path.name}\n"
        found = self.load(lines, environ={"CREDENTIALS_DIRECTORY": str(path.absolute().parent)})
        self.assertEqual(found.trunks[0].password, "swordfish")

    def test_notShown(self) -> None:
        """A wrong password is not quoted, nor is one that stands before the first trunk."""
        for lines in ("TrunkPassword = hunter2\n", ACCOUNT.replace("hunter2", "hunter2\x01")):
            (problem,) = self.problems(lines)
            self.assertIn("TrunkPassword = (not shown): expected", problem)

    def test_worldReadable(self) -> None:
        """A file that holds the password of a trunk and that everybody may read gives a warning."""
        path = self.write(REQUIRED + RULES + ACCOUNT, 0o644)
        _, warnings = Settings.load(path)
        self.assertEqual(warnings, [f"{path}: holds a password and everybody on this host can read it"])


class WrongTests(ConfigTestCase):
    """What is wrong is said, all of it."""

    def test_problems(self) -> None:
        """Each problem names its line and what was expected."""
        self.assertEqual(
            self.problems(
                "TrunkUser = x\n"
                "Trunk = a\n"
                "Trunk = b.c\n"
                "TrunkServer = x\n"
                "Trunk = d\n"
                "TrunkServer = user@x\n"
                "TrunkMaxCalls = many\n"
                "Trunk = e\n"
                "TrunkServer = x\n"
                "TrunkPassword = y\n"
                "Trunk = E\n"
                "TrunkServer = x\n"
                "Trunk =\n"
                "Trunk = f\n"
                "TrunkServer = x\n"
                "TrunkNumbers = 030x\n"
            ),
            [
                "FILE:1: TrunkUser = (not shown): expected a Trunk before it",
                "FILE:2: Trunk = a: expected a trunk that works, but TrunkServer is missing",
                "FILE:3: Trunk = b.c: expected a word of letters, digits and hyphens that begins with a letter",
                "FILE:6: TrunkServer = user@x: expected a SIP URI such as sip:proxy.example.com:5060",
                "FILE:7: TrunkMaxCalls = many: expected 0, or a whole number of calls from 1 to 100000",
                "FILE:8: Trunk = e: expected a trunk that works, but it has a password and neither TrunkUser nor"
                " TrunkLogin",
                "FILE:11: Trunk = E: expected another name than that of a Trunk before it",
                "FILE:13: Trunk = : expected a word of letters, digits and hyphens that begins with a letter",
                "FILE:16: TrunkNumbers = 030x: expected telephone numbers, separated by commas",
            ],
        )

    def test_tooMany(self) -> None:
        """A trunk has four proxies at most, and only one that is registered can ask its registrar for anything."""
        many = "TrunkProxy = sip:a, sip:b, sip:c\nTrunkProxy = sip:d\n"
        self.assertEqual(len(self.load(ACCOUNT + many).trunks[0].proxies), 4)
        for lines, why in (
            (ACCOUNT + many + "TrunkProxy = sip:e\n", "it has more than 4 TrunkProxy"),
            ("Trunk = a\nTrunkServer = b\nTrunkExtensions = gruu\n", "TrunkExtensions are for trunks that are"),
            (ACCOUNT + "TrunkRegistrationTime = 0\nTrunkExtensions = bulk\n", "TrunkExtensions are for trunks"),
        ):
            (problem,) = self.problems(lines)
            self.assertIn(why, problem)
        for lines in ("TrunkExtensions = gru\n", "TrunkProxy = sip:a, user@b\n", "TrunkProxy = sip:a;transport=ws\n"):
            (problem,) = self.problems(ACCOUNT + lines)
            self.assertIn("expected", problem)

    def test_twice(self) -> None:
        """What can be but one value stands in a trunk once: the line that begins the next one was forgotten."""
        self.assertEqual(
            self.problems(ACCOUNT + "TrunkServer = b.example\nTrunkUser = 4940\nTrunkPassword = x\nTrunkNumbers = 1\n"),
            [
                "FILE:5: TrunkServer = b.example: expected one TrunkServer in a Trunk: begin each with its Trunk",
                "FILE:6: TrunkUser = 4940: expected one TrunkUser in a Trunk: begin each with its Trunk",
                "FILE:7: TrunkPassword = (not shown): expected one TrunkPassword in a Trunk: begin each with its Trunk",
            ],
        )
        (problem,) = self.problems(ACCOUNT + "TrunkPasswordFile = /etc/hostname\n")
        self.assertIn("one TrunkPassword in a Trunk", problem)

    def test_ruleWithoutTrunk(self) -> None:
        """A rule that lists a trunk that there is not gives a warning; one that names a single host may mean a host."""
        self.assertEqual(
            self.warnings(ACCOUNT + "TranslationPattern = ^xmpp:1@\nTranslationOutput = sip:1@provider,backup\n"),
            ["TranslationOutput = sip:1@provider,backup: there is no trunk backup"],
        )
        self.assertEqual(self.warnings("TranslationPattern = ^xmpp:1@\nTranslationOutput = sip:1@backup\n"), [])
