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
import socket
import statistics
import subprocess
import sys
from typing import Any

from relayload import HOST, Load, Result, openSockets
from securepeers import Parties
from zope.interface import implementer

from ichatgw.interfaces import ITransportNews

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
    from ichatgw.media.engine import MediaEngine, MediaOptions
    from ichatgw.media.sockets.readers import ReactorReaders
    from ichatgw.media.transport.transports import MediaTransports
    from ichatgw.model import PCMU, SessionDescription, TransportAddress
    from ichatgw.net.localaddresses import LocalAddresses

    first = 20000
    readers = None if shared else ReactorReaders(reactor)
    options = MediaOptions(first, first + 2 * len(parties) + 200)
    engine = MediaEngine(reactor, LocalAddresses(HOST), options, readers=readers)
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


# The runs


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
