from collections.abc import Callable, Sequence

from sippy.MsgBody import MsgBody
from sippy.SipCallId import SipCallId
from sippy.SipContact import SipContact
from sippy.SipExpires import SipExpires
from sippy.SipFrom import SipFrom
from sippy.SipMaxForwards import SipMaxForwards
from sippy.SipMsg import SipMsg
from sippy.SipResponse import SipResponse
from sippy.SipTo import SipTo
from sippy.SipURL import SipURL
from sippy.SipVia import SipVia

class SipRequest(SipMsg):
    method: str
    ruri: SipURL
    sipver: str
    user_agent: str | None
    sendResponse: Callable[..., None] | None
    login: str | None  # ours
    pinned: bool  # ours
    congestionSafe: bool  # ours
    def __init__(
        self,
        buf: str | None = None,
        method: str | None = None,
        ruri: SipURL | None = None,
        sipver: str = "SIP/2.0",
        to: SipTo | None = None,
        fr0m: SipFrom | None = None,
        via: SipVia | None = None,
        cseq: int | None = None,
        callid: SipCallId | None = None,
        maxforwards: SipMaxForwards | None = None,
        body: MsgBody | None = None,
        contact: SipContact | None = None,
        routes: Sequence[SipFrom] = (),
        target: tuple[tuple[str, int], str] | None = None,
        user_agent: str | None = None,
        expires: SipExpires | None = None,
    ) -> None: ...
    def getMethod(self) -> str: ...
    def getRURI(self) -> SipURL: ...
    def setRURI(self, ruri: SipURL) -> None: ...
    def genResponse(
        self,
        scode: int,
        reason: str,
        body: MsgBody | None = None,
        server: str | None = None,
        ext_reason: str | None = None,
    ) -> SipResponse: ...
    def genACK(self, to: SipTo | None = None) -> SipRequest: ...
    def genCANCEL(self) -> SipRequest: ...
    def genRequest(self, method: str, cseq: int | None = None) -> SipRequest: ...
