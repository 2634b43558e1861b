# -*- test-case-name: ichatgw.test.sip.transaction.test_transporterrors -*-
"""
Tests for L{ichatgw.sip.transaction.transporterrors}.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import PCMU, Ending, EndReason, SessionDescription, TransportAddress
from ichatgw.sip.leg.leg import SipLeg
from ichatgw.sip.leg.outbound import OutboundSipLeg
from ichatgw.sip.transport.target import Target, Transport
from ichatgw.test.support.names import a, srv
from ichatgw.test.support.sip.sipwire import PHONE, PHONE_SDP, Rig, respond

OFFER = SessionDescription((PCMU,))
THERE = Target(Transport.TCP, PHONE)
REFUSED = "TLS: tlsv13 alert certificate required"


class CutTests(SynchronousTestCase):
    """Connections that are closed while an answer is awaited."""

    def setUp(self) -> None:
        self.rig = Rig()

    def start(self, called: str = "sip:100@192.0.2.77;transport=tcp") -> tuple[OutboundSipLeg, str]:
        leg = self.rig.dial(called)
        leg.start(OFFER)
        (invite,) = self.rig.streams.take()
        return leg, invite

    def news(self, leg: SipLeg) -> Any:
        return leg.call

    def cut(self, why: str = "", target: Target = THERE) -> list[str]:
        self.rig.streams.gone(target, why)
        return self.rig.streams.take()

    def test_again(self) -> None:
        """A request is sent again, as it was: who has it already knows it by its branch."""
        leg, invite = self.start()
        self.assertEqual(self.cut(), [invite])
        self.rig.stream(respond(invite, 200, "OK", body=PHONE_SDP), THERE)
        self.assertEqual(self.news(leg).news, ["answered"])

    def test_nobody(self) -> None:
        """If there is no other connection the call has its end, and does not wait for the timer."""
        leg, invite = self.start()
        self.assertEqual(self.cut(), [invite])
        self.rig.streams.unreachable(THERE, "Connection refused")
        self.assertEqual(self.news(leg).endings[0][1].text, "503 no connection: Connection refused")
        self.assertEqual(self.rig.endpoint.transactions, 0)

    def test_refusedAfterwards(self) -> None:
        """A server that closes that one too without a word does not want us; its last words are those of the call."""
        leg, invite = self.start()
        self.assertEqual(self.cut(REFUSED), [invite])
        self.assertEqual(self.cut(REFUSED), [])
        self.assertEqual(self.news(leg).reasons, [EndReason.CONGESTED])
        self.assertEqual(self.news(leg).endings[0][1].text, f"503 no connection: {REFUSED}")
        leg, _ = self.start()
        self.cut()
        self.cut()
        self.assertEqual(self.news(leg).endings[0][1].text, "503 no connection: it was closed")

    def test_nextTarget(self) -> None:
        """The call goes on to the next target (RFC 3263 section 4.3)."""
        self.rig.names.table = {
            "_sip._tcp.sip.example": [srv("one.example", 5060, 1), srv("two.example", 5060, 2)],
            "one.example": [a("192.0.2.1")],
            "two.example": [a("192.0.2.2")],
        }
        leg = self.rig.dial("sip:100@sip.example;transport=tcp")
        leg.start(OFFER)
        ((_, first),) = self.rig.streams.sent
        self.rig.streams.take()
        self.cut(target=first)
        self.rig.streams.gone(first, "")
        ((_, second),) = self.rig.streams.sent
        self.assertEqual([each.address.host for each in (first, second)], ["192.0.2.1", "192.0.2.2"])
        self.assertEqual(self.news(leg).news, [])

    def test_ringing(self) -> None:
        """One who has rung may answer over a connection of his own, however often ours are cut."""
        leg, invite = self.start()
        self.rig.stream(respond(invite, 180, "Ringing"), THERE)
        self.assertEqual([self.cut(), self.cut(), self.cut()], [[invite], [], []])
        self.assertEqual(self.news(leg).reasons, [])
        self.rig.stream(respond(invite, 200, "OK", body=PHONE_SDP), THERE)
        self.assertIn("answered", self.news(leg).news)

    def test_others(self) -> None:
        """Nobody else is concerned, and nothing that has been answered."""
        leg, invite = self.start()
        self.assertEqual(self.cut(target=Target(Transport.TLS, PHONE)), [])
        self.assertEqual(self.cut(target=Target(Transport.TCP, TransportAddress("192.0.2.78", 5060))), [])
        self.rig.stream(respond(invite, 486, "Busy Here"), THERE)
        self.assertEqual(self.news(leg).reasons, [EndReason.BUSY])
        self.assertEqual(self.cut(), [])

    def test_bye(self) -> None:
        """A BYE whose connection is cut before its answer finds its way."""
        leg, invite = self.start()
        self.rig.stream(respond(invite, 200, "OK", body=PHONE_SDP), THERE)
        leg.hangup(Ending(EndReason.HANGUP))
        (bye,) = self.rig.streams.take()
        self.assertEqual(self.cut(), [bye])
