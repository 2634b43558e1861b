from sippy.SipGenericHF import SipGenericHF
from typing_extensions import Self

hf_types: dict[str, type[SipGenericHF]]

class SipHeader:
    name: str
    body: SipGenericHF
    login: object  # ours
    def __init__(
        self,
        s: str | None = None,
        name: str | None = None,
        body: SipGenericHF | None = None,
        bodys: str | None = None,
        fixname: bool = False,
    ) -> None: ...
    def localStr(self, local_addr: tuple[tuple[str, int], str] | None = None, compact: bool = False) -> str: ...
    def getBody(self) -> SipGenericHF: ...
    def getBCopy(self) -> SipGenericHF: ...
    def getCopy(self) -> Self: ...
