from sippy.SipContentType import SipContentType
from typing_extensions import Self

DEFAULT_CTYPE: SipContentType

class MsgBody:
    # sippy can take it apart; here nothing calls parse(), so it is text.
    content: str
    mtype: SipContentType
    parsed: bool
    def __init__(self, content: str | None = None, mtype: SipContentType = ..., cself: Self | None = None) -> None: ...
    def localStr(self, local_addr: tuple[tuple[str, int], str] | None = None) -> str: ...
    def getType(self) -> str: ...
    def getCopy(self) -> MsgBody: ...
