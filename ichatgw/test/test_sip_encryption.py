# -*- test-case-name: ichatgw.test.test_sip_encryption -*-
"""
SIP calls whose media is protected, through the signalling; and some with their media.
"""

from __future__ import annotations

import re
from itertools import count
from typing import Any, cast

from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.configvalues import PRIVATE
from ichatgw.media import sdes
from ichatgw.media.rtp import RTPPacket
from ichatgw.media.srtp import Shield, Suite
from ichatgw.model import (
    PCMU,
    CryptoKey,
    Direction,
    Ending,
    EndReason,
    Fingerprint,
    Party,
    Protection,
    SessionDescription,
    TransportAddress,
)
from ichatgw.policy import Doorman
from ichatgw.sip.inbound import InboundSipLeg
from ichatgw.sip.leg import SipLeg
from ichatgw.sip.protecting import Encryption, MediaPolicy
from ichatgw.sip.target import Target, Transport
from ichatgw.test.fakes import OFFER, FakeArrivals, FakeCall, FakeSide
from ichatgw.test.legs import ANSWER
from ichatgw.test.media_fakes import FakeNetwork, makeEngine
from ichatgw.test.siptalks import Talk
from ichatgw.test.sipwire import PHONE_SDP, Rig, ackFor, header, request, respond, status
from ichatgw.test.test_sip_transports import over

OURS = Fingerprint("sha-256", ":".join(["0A"] * 32))
THEIRS = ":".join(["0B"] * 32)
SUITE = Suite.AES_CM_128_HMAC_SHA1_80
SECURE = Target(Transport.TLS, TransportAddress("192.0.2.77", 40000))
PHONE_RTP = ("192.0.2.77", 30000)


def phoneKey(tag: str = "1", fill: int = 1, suite: Suite = SUITE) -> CryptoKey:
    return sdes.newKey(suite, tag, lambda size: bytes([fill]) * size)[0]


def secured(key: CryptoKey | None = None, profile: str = "RTP/SAVP") -> str:
    """The phone's SDP with a key."""
    key = key or phoneKey()
    text = PHONE_SDP.replace("RTP/AVP", profile)
    return f"{text}a=crypto:{key.tag} {key.suite} {key.parameters}\r\n"


def cryptoIn(message: str) -> list[CryptoKey]:
    """The keys in a message of ours."""
    found = re.findall(r"a=crypto:(\d+) (\S+) (\S+)\r\n", message)
    return [CryptoKey(*words) for words in found]


def policy(encryption: Encryption = Encryption.OPTIONAL, **changes: Any) -> MediaPolicy:
    return MediaPolicy(encryption, **{"inClear": True, "fingerprint": OURS, **changes})


