# -*- test-case-name: ichatgw.test.test_sip_leg -*-
"""
sippy's UA (one dialog, RFC 3261 section 12), with the gaps closed that a gateway would fall into.

- In-dialog requests go where L{ichatgw.sip.hop} says: to an address from the route set or the remote target, over the
  far end's own connection if that is open, or back to where its last message came from; a pinned dialog (iChat) goes to
  one address, whatever its Contact says.
- A re-INVITE is answered by the leg at once: media is anchored, so the far party need not know.
- Every request gets a response (X25); an early BYE too.
- News is held back until our ACK is out, so that a BYE never overtakes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from sippy.CCEvents import CCEventTry
from sippy.MsgBody import MsgBody
from sippy.SipFrom import SipFrom
from sippy.SipHeader import SipHeader
from sippy.SipTo import SipTo
from sippy.SipURL import SipURL
from sippy.UA import UA
from sippy.UacStateRinging import UacStateRinging
from sippy.UacStateTrying import UacStateTrying
from sippy.UasStateRinging import UasStateRinging
from sippy.UasStateTrying import UasStateTrying
from sippy.UaStateConnected import UaStateConnected
from sippy.UaStateDead import UaStateDead
from sippy.UaStateDisconnected import UaStateDisconnected
from sippy.UaStateFailed import UaStateFailed

from ichatgw.model import TransportAddress
from ichatgw.sip.door import literal
from ichatgw.sip.hop import nextHop
from ichatgw.sip.logins import MOST_LOGINS, Logins
from ichatgw.sip.target import Target, Transport
from ichatgw.sip.transactions import Transactions

METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "MESSAGE")
"""What we take, in the order of our C{Allow} header."""

OTHER_METHODS = ("REGISTER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "REFER", "UPDATE", "PRACK")
"""What we know and do not take: 405; all else is 501."""

UNANSWERED = "Request Timeout, for nobody answered"
"""What goes with a 408 that nobody sent, so that the log tells it from one that somebody did."""


class Owner(Protocol):
    """Who takes a dialog's news: the leg."""

    def event(self, event: Any, dialog: Any) -> None:
        """One of sippy's C{CCEvent}s."""

    def reoffered(self, body: str | None) -> str | None:
        """
        The party sends a new offer (or asks for one: C{None}) inside the call.

        @return: our SDP, or C{None} if the offer is not acceptable and the call goes on as it was.
        """


def allow() -> Any:
    """Our C{Allow} header."""
    return SipHeader(name="allow", bodys=", ".join(METHODS))


def refusal(request: Any, server: str) -> Any:
    """The response to a request whose method we do not take."""
    if request.getMethod() in (*METHODS, *OTHER_METHODS):
        response = request.genResponse(405, "Method Not Allowed", server=server)
    else:
        response = request.genResponse(501, "Not Implemented", server=server)
    response.appendHeader(allow())
    return response


def sdpBody(text: str) -> Any:
    """SDP text as sippy carries it."""
    return MsgBody(text)


def sdpText(body: Any) -> str | None:
    """The SDP in a message body, C{None} if there is no body or it is something else."""
    if body is None or body.getType() != "application/sdp":
        return None
    return str(body.content)


class _Trying(UasStateTrying):  # type: ignore[misc]
    recv_request_handlers = UasStateRinging.recv_request_handlers  # sippy lacks the early BYE here


class _Connected(UaStateConnected):  # type: ignore[misc]
    def _recvRequestInvite(self, req: Any) -> None:
        """See the module docstring; a body-less re-INVITE gets our offer and its answer comes in the ACK."""
        ua = self.ua
        ua.uasResp = req.genResponse(100, "Trying", server=ua.local_ua)
        ua.global_config["_sip_tm"].sendResponse(ua.uasResp)
        body = req.getBody()
        ours = None
        if body is None or body.getType() == "application/sdp":
            ours = ua.owner.reoffered(sdpText(body))
        if ours is None:
            ua.sendUasResponse(488, "Not Acceptable Here")
        else:
            ua.lSDP = sdpBody(ours)
            ua.sendUasResponse(200, "OK", ua.lSDP, (ua.lContact,), ack_wait=body is None)

    def _recvRequestMessage(self, req: Any) -> None:
        """An iChat sends C{PING} every few seconds and wants to hear 200; nothing is passed on."""
        req.sendResponse(200, "OK")

    recv_request_handlers = {
        "INVITE": _recvRequestInvite,
        "BYE": UaStateConnected._recvRequestBye,
        "INFO": UaStateConnected._recvRequestInfo,
        "OPTIONS": UaStateConnected._recvRequestOptions,
        "MESSAGE": _recvRequestMessage,
    }


class Invite(CCEventTry):  # type: ignore[misc]
    """
    The order to send an INVITE; fills in what sippy would guess.

    @param prepare: sets what the dialog says of both ends, and returns the headers of this INVITE.
    """

    def __init__(self, prepare: Callable[[Any], tuple[Any, ...]], body: str) -> None:
        super().__init__((None, None, None, sdpBody(body), None, None))
        self._prepare = prepare
        self.extra_headers = (allow(),)

    def onUacSetupComplete(self, uac: Any) -> None:
        """Called by sippy just before the INVITE is made."""
        self.extra_headers += self._prepare(uac)


