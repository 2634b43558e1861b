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

    def onStateChange(self, newstate: Any) -> None:
        """It is over."""
        self.ua.leaves()
        super().onStateChange(newstate)

    recv_request_handlers = {"BYE": UaStateConnected._recvRequestBye}
