"""
What the media relay costs, beside a bare loop of system calls.

    python bench/relay.py [--calls 100 400] [--seconds 10] [--rounds 3]

Each call is two-way: 172-byte RTP packets every 20 ms in each direction.  The relay runs in a process of its own on the
default reactor; this process is all parties at once.  The bare loop is one C{recvfrom} and one C{sendto} on a plain
Twisted reader, with the same number of sockets.  The two take turns; the table shows the medians.

The load generator reports how late it was itself: latencies mean something only while that is small.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import select
import socket
import statistics
import subprocess
import sys
import time
from struct import Struct
from typing import Any

PACKET = 172
INTERVAL = 0.02
GENERATOR_SOCKETS = 8
HEADER = Struct("!BBHIIQ")  # RTP, then the time it was sent in ns
STAMP = Struct("!Q")
HOST = "127.0.0.1"


# The process under test


class BareReader:
    """Receives, and sends to a fixed place by the socket of the other side."""

    def __init__(self, reading: socket.socket) -> None:
        self._reading = reading
        self.writing = reading
        self.destination: Any = None

    def doRead(self) -> None:
        data, _ = self._reading.recvfrom(2048)
        self.writing.sendto(data, self.destination)

    def fileno(self) -> int:
        return self._reading.fileno()

    def logPrefix(self) -> str:
        return "bare"

    def connectionLost(self, reason: object) -> None:
        self._reading.close()


def bareSides(reactor: Any, parties: list[Any]) -> list[int]:
    """Pairs of sockets joined crosswise; the odd ones idle like RTCP ports."""
    ports = []
    for index in range(0, len(parties), 2):
        readers = []
        for _ in range(4):
            bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            bound.setblocking(False)
            bound.bind((HOST, 0))
            readers.append(BareReader(bound))
            reactor.addReader(readers[-1])
        for here, there in ((0, 1), (1, 0)):
            readers[here].writing = readers[there]._reading
            readers[here].destination = parties[index + there]
            ports.append(readers[here]._reading.getsockname()[1])
    return ports


def relaySides(reactor: Any, parties: list[Any], shared: bool) -> list[int]:
    from ichatgw.addresses import LocalAddresses
    from ichatgw.media.engine import MediaEngine
    from ichatgw.model import PCMU, SessionDescription, TransportAddress

    first = 20000
    readers = None if shared else reactor
    engine = MediaEngine(reactor, LocalAddresses(HOST), first, first + 2 * len(parties) + 200, readers=readers)
    ports = []
    for index in range(0, len(parties), 2):
        relay = engine.allocate(str(index))
        for side, party in ((relay.caller, parties[index]), (relay.callee, parties[index + 1])):
            ports.append(side.local(HOST).port)
            side.connect(SessionDescription((PCMU,), TransportAddress(*party)))
    return ports


class Control:
    """Answers each line on standard input with what this process has used so far; ends with it."""

    def __init__(self, reactor: Any, profile: Any) -> None:
        self._reactor = reactor
        self._profile = profile
        self._stopping = False

    def doRead(self) -> None:
        if not os.read(0, 4096):
            self._reactor.removeReader(self)
            self.connectionLost(None)
            return
        if self._profile is not None:
            self._profile.enable()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        os.write(1, json.dumps([usage.ru_utime, usage.ru_stime]).encode() + b"\n")

    def fileno(self) -> int:
        return 0

    def logPrefix(self) -> str:
        return "control"

    def connectionLost(self, reason: object) -> None:
        if self._reactor.running and not self._stopping:
            self._stopping = True
            self._reactor.stop()


def child(kind: str, profiling: bool) -> None:
    from twisted.internet import reactor as installed

    reactor: Any = installed
    parties = [tuple(party) for party in json.loads(sys.stdin.readline())]
    ports = bareSides(reactor, parties) if kind == "bare" else relaySides(reactor, parties, kind == "relay")
    profile = None
    if profiling:
        import cProfile

        profile = cProfile.Profile()
    os.write(1, json.dumps(ports).encode() + b"\n")
    reactor.addReader(Control(reactor, profile))
    gc.freeze()
    reactor.run()
    if profile is not None:
        profile.disable()
        import pstats

        pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(18)


# The load


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

    def __init__(self, sockets: list[socket.socket], ports: list[int]) -> None:
        self._sockets = sockets
        self._targets = [
            (sockets[index % len(sockets)].sendto, (HOST, port), index + 1) for index, port in enumerate(ports)
        ]
        self._poll = select.epoll()
        for made in sockets:
            self._poll.register(made, select.EPOLLIN)
        self._byDescriptor = {made.fileno(): made.recv_into for made in sockets}
        self._buffer = bytearray(2048)
        self.latencies: list[int] = []
        self.lags: list[int] = []
        self.sent = 0

    def run(self, seconds: float) -> None:
        """Send evenly over time, and take what comes back."""
        now = time.perf_counter_ns
        targets, count = self._targets, len(self._targets)
        step = int(INTERVAL * 1e9 / count)
        start = now()
        total = int(seconds / INTERVAL) * count
        packet = bytearray(PACKET)
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
                sendto, target, ssrc = targets[due % count]
                turn = due // count
                pack(packet, 0, 0x80, 0, turn & 0xFFFF, turn * 160, ssrc, moment)
                sendto(packet, target)
                due += 1
            self.sent = due
            self._receive(0.0002)
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
                sentAt = unpack(buffer, 12)[0]
                if sentAt < 0xFF << 56:
                    # Not silence.
                    append(now() - sentAt)


def measure(kind: str, calls: int, seconds: float, profiling: bool = False) -> Result:
    sockets = openSockets()
    parties = [sockets[index % len(sockets)].getsockname() for index in range(2 * calls)]
    arguments = [sys.executable, os.path.abspath(__file__), "--child", kind] + ["--profile"] * profiling
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None and stdout is not None

    def ask() -> Any:
        stdin.write(b"\n")
        stdin.flush()
        return json.loads(stdout.readline())

    try:
        stdin.write(json.dumps(parties).encode() + b"\n")
        stdin.flush()
        ports = json.loads(stdout.readline())
        Load(sockets, ports).run(1)
        load = Load(sockets, ports)
        gc.disable()
        before = ask()
        load.run(seconds)
        after = ask()
    finally:
        gc.enable()
        stdin.close()
        process.wait(20)
        for made in sockets:
            made.close()
    return Result((after[0] - before[0], after[1] - before[1]), load.sent, load.latencies, load.lags)


def report(calls: int, results: dict[str, list[Result]]) -> None:
    def median(kind: str, name: str) -> float:
        return float(statistics.median(getattr(result, name) for result in results[kind]))

    for kind in results:
        ratios = [one.micros / bare.micros for one, bare in zip(results[kind], results["bare"], strict=True)]
        print(
            f"{calls:5} {kind:8} {median(kind, 'micros'):8.2f} {median(kind, 'userMicros'):8.2f} "
            f"{statistics.median(ratios):7.2f} {100 * median(kind, 'loss'):8.3f} "
            f"{median(kind, 'p50'):8.2f} {median(kind, 'p99'):8.2f} {median(kind, 'lag'):8.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, nargs="+", default=[100, 400])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3, help="how often each takes its turn")
    parser.add_argument(
        "--kinds",
        nargs="+",
        default=["bare", "relay"],
        choices=["bare", "relay", "plain"],
        help="plain is the relay with each socket registered with the reactor itself",
    )
    parser.add_argument("--profile", action="store_true", help="print where the process under test spends its time")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.profile)
        return
    print("calls loop      us/packet  of it     ratio   loss %  latency  latency  sender's")
    print("                 CPU time   user   to bare            p50 ms   p99 ms  lag p99 ms")
    for calls in options.calls:
        results: dict[str, list[Result]] = {kind: [] for kind in options.kinds}
        for _ in range(options.rounds):
            for kind in options.kinds:
                results[kind].append(measure(kind, calls, options.seconds, options.profile))
        report(calls, results)


if __name__ == "__main__":
    main()
