# -*- test-case-name: ichatgw.test.sip.transport.test_mtu -*-
"""
Tests for L{ichatgw.sip.transport.mtu}: requests that are too large for a datagram.
"""

from __future__ import annotations

from sippy.SipRequest import SipRequest
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import Diversion, Ending, EndReason, Party
from ichatgw.sip.leg.outbound import OutboundSipLeg
from ichatgw.sip.transport import mtu as largeModule
from ichatgw.sip.transport.mtu import MAX_DATAGRAM, WITHOUT_TCP, Large
from ichatgw.sip.transport.target import Target, Transport
from ichatgw.test.support.fakes import OFFER, FakeCall
from ichatgw.test.support.sip.sipwire import PHONE, PHONE_SDP, Rig, header, request, respond

OVER_TCP = Target(Transport.TCP, PHONE)
SENT_ON = Party("sip:a@b", diversions=tuple(Diversion(f"sip:{'x' * 200}{number}@pbx.example") for number in range(5)))
"""A caller whose INVITE is a long one."""


class LargeTests(SynchronousTestCase):
    """A request that is too long goes over TCP."""

    def setUp(self) -> None:
        self.rig = Rig()

    def start(self, caller: Party | None = SENT_ON) -> OutboundSipLeg:
        leg = self.rig.dial(caller=caller)
        leg.start(OFFER)
        return leg

    def test_small(self) -> None:
        """One that is not goes over UDP."""
        self.start(None)
        self.assertEqual(self.rig.streams.sent, [])
        self.assertEqual(len(self.rig.wire.sent), 1)

    def test_whole(self) -> None:
        """INVITE, ACK and BYE go over TCP, and say so; nothing is sent twice."""
        leg = self.start()
        ((invite, target),) = self.rig.streams.sent
        self.assertGreater(len(invite), MAX_DATAGRAM)
        self.assertEqual(target, OVER_TCP)
        self.assertIn("SIP/2.0/TCP 192.0.2.10:5070;", header(invite, "Via"))
        self.rig.clock.pump([0.5] * 10)
        self.rig.streams.take()
        (ack,) = self.rig.stream(respond(invite, 200, "OK", body=PHONE_SDP), OVER_TCP)
        leg.hangup(Ending(EndReason.HANGUP))
        (bye,) = self.rig.streams.take()
        self.assertEqual((ack[:3], bye[:3]), ("ACK", "BYE"))
        self.assertEqual(self.rig.wire.sent, [])

    def test_noTCP(self) -> None:
        """Without TCP it goes over UDP all the same, until it is answered, and so does its ACK."""
        leg = self.start()
        (invite,) = self.rig.streams.take()
        self.rig.streams.unreachable(OVER_TCP, "refused")
        ((again, address),) = self.rig.wire.sent
        self.assertEqual(address, PHONE)
        self.assertIn("SIP/2.0/UDP 192.0.2.10:5070;", header(again, "Via"))
        self.assertEqual(header(again, "Via").partition("branch")[2], header(invite, "Via").partition("branch")[2])
        self.rig.clock.pump([0.5] * 2)
        self.assertEqual(len(self.rig.wire.take()), 2)
        (ack,) = self.rig.receive(respond(again, 200, "OK", body=PHONE_SDP))
        self.assertIn("SIP/2.0/UDP", header(ack, "Via"))
        assert isinstance(leg.call, FakeCall)
        self.assertEqual(leg.call.news, ["answered"])

    def test_givenUp(self) -> None:
        """One that nobody wants any more, as another target was tried meanwhile, makes no phone ring."""
        leg = self.start()
        self.rig.streams.take()
        leg.hangup(Ending(EndReason.CANCELLED))
        self.rig.streams.unreachable(OVER_TCP, "refused")
        self.assertEqual((self.rig.wire.sent, self.rig.endpoint.transactions), ([], 0))
        self.start()
        self.assertEqual((len(self.rig.wire.sent), self.rig.streams.sent), (1, []))

    def test_noWay(self) -> None:
        """If UDP leads nowhere either by then, the call is over."""
        leg = self.start()
        self.rig.streams.take()
        self.rig.wire.unreachable.add(PHONE.host)
        self.rig.streams.unreachable(OVER_TCP, "refused")
        assert isinstance(leg.call, FakeCall)
        self.assertEqual(leg.call.news, ["ended"])
        self.assertEqual(self.rig.endpoint.transactions, 0)

    def test_remembered(self) -> None:
        """Who has no TCP is not asked for it again for a while."""
        self.start()
        self.rig.streams.take()
        self.rig.streams.unreachable(OVER_TCP, "refused")
        self.start()
        self.assertEqual(self.rig.streams.sent, [])
        self.rig.clock.advance(WITHOUT_TCP + 1)
        self.start()
        self.assertEqual([target for _, target in self.rig.streams.sent], [OVER_TCP])

    def test_heardAlready(self) -> None:
        """A connection that is lost after the far end has spoken does not make a second INVITE of it."""
        leg = self.start()
        (invite,) = self.rig.streams.take()
        self.rig.stream(respond(invite, 180, "Ringing"), OVER_TCP)
        self.rig.streams.unreachable(OVER_TCP, "refused")
        self.assertEqual(self.rig.wire.sent, [])
        assert isinstance(leg.call, FakeCall)
        self.assertEqual(leg.call.reasons, [EndReason.CONGESTED])

    def test_pinned(self) -> None:
        """An iChat speaks UDP only."""
        leg = self.rig.endpoint.pinned().dial("sip:user@192.0.2.77:16402", Party(f"sip:{'x' * 1300}@b"))
        leg.call, leg.side = FakeCall(), self.rig.dial().side
        leg.start(OFFER)
        self.assertEqual(self.rig.streams.sent, [])
        self.assertGreater(len(self.rig.wire.sent[0][0]), MAX_DATAGRAM)

    def test_bounded(self) -> None:
        """Not everybody without TCP is remembered."""
        self.patch(largeModule, "MAX_WITHOUT", 1)
        known = Large()
        invite = SipRequest(request("INVITE"))
        known.refused(PHONE)
        self.assertFalse(known.mayMove(invite, PHONE))
        known.refused(self.rig.wire.towards("192.0.2.1"))
        self.assertTrue(known.mayMove(invite, PHONE))
