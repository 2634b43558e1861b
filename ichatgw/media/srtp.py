# -*- test-case-name: ichatgw.test.test_media_srtp -*-
"""
SRTP (RFC 3711, RFC 7714) by libsrtp: packets in, packets out.
"""

from __future__ import annotations

from enum import Enum

from attrs import field, frozen
from pylibsrtp import Error, Policy, Session

from ichatgw.errors import MalformedError

LONGEST = 1400
"""Octets of a packet that we protect or take; libsrtp's buffer here has 1500."""


class Suite(Enum):
    """
    What protects media; the value is its name for SDES (RFC 4568, RFC 7714).
    """

    AEAD_AES_128_GCM = "AEAD_AES_128_GCM"
    AEAD_AES_256_GCM = "AEAD_AES_256_GCM"
    AES_CM_128_HMAC_SHA1_80 = "AES_CM_128_HMAC_SHA1_80"
    AES_CM_128_HMAC_SHA1_32 = "AES_CM_128_HMAC_SHA1_32"

    @property
    def keyOctets(self) -> int:
        """Octets of its master key."""
        return 32 if self is Suite.AEAD_AES_256_GCM else 16

    @property
    def saltOctets(self) -> int:
        """Octets of its master salt."""
        return 12 if self in (Suite.AEAD_AES_128_GCM, Suite.AEAD_AES_256_GCM) else 14


_PROFILES = {
    Suite.AEAD_AES_128_GCM: Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    Suite.AEAD_AES_256_GCM: Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
    Suite.AES_CM_128_HMAC_SHA1_80: Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    Suite.AES_CM_128_HMAC_SHA1_32: Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
}


@frozen
class MasterKey:
    """
    @ivar octets: the key and behind it the salt.
    @raise ValueError: if that is not as long as the suite wants it.
    """

    suite: Suite
    octets: bytes = field(repr=False)

    def __attrs_post_init__(self) -> None:
        if len(self.octets) != self.suite.keyOctets + self.suite.saltOctets:
            raise ValueError(f"{len(self.octets)} octets are no key for {self.suite.value}")


class Shield:
    """
    Protects what goes to a party, and opens what comes from it.

    @param sending: our key.
    @param receiving: the party's.
    """

    def __init__(self, sending: MasterKey, receiving: MasterKey) -> None:
        out, into = _session(sending, Policy.SSRC_ANY_OUTBOUND), _session(receiving, Policy.SSRC_ANY_INBOUND)
        self._protect, self._protectControl = out.protect, out.protect_rtcp
        self._open, self._openControl = into.unprotect, into.unprotect_rtcp

    def protect(self, packet: bytes) -> bytes:
        """
        @raise MalformedError: if libsrtp does not take it.
        """
        try:
            return self._protect(packet)
        except (Error, ValueError) as problem:
            raise MalformedError(f"SRTP: {problem}") from problem

    def protectControl(self, packet: bytes) -> bytes:
        """
        The same for RTCP.

        @raise MalformedError: if libsrtp does not take it.
        """
        try:
            return self._protectControl(packet)
        except (Error, ValueError) as problem:
            raise MalformedError(f"SRTCP: {problem}") from problem

    def open(self, packet: bytes) -> bytes:
        """
        @raise MalformedError: if it is not the party's, or came before.
        """
        try:
            return self._open(packet)
        except (Error, ValueError) as problem:
            raise MalformedError(f"SRTP: {problem}") from problem

    def openControl(self, packet: bytes) -> bytes:
        """
        The same for RTCP.

        @raise MalformedError: if it is not the party's, or came before.
        """
        try:
            return self._openControl(packet)
        except (Error, ValueError) as problem:
            raise MalformedError(f"SRTCP: {problem}") from problem


def _session(key: MasterKey, direction: int) -> Session:
    return Session(Policy(key=key.octets, ssrc_type=direction, srtp_profile=_PROFILES[key.suite]))
