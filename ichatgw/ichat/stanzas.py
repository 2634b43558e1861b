# -*- test-case-name: ichatgw.test.ichat.test_stanzas -*-
# mypy: allow-untyped-calls
"""
The stanzas of an iChat call: C{apple:iq:vc:request}, C{response}, C{cancel} and C{counterProposal}.

Apple never documented them; what is here is what the first iChat gateway sent and what iChats were seen to send.
Where it is not known what an iChat wants, the answer chosen stands here as a constant with its reason.
"""

from __future__ import annotations

from typing import ClassVar, TypeVar

from attrs import frozen
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element

from ichatgw.errors import MalformedError
from ichatgw.ichat.connectdata import AddressRecord, decode, encode
from ichatgw.xmpp.stanzas import recipient, sender

NS_REQUEST = "apple:iq:vc:request"
NS_RESPONSE = "apple:iq:vc:response"
NS_CANCEL = "apple:iq:vc:cancel"
NS_COUNTER_PROPOSAL = "apple:iq:vc:counterProposal"

#: The values of C{<response>}.  Others may exist; all but the first are taken as a refusal.
ACCEPT = "0"
REFUSE = "1"

#: Whether an iChat wants its IQ sets answered with a result is unknown.  It lived without, and RFC 6120 asks for it.
ANSWER_SETS = True

#: Whether a C{counterProposal} wants an answer is unknown.  The first gateway named its addresses again.
ANSWER_COUNTER_PROPOSALS = True

_VERSION = "1"

_Stanza = TypeVar("_Stanza", bound="VCRequest | VCResponse | VCCancel | CounterProposal")


@frozen
class VCRequest:
    """
    A call: the invitation.

    @ivar to: the callee: of ours a full JID, of an iChat's the bare address that it calls.
    @ivar from_: the caller.
    @ivar records: where the caller can be reached.
    """

    namespace: ClassVar[str] = NS_REQUEST
    to: JID
    from_: JID
    records: tuple[AddressRecord, ...] = ()

    def toElement(self, id: str) -> Element:
        """
        The stanza.  C{extSIPPort} and C{extIPAddr} are a real iChat's view of its own SIP socket; these values say
        that there is none, and iChats accept that.
        """
        return _element(
            self,
            id,
            ("VCNewCallerIPPortData", encode(self.records)),
            ("isAudioOnly", "1"),
            ("extSIPPort", "0"),
            ("extIPAddr", "127.0.0.1"),
            ("VCProtocolVersion", _VERSION),
        )

    @classmethod
    def fromElement(cls, iq: Element) -> VCRequest:
        """
        A request for video is taken too: the video line of the INVITE that follows is what gets refused.

        @raise MalformedError: if it is none.
        """
        query = _query(iq, cls)
        return cls(recipient(iq), sender(iq), decode(_text(query, "VCNewCallerIPPortData") or ""))


@frozen
class VCResponse:
    """
    The callee accepts or refuses.

    @ivar verdict: L{ACCEPT}, or anything else for a refusal.
    @ivar records: where the callee can be reached, if it accepts.
    """

    namespace: ClassVar[str] = NS_RESPONSE
    to: JID
    from_: JID
    verdict: str
    records: tuple[AddressRecord, ...] = ()

    @property
    def isAccept(self) -> bool:
        return self.verdict == ACCEPT

    def toElement(self, id: str) -> Element:
        """The stanza; a refusal has no records, hence an empty C{connectData}."""
        return _element(
            self,
            id,
            ("response", self.verdict),
            ("connectData", encode(self.records)),
            ("VCProtocolVersion", _VERSION),
        )

    @classmethod
    def fromElement(cls, iq: Element) -> VCResponse:
        """
        A refusal is a C{response} that is not 0, or C{connectData} that is absent, empty or white space.

        @raise MalformedError: if it is none, or accepts with a text that is no connect data.
        """
        query = _query(iq, cls)
        verdict = (_text(query, "response") or ACCEPT).strip()
        text = (_text(query, "connectData") or "").strip()
        if verdict != ACCEPT or not text:
            return cls(recipient(iq), sender(iq), REFUSE)
        return cls(recipient(iq), sender(iq), ACCEPT, decode(text))


@frozen
class VCCancel:
    """The caller has given up, or another device of the callee has taken the call."""

    namespace: ClassVar[str] = NS_CANCEL
    to: JID
    from_: JID

    def toElement(self, id: str) -> Element:
        return _element(self, id, ("VCProtocolVersion", _VERSION))

    @classmethod
    def fromElement(cls, iq: Element) -> VCCancel:
        """@raise MalformedError: if it is none."""
        _query(iq, cls)
        return cls(recipient(iq), sender(iq))


@frozen
class CounterProposal:
    """An iChat proposes something else; its meaning is not known.  The answer is our addresses, once more."""

    namespace: ClassVar[str] = NS_COUNTER_PROPOSAL
    to: JID
    from_: JID
    records: tuple[AddressRecord, ...] = ()

    def toElement(self, id: str) -> Element:
        return _element(self, id, ("connectData", encode(self.records)), ("VCProtocolVersion", _VERSION))

    @classmethod
    def fromElement(cls, iq: Element) -> CounterProposal:
        """@raise MalformedError: if it is none."""
        _query(iq, cls)
        return cls(recipient(iq), sender(iq))


VCStanza = VCRequest | VCResponse | VCCancel | CounterProposal


def errorIn(iq: Element) -> tuple[str, int]:
    """
    The condition and the old numeric code of an error stanza (RFC 6120 section 8.3, XEP-0086); empty and 0 if absent.
    """
    error = next((child for child in iq.elements() if child.name == "error"), None)
    if error is None:
        return "", 0
    names = (child.name for child in error.elements() if child.name != "text")
    code = error.getAttribute("code") or ""
    return next(names, ""), int(code) if len(code) == 3 and code.isascii() and code.isdigit() else 0


def _element(stanza: VCStanza, id: str, *children: tuple[str, str]) -> Element:
    """The IQ with its children in the order given, which is the one that iChats know."""
    iq = Element((None, "iq"))
    iq["type"] = "set"
    iq["id"] = id
    iq["to"] = stanza.to.full()
    iq["from"] = stanza.from_.full()
    query = iq.addElement((stanza.namespace, "query"))
    for name, text in children:
        query.addElement(name, content=text or None)
    return iq


def _query(iq: Element, kind: type[_Stanza]) -> Element:
    """
    The only child of a request (RFC 6120 section 8.2.3).

    @raise MalformedError: if it is not that.
    """
    children: list[Element] = list(iq.elements())
    if len(children) != 1 or children[0].name != "query" or children[0].uri != kind.namespace:
        raise MalformedError(f"an IQ with {len(children)} children instead of one {kind.namespace}")
    return children[0]


def _text(query: Element, name: str) -> str | None:
    """The text of a child; C{None} if there is no such child."""
    for child in query.elements():
        if child.name == name and child.uri == query.uri:
            return "".join(part for part in child.children if isinstance(part, str))
    return None
