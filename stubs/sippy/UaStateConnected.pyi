from sippy.SipRequest import SipRequest
from sippy.UA import _NewState
from sippy.UaStateGeneric import UaStateGeneric

class UaStateConnected(UaStateGeneric):
    def _recvRequestBye(self, req: SipRequest) -> _NewState: ...
