# -*- test-case-name: ichatgw.test.sip.leg.test_negotiation -*-
"""
Offers and answers of a dialog.
"""

from __future__ import annotations

import random

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ichatgw import sdp
from ichatgw.errors import CallError, Congested, MalformedError, NoCommonCodec
from ichatgw.model import PCMU, Codec, Direction, Fingerprint, TransportAddress
from ichatgw.sip.leg.mediasecurity import Encryption, MediaPolicy, MediaSecurity
from ichatgw.sip.leg.negotiation import Negotiation
from ichatgw.test.marks import slow
from ichatgw.test.sdp.test_security import SECURE
from ichatgw.test.support.media.fakerelays import FakeSide
from ichatgw.test.support.sip.sipwire import PHONE_SDP

PHONE = "192.0.2.77"
PCMA = Codec("PCMA", 8000, 8)
OPUS = Codec("opus", 48000, 96, 2)


def line(text: str, start: str) -> str:
    """The first line of SDP that begins so."""
    return next(one for one in text.split("\r\n") if one.startswith(start))


def version(text: str) -> int:
    return int(line(text, "o=").split()[2])


class NegotiationTests(SynchronousTestCase):
    """One dialog, from our end."""

    def setUp(self) -> None:
        self.side = FakeSide()
        self.negotiation = Negotiation()
        self.negotiation.side = self.side

    def answered(self) -> str:
        """The phone has offered and we have answered."""
        return self.negotiation.answer(sdp.parse(PHONE_SDP), PHONE, (PCMA, PCMU))

    def test_answer(self) -> None:
        """Our answer has what both can, in our order, at our address, and our side learns where the party is."""
        text = self.answered()
        self.assertEqual(line(text, "m="), "m=audio 20000 RTP/AVP 8 0")
        self.assertEqual(self.side.remotes[0].address, TransportAddress(PHONE, 30000))
        self.assertEqual(self.side.remotes[0].codecs, (PCMA, PCMU))
        self.assertEqual(self.negotiation.codecs, (PCMA, PCMU))
        self.assertIsNone(self.negotiation.refused())

    def test_answerWithoutMaps(self) -> None:
        """A phone that answers with our numbers and does not explain them is understood, keys too."""
        keys = Codec("telephone-event", 48000, 110)
        self.negotiation.offer(PHONE, (OPUS, keys))
        text = PHONE_SDP.replace("0 8 101", "96 110").replace("a=rtpmap:101 telephone-event/8000\r\n", "")
        self.assertEqual(self.negotiation.accept(text).codecs, (OPUS, keys))

    def test_otherLaw(self) -> None:
        """Without a common format one law of G.711 is answered for the other; media passes here, and is changed."""
        only = sdp.parse(PHONE_SDP.replace(" 0 8 101", " 8"))
        self.assertEqual(line(self.negotiation.answer(only, PHONE, (PCMU,)), "m="), "m=audio 20000 RTP/AVP 8")
        self.assertEqual((self.side.remotes[-1].codecs, self.side.sents[-1]), ((PCMA,), (PCMA,)))
        self.side.isDirect = True
        with self.assertRaises(NoCommonCodec):
            self.negotiation.answer(only, PHONE, (PCMU,))

    def test_bothLawsOffered(self) -> None:
        """A wide offer has the other law of G.711 too, the last of the audio, if it may be and media passes here."""
        events = Codec("telephone-event", 8000, 101, 1, "0-15")
        for codecs, offered in (
            ((PCMU,), "0 8"),
            ((PCMA, events), "8 0 101"),
            ((PCMA, PCMU), "8 0"),
            ((OPUS,), "96"),
            ((evolve(PCMU, payloadType=8),), "8"),
        ):
            text = Negotiation.offer(self.fresh(), PHONE, codecs, isWide=True)
            self.assertEqual(line(text, "m=").partition("AVP ")[2], offered)
        self.negotiation.allowed = lambda codec: codec.payloadType != 8
        self.assertTrue(line(self.negotiation.offer(PHONE, (PCMU,), isWide=True), "m=").endswith("AVP 0"))

    def fresh(self) -> Negotiation:
        made = Negotiation()
        made.side = self.side
        return made

    def test_wideOfferAnswered(self) -> None:
        """
        Who takes what the other party speaks is sent that; it may send the other law all the same.  Who takes only the
        other law is sent that.
        """
        for answered, sent, mayCome in ((" 0 8", (PCMU,), {0, 8}), (" 8", (PCMA,), {8}), (" 0", (PCMU,), {0})):
            negotiation = self.fresh()
            negotiation.offer(PHONE, (PCMU,), isWide=True)
            negotiation.accept(PHONE_SDP.replace(" 0 8 101", answered))
            self.assertEqual((negotiation.agreed, self.side.remotes[-1].codecs), (sent, sent))
            self.assertEqual({codec.payloadType for codec in self.side.sents[-1] or ()}, mayCome)

    def test_wideOfferRepeated(self) -> None:
        """An offer that says the same again is wide again, so that its version stays."""
        first = self.negotiation.offer(PHONE, (PCMU,), isWide=True)
        self.negotiation.accept(PHONE_SDP.replace(" 0 8 101", " 0"))
        self.assertEqual(self.negotiation.repeat(PHONE), first)
        self.negotiation.accept(PHONE_SDP.replace(" 0 8 101", " 0"))
        self.assertIsNone(self.negotiation.reoffer(PHONE))

    def test_noCommonCodec(self) -> None:
        """An offer of which we can nothing is refused, and what was agreed on still holds."""
        self.answered()
        with self.assertRaises(NoCommonCodec):
            self.negotiation.answer(sdp.parse(PHONE_SDP), PHONE, (OPUS,))
        self.assertEqual(self.negotiation.codecs, (PCMA, PCMU))
        self.assertEqual(len(self.side.remotes), 1)

    def test_congested(self) -> None:
        """Without a port there is no answer, and no offer."""
        self.side.full = True
        with self.assertRaises(Congested):
            self.answered()
        with self.assertRaises(Congested):
            self.negotiation.offer(PHONE)
        self.assertIsNone(self.negotiation.refused())

    def test_version(self) -> None:
        """The version of our description goes up by one when it changes, and stays when it does not."""
        first = self.answered()
        self.assertEqual(self.answered(), first)
        held = self.negotiation.answer(sdp.parse(PHONE_SDP.replace("sendrecv", "sendonly")), PHONE)
        self.assertEqual(line(held, "a=recvonly"), "a=recvonly")
        self.assertEqual(version(held), version(first) + 1)
        self.assertEqual(version(self.answered()), version(first) + 2)
        self.assertEqual(line(held, "o=").split()[1], line(first, "o=").split()[1])

    def test_offer(self) -> None:
        """Our offer awaits an answer; the answer says what both speak."""
        text = self.negotiation.offer(PHONE, (OPUS, PCMU))
        self.assertEqual(line(text, "m="), "m=audio 20000 RTP/AVP 96 0")
        answer = self.negotiation.accept(PHONE_SDP)
        self.assertEqual(answer.address, TransportAddress(PHONE, 30000))
        self.assertEqual(self.side.remotes[0].codecs, (PCMU,))
        self.assertIsNone(self.negotiation.refused())

    def test_earlyAnswer(self) -> None:
        """After an answer that came early another one may come; in the end none is awaited."""
        self.negotiation.offer(PHONE, (PCMU,))
        self.negotiation.accept(PHONE_SDP, final=False)
        self.negotiation.accept(PHONE_SDP.replace("30000", "30002"), final=False)
        self.assertEqual(self.side.remotes[-1].address, TransportAddress(PHONE, 30002))
        self.negotiation.accept(PHONE_SDP)
        self.assertIsNone(self.negotiation.refused())

    def test_badAnswer(self) -> None:
        """An answer that is none, or has nothing of our offer, is not taken."""
        self.negotiation.offer(PHONE, (OPUS,))
        with self.assertRaises(MalformedError):
            self.negotiation.accept("nonsense")
        with self.assertRaises(NoCommonCodec):
            self.negotiation.accept(PHONE_SDP)
        self.assertEqual(self.side.remotes, [])

    def test_refusedOffer(self) -> None:
        """If a later offer of ours is refused, what was agreed on before holds, and is what is offered next."""
        self.answered()
        text = self.negotiation.offer(PHONE, (PCMU,), Direction.SENDONLY)
        self.assertEqual(line(text, "a=sendonly"), "a=sendonly")
        self.assertEqual(self.negotiation.refused(), (PCMU,))
        self.assertEqual(line(self.negotiation.offer(PHONE), "m="), "m=audio 20000 RTP/AVP 8 0")

    def test_whereTheMediaIs(self) -> None:
        """Our address is one for where the party has its media, and as long as that is unknown, its messages."""
        self.assertEqual(line(self.negotiation.offer("2001:db8::77"), "c="), "c=IN IP6 2001:db8::10")
        self.negotiation.accept(PHONE_SDP)
        self.assertEqual(line(self.negotiation.offer("2001:db8::77"), "c="), "c=IN IP4 192.0.2.10")
        self.negotiation.forget()
        self.assertEqual(line(self.negotiation.offer("2001:db8::77"), "c="), "c=IN IP6 2001:db8::10")

    def test_remote(self) -> None:
        """The party's last description is known."""
        self.assertIsNone(self.negotiation.remote)
        self.answered()
        self.assertEqual(self.negotiation.remote, evolve(sdp.parse(PHONE_SDP).description, codecs=(PCMA, PCMU)))

    def test_numbers(self) -> None:
        """
        Each end numbers formats as it likes to be sent them (RFC 3264 section 5.1): our side is told both numberings.
        """
        self.negotiation.offer(PHONE, (OPUS, PCMU))
        theirs = PHONE_SDP.replace("0 8 101", "111 0").replace("a=sendrecv", "a=rtpmap:111 opus/48000/2")
        self.negotiation.accept(theirs)
        self.assertEqual([codec.payloadType for codec in self.side.remotes[0].codecs], [111, 0])
        ours = self.side.sents[0]
        assert ours is not None
        self.assertEqual([codec.payloadType for codec in ours], [96, 0])

    @slow
    def test_hostile(self) -> None:
        """Whatever offer comes, and whatever answer, there is an answer to it, or one of the two errors."""
        policy = MediaPolicy(Encryption.OPTIONAL, inClear=True, fingerprint=Fingerprint("sha-256", "00"))
        chance = random.Random(4568)
        outcomes = set()
        for turn in range(2000):
            text = list(SECURE)
            for _ in range(chance.randrange(1, 6)):
                at = chance.randrange(len(text))
                text[at : at + chance.randrange(4)] = chance.choice(
                    ["", "|", "=", "1", " ", ":", "inline", "\r\n", "A"]
                )
            negotiation = Negotiation(protecting=MediaSecurity(policy))
            negotiation.side = FakeSide()
            try:
                if turn % 2:
                    negotiation.offer(PHONE)
                    negotiation.accept("".join(text))
                else:
                    negotiation.answer(sdp.parse("".join(text)), PHONE)
                outcomes.add("taken")
            except (MalformedError, CallError) as problem:
                outcomes.add(type(problem).__name__)
        self.assertTrue({"taken", "NoCommonCodec"} <= outcomes, outcomes)