class ArrivingTests(SynchronousTestCase):
    """Phones call."""

    def start(self, **arguments: Any) -> None:
        self.rig = Rig(policy=policy(**arguments))
        self.arrivals = FakeArrivals()
        self.doorman = Doorman(Clock(), PRIVATE, self.arrivals, lambda host: True)

    def judge(self) -> InboundSipLeg:
        """What the doorman does with the last that came."""
        leg = self.rig.invitations.legs[-1]
        assert isinstance(leg, InboundSipLeg)
        self.doorman.arrived(leg, "sip:scott@192.0.2.10", self.rig.invitations.offers[-1])
        return leg

    def test_keys(self) -> None:
        """Keys that are offered are answered, and our side of the relay has both."""
        self.start()
        self.rig.invite(body=secured(phoneKey("4")))
        leg = self.judge()
        leg.answer(ANSWER)
        (ok,) = self.rig.wire.take()
        self.assertIn("m=audio 20000 RTP/SAVP 0\r\n", ok)
        (ours,) = cryptoIn(ok)
        self.assertEqual((ours.tag, ours.suite), ("4", SUITE.value))
        self.assertEqual(cast(FakeSide, leg.side).protections, [Protection(ours, phoneKey("4"))])

    def test_required(self) -> None:
        """If encryption is required a plain call is 488 with a Warning and a line in the log, before anybody rings."""
        self.start(encryption=Encryption.REQUIRED)
        with capturedLogs() as events:
            self.rig.invite()
            self.judge()
        (refusal,) = self.rig.wire.take()
        self.assertEqual(status(refusal), 488)
        self.assertEqual(
            header(refusal, "Warning"),
            '399 ichat-gw "media must be encrypted, and no keys that can be used are offered"',
        )
        self.assertEqual(self.arrivals.arrivals, [])
        self.assertEqual(sum("refused" in event["log_format"] for event in events), 1)
        self.assertEqual(self.rig.endpoint.legs, frozenset())

    def test_requiredInClear(self) -> None:
        """Keys that everybody can read do not count as encryption; over TLS they do."""
        self.start(encryption=Encryption.REQUIRED, inClear=False)
        self.rig.invite(body=secured())
        self.judge()
        self.assertEqual([status(message) for message in self.rig.wire.take()], [488])
        self.rig.stream(over(Transport.TLS, request("INVITE", callId="tls", body=secured())), SECURE)
        self.judge().answer(ANSWER)
        self.assertIn("RTP/SAVP", self.rig.streams.take()[-1])

    def test_never(self) -> None:
        """If there is to be no encryption, a call with nothing else is 488, and one with both is plain."""
        self.start(encryption=Encryption.NEVER)
        self.rig.invite(body=secured())
        self.judge()
        self.assertEqual([status(message) for message in self.rig.wire.take()], [488])
        both = secured() + "m=audio 30002 RTP/AVP 0\r\n"
        self.rig.invite(callId="both", body=both)
        leg = self.judge()
        leg.answer(ANSWER)
        ok = self.rig.wire.take()[-1]
        self.assertIn("m=audio 0 RTP/SAVP 0 8 101\r\nm=audio 20000 RTP/AVP 0\r\n", ok)
        self.assertEqual(cryptoIn(ok), [])
        self.assertEqual(cast(FakeSide, leg.side).protections, [None])

    def test_iChat(self) -> None:
        """Whom the doorman never sees is an iChat: its media is plain, whatever is required."""
        self.start(encryption=Encryption.REQUIRED)
        self.rig.invite()
        leg = self.rig.invitations.legs[-1]
        leg.answer(ANSWER)
        ok = self.rig.wire.take()[-1]
        self.assertEqual((status(ok), "RTP/AVP 0\r\n" in ok, cryptoIn(ok)), (200, True, []))

    def test_lateOffer(self) -> None:
        """An INVITE without a body gets keys in our 200, and the phone's come with the ACK."""
        self.start()
        self.rig.invite(body=None)
        leg = self.judge()
        leg.answer(ANSWER)
        (ok,) = self.rig.wire.take()
        offered = cryptoIn(ok)
        self.assertEqual(len(offered), 6)
        theirs = phoneKey(next(key.tag for key in offered if key.suite == SUITE.value))
        self.rig.receive(ackFor(ok, body=secured(theirs, "RTP/AVP")))
        ours = next(key for key in offered if key.suite == SUITE.value)
        self.assertEqual(cast(FakeSide, leg.side).protections, [Protection(ours, theirs)])

    def test_dtls(self) -> None:
        """DTLS that is offered is answered with our certificate; a phone that is near is begun with."""
        self.start()
        body = PHONE_SDP.replace("RTP/AVP", "UDP/TLS/RTP/SAVPF")
        body += "a=ice-ufrag:abcd\r\na=candidate:1 1 UDP 1 192.0.2.77 30000 typ host\r\na=rtcp-mux\r\n"
        self.rig.invite(body=f"{body}a=fingerprint:sha-256 {THEIRS}\r\na=setup:actpass\r\n")
        leg = self.judge()
        leg.answer(ANSWER)
        ok = self.rig.wire.take()[-1]
        self.assertIn("m=audio 20000 UDP/TLS/RTP/SAVPF 0\r\n", ok)
        self.assertIn(f"a=fingerprint:sha-256 {OURS.value}\r\na=setup:active\r\na=rtcp-mux\r\n", ok)
        self.assertNotIn("candidate", ok)
        side = cast(FakeSide, leg.side)
        self.assertEqual(side.protections, [Protection(fingerprint=Fingerprint("sha-256", THEIRS), active=True)])
        self.assertEqual(side.remotes[-1].rtcp, side.remotes[-1].address)
        self.rig.receive(ackFor(ok))
        with capturedLogs() as events:
            side.failed(Ending(EndReason.SECURITY, "the certificate is another"))
        self.assertEqual(cast(FakeCall, leg.call).reasons, [EndReason.SECURITY])
        bye = self.rig.wire.take()[-1]
        self.assertTrue(bye.startswith("BYE"))
        self.assertEqual(header(bye, "Reason"), "Q.850;cause=57")
        self.assertEqual(sum("no keys" in event["log_format"] for event in events), 1)


