# -*- test-case-name: ichatgw.test.sim.ichat.test_ichat -*-
"""
One login of an iChat: XMPP on a link that others provide, and one UDP socket for SIP, RTP, RTCP and STUN.

It behaves as the iChat of Mac OS X 10.5 and 10.6 did towards a contact that shows no C{ice} among its features,
and it complains of whatever a gateway does that an iChat might not have understood.
"""

from __future__ import annotations

from typing import Protocol

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.words.xish.domish import Element

from ichatgw.errors import MalformedError
from ichatgw.model import TransportAddress
from ichatgw.sim.ichat.account import Account
from ichatgw.sim.ichat.blob import decodeRecords
from ichatgw.sim.ichat.call import IChatCall
from ichatgw.sim.ichat.callee import IncomingCall
from ichatgw.sim.ichat.caller import OutgoingCall
from ichatgw.sim.ichat.profile import (
    CANCEL,
    COUNTER_PROPOSAL,
    LEOPARD,
    REQUEST,
    RESPONSE,
    Calling,
    Profile,
    Quirks,
    Taking,
    addressRecords,
)
from ichatgw.sim.media.media import Media
from ichatgw.sim.media.sockets import ISimReactor, Socket, listen, listenNear
from ichatgw.sim.media.tone import ToneDetector, ToneSource
from ichatgw.sim.sip.agent import Agent, Observer
from ichatgw.sim.sip.dialog import Dialog
from ichatgw.sim.xmpp import xml

HIGHEST_PORT = 16402
LOWEST_PORT = 16393
FOREIGN_CALLER = 603
"""How a Viceroy answers a SIP phone that calls it out of the blue."""


class Link(Protocol):
    """The way to the XMPP server."""

    def send(self, stanza: Element) -> None:
        """Give it a stanza."""


