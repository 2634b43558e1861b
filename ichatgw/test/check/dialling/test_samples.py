"""
Tests for L{ichatgw.check.dialling.samples}.
"""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.check.dialling.samples import LONGEST, MOST, samples


class SampleTests(SynchronousTestCase):
    """What is made of patterns."""

    def test_match(self) -> None:
        """Texts of all kinds of parts match their pattern, and there are short and long ones."""
        for pattern in (
            r"^sip:([0-9]+)@",
            r"^sips?:([a-z]+)@example\.com$",
            r"^xmpp:\+?(\d{3,5})@gw\.example\.com$",
            r"^xmpp:(?:00|\+)49(\d*)x{2}@(a|b|c)\.de",
            r"^sip:(?P<who>[^@;]+)@(?<where>.*?)$".replace("(?<where>", "(?P<where>"),
            r"^(sip|xmpp):[\w.+-]+@[]a]$",
            r"(?i)^SIP:\w{2,}@",
            r"^sip:a(b(c(d)?)*)+@",
            r"sip:7",
        ):
            made = samples(pattern)
            self.assertTrue(0 < len(made) <= MOST, pattern)
            for text in made:
                self.assertRegex(text, re.compile(pattern), pattern)
        self.assertTrue({1, 3} <= {len(text) - 5 for text in samples(r"^sip:([0-9]+)@")})

    def test_branches(self) -> None:
        """Each branch has an example."""
        self.assertEqual(set(samples("^(?:a|b|c|)d$")), {"ad", "bd", "cd", "d"})

    def test_unknown(self) -> None:
        """Of what is not known nothing is made, and nothing is raised."""
        for pattern in (
            r"^(?=sip)",
            r"^sip:(?!9)\d+@",
            r"(a)\1",
            r"\p{L}",
            r"\D",
            r"[[:digit:]]",
            "(",
            ")",
            "a)",
            "[",
            "[^\\",
            "\\",
            "(" * 1000,
            "x" * (LONGEST + 1),
            r"(?:(*FAIL))",
            r"[b-a]",
        ):
            self.assertEqual(samples(pattern), (), pattern)

    def test_bounded(self) -> None:
        """Patterns that match very much make little."""
        made = samples("^" + "(a|b|c|d|e|f|g|h|i|j|k|l|m|n)*" * 15 + "x{999}$")
        self.assertTrue(0 < len(made) <= MOST)
        self.assertTrue(all(len(text) < 1000 for text in made))
