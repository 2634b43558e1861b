# -*- test-case-name: ichatgw.test.xmpp.test_texts,ichatgw.test.jingle.session.test_reasons -*-
"""
The conditions of error stanzas (RFC 6120 section 8.3.3) as reasons, and back where it is no call that has failed.
"""

from __future__ import annotations

from ichatgw.model import Ending, EndReason

FROM_CONDITION: dict[str, tuple[EndReason, int]] = {
    "item-not-found": (EndReason.NOT_FOUND, 1),
    "jid-malformed": (EndReason.NOT_FOUND, 28),
    "gone": (EndReason.NOT_FOUND, 22),
    "redirect": (EndReason.UNAVAILABLE, 23),
    "remote-server-not-found": (EndReason.NOT_FOUND, 3),
    "remote-server-timeout": (EndReason.TIMEOUT, 102),
    "recipient-unavailable": (EndReason.UNAVAILABLE, 20),
    "service-unavailable": (EndReason.UNAVAILABLE, 20),
    "forbidden": (EndReason.FORBIDDEN, 21),
    "not-authorized": (EndReason.FORBIDDEN, 21),
    "not-allowed": (EndReason.FORBIDDEN, 21),
    "policy-violation": (EndReason.FORBIDDEN, 21),
    "registration-required": (EndReason.FORBIDDEN, 21),
    "subscription-required": (EndReason.FORBIDDEN, 21),
    "payment-required": (EndReason.FORBIDDEN, 21),
    "not-acceptable": (EndReason.INCOMPATIBLE, 88),
    "feature-not-implemented": (EndReason.INCOMPATIBLE, 79),
}

TO_CONDITION: dict[EndReason, str] = {
    EndReason.HANGUP: "recipient-unavailable",
    EndReason.CANCELLED: "recipient-unavailable",
    EndReason.ANSWERED_ELSEWHERE: "recipient-unavailable",
    EndReason.BUSY: "recipient-unavailable",
    EndReason.DECLINED: "not-allowed",
    EndReason.NOT_FOUND: "item-not-found",
    EndReason.UNAVAILABLE: "recipient-unavailable",
    EndReason.TIMEOUT: "remote-server-timeout",
    EndReason.EXPIRED: "recipient-unavailable",
    EndReason.FORBIDDEN: "forbidden",
    EndReason.INCOMPATIBLE: "not-acceptable",
    EndReason.CONGESTED: "resource-constraint",
    EndReason.NO_LINK: "remote-server-timeout",
    EndReason.CONNECTIVITY: "remote-server-not-found",
    EndReason.SECURITY: "not-acceptable",
    EndReason.SHUTDOWN: "service-unavailable",
    EndReason.FAILED: "internal-server-error",
}
"""What the sender of a stanza is told."""


def fromCondition(condition: str) -> Ending:
    """What an error stanza in answer to one of ours means (RFC 7247 section 4, where it is not silent)."""
    reason, cause = FROM_CONDITION.get(condition, (EndReason.FAILED, 31))
    return Ending(reason, f"error {condition or 'without a condition'}"[:100], cause=cause)
