# -*- test-case-name: ichatgw.test.sdp.test_sdp -*-
"""
SDP, as real clients and hostile ones write it.
"""

from __future__ import annotations

import random

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ichatgw import sdp
from ichatgw.errors import MalformedError, NoCommonCodec
from ichatgw.model import PCMU, Codec, Direction, SessionDescription, TransportAddress
from ichatgw.test.sdp.test_security import SECURE
from ichatgw.test.support import data
from ichatgw.test.support.sip.sipwire import PHONE_SDP

ICHAT = (
    "v=0\no=scott 0 0 IN IP4 198.51.100.7\ns=scott@chat.example\nc=IN IP4 198.51.100.7\nb=AS:250\nt=0 0\n"
    "a=FLS;VRA:0;RVRA:1;AS:2\na=hwi:17412:2:2800\na=multipoint:1\na=iChatEncryption:YES\na=bandwidthDetection:NO\n"
    "m=audio 16402 RTP/AVP 105 0\na=rtcp:16402\na=rtpmap:105 X-AAC_ELD/22050\na=rtpmap:0 PCMU/8000\na=rtpID:2163487\n"
    "a=fmtp:AAC SamplesPerBlock 480\n"
    "m=video 16402 RTP/AVP 123 126 34\na=rtpmap:123 H264/90000\na=framerate:15\na=RTCP:AUDIO 16402 VIDEO 16402\n"
)
OURS = SessionDescription((PCMU,), TransportAddress("192.0.2.10", 8000))
ORIGIN = sdp.Origin(7)
OPUS = Codec("opus", 48000, 96, 2)
SLOW, FAST = Codec("telephone-event", 8000, 101, 1, "0-15"), Codec("telephone-event", 48000, 110, 1, "0-15")


