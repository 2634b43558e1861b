# -*- test-case-name: ichatgw.test.test_sip_reasons -*-
"""
L{EndReason} to SIP status and back (RFC 3261 section 21, RFC 3398 where a cause has to be chosen).
"""

from __future__ import annotations

from ichatgw.model import Ending, EndReason

TO_STATUS: dict[EndReason, tuple[int, str]] = {
    EndReason.HANGUP: (480, "Temporarily Unavailable"),
    EndReason.CANCELLED: (487, "Request Terminated"),
    EndReason.ANSWERED_ELSEWHERE: (487, "Request Terminated"),
    EndReason.BUSY: (486, "Busy Here"),
    EndReason.DECLINED: (603, "Decline"),
    EndReason.NOT_FOUND: (404, "Not Found"),
    EndReason.UNAVAILABLE: (480, "Temporarily Unavailable"),
    EndReason.TIMEOUT: (408, "Request Timeout"),
    EndReason.EXPIRED: (480, "Temporarily Unavailable"),
    EndReason.FORBIDDEN: (403, "Forbidden"),
    EndReason.INCOMPATIBLE: (488, "Not Acceptable Here"),
    EndReason.CONGESTED: (503, "Service Unavailable"),
    EndReason.CONNECTIVITY: (480, "Temporarily Unavailable"),
    EndReason.SECURITY: (403, "Forbidden"),
    EndReason.SHUTDOWN: (503, "Service Unavailable"),
    EndReason.FAILED: (500, "Server Internal Error"),
}
"""The final response that an unanswered caller gets."""

_FROM_STATUS = {
    401: EndReason.FORBIDDEN,
    403: EndReason.FORBIDDEN,
    404: EndReason.NOT_FOUND,
    406: EndReason.INCOMPATIBLE,
    407: EndReason.FORBIDDEN,
    408: EndReason.TIMEOUT,
    410: EndReason.NOT_FOUND,
    415: EndReason.INCOMPATIBLE,
    480: EndReason.UNAVAILABLE,
    484: EndReason.NOT_FOUND,
    485: EndReason.NOT_FOUND,
    486: EndReason.BUSY,
    487: EndReason.CANCELLED,
    488: EndReason.INCOMPATIBLE,
    503: EndReason.CONGESTED,
    504: EndReason.TIMEOUT,
    600: EndReason.BUSY,
    603: EndReason.DECLINED,
    604: EndReason.NOT_FOUND,
    606: EndReason.INCOMPATIBLE,
    607: EndReason.DECLINED,
    608: EndReason.DECLINED,
}


def fromStatus(code: int, phrase: str) -> Ending:
    """
    Why a leg ended that was answered with C{code} (300 or more).

    A redirect is not followed, so the callee is unavailable where we asked.
    """
    reason = _FROM_STATUS.get(code)
    if reason is None:
        reason = EndReason.UNAVAILABLE if code < 400 else EndReason.FAILED
    return Ending(reason, f"{code} {phrase}"[:100])
