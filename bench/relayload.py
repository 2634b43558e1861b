"""
The load of the relay's benchmark: all parties of all calls, evenly spaced, and what they saw.
"""

from __future__ import annotations

import select
import socket
import time
from struct import Struct
from typing import Any

from securepeers import Pretender

PACKET = 172
INTERVAL = 0.02
GENERATOR_SOCKETS = 8
HEADER = Struct("!BBHIIHHQ")  # RTP with a header extension, which SRTP leaves readable: the time it was sent in ns
STAMPED = 0x90
EXTENSION = (0xBEDE, 2)
STAMP = Struct("!16xQ")
HOST = "127.0.0.1"


class Result:
    """One run."""

    def __init__(self, cpu: tuple[float, float], sent: int, latencies: list[int], lags: list[int]) -> None:
        latencies.sort()
        lags.sort()
        self.received = len(latencies)
        self.sent = sent
        self.micros = sum(cpu) * 1e6 / max(1, self.received)
        self.userMicros = cpu[0] * 1e6 / max(1, self.received)
        self.loss = 1 - self.received / max(1, sent)
        self.p50 = percentile(latencies, 0.5) / 1e6
        self.p99 = percentile(latencies, 0.99) / 1e6
        self.lag = percentile(lags, 0.99) / 1e6


def percentile(ordered: list[int], share: float) -> float:
    return float(ordered[min(len(ordered) - 1, int(share * len(ordered)))]) if ordered else float("nan")


def openSockets() -> list[socket.socket]:
    opened = []
    for _ in range(GENERATOR_SOCKETS):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        made.setblocking(False)
        made.bind((HOST, 0))
        opened.append(made)
    return opened


class Load:
    """All parties; those on one socket differ by the port of the relay that they talk to."""

    def __init__(self, sockets: list[socket.socket], ports: list[int], secure: Any = None) -> None:
        """
        @param secure: L{securepeers.Parties}, if some have their media protected.
        """
        self._sockets = sockets
        self._isPlain = secure is None
        self._targets: list[Any] = [
            (sockets[index % len(sockets)].sendto, (HOST, port), index + 1, self._party(index, port, secure))
            for index, port in enumerate(ports)
        ]
        self._poll = select.epoll()
        for made in sockets:
            self._poll.register(made, select.EPOLLIN)
        self._byDescriptor = {made.fileno(): made.recv_into for made in sockets}
        self._buffer = bytearray(2048)
        self.latencies: list[int] = []
        self.lags: list[int] = []
        self.sent = 0

    def _party(self, index: int, port: int, secure: Any) -> Any:
        """What protects the packets to a port of a callee's side, or pretends to; the others send as they are."""
        if index % 2 == 0:
            return None
        return Pretender() if secure is None else secure.byPort[port]

    def run(self, seconds: float, first: int = 0) -> None:
        """
        Send evenly over time, and take what comes back.

        @param first: the first sequence number.
        """
        now = time.perf_counter_ns
        targets, count = self._targets, len(self._targets)
        step = int(INTERVAL * 1e9 / count)
        start = now()
        total = int(seconds / INTERVAL) * count
        packet, plain = bytearray(PACKET), self._isPlain
        pack = HEADER.pack_into
        due = 0
        while due < total:
            elapsed = now() - start
            if elapsed >= due * step:
                self.lags.append(elapsed - due * step)
            for _ in range(32):
                moment = now()
                if due >= total or moment - start < due * step:
                    break
                sendto, target, ssrc, party = targets[due % count]
                turn = first + due // count
                if party is None:
                    pack(packet, 0, STAMPED, 0, turn & 0xFFFF, turn * 160, ssrc, *EXTENSION, moment)
                    sendto(packet, target)
                else:
                    ours = party.buffer
                    pack(ours, 0, STAMPED, 0, turn & 0xFFFF, turn * 160, ssrc, *EXTENSION, moment)
                    size = party.place.protect(PACKET)
                    if plain:
                        pack(packet, 0, STAMPED, 0, turn & 0xFFFF, turn * 160, ssrc, *EXTENSION, moment)
                        sendto(packet, target)
                    else:
                        sendto(memoryview(ours)[:size], target)
                due += 1
            self.sent = due
            self._receive(0)  # the shortest wait is a millisecond, and would make bursts of an even load
        end = now() + 300_000_000
        while now() < end:
            self._receive(0.01)

    def _receive(self, wait: float) -> None:
        buffer, unpack, now = self._buffer, STAMP.unpack_from, time.perf_counter_ns
        append = self.latencies.append
        for descriptor, _ in self._poll.poll(wait):
            receive = self._byDescriptor[descriptor]
            for _ in range(32):
                try:
                    receive(buffer)
                except BlockingIOError:
                    break
                if buffer[0] == STAMPED:
                    # Neither silence nor a check of ICE.
                    append(now() - unpack(buffer)[0])
