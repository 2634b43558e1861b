# -*- test-case-name: ichatgw.test.check.test_faults -*-
"""
The system: versions, how many files may be open, and the clock.
"""

from __future__ import annotations

from datetime import datetime, timezone

from ichatgw.check.finding import Tell, error, ok, warning
from ichatgw.check.given import Given
from ichatgw.errors import ConfigError
from ichatgw.gateway.service import OTHER_FILES

VERSIONS, FILES, CLOCK = "versions", "open files", "clock"

EARLIEST = datetime(2025, 1, 1, tzinfo=timezone.utc)
"""A clock that says less was never set."""


async def look(given: Given, tell: Tell) -> None:
    """Look at all of it."""
    _versions(given, tell)
    settings, limit = given.settings, given.host.fileLimit()
    wanted = settings.mediaRelayPortRangeMax - settings.mediaRelayPortRangeMin + 1 + OTHER_FILES
    if limit and limit < wanted:
        what = f"{limit} may be open, and calls on all media ports need {wanted}"
        tell(warning(FILES, what, f"set ulimit -Hn {wanted}, or LimitNOFILE={wanted} in the unit of systemd"))
    else:
        tell(ok(FILES, f"{limit or 'any number'} may be open, calls on all media ports need {wanted}"))
    now = given.host.now()
    if now < EARLIEST:
        tell(error(CLOCK, f"it is {now:%Y-%m-%d} by the clock of this host", "set it, and run an NTP client"))
    else:
        tell(ok(CLOCK, f"it is {now:%Y-%m-%d %H:%M:%S} UTC"))


def _versions(given: Given, tell: Tell) -> None:
    versions = given.host.versions()
    for name in (name for name, version in versions.items() if not version):
        tell(error(VERSIONS, f"{name} is not installed", "install ichatgw anew, by pip"))
    try:
        doubt = given.host.sippyFault()
    except ConfigError as problem:
        tell(error(VERSIONS, str(problem), "install that version of sippy"))
        return
    if doubt:
        tell(warning(VERSIONS, doubt, "install the version of sippy that is known"))
    tell(ok(VERSIONS, ", ".join(f"{name} {version}" for name, version in versions.items() if version)))
