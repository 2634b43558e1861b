"""
Tests for L{ichatgw.trunks.rights}, L{ichatgw.trunks.emergency} and L{ichatgw.config.declared.rights}.
"""

from __future__ import annotations

from attrs import evolve
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.declared.rights import DialRule
from ichatgw.config.declared.trunks import Trunk
from ichatgw.config.reading.kinds import Proxy
from ichatgw.config.settings import Settings
from ichatgw.errors import ConfigError, NoRoute, Refused
from ichatgw.gateway.build import gateway
from ichatgw.model import EndReason, Party
from ichatgw.phonebook.book import PhoneBook
from ichatgw.phonebook.entries import Table, rowOf
from ichatgw.phonebook.numbers import Numbering
from ichatgw.test.marks import slow
from ichatgw.test.support.configs import ConfigTestCase
from ichatgw.texts.interfaces import Text
from ichatgw.trunks.emergency import Emergency
from ichatgw.trunks.rights import Rights

ANNA, BEN = Party("xmpp:anna@chat.example"), Party("xmpp:Ben@guests.example")


class RightsTests(ConfigTestCase):
    """Who may dial what."""

    def make(self, *rules: str, country: str = "DE") -> None:
        lines = "".join(f"DialRule = {rule}\n" for rule in rules)
        numbering = Numbering(country)
        table = Table()
        row = rowOf({"number": "+4930100", "jid": "anna@chat.example", "groups": "Sales night"}, numbering)
        table.byNumber[row[0]], table.byJID[row[1]] = row, row
        book = PhoneBook("gw")
        list(book.adopt(numbering, table))
        self.rights = Rights(book)
        self.rights.adopt(self.load(lines).dialRule, numbering)

    def may(self, number: str, caller: Party = ANNA, route: str = "") -> bool:
        try:
            self.rights.check(caller, f"xmpp:{number}@gw", route or f"sip:{number}@pbx")
        except Refused:
            return False
        return True

    def test_none(self) -> None:
        """Without rules everybody may call everything."""
        self.make()
        self.assertTrue(self.may("0900123456"))

    def test_first(self) -> None:
        """The first rule that fits decides; a number that none fits is called."""
        self.make("allow 0900555...", "deny 0900...", "allow any", "deny any")
        self.assertEqual([self.may(each) for each in ("0900555123", "0900123456", "17")], [True, False, True])
        self.make("deny 17")
        self.assertEqual([self.may(each) for each in ("17", "170", "1")], [False, True, True])

    def test_parametersInUser(self) -> None:
        """Who a caller is does not depend on what parameters its user part holds."""
        self.make("allow any for pbx.example", "deny any")
        for uri, expected in (
            ("sip:7;x@pbx.example:5060;lr", True),
            ("sip:7@pbx.example", True),
            ("sip:pbx.example;x@evil.example", False),
            ("sip:7@pbx.example;x@evil.example", False),
            ("xmpp:pbx.example;x@evil.example", False),
        ):
            self.assertIs(self.may("17", Party(uri)), expected, uri)

    def test_context(self) -> None:
        """A number that is said with where it counts is judged in full, and as it is written."""
        self.make("deny +49900...", "deny 17")
        self.assertFalse(self.may(r"9\2000123;phone-context=+49"))
        for number in ("900123;phone-context=+49", "900123;x=y;Phone-Context=+49", "17;phone-context=+49"):
            self.assertFalse(self.may(number), number)
        self.assertFalse(self.may("5", route="sip:900123%3Bphone-context=+49@pbx"))
        self.assertTrue(self.may("800123;phone-context=+49"))

    def test_abroad(self) -> None:
        """C{+...} is every number in full, however it is dialled; a short one of the PBX is none."""
        self.make("allow +49...", "deny +...")
        numbers = ("+4330123456", "004330123456", "+49891234567", "0891234567", "17", "*98")
        self.assertEqual([self.may(each) for each in numbers], [False, False, True, True, True, True])
        for wrong in ("deny ...", "deny +", "deny ++..."):
            self.assertRaises(ConfigError, self.make, wrong)

    def test_ownCountry(self) -> None:
        """A rule for all numbers of the own country is for none of another, whatever these are dialled with."""
        for rule in ("+49...", "0049..."):
            self.make(f"allow {rule}", "deny any")
            for number in ("+49891234567", "0049891234567", "0891234567"):
                self.assertTrue(self.may(number), (rule, number))
            for number in ("+4330123456", "004330123456", "0012125550123"):
                self.assertFalse(self.may(number), (rule, number))

    def test_spellings(self) -> None:
        """A number is the same however it is dialled, in the rule and in the call, whole or begun."""
        dialled = ("0900123456", "+49900123456", "0049900123456", "0900-123 456", "(0900) 123456", "%30900123456")
        for rule in ("0900...", "+49900...", "0049900...", "0900123456", "+49900123456"):
            self.make(f"deny {rule}")
            for number in dialled:
                self.assertFalse(self.may(number), (rule, number))
            self.assertTrue(self.may("0891234567"), rule)

    def test_short(self) -> None:
        """What is no whole number, and is dialled all the same, is not let through for that."""
        self.make("deny 0900...", "deny +1900...")
        for number in ("0900", "09001", "00499001", "0019001", "+19001"):
            self.assertFalse(self.may(number), number)

    def test_withoutCountry(self) -> None:
        """Without a country numbers are compared as they are dialled, and with + or 00."""
        self.make("deny 0900...", "deny +1900...", country="")
        self.assertEqual([self.may(each) for each in ("0900123", "0019001234567", "+49900123")], [False, False, True])

    def test_translated(self) -> None:
        """What a rule makes of a number counts as well as what was dialled."""
        self.make("deny 0900...")
        self.assertFalse(self.may("9*17", route="sip:0900123456@provider,backup"))
        self.assertFalse(self.may("0900123456", route="sip:17@provider"))

    def test_users(self) -> None:
        """Calls that lead to users are nobody's to deny here."""
        self.make("deny any")
        self.assertTrue(self.may("17", route="xmpp:ben@chat.example"))

    def test_who(self) -> None:
        """A rule may be for users, domains and groups, without regard to case."""
        for who, anna, ben in (
            ("all", False, False),
            ("anna@chat.example", False, True),
            ("guests.example", True, False),
            ("@sales", False, True),
            ("@SALES, ben@guests.example", False, False),
            ("@others", True, True),
        ):
            self.make(f"deny 0900... for {who}")
            self.assertEqual((self.may("0900123456"), self.may("0900123456", BEN)), (anna, ben), who)

    def test_sip(self) -> None:
        """Phones are known by their address, and by their number in the phone book."""
        self.make("deny any for 72@pbx.example, @night")
        for uri, allowed in (("sip:72@pbx.example", False), ("sip:+4930100@x", False), ("sip:73@pbx.example", True)):
            self.assertEqual(self.may("17", Party(uri)), allowed, uri)

    def test_wrong(self) -> None:
        """A line that is no rule is said."""
        for line in (
            "forbid 17",
            "deny",
            "deny x",
            "allow 17 for a b@@c",
            "deny 1...2",
            "deny ... for all",
            "deny 1 for",
        ):
            problems = self.problems(f"DialRule = {line}\n")
            self.assertEqual(
                problems, [f"FILE:1: DialRule = {line}: expected allow or deny, numbers, and perhaps for and whom"]
            )

    def test_shown(self) -> None:
        """A rule is shown as it is written."""
        text = "deny 0900..., 17 for @a, b@c"
        self.assertEqual(str(self.load(f"DialRule = {text}\n").dialRule[0]), text)
        self.assertEqual(str(DialRule(True, ("any",))), "allow any")


