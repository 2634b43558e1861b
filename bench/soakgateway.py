"""
The gateway of a soak, in a process of its own.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

_CONFIG = """
IPAddress = 127.0.0.1
UDPTCPPort = {sip}
JabberServer = 127.0.0.1
JabberComponentPort = {xmpp}
JabberComponentName = {component}
JabberComponentPassword = {secret}
SubscriptionDatabase = none
MediaRelayPortRangeMin = {first}
MediaRelayPortRangeMax = {last}
RegistrationTime = 0
TranslationPattern = ^(?:xmpp|sip):(a\\d+)@
TranslationOutput = sip:$1@127.0.0.1:{answering}
TranslationPattern = ^(?:xmpp|sip):(d\\d+)@
TranslationOutput = sip:$1@127.0.0.1:{declining}
TranslationPattern = ^(?:xmpp|sip):(r\\d+)@
TranslationOutput = sip:$1@127.0.0.1:{ringing}
TranslationPattern = ^sip:(user\\d+)@
TranslationOutput = xmpp:$1@{domain}
LogLevel = WARNING
LogFilename = {log}
"""


class GatewayProcess:
    """The gateway in a C{twistd} of its own, which can be asked what it has."""

    def __init__(self, folder: Path, settings: dict[str, object]) -> None:
        self.log = folder / "gw.log"
        self._counts = folder / "counts"
        config = folder / "gw.config"
        config.touch(0o600)
        config.write_text(_CONFIG.format(log=self.log, **settings))
        twistd = Path(sys.executable).with_name("twistd")
        application = Path(__file__).resolve().with_name("soak.tac")
        self._process = subprocess.Popen(
            [
                sys.executable,
                str(twistd),
                "-n",
                "--pidfile=",
                "-y",
                str(application),
            ],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(each for each in sys.path if each),
                "ICHATGW_CONFIG": str(config),
                "SOAK_COUNTS": str(self._counts),
            },
        )
        self.pid = self._process.pid

    @property
    def gone(self) -> bool:
        """Has it ended by itself?"""
        return self._process.poll() is not None

    def rss(self) -> float:
        """Resident memory in MiB."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)

    def cpu(self) -> float:
        """Seconds of CPU used so far, by user and kernel."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def counts(self) -> dict[str, int]:
        """What it has now."""
        self._counts.unlink(missing_ok=True)
        self._process.send_signal(signal.SIGRTMIN)
        for _ in range(500):
            if self._counts.exists():
                found: dict[str, int] = json.loads(self._counts.read_text())
                return found
            await pause(0.02)
        raise RuntimeError("the gateway does not say what it has")

    def stop(self) -> None:
        """SIGTERM, and wait."""
        if not self.gone:
            self._process.send_signal(signal.SIGTERM)
        self._process.wait(15)


def pause(seconds: float) -> Deferred[None]:
    """Let time pass."""
    return deferLater(globalReactor, seconds, lambda: None)
