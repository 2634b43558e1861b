# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
A program that talks in calls and asks OPTIONS meanwhile, for C{python -m ichatgw.test.e2e.programs.observer}.

It measures by the kernel's clock when packets arrive, and allows for its own late packets: how busy the machine is
otherwise does not count.  Its input is a line that says between which addresses it talks (L{Plan}), and then an empty
line whenever it is to tell what it has observed since the last time (L{Observed}).
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import struct
import time
from contextlib import suppress

from attrs import asdict, define, field, frozen

PACKET = 0.02
"""Seconds between two packets of a stream."""

ASKED = 3
"""There is one OPTIONS for so many packets of a stream."""

ANSWER_TIMEOUT = 2.0
"""Seconds that an answer may take."""

SO_TIMESTAMPNS = 35
"""Linux: each datagram comes with the time when the kernel got it."""

_MARK = struct.Struct("!Id")


@frozen
class Plan:
    """
    @ivar streams: for each stream the port that it is sent from and received at, and the port that it is sent to.
    @ivar port: the SIP port that is asked.
    """

    streams: tuple[tuple[int, int], ...]
    port: int


@frozen
class Observed:
    """
    @ivar gap: seconds of the longest time without a packet in any stream.
    @ivar packets: how many came in the stream that heard fewest.
    @ivar answers: seconds that each answer took.
    @ivar unanswered: how many requests were not answered.
    @ivar busy: how many answers say that no call is taken now (503).
    """

    gap: float
    packets: int
    answers: tuple[float, ...]
    unanswered: int
    busy: int = 0

    def __str__(self) -> str:
        return (
            f"gap {self.gap * 1000:.0f} ms, answers in {self.p95 * 1000:.1f} ms (p95 of {len(self.answers)}), "
            f"{self.unanswered} without one, {self.busy} of 503"
        )

    @property
    def p95(self) -> float:
        """Seconds within which 95 of 100 answers came."""
        return sorted(self.answers)[int(len(self.answers) * 0.95)] if self.answers else float("inf")


def bound(port: int) -> socket.socket:
    """A socket that tells when datagrams came."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setblocking(False)
    opened.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    opened.bind(("127.0.0.1", port))
    return opened


def received(opened: socket.socket) -> tuple[bytes, float]:
    """
    A datagram, and when it came.

    @raise OSError: if there is none.
    """
    datagram, extras, _, _ = opened.recvmsg(2048, 64)
    for level, kind, data in extras:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, fraction = struct.unpack("=qq", data[:16])
            return datagram, seconds + fraction / 1e9
    return datagram, time.time()


@define(eq=False)
class Stream:
    """One stream each way."""

    opened: socket.socket
    remote: int
    packets: int = 0
    gap: float = 0.0
    _number: int = 0
    _last: tuple[int, float, float] | None = None

    @property
    def silence(self) -> float:
        """Seconds since the last packet came."""
        return float("inf") if self._last is None else time.time() - self._last[2]

    def speak(self) -> None:
        """The packet that is due."""
        self._number += 1
        head = struct.pack("!BBHII", 0x80, 0, self._number & 0xFFFF, self._number * 160 & 0xFFFFFFFF, self.remote)
        mark = _MARK.pack(self._number, time.time())
        with suppress(OSError):
            self.opened.sendto(head + mark + b"\xd5" * (160 - len(mark)), ("127.0.0.1", self.remote))

    def hear(self) -> None:
        """All packets that have come."""
        with suppress(OSError):
            while True:
                datagram, came = received(self.opened)
                if len(datagram) == 172:
                    self._heard(came, *_MARK.unpack_from(datagram, 12))

    def _heard(self, came: float, number: int, sent: float) -> None:
        self.packets += 1
        if self._last is not None and number > self._last[0]:
            before, sentBefore, cameBefore = self._last
            late = sent - sentBefore - (number - before) * PACKET
            self.gap = max(self.gap, came - cameBefore - max(0.0, late))
        self._last = number, sent, came


@define(eq=False)
class Pinging:
    """Asks OPTIONS."""

    opened: socket.socket
    port: int
    answers: list[float] = field(factory=list)
    waiting: dict[str, float] = field(factory=dict)
    unanswered: int = 0
    busy: int = 0
    _number: int = 0

    def ask(self) -> None:
        """Once more."""
        self._number += 1
        here = self.opened.getsockname()[1]
        branch = f"z9hG4bKobserver{self._number}"
        text = (
            f"OPTIONS sip:127.0.0.1:{self.port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{here};branch={branch};rport\r\n"
            f"From: <sip:observer@127.0.0.1>;tag=o{self._number}\r\nTo: <sip:127.0.0.1>\r\n"
            f"Call-ID: {branch}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
        self.waiting[branch] = time.time()
        with suppress(OSError):
            self.opened.sendto(text.encode(), ("127.0.0.1", self.port))

    def hear(self) -> None:
        """All answers that have come."""
        with suppress(OSError):
            while True:
                datagram, came = received(self.opened)
                text = datagram.decode("latin-1")
                asked = self.waiting.pop(text.partition("branch=")[2].partition(";")[0], None)
                if asked is not None and text.startswith(("SIP/2.0 200", "SIP/2.0 503")):
                    self.answers.append(came - asked)
                    self.busy += text.startswith("SIP/2.0 503")

    def giveUp(self) -> None:
        """Of those that have waited too long."""
        last = time.time() - ANSWER_TIMEOUT
        for branch in [branch for branch, asked in self.waiting.items() if asked < last]:
            del self.waiting[branch]
            self.unanswered += 1


def observe(plan: Plan) -> None:
    """Until the input ends."""
    streams = [Stream(bound(port), remote) for port, remote in plan.streams]
    asking = Pinging(bound(0), plan.port)
    selector = selectors.DefaultSelector()
    for stream in streams:
        selector.register(stream.opened, selectors.EVENT_READ, stream.hear)
    selector.register(asking.opened, selectors.EVENT_READ, asking.hear)
    selector.register(0, selectors.EVENT_READ, None)
    due, turn = time.monotonic(), 0
    while True:
        for key, _ in selector.select(max(0.0, due - time.monotonic())):
            if key.data is not None:
                key.data()
            elif os.read(0, 4096):
                asking.giveUp()
                report(streams, asking)
            else:
                return
        if time.monotonic() >= due:
            due, turn = due + PACKET, turn + 1
            for stream in streams:
                stream.speak()
            if turn % ASKED == 0:
                asking.ask()


def report(streams: list[Stream], asking: Pinging) -> None:
    """Tell what was observed, and begin anew."""
    gap = max(max(each.gap, each.silence) for each in streams)
    packets = min(each.packets for each in streams)
    observed = Observed(gap, packets, tuple(asking.answers), asking.unanswered, asking.busy)
    print(json.dumps(asdict(observed)), flush=True)
    asking.answers, asking.unanswered, asking.busy = [], 0, 0
    for each in streams:
        each.gap, each.packets = 0.0, 0


if __name__ == "__main__":
    with open(0, "rb", buffering=0, closefd=False) as unbuffered:
        said = json.loads(unbuffered.readline())
    observe(Plan(tuple((port, remote) for port, remote in said["streams"]), said["port"]))
