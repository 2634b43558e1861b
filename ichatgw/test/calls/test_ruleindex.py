"""Tests for L{ichatgw.calls.ruleindex}."""

from __future__ import annotations

from random import Random

import pcre2
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.dialplan import LONGEST, SHORT, DialPlan, compilePattern
from ichatgw.calls.ruleindex import MAX_RUN, START, Beginnings, RuleIndex, beginnings
from ichatgw.errors import NoRoute
from ichatgw.test.marks import slow


def texts(pattern: str) -> set[str]:
    return {text.replace(START, "<") for text in beginnings(pattern).texts}


class BeginningsTests(SynchronousTestCase):
    """With what a match of a pattern begins."""

    def test_text(self) -> None:
        """Plain text after the anchor, to the first thing that is none."""
        for pattern, found in (
            (r"^xmpp:72@", "<xmpp:72@"),
            (r"^xmpp:72\*1@(.*)$", "<xmpp:72*1@"),
            (r"\Asip:\+49(30.*)@", "<sip:+4930"),
            (r"^sip:(.*)@", "<sip:"),
            (r"xmpp:72@gw", "xmpp:72@gw"),
            (r"^(sip:72)@", "<sip:72@"),
            (r"^(?P<a>sip:(?<b>7)2)@", "<sip:72@"),
            (r"(^sip:72)@", "<sip:72@"),
            (r"^sip:(?!00)72", "<sip:72"),
            (r"^sip:(?=(a+)+b)72", "<sip:"),
            (r"^sip:a{2}b", "<sip:aab"),
            (r"^sip:ab{2,}c", "<sip:ab"),
            (r"^sip:ab+c", "<sip:ab"),
            (r"^sip:72$", "<sip:72"),
            (r"^^sip:", "<sip:"),
        ):
            self.assertEqual(texts(pattern), {found}, pattern)

    def test_several(self) -> None:
        """What may stand there or not, alternatives and small classes give several texts."""
        for pattern, found in (
            ("^sips?:7", {"<sip:7", "<sips:7"}),
            ("^(?:sip|xmpp):7", {"<sip:7", "<xmpp:7"}),
            ("^(?:sip|tel|):7", {"<sip:7", "<tel:7", "<:7"}),
            ("^sip:a|^xmpp:b", {"<sip:a", "<xmpp:b"}),
            ("^sip:[12]@", {"<sip:1@", "<sip:2@"}),
            ("^sip:(?:00|[+])49", {"<sip:0049", "<sip:+49"}),
            ("^sip:(?:1|2){2}@", {"<sip:11@", "<sip:12@", "<sip:21@", "<sip:22@"}),
        ):
            self.assertEqual(texts(pattern), found, pattern)

    def test_notUnderstood(self) -> None:
        """Of a pattern that may begin otherwise, or that is not read as PCRE2 does, nothing is said."""
        for pattern in (
            "72|.*",
            "^sip:72|(?:)",
            "(?m)^sip:72",
            "(?x)^sip: 72 # |",
            r"\Qsip:|\E72",
            "(?#^sip:72)7?",
            "(*ANYCRLF)^sip:72",
            "(?:sip:)?",
            "(?:sip:){0}",
            "(?:sip:){2}{0}",
            "[^a]sip:",
            "(?(?=a)a|b)",
            "^a{|^sip:",
            r"\c|sip:",
            "(?i)\u212asip",
            "[[:alpha:](]sip:",
        ):
            self.assertIn("", texts(pattern), pattern)

    def test_many(self) -> None:
        """The texts of one pattern are few: it is cut before they grow."""
        self.assertEqual(texts(r"^sip:[1-9][0-9]{9}@"), {f"<sip:{digit}" for digit in range(1, 10)})
        self.assertLess(len(texts(r"^sip:x(?:a?){30}zzz")), 10)
        self.assertNotIn("zzz", "".join(texts(r"^sip:x(?:a?){30}zzz")))
        self.assertNotIn("zzz", "".join(texts(r"^sip:x(?:a|a){10}zzz")))
        self.assertEqual(texts("(" * 2000 + "a" + ")" * 2000), {""})

    def test_case(self) -> None:
        """If case does not matter the texts are in lower case."""
        for pattern in ("(?i)^SIP:Bob@", "^(?i)SIP:Bob@", "(?si)^SIP:Bob@"):
            self.assertEqual(beginnings(pattern), Beginnings(frozenset({f"{START}sip:bob@"}), foldsCase=True))
        self.assertEqual(texts("^sip:a(?i)b|^xmpp:c"), {""})

    def test_behindRun(self) -> None:
        """Text behind the first run of anything is known as well, if there are not many ways to it."""
        for pattern in (
            r"^xmpp:(.*)@gw\.example$",
            r"^sips?:(.+?)@gw\.example",
            r"(?i)^sip:(?P<user>[^@]{1,})@GW\.example$",
            r"\d+@gw\.example",
            r".*@gw\.example",
            r"^xmpp:72(.*)@gw\.example$",
        ):
            self.assertEqual(beginnings(pattern).behind, {"@gw.example"}, pattern)
        self.assertEqual(texts(r"^xmpp:72(.*)@gw"), {"<xmpp:72"})
        for pattern, found in (
            (r"^sip:(.*)@example|^xmpp:(.*)@example", {"<sip:", "<xmpp:"}),
            (r"^sip:(.*)?@gw\.example", {"<sip:", "<sip:@gw.example"}),
            (r"^sip:((?:a|b)*)@gw\.example", {"<sip:"}),
            (r"^sip:(?:aa|bx*)(.*)@gw\.example", {"<sip:aa", "<sip:b"}),
            (r"^(?:a|b|c)(?:a|b|c):(.*)@gw\.example", {f"<{a}{b}:" for a in "abc" for b in "abc"}),
        ):
            self.assertEqual(beginnings(pattern).behind, {""}, pattern)
            self.assertEqual(texts(pattern), found, pattern)


