# -*- test-case-name: ichatgw.test.sim.ichat.test_ichat,ichatgw.test.sim.ichat.test_account -*-
"""
What kind of iChat to be, and how it shall behave or misbehave.
"""

from __future__ import annotations

from enum import Enum
from random import getrandbits

from attrs import frozen

from ichatgw.model import TransportAddress
from ichatgw.sim.ichat.blob import Record, encodeRecords

REQUEST = "apple:iq:vc:request"
RESPONSE = "apple:iq:vc:response"
CANCEL = "apple:iq:vc:cancel"
COUNTER_PROPOSAL = "apple:iq:vc:counterProposal"


@frozen
class Profile:
    """
    One version of iChat.

    @ivar node: the caps node, with C{version} and the extensions C{features}.
    @ivar formats: the audio formats it offers, each with its C{rtpmap}.
    """

    node: str
    version: str
    features: str
    userAgent: str
    formats: tuple[str, ...]


LEOPARD = Profile("apple:ichat:caps", "388", "avcap avavail maudio audio", "Viceroy 1.3", ("3 GSM/8000", "0 PCMU/8000"))
SNOW = Profile(
    "http://www.apple.com/ichat/caps",
    "800",
    "ice recauth rdserver maudio audio rdclient mvideo auxvideo rdmuxing avcap avavail video",
    "Viceroy 1.4.1",
    ("105 X-AAC_ELD/22050", "0 PCMU/8000"),
)
PROFILES = {"leopard": LEOPARD, "snow": SNOW}

FEATURES = {
    "avavail": "apple:iq:vc:available",
    "avcap": "apple:iq:vc:capable",
    "audio": "apple:iq:vc:audio",
    "video": "apple:iq:vc:video",
    "maudio": "apple:iq:vc:multiaudio",
    "mvideo": "apple:iq:vc:multivideo",
    "auxvideo": "apple:iq:vc:auxvideo",
    "ice": "apple:iq:vc:ice",
    "recauth": "apple:iq:vc:recauth",
}


@frozen
class Quirks:
    """
    Things that differ between iChats, or that a careless one might do.

    @ivar lineFeed: a line feed before the address records, C{junk}: stale bytes behind IPv4 addresses.
    @ivar relayRecord: an unreachable C{en0~} record in front.
    @ivar first: addresses named before its own, C{nowhere}: instead of them.
    @ivar otherCase: display names in upper case.
    @ivar video: a video line beside the audio one.
    @ivar pcmu: offer PCMU at all.
    @ivar contact: a Contact other than where it listens.
    @ivar pingInterval: seconds between the PING messages within a call.
    @ivar reply: answer IQ sets with a result, as it should.
    """

    lineFeed: bool = True
    junk: bool = False
    upperCase: bool = False
    relayRecord: bool = False
    first: tuple[TransportAddress, ...] = ()
    nowhere: bool = False
    otherCase: bool = False
    video: bool = True
    pcmu: bool = True
    contact: str = ""
    pingInterval: float = 10.0
    reply: bool = True


class Action(Enum):
    """What to say to a vc:request."""

    ACCEPT = "accept"
    DECLINE = "decline"
    DECLINE_WITHOUT_DATA = "decline-without-data"
    DECLINE_LINE_FEED = "decline-line-feed"
    ERROR = "error"
    COUNTER = "counter-proposal"
    IGNORE = "ignore"


@frozen
class Taking:
    """
    What to do when called.

    @ivar delay: seconds from the request to the word.
    @ivar ring: provisional answers to the INVITE, C{code} the final one.
    """

    action: Action = Action.ACCEPT
    delay: float = 0.2
    ring: tuple[int, ...] = (100, 180)
    code: int = 200


@frozen
class Calling:
    """
    How to place a call.

    @ivar cancelAfter: take the request back after so many seconds.
    @ivar cancelOnAccept: take it back when it is accepted, and send no INVITE.
    @ivar invite: whether to send the INVITE at all, C{inviteDelay} how long after the accept.
    @ivar repeats: how many times to send the request once more, each with an id of its own.
    @ivar foreignHost: send the INVITE from this address instead, of which nobody was told.
    """

    cancelAfter: float | None = None
    cancelOnAccept: bool = False
    invite: bool = True
    inviteDelay: float = 0.05
    repeats: int = 0
    foreignHost: str = ""


def addressRecords(address: TransportAddress, quirks: Quirks) -> str:
    """What an iChat at C{address} says of its addresses."""
    records = [Record(f"en{number}", each) for number, each in enumerate(quirks.first, 5)]
    if quirks.nowhere:
        return encodeRecords(records, junk=quirks.junk, upper=quirks.upperCase, lineFeed=quirks.lineFeed)
    records.append(Record("en0", address))
    if not address.isIPv6:
        records.append(Record("en1", TransportAddress("192.168.77.7", address.port)))
    if quirks.relayRecord:
        records.insert(0, Record("en0~", TransportAddress("192.0.2.99", address.port)))
    return encodeRecords(records, junk=quirks.junk, upper=quirks.upperCase, lineFeed=quirks.lineFeed)


def description(
    address: TransportAddress, user: str, formats: tuple[str, ...], *, video: bool, direction: str = "sendrecv"
) -> str:
    """An offer or answer in the dialect of Viceroy."""
    family = "IP6" if address.isIPv6 else "IP4"
    port = address.port
    lines = [
        "v=0",
        f"o={user.partition('@')[0]} 0 0 IN {family} {address.host}",
        f"s={user}",
        f"c=IN {family} {address.host}",
        "b=AS:250",
        "t=0 0",
        "a=FLS;VRA:0;RVRA:1;AS:2",
        "a=hwi:17412:2:2800",
        "a=multipoint:1",
        "a=iChatEncryption:YES",
        "a=bandwidthDetection:NO",
        f"m=audio {port} RTP/AVP {' '.join(each.split()[0] for each in formats)}",
        f"a=rtcp:{port}",
        *(f"a=rtpmap:{each}" for each in formats),
        f"a=rtpID:{getrandbits(32)}",
        "a=fmtp:AAC SamplesPerBlock 480",
    ]
    if direction != "sendrecv":
        lines.append(f"a={direction}")
    if video:
        lines += [
            f"m=video {port} RTP/AVP 123 126 34",
            f"a=rtcp:{port}",
            "a=rtpmap:123 H264/90000",
            "a=rtpmap:126 X-H264/90000",
            "a=rtpmap:34 H263/90000",
            "a=framerate:15",
            f"a=RTCP:AUDIO {port} VIDEO {port}",
            f"a=rtpID:{getrandbits(32)}",
        ]
    return "\r\n".join([*lines, ""])
