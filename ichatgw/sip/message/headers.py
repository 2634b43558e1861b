# -*- test-case-name: ichatgw.test.sip.message.test_headers,ichatgw.test.sip.message.test_gate,ichatgw.test.sip.message.test_gate_corpora -*-  # noqa: E501
"""
The headers that pass the gate, and the form each of them must have for sippy to read it without an error.

A header that stands in no rule does not pass: neither the gateway nor sippy has a use for it, and what is not there
cannot be misread.  C{Content-Length} is no rule; the gate counts for itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress

from attrs import field, frozen

from ichatgw.errors import MalformedError
from ichatgw.sip.message.syntax import (
    BLANKS,
    UnknownScheme,
    addressItems,
    isToken,
    listItems,
    mask,
    nameAddress,
    parameters,
    readable,
    splitUnquoted,
)

_NUMBER = re.compile(r"[0-9]{1,10}")
_CSEQ = re.compile(r"([0-9]{1,10})[ \t]+(\S+)").fullmatch
_RACK = re.compile(r"([0-9]{1,10})[ \t]+([0-9]{1,10})[ \t]+(\S+)").fullmatch
_CALL_ID = re.compile(r"\S+").fullmatch
_WARNING = re.compile(r'([0-9]{3})[ \t]+(\S+)[ \t]+("[^"\\]*")').fullmatch
_CONTENT_TYPE = re.compile(r"([^\s;,/]+)[ \t]*/[ \t]*([^\s;,/]+)[ \t]*(;.*)?", re.DOTALL).fullmatch
_PLAIN_TYPE = re.compile(r"[A-Za-z0-9.+\-]+/[A-Za-z0-9.+\-]+").fullmatch


@frozen
class Rule:
    """
    How one header passes.

    @ivar title: the name it gets.
    @ivar convert: makes of one header the values that go on, each in a line of its own.
    @ivar single: a second one is a fault (RFC 3261 section 7.3.1).
    @ivar needless: a malformed one is left out; otherwise it is a fault.
    @ivar methods: in other requests than these it is needless too, and a second one is no fault; C{None}: in none.
    @ivar firstOnly: of several, the first goes on.
    @ivar isRead: it costs more the more is in it.  What goes on as it came does not.
    """

    title: str
    convert: Callable[[str], Sequence[str]]
    single: bool = False
    needless: bool = False
    firstOnly: bool = False
    methods: frozenset[str] | None = None

    isRead: bool = field(init=False)

    @isRead.default
    def _costs(self) -> bool:
        return self.convert is not _asIs

    def isNeeded(self, method: str) -> bool:
        """
        Does a request of that method depend on it?  What a request does not depend on is no reason to refuse it (RFC
        3261 section 8.2).
        """
        return self.methods is None or method in self.methods


def _asIs(value: str) -> Sequence[str]:
    return (value,)


def _vias(value: str) -> Sequence[str]:
    """As they came, if they can be read: responses repeat them."""
    return readable(listItems(value))


def _party(value: str) -> Sequence[str]:
    return (nameAddress(value, anyScheme=True),)


def _parties(value: str) -> Sequence[str]:
    """The addresses that can be parsed; the others are left out."""
    kept = []
    for item in addressItems(value):
        with suppress(MalformedError):
            kept.append(nameAddress(item, anyScheme=True))
    return kept


def _route(value: str) -> Sequence[str]:
    return [nameAddress(item) for item in addressItems(value)]


def routes(value: str) -> Sequence[str]:
    """Those stations of a route that can be read, where a way with gaps is better than none."""
    kept = []
    for item in addressItems(value):
        with suppress(MalformedError):
            kept.append(nameAddress(item))
    return kept


def _contacts(value: str) -> Sequence[str]:
    """Those that SIP can reach; a lone C{*} means all bindings (RFC 3261 section 10.2.2)."""
    if value == "*":
        return (value,)
    kept = []
    for item in addressItems(value):
        try:
            kept.append(nameAddress(item))
        except UnknownScheme:
            continue
    return kept


def _referral(value: str) -> Sequence[str]:
    """The headers in its URI matter (RFC 3891)."""
    return (nameAddress(value, anyScheme=True, keepHeaders=True),)


def _callId(value: str) -> Sequence[str]:
    if not _CALL_ID(value):
        raise MalformedError("a misspelt Call-ID")
    return (value,)


def _cseq(value: str) -> Sequence[str]:
    match = _CSEQ(value)
    if match is None or not isToken(match[2]) or int(match[1]) >= 2**31:
        raise MalformedError("a misspelt CSeq")
    return (f"{int(match[1])} {match[2]}",)


def _number(largest: int) -> Callable[[str], Sequence[str]]:
    """A whole number, and nothing else."""

    def convert(value: str) -> Sequence[str]:
        if not _NUMBER.fullmatch(value) or int(value) > largest:
            raise MalformedError("not a number in range")
        return (str(int(value)),)

    return convert


def _seconds(value: str) -> Sequence[str]:
    """A number that may be followed by a comment or parameters."""
    match = _NUMBER.match(value)
    if match is None or int(match[0]) >= 2**31 or value[match.end() : match.end() + 1].isalnum():
        raise MalformedError("not a number of seconds")
    return (value,)


def _contentType(value: str) -> Sequence[str]:
    if _PLAIN_TYPE(value) or not value:
        return (value,) if value else ()
    match = _CONTENT_TYPE(value)
    if match is None:
        raise MalformedError("a misspelt media type")
    # sippy makes a dict of the parameters: each needs a value
    kept = [item for item in parameters(match[3] or "").split(";") if "=" in item]
    return (";".join([f"{match[1]}/{match[2]}", *kept]),)


def _reasons(value: str) -> Sequence[str]:
    """RFC 3326; sippy knows C{cause} and C{text} and asserts that there is nothing else."""
    kept = []
    for item in listItems(value):
        protocol, *pieces = splitUnquoted(item, mask(item), ";")
        pairs = (piece.partition("=") for piece in pieces)
        found = {name.rstrip(BLANKS).lower(): value.strip('" \t') for name, _, value in pairs}
        cause, text = found.get("cause", ""), found.get("text", "")
        if not isToken(protocol) or not _NUMBER.fullmatch(cause):
            continue
        words = re.sub(r'["\\;,]', " ", text).strip()
        kept.append(f"{protocol};cause={int(cause)}" + (f';text="{words}"' if words else ""))
    return kept


def _warning(value: str) -> Sequence[str]:
    kept = []
    for item in listItems(value):
        match = _WARNING(item)
        if match is None:
            raise MalformedError("a misspelt Warning")
        kept.append(" ".join(match.groups()))
    return kept


def _rack(value: str) -> Sequence[str]:
    match = _RACK(value)
    if match is None or not isToken(match[3]):
        raise MalformedError("a misspelt RAck")
    return (f"{int(match[1])} {int(match[2])} {match[3]}",)


def _dialog(value: str) -> Sequence[str]:
    """A Call-ID with tags, as in Replaces (RFC 3891)."""
    return (";".join([piece.strip(BLANKS) for piece in value.split(";")]),)


_UINT32 = 2**32 - 1

_TARGETING = frozenset({"INVITE", "REFER", "REGISTER", "SUBSCRIBE", "UPDATE"})
_BEGINNING = frozenset({"INVITE", "REFER", "SUBSCRIBE"})
_DESCRIBING = frozenset({"INFO", "INVITE", "MESSAGE", "PRACK", "UPDATE"})
_IN_RESPONSES = frozenset[str]()

RULES: dict[str, Rule] = {
    rule.title.lower(): rule
    for rule in (
        Rule("Via", _vias),
        Rule("From", _party, single=True),
        Rule("To", _party, single=True),
        Rule("Call-ID", _callId, single=True),
        Rule("CSeq", _cseq, single=True),
        Rule("Max-Forwards", _number(255), single=True, methods=_BEGINNING),
        Rule("Content-Type", _contentType, single=True, methods=_DESCRIBING),
        Rule("Contact", _contacts, methods=_TARGETING),
        Rule("Route", _route, methods=_BEGINNING),
        Rule("Record-Route", _route, methods=_BEGINNING),
        Rule("Path", _route, methods=frozenset({"REGISTER"})),
        Rule("Service-Route", _route, needless=True),
        Rule("Refer-To", _referral, single=True, methods=frozenset({"REFER"})),
        Rule("Replaces", _dialog, single=True, methods=frozenset({"INVITE"})),
        Rule("Join", _dialog, single=True, methods=frozenset({"INVITE"})),
        Rule("Target-Dialog", _dialog, single=True, methods=_BEGINNING),
        Rule("RAck", _rack, single=True, methods=frozenset({"PRACK"})),
        Rule("RSeq", _number(_UINT32), single=True, methods=_IN_RESPONSES),
        Rule("Referred-By", _party, needless=True, firstOnly=True),
        Rule("P-Asserted-Identity", _parties, needless=True),
        Rule("P-Preferred-Identity", _parties, needless=True),
        Rule("P-Called-Party-ID", _party, needless=True, firstOnly=True),
        Rule("Remote-Party-ID", _parties, needless=True),
        Rule("Diversion", _parties, needless=True),
        Rule("Expires", _number(_UINT32), needless=True, firstOnly=True),
        Rule("Min-Expires", _number(_UINT32), needless=True, firstOnly=True),
        Rule("Flow-Timer", _seconds, needless=True, firstOnly=True),
        Rule("Retry-After", _seconds, needless=True, firstOnly=True),
        Rule("Session-Expires", _seconds, needless=True, firstOnly=True),
        Rule("Min-SE", _seconds, needless=True, firstOnly=True),
        Rule("Reason", _reasons, needless=True),
        Rule("Warning", _warning, needless=True),
        Rule("WWW-Authenticate", _asIs),
        Rule("Proxy-Authenticate", _asIs),
        Rule("Authorization", _asIs),
        Rule("Proxy-Authorization", _asIs),
        Rule("Authentication-Info", _asIs, firstOnly=True),
        Rule("Proxy-Authentication-Info", _asIs, firstOnly=True),
        Rule("User-Agent", _asIs, firstOnly=True),
        Rule("Server", _asIs, firstOnly=True),
        Rule("Subject", _asIs, firstOnly=True),
        Rule("Event", _asIs, firstOnly=True),
        Rule("Subscription-State", _asIs, firstOnly=True),
        Rule("Info-Package", _asIs, firstOnly=True),
        Rule("Content-Encoding", _asIs, firstOnly=True),
        Rule("Content-Disposition", _asIs, firstOnly=True),
        Rule("Refer-Sub", _asIs, firstOnly=True),
        Rule("Accept", _asIs),
        Rule("Alert-Info", _asIs),
        Rule("Allow", _asIs),
        Rule("Allow-Events", _asIs),
        Rule("Call-Info", _asIs),
        Rule("Privacy", _asIs),
        Rule("History-Info", _asIs),
        Rule("Proxy-Require", _asIs),
        Rule("Require", _asIs),
        Rule("Supported", _asIs),
        Rule("Unsupported", _asIs),
    )
}
"""All headers that pass, by lower-case name."""
