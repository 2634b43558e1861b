# -*- test-case-name: ichatgw.test.jingle.stanzas.test_jingle,ichatgw.test.jingle.test_contract,ichatgw.test.jingle.test_jmi -*-  # noqa: E501
# mypy: allow-untyped-calls
"""
The messages that come before a Jingle session, and after it (XEP-0353).
"""

from __future__ import annotations

from enum import Enum
from itertools import islice

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from attrs import frozen
from twisted.words.protocols.jabber.error import StanzaError
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element
from wokkel.delay import NS_DELAY, NS_JABBER_DELAY, Delay

from ichatgw.errors import MalformedError
from ichatgw.jingle.stanzas.jingle import MAX_CONTENTS, Reason, readReason
from ichatgw.jingle.stanzas.namespaces import NS_HINTS, NS_MESSAGE, NS_RTP
from ichatgw.jingle.stanzas.xml import child, label, wordOr
from ichatgw.xmpp.names import addNick
from ichatgw.xmpp.stanzas import NS_RECEIPTS, recipient, sender

_DELAYS = frozenset({(NS_DELAY, "delay"), (NS_JABBER_DELAY, "x")})


class Word(Enum):
    """What a message before or after a session says (XEP-0353)."""

    PROPOSE = "propose"
    RINGING = "ringing"
    PROCEED = "proceed"
    REJECT = "reject"
    RETRACT = "retract"
    FINISH = "finish"
    ACCEPT = "accept"


def _sentAt(message: Element) -> float | None:
    """When it was sent, by the eldest of those who have delayed it; long ago, if one does not say so readably."""
    delays = [one for one in message.elements() if (one.uri, one.name) in _DELAYS]
    return min(map(_stampOf, delays), default=None)


def _stampOf(delay: Element) -> float:
    try:
        stamp = Delay.fromElement(delay).stamp
        return 0.0 if stamp is None else float(stamp.timestamp())
    except (OverflowError, ValueError):
        return 0.0


@frozen
class CallMessage:
    """
    A message of XEP-0353.

    @ivar sid: the session it is about.
    @ivar media: what of RTP is proposed; what else is proposed is left out.
    @ivar tieBreak: it is refused because both have proposed.
    @ivar id: of the stanza.
    @ivar wantsReceipt: it asks for a receipt (XEP-0184).
    @ivar sentAt: when it was sent, in seconds since 1970, if it was delayed on its way (XEP-0203); C{None} if it was
        not.
    @ivar name: of who says it, for people (XEP-0172).
    """

    to: JID
    from_: JID
    word: Word
    sid: str
    media: tuple[str, ...] = ()
    reason: Reason | None = None
    tieBreak: bool = False
    id: str = ""
    wantsReceipt: bool = False
    sentAt: float | None = None
    name: str = ""

    @classmethod
    def fromElement(cls, message: Element) -> CallMessage:
        """@raise MalformedError: if it is none."""
        for element in message.elements():
            if element.uri == NS_MESSAGE:
                said = next((known for known in Word if known.value == element.name), None)
                if said is not None:
                    return cls._read(message, element, said)
        raise MalformedError("no word of a call")

    @classmethod
    def _read(cls, message: Element, element: Element, said: Word) -> CallMessage:
        sid = label(element, "id")
        if not sid:
            raise MalformedError("an empty id")
        described = list(islice((one for one in element.elements() if one.name == "description"), MAX_CONTENTS))
        media = tuple(wordOr(one, "media", "audio").lower() for one in described if one.uri == NS_RTP)
        return cls(
            recipient(message), sender(message), said, sid, media, readReason(element),
            child(element, NS_MESSAGE, "tie-break") is not None, wordOr(message, "id", ""),
            child(message, NS_RECEIPTS, "request") is not None, _sentAt(message)
        )  # fmt: skip

    def toElement(self) -> Element:
        """The message."""
        message = Element((None, "message"))
        message["type"], message["to"], message["from"] = "chat", self.to.full(), self.from_.full()
        message["id"] = self._id
        element = message.addElement((NS_MESSAGE, self.word.value))
        element["id"] = self.sid
        for media in self.media:
            description = element.addElement((NS_RTP, "description"))
            description["media"] = media
        if self.reason is not None:
            element.addChild(self.reason.toElement())
        if self.tieBreak:
            element.addElement("tie-break")
        message.addElement((NS_HINTS, "store"))
        addNick(message, self.name)
        return message

    def error(self, condition: str, text: str = "") -> Element:
        """
        The message comes back to its sender with an error.  What it said is left out: some clients take that for a new
        proposal (Siskin, Movim).

        @param condition: a defined one (RFC 6120 section 8.3.3).
        """
        message = Element((None, "message"))
        message["type"], message["to"], message["from"] = "error", self.from_.full(), self.to.full()
        message["id"] = self._id
        message.addChild(StanzaError(condition, text=text or None).getElement())
        return message

    @property
    def _id(self) -> str:
        """Of the stanza: it tells which session a receipt or an error is about (Conversations)."""
        return self.id or f"jm-{self.word.value}-{self.sid}"

    def receipt(self) -> Element:
        """The receipt that it asks for, which its sender takes to mean that it rings."""
        message = Element((None, "message"))
        message["to"], message["from"] = self.from_.full(), self.to.full()
        message.addElement((NS_RECEIPTS, "received"))["id"] = self.id
        return message
