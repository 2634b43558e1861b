# -*- test-case-name: ichatgw.test.sip.test_observed -*-
"""
What the endpoint publishes to the stream of events.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import TransportAddress
from ichatgw.observe.events import Event, Message, MessageReceived, MessageSent, Refused, TrailBegan
from ichatgw.observe.trails import callIdOf
from ichatgw.test.support.events import Scene
from ichatgw.test.support.fakes import OFFER
from ichatgw.test.support.sip.sipwire import GATEWAY, PHONE, Rig, request

STRANGER = TransportAddress("203.0.113.9", 5060)


class ObservedTests(SynchronousTestCase):
    """Messages, refusals, and by what messages are known."""

    def setUp(self) -> None:
        self.rig = Rig()
        self.scene = Scene()
        self.scene.watch()
        self.rig.endpoint.observe(self.scene.events)

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.scene.seen if isinstance(event, kind)]

    def test_messages(self) -> None:
        """What comes and what goes is published as it was on the wire, with both addresses, in order."""
        text = request("OPTIONS")
        (response,) = self.rig.receive(text)
        received, sent = self.of(Message)
        assert isinstance(received, MessageReceived) and isinstance(sent, MessageSent)
        self.assertEqual((received.text, sent.text), (text, response))
        for event in (received, sent):
            self.assertEqual((event.protocol, event.transport), ("SIP", "udp"))
            self.assertEqual((event.remote, event.local), (PHONE, GATEWAY))

    def test_retransmitted(self) -> None:
        """What is sent again is published again."""
        self.rig.receive(request("OPTIONS"))
        self.rig.receive(request("OPTIONS"))
        self.assertEqual(len(self.of(MessageSent)), 2)

    def test_junk(self) -> None:
        """What is no message at all is not published; a request that is broken is, with what it was answered."""
        self.rig.endpoint.received(b"\x16\x03\x01junk", PHONE)
        self.rig.endpoint.received(b"\r\n\r\n", PHONE)
        self.assertEqual(self.scene.seen, [])
        self.rig.receive(request("OPTIONS").replace("CSeq: ", "CSeq: x"))
        self.assertEqual([type(event) for event in self.scene.seen], [MessageReceived, Refused, MessageSent])

    def test_stranger(self) -> None:
        """Who may not call is refused before there is a call, and that is seen, with what came and went."""
        self.rig.endpoint.admit(lambda host: host == PHONE.host)
        self.rig.receive(request("INVITE"), STRANGER)
        [refused] = self.of(Refused)
        assert isinstance(refused, Refused)
        self.assertEqual((refused.source, refused.reason, refused.call), (str(STRANGER), None, ""))
        self.assertEqual([type(event) for event in self.scene.seen], [MessageReceived, Refused, MessageSent])

    def test_inbound(self) -> None:
        """A leg that arrives knows its Call-ID."""
        self.rig.receive(request("INVITE", callId="one@phone"))
        self.assertEqual(self.rig.invitations.legs[-1].trail, "one@phone")

    def test_outbound(self) -> None:
        """One that is dialled says by which Call-ID its messages are known, as the message on the wire has it."""
        leg = self.rig.dial()
        leg.start(OFFER)
        [trail] = self.of(TrailBegan)
        [invite] = self.of(MessageSent)
        assert isinstance(trail, TrailBegan) and isinstance(invite, MessageSent)
        self.assertEqual((trail.call, trail.leg, trail.kind), (leg.call.id, leg.id, "sip"))
        self.assertEqual(trail.trail, callIdOf(invite.data))
