# -*- test-case-name: ichatgw.test.sip.message.test_status,ichatgw.test.sip.dialog.test_causes -*-
"""
L{EndReason} to SIP status and back (RFC 3261 section 21, RFC 3398 where a cause has to be chosen), and the C{Reason}
header (RFC 3326), which tells with the cause of Q.850 why a BYE or a CANCEL comes.
"""

from __future__ import annotations

import re

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
    EndReason.NO_LINK: (503, "Service Unavailable"),
    EndReason.CONNECTIVITY: (480, "Temporarily Unavailable"),
    EndReason.SECURITY: (403, "Forbidden"),
    EndReason.SHUTDOWN: (503, "Service Unavailable"),
    EndReason.FAILED: (500, "Server Internal Error"),
}
"""The final response that an unanswered caller gets, but see L{toStatus}."""

TO_CAUSE: dict[EndReason, int] = {
    EndReason.HANGUP: 16,
    EndReason.CANCELLED: 16,
    EndReason.ANSWERED_ELSEWHERE: 26,
    EndReason.BUSY: 17,
    EndReason.DECLINED: 21,
    EndReason.NOT_FOUND: 1,
    EndReason.UNAVAILABLE: 20,
    EndReason.TIMEOUT: 18,
    EndReason.EXPIRED: 102,
    EndReason.FORBIDDEN: 21,
    EndReason.INCOMPATIBLE: 79,
    EndReason.CONGESTED: 34,
    EndReason.NO_LINK: 38,
    EndReason.CONNECTIVITY: 41,
    EndReason.SECURITY: 57,
    EndReason.SHUTDOWN: 41,
    EndReason.FAILED: 31,
}
"""The cause of Q.850 for an ending that names none."""

_HANGUP, _ELSEWHERE = EndReason.HANGUP, EndReason.ANSWERED_ELSEWHERE
_BUSY, _DECLINED, _FORBIDDEN = EndReason.BUSY, EndReason.DECLINED, EndReason.FORBIDDEN
_NOT_FOUND, _UNAVAILABLE, _TIMEOUT = EndReason.NOT_FOUND, EndReason.UNAVAILABLE, EndReason.TIMEOUT
_CONGESTED, _CONNECTIVITY = EndReason.CONGESTED, EndReason.CONNECTIVITY
_INCOMPATIBLE, _FAILED, _EXPIRED = EndReason.INCOMPATIBLE, EndReason.FAILED, EndReason.EXPIRED

_USUAL: tuple[EndReason, EndReason | None] = (_HANGUP, None)

#: What a cause of Q.850 says: why a call that was answered is over, and why one was not answered.  C{None}: nothing
#: that the status of the response does not say better.  After a conversation most of them are its normal end, as a
#: caller sees it: they tell of the network, or of what a PBX was doing when a party hung up.
_MEANINGS: dict[int, tuple[EndReason, EndReason | None]] = {
    **dict.fromkeys(range(128), _USUAL),
    # The number.
    **dict.fromkeys((1, 2, 3, 5, 22, 28, 90, 91), (_HANGUP, _NOT_FOUND)),
    # Who is called.
    17: (_BUSY, _BUSY),
    18: (_TIMEOUT, _TIMEOUT),
    19: (_TIMEOUT, _TIMEOUT),
    20: (_HANGUP, _UNAVAILABLE),
    21: (_DECLINED, _DECLINED),
    23: (_HANGUP, _UNAVAILABLE),
    26: (_ELSEWHERE, _ELSEWHERE),
    27: (_CONNECTIVITY, _UNAVAILABLE),
    # The network, and room in it.
    **dict.fromkeys((25, 47, 96, 97, 98, 99, 100, 101), (_HANGUP, _CONNECTIVITY)),
    **dict.fromkeys((38, 41), (_CONNECTIVITY, _CONNECTIVITY)),
    **dict.fromkeys((34, 39, 40, 42, 43, 44, 46), (_HANGUP, _CONGESTED)),
    # What is allowed.
    **dict.fromkeys((29, 50, 52, 53, 54, 55, 57, 87), (_HANGUP, _FORBIDDEN)),
    # What is possible.
    **dict.fromkeys((58, 66, 69, 70), (_HANGUP, _INCOMPATIBLE)),
    **dict.fromkeys((65, 79, 88), (_INCOMPATIBLE, _INCOMPATIBLE)),
    63: (_HANGUP, _UNAVAILABLE),
    # Faults.
    **dict.fromkeys((81, 82, 83, 84, 85, 86, 95, 103, 110, 111), (_HANGUP, _FAILED)),
    102: (_EXPIRED, _TIMEOUT),
}

