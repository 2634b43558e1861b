# -*- test-case-name: ichatgw.test.sip.leg.test_rekeying -*-
"""
SIP calls whose media is protected, after the answer: their keys when something changes, and their media.
"""

from __future__ import annotations

from itertools import count
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.media.rtp.rtp import RTPPacket
from ichatgw.media.srtp import sdes
from ichatgw.media.srtp.srtp import SRTPContext, Suite
from ichatgw.model import PCMU, CryptoKey, Direction, Protection, SessionDescription, TransportAddress
from ichatgw.sip.leg.leg import SipLeg
from ichatgw.sip.leg.mediasecurity import Encryption
from ichatgw.test.marks import slow
from ichatgw.test.support.fakes import OFFER, tell
from ichatgw.test.support.media.fakes import FakeNetwork, makeEngine
from ichatgw.test.support.sip.sipkeys import PHONE_RTP, arrived, cryptoIn, oursIn, phoneKey, policy, secured
from ichatgw.test.support.sip.siptalks import Talk
from ichatgw.test.support.sip.sipwire import PHONE_SDP, Rig, ackFor, header, respond, status


class ChangeTests(SynchronousTestCase):
    """What happens to keys in the middle of a call."""

    def talk(self, **arguments: Any) -> Talk:
        rig = Rig(policy=policy(**arguments))
        return self.answered(rig)

    def answered(self, rig: Rig) -> Talk:
        """A phone has called with a key."""
        leg, ok = arrived(rig)
        rig.receive(ackFor(ok))
        return Talk(rig, leg, ok, header(ok, "To"), header(ok, "From"), 1)

    def test_hold(self) -> None:
        """Over hold and resume with the same key ours is the same too, and so nothing begins anew."""
        talk = self.talk()
        (ours,) = cryptoIn(talk.accepted)
        for direction in ("sendonly", "sendrecv"):
            ok = talk.send("INVITE", body=secured().replace("sendrecv", direction))[-1]
            self.assertEqual(cryptoIn(ok), [ours])
            talk.acknowledge(ok)
        self.assertEqual(talk.side.protections, [Protection(ours, phoneKey())] * 3)

    def test_newKey(self) -> None:
        """A new key of the phone is taken; ours stays."""
        talk = self.talk()
        (ours,) = cryptoIn(talk.accepted)
        ok = talk.send("INVITE", body=secured(phoneKey("2", 9)))[-1]
        (again,) = cryptoIn(ok)
        self.assertEqual((again.tag, again.parameters), ("2", ours.parameters))
        self.assertEqual(talk.side.protections[-1], Protection(again, phoneKey("2", 9)))

    def test_ourOffer(self) -> None:
        """When we change something, the key in use is offered first, in the phone's profile."""
        talk = self.talk()
        (ours,) = cryptoIn(talk.accepted)
        tell(talk.leg, SessionDescription((PCMU,), None, None, Direction.SENDONLY))
        invite = talk.rig.wire.take()[-1]
        self.assertIn("RTP/SAVP 0\r\n", invite)
        offered = cryptoIn(invite)
        self.assertEqual((offered[0].tag, offered[0].parameters), ("1", ours.parameters))
        talk.rig.receive(
            respond(invite, 200, "OK", tag="", body=secured(phoneKey("1")).replace("sendrecv", "recvonly"))
        )
        self.assertEqual(len(talk.side.protections), 2)
        for each in talk.side.protections:
            assert each is not None and each.ours is not None
            self.assertEqual((each.ours.parameters, each.theirs), (ours.parameters, phoneKey("1")))

    def test_otherSettings(self) -> None:
        """What is demanded from now on does not touch the calls that there are, either way."""
        wanted = policy()
        for arriving in (True, False):
            rig = Rig(policy=wanted, filtered=frozenset({8}))
            wanted.encryption = Encryption.OPTIONAL
            talk = self.answered(rig) if arriving else Talk.outbound(rig)
            for wanted.encryption in Encryption:
                for body in (secured(), PHONE_SDP):
                    again = talk.send("INVITE", body=body)[-1]
                    self.assertEqual(status(again), 200)
                    talk.acknowledge(again)

    def test_toPlain(self) -> None:
        """A phone may go on plainly where that is allowed; where not, it hears 488 with the reason, and all stays."""
        talk = self.talk()
        ok = talk.send("INVITE", body=PHONE_SDP)[-1]
        self.assertEqual((status(ok), talk.side.protections[-1]), (200, None))
        talk = self.talk(encryption=Encryption.REQUIRED)
        refusal = talk.send("INVITE", body=PHONE_SDP)[-1]
        self.assertEqual(status(refusal), 488)
        self.assertIn("must be encrypted", header(refusal, "Warning"))
        self.assertEqual(len(talk.side.protections), 1)
        self.assertNotIn("ended", talk.news.news)


