from sippy.SipNumericHF import SipNumericHF

class SipExpires(SipNumericHF):
    def __init__(self, body: str | None = None, number: int = 300) -> None: ...
