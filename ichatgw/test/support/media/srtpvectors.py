# -*- test-case-name: ichatgw.test.media.srtp.test_srtp -*-
"""
SRTP once more, slowly, straight from RFC 3711 and RFC 7714, to judge the one that is used.  One stream, no rollover.
"""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from ichatgw.media.srtp.srtp import MasterKey

HEADER = 12


def derived(key: bytes, salt: bytes, label: int, size: int) -> bytes:
    """A session key (RFC 3711 section 4.3)."""
    start = int.from_bytes(salt.ljust(14, b"\0"), "big") ^ (label << 48)
    return keystream(key, (start << 16).to_bytes(16, "big"), size)


def keystream(key: bytes, counter: bytes, size: int) -> bytes:
    """AES in counter mode."""
    return Cipher(AES(key), CTR(counter)).encryptor().update(bytes(size))


def protected(master: MasterKey, packet: bytes, tag: int) -> bytes:
    """
    An RTP packet without extensions as SRTP.

    @param tag: octets of the tag, for the suites that have HMAC-SHA1.
    """
    size = master.suite.keyOctets
    key, salt = master.octets[:size], master.octets[size:]
    session = derived(key, salt, 0, size)
    header, payload = packet[:HEADER], packet[HEADER:]
    if master.suite.saltOctets == 12:
        return header + sealed(session, derived(key, salt, 2, 12), packet)
    mask = int.from_bytes(derived(key, salt, 2, 14), "big") << 16
    mask ^= int.from_bytes(packet[8:12], "big") << 64 ^ int.from_bytes(packet[2:4], "big") << 16
    stream = keystream(session, mask.to_bytes(16, "big"), len(payload))
    body = header + bytes(a ^ b for a, b in zip(payload, stream, strict=True))
    return body + hmac.digest(derived(key, salt, 1, 20), body + bytes(4), "sha1")[:tag]


def sealed(session: bytes, salt: bytes, packet: bytes) -> bytes:
    """What stands behind the header with AES-GCM (RFC 7714 section 8.1)."""
    vector = bytes(2) + packet[8:12] + bytes(4) + packet[2:4]
    nonce = bytes(a ^ b for a, b in zip(vector, salt, strict=True))
    return AESGCM(session).encrypt(nonce, packet[HEADER:], packet[:HEADER])
