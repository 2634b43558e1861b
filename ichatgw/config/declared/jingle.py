# -*- test-case-name: ichatgw.test.config.test_settings,ichatgw.test.config.reading.test_kinds -*-
"""
Settings of calls to and from Jingle clients.
"""

from __future__ import annotations

from attrs import frozen

from ichatgw.config.declared.declare import setting
from ichatgw.config.reading.kinds import HOST_AND_PORT, SWITCH, whole

_JINGLE = "Jingle clients"


@frozen(kw_only=True, slots=False)
class JingleSettings:
    """What the administrator has decided about clients that speak Jingle."""

    jingle: bool = setting(
        _JINGLE,
        "Jingle",
        SWITCH,
        True,
        "Whether clients that speak Jingle, as those of today do, may call and be called. Their media is protected, and"
        " found by ICE. If not, all XMPP users are taken to have iChats.",
    )
    jinglePlainMedia: bool = setting(
        _JINGLE,
        "JinglePlainMedia",
        SWITCH,
        False,
        "Whether clients that know no protection of media may call and be called too, over raw UDP (XEP-0177) or by"
        " ICE. This is for networks that are trusted.",
    )
    jingleProceedingTimeout: int = setting(
        _JINGLE,
        "JingleProceedingTimeout",
        whole(100, 600_000, "milliseconds"),
        10_000,
        "How long clients that do not say that they ring have for a first sign of life, and users of whom no client is"
        " known to be online, if their calls are forwarded then. Other calls to such users ring on for RingingTimeout:"
        " clients that sleep are woken by them. It begins when the user's server has answered the"
        " question for presence, or has not within IChatProceedingTimeout.",
    )
    stunServer: tuple[str, int] | None = setting(
        _JINGLE,
        "STUNServer",
        HOST_AND_PORT,
        None,
        "STUN server that is asked for each call where the Internet sees us, for a gateway behind NAT. If the router"
        " hands all ports on, AdvertisedAddress is better. If left blank, none is asked.",
        example="stun.example.com:3478",
    )
    jingleEarlyMedia: bool = setting(
        _JINGLE,
        "JingleEarlyMedia",
        SWITCH,
        False,
        "Whether a Jingle client's call is accepted as soon as the phone's end sends early media, so that announcements"
        " are heard. The client then shows an answered call, even if nobody answers.",
    )
    jingleAnswerWithMedia: bool = setting(
        _JINGLE,
        "JingleAnswerWithMedia",
        SWITCH,
        False,
        "Whether a phone's call to a Jingle client counts as answered only when media can flow, rather than when the"
        " client accepts it.",
    )
