# -*- test-case-name: ichatgw.test.sip.transfer.test_outofdialogrefer -*-
"""
REFERs that come outside of the dialog that they are about (RFC 4538): from a console that transfers the calls of its
phone, say.  Only a sender that may call may do so, and only if it knows the full name of the dialog.
"""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_hex

from attrs import define, field
from sippy.MsgBody import MsgBody
from sippy.SipAddress import SipAddress
from sippy.SipContact import SipContact
from sippy.SipFrom import SipFrom
from sippy.SipHeader import SipHeader
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipRoute import SipRoute
from sippy.SipTo import SipTo
from sippy.SipURL import SipURL
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ichatgw.errors import MalformedError
from ichatgw.model import TransportAddress
from ichatgw.runtime.ratelimit import RateLimit
from ichatgw.sip.dialog.replaces import readTargetDialog
from ichatgw.sip.dialog.requests import Reply
from ichatgw.sip.leg.registry import Legs
from ichatgw.sip.transaction.outofdialog import Make
from ichatgw.sip.transaction.targetset import Attempt
from ichatgw.sip.transfer.refer import FORBIDDEN, Referrals
from ichatgw.sip.transport.listeningpoint import transportOf
from ichatgw.sip.transport.target import Target

_log = Logger()


@define(eq=False)
class OutOfDialogRefer:
    """
    Takes such a REFER, and sends the NOTIFYs about it.

    @ivar _exchange: carries out a request to a URI; see L{ichatgw.sip.transaction.outofdialog}.
    @ivar _contact: makes our Contact, as the far end sees it.
    """

    _legs: Legs
    _referrals: Referrals
    _userAgent: str
    _exchange: Callable[[SipURL, Make], Deferred[SipResponse]]
    _contact: Callable[[Target], SipContact]
    _lines: RateLimit

    def referred(self, request: SipRequest, source: TransportAddress) -> SipResponse:
        """
        @return: the response.
        """
        try:
            named = [readTargetDialog(str(body)) for body in request.getHFBodys("target-dialog")]
        except MalformedError:
            return Reply(400, "Bad Target-Dialog").to(request, self._userAgent)
        leg = self._legs.find(named[0]) if named else None
        if leg is None:
            # A stranger hears it as well, lest a password be tried here, right or wrong.
            self._refused(source, "it names no call of ours")
            return FORBIDDEN.to(request, self._userAgent)
        refusal = self._judge(request, source)
        if refusal is not None:
            return refusal.to(request, self._userAgent)
        contacts = request.getHFBodys("contact")
        if len(contacts) != 1 or contacts[0].asterisk:
            return Reply(400, "Exactly One Contact Is Needed").to(request, self._userAgent)
        subscriber = _Subscriber(self, request, token_hex(8))
        reply = self._referrals.take(leg, request, subscriber.ask)
        response = reply.to(request, self._userAgent)
        if reply.code < 300:
            response.getHFBody("to").setTag(subscriber.tag)
            response.appendHeader(SipHeader(name="contact", body=self._contact(Target(transportOf(request), source))))
        return response

    def _refused(self, source: TransportAddress, why: str) -> None:
        if self._lines.allow(source.host):
            _log.info("REFER from {source} refused: {why}", source=source, why=why)

    def _judge(self, request: SipRequest, source: TransportAddress) -> Reply | None:
        if self._legs.mayLead(request.login, source.host):
            return None
        self._refused(source, "not among AllowedSIPPeers")
        return FORBIDDEN


@define(eq=False)
class _Subscriber:
    """
    The far end of the dialog that a REFER began.

    @ivar tag: ours.
    """

    outside: OutOfDialogRefer
    request: SipRequest
    tag: str
    _sequence: int = field(default=0, init=False)

    def ask(self, heard: Callable[[SipResponse], None], headers: list[tuple[str, str]], body: MsgBody | None) -> None:
        """See L{ichatgw.sip.transfer.subscription.Ask}."""
        contact = self.request.getHFBody("contact").getUri().url
        routes = [SipRoute(address=each.getUri().getCopy()) for each in self.request.getHFBodys("record-route")]

        def make(attempt: Attempt) -> SipRequest:
            self._sequence += 1
            local = SipFrom(address=SipAddress(url=self.request.getHFBody("to").getUri().url.getCopy()))
            local.setTag(self.tag)
            remote = SipTo(address=SipAddress(url=self.request.getHFBody("from").getUri().url.getCopy()))
            remote.setTag(self.request.getHFBody("from").getTag())
            notify = SipRequest(
                method="NOTIFY",
                ruri=contact.getCopy(),
                fr0m=local,
                to=remote,
                cseq=self._sequence,
                callid=self.request.getHFBCopy("call-id"),
                contact=self.outside._contact(attempt.target),
                routes=routes,
                target=attempt.target.sippyAddress,
                user_agent=self.outside._userAgent,
            )
            notify.appendHeaders([SipHeader(name=name, bodys=value) for name, value in headers])
            notify.setBody(body)
            return notify

        def failed(failure: Failure) -> None:
            _log.debug("NOTIFY is not heard: {problem!r}", problem=failure.value)
            heard(SipResponse(scode=408, reason="Request Timeout"))

        hop = routes[0].getUrl() if routes else contact
        self.outside._exchange(hop, make).addCallbacks(heard, failed)
