"""Tests for L{ichatgw.calls.dialplan}."""

from __future__ import annotations

import re
from pathlib import Path
from time import process_time

from twisted.logger import LogEvent, capturedLogs
from twisted.trial.unittest import SkipTest, SynchronousTestCase

import ichatgw
from ichatgw.calls.dialplan import LONGEST, SHORT, DialPlan, checkOutput, compilePattern, doubts
from ichatgw.errors import ConfigError, NoRoute
from ichatgw.model import Party
from ichatgw.xmpp.calleraddress import callerJID

MANUAL = (
    (r"^xmpp:(.*)@ichat-gw.jabber.company.com$", "sip:$1@sipdomain.com"),
    (r"^sip:(.*)@sipdomain.com$", "xmpp:$1@jabber.company.com"),
)


def translate(address: str, *rules: tuple[str, str]) -> str:
    return DialPlan(rules).translate(address)


class TranslateTests(SynchronousTestCase):
    """What becomes of an address."""

    def test_isAboutXMPP(self) -> None:
        """Rules that are anchored to SIP or telephone numbers, and lead to SIP, are not about XMPP; others may be."""
        phones = [("^sip:1", "sip:1@x"), ("^sips?:2", "sips:2@x"), ("^SIPS:3", "SIP:3@x"), ("^tel:4", "sip:4@x")]
        self.assertFalse(DialPlan(phones).isAboutXMPP)
        self.assertTrue(DialPlan([]).isAboutXMPP)
        for rule in (("^xmpp:1", "sip:1@x"), ("1@", "sip:1@x"), ("^sip:1", "xmpp:1@x"), ("^(sip|xmpp):1", "sip:1@x")):
            self.assertTrue(DialPlan([*phones, rule]).isAboutXMPP, rule)
        plan = DialPlan(phones)
        plan.adopt(DialPlan([("^sip:1", "xmpp:1@x")]))
        self.assertTrue(plan.isAboutXMPP)

    def test_manualFromIChat(self) -> None:
        """The manual's example for calls from iChat."""
        self.assertEqual(translate("xmpp:72*123@ichat-gw.jabber.company.com", *MANUAL), "sip:72*123@sipdomain.com")

    def test_manualFromSip(self) -> None:
        """The manual's example for calls from SIP endpoints."""
        self.assertEqual(translate("sip:username@sipdomain.com", *MANUAL), "xmpp:username@jabber.company.com")

    def test_escaped(self) -> None:
        """What XMPP escapes is spelt as SIP has it (RFC 7247), and only on that way."""
        for user, number in (
            (r"o\27brien", "o'brien"),
            (r"anna\40example.org", "anna%40example.org"),
            (r"space\20cadet", "space%20cadet"),
            (r"a\5c20b", "a%5C20b"),
            (r"a\b", r"a\b"),
        ):
            called = f"xmpp:{user}@ichat-gw.jabber.company.com"
            self.assertEqual(translate(called, *MANUAL), f"sip:{number}@sipdomain.com")
        folded = (r"^xmpp:(.+)\\40(.+)@gw$", "sips:$1@$2")
        self.assertEqual(translate(r"xmpp:o\27brien\40sip.example@gw", folded), "sips:o'brien@sip.example")
        self.assertEqual(translate(r"xmpp:o\27brien@a", ("^xmpp:(.+)@a$", "xmpp:$1@b")), r"xmpp:o\27brien@b")
        self.assertEqual(translate(r"sip:o\27brien@a", ("^sip:(.+)@a$", "sip:$1@b")), r"sip:o\27brien@b")

    def test_telephone(self) -> None:
        """A number is looked for as it came, without its context, and then as rules for SIP addresses have it."""
        telephone, sip = ("^tel:(.+)$", "sip:$1@a"), (r"^sip:(\+?[0-9#]+)@", "sip:$1@b")
        self.assertEqual(translate("tel:+4930", sip, telephone), "sip:+4930@a")
        self.assertEqual(translate("tel:+4930", sip), "sip:+4930@b")
        self.assertEqual(translate("tel:7042;phone-context=ims.example", sip), "sip:7042@b")
        context = ("^tel:([0-9]+);phone-context=(.+)$", "sip:$1@$2")
        self.assertEqual(translate("tel:7042;phone-context=ims.example", sip, context), "sip:7042@ims.example")
        self.assertEqual(translate("tel:7042;phone-context=x", sip, ("^tel:([0-9]+)$", "sip:$1@c")), "sip:7042@c")
        self.assertRaises(NoRoute, translate, "tel:+4930", ("^sips:(.+)$", "sip:$1"))
        self.assertTrue(DialPlan([sip]).matches("tel:1"))

    def test_service(self) -> None:
        """A service is called by its name (RFC 5031)."""
        self.assertEqual(translate("urn:service:sos.fire", (r"^urn:service:sos", "sip:112@pbx")), "sip:112@pbx")

    def test_noRule(self) -> None:
        """An address that no rule matches has no route."""
        self.assertRaises(NoRoute, translate, "sip:bob@elsewhere.com", *MANUAL)
        self.assertRaises(NoRoute, translate, "sip:bob@elsewhere.com")

    def test_search(self) -> None:
        """A pattern is searched for anywhere in the address."""
        self.assertEqual(translate("sip:100@here", ("100", "xmpp:bob@there")), "xmpp:bob@there")

    def test_firstMatchWins(self) -> None:
        """Of two rules that match, the first decides."""
        self.assertEqual(translate("sip:1@x", ("9", "sip:no@x"), ("1", "sip:a@x"), ("1", "sip:b@x")), "sip:a@x")

    def test_literalOutput(self) -> None:
        """An output without a dollar is taken as it is."""
        self.assertEqual(translate("sip:(x)@y", ("x", r"sip:back\1@y")), r"sip:back\1@y")

    def test_allNineGroups(self) -> None:
        """C{$1} to C{$9} are replaced, in any order."""
        rule = ("(a)(b)(c)(d)(e)(f)(g)(h)(i)", "sip:$9$8$7$6$5$4$3$2$1@x")
        self.assertEqual(translate("abcdefghi", rule), "sip:ihgfedcba@x")

    def test_onePass(self) -> None:
        """A C{$2} that the caller smuggles into the first group is not expanded."""
        self.assertEqual(translate("sip:$2-b@x", ("sip:(.*)-(b)", "sip:$1@x")), "sip:$2@x")

    def test_missingGroups(self) -> None:
        """Groups that took no part in the match are empty."""
        self.assertEqual(translate("sip:b", ("(a)?b(c)?", "sip:x$1$2y")), "sip:xy")

    def test_noSuchGroup(self) -> None:
        """A rule that refers to a group that its pattern does not have is refused."""
        for pattern, output, why in (
            ("(a)(b)", "sip:$1$3", "$3 is nothing, the pattern has 2 brackets"),
            ("(?:a)", "sip:$1", "$1 is nothing, the pattern has no brackets"),
            (r"\(a(b)", "sip:$2", "$2 is nothing, the pattern has one pair of brackets"),
        ):
            problem = self.assertRaises(ConfigError, DialPlan, [("x", "sip:y"), (pattern, output)])
            self.assertEqual(str(problem), f"translation rule 2: {why}")

    def test_otherDollars(self) -> None:
        """A dollar that names no group stays."""
        self.assertEqual(translate("sip:a", ("(a)", "sip:$0$x$$1$12$")), "sip:$0$x$aa2$")

    def test_wholePcre(self) -> None:
        """The syntax is that of Perl: lookahead, possessive quantifiers, inline options."""
        rule = (r"(?i)^SIP:(?!00)(\d++)(?=@)", "xmpp:n$1@x")
        self.assertEqual(translate("sip:123@y", rule), "xmpp:n123@x")
        self.assertRaises(NoRoute, translate, "sip:00123@y", rule)

    def test_digitsAreAscii(self) -> None:
        r"""C{\d} matches no digits of other scripts, which no phone could dial."""
        self.assertRaises(NoRoute, translate, "sip:\u0661@x", (r"\d", "sip:1@x"))

    def test_unicode(self) -> None:
        """Letters of any script pass through."""
        self.assertEqual(translate("xmpp:jos\u00e9@x", ("^xmpp:(.).*(.)@", "sip:$1$2@y")), "sip:j\u00e9@y")

    def test_scheme(self) -> None:
        """The scheme of the result is in lower case, whatever the rule says."""
        self.assertEqual(translate("sip:a@x", ("(a)", "SIPS:$1@y")), "sips:a@y")

    def test_ruleFor(self) -> None:
        """The rule that decides is told by its number, from 1; 0 stands for none."""
        plan = DialPlan([("^sip:1@", "xmpp:a@b"), ("^sip:\\d@", "xmpp:c@d"), ("^sip:2@", "xmpp:e@f")])
        self.assertEqual([plan.ruleFor(f"sip:{user}@x") for user in ("1", "2", "kim")], [1, 2, 0])

    def test_matches(self) -> None:
        """C{matches} only asks whether there is a rule."""
        plan = DialPlan(MANUAL)
        self.assertTrue(plan.matches("sip:bob@sipdomain.com"))
        self.assertFalse(plan.matches("sip:bob@elsewhere.com"))

    def test_anyIterable(self) -> None:
        """Rules may come from any iterable, once."""
        self.assertTrue(DialPlan(iter(MANUAL)).matches("sip:bob@sipdomain.com"))