class MediaTests(SynchronousTestCase):
    """A phone with SRTP and another one, with a real relay between them."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.network = FakeNetwork()
        self.relay = makeEngine(self.clock, self.network).allocate("c")
        self.plain = ("198.51.100.1", 4000)
        self.relay.callee.local(self.plain[0])
        self.relay.callee.connect(SessionDescription((PCMU,), TransportAddress(*self.plain)))
        self.relay.caller.local(PHONE_RTP[0])
        self.rig = Rig(policy=policy(), filtered=frozenset({8}))

    def both(self, leg: SipLeg, ours: CryptoKey) -> None:
        """Each hears what the other says, and the SRTP phone nothing but SRTP."""
        shield = SRTPContext(sdes.masterKey(phoneKey()), sdes.masterKey(ours))
        place = leg.side.local(PHONE_RTP[0]).port
        for sequence in (65534, 65535, 0, 1):
            packet = RTPPacket(0, sequence, sequence * 160 & 0xFFFF, 9, b"speech").pack()
            self.network.deliver(shield.protect(packet), PHONE_RTP, place)
            (heard,) = self.network.sentTo(self.plain)
            self.assertEqual(RTPPacket.parse(heard).payload, b"speech")
            self.network.deliver(packet, self.plain, self.relay.callee.local(self.plain[0]).port)
            (heard,) = self.network.sentTo(PHONE_RTP)
            self.assertEqual(RTPPacket.parse(shield.open(heard)).payload, b"speech")

    def test_fromPhone(self) -> None:
        """The SRTP phone calls."""
        leg, ok = arrived(self.rig, self.relay.caller)
        (ours,) = cryptoIn(ok)
        self.both(leg, ours)

    def test_toPhone(self) -> None:
        """The SRTP phone is called."""
        leg = self.rig.dial()
        leg.side = self.relay.caller
        leg.start(OFFER)
        (invite,) = self.rig.wire.take()
        ours = oursIn(invite)
        theirs = phoneKey(ours.tag)
        self.rig.receive(respond(invite, 200, "OK", body=secured(theirs, "RTP/AVP")))
        self.both(leg, ours)

    @slow
    def test_bothProtected(self) -> None:
        """Two phones with SRTP, each with keys and a suite of its own: what one says the other can open."""
        other = PHONE_RTP[0], 31000
        far = [phoneKey("1", fill, Suite.AEAD_AES_256_GCM) for fill in (3, 4)]
        self.relay.callee.connect(SessionDescription((PCMU,), TransportAddress(*other)))
        self.relay.callee.protect(Protection(far[0], far[1]), self.fail)
        leg, ok = arrived(self.rig, self.relay.caller)
        (ours,) = cryptoIn(ok)
        ends = (
            (SRTPContext(sdes.masterKey(phoneKey()), sdes.masterKey(ours)), PHONE_RTP, self.relay.caller),
            (SRTPContext(sdes.masterKey(far[1]), sdes.masterKey(far[0])), other, self.relay.callee),
        )
        for sequence in (65534, 65535, 0, 1):
            packet = RTPPacket(0, sequence, sequence * 160 & 0xFFFF, 9, b"speech" * 20).pack()
            for (near, place, side), (away, target, _) in (ends, ends[::-1]):
                self.network.deliver(near.protect(packet), place, side.local(place[0]).port)
                (heard,) = self.network.sentTo(target)
                self.assertEqual(RTPPacket.parse(away.open(heard)).payload, b"speech" * 20)

    def test_exchanged(self) -> None:
        """When another party takes the place of the other one, the SRTP phone hears on: its keys and numbers go on."""
        leg, ok = arrived(self.rig, self.relay.caller)
        (ours,) = cryptoIn(ok)
        shield = SRTPContext(sdes.masterKey(phoneKey()), sdes.masterKey(ours))
        next_ = ("198.51.100.3", 6000)
        numbers = count(1)
        for place, first in ((self.plain, 40000), (next_, 100)):
            if place is next_:
                new = self.relay.another()
                new.local(next_[0])
                new.connect(SessionDescription((PCMU,), TransportAddress(*next_)))
                self.relay.exchange(self.relay.callee, new)
            for sequence in range(first, first + 5):
                packet = RTPPacket(0, sequence, sequence * 160 & 0xFFFFFFFF, 9, b"speech").pack()
                self.network.deliver(packet, place, self.relay.callee.local(place[0]).port)
                (heard,) = self.network.sentTo(PHONE_RTP)
                self.assertEqual(RTPPacket.parse(shield.open(heard)).payload, b"speech")
                said = RTPPacket(0, next(numbers), 0, 8, b"answer").pack()
                self.network.deliver(shield.protect(said), PHONE_RTP, leg.side.local(PHONE_RTP[0]).port)
                (heard,) = self.network.sentTo(place)
                self.assertEqual(RTPPacket.parse(heard).payload, b"answer")
