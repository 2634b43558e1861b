# -*- test-case-name: ichatgw.test.sim.test_ladder -*-
"""
Tests of the ladders.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from ichatgw.sim.ladder import GATEWAY, JINGLE_TITLE, SIP, XMPP, Trace, sipLabel, stanzaLabel
from ichatgw.sim.sip.message import SIPMessage
from ichatgw.sim.xmpp import xml


def signal(namespace: str, response: str = "") -> Element:
    """A vc stanza."""
    iq = xml.element("iq", type="set", from_="scott@chat.example/iChat", to="100@gw.chat.example")
    query = xml.add(iq, "query", namespace)
    if response:
        xml.add(query, "response", text=response)
    return iq


class LadderTests(SynchronousTestCase):
    def test_drawn(self) -> None:
        """Arrows point from sender to receiver, at the time since the first, within a hundred columns."""
        clock = Clock()
        trace = Trace(clock, "chat.example")
        trace.stanza(signal("apple:iq:vc:request"), "chat.example", "gw.chat.example")
        clock.advance(0.25)
        trace.sip(SIP)(False, SIPMessage("INVITE", "sip:100@127.0.0.1"))
        trace.sip(SIP)(True, SIPMessage(status=180, reason="Ringing"))
        trace.note(GATEWAY, XMPP, "x" * 60, "~")
        lines = trace.draw().splitlines()
        self.assertEqual(lines[0].split(), ["XMPP", "(iChat)", "gateway", "SIP", "(phone)"])
        self.assertEqual(
            lines[1], "    0 ms |" + "-" * 9 + " vc:request scott > 100 " + "-" * 8 + ">|" + " " * 42 + "|"
        )
        self.assertRegex(lines[2], r"^  250 ms \| {42}\|-+ INVITE sip:100 -+>\|$")
        self.assertRegex(lines[3], r"^  250 ms \| {42}\|<-+ 180 Ringing -+\|$")
        self.assertRegex(lines[4], r"^  250 ms \|<~+ x{31}\.\.\. ~+\| {42}\|$")
        self.assertTrue(all(len(line) <= 100 for line in lines))
        self.assertEqual(trace.events, [])

    def test_elsewhere(self) -> None:
        """What does not pass between the users' domain and the gateway's is not drawn."""
        trace = Trace(Clock(), "chat.example")
        trace.stanza(xml.element("presence"), "chat.example", "chat.example")
        trace.stanza(xml.element("presence"), "a.example", "b.example")
        self.assertEqual(trace.events, [])

    def test_jingle(self) -> None:
        """So are those of Jingle, with the reason."""
        message = xml.element("message", type="chat")
        said = xml.add(message, "reject", "urn:xmpp:jingle-message:0", id="s1")
        self.assertEqual(stanzaLabel(message), "reject (message)")
        xml.add(xml.add(said, "reason", "urn:xmpp:jingle:1"), "busy")
        self.assertEqual(stanzaLabel(message), "reject (message), busy")
        message["type"] = "error"
        self.assertEqual(stanzaLabel(message), "reject (message), busy, bounced")
        receipt = xml.element("message")
        xml.add(receipt, "received", "urn:xmpp:receipts", id="m1")
        self.assertEqual(stanzaLabel(receipt), "receipt (message)")
        iq = xml.element("iq", type="set")
        jingle = xml.add(iq, "jingle", "urn:xmpp:jingle:1", action="session-info", sid="s1")
        xml.add(jingle, "hold", "urn:xmpp:jingle:apps:rtp:info:1")
        self.assertEqual(stanzaLabel(iq), "session-info hold")
        presence = xml.element("presence")
        xml.add(presence, "c", xml.CAPS, hash="sha-1", ver="x")
        self.assertEqual(stanzaLabel(presence), "presence, a phone")
        self.assertEqual(Trace(Clock(), "chat.example", JINGLE_TITLE).draw().split()[:2], ["XMPP", "(Jingle)"])

    def test_stanzas(self) -> None:
        """Stanzas are named by what they mean in a call."""
        busy, free = xml.element("presence"), xml.element("presence")
        xml.add(busy, "c", xml.CAPS, ext="audio")
        xml.add(free, "c", xml.CAPS, ext="audio avavail")
        error = xml.errorFor(signal("apple:iq:vc:request"), "item-not-found")
        xml.add(error, "query", "apple:iq:vc:request")
        for stanza, label in (
            (signal("apple:iq:vc:response", "0"), "vc:response 0 (accepted)"),
            (signal("apple:iq:vc:response", "1"), "vc:response 1 (declined)"),
            (signal("apple:iq:vc:cancel"), "vc:cancel"),
            (signal("jabber:iq:version"), ""),
            (xml.element("iq", type="result"), ""),
            (error, "error for vc:request"),
            (busy, "presence, busy"),
            (free, "presence, can be called"),
            (xml.element("presence", type="probe"), "presence probe"),
            (xml.element("message"), "message"),
        ):
            self.assertEqual(stanzaLabel(stanza), label)

    def test_messages(self) -> None:
        """SIP messages are named by method or code; a 200 says what it answers."""
        answer = SIPMessage(status=200, reason="OK", headers=[("CSeq", "1 BYE")])
        self.assertEqual([sipLabel(each) for each in (answer, SIPMessage("ACK"))], ["200 OK (BYE)", "ACK"])
