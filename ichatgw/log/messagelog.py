# -*- test-case-name: ichatgw.test.log.test_messagelog -*-
"""
Messages in full, for C{LogLevel = STACK}: what came from and went to either network, but for what
L{ichatgw.log.redaction} leaves out.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen
from twisted.logger import Logger

from ichatgw.log.redaction import Content, redacted

_log = Logger()


@frozen
class MessageLog:
    """
    Writes messages to the log, if its level is C{STACK}.

    @ivar content: what is left out besides secrets.
    @ivar owner: given what is written, tells the names of the call and the leg that it belongs to; empty if to none.
    """

    content: Content = Content.DIGITS
    owner: Callable[[str, str], tuple[str, str]] = lambda what, message: ("", "")

    def __call__(self, what: str, message: str) -> None:
        """
        @param what: where a message came from or goes to.
        """
        call, leg = self.owner(what, message)
        _log.debug(
            "call={call} leg={leg} {what}{whole}" if call else "{what}{whole}",
            call=call,
            leg=leg,
            what=what,
            whole=redacted(message, self.content),
            stack=True,
        )
