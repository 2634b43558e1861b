# -*- python -*-
"""
The gateway as C{etc/ichatgw.tac} has it, and besides: at C{SIGRTMIN} it writes what it has now to the file that the
environment variable C{SOAK_COUNTS} names.  For C{bench/soak.py}.
"""

import gc
import json
import os
import runpy
import signal
from pathlib import Path

from twisted.internet import reactor

_made = runpy.run_path(str(Path(__file__).resolve().parents[1] / "etc" / "ichatgw.tac"))
application, _gateway = _made["application"], _made["service"]


def _counts():
    """All that could be left over."""
    transactions = _gateway.endpoint._transactions
    return {
        "calls": len(tuple(_gateway.switch.calls)),
        "legs": len(_gateway.endpoint.legs),
        "relays": _gateway.media.live,
        "ports lent": _gateway.media._pool.lent,
        "transactions": _gateway.endpoint.transactions,
        "dialogs": len(transactions.req_consumers),
        "responses kept": len(transactions.l1rcache),
        "timers": len(reactor.getDelayedCalls()),
        "readers": len(reactor.getReaders()),
        "files": len(os.listdir("/proc/self/fd")) - 1,
        "referrals": len(_gateway.endpoint._referrals._subscriptions),
        "objects": len(gc.get_objects()),
        "callers counted": len(_gateway.switch.limits._counts),
    }


def _write():
    gc.unfreeze()  # what the gateway has put away as lasting (ichatgw.runtime.collector) counts, too
    gc.collect()
    path = Path(os.environ["SOAK_COUNTS"])
    path.with_suffix(".new").write_text(json.dumps(_counts()))
    path.with_suffix(".new").rename(path)


signal.signal(signal.SIGRTMIN, lambda number, frame: reactor.callFromThread(_write))
