from sippy.SipGenericHF import SipGenericHF

class SipCallId(SipGenericHF):
    def __init__(self, body: str | None = None) -> None: ...
