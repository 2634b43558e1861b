# -*- test-case-name: ichatgw.test.xmpp.test_discoinfo -*-
"""
What an answer to disco#info says (XEP-0030, XEP-0128), and the hashes of it that clients show in their presence: those
of XEP-0115, and those of XEP-0390.

The text that XEP-0115 hashes can be read in several ways, so that an attacker can find another answer with the same
hash: C{<} in a name ends a part, and what is a feature in one reading is a field of a form in another.  Answers that
use this are told apart here (L{Info.isSound}); the text of XEP-0390 has one reading.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from attrs import frozen
from twisted.words.xish.domish import Element

from ichatgw.errors import MalformedError
from ichatgw.xmpp.stanzas import languageTag

NS_CAPS = "http://jabber.org/protocol/caps"
NS_CAPS2 = "urn:xmpp:caps"
NS_HASHES = "urn:xmpp:hashes:2"
NS_DATA = "jabber:x:data"

MAX_FEATURES = 512

OF_CALLS = "urn:xmpp:jingle"
"""How the features begin that decide whether a client is called."""

WANTS_NICKS = "http://jabber.org/protocol/nick+notify"
"""The feature of a client that wants to hear the nicknames of contacts (XEP-0172 section 4.1, XEP-0163 section 5)."""

Identity = tuple[str, str, str, str]
"""Category, type, language and name."""

FIRST_ALGORITHMS: dict[str, Callable[[bytes], Any]] = {
    "sha-1": hashlib.sha1,
    "sha-256": hashlib.sha256,
    "sha-512": hashlib.sha512,
}
"""Those that are known of XEP-0115."""

SECOND_ALGORITHMS: dict[str, Callable[[bytes], Any]] = {
    "sha-256": hashlib.sha256,
    "sha-512": hashlib.sha512,
    "sha3-256": hashlib.sha3_256,
    "sha3-512": hashlib.sha3_512,
    "blake2b-256": lambda text: hashlib.blake2b(text, digest_size=32),
    "blake2b-512": hashlib.blake2b,
}
"""Those that are known of XEP-0390, the best one first."""


@frozen
class Field:
    """A field of a form."""

    name: str
    kind: str
    values: tuple[str, ...]


@frozen
class Info:
    """
    What an answer says.

    @ivar forms: those of XEP-0128.
    """

    identities: tuple[Identity, ...]
    features: tuple[str, ...]
    forms: tuple[tuple[Field, ...], ...] = ()

    @property
    def isSound(self) -> bool:
        """Is it well-formed (XEP-0115 section 5.4), and not another reading of a text that others have hashed?"""
        kinds = [formType.values for formType in map(_formType, self._hashedForms) if formType is not None]
        parts = [*self._identityParts, *self.features, *self._formParts]
        return not (
            any(
                len(set(several)) < len(several)
                for several in (self.identities, self.features, [each for values in kinds for each in values])
            )
            or any(len(values) != 1 for values in kinds)
            or any("<" in part for part in parts)
            or any(OF_CALLS in part for part in (*self._identityParts, *self._formParts))
        )

    @property
    def ofCalls(self) -> frozenset[str]:
        """The features that decide whether a client is called."""
        return frozenset(feature for feature in self.features if feature.startswith(OF_CALLS))

    @property
    def _identityParts(self) -> Iterator[str]:
        return (part for identity in self.identities for part in identity)

    @property
    def _formParts(self) -> Iterator[str]:
        return (part for form in self.forms for field in form for part in (field.name, *field.values))

    @property
    def _hashedForms(self) -> list[tuple[Field, ...]]:
        """The forms that are part of the first hash; those without a hidden C{FORM_TYPE} are not."""
        found = ((form, _formType(form)) for form in self.forms)
        return [form for form, formType in found if formType is not None and formType.kind == "hidden"]

    def version(self, algorithm: str = "sha-1") -> str:
        """The hash of XEP-0115 section 5.1."""
        text = "".join("/".join(identity) + "<" for identity in sorted(self.identities))
        text += "".join(f"{feature}<" for feature in sorted(self.features))
        text += "".join(sorted(map(_firstForm, self._hashedForms)))
        return _hashed(FIRST_ALGORITHMS[algorithm], text.encode())

    def version2(self, algorithm: str = "sha-256") -> str:
        """The hash of XEP-0390 section 4.1."""
        text = _joined((feature.encode() + b"\x1f" for feature in self.features), b"\x1c")
        text += _joined((_separated(identity) + b"\x1e" for identity in self.identities), b"\x1c")
        text += _joined(map(_secondForm, self.forms), b"\x1c")
        return _hashed(SECOND_ALGORITHMS[algorithm], text)


@frozen
class Version:
    """
    What a client says in its presence of what it can: clients that show the same are alike.

    @ivar namespace: of XEP-0115 or XEP-0390.
    @ivar algorithm: how it was computed.
    @ivar hash: in base64.
    """

    namespace: str
    algorithm: str
    hash: str

    def fits(self, info: Info) -> bool:
        """Is this the hash of C{info}?"""
        if self.namespace == NS_CAPS2:
            return info.version2(self.algorithm) == self.hash
        return info.version(self.algorithm) == self.hash


def readInfo(query: Element) -> Info:
    """
    Read an answer.

    @param query: the element of disco#info.
    @raise MalformedError: if there is too much of it.
    """
    identities: list[Identity] = []
    features: list[str] = []
    forms: list[tuple[Field, ...]] = []
    for child in query.elements():
        if child.name == "identity":
            category, kind, name = (child.getAttribute(key) or "" for key in ("category", "type", "name"))
            identities.append((category, kind, languageTag(child), name))
        elif child.name == "feature":
            features.append(child.getAttribute("var") or "")
        elif child.name == "x" and child.uri == NS_DATA:
            forms.append(tuple(_readField(one) for one in child.elements() if one.name == "field"))
    if len(features) > MAX_FEATURES:
        raise MalformedError("too many features")
    return Info(tuple(identities), tuple(features), tuple(forms))


def _readField(field: Element) -> Field:
    values = tuple(str(value) for value in field.elements() if value.name == "value")
    return Field(field.getAttribute("var") or "", field.getAttribute("type") or "", values)


def _formType(form: Iterable[Field]) -> Field | None:
    return next((field for field in form if field.name == "FORM_TYPE"), None)


def _firstForm(form: Iterable[Field]) -> str:
    """XEP-0115 section 5.1, step 7."""
    formType = _formType(form)
    kind = "" if formType is None else "".join(f"{value}<" for value in sorted(formType.values))
    others = sorted((field.name, sorted(field.values)) for field in form if field.name != "FORM_TYPE")
    return kind + "".join(f"{name}<" + "".join(f"{value}<" for value in values) for name, values in others)


def _secondForm(form: Iterable[Field]) -> bytes:
    """XEP-0390 section 4.1, of one form."""
    fields = (_separated((field.name, *sorted(field.values, key=str.encode))) + b"\x1e" for field in form)
    return _joined(fields, b"\x1d")


def _separated(parts: Iterable[str]) -> bytes:
    return b"".join(part.encode() + b"\x1f" for part in parts)


def _joined(parts: Iterable[bytes], end: bytes) -> bytes:
    return b"".join(sorted(parts)) + end


def _hashed(algorithm: Callable[[bytes], Any], text: bytes) -> str:
    return b64encode(algorithm(text).digest()).decode()