#: Statuses that say little, beside those of which no more than the class is known: PBXs answer so for all kinds of
#: reasons.
_VAGUE = frozenset({433, 480, 500, 503, 603})

#: What a 488 is about, by the cause: the code of a C{Warning} (RFC 3261 section 20.43).
_WARNINGS = {58: 301, 65: 302, 79: 304, 88: 305}
_CAUSES_OF_WARNINGS = {300: 58, 301: 58, 302: 65, 304: 79, 305: 88}
_OTHER_WARNING = 399
_EXPLAINED = (EndReason.FORBIDDEN, EndReason.NO_LINK, EndReason.SHUTDOWN)

_ANSWERED_ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'

_PHRASES = {
    (EndReason.NOT_FOUND, 22): (410, "Gone"),
    (EndReason.NOT_FOUND, 28): (484, "Address Incomplete"),
    (EndReason.CONNECTIVITY, 38): (502, "Bad Gateway"),
    (EndReason.FAILED, 25): (482, "Loop Detected"),
    (EndReason.FAILED, 127): (400, "Bad Request"),
}
"""The final responses that say more exactly what the cause says."""

_NORMAL = 16
_NO_ANSWER = 19

_PART = re.compile(r"\s*(SIP|Q\.850)\s*;[^,]*?\bcause\s*=\s*(\d{1,3})\b", re.IGNORECASE | re.ASCII)
_WARNING = re.compile(r"\s*(\d{3})\s", re.ASCII)
_UNQUOTABLE = re.compile(r"[^ !#-\[\]-~]")

#: What a status says of which no more is known, by its class (RFC 3261 sections 8.1.3.2 and 21).  A redirect that is
#: not followed leaves the callee unavailable where we asked; 6xx is the callee's own no.
_BY_CLASS: dict[int, tuple[EndReason, int | None]] = {
    3: (EndReason.UNAVAILABLE, 23),
    4: (EndReason.FAILED, 127),
    5: (EndReason.FAILED, None),
    6: (EndReason.DECLINED, None),
}

# The cause is given where it says more than the reason.
_EXACTLY: dict[int, tuple[EndReason, int | None]] = {
    401: (EndReason.FORBIDDEN, 57),
    403: (EndReason.FORBIDDEN, None),
    404: (EndReason.NOT_FOUND, None),
    405: (EndReason.INCOMPATIBLE, 79),
    406: (EndReason.INCOMPATIBLE, 79),
    407: (EndReason.FORBIDDEN, 57),
    408: (EndReason.TIMEOUT, None),
    410: (EndReason.NOT_FOUND, 22),
    415: (EndReason.INCOMPATIBLE, 88),
    430: (EndReason.UNAVAILABLE, None),
    433: (EndReason.DECLINED, None),
    480: (EndReason.UNAVAILABLE, None),
    482: (EndReason.FAILED, 25),
    483: (EndReason.FAILED, 25),
    484: (EndReason.NOT_FOUND, 28),
    485: (EndReason.NOT_FOUND, None),
    486: (EndReason.BUSY, None),
    487: (EndReason.CANCELLED, None),
    488: (EndReason.INCOMPATIBLE, 88),
    502: (EndReason.CONNECTIVITY, 38),
    503: (EndReason.CONGESTED, 41),
    504: (EndReason.TIMEOUT, None),
    600: (EndReason.BUSY, None),
    603: (EndReason.DECLINED, None),
    604: (EndReason.NOT_FOUND, None),
    606: (EndReason.INCOMPATIBLE, 88),
    607: (EndReason.DECLINED, None),
    608: (EndReason.DECLINED, None),
}

