# -*- test-case-name: ichatgw.test.log.test_messagelog -*-
"""
Messages in full, for C{LogLevel = STACK}: what came from and went to either network, but for what
L{ichatgw.log.redaction} leaves out.
"""

from __future__ import annotations

from attrs import frozen
from twisted.logger import Logger

from ichatgw.log.redaction import Content, redacted

_log = Logger()


@frozen
class MessageLog:
    """
    Writes messages to the log, if its level is C{STACK}.

    @ivar content: what is left out besides secrets.
    """

    content: Content = Content.DIGITS

    def __call__(self, what: str, message: str) -> None:
        """
        @param what: where a message came from or goes to.
        """
        _log.debug("{what}{whole}", what=what, whole=redacted(message, self.content), stack=True)