class ParseTests(SynchronousTestCase):
    """Reading."""

    def test_phone(self) -> None:
        """A phone's offer: codecs in order with their numbers, address, direction."""
        parsed = sdp.parse(PHONE_SDP)
        self.assertEqual(
            parsed.description,
            SessionDescription(
                (PCMU, Codec("PCMA", 8000, 8), Codec("telephone-event", 8000, 101)),
                TransportAddress("192.0.2.77", 30000),
            ),
        )

    def test_iChat(self) -> None:
        """An iChat's offer, with its odd attributes and bare line feeds, is read; RTCP comes to the one port."""
        parsed = sdp.parse(ICHAT)
        self.assertEqual(parsed.description.find(PCMU), PCMU)
        self.assertEqual(parsed.description.address, TransportAddress("198.51.100.7", 16402))
        self.assertEqual(parsed.description.rtcp, TransportAddress("198.51.100.7", 16402))
        self.assertEqual([line.kind for line in parsed.lines], ["audio", "video"])
        self.assertEqual(parsed.originUser, "scott")

    def test_levels(self) -> None:
        """What a media line says goes before what the session says."""
        text = (
            "v=0\r\nc=IN IP4 192.0.2.1\r\na=inactive\r\n"
            "m=audio 9000/2 RTP/AVP 0\r\nc=IN IP6 2001:db8::1\r\na=sendonly\r\n"
        )
        description = sdp.parse(text).description
        self.assertEqual(description.address, TransportAddress("2001:db8::1", 9000))
        self.assertIs(description.direction, Direction.SENDONLY)
        session = sdp.parse(text.replace("c=IN IP6 2001:db8::1\r\na=sendonly\r\n", "")).description
        self.assertEqual(
            (session.address, session.direction), (TransportAddress("192.0.2.1", 9000), Direction.INACTIVE)
        )

    def test_oldHold(self) -> None:
        """0.0.0.0 and :: hold, and nothing is ever sent there (RFC 3264 section 8.4)."""
        for address in ("IP4 0.0.0.0", "IP6 ::"):
            description = sdp.parse(PHONE_SDP.replace("c=IN IP4 192.0.2.77", f"c=IN {address}")).description
            self.assertIsNone(description.address)
            self.assertIs(description.direction, Direction.SENDONLY)

    def test_oldHoldSilent(self) -> None:
        """Who holds the old way and sends nothing either is inactive."""
        for direction in ("recvonly", "inactive"):
            text = PHONE_SDP.replace("c=IN IP4 192.0.2.77", "c=IN IP4 0.0.0.0").replace("sendrecv", direction)
            self.assertIs(sdp.parse(text).description.direction, Direction.INACTIVE)

    def test_rtcp(self) -> None:
        """RTCP may have an address of its own; one that is not known yet is none, and nothing is sent there."""
        for value, expected in (
            ("4000", TransportAddress("192.0.2.77", 4000)),
            ("4000 IN IP4 192.0.2.78", TransportAddress("192.0.2.78", 4000)),
            ("9 IN IP4 0.0.0.0", None),
            ("9 IN IP6 ::", None),
            ("0", None),
        ):
            text = PHONE_SDP.replace("a=sendrecv", f"a=rtcp:{value}")
            self.assertEqual(sdp.parse(text).description.rtcp, expected, value)
        for value in ("4000 IN IP4 phone.example", "4000 IN IP4 224.0.0.1", "x", "", "70000"):
            text = PHONE_SDP.replace("a=sendrecv", f"a=rtcp:{value}")
            self.assertIsNone(sdp.parse(text).description.rtcp, value)

    def test_mapped(self) -> None:
        """An IPv4 address in IPv6 dress is that IPv4 address, and no way to a group or to "any"."""
        text = PHONE_SDP.replace("c=IN IP4 192.0.2.77", "c=IN IP6 ::ffff:192.0.2.78")
        self.assertEqual(sdp.parse(text).description.address, TransportAddress("192.0.2.78", 30000))
        self.assertRaises(NoCommonCodec, sdp.parse, text.replace("192.0.2.78", "224.0.0.1"))
        self.assertIsNone(sdp.parse(text.replace("192.0.2.78", "0.0.0.0")).description.address)

    def test_padded(self) -> None:
        """The numbers of an IPv4 address may be filled up with zeros: they are decimal all the same."""
        for written in ("192.000.002.077", "192.00.02.077", "192.0.2.77"):
            text = PHONE_SDP.replace("c=IN IP4 192.0.2.77", f"c=IN IP4 {written}")
            self.assertEqual(sdp.parse(text).description.address, TransportAddress("192.0.2.77", 30000))
        for wrong in ("0192.0.2.77", "192.0.2.0777", "192.0.2.300", "192.0.2", "192.0.2.\u0667\u0667"):
            text = PHONE_SDP.replace("c=IN IP4 192.0.2.77", f"c=IN IP4 {wrong}")
            self.assertIsNone(sdp.parse(text).description.address, wrong)
        text = PHONE_SDP.replace("c=IN IP4 192.0.2.77", "c=IN IP4 000.000.000.000")
        self.assertIs(sdp.parse(text).description.direction, Direction.SENDONLY)

    def test_formats(self) -> None:
        """
        A number counts once however it is written; one without a name, and one that is none, is passed over; of more
        than all there can be, the first are looked at.
        """
        text = PHONE_SDP.replace("0 8 101", "0 00 000 0 97")
        self.assertEqual(sdp.parse(text).description.codecs, (PCMU,))
        for numbers in ("0 300", "0 x", "128 0", "0 -1", "0 \u0668", " ".join(["0"] * 129)):
            self.assertEqual(sdp.parse(PHONE_SDP.replace("0 8 101", numbers)).description.codecs, (PCMU,), numbers)
        self.assertRaises(NoCommonCodec, sdp.parse, PHONE_SDP.replace("0 8 101", " ".join(["96"] * 128 + ["0"])))

    def test_static(self) -> None:
        """The numbers of RFC 3551 need no map, and a map counts more; those that it reserves say nothing."""
        for number, clock, channels in ((5, 8000, 1), (10, 44100, 2), (11, 44100, 1), (17, 22050, 1)):
            (codec,) = sdp.parse(PHONE_SDP.replace("0 8 101", f"{number} 1 19 95")).description.codecs
            self.assertEqual((codec.payloadType, codec.clockRate, codec.channels), (number, clock, channels))
        text = PHONE_SDP.replace("0 8 101", "10").replace("a=sendrecv", "a=rtpmap:10 L16/8000")
        self.assertEqual(sdp.parse(text).description.codecs, (Codec("L16", 8000, 10),))

    def test_unexplained(self) -> None:
        """
        A number that an answer does not explain means what it means in the offer (RFC 3264 section 6.1), and one that
        it does explain means that; what was not offered either is passed over.
        """
        opus, keys, wide = Codec("opus", 48000, 111, 2), Codec("telephone-event", 8000, 110), Codec("G7221", 16000, 112)
        for numbers, codecs in (
            ("111 110", (opus, keys)),
            ("0 110 99", (PCMU, keys)),
            ("112 9", (wide, Codec("G722", 8000, 9))),
        ):
            text = PHONE_SDP.replace("0 8 101", numbers)
            self.assertEqual(sdp.parse(text, (opus, PCMU, wide, keys)).description.codecs, codecs, numbers)
        text = PHONE_SDP.replace("0 8 101", "111").replace("rtpmap:101", "rtpmap:111")
        self.assertEqual(sdp.parse(text, (opus,)).description.codecs, (Codec("telephone-event", 8000, 111),))
        self.assertRaises(NoCommonCodec, sdp.parse, PHONE_SDP.replace("0 8 101", "111"))

    def test_noClock(self) -> None:
        """Keys have a clock of 8000 Hz and Opus one of 48000 if they do not say it."""
        text = PHONE_SDP.replace("0 8 101", "111 101").replace("telephone-event/8000", "telephone-event")
        text = text.replace("a=sendrecv", "a=rtpmap:111 opus \r\na=fmtp:101 0-15")
        codecs = sdp.parse(text).description.codecs
        self.assertEqual(codecs, (Codec("opus", 48000, 111, 2), Codec("telephone-event", 8000, 101, 1, "0-15")))

    def test_zeros(self) -> None:
        """A port may begin with zeros, which change nothing (RFC 8866 section 9)."""
        for written in ("030000", "0000030000", "030000/1"):
            address = sdp.parse(PHONE_SDP.replace("audio 30000", f"audio {written}")).description.address
            self.assertEqual(address, TransportAddress("192.0.2.77", 30000), written)
        for off in ("0", "00", "", "065536", "0x1"):
            self.assertRaises(NoCommonCodec, sdp.parse, PHONE_SDP.replace("audio 30000", f"audio {off}"))

    def test_oddMaps(self) -> None:
        """A map that says nothing sensible is as none: no clock of 0 Hz, no channel, no foreign digits."""
        for value in ("96 X/0", "96 X/8000/0", "96 X", "96 X/\u0668000", "96 X/8000/", "96 a/b/8000"):
            text = PHONE_SDP.replace("0 8 101", "0 96").replace("a=sendrecv", f"a=rtpmap:{value}")
            self.assertEqual(sdp.parse(text).description.codecs, (PCMU,), value)

    def test_noSmuggling(self) -> None:
        """What goes on to the other party cannot hold a line of its own, for whatever reader."""
        for breaker in ("\r", "\v", "\f", "\x1c", "\x85", "\u2028", "\0"):
            text = PHONE_SDP.replace("a=sendrecv", f"a=fmtp:0 x{breaker}c=IN IP4 203.0.113.9")
            parsed = sdp.parse(text + f"m=vid{breaker}\u00e9o 5 RTP/AVP 31{breaker}2\r\n")
            described = parsed.description
            answer = sdp.writeAnswer(evolve(OURS, codecs=described.codecs), ORIGIN, parsed)
            for said in (answer, *(codec.parameters for codec in described.codecs)):
                self.assertTrue(said.isascii())
                self.assertEqual(
                    said.replace("\r\n", "").splitlines(), said.replace("\r\n", "").split("\n")[: 1 if said else 0]
                )
                self.assertNotIn("c=IN IP4 203", said.replace("xc=IN", ""))

    def test_corpora(self) -> None:
        """The bodies of the torture messages that RFC 4475 and RFC 5118 call valid are read."""
        for path, host in (
            ("rfc4475/wsinv.dat", "192.0.2.4"),
            ("rfc4475/longreq.dat", "192.0.2.1"),
            ("rfc5118/ipv6-in-sdp", "2001:db8::20"),
            ("rfc5118/ipv4-mapped-ipv6", "192.0.2.2"),
        ):
            body = data(path).read_bytes().decode("utf-8").replace("\r\n", "\n").partition("\n\n")[2]
            address = sdp.parse(body).description.address
            assert address is not None
            self.assertEqual(address.host, host, path)

    def test_firstUsable(self) -> None:
        """The first audio line that is on is taken; the first plain one, if that is wanted."""
        text = PHONE_SDP.replace(
            "m=audio", "m=audio 0 RTP/AVP 0\r\nm=audio 5 RTP/SAVP 0\r\nm=video 7 RTP/AVP 31\r\nm=audio"
        )
        parsed = sdp.parse(text)
        self.assertEqual((parsed.chosen, len(parsed.lines)), (1, 4))
        self.assertEqual(parsed.plain().chosen, 3)
        self.assertEqual(parsed.plain().description.address, TransportAddress("192.0.2.77", 30000))

    def test_noAudio(self) -> None:
        """SDP in which there is nothing for us is told from SDP that is broken."""
        for old, new in (("RTP/AVP", "RTP/NAVP"), ("30000", "0"), ("m=audio", "m=video")):
            self.assertRaises(NoCommonCodec, sdp.parse, PHONE_SDP.replace(old, new))
        self.assertRaises(NoCommonCodec, sdp.parse(PHONE_SDP.replace("RTP/AVP", "RTP/SAVP")).plain)

    def test_malformed(self) -> None:
        """What is no SDP is refused, and what is longer than any."""
        for text in ("", "hello", "\r\n\r\n", "<sdp/>", "a=sendrecv\r\n", "\0\0", PHONE_SDP + "a=x\r\n" * 501):
            self.assertRaises(MalformedError, sdp.parse, text)

    def test_unusable(self) -> None:
        """A stream to many hosts at once is none; nor is one without a port, or without a format."""
        for old, new in (
            ("c=IN IP4 192.0.2.77", "c=IN IP4 224.2.1.1/127"),
            ("c=IN IP4 192.0.2.77", "c=IN IP4 255.255.255.255"),
            ("c=IN IP4 192.0.2.77", "c=IN IP6 ff15::101/3"),
            ("m=audio 30000 RTP/AVP 0 8 101", "m=audio 30000"),
            ("m=audio 30000 RTP/AVP 0 8 101", "m=audio"),
            ("m=audio 30000 RTP/AVP 0 8 101", "m="),
            ("m=audio 30000 RTP/AVP 0 8 101", "m=audio 30000 RTP/AVP"),
            ("30000", "99999999"),
            ("30000", "-1"),
            ("30000", "\u0663\u0660"),
        ):
            self.assertRaises(NoCommonCodec, sdp.parse, PHONE_SDP.replace(old, new))
            good = sdp.parse(PHONE_SDP.replace(old, new, 1) + "m=audio 7 RTP/AVP 8\r\nc=IN IP4 192.0.2.7\r\n")
            self.assertEqual((good.description.address, len(good.lines)), (TransportAddress("192.0.2.7", 7), 2), new)

    def test_elsewhere(self) -> None:
        """Where a party is that names no address, its media will tell."""
        for connection in ("c=IN IP4 phone.example", "c=IN IP4", "c=", "c=ATM NSAP 47", "c=IN IP6 fe80::1%eth0", "x=y"):
            text = PHONE_SDP.replace("c=IN IP4 192.0.2.77", connection)
            described = sdp.parse(text).description
            self.assertEqual((described.address, described.direction), (None, Direction.SENDRECV), connection)
        described = sdp.parse(PHONE_SDP.replace("m=audio", "c=IN IP4 phone.example\r\nm=audio")).description
        self.assertEqual(described.address, TransportAddress("192.0.2.77", 30000), "the first that can be used")
        for more in ("/127", "/127/2", " more"):
            described = sdp.parse(PHONE_SDP.replace("c=IN IP4 192.0.2.77", f"c=IN IP4 192.0.2.77{more}")).description
            self.assertEqual(described.address, TransportAddress("192.0.2.77", 30000), more)

    def test_brackets(self) -> None:
        """An address of IPv6 may stand in brackets, as in a URI."""
        text = PHONE_SDP.replace("c=IN IP4 192.0.2.77", "c=IN IP6 [2001:db8::77]").replace(
            "a=sendrecv", "a=rtcp:4000 IN IP6 [2001:db8::78]"
        )
        described = sdp.parse(text).description
        self.assertEqual(described.address, TransportAddress("2001:db8::77", 30000))
        self.assertEqual(described.rtcp, TransportAddress("2001:db8::78", 4000))
        for odd in ("[2001:db8::77", "2001:db8::77]", "[]", "["):
            self.assertIsNone(sdp.parse(text.replace("[2001:db8::77]", odd)).description.address, odd)

    def test_flags(self) -> None:
        """An attribute without a value is known in any letter case as well."""
        for flag in ("a=rtcp-mux", "a=RTCP-MUX", "a= Rtcp-Mux "):
            self.assertTrue(sdp.parse(f"{PHONE_SDP}{flag}\r\n").stream.transport.muxed, flag)

    def test_above(self) -> None:
        """What is said of formats above the media line counts, but less than what is said below it."""
        text = PHONE_SDP.replace("0 8 101", "96 97").replace(
            "m=audio", "a=rtpmap:96 iLBC/8000\r\na=fmtp:96 mode=20\r\na=rtpmap:97 speex/8000\r\nm=audio"
        )
        codecs = sdp.parse(text + "a=rtpmap:97 speex/16000\r\n").description.codecs
        self.assertEqual(codecs, (Codec("iLBC", 8000, 96, 1, "mode=20"), Codec("speex", 16000, 97)))

    def test_parametersInLines(self) -> None:
        """Parameters of one format on several lines are all its parameters; keys are those of the last line."""
        text = PHONE_SDP.replace("0 8 101", "97 101").replace("a=sendrecv", "a=rtpmap:97 AMR-WB/16000")
        for more, expected in (
            ("a=fmtp:97 octet-align=1\r\na=fmtp:97 mode-set=0,1\r\n", "octet-align=1;mode-set=0,1"),
            ("a=fmtp:97 octet-align=1\r\na=fmtp:97 octet-align=1\r\n", "octet-align=1"),
            ("a=fmtp:97 octet-align=1\r\na=fmtp:97\r\n", ""),
            (f"a=fmtp:97 x=1\r\na=fmtp:97 y={'1' * 999}\r\n", "x=1"),
        ):
            self.assertEqual(sdp.parse(text + more).description.codecs[0].parameters, expected)
        codecs = sdp.parse(f"{text}a=fmtp:101 0-11\r\na=fmtp:101 0-15\r\n").description.codecs
        self.assertEqual(codecs[1].parameters, "0-15")

    def test_otherSpellings(self) -> None:
        """Formats that many write in another way than they are registered are those that are meant."""
        for written, expected in (
            ("96 opus/48000", Codec("opus", 48000, 96, 2)),
            ("96 OPUS/48000/1", Codec("OPUS", 48000, 96, 2)),
            ("9 G722/16000", Codec("G722", 8000, 9)),
            ("18 G729a/8000", Codec("G729", 8000, 18)),
            ("98 G729AB/8000/1", Codec("G729", 8000, 98)),
        ):
            text = PHONE_SDP.replace("0 8 101", written.split()[0]).replace("a=sendrecv", f"a=rtpmap:{written}")
            self.assertEqual(sdp.parse(text).description.codecs, (expected,), written)

    def test_offLines(self) -> None:
        """A line of which nothing can be made is answered all the same, as one that is off, with a format."""
        for line in ("m=video 0 RTP/AVP", "m=application 9 TCP/MRCPv2", "m=", "m=video", "m=vid\u00e9o 5 RTP/AVP 31"):
            offer = sdp.parse(f"{PHONE_SDP}{line}\r\n")
            answer = sdp.writeAnswer(OURS, ORIGIN, offer)
            written = [each.split() for each in answer.split("\r\n") if each.startswith("m=")]
            self.assertEqual((len(written), written[1][1], len(written[1]) >= 4), (2, "0", True), line)

    def test_oddNames(self) -> None:
        """Letter case and blanks where others do not write them change nothing."""
        text = (
            PHONE_SDP.replace("0 8 101", "0 101")
            .replace("a=sendrecv", "a=SendOnly \t")
            .replace("a=rtpmap:", "a=RTPMAP: ")
        )
        text = text.replace("telephone-event/8000", "telephone-event / 8000 ").replace("m=audio", "M = Audio")
        parsed = sdp.parse(text + "a=fmtp: 101  0-11\r\na=fmtp:0\r\na=:\r\na=\r\n =\r\n")
        event = Codec("telephone-event", 8000, 101, 1, "0-11")
        self.assertEqual(parsed.description.codecs, (PCMU, event))
        self.assertIs(parsed.description.direction, Direction.SENDONLY)

    def test_nothingElseIsRaised(self) -> None:
        """Whatever is sent, reading ends, with a value or with one of the two errors."""
        chance = random.Random(4475)
        seeds = [PHONE_SDP, ICHAT, SECURE]
        seeds += [
            p.read_bytes().decode("latin-1").partition("\r\n\r\n")[2] for p in sorted(data("rfc4475").glob("*.dat"))
        ]
        outcomes = set()
        for _ in range(3000):
            text = list(chance.choice(seeds))
            for _ in range(chance.randrange(1, 8)):
                if text:
                    at = chance.randrange(len(text))
                    text[at : at + chance.randrange(3)] = chance.choice(
                        ["", "\r\n", "=", "0", " ", "\u0660", "m=", "-", "/", "::"]
                    )
            try:
                sdp.parse("".join(text))
                outcomes.add("read")
            except (MalformedError, NoCommonCodec) as problem:
                outcomes.add(type(problem).__name__)
        self.assertEqual(outcomes, {"read", "MalformedError", "NoCommonCodec"})


