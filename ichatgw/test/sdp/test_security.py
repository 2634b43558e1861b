# -*- test-case-name: ichatgw.test.sdp.test_security -*-
"""
What protects media, in SDP.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw import sdp
from ichatgw.model import (
    PCMU,
    CryptoKey,
    Fingerprint,
    SessionDescription,
    Setup,
    TransportAddress,
    TransportDescription,
)

KEY = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
PRINT = ":".join(["4A"] * 32)

SECURE = (
    "v=0\r\no=jdoe 2890844526 2890842807 IN IP4 192.0.2.77\r\ns=SDP Seminar\r\nc=IN IP4 192.0.2.77\r\nt=0 0\r\n"
    f"a=setup:actpass\r\na=fingerprint:SHA-256 {PRINT}\r\n"
    "m=audio 30000 RTP/SAVP 0\r\n"
    f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}|2^20|1:32 KDR=0 WSH=64\r\n"
    f"a=crypto:2 AES_CM_128_HMAC_SHA1_32 {KEY}\r\na=rtcp-mux\r\n"
    "m=audio 30002 RTP/AVP 0\r\na=sendonly\r\n"
    "m=audio 30004 UDP/TLS/RTP/SAVPF 0\r\na=setup:passive\r\n"
)
OURS = SessionDescription((PCMU,), TransportAddress("192.0.2.10", 8000))
ORIGIN = sdp.Origin(7)


def transportWith(*attributes: str) -> TransportDescription:
    """What is read from a stream with these attributes."""
    lines = "".join(f"a={value}\r\n" for value in attributes)
    text = f"v=0\r\nc=IN IP4 192.0.2.77\r\nm=audio 30000 RTP/AVP 0\r\n{lines}"
    return sdp.parse(text).stream.transport


class ReadTests(SynchronousTestCase):
    """Reading."""

    def test_streams(self) -> None:
        """Every audio line in a profile that we know is there, with what protects it."""
        parsed = sdp.parse(SECURE)
        self.assertEqual([stream.protocol for stream in parsed.streams], ["RTP/SAVP", "RTP/AVP", "UDP/TLS/RTP/SAVPF"])
        self.assertEqual([stream.mayBePlain for stream in parsed.streams], [False, True, False])
        self.assertEqual([stream.isDTLS for stream in parsed.streams], [False, False, True])
        first = parsed.streams[0].transport
        self.assertEqual(
            first.keys,
            (
                CryptoKey("1", "AES_CM_128_HMAC_SHA1_80", f"{KEY}|2^20|1:32", "KDR=0 WSH=64"),
                CryptoKey("2", "AES_CM_128_HMAC_SHA1_32", KEY),
            ),
        )
        self.assertTrue(first.muxed)
        self.assertFalse(parsed.streams[1].transport.muxed)

    def test_levels(self) -> None:
        """Fingerprint and setup may stand for the whole session; a stream's own count more."""
        first, _, third = sdp.parse(SECURE).streams
        for stream, setup in ((first, Setup.ACTPASS), (third, Setup.PASSIVE)):
            self.assertEqual(stream.transport.fingerprint, Fingerprint("sha-256", PRINT))
            self.assertIs(stream.transport.setup, setup)

    def test_badKeys(self) -> None:
        """A line that breaks the rules is as none."""
        for value in (
            "",
            "1",
            "1 AES_CM_128_HMAC_SHA1_80",
            f"01 AES_CM_128_HMAC_SHA1_80 {KEY}",
            f"x AES_CM_128_HMAC_SHA1_80 {KEY}",
            f"-1 AES_CM_128_HMAC_SHA1_80 {KEY}",
            f"1234567890 AES_CM_128_HMAC_SHA1_80 {KEY}",
            f"1 AES-CM {KEY}",
            "1 AES_CM_128_HMAC_SHA1_80 " + "x" * 600,
            f"1 AES_CM_128_HMAC_SHA1_80 {KEY} " + "x " * 30,
            f"1 AES_CM_128_HMAC_SHA1_80 {KEY}\u0660",
        ):
            self.assertEqual(transportWith(f"crypto:{value}").keys, (), value)

    def test_tags(self) -> None:
        """A tag counts once, and there is an end to the number of keys."""
        self.assertEqual(
            [key.suite for key in transportWith(f"crypto:1 A {KEY}", f"crypto:1 B {KEY}", f"crypto:2 C {KEY}").keys],
            ["A", "C"],
        )
        self.assertEqual(len(transportWith(*(f"crypto:{tag} A {KEY}" for tag in range(100))).keys), 32)

    def test_fingerprints(self) -> None:
        """Of several the one by the best hash counts; what is none, or by a hash that proves nothing, does not."""
        long = ":".join(["0f"] * 64)
        self.assertEqual(
            transportWith(f"fingerprint:sha-256 {PRINT}", f"fingerprint:sha-512 {long}").fingerprint,
            Fingerprint("sha-512", long.upper()),
        )
        for value in ("", "sha-256", "sha-256 4A", f"md5 {':'.join(['4A'] * 16)}", f"sha-256 {PRINT}:GG"):
            transport = transportWith(f"fingerprint:{value}", "setup:active")
            self.assertEqual((transport.fingerprint, transport.setup), (None, None), value)

    def test_badSetup(self) -> None:
        """A role that is none is as none."""
        self.assertIsNone(transportWith(f"fingerprint:sha-256 {PRINT}", "setup:whoever").setup)
        self.assertIs(transportWith(f"fingerprint:sha-256 {PRINT}", "setup: Active").setup, Setup.ACTIVE)

    def test_secrets(self) -> None:
        """A key does not show when a description is printed."""
        self.assertNotIn(KEY[10:20], repr(sdp.parse(SECURE)))


