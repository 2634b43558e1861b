# -*- test-case-name: ichatgw.test.sim.sip.test_phone -*-
"""
A SIP user agent on one socket: it sorts what arrives into transactions and dialogs (RFC 3261 sections 8, 17, 18).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from uuid import uuid4

from attrs import define, evolve, field
from twisted.internet.interfaces import IReactorTime

from ichatgw.errors import MalformedError
from ichatgw.model import TransportAddress
from ichatgw.sim.sip.dialog import NOBODY, Dialog, Listener, newTag
from ichatgw.sim.sip.message import NameAddress, SIPMessage, addressOf
from ichatgw.sim.sip.transactions import LIFETIME, ClientTransaction, ServerTransaction

Observer = Callable[[bool, SIPMessage], None]


@define(eq=False)
class Agent:
    """
    @ivar local: what to write into Via.
    @ivar output: sends a datagram.
    @ivar arrival: takes a call that arrives, and sets its listener.
    @ivar written: takes a text that arrives outside of calls, and gives the status of the answer.
    @ivar observer: sees each message once, with C{True} for those that go out.
    @ivar rport: whether Via asks for symmetric responses (an iChat does not).
    """

    clock: IReactorTime
    local: TransportAddress
    output: Callable[[bytes, TransportAddress], None]
    userAgent: str
    contact: str
    arrival: Callable[[Dialog], None]
    observer: Observer = lambda outgoing, message: None
    rport: bool = True
    written: Callable[[SIPMessage], int] = lambda request: 405
    malformed: list[str] = field(factory=list, init=False)
    dialogs: dict[tuple[str, str], Dialog] = field(factory=dict, init=False)
    _clients: dict[tuple[str, str], ClientTransaction] = field(factory=dict, init=False)
    _servers: dict[tuple[str, str], ServerTransaction] = field(factory=dict, init=False)
    _seen: dict[bytes, None] = field(factory=dict, init=False)
    _fading: deque[tuple[float, Callable[[], object]]] = field(factory=deque, init=False)

    def via(self) -> str:
        """A new Via with a branch of its own."""
        return f"SIP/2.0/UDP {self.local};branch=z9hG4bK{uuid4().hex[:16]}" + (";rport" if self.rport else "")

    def dial(
        self,
        target: TransportAddress,
        uri: str,
        *,
        to: str,
        caller: str,
        body: str,
        listener: Listener,
        late: str = "",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Dialog:
        """
        Call somebody.

        @param to: the To header, without tag.
        @param caller: the From header, without tag.
        @param late: the answer to put into the ACK, if the INVITE goes without offer.
        @param headers: further headers of the INVITE.
        """
        callId = f"{uuid4()}@{self.local.host.replace('.', '-').replace(':', '-')}"
        local = f"{caller};tag={newTag()}"
        invite = SIPMessage("INVITE", uri, body=body)
        invite.headers = [
            ("Via", self.via()),
            ("Max-Forwards", "70"),
            ("To", to),
            ("From", local),
            ("Call-ID", callId),
            ("CSeq", "1 INVITE"),
            ("Contact", self.contact),
            ("User-Agent", self.userAgent),
            *headers,
        ]
        if body:
            invite.headers.append(("Content-Type", "application/sdp"))
        dialog = Dialog(self, listener, invite, target, True, self.contact, callId, local, to, uri)
        dialog.late = late
        self.dialogs[callId, dialog.localTag] = dialog
        dialog.begin()
        return dialog

    def write(
        self,
        target: TransportAddress,
        uri: str,
        caller: str,
        text: str,
        news: Callable[[SIPMessage | None], None],
        contentType: str = "text/plain;charset=utf-8",
    ) -> None:
        """
        Send a text outside of calls (RFC 3428).

        @param caller: the From header, without tag.
        @param news: is told the answers.
        """
        message = SIPMessage("MESSAGE", uri, body=text)
        message.headers = [
            ("Via", self.via()),
            ("Max-Forwards", "70"),
            ("To", f"<{uri}>"),
            ("From", f"{caller};tag={newTag()}"),
            ("Call-ID", str(uuid4())),
            ("CSeq", "1 MESSAGE"),
            ("User-Agent", self.userAgent),
            ("Content-Type", contentType),
        ]
        self.send(message, target, news)

    def send(
        self, request: SIPMessage, target: TransportAddress, news: Callable[[SIPMessage | None], None]
    ) -> ClientTransaction:
        """Start a transaction of our own."""
        done = partial(self._fade, partial(self._clients.pop, request.key, None))
        transaction = ClientTransaction(self.clock, self.transmit, request, target, news, done)
        self._clients[request.key] = transaction
        transaction.start()
        return transaction

    def transmit(self, message: SIPMessage, target: TransportAddress) -> None:
        """Send a message, once."""
        packed = message.pack()
        self._note(True, message, packed)
        self.output(packed, target)

    def received(self, datagram: bytes, source: TransportAddress) -> None:
        """Take in a datagram."""
        if not datagram.strip(b"\r\n\0"):
            return
        try:
            message = SIPMessage.parse(datagram)
        except MalformedError as error:
            self.malformed.append(f"{error} from {source}")
            return
        self._note(False, message, datagram)
        if message.status:
            transaction = self._clients.get(message.key)
            if transaction is not None:
                transaction.received(message)
        else:
            self._requested(message, source)

    def retire(self, dialog: Dialog) -> None:
        """The call is over; what still comes late is answered for a while."""
        self._fade(partial(self.dialogs.pop, (dialog.callId, dialog.localTag), None))

    def close(self) -> None:
        """Stop all timers and forget everything."""
        for client in self._clients.values():
            client.stop()
        for server in self._servers.values():
            server.stop()
        self._clients.clear()
        self._servers.clear()
        self.dialogs.clear()

    def _fade(self, forget: Callable[[], object]) -> None:
        """Forget something when nothing can come for it any more, and now what is so far."""
        now = self.clock.seconds()
        self._fading.append((now + LIFETIME, forget))
        while self._fading and self._fading[0][0] < now:
            self._fading.popleft()[1]()

    def _note(self, outgoing: bool, message: SIPMessage, packed: bytes) -> None:
        """Tell the observer, unless it is the same message once more."""
        if packed in self._seen:
            return
        self._seen[packed] = None
        if len(self._seen) > 1000:
            self._seen.pop(next(iter(self._seen)))
        self.observer(outgoing, message)

    def _requested(self, request: SIPMessage, source: TransportAddress) -> None:
        if request.method == "ACK":
            self._acknowledged(request)
            return
        known = self._servers.get(request.key)
        if known is not None:
            known.repeated()
            return
        dialog = self.dialogs.get((request.get("Call-ID"), NameAddress.parse(request.get("To")).tag))
        abandoned = dialog.abandoned if dialog is not None else lambda: None
        done = partial(self._fade, partial(self._servers.pop, request.key, None))
        server = ServerTransaction(self.clock, self.transmit, request, _replyTo(request, source), abandoned, done)
        self._servers[request.key] = server
        if request.method == "CANCEL":
            self._cancelled(request, server)
        elif dialog is not None:
            dialog.source = source
            dialog.received(request, server)
        elif NameAddress.parse(request.get("To")).tag:
            server.respond(request.response(481, newTag()))
        elif request.method == "INVITE":
            self._invited(request, source, server)
        elif request.method == "MESSAGE":
            server.respond(request.response(self.written(request), newTag()))
        else:
            server.respond(request.response(200 if request.method == "OPTIONS" else 405, newTag()))

    def _invited(self, request: SIPMessage, source: TransportAddress, server: ServerTransaction) -> None:
        callId = request.get("Call-ID")
        local = f"{request.get('To')};tag={newTag()}"
        remote = request.get("From")
        target = NameAddress.parse(request.get("Contact")).uri
        dialog = Dialog(self, NOBODY, request, source, False, self.contact, callId, local, remote, target)
        self.dialogs[callId, dialog.localTag] = dialog
        server.abandoned = dialog.abandoned
        dialog.arrived(server)
        self.arrival(dialog)

    def _acknowledged(self, ack: SIPMessage) -> None:
        refused = self._servers.get((ack.branch, "INVITE"))
        if refused is not None:
            refused.acknowledge()
            return
        dialog = self.dialogs.get((ack.get("Call-ID"), NameAddress.parse(ack.get("To")).tag))
        if dialog is not None:
            dialog.acknowledged(ack)

    def _cancelled(self, request: SIPMessage, server: ServerTransaction) -> None:
        invite = self._servers.get((request.branch, "INVITE"))
        server.respond(request.response(200 if invite is not None else 481, newTag()))
        for dialog in list(self.dialogs.values()):
            if invite is not None and dialog.invite is invite.request:
                dialog.cancelled()


def _replyTo(request: SIPMessage, source: TransportAddress) -> TransportAddress:
    """Where the answers to a request go (RFC 3261 section 18.2.2, RFC 3581 section 4)."""
    via = request.get("Via")
    if "rport" in via.lower():
        return source
    sentBy = addressOf("sip:" + via.partition(";")[0].split()[-1])
    return evolve(source, port=sentBy.port if sentBy is not None else source.port)
