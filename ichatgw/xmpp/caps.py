# -*- test-case-name: ichatgw.test.test_xmpp_caps -*-
# mypy: allow-untyped-calls, allow-subclassing-any
"""
Entity capabilities (XEP-0115, and for ourselves XEP-0390 too): what our addresses can, and what clients can.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import ichatgw.xmpp.compat  # noqa: F401  (before wokkel)

# isort: split
from attrs import define, frozen
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element
from wokkel.disco import NS_DISCO_INFO
from wokkel.subprotocols import XMPPHandler
from zope.interface import implementer

from ichatgw.xmpp.presence import NS_CAPS, IPresenceListener, Resource

log = Logger()

NS_CAPS2 = "urn:xmpp:caps"
NS_HASHES = "urn:xmpp:hashes:2"
NS_DATA = "jabber:x:data"

NODE = "https://ichat-gw.org"
"""Names the program in capabilities; nobody fetches it."""

PHONE = ("client", "phone", "", "ichat-gw")
"""What each of our addresses is: category, type, language and name."""

PHONE_FEATURES = frozenset(
    {
        "http://jabber.org/protocol/caps",
        NS_DISCO_INFO,
        "urn:xmpp:jingle-message:0",
        "urn:xmpp:jingle:1",
        "urn:xmpp:jingle:apps:rtp:1",
        "urn:xmpp:jingle:apps:rtp:audio",
        "urn:xmpp:jingle:dtmf:0",
        "urn:xmpp:ping",
    }
)
"""
What each of our addresses can do with Jingle, whatever its transports: clients decide by it whether they show a button
to call.
"""

MOST_FEATURES = 512
MOST_KNOWN = 1000
MOST_PENDING = 200
MOST_WAITING = 10_000
BATCH = 50
PATIENCE = 30.0
"""Seconds after which a question that was not answered is asked again, of the next client that has the same."""

_ALGORITHMS = {"sha-1": hashlib.sha1, "sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
_Identity = tuple[str, str, str, str]


def verification(
    identities: Iterable[_Identity], features: Iterable[str], forms: Iterable[str] = (), algorithm: str = "sha-1"
) -> str:
    """
    The hash of XEP-0115 section 5.

    @param forms: each written as the standard says, ready to be added.
    """
    text = "".join(f"{category}/{kind}/{lang}/{name}<" for category, kind, lang, name in sorted(identities))
    text += "".join(f"{feature}<" for feature in sorted(features)) + "".join(sorted(forms))
    return b64encode(_ALGORITHMS[algorithm](text.encode()).digest()).decode()


def _verification2(identities: Iterable[_Identity], features: Iterable[str]) -> str:
    """The SHA-256 hash of XEP-0390 section 4.1 for somebody without forms."""
    ofFeatures = b"".join(sorted(feature.encode() + b"\x1f" for feature in features)) + b"\x1c"
    ofIdentities = b"".join(
        sorted(
            b"".join(part.encode() + b"\x1f" for part in (category, kind, lang, name)) + b"\x1e"
            for category, kind, lang, name in identities
        )
    )
    return b64encode(hashlib.sha256(ofFeatures + ofIdentities + b"\x1c" + b"\x1c").digest()).decode()


@frozen
class Entity:
    """
    What some of our addresses are to Jingle clients.

    @ivar features: all they can.
    @ivar identities: what they are.
    """

    features: frozenset[str]
    identities: tuple[_Identity, ...] = (PHONE,)

    @property
    def version(self) -> str:
        return verification(self.identities, self.features)

    @property
    def nodes(self) -> frozenset[str]:
        """The nodes under which clients ask for what we can."""
        second = _verification2(self.identities, self.features)
        return frozenset({f"{NODE}#{self.version}", f"{NS_CAPS2}#sha-256.{second}"})

    def addCaps(self, presence: Element) -> None:
        """Say it in a presence."""
        caps = presence.addElement((NS_CAPS, "c"))
        caps["hash"], caps["node"], caps["ver"] = "sha-1", NODE, self.version
        hash = _verification2(self.identities, self.features)
        presence.addElement((NS_CAPS2, "c")).addElement((NS_HASHES, "hash"), content=hash)["algo"] = "sha-256"


_Key = tuple[str, str, str]


@define
class _Question:
    resource: Resource
    key: _Key
    timer: IDelayedCall


@implementer(IPresenceListener)
class Capabilities(XMPPHandler):
    """
    Knows what clients can, and asks one client of each kind; the others of that kind wait for its answer, and if there
    is none, or none that can be trusted, the next of them is asked.

    It listens to presence (add it to C{presence.listeners}, before those who want to know).

    @ivar listeners: who is told that more is known of a client, as if its presence had come again.
    """

    def __init__(self, clock: IReactorTime, asker: JID) -> None:
        """
        @param asker: the address of ours that asks, which clients share their presence with.
        """
        super().__init__()
        self.listeners: list[Callable[[Resource], None]] = []
        self._clock = clock
        self._asker = asker
        self._ids = count(1)
        self._known: OrderedDict[_Key, frozenset[str]] = OrderedDict()
        self._questions: dict[str, _Question] = {}
        self._waiting: OrderedDict[JID, Resource] = OrderedDict()
        self._news: deque[Resource] = deque()
        self._telling: IDelayedCall | None = None

    def features(self, resource: Resource) -> frozenset[str] | None:
        """What a client can; C{None} if that is not known, or not yet."""
        key = _keyOf(resource)
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        return self._known.get(("", resource.jid.full(), resource.ver))

    def connectionInitialized(self) -> None:
        for kind in ("result", "error"):
            self.xmlstream.addObserver(f"/iq[@type='{kind}']", self._answered)

    def connectionLost(self, reason: Any) -> None:
        super().connectionLost(reason)
        for id in list(self._questions):
            self._close(id)
        self._waiting.clear()
        self._news.clear()
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None

    def available(self, resource: Resource) -> None:
        """See L{IPresenceListener}: ask what it can, if nobody of its kind was asked."""
        self._waiting.pop(resource.jid, None)
        if resource.isIChat or not resource.node or not resource.ver or self.features(resource) is not None:
            return
        self._waiting[resource.jid] = resource
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popitem(last=False)
        self._askNext((resource,))

    def unavailable(self, jid: JID) -> None:
        """See L{IPresenceListener}."""
        self._waiting.pop(jid, None)
        for id, question in list(self._questions.items()):
            if jid in (question.resource.jid, question.resource.jid.userhostJID()):
                self._unanswered(id)

    def _askNext(self, waiting: Iterable[Resource]) -> None:
        """Ask the first whose kind is not being asked, if there are not too many questions."""
        if len(self._questions) >= MOST_PENDING:
            return
        asked = {one.key for one in self._questions.values()}
        resource = next((one for one in waiting if _keyOf(one) not in asked), None)
        if resource is None:
            return
        id = f"caps-{next(self._ids)}"
        timer = self._clock.callLater(PATIENCE, self._unanswered, id)
        self._questions[id] = _Question(resource, _keyOf(resource), timer)
        iq = Element((None, "iq"))
        iq["type"], iq["id"], iq["to"], iq["from"] = "get", id, resource.jid.full(), self._asker.full()
        iq.addElement((NS_DISCO_INFO, "query"))["node"] = f"{resource.node}#{resource.ver}"
        self.send(iq)

    def _close(self, id: str) -> _Question:
        question = self._questions.pop(id)
        if question.timer.active():
            question.timer.cancel()
        return question

    def _unanswered(self, id: str) -> None:
        """Nothing was learned; somebody else is asked."""
        self._waiting.pop(self._close(id).resource.jid, None)
        self._askNext(self._waiting.values())

    def failed(self, jid: JID, condition: str, code: int | None) -> None:
        """See L{IPresenceListener}."""

    def _answered(self, iq: Any) -> None:
        question = self._questions.get(iq.getAttribute("id") or "")
        if question is None or iq.getAttribute("from") != question.resource.jid.full():
            return
        iq.handled = True
        features = _featuresIn(iq)
        if features is None:
            self._unanswered(iq["id"])
            return
        self._close(iq["id"])
        resource, key = question.resource, question.key
        alike = [resource]
        if _verifies(iq.query, features, key):
            alike += [one for one in self._waiting.values() if one.jid != resource.jid and _keyOf(one) == key]
        else:
            # Somebody may want to speak for others: what it says counts for itself only.
            log.debug("The capabilities of {jid!r} do not fit their hash", jid=resource.jid.full()[:80])
            key = ("", resource.jid.full(), resource.ver)
        self._known[key] = frozenset(features)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        for one in alike:
            self._waiting.pop(one.jid, None)
        self._news.extend(alike)
        self._askNext(self._waiting.values())
        if self._telling is None:
            self._tell()

    def _tell(self) -> None:
        """A thousand may be alike: then the reactor has its turn in between."""
        self._telling = None
        for _ in range(min(BATCH, len(self._news))):
            resource = self._news.popleft()
            for listener in self.listeners:
                try:
                    listener(resource)
                except Exception:
                    log.failure("A listener failed at capabilities")
        if self._news:
            self._telling = self._clock.callLater(0, self._tell)


def _featuresIn(iq: Any) -> list[str] | None:
    """C{None} if the answer teaches nothing."""
    if iq["type"] == "error" or iq.query is None:
        return None
    features = [str(child.getAttribute("var") or "") for child in iq.query.elements() if child.name == "feature"]
    return features if len(features) <= MOST_FEATURES else None


def _keyOf(resource: Resource) -> _Key:
    """A client that gives no hash speaks for itself only."""
    if resource.hash in _ALGORITHMS:
        return (resource.hash, "", resource.ver)
    return ("", resource.jid.full(), resource.ver)


def _verifies(query: Element, features: list[str], key: _Key) -> bool:
    algorithm, _, version = key
    if algorithm not in _ALGORITHMS:
        return False
    identities: list[_Identity] = []
    forms = []
    for child in query.elements():
        if child.name == "identity":
            lang = child.getAttribute(("http://www.w3.org/XML/1998/namespace", "lang")) or child.getAttribute(
                "xml:lang"
            )
            category, kind, name = (child.getAttribute(key) or "" for key in ("category", "type", "name"))
            identities.append((category, kind, lang or "", name))
        elif child.name == "x" and child.uri == NS_DATA:
            forms.append(_form(child))
    return verification(identities, features, forms, algorithm) == version


def _form(form: Element) -> str:
    """XEP-0115 section 5.1, step 7."""
    fields: dict[str, list[str]] = {}
    for one in form.elements():
        if one.name == "field":
            fields[one.getAttribute("var") or ""] = sorted(
                str(value) for value in one.elements() if value.name == "value"
            )
    kind = "".join(f"{value}<" for value in fields.pop("FORM_TYPE", []))
    return kind + "".join(f"{name}<" + "".join(f"{value}<" for value in fields[name]) for name in sorted(fields))