class EmergencyTests(ConfigTestCase):
    """Calls for help."""

    def setUp(self) -> None:
        self.emergency = Emergency(("112", "110"), "sip:$1@one,two", lambda domain: domain == "gw")

    def test_route(self) -> None:
        """They go where their own rule says, from users and phones, by number and by service."""
        for address, number in (
            ("xmpp:112@gw", "112"),
            ("xmpp:110@GW/x", "110"),
            ("sip:112@192.0.2.10", "112"),
            ("tel:110", "110"),
            ("tel:112;phone-context=+49", "112"),
            ("xmpp:112@gw/x@other", "112"),
            (r"xmpp:1\2012@gw", "112"),
            ("SIP:112@192.0.2.10", "112"),
            ("sip:%31%31%32@192.0.2.10;user=phone", "112"),
            ("sip:1-1-2;phone-context=+49@192.0.2.10", "112"),
            ("sip:+112@192.0.2.10", "112"),
            ("URN:Service:SOS.Police", "112"),
            ("urn:service:sos", "112"),
            ("urn:service:sos.fire", "112"),
        ):
            self.assertEqual(self.emergency.route(address), f"sip:{number}@one,two", address)

    def test_others(self) -> None:
        """No other call does, and none that comes by a trunk."""
        for address in (
            "xmpp:1120@gw",
            "xmpp:112@other",
            "xmpp:112@other/x@gw",
            "xmpp:gw/112@gw",
            "trunk:112@one",
            "sip:x@112",
            "urn:service:sosx",
            "xmpp:@gw",
        ):
            self.assertIsNone(self.emergency.route(address), address)
        self.emergency.adopt(("112",), "")
        self.assertIsNone(self.emergency.route("xmpp:112@gw"))

    def test_always(self) -> None:
        """Nobody is denied one."""
        rights = Rights(PhoneBook("gw"), self.emergency)
        rights.adopt(self.load("DialRule = deny any\n").dialRule, Numbering())
        rights.check(BEN, "xmpp:112@gw", "sip:112@one,two")
        self.assertRaises(Refused, rights.check, BEN, "xmpp:113@gw", "sip:112@one,two")

    @slow
    def test_full(self) -> None:
        """A trunk that has as many calls as it may takes one more for help."""
        made = gateway(MemoryReactorClock(), SETTINGS)
        account = made.endpoint.trunks.accounts.get("one")
        assert account is not None
        account.legs.add(self)
        self.assertIsNotNone(made.endpoint.trunks.dial("sip:112@one", ANNA))

    def test_numbers(self) -> None:
        """They stand between commas or blanks, and each counts once, in the order in which they are written."""
        lines = "EmergencyNumbers = 112, 911 112\nEmergencyOutput = sip:$1@provider\n"
        self.assertEqual(self.load(lines).emergencyNumbers, ("112", "911"))

    def test_wrong(self) -> None:
        """What cannot be their rule is said."""
        self.assertEqual(len(self.problems("EmergencyNumbers = x\nEmergencyOutput = xmpp:a@b\n")), 2)
        self.assertEqual(len(self.problems("EmergencyOutput = sip:$2@b\n")), 1)


