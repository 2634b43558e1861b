# -*- test-case-name: ichatgw.test.sip.leg.test_inbound,ichatgw.test.sip.leg.test_outbound,ichatgw.test.sip.leg.test_contract -*-  # noqa: E501
"""
The states of sippy's UA that are other than sippy's own.
"""

from __future__ import annotations

from sippy.Time.Timeout import Timeout
from sippy.UA import UA
from sippy.UacStateCancelling import UacStateCancelling
from sippy.UasStateRinging import UasStateRinging
from sippy.UasStateTrying import UasStateTrying
from sippy.UaStateConnected import UaStateConnected
from sippy.UaStateGeneric import UaStateGeneric

CANCELLED = 32.0
"""Seconds that an INVITE lives on after it was cancelled: 64*T1."""


class Trying(UasStateTrying):
    """UAS: an INVITE has come, and is not answered."""

    recv_request_handlers = UasStateRinging.recv_request_handlers  # sippy lacks the early BYE here


class Cancelling(UacStateCancelling):
    """We have sent CANCEL, or shall do so, and wait for the end of the INVITE."""

    def __init__(self, ua: UA) -> None:
        super().__init__(ua)
        if self.te is not None:
            self.te.cancel()
        self.te = Timeout(self.goIdle, CANCELLED)  # sippy's five minutes hold memory for nothing

    def goIdle(self) -> None:
        """No end has come: it is taken for one (RFC 3261 section 9.1)."""
        manager, transaction = self.ua.global_config["_sip_tm"], self.ua.tr
        super().goIdle()
        manager.forget(transaction)


class Connected(UaStateConnected):
    """The call is answered."""

    def onStateChange(self, newstate: type[UaStateGeneric]) -> None:
        """It is over."""
        self.ua.leaves()
        super().onStateChange(newstate)

    recv_request_handlers = {"BYE": UaStateConnected._recvRequestBye}
