"""
Tests for L{ichatgw.check.dialling.reach}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.dialplan import DialPlan
from ichatgw.check.dialling.reach import unreached

COMPONENT = "gw.example.com"


class ReachTests(SynchronousTestCase):
    """Rules that decide for nothing."""

    def found(self, *patterns: str) -> list[tuple[int, str]]:
        plan = DialPlan([(pattern, "sip:1@pbx.example") for pattern in patterns])
        return [(each.number, each.what) for each in unreached(plan, COMPONENT)]

    def test_wider(self) -> None:
        """A rule that comes after a wider one is named, with an address that shows it."""
        for wide, narrow in (
            (r"^sips?:([a-z]+)@", r"^sip:([a-z]+)@example\.com$"),
            (r"^sip:", r"^sip:72@"),
            (r"^xmpp:(\d+)@", r"^xmpp:0(\d+)@gw\.example\.com$"),
            (r".", r"^sip:(\d+)@"),
            (r"^sip:\+?\d+@", r"^sip:(?:\+49|0049|0)\d*@"),
        ):
            [(number, what)] = self.found(wide, narrow)
            self.assertEqual(number, 2, narrow)
            self.assertIn("rule 1 comes first, as for ", what)
            self.assertEqual(self.found(narrow, wide), [], wide)

    def test_both(self) -> None:
        """Several rules before may take all that it is for."""
        [(number, what)] = self.found(r"^sip:[0-4]", r"^sip:[5-9]", r"^sip:\d+@")
        self.assertEqual(number, 3)
        self.assertIn("rules 1, 2 come first", what)

    def test_some(self) -> None:
        """A rule that decides for some addresses is none of these."""
        self.assertEqual(self.found(r"^sip:9(\d+)@", r"^sip:(\d+)@"), [])
        self.assertEqual(self.found(r"^sip:[a-m]+@", r"^sip:\w+@"), [])
        self.assertEqual(self.found(r"^sip:(\d+)@a\.example$", r"^sip:(\d+)@b\.example$", r"^xmpp:"), [])

    def test_noUser(self) -> None:
        """A pattern for SIP that ends before the @ matches nothing that is called."""
        for pattern in (r"^sip:\+49(\d+)$", r"^sips?:\d{3}$"):
            [(_, what)] = self.found(pattern)
            self.assertIn("ends before the @", what)
        self.assertEqual(self.found(r"^sip:gw\.example\.com$", r"^tel:(\d+)$", r"^sip:\+49(\d+)@"), [])

    def test_misspelt(self) -> None:
        """A domain that is nearly ours is hardly meant; others may be."""
        for domain in (r"gw\.exmaple\.com", r"gw\.example\.co", r"gw\.example\.con"):
            [(_, what)] = self.found(rf"^xmpp:9(\d+)@{domain}$")
            self.assertIn(f"users of XMPP call {COMPONENT}", what)
        for domain in (r"gw\.example\.com", r"gw\.[a-z]+\.com", r"elsewhere\.org", r"GW\.example\.com"):
            self.assertEqual(self.found(rf"^xmpp:9(\d+)@{domain}$"), [])

    def test_unknown(self) -> None:
        """Of patterns that are not understood nothing is said."""
        self.assertEqual(self.found(r"^sip:", r"^sip:(?!9)\d+@"), [])
