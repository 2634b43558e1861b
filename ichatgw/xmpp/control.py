# -*- test-case-name: ichatgw.test.xmpp.test_control -*-
# mypy: allow-untyped-calls, allow-subclassing-any
"""
Answers users who write to the control user: says what it is.
"""

from __future__ import annotations

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element
from wokkel.subprotocols import XMPPHandler

from ichatgw.errors import MalformedError
from ichatgw.runtime.ratelimit import RateLimit
from ichatgw.xmpp.stanzas import bareJID, recipient, sender

log = Logger()

GREETING = "You have reached the iChat gateway"


class Greeter(XMPPHandler):
    """
    Answers each message to the control user, or to the gateway itself, with L{GREETING}.

    Errors, rooms, headlines and messages without text get no answer, and each sender only some in a minute, so that two
    programs that answer each other come to rest.
    """

    def __init__(self, clock: IReactorTime, control: JID) -> None:
        """
        @param control: the control address, bare.
        """
        super().__init__()
        self._control = control
        self._answers = RateLimit(clock, 5 / 60, 5)

    def connectionInitialized(self) -> None:
        self.xmlstream.addObserver("/message", self._received)

    def _received(self, message: Element) -> None:
        if message.getAttribute("type", "normal") not in ("chat", "normal") or not _hasText(message):
            return
        try:
            writer, ours = sender(message), recipient(message)
        except MalformedError as error:
            log.debug("A message was dropped: {error}", error=error)
            return
        isNumber = bool(ours.user) and bareJID(ours) != self._control
        if isNumber or not self._answers.allow(bareJID(writer).full()):
            return
        reply = Element((None, "message"))
        reply["type"], reply["to"], reply["from"] = "chat", writer.full(), ours.full()
        reply.addElement("body", content=GREETING)
        self.send(reply)


def _hasText(message: Element) -> bool:
    return any(child.name == "body" and str(child).strip() for child in message.elements())
