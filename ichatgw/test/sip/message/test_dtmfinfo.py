# -*- test-case-name: ichatgw.test.sip.message.test_dtmfinfo -*-
"""
Keys in the body of an INFO.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.model import KEYS, Tone
from ichatgw.sip.message.dtmfinfo import LONGEST, PLAIN, RELAY, SHORTEST, parse, write


class DTMFTests(SynchronousTestCase):
    """L{ichatgw.sip.message.dtmfinfo}."""

    def test_relay(self) -> None:
        """As phones write it, in any case, with any line ends; the duration may be left out."""
        self.assertEqual(parse("Signal=1\r\nDuration=160\r\n", RELAY), Tone("1", 160))
        self.assertEqual(parse("Signal= *\nDuration= 250", RELAY), Tone("*", 250))
        self.assertEqual(parse("signal=d\rDURATION=100\r", RELAY), Tone("D", 100))
        self.assertEqual(parse("Signal=#", RELAY), Tone("#", 160))
        self.assertEqual(parse("Signal=7\r\nDuration=soon", RELAY), Tone("7", 160))
        self.assertEqual(parse("Signal: 7\r\nDuration: 250\r\n", RELAY), Tone("7", 250))
        self.assertEqual(parse('Signal="*"\r\nDuration="250"', RELAY), Tone("*", 250))
        self.assertEqual(parse("Signal=5;Duration=250", RELAY), Tone("5", 250))

    def test_plain(self) -> None:
        """The key alone, or as above."""
        self.assertEqual(parse("5", PLAIN), Tone("5"))
        self.assertEqual(parse(" 0 \r\n", PLAIN), Tone("0"))
        self.assertEqual(parse("Signal=9\r\nDuration=80", PLAIN), Tone("9", 80))

    def test_numbers(self) -> None:
        """Some write the number of the event."""
        self.assertEqual([parse(f"Signal={n}", RELAY).key for n in range(10, 16)], list("*#ABCD"))

    def test_bounded(self) -> None:
        """A tone is long enough to be heard, and no stuck key."""
        self.assertEqual(parse("Signal=1\nDuration=1", RELAY).milliseconds, SHORTEST)
        self.assertEqual(parse("Signal=1\nDuration=999999999999", RELAY).milliseconds, LONGEST)

    def test_malformed(self) -> None:
        """Flash hook, words and nothing are no keys."""
        for text in (
            "",
            "Signal=",
            "Signal=16",
            "Signal=!",
            "Signal=12345",
            "Duration=1",
            "5",
            "Signal=\u0663",
            "=\n=" * 999,
        ):
            self.assertRaises(MalformedError, parse, text, RELAY)
        self.assertRaises(MalformedError, parse, "hookflash", PLAIN)

    def test_thereAndBack(self) -> None:
        """What is written is read."""
        for key in KEYS:
            self.assertEqual(parse(write(Tone(key, 200)), RELAY), Tone(key, 200))
