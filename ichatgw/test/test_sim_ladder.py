# -*- test-case-name: ichatgw.test.test_sim_ladder -*-
"""
Tests of the ladders.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from ichatgw.sim import xml
from ichatgw.sim.ladder import GATEWAY, SIP, XMPP, Trace, sipLabel, stanzaLabel
from ichatgw.sim.sipmessage import SIPMessage


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
