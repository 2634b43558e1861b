# -*- test-case-name: ichatgw.test.sim.sip.test_phone -*-
"""
A SIP phone: it places and answers calls, says one tone and listens for another.
"""

from __future__ import annotations

from urllib.parse import quote

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from ichatgw.errors import MalformedError
from ichatgw.model import TransportAddress
from ichatgw.sim.media.media import PCMA, Media
from ichatgw.sim.media.sockets import ISimReactor, Socket, listen, listenPair
from ichatgw.sim.media.tone import ToneDetector, ToneSource
from ichatgw.sim.moment import OneShot
from ichatgw.sim.sip.agent import Agent, Observer
from ichatgw.sim.sip.dialog import Dialog, State
from ichatgw.sim.sip.message import NameAddress, SIPMessage, addressOf
from ichatgw.sim.sip.sdp import KEY_TYPE, Description, phoneDescription

USER_AGENT = "ichatgw-sim-phone"

_ANSWERS = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
"""The direction of an answer to an offer with that direction (RFC 3264 section 6.1)."""


@frozen
class Answering:
    """
    What a phone does when it is called.

    @ivar ring: the provisional answer, 180 or 183 (with early media), 0 for none.
    @ivar delay: seconds from then to the final answer; C{None} rings until the caller gives up.
    @ivar code: the final answer; 0 says nothing whatever, not even that the INVITE arrived.
    @ivar contact: where a 302 leads.
    """

    ring: int = 180
    delay: float | None = 0.2
    code: int = 200
    contact: str = ""


