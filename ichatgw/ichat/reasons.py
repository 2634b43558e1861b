# -*- test-case-name: ichatgw.test.ichat.test_reasons -*-
"""
Reasons for an end, and the words that XMPP and iChat have for them.
"""

from __future__ import annotations

from ichatgw.ichat.stanzas import REFUSE
from ichatgw.model import EndReason

#: What C{<response>} says to an iChat whose call came to nothing.  It knows one word for all of it.
TO_RESPONSE = dict.fromkeys(EndReason, REFUSE)

_FROM_CONDITION = {
    "item-not-found": EndReason.NOT_FOUND,
    "remote-server-not-found": EndReason.NOT_FOUND,
    "jid-malformed": EndReason.NOT_FOUND,
    "gone": EndReason.NOT_FOUND,
    "forbidden": EndReason.FORBIDDEN,
    "not-authorized": EndReason.FORBIDDEN,
    "not-allowed": EndReason.FORBIDDEN,
    "registration-required": EndReason.FORBIDDEN,
    "subscription-required": EndReason.FORBIDDEN,
    "payment-required": EndReason.FORBIDDEN,
    "remote-server-timeout": EndReason.TIMEOUT,
}

_FROM_CODE = {
    401: EndReason.FORBIDDEN,
    403: EndReason.FORBIDDEN,
    404: EndReason.NOT_FOUND,
    405: EndReason.FORBIDDEN,
    408: EndReason.TIMEOUT,
    504: EndReason.TIMEOUT,
}


def fromError(condition: str, code: int | None) -> EndReason:
    """
    What a presence or IQ error means for a call.

    @param condition: the defined condition (RFC 6120 section 8.3.3); empty if the error has none.
    @param code: the code of older servers (XEP-0086), looked at only if there is no condition.
    """
    if condition:
        return _FROM_CONDITION.get(condition, EndReason.UNAVAILABLE)
    return _FROM_CODE.get(code or 0, EndReason.UNAVAILABLE)
