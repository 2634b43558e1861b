"""
How many calls the gateway sets up, how fast, and what one costs.

C{python bench/calls.py [--rates 50 200] [--seconds 30]}: SIP→iChat calls with an iChat that answers at once, media
anchored; and beside them, in the same run, the same gateway as a plain SIP↔SIP B2BUA, over UDP and over TLS with one
connection each way for all calls.  The gateway runs on one core in its own C{twistd}, the load on another.

At the end come calls of Jingle clients, and how long it takes from session-accept to the first sound;
C{bench/jingle.py} has them alone.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from attrs import frozen
from loadgen import COMPONENT, DOMAIN, HOST, Load

_CONFIG = """
IPAddress = 127.0.0.1
UDPTCPPort = {sip}
JabberServer = 127.0.0.1
JabberComponentPort = {xmpp}
JabberComponentName = {component}
JabberComponentPassword = bench
MediaRelayPortRangeMin = 20000
MediaRelayPortRangeMax = 32000
TranslationPattern = ^sip:(u\\d+)@
TranslationOutput = xmpp:$1@{domain}
TranslationPattern = ^sip:(p\\d+)@
TranslationOutput = sip:$1@127.0.0.1:{phone}
TranslationPattern = ^sip:(s\\d+)@
TranslationOutput = sip:$1@127.0.0.1:{securePhone};transport=tls
TranslationPattern = ^sip:(c\\d+)@
TranslationOutput = sip:$1@127.0.0.1:{plainPhone};transport=tcp
{secure}
{more}
LogLevel = WARNING
LogFilename = {log}
"""

PREFIXES = {"SIP>iChat": "u", "SIP>SIP": "p", "TLS>TLS": "s"}
"""The kinds of calls, and with what the names of the called begin."""


@frozen
class Row:
    """One line of the table."""

    kind: str
    rate: float
    placed: int
    failed: int
    p50: float
    p95: float
    cpu: float
    busy: float


class GatewayProcess:
    """The gateway in a C{twistd} of its own, on one core."""

    def __init__(
        self,
        folder: Path,
        load: Load,
        core: int,
        profile: str = "",
        more: str = "",
        environment: dict[str, str] | None = None,
    ) -> None:
        """
        @param more: further lines of its settings.
        @param environment: further variables.
        """
        config = self._config = folder / "gw.config"
        config.touch(0o600)
        self.log = folder / "gw.log"
        config.write_text(
            _CONFIG.format(
                sip=load.gateway[1],
                xmpp=load.xmppPort,
                component=COMPONENT,
                domain=DOMAIN,
                phone=load.phonePort,
                securePhone=load.secure.phonePort,
                plainPhone=load.plain.phonePort,
                secure=load.secure.settings,
                more=more,
                log=self.log,
            )
        )
        twistd = Path(sys.executable).with_name("twistd")
        profiling = ["--profile", profile, "--profiler", "cProfile", "--savestats"] if profile else []
        self._process = subprocess.Popen(
            [sys.executable, twistd, "-n", "--pidfile=", *profiling, "ichatgw", "--config", config],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), **(environment or {})},
        )
        self.pid = self._process.pid
        os.sched_setaffinity(self.pid, {core})

    def cpu(self) -> float:
        """Seconds of CPU used so far, by user and kernel."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss(self) -> float:
        """Resident memory in KiB."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024

    def reload(self, more: str) -> None:
        """SIGHUP, with further lines in its settings."""
        with self._config.open("a") as config:
            config.write(more)
        self._process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """SIGTERM, and wait."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)


