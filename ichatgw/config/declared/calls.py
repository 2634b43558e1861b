# -*- test-case-name: ichatgw.test.config.test_settings,ichatgw.test.config.reading.test_kinds -*-
"""
Settings of calls, who may make them, and their media.
"""

from __future__ import annotations

from attrs import frozen

from ichatgw.config.declared.declare import setting
from ichatgw.config.reading.kinds import (
    DOMAINS,
    NETWORKS,
    PAYLOAD_TYPES,
    SWITCH,
    choice,
    whole,
    wholeOrNone,
)
from ichatgw.config.reading.reader import Reload
from ichatgw.net.networks import PRIVATE, Network

_CALLS = "Calls and media"


@frozen(kw_only=True, slots=False)
class CallSettings:
    """What the administrator has decided about calls, who may make them, and their media."""

    iChatProceedingTimeout: int = setting(
        _CALLS,
        "IChatProceedingTimeout",
        whole(100, 600_000, "milliseconds"),
        5000,
        "How long a called user may take to be found. After that clients that may be asleep are called all the same, if"
        " they can be woken; else the phone hears that the user is not there.",
    )
    ringingTimeout: int = setting(
        _CALLS,
        "RingingTimeout",
        whole(1, 3600, "seconds"),
        180,
        "How long a call may ring before it is given up, also while it wakes clients that sleep.",
    )
    sessionExpires: int = setting(
        _CALLS,
        "SessionExpires",
        wholeOrNone(90, 86_400, "seconds"),
        1800,
        "For how long a call with a phone may go on without a sign that the phone still knows of it (RFC 4028). Half as"
        " often one is asked for. 0 asks phones for nothing, and does only what they ask for themselves.",
        reload=Reload.NEW_CALLS,
    )
    iChatInviteTimeout: int = setting(
        _CALLS,
        "IChatInviteTimeout",
        whole(1, 600, "seconds"),
        30,
        "How long an iChat that has been told that its call was answered may take to open its media.",
    )
    allowedSIPPeers: tuple[Network, ...] = setting(
        _CALLS,
        "AllowedSIPPeers",
        NETWORKS,
        PRIVATE,
        "The hosts whose calls are taken: addresses and networks. The word private stands for loopback, private and"
        " link-local addresses, any for all the world. Calls from elsewhere are answered 403, and so is a called"
        " party elsewhere that refers its caller to another address. The OutboundProxy is always allowed, wherever"
        " DNS says it is, and so are registrars that have registered our users, and iChats, which answer calls of"
        " ours; the servers of trunks may call by these. A blank one allows no others. Behind a proxy or a NAT that"
        " shows its own private address as the sender's (a Docker bridge, a load balancer) private lets in all the"
        " world: name the hosts there.",
        default="private",
        example="private, 203.0.113.7",
        reload=Reload.NEW_CALLS,
    )
    allowedXMPPDomains: tuple[str, ...] = setting(
        _CALLS,
        "AllowedXMPPDomains",
        DOMAINS,
        (),
        "The domains whose users may call phones and add numbers and the control user to their contacts, and are"
        " registered at their SIP registrars. If left blank, only that of which JabberComponentName is a part. At the"
        " start, subscriptions of users of other domains are dropped from SubscriptionDatabase.",
        default="",
        example="jabber.company.com, example.org",
        reload=Reload.AT_ONCE,
    )
    maxCalls: int = setting(
        _CALLS,
        "MaxCalls",
        whole(0, 100_000, "calls"),
        0,
        "The most calls at a time; further ones are refused. 0 for as many as there are media ports for.",
        reload=Reload.NEW_CALLS,
    )
    callsPerCaller: int = setting(
        _CALLS,
        "CallsPerCaller",
        whole(0, 100_000, "calls"),
        0,
        "The most calls that one caller may have at a time; further ones are answered 403. 0 for any number. Callers"
        " are told apart by their addresses; those who hide theirs count as one.",
        reload=Reload.NEW_CALLS,
    )
    callsPerSecond: int = setting(
        _CALLS,
        "CallsPerSecond",
        whole(0, 100_000, "calls"),
        0,
        "The most calls that may begin in a second, of all callers together; further ones are answered 503. 0 for any"
        " number.",
        reload=Reload.NEW_CALLS,
    )
    mediaRelayPortRangeMin: int = setting(
        _CALLS,
        "MediaRelayPortRangeMin",
        whole(1, 65535),
        8000,
        "First port of the media relay. A call takes four: an even one and the next for either party.",
    )
    mediaRelayPortRangeMax: int = setting(
        _CALLS, "MediaRelayPortRangeMax", whole(1, 65535), 9999, "Last port of the media relay."
    )
    mediaFromOtherHosts: str = setting(
        _CALLS,
        "MediaFromOtherHosts",
        choice("never", "nat", "always"),
        "nat",
        "Whether a phone may send from a host that neither its description nor its signalling shows: never, nat (if a"
        " server stands between and its NAT cannot be known otherwise) or always (for devices that send from elsewhere,"
        " or change networks in a call and say nothing of it). Such a host is taken for the phone after several packets"
        " of one stream, once; a host that guesses the port may be the first to send them.",
    )
    mediaTimeout: int = setting(
        _CALLS,
        "MediaTimeout",
        wholeOrNone(5, 86_400, "seconds"),
        60,
        "How long a phone whose media passes here, and that should send, may send nothing (neither RTP nor RTCP) before"
        " it is asked, by OPTIONS within the call, whether it is there. If it does not answer, or does not know the"
        " call, that ends. Phones that hold, or were never heard, are not asked. 0 asks nobody.",
    )
    alwaysRelayIChatMedia: bool = setting(
        _CALLS,
        "AlwaysRelayIChatMedia",
        SWITCH,
        True,
        "Whether media of all calls passes through the gateway. If not, media of calls from SIP to SIP goes from party"
        " to party where it can: it is plain RTP, and the two have addresses of the same family that are both public or"
        " both private. That of calls with iChats and Jingle clients always passes here.",
        reload=Reload.NEW_CALLS,
    )
    codecIdFilterList: tuple[int, ...] = setting(
        _CALLS,
        "CodecIdFilterList",
        PAYLOAD_TYPES,
        (3,),
        "Payload types of codecs that are taken out of offers. The default, 3 (GSM), does not work between iChat and"
        " some phones. Several lines add up; a blank one takes out nothing.",
    )
    preferIPv6: bool = setting(
        _CALLS,
        "PreferIPv6",
        SWITCH,
        False,
        "Whether to choose an IPv6 address of an iChat, or of a host that is looked up, that has both kinds. It has no"
        " effect where the gateway has no IPv6 address.",
    )
    skipFirstIChatAddress: bool = setting(
        _CALLS,
        "SkipFirstIChatAddress",
        SWITCH,
        False,
        "Whether to pass over the first address that an iChat gives, for tests of the others.",
    )