class Dialog(UA):  # type: ignore[misc]
    """
    @ivar owner: the leg.
    @ivar pinned: where everything goes, whatever the far end says of itself; C{None} for the usual rules.
    @param logins: answers challenges.
    @ivar elsewhere: the bodies of C{Contact} of a redirection.
    @ivar warning: the body of the latest C{Warning}; empty if none came.
    """

    UasStateTrying = _Trying
    UaStateConnected = _Connected
    # A BYE that crosses ours comes within a moment; sippy's 32 s only hold memory.
    godead_timeout = 4.0

    def __init__(
        self,
        transactions: Transactions,
        owner: Owner,
        userAgent: str,
        pinned: TransportAddress | None = None,
        logins: Logins | None = None,
    ) -> None:
        self.owner = owner
        self.pinned = pinned
        self._flow: Target | None = None
        self._first: Target | None = None
        self._reached: Any = None
        self._isOpen = transactions.isOpen
        self._expect = transactions.expect
        self._held = False
        self._logins = logins
        self._loggedIn = 0
        self.elsewhere: tuple[Any, ...] = ()
        self.warning = ""
        super().__init__(transactions.global_config, owner.event)
        self.local_ua = userAgent

    @property
    def over(self) -> bool:
        """Refused or ended."""
        return isinstance(self.state, (UaStateFailed, UaStateDisconnected, UaStateDead))

    @property
    def rAddr(self) -> Any:
        """Where the next request goes: C{((host, port), transport)}."""
        return self._hop.sippyAddress if self._hop is not None else None

    @rAddr.setter
    def rAddr(self, value: Any) -> None:
        """sippy takes it from the route set, or else the remote target; L{setNextHop} from us."""
        self._reached = value

    @property
    def _hop(self) -> Target | None:
        if self.pinned is not None:
            return Target(Transport.UDP, self.pinned)
        if self._reached is None or self._reached[0] is None:
            return None
        (host, port), named = self._reached
        url = self.routes[0].getUrl() if self.routes else self.rTarget
        return nextHop(
            literal(str(host), int(port)),
            Transport.of(str(named), url is not None and url.scheme == "sips"),
            url is None or (url.transport is None and url.scheme == "sip"),
            bool(self.routes),
            self._flow,
            self._first,
            self._isOpen,
        )

    def _heard(self, message: Any) -> None:
        """Remember where the far end's messages come from."""
        (host, port), transport = message.source
        source = literal(host, port)
        if source is not None:
            self._flow = Target(Transport(str(transport)), source)

    def invite(self, target: Target, order: Invite) -> None:
        """
        Call.

        @param target: where the INVITE goes.
        @raise OSError: if it cannot be reached.
        """
        self._first = target
        self._expect(target)
        self.setNextHop(*target.sippyAddress)
        self.recvEvent(order)

    def address(self, local: Any, remote: Any, target: SipURL, routes: list[Any], contact: Any) -> None:
        """Set what an INVITE says of both ends (for L{Invite}'s C{prepare})."""
        self.lUri = SipFrom(address=local)
        self.lUri.setTag(self.lTag)
        self.rUri = SipTo(address=remote)
        self.rTarget = target
        self.routes = routes
        self.lContact = contact

    def recvRequest(self, req: Any, sip_t: Any) -> Any:
        """sippy's entry for a request of this dialog."""
        self._heard(req)
        if req.getMethod() not in METHODS:
            return refusal(req, self.local_ua), None, None
        if self.state is None and sip_t.r487 is not None:
            # All responses to one INVITE belong to one dialog (RFC 3261 section 12.1.1).
            sip_t.r487.getHFBody("to").setTag(self.lTag)
        result = super().recvRequest(req, sip_t)
        if result is None and sip_t.data is None and req.getMethod() != "ACK":
            return req.genResponse(481, "Call/Transaction Does Not Exist", server=self.local_ua), None, None
        return result

    def recvResponse(self, resp: Any, tr: Any) -> None:
        """sippy's entry for a response; its news waits for L{flush} if an ACK comes first."""
        if resp.source is not None:  # else it is the transaction layer's own 408: nothing to acknowledge
            self._heard(resp)
            if 300 <= resp.getSCode()[0] < 400:
                self.elsewhere = tuple(resp.getHFBodys("contact"))
            if resp.countHFs("warning"):
                self.warning = str(resp.getHFBody("warning"))
            self._held = resp.getSCode()[0] >= 200 and resp.getHFBody("cseq").getCSeqMethod() == "INVITE"
        else:
            resp.setSCode(resp.getSCode()[0], UNANSWERED)
        super().recvResponse(resp, tr)

    def flush(self) -> None:
        """The ACK is out: let the news go."""
        self._held = False
        self.emitPendingEvents()

    def emitPendingEvents(self) -> None:
        """sippy calls it when it has news."""
        if not self._held:
            super().emitPendingEvents()

    def processChallenge(
        self, resp: Any, cseq: int, ch_hfname: str, auth_hfname: str, extra_headers: tuple[Any, ...]
    ) -> bool:
        """sippy asks whether an INVITE that was challenged is sent again.  Not if the caller has given up by now."""
        refused = self.reqs[cseq]
        waiting = isinstance(self.state, (UacStateTrying, UacStateRinging))
        if self._logins is None or not waiting or self._loggedIn >= MOST_LOGINS:
            return False
        headers = self._logins.headers(refused, resp)
        if headers is None:
            return False
        self._loggedIn += 1
        again = self.genRequest("INVITE", self.lSDP, extra_headers=[*extra_headers, *headers])
        self.newUacTransaction(again, req_extra_headers=extra_headers)
        del self.reqs[cseq]
        return True

    def newTransaction(self, req: Any, **kwargs: Any) -> Any:
        """So that the transaction layer knows whose ACK it is, and that an iChat speaks UDP only."""
        req.pinned = self.pinned is not None
        transaction = super().newTransaction(req, **kwargs)
        transaction.dialog = self
        return transaction
