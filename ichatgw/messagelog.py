# -*- test-case-name: ichatgw.test.test_messagelog -*-
"""
Messages in full, for C{LogLevel = STACK}: what came from and went to either network, but for the secrets in it.
"""

from __future__ import annotations

import re

from twisted.logger import Logger

HIDDEN = "(not shown)"

# What comes before a secret, what the secret is made of.
_SECRETS = (
    # The component's handshake (XEP-0114), of which a weak password could be guessed.
    (r"<handshake[^<>]*>", r"[^<]+"),
    # Digest authentication (RFC 7616): the same.
    (r"^(?:Proxy-)?Authorization[ \t]*:[^\r\n]*?\bresponse[ \t]*=[ \t]*", r'"[^"\r\n]*"?|[^\s,]+'),
    (r"^(?:Proxy-)?Authorization[ \t]*:[ \t]*Basic[ \t]+", r"[^\r\n]+"),
    # Keys of media, in SDP and in Jingle (RFC 4568, XEP-0167).
    (r"\binline:", r"[^\s|\"'<]+"),
    # ICE (RFC 8839, XEP-0176).
    (r"^a=ice-pwd:", r"[^\r\n]+"),
    (r"\bpwd=", r"\"[^\"]*\"|'[^']*'"),
)
_SECRET = re.compile(
    "|".join(f"(?:(?P<head{n}>{head})(?:{body}))" for n, (head, body) in enumerate(_SECRETS)), re.I | re.M
)

_log = Logger()


def redacted(message: str) -> str:
    """C{message} with what nobody needs to read left out."""
    return _SECRET.sub(lambda match: f"{match[match.lastgroup or 0]}{HIDDEN}", message)


def logMessage(what: str, message: str) -> None:
    """
    Write a message to the log, if its level is C{STACK}.

    @param what: where it came from or goes to.
    """
    _log.debug("{what}{whole}", what=what, whole=redacted(message), stack=True)
