# -*- test-case-name: ichatgw.test.control.test_process -*-
"""
Orders about the process as a whole: how it is, that it drain, read its settings again, log more or less.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ichatgw import __version__
from ichatgw.config.reload import Outcome as Reread
from ichatgw.config.reload import Reloader
from ichatgw.control.drain import Drain
from ichatgw.control.protocol import Answer, OrderError
from ichatgw.control.server import Orders
from ichatgw.log.lines import LEVELS
from ichatgw.observe.readiness import Readiness


class Figures(Protocol):
    """What the status is made of, beside readiness; each is called when the status is asked for."""

    def __call__(self) -> Mapping[str, Any]:
        """Names and values, as C{json} takes them."""


@define(eq=False)
class Process:
    """
    @ivar figures: more that the status says.
    @ivar takesLevel: can the level of the log be changed?
    """

    _clock: IReactorTime
    readiness: Readiness
    drains: Drain
    reloader: Reloader
    figures: Callable[[], Mapping[str, Any]]
    takesLevel: bool
    began: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.began = self._clock.seconds()

    def addTo(self, orders: Orders) -> None:
        """Carry out such orders."""
        orders.add("status", self.status)
        orders.add("drain", self.drain)
        orders.add("reload", self.reload)
        orders.add("loglevel", self.loglevel)

    def status(self, words: Mapping[str, str]) -> Answer:
        """How the gateway is."""
        troubles = self.readiness.troubles
        return Answer(
            {
                "version": __version__,
                "pid": os.getpid(),
                "uptime": round(self._clock.seconds() - self.began, 1),
                "ready": not troubles,
                "troubles": [{"part": each.part, "text": each.text} for each in troubles],
                **self.figures(),
                "logLevel": self.reloader.settings.logLevel,
            }
        )

    def drain(self, words: Mapping[str, str]) -> Answer:
        """See L{Drain.order}."""
        return Answer({"text": self.drains.order()})

    def reload(self, words: Mapping[str, str]) -> Deferred[Answer]:
        """Read the settings again; what has changed is said when that is done."""

        def over(outcome: Reread) -> Answer:
            if not outcome.isTaken:
                raise OrderError("settings stay as they were:\n" + "\n".join(outcome.lines))
            return Answer({"lines": list(outcome.lines)})

        return self.reloader.reload().addCallback(over)

    def loglevel(self, words: Mapping[str, str]) -> Answer:
        """
        Log at another level, until the settings are read again.

        @raise OrderError: if there is no such level, or the log is that of C{twistd}.
        """
        level = words.get("level", "").upper()
        if level not in LEVELS:
            raise OrderError(f"{level[:20]!r} is no level: use one of {', '.join(LEVELS)}")
        if not self.takesLevel:
            raise OrderError("the log is that of twistd (its options --syslog or --logger): start it without them")
        before = self.reloader.settings.logLevel
        self.reloader.override(logLevel=level)
        return Answer({"level": level, "before": before})
