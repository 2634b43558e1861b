# -*- test-case-name: ichatgw.test.sip.dialog.test_prack,ichatgw.test.sip.dialog.test_offerless,ichatgw.test.sip.leg.test_inbound,ichatgw.test.sip.dialog.test_offeranswer -*-  # noqa: E501
"""
An INVITE of the far end that begins a dialog, and our responses to it (RFC 3261 section 13.3).
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

from attrs import define, field
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse

from ichatgw.sip.dialog.offeranswer import Input, State
from ichatgw.sip.dialog.prack import Sender, demands
from ichatgw.sip.dialog.reinvite import OfferCarrier, Reoffers
from ichatgw.sip.dialog.requests import Reply
from ichatgw.sip.message.bodies import sdpText


class Accepting(OfferCarrier, Protocol):
    """
    The dialog that the INVITE begins.

    @ivar reoffers: which offer is open.
    """

    reoffers: Reoffers

    def unacknowledged(self) -> None:
        """A response of ours was never acknowledged."""


@define(eq=False)
class TheirInvite:
    """
    Which responses wait, and for what.  The dialog is handed to it.
    """

    _sender: Sender | None = field(default=None, init=False)
    # Until it is accepted: what it says of the session.
    _request: SipRequest | None = field(default=None, init=False)

    @property
    def isReliable(self) -> bool:
        """Does the caller acknowledge our provisional responses (RFC 3262)?"""
        return self._sender is not None

    def came(self, dialog: Accepting, request: SipRequest) -> None:
        """It has come."""
        self._request = request
        dialog.reoffers.take(Input.FIRST_BARE if request.getBody() is None else Input.FIRST_OFFER)
        if demands(request):
            self._sender = Sender(dialog.respond, dialog.unacknowledged)

    def respond(self, dialog: Accepting, response: SipResponse) -> None:
        """Send a response, when its turn has come; one with 2xx has all that it takes to accept but this."""
        code = response.getSCode()[0]
        sender = self._sender
        if 200 <= code < 300:
            request, self._request = self._request, None
            if request is not None:
                response.appendHeaders([*dialog.ownHeaders(), *dialog.session.accept(request)])
            accept = partial(_accept, dialog, response)
            if sender is not None:
                sender.final(accept)
            else:
                accept()
        elif sender is None or code == 100:
            dialog.respond(response)
        elif code < 200:
            if response.getBody() is not None:
                dialog.reoffers.take(Input.EARLY_OFFER)
            if dialog.reoffers.state is not State.ASKED:
                sender.provisional(response)
        else:
            sender.over()
            dialog.respond(response)

    def acknowledged(self, dialog: Accepting, request: SipRequest) -> Reply | None:
        """PRACK (RFC 3262 section 3); it may bring a new offer."""
        racks = request.getHFBodys("rack")
        response = None
        if self._sender is not None and racks:
            response = self._sender.acknowledged(str(racks[0]))
        if response is None or self._sender is None:
            return Reply(481, "Call/Transaction Does Not Exist")
        if dialog.reoffers.state is State.EARLY_OFFER:
            _answered(dialog, request)
        else:
            if sdpText(response.getBody()) is not None:
                dialog.reoffers.take(Input.PRACK)
            if dialog.reoffers.state is State.CALLED_EARLY and sdpText(request.getBody()) is not None:
                dialog.reoffers.updated(request)
            else:
                dialog.respond(Reply(200, "OK").to(request, dialog.local_ua))
        self._sender.goOn()
        return None

    def over(self) -> bool:
        """
        Nothing more is sent for it.

        @return: whether the final response has waited until now.
        """
        held = self._sender is not None and self._sender.holdsEnd
        if self._sender is not None:
            self._sender.over()
        return held


def _answered(dialog: Accepting, request: SipRequest) -> None:
    """The PRACK for our offer brings the answer (RFC 3262 section 5)."""
    dialog.respond(Reply(200, "OK").to(request, dialog.local_ua))
    dialog.reoffers.take(Input.PRACK)
    dialog.changes.offerAnswered(sdpText(request.getBody()))


def _accept(dialog: Accepting, response: SipResponse) -> None:
    """Send the 200."""
    dialog.reoffers.acceptedFirst()
    dialog.respond(response, dialog.reoffers.acknowledged)