class CallingTests(SynchronousTestCase):
    """Phones are called."""

    def call(
        self, called: str = "sip:100@192.0.2.77", encryption: Encryption = Encryption.OPTIONAL, **arguments: Any
    ) -> str:
        self.rig = Rig(policy=policy(encryption, **arguments))
        self.leg = self.rig.dial(called)
        self.leg.start(OFFER)
        return (self.rig.wire.take() + self.rig.streams.take())[-1]

    def answer(self, invite: str, body: str) -> list[str]:
        return self.rig.receive(respond(invite, 200, "OK", body=body))

    def test_overTLS(self) -> None:
        """Over TLS keys are offered by default, for those who take them; over UDP they are not."""
        invite = self.call("sip:100@192.0.2.77;transport=tls", inClear=False)
        self.assertIn("RTP/AVP 0\r\n", invite)
        self.assertEqual(len(cryptoIn(invite)), 6)
        self.assertEqual(cryptoIn(self.call(inClear=False)), [])

    def test_answered(self) -> None:
        """The key that is answered, and ours for it, protect media; the caller hears the answer."""
        invite = self.call()
        ours = next(key for key in cryptoIn(invite) if key.suite == SUITE.value)
        self.answer(invite, secured(phoneKey(ours.tag), "RTP/AVP"))
        self.assertEqual(cast(FakeSide, self.leg.side).protections, [Protection(ours, phoneKey(ours.tag))])
        self.assertEqual(cast(FakeCall, self.leg.call).news, ["answered"])

    def test_plainly(self) -> None:
        """Who takes no key talks plainly if that is allowed."""
        self.answer(self.call(), PHONE_SDP)
        self.assertEqual(cast(FakeSide, self.leg.side).protections, [None])
        self.assertEqual(cast(FakeCall, self.leg.call).news, ["answered"])

    def test_required(self) -> None:
        """If it is not, the call is ended, and the caller hears 488 with the reason."""
        invite = self.call(encryption=Encryption.REQUIRED)
        self.assertIn("RTP/SAVP 0\r\n", invite)
        sent = self.answer(invite, PHONE_SDP)
        self.assertEqual([message.split()[0] for message in sent], ["ACK", "BYE"])
        ((_, ending),) = cast(FakeCall, self.leg.call).endings
        self.assertEqual((ending.reason, ending.cause), (EndReason.INCOMPATIBLE, 57))
        self.assertIn("must be encrypted", ending.text)
        self.assertEqual(cast(FakeSide, self.leg.side).remotes, [])

    def test_insisted(self) -> None:
        """A phone that takes SRTP in its own profile only, and refuses ours, is called again so, with other keys."""
        first = self.call()
        sent = self.rig.receive(respond(first, 488, "Not Acceptable Here"))
        self.assertEqual([message.split()[0] for message in sent], ["ACK", "INVITE"])
        invite = sent[-1]
        self.assertIn("RTP/SAVP 0\r\n", invite)
        self.assertNotEqual(header(invite, "Call-ID"), header(first, "Call-ID"))
        self.assertFalse({key.parameters for key in cryptoIn(first)} & {key.parameters for key in cryptoIn(invite)})
        ours = next(key for key in cryptoIn(invite) if key.suite == SUITE.value)
        self.answer(invite, secured(phoneKey(ours.tag)))
        self.assertEqual(cast(FakeSide, self.leg.side).protections, [Protection(ours, phoneKey(ours.tag))])
        self.assertEqual(cast(FakeCall, self.leg.call).news, ["answered"])

    def test_insistedOnce(self) -> None:
        """If that is refused too, the call is; without keys, or for other reasons, there is no second offer."""
        sent = self.refuse(self.call())
        self.refuse(sent[-1])
        self.assertEqual(cast(FakeCall, self.leg.call).reasons, [EndReason.INCOMPATIBLE])
        for arguments in ({"inClear": False}, {"encryption": Encryption.NEVER}, {"encryption": Encryption.REQUIRED}):
            sent = self.refuse(self.call(**arguments))
            self.assertEqual([message.split()[0] for message in sent], ["ACK"])
        self.assertEqual([message.split()[0] for message in self.refuse(self.call(), 486)], ["ACK"])

    def test_insistedNoMore(self) -> None:
        """Whoever gave up in between is not called again."""
        invite = self.call()
        self.rig.receive(respond(invite, 180, "Ringing"))
        self.leg.hangup(Ending(EndReason.CANCELLED))
        self.rig.wire.take()
        self.assertEqual([message.split()[0] for message in self.refuse(invite)], ["ACK"])

    def refuse(self, invite: str, code: int = 488) -> list[str]:
        """The phone refuses; what is sent because of it?"""
        return self.rig.receive(respond(invite, code, "No"))

    def test_callerHearsWhy(self) -> None:
        """A caller over SIP gets that as a 488 with a Warning."""
        self.answer(self.call(encryption=Encryption.REQUIRED), PHONE_SDP)
        ((_, ending),) = cast(FakeCall, self.leg.call).endings
        rig = Rig()
        rig.invite()
        rig.invitations.legs[-1].hangup(ending)
        (refusal,) = rig.wire.take()
        self.assertEqual(status(refusal), 488)
        self.assertEqual(
            header(refusal, "Warning"), '399 ichat-gw "media must be encrypted, and the answer has no keys"'
        )

    def test_requiredAndRefused(self) -> None:
        """A phone that refuses such an offer ends the call."""
        invite = self.call(encryption=Encryption.REQUIRED)
        self.rig.receive(respond(invite, 488, "Not Acceptable Here"))
        self.assertEqual(cast(FakeCall, self.leg.call).reasons, [EndReason.INCOMPATIBLE])

    def test_earlyPlain(self) -> None:
        """Early media that is not encrypted as it must be is no media; what is encrypted is."""
        invite = self.call(encryption=Encryption.REQUIRED)
        self.rig.receive(respond(invite, 183, "Session Progress", body=PHONE_SDP))
        self.assertEqual(cast(FakeSide, self.leg.side).remotes, [])
        ours = next(key for key in cryptoIn(invite) if key.suite == SUITE.value)
        for fill in (1, 2):  # two forks
            body = secured(phoneKey(ours.tag, fill))
            self.rig.receive(respond(invite, 183, "Session Progress", tag=f"b{fill}", body=body))
        self.assertEqual(
            cast(FakeSide, self.leg.side).protections,
            [Protection(ours, phoneKey(ours.tag, fill)) for fill in (1, 2)],
        )

    def test_requiredOverUDP(self) -> None:
        """Without TLS, and with encryption demanded, it is DTLS that is offered."""
        invite = self.call(encryption=Encryption.REQUIRED, inClear=False)
        self.assertIn("UDP/TLS/RTP/SAVP 0\r\n", invite)
        self.assertIn("a=setup:actpass\r\na=rtcp-mux\r\n", invite)
        self.assertEqual(cryptoIn(invite), [])
        answer = PHONE_SDP.replace("RTP/AVP", "UDP/TLS/RTP/SAVP")
        self.answer(invite, f"{answer}a=fingerprint:SHA-256 {THEIRS.lower()}\r\na=setup:active\r\n")
        side = cast(FakeSide, self.leg.side)
        self.assertEqual(side.protections, [Protection(fingerprint=Fingerprint("sha-256", THEIRS), active=False)])
        self.assertIsNone(side.remotes[-1].rtcp)

    def test_nextTarget(self) -> None:
        """Who is called next gets other keys."""
        invite = self.call()
        elsewhere = respond(invite, 302, "Moved", extra="Contact: <sip:200@192.0.2.77>\r\n")
        second = next(message for message in self.rig.receive(elsewhere) if message.startswith("INVITE sip:200"))
        first = {key.parameters for key in cryptoIn(invite)}
        self.assertEqual(len(first), 6)
        self.assertEqual(len({key.parameters for key in cryptoIn(second)} - first), 6)

    def test_pinned(self) -> None:
        """An iChat is called with plain RTP, whatever is required."""
        self.rig = Rig(policy=policy(Encryption.REQUIRED))
        leg = self.rig.endpoint.pinned().dial("sip:user@198.51.100.7:16402", Party("sip:ichat-gw@gw.example"))
        leg.call, leg.side = FakeCall(), FakeSide()
        leg.start(OFFER)
        (invite,) = self.rig.wire.take()
        self.assertIn("RTP/AVP 0\r\n", invite)
        self.assertEqual(cryptoIn(invite), [])
        self.assertNotIn("fingerprint", invite)


