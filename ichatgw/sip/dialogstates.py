# -*- test-case-name: ichatgw.test.test_sip_leg -*-
"""
The states of sippy's UA that are other than sippy's own.
"""

from __future__ import annotations

from typing import Any

from sippy.MsgBody import MsgBody
from sippy.UasStateRinging import UasStateRinging
from sippy.UasStateTrying import UasStateTrying
from sippy.UaStateConnected import UaStateConnected


def sdpBody(text: str) -> Any:
    """SDP text as sippy carries it."""
    return MsgBody(text)


def sdpText(body: Any) -> str | None:
    """The SDP in a message body, C{None} if there is no body or it is something else."""
    if body is None or body.getType() != "application/sdp":
        return None
    return str(body.content)


class Trying(UasStateTrying):  # type: ignore[misc]
    """We have been called."""

    recv_request_handlers = UasStateRinging.recv_request_handlers  # sippy lacks the early BYE here


class Connected(UaStateConnected):  # type: ignore[misc]
    """The call is answered."""

    def _recvRequestInvite(self, req: Any) -> None:
        """The leg answers; a body-less re-INVITE gets our offer and its answer comes in the ACK."""
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

    recv_request_handlers = {
        "INVITE": _recvRequestInvite,
        "BYE": UaStateConnected._recvRequestBye,
    }
