"""Tests for L{ichatgw.check.rules}: where sample addresses lead."""

from __future__ import annotations

from ichatgw.check.finding import Level
from ichatgw.check.rules import MAX_SHOWN
from ichatgw.test.check.scene import COMPONENT, SceneTestCase
from ichatgw.test.marks import slow


class CallTests(SceneTestCase):
    """Sample addresses."""

    def call(self, address: str) -> list[str]:
        """What is said of a call."""
        self.calls = (address,)
        found = [each for each in self.look() if each.subject == "call"]
        self.level = found[-1].level
        return [each.what.removeprefix(f"{address}: ") for each in found]

    def test_rule(self) -> None:
        """Each rule that is tried is shown, and the host that is called, with its address."""
        self.assertEqual(
            self.call("sip:scott@gateway"),
            [
                f"rule 1 does not match: {self.rules[0][0]}",
                f"rule 2 does not match: {self.rules[1][0]}",
                f"rule 3 matches: {self.rules[2][0]} makes xmpp:$1@example.com",
                "is xmpp:scott@example.com",
                "calls the clients of an XMPP user of example.com",
            ],
        )
        self.assertEqual(self.call(f"xmpp:72@{COMPONENT}")[-1], "goes to udp:203.0.113.5:5060")
        self.assertIs(self.level, Level.OK)

    def test_trunk(self) -> None:
        """A call by a trunk names it; one that comes by it is looked for as the gateway does."""
        self.assertEqual(self.call(f"xmpp:05x@{COMPONENT}")[-1], "goes by trunk provider")
        self.rules.append((r"^sip:\+?49(\d+)@provider$", "xmpp:kim@example.com"))
        self.assertEqual(self.call("sip:491@provider")[-2], "is xmpp:kim@example.com")

    def test_proxy(self) -> None:
        """With a proxy a call goes there."""
        self.lines["OutboundProxy"] = "sip:proxy.example.com"
        self.assertEqual(self.call(f"xmpp:72@{COMPONENT}")[-1], "goes by OutboundProxy sip:proxy.example.com")

    def test_book(self) -> None:
        """The phone book decides before the rules, if it is to."""
        book = self.folder / "book.csv"
        book.write_text("number,jid\n72,kim@example.com\n")
        self.lines["PhoneBook"] = book
        self.assertEqual(
            self.call(f"xmpp:72@{COMPONENT}"),
            [
                "it is in the phone book",
                "is xmpp:kim@example.com",
                "calls the clients of an XMPP user of example.com",
            ],
        )
        self.assertEqual(self.call(f"xmpp:73@{COMPONENT}")[0], "it is not in the phone book")
        self.lines["PhoneBookOrder"] = "rules first"
        self.assertEqual(self.call(f"xmpp:72@{COMPONENT}")[0], "it is in the phone book, which rules go before")

    def test_rights(self) -> None:
        """Who may not dial a number is told so."""
        self.more = "DialRule = deny 72 for kim@example.com"
        self.caller = "xmpp:kim@example.com"
        self.assertIn("DialRule does not let this caller dial", self.call(f"xmpp:72@{COMPONENT}")[-1])
        self.caller = "xmpp:lee@example.com"
        self.call(f"xmpp:72@{COMPONENT}")
        self.assertIs(self.level, Level.OK)

    def test_help(self) -> None:
        """A call for help needs no rule."""
        self.more = "EmergencyNumbers = 112\nEmergencyOutput = sip:$1@provider"
        said = self.call(f"xmpp:112@{COMPONENT}")
        self.assertEqual(said[0], "a call for help: EmergencyOutput decides")
        self.assertEqual(said[1:], ["is sip:112@provider", "goes by trunk provider"])

    def test_wrong(self) -> None:
        """What is no address, or leads to no host, is an error."""
        self.rules.append(("^sip:9", "sip:$1@nowhere.example.com"))
        self.rules[-1] = ("^sip:(9)", "sip:$1@nowhere.example.com")
        for address, words in (
            ("72", "no address that is called"),
            ("", "no address that is called"),
            ("sip:" + "9" * 2000, "longer than 1024 characters"),
            ("sip:\ud8009@x", "no translation rule matches"),
            ("sip:9@x", "'nowhere.example.com' has no address"),
        ):
            with self.subTest(address[:20]):
                self.assertIn(words, self.call(address)[-1])
                self.assertIs(self.level, Level.ERROR)

    @slow
    def test_manyRules(self) -> None:
        """Of thousands of rules the first are shown one by one, and the others as one."""
        self.rules = [(f"^sip:{number}@", "xmpp:kim@example.com") for number in range(5000)]
        said = self.call("sip:4999@x")
        self.assertEqual(len(said), MAX_SHOWN + 4)
        self.assertEqual(said[MAX_SHOWN], f"rules {MAX_SHOWN + 1} to 4999 do not match")
        self.assertIn("rule 5000 matches", said[MAX_SHOWN + 1])
