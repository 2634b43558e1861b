# -*- test-case-name: ichatgw.test.sip.leg,ichatgw.test.sip.dialog.test_prack,ichatgw.test.sip.dialog.test_offerless,ichatgw.test.sip.dialog.test_offeranswer,ichatgw.test.sip.test_anything,ichatgw.test.sip.auth.test_authorization -*-  # noqa: E501
"""
sippy's UA (one dialog, RFC 3261 section 12), with the gaps closed that a gateway would fall into.

  - In-dialog requests go where L{ichatgw.sip.dialog.routeset} says: to an address from the route set or the remote
    target, over the far end's own connection if that is open, or back to where its last message came from; a pinned
    dialog (iChat) goes to one address, whatever its Contact says.
  - Which offer is open is the business of L{ichatgw.sip.dialog.offeranswer}; offers within the call go by way of
    L{ichatgw.sip.dialog.reinvite}, other requests by L{ichatgw.sip.dialog.requests}.
  - Every request gets a response; an early BYE too.
  - An INVITE of ours is the business of L{ichatgw.sip.dialog.invite}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from sippy.MsgBody import MsgBody
from sippy.SipAddress import SipAddress
from sippy.SipContact import SipContact
from sippy.SipFrom import SipFrom
from sippy.SipHeader import SipHeader
from sippy.SipMsg import SipMsg
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipTo import SipTo
from sippy.SipTransactionManager import SipTransaction
from sippy.SipURL import SipURL
from sippy.Time.MonoTime import MonoTime
from sippy.UA import UA
from sippy.UacStateRinging import UacStateRinging
from sippy.UacStateTrying import UacStateTrying
from sippy.UasStateRinging import UasStateRinging
from sippy.UasStateTrying import UasStateTrying
from sippy.UaStateDead import UaStateDead
from sippy.UaStateDisconnected import UaStateDisconnected
from sippy.UaStateFailed import UaStateFailed
from twisted.logger import Logger

from ichatgw.model import Ending, EndReason, Farewell, TransportAddress
from ichatgw.runtime.nulls import unheard
from ichatgw.sip.auth.authorization import Answers
from ichatgw.sip.dialog.capabilities import METHODS, allow, refusal, supported
from ichatgw.sip.dialog.invite import UNANSWERED, Invite, OurInvite
from ichatgw.sip.dialog.invited import TheirInvite
from ichatgw.sip.dialog.offeranswer import Input, State
from ichatgw.sip.dialog.owner import NO_OWNER, Owner
from ichatgw.sip.dialog.received import outOfPlace, requested
from ichatgw.sip.dialog.reinvite import Changes, Reoffers
from ichatgw.sip.dialog.remotetarget import RemoteTarget
from ichatgw.sip.dialog.replaces import DialogId
from ichatgw.sip.dialog.requests import LATER, Challengeable, DialogRequest
from ichatgw.sip.dialog.sessiontimer import NO_TERMS, SessionTerms, SessionTimer
from ichatgw.sip.dialog.states import Cancelling, Connected, Trying
from ichatgw.sip.message.remotereason import LastWords
from ichatgw.sip.message.uris import identity
from ichatgw.sip.transaction.farewells import cancelOf, farewellOf, refusalOf
from ichatgw.sip.transaction.forks import takeRoutes
from ichatgw.sip.transaction.layer import Disposition, Transactions
from ichatgw.sip.transport.target import Target

_log = Logger()

REFUSED = 0.1
"""Seconds that the dialog of an INVITE that we have refused is known: no BYE can cross that."""


class Dialog(UA):
    """
    @ivar pinned: where everything goes, whatever the far end says of itself; C{None} for the usual rules.
    @ivar remote: where the far end is.
    @ivar mark: by what the INVITE that began the dialog is known if it comes by another way too: From tag, CSeq, and
        what it calls; C{None} if it is ours.
    @ivar hops: how many servers our INVITEs may pass; C{None} for as many as usual.
    @ivar owner: the leg.
    @ivar answers: to challenges; C{None} if none is answered.
    @ivar words: what the far end says of the end of the call.
    @ivar given: the logins of the INVITE that was accepted.
    @param terms: what we ask for of session timers.
    @ivar reoffers: which offer is open, and offers within the call.
    @ivar session: the timer of the session.
    @ivar ours: what is known of the INVITE that began it, if that is ours.
    @ivar theirs: the same, if it is the far end's.
    """

    UasStateTrying = Trying
    UaStateConnected = Connected
    UacStateCancelling = Cancelling
    # A BYE that crosses ours comes within a moment; sippy's 32 s only hold memory.
    godead_timeout = 4.0

    rCSeq: int | None = None

    def __init__(
        self,
        transactions: Transactions,
        owner: Owner,
        userAgent: str,
        pinned: TransportAddress | None = None,
        answers: Answers | None = None,
        terms: SessionTerms = NO_TERMS,
    ) -> None:
        self.owner = owner
        self.answers = answers
        self.given: list[SipHeader] = []
        self.words = LastWords()
        self.isCaller = False
        self.ours = OurInvite()
        self.theirs = TheirInvite()
        self.reoffers = Reoffers(self)
        self.session = SessionTimer(self, terms)
        self._afterAck: list[Callable[[], object]] = []
        self.pinned = pinned
        self.remote = RemoteTarget(transactions, pinned)
        self.mark: tuple[object, ...] | None = None
        self.hops: int | None = None
        super().__init__(transactions.global_config, owner.event)
        self.local_ua = userAgent

    @property
    def rAddr(self) -> tuple[tuple[str, int], str] | None:
        """Where the next request goes, as sippy has it: C{((host, port), transport)}."""
        return None if (hop := self.hop) is None else hop.sippyAddress

    @rAddr.setter
    def rAddr(self, value: tuple[tuple[str, int], str] | None) -> None:
        """sippy takes it from the route set, or else the remote target; C{setNextHop} from us."""
        self.remote.reached = value

    @property
    def _next(self) -> SipURL | None:
        """The URI by which the far end is reached, sippy's; C{None} if that is not known."""
        return self.routes[0].getUrl() if self.routes else self.rTarget

    @property
    def hop(self) -> Target | None:
        """Where the next request goes; C{None} if that is not known."""
        return self.remote.hop(self._next, bool(self.routes))

    @property
    def hopWithout(self) -> Target | None:
        """The same, if there were no connection to the far end any more."""
        return self.remote.hop(self._next, bool(self.routes), isOpen=False)

    @property
    def heardHop(self) -> Target | None:
        """L{hop}, once the far end has said something."""
        return None if self.remote.flow is None else self.hop

    def heardFrom(self, message: SipMsg) -> None:
        """See L{ichatgw.sip.dialog.requests.Conversation}."""
        self.remote.heard(message, bool(self.routes))

    def address(
        self, local: SipAddress, remote: SipAddress, target: SipURL, routes: Sequence[SipFrom], contact: SipContact
    ) -> None:
        """See L{ichatgw.sip.dialog.invite.Inviting}."""
        local.url, remote.url = identity(local.url), identity(remote.url)
        self.lUri = SipFrom(address=local)
        self.lUri.setTag(self.lTag)
        self.rUri = SipTo(address=remote)
        self.rTarget = target
        self.routes = routes
        self.lContact = contact

    def refreshTarget(self, message: SipMsg) -> None:
        """See L{ichatgw.sip.dialog.requests.Conversation}."""
        contacts = message.getHFBodys("contact")
        if contacts and not contacts[0].asterisk:
            self.rTarget = contacts[0].getUrl().getCopy()
            if not self.routes:
                self.rAddr = self.rTarget.getTAddr()

    def genRequest(
        self,
        method: str,
        body: MsgBody | None = None,
        cqop: object = None,
        extra_headers: Iterable[SipHeader] | None = None,
        max_forwards: int | None = None,
    ) -> SipRequest:
        """
        sippy makes a request: it holds what has been asked for in this dialog (RFC 3261 section 22.3).  A call that we
        pass on comes to an end as one that proxies do (RFC 7332).
        """
        if method == "INVITE":
            max_forwards = self.hops
        request = super().genRequest(method, body, cqop, extra_headers, max_forwards)
        if self.answers is not None:
            request.appendHeaders(self.answers.headers(request))
        return request

    def transact(self, request: SipRequest, **kwargs: Any) -> SipTransaction | None:
        """See L{ichatgw.sip.dialog.requests.Resending}."""
        hop = self.hop
        if hop is not None:
            self.remote.prove(hop, self._next)
        return super().newTransaction(request, **kwargs)

    @property
    def over(self) -> bool:
        """Is the dialog refused or ended?"""
        return isinstance(self.state, (UaStateFailed, UaStateDisconnected, UaStateDead))

    def cleanup(self) -> None:
        """sippy has no use for the dialog any more, and its owner gets no news of it: let go of all."""
        super().cleanup()
        self.owner = NO_OWNER
        self.reoffers.letGo()
        self.session.letGo()

    def ask(
        self,
        method: str,
        heard: Callable[[SipResponse], None] | None = None,
        headers: Sequence[tuple[str, str]] = (),
        body: MsgBody | None = None,
        isPassed: bool = False,
    ) -> None:
        """
        Send a request within the dialog, any but INVITE, ACK and BYE.  It logs in if that is asked for; if the answer
        means that the call is over, it is.

        @param heard: gets the final response, sippy's; if none comes it is a 408 or 503 of our own.  Not called once
            the dialog is over.
        @param body: see L{ichatgw.sip.dialog.requests.bodyOf}.
        @param isPassed: see L{ichatgw.sip.dialog.requests.endsCall}.
        @raise OSError: if the far end cannot be reached.
        """
        if self.state is None or self.over:
            return
        lines = [SipHeader(name=name, bodys=value) for name, value in headers]
        DialogRequest(self, method, heard or unheard, lines, body, isPassed).send()

    def notify(
        self, heard: Callable[[SipResponse], None], headers: Sequence[tuple[str, str]], body: MsgBody | None
    ) -> None:
        """
        Tell a subscriber, even if the call is over: a subscription outlives that (RFC 5057 section 4.1).

        @raise OSError: if the far end cannot be reached.
        """
        if self.state is not None:
            DialogRequest(
                self, "NOTIFY", heard, [SipHeader(name=name, bodys=value) for name, value in headers], body
            ).send()

    def lost(self, code: int, phrase: str) -> None:
        """A response to a request of ours means that the call is over."""
        self.owner.lost(Ending(EndReason.CONNECTIVITY, f"{code} {phrase}"[:100]))

    def afterAck(self, step: Callable[[], object]) -> None:
        """See L{ichatgw.sip.dialog.requests.Conversation}."""
        self._afterAck.append(step)

    def acknowledged(self) -> None:
        """The ACK is out."""
        steps, self._afterAck = self._afterAck, []
        for step in steps:
            step()

    def sessionHeaders(self) -> list[SipHeader]:
        """See L{ichatgw.sip.dialog.reinvite.OfferCarrier}."""
        return [] if self.pinned is not None else self.session.headers()

    def accepted(self, response: SipResponse) -> None:
        """See L{ichatgw.sip.dialog.requests.Conversation}."""
        self.refreshTarget(response)
        self.session.answered(response)

    def renewed(self, request: SipRequest) -> None:
        """See L{ichatgw.sip.dialog.reinvite.OfferCarrier}."""
        self.owner.identified(request)
        self.refreshTarget(request)

    def mayUpdate(self) -> bool:
        """See L{ichatgw.sip.dialog.sessiontimer.Refreshing}."""
        return self.remote.allows("UPDATE", unless=False)

    def reinvite(self) -> bool:
        """See L{ichatgw.sip.dialog.sessiontimer.Refreshing}."""
        return self.reoffers.refresh()

    def unacknowledged(self) -> None:
        """A 200 of ours was never acknowledged (RFC 3261 section 13.3.1.4)."""
        if not self.over:
            self.owner.lost(Ending(EndReason.CONNECTIVITY, "our answer was never acknowledged"))

    def expired(self) -> None:
        """See L{ichatgw.sip.dialog.sessiontimer.Refreshing}."""
        if not self.over:
            self.owner.lost(Ending(EndReason.EXPIRED, "the session was not refreshed in time"))

    @property
    def changes(self) -> Changes:
        """See L{ichatgw.sip.dialog.reinvite.OfferCarrier}."""
        return self.owner.changes

    def respond(self, response: SipResponse, acknowledged: Callable[[SipRequest], None] | None = None) -> None:
        """See L{ichatgw.sip.dialog.reinvite.OfferCarrier}."""
        manager = self.global_config["_sip_tm"]
        transaction = manager.tserver.get(response.getTId(wBRN=True))
        if transaction is not None:
            manager.sendResponse(response, transaction, ack_cb=acknowledged)

    def ownHeaders(self, *without: str) -> list[SipHeader]:
        """
        See L{ichatgw.sip.dialog.reinvite.OfferCarrier}.  An iChat, whose dialog is pinned, has not heard of extensions.
        """
        return [allow()] if self.pinned is not None else [allow(), supported(*without)]

    def invite(self, target: Target, order: Invite) -> None:
        """
        Call.

        @param target: where the INVITE goes.
        @raise OSError: if it cannot be reached.
        """
        self.isCaller = True
        self.reoffers.take(Input.FIRST_SENT)
        self.remote.aim(target)
        self.setNextHop(*target.sippyAddress)
        try:
            self.recvEvent(order)
        except Exception:
            self.global_config["_sip_tm"].unregConsumer(self, str(self.cId))
            raise

    def recvResponse(self, resp: SipResponse, tr: SipTransaction) -> None:
        """sippy's entry for a response; its news waits for L{flush} if an ACK comes first."""
        code, _ = resp.getSCode()
        if resp.source is None:  # it is the transaction layer's own: nothing to acknowledge
            if code == 408:
                resp.setSCode(408, UNANSWERED)
        elif not self.ours.hear(self, resp, tr):
            return
        if code // 100 == 2 and resp.getHFBody("to").getTag() is None:
            self._acceptedUntagged(resp, tr)
        else:
            super().recvResponse(resp, tr)

    def _acceptedUntagged(self, resp: SipResponse, tr: SipTransaction) -> None:
        """A phone of RFC 2543 has no tag, and that is its tag (RFC 3261 section 12.1.2); sippy would hang up."""
        resp.getHFBody("to").setTag("none")
        try:
            super().recvResponse(resp, tr)
        finally:
            for address in (resp.getHFBody("to").getUri(), self.rUri.getUri()):
                if address.getParam("tag") == "none":
                    address.delParam("tag")

    def processChallenge(
        self,
        resp: SipResponse,
        cseq: int,
        ch_hfname: str,
        auth_hfname: str,
        extra_headers: Iterable[SipHeader] | None,
    ) -> bool:
        """sippy asks whether an INVITE that was challenged is sent again."""
        return self.ours.challenged(self, resp, cseq, extra_headers)

    def emitPendingEvents(self) -> None:
        """sippy calls it when it has news."""
        if not self.ours.isHeld:
            super().emitPendingEvents()

    def flush(self) -> None:
        """The ACK is out: let the news go."""
        self.ours.isHeld = False
        self.emitPendingEvents()
        self.acknowledged()

    def fork(self, response: SipResponse) -> Dialog:
        """See L{ichatgw.sip.transaction.forks.Forked}."""
        fork = Dialog(self.global_config["_sip_tm"], self.owner, self.local_ua, self.pinned, self.answers)
        fork.cId, fork.lUri, fork.lContact = self.cId, self.lUri, self.lContact
        fork.rUri = self.rUri.getCopy()
        fork.rUri.setTag(response.getHFBody("to").getTag())
        fork.lCSeq = response.getHFBody("cseq").getCSeqNum()
        fork.rTarget, fork.routes = self.rTarget, []
        fork.remote.first, fork.given = self.remote.first, self.given
        fork.heardFrom(response)
        fork.takeRoutes(response)
        return fork

    def takeRoutes(self, response: SipResponse) -> None:
        """See L{ichatgw.sip.dialog.invite.Inviting}."""
        takeRoutes(self, response)

    def newTransaction(
        self, req: SipRequest, req_extra_headers: Iterable[SipHeader] | None = None, **kwa: Any
    ) -> SipTransaction | None:
        """
        So that the transaction layer knows whose ACK it is, and that an iChat speaks UDP only.  A BYE because of a 200
        that came after the end of the call waits for the ACK.
        """
        if self.ours.isHeld and req.getMethod() == "BYE":
            self.afterAck(lambda: self.newTransaction(req, req_extra_headers, **kwa))
            return None
        req.pinned = self.pinned is not None
        if self.answers is not None and req.getMethod() in ("BYE", "PRACK"):
            kwa.update(resp_cb=Challengeable(self, req).heard, cb_ifver=2)
        transaction = self.transact(req, req_extra_headers=req_extra_headers, **kwa)
        if transaction is not None:
            transaction.dialog = self
        return transaction

    @property
    def mustOfferEarly(self) -> bool:
        """Has the first response but 100 to bring our offer, as the INVITE had none and wants it to be reliable?"""
        return self.theirs.isReliable and self.reoffers.state is State.ASKED

    @property
    def isAnsweredEarly(self) -> bool:
        """Has the caller got our answer before the 200, and acknowledged it; or answered our offer?"""
        return self.reoffers.state is State.CALLED_EARLY

    @property
    def needsNoAnswer(self) -> bool:
        """Can the 200 go without a description, as the caller has one?"""
        return self.reoffers.state in (State.CALLED_EARLY, State.EARLY_OFFER)

    def recvRequest(self, req: SipRequest, sip_t: SipTransaction) -> Disposition | None:
        """sippy's entry for a request of this dialog."""
        self.heardFrom(req)
        method = req.getMethod()
        if method not in METHODS:
            return refusal(req, self.local_ua), None, None
        if method == "INVITE" and self.state is not None:
            return self._reinvited(req)
        if method not in ("INVITE", "ACK", "BYE"):
            reply = requested(self, req)
            if reply is LATER:
                return None, None, None
            return None if reply is None else (reply.to(req, self.local_ua), None, None)
        if method == "BYE":
            self.words.ended(req)
        if self.state is None and sip_t.r487 is not None:
            # All responses to one INVITE belong to one dialog (RFC 3261 section 12.1.1).
            sip_t.r487.getHFBody("to").setTag(self.lTag)
            self.theirs.came(self, req)
        result = super().recvRequest(req, sip_t)
        req.sendResponse = None  # sippy's closure, in which the request holds itself
        if method == "INVITE" and sip_t.r487 is None:
            return None  # it has been refused
        if result is not None and result[0] is None and result[1] is not None:
            result = (None, partial(self._cancelled, result[1]), self.unacknowledged)
        if result is None and sip_t.data is None and req.getMethod() != "ACK":
            return req.genResponse(481, "Call/Transaction Does Not Exist", server=self.local_ua), None, None
        return result

    def _cancelled(
        self, cancel: Callable[[MonoTime, SipRequest | None], object], rtime: MonoTime, request: SipRequest | None
    ) -> None:
        """CANCEL has come, or C{request} is C{None}: the INVITE has expired."""
        if request is not None:
            self.words.ended(request)
        cancel(rtime, request)

    def isYours(
        self,
        req: SipRequest | None = None,
        call_id: str | None = None,
        from_tag: str | None = None,
        to_tag: str | None = None,
    ) -> UA | None:
        """
        sippy asks whether a request belongs to this dialog.  It would not let any but the BYE in before the answer.
        """
        if req is not None:
            call_id = str(req.getHFBody("call-id"))
            from_tag, to_tag = req.getHFBody("from").getTag(), req.getHFBody("to").getTag()
        if call_id != str(self.cId) or self.lUri is None or to_tag != self.lUri.getTag() or self.rUri is None:
            return None
        known = self.rUri.getTag()
        return self if from_tag == known or (known is None and from_tag in self.ours.early) else None

    def _reinvited(self, request: SipRequest) -> Disposition:
        obstacle = outOfPlace(self, request)
        if obstacle is not None:
            return obstacle.to(request, self.local_ua), None, None
        self.reoffers.invited(request)
        return None, self._withdrawn, partial(self._neverAcknowledged, request)

    def _withdrawn(self, rtime: MonoTime, request: SipRequest | None) -> None:
        """CANCEL has ended a re-INVITE with 487."""
        self.reoffers.cancelled()

    def _neverAcknowledged(self, request: SipRequest) -> None:
        if self.reoffers.isUnacknowledged(request):
            self.unacknowledged()

    @property
    def name(self) -> DialogId | None:
        """As Replaces and Target-Dialog name it; C{None} if it has no name yet."""
        if self.lUri is None or self.rUri is None:
            return None
        local, remote = self.lUri.getTag(), self.rUri.getTag()
        return DialogId(str(self.cId), local, remote) if local and remote else None

    def farewells(self) -> tuple[Farewell, ...]:
        """See L{ichatgw.interfaces.ILeg}."""
        sent = self.tr
        if isinstance(self.state, (UacStateTrying, UacStateRinging)) and sent is not None:
            if sent.data is None or sent.userv is None:
                return ()  # its transaction is over
            name = "" if self.remote.first is None else self.remote.first.name
            return (cancelOf(sent.data, sent.address, sent.userv.transport, name),)
        if isinstance(self.state, (UasStateTrying, UasStateRinging)) and self.remote.flow is not None:
            return (refusalOf(self.uasResp, self.remote.flow.transport.value),)
        target = self.hopWithout if self.isConnected() else None
        if target is None or self.rTarget is None:
            return ()
        proved = self.remote.named(target, self._next)
        remote, ends = str(self.rTarget), (self.lUri, self.rUri)
        return (farewellOf(self.answers, proved, remote, *ends, self.cId, self.lCSeq, self.routes),)

    def leaves(self) -> None:
        """The dialog is over."""
        if self.theirs.over():
            self.sendUasResponse(480, "Temporarily Unavailable")
        self.session.over()
        last = self.reoffers.over()
        if last is not None:
            self.respond(last)

    def sendUasResponse(
        self,
        scode: int,
        reason: str,
        body: MsgBody | None = None,
        contacts: Iterable[SipContact] | None = None,
        extra_headers: Iterable[SipHeader] | None = None,
        ack_wait: bool = False,
    ) -> None:
        """sippy answers the INVITE that began the dialog."""
        if scode >= 300:
            self.godead_timeout = REFUSED
        response = self.uasResp.getCopy()
        response.setSCode(scode, reason)
        response.setBody(body)
        response.appendHeaders([SipHeader(name="contact", body=contact) for contact in contacts or ()])
        response.appendHeaders(extra_headers or ())
        self.theirs.respond(self, response)

    def changeState(self, newstate: tuple[object, ...]) -> None:
        """sippy goes to another state."""
        super().changeState(newstate)
        if self.over:
            self.theirs.over()
        if self.isCaller and self.isConnected():
            self.reoffers.take(Input.ACCEPTED)
