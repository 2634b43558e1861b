# -*- test-case-name: ichatgw.test.sip.leg,ichatgw.test.sip.transaction,ichatgw.test.sip.auth.test_authorization,ichatgw.test.sip.register.test_client,ichatgw.test.sip.dialog -*-  # noqa: E501
"""
An INVITE of ours, from its sending to the ACK: with forks, redirections and logins (RFC 3261 section 13.2).

News is held back until our ACK is out, so that a BYE never overtakes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sippy.CCEvents import CCEventTry
from sippy.SipHeader import SipHeader
from sippy.UacStateRinging import UacStateRinging
from sippy.UacStateTrying import UacStateTrying
from twisted.logger import Logger

from ichatgw.model import Part, TransportAddress
from ichatgw.sip.auth.authorization import MAX_LOGINS, Answers
from ichatgw.sip.dialog.core import NO_TERMS, DialogCore, Owner
from ichatgw.sip.dialog.offeranswer import Input
from ichatgw.sip.dialog.prack import Receiver
from ichatgw.sip.dialog.sessiontimer import SessionTerms
from ichatgw.sip.message.bodies import sdpBody
from ichatgw.sip.message.remotereason import LastWords
from ichatgw.sip.transaction.forks import takeRoutes
from ichatgw.sip.transaction.layer import Transactions
from ichatgw.sip.transport.target import Target

_log = Logger()

MAX_FORKS = 20
"""As many early dialogs of one INVITE are known."""

UNANSWERED = "Request Timeout, for nobody answered"
"""The phrase of a 408 made here for want of an answer, so that the log tells it from one that a server sent."""


class Invite(CCEventTry):  # type: ignore[misc]
    """
    The order to send an INVITE; fills in what sippy would guess.

    @param prepare: sets what the dialog says of both ends, and returns the headers of this INVITE.
    @param body: SDP.
    @param parts: what goes with it.
    """

    def __init__(self, prepare: Callable[[Any], tuple[Any, ...]], body: str, parts: tuple[Part, ...] = ()) -> None:
        super().__init__((None, None, None, sdpBody(body, parts), None, None))
        self._prepare = prepare

    def onUacSetupComplete(self, uac: Any) -> None:
        """Called by sippy just before the INVITE is made."""
        self.extra_headers = (*uac.ownHeaders(), *uac.sessionHeaders(), *self._prepare(uac))


class Inviting(DialogCore):
    """
    @ivar words: what the far end says of the end of the call.
    @ivar heardTag: the tag of the far end in the latest response to the INVITE; each phone that
        it has reached has its own.
    @ivar heardReliably: was the latest provisional response one of RFC 3262?
    """

    def __init__(
        self,
        transactions: Transactions,
        owner: Owner,
        userAgent: str,
        pinned: TransportAddress | None = None,
        answers: Answers | None = None,
        terms: SessionTerms = NO_TERMS,
    ) -> None:
        self._held = False
        self.heardTag: str | None = None
        self._early: set[str] = set()
        self._loggedIn = 0
        self._receiver = Receiver()
        self.heardReliably = False
        self.words = LastWords()
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

    def _acknowledgeEarly(self, response: Any, rack: str) -> None:
        """Send a PRACK, within the dialog that C{response} has begun: it may be one of several."""
        kept = self.rUri, self.rTarget, self.routes, self.remote.reached
        self.rUri = self.rUri.getCopy()
        self.rUri.setTag(response.getHFBody("to").getTag())
        takeRoutes(self, response)
        try:
            request = self.genRequest("PRACK", extra_headers=[SipHeader(name="rack", bodys=rack)])
            request.delHFs("contact")
            if request.getTarget() is not None:
                self.newTransaction(request)
        except OSError as problem:
            _log.debug("A response cannot be acknowledged: {problem!r}", problem=problem)
        finally:
            self.rUri, self.rTarget, self.routes, self.remote.reached = kept

    def recvResponse(self, resp: Any, tr: Any) -> None:
        """sippy's entry for a response; its news waits for L{flush} if an ACK comes first."""
        code, _ = resp.getSCode()
        if resp.source is None:  # it is the transaction layer's own: nothing to acknowledge
            if code == 408:
                resp.setSCode(408, UNANSWERED)
        elif not self._hear(resp, tr, code):
            return
        if code // 100 == 2 and resp.getHFBody("to").getTag() is None:
            self._acceptedUntagged(resp, tr)
        else:
            super().recvResponse(resp, tr)

    def _hear(self, response: Any, transaction: Any, code: int) -> bool:
        """@return: whether it is news."""
        self.heardFrom(response)
        self.words.answered(response)
        if self.answers is not None:
            self.answers.heard(response)
        if code == 422 and self._askLonger(response, transaction):
            return False
        if code // 100 == 2 and isinstance(self.state, (UacStateTrying, UacStateRinging)):
            self.session.answered(response)
        if 100 < code < 200 and not self._hearEarly(response):
            return False
        if 100 < code < 300:
            self.owner.identified(response)
        self.heardTag = response.getHFBody("to").getTag()
        self._held = code >= 200 and response.getHFBody("cseq").getCSeqMethod() == "INVITE"
        return True

    def _hearEarly(self, response: Any) -> bool:
        """A provisional response may want a PRACK.  @return: whether it was not heard before."""
        rack = self._receiver.heard(response, MAX_FORKS)
        if rack is None:
            return False
        self.heardReliably = bool(rack)
        if rack:
            self._acknowledgeEarly(response, rack)
        tag = response.getHFBody("to").getTag()
        if tag is not None and len(self._early) < MAX_FORKS:
            self._early.add(tag)
        return True

    def _acceptedUntagged(self, resp: Any, tr: Any) -> None:
        """A phone of RFC 2543 has no tag, and that is its tag (RFC 3261 section 12.1.2); sippy would hang up."""
        resp.getHFBody("to").setTag("none")
        try:
            super().recvResponse(resp, tr)
        finally:
            for address in (resp.getHFBody("to").getUri(), self.rUri.getUri()):
                if address.getParam("tag") == "none":
                    address.delParam("tag")

    def flush(self) -> None:
        """The ACK is out: let the news go."""
        self._held = False
        self.emitPendingEvents()
        self.acknowledged()

    def fork(self, response: Any) -> Inviting:
        """See L{ichatgw.sip.transaction.forks.Forked}."""
        fork = type(self)(self.global_config["_sip_tm"], self.owner, self.local_ua, self.pinned, self.answers)
        fork.cId, fork.lUri, fork.lContact = self.cId, self.lUri, self.lContact
        fork.rUri = self.rUri.getCopy()
        fork.rUri.setTag(response.getHFBody("to").getTag())
        fork.lCSeq = response.getHFBody("cseq").getCSeqNum()
        fork.rTarget, fork.routes = self.rTarget, []
        fork.remote.first, fork.given = self.remote.first, self.given
        fork.heardFrom(response)
        takeRoutes(fork, response)
        return fork

    def emitPendingEvents(self) -> None:
        """sippy calls it when it has news."""
        if not self._held:
            super().emitPendingEvents()

    def _askLonger(self, response: Any, transaction: Any) -> bool:
        """The INVITE is sent again, if it asked for too short a session and may ask for a longer one."""
        number = response.getHFBody("cseq").getCSeqNum()
        waiting = isinstance(self.state, (UacStateTrying, UacStateRinging))
        if not waiting or number not in self.reqs or not self.session.refused(response):
            return False
        kept = [each for each in transaction.req_extra_headers or () if each.name not in ("session-expires", "min-se")]
        headers = (*kept, *self.sessionHeaders())
        self.newUacTransaction(self.genRequest("INVITE", self.lSDP, extra_headers=headers), req_extra_headers=headers)
        del self.reqs[number]
        return True

    def processChallenge(
        self, resp: Any, cseq: int, ch_hfname: str, auth_hfname: str, extra_headers: tuple[Any, ...]
    ) -> bool:
        """sippy asks whether an INVITE that was challenged is sent again.  Not if the caller has given up by now."""
        refused = self.reqs[cseq]
        waiting = isinstance(self.state, (UacStateTrying, UacStateRinging))
        if self.answers is None or not waiting or self._loggedIn >= MAX_LOGINS:
            return False
        if not self.answers.challenged(refused, resp):
            return False
        self._loggedIn += 1
        again = self.genRequest("INVITE", self.lSDP, extra_headers=extra_headers)
        self.newUacTransaction(again, req_extra_headers=extra_headers)
        del self.reqs[cseq]
        return True

    def newTransaction(self, req: Any, **kwargs: Any) -> Any:
        """
        So that the transaction layer knows whose ACK it is, and that an iChat speaks UDP only.  A BYE because of a 200
        that came after the end of the call waits for the ACK.
        """
        if self._held and req.getMethod() == "BYE":
            self.afterAck(lambda: self.newTransaction(req, **kwargs))
            return None
        req.pinned = self.pinned is not None
        transaction = super().newTransaction(req, **kwargs)
        transaction.dialog = self
        return transaction
