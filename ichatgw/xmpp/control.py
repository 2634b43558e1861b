# -*- test-case-name: ichatgw.test.xmpp.test_control -*-
# mypy: allow-untyped-calls, allow-subclassing-any
"""
Answers users who write to the control user: says what it is, or what they have ordered it to say.
"""

from __future__ import annotations

from collections.abc import Callable

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element
from wokkel.subprotocols import XMPPHandler

from ichatgw.errors import MalformedError
from ichatgw.runtime.ratelimit import RateLimit
from ichatgw.xmpp.stanzas import bareJID, languageTag, recipient, sender

log = Logger()

GREETING = "You have reached the iChat gateway"


class Greeter(XMPPHandler):
    """
    Answers each message to the control user, or to the gateway itself: an order with what comes of it, all else with
    L{GREETING}.

    Errors, rooms, headlines and messages without text get no answer, and each sender only some in a minute, so that two
    programs that answer each other come to rest.

    @ivar ordered: what is said to an order, from who writes, the text and its language (RFC 5646; empty if that is not
        said); empty if nothing is said, and C{None} if it is no order.
    """

    ordered: Callable[[JID, str, str], str | None] = staticmethod(lambda user, text, language: None)

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
        body = _body(message)
        if message.getAttribute("type", "normal") not in ("chat", "normal") or body is None:
            return
        try:
            writer, ours = sender(message), recipient(message)
        except MalformedError as error:
            log.debug("A message was dropped: {error}", error=error)
            return
        if ours.user and bareJID(ours) != self._control:
            return  # it is for a number
        answer = self.ordered(writer, str(body), languageTag(body) or languageTag(message))
        if answer is None:
            answer = GREETING if self._answers.allow(bareJID(writer).full()) else ""
        if answer:
            self._say(writer, ours, answer)

    def _say(self, writer: JID, ours: JID, text: str) -> None:
        reply = Element((None, "message"))
        reply["type"], reply["to"], reply["from"] = "chat", writer.full(), ours.full()
        reply.addElement("body", content=text)
        self.send(reply)


def _body(message: Element) -> Element | None:
    """The first body that has text; C{None} if there is none."""
    return next((child for child in message.elements() if child.name == "body" and str(child).strip()), None)