_FROM_STATUS = {**{code: _BY_CLASS[code // 100] for code in range(300, 700)}, **_EXACTLY}
"""What each final response says that is no success."""


def toStatus(ending: Ending) -> tuple[int, str]:
    """
    The final response that tells it to a caller who has not been answered.

    That the called side is overloaded is not said by 503: the caller would take it for ours, and send us no more calls
    for a while (RFC 3261 section 16.7, 6).
    """
    if ending.reason is EndReason.CONGESTED and ending.cause is not None:
        return TO_STATUS[EndReason.FAILED]
    if ending.cause is not None and (ending.reason, ending.cause) in _PHRASES:
        return _PHRASES[ending.reason, ending.cause]
    return TO_STATUS[ending.reason]


def fromStatus(code: int, phrase: str, warning: str = "", reasons: str = "", rang: bool = False) -> Ending:
    """
    Why a leg ended that was answered with C{code} (300 or more).

    Where the status is vague, the cause of Q.850 decides (RFC 6432).

    @param warning: the C{Warning} that came with it.
    @param reasons: the bodies of C{Reason} that came with it.
    @param rang: the callee was heard to ring.
    """
    reason, cause = _FROM_STATUS.get(code, _BY_CLASS[5])
    if reason is EndReason.INCOMPATIBLE and (found := _WARNING.match(f"{warning} ")):
        cause = _CAUSES_OF_WARNINGS.get(int(found[1]), cause)
    text = f"{code} {phrase}"[:100]
    if code in _VAGUE or code not in _EXACTLY:
        stated = _causes(reasons).get("Q.850", 0)
        if code == 603 and stated in (0, _NORMAL) and reasons and rang:
            # The user did not decline: a PBX has given up.
            return Ending(EndReason.TIMEOUT, text, cause=_NO_ANSWER)
        decided = _MEANINGS.get(stated, _USUAL)[1]
        if decided is not None:
            return Ending(decided, f"{text}, cause {stated}", cause=stated)
    return Ending(reason, text, cause=cause)


def fromHeader(header: str, answered: bool) -> Ending:
    """
    Why a party sent BYE, or CANCEL if the call was not answered.

    @param header: the bodies of its C{Reason}; empty if it has none.
    """
    causes = _causes(header)
    cause = causes.get("Q.850")
    if cause not in _MEANINGS or not cause:
        cause = None  # 0 is "not defined": as if there were none
    if not answered:
        if causes.get("SIP") == 200 or cause == 26:
            return Ending(EndReason.ANSWERED_ELSEWHERE, "answered elsewhere")
        return Ending(EndReason.CANCELLED, "the caller gave up", cause=cause)
    if cause is None:
        return Ending(EndReason.HANGUP)
    return Ending(_MEANINGS[cause][0], f"cause {cause}", cause=cause)


def _causes(header: str) -> dict[str, int]:
    """By protocol, in capitals; the last one counts."""
    return {protocol.upper(): int(cause) for protocol, cause in _PART.findall(header[:1000])}


def toResponse(ending: Ending) -> str:
    """
    The body of the C{Reason} in a final response: the cause of Q.850 (RFC 6432), if the other party has given one or
    its words stand for one; empty if it has not.
    """
    return f"Q.850;cause={ending.cause}" if ending.cause is not None else ""


def toHeader(ending: Ending) -> str:
    """The body of the C{Reason} of a BYE or a CANCEL that tells it."""
    if ending.reason is EndReason.ANSWERED_ELSEWHERE:
        return _ANSWERED_ELSEWHERE
    return f"Q.850;cause={TO_CAUSE[ending.reason] if ending.cause is None else ending.cause}"


def warningFor(ending: Ending) -> str:
    """
    The body of the C{Warning} that says what a 488 is about, by which rule a call is forbidden, what way media did not
    find, or what the gateway lacks; empty for other endings.
    """
    if ending.reason in _EXPLAINED and ending.text:
        code = _OTHER_WARNING
    elif ending.reason in (EndReason.INCOMPATIBLE, EndReason.CONNECTIVITY):
        code = _WARNINGS.get(TO_CAUSE[ending.reason] if ending.cause is None else ending.cause, _OTHER_WARNING)
    else:
        return ""
    return warning(ending.text[:100] or "Incompatible", code)


def warning(text: str, code: int = _OTHER_WARNING) -> str:
    """The body of a C{Warning} (RFC 3261 section 20.43) that says C{text}."""
    return f'{code} ichat-gw "{_UNQUOTABLE.sub(" ", text)[:200]}"'
