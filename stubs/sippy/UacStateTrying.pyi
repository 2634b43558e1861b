from sippy.SipResponse import SipResponse
from sippy.UaStateGeneric import UaStateGeneric

class UacStateTrying(UaStateGeneric):
    def updateRoutes(self, resp: SipResponse) -> None: ...
