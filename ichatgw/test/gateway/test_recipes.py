# -*- test-case-name: ichatgw.test.gateway.test_recipes -*-
"""
The recipes in C{docs/recipes}: what they say is read as the gateway reads it, and does what they say.
"""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from ichatgw.calls.dialplan import DialPlan
from ichatgw.config.declared.trunks import Trunk
from ichatgw.config.reading.credentials import Keyring
from ichatgw.config.settings import Settings
from ichatgw.errors import ConfigError, NoRoute
from ichatgw.test.marks import slow
from ichatgw.test.support.configs import DOCS, ConfigTestCase, block, blocks, isConfiguration, section

REQUIRED = {
    "JabberServer": "localhost",
    "JabberComponentName": "ichat-gw.example.com",
    "JabberComponentPassword": "change-me",
    "HTTPToken": "a-token-of-which-there-is-a-file-elsewhere",
}
"""What a configuration needs besides what a page tells of."""

TRUNK = "Trunk = provider\nTrunkUser = 4930123456\n"
"""What stands before lines that belong to a trunk."""

DIRECTORY = "/etc/ichatgw/"


def written(page: str) -> str:
    """A page of the documentation.  @raise SkipTest: if it is not there, as in an installed package"""
    path = DOCS / page
    if not path.exists():
        raise SkipTest("the documentation is not installed with the package")
    return path.read_text("utf-8")


class ConfigurationTests(ConfigTestCase):
    """All configurations in the documentation."""

    def lines(self, text: str) -> str:
        """A block, with what it needs and does not say; files that it names are there."""
        directory = Path(self.mktemp())
        directory.mkdir()
        for name in re.findall(rf"{DIRECTORY}(\S+)", text):
            (directory / name).write_text("number,jid\n" if name.endswith(".csv") else "a-line-of-text\n")
            (directory / name).chmod(0o600)
        if text.startswith("Trunk") and not text.startswith("Trunk ="):
            text = TRUNK + text
        missing = "".join(f"{name} = {value}\n" for name, value in REQUIRED.items() if f"{name} =" not in text)
        return missing + text.replace(DIRECTORY, f"{directory}/")

    @slow
    def test_each(self) -> None:
        """Each is read without an error, and without a warning if it has rules of its own."""
        written("trunks.rst")
        found = 0
        for path in sorted(DOCS.rglob("*.rst")):
            for text in filter(isConfiguration, blocks(path.read_text("utf-8"))):
                found += 1
                try:
                    _, warnings = Settings.load(self.write(self.lines(text)))
                except ConfigError as problem:
                    self.fail(f"{path.name}: {problem}\n{text}")
                if "TranslationOutput" in text:
                    self.assertEqual(warnings, [], f"{path.name}:\n{text}")
        self.assertGreaterEqual(found, 14)

    def test_trunks(self) -> None:
        """The recipes for trunks make the trunks that they speak of."""
        page = written("trunks.rst")
        names: dict[str, Trunk] = {}
        for text in filter(isConfiguration, blocks(page)):
            settings, _ = Settings.load(self.write(self.lines(text)))
            for trunk in settings.trunks:
                names.setdefault(trunk.name, trunk)
        self.assertEqual(set(names), {"provider", "carrier", "asterisk", "fritz"})
        self.assertFalse(names["carrier"].registers)
        self.assertEqual(names["carrier"].server.transport, "tcp")
        for name in ("provider", "asterisk", "fritz"):
            self.assertTrue(names[name].registers and names[name].password, name)

    def test_found(self) -> None:
        """What is no configuration is not taken for one, and a block is found by what stands before it."""
        page = "Words::\n\n    A = 1\n    # B\n\n    C = 2\n\nMore:\n\n.. code-block:: ini\n\n    [a]\n    b = c\n"
        first, second = blocks(page)
        self.assertEqual((first, second), ("A = 1\n# B\n\nC = 2\n", "[a]\nb = c\n"))
        self.assertEqual((isConfiguration(first), isConfiguration(second)), (False, False))
        self.assertTrue(isConfiguration("Trunk = x\n# y\n\nTrunkUser = z\n"))
        self.assertEqual(block(page, "More"), second)
        self.assertRaises(LookupError, block, page, "None")


class AsteriskTests(SynchronousTestCase):
    """C{docs/recipes/asterisk.rst}."""

    def setUp(self) -> None:
        self.page = written("recipes/asterisk.rst")
        path = self.mktemp()
        Path(path).write_text(section(self.page, "ichat-gw.config"), "utf-8")
        Path(path).chmod(0o600)
        self.settings, self.warnings = Settings.load(path)
        self.plan = DialPlan(self.settings.translationRules)

    def test_settings(self) -> None:
        """The settings are read without a complaint, and are those that the page speaks of."""
        self.assertEqual(self.warnings, [])
        self.assertEqual((self.settings.registrationTime, self.settings.assertIdentity), (0, True))
        self.assertEqual(self.settings.ipAddress, "192.0.2.20")

    def test_rules(self) -> None:
        """Users call numbers, and are called and shown under their names; Asterisk may transfer to its numbers."""
        for called, route in (
            ("xmpp:701@ichat-gw.example.com", "sip:701@192.0.2.10"),
            ("xmpp:*98@ichat-gw.example.com", "sip:*98@192.0.2.10"),
            ("xmpp:+4930123@ichat-gw.example.com", "sip:+4930123@192.0.2.10"),
            ("xmpp:alice@example.com", "sip:alice@192.0.2.10"),
            ("xmpp:alice.b-c_2@example.com", "sip:alice.b-c_2@192.0.2.10"),
            ("sip:702@192.0.2.10", "sip:702@192.0.2.10"),
            ("sip:702@192.0.2.10:5060", "sip:702@192.0.2.10"),
            ("sip:alice@192.0.2.20:5070", "xmpp:alice@example.com"),
            ("sip:alice@192.0.2.10", "xmpp:alice@example.com"),
        ):
            self.assertEqual(self.plan.translate(called), route, called)
        for called in ("sip:702@192.0.2.20:5070", "xmpp:alice@elsewhere.example", "xmpp:Fred@ichat-gw.example.com"):
            self.assertRaises(NoRoute, self.plan.translate, called)

    def test_oneName(self) -> None:
        """The gateway and Asterisk are called by the same addresses on all of the page."""
        pjsip, extensions = section(self.page, "pjsip.conf"), section(self.page, "extensions.conf")
        self.assertIn(f"match={self.settings.ipAddress}", pjsip)
        self.assertIn(f"contact=sip:{self.settings.ipAddress}:{self.settings.udpTcpPort}", pjsip)
        self.assertIn("aors=ichatgw", pjsip)
        for user in re.findall(r"PJSIP/([a-z]+)@ichatgw", extensions):
            self.assertEqual(self.plan.translate(f"sip:{user}@{self.settings.ipAddress}"), f"xmpp:{user}@example.com")

    def test_registered(self) -> None:
        """The user's address at Asterisk is the one that the passwords are for, and that its login is named after."""
        registering = section(self.page, "Users who register")
        found = re.search(r"``(alice@\S+ - \S+)``", self.page)
        assert found is not None
        path = self.mktemp()
        Path(path).write_text(found[1] + "\n", "utf-8")
        Path(path).chmod(0o600)
        domain = self.plan.translate("xmpp:alice@example.com").rpartition("@")[2]
        credentials = Keyring.load(path).find("alice", domain)
        assert credentials is not None
        self.assertIn(f"username={credentials.user}\npassword={credentials.password}\n", registering)
