# -*- test-case-name: ichatgw.test.observe.test_watchers -*-
"""
What watches the gateway, as the settings want it: the stream of events and its readers.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from attrs import define, field, frozen

from ichatgw.config.reload import Reloadable
from ichatgw.config.settings import Settings
from ichatgw.log.redaction import Content
from ichatgw.media.rtp.reportjson import reportJSON
from ichatgw.model import TransportAddress
from ichatgw.net.dns import Records
from ichatgw.net.names import endpointFor
from ichatgw.net.stunservers import STUNServers
from ichatgw.observe.archive.archive import Archive
from ichatgw.observe.callreports import Reports
from ichatgw.observe.hep.capture import HEPCapture
from ichatgw.observe.hep.wire import PORT, DatagramWire, HEPWire, StreamWire
from ichatgw.observe.messages import Messages
from ichatgw.observe.packing import Packing
from ichatgw.observe.records.fields import CallRecords, head
from ichatgw.observe.records.file import RecordFile
from ichatgw.observe.registry import LiveCalls
from ichatgw.observe.snapshots import CallSnapshot
from ichatgw.observe.stream import Events
from ichatgw.observe.trails import Trails
from ichatgw.runtime.disk import Disk
from ichatgw.runtime.turns import Turns


@define(eq=False)
class Recording:
    """
    A line for each call that is over, in the file that the settings name, if they name one.

    @ivar file: what waits is written there, the one of the last settings that named one.
    """

    _reactor: Any
    _calls: LiveCalls
    file: RecordFile | None = field(default=None, init=False)
    # Names of files are meant as at the start.
    _directory: str = field(factory=os.getcwd, init=False)
    _reader: Callable[[CallSnapshot], object] | None = field(default=None, init=False)
    _runs: bool = field(default=False, init=False)

    def adopt(self, settings: Settings) -> None:
        """Record the calls that end from now on as these settings say.  Lines that still wait go along."""
        if self._reader is not None:
            self._calls.listeners.remove(self._reader)
            self._reader = None
        if not settings.callRecords:
            return
        path, format = os.path.join(self._directory, settings.callRecords), settings.callRecordsFormat
        if self.file is None:
            self.file = RecordFile(self._reactor)
            if self._runs:
                self.file.start()
        self.file.aim(path, head(format))
        self._reader = CallRecords(self.file.append, format).ended
        self._calls.listeners.append(self._reader)

    def start(self) -> None:
        """The gateway starts."""
        self._runs = True
        if self.file is not None:
            self.file.start()

    def stop(self) -> None:
        """Have written what waits, and no more."""
        self._runs = False
        if self.file is not None:
            self.file.stop()


@frozen
class _Server:
    """Where messages are captured, as the settings say it."""

    place: tuple[str, int, str]
    captureId: int
    password: str = field(repr=False)

    @classmethod
    def of(cls, settings: Settings) -> _Server | None:
        if settings.hepServer is None:
            return None
        return cls(settings.hepServer, settings.hepCaptureId, settings.hepPassword)


@define(eq=False)
class Capturing:
    """
    Sends messages to the server that the settings name, if they name one.
    """

    _reactor: Any
    _events: Events
    _messages: Messages
    _nameServers: tuple[TransportAddress, ...]
    _server: _Server | None = field(default=None, init=False)
    _runs: bool = field(default=False, init=False)
    _end: Callable[[], None] | None = field(default=None, init=False)

    def adopt(self, settings: Settings) -> None:
        """Send what happens from now on as these settings say.  What waits goes to the server that there was."""
        server = _Server.of(settings)
        if server == self._server:
            return
        self._server = server
        if self._runs:
            self.stop()
            self.start()

    def start(self) -> None:
        """Begin, if there is a server."""
        self._runs = True
        if self._server is None:
            return
        wire = self._wire(*self._server.place)
        capture = HEPCapture(
            self._reactor, self._messages, wire.send, self._server.captureId, self._server.password, reportJSON
        )
        wire.start()
        unread = capture.read(self._events)

        def end() -> None:
            unread()
            capture.stop()
            wire.stop()

        self._end = end

    def stop(self) -> None:
        """Send what waits, and no more."""
        self._runs = False
        end, self._end = self._end, None
        if end is not None:
            end()

    def _wire(self, host: str, port: int, transport: str) -> HEPWire:
        records = Records(self._reactor, self._nameServers)
        if transport == "tcp":
            return StreamWire(self._reactor, endpointFor(self._reactor, records, host, port or PORT))
        return DatagramWire(self._reactor, STUNServers(records, host, port or PORT))


@define(eq=False)
class Watchers:
    """
    @ivar events: the stream that all parts publish to.
    @ivar reports: what calls publish by.
    @ivar trails: tells to which call a message belongs.
    @ivar calls: those that live, and the last that lived.
    @ivar recording: keeps a line of each call.
    @ivar capturing: sends messages to a server that keeps them.
    @ivar archive: keeps those that are over in a file, if there is one.
    @ivar packing: packs those in memory.
    """

    events: Events
    calls: LiveCalls
    trails: Trails
    recording: Recording
    capturing: Capturing
    archive: Archive | None = field(default=None, init=False)
    packing: Packing | None = field(default=None, init=False)
    reports: Reports = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.reports = Reports(self.events)
        self.trails.read(self.events)
        self.calls.messages.read(self.events)
        self.calls.read(self.events)

    def start(self) -> None:
        """The gateway starts."""
        self.recording.start()
        self.capturing.start()
        for each in (self.archive, self.packing):
            if each is not None:
                each.start()

    def stop(self) -> None:
        """It has stopped: what waits is written and sent."""
        self.calls.messages.flush()
        self.recording.stop()
        self.capturing.stop()
        for each in (self.archive, self.packing):
            if each is not None:
                each.stop()

    def keep(self, turns: Turns, settings: Settings, disk: Disk) -> None:
        """Keep calls that are over in little memory, and in a file if the settings name one."""
        self.packing = Packing(turns, self.calls)
        path, days = settings.callHistoryDatabase, settings.callHistoryDays
        if path:
            hides, now = Content(settings.logHides), self.events.now
            self.archive = Archive(turns, os.path.abspath(path), days, disk, self.calls, lambda: now()[1], hides)

    def _keepAs(self, settings: Settings) -> None:
        if self.archive is not None:
            self.archive.days, self.archive.hides = settings.callHistoryDays, Content(settings.logHides)

    @property
    def reloadables(self) -> tuple[Reloadable, ...]:
        """What can change while the gateway runs."""
        return (
            Reloadable(("callHistory",), lambda new: partial(setattr, self.calls, "most", new.callHistory)),
            Reloadable(("callHistoryDays", "logHides"), lambda new: partial(self._keepAs, new)),
            Reloadable(("callRecords", "callRecordsFormat"), lambda new: partial(self.recording.adopt, new)),
            Reloadable(("hepServer", "hepCaptureId", "hepPassword"), lambda new: partial(self.capturing.adopt, new)),
        )


def watchersOf(reactor: Any, settings: Settings, trails: Trails | None = None) -> Watchers:
    """
    All that watch.

    @param trails: tells to which call a message belongs; for others that want to know that, too.
    """
    events, trails = Events(reactor), trails or Trails()
    messages = Messages(reactor, trails)
    calls = LiveCalls(reactor, messages, settings.callHistory)
    recording = Recording(reactor, calls)
    capturing = Capturing(reactor, events, messages, settings.dnsServers)
    for each in (recording, capturing):
        each.adopt(settings)
    return Watchers(events, calls, trails, recording, capturing)