SETTINGS = Settings(
    jabberServer="127.0.0.1",
    jabberComponentName="gw.example",
    jabberComponentPassword="s3cret",
    translationRules=((r"^xmpp:(\d+)@", "sip:$1@192.0.2.77"),),
    subscriptionDatabase="none",
    dialRule=(DialRule(False, ("0900...",)),),
    emergencyNumbers=("112",),
    emergencyOutput="sip:$1@one",
    trunks=(Trunk("one", Proxy("192.0.2.1"), maxCalls=1),),
)


class SwitchTests(SynchronousTestCase):
    """The rules in a gateway."""

    def test_refused(self) -> None:
        """A call that a rule denies is refused, and that is what the caller hears; after a change it is made."""
        made = gateway(MemoryReactorClock(), SETTINGS)
        self.assertRaises(Refused, made.switch.directed, ANNA, "xmpp:0900123@gw.example", "sip:0900123@192.0.2.77")
        self.assertEqual(Refused("").reason, EndReason.FORBIDDEN)
        for part in made.reloadables:
            if "dialRule" in part.attributes:
                part.prepare(evolve(SETTINGS, dialRule=()))()  # type: ignore[union-attr]
        made.switch.directed(ANNA, "xmpp:0900123@gw.example", "sip:0900123@192.0.2.77")

    @slow
    def test_texts(self) -> None:
        """A text to a number that a rule denies is refused as a call is."""
        texts = gateway(MemoryReactorClock(), SETTINGS).texts
        assert texts is not None
        texts.refuses = lambda: None
        for number, isDenied in (("0900123", True), ("0800123", False)):
            sent = texts.arrived(Text(ANNA, f"xmpp:{number}@gw.example", "hello"))
            found: list[object] = []
            sent.addBoth(found.append)
            self.assertEqual("DialRule" in str(found), isDenied, number)

    @slow
    def test_emergency(self) -> None:
        """Calls for help do not need a translation rule, and other calls do."""
        plan = gateway(MemoryReactorClock(), evolve(SETTINGS, translationRules=())).switch.plan
        self.assertEqual(plan.translate("xmpp:112@gw.example"), "sip:112@one")
        self.assertRaises(NoRoute, plan.translate, "xmpp:113@gw.example")
