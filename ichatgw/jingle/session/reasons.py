# -*- test-case-name: ichatgw.test.jingle.session.test_reasons,ichatgw.test.jingle.test_protocol,ichatgw.test.jingle.test_inbound -*-  # noqa: E501
"""
Reasons for an end, the words that Jingle has for them (XEP-0166 section 7.4), and what errors of XMPP mean for a call.

A word of Jingle becomes a L{EndReason} and, as there are more words than those, the cause of Q.850 that stands for it
beside; both together lead back to the word.
"""

from __future__ import annotations

from attrs import evolve

from ichatgw.jingle.session.actions import Refusal
from ichatgw.jingle.stanzas.jingle import Reason
from ichatgw.model import Ending, EndReason
from ichatgw.xmpp.conditions import fromCondition

_FROM_CONDITION: dict[str, tuple[EndReason, int]] = {
    "success": (EndReason.HANGUP, 16),
    "busy": (EndReason.BUSY, 17),
    "decline": (EndReason.DECLINED, 21),
    "cancel": (EndReason.CANCELLED, 16),
    "timeout": (EndReason.UNAVAILABLE, 19),
    "expired": (EndReason.EXPIRED, 102),
    "gone": (EndReason.UNAVAILABLE, 20),
    "alternative-session": (EndReason.BUSY, 17),
    "connectivity-error": (EndReason.CONNECTIVITY, 41),
    "failed-transport": (EndReason.CONNECTIVITY, 41),
    "unsupported-transports": (EndReason.INCOMPATIBLE, 65),
    "unsupported-applications": (EndReason.INCOMPATIBLE, 79),
    "incompatible-parameters": (EndReason.INCOMPATIBLE, 88),
    "media-error": (EndReason.INCOMPATIBLE, 47),
    "failed-application": (EndReason.FAILED, 41),
    "general-error": (EndReason.FAILED, 31),
    "security-error": (EndReason.SECURITY, 57),
}
_MISSPELT = {"failed_transport": "failed-transport", "failed_application": "failed-application"}  # Dino's

#: The keys do not fit, which is no attack.
_KEYS = frozenset({"crypto-required", "invalid-crypto"})

_TO_CONDITION: dict[EndReason, str] = {
    EndReason.HANGUP: "success",
    EndReason.CANCELLED: "cancel",
    EndReason.ANSWERED_ELSEWHERE: "cancel",
    EndReason.BUSY: "busy",
    EndReason.DECLINED: "decline",
    EndReason.NOT_FOUND: "gone",
    EndReason.UNAVAILABLE: "gone",
    EndReason.TIMEOUT: "connectivity-error",
    EndReason.EXPIRED: "expired",
    EndReason.FORBIDDEN: "decline",
    EndReason.INCOMPATIBLE: "unsupported-applications",
    EndReason.CONGESTED: "general-error",
    EndReason.NO_LINK: "connectivity-error",
    EndReason.CONNECTIVITY: "connectivity-error",
    EndReason.SECURITY: "security-error",
    EndReason.SHUTDOWN: "gone",
    EndReason.FAILED: "general-error",
}

#: Causes that tell what a network or PBX does not allow, which is no word of the callee.
_NOT_ALLOWED = (29, 50, 52, 53, 54, 55, 57, 87)

#: What the cause says more exactly than the reason alone.
_BY_CAUSE: dict[tuple[EndReason, int], str] = {
    (EndReason.UNAVAILABLE, 18): "timeout",
    (EndReason.UNAVAILABLE, 19): "timeout",
    (EndReason.TIMEOUT, 18): "timeout",
    (EndReason.TIMEOUT, 19): "timeout",
    (EndReason.INCOMPATIBLE, 47): "media-error",
    (EndReason.INCOMPATIBLE, 57): "incompatible-parameters",
    (EndReason.INCOMPATIBLE, 58): "unsupported-transports",
    (EndReason.INCOMPATIBLE, 65): "unsupported-transports",
    (EndReason.INCOMPATIBLE, 88): "incompatible-parameters",
    (EndReason.FAILED, 41): "failed-application",
    **dict.fromkeys(((EndReason.FORBIDDEN, cause) for cause in _NOT_ALLOWED), "general-error"),
    (EndReason.CONGESTED, 41): "connectivity-error",
}

