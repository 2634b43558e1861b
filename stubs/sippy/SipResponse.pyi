from collections.abc import Sequence

from sippy.MsgBody import MsgBody
from sippy.SipCallId import SipCallId
from sippy.SipCSeq import SipCSeq
from sippy.SipFrom import SipFrom
from sippy.SipMsg import SipMsg
from sippy.SipRecordRoute import SipRecordRoute
from sippy.SipTo import SipTo
from sippy.SipVia import SipVia

class SipResponse(SipMsg):
    scode: int
    reason: str
    sipver: str
    def __init__(
        self,
        buf: str | None = None,
        scode: int | None = None,
        reason: str | None = None,
        sipver: str | None = None,
        to: SipTo | None = None,
        fr0m: SipFrom | None = None,
        callid: SipCallId | None = None,
        vias: Sequence[SipVia] | None = None,
        cseq: SipCSeq | None = None,
        body: MsgBody | None = None,
        rrs: Sequence[SipRecordRoute] = (),
        server: str | None = None,
    ) -> None: ...
    def setSCode(self, scode: int, reason: str) -> None: ...
    def getSCode(self) -> tuple[int, str]: ...
