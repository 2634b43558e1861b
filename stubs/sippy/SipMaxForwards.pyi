from sippy.SipNumericHF import SipNumericHF

class SipMaxForwards(SipNumericHF):
    def __init__(self, body: str | None = None, number: int = 70) -> None: ...
