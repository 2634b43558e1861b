# -*- test-case-name: ichatgw.test.media.srtp.test_sdes -*-
"""
Keys for SRTP that travel with the signalling (RFC 4568), as C{a=crypto} of SDP and C{<crypto/>} of Jingle have them.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable

from attrs import evolve, frozen

from ichatgw.errors import MalformedError
from ichatgw.media.ice.stunrequests import Random
from ichatgw.media.srtp.srtp import SUITES, MasterKey, Suite
from ichatgw.model import CryptoKey

_SUITES = {suite.value.lower(): suite for suite in SUITES}
_INLINE = re.compile(
    r"inline:([A-Za-z0-9+/]+={0,2})(?:\|(2\^)?([0-9]{1,15}))?(\|[0-9]+:[0-9]+)?", re.IGNORECASE | re.ASCII
)
# RFC 4568 section 6.1: a key may protect as many packets at most (SRTCP, 2^31, counts for itself).
_MAX_LIFE = 2**48


def masterKey(key: CryptoKey) -> MasterKey:
    """
    The key in the form that SRTP takes.  Its lifetime is not kept: its owner has to send another key in time.

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
    return 1 <= life <= _MAX_LIFE


def choose(keys: Iterable[CryptoKey]) -> tuple[CryptoKey, MasterKey] | None:
    """The first one that we can use; C{None} if there is none."""
    for key in keys:
        try:
            return key, masterKey(key)
        except MalformedError:
            continue
    return None


def newKey(suite: Suite, tag: str, random: Random) -> tuple[CryptoKey, MasterKey]:
    """Make a key: as the signalling carries it, and as SRTP takes it."""
    octets = random(suite.keyOctets + suite.saltOctets)
    text = f"inline:{b64encode(octets).decode()}"
    return CryptoKey(tag, suite.value, text), MasterKey(suite, octets)


@frozen
class OfferedKeys:
    """
    Keys of ours that are offered, of which the party takes one, and gives one of its own for it.

    @ivar keys: the best first; their tags are numbers from 1.
    """

    keys: tuple[CryptoKey, ...]

    @classmethod
    def make(cls, suites: Iterable[Suite], random: Random, current: CryptoKey | None = None) -> OfferedKeys:
        """
        @param current: the key that we have been sending with: it is offered first, and again, so that all goes on
            with it if the party takes it.
        """
        keys = [] if current is None else [evolve(current, tag="1")]
        taken = {key.suite for key in keys}
        for suite in suites:
            if suite.value not in taken:
                keys.append(newKey(suite, f"{len(keys) + 1}", random)[0])
        return cls(tuple(keys))

    def taken(self, answer: Iterable[CryptoKey]) -> tuple[CryptoKey, CryptoKey] | None:
        """
        Ours and the party's, by the keys in its answer; C{None} if none of these belongs to one of ours (RFC 4568
        section 5.1.3).
        """
        ours = {key.tag: key for key in self.keys}
        chosen = choose(key for key in answer if key.tag in ours)
        if chosen is None or chosen[1].suite is not masterKey(ours[chosen[0].tag]).suite:
            return None
        return ours[chosen[0].tag], chosen[0]


def answerTo(
    offer: Iterable[CryptoKey], random: Random, current: tuple[CryptoKey, CryptoKey] | None = None
) -> tuple[CryptoKey, CryptoKey] | None:
    """
    Our answer, and the key of the offer that it is for: the first that we can use (RFC 4568 section 5.1.2), unless the
    key that is in use is offered again, wherever it stands in the list.

    @param current: the keys that are in use, ours and the party's; ours stays if its suite does.
    @return: C{None} if there is none.
    """
    offered = tuple(offer)
    if current is not None:
        same = (current[1].suite.lower(), current[1].parameters)
        offered = (*(key for key in offered if (key.suite.lower(), key.parameters) == same), *offered)
    chosen = choose(offered)
    if chosen is None:
        return None
    theirs, master = chosen
    if current is not None and masterKey(current[0]).suite is master.suite:
        return evolve(current[0], tag=theirs.tag), theirs
    return newKey(master.suite, theirs.tag, random)[0], theirs
