# -*- test-case-name: ichatgw.test.sip.dialog.test_requests,ichatgw.test.sip.dialog.test_midcall,ichatgw.test.sip.dialog.test_prack -*-  # noqa: E501
"""
Requests of the far end within a dialog (RFC 3261 section 12.2.2), but for those that begin or end it.
"""

from __future__ import annotations

from typing import Protocol

from attrs import evolve
from sippy.SipContact import SipContact
from sippy.SipRequest import SipRequest
from sippy.UaStateGeneric import UaStateGeneric

from ichatgw.sip.dialog.capabilities import METHODS, OPTIONS
from ichatgw.sip.dialog.invited import Accepting, TheirInvite
from ichatgw.sip.dialog.owner import Owner
from ichatgw.sip.dialog.requests import Reply


class Receiving(Accepting, Protocol):
    """
    The dialog, as requests come to it.

    @ivar rCSeq: the CSeq of the latest request, sippy's; C{None} if there was none.
    """

    rCSeq: int | None
    state: UaStateGeneric | None
    theirs: TheirInvite
    owner: Owner
    lContact: SipContact


def outOfPlace(dialog: Receiving, request: SipRequest) -> Reply | None:
    """Why a request cannot be one of this dialog now; C{None} if it can, and its number is the latest."""
    number = request.getHFBody("cseq").getCSeqNum()
    if dialog.state is None or dialog.over:
        return Reply(481, "Call/Transaction Does Not Exist")
    if dialog.rCSeq is not None and number <= dialog.rCSeq:
        return Reply(500, "Out of Order")
    dialog.rCSeq = number
    return None


def requested(dialog: Receiving, request: SipRequest) -> Reply | None:
    """
    A request has come that is no INVITE, ACK or BYE.

    @return: what to answer; C{None} if that is done, L{ichatgw.sip.dialog.requests.LATER} if it will be.
    """
    refusal = outOfPlace(dialog, request)
    if refusal is not None:
        return refusal
    method = request.getMethod()
    if method == "UPDATE":
        dialog.reoffers.updated(request)
        return None
    if method == "PRACK":
        return dialog.theirs.acknowledged(dialog, request)
    if method == "OPTIONS":
        return evolve(OPTIONS, headers=(*OPTIONS.headers, ("contact", str(dialog.lContact))))
    reply = dialog.owner.requested(request)
    return Reply(405, "Method Not Allowed", (("allow", ", ".join(METHODS)),)) if reply is None else reply
