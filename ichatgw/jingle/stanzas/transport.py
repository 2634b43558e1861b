# -*- test-case-name: ichatgw.test.jingle.stanzas.test_description -*-
# mypy: allow-untyped-calls
"""
C{<transport/>} of a content: ICE-UDP (XEP-0176) with the fingerprint of DTLS-SRTP (XEP-0320), and raw UDP (XEP-0177).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import frozen
from twisted.words.xish.domish import Element

from ichatgw.errors import MalformedError
from ichatgw.jingle.stanzas.candidates import addCandidate, readCandidates
from ichatgw.jingle.stanzas.namespaces import NS_DTLS, NS_ICE_UDP, NS_RAW_UDP
from ichatgw.jingle.stanzas.xml import child, children, readable, textOf, word, wordOr
from ichatgw.model import Candidate, Fingerprint, Setup, TransportDescription
from ichatgw.sdp.security import HASHES

TRANSPORTS = (NS_ICE_UDP, NS_RAW_UDP)

_FINGERPRINT = re.compile(r"[0-9A-F]{2}(?::[0-9A-F]{2}){15,63}\Z")
_ALGORITHM = re.compile(r"[a-z0-9-]{1,32}\Z")
_ICE_TEXT = re.compile(r"[!-~]{4,256}\Z")


@frozen
class ReadTransport:
    """
    What a party says of its transport.

    @ivar namespace: which transport it is.
    @ivar description: without keys and C{muxed}, which stand elsewhere.  What is not said is empty, as in most
        C{transport-info}s.
    @ivar isFingerprinted: there is a fingerprint, be it readable or not.
    """

    namespace: str
    description: TransportDescription
    isFingerprinted: bool = False


def readTransport(element: Element) -> ReadTransport | None:
    """
    @return: C{None} if it is no transport that we know.
    @raise MalformedError: if it is one, and its C{ufrag} or C{pwd} is wrong; what else cannot be read is left out.
    """
    if element.uri not in TRANSPORTS:
        return None
    ufrag, password = "", ""
    if element.uri == NS_ICE_UDP:
        ufrag, password = _iceText(element, "ufrag"), _iceText(element, "pwd")
    fingerprint, setup = _readFingerprints(element)
    description = TransportDescription(ufrag, password, readCandidates(element), fingerprint, setup, (), False)
    return ReadTransport(element.uri, description, child(element, NS_DTLS, "fingerprint") is not None)


def _iceText(element: Element, name: str) -> str:
    text = word(element, name, "")
    if text and _ICE_TEXT.match(text) is None:
        raise MalformedError(f"bad {name}")
    return text


def _readFingerprints(transport: Element) -> tuple[Fingerprint | None, Setup | None]:
    """
    The best of those that can be read, with the role that stands beside it.  One by an unknown hash is better
    than none: without it media might be taken for plain.
    """
    found: dict[str, tuple[Fingerprint, Setup]] = {}
    for fingerprint, setup in readable(_readFingerprint, children(transport, NS_DTLS, "fingerprint")):
        found.setdefault(fingerprint.algorithm, (fingerprint, setup))
    known = (found[algorithm] for algorithm in HASHES if algorithm in found)
    return next(known, next(iter(found.values()), (None, None)))


def _readFingerprint(element: Element) -> tuple[Fingerprint, Setup]:
    """@raise MalformedError: if it is none."""
    algorithm, value = word(element, "hash", "").lower(), textOf(element).upper()
    if not _ALGORITHM.match(algorithm) or not _FINGERPRINT.match(value):
        raise MalformedError("bad fingerprint")
    return Fingerprint(algorithm, value), _readSetup(wordOr(element, "setup", ""))


def _readSetup(text: str) -> Setup:
    """The role beside a fingerprint; one that is not said, or cannot be read, means either."""
    try:
        return Setup(text.lower())
    except ValueError:
        return Setup.ACTPASS


def writeTransport(
    description: TransportDescription, candidates: Iterable[Candidate] | None = None, generation: int = 0
) -> Element:
    """
    @param description: one of ours; without a C{ufrag} it is raw UDP.
    @param candidates: those to be told; all that are known if not given.
    @param generation: how often ICE was started anew.
    """
    element = Element((NS_ICE_UDP if description.ufrag else NS_RAW_UDP, "transport"))
    if description.ufrag:
        element["ufrag"], element["pwd"] = description.ufrag, description.password
    if description.fingerprint is not None and description.setup is not None:
        fingerprint = element.addElement((NS_DTLS, "fingerprint"), content=description.fingerprint.value)
        fingerprint["hash"], fingerprint["setup"] = description.fingerprint.algorithm, description.setup.value
    told = description.candidates if candidates is None else candidates
    for position, candidate in enumerate(told, 1):
        addCandidate(element, candidate, position, generation)
    return element
