# -*- test-case-name: ichatgw.test.xmpp.test_texts -*-
# mypy: allow-untyped-calls, allow-subclassing-any
"""
Texts on the XMPP side: chat messages (RFC 6121 section 5), what comes back of them, and receipts (XEP-0184).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from secrets import token_hex

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element
from wokkel.subprotocols import XMPPHandler
from zope.interface import implementer

from ichatgw.errors import MalformedError, NoLink
from ichatgw.model import Ending, EndReason, Party
from ichatgw.runtime.clock import cancel
from ichatgw.runtime.ratelimit import RateLimit
from ichatgw.texts.interfaces import Fate, ITextPort, ITexts, NotCarried, Text, whyNot
from ichatgw.texts.memory import Remembered
from ichatgw.xmpp.calleraddress import callerJID
from ichatgw.xmpp.conditions import TO_CONDITION, fromCondition
from ichatgw.xmpp.names import addNick
from ichatgw.xmpp.presence.access import NO_GUEST
from ichatgw.xmpp.presence.stanzas import readError
from ichatgw.xmpp.stanzas import NS_RECEIPTS, bareJID, calledUser, errorReply, recipient, sender

NS_ENCRYPTED = frozenset({"eu.siacs.conversations.axolotl", "urn:xmpp:omemo:2", "jabber:x:encrypted"})
"""Of elements that say that the body is only there for those who cannot read what was meant (XEP-0384, XEP-0027)."""

NS_CALLS = "urn:xmpp:jingle-message:0"

ANSWER_TIMEOUT = 0.4
"""
Seconds that the server has for sending a message back.  The sender in SIP waits for that, and has not sent its request
again by then.
"""

RECEIPT_LIFE, MAX_RECEIPTS = 86_400.0, 4096
"""Seconds for which receipts and errors are waited for, and of how many messages."""

REPEAT_LIFE, MAX_REPEATS = 300.0, 4096
"""Seconds for which a message is known again, and how many are."""

ERRORS = (1.0, 10)
"""How many errors one user who may not write is sent, in a second and at once."""

_log = Logger()


@define(eq=False)
class _Sent:
    """
    A message that we have sent.

    @ivar reader: whom to, bare.
    @ivar outcome: fires once; C{None} when it has.
    @ivar told: hears what becomes known later.
    """

    reader: JID
    outcome: Deferred[Fate] | None
    told: Callable[[Fate], None] | None
    timer: IDelayedCall | None = field(default=None, init=False)

    def settle(self, result: Fate | Failure) -> bool:
        """
        It is known what has become of it.

        @return: whether that was waited for.
        """
        outcome, self.outcome = self.outcome, None
        cancel(self.timer)
        self.timer = None
        if outcome is not None:
            outcome.callback(result)
        return outcome is not None

    def tell(self, fate: Fate) -> None:
        """The same, after the time that there was for it."""
        told, self.told = self.told, None
        if told is not None:
            told(fate)


@implementer(ITextPort)
class ChatMessages(XMPPHandler):
    """
    Gives the chat messages to our numbers to the exchange, and carries texts to users.

    @ivar texts: takes the texts of users; set before the first stanza.
    @ivar named: is told the name under which a sender writes to a user (first) from our address (second).
    @ivar noticed: is told what a program says to a user (first) from our full address (second).
    @ivar trouble: why stanzas cannot be sent now; empty if they can.
    """

    texts: ITexts
    named: Callable[[JID, JID, str], None] = staticmethod(lambda user, ours, name: None)
    noticed: Callable[[JID, JID, str], None] = staticmethod(lambda user, ours, notice: None)

    def __init__(
        self,
        clock: IReactorTime,
        component: str,
        control: JID,
        translate: Callable[[str], str],
        allows: Callable[[JID], bool],
        trouble: Callable[[], str] = lambda: "",
    ) -> None:
        """
        @param component: our domain.
        @param control: the control address, bare, which carries nothing.
        @param translate: the translation rules.
        @param allows: who may call, and so write.
        """
        super().__init__()
        self._clock = clock
        self._component = component.lower()
        self._control = control
        self._translate = translate
        self._allows = allows
        self.trouble = trouble
        self._sent: Remembered[_Sent] = Remembered(clock, RECEIPT_LIFE, MAX_RECEIPTS)
        self._seen: Remembered[bool] = Remembered(clock, REPEAT_LIFE, MAX_REPEATS)
        self._errors = RateLimit(clock, *ERRORS)

    def connectionInitialized(self) -> None:
        self.xmlstream.addObserver("/message", self._received)

    # From users

    def _received(self, message: Element) -> None:
        try:
            writer, ours = sender(message), bareJID(recipient(message))
        except MalformedError as error:
            _log.debug("A message was dropped: {error}", error=error)
            return
        kind = message.getAttribute("type", "normal")
        if kind == "error":
            self._bounced(message, bareJID(writer))
        elif kind in ("chat", "normal") and ours.user and ours != self._control:
            self._wrote(message, writer, ours)

    def _wrote(self, message: Element, writer: JID, ours: JID) -> None:
        receipt = _child(message, NS_RECEIPTS, "received")
        if receipt is not None:
            self._receipt(receipt.getAttribute("id") or "", bareJID(writer))
        body = _text(message, "body")
        if not body.strip() or any(child.uri == NS_CALLS for child in message.elements()):
            return
        if not self._allows(writer):
            self._forbid(message, writer)
        elif any(child.uri in NS_ENCRYPTED for child in message.elements()):
            self._refuse(message, Ending(EndReason.INCOMPATIBLE, "what is encrypted cannot be read by a phone"))
        elif not self._isRepeated(message, writer, ours, body):
            self._carry(message, writer, ours, body)

    def _forbid(self, message: Element, writer: JID) -> None:
        if self._errors.allow(bareJID(writer)):
            self._refuse(message, Ending(EndReason.FORBIDDEN, NO_GUEST))

    def _isRepeated(self, message: Element, writer: JID, ours: JID, body: str) -> bool:
        """Has the very same message come before?  Servers and clients that reconnect send some twice."""
        id = message.getAttribute("id") or ""
        if not id:
            return False
        key = hash((writer.full(), ours.full(), id, body))
        if self._seen.get(key):
            return True
        self._seen.put(key, True)
        return False

    def _carry(self, message: Element, writer: JID, ours: JID, body: str) -> None:
        wants = bool(message.getAttribute("id")) and _child(message, NS_RECEIPTS, "request") is not None

        def told(fate: Fate) -> None:
            if fate is Fate.DELIVERED and wants:
                self._acknowledge(message)
            elif fate is Fate.FAILED:
                self._refuse(message, Ending(EndReason.UNAVAILABLE, "the text has not arrived"))

        def refused(failure: Failure) -> None:
            problem = whyNot(failure)
            self._refuse(message, Ending(problem.reason, str(problem)))

        text = Text(
            Party(f"xmpp:{writer.userhost()}", writer.user or ""),
            f"xmpp:{ours.full()}",
            body,
            _text(message, "subject"),
            told if wants else None,
        )
        carried = self.texts.arrived(text)
        carried.addCallbacks(told, refused)
        carried.addErrback(lambda failure: _log.failure("A message could not be answered", failure))

    def _refuse(self, message: Element, ending: Ending) -> None:
        self._say(errorReply(message, TO_CONDITION[ending.reason], ending.text[:200]))

    def _acknowledge(self, message: Element) -> None:
        """XEP-0184 section 5.2: to the client that has asked."""
        reply = _message(sender(message), bareJID(recipient(message)))
        reply["type"] = message.getAttribute("type", "normal")
        reply.addElement((NS_RECEIPTS, "received"))["id"] = message["id"]
        self._say(reply)

    # What comes back

    def _bounced(self, message: Element, reader: JID) -> None:
        """Errors come from the reader, or in its name from the server."""
        sent = self._taken(message.getAttribute("id") or "", reader)
        if sent is None:
            return
        ending = fromCondition(readError(message)[0])
        if not sent.settle(Failure(NotCarried(ending))):
            _log.info("text to {reader!r} came back: {why}", reader=reader.full()[:120], why=ending.text)
            sent.tell(Fate.FAILED)

    def _receipt(self, id: str, reader: JID) -> None:
        sent = self._taken(id, reader)
        if sent is not None and not sent.settle(Fate.DELIVERED):
            sent.tell(Fate.DELIVERED)

    def _taken(self, id: str, reader: JID) -> _Sent | None:
        """The message that C{reader} answers; C{None} if it was not sent to C{reader}."""
        sent = self._sent.get(id)
        if sent is None or sent.reader != reader:
            return None
        return self._sent.pop(id)

    # To users

    def carry(self, text: Text) -> Deferred[Fate]:
        """See L{ITextPort}.  It goes to the bare address: the server knows which client gets it, and when."""
        trouble = self.trouble()
        if trouble:
            raise NoLink(f"no link to the XMPP server: {trouble}")
        reader = bareJID(calledUser(text.to, self._component))
        shown = callerJID(text.writer, self._component, self._translate)
        ours = bareJID(shown)
        self.named(reader, ours, text.writer.name)
        if text.isNotice:
            self.noticed(reader, shown, text.body)
        message = _message(reader, ours)
        message["type"], message["id"] = "chat", token_hex(8)
        if text.subject:
            message.addElement("subject", content=text.subject)
        message.addElement("body", content=text.body)
        addNick(message, text.writer.name)
        if text.told is not None:
            message.addElement((NS_RECEIPTS, "request"))
        outcome: Deferred[Fate] = Deferred()
        sent = _Sent(reader, outcome, text.told)
        sent.timer = self._clock.callLater(ANSWER_TIMEOUT, sent.settle, Fate.ACCEPTED)
        self._sent.put(message["id"], sent)
        self._say(message)
        return outcome

    def _say(self, stanza: Element) -> None:
        if self.parent is not None:
            self.parent.send(stanza)


def _message(to: JID, from_: JID) -> Element:
    message = Element((None, "message"))
    message["to"], message["from"] = to.full(), from_.full()
    return message


def _children(message: Element, name: str) -> Iterator[Element]:
    return (child for child in message.elements() if child.name == name and child.uri == message.uri)


def _text(message: Element, name: str) -> str:
    """Of several languages the one that is the stanza's own comes first."""
    found = sorted(_children(message, name), key=lambda child: len(child.attributes))
    return str(found[0]) if found else ""


def _child(message: Element, uri: str, name: str) -> Element | None:
    return next((child for child in message.elements() if (child.uri, child.name) == (uri, name)), None)
