# -*- test-case-name: ichatgw.test.forwarding.test_targets -*-
"""
Tests for L{ichatgw.forwarding.targets}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import NoRoute, Refused
from ichatgw.forwarding.targets import Targets
from ichatgw.model import Party
from ichatgw.trunks.emergency import Emergency

SCOTT = "scott@chat.example"


class TargetsTests(SynchronousTestCase):
    """Where forwards lead."""

    def setUp(self) -> None:
        self.emergency = Emergency()
        self.numbers: dict[str, str] = {}
        self.asked: list[tuple[str, str, str]] = []
        self.targets = Targets(
            "gw.example",
            self.translate,
            self.directed,
            lambda address: address.endswith("@chat.example"),
            lambda user: self.numbers.get(user, ""),
            self.emergency,
        )

    def translate(self, address: str) -> str:
        user, _, domain = address.removeprefix("xmpp:").partition("@")
        if domain != "gw.example" or user == "nowhere":
            raise NoRoute("no rule")
        return "xmpp:anna@chat.example" if user == "73" else f"sip:{user}@pbx.example"

    def directed(self, caller: Party, called: str, route: str) -> str:
        self.asked.append((caller.uri, called, route))
        if "0900" in route:
            raise Refused("DialRule")
        return route.replace("pbx", "trunk")

    def test_number(self) -> None:
        """A number is dialled as its user would, with their rights and by their trunk."""
        self.assertEqual(self.targets.route(SCOTT, "72"), "sip:72@trunk.example")
        self.assertEqual(self.asked, [("xmpp:scott@chat.example", "xmpp:72@gw.example", "sip:72@pbx.example")])
        self.assertRaises(NoRoute, self.targets.route, SCOTT, "nowhere@gw.example")

    def test_rights(self) -> None:
        """To what users may not dial they do not forward, however it is written."""
        for target in ("0900123", "0900123@gw.example", "sip:0900123@pbx.example"):
            self.assertRaises(Refused, self.targets.route, SCOTT, target)

    def test_users(self) -> None:
        """Users lead to users of the domains that are served, by address or by number, and to no others."""
        self.assertEqual(self.targets.route(SCOTT, "anna@chat.example"), "xmpp:anna@chat.example")
        self.assertEqual(self.targets.route(SCOTT, "73"), "xmpp:anna@chat.example")
        self.assertRaises(Refused, self.targets.route, SCOTT, "eve@evil.example")

    def test_sip(self) -> None:
        """A rule may name a SIP address; the user's rights count."""
        self.assertEqual(self.targets.route(SCOTT, "sip:99@pbx.example"), "sip:99@trunk.example")
        self.assertEqual(len(self.asked), 1)

    def test_voicemail(self) -> None:
        """The mailbox is that of the user's number, or of their name; no right keeps users from it."""
        self.assertRaises(NoRoute, self.targets.route, SCOTT, "voicemail")
        self.targets.voicemail = "sip:*97$1@pbx.example"
        self.assertEqual(self.targets.route(SCOTT, "voicemail"), "sip:*97scott@pbx.example")
        self.assertEqual(self.targets.route("a\\40b@chat.example", "voicemail"), "sip:*97a%40b@pbx.example")
        self.numbers[SCOTT] = "0900123"
        self.assertEqual(self.targets.route(SCOTT, "voicemail"), "sip:*970900123@pbx.example")
        self.assertEqual(self.asked, [])

    def test_emergency(self) -> None:
        """Nothing leads to emergency services: not by the numbers that are set, nor by those that everybody knows."""
        self.emergency.adopt(("110", "*1"), "sip:$1@help.example")
        for target in ("110", "*1", "112", "911", "0112", "9911", "+112", "00112", "112@gw.example"):
            self.assertRaises(Refused, self.targets.route, SCOTT, target)
        for target in ("sip:112@pbx.example", "sip:%3112;x=y@pbx.example", "sips:0112@pbx.example"):
            self.assertRaises(Refused, self.targets.route, SCOTT, target)
        self.assertEqual(self.targets.route(SCOTT, "1125"), "sip:1125@trunk.example")

    def test_emergencyOfACountry(self) -> None:
        """With a country its own numbers are known, though none are set; not extensions that begin so."""
        self.assertEqual(self.targets.route(SCOTT, "999"), "sip:999@trunk.example")
        self.targets.country = "GB"
        for target in ("999", "0999", "+44999", "0044999", "9999"):
            self.assertRaises(Refused, self.targets.route, SCOTT, target)
        self.assertEqual(self.targets.route(SCOTT, "9991"), "sip:9991@trunk.example")
        self.assertEqual(self.asked[-1][1], "xmpp:9991@gw.example")
        self.targets.country = "AU"
        self.assertRaises(Refused, self.targets.route, SCOTT, "000")
        for target in ("00", "*#", "anna@chat.example"):
            self.targets.route(SCOTT, target)

    def test_emergencyByRule(self) -> None:
        """Nor by a number that a rule makes one of."""
        self.targets.translate = lambda address: "sip:112@pbx.example"
        self.assertRaises(Refused, self.targets.route, SCOTT, "72")
