from sippy.Time.Timeout import _Timer
from sippy.UaStateGeneric import UaStateGeneric

class UacStateCancelling(UaStateGeneric):
    te: _Timer | None
    def goIdle(self) -> None: ...
