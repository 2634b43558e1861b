"""
What the media relay costs, beside a bare loop of system calls.

    python bench/relay.py [--calls 100 400] [--seconds 10] [--rounds 3]

Each call is two-way: 172-byte RTP packets every 20 ms in each direction.  The relay runs in a process of its own on the
default reactor; this process is all parties at once.  The bare loop is one C{recvfrom} and one C{sendto} on a plain
Twisted reader, with the same number of sockets.  The two take turns; the table shows the medians.

With C{dtls} the callee's side is protected: ICE and DTLS-SRTP are set up for each call, and then every packet is either
opened or protected by the relay.  To have the load spaced alike the callees' packets are protected for the other kinds
too, and then sent as they were before.

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

from securepeers import Parties, Pretender
from zope.interface import implementer

from ichatgw.interfaces import ITransportNews

PACKET = 172
INTERVAL = 0.02
GENERATOR_SOCKETS = 8
HEADER = Struct("!BBHIIHHQ")  # RTP with a header extension, which SRTP leaves readable: the time it was sent in ns
STAMPED = 0x90
EXTENSION = (0xBEDE, 2)
STAMP = Struct("!16xQ")
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
        if self.destination is not None:  # else something strayed to a port that idles
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


def relaySides(reactor: Any, parties: list[Any], shared: bool, described: dict[int, Any] | None = None) -> list[int]:
    """
    @param described: if given, the callees' sides are protected, and put in here with what they say of themselves.
    """
    from ichatgw.addresses import LocalAddresses
    from ichatgw.media.engine import MediaEngine
    from ichatgw.media.transports import MediaTransports
    from ichatgw.model import PCMU, SessionDescription, TransportAddress

    first = 20000
    readers = None if shared else reactor
    engine = MediaEngine(reactor, LocalAddresses(HOST), first, first + 2 * len(parties) + 200, readers=readers)
    transports = MediaTransports(reactor, os.urandom, lambda: [HOST])
    ports = []
    for index in range(0, len(parties), 2):
        relay = engine.allocate(str(index))
        sides = [(relay.caller, parties[index]), (relay.callee, parties[index + 1])]
        if described is not None:
            transport = transports.make(str(index), sides.pop()[0], Connected(), None)
        for side, party in sides:
            ports.append(side.local(HOST).port)
            side.connect(SessionDescription((PCMU,), TransportAddress(*party)))
        if described is not None:
            ports.append(transport.local.candidates[0].address.port)
            described[ports[-1]] = transport
    return ports


@implementer(ITransportNews)
class Connected:
    """Counts the protected sides that are ready."""

    count = 0

    def candidatesFound(self, candidates: Any) -> None:
        """There are none."""

    def connected(self) -> None:
        Connected.count += 1

    def failed(self, ending: Any) -> None:
        raise SystemExit(ending.text)


def describe(described: dict[int, Any], ports: list[int]) -> dict[int, dict[str, str]]:
    """What the parties have to know of protected sides."""
    return {
        port: {"index": str(ports.index(port)), "fingerprint": transport.local.fingerprint.value}
        for port, transport in described.items()
    }


def answer(described: dict[int, Any], parties: list[Any], ports: list[int], said: Any) -> None:
    """What the parties have said of themselves."""
    from ichatgw.model import (
        PCMU,
        Candidate,
        Fingerprint,
        SessionDescription,
        Setup,
        TransportAddress,
        TransportDescription,
    )

    fingerprint = Fingerprint("sha-256", said["fingerprint"])
    for port, (ufrag, password) in said["parties"].items():
        place = TransportAddress(*parties[ports.index(int(port))])
        candidates = (Candidate("1", 1, 2130706431, place),)
        remote = TransportDescription(ufrag, password, candidates, fingerprint, Setup.PASSIVE)
        described[int(port)].connect(remote, SessionDescription((PCMU,)), (PCMU,))


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
    secure: dict[int, Any] | None = {} if kind == "dtls" else None
    ports = bareSides(reactor, parties) if kind == "bare" else relaySides(reactor, parties, kind != "plain", secure)
    profile = None
    if profiling:
        import cProfile

        profile = cProfile.Profile()
    os.write(1, json.dumps(ports).encode() + b"\n")
    if secure is not None:
        os.write(1, json.dumps(describe(secure, ports)).encode() + b"\n")
        said = json.loads(sys.stdin.readline())
        reactor.callWhenRunning(answer, secure, parties, ports, said)
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
        secure = None
        if kind == "dtls":
            described = json.loads(stdout.readline())
            secure = Parties(sockets, {int(port): theirs for port, theirs in described.items()})
            said = {"fingerprint": secure.fingerprint, "parties": secure.answers()}
            stdin.write(json.dumps(said).encode() + b"\n")
            stdin.flush()
            secure.agree()
        Load(sockets, ports, secure).run(1)
        load = Load(sockets, ports, secure)
        gc.disable()
        before = ask()
        load.run(seconds, 100)
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

    def ratio(kind: str, other: str) -> str:
        if other not in results:
            return "-"
        pairs = zip(results[kind], results[other], strict=True)
        return f"{statistics.median(one.micros / beside.micros for one, beside in pairs):.2f}"

    for kind in results:
        print(
            f"{calls:5} {kind:8} {median(kind, 'micros'):8.2f} {median(kind, 'userMicros'):8.2f} "
            f"{ratio(kind, 'bare'):>7} {ratio(kind, 'relay'):>8} {100 * median(kind, 'loss'):8.3f} "
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
        default=["bare", "relay", "dtls"],
        choices=["bare", "relay", "plain", "dtls"],
        help="dtls: one side of each call is protected; plain: the relay, each socket is a reader of the reactor",
    )
    parser.add_argument("--profile", action="store_true", help="print where the process under test spends its time")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.profile)
        return
    print("calls loop      us/packet  of it   ratio    ratio   loss %  latency  latency  sender's")
    print("                 CPU time   user to bare to relay            p50 ms   p99 ms  lag p99 ms")
    for calls in options.calls:
        results: dict[str, list[Result]] = {kind: [] for kind in options.kinds}
        for _ in range(options.rounds):
            for kind in options.kinds:
                results[kind].append(measure(kind, calls, options.seconds, options.profile))
        report(calls, results)


if __name__ == "__main__":
    main()