@define(eq=False)
class PhoneCall:
    """
    One call of a phone.

    @ivar status: the final SIP status of a call that was not answered, 0 before and for others.
    @ivar why: how it ended, in words.
    @ivar requests: the methods of what arrived within the call.
    @ivar directions: what the offers among them said.
    @ivar bodies: what came in each INFO.
    @ivar progress: what came in each NOTIFY: the status line of how far a referral is.
    @ivar provisionals: the statuses that came before the final one.
    @ivar shown: who is at the other end, as the last P-Asserted-Identity says it.
    """

    phone: Phone
    media: Media
    inbound: bool
    status: int = field(default=0, init=False)
    why: str = field(default="", init=False)
    requests: list[str] = field(factory=list, init=False)
    directions: list[str] = field(factory=list, init=False)
    bodies: list[str] = field(factory=list, init=False)
    progress: list[str] = field(factory=list, init=False)
    provisionals: list[int] = field(factory=list, init=False)
    shown: str = field(default="", init=False)
    dialog: Dialog = field(init=False)
    _sockets: tuple[Socket, ...] = field(default=(), init=False)
    _version: int = field(default=1, init=False)
    _ringing: OneShot[int] = field(factory=OneShot, init=False)
    _answered: OneShot[PhoneCall] = field(factory=OneShot, init=False)
    _ended: OneShot[PhoneCall] = field(factory=OneShot, init=False)
    _pickup: IDelayedCall | None = field(default=None, init=False)
    _referred: OneShot[int] = field(factory=OneShot, init=False)

    @property
    def over(self) -> bool:
        return self._ended.happened

    def whenRinging(self) -> Deferred[int]:
        """Fires with the code of the first 18x; fails if the call ends without one."""
        return self._ringing.when()

    def whenAnswered(self) -> Deferred[PhoneCall]:
        """Fires when the call is up; fails if it ends before."""
        return self._answered.when()

    def whenEnded(self) -> Deferred[PhoneCall]:
        """Fires when the call is over, no matter who ended it."""
        return self._ended.when()

    def hangup(self) -> None:
        """End the call, in whatever state it is."""
        if self.dialog.state is State.UP:
            self.dialog.bye()
        elif self.inbound:
            self.dialog.refuse(603)
        else:
            self.dialog.cancel()

    def hold(self, direction: str = "sendonly") -> None:
        """Put the far end on hold (with C{sendrecv}: take it off) by a new offer."""
        self._version += 1
        self.media.muted = direction in ("inactive", "recvonly")
        self.dialog.request("INVITE", self._describe(direction), "application/sdp")

    def introduce(self, identity: str) -> None:
        """Say who is at our end now, by UPDATE (RFC 3311, RFC 3325)."""
        self.dialog.request("UPDATE", "", "", headers=(("P-Asserted-Identity", identity),))

    def pressBySignal(self, key: str, milliseconds: int = 160) -> None:
        """Press a key, and say so by INFO."""
        body = f"Signal={key}\r\nDuration={milliseconds}\r\n"
        self.dialog.request("INFO", body, "application/dtmf-relay")

    @property
    def name(self) -> str:
        """The name of its dialog, as Replaces tells it to the far end (RFC 3891)."""
        return f"{self.dialog.callId};to-tag={self.dialog.remoteTag};from-tag={self.dialog.localTag}"

    def refer(self, uri: str, other: PhoneCall | None = None) -> None:
        """
        Let the far end be connected to C{uri} (RFC 3515).

        @param other: the call with the other party, which the new one is to replace.
        """
        self._referred = OneShot()
        target = f"{uri}?Replaces={quote(other.name, safe='')}" if other is not None else uri
        self.dialog.request(
            "REFER",
            "",
            "",
            self._answeredReferral,
            (("Refer-To", f"<{target}>"), ("Referred-By", f"<{self.phone.uri}>")),
        )

    def whenReferred(self) -> Deferred[int]:
        """Fires with the final status of the last referral, which may be that of the REFER; fails if none comes."""
        return self._referred.when()

    def _answeredReferral(self, response: SIPMessage | None) -> None:
        status = 408 if response is None else response.status
        if status >= 300:
            self._referred.come(status)

    def _notified(self, request: SIPMessage) -> None:
        line = request.body.partition("\r\n")[0]
        self.progress.append(line.partition(" ")[2])
        if request.get("Subscription-State").startswith("terminated"):
            self._referred.come(int(line.split(" ")[1]))

    def open(self) -> str:
        """Bind the media ports and describe them."""
        pair = listenPair(self.phone.reactor, self.phone.host, self._packet, self._packet)
        self._sockets = pair
        self.media.send, self.media.sendControl = pair[0].send, pair[1].send
        return self._describe()

    def pickUp(self, answering: Answering) -> None:
        """Act as told."""
        if not answering.code:
            return
        self.dialog.ring(100)
        early = answering.ring == 183
        if answering.ring:
            self.dialog.ring(answering.ring, self._reply() if early else "")
        if answering.delay is not None:
            self._pickup = self.phone.reactor.callLater(answering.delay, self._decide, answering)

    # Listener

    def provisional(self, dialog: Dialog, response: SIPMessage) -> None:
        if response.status > 100:
            self.shown = response.get("P-Asserted-Identity")
            self.provisionals.append(response.status)
            self._ringing.come(response.status)
        if response.body:
            self._connect(response.body)

    def answered(self, dialog: Dialog, body: str) -> None:
        if body:
            self._connect(body)
        self._answered.come(self)

    def ended(self, dialog: Dialog, status: int, why: str) -> None:
        self.status, self.why = status, why
        self.close()

    def requested(self, dialog: Dialog, request: SIPMessage) -> tuple[int, str]:
        self.requests.append(request.method)
        if request.method == "NOTIFY":
            self._notified(request)
        if request.method == "INFO":
            self.bodies.append(request.body)
        if request.method not in ("INVITE", "UPDATE"):
            return 200, ""
        self.shown = request.get("P-Asserted-Identity") or self.shown
        if request.method == "UPDATE" and not request.body:
            return 200, ""  # it offers nothing (RFC 3311 section 5.1)
        self._version += 1
        if not request.body:
            return 200, self._describe()
        self._connect(request.body)
        self.directions.append(Description.parse(request.body).direction)
        return 200, self._describe(_ANSWERS[self.directions[-1]])

    def close(self) -> None:
        """Give everything back."""
        if self._pickup is not None and self._pickup.active():
            self._pickup.cancel()
        self.media.stop()
        for socket in self._sockets:
            socket.close()
        self._ringing.miss(self.why)
        self._answered.miss(self.why)
        self._referred.miss(self.why)
        self._ended.come(self)

    def _decide(self, answering: Answering) -> None:
        if answering.code == 200:
            self.dialog.accept(self._reply())
        else:
            headers = (("Contact", f"<{answering.contact}>"),) if answering.contact else ()
            self.dialog.refuse(answering.code, headers)

    def _reply(self) -> str:
        body = self._describe() if self._sockets else self.open()
        if self.dialog.invite.body:
            self._connect(self.dialog.invite.body)
        return body

    def _describe(self, direction: str = "sendrecv") -> str:
        return phoneDescription(self._sockets[0].address, version=self._version, direction=direction)

    def _connect(self, body: str) -> None:
        try:
            description = Description.parse(body)
            if not (self.phone.symmetric and self.media.received):
                self.media.start(description.address, description.control)
            self.media.heardEventType = KEY_TYPE
            self.media.eventType = description.eventType
        except (MalformedError, ValueError) as error:
            self.phone.faults.append(f"session description: {error}")

    def _packet(self, datagram: bytes, source: TransportAddress) -> None:
        before = self.media.received
        self.media.datagramReceived(datagram)
        if self.phone.symmetric and self.media.running and self.media.received > before:
            self.media.start(source, TransportAddress(source.host, source.port + 1))


