# -*- test-case-name: ichatgw.test.sim.sip.test_phone -*-
"""
One SIP call, from the INVITE to the BYE (RFC 3261 sections 12 to 15), from either side.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from attrs import define, field

from ichatgw.model import TransportAddress
from ichatgw.sim.sip.message import NameAddress, SIPMessage, addressOf
from ichatgw.sim.sip.transactions import ClientTransaction, ServerTransaction

if TYPE_CHECKING:
    from ichatgw.sim.sip.agent import Agent

SDP = "application/sdp"


class State(Enum):
    """How far a call is."""

    CALLING = "not answered yet"
    UP = "answered"
    OVER = "over"


class Listener(Protocol):
    """The owner of a call, which gets its news."""

    def provisional(self, dialog: Dialog, response: SIPMessage) -> None:
        """A 1xx arrived."""

    def answered(self, dialog: Dialog, body: str) -> None:
        """The 2xx arrived, or the ACK to ours; C{body} is what came with it."""

    def ended(self, dialog: Dialog, status: int, why: str) -> None:
        """
        It is over.  Said once.

        @param status: the final status code of a call never answered, 0 after an answered one.
        """

    def requested(self, dialog: Dialog, request: SIPMessage) -> tuple[int, str]:
        """A re-INVITE, UPDATE, INFO or MESSAGE arrived: the status and, for an offer, the answer to give."""


@define(eq=False)
class Dialog:
    """
    @ivar invite: the INVITE that began it.
    @ivar source: where the other side's last message came from.
    @ivar target: where requests go (the Contact of the other side, unless C{pinned}).
    @ivar late: the answer that goes into the ACK, if the INVITE had no offer.
    @ivar pinned: always send to this address, whatever the Contact says.
    """

    agent: Agent
    listener: Listener
    invite: SIPMessage
    source: TransportAddress
    outbound: bool
    contact: str
    callId: str
    local: str
    remote: str
    target: str
    pinned: TransportAddress | None = None
    state: State = field(default=State.CALLING, init=False)
    routes: list[str] = field(factory=list, init=False)
    late: str = field(default="", init=False)
    sequence: int = field(default=0, init=False)
    _client: ClientTransaction | None = field(default=None, init=False)
    _server: ServerTransaction | None = field(default=None, init=False)
    _reoffers: dict[int, ServerTransaction] = field(factory=dict, init=False)
    _ack: SIPMessage | None = field(default=None, init=False)
    _cancelling: bool = field(default=False, init=False)
    _cancelSent: bool = field(default=False, init=False)

    @property
    def localTag(self) -> str:
        return NameAddress.parse(self.local).tag

    @property
    def remoteTag(self) -> str:
        return NameAddress.parse(self.remote).tag

    # The caller's part

    def begin(self) -> None:
        """Send the INVITE."""
        self.sequence = self.invite.sequence
        self._client = self.agent.send(self.invite, self.source, self._invited)

    def cancel(self) -> None:
        """Give up the call before its answer; waits for the first 1xx (RFC 3261 section 9.1)."""
        first = self.state is State.CALLING and not self._cancelSent
        self._cancelling = True
        if first and self._client is not None and self._client.proceeding:
            self._cancelSent = True
            cancel = SIPMessage("CANCEL", self.invite.uri)
            for name, value in self.invite.headers:
                if name in ("Via", "From", "To", "Call-ID", "Max-Forwards", "Route"):
                    cancel.headers.append((name, value))
            cancel.headers.append(("CSeq", f"{self.invite.sequence} CANCEL"))
            self.agent.send(cancel, self.source, lambda response: None)

    def _invited(self, response: SIPMessage | None) -> None:
        if response is None:
            self._end(408, "no answer at all")
        elif response.status < 200:
            if self._cancelling:
                self.cancel()
            self.listener.provisional(self, response)
        elif response.status < 300:
            self._accepted(response)
        else:
            self._end(response.status, f"{response.status} {response.reason}")

    def _accepted(self, response: SIPMessage) -> None:
        if self._ack is not None:
            self.agent.transmit(self._ack, self._nextHop())
            return
        self.remote = response.get("To")
        self.routes = list(reversed(response.all("Record-Route")))
        self.target = NameAddress.parse(response.get("Contact")).uri or self.target
        self._ack = self._request("ACK", self.invite.sequence, self.late)
        self.agent.transmit(self._ack, self._nextHop())
        self.state = State.UP
        if self._cancelling:
            self.bye()
        else:
            self.listener.answered(self, response.body)

    # The callee's part

    def arrived(self, server: ServerTransaction) -> None:
        """The INVITE came in."""
        self._server = server
        self.routes = self.invite.all("Record-Route")

    def ring(self, status: int, body: str = "") -> None:
        """Answer provisionally."""
        if self.state is State.CALLING and self._server is not None:
            self._server.respond(self._response(self.invite, status, body))

    def accept(self, body: str) -> None:
        """Answer with 200."""
        if self.state is State.CALLING and self._server is not None:
            self.state = State.UP
            self._server.respond(self._response(self.invite, 200, body))

    def refuse(self, status: int, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Answer with a final code other than 2xx."""
        if self.state is State.CALLING and self._server is not None:
            response = self._response(self.invite, status, "")
            response.headers.extend(headers)
            self._server.respond(response)
            self._end(status, f"answered {status}")

    def acknowledged(self, ack: SIPMessage) -> None:
        """The ACK to a 200 of ours came."""
        again = self._reoffers.pop(ack.sequence, None)
        if again is not None:
            again.acknowledge()
        if self._server is not None and not self._server.acknowledged:
            self._server.acknowledge()
            self.listener.answered(self, ack.body)

    def cancelled(self) -> None:
        """A CANCEL came; it counts only before the answer."""
        if self.state is State.CALLING and self._server is not None:
            self._server.respond(self._response(self.invite, 487, ""))
            self._end(487, "cancelled by the caller")

    def abandoned(self) -> None:
        """Nobody acknowledged our final answer."""
        if self.state is State.UP:
            self.bye("no ACK came")

    # Both

    def bye(self, why: str = "we hung up") -> None:
        """End an answered call."""
        if self.state is State.UP:
            self.agent.send(self._next("BYE"), self._nextHop(), lambda response: None)
            self._end(0, why)

    def request(
        self,
        method: str,
        body: str,
        kind: str,
        news: Callable[[SIPMessage | None], None] = lambda response: None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Send a request within the call: MESSAGE, INFO, REFER, or INVITE for a new offer."""
        request = self._next(method, body, kind)
        request.headers.extend(headers)

        def heard(response: SIPMessage | None) -> None:
            if method == "INVITE" and response is not None and 200 <= response.status < 300:
                self.agent.transmit(self._request("ACK", request.sequence), self._nextHop())
            news(response)

        self.agent.send(request, self._nextHop(), heard)

    def received(self, request: SIPMessage, server: ServerTransaction) -> None:
        """A request within the call came."""
        if request.method == "BYE":
            server.respond(request.response(200))
            self._end(0, "they hung up")
        elif self.state is not State.UP:
            server.respond(request.response(481))
        else:
            if request.method == "INVITE":
                self._reoffers[request.sequence] = server
            status, body = self.listener.requested(self, request)
            server.respond(self._response(request, status, body))

    def _end(self, status: int, why: str) -> None:
        if self.state is not State.OVER:
            self.state = State.OVER
            self.agent.retire(self)
            self.listener.ended(self, status, why)

    def _nextHop(self) -> TransportAddress:
        """An IP literal in the route or the Contact, or else where the other side was last seen."""
        if self.pinned is not None:
            return self.pinned
        first = NameAddress.parse(self.routes[0]).uri if self.routes else self.target
        return addressOf(first) or self.source

    def _next(self, method: str, body: str = "", kind: str = SDP) -> SIPMessage:
        self.sequence += 1
        return self._request(method, self.sequence, body, kind)

    def _request(self, method: str, sequence: int, body: str = "", kind: str = SDP) -> SIPMessage:
        request = SIPMessage(method, self.target, body=body)
        request.headers = [
            ("Via", self.agent.via()),
            ("Max-Forwards", "70"),
            ("To", self.remote),
            ("From", self.local),
            ("Call-ID", self.callId),
            ("CSeq", f"{sequence} {method}"),
            ("Contact", self.contact),
            ("User-Agent", self.agent.userAgent),
        ]
        request.headers.extend(("Route", route) for route in self.routes)
        if body:
            request.headers.append(("Content-Type", kind))
        return request

    def _response(self, request: SIPMessage, status: int, body: str) -> SIPMessage:
        response = request.response(status, "" if status == 100 else self.localTag)
        response.headers.append(("User-Agent", self.agent.userAgent))
        if 100 < status < 300:
            response.headers.append(("Contact", self.contact))
        if body:
            response.headers.append(("Content-Type", SDP))
            response.body = body
        return response


class _Nobody:
    """The listener of a dialog until somebody takes it."""

    def provisional(self, dialog: Dialog, response: SIPMessage) -> None:
        """Cannot happen to an arriving call."""

    def answered(self, dialog: Dialog, body: str) -> None:
        """Nobody answered."""

    def ended(self, dialog: Dialog, status: int, why: str) -> None:
        """Nothing to end."""

    def requested(self, dialog: Dialog, request: SIPMessage) -> tuple[int, str]:
        return 500, ""


NOBODY = _Nobody()


def newTag() -> str:
    """A tag as a Viceroy writes it: a decimal number."""
    return str(uuid4().int % 10**9)
