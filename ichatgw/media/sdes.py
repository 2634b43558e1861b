# -*- test-case-name: ichatgw.test.test_media_sdes -*-
"""
Keys for SRTP that travel with the signalling (RFC 4568), as C{a=crypto} of SDP and C{<crypto/>} of Jingle have them.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable

from ichatgw.errors import MalformedError
from ichatgw.media.srtp import SUITES, MasterKey, Suite
from ichatgw.media.stunrequests import Random
from ichatgw.model import CryptoKey

_SUITES = {suite.value.lower(): suite for suite in SUITES}
_INLINE = re.compile(
    r"inline:([A-Za-z0-9+/]+={0,2})(?:\|(2\^)?([0-9]{1,15}))?(\|[0-9]+:[0-9]+)?", re.IGNORECASE | re.ASCII
)
# RFC 4568 section 6.1: a key may protect as many packets at most (SRTCP, 2^31, counts for itself).
_LONGEST_LIFE = 2**48


def masterKey(key: CryptoKey) -> MasterKey:
    """
    How long the key lives is its owner's business, who has to send another one in time.

    @raise MalformedError: if it is none, or one with what we do not know: a master key identifier, more than one key,
        session parameters other than those that change nothing for us.
    """
    suite = _SUITES.get(key.suite.lower())
    found = _INLINE.fullmatch(key.parameters.strip())
    if suite is None or found is None or found[4] or not _lives(found[2], found[3]):
        raise MalformedError(f"no key that we can use, of {key.suite[:40]!r}")
    for parameter in key.session.split():
        if not re.fullmatch(r"(?:KDR=0|WSH=[0-9]+|-.*)", parameter, re.IGNORECASE):
            raise MalformedError(f"a session parameter of SRTP that we do not know: {parameter[:40]!r}")
    try:
        return MasterKey(suite, b64decode(found[1], validate=True))
    except (NotBase64, ValueError) as problem:
        raise MalformedError("a key for SRTP of the wrong length") from problem


def _lives(power: str | None, number: str | None) -> bool:
    if number is None:
        return True
    life = int(number) if power is None else 2 ** min(int(number), 64)
    return 1 <= life <= _LONGEST_LIFE


def choose(keys: Iterable[CryptoKey]) -> tuple[CryptoKey, MasterKey] | None:
    """The first one that we can use; C{None} if there is none."""
    for key in keys:
        try:
            return key, masterKey(key)
        except MalformedError:
            continue
    return None


def newKey(suite: Suite, tag: str, random: Random) -> tuple[CryptoKey, MasterKey]:
    """A key of ours."""
    octets = random(suite.keyOctets + suite.saltOctets)
    text = f"inline:{b64encode(octets).decode()}"
    return CryptoKey(tag, suite.value, text), MasterKey(suite, octets)
