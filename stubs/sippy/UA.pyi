from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sippy.CCEvents import CCEventGeneric
from sippy.MsgBody import MsgBody
from sippy.SipCallId import SipCallId
from sippy.SipContact import SipContact
from sippy.SipFrom import SipFrom
from sippy.SipHeader import SipHeader
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipTo import SipTo
from sippy.SipTransactionManager import SipTransaction, _Answer
from sippy.SipURL import SipURL
from sippy.Time.MonoTime import MonoTime
from sippy.UacStateCancelling import UacStateCancelling as _UacStateCancelling
from sippy.UasStateTrying import UasStateTrying as _UasStateTrying
from sippy.UaStateConnected import UaStateConnected as _UaStateConnected
from sippy.UaStateGeneric import UaStateGeneric

# The class of the next state, and what those who wait for it are told.
_NewState = tuple[object, ...]

class UA:
    UasStateTrying: type[_UasStateTrying]
    UaStateConnected: type[_UaStateConnected]
    UacStateCancelling: type[_UacStateCancelling]
    global_config: dict[str, Any]
    state: UaStateGeneric | None
    event_cb: Callable[[CCEventGeneric, UA], object] | None
    rCSeq: int | None
    lTag: str
    lUri: SipFrom
    rUri: SipTo
    cId: SipCallId
    lCSeq: int
    lContact: SipContact
    rAddr: tuple[tuple[str, int], str] | None
    routes: Sequence[SipFrom]
    rTarget: SipURL
    uasResp: SipResponse
    lSDP: MsgBody | None
    rSDP: MsgBody | None
    reqs: dict[int, SipRequest]
    local_ua: str
    tr: SipTransaction | None
    godead_timeout: float
    def __init__(
        self,
        global_config: dict[str, Any],
        event_cb: Callable[[CCEventGeneric, UA], object] | None = None,
    ) -> None: ...
    def setNextHop(self, nh_address: tuple[str, int], nh_transport: str = ...) -> None: ...
    def recvRequest(self, req: SipRequest, sip_t: SipTransaction) -> _Answer: ...
    def processChallenge(
        self,
        resp: SipResponse,
        cseq: int,
        ch_hfname: str,
        auth_hfname: str,
        extra_headers: Iterable[SipHeader] | None,
    ) -> bool: ...
    def recvResponse(self, resp: SipResponse, tr: SipTransaction) -> None: ...
    def recvEvent(self, event: CCEventGeneric) -> None: ...
    def disconnect(self, rtime: MonoTime | None = None, origin: str | None = None) -> None: ...
    def changeState(self, newstate: _NewState) -> None: ...
    def emitPendingEvents(self) -> None: ...
    def genRequest(
        self,
        method: str,
        body: MsgBody | None = None,
        cqop: object = None,
        extra_headers: Iterable[SipHeader] | None = None,
        max_forwards: int | None = None,
    ) -> SipRequest: ...
    def sendUasResponse(
        self,
        scode: int,
        reason: str,
        body: MsgBody | None = None,
        contacts: Iterable[SipContact] | None = None,
        extra_headers: Iterable[SipHeader] | None = None,
        ack_wait: bool = False,
    ) -> None: ...
    def recvACK(self, req: SipRequest) -> None: ...
    def isYours(
        self,
        req: SipRequest | None = None,
        call_id: str | None = None,
        from_tag: str | None = None,
        to_tag: str | None = None,
    ) -> UA | None: ...
    def isDead(self) -> bool: ...
    def isConnected(self) -> bool: ...
    def leaves(self) -> None: ...  # ours
    def cleanup(self) -> None: ...
    def newTransaction(
        self,
        req: SipRequest,
        req_extra_headers: Iterable[SipHeader] | None = None,
        **kwa: Any,
    ) -> SipTransaction | None: ...  # None, if it waits
    def newUacTransaction(self, req: SipRequest, **kwa: Any) -> None: ...
