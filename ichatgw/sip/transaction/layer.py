# -*- test-case-name: ichatgw.test.config.test_reload,ichatgw.test.sip -*-
"""
sippy's transaction layer (RFC 3261 section 17), fed by our gate and sending through our wire.

What is changed, and why: sockets and sender threads are replaced by a wire; the ACK goes where RFC 3261 section
17.1.1.3 says (sippy sends the ACK of a failure to the failure's C{Contact}); nothing but an IP literal is ever sent
to; caches are bounded; what raises inside is logged and answered, and goes no further.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import ichatgw.sip.message.sippypatches  # noqa: F401

# isort: split
from collections.abc import Iterable

from attrs import define
from sippy.Network_server import Remote_address
from sippy.SipContact import SipContact
from sippy.SipHeader import SipHeader
from sippy.SipMsg import SipMsg
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipTransactionManager import (
    RINGING,
    TERMINATED,
    TRYING,
    SipTMRetransmitO,
    SipTransaction,
    SipTransactionManager,
)
from sippy.Time.MonoTime import MonoTime
from sippy.Time.Timeout import Timeout
from twisted.logger import Logger

from ichatgw.model import Part, TransportAddress
from ichatgw.net.hosts import bracketed, literal
from ichatgw.observe.events import MessageReceived, MessageSent
from ichatgw.observe.stream import UNREAD
from ichatgw.sip.auth.authorization import CREDENTIALS
from ichatgw.sip.message.bodies import attach, octets
from ichatgw.sip.transaction.forks import Forked
from ichatgw.sip.transaction.known import Known, checksumOf
from ichatgw.sip.transaction.tables import Answers, Asked, KnownDialog, Served
from ichatgw.sip.transaction.transporterrors import TransportErrors, isReliable
from ichatgw.sip.transport.listeningpoint import (
    Carrier,
    ListeningPoint,
    Streams,
    Wire,
    contactAt,
    returnPath,
    wishAlias,
)
from ichatgw.sip.transport.mtu import MAX_DATAGRAM, TOO_LARGE
from ichatgw.sip.transport.target import Target, Transport

_log = Logger()


@define(eq=False)
class _MessageLog:
    """In the place of sippy's C{SipLogger}: full messages, only while there is a C{sink}."""

    sink: Callable[[str, str], None] | None

    def write(self, what: str, message: str = "", ltime: object = None) -> None:
        """The interface of sippy's C{SipLogger}."""
        if self.sink is not None:
            self.sink(what, message)


Disposition = tuple[
    SipResponse | None, Callable[[MonoTime, SipRequest | None], object] | None, Callable[[], object] | None
]
"""What becomes of a request: its response; who hears of its cancellation; who, if no ACK comes."""


