# -*- test-case-name: ichatgw.test.sip.leg.test_encryption -*-
"""
Keys in the session descriptions of a SIP phone, and in ours.
"""

from __future__ import annotations

import re
from typing import Any

from ichatgw.interfaces import IMediaSide
from ichatgw.media.srtp import sdes
from ichatgw.media.srtp.srtp import Suite
from ichatgw.model import CryptoKey, Fingerprint, TransportAddress
from ichatgw.sip.leg.inbound import InboundSipLeg
from ichatgw.sip.leg.leg import SipLeg
from ichatgw.sip.leg.mediasecurity import Encryption, MediaPolicy
from ichatgw.sip.transport.target import Target, Transport
from ichatgw.test.support.legs import ANSWER
from ichatgw.test.support.sip.sipwire import PHONE_SDP, Rig

OURS = Fingerprint("sha-256", ":".join(["0A"] * 32))
THEIRS = ":".join(["0B"] * 32)
SUITE = Suite.AES_CM_128_HMAC_SHA1_80
SECURE = Target(Transport.TLS, TransportAddress("192.0.2.77", 40000))
PHONE_RTP = ("192.0.2.77", 30000)


def phoneKey(tag: str = "1", fill: int = 1, suite: Suite = SUITE) -> CryptoKey:
    return sdes.newKey(suite, tag, lambda size: bytes([fill]) * size)[0]


def secured(key: CryptoKey | None = None, profile: str = "RTP/SAVP") -> str:
    """The phone's SDP with a key."""
    key = key or phoneKey()
    text = PHONE_SDP.replace("RTP/AVP", profile)
    return f"{text}a=crypto:{key.tag} {key.suite} {key.parameters}\r\n"


def cryptoIn(message: str) -> list[CryptoKey]:
    """The keys in a message of ours."""
    found = re.findall(r"a=crypto:(\d+) (\S+) (\S+)\r\n", message)
    return [CryptoKey(*words) for words in found]


def oursIn(offer: str) -> CryptoKey:
    """The key in an offer of ours that the phone takes."""
    return next(key for key in cryptoIn(offer) if key.suite == SUITE.value)


def policy(encryption: Encryption = Encryption.OPTIONAL, **changes: Any) -> MediaPolicy:
    return MediaPolicy(encryption, **{"inClear": True, "fingerprint": OURS, **changes})


def arrived(rig: Rig, side: IMediaSide | None = None) -> tuple[SipLeg, str]:
    """The phone calls with a key, is let in and answered: our leg (at that side of the relay), and our 200."""
    rig.invite(body=secured())
    leg = rig.invitations.legs[-1]
    assert isinstance(leg, InboundSipLeg)
    assert rig.invitations.arrivals[-1].objection is None
    if side is not None:
        leg.side = side
    leg.answer(ANSWER)
    return leg, rig.wire.take()[-1]
