# -*- test-case-name: ichatgw.test.test_escaping -*-
"""
User parts of addresses: what XMPP does not allow in them is escaped (XEP-0106), as SIP does it with percent signs.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

_ESCAPED = {char: f"\\{ord(char):02x}" for char in " \"&'/:<>@"}
_CODES = "20|22|26|27|2f|3a|3c|3e|40|5c"
_LOOKS_ESCAPED = re.compile(rf"\\(?={_CODES})", re.IGNORECASE)
_ESCAPE = re.compile(rf"\\({_CODES})", re.IGNORECASE)

#: What may stand in the user part of a SIP address as it is (RFC 3261 section 25.1).
_SIP_SAFE = "-_.!~*'()&=+$,;?/"


def escape(user: str) -> str:
    """As XEP-0106 has it."""
    return "".join(_ESCAPED.get(char, char) for char in _LOOKS_ESCAPED.sub(r"\\5c", user))


def fromSIP(user: str) -> str:
    """The user part of a SIP address as one of XMPP (RFC 7247 section 5.2)."""
    return escape(unquote(user, errors="replace"))


def toSIP(user: str) -> str:
    """
    The user part of an XMPP address as one of SIP (RFC 7247 section 5.3): what is escaped is spelt as there.  All else
    stays, as a translation rule may have written it.
    """
    return _ESCAPE.sub(lambda found: quote(chr(int(found[1], 16)), safe=_SIP_SAFE), user)
