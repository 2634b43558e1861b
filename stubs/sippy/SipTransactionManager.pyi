from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, Protocol

from sippy.SipHeader import SipHeader
from sippy.SipMsg import SipMsg
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.Time.MonoTime import MonoTime
from sippy.Time.Timeout import _Timer

class _Server(Protocol):
    @property
    def transport(self) -> str: ...
    def getSIPaddr(self) -> tuple[tuple[str, int], str]: ...
    def addr2str(self, address: tuple[str, int]) -> str: ...
    def send_to(self, data: str | bytes, address: tuple[str, int]) -> None: ...

_TId = tuple[str | int | None, ...]
_Cancelled = Callable[[MonoTime, SipRequest | None], object]
_Answer = tuple[SipResponse | None, _Cancelled | None, Callable[[], object] | None] | None

class SipTransactionConsumer:
    compact: bool
    cobj: Any
    def __init__(self, cobj: Any, compact: bool) -> None: ...

class SipTransactionState: ...
class TRYING(SipTransactionState): ...
class RINGING(SipTransactionState): ...
class TERMINATED(SipTransactionState): ...

class SipTransaction:
    tout: float
    tid: _TId
    address: tuple[str, int]
    data: str | None
    checksum: bytes | None
    cb_ifver: int
    compact: bool
    method: str
    state: type[SipTransactionState]
    userv: _Server | None
    ack: SipRequest | None
    cancel: SipRequest | None
    needack: bool
    cancelPending: bool
    resp_cb: Callable[..., object] | None
    cancel_cb: _Cancelled | None
    noack_cb: Callable[[], object] | None
    ack_cb: Callable[[SipRequest], object] | None
    r408: SipResponse | None
    r487: SipResponse | None
    req_extra_headers: Iterable[SipHeader] | None
    teA: _Timer | None
    teB: _Timer | None
    teC: _Timer | None
    teD: _Timer | None
    teE: _Timer | None
    teF: _Timer | None
    teG: _Timer | None
    dialog: Any  # ours
    large: SipRequest | None  # ours
    cuts: int  # ours
    logins: list[SipHeader]  # ours
    octets: int  # ours
    def cleanup(self) -> None: ...

class SipTMRetransmitO:
    userv: _Server | None
    data: str | None
    address: tuple[str, int] | None
    def __init__(
        self,
        userv: _Server | None = None,
        data: str | None = None,
        address: tuple[str, int] | None = None,
        call_id: str | None = None,
        lossemul: int | None = None,
    ) -> None: ...

class SipTransactionManager:
    global_config: dict[str, Any]
    l4r: object
    tclient: MutableMapping[_TId, SipTransaction]
    tserver: MutableMapping[_TId, SipTransaction]
    req_cb: Callable[[SipRequest, SipTransaction], _Answer] | None
    l1rcache: MutableMapping[bytes, SipTMRetransmitO]
    l2rcache: MutableMapping[bytes, SipTMRetransmitO]
    req_consumers: dict[str, list[SipTransactionConsumer]]
    cp_timer: _Timer
    def newTransaction(
        self,
        msg: SipRequest,
        resp_cb: Callable[..., object] | None = None,
        laddress: tuple[str, int] | None = None,
        userv: _Server | None = None,
        cb_ifver: int = 1,
        compact: bool = False,
        t: SipTransaction | None = None,
    ) -> SipTransaction: ...
    def cancelTransaction(self, t: SipTransaction, extra_headers: Iterable[SipHeader] | None = None) -> None: ...
    def incomingResponse(self, msg: SipResponse, t: SipTransaction, checksum: bytes) -> None: ...
    def incomingRequest(self, msg: SipRequest, checksum: bytes, tids: tuple[_TId, ...], server: _Server) -> None: ...
    def timerA(self, t: SipTransaction) -> None: ...
    def rCachePurge(self) -> None: ...
    def regConsumer(self, consumer: Any, call_id: str, compact: bool = False) -> None: ...
    def unregConsumer(self, consumer: Any, call_id: str) -> None: ...
    def sendResponse(
        self,
        resp: SipResponse,
        t: SipTransaction | None = None,
        retrans: bool = False,
        ack_cb: Callable[[SipRequest], object] | None = None,
        lossemul: int = 0,
    ) -> None: ...
    def doCancel(self, t: SipTransaction, rtime: MonoTime | None = None, req: SipRequest | None = None) -> None: ...
    def transmitMsg(
        self,
        userv: _Server,
        msg: SipMsg,
        address: tuple[str, int],
        cachesum: bytes | None,
        compact: bool = False,
    ) -> None: ...
    def transmitReq(self, t: SipTransaction, msg: SipRequest, *_: object, **__: object) -> None: ...
    def transmitData(
        self,
        userv: _Server,
        data: str,
        address: tuple[str, int],
        cachesum: bytes | None = None,
        lossemul: int = 0,
    ) -> None: ...
    def shutdown(self) -> None: ...
