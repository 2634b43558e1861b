"""
What the relay costs for each packet, beside rtpengine in user space.

C{python bench/packets.py [--calls 100 400 1000] [--seconds 10] [--rounds 3]}: calls both ways, a packet of 172 octets
every 20 ms from each party, made by C{bench/sound.c}.  Relay and rtpengine take turns on one core, the generator has
another one; the table shows medians, and ratios within a round.  Where rtpengine is not installed (Debian's package
rtpengine-daemon) only the relay is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen
from calls import freePort
from sound import HOST, Heard, Sound, compiled, sdp

FIRST_PORT = 11000
"""Of the parties."""


@frozen
class Run:
    """What one run has come to; C{micros} of CPU for each packet that arrived."""

    micros: float
    heard: Heard


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def relay(own: list[int], core: int) -> Iterator[tuple[int, list[int]]]:
    """Our relay in a process of its own: its number, and its ports for the parties."""
    arguments = [sys.executable, str(Path(__file__).with_name("relay.py")), "--child", "relay"]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    os.sched_setaffinity(process.pid, {core})
    try:
        process.stdin.write(json.dumps([(HOST, port) for port in own]) + "\n")
        process.stdin.flush()
        yield process.pid, json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(20)


@contextmanager
def rtpengine(own: list[int], core: int) -> Iterator[tuple[int, list[int]]]:
    """The same of rtpengine."""
    control = freePort()
    process = subprocess.Popen(
        [
            "rtpengine",
            "--foreground",
            "--log-level=3",
            "--table=-1",
            f"--interface={HOST}",
            f"--listen-ng={HOST}:{control}",
            "--port-min=20000",
            "--port-max=40000",
            "--num-threads=1",
            "--delete-delay=0",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.sched_setaffinity(process.pid, {core})
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(1)
            asking.connect((HOST, control))
            untilReady(asking)
            ports = []
            for number in range(0, len(own), 2):
                ports += agreed(asking, str(number), own[number : number + 2])
        yield process.pid, ports
    finally:
        process.terminate()
        process.wait(20)


def untilReady(asking: socket.socket) -> None:
    """Wait for rtpengine."""
    for _ in range(50):
        try:
            ask(asking, {"command": "ping"})
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("rtpengine does not answer")


def agreed(asking: socket.socket, callId: str, own: list[int]) -> list[int]:
    """One call's offer and answer: the ports for the caller and for the callee."""
    more = {"call-id": callId, "from-tag": "a", "replace": ["origin"], "ICE": "remove"}
    offered = ask(asking, {"command": "offer", "sdp": sdp(own[0]), **more})
    answered = ask(asking, {"command": "answer", "to-tag": "b", "sdp": sdp(own[1]), **more})
    return [portOf(answered), portOf(offered)]


def portOf(reply: bytes) -> int:
    """The port in the description of a reply."""
    return int(reply.split(b"m=audio ")[1].split(b" ")[0])


def ask(asking: socket.socket, order: dict[str, Any]) -> bytes:
    """One order, and the reply to it; for what is not there yet, see L{untilReady}."""
    cookie = os.urandom(6).hex().encode()
    asking.send(cookie + b" " + bencoded(order))
    reply = asking.recv(65535)
    if b"6:result5:error" in reply:
        raise SystemExit(f"rtpengine: {reply!r}")
    return reply


def bencoded(value: Any) -> bytes:
    """As rtpengine's control protocol wants it."""
    if isinstance(value, dict):
        return b"d" + b"".join(bencoded(key) + bencoded(value[key]) for key in sorted(value)) + b"e"
    if isinstance(value, list):
        return b"l" + b"".join(map(bencoded, value)) + b"e"
    text = value.encode()
    return b"%d:%s" % (len(text), text)


def measure(kind: Any, program: Path, calls: int, seconds: float, cores: list[int]) -> Run:
    """One run."""
    own = [FIRST_PORT + 2 * index for index in range(2 * calls)]
    with kind(own, cores[0]) as (pid, ports):
        sound = Sound(program, list(zip(own, ports, strict=True)), cores[-1])
        try:
            sound.start(2)
            sound.result()
            before = cpu(pid)
            sound.start(seconds)
            heard = sound.result()
            return Run((cpu(pid) - before) * 1e6 / max(1, heard.received), heard)
        finally:
            sound.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, nargs="+", default=[100, 400, 1000])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    kinds = {"relay": relay, **({"rtpengine": rtpengine} if shutil.which("rtpengine") else {})}
    print(f"{'calls':>5} {'':9} {'us/packet':>9} {'ratio':>6} {'loss %':>7} {'p50 ms':>7} {'p99':>7} {'worst':>7}")
    with tempfile.TemporaryDirectory() as folder:
        program = compiled(Path(folder), "sound.c")
        for calls in options.calls:
            runs: dict[str, list[Run]] = {name: [] for name in kinds}
            for _ in range(options.rounds):
                for name, kind in kinds.items():
                    runs[name].append(measure(kind, program, calls, options.seconds, cores))
            report(calls, runs)


def report(calls: int, runs: dict[str, list[Run]]) -> None:
    """The lines of one number of calls."""
    beside = runs.get("rtpengine")
    for name, each in runs.items():
        ratio = ""
        if beside is not None:
            ratio = f"{statistics.median(a.micros / b.micros for a, b in zip(each, beside, strict=True)):.2f}"
        loss = statistics.median(100 * (1 - run.heard.received / run.heard.sent) for run in each)
        delays = [statistics.median(getattr(run.heard, what) for run in each) for what in ("p50", "p99", "worst")]
        print(
            f"{calls:5} {name:9} {statistics.median(run.micros for run in each):9.1f} {ratio:>6} {loss:7.3f} "
            + " ".join(f"{delay:7.2f}" for delay in delays),
            flush=True,
        )


if __name__ == "__main__":
    main()