def freePort() -> int:
    """A UDP port that is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def percentile(values: list[float], share: float) -> float:
    """In milliseconds; NaN if there is none."""
    if not values:
        return float("nan")
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] * 1000


def measure(load: Load, process: GatewayProcess, kind: str, rate: float, seconds: float, hold: float) -> Row:
    """Place the calls of one row."""
    prefix = PREFIXES[kind]
    before, began = process.cpu(), time.monotonic()
    results = load.calls(prefix, rate, seconds, hold)
    used, took = process.cpu() - before, time.monotonic() - began
    if "-v" in sys.argv:
        print("gen cpu", time.process_time())
    placed = int(rate * seconds)
    return Row(
        kind,
        rate,
        placed,
        results.failed,
        percentile(results.setups, 0.5),
        percentile(results.setups, 0.95),
        used / max(1, placed) * 1000,
        used / took * 100,
    )


def memory(load: Load, process: GatewayProcess, kind: str, live: int) -> float:
    """KiB of resident memory for each live call, from C{live} calls held at once."""
    prefix = PREFIXES[kind]
    before = process.rss()
    grown = [0.0]

    def look() -> None:
        grown[0] = process.rss() - before

    load.later(live / 50 + 1.5, look)
    load.calls(prefix, 50, live / 50, 3.0)
    return grown[0] / live


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=float, nargs="+", default=[50, 200], help="calls a second")
    parser.add_argument("--seconds", type=float, default=30, help="how long each rate is kept up")
    parser.add_argument("--hold", type=float, default=0.3, help="how long a call lasts, in seconds")
    parser.add_argument("--live", type=int, default=300, help="calls held at once for the measure of memory")
    parser.add_argument(
        "--profile", default="", help="file for the gateway's profile (cProfile); the figures are then slow"
    )
    parser.add_argument("--no-jingle", action="store_true", help="leave out the calls of Jingle clients")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, {cores[-1]})
    rows: list[Row] = []
    kib: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        load = Load((HOST, freePort()), Path(folder))
        process = GatewayProcess(Path(folder), load, cores[0], options.profile)
        try:
            load.run(15, lambda: load.online)
            load.run(1)
            for prefix in PREFIXES.values():
                load.calls(prefix, 20, 2, 0.1)
            for kind in PREFIXES:
                kib[kind] = memory(load, process, kind, options.live)
            for rate in options.rates:
                for kind in PREFIXES:
                    rows.append(measure(load, process, kind, rate, options.seconds, options.hold))
                    load.run(2)
        finally:
            process.stop()
            load.close()
        complaints = process.log.read_text() if process.log.exists() else ""
    report(rows, kib, complaints)
    if options.no_jingle:
        return 0
    print(flush=True)
    os.sched_setaffinity(0, cores)
    return subprocess.run([sys.executable, Path(__file__).with_name("jingle.py")], check=False).returncode


def report(rows: list[Row], kib: dict[str, float], complaints: str) -> None:
    """The tables."""
    heads = ("calls", "calls/s", "placed", "failed", "p50 ms", "p95 ms", "CPU ms/call", "core %")
    print(" ".join(f"{head:>{width}}" for head, width in zip(heads, (10, 8, 7, 7, 8, 8, 12, 7), strict=True)))
    for row in rows:
        print(
            f"{row.kind:>10} {row.rate:8.0f} {row.placed:7d} {row.failed:7d} {row.p50:8.1f} {row.p95:8.1f}"
            f" {row.cpu:12.2f} {row.busy:7.1f}"
        )
    print()
    for ours, plain, secure in zip(rows[::3], rows[1::3], rows[2::3], strict=True):
        print(f"at {ours.rate:.0f}/s a call over TLS, both ways, costs {secure.cpu / plain.cpu:.2f} times one over UDP")
        print(
            f"at {ours.rate:.0f}/s a call to an iChat costs {ours.cpu / plain.cpu:.2f} times the CPU of a plain"
            f" B2BUA's, and takes {ours.p50 / plain.p50:.2f} times as long to set up (p50)"
        )
    for kind, each in kib.items():
        print(f"memory of a live {kind} call: {each:.0f} KiB")
    if complaints:
        print(f"\nthe gateway complained:\n{complaints[-2000:]}")


if __name__ == "__main__":
    sys.exit(main())