@define(eq=False)
class Phone:
    """
    @ivar host: the address to bind and to name, an IP literal.
    @ivar say: the frequency to send, in Hz; C{None} for silence.
    @ivar listenFor: the frequency to listen for.
    @ivar user: the user part of its own address.
    @ivar domain: the host part of its own address; empty for its own IP address.
    @ivar proxy: send calls here rather than where their URI leads.
    @ivar symmetric: send media to where it comes from, as providers do for those behind a NAT.
    @ivar texts: what was written to it outside of calls: by whom, and what; C{takesTexts}: the status of its answer.
    @ivar calls: all calls, the oldest first; C{faults} is what was wrong with what others sent.
    """

    reactor: ISimReactor
    host: str = "127.0.0.1"
    port: int = 0
    answering: Answering = field(factory=Answering)
    say: int | None = 440
    listenFor: int = 440
    user: str = "phone"
    domain: str = ""
    display: str = ""
    proxy: TransportAddress | None = None
    symmetric: bool = False
    observer: Observer = lambda outgoing, message: None
    calls: list[PhoneCall] = field(factory=list, init=False)
    faults: list[str] = field(factory=list, init=False)
    texts: list[tuple[str, str]] = field(factory=list, init=False)
    takesTexts: int = field(default=200, init=False)
    agent: Agent = field(init=False)
    _socket: Socket = field(init=False)
    _arrivals: list[Deferred[PhoneCall]] = field(factory=list, init=False)

    @property
    def address(self) -> TransportAddress:
        """Where it listens for SIP."""
        return self._socket.address

    @property
    def uri(self) -> str:
        """Its own address."""
        return f"sip:{self.user}@{self.domain or self.address}"

    def start(self) -> None:
        """Listen."""
        self._socket = listen(self.reactor, self.host, self.port, self._received)
        contact = f"<sip:{self.user}@{self.address}>"
        self.agent = Agent(
            self.reactor, self.address, self._socket.send, USER_AGENT, contact, self._arrived, self.observer
        )
        self.agent.written = self._written

    def stop(self) -> None:
        """Drop everything without a word."""
        for call in self.calls:
            call.close()
        self.agent.close()
        self._socket.close()

    def call(self, uri: str, *, offerless: bool = False, replaces: str = "") -> PhoneCall:
        """
        Place a call.

        @param offerless: leave the offer to the other side.
        @param replaces: the name of a dialog of the other side, whose place is wanted.
        @raise ValueError: if the URI names no IP literal and there is no proxy.
        """
        target = self.proxy or addressOf(uri)
        if target is None:
            raise ValueError(f"{uri} does not lead to an IP address; name a proxy")
        call = self._newCall(inbound=False)
        body = call.open()
        display = f'"{self.display}" ' if self.display else ""
        call.dialog = self.agent.dial(
            target,
            uri,
            to=f"<{uri}>",
            caller=f"{display}<{self.uri}>",
            body="" if offerless else body,
            listener=call,
            late=body if offerless else "",
            headers=(("Replaces", replaces),) if replaces else (),
        )
        return call

    def write(self, uri: str, text: str, contentType: str = "text/plain;charset=utf-8") -> Deferred[int]:
        """
        Send a text; fires with the status of the answer, 0 if there is none.

        @raise ValueError: as C{call}.
        """
        target = self.proxy or addressOf(uri)
        if target is None:
            raise ValueError(f"{uri} does not lead to an IP address; name a proxy")
        answered: Deferred[int] = Deferred()

        def heard(response: SIPMessage | None) -> None:
            status = 0 if response is None else response.status
            if not 0 < status < 200 and not answered.called:
                answered.callback(status)

        display = f'"{self.display}" ' if self.display else ""
        self.agent.write(target, uri, f"{display}<{self.uri}>", text, heard, contentType)
        return answered

    def _written(self, request: SIPMessage) -> int:
        self.texts.append((NameAddress.parse(request.get("From")).uri, request.body))
        return self.takesTexts

    def whenCalled(self) -> Deferred[PhoneCall]:
        """Fires with the next call that arrives."""
        waiter: Deferred[PhoneCall] = Deferred()
        self._arrivals.append(waiter)
        return waiter

    def _newCall(self, inbound: bool) -> PhoneCall:
        source = ToneSource(self.say) if self.say is not None else None
        media = Media(self.reactor, _nowhere, _nowhere, source, ToneDetector(self.listenFor), alsoTaken=(PCMA,))
        call = PhoneCall(self, media, inbound)
        self.calls.append(call)
        return call

    def _received(self, datagram: bytes, source: TransportAddress) -> None:
        self.agent.received(datagram, source)

    def _arrived(self, dialog: Dialog) -> None:
        call = self._newCall(inbound=True)
        call.dialog = dialog
        dialog.listener = call
        call.pickUp(self.answering)
        waiting, self._arrivals = self._arrivals, []
        for waiter in waiting:
            waiter.callback(call)


def _nowhere(datagram: bytes, target: TransportAddress) -> None:
    """Media before its sockets are open."""
