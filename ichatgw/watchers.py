# -*- test-case-name: ichatgw.test.observe.test_watchers -*-
"""
What watches the gateway, as the settings want it: the stream of events and its readers.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from attrs import define, field

from ichatgw.config.reload import Reloadable
from ichatgw.config.settings import Settings
from ichatgw.observe.callreports import Reports
from ichatgw.observe.registry import LiveCalls
from ichatgw.observe.stream import Events
from ichatgw.observe.trails import Trails


@define(eq=False)
class Watchers:
    """
    @ivar events: the stream that all parts publish to.
    @ivar reports: what calls publish by.
    @ivar trails: tells to which call a message belongs.
    @ivar calls: those that live, and the last that lived.
    """

    events: Events
    calls: LiveCalls
    trails: Trails
    reports: Reports = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.reports = Reports(self.events)
        # Who asks for trails reads after these.
        self.trails.read(self.events)
        self.calls.read(self.events)

    @property
    def reloadables(self) -> tuple[Reloadable, ...]:
        """What can change while the gateway runs."""
        return (Reloadable(("callHistory",), lambda new: partial(setattr, self.calls, "most", new.callHistory)),)


def watchersOf(reactor: Any, settings: Settings) -> Watchers:
    """All that watch."""
    trails = Trails()
    return Watchers(Events(reactor), LiveCalls(reactor, trails, settings.callHistory), trails)