#: Reasons that depend on whether the callee was heard to ring: then it is a person who does not come.
_IF_IT_RANG = {EndReason.TIMEOUT: "timeout", EndReason.UNAVAILABLE: "timeout"}

#: Causes that say that the callee is gone, whether it rang or not: a number that was changed, a client that logs off.
_GONE = frozenset({20, 22, 23})


def fromReason(reason: Reason | None, answered: bool, byCaller: bool = False) -> Ending:
    """
    How the leg ended.

    @param answered: was the call up?  Then no reason is a normal end.
    @param byCaller: does a caller say so?  Who is not answered and gives no reason has given up.
    """
    if reason is None or not reason.condition:
        if answered:
            return Ending(EndReason.HANGUP, reason.text if reason else "", cause=16)
        if byCaller:
            return Ending(EndReason.CANCELLED, reason.text if reason else "", cause=16)
        return Ending(EndReason.FAILED, (reason.text if reason else "") or "no reason was given", cause=31)
    condition = _MISSPELT.get(reason.condition, reason.condition)
    ours, cause = _FROM_CONDITION.get(condition, (EndReason.FAILED, 31))
    if ours is EndReason.SECURITY and reason.detail in _KEYS:
        ours = EndReason.INCOMPATIBLE
    words = " ".join(part for part in (reason.condition, reason.detail, reason.text) if part)
    return Ending(ours, words[:200], cause=cause)


def ofCallee(ending: Ending) -> Ending:
    """
    How a callee ended the call before it answered: what it calls C{cancel} is no word for a callee, whose caller is
    told that it cannot be reached.
    """
    return evolve(ending, reason=EndReason.UNAVAILABLE) if ending.reason is EndReason.CANCELLED else ending


def toReason(ending: Ending, rang: bool = False) -> Reason:
    """
    What the party is told.

    @param rang: had the other party been heard to ring, before any answer?
    """
    condition = _TO_CONDITION[ending.reason]
    if rang and ending.cause not in _GONE:
        condition = _IF_IT_RANG.get(ending.reason, condition)
    if ending.cause is not None:
        condition = _BY_CAUSE.get((ending.reason, ending.cause), condition)
    return Reason(condition, ending.text)


_TO_ERROR: dict[EndReason, str] = {
    EndReason.NOT_FOUND: "item-not-found",
    EndReason.FORBIDDEN: "forbidden",
    EndReason.CONGESTED: "resource-constraint",
    EndReason.NO_LINK: "remote-server-timeout",
    EndReason.TIMEOUT: "remote-server-timeout",
    EndReason.CONNECTIVITY: "remote-server-not-found",
    EndReason.FAILED: "internal-server-error",
}


def fromError(condition: str, detail: str = "") -> Ending:
    """
    What an error stanza in answer to one of ours means for the call (RFC 7247 section 4, where it is not silent).

    @param detail: Jingle's own condition in it; C{tie-break} says that the callee calls us at this moment.
    """
    if detail == "tie-break":
        return Ending(EndReason.BUSY, "both call each other at once", cause=17)
    return fromCondition(condition)


def ofRefusal(refusal: Refusal) -> Ending:
    """How a call ends that may not even be tried."""
    return evolve(fromError(refusal.condition, refusal.detail), text=refusal.why)


def toError(ending: Ending) -> str | None:
    """
    The condition with which a proposal bounces, so that its sender is shown that the call failed rather than that
    the callee declined; C{None} if it is better rejected.
    """
    return _TO_ERROR.get(ending.reason)
