# -*- test-case-name: ichatgw.test.sip.texts.test_summary -*-
"""
C{application/simple-message-summary} (RFC 3842): what waits in a user's mailbox.  Pure.
"""

from __future__ import annotations

import re

from attrs import frozen

from ichatgw.errors import MalformedError

SUMMARY, EVENT = "application/simple-message-summary", "message-summary"

MAX_MESSAGES = 9999
"""No mailbox is said to hold more."""

_LINE = re.compile(r"([A-Za-z-]+)[ \t]*:[ \t]*(.*)")
_COUNTS = re.compile(r"([0-9]{1,9})[ \t]*/[ \t]*[0-9]{1,9}")
_ACCOUNT = re.compile(r"<?(sips?:[^\s<>;?\"]{1,200})", re.IGNORECASE)


@frozen
class Summary:
    """
    @ivar new: how many messages were not heard yet; 1 if it is only said that there are some.
    @ivar account: the address of the mailbox, a URI; empty if that is not said.
    """

    new: int
    account: str = ""


def readSummary(content: str) -> Summary:
    """
    @raise MalformedError: if it does not say whether messages wait.
    """
    found: dict[str, str] = {}
    for line in content[:4096].splitlines():
        match = _LINE.fullmatch(line.strip())
        if match is not None:
            found.setdefault(match[1].lower(), match[2])
    waiting = found.get("messages-waiting", "").strip().lower()
    if waiting not in ("yes", "no"):
        raise MalformedError("no summary of messages")
    counts = _COUNTS.match(found.get("voice-message", ""))
    account = _ACCOUNT.match(found.get("message-account", ""))
    new = 0 if waiting == "no" else 1 if counts is None else min(int(counts[1]), MAX_MESSAGES)
    return Summary(new, "" if account is None else account[1])


def words(new: int) -> str:
    """The number of new messages as a text for people."""
    return {0: "No new messages", 1: "1 new message"}.get(new, f"{new} new messages")
