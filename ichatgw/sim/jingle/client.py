# -*- test-case-name: ichatgw.test.sim.jingle.test_client -*-
"""
One login of a Jingle client: XMPP on a link that others provide, and sockets for the media of each call.

Its media is the gateway's own code, so it judges signalling and how the parts fit, and not ICE, DTLS or SRTP
themselves.  It complains of whatever a gateway does that a real client might not have understood.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.words.xish.domish import Element

from ichatgw.errors import MalformedError
from ichatgw.media.dtls.dtls import Identity
from ichatgw.model import TransportDescription
from ichatgw.sim.ichat.ichat import Link
from ichatgw.sim.ichat.profile import LEOPARD
from ichatgw.sim.jingle.account import JingleAccount
from ichatgw.sim.jingle.call import JingleCall
from ichatgw.sim.jingle.callee import IncomingJingleCall, JingleTaking
from ichatgw.sim.jingle.caller import OutgoingJingleCall
from ichatgw.sim.jingle.endpoint import Endpoint, ICEEndpoint, RawEndpoint
from ichatgw.sim.jingle.profile import STANZA, ClientProfile
from ichatgw.sim.jingle.xml import HINTS, JINGLE, JINGLE_ERRORS, MESSAGE, RAW_UDP, RTP, WORDS
from ichatgw.sim.media.media import Media
from ichatgw.sim.media.sockets import ISimReactor
from ichatgw.sim.media.tone import ToneDetector, ToneSource
from ichatgw.sim.xmpp import xml


@define(eq=False)
class JinglePhone:
    """
    @ivar jid: the full JID.
    @ivar host: the address to bind and to name, an IP literal.
    @ivar clientProfile: what kind of client to be.
    @ivar taking: what to do when called.
    @ivar say: the frequency to send, in Hz; C{None} for silence.
    @ivar listenFor: the frequency to listen for.
    @ivar calls: all calls, the oldest first.
    @ivar complaints: what the gateway did that it should not have done.
    """

    reactor: ISimReactor
    jid: str
    host: str = "127.0.0.1"
    clientProfile: ClientProfile = STANZA
    taking: JingleTaking = field(factory=JingleTaking)
    say: int | None = 650
    listenFor: int = 440
    calls: list[JingleCall] = field(factory=list, init=False)
    complaints: list[str] = field(factory=list, init=False)
    account: JingleAccount = field(init=False)
    identity: Identity = field(factory=Identity, init=False, repr=False)
    _link: Link | None = field(default=None, init=False)
    _arrivals: list[Deferred[IncomingJingleCall]] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self.account = JingleAccount(self.jid, LEOPARD, self.send, self.complain, clientProfile=self.clientProfile)

    def connected(self, link: Link, jid: str = "") -> None:
        """
        The server took the login.

        @param jid: the full JID that it gave, if not the one asked for.
        """
        self._link = link
        self.jid = self.account.jid = jid or self.jid
        self.account.login()

    def start(self) -> None:
        """Each call has sockets of its own: there is nothing to listen on before."""

    def stop(self) -> None:
        """Drop everything without a word."""
        self._link = None
        for call in self.calls:
            call.finish("stopped")

    def call(self, jid: str, kinds: tuple[str, ...] = ("audio",)) -> OutgoingJingleCall:
        """
        Call a contact.

        @param jid: bare; who calls by a session must have seen the contact's presence (C{account.whenCallable}), or
            give a full address.
        """
        call = OutgoingJingleCall(self, jid, str(uuid4()), self._newMedia(), True, kinds)
        self.calls.append(call)
        call.begin()
        return call

    def whenCalled(self) -> Deferred[IncomingJingleCall]:
        """Fires with the next call that arrives."""
        waiter: Deferred[IncomingJingleCall] = Deferred()
        self._arrivals.append(waiter)
        return waiter

    def complain(self, what: str) -> None:
        """Write down a fault of the gateway's."""
        self.complaints.append(what)

    def isStrictTo(self, peer: str) -> bool:
        """Is it a gateway's address, of which more is wanted than of other clients?"""
        return xml.domainOf(peer) != xml.domainOf(self.jid)

    def send(self, stanza: Element) -> None:
        """Send a stanza, unless the link is gone."""
        if self._link is not None:
            self._link.send(stanza)

    def word(self, message: Element, word: str, sid: str) -> Element:
        """Put a word of XEP-0353 into a message."""
        said = xml.add(message, word, MESSAGE, id=sid)
        xml.add(message, "store", HINTS)
        return said

    def newEndpoint(self, call: JingleCall, offered: TransportDescription | None) -> Endpoint:
        """The near end of a call's media."""
        if self.clientProfile.transport == RAW_UDP:
            return RawEndpoint(self.reactor, self.host, call)
        return ICEEndpoint(self.reactor, self.host, self.identity, self.clientProfile.protection, call, offered)

    def received(self, stanza: Element) -> None:
        """Take in a stanza."""
        if stanza.name == "iq" and xml.get(stanza, "type") == "set":
            jingle = xml.child(stanza, "jingle", JINGLE)
            if jingle is not None:
                self._asked(stanza, jingle)
                return
        elif stanza.name == "message":
            said = next((each for each in xml.children(stanza) if each.uri == MESSAGE and each.name in WORDS), None)
            if said is not None:
                self._told(stanza, said)
                return
            if xml.get(stanza, "type") == "error":
                self._bounced(stanza)
                return
        self.account.received(stanza)

    # Messages

    def _told(self, message: Element, said: Element) -> None:
        sender, sid = xml.get(message, "from"), xml.get(said, "id")
        if xml.get(message, "type") == "error":
            self._bounced(message)
        elif xml.bare(sender) == xml.bare(self.jid):
            self._toldByOther(sender, said.name, sid)
        elif said.name == "propose":
            self._proposed(message, said, sid)
        else:
            for call in self._living(sid):
                if xml.bare(call.peer) == xml.bare(sender):
                    call.told(said.name, message, said)

    def _toldByOther(self, sender: str, word: str, sid: str) -> None:
        """Another client of our own user takes a call, or turns it away."""
        for call in self._living(sid):
            if isinstance(call, IncomingJingleCall) and sender != self.jid and word in ("accept", "reject"):
                call.toldByOther(word)

    def _proposed(self, message: Element, said: Element, sid: str) -> None:
        sender = xml.get(message, "from")
        kinds = [xml.get(each, "media") for each in xml.children(said) if each.uri == RTP]
        if not self.clientProfile.messages:
            return
        if not xml.resourceOf(sender) or kinds != ["audio"]:
            self.complain(f"a proposal of {kinds} from {sender}")
        if sender.lower() not in self.account.presences:
            self.complain(f"a proposal from {sender}, whose presence did not come before")
        self._announce(self._arrived(sender, sid, isProposed=True))

    def _arrived(self, peer: str, sid: str, isProposed: bool) -> IncomingJingleCall:
        call = IncomingJingleCall(self, peer, sid, self._newMedia(), False, taking=self.taking, isProposed=isProposed)
        if any(each.sid == sid for each in self.calls):
            self.complain(f"the session id {sid} comes again")
        self.calls.append(call)
        return call

    def _announce(self, call: IncomingJingleCall) -> None:
        """Begin, and tell who waits for it."""
        call.begin()
        waiting, self._arrivals = self._arrivals, []
        for waiter in waiting:
            waiter.callback(call)

    def _bounced(self, message: Element) -> None:
        """A message comes back; a proposal that stands in it again is taken for a new one by some (Siskin, Movim)."""
        sender, error = xml.get(message, "from"), xml.child(message, "error")
        if self.isStrictTo(sender) and any(each.uri == MESSAGE for each in xml.children(message)):
            self.complain(f"an error of {sender} repeats the proposal")
        condition = next((each.name for each in xml.children(error) if each.name != "text"), "") if error else ""
        for call in self._living(xml.get(message, "id").removeprefix("jm-propose-")):
            if isinstance(call, OutgoingJingleCall) and call.proposed and self.clientProfile.heedsErrors:
                call.bounced(condition)

    # Sessions

    def _asked(self, iq: Element, jingle: Element) -> None:
        peer, sid, action = xml.get(iq, "from"), xml.get(jingle, "sid"), xml.get(jingle, "action")
        call = next((each for each in self._living(sid) if each.peer == peer), None)
        try:
            if action == "session-initiate" and (call is None or not call.hasSession):
                refusal = self._initiated(iq, jingle, call)
            elif call is None or not call.hasSession:
                refusal = "item-not-found", "unknown-session"
            else:
                refusal = call.objection(action, jingle)
                if refusal is None:
                    self.send(xml.resultFor(iq))
                    call.asked(action, jingle)
        except MalformedError as error:
            self.complain(f"{action}: {error}")
            return
        if refusal is not None:
            self._refuse(iq, *refusal)

    def _initiated(self, iq: Element, jingle: Element, call: JingleCall | None) -> tuple[str, str] | None:
        """A session for the call that waits for it, or a new call."""
        peer, sid = xml.get(iq, "from"), xml.get(jingle, "sid")
        if call is None and not self.clientProfile.sessions:
            return "service-unavailable", ""
        if call is not None and not (isinstance(call, IncomingJingleCall) and call.awaitsSession):
            return "unexpected-request", "out-of-order"
        self.send(xml.resultFor(iq))
        isNew = call is None
        incoming = call if isinstance(call, IncomingJingleCall) else self._arrived(peer, sid, isProposed=False)
        try:
            incoming.initiated(jingle)
        except MalformedError as error:
            incoming.terminate("unsupported-applications", str(error)[:120])
            incoming.finish("unsupported")
            return None
        if isNew:
            self._announce(incoming)
        return None

    def _refuse(self, iq: Element, condition: str, detail: str) -> None:
        answer = xml.errorFor(iq, condition)
        error = xml.child(answer, "error")
        if detail and error is not None:
            xml.add(error, detail, JINGLE_ERRORS)
        self.send(answer)

    def _living(self, sid: str) -> Sequence[JingleCall]:
        return [call for call in self.calls if call.sid == sid and not call.over]

    def _newMedia(self) -> Media:
        source = ToneSource(self.say) if self.say is not None else None
        return Media(self.reactor, _nowhere, _nowhere, source, ToneDetector(self.listenFor))


def _nowhere(datagram: bytes, target: object) -> None:
    """Media before its sockets are open."""
