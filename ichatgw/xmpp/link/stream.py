# -*- test-case-name: ichatgw.test.xmpp.link.test_stream,ichatgw.test.xmpp.link.test_component,ichatgw.test.jingle.test_setup -*-  # noqa: E501
# mypy: allow-untyped-calls, allow-subclassing-any
"""
One connection to the server, from the handshake (XEP-0114) to its end: what may come in, what may go out, and whether
the other end is still there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from attrs import field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.protocols.jabber.component import NS_COMPONENT_ACCEPT, ConnectComponentAuthenticator
from twisted.words.protocols.jabber.jid import JID
from twisted.words.protocols.jabber.xmlstream import (
    INIT_FAILED_EVENT,
    NS_STREAMS,
    STREAM_AUTHD_EVENT,
    STREAM_ERROR_EVENT,
    XmlStream,
)
from twisted.words.xish.domish import Element
from zope.interface import implementer

from ichatgw.errors import GatewayError, MalformedError
from ichatgw.model import TransportAddress
from ichatgw.net.hosts import literal
from ichatgw.observe.events import Message, MessageReceived, MessageSent
from ichatgw.observe.stream import UNREAD, Events
from ichatgw.runtime.clock import cancel
from ichatgw.runtime.ratelimit import FAILURES, RateLimit
from ichatgw.runtime.turns import Turns
from ichatgw.xmpp.link.intake import Arrival, Intake
from ichatgw.xmpp.link.parser import StanzaParser
from ichatgw.xmpp.stanzas import errorReply, isRequest, recipient, sender, untangle

MessageLog = Callable[[str, str], None]

log = Logger()

NS_PING = "urn:xmpp:ping"
HANDSHAKE_TIMEOUT = 10.0
MAX_PING_INTERVAL = 29.0  # with the time for the answer, less than 40
PING_TIMEOUT = 10.0
MAX_UNSENT = 32 * 1024 * 1024
"""Octets that may wait for a server that does not take them in, before it is given up."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class StreamLost(GatewayError):
    """The stream was over before the handshake was done.  The text says why."""


@frozen
class _Guarded:
    """
    An observer whose failure is its own affair: it is logged, a request is answered, and the stream and the other
    observers go on.  Equal to another one of the same function, so that observers can be removed.
    """

    function: Callable[..., object]
    failures: RateLimit = field(eq=False)

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        try:
            self.function(*args, **kwargs)
        except Exception:
            if self.failures.allow(None):
                log.failure("A stanza could not be dealt with")
            if args and isinstance(args[-1], Element):
                vars(args[-1])["failed"] = True


