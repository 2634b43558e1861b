# -*- test-case-name: ichatgw.test.sdp.test_sdp_sweep -*-
"""
Many descriptions: as phones of many makers write them, and as the grammar of RFC 8866 has them but for one fault.  All
are read, and no good audio line is lost.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from ichatgw import sdp
from ichatgw.model import PCMU, SessionDescription, TransportAddress

HOW_MANY = 500

_SESSION = "v=0\r\no=- 20518 0 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\n"
_ICE = "a=ice-ufrag:F7gI\r\na=ice-pwd:x9cml/YzichV2+XlhiMu8g\r\n"
_DTLS = f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}\r\na=setup:actpass\r\n"
_CRYPTO = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"

HABITS: dict[str, tuple[str, int, str]] = {
    "a desk phone, all that it has": (
        f"{_SESSION}m=audio 4000 RTP/AVP 9 0 8 3 99 112 18 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\n"
        "a=rtpmap:8 PCMA/8000\r\na=rtpmap:3 GSM/8000\r\na=rtpmap:99 G726-32/8000\r\na=rtpmap:112 AAL2-G726-32/8000\r\n"
        "a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
        f"{_CRYPTO}a=ptime:20\r\na=sendrecv\r\n",
        0,
        "G722 PCMU PCMA GSM G726-32 AAL2-G726-32 G729 telephone-event",
    ),
    "a call manager, on hold, with a bandwidth and no session name": (
        "v=0\r\no=CallManager-SIP 1 1 IN IP4 203.0.113.1\r\ns=\r\nc=IN IP4 0.0.0.0\r\nb=TIAS:64000\r\nb=AS:64\r\n"
        "t=0 0\r\nm=audio 4000 RTP/AVP 0 101\r\na=X-cisco-media:umoh\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\n"
        "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=inactive\r\n",
        0,
        "PCMU telephone-event",
    ),
    "a contact centre, with a control line that names no format": (
        f"{_SESSION}m=application 9 TCP/MRCPv2\r\na=setup:active\r\na=resource:speechsynth\r\na=cmid:1\r\n"
        "m=audio 4000 RTP/AVP 0 96\r\na=rtpmap:0 pcmu/8000\r\na=rtpmap:96 telephone-event/8000\r\na=mid:1\r\n",
        1,
        "pcmu telephone-event",
    ),
    "a video phone, whose presentation line is off": (
        f"{_SESSION}a=sendrecv\r\nm=audio 4000 RTP/AVP 115 9 102 0 101\r\na=rtpmap:115 G7221/32000\r\n"
        "a=fmtp:115 bitrate=48000\r\na=rtpmap:102 G7221/16000\r\na=fmtp:102 bitrate=24000\r\n"
        "a=rtpmap:101 telephone-event/8000\r\nm=video 4002 RTP/AVP 109\r\nb=TIAS:1920000\r\na=rtpmap:109 H264/90000\r\n"
        "a=fmtp:109 profile-level-id=42800d; max-mbps=108000\r\na=content:main\r\nm=video 0 RTP/AVP\r\n"
        "m=application 5070 UDP/BFCP *\r\na=floorctrl:c-s\r\n",
        0,
        "G7221 G722 G7221 PCMU telephone-event",
    ),
    "a messenger of an office, with a host name and MS attributes": (
        "v=0\r\no=- 0 0 IN IP4 203.0.113.1\r\ns=session\r\nc=IN IP4 edge.office.example\r\nb=CT:99980\r\nt=0 0\r\n"
        f"a=x-devicecaps:audio:send,recv;video:send,recv\r\nm=audio 4000 RTP/SAVP 117 104 114 9 0 8 97 101\r\n{_ICE}"
        "a=candidate:1 1 UDP 2130706431 203.0.113.1 4000 typ host \r\na=x-caps:263 x\r\n"
        "a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^31|1:1\r\n"
        "a=maxptime:200\r\na=rtcp:4001\r\n"
        "a=rtpmap:117 G722/8000/2\r\na=rtpmap:104 SILK/16000\r\na=fmtp:104 useinbandfec=1; usedtx=0\r\n"
        "a=rtpmap:114 x-msrta/16000\r\na=fmtp:114 bitrate=29000\r\na=rtpmap:97 RED/8000\r\n"
        "a=rtpmap:101 telephone-event/8000\r\n",
        0,
        "G722 SILK x-msrta G722 PCMU PCMA telephone-event",
    ),
    "a phone of a mobile network": (
        f"{_SESSION}b=AS:50\r\na=tcap:1 RTP/AVPF\r\nm=audio 4000 RTP/AVP 104 110 102 108 105 100\r\nb=RS:0\r\n"
        "b=RR:2000\r\na=pcfg:1 t=1\r\na=rtpmap:104 AMR-WB/16000/1\r\na=fmtp:104 mode-change-capability=2;max-red=0\r\n"
        "a=rtpmap:110 AMR-WB/16000/1\r\na=fmtp:110 octet-align=1;mode-change-capability=2;max-red=0\r\n"
        "a=rtpmap:102 AMR/8000/1\r\na=fmtp:102 mode-change-capability=2\r\na=rtpmap:108 AMR/8000/1\r\n"
        "a=fmtp:108 octet-align=1\r\na=rtpmap:105 telephone-event/16000\r\na=fmtp:105 0-15\r\n"
        "a=rtpmap:100 telephone-event/8000\r\na=curr:qos local none\r\na=des:qos optional local sendrecv\r\n",
        0,
        "AMR-WB AMR-WB AMR AMR telephone-event telephone-event",
    ),
    "a browser": (
        "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
        f"m=audio 4000 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 203.0.113.1\r\n{_ICE}"
        f"a=ice-options:trickle\r\n{_DTLS}a=mid:0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=sendrecv\r\n"
        "a=msid:- 7a08\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n"
        "a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"
        "a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\na=ssrc:1 cname:x y\r\n"
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\na=mid:1\r\n",
        0,
        "opus G722 PCMU PCMA CN telephone-event telephone-event",
    ),
    "an adapter that ends lines as it likes, and the text with a NUL": (
        "v=0\no=root 1 1 IN IP4 203.0.113.1\n\ns=A B C\nt=0 0\nc=IN IP4 203.0.113.1\n\nm=audio 4000 RTP/AVP 18 8\n"
        "a=rtpmap:18 G729A/8000\na=silenceSupp:off - - - -\na=ptime:20\0",
        0,
        "G729 PCMA",
    ),
    "a gateway of a carrier, whose fax line comes first": (
        f"{_SESSION}m=image 4002 udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxFillBitRemoval\r\n"
        "m=audio 4000 RTP/AVP 8 18 96\r\na=rtpmap:8 PCMA/8000/1\r\na=rtpmap:96 telephone-event/8000\r\n"
        "a=fmtp:96 0-15,16\r\na=X-sqn:0\r\na=X-cap: 1 image udptl t38\r\n",
        1,
        "PCMA G729 telephone-event",
    ),
    "an old phone that names its media twice, SRTP first": (
        f"{_SESSION}m=audio 4002 RTP/SAVP 0\r\n{_CRYPTO}m=audio 4000 RTP/AVP 0 8\r\na=rtpmap: 0 PCMU/8000\r\n",
        1,
        "PCMU PCMA",
    ),
}
"""What it is, the text, the index of a good audio line at 203.0.113.1 port 4000, and its formats."""


class HabitTests(SynchronousTestCase):
    """As phones write it."""

    def test_read(self) -> None:
        """Each is read, with all formats that there are at the good audio line, and can be answered."""
        for name, (text, index, formats) in HABITS.items():
            parsed = sdp.parse(text)
            stream = next(each for each in parsed.streams if each.index == index)
            codecs = stream.description.codecs
            self.assertEqual(" ".join(codec.name for codec in codecs), formats, name)
            address = TransportAddress("203.0.113.1", 4000)
            isKnown = "edge.office" not in text and "0.0.0.0\r\nb" not in text
            self.assertEqual(stream.description.address, address if isKnown else None, name)
            ours = SessionDescription(codecs, TransportAddress("192.0.2.1", 9000))
            answer = sdp.writeAnswer(ours, sdp.Origin(1), parsed.taking(stream))
            self.assertEqual(answer.count("m="), text.count("\nm="), name)
            self.assertEqual(sdp.parse(answer).chosen, index, name)


# Single faults


@frozen
class Made:
    """
    A description of the grammar.

    @ivar lines: of the session, up to the first media line, and of each medium from its media line on.
    @ivar good: the index of the audio line.
    """

    session: list[str]
    media: list[list[str]]
    good: int

    @property
    def text(self) -> str:
        """As it is sent."""
        return "".join(f"{line}\r\n" for line in [*self.session, *(line for lines in self.media for line in lines)])


def make(chance: random.Random) -> Made:
    """One that RFC 8866 allows."""
    session = ["v=0", f"o=u {chance.randrange(2**31)} 1 IN IP4 203.0.113.1", f"s={chance.choice(['-', 'A call', ' '])}"]
    session += chance.sample(
        ["i=About", "u=http://a.example/", "e=a@a.example", "p=+1 617 555-6011"], chance.randrange(3)
    )
    session += ["c=IN IP4 203.0.113.1", *chance.sample(["b=AS:80", "b=X-YZ:128"], chance.randrange(3))]
    session += ["t=0 0", *chance.sample(["a=recvonly", "a=tool:x 1", "a=charset:UTF-8"], chance.randrange(2))]
    audio = ["m=audio 4000 RTP/AVP 0 97 101", "a=rtpmap:0 PCMU/8000", "a=rtpmap:97 iLBC/8000", "a=fmtp:97 mode=20"]
    audio += ["a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15"]
    audio += chance.sample(
        ["a=ptime:20", "a=maxptime:60", "a=sendrecv", "b=AS:64", "i=Voice", "a=x"], chance.randrange(6)
    )
    others = [
        ["m=video 4002 RTP/AVP 31", "a=rtpmap:31 H261/90000"],
        ["m=application 5000/2 UDP/BFCP *", "a=floorctrl:c-only"],
        ["m=message 7654 TCP/MSRP *", "a=path:msrp://203.0.113.1:7654/x;tcp"],
        ["m=audio 0 RTP/AVP 8"],
    ]
    media = [audio, *chance.sample(others, chance.randrange(4))]
    chance.shuffle(media)
    return Made(session, media, media.index(audio))


def _anywhere(made: Made, chance: random.Random, line: str) -> None:
    lines = chance.choice([made.session, *made.media])
    lines.insert(chance.randrange(1, len(lines) + 1), line)


def _spoiled(made: Made, chance: random.Random, spoil: Callable[[str], str]) -> None:
    """Some line that is not the good media line, and none of those that give its formats a name."""
    lines = [(level, at) for level in [made.session, *made.media] for at in range(len(level))]
    needed = {"m=audio 4000 RTP/AVP 0 97 101", "a=rtpmap:97 iLBC/8000", "a=rtpmap:101 telephone-event/8000"}
    level, at = chance.choice([(level, at) for level, at in lines if level[at] not in needed and level[at][:2] != "c="])
    level[at] = spoil(level[at])


def _dropped(made: Made, chance: random.Random) -> None:
    at = chance.choice([at for at, line in enumerate(made.session) if line[:2] in ("v=", "o=", "s=", "t=")])
    del made.session[at]


def _turned(made: Made, chance: random.Random) -> None:
    chance.shuffle(made.session)


_STRAYS = (
    "",
    " ",
    "rubbish",
    "=",
    "x",
    "z=",
    "a",
    "a=",
    "a=:",
    "k=clear",
    "\ufeff",
    "\0",
    "a=\u00e4",
    "m",
    "r=7d 1h 0 25h",
)
_ODD = (
    "a=rtpmap:200 X/8000",
    "a=rtpmap:",
    "a=rtpmap:0",
    "a=fmtp:",
    "a=fmtp:x y",
    "a=rtcp:x",
    "a=crypto:",
    "a=fingerprint:md5 zz",
    "a=candidate:",
    "a=setup:",
    "a=ptime:",
    "a=maxptime:-1",
    "b=",
    "a=ssrc:",
)
_CONNECTIONS = ("c=", "c=IN", "c=IN IP4", "c=IN IP4 a.example", "c=XX IP4 1.2.3.4", "c=IN IP4 1.2.3", "c=IN IP6 ::g")
_MEDIA = (
    "m=",
    "m=video",
    "m=video x RTP/AVP 31",
    "m=video 0 RTP/AVP",
    "m=application 9 TCP/MRCPv2",
    "m=audio 99999 RTP/AVP 0",
)

FAULTS: dict[str, Callable[[Made, random.Random], None]] = {
    "a stray line": lambda made, chance: _anywhere(made, chance, chance.choice(_STRAYS)),
    "an odd attribute": lambda made, chance: _anywhere(made, chance, chance.choice(_ODD)),
    "a line too much for media": lambda made, chance: made.media.append([chance.choice(_MEDIA)]),
    "a connection of no use": lambda made, chance: made.media[made.good].append(chance.choice(_CONNECTIONS)),
    "a line without its sign": lambda made, chance: _spoiled(made, chance, lambda line: line.replace("=", " ", 1)),
    "a line cut short": lambda made, chance: _spoiled(made, chance, lambda line: line[: len(line) // 2]),
    "a line in capitals": lambda made, chance: _spoiled(made, chance, str.upper),
    "blanks around": lambda made, chance: _spoiled(made, chance, lambda line: f" {line.replace('=', ' = ', 1)} \t"),
    "a control character": lambda made, chance: _spoiled(made, chance, lambda line: f"{line[:3]}\x07{line[3:]}"),
    "a number too large": lambda made, chance: _spoiled(made, chance, lambda line: f"{line}{'9' * 30}"),
    "a foreign letter": lambda made, chance: _spoiled(made, chance, lambda line: f"{line}\u00fc"),
    "a line twice": lambda made, chance: _spoiled(
        made, chance, lambda line: f"{line}\r\n{line}" if line[0] != "m" else line
    ),
    "a needed line less": _dropped,
    "another order": _turned,
}


class FaultTests(SynchronousTestCase):
    """Of the grammar, with one fault each."""

    def test_sweep(self) -> None:
        """All are read; the good audio line is there, with its formats, its place among the others, and its address."""
        chance = random.Random(8866)
        for number in range(HOW_MANY):
            name = list(FAULTS)[number % len(FAULTS)]
            made = make(chance)
            FAULTS[name](made, chance)
            text = made.text
            parsed = sdp.parse(text)
            lines = [line.port == 4000 and line.kind == "audio" for line in parsed.lines]
            stream = next((each for each in parsed.streams if lines[each.index]), None)
            assert stream is not None, f"{name}: {text!r}"
            formats = [codec.name for codec in stream.description.codecs]
            self.assertEqual(formats, ["PCMU", "iLBC", "telephone-event"], f"{name}: {text!r}")
            self.assertEqual(stream.description.address, TransportAddress("203.0.113.1", 4000), f"{name}: {text!r}")
            ours = SessionDescription((PCMU,), TransportAddress("192.0.2.1", 9000))
            answer = sdp.writeAnswer(ours, sdp.Origin(1), parsed.taking(stream))
            self.assertEqual(answer.count("m="), len(parsed.lines), f"{name}: {text!r}")

    def test_lineEnds(self) -> None:
        """Whatever ends the lines, and whatever comes before and behind."""
        made = make(random.Random(1))
        for end in ("\n", "\r", "\r\r\n", "\r\n\r\n", " \r\n", "\0\r\n"):
            for before, behind in (("", ""), ("\ufeff", ""), ("\u00ef\u00bb\u00bf", "\0\0"), ("\r\n", "\x1a")):
                text = before + made.text.replace("\r\n", end) + behind
                stream = next(each for each in sdp.parse(text).streams if each.index == made.good)
                self.assertEqual(stream.description.address, TransportAddress("203.0.113.1", 4000), repr(text))