class WriteTests(SynchronousTestCase):
    """Writing."""

    def test_offer(self) -> None:
        """Keys, fingerprint, role and where RTCP goes, behind the rest; and all of it can be read back."""
        transport = TransportDescription(
            fingerprint=Fingerprint("sha-256", PRINT),
            setup=Setup.ACTPASS,
            keys=(CryptoKey("1", "AES_CM_128_HMAC_SHA1_80", KEY), CryptoKey("2", "F8_128_HMAC_SHA1_80", KEY, "WSH=64")),
        )
        text = sdp.writeOffer(OURS, ORIGIN, "RTP/SAVP", transport)
        self.assertEqual(
            text.partition("t=0 0\r\n")[2],
            "m=audio 8000 RTP/SAVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
            f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 {KEY}\r\na=crypto:2 F8_128_HMAC_SHA1_80 {KEY} WSH=64\r\n"
            f"a=fingerprint:sha-256 {PRINT}\r\na=setup:actpass\r\na=rtcp-mux\r\n",
        )
        self.assertEqual(sdp.parse(text).stream.transport, transport)

    def test_answer(self) -> None:
        """The stream that was chosen is answered in its profile, as the offer writes it; the others are refused."""
        offer = sdp.parse(SECURE.replace("RTP/SAVP 0", "rtp/savp 0"))
        transport = TransportDescription(keys=(CryptoKey("2", "AES_CM_128_HMAC_SHA1_32", KEY),), muxed=False)
        lines = sdp.writeAnswer(OURS, ORIGIN, offer.taking(offer.streams[0]), transport).split("\r\n")
        self.assertEqual(
            [line for line in lines if line.startswith(("m=", "a=crypto", "a=rtcp-mux"))],
            [
                "m=audio 8000 rtp/savp 0",
                f"a=crypto:2 AES_CM_128_HMAC_SHA1_32 {KEY}",
                "m=audio 0 RTP/AVP 0",
                "m=audio 0 UDP/TLS/RTP/SAVPF 0",
            ],
        )
        lines = sdp.writeAnswer(OURS, ORIGIN, offer.plain()).split("\r\n")
        self.assertEqual(
            [line for line in lines if line.startswith("m=")],
            ["m=audio 0 rtp/savp 0", "m=audio 8000 RTP/AVP 0", "m=audio 0 UDP/TLS/RTP/SAVPF 0"],
        )