class RuleIndexTests(SynchronousTestCase):
    """L{RuleIndex}."""

    def setUp(self) -> None:
        self.index = RuleIndex()
        for number, pattern in enumerate(("^xmpp:72@", r"\b@", "72@gw", "^(?i)xmpp:kim@", "^sips?:1"), 1):
            self.index.add(number, pattern)

    def test_order(self) -> None:
        """All that may match, in the order of the rules."""
        self.assertEqual(list(self.index.candidates("xmpp:72@gw")), [1, 2, 3])
        self.assertEqual(list(self.index.candidates("sips:1@x")), [2, 5])
        self.assertEqual(list(self.index.candidates("")), [2])

    def test_longAddress(self) -> None:
        """A run in a long address may exceed the limits, which has to be found out."""
        index = RuleIndex()
        index.add(1, r".*@gw\.example")
        self.assertEqual(list(index.candidates("sip:72@pbx")), [])
        self.assertEqual(list(index.candidates("x" * (MAX_RUN + 1))), [1])

    def test_rareText(self) -> None:
        """Of the texts at the start and behind a run, that counts which fewer rules have."""
        for rules, called in (
            ([rf"^xmpp:{number}(.*)@gw\.example" for number in range(1000, 1100)], "xmpp:1050-1@gw.example"),
            ([rf"^xmpp:(.*)@gw{number}\.example" for number in range(1000, 1100)], "xmpp:72@gw1050.example"),
        ):
            index = RuleIndex()
            for number, pattern in enumerate(rules):
                index.add(number, pattern)
            self.assertEqual(list(index.candidates(called))[-1], 50)
            self.assertLessEqual(len(index.candidates(called)), 2)

    def test_case(self) -> None:
        """Case does not matter where a rule says so; a letter beyond ASCII may be one of ASCII in another case."""
        for address in ("xmpp:KIM@x", "xmpp:kim@x", "xmpp:\u212aim@x"):
            self.assertEqual(list(self.index.candidates(address)), [2, 4])
            self.assertTrue(compilePattern("^(?i)xmpp:kim@").search(address))


class Naive(DialPlan):
    """Tries each rule."""

    def _findAs(self, address: str) -> tuple[int, pcre2.Match | None]:
        isShort = len(address) <= SHORT
        for number in range(1, len(self.rules) + 1) if len(address) <= LONGEST else ():
            try:
                match = self._pattern(number, isShort).search(address)
            except UnicodeEncodeError:
                break
            except pcre2.LibraryError as e:
                self._ranAway(number, address, str(e))
                return number, None
            if match is not None:
                return number, match
        return 0, None


