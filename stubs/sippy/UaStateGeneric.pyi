from collections.abc import Callable, Mapping
from typing import ClassVar

from sippy.CCEvents import CCEventGeneric
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipTransactionManager import SipTransaction
from sippy.Time.MonoTime import MonoTime
from sippy.UA import UA, _NewState

class UaStateGeneric:
    ua: UA
    connected: bool
    dead: bool
    recv_request_handlers: ClassVar[Mapping[str, Callable[..., _NewState | None]]]
    def __init__(self, ua: UA) -> None: ...
    def recvRequest(self, req: SipRequest) -> _NewState | None: ...
    def recvResponse(self, resp: SipResponse, tr: SipTransaction) -> _NewState | None: ...
    def recvEvent(self, event: CCEventGeneric) -> _NewState | None: ...
    def cancel(self, rtime: MonoTime, req: SipRequest | None) -> None: ...
    def onStateChange(self, newstate: type[UaStateGeneric]) -> None: ...
