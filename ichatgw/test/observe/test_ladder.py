"""Tests for L{ichatgw.observe.ladder}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import Ending, EndReason
from ichatgw.observe import events
from ichatgw.observe.events import MessageReceived, MessageSent
from ichatgw.observe.ladder import coloured, draw, labelOf, line, said
from ichatgw.observe.snapshots import Rung
from ichatgw.test.support.events import OURS, PHONE, sip

NOW = (1.0, 2.0)


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

    def test_happened(self) -> None:
        """What happens besides messages stands between the parties, in words."""
        ending = Ending(EndReason.BUSY, "486")
        for event, words in (
            (events.CallArrived(*NOW, "1", "in-1", "sip", "sip:a@b", "sip:c@d", PHONE, ("PCMU", "PCMA")),
             "sip:a@b calls sip:c@d (PCMU, PCMA)"),
            (events.CallRouted(*NOW, "1", "out-1", "jingle", "sip:a@b", "xmpp:c@d"), "leads to xmpp:c@d for sip:a@b"),
            (events.LegStarted(*NOW, "1", "out-1", "callee", "jingle", "xmpp:c@d"),
             "jingle leg out-1 is the callee's, with xmpp:c@d"),
            (events.CallRang(*NOW, "1", "out-1"), "leg out-1 rings"),
            (events.CallAnswered(*NOW, "1", "out-1", ("PCMU",)), "leg out-1 has answered (PCMU)"),
            (events.LegEnded(*NOW, "1", "out-1", ending), "leg out-1 ended: the callee is busy 486"),
            (events.LegEnded(*NOW, "1", "out-1", None), "leg out-1 never said that it ended"),
            (events.CallEnded(*NOW, "1", "the callee", Ending(EndReason.BUSY), False),
             "ended by the callee: the callee is busy"),
            (events.MediaStarted(*NOW, "1", "caller", PHONE), f"first packet of the caller from {PHONE}"),
            (events.IceState(*NOW, "1", "callee", "failed", "no way"), "ICE of the callee failed: no way"),
            (events.DtlsState(*NOW, "1", "callee", "secured", "AES"), "media of the callee secured: AES"),
            (events.Stall(*NOW, 1.0, "x"), "Stall"),
        ):  # fmt: skip
            self.assertEqual(said(event), words)
            self.assertIn(f". {words} .", line(Rung(3.0, "out-1", "callee", event)))

    def test_colours(self) -> None:
        """On a terminal the two sides have colours of their own, and the text stays the same."""
        rungs = [Rung(0.0, "leg", role, message(b"ACK sip:a SIP/2.0\r\n")) for role in ("caller", "callee")]
        first, second = map(coloured, rungs)
        self.assertNotEqual(first[:5], second[:5])
        self.assertIn(line(rungs[0]), first)

    def test_none(self) -> None:
        """Of nothing nothing is drawn."""
        self.assertEqual(draw([]), "")