class Transactions(SipTransactionManager):
    """
    sippy's layer, over tables that tell what is known.

    @ivar known: the tables; sippy knows them by other names.
    @ivar errors: hears of connections.
    @ivar events: told of each message.
    """

    tclient: Asked
    tserver: Served
    l1rcache: Answers

    def __init__(
        self,
        wire: Wire,
        requested: Callable[[SipRequest, SipTransaction], Disposition | None],
        messageLog: Callable[[str, str], None] | None = None,
        streams: Streams | None = None,
    ) -> None:
        # sippy's own constructor opens sockets and starts threads.
        self._wire = wire
        self.streams = streams
        self._doors: dict[tuple[TransportAddress, Transport], ListeningPoint] = {}
        self._log = _MessageLog(messageLog)
        self.global_config = {"_sip_tm": self, "_sip_logger": self._log}
        self.l4r = self
        self.events = UNREAD
        known = self.known = Known()
        self.tclient, self.tserver = known.asked, known.served
        self.l1rcache, self.req_consumers = known.answers, known.consumers
        self.errors = TransportErrors(known.asked, self)
        self.req_cb = requested
        self.cp_timer = Timeout(self.rCachePurge, 32, -1)

    def logMessages(self, sink: Callable[[str, str], None] | None) -> None:
        """Show each message to C{sink} from now on; C{None} ends that."""
        self._log.sink = sink

    def show(self, what: str, source: Target, text: str) -> None:
        """
        Write a message to the message log, if there is a sink.

        @param what: what is done with it, before its far end is named.
        """
        if self._log.sink is not None:
            self._log.write(f"{what} {source.transport.value}:{source.address}:\n", text)

    def getServer(
        self, address: tuple[str, int], is_local: bool = False, transport: Transport = Transport.UDP
    ) -> ListeningPoint:
        """
        The L{ListeningPoint} that C{address} sees.  (Named by sippy, whose C{local4remote} this stands for.)

        @raise OSError: if C{address} cannot be reached.
        """
        target = literal(*address)
        if target is None:
            raise OSError(f"{address[0]!r} is no address")
        local = self.local(target.host, transport)
        door = self._doors.get((local, transport))
        if door is None:
            door = self._doors[local, transport] = ListeningPoint(self.send, local, transport)
        return door

    def local(self, host: str, transport: Transport) -> TransportAddress:
        """
        The address of ours that C{host} sees, for Via and Contact.

        @raise OSError: if there is none.
        """
        if transport is Transport.UDP:
            return self._wire.towards(host)
        if self.streams is None:
            raise OSError(f"there is no {transport.name} here")
        return self.streams.towards(host, transport)

    def reaches(self, target: Target) -> bool:
        """Is there a way to C{target} from here?"""
        try:
            self.local(target.address.host, target.transport)
        except OSError:
            return False
        return True

    def contact(self, target: Target, user: str | None, secure: bool = False) -> SipContact:
        """See L{contactAt}.  @raise OSError: if the target cannot be reached."""
        return contactAt(self.local(target.address.host, target.transport), target.transport, user, secure)

    def isOpen(self, target: Target) -> bool:
        """Is there a connection to C{target}?"""
        return self.streams is not None and self.streams.isOpen(target)

    def expect(self, target: Target) -> None:
        """What is sent to C{target} from now on is for the domain that it names."""
        if self.streams is not None:
            self.streams.expect(target)

    def suggest(self, target: Target) -> None:
        """The same, unless another one is expected there."""
        if self.streams is not None:
            self.streams.suggest(target)

    def send(self, data: bytes, target: Target) -> None:
        """Send what needs no transaction.  Everything of SIP that is sent passes here."""
        if self.events.isOn(MessageSent):
            self._sent(data, target)
        if target.transport is Transport.UDP:
            self._wire.send(data, target.address)
        elif self.streams is not None:
            if data.startswith(b"SIP/2.0 ") and not self.streams.isOpen(target):
                target = returnPath(data, target)
                self.suggest(target)
            self.streams.send(data, target)

    def _sent(self, data: bytes, target: Target) -> None:
        kind, events = target.transport, self.events
        events.publish(MessageSent(*events.now(), "SIP", kind.value, data, target.address, self._ours(target)))

    def heard(self, data: bytes, source: Target) -> None:
        """Tell who watches messages of one that has come."""
        events = self.events
        if events.isOn(MessageReceived):
            kind, ours = source.transport.value, self._ours(source)
            events.publish(MessageReceived(*events.now(), "SIP", kind, data, source.address, ours))

    def _ours(self, target: Target) -> TransportAddress | None:
        try:
            return self.local(target.address.host, target.transport)
        except OSError:
            return None

    def rCachePurge(self) -> None:
        """sippy's timer, every 32 s.  Addresses of ours may have changed, too."""
        self.known.rotate()
        self._doors.clear()

    def regConsumer(self, consumer: KnownDialog, call_id: str, compact: bool = False) -> None:
        """A dialog begins."""
        super().regConsumer(consumer, call_id, compact)
        self.known.dialogs.add(consumer)

    def unregConsumer(self, consumer: KnownDialog, call_id: str) -> None:
        """A dialog is over.  After a shutdown it may be unknown here."""
        if call_id in self.req_consumers:
            super().unregConsumer(consumer, call_id)
            self.known.dialogs.discard(consumer)

    def incoming(
        self,
        text: str,
        isRequest: bool,
        source: TransportAddress,
        transport: Transport = Transport.UDP,
        login: str | None = None,
        parts: tuple[Part, ...] = (),
    ) -> None:
        """
        Take a message that the gate has admitted.  Never raises.

        @param login: the user who has logged in with it.
        @param parts: what came with the SDP in its body.
        """
        checksum = checksumOf(text)
        seen = self.l1rcache.seen(checksum)
        if seen is not None:
            self._repeat(seen)
            return
        if self.l1rcache.recent.isFull:
            self.l1rcache.age()
        remote = Remote_address((bracketed(source.host), source.port), transport.value)
        try:
            if isRequest:
                self._request(text, checksum, remote, login, parts)
            else:
                self._response(text, checksum, remote, parts)
        except OSError as problem:
            _log.debug("Not taken from {source}: {problem!r}", source=source, problem=problem)
        except Exception:
            _log.failure("A SIP message from {source} could not be handled", source=source)
            if checksum not in self.l1rcache:
                self.l1rcache[checksum] = SipTMRetransmitO()

    def _request(
        self, text: str, checksum: bytes, remote: Remote_address, login: str | None, parts: tuple[Part, ...]
    ) -> None:
        self.tserver.arriving = len(text)
        request = SipRequest(text)
        request.login = login
        attach(request, parts)
        request.rtime = MonoTime()
        request.setSource(remote)
        if request.getMethod() == "CANCEL":
            self._tag(request)
        if remote.transport == "tls" and ";alias" in text and self.streams is not None:
            wishAlias(request, self.streams)
        door = self.getServer(remote.address, transport=Transport(remote.transport))
        try:
            self.incomingRequest(request, checksum, request.getTIds(), door)
        except Exception:
            _log.failure("A {method} from {source} failed inside", method=request.getMethod(), source=str(remote))
            self._apologize(request, checksum, door)

    def _tag(self, cancel: SipRequest) -> None:
        """The answer to a CANCEL has the tag of those to its INVITE (RFC 3261 section 9.2)."""
        transaction = self.tserver.get(cancel.getTId(wBRN=True))
        if transaction is not None and transaction.r487 is not None and cancel.getHFBody("to").getTag() is None:
            tag = transaction.r487.getHFBody("to").getTag()
            if tag is not None:
                cancel.getHFBody("to").setTag(tag)

    def transmitMsg(
        self,
        userv: Carrier,
        msg: SipMsg,
        address: tuple[str, int],
        cachesum: bytes | None,
        compact: bool = False,
    ) -> None:
        """sippy sends what belongs to no transaction.  Every response but 100 has a tag (RFC 3261 section 8.2.6.2)."""
        if isinstance(msg, SipResponse) and msg.getSCode()[0] > 100 and msg.getHFBody("to").getTag() is None:
            msg.getHFBody("to").genTag()
        super().transmitMsg(userv, msg, address, cachesum, compact)

    def _apologize(self, request: SipRequest, checksum: bytes, door: ListeningPoint) -> None:
        """One 500, and the transaction goes the way of any that is answered."""
        method = request.getMethod()
        transaction = self.tserver.get(request.getTId(wBRN=True))
        if transaction is not None and transaction.method == method:
            transaction.cancel_cb = None
            response = request.genResponse(500, "Server Internal Error")
            try:
                self.sendResponse(response, transaction)
            except Exception:
                self.forget(transaction)
                raise
        elif method != "ACK" and checksum not in self.l1rcache:  # else it has been answered
            response = request.genResponse(500, "Server Internal Error")
            self.transmitMsg(door, response, response.getHFBody("via").getTAddr(), checksum)

    def _response(self, text: str, checksum: bytes, remote: Remote_address, parts: tuple[Part, ...]) -> None:
        response = SipResponse(text)
        attach(response, parts)
        response.rtime = MonoTime()
        transaction = self.tclient.get(response.getTId(True, True))
        response.setSource(remote)
        if transaction is None:
            fork = self.known.forks.another(response.getTId(True, True), response)
            if fork is None:
                # What is seen again goes the same way: it may want another ACK.
                if not 200 <= response.getSCode()[0] < 300:
                    self.l1rcache[checksum] = SipTMRetransmitO()
            else:
                self._disown(fork, checksum)
            return
        self.incomingResponse(response, transaction, checksum)

    def _disown(self, fork: Forked, checksum: bytes) -> None:
        """Another phone has answered too late: send ACK, then BYE; send the ACK again if its 200 comes again."""
        ack = fork.genRequest("ACK")
        uri, callId = str(fork.rUri.getUrl()), str(ack.getHFBody("call-id"))
        _log.info("{callId!r:.120}: {uri!r:.120} has answered too, and is told to hang up", uri=uri, callId=callId)
        ack.headers = [header for header in ack.headers if header.name not in CREDENTIALS]
        ack.appendHeaders(fork.given)  # RFC 3261 section 13.2.2.4
        target = ack.getTarget()
        if target is None:
            raise OSError("it has not said where it is")
        address, transport = target
        self.transmitMsg(self.getServer(address, transport=Transport(str(transport))), ack, address, checksum)
        fork.newTransaction(fork.genRequest("BYE"))

    def newTransaction(self, msg: SipRequest, *args: Any, **kwargs: Any) -> SipTransaction:
        """
        Send a request.

        @raise OSError: if its target cannot be reached.
        """
        target = msg.getTarget()
        if target is None:
            raise OSError("it is not known where the far end is")
        address, transport = target
        kind = Transport(str(transport))
        large = None
        if kwargs.get("userv") is None:
            if kind is Transport.UDP and self._isLarge(msg, address):
                kind, large = Transport.TCP, msg
            if kind.reliable:
                kwargs["userv"] = self.getServer(address, transport=kind)
        if kind is Transport.TLS and self.streams is not None and self.streams.presents:
            msg.getHFBody("via").setParam("alias")  # RFC 5923 section 5
        transaction = super().newTransaction(msg, *args, **kwargs)
        transaction.large, transaction.cuts = large, 0
        if isReliable(transaction) and transaction.teA is not None:
            transaction.teA.cancel()  # nothing is sent twice (RFC 3261 section 17.1.1.2)
            transaction.teA = None
        if transaction.ack is not None:
            # RFC 3261 section 17.1.1.3: the ACK of a failure takes the route of its INVITE.
            transaction.ack.appendHeaders([SipHeader(name="route", body=b) for b in msg.getHFBCopys("route")])
            transaction.logins = [header for header in msg.headers if header.name in CREDENTIALS]
        return transaction

    def _isLarge(self, message: SipRequest, address: tuple[str, int]) -> bool:
        """
        Is it a request that had better not go over UDP?

        @raise OSError: if it must not, and there is nothing else.
        """
        target = literal(*address)
        isSafe = getattr(message, "congestionSafe", False)
        mayMove = self.streams is not None and target is not None and self.errors.large.mayMove(message, target)
        if not mayMove and not isSafe:
            return False
        isLarge = len(octets(message.localStr(self.getServer(address).getSIPaddr()))) > MAX_DATAGRAM
        if isLarge and not mayMove:
            raise OSError(TOO_LARGE)
        return isLarge

    def sendResponse(self, resp: SipResponse, t: SipTransaction | None = None, *args: Any, **kwargs: Any) -> None:
        """
        Over a stream nothing is sent twice but a 2xx to INVITE, whose ACK comes from the far end's far end.  What is
        refused waits for its ACK without its dialog: nothing is done when that comes, or does not.
        """
        t = t if t is not None else self.tserver[resp.getTId(wBRN=True)]
        super().sendResponse(resp, t, *args, **kwargs)
        if resp.getSCode()[0] >= 300 and resp is not t.r487:
            t.r487 = t.cancel_cb = t.noack_cb = None
        if isReliable(t) and resp.getSCode()[0] >= 300 and t.teA is not None:
            t.teA.cancel()
            t.teA = None

    def cancelTransaction(self, t: SipTransaction, extra_headers: Iterable[SipHeader] | None = None) -> None:
        """CANCEL, as soon as that may be sent (RFC 3261 section 9.1); it says why even if it has to wait."""
        if t.state is not RINGING and extra_headers is not None and t.cancel is not None:
            t.cancel.appendHeaders(extra_headers)
        super().cancelTransaction(t, extra_headers)

    def incomingResponse(self, msg: SipResponse, t: SipTransaction, checksum: bytes) -> None:
        """Provisional responses and those to other requests are sippy's; the end of an INVITE is ours."""
        if msg.getSCode()[0] < 200 or not t.needack or t.state not in (TRYING, RINGING):
            if t.state is not TERMINATED:
                try:
                    super().incomingResponse(msg, t, checksum)
                except Exception:
                    if msg.getSCode()[0] >= 200:
                        self.forget(t)
                    raise
            return
        for name in ("teA", "teB"):
            timer = getattr(t, name)
            if timer is not None:
                timer.cancel()
                setattr(t, name, None)
        try:
            if t.resp_cb is not None:
                t.resp_cb(msg, t) if t.cb_ifver == 2 else t.resp_cb(msg)
        finally:
            dialog: Forked | None = getattr(t, "dialog", None)
            try:
                self._acknowledge(msg, t, dialog, checksum)
            finally:
                self.forget(t)
                if dialog is not None:
                    dialog.flush()

    def _acknowledge(self, msg: SipResponse, t: SipTransaction, dialog: Forked | None, checksum: bytes) -> None:
        ack = t.ack
        assert ack is not None, "only an INVITE is acknowledged"
        tag = msg.getHFBody("to").getTag()
        if tag is not None:
            ack.getHFBody("to").setTag(tag)
        address = t.address
        if msg.getSCode()[0] < 300:
            if dialog is not None:
                dialog.given = t.logins
            ack.getHFBody("via").genBranch()
            ack.appendHeaders(t.logins)  # RFC 3261 section 13.2.2.4
            if dialog is not None:
                ack.delHFs("route")
                ack.appendHeaders([SipHeader(name="route", body=r.getCopy()) for r in dialog.routes])
                ack.setRURI(dialog.rTarget)
                hop = dialog.rAddr
                assert hop is not None
                address, transport = hop
                if t.userv is None or transport != t.userv.transport:
                    t.userv = self.getServer(address, transport=Transport(transport))
        self.transmitReq(t, ack, address, checksum)
        if msg.getSCode()[0] < 300 and dialog is not None:
            again = partial(self._repeat, self.l1rcache[checksum])
            self.known.forks.accepted(t.tid, dialog, tag, again)

    def _repeat(self, sent: SipTMRetransmitO) -> None:
        if sent.userv is not None and sent.data is not None and sent.address is not None:
            self.transmitData(sent.userv, sent.data, sent.address)

    def shutdown(self) -> None:
        """Stop every timer and forget all."""
        self.cp_timer.cancel()
        for transaction in [*self.tclient.values(), *self.tserver.values()]:
            self.forget(transaction)
        self.known.clear()

    def forget(self, transaction: SipTransaction) -> None:
        """Let go of a transaction and its timers."""
        for name in ("teA", "teB", "teC", "teD", "teE", "teF", "teG"):
            timer = getattr(transaction, name, None)
            if timer is not None:
                timer.cancel()
        tid = transaction.tid
        for table in (self.tclient, self.tserver):
            if table.get(tid) is transaction:
                del table[tid]
        transaction.cleanup()
