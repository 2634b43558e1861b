# -*- test-case-name: ichatgw.test.observe.test_watchers -*-
"""
What watches the gateway, as the settings want it: the stream of events and its readers.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any

from attrs import define, field

from ichatgw.config.reload import Reloadable
from ichatgw.config.settings import Settings
from ichatgw.media.rtp.reportjson import reportJSON
from ichatgw.net.dns import Records
from ichatgw.net.stunservers import STUNServers
from ichatgw.observe.callreports import Reports
from ichatgw.observe.hep.capture import HEPCapture
from ichatgw.observe.hep.wire import PORT, DatagramWire, HEPWire, StreamWire
from ichatgw.observe.records.fields import CallRecords, head
from ichatgw.observe.records.file import RecordFile
from ichatgw.observe.registry import LiveCalls
from ichatgw.observe.stream import Events
from ichatgw.observe.trails import Trails
from ichatgw.runtime.disk import Disk
from ichatgw.xmpp.link.component import endpointFor


@define(eq=False)
class Watchers:
    """
    @ivar events: the stream that all parts publish to.
    @ivar reports: what calls publish by.
    @ivar trails: tells to which call a message belongs.
    @ivar calls: those that live, and the last that lived.
    @ivar records: where a line for each call goes, if anywhere.
    @ivar capture: sends messages to a server that keeps them, if there is one.
    @ivar wire: the way there.
    """

    events: Events
    calls: LiveCalls
    trails: Trails
    records: RecordFile | None = None
    capture: HEPCapture | None = None
    wire: HEPWire | None = None
    reports: Reports = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.reports = Reports(self.events)
        # Who asks for trails reads after these.
        self.trails.read(self.events)
        self.calls.read(self.events)

    def start(self) -> None:
        """The gateway starts."""
        if self.wire is not None and self.capture is not None:
            self.wire.start()
            self.capture.read(self.events)

    def stop(self) -> None:
        """It has stopped: what waits is written and sent."""
        if self.records is not None:
            self.records.close()
        if self.wire is not None and self.capture is not None:
            self.capture.stop()
            self.wire.stop()

    @property
    def reloadables(self) -> tuple[Reloadable, ...]:
        """What can change while the gateway runs."""
        return (Reloadable(("callHistory",), lambda new: partial(setattr, self.calls, "most", new.callHistory)),)


def watchersOf(reactor: Any, settings: Settings, disk: Disk) -> Watchers:
    """All that watch."""
    trails = Trails()
    made = Watchers(Events(reactor), LiveCalls(reactor, trails, settings.callHistory), trails)
    if settings.callRecords:
        path, format = os.path.abspath(settings.callRecords), settings.callRecordsFormat
        made.records = RecordFile(path, disk, reactor, head(format))
        made.calls.listeners.append(CallRecords(made.records.append, format).ended)
    if settings.hepServer is not None:
        made.wire = _wire(reactor, settings, *settings.hepServer)
        made.capture = HEPCapture(
            reactor, trails, made.wire.send, settings.hepCaptureId, settings.hepPassword, reportJSON
        )
    return made


def _wire(reactor: Any, settings: Settings, host: str, port: int, transport: str) -> HEPWire:
    if transport == "tcp":
        return StreamWire(reactor, endpointFor(reactor, host, port or PORT))
    return DatagramWire(reactor, STUNServers(Records(reactor, settings.dnsServers), host, port or PORT))