class ChangeTests(SynchronousTestCase):
    """What happens to keys in the middle of a call."""

    def talk(self, **arguments: Any) -> Talk:
        rig = Rig(policy=policy(**arguments))
        rig.invite(body=secured())
        leg = rig.invitations.legs[-1]
        assert isinstance(leg, InboundSipLeg)
        self.assertIsNone(leg.objection())
        leg.answer(ANSWER)
        ok = rig.wire.take()[-1]
        rig.receive(ackFor(ok))
        return Talk(rig, cast(SipLeg, leg), ok, header(ok, "To"), header(ok, "From"), 1)

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
        talk.leg.update(SessionDescription((PCMU,), None, None, Direction.SENDONLY))
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
            rig = Rig(policy=wanted)
            wanted.encryption = Encryption.OPTIONAL
            if arriving:
                rig.invite(body=secured())
                leg = cast(InboundSipLeg, rig.invitations.legs[-1])
                leg.objection()
                leg.answer(ANSWER)
                ok = rig.wire.take()[-1]
                rig.receive(ackFor(ok))
                talk = Talk(rig, leg, ok, header(ok, "To"), header(ok, "From"), 1)
            else:
                talk = Talk.outbound(rig)
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
        self.rig = Rig(policy=policy())

    def both(self, leg: SipLeg, ours: CryptoKey) -> None:
        """Each hears what the other says, and the SRTP phone nothing but SRTP."""
        shield = Shield(sdes.masterKey(phoneKey()), sdes.masterKey(ours))
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
        self.rig.invite(body=secured())
        leg = self.rig.invitations.legs[-1]
        assert isinstance(leg, InboundSipLeg)
        leg.objection()
        leg.side = self.relay.caller
        leg.answer(ANSWER)
        (ours,) = cryptoIn(self.rig.wire.take()[-1])
        self.both(leg, ours)

    def test_toPhone(self) -> None:
        """The SRTP phone is called."""
        leg = self.rig.dial()
        leg.side = self.relay.caller
        leg.start(OFFER)
        (invite,) = self.rig.wire.take()
        ours = next(key for key in cryptoIn(invite) if key.suite == SUITE.value)
        theirs = phoneKey(ours.tag)
        self.rig.receive(respond(invite, 200, "OK", body=secured(theirs, "RTP/AVP")))
        self.both(leg, ours)

    def test_bothProtected(self) -> None:
        """Two phones with SRTP, each with keys and a suite of its own: what one says the other can open."""
        other = PHONE_RTP[0], 31000
        far = [phoneKey("1", fill, Suite.AEAD_AES_256_GCM) for fill in (3, 4)]
        self.relay.callee.connect(SessionDescription((PCMU,), TransportAddress(*other)))
        self.relay.callee.protect(Protection(far[0], far[1]), self.fail)
        self.rig.invite(body=secured())
        leg = self.rig.invitations.legs[-1]
        assert isinstance(leg, InboundSipLeg)
        leg.objection()
        leg.side = self.relay.caller
        leg.answer(ANSWER)
        (ours,) = cryptoIn(self.rig.wire.take()[-1])
        ends = (
            (Shield(sdes.masterKey(phoneKey()), sdes.masterKey(ours)), PHONE_RTP, self.relay.caller),
            (Shield(sdes.masterKey(far[1]), sdes.masterKey(far[0])), other, self.relay.callee),
        )
        for sequence in (65534, 65535, 0, 1):
            packet = RTPPacket(0, sequence, sequence * 160 & 0xFFFF, 9, b"speech" * 20).pack()
            for (near, place, side), (away, target, _) in (ends, ends[::-1]):
                self.network.deliver(near.protect(packet), place, side.local(place[0]).port)
                (heard,) = self.network.sentTo(target)
                self.assertEqual(RTPPacket.parse(away.open(heard)).payload, b"speech" * 20)

    def test_exchanged(self) -> None:
        """When another party takes the place of the other one, the SRTP phone hears on: its keys and numbers go on."""
        self.rig.invite(body=secured())
        leg = self.rig.invitations.legs[-1]
        assert isinstance(leg, InboundSipLeg)
        leg.objection()
        leg.side = self.relay.caller
        leg.answer(ANSWER)
        (ours,) = cryptoIn(self.rig.wire.take()[-1])
        shield = Shield(sdes.masterKey(phoneKey()), sdes.masterKey(ours))
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
