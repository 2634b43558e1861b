# -*- test-case-name: ichatgw.test.sip.leg.test_mediasecurity -*-
"""
What is offered, demanded and agreed on for the protection of media.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ichatgw import sdp
from ichatgw.errors import CallError, NoCommonCodec
from ichatgw.media.srtp import sdes
from ichatgw.media.srtp.srtp import SUITES, Suite
from ichatgw.model import PCMU, Codec, CryptoKey, Fingerprint, Protection, Setup, TransportDescription
from ichatgw.sip.leg.mediasecurity import Encryption, Keys, MediaPolicy, MediaSecurity, Unprotected
from ichatgw.test.support.sip.sipwire import PHONE_SDP

OURS = Fingerprint("sha-256", ":".join(["0A"] * 32))
THEIRS = Fingerprint("sha-256", ":".join(["0B"] * 32))
KEY = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
CRYPTO = f"a=crypto:7 AES_CM_128_HMAC_SHA1_80 {KEY}\r\n"
UNKNOWN = f"a=crypto:1 F8_128_HMAC_SHA1_80 {KEY}\r\n"
DTLS = f"a=fingerprint:sha-256 {THEIRS.value}\r\na=setup:actpass\r\n"

NEVER, OPTIONAL, REQUIRED = Encryption


def media(*lines: str) -> sdp.ParsedSDP:
    """SDP with audio lines of these profiles, each with attributes behind it."""
    head = PHONE_SDP.partition("m=")[0]
    parts = []
    for number, line in enumerate(lines):
        profile, _, attributes = line.partition("\r\n")
        parts.append(f"m=audio {30000 + 2 * number} {profile} 0\r\n{attributes}")
    return sdp.parse(head + "".join(parts))


def protecting(encryption: Encryption = OPTIONAL, isPrivate: bool = True, **policy: Any) -> MediaSecurity:
    return MediaSecurity(MediaPolicy(encryption, **{"fingerprint": OURS, **policy}), isPrivate)


class OfferTests(SynchronousTestCase):
    """Our offers."""

    def test_table(self) -> None:
        """What is offered, by what is wanted and how private the signalling is."""
        for encryption, keys, isPrivate, inClear, profile, manner in (
            (NEVER, Keys.SDES, True, True, "RTP/AVP", ""),
            (NEVER, Keys.DTLS, True, True, "RTP/AVP", ""),
            (OPTIONAL, Keys.SDES, True, False, "RTP/AVP", "keys"),
            (OPTIONAL, Keys.SDES, False, False, "RTP/AVP", ""),
            (OPTIONAL, Keys.SDES, False, True, "RTP/AVP", "keys"),
            (OPTIONAL, Keys.DTLS, False, False, "RTP/AVP", "dtls"),
            (REQUIRED, Keys.SDES, True, False, "RTP/SAVP", "keys"),
            (REQUIRED, Keys.SDES, False, True, "RTP/SAVP", "keys"),
            (REQUIRED, Keys.SDES, False, False, "UDP/TLS/RTP/SAVP", "dtls"),
            (REQUIRED, Keys.DTLS, True, False, "UDP/TLS/RTP/SAVP", "dtls"),
        ):
            case = (encryption, keys, isPrivate, inClear)
            offered, transport = protecting(encryption, isPrivate, keys=keys, inClear=inClear).offer()
            self.assertEqual(offered, profile, case)
            self.assertEqual(len(transport.keys), len(SUITES) if manner == "keys" else 0, case)
            self.assertEqual(transport.fingerprint, OURS if manner == "dtls" else None, case)
            self.assertEqual(transport.setup, Setup.ACTPASS if manner == "dtls" else None, case)
            self.assertEqual(transport.muxed, manner == "dtls", case)

    def test_keys(self) -> None:
        """Each key is another one; who is called next gets others; nothing of them shows in logs."""
        ours = protecting()
        _, first = ours.offer()
        self.assertEqual([key.tag for key in first.keys], ["1", "2", "3", "4", "5", "6"])
        self.assertEqual(len({key.parameters for key in first.keys}), 6)
        self.assertEqual(ours.offer()[1], first)
        ours.forget()
        self.assertFalse({key.parameters for key in ours.offer()[1].keys} & {key.parameters for key in first.keys})
        self.assertNotIn(first.keys[0].parameters[10:], repr(ours))

    def answer(self, ours: MediaSecurity, profile: str, transport: TransportDescription) -> Protection | None:
        stream = evolve(media(profile).stream, transport=transport)
        protection = ours.accept(stream)
        ours.agreed(protection)
        return protection

    def keyFor(self, offered: TransportDescription, number: int) -> CryptoKey:
        key = offered.keys[number]
        return sdes.newKey(Suite(key.suite), key.tag, lambda size: bytes(range(size)))[0]

    def test_keyAnswered(self) -> None:
        """The key in the answer, and ours with its tag; whatever the profile is called."""
        for profile in ("RTP/AVP", "RTP/SAVP"):
            ours = protecting()
            _, offered = ours.offer()
            theirs = self.keyFor(offered, 3)
            protection = self.answer(ours, profile, TransportDescription(keys=(theirs,)))
            self.assertEqual(protection, Protection(offered.keys[3], theirs))

    def test_wrongKey(self) -> None:
        """A key that answers none of ours is no answer: media does not go plain by mistake."""
        ours = protecting()
        _, offered = ours.offer()
        for wrong in (evolve(self.keyFor(offered, 3), tag="9"), evolve(self.keyFor(offered, 3), tag="1")):
            self.assertRaises(Unprotected, self.answer, ours, "RTP/AVP", TransportDescription(keys=(wrong,)))

    def test_plainAnswer(self) -> None:
        """A plain answer is taken where encryption is optional, and nowhere else."""
        for keys in Keys:
            ours = protecting(keys=keys)
            ours.offer()
            self.assertIsNone(self.answer(ours, "RTP/AVP", sdp.PLAIN))
            self.assertRaises(NoCommonCodec, self.answer, ours, "RTP/SAVP", sdp.PLAIN)
            ours = protecting(REQUIRED, keys=keys)
            ours.offer()
            for profile in ("RTP/AVP", "RTP/SAVP", "UDP/TLS/RTP/SAVP"):
                self.assertRaises(Unprotected, self.answer, ours, profile, sdp.PLAIN)

    def test_notOffered(self) -> None:
        """Keys and certificates that nobody asked for change nothing."""
        ours = protecting(NEVER)
        ours.offer()
        key = sdes.newKey(Suite.AES_CM_128_HMAC_SHA1_80, "1", bytes)[0]
        for transport in (TransportDescription(keys=(key,)), TransportDescription(fingerprint=THEIRS)):
            self.assertIsNone(self.answer(ours, "RTP/AVP", transport))
            self.assertRaises(NoCommonCodec, self.answer, ours, "RTP/SAVP", transport)

    def test_dtlsAnswered(self) -> None:
        """Who begins is what the answer leaves us; who does not say begins."""
        for setup, active in ((Setup.ACTIVE, False), (Setup.PASSIVE, True), (None, False)):
            ours = protecting(keys=Keys.DTLS)
            ours.offer()
            transport = TransportDescription(fingerprint=THEIRS, setup=setup)
            self.assertEqual(self.answer(ours, "RTP/AVP", transport), Protection(fingerprint=THEIRS, active=active))
        for wrong in (
            TransportDescription(fingerprint=THEIRS, setup=Setup.HOLDCONN),
            TransportDescription(fingerprint=Fingerprint("md5", "00")),
        ):
            self.assertRaises(Unprotected, self.answer, ours, "RTP/AVP", wrong)

    def test_again(self) -> None:
        """Within the call the key in use is offered first, and the role that we have, in the profile of the party."""
        ours = protecting()
        _, offered = ours.offer()
        self.answer(ours, "RTP/AVP", TransportDescription(keys=(self.keyFor(offered, 3),)))
        profile, again = ours.offer()
        self.assertEqual((profile, again.keys[0].tag), ("RTP/AVP", "1"))
        self.assertEqual(again.keys[0].parameters, offered.keys[3].parameters)
        self.assertEqual(ours.offer(), (profile, again))
        ours = protecting(isPrivate=False)
        stream = media(f"RTP/SAVPF\r\n{CRYPTO}").stream
        ours.agreed(ours.answer(stream, True)[1], stream.protocol)
        profile, again = ours.offer()
        self.assertEqual((profile, again.keys[0].suite), ("RTP/SAVPF", "AES_CM_128_HMAC_SHA1_80"))
        for active, setup in ((True, Setup.ACTIVE), (False, Setup.PASSIVE)):
            ours.agreed(Protection(fingerprint=THEIRS, active=active), "UDP/TLS/RTP/SAVPF")
            profile, again = ours.offer()
            self.assertEqual((profile, again.setup, again.keys), ("UDP/TLS/RTP/SAVPF", setup, ()))


class AnswerTests(SynchronousTestCase):
    """Offers of the party."""

    def test_table(self) -> None:
        """Which stream is taken, and how its keys are agreed on; C{-} means a refusal."""
        plain, keys, both = "RTP/AVP", f"RTP/SAVP\r\n{CRYPTO}", f"RTP/AVP\r\n{CRYPTO}{DTLS}"
        dtls, opportunistic = f"UDP/TLS/RTP/SAVPF\r\n{DTLS}", f"RTP/AVPF\r\n{CRYPTO}"
        for lines, never, optional, required, requiredInClear in (
            ((plain,), "0 plain", "0 plain", "-", "-"),
            ((keys,), "-", "0 sdes", "0 sdes", "-"),
            ((plain, keys), "0 plain", "1 sdes", "1 sdes", "-"),
            ((keys, plain), "1 plain", "0 sdes", "0 sdes", "-"),
            ((dtls,), "-", "0 dtls", "0 dtls", "0 dtls"),
            ((keys, dtls), "-", "0 sdes", "0 sdes", "1 dtls"),
            ((opportunistic,), "0 plain", "0 sdes", "0 sdes", "-"),
            ((both,), "0 plain", "0 dtls", "0 dtls", "0 dtls"),
            ((f"RTP/SAVP\r\n{CRYPTO}{DTLS}",), "-", "0 sdes", "0 sdes", "0 dtls"),
            ((f"RTP/SAVP\r\n{DTLS}",), "-", "0 dtls", "0 dtls", "0 dtls"),
            ((f"RTP/SAVP\r\n{UNKNOWN}",), "-", "-", "-", "-"),
            ((f"RTP/SAVP\r\n{UNKNOWN}{CRYPTO}",), "-", "0 sdes", "0 sdes", "-"),
            ((f"RTP/AVP\r\n{UNKNOWN}",), "0 plain", "0 plain", "-", "-"),
            (("RTP/SAVP",), "-", "-", "-", "-"),
            ((f"UDP/TLS/RTP/SAVP\r\n{CRYPTO}",), "-", "-", "-", "-"),
            ((f"UDP/TLS/RTP/SAVP\r\n{DTLS.replace('actpass', 'holdconn')}",), "-", "-", "-", "-"),
        ):
            offer = media(*lines)
            for encryption, isPrivate, expected in (
                (NEVER, True, never),
                (OPTIONAL, True, optional),
                (OPTIONAL, False, optional),
                (REQUIRED, True, required),
                (REQUIRED, False, requiredInClear),
            ):
                self.assertEqual(
                    self.outcome(protecting(encryption, isPrivate), offer), expected, (lines, encryption, isPrivate)
                )

    def outcome(self, ours: MediaSecurity, offer: sdp.ParsedSDP) -> str:
        try:
            chosen = ours.choose(offer, (PCMU,))
        except CallError:
            return "-"
        _, protection = ours.answer(chosen.stream, True)
        if protection is None:
            return f"{chosen.chosen} plain"
        return f"{chosen.chosen} {'sdes' if protection.ours is not None else 'dtls'}"

    def test_whyRefused(self) -> None:
        """The refusal says whether it was for the keys: cause 57 becomes a Warning."""
        problem = self.assertRaises(Unprotected, protecting(REQUIRED).choose, media("RTP/AVP"))
        self.assertEqual(problem.cause, 57)
        problem = self.assertRaises(NoCommonCodec, protecting(NEVER).choose, media(f"RTP/SAVP\r\n{CRYPTO}"))
        self.assertIn("RTP/SAVP", str(problem))

    def test_noDTLS(self) -> None:
        """Without a certificate of ours there is no DTLS."""
        ours = protecting(fingerprint=None, keys=Keys.DTLS)
        self.assertEqual(ours.offer(), ("RTP/AVP", sdp.PLAIN))
        self.assertEqual(self.outcome(ours, media(f"UDP/TLS/RTP/SAVP\r\n{DTLS}")), "-")

    def test_codecs(self) -> None:
        """A stream with a common format goes before a better protected one without."""
        head = PHONE_SDP.partition("m=")[0]
        offer = sdp.parse(f"{head}m=audio 1 RTP/SAVP 9\r\n{CRYPTO}m=audio 2 RTP/AVP 0\r\n")
        self.assertEqual(protecting().choose(offer, (PCMU,)).chosen, 1)
        self.assertEqual(protecting().choose(offer, (Codec("G722", 8000, 9),)).chosen, 0)
        self.assertEqual(protecting().choose(offer).chosen, 0)

    def test_keys(self) -> None:
        """Our key for theirs, with its tag; while its suite stays it does, too."""
        ours = protecting()
        stream = media(f"RTP/SAVP\r\n{CRYPTO}a=rtcp-mux\r\n").stream
        transport, protection = ours.answer(stream, True)
        assert protection is not None and protection.ours is not None
        self.assertEqual([key.tag for key in transport.keys], ["7"])
        self.assertTrue(transport.muxed)
        self.assertEqual(protection, Protection(transport.keys[0], stream.transport.keys[0]))
        ours.agreed(protection, stream.protocol)
        again, _ = ours.answer(media(f"RTP/SAVP\r\n{CRYPTO.replace(':7 ', ':3 ')}").stream, True)
        self.assertEqual((again.keys[0].tag, again.keys[0].parameters), ("3", protection.ours.parameters))
        other, _ = ours.answer(media(f"RTP/SAVP\r\n{CRYPTO.replace('SHA1_80', 'SHA1_32')}").stream, True)
        self.assertNotEqual(other.keys[0].parameters, protection.ours.parameters)

    def test_roles(self) -> None:
        """We begin DTLS if the party wants that, or leaves it to us and is near; roles stay with certificates."""
        for setup, isNear, active in (
            ("active", True, False),
            ("passive", False, True),
            ("actpass", True, True),
            ("actpass", False, False),
        ):
            ours = protecting()
            stream = media(f"UDP/TLS/RTP/SAVP\r\n{DTLS.replace('actpass', setup)}").stream
            transport, protection = ours.answer(stream, isNear)
            self.assertEqual(protection, Protection(fingerprint=THEIRS, active=active))
            self.assertIs(transport.setup, Setup.ACTIVE if active else Setup.PASSIVE)
            self.assertEqual(transport.fingerprint, OURS)
            ours.agreed(protection, stream.protocol)
            if setup == "actpass":
                _, again = ours.answer(stream, not isNear)
                self.assertEqual(again, protection)
        silent = media(f"UDP/TLS/RTP/SAVP\r\n{DTLS.replace('a=setup:actpass', 'a=x')}").stream
        self.assertIs(protecting().answer(silent, True)[0].setup, Setup.PASSIVE)
