from sippy.SipGenericHF import SipGenericHF

class SipContentType(SipGenericHF):
    name: str
    params: dict[str, str]
    def __init__(self, body: str | None) -> None: ...