class WriteTests(SynchronousTestCase):
    """Writing."""

    def test_offer(self) -> None:
        """Our offer, line by line: nothing in it but what it needs."""
        self.assertEqual(
            sdp.writeOffer(OURS, ORIGIN),
            "v=0\r\no=iChat-gw 7 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n"
            "m=audio 8000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n",
        )

    def test_readBack(self) -> None:
        """What we write we read as it was, in both families and with parameters."""
        for host in ("192.0.2.10", "2001:db8::10"):
            description = SessionDescription(
                (Codec("opus", 48000, 96, 2, "useinbandfec=1"), PCMU),
                TransportAddress(host, 8000),
                TransportAddress(host, 8009),
                Direction.RECVONLY,
            )
            self.assertEqual(sdp.parse(sdp.writeOffer(description, ORIGIN)).description, description)

    def test_answer(self) -> None:
        """An answer names every line of the offer; those refused have port 0 and their formats."""
        answer = sdp.writeAnswer(OURS, ORIGIN, sdp.parse(ICHAT))
        self.assertIn("m=audio 8000 RTP/AVP 0\r\n", answer)
        self.assertTrue(answer.endswith("m=video 0 RTP/AVP 123 126 34\r\n"))

    def test_bundle(self) -> None:
        """
        An answer names the lines as the offer does, and of those whose media may go one way the one that is accepted
        (RFC 9143 section 7.3).
        """
        video = "m=video 30002 RTP/AVP 96\r\na=mid:v\r\n"
        for group, name, told, named in (
            ("a=group:BUNDLE 0 v\r\n", "a=mid:0\r\n", "a=group:BUNDLE 0\r\n", "a=mid:0\r\n"),
            (
                "a=group:LS 0 v\r\na=group:bundle v a!~.\r\n",
                "a=mid:a!~.\r\n",
                "a=group:BUNDLE a!~.\r\n",
                "a=mid:a!~.\r\n",
            ),
            ("a=group:BUNDLE v\r\n", "a=mid:0\r\n", "", "a=mid:0\r\n"),
            ("a=group:LS 0 v\r\n", "a=mid:0\r\n", "", "a=mid:0\r\n"),
            ("", "a=mid:0\r\n", "", "a=mid:0\r\n"),
            ("a=group:BUNDLE 0 v\r\n", "", "", ""),
            ("a=group:BUNDLE\r\na=group:\r\n", "a=mid:\r\n", "", ""),
            ("a=group:BUNDLE v v\r\n", "a=mid:v\r\n", "", ""),
            ("a=group:BUNDLE 0\r\n", "a=mid:0 1\r\n", "", ""),
        ):
            for text in (PHONE_SDP + name + video, PHONE_SDP.replace("m=audio", f"{video}m=audio") + name):
                offer = sdp.parse(text.replace("m=", f"{group}m=", 1))
                head, *lines = sdp.writeAnswer(OURS, ORIGIN, offer).split("m=")
                self.assertEqual(head.partition("t=0 0\r\n")[2], told, group)
                audio, refused = sorted(lines)
                self.assertEqual("".join(line + "\r\n" for line in audio.split("\r\n") if "a=mid" in line), named)
                self.assertEqual(refused, "video 0 RTP/AVP 96\r\n" + ("" if name == "a=mid:v\r\n" else "a=mid:v\r\n"))

    def test_bundleLater(self) -> None:
        """Our later offers keep the names and the group."""
        offer = sdp.parse(PHONE_SDP.replace("m=", "a=group:BUNDLE 0\r\nm=") + "a=mid:0\r\n")
        text = sdp.writeOffer(OURS, ORIGIN, lines=offer.lines, place=offer.chosen)
        self.assertIn("t=0 0\r\na=group:BUNDLE 0\r\nm=audio", text)
        self.assertIn("a=mid:0\r\n", text)

    def test_answerNumbers(self) -> None:
        """An answer uses the offer's numbers."""
        offer = sdp.parse(PHONE_SDP.replace("0 8 101", "97").replace("rtpmap:0 ", "rtpmap:97 "))
        self.assertIn("m=audio 8000 RTP/AVP 97\r\na=rtpmap:97 PCMU/8000\r\n", sdp.writeAnswer(OURS, ORIGIN, offer))

    def test_noCommonCodec(self) -> None:
        """Without a common codec there is no answer, and the error names what each side has."""
        offer = sdp.parse(PHONE_SDP.replace("0 8 101", "9"))
        problem = self.assertRaises(NoCommonCodec, sdp.writeAnswer, OURS, ORIGIN, offer)
        self.assertIn("PCMU", str(problem))
        self.assertIn("G722", str(problem))

    def test_onlyEvents(self) -> None:
        """Keys alone make no call."""
        self.assertRaises(NoCommonCodec, sdp.commonCodecs, (PCMU, SLOW), SessionDescription((OPUS, SLOW)))

    def test_events(self) -> None:
        """Each party has events by a clock of its own: that of its audio, if it has one."""
        for theirs, expected in (
            ((OPUS, PCMU, SLOW, FAST), (OPUS, PCMU, SLOW, FAST)),
            ((PCMU, FAST, SLOW), (PCMU, SLOW)),
            ((OPUS, SLOW), (OPUS, SLOW)),
            ((FAST, PCMU), (PCMU, FAST)),
            ((PCMU,), (PCMU,)),
        ):
            self.assertEqual(sdp.commonCodecs((OPUS, SLOW, PCMU), SessionDescription(theirs)), expected)
        self.assertEqual(sdp.commonCodecs((PCMU,), SessionDescription((PCMU, SLOW))), (PCMU,))

    def test_offeredEvents(self) -> None:
        """Who is offered events is offered them by the clock of each format, by numbers that are free."""
        self.assertEqual(sdp.withEvents((OPUS, PCMU)), (OPUS, PCMU))
        self.assertEqual(sdp.withEvents((OPUS, PCMU, SLOW)), (OPUS, PCMU, SLOW, FAST))
        taken = evolve(OPUS, payloadType=110)
        self.assertEqual(sdp.withEvents((taken, SLOW))[2], evolve(FAST, payloadType=96))
        full = tuple(Codec("x", 8000, number) for number in range(96, 128))
        self.assertEqual(sdp.withEvents((*full, OPUS, FAST)), (*full, OPUS, FAST))

    def test_needsAnAddress(self) -> None:
        """A description of ours without an address is our own mistake."""
        self.assertRaises(ValueError, sdp.writeOffer, SessionDescription((PCMU,)), ORIGIN)
