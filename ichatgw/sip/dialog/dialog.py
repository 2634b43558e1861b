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

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from attrs import evolve
from sippy.MsgBody import MsgBody
from sippy.SipContact import SipContact
from sippy.SipHeader import SipHeader
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipTransactionManager import SipTransaction
from sippy.Time.MonoTime import MonoTime
from sippy.UA import UA
from sippy.UacStateRinging import UacStateRinging
from sippy.UacStateTrying import UacStateTrying
from sippy.UasStateRinging import UasStateRinging
from sippy.UasStateTrying import UasStateTrying
from twisted.logger import Logger

from ichatgw.model import Farewell, TransportAddress
from ichatgw.sip.auth.authorization import Answers
from ichatgw.sip.dialog.capabilities import METHODS, OPTIONS, refusal
from ichatgw.sip.dialog.core import NO_TERMS, DialogCore, Owner
from ichatgw.sip.dialog.invite import UNANSWERED, Invite, OurInvite
from ichatgw.sip.dialog.invited import TheirInvite
from ichatgw.sip.dialog.offeranswer import Input, State
from ichatgw.sip.dialog.replaces import DialogId
from ichatgw.sip.dialog.requests import LATER, Reply
from ichatgw.sip.dialog.sessiontimer import SessionTerms
from ichatgw.sip.dialog.states import Cancelling, Connected, Trying
from ichatgw.sip.transaction.farewells import cancelOf, farewellOf, refusalOf
from ichatgw.sip.transaction.forks import takeRoutes
from ichatgw.sip.transaction.layer import Disposition, Transactions
from ichatgw.sip.transport.target import Target

_log = Logger()

REFUSED = 0.1
"""Seconds that the dialog of an INVITE that we have refused is known: no BYE can cross that."""


class Dialog(DialogCore):
    """
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
        self.ours = OurInvite()
        self.theirs = TheirInvite()
        super().__init__(transactions, owner, userAgent, pinned, answers, terms)

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
        takeRoutes(fork, response)
        return fork

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
        transaction = super().newTransaction(req, req_extra_headers, **kwa)
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
            reply = self._requested(req)
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

    def _outOfPlace(self, request: SipRequest) -> Reply | None:
        """Why a request cannot be one of this dialog now (RFC 3261 section 12.2.2)."""
        number = request.getHFBody("cseq").getCSeqNum()
        if self.state is None or self.over:
            return Reply(481, "Call/Transaction Does Not Exist")
        if self.rCSeq is not None and number <= self.rCSeq:
            return Reply(500, "Out of Order")
        self.rCSeq = number
        return None

    def _reinvited(self, request: SipRequest) -> Disposition:
        refusal = self._outOfPlace(request)
        if refusal is not None:
            return refusal.to(request, self.local_ua), None, None
        self.reoffers.invited(request)
        return None, self._withdrawn, partial(self._neverAcknowledged, request)

    def _withdrawn(self, rtime: MonoTime, request: SipRequest | None) -> None:
        """CANCEL has ended a re-INVITE with 487."""
        self.reoffers.cancelled()

    def _neverAcknowledged(self, request: SipRequest) -> None:
        if self.reoffers.isUnacknowledged(request):
            self.unacknowledged()

    def _requested(self, request: SipRequest) -> Reply | None:
        refusal = self._outOfPlace(request)
        if refusal is not None:
            return refusal
        if request.getMethod() == "UPDATE":
            self.reoffers.updated(request)
            return None
        if request.getMethod() == "PRACK":
            return self.theirs.acknowledged(self, request)
        if request.getMethod() == "OPTIONS":
            return evolve(OPTIONS, headers=(*OPTIONS.headers, ("contact", str(self.lContact))))
        reply = self.owner.requested(request)
        return Reply(405, "Method Not Allowed", (("allow", ", ".join(METHODS)),)) if reply is None else reply

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
