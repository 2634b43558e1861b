from sippy.SipURL import SipURL
from typing_extensions import Self

class SipAddress:
    name: str | None
    url: SipURL
    params: dict[str, str | None]
    params_order: list[str]
    hadbrace: bool
    def __init__(
        self,
        address: str | None = None,
        name: str | None = None,
        url: SipURL | None = None,
        params: dict[str, str | None] | None = None,
        hadbrace: bool | None = None,
        params_order: list[str] | None = None,
        relaxedparser: bool = False,
    ) -> None: ...
    def localStr(self, local_addr: tuple[tuple[str, int], str] | None = None) -> str: ...
    def getCopy(self) -> Self: ...
    def getParam(self, name: str) -> str | None: ...
    def setParam(self, name: str, value: str | None = None) -> None: ...
    def delParam(self, name: str) -> None: ...
