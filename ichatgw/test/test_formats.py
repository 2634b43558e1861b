# -*- test-case-name: ichatgw.test.test_formats -*-
"""
Tests for L{ichatgw.formats}: which parameters make two formats of one name two formats.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw import formats
from ichatgw.model import Codec, SessionDescription


def codec(name: str, parameters: str = "", number: int = 96, clockRate: int = 8000) -> Codec:
    return Codec(name, clockRate, number, 1, parameters)


#: RFC 3551 section 6, tables 4 and 5.
STATIC = """
0 PCMU 8000 1, 3 GSM 8000 1, 4 G723 8000 1, 5 DVI4 8000 1, 6 DVI4 16000 1, 7 LPC 8000 1, 8 PCMA 8000 1, 9 G722 8000 1,
10 L16 44100 2, 11 L16 44100 1, 12 QCELP 8000 1, 13 CN 8000 1, 14 MPA 90000 1, 15 G728 8000 1, 16 DVI4 11025 1,
17 DVI4 22050 1, 18 G729 8000 1
"""


class FormTests(SynchronousTestCase):
    """Formats that are one, and that are two."""

    def assertOther(self, name: str, one: str, other: str) -> None:
        self.assertFalse(codec(name, one).matches(codec(name, other)), f"{name} {one!r} and {other!r}")

    def assertSame(self, name: str, one: str, other: str) -> None:
        self.assertTrue(codec(name, one).matches(codec(name, other)), f"{name} {one!r} and {other!r}")

    def test_layout(self) -> None:
        """Parameters that say how packets look make another format."""
        for name in ("AMR", "AMR-WB", "VMR-WB"):
            self.assertOther(name, "octet-align=1", "")
            self.assertOther(name, "octet-align=1", "octet-align=1;crc=1")
            self.assertOther(name, "octet-align=1", "octet-align=1; robust-sorting=1")
            self.assertOther(name, "octet-align=1", "octet-align=1; interleaving=30")
        self.assertOther("G7221", "bitrate=24000", "bitrate=32000")
        self.assertOther("mpeg4-generic", "mode=AAC-hbr; config=1210", "mode=AAC-hbr; config=1190")
        self.assertOther("MP4A-LATM", "cpresent=0;config=400024203fc0", "")
        self.assertOther("AMR-WB+", "interleaving=20", "")
        self.assertOther("aptx", "variant=standard;bitresolution=16", "variant=enhanced;bitresolution=16")

    def test_unsaid(self) -> None:
        """What goes without saying may be said, in any order and letter case."""
        self.assertSame("AMR", "octet-align=0; mode-change-capability=2", "")
        self.assertSame("amr", "Octet-Align=1;crc=0", " octet-align=1 ")
        self.assertSame("AMR", "crc=1", "crc=1;octet-align=1")
        self.assertSame("AMR", "octet-align=1;interleaving=30", "octet-align=1;interleaving=12")

    def test_wishes(self) -> None:
        """Parameters that say what their sender can receive do not."""
        self.assertSame("opus", "stereo=1;maxplaybackrate=16000", "useinbandfec=1")
        self.assertSame("AMR", "mode-set=0,2,4,7", "mode-set=7; max-red=0")
        self.assertSame("G729", "annexb=no", "")
        self.assertSame("iLBC", "mode=20", "mode=30")
        self.assertSame("telephone-event", "0-11", "0-16")
        self.assertSame("x-unheard-of", "a=1", "a=2")

    def test_variants(self) -> None:
        """Some of them tell two formats of one offer apart, which an answer may make one."""
        for name, one, other in (
            ("AMR", "mode-set=0,2", "mode-set=7"),
            ("iLBC", "mode=20", ""),
            ("G729", "annexb=no", "annexb=yes"),
            ("G723", "annexa=no", ""),
            ("speex", 'mode="1,any"', "mode=3"),
            ("x-unheard-of", "a=1", "a=2"),
        ):
            self.assertNotEqual(codec(name, one).variant, codec(name, other).variant, name)
        self.assertEqual(codec("iLBC", "mode=30").variant, codec("iLBC").variant)
        self.assertEqual(codec("opus", "stereo=1").variant, codec("OPUS").variant)

    def test_static(self) -> None:
        """Formats that are known by their number alone."""
        rows = (each.split() for each in STATIC.split(","))
        expected = {int(number): (name, int(clock), int(channels)) for number, name, clock, channels in rows}
        self.assertEqual(dict(formats.STATIC), expected)

    def test_registered(self) -> None:
        """Only what can mean nothing else is taken for another format than it says."""
        for odd, meant in (
            (("opus", 24000, 1), ("opus", 48000, 2)),
            (("G722", 16000, 1), ("G722", 8000, 1)),
            (("G729A", 8000, 1), ("G729", 8000, 1)),
        ):
            self.assertEqual(formats.registered(*odd), meant)
        for each in (("G722", 8000, 2), ("G7221", 16000, 1), ("G729D", 8000, 1), ("PCMU", 16000, 1), ("L16", 48000, 2)):
            self.assertEqual(formats.registered(*each), each)

    def test_nearest(self) -> None:
        """Of several formats that would do, the one that says the same of itself is meant."""
        both = SessionDescription((codec("iLBC", "", 97), codec("iLBC", "mode=20", 98)))
        self.assertEqual(both.find(codec("iLBC", "mode=20")), both.codecs[1])
        self.assertEqual(both.find(codec("iLBC", "mode=30")), both.codecs[0])
        one = SessionDescription((codec("iLBC", "mode=20", 98),))
        self.assertEqual(one.find(codec("iLBC")), one.codecs[0])

    def test_oddSpelling(self) -> None:
        """Text that is no list of parameters is taken for one, as far as that goes."""
        self.assertEqual(formats.parametersOf(';;=;a;b=; c = "D" ;b=2'), {"a": "", "b": "", "c": "d"})


class AnswerTests(SynchronousTestCase):
    """What an answer says of a format."""

    def test_leftUnsaid(self) -> None:
        """An answer that goes by the number of the offer, and leaves its layout out, means the one that was offered."""
        self.assertEqual(formats.completed("AMR", "", "octet-align=1;mode-set=7"), "octet-align=1")
        self.assertEqual(formats.completed("AMR", "mode-set=7", "Octet-Align=1"), "mode-set=7;Octet-Align=1")
        self.assertEqual(formats.completed("G7221", "", "bitrate=32000"), "bitrate=32000")
        self.assertEqual(formats.completed("opus", "stereo=1", "useinbandfec=1"), "stereo=1")

    def test_said(self) -> None:
        """What it says of the layout stands."""
        self.assertEqual(formats.completed("AMR", "octet-align=0", "octet-align=1"), "octet-align=0")
        self.assertEqual(formats.completed("G7221", "bitrate=24000", "bitrate=32000"), "bitrate=24000")

    def test_ruledOut(self) -> None:
        """What the offer has ruled out, no answer brings back (RFC 7261 section 3)."""
        self.assertEqual(formats.answering("G729", "", "annexb=no"), "annexb=no")
        self.assertEqual(formats.answering("G729", "annexb=yes; x=1", "annexb=no"), "x=1;annexb=no")
        self.assertEqual(formats.answering("G729", "annexb=no", ""), "annexb=no")
        self.assertEqual(formats.answering("G723", "annexa=yes", "annexa=no;bitrate=6.3"), "annexa=no")
        self.assertEqual(formats.answering("iLBC", "mode=20", "mode=30"), "mode=20")


class EventTests(SynchronousTestCase):
    """Ranges of events (RFC 4733 section 2.4.1)."""

    def test_ranges(self) -> None:
        """They are read as numbers and ranges; what cannot be read is the usual ones."""
        self.assertEqual(formats.eventsOf("0-2, 66,70 - 71"), {0, 1, 2, 66, 70, 71})
        self.assertEqual(formats.eventsOf("events=0-1"), {0, 1})
        for text in ("", "all", "0-999", "16-3", "-", "0-15-16"):
            self.assertEqual(formats.eventsOf(text), frozenset(range(16)), text)

    def test_merged(self) -> None:
        """Two lists become one."""
        self.assertEqual(formats.merged("0-9", "5,10-11,16"), "0-11,16")

    def test_intersected(self) -> None:
        """An answer has no more than both have."""
        self.assertEqual(formats.answering("telephone-event", "0-16", "0-11,32"), "0-11")
        self.assertEqual(formats.answering("telephone-event", "", "0-16"), "0-15")
        self.assertEqual(formats.intersected("0-15", "66"), "0-15")
