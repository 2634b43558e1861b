# -*- test-case-name: ichatgw.test.sip.leg,ichatgw.test.sip.transaction,ichatgw.test.sip.auth.test_authorization,ichatgw.test.sip.register.test_client,ichatgw.test.sip.dialog -*-  # noqa: E501
"""
An INVITE of ours, from its sending to the ACK: with forks, redirections and logins (RFC 3261 section 13.2).

News is held back until our ACK is out, so that a BYE never overtakes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, cast

from attrs import define, field
from sippy.CCEvents import CCEventTry
from sippy.MsgBody import MsgBody
from sippy.SipAddress import SipAddress
from sippy.SipCallId import SipCallId
from sippy.SipContact import SipContact
from sippy.SipFrom import SipFrom
from sippy.SipHeader import SipHeader
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipTo import SipTo
from sippy.SipTransactionManager import SipTransaction
from sippy.SipURL import SipURL
from sippy.UA import UA
from sippy.UacStateRinging import UacStateRinging
from sippy.UacStateTrying import UacStateTrying
from sippy.UaStateGeneric import UaStateGeneric
from twisted.logger import Logger

from ichatgw.model import Part
from ichatgw.sip.auth.authorization import MAX_LOGINS
from ichatgw.sip.dialog.owner import Owner
from ichatgw.sip.dialog.prack import Receiver
from ichatgw.sip.dialog.reinvite import OfferCarrier
from ichatgw.sip.dialog.remotetarget import RemoteTarget
from ichatgw.sip.message.bodies import sdpBody
from ichatgw.sip.message.remotereason import LastWords

_log = Logger()

MAX_FORKS = 20
"""As many early dialogs of one INVITE are known."""

UNANSWERED = "Request Timeout, for nobody answered"
"""The phrase of a 408 made here for want of an answer, so that the log tells it from one that a server sent."""


class Inviting(OfferCarrier, Protocol):
    """
    The dialog that the INVITE begins; the attributes that are not told of here are sippy's.

    @ivar hops: how many servers it may pass; C{None} for as many as usual.
    @ivar remote: where the far end is.
    @ivar owner: the leg.
    @ivar words: what the far end says of the end of the call.
    """

    hops: int | None
    remote: RemoteTarget
    owner: Owner
    words: LastWords
    state: UaStateGeneric | None
    cId: SipCallId
    reqs: dict[int, SipRequest]
    lSDP: MsgBody | None
    rUri: SipTo
    rTarget: SipURL
    routes: Sequence[SipFrom]

    def address(
        self, local: SipAddress, remote: SipAddress, target: SipURL, routes: Sequence[SipFrom], contact: SipContact
    ) -> None:
        """
        Set what the INVITE says of both ends; the ways to them that C{local} and C{remote} name are left out.

        @param target: what is called.
        @param contact: where we are.
        """

    def takeRoutes(self, response: SipResponse) -> None:
        """Set the route set and the remote target by what C{response} says (RFC 3261 section 12.1.2)."""

    def newTransaction(
        self, req: SipRequest, req_extra_headers: Iterable[SipHeader] | None = None, **kwa: Any
    ) -> SipTransaction | None: ...

    def newUacTransaction(self, req: SipRequest, **kwa: Any) -> None: ...


class Invite(CCEventTry):
    """
    The order to send an INVITE; fills in what sippy would guess.

    @param prepare: sets what the dialog says of both ends, and returns the headers of this INVITE.
    @param body: SDP.
    @param parts: what goes with it.
    """

    def __init__(
        self, prepare: Callable[[Inviting], tuple[SipHeader, ...]], body: str, parts: tuple[Part, ...] = ()
    ) -> None:
        super().__init__((None, None, None, sdpBody(body, parts), None, None))
        self._prepare = prepare

    def onUacSetupComplete(self, uac: UA) -> None:
        """Called by sippy just before the INVITE is made."""
        dialog = cast(Inviting, uac)  # sippy's name for any of its dialogs
        self.extra_headers = (*dialog.ownHeaders(), *dialog.sessionHeaders(), *self._prepare(dialog))


@define(eq=False)
class OurInvite:
    """
    What is known of the INVITE of ours that begins a dialog.  It holds nothing of the dialog, which is handed to it.

    @ivar heardTag: the tag of the far end in the latest response; each phone that it has reached has its own.
    @ivar heardReliably: was the latest provisional response one of RFC 3262?
    @ivar isHeld: does news wait for our ACK?
    @ivar early: the tags of the phones that have said something before they were answered.
    """

    heardTag: str | None = field(default=None, init=False)
    heardReliably: bool = field(default=False, init=False)
    isHeld: bool = field(default=False, init=False)
    early: set[str] = field(factory=set, init=False)
    _loggedIn: int = field(default=0, init=False)
    _receiver: Receiver = field(factory=Receiver, init=False)

    def hear(self, dialog: Inviting, response: SipResponse, transaction: SipTransaction) -> bool:
        """
        A response that came from the far end.

        @return: whether it is news.
        """
        code = response.getSCode()[0]
        dialog.heardFrom(response)
        dialog.words.answered(response)
        if dialog.answers is not None:
            dialog.answers.heard(response)
        if code == 422 and self._askLonger(dialog, response, transaction):
            return False
        if code // 100 == 2 and _isOut(dialog):
            dialog.session.answered(response)
        if 100 < code < 200 and not self._hearEarly(dialog, response):
            return False
        if 100 < code < 300:
            dialog.owner.identified(response)
        self.heardTag = response.getHFBody("to").getTag()
        self.isHeld = code >= 200 and response.getHFBody("cseq").getCSeqMethod() == "INVITE"
        return True

    def _hearEarly(self, dialog: Inviting, response: SipResponse) -> bool:
        """A provisional response may want a PRACK.  @return: whether it was not heard before."""
        rack = self._receiver.heard(response, MAX_FORKS)
        if rack is None:
            return False
        self.heardReliably = bool(rack)
        if rack:
            _acknowledgeEarly(dialog, response, rack)
        tag = response.getHFBody("to").getTag()
        if tag is not None and len(self.early) < MAX_FORKS:
            self.early.add(tag)
        return True

    def _askLonger(self, dialog: Inviting, response: SipResponse, transaction: SipTransaction) -> bool:
        """The INVITE is sent again, if it asked for too short a session and may ask for a longer one."""
        number = response.getHFBody("cseq").getCSeqNum()
        if not _isOut(dialog) or number not in dialog.reqs or not dialog.session.refused(response):
            return False
        kept = [each for each in transaction.req_extra_headers or () if each.name not in ("session-expires", "min-se")]
        _sendAgain(dialog, number, (*kept, *dialog.sessionHeaders()))
        return True

    def challenged(
        self, dialog: Inviting, response: SipResponse, number: int, headers: Iterable[SipHeader] | None
    ) -> bool:
        """
        The INVITE of that number (CSeq) was challenged.

        @param headers: what it has of its own.
        @return: whether it is sent again, with a login.  Not if the caller has given up by now.
        """
        answers = dialog.answers
        if answers is None or not _isOut(dialog) or self._loggedIn >= MAX_LOGINS:
            return False
        if not answers.challenged(dialog.reqs[number], response):
            return False
        self._loggedIn += 1
        _sendAgain(dialog, number, headers)
        return True


def _isOut(dialog: Inviting) -> bool:
    """Does our INVITE wait for its final response?"""
    return isinstance(dialog.state, (UacStateTrying, UacStateRinging))


def _sendAgain(dialog: Inviting, number: int, headers: Iterable[SipHeader] | None) -> None:
    """Send the INVITE of that number anew, with the next one."""
    again = dialog.genRequest("INVITE", dialog.lSDP, extra_headers=headers)
    dialog.newUacTransaction(again, req_extra_headers=headers)
    del dialog.reqs[number]


def _acknowledgeEarly(dialog: Inviting, response: SipResponse, rack: str) -> None:
    """Send a PRACK, within the dialog that C{response} has begun: it may be one of several."""
    kept = dialog.rUri, dialog.rTarget, dialog.routes, dialog.remote.reached
    dialog.rUri = dialog.rUri.getCopy()
    dialog.rUri.setTag(response.getHFBody("to").getTag())
    dialog.takeRoutes(response)
    try:
        request = dialog.genRequest("PRACK", extra_headers=[SipHeader(name="rack", bodys=rack)])
        request.delHFs("contact")
        if request.getTarget() is not None:
            dialog.newTransaction(request)
    except OSError as problem:
        _log.debug("A response of {callId} cannot be acknowledged: {why!r}", callId=str(dialog.cId), why=problem)
    finally:
        dialog.rUri, dialog.rTarget, dialog.routes, dialog.remote.reached = kept
