# -*- test-case-name: ichatgw.test.config.test_settings,ichatgw.test.control.test_place -*-
"""
Settings of what administrators can ask and order while the gateway runs.
"""

from __future__ import annotations

from attrs import frozen

from ichatgw.config.declared.declare import setting
from ichatgw.config.reading.kinds import FILE


@frozen(kw_only=True, slots=False)
class ControlSettings:
    """What the administrator has decided about the command C{ichatgw}."""

    controlSocket: str = setting(
        "Control",
        "ControlSocket",
        FILE,
        "",
        "UNIX socket at which the command ichatgw reaches the gateway. Only the user as whom the gateway runs, and"
        " root, may connect. If left blank, ichatgw.sock in the run directory that systemd makes for it, else in the"
        " current directory. none for no socket.",
        example="/run/ichatgw/ichatgw.sock",
    )
