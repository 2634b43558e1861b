# -*- test-case-name: ichatgw.test.sip.texts.test_notices -*-
"""
What a NOTIFY about a mailbox says of the mailbox and of its subscription (RFC 3842, RFC 6665 section 4.1.3).  Pure.
"""

from __future__ import annotations

import re

from attrs import frozen
from sippy.MsgBody import DEFAULT_CTYPE
from sippy.SipRequest import SipRequest

from ichatgw.sip.message.bodies import textOf
from ichatgw.sip.texts.summary import EVENT, SUMMARY, Summary, readSummary

MAX_SECONDS = 7 * 86_400
"""The longest time that a server can name."""

_NUMBER = re.compile("[0-9]{1,9}")


@frozen
class Standing:
    """
    How it stands with a subscription.

    @ivar left: seconds that it has left; C{None} if that is not said.
    @ivar isOver: there will be no other NOTIFY.
    @ivar reason: why, in lower case; empty if that is not said.
    @ivar retryAfter: seconds after which one may subscribe again; C{None} if that is not said.
    """

    left: int | None = None
    isOver: bool = False
    reason: str = ""
    retryAfter: int | None = None


def isAboutMailbox(request: SipRequest) -> bool:
    """Is that the event of a NOTIFY?"""
    events = request.getHFBodys("event")
    return bool(events) and str(events[0]).partition(";")[0].strip().lower() == EVENT


def hasSummary(request: SipRequest) -> bool:
    """Is there a summary in it, by its type?"""
    body = request.getBody()
    return body is not None and body.mtype is not DEFAULT_CTYPE and body.getType().lower() == SUMMARY


def summaryIn(request: SipRequest) -> Summary | None:
    """
    What is said of the mailbox; C{None} if nothing is.

    @raise MalformedError: if that cannot be read.
    """
    return readSummary(textOf(request)) if hasSummary(request) else None


def standing(request: SipRequest) -> Standing:
    """What is said of the subscription.  One that is not said to be over goes on."""
    said = request.getHFBodys("subscription-state")
    state, *pieces = (str(said[0]) if said else "").split(";")
    pairs = (piece.partition("=") for piece in pieces)
    found = {name.strip().lower(): value.strip(' \t"') for name, _, value in pairs}
    return Standing(
        _seconds(found.get("expires", "")),
        state.strip().lower() == "terminated",
        found.get("reason", "").lower()[:32],
        _seconds(found.get("retry-after", "")),
    )


def _seconds(text: str) -> int | None:
    return min(int(text), MAX_SECONDS) if _NUMBER.fullmatch(text) else None
