# -*- test-case-name: ichatgw.test.config.test_settings,ichatgw.test.config.reading.test_kinds -*-
"""
Settings of what watches calls.
"""

from __future__ import annotations

from attrs import frozen

from ichatgw.config.declared.declare import setting
from ichatgw.config.reading.kinds import whole

_OBSERVE = "Watching calls"


@frozen(kw_only=True, slots=False)
class ObserveSettings:
    """What the administrator has decided about what is kept of calls."""

    callHistory: int = setting(
        _OBSERVE,
        "CallHistory",
        whole(0, 100_000, "calls"),
        1000,
        "Of how many calls that are over all messages and events are kept in memory, to be looked at: at most 64 MB,"
        " beyond which the oldest go. 0 for none.",
    )