PIECES = (
    *("(.*)@a", ".+72", r"(\d*)7", "[^7]*ab", ".*.*a", "(.*)(.*)b", "(.+?)ab", ".*a?aa!", "(.*)aaa"),
    *("sip", "sips?", "xmpp", "tel", ":", "a", "b", "7", "72", "@", "(a)", "(a|b)", "(?:7|72)", "[0-9]", r"\d", r"\d+"),
    *(".*", ".", "a?", "a*", "b+", "7{2}", "7{1,2}", "7{0,1}", "(?i)", "(?!a)", "(?=a|7)", "(?<=:)", "|", "^", "$"),
    *(
        "(a?){9}",
        "(a+)+",
        "(a+)+b",
        "(a|a)*b",
        r"\Q|\E",
        "[ab]",
        "[^a]",
        r"\.",
        r"\+",
        "(?:)",
        "{",
        "(",
        ")",
        r"\b",
        "(?i:A)",
    ),
    *("((a)|b)?", "(?|a|b)", "(?>a|7)", "(?(1)a|b)", r"\1", "(?1)", "k", "\u212a", "\u017f", "(?s)", "[[:digit:]]"),
)
ADDRESSES = (
    "sip:",
    "sips:",
    "xmpp:",
    "tel:",
    "a",
    "b",
    "7",
    "72",
    "@",
    "aaaa",
    "A",
    "SIP:",
    ".",
    "+",
    "k",
    "\u212a",
    "{",
)


class SameAsBeforeTests(SynchronousTestCase):
    """An index changes nothing but the time that a look-up takes."""

    def pattern(self, random: Random) -> str:
        while True:
            start = random.choice(("^", "^sip:", "^xmpp:", "", "(?i)^", r"\A"))
            pattern = start + "".join(random.choice(PIECES) for _ in range(random.randint(1, 6)))
            try:
                compilePattern(pattern)
            except ValueError:
                continue
            return pattern

    def address(self, random: Random) -> str:
        address = random.choice(ADDRESSES) + "".join(random.choice(ADDRESSES) for _ in range(random.randint(0, 6)))
        length = random.random()
        if length < 0.25:
            address += random.choice(("a", "7", "ab")) * random.randint(20, 60) + "!"
        elif length < 0.28:
            address += "a" * random.randint(SHORT, LONGEST)
        elif length < 0.3:
            address += "\ud800"
        return address

    @slow
    def test_random(self) -> None:
        """Whatever the rules and addresses: the same rule decides, or runs away, as when each is tried in turn."""
        random = Random(20)
        runaways = found = 0
        for _ in range(120):
            rules = [(self.pattern(random), f"sip:{number}@x") for number in range(random.randint(1, 12))]
            plan, naive = DialPlan(rules), Naive(rules)
            for _ in range(25):
                address = self.address(random)
                with capturedLogs() as logged:
                    self.assertEqual(self.outcome(plan, address), self.outcome(naive, address), (rules, address))
                self.assertEqual(plan._runaways, naive._runaways, (rules, address))
                runaways += bool(logged)
                found += plan.matches(address)
        self.assertGreater(runaways, 3)
        self.assertGreater(found, 300)

    def outcome(self, plan: DialPlan, address: str) -> tuple[int, object]:
        number, match = plan._find(address)
        return number, match and (match.start(), match.end(), match.groups())

    @slow
    def test_manyRules(self) -> None:
        """Of thousands of rules only those are tried that may match."""
        rules = [(rf"^(?:xmpp|sips?):{number}@", f"sip:{number}@x") for number in range(1000, 6000)]
        plan = DialPlan([*rules, ("^tel:", "sip:t@x")])
        self.assertEqual(list(plan._index.candidates("xmpp:5999@gw")), [5000])
        self.assertEqual(plan.translate("sips:5999@gw"), "sip:5999@x")
        self.assertEqual(plan.translate("tel:1234"), "sip:t@x")
        self.assertRaises(NoRoute, plan.translate, "xmpp:9999@gw")
