# -*- test-case-name: ichatgw.test.control.test_rungs -*-
"""Tests for L{ichatgw.control.rungs}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.control.rungs import LONGEST, shownRung, titleOf
from ichatgw.model import Ending, EndReason, TransportAddress
from ichatgw.observe import events
from ichatgw.observe.snapshots import Rung

PHONE = TransportAddress("192.0.2.77", 5060)
NOW = (1.0, 2.0)
INVITE = b'INVITE sip:72@192.0.2.10 SIP/2.0\r\nAuthorization: Digest response="s3cret"\r\n\r\n'


def sip(data: bytes) -> events.Message:
    return events.MessageReceived(*NOW, "SIP", "udp", data, PHONE)


def xmpp(data: str) -> events.Message:
    return events.MessageSent(*NOW, "XMPP", "xmpp", data.encode(), None)


class RungTests(SynchronousTestCase):
    """The entries of a ladder."""

    def test_message(self) -> None:
        """A message is shown with its way, where it came from and its text, but for secrets."""
        shown = shownRung(Rung(0.12345, "in-1", "caller", sip(INVITE)))
        self.assertNotIn("s3cret", shown.pop("text"))
        self.assertEqual(
            shown,
            {
                "at": 0.1235,
                "leg": "in-1",
                "side": "caller",
                "event": "MessageReceived",
                "title": "INVITE sip:72@192.0.2.10",
                "way": "in",
                "transport": "udp",
                "remote": "192.0.2.77:5060",
            },
        )
        shown = shownRung(Rung(0, "out-1", "callee", xmpp("<iq type='set'/>")))
        self.assertEqual((shown["way"], shown["remote"]), ("out", None))

    def test_titles(self) -> None:
        """Each message has a title of one line: of SIP its first, of XMPP what the stanza is for."""
        for event, title in (
            (sip(b"SIP/2.0 200 OK\r\nVia: x\r\n\r\n"), "200 OK"),
            (xmpp("<iq to='a' type='set' id='1'><jingle xmlns='urn:xmpp:jingle:1' action='session-initiate'/></iq>"),
             "iq set jingle session-initiate"),
            (xmpp('<message to="a"><propose xmlns="urn:xmpp:jingle-message:0" id="1"/></message>'), "message propose"),
            (xmpp("<iq type='get'><vc:request xmlns:vc='apple:iq:vc:request'/></iq>"), "iq get vc:request"),
            (xmpp("<presence type='unavailable'/>"), "presence unavailable"),
            (xmpp("<stream:stream to='a'>"), "<stream:stream to='a'"),
        ):  # fmt: skip
            self.assertEqual(titleOf(event), title)

    def test_events(self) -> None:
        """So has everything else that happens, of every kind."""
        ending = Ending(EndReason.BUSY, "486")
        for event, title in (
            (events.CallArrived(*NOW, "1", "in-1", "sip", "sip:a@b", "sip:c@d", PHONE, ("PCMU", "PCMA")),
             "sip:a@b calls sip:c@d (PCMU, PCMA)"),
            (events.CallRouted(*NOW, "1", "out-1", "jingle", "sip:a@b", "xmpp:c@d"), "it leads to xmpp:c@d"),
            (events.LegStarted(*NOW, "1", "out-1", "callee", "jingle", "xmpp:c@d"), "jingle leg with xmpp:c@d"),
            (events.CallRang(*NOW, "1", "out-1"), "rings"),
            (events.CallAnswered(*NOW, "1", "out-1", ("PCMU",)), "answered (PCMU)"),
            (events.LegEnded(*NOW, "1", "out-1", ending), "is over: the callee is busy"),
            (events.LegEnded(*NOW, "1", "out-1", None), "is over"),
            (events.CallEnded(*NOW, "1", "the callee", ending, False), "ended by the callee: the callee is busy 486"),
            (events.MediaStarted(*NOW, "1", "caller", PHONE), "first packet of the caller"),
            (events.IceState(*NOW, "1", "callee", "failed", "no way"), "ICE of the callee failed no way"),
            (events.DtlsState(*NOW, "1", "callee", "secured", "AES"), "encryption of the callee secured AES"),
            (events.Stall(*NOW, 1.0, "x"), "Stall"),
        ):  # fmt: skip
            self.assertEqual(titleOf(event), title)

    def test_long(self) -> None:
        """A title has a bound, whatever a stranger sent."""
        shown = shownRung(Rung(0, "", "", sip(b"INVITE sip:" + b"7" * 10_000 + b" SIP/2.0\r\n\r\n")))
        self.assertEqual(len(shown["title"]), LONGEST)
