"""
Tests for L{ichatgw.sip.trunk.callerid}: who calls by a trunk.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.declared.trunks import ASSERTED, FROM, PREFERRED, REMOTE_PARTY, bare
from ichatgw.config.reading.kinds import Proxy
from ichatgw.model import Diversion, Party
from ichatgw.sip.trunk.callerid import dialled, numberOf, presented
from ichatgw.test.support.sip.trunks import trunk

SCOTT = Party("xmpp:scott@chat.example", "Scott")
OURS = Party("sip:004930101@gw.example", "Anna")
NUMBERS = ("+4930100", "+4930101")


class NumberTests(SynchronousTestCase):
    """Which number calls."""

    def test_bare(self) -> None:
        """+49, 0049 and 49 are one number, and 030 is another one."""
        self.assertEqual({bare(each) for each in ("+4930", "004930", "4930")}, {"4930"})
        self.assertEqual((bare("030"), bare("+0030"), bare("")), ("030", "0030", ""))

    def test_own(self) -> None:
        """A number of the trunk is written as the trunk has it."""
        one = trunk(numbers=NUMBERS)
        self.assertEqual(one.own("4930101"), "+4930101")
        self.assertEqual((one.own("30101"), one.own("")), ("", ""))

    def test_ownTwice(self) -> None:
        """Of a number that is written twice the first spelling counts."""
        self.assertEqual(trunk(numbers=("004930100", "+4930100")).own("4930100"), "004930100")

    def test_numberOf(self) -> None:
        """A caller has their own number if it is one of the trunk's; all others, and those without, have the first."""
        one = trunk(numbers=NUMBERS)
        self.assertEqual(numberOf(one, OURS), "+4930101")
        for caller in (SCOTT, Party("sip:+44123@uk.example"), Party("sip:anna@gw.example"), Party("xmpp:4930101@x")):
            self.assertEqual(numberOf(one, caller), "+4930100", caller)

    def test_sentOn(self) -> None:
        """A call that a user of ours has sent on shows that user's number; nothing but the latest station counts."""
        one = trunk(numbers=NUMBERS)
        stations = (Diversion("sip:4930101@gw.example"), Diversion("sip:4930100@gw.example"))
        caller = Party("sip:+44123@uk.example", diversions=stations)
        self.assertEqual(numberOf(one, caller), "+4930101")
        self.assertEqual(numberOf(one, evolve(caller, diversions=(Diversion("sip:x@y"), *stations))), "+4930100")
        self.assertEqual(numberOf(one, evolve(OURS, diversions=stations[1:])), "+4930101")

    def test_unknown(self) -> None:
        """If the numbers of a trunk are not set, each user that has one calls under it."""
        self.assertEqual(numberOf(trunk(), OURS), "004930101")
        for caller in (SCOTT, Party("sip:anna@gw.example"), Party("xmpp:17@chat.example")):
            self.assertEqual(numberOf(trunk(), caller), "")

    def test_dialled(self) -> None:
        """The prefix comes before numbers alone; behind it + is 00."""
        one = trunk(dialPrefix="9")
        for number, expected in (("030", "9030"), ("+49", "90049"), ("*21#", "9*21#"), ("anna", "anna"), ("", "")):
            self.assertEqual(dialled(one, number), expected)
        self.assertEqual(dialled(trunk(), "+49"), "+49")


class PresentedTests(SynchronousTestCase):
    """The headers."""

    def shown(self, caller: Party, *headers: str, **values: Any) -> tuple[str, list[str]]:
        one = trunk(callerNumber=headers, **{"numbers": NUMBERS, **values})
        from_, more = presented(one, caller, "ichat-gw")
        return str(from_), [str(each) for each in more]

    def test_account(self) -> None:
        """From is the account, the headers that were chosen have the number."""
        self.assertEqual(
            self.shown(OURS, PREFERRED),
            (
                "Anna <sip:4930@198.51.100.1>",
                ['P-Preferred-Identity: "Anna" <sip:+4930101@198.51.100.1>'],
            ),
        )

    def test_from(self) -> None:
        """From has the number, if that was chosen."""
        self.assertEqual(self.shown(OURS, FROM), ("Anna <sip:+4930101@198.51.100.1>", []))
        self.assertEqual(self.shown(SCOTT, FROM, numbers=())[0], "Scott <sip:4930@198.51.100.1>")

    def test_several(self) -> None:
        """There may be several headers."""
        names = [ASSERTED, PREFERRED, REMOTE_PARTY]
        _, headers = self.shown(OURS, *names)
        self.assertEqual([each.partition(":")[0].lower() for each in headers], [name.lower() for name in names])
        self.assertTrue(headers[2].endswith(";party=calling;privacy=off"))

    def test_private(self) -> None:
        """Who does not want to be shown is not, and the server is told the number and to keep it for itself."""
        hidden = Party(OURS.uri, OURS.name, private=True)
        from_, headers = self.shown(hidden, FROM, ASSERTED, REMOTE_PARTY)
        self.assertEqual(from_, "Anonymous <sip:anonymous@anonymous.invalid>")
        self.assertIn("Privacy: id", headers)
        self.assertTrue(any(each.endswith("privacy=full") for each in headers))

    def test_withoutAccount(self) -> None:
        """A server that knows us by our address sees the number, or the gateway."""
        self.assertEqual(self.shown(OURS, PREFERRED, user="")[0], "Anna <sip:+4930101@198.51.100.1>")
        from_, _ = self.shown(SCOTT, PREFERRED, user="", numbers=(), server=Proxy("2001:db8::1", 5062))
        self.assertEqual(from_, "Scott <sip:ichat-gw@[2001:db8::1]>")

    def test_diversions(self) -> None:
        """Who has sent the call on is said."""
        caller = Party(OURS.uri, diversions=(Diversion("sip:1@x.example"),))
        self.assertIn("Diversion: <sip:1@x.example>", self.shown(caller)[1])

    def test_hostile(self) -> None:
        """What a caller is called ends no header and begins none."""
        for name in ('a" <sip:evil@x>', "a\r\nVia: x", "<sip:x@y>"):
            from_, headers = self.shown(Party("sip:1@x", name), PREFERRED, REMOTE_PARTY)
            for text in (from_, *headers):
                self.assertNotIn("\n", text)
                self.assertEqual(text.count('"') - text.count('\\"'), 2 if '"' in text else 0, text)
