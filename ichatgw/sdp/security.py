# -*- test-case-name: ichatgw.test.sdp.test_security,ichatgw.test.sdp.test_checks -*-
"""
The attributes of how media goes: C{a=crypto} (RFC 4568), C{a=fingerprint} (RFC 8122) with C{a=setup} (RFC 4145),
C{a=rtcp-mux} (RFC 5761), and those of ICE (RFC 8839).

What of them is wrong is passed over, as if the party had not written it: without it, the stream may be of no use, or
be plain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ichatgw.model import CryptoKey, Fingerprint, Setup, TransportAddress, TransportDescription
from ichatgw.sdp.checks import readICE

MAX_KEYS = 32
"""As many of one stream are looked at."""

ATTRIBUTES = frozenset({"candidate", "crypto", "fingerprint", "ice-lite", "ice-pwd", "ice-ufrag", "rtcp-mux", "setup"})
"""The names of those that are read here."""

_PRIORITY = (126 << 24) + (65535 << 8) + 256  # RFC 8445 section 5.1.2.1, of a host with one address

_CRYPTO = re.compile(
    r"([1-9][0-9]{0,8}|0)[ \t]+([A-Za-z0-9_]{1,64})[ \t]+([!-~]{1,512})((?:[ \t]+[!-~]{1,128}){0,16})\Z"
)
_FINGERPRINT = re.compile(r"([A-Za-z0-9-]{1,32})[ \t]+([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){15,63})\Z")
HASHES = ("sha-512", "sha-384", "sha-256", "sha-1")
"""The hashes of which one may be taken, the best first; RFC 8122 section 5 forbids MD5."""


def readTransport(session: Iterable[str], media: Iterable[str]) -> TransportDescription:
    """
    @param session: the attributes of the session.
    @param media: those of the stream, which count more.
    """
    session, media = list(session), list(media)
    ufrag, password, candidates = readICE(session, media)
    fingerprints = _fingerprints(media) or _fingerprints(session)
    best = next((fingerprints[name] for name in HASHES if name in fingerprints), None)
    setup = _setup(media) or _setup(session)
    return TransportDescription(
        ufrag,
        password,
        candidates,
        fingerprint=best,
        setup=setup if best is not None else None,
        keys=_keys(media),
        muxed="rtcp-mux" in media,
    )


def _keys(attributes: Iterable[str]) -> tuple[CryptoKey, ...]:
    """Those that can be read, in order; of two with one tag the first."""
    found: dict[str, CryptoKey] = {}
    for value in attributes:
        if value.startswith("crypto:") and len(found) < MAX_KEYS and (parts := _CRYPTO.match(value[7:].strip())):
            found.setdefault(parts[1], CryptoKey(parts[1], parts[2], parts[3], " ".join(parts[4].split())))
    return tuple(found.values())


def _fingerprints(attributes: Iterable[str]) -> dict[str, Fingerprint]:
    found: dict[str, Fingerprint] = {}
    for value in attributes:
        if value.startswith("fingerprint:") and (parts := _FINGERPRINT.match(value[12:].strip())):
            algorithm = parts[1].lower()
            found.setdefault(algorithm, Fingerprint(algorithm, parts[2].upper()))
    return found


def _setup(attributes: Iterable[str]) -> Setup | None:
    for value in attributes:
        if value.startswith("setup:"):
            return next((setup for setup in Setup if setup.value == value[6:].strip().lower()), None)
    return None


def writeTransport(transport: TransportDescription, address: TransportAddress) -> str:
    """
    Its attributes, each a line.

    @param address: where media is wanted; with ICE it is our one candidate, as we are its lite end.
    """
    lines = []
    if transport.ufrag:
        lines += [f"a=ice-ufrag:{transport.ufrag}\r\n", f"a=ice-pwd:{transport.password}\r\n"]
        for component in (1,) if transport.muxed else (1, 2):
            where = f"{address.host} {address.port + component - 1}"
            lines.append(f"a=candidate:1 {component} UDP {_PRIORITY - component} {where} typ host\r\n")
    for key in transport.keys:
        session = f" {key.session}" if key.session else ""
        lines.append(f"a=crypto:{key.tag} {key.suite} {key.parameters}{session}\r\n")
    if transport.fingerprint is not None and transport.setup is not None:
        lines.append(f"a=fingerprint:{transport.fingerprint.algorithm} {transport.fingerprint.value}\r\n")
        lines.append(f"a=setup:{transport.setup.value}\r\n")
    if transport.muxed:
        lines.append("a=rtcp-mux\r\n")
    return "".join(lines)