class HostileAddressTests(SynchronousTestCase):
    """Called addresses come from strangers."""

    def refused(self, address: str, *rules: tuple[str, str]) -> list[LogEvent]:
        """C{address} has no route; return what was logged."""
        with capturedLogs() as logged:
            self.assertRaises(NoRoute, translate, address, *rules)
        return list(logged)

    def test_unusableResults(self) -> None:
        """A result that holds what no address may hold is no route, and is logged."""
        for text in (
            "a b",
            "a\r\nX: y",
            "a\0",
            "a\u2028b",
            "a\x85b",
            "a\u200bb",
            "a>b",
            "a<b",
            'a"b',
            "a@b",
            "a\u3000b",
        ):
            logged = self.refused(f"xmpp:{text}@x", ("(?s)^xmpp:(.*)@x$", "sip:$1@y"))
            self.assertEqual(len(logged), 1, text)
            self.assertTrue(logged[0]["address"].isprintable())
            self.assertTrue(logged[0]["result"].isprintable())

    def test_otherSchemes(self) -> None:
        """What the caller writes cannot become a scheme we do not speak, nor an empty address."""
        self.assertEqual(len(self.refused("http://x", ("(.*)", "$1"))), 1)
        self.assertEqual(len(self.refused("sip:", ("(.*)", "$1"))), 1)
        self.assertEqual(len(self.refused("nothing", ("(.*)", "$1"))), 1)

    def test_noFallingThrough(self) -> None:
        """A rule that matches but gives nothing usable decides all the same."""
        self.refused("sip:a b@x", ("(.*)", "$1"), ("a", "sip:expensive@x"))

    def test_loggedShort(self) -> None:
        """Long addresses are cut in the log."""
        event = self.refused("sip:" + " " * 900, ("(.*)", "$1"))[0]
        self.assertLess(len(event["address"]), 120)
        self.assertLess(len(event["result"]), 120)

    def test_tooLong(self) -> None:
        """Addresses of more than 1024 characters have no route, whatever the rules."""
        plan = DialPlan([("a", "sip:a@x")])
        self.assertTrue(plan.matches("a" * LONGEST))
        self.assertFalse(plan.matches("a" * (LONGEST + 1)))

    def test_surrogates(self) -> None:
        """Half a surrogate pair has no route."""
        self.refused("sip:\ud800@x", ("(.*)", "sip:a@x"))

    def test_runaway(self) -> None:
        """A pattern that would backtrack for ages gives no route at once, and one warning for all such calls."""
        plan = DialPlan([("(a+)+$", "sip:a@x"), (".", "sip:b@x")])
        with capturedLogs() as logged:
            before = process_time()
            self.assertRaises(NoRoute, plan.translate, "a" * 1000 + "!")
            spent = process_time() - before
            self.assertRaises(NoRoute, plan.translate, "a" * 1000 + "!")
            self.assertFalse(plan.matches("a" * 1000 + "!"))
        self.assertLess(spent, 0.05)
        self.assertEqual([event["number"] for event in logged], [1])
        self.assertEqual(plan.translate("a"), "sip:a@x")

    def test_longAddresses(self) -> None:
        """A long address gets fewer steps for each of its characters, which are enough for a rule that works."""
        plan = DialPlan([(r"^sip:([a-z.]+)@([a-z.]+)$", "xmpp:$1@$2")])
        name = "a" * (SHORT - 20)
        self.assertEqual(plan.translate(f"sip:{name}@x"), f"xmpp:{name}@x")
        self.assertEqual(plan.translate(f"sip:{4 * name}@x"), f"xmpp:{4 * name}@x")
        with capturedLogs():
            self.assertRaises(NoRoute, translate, "a" * SHORT + "!", ("(a+)+$", "sip:a@x"))

    def test_recursion(self) -> None:
        """A pattern that calls itself comes to an end."""
        with capturedLogs():
            self.assertRaises(NoRoute, translate, "(" * LONGEST, (r"^(\((?1)*\)?)+x", "sip:a@x"))


