# -*- test-case-name: ichatgw.test.sim.ichat.test_blob -*-
"""
Tests of the simulators' address records.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.model import TransportAddress
from ichatgw.sim.ichat.blob import Record, decodeRecords, encodeRecords

V4 = Record("eth0", TransportAddress("192.0.2.10", 5070))
V6 = Record("eth1", TransportAddress("2001:db8::10", 5070))
V4_TEXT = "0000000065746830000000000000000000000000c000020a00000000000000000000000013ce0000"
V6_TEXT = "000000016574683100000000000000000000000020010db800000000000000000000001013ce0000"


class RecordTests(SynchronousTestCase):
    def test_examples(self) -> None:
        """The worked examples come out to the digit, both ways."""
        self.assertEqual(encodeRecords([V4, V6]), V4_TEXT + V6_TEXT)
        self.assertEqual(decodeRecords(V4_TEXT + V6_TEXT), [V4, V6])

    def test_quirks(self) -> None:
        """Stale bytes, upper case and a line feed come as told, and nowhere else."""
        text = encodeRecords([V4, V6], junk=True, upper=True, lineFeed=True)
        self.assertEqual(text[0], "\n")
        self.assertEqual(text[1:], text[1:].upper())
        self.assertEqual(text[49:73], "0000000000D69A20FFFE63F7")
        self.assertEqual(text[81:], V6_TEXT.upper())

    def test_strict(self) -> None:
        """What a gateway should not send is malformed."""
        for bad in (
            "",
            V4_TEXT[:-1],
            V4_TEXT[:40],
            "\n" + V4_TEXT,
            V4_TEXT.upper(),
            "zz" + V4_TEXT[2:],
            "00000100" + V4_TEXT[8:],
            V4_TEXT[:50] + "11" + V4_TEXT[52:],
            V4_TEXT[:-8] + "00000000",
            V4_TEXT[:-4] + "0001",
            V4_TEXT[:8] + "61" * 16 + V4_TEXT[40:],
            V4_TEXT[:8] + "00" * 16 + V4_TEXT[40:],
        ):
            self.assertRaises(MalformedError, decodeRecords, bad)
