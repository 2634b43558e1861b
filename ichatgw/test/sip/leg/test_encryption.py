# -*- test-case-name: ichatgw.test.sip.leg.test_encryption -*-
"""
SIP calls whose media is protected, through the signalling, from the INVITE to the answer.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.dialplan import DialPlan
from ichatgw.calls.switch import Switch
from ichatgw.model import CryptoKey, Direction, Ending, EndReason, Fingerprint, Party, Protection, TransportAddress
from ichatgw.sip.leg.inbound import InboundSipLeg
from ichatgw.sip.leg.mediasecurity import Encryption
from ichatgw.sip.transport.target import Target, Transport
from ichatgw.test.sip.test_transports import over
from ichatgw.test.support.fakes import OFFER, FakeCall, tell
from ichatgw.test.support.legs import ANSWER
from ichatgw.test.support.media.fakerelays import FakeMediaEngine, FakeSide
from ichatgw.test.support.sip.sipkeys import OURS, SECURE, SUITE, THEIRS, cryptoIn, oursIn, phoneKey, policy, secured
from ichatgw.test.support.sip.siptalks import news, side
from ichatgw.test.support.sip.sipwire import PHONE_SDP, Rig, ackFor, header, request, respond, status


class ArrivingTests(SynchronousTestCase):
    """Phones call."""

    def start(self, **arguments: Any) -> None:
        self.rig = Rig(policy=policy(**arguments))

    def judge(self) -> InboundSipLeg:
        """What the switch does with the last that came."""
        leg, arrival = self.rig.invitations.legs[-1], self.rig.invitations.arrivals[-1]
        if arrival.objection is not None:
            Switch(self.rig.clock, DialPlan(()), FakeMediaEngine(), {}).arrived(leg, arrival)
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
        self.assertEqual(side(leg).protections, [Protection(ours, phoneKey("4"))])

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
        self.assertEqual(side(leg).protections, [None])

    def test_iChat(self) -> None:
        """An INVITE that is claimed is of an iChat: its media is plain, whatever is required."""
        self.start(encryption=Encryption.REQUIRED)
        self.rig.invitations.refusal = None
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
        self.assertEqual(side(leg).protections, [Protection(ours, theirs)])

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
        its = side(leg)
        self.assertEqual(its.protections, [Protection(fingerprint=Fingerprint("sha-256", THEIRS), active=True)])
        self.assertEqual(its.remotes[-1].rtcp, its.remotes[-1].address)
        self.rig.receive(ackFor(ok))
        with capturedLogs() as events:
            its.failed(Ending(EndReason.SECURITY, "the certificate is another"))
        self.assertEqual(news(leg).reasons, [EndReason.SECURITY])
        bye = self.rig.wire.take()[-1]
        self.assertTrue(bye.startswith("BYE"))
        self.assertEqual(header(bye, "Reason"), "Q.850;cause=57")
        self.assertEqual(sum("no keys" in event["log_format"] for event in events), 1)


class CallingTests(SynchronousTestCase):
    """Phones are called."""

    def call(
        self, called: str = "sip:100@192.0.2.77", encryption: Encryption = Encryption.OPTIONAL, **arguments: Any
    ) -> str:
        self.rig = Rig(policy=policy(encryption, **arguments), filtered=frozenset({8}))
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
        ours = oursIn(invite)
        self.answer(invite, secured(phoneKey(ours.tag), "RTP/AVP"))
        self.assertEqual(side(self.leg).protections, [Protection(ours, phoneKey(ours.tag))])
        self.assertEqual(news(self.leg).news, ["answered"])

    def test_plainly(self) -> None:
        """Who takes no key talks plainly if that is allowed."""
        self.answer(self.call(), PHONE_SDP)
        self.assertEqual(side(self.leg).protections, [None])
        self.assertEqual(news(self.leg).news, ["answered"])

    def test_unasked(self) -> None:
        """One that answers with keys which it was not offered has a line that names the setting; others have none."""
        fingerprint = f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}\r\na=setup:active\r\n"
        for encryption, body, lines in (
            (Encryption.NEVER, PHONE_SDP + fingerprint, 1),
            (Encryption.NEVER, secured(phoneKey("1"), "RTP/AVP"), 1),
            (Encryption.NEVER, PHONE_SDP, 0),
            (Encryption.OPTIONAL, PHONE_SDP, 0),
        ):
            invite = self.call(encryption=encryption)
            with capturedLogs() as events:
                self.answer(invite, body)
            self.assertEqual(sum("SIPMediaEncryption" in event["log_format"] for event in events), lines, body)
            self.assertEqual(news(self.leg).news, ["answered"])

    def test_required(self) -> None:
        """If it is not, the call is ended, and the caller hears 488 with the reason."""
        invite = self.call(encryption=Encryption.REQUIRED)
        self.assertIn("RTP/SAVP 0\r\n", invite)
        sent = self.answer(invite, PHONE_SDP)
        self.assertEqual([message.split()[0] for message in sent], ["ACK", "BYE"])
        ((_, ending),) = news(self.leg).endings
        self.assertEqual((ending.reason, ending.cause), (EndReason.INCOMPATIBLE, 57))
        self.assertIn("must be encrypted", ending.text)
        self.assertEqual(side(self.leg).remotes, [])

    def test_insisted(self) -> None:
        """A phone that takes SRTP in its own profile only, and refuses ours, is called again so, with other keys."""
        first = self.call()
        sent = self.rig.receive(respond(first, 488, "Not Acceptable Here"))
        self.assertEqual([message.split()[0] for message in sent], ["ACK", "INVITE"])
        invite = sent[-1]
        self.assertIn("RTP/SAVP 0\r\n", invite)
        self.assertNotEqual(header(invite, "Call-ID"), header(first, "Call-ID"))
        self.assertFalse({key.parameters for key in cryptoIn(first)} & {key.parameters for key in cryptoIn(invite)})
        ours = oursIn(invite)
        self.answer(invite, secured(phoneKey(ours.tag)))
        self.assertEqual(side(self.leg).protections, [Protection(ours, phoneKey(ours.tag))])
        self.assertEqual(news(self.leg).news, ["answered"])

    def test_insistedOnce(self) -> None:
        """If that is refused too, the call is; without keys, or for other reasons, there is no second offer."""
        sent = self.refuse(self.call())
        self.refuse(sent[-1])
        self.assertEqual(news(self.leg).reasons, [EndReason.INCOMPATIBLE])
        for arguments in ({"inClear": False}, {"encryption": Encryption.NEVER}, {"encryption": Encryption.REQUIRED}):
            sent = self.refuse(self.call(**arguments))
            self.assertEqual([message.split()[0] for message in sent], ["ACK"])
        self.assertEqual([message.split()[0] for message in self.refuse(self.call(), 486)], ["ACK"])

    def test_insistedNoMore(self) -> None:
        """A phone that gave up in between is not called again."""
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
        ((_, ending),) = news(self.leg).endings
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
        self.assertEqual(news(self.leg).reasons, [EndReason.INCOMPATIBLE])

    def test_earlyPlain(self) -> None:
        """Early media that is not encrypted as it must be is no media; what is encrypted is."""
        invite = self.call(encryption=Encryption.REQUIRED)
        self.rig.receive(respond(invite, 183, "Session Progress", body=PHONE_SDP))
        self.assertEqual(side(self.leg).remotes, [])
        ours = oursIn(invite)
        for fill in (1, 2):  # two forks
            body = secured(phoneKey(ours.tag, fill))
            self.rig.receive(respond(invite, 183, "Session Progress", tag=f"b{fill}", body=body))
        self.assertEqual(
            side(self.leg).protections,
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
        its = side(self.leg)
        self.assertEqual(its.protections, [Protection(fingerprint=Fingerprint("sha-256", THEIRS), active=False)])
        self.assertIsNone(its.remotes[-1].rtcp)

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


class ElsewhereTests(SynchronousTestCase):
    """Phones that are called over TLS, and want to hear all else by UDP."""

    def hold(self, *keys: CryptoKey, **arguments: Any) -> FakeCall:
        """The other party holds."""
        self.rig = Rig(policy=policy(**{"inClear": False, **arguments}))
        leg = self.rig.dial("sip:100@192.0.2.77;transport=tls")
        leg.start(OFFER)
        (invite,) = self.rig.streams.take()
        answer = PHONE_SDP + "".join(f"a=crypto:{key.tag} {key.suite} {key.parameters}\r\n" for key in keys)
        there = Target(Transport.TLS, TransportAddress("192.0.2.77", 5061))
        contact = "Contact: <sip:100@192.0.2.77:5060;transport=udp>\r\n"
        self.rig.stream(respond(invite, 200, "OK", body=answer, extra=contact), there)
        self.rig.wire.take()
        tell(leg, evolve(ANSWER, direction=Direction.INACTIVE))
        self.sent = "".join(self.rig.wire.take() + self.rig.streams.take())
        assert isinstance(leg.call, FakeCall)
        return leg.call

    def test_secret(self) -> None:
        """Keys that were agreed on over TLS do not go another way; the call goes on as it was."""
        call = self.hold(phoneKey("5"))
        self.assertEqual((self.sent, call.news), ("", ["answered", "refused"]))
        self.assertIn("anybody could read", call.refusals[0].text)

    def test_inClear(self) -> None:
        """Unless the administrator says that they may."""
        call = self.hold(phoneKey("5"), inClear=True)
        self.assertIn("a=crypto:", self.sent)
        self.assertEqual(call.news, ["answered"])

    def test_plain(self) -> None:
        """One who has taken none is offered none there."""
        call = self.hold()
        self.assertIn("a=inactive", self.sent)
        self.assertNotIn("a=crypto:", self.sent)
        self.assertEqual(call.news, ["answered"])