class BadRuleTests(SynchronousTestCase):
    """Rules that can never work stop the start."""

    def test_badPattern(self) -> None:
        """The error names the rule by number, the reason and the place in the pattern as the administrator wrote it."""
        error = self.assertRaises(ConfigError, DialPlan, [("a", "sip:a@x"), ("a(b", "sip:b@x")])
        self.assertEqual(str(error), "translation rule 2: missing closing parenthesis at character 3 of the pattern")

    def test_emptyPattern(self) -> None:
        """An empty pattern, which would match everything, is refused."""
        error = self.assertRaises(ConfigError, DialPlan, [("", "sip:a@x")])
        self.assertEqual(str(error), "translation rule 1: the pattern is empty")

    def test_badOutput(self) -> None:
        """An output that can give no address is refused."""
        for output in ("", "bob@x", "tel:1", " sip:a@x"):
            self.assertRaises(ConfigError, DialPlan, [("a", output)])
            self.assertRaises(ValueError, checkOutput, output)

    def test_noScheme(self) -> None:
        """An output that begins with what brackets matched needs brackets that can hold a scheme."""
        for pattern, output in (
            (r"^xmpp:(\d+)@gw$", "$1@pbx"),
            (r"^xmpp:(.*)@gw$", "$1@pbx"),
            (r"^xmpp:(?:00|\+)([0-9]+)@", "$1@pbx"),
            (r"(?i)^xmpp:(?<n>\d+)@(.*)$", "$2;$1"),
            (r"(\d+)@gw", "$1"),
            (r"^sip:([^()@]+)\)@", "$1@chat"),
        ):
            error = self.assertRaises(ConfigError, DialPlan, [(pattern, output)])
            why = f"{output[:2]} holds no sip:, sips: or xmpp:, and the output does not start with one"
            self.assertEqual(str(error), f"translation rule 1: {why}")

    def test_schemeInBrackets(self) -> None:
        """Brackets that stand where an address begins, or name a scheme, may give it."""
        for pattern, output in (
            ("(.*)", "$1"),
            ("^(.*)@gw$", "$1@pbx"),
            ("(?i)^(sips?:.*)@gw", "$1@pbx"),
            (r"^(?:(\w+:))(.*)@gw", "$1$2@pbx"),
            ("^xmpp:((?:sip|xmpp):.*)$", "$1;user=phone"),
            ("^xmpp:(.*)@gw$", "$1"),
        ):
            DialPlan([(pattern, output)])

    def test_doubts(self) -> None:
        """What is written as in other programs, and patterns that no address matches, are remarked upon."""
        for output in (r"sip:\1@pbx", "sip:${EXTEN}@pbx", "sip:$0@pbx", "sip:$10@pbx", "sip:$(1)@pbx"):
            (doubt,) = doubts("^xmpp:(.*)@", output)
            self.assertIn("stands for itself", doubt)
        for pattern in (r"^\d+@", r"^(\d+)@gw", "^([0-9]+)", "^49.*", r"^(?:\+)49", "^@gw", "^[+0-9]+"):
            (doubt,) = doubts(pattern, "sip:$1@pbx")
            self.assertIn("addresses start with xmpp:, sip:, tel: or urn:", doubt)
        for pattern in (r"^xmpp:\d+", r"\d+@", "^(sip:)", "^tel:", "^urn:", "^sips?:", "^[sx]", "^.*", r"^\w+:"):
            self.assertEqual(list(doubts(pattern, "sip:$1-$2@pbx")), [], pattern)

    def test_surrogates(self) -> None:
        """A pattern that is no Unicode text is refused."""
        self.assertRaises(ValueError, compilePattern, "\udc80")


class ReadmeTests(SynchronousTestCase):
    """The rules that README shows."""

    def test_bothWays(self) -> None:
        """Numbers as people write them can be called, and so can every caller as clients show them."""
        readme = Path(ichatgw.__file__).parent.parent / "README.rst"
        if not readme.exists():
            raise SkipTest("this is no checkout")
        rules = re.findall(r"TranslationPattern = (.*)\n +TranslationOutput = (.*)", readme.read_text("utf-8"))
        plan = DialPlan(rules)
        for number in ("72", "+49301234", "72*1", "*21#72"):
            called = f"xmpp:{number}@ichat-gw.example.com"
            self.assertEqual(plan.translate(called), f"sip:{number}@pbx.example.com")
        for caller in (f"sip:{user}@{host}" for user in ("72", "+4930") for host in ("pbx.example.com", "10.77.0.20")):
            shown = callerJID(Party(caller), "ichat-gw.example.com", plan.translate)
            self.assertEqual(plan.translate(f"xmpp:{shown.userhost()}"), caller)
        self.assertEqual(plan.translate("sip:scott.b-1@192.0.2.10:5070"), "xmpp:scott.b-1@example.com")