@define(eq=False)
class IChat:
    """
    @ivar jid: the full JID.
    @ivar host: the address to bind and to name, an IP literal.
    @ivar port: 0 for any, C{None} for those that an iChat takes.
    @ivar taking: what to do when called; C{calling}: how to call.
    @ivar say: the frequency to send, in Hz; C{None} for silence.
    @ivar listenFor: the frequency to listen for.
    @ivar strict: complain of what a gateway does wrong, and take an INVITE only from an address in the request.
    @ivar lose: how many of the next INVITEs of ours get lost on the way.
    @ivar calls: all calls, the oldest first.
    @ivar complaints: what the gateway did that it should not have done.
    @ivar greeted: whether presence from the gateway's control address has come.
    @ivar stun: how many STUN messages came.
    """

    reactor: ISimReactor
    jid: str
    host: str = "127.0.0.1"
    port: int | None = 0
    profile: Profile = LEOPARD
    quirks: Quirks = field(factory=Quirks)
    taking: Taking = field(factory=Taking)
    calling: Calling = field(factory=Calling)
    say: int | None = 550
    listenFor: int = 440
    observer: Observer = lambda outgoing, message: None
    strict: bool = True
    lose: int = 0
    calls: list[IChatCall] = field(factory=list, init=False)
    complaints: list[str] = field(factory=list, init=False)
    greeted: bool = field(default=False, init=False)
    stun: int = field(default=0, init=False)
    account: Account = field(init=False)
    agent: Agent = field(init=False)
    _socket: Socket = field(init=False)
    _link: Link | None = field(default=None, init=False)
    _media: dict[TransportAddress, Media] = field(factory=dict, init=False)
    _kept: list[tuple[Agent, Socket]] = field(factory=list, init=False)
    _arrivals: list[Deferred[IncomingCall]] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self.account = Account(self.jid, self.profile, self.send, self.complain)

    @property
    def address(self) -> TransportAddress:
        """Where it listens for everything."""
        return self._socket.address

    def start(self) -> None:
        """Open the socket."""
        if self.port is None:
            self._socket = listenNear(self.reactor, self.host, HIGHEST_PORT, LOWEST_PORT, self._datagram)
        else:
            self._socket = listen(self.reactor, self.host, self.port, self._datagram)
        contact = self.quirks.contact or f"sip:user@{self.address}"
        self.agent = Agent(
            self.reactor,
            self.address,
            self._output,
            self.profile.userAgent,
            f"<{contact}>;isfocus",
            self._invited,
            self.observer,
            rport=False,
        )

    def connected(self, link: Link, jid: str = "") -> None:
        """
        The server took the login.

        @param jid: the full JID that it gave, if not the one asked for.
        """
        self._link = link
        self.jid = self.account.jid = jid or self.jid
        self.account.login()

    def stop(self) -> None:
        """Drop everything without a word."""
        self._link = None
        for call in self.calls:
            call.finish("stopped")
        self.agent.close()
        self._socket.close()
        for agent, socket in self._kept:
            agent.close()
            socket.close()

    def call(self, jid: str) -> OutgoingCall:
        """Call a contact."""
        call = OutgoingCall(self, jid, self._newMedia(), calling=self.calling)
        self.calls.append(call)
        call.begin()
        return call

    def intrude(self, jid: str, target: TransportAddress) -> OutgoingCall:
        """Send an INVITE for a call to a contact that nobody was asked for."""
        call = OutgoingCall(self, jid, self._newMedia(), calling=self.calling)
        self.calls.append(call)
        call.invite(target)
        return call

    def whenCalled(self) -> Deferred[IncomingCall]:
        """Fires with the next call that arrives."""
        waiter: Deferred[IncomingCall] = Deferred()
        self._arrivals.append(waiter)
        return waiter

    def complain(self, what: str) -> None:
        """Write down a fault of the gateway's."""
        if self.strict:
            self.complaints.append(what)

    def answerUnasked(self, peer: str) -> None:
        """Accept a call that nobody placed to this resource."""
        iq = xml.element("iq", type="set", to=peer, from_=self.jid, id=self.account.newId())
        query = xml.add(iq, "query", RESPONSE)
        values = ("response", "0"), ("connectData", addressRecords(self.address, self.quirks)), ("responseData", "1")
        for name, value in (*values, ("VCProtocolVersion", "1")):
            xml.add(query, name, text=value)
        self.send(iq)

    def send(self, stanza: Element) -> None:
        """Send a stanza, unless the link is gone."""
        if self._link is not None:
            self._link.send(stanza)

    def received(self, stanza: Element) -> None:
        """Take in a stanza."""
        query = xml.child(stanza, "query")
        namespace = str(query.uri) if query is not None else ""
        kind = xml.get(stanza, "type")
        if stanza.name == "iq" and query is not None and kind == "set" and namespace.startswith("apple:iq:vc:"):
            self._signalled(stanza, query, namespace)
            return
        if stanza.name == "iq" and kind == "error":
            for call in self._outgoing(""):
                if xml.get(stanza, "id") in call.requests:
                    call.errored()
        elif stanza.name == "presence" and not kind and xml.get(stanza, "to") == self.jid:
            self.greeted = self.greeted or xml.child(stanza, "c", xml.CAPS) is None
        self.account.received(stanza)

    def callOver(self, call: IChatCall) -> None:
        """A call of ours has ended."""
        self._media = {address: media for address, media in self._media.items() if media is not call.media}
        if self.account.busy and not any(each.media.running for each in self.calls):
            self.account.announce(busy=False)

    def expectMedia(self, call: IChatCall, *addresses: TransportAddress) -> None:
        """Packets from there belong to this call."""
        for address in addresses:
            self._media[address] = call.media

    def keep(self, agent: Agent, socket: Socket) -> None:
        """Close these too in the end."""
        self._kept.append((agent, socket))

    def _newMedia(self) -> Media:
        source = ToneSource(self.say) if self.say is not None else None
        primed = ":" in self.host
        return Media(
            self.reactor, self._socket.send, self._socket.send, source, ToneDetector(self.listenFor), primed=primed
        )

    def _output(self, datagram: bytes, target: TransportAddress) -> None:
        """Send SIP, unless it is to get lost."""
        if self.lose and datagram.startswith(b"INVITE "):
            self.lose -= 1
        else:
            self._socket.send(datagram, target)

    def _datagram(self, datagram: bytes, source: TransportAddress) -> None:
        """Tell apart what shares the socket (RFC 7983)."""
        first = datagram[0] if datagram else 0xFF
        if first >= 0x80:
            media = self._media.get(source)
            if media is not None:
                media.datagramReceived(datagram)
        elif first < 2:
            self.stun += 1
        else:
            self.agent.received(datagram, source)

    def _invited(self, dialog: Dialog) -> None:
        """An INVITE: for the call that waits for it, or from a stranger."""
        waiting = [call for call in self.calls if isinstance(call, IncomingCall) and call.waiting]
        for call in waiting:
            if not self.strict or dialog.source in [record.address for record in call.offered]:
                call.invited(dialog)
                return
        self.complain(f"an INVITE from {dialog.source} that belongs to no call")
        dialog.refuse(FOREIGN_CALLER)

    def _outgoing(self, peer: str) -> list[OutgoingCall]:
        """The outgoing calls that wait for a word; with C{peer}, those to that contact."""
        calls = [call for call in self.calls if isinstance(call, OutgoingCall) and not call.over]
        return [call for call in calls if not peer or xml.bare(call.peer) == peer]

    def _signalled(self, iq: Element, query: Element, namespace: str) -> None:
        """One of the vc stanzas."""
        if self.quirks.reply:
            self.send(xml.resultFor(iq))
        peer = xml.get(iq, "from")
        if namespace == REQUEST:
            self._requested(iq, peer)
        elif namespace == RESPONSE:
            calls = self._outgoing(xml.bare(peer))
            if not calls:
                self.complain(f"a vc:response from {peer}, whom nobody called")
            for call in calls[:1]:
                call.responded(query)
        elif namespace == CANCEL:
            for incoming in self.calls:
                if isinstance(incoming, IncomingCall) and not incoming.over and incoming.peer == peer:
                    incoming.cancelled(query)
        elif namespace == COUNTER_PROPOSAL:
            self._counterProposed(query, peer)

    def _counterProposed(self, query: Element, peer: str) -> None:
        """A gateway may answer our proposal with its own addresses, but not with ours."""
        try:
            decodeRecords(xml.text(xml.child(query, "connectData")))
        except MalformedError as error:
            self.complain(f"vc:counterProposal from {peer}: {error}")

    def _requested(self, iq: Element, peer: str) -> None:
        call = IncomingCall(self, peer, self._newMedia(), request=iq, taking=self.taking)
        self.calls.append(call)
        call.begin()
        waiting, self._arrivals = self._arrivals, []
        for waiter in waiting:
            waiter.callback(call)
