# -*- test-case-name: ichatgw.test.sip.dialog.test_replaces -*-
"""
Dialogs by their names, as Replaces (RFC 3891) and Target-Dialog (RFC 4538) give them.
"""

from __future__ import annotations

import re
from typing import Protocol, runtime_checkable

from attrs import frozen

from ichatgw.errors import MalformedError
from ichatgw.sip.dialog.requests import Reply

NOT_FOUND = Reply(481, "Call/Transaction Does Not Exist")
BUSY = Reply(486, "Busy Here")
DECLINED = Reply(603, "Decline")

_CALL_ID = re.compile(r"[!#-+\--:=?-\[\]-~]{1,256}").fullmatch
_TAG = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,128}").fullmatch


@frozen
class DialogId:
    """
    The name of a dialog (RFC 3261 section 12).

    @ivar local: our tag.
    @ivar remote: the other one's.
    """

    callId: str
    local: str
    remote: str


@frozen
class Replacement:
    """
    What Replaces says.

    @ivar dialog: the dialog, as the receiver of the request names it.
    @ivar earlyOnly: it is to be replaced only if it is not answered yet.
    """

    dialog: DialogId
    earlyOnly: bool = False

    @property
    def text(self) -> str:
        """The value of a Replaces header (RFC 3891)."""
        early = ";early-only" if self.earlyOnly else ""
        return f"{self.dialog.callId};to-tag={self.dialog.local};from-tag={self.dialog.remote}{early}"


class Replaced(Protocol):
    """A leg, as far as it can be replaced."""

    @property
    def isAnswered(self) -> bool:
        """Has the called party accepted?"""

    @property
    def isOutbound(self) -> bool:
        """Did we call?"""


@runtime_checkable
class Replacing(Protocol):
    """A leg that can be told to replace a dialog of the one that it calls."""

    def replace(self, dialog: str) -> None:
        """Do so at the start; C{dialog} is the body of Replaces."""


def readReplaces(text: str) -> Replacement:
    """
    @raise MalformedError: if it is no body of Replaces.
    """
    dialog, rest = _read(text, "to-tag", "from-tag")
    return Replacement(dialog, "early-only" in rest)


def readTargetDialog(text: str) -> DialogId:
    """
    The tags are local and remote as the receiver of the request sees them (RFC 4538 section 4).

    @raise MalformedError: if it is no body of Target-Dialog.
    """
    return _read(text, "local-tag", "remote-tag")[0]


def _read(text: str, local: str, remote: str) -> tuple[DialogId, frozenset[str]]:
    callId, *pieces = (piece.strip() for piece in text.split(";"))
    found: dict[str, str] = {}
    for piece in pieces:
        name, _, value = piece.partition("=")
        if name.strip().lower() in found:
            raise MalformedError("the name of a dialog says something twice")
        found[name.strip().lower()] = value.strip()
    tags = [found.get(name, "") for name in (local, remote)]
    if not _CALL_ID(callId) or not all(map(_TAG, tags)):
        raise MalformedError("not the full name of a dialog")
    return DialogId(callId, *tags), frozenset(found)


def verdict(wish: Replacement, found: Replaced | None, hasEnded: bool) -> Reply | None:
    """
    Whether an INVITE can replace what it names (RFC 3891 section 3).

    @param found: the one live leg of that dialog.
    @param hasEnded: there was one before.
    @return: the refusal; C{None} if it can.
    """
    if found is None:
        return DECLINED if hasEnded else NOT_FOUND
    if found.isAnswered:
        return BUSY if wish.earlyOnly else None
    return None if found.isOutbound else NOT_FOUND
