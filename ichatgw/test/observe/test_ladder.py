"""Tests for L{ichatgw.observe.ladder}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import Ending, EndReason
from ichatgw.observe.events import LegEnded, MessageReceived, MessageSent
from ichatgw.observe.ladder import coloured, draw, labelOf, line
from ichatgw.observe.snapshots import Rung
from ichatgw.test.support.events import OURS, PHONE, sip


def message(data: bytes, sent: bool = False, protocol: str = "SIP") -> MessageReceived | MessageSent:
    """One that passes."""
    return (MessageSent if sent else MessageReceived)(1.0, 2.0, protocol, "udp", data, PHONE, OURS)


class LadderTests(SynchronousTestCase):
    """Calls, drawn."""

    def test_sides(self) -> None:
        """The caller is at the left, the callee at the right; arrows go the way of the message."""
        invite, ringing = sip("INVITE sip:72@gw SIP/2.0", "a"), sip("SIP/2.0 180 Ringing", "a", "CSeq: 1 INVITE")
        rungs = [
            Rung(0.0, "in", "caller", message(invite)),
            Rung(0.02, "out", "callee", message(invite, sent=True)),
            Rung(1.5, "out", "callee", message(ringing)),
            Rung(1.5, "in", "caller", message(ringing, sent=True)),
        ]
        lines = draw(rungs).split("\n")
        self.assertEqual(lines[0].split(), ["caller", "gateway", "callee"])
        self.assertRegex(lines[1], r"^ +0 ms \|-+ INVITE 72 -+>\| +\|$")
        self.assertRegex(lines[2], r"^ +20 ms \| +\|-+ INVITE 72 -+>\|$")
        self.assertRegex(lines[3], r"^ +1500 ms \| +\|<-+ 180 Ringing \(SIP\) -+\|$")
        self.assertRegex(lines[4], r"^ +1500 ms \|<-+ 180 Ringing \(SIP\) -+\| +\|$")
        self.assertEqual({len(each) for each in lines[1:]}, {98})

    def test_labels(self) -> None:
        """A message is told in a few words."""
        jingle = "<iq type='set' id='1'><jingle xmlns='urn:xmpp:jingle:1' action='session-accept' sid='s'/></iq>"
        propose = "<message><propose xmlns='urn:xmpp:jingle-message:0' id='p'/></message>"
        for text, label in {
            jingle: "session-accept",
            propose: "propose",
            "<iq type='result' id='1'/>": "iq result",
            "<iq type='set'><query xmlns='apple:iq:vc:request'/></iq>": "vc:request",
            "<presence from='a'/>": "presence",
            "junk": "stream",
        }.items():
            self.assertEqual(labelOf(message(text.encode(), protocol="XMPP")), label)

    def test_hostile(self) -> None:
        """What a far end writes breaks neither the lines nor the terminal, and no secret is in a label."""
        for data in (b"", b"\x1b[2J\x07\r\n", b"INVITE sip:" + 500 * b"x" + b"@b SIP/2.0\r\n", b"\xff\xfe"):
            drawn = line(Rung(0.0, "in", "caller", message(data)))
            self.assertTrue(drawn.isprintable(), drawn)
            self.assertEqual(len(drawn), 98)
        self.assertNotIn("secret", labelOf(message(b"INVITE sip:bob:secret@b SIP/2.0\r\n")))

    def test_ends(self) -> None:
        """What happens besides messages stands between the parties, in words."""
        ended = LegEnded(1.0, 2.0, "c-1", "in", Ending(EndReason.BUSY, "486"))
        self.assertIn("leg in ended: the callee is busy 486", line(Rung(3.0, "in", "caller", ended)))
        silent = LegEnded(1.0, 2.0, "c-1", "in", None)
        self.assertIn("leg in never said that it ended", line(Rung(3.0, "in", "caller", silent)))

    def test_colours(self) -> None:
        """On a terminal the two sides have colours of their own, and the text stays the same."""
        rungs = [Rung(0.0, "leg", role, message(b"ACK sip:a SIP/2.0\r\n")) for role in ("caller", "callee")]
        first, second = map(coloured, rungs)
        self.assertNotEqual(first[:5], second[:5])
        self.assertIn(line(rungs[0]), first)

    def test_none(self) -> None:
        """Of nothing nothing is drawn."""
        self.assertEqual(draw([]), "")
