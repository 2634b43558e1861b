# -*- test-case-name: ichatgw.test.ichat.test_selection -*-
# mypy: allow-untyped-calls
"""
Tests for L{ichatgw.ichat.selection}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID
from twisted.words.protocols.jabber.xmpp_stringprep import nodeprep

from ichatgw.ichat.selection import _USUAL, MAX_NAME, _prepared, callerName, select, variants
from ichatgw.xmpp.presence.presence import Resource


def resource(
    name: str, show: str = "", priority: int = 0, ext: str = "avavail", node: str = "apple:ichat:caps"
) -> Resource:
    return Resource(JID(f"scott@jabber.example/{name}"), show, priority, node, "388", frozenset(ext.split()))


class SelectTests(SynchronousTestCase):
    """L{select}."""

    def assertSelects(self, expected: str, *resources: Resource) -> None:
        self.assertEqual(" ".join(jid.resource or "" for jid in select(resources)), expected)

    def test_none(self) -> None:
        """Nobody there, nobody rings."""
        self.assertSelects("")

    def test_bestShow(self) -> None:
        """C{show} counts first, in the order available, chat, away, dnd, xa; the priority does not make up for it."""
        order = [resource(show or "available", show) for show in ("xa", "dnd", "away", "chat", "")]
        for more in range(1, 6):
            self.assertSelects(order[more - 1].jid.resource or "", *order[:more])
        self.assertSelects("a", resource("a"), resource("b", "chat", 127))

    def test_highestPriority(self) -> None:
        """Of the same C{show}, the highest priority rings."""
        self.assertSelects("b", resource("a", priority=0), resource("b", priority=5), resource("c", priority=-1))

    def test_equals(self) -> None:
        """All that are equally good ring."""
        self.assertSelects("a c", resource("a"), resource("b", "away"), resource("c"))

    def test_notAvailableForAV(self) -> None:
        """What is not an iChat, or an iChat without C{avavail}, does not ring."""
        self.assertSelects("c", resource("a", ext="avcap audio"), resource("b", node="psi"), resource("c", "xa", -5))


class CallerNameTests(SynchronousTestCase):
    """L{callerName}."""

    def test_short(self) -> None:
        """A short name stays as it is, in the case an address has."""
        self.assertEqual(callerName("Bell"), "bell")
        self.assertEqual(callerName("+15551234"), "+15551234")

    def test_long(self) -> None:
        """A longer name is cut to ten characters, which iChat takes."""
        self.assertEqual(callerName("graham-bell-jr"), "graham-bel")

    def test_badEnd(self) -> None:
        """A cut leaves no dot, no space and no part of an escape at the end."""
        self.assertEqual(callerName("alexander.bell"), "alexander")
        self.assertEqual(callerName("alexande bell"), "alexande")
        self.assertEqual(callerName("alexan%20bell"), "alexan\\20b")
        self.assertEqual(callerName("alexand%20bell"), "alexand")
        self.assertEqual(callerName("alexander@bell"), "alexander")
        self.assertEqual(callerName("alexandr@bell"), "alexandr")
        self.assertEqual(callerName("100%"), "100")
        self.assertEqual(callerName("a.. ."), "a")

    def test_escaped(self) -> None:
        """What may not stand in an address is escaped (XEP-0106), and so is what would look escaped."""
        self.assertEqual(callerName("a@b"), "a\\40b")
        self.assertEqual(callerName("a\\20b"), "a\\5c20b")

    def test_usual(self) -> None:
        """Letters, digits and the like become what nodeprep makes of them, and nothing else does."""
        usual = [char for char in map(chr, range(128)) if _USUAL(char)]
        self.assertEqual(len(usual), 65)
        for text in (*usual, "".join(usual)):
            self.assertEqual(_prepared(text), nodeprep.prepare(text))
        self.assertFalse(any(map(_USUAL, "\"&'/:<>@ \u00e9\u212a")))

    def test_nothingLeft(self) -> None:
        """A name of which nothing is left is empty."""
        for user in ("", " ", ".", "...", "%20", "\N{SOFT HYPHEN}", "\x00\x07", "%00", "\ud800"):
            self.assertEqual(callerName(user), "", ascii(user))

    def test_alwaysAnAddress(self) -> None:
        """Whatever a caller is called, the name is empty or the user part of an address, and no longer than ten."""
        for user in (
            "\N{HEBREW LETTER ALEF}b1\N{ARABIC LETTER ALEF}x",
            "\N{HEBREW LETTER ALEF}1",
            "\N{LATIN SMALL LETTER SHARP S}" * 9,
            "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}",
            "e\N{COMBINING ACUTE ACCENT}" * 8,
            "\r\nSubject: x",
            "x" * 100_000,
            "\\" * 50,
            "%5c" * 50,
            "<script>&'\"/",
        ):
            name = callerName(user)
            self.assertLessEqual(len(name), MAX_NAME)
            if name:
                self.assertEqual(JID(f"{name}@gw.example").user, name)


class VariantsTests(SynchronousTestCase):
    """L{variants}."""

    def test_variants(self) -> None:
        """First the name, then others that differ from it and from each other, none longer than ten characters."""
        for name in ("", "bell", "graham-bel", "graham-be2"):
            found = list(variants(name))
            self.assertEqual(found[0], name)
            self.assertEqual(len(set(found)), len(found))
            self.assertGreaterEqual(len(found), 34)
            self.assertLessEqual(max(map(len, found)), MAX_NAME)
        self.assertEqual(list(variants("graham-bel"))[1], "graham-be2")
        self.assertEqual(list(variants("alexande\\2"))[1], "alexande2")
