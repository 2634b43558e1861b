# -*- test-case-name: ichatgw.test.sim.jingle.test_client -*-
"""
What kind of Jingle client to be: the habits of real ones, as they were seen on the wire.
"""

from __future__ import annotations

from enum import Enum

from attrs import evolve, frozen

from ichatgw.model import Codec
from ichatgw.sim.jingle.xml import DTLS, ICE_UDP, JINGLE, MESSAGE, RAW_UDP, RTP, RTP_AUDIO, RTP_VIDEO

OPUS = Codec("opus", 48000, 111, 2, "minptime=10;useinbandfec=1")
RED = Codec("red", 48000, 63, 2, "111/111")
G722, PCMU, PCMA = Codec("G722", 8000, 9), Codec("PCMU", 8000, 0), Codec("PCMA", 8000, 8)
COMFORT_NOISE = Codec("CN", 8000, 13)
BROWSER = (
    OPUS,
    RED,
    G722,
    PCMU,
    PCMA,
    COMFORT_NOISE,
    Codec("telephone-event", 48000, 110),
    Codec("telephone-event", 8000, 126),
)
"""What libwebrtc offers."""

VIDEO = (Codec("H264", 90000, 102, 1, "packetization-mode=1"), Codec("VP8", 90000, 96))
"""What all offer of video, in a call with video."""

CALLS = frozenset({JINGLE, RTP, RTP_AUDIO})
WEBRTC = CALLS | {RTP_VIDEO, ICE_UDP, DTLS}


class Protection(Enum):
    """How media is protected."""

    DTLS = "by DTLS-SRTP"
    DTLS_AND_SDES = "by DTLS-SRTP, with keys in the signalling beside"
    SDES = "by keys in the signalling"
    NONE = "not"


@frozen
class ClientProfile:
    """
    The habits of one program.

    @ivar node: what it calls itself in its capabilities.
    @ivar features: what it says it can.
    @ivar transport: the namespace of its transport.
    @ivar messages: it announces calls by messages (XEP-0353), and takes such.
    @ivar sessions: it takes sessions that nobody announced.
    @ivar rings: it tells a caller by a message that it rings; C{informs}: by C{session-info}, in a session.
    @ivar tells: it tells its user's other clients that it takes a call.
    @ivar finishes: it says C{finish} at the end of a call.
    @ivar heedsErrors: a proposal that comes back with an error has failed; others call on until a word of XEP-0353
        tells them.
    @ivar trickles: candidates come by C{transport-info}, one by one.
    @ivar bundles: it writes a C{group}: all contents of a call share one transport, and it takes no accept that has
        fewer of them than its offer.
    @ivar initiator: whether it writes who has initiated: C{full}, C{bare}, or not at all.
    @ivar content: the name of its content.
    @ivar needs: the features that it wants to see before it calls somebody.
    @ivar firstOnly: it sends in the first format of an answer, whatever else there is.
    @ivar oneCodec: it accepts with one format.
    """

    name: str
    node: str
    features: frozenset[str] = WEBRTC | {MESSAGE}
    codecs: tuple[Codec, ...] = BROWSER
    transport: str = ICE_UDP
    protection: Protection = Protection.DTLS
    messages: bool = True
    sessions: bool = True
    rings: bool = True
    informs: bool = False
    tells: bool = False
    finishes: bool = False
    heedsErrors: bool = False
    trickles: bool = True
    muxes: bool = True
    bundles: bool = False
    initiator: str = "full"
    content: str = "0"
    needs: frozenset[str] = frozenset({JINGLE, ICE_UDP, RTP, RTP_AUDIO, DTLS})
    firstOnly: bool = False
    oneCodec: bool = False


CONVERSATIONS = ClientProfile(
    "conversations",
    "https://conversations.im",
    tells=True,
    finishes=True,
    heedsErrors=True,
    bundles=True,
    content="audio",
)
DINO = ClientProfile(
    "dino",
    "https://dino.im",
    codecs=(
        OPUS,
        Codec("speex", 32000, 112),
        Codec("speex", 16000, 113),
        Codec("speex", 8000, 114),
        PCMU,
        PCMA,
    ),
    protection=Protection.DTLS_AND_SDES,
    rings=False,
    informs=True,
    tells=True,
    content="voice",
    needs=frozenset({JINGLE, RTP, ICE_UDP}),
    firstOnly=True,
    oneCodec=True,
)
MOVIM = ClientProfile(
    "movim",
    "https://movim.eu",
    sessions=False,
    finishes=True,
    bundles=True,
    initiator="bare",
    needs=frozenset({RTP_AUDIO, MESSAGE}),
)
MONAL = ClientProfile(
    "monal",
    "http://monal-im.org/",
    sessions=False,
    finishes=True,
    bundles=True,
    trickles=False,
    needs=frozenset({MESSAGE}),
)
SISKIN = ClientProfile("siskin", "https://siskin.im", rings=False, informs=False)
STANZA = ClientProfile("stanza", "https://stanzajs.org", bundles=True, initiator="")
DIRECT = evolve(
    STANZA, name="direct", node="https://ichatgw.example/sim", features=WEBRTC, messages=False, informs=True
)
SDES = evolve(
    DIRECT, name="sdes", node="https://ichatgw.example/sdes", protection=Protection.SDES, trickles=False, bundles=False,
    features=CALLS | {ICE_UDP}, needs=CALLS | {ICE_UDP}
)  # fmt: skip
RAW = ClientProfile(
    "raw",
    "https://ichatgw.example/raw",
    features=CALLS | {RAW_UDP},
    codecs=(PCMU, PCMA, Codec("telephone-event", 8000, 101)),
    transport=RAW_UDP,
    protection=Protection.NONE,
    messages=False,
    informs=True,
    trickles=False,
    muxes=False,
    needs=CALLS | {RAW_UDP},
)
RAW_MESSAGES = evolve(
    RAW, name="raw-messages", node="https://ichatgw.example/raw-messages", features=RAW.features | {MESSAGE},
    messages=True, finishes=True
)  # fmt: skip
GAJIM = ClientProfile(
    "gajim",
    "https://gajim.org",
    features=CALLS | {ICE_UDP, RAW_UDP},
    codecs=(Codec("OPUS", 48000, 96), Codec("PCMU", 8000, 0), Codec("PCMA", 8000, 8)),
    protection=Protection.NONE,
    messages=False,
    informs=True,
    trickles=False,
    muxes=False,
    content="voice",
    needs=CALLS,
)
CLIENT_PROFILES = {
    profile.name: profile
    for profile in (CONVERSATIONS, DINO, MOVIM, MONAL, SISKIN, STANZA, DIRECT, SDES, RAW, RAW_MESSAGES, GAJIM)
}
