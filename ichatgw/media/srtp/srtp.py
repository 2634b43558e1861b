# -*- test-case-name: ichatgw.test.media.srtp.test_srtp,ichatgw.test.media.transport.test_srtpcontext -*-
"""
SRTP (RFC 3711, RFC 7714) by libsrtp: packets in, packets out.
"""

from __future__ import annotations

from contextlib import suppress
from enum import Enum
from typing import Any

from attrs import field, frozen
from pylibsrtp import Error, Policy, Session
from pylibsrtp._binding import ffi  # type: ignore[import-not-found]

from ichatgw.errors import MalformedError

LONGEST = 1400
"""Octets of a packet that we protect or take; libsrtp's buffer here has 1500."""


class Suite(Enum):
    """
    What protects media; the value is its name for SDES (RFC 4568, RFC 6188, RFC 7714).
    """

    AEAD_AES_128_GCM = "AEAD_AES_128_GCM"
    AEAD_AES_256_GCM = "AEAD_AES_256_GCM"
    AES_256_CM_HMAC_SHA1_80 = "AES_256_CM_HMAC_SHA1_80"
    AES_256_CM_HMAC_SHA1_32 = "AES_256_CM_HMAC_SHA1_32"
    AES_CM_128_HMAC_SHA1_80 = "AES_CM_128_HMAC_SHA1_80"
    AES_CM_128_HMAC_SHA1_32 = "AES_CM_128_HMAC_SHA1_32"

    @property
    def keyOctets(self) -> int:
        """Octets of its master key."""
        return 32 if "_256_" in self.value else 16

    @property
    def saltOctets(self) -> int:
        """Octets of its master salt."""
        return 12 if self in (Suite.AEAD_AES_128_GCM, Suite.AEAD_AES_256_GCM) else 14


_PROFILES = {
    Suite.AEAD_AES_128_GCM: Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    Suite.AEAD_AES_256_GCM: Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
    Suite.AES_256_CM_HMAC_SHA1_80: Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    Suite.AES_256_CM_HMAC_SHA1_32: Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    Suite.AES_CM_128_HMAC_SHA1_80: Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    Suite.AES_CM_128_HMAC_SHA1_32: Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
}
_LONG = frozenset({Suite.AES_256_CM_HMAC_SHA1_80, Suite.AES_256_CM_HMAC_SHA1_32})
# libsrtp knows AES-256 in counter mode, but pylibsrtp has no name for it.  It is asked for by the first two members of
# libsrtp's srtp_crypto_policy_t, the cipher and the octets of its key and salt: those of AES-128 are written over.
_AES_128, _AES_256 = (1, 30), (5, 46)


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


class SRTPContext:
    """
    Protects what goes to a party, and opens what comes from it.

    @param sending: our key.
    @param receiving: the party's.
    @param former: what was in use before with the same party.  A direction whose key is the same goes on, with its
        rollover counter (RFC 3711 section 3.3.1); packets that are still under way with the party's old key are
        opened until the first one with the new key comes.
    """

    def __init__(self, sending: MasterKey, receiving: MasterKey, former: SRTPContext | None = None) -> None:
        self.sending = sending
        self.receiving = receiving
        self._out: Session
        self._into: Session
        self._former: Session | None = None
        if former is not None and former.sending == sending:
            self._out = former._out
        else:
            self._out = _session(sending, Policy.SSRC_ANY_OUTBOUND)
        if former is not None and former.receiving == receiving:
            self._into, self._former = former._into, former._former
        else:
            self._into = _session(receiving, Policy.SSRC_ANY_INBOUND)
            self._former = None if former is None else former._into

    @property
    def isChanging(self) -> bool:
        """Is the party's old key still in use beside its new one?"""
        return self._former is not None

    def handles(self) -> tuple[Any, Any]:
        """
        What libsrtp has for what is sent, and for what is received.

        @raise AttributeError: if this is a pylibsrtp that does not show it.
        """
        return self._out._srtp[0], self._into._srtp[0]

    def protect(self, packet: bytes) -> bytes:
        """
        @raise MalformedError: if libsrtp does not take it.
        """
        try:
            return self._out.protect(packet)
        except (Error, ValueError) as problem:
            raise MalformedError(f"SRTP: {problem}") from problem

    def protectControl(self, packet: bytes) -> bytes:
        """
        The same for RTCP.

        @raise MalformedError: if libsrtp does not take it.
        """
        try:
            return self._out.protect_rtcp(packet)
        except (Error, ValueError) as problem:
            raise MalformedError(f"SRTCP: {problem}") from problem

    def open(self, packet: bytes) -> bytes:
        """
        @raise MalformedError: if it is not the party's, or came before.
        """
        try:
            opened = self._into.unprotect(packet)
        except (Error, ValueError) as problem:
            if self._former is not None:
                with suppress(Error, ValueError):
                    return self._former.unprotect(packet)
            raise MalformedError(f"SRTP: {problem}") from problem
        self._former = None
        return opened

    def openControl(self, packet: bytes) -> bytes:
        """
        The same for RTCP.

        @raise MalformedError: if it is not the party's, or came before.
        """
        try:
            return self._into.unprotect_rtcp(packet)
        except (Error, ValueError) as problem:
            raise MalformedError(f"SRTCP: {problem}") from problem

    def forget(self, ssrc: int) -> None:
        """What was known of a stream of the party; idempotent."""
        with suppress(Error):
            self._into.remove_stream(ssrc)


def _session(key: MasterKey, direction: int) -> Session:
    policy = Policy(key=key.octets, ssrc_type=direction, srtp_profile=_PROFILES[key.suite])
    if key.suite in _LONG:
        for part in ("rtp", "rtcp"):
            _lengthen(ffi.buffer(ffi.addressof(policy._policy, part)))
    return Session(policy)


def _lengthen(policy: Any) -> None:
    words = memoryview(policy).cast("i")
    if (words[0], words[1]) != _AES_128:
        raise ValueError("an unknown libsrtp, without AES-256 in counter mode")
    words[0], words[1] = _AES_256


def _works(suite: Suite) -> bool:
    try:
        key = MasterKey(suite, bytes(suite.keyOctets + suite.saltOctets))
        _session(key, Policy.SSRC_ANY_OUTBOUND)
    except (Error, ValueError):
        return False
    return True


SUITES = tuple(suite for suite in Suite if _works(suite))
"""Those that libsrtp has here, the best first."""
