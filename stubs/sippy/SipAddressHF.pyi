from sippy.SipAddress import SipAddress
from sippy.SipGenericHF import SipGenericHF
from sippy.SipURL import SipURL

class SipAddressHF(SipGenericHF):
    address: SipAddress
    relaxedparser: bool
    def __init__(self, body: str | None = None, address: SipAddress | None = None) -> None: ...
    def getUri(self) -> SipAddress: ...
    def getUrl(self) -> SipURL: ...
