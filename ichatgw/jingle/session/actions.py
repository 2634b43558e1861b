# -*- test-case-name: ichatgw.test.jingle.session.test_session,ichatgw.test.jingle.test_hostile,ichatgw.test.jingle.test_inbound -*-  # noqa: E501
"""
What may be asked of a Jingle session, and when; and what there has to be in it.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from ichatgw.errors import CallError
from ichatgw.jingle.stanzas.jingle import Action, Content, Jingle
from ichatgw.model import KEYS, Ending, EndReason


class Phase(Enum):
    """Where a session is."""

    PENDING = "offered, not accepted"
    ACTIVE = "accepted"
    OVER = "over"


@frozen
class Refusal:
    """
    Why a request is answered with an error (XEP-0166 section 10).

    @ivar condition: the defined condition of the stanza error.
    @ivar detail: that of Jingle; empty if there is none.
    @ivar why: what the log and the other side are told beyond that.
    """

    condition: str
    detail: str = ""
    why: str = ""


OUT_OF_ORDER = Refusal("unexpected-request", "out-of-order")
UNKNOWN_SESSION = Refusal("item-not-found", "unknown-session")
TIE_BREAK = Refusal("conflict", "tie-break")
UNSUPPORTED_INFO = Refusal("feature-not-implemented", "unsupported-info")

# They answer what we never ask.
_NEVER = frozenset({Action.CONTENT_ACCEPT, Action.CONTENT_REJECT, Action.TRANSPORT_ACCEPT, Action.TRANSPORT_REJECT})


LOST = frozenset({"item-not-found", "gone", "recipient-unavailable"})
"""By these a client says, whatever it was asked, that there is no such session; or a server, that it is not there."""

ABSENT = frozenset(
    {
        "conflict", "gone", "recipient-unavailable", "remote-server-not-found", "remote-server-timeout",
        "service-unavailable"
    }
)  # fmt: skip
"""After these there is no client to be told that the session is over; or one of its own goes before it."""

ABOUT_OTHERS = frozenset({Action.TERMINATE, Action.CONTENT_REMOVE, Action.CONTENT_REJECT, Action.TRANSPORT_REJECT})
"""Requests whose refusal says nothing of the session: what they are about is no part of it, or it is over."""


def refusalOf(jingle: Jingle, phase: Phase, isInitiator: bool) -> Refusal | None:
    """
    Why a request is refused by a session.

    @param isInitiator: have we offered it?
    """
    action = jingle.action
    if action is None:
        return Refusal("bad-request")
    if action is Action.INITIATE or action in _NEVER:
        return OUT_OF_ORDER
    if action is Action.ACCEPT and not (isInitiator and phase is Phase.PENDING):
        return OUT_OF_ORDER
    if action is Action.INFO:
        return _infoRefusal(jingle)
    return None


def _infoRefusal(jingle: Jingle) -> Refusal | None:
    if jingle.unknownInfo and not jingle.infos:
        return UNSUPPORTED_INFO
    if any(info.name == "dtmf" and info.code.upper() not in KEYS for info in jingle.infos):
        return Refusal("feature-not-implemented")
    return None


def audioOf(jingle: Jingle) -> Content:
    """
    The content that a call is about.

    @raise CallError: if there is none that we can carry.
    """
    audio = [content for content in jingle.contents if content.media == "audio" and content.codecs]
    if not audio:
        raise NoAudio(
            "no audio in " + (" ".join(content.media or "nothing" for content in jingle.contents) or "nothing")
        )
    usable = next((content for content in audio if content.transport is not None), None)
    if usable is None:
        raise NoTransport(f"no transport but {audio[0].transportKind or 'none'}")
    return usable


class NoAudio(CallError):
    """A session without audio."""

    reason = EndReason.INCOMPATIBLE


class NoTransport(CallError):
    """A session whose transport we do not speak."""

    reason = EndReason.INCOMPATIBLE


def endingOf(error: CallError) -> Ending:
    """How a session ends that cannot be, with the cause that tells Jingle why."""
    return Ending(error.reason, str(error), cause=65 if isinstance(error, NoTransport) else None)