@implementer(IPushProducer)
class ComponentStream(XmlStream):
    """
    A stream to the server as the component C{name}.

    Only stanzas from a valid address to one of our own are dispatched, and only until the stream is lost.  An observer
    that deals with an IQ request sets C{handled = True} on it at once; a request that none dealt with is answered
    C{service-unavailable}.

    When nothing was received for C{pingInterval} seconds (at most L{MAX_PING_INTERVAL}), the stream sends a space,
    for servers and address translators that count silence, and asks itself, through the server, for a sign of life
    (XEP-0199).  The server's own name is not known here, and the way to our own name and back proves the link in both
    directions.  If not one byte comes within L{PING_TIMEOUT}, the connection is aborted.

    @ivar ready: fires when the handshake is done, fails when the stream is lost before that.
    @ivar lost: fires with the reason, in words, when the stream is over.
    @ivar why: why we gave the stream up, if we did.
    @ivar congested: whether the server is slow to take in what we send, so that what can wait should.
    @ivar messageLog: takes each stanza whole, and whether it is C{RECEIVED} or C{SENDING}.
    """

    transport: Any
    stream: Any

    def __init__(
        self,
        turns: Turns,
        name: str,
        secret: str,
        pingInterval: float,
        allows: Callable[[JID], bool],
        messageLog: MessageLog | None = None,
        events: Events = UNREAD,
    ) -> None:
        """
        @param allows: may this user call?
        @param events: told of each stanza.
        """
        super().__init__(ConnectComponentAuthenticator(name, secret))
        self.messageLog = messageLog
        self._events = events
        self.clock = turns
        self._allows = allows
        self._failures = RateLimit(turns, *FAILURES, mostSources=1)
        self._arrived: list[Arrival] = []
        self._intake = Intake(turns, self._parse, self._deal, self._refuse, self._letServerWait)
        self.name = name
        self.pingInterval = min(pingInterval, MAX_PING_INTERVAL) if pingInterval > 0 else MAX_PING_INTERVAL
        self.ready: Deferred[None] = Deferred()
        self.lost: Deferred[str] = Deferred()
        self.why = ""
        self._established = False
        self._server: TransportAddress | None = None
        self._timer: IDelayedCall | None = None
        self._deadline: IDelayedCall | None = None
        self.congested = False
        self._unsent = 0
        self.rawDataOutFn = self._countSent
        super().addObserver(STREAM_AUTHD_EVENT, self._authenticated)
        super().addObserver(INIT_FAILED_EVENT, self._failed)
        super().addObserver(STREAM_ERROR_EVENT, self._failed)

    # The transport's side

    def _initializeStream(self) -> None:
        self.stream = StanzaParser(self._passedOver)
        self.stream.DocumentStartEvent = self.onDocumentStart
        self.stream.ElementEvent = self.onElement
        self.stream.DocumentEndEvent = self.onDocumentEnd

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        peer = self.transport.getPeer()
        self._server = literal(getattr(peer, "host", ""), getattr(peer, "port", 0))
        self.transport.registerProducer(self, True)
        self._deadline = self.clock.callLater(HANDSHAKE_TIMEOUT, self.giveUp, "no handshake within 10 seconds")
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        self._heard()
        self._intake.received(data)

    def _parse(self, data: bytes) -> list[Arrival]:
        """Read some octets; what is no stanza is dispatched here and now."""
        if self.stream is not None:
            try:
                super().dataReceived(data)
            except Exception:
                log.failure("The server's stream cannot be read")
                self.giveUp("the server's stream cannot be read")
        arrived, self._arrived = self._arrived, []
        return arrived

    def _letServerWait(self, wait: bool) -> None:
        if wait:
            self.transport.pauseProducing()
        else:
            self.transport.resumeProducing()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        cancel(self._timer, self._deadline)
        self._timer = self._deadline = None
        self._intake.clear()
        super().connectionLost(reason)
        why = self.why or ("connection closed" if self._established else "the server closed the connection at once")
        if not self._established:
            self.ready.errback(StreamLost(why))
        self.lost.callback(why)

    def giveUp(self, why: str) -> None:
        """Cut the connection.  C{lost} follows."""
        self.why = self.why or why
        self.transport.abortConnection()

    def close(self, timeout: float) -> None:
        """End the stream in good order, or cut it if the server does not do likewise within C{timeout}."""
        self.why = "closed by us"
        if not self._established:
            self.transport.abortConnection()
            return
        self.sendFooter()
        self._cancelTimer()
        self._timer = self.clock.callLater(timeout, self.giveUp, "")

    def onDocumentEnd(self) -> None:
        self.why = self.why or "the server closed the stream"
        super().onDocumentEnd()

    def _failed(self, failure: Failure) -> None:
        """A stream error was received, the stream is not XML, or the handshake failed.  Twisted ends the stream."""
        condition = getattr(failure.value, "condition", None)
        text = failure.getErrorMessage() if condition is None else condition
        self.why = self.why or f"stream error {text[:200]!r}"
        if condition is None:
            self.transport.abortConnection()

    def _authenticated(self, _: object) -> None:
        self._established = True
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._timer = self.clock.callLater(self.pingInterval, self._ping)
        self.ready.callback(None)

    # Signs of life

    def _heard(self) -> None:
        if not self._established:
            return
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if self._timer is not None and not self.why:
            self._timer.reset(self.pingInterval)

    def _ping(self) -> None:
        self._timer = self.clock.callLater(self.pingInterval, self._ping)
        if self._deadline is None:
            self._deadline = self.clock.callLater(PING_TIMEOUT, self._noAnswer)
        ping = Element((None, "iq"))
        ping["type"], ping["from"], ping["to"] = "get", self.name, self.name
        ping.addUniqueId()
        ping.addElement((NS_PING, "ping"))
        super().send(" ")
        self.send(ping)

    def _noAnswer(self) -> None:
        """No sign of life has come, or it has not been read, as we have the server wait."""
        self._deadline = None
        if self._intake.waits:
            self._deadline = self.clock.callLater(PING_TIMEOUT, self._noAnswer)
        else:
            self.giveUp("the server does not answer")

    def _cancelTimer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # How fast the server takes in what we send

    def pauseProducing(self) -> None:
        """See L{IPushProducer}: what we send has to wait from now on."""
        self.congested = True
        self._unsent = 0

    def resumeProducing(self) -> None:
        """See L{IPushProducer}: the server has taken in all."""
        self.congested = False

    def stopProducing(self) -> None:
        """See L{IPushProducer}: the connection is gone."""

    def _countSent(self, data: bytes) -> None:
        if self.congested:
            self._unsent += len(data)
            if self._unsent > MAX_UNSENT:
                self.giveUp("the server takes in nothing")

    # What comes in

    def addObserver(
        self, event: Any, observerfn: Callable[..., object], priority: int = 0, *args: Any, **kwargs: Any
    ) -> None:
        super().addObserver(event, _Guarded(observerfn, self._failures), priority, *args, **kwargs)

    def removeObserver(self, event: Any, observerfn: Callable[..., object]) -> None:
        super().removeObserver(event, _Guarded(observerfn, self._failures))

    def onElement(self, element: Element) -> None:
        if self.messageLog is not None:
            self.messageLog("RECEIVED from the XMPP server:\n", element.toXml())
        if self._events.isOn(MessageReceived):
            self._publish(MessageReceived, element.toXml())
        if not self._established or element.uri == NS_STREAMS:
            self.dispatch(element)
            return
        fault = self._faultOf(element)
        if fault:
            self._skipped(element, fault)
            untangle(element)
            return
        jid = sender(element)
        user = jid.host == self.name or self._allows(jid)
        self._arrived.append(Arrival(element, user, jid.host, self.stream.weight))

    def _deal(self, stanza: Any) -> None:
        # An element takes an attribute it does not have for a child, so a child may not pass for one of these.
        stanza.handled = stanza.failed = False
        self.dispatch(stanza)
        if isRequest(stanza) and not stanza.handled:
            condition = "internal-server-error" if stanza.failed else "service-unavailable"
            self.send(errorReply(stanza, condition))
        untangle(stanza)

    def _refuse(self, stanza: Element) -> None:
        """There is no room for a stanza of a stranger (RFC 6120 section 8.3.3.18)."""
        if isRequest(stanza):
            self.send(errorReply(stanza, "resource-constraint"))
        untangle(stanza)

    def _faultOf(self, element: Element) -> str:
        """Why the stanza is none for us, in words; empty if it is."""
        if element.uri != NS_COMPONENT_ACCEPT or element.name not in ("iq", "message", "presence"):
            return "no stanza"
        try:
            ours = recipient(element).host == self.name
            own = sender(element).host == self.name
        except MalformedError as error:
            return str(error)
        if not ours:
            return "not for us"
        # No other entity can send in our name, so this is an echo.  Our own pings must pass.
        return "from ourselves" if own and element.name != "iq" else ""

    def _skipped(self, element: Element, fault: str) -> None:
        log.debug(
            "A stanza was dropped: {fault} ({name!r} from {sender!r} to {recipient!r})",
            fault=fault,
            name=element.name[:20],
            sender=(element.getAttribute("from") or "")[:80],
            recipient=(element.getAttribute("to") or "")[:80],
        )

    def _passedOver(self, head: Element, fault: str) -> None:
        """The parser has skipped a stanza that is out of all proportion; a request is answered all the same."""
        self._skipped(head, fault)
        if self._established and isRequest(head) and not self._faultOf(head):
            self.send(errorReply(head, "policy-violation", fault, "modify"))

    def _publish(self, kind: type[Message], text: str) -> None:
        events, data = self._events, text.encode("utf-8", "replace")
        events.publish(kind(*events.now(), "XMPP", "xmpp", data, self._server))

    # What goes out

    def send(self, obj: Any) -> None:
        """
        Send an element, or text as it is.

        An element without sender is from the component.  One from a foreign domain is not sent, as the server would
        close the stream; and characters that XML cannot hold are left out, for the same reason.
        """
        if not isinstance(obj, Element):
            super().send(obj)
            return
        if self._established:
            if not obj.hasAttribute("from"):
                obj["from"] = self.name
            if obj["from"].partition("/")[0].rpartition("@")[2] != self.name:
                log.error("Not sent, it is from a foreign address: {sender!r}", sender=obj["from"][:80])
                return
        text = obj.toXml(
            prefixes=self.prefixes,
            defaultUri=self.namespace,
            prefixesInScope=list(self.prefixes.values()),
        )
        text = _NOT_XML.sub("", text)
        if self.messageLog is not None:
            self.messageLog("SENDING to the XMPP server:\n", text)
        if self._events.isOn(MessageSent):
            self._publish(MessageSent, text)
        super().send(text)
        untangle(obj)
