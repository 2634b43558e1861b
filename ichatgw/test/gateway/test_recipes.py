# -*- test-case-name: ichatgw.test.gateway.test_recipes -*-
"""
The recipes in C{docs/recipes}: what they say is read as the gateway reads it, and does what they say.
"""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

import ichatgw
from ichatgw.calls.dialplan import DialPlan
from ichatgw.config.reading.credentials import Keyring
from ichatgw.config.settings import Settings
from ichatgw.errors import NoRoute

RECIPES = Path(ichatgw.__file__).parent.parent / "docs" / "recipes"


def block(page: str, title: str) -> str:
    """The text of the first literal block in a section."""
    section = page.partition(f"\n{title}\n---")[2]
    found = re.search(r"\n(?:::|\.\. code-block:: \w+)\n\n((?:    .*\n|\n)+)", section)
    assert found is not None, title
    return "\n".join(line[4:] for line in found[1].rstrip().split("\n")) + "\n"


class AsteriskTests(SynchronousTestCase):
    """C{docs/recipes/asterisk.rst}."""

    def setUp(self) -> None:
        page = RECIPES / "asterisk.rst"
        if not page.exists():
            raise SkipTest("the recipes are not installed with the package")
        self.page = page.read_text("utf-8")
        path = self.mktemp()
        Path(path).write_text(block(self.page, "ichat-gw.config"), "utf-8")
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
        pjsip, extensions = block(self.page, "pjsip.conf"), block(self.page, "extensions.conf")
        self.assertIn(f"match={self.settings.ipAddress}", pjsip)
        self.assertIn(f"contact=sip:{self.settings.ipAddress}:{self.settings.udpTcpPort}", pjsip)
        self.assertIn("aors=ichatgw", pjsip)
        for user in re.findall(r"PJSIP/([a-z]+)@ichatgw", extensions):
            self.assertEqual(self.plan.translate(f"sip:{user}@{self.settings.ipAddress}"), f"xmpp:{user}@example.com")

    def test_registered(self) -> None:
        """The user's address at Asterisk is the one that the passwords are for, and that its login is named after."""
        registering = block(self.page, "Users who register")
        found = re.search(r"``(alice@\S+ - \S+)``", self.page)
        assert found is not None
        path = self.mktemp()
        Path(path).write_text(found[1] + "\n", "utf-8")
        Path(path).chmod(0o600)
        domain = self.plan.translate("xmpp:alice@example.com").rpartition("@")[2]
        credentials = Keyring.load(path).find("alice", domain)
        assert credentials is not None
        self.assertIn(f"username={credentials.user}\npassword={credentials.password}\n", registering)
