"""
Tests for L{ichatgw.trunks.routes}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.dialplan import DialPlan
from ichatgw.errors import NoRoute
from ichatgw.model import Party
from ichatgw.phonebook.book import PhoneBook
from ichatgw.phonebook.routes import Routes
from ichatgw.trunks.routes import TrunkRoutes, calledBy


class TrunkRoutesTests(SynchronousTestCase):
    """L{TrunkRoutes}."""

    def setUp(self) -> None:
        self.make(
            (r"^sip:\+4930100@provider$", "xmpp:anna@chat"),
            (r"^sip:0049(30.*)@provider$", "xmpp:u$1@chat"),
            (r"^sip:.*@backup$", "xmpp:night@chat"),
            (r"^sip:(17)@", "xmpp:u$1@chat"),
            (r"^xmpp:(.*)@gw$", "sip:$1@provider,backup"),
        )

    def make(self, *rules: tuple[str, str]) -> None:
        inner = Routes(DialPlan(rules), PhoneBook("gw"))
        self.routes = TrunkRoutes(inner, lambda name: name in ("provider", "backup"))

    def by(self, trunk: str, number: str) -> str:
        return self.routes.translate(calledBy(trunk, number))

    def test_names(self) -> None:
        """A rule can name the trunk that a call came by."""
        self.assertEqual(self.by("provider", "+4930100"), "xmpp:anna@chat")
        self.assertEqual(self.by("backup", "+4930100"), "xmpp:night@chat")

    def test_anyTrunk(self) -> None:
        """A rule that names none holds for calls by trunks, too."""
        self.assertEqual(self.by("provider", "17"), "xmpp:u17@chat")

    def test_spellings(self) -> None:
        """An international number is found however its beginning is written, there and in the rule."""
        for number in ("+4930100", "004930100"):
            self.assertIn(self.by("provider", number), ("xmpp:anna@chat", "xmpp:u30100@chat"))
        self.assertEqual(self.by("provider", "4930100"), "xmpp:anna@chat")
        self.assertEqual(self.by("provider", "+49305"), "xmpp:u305@chat")

    def test_unknown(self) -> None:
        """What no rule knows leads nowhere."""
        for number in ("99", "", "+", "00", "a@b", "x" * 5000):
            self.assertRaises(NoRoute, self.by, "provider", number)

    def test_claims(self) -> None:
        """Who writes the name of a trunk in the place of a host has no call that came by it."""
        for address in (
            "sip:+4930100@provider",
            "sip:+4930100@PROVIDER",
            "sips:+4930100@provider",
            "sip:+4930100@provider:5060",
            "sip:+4930100@provider.",
            "sip:+4930100@backup;transport=udp",
        ):
            self.assertFalse(self.routes.matches(address), address)
            self.assertRaises(NoRoute, self.routes.translate, address)

    def test_others(self) -> None:
        """All other addresses lead where they lead without trunks."""
        self.assertEqual(self.routes.translate("xmpp:+49891@gw"), "sip:+49891@provider,backup")
        self.assertEqual(self.routes.translate("sip:17@pbx.example"), "xmpp:u17@chat")
        self.assertRaises(NoRoute, self.routes.translate, "sip:18@pbx.example")
        self.assertTrue(self.routes.matches("xmpp:1@gw"))

    def test_registrable(self) -> None:
        """A user whose address is at a server is registered there; one whose calls go by a trunk is not."""
        self.make((r"^xmpp:(.*)@chat$", "sip:$1@pbx.example"), (r"^xmpp:(.*)@other$", "sip:$1@Provider,backup"))
        self.assertEqual(self.routes.registrable("xmpp:anna@chat"), "sip:anna@pbx.example")
        for address in ("xmpp:anna@other", "xmpp:anna@nowhere"):
            self.assertRaises(NoRoute, self.routes.registrable, address)

    def test_introduced(self) -> None:
        """The phone book introduces callers as ever."""
        caller = Party("xmpp:anna@chat", "Anna")
        self.assertEqual(self.routes.introduced(caller, "sip:1@provider"), caller)
