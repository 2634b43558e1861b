# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
The gateway as an administrator starts it: C{twistd -n ichatgw --config FILE}, in a process and a directory of its own.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ichatgw.test.e2e.programs.program import Program
from ichatgw.test.e2e.programs.prosody import COMPONENT, DOMAIN, SECRET
from ichatgw.test.e2e.support.ports import Ports

_CONFIGURATION = """\
JabberServer = 127.0.0.1
JabberComponentPort = {componentPort}
JabberComponentName = {COMPONENT}
JabberComponentPassword = {SECRET}
UDPTCPPort = {port}
TLSPort = {securePort}
IPAddress = {host}
MediaRelayPortRangeMin = {firstMedia}
MediaRelayPortRangeMax = {lastMedia}
LogLevel = DEBUG
"""

MEDIA_PORTS = 80
LINKED = r"The link to the XMPP server .{1,80}? is up"
_LINE = re.compile(r"\d{4}-\d\d-\d\dT\S+ |  ")


class Gateway:
    """
    @ivar port: where it listens for SIP, and C{securePort} over TLS, if it has a certificate.
    @ivar mediaPorts: those that it may take for media.
    @ivar program: its process; what it logs is its output.
    @ivar within: the command that runs it, such as one that enters a network.
    """

    def __init__(
        self, reactor: Any, directory: Path, ports: Ports, componentPort: int, *, host: str = "127.0.0.1"
    ) -> None:
        self._reactor = reactor
        self._directory = directory.absolute()
        self.within: tuple[str, ...] = ()
        self.host = host
        self.port = ports.take(2)
        self.securePort = self.port + 1
        media = ports.take(MEDIA_PORTS)
        self._lines = _CONFIGURATION.format(
            componentPort=componentPort,
            COMPONENT=COMPONENT,
            SECRET=SECRET,
            port=self.port,
            securePort=self.securePort,
            host=host,
            firstMedia=media,
            lastMedia=media + MEDIA_PORTS - 1,
        )
        self.mediaPorts = range(media, media + MEDIA_PORTS)
        self.program = Program(reactor, "gateway", [], self._directory)

    @property
    def address(self) -> str:
        """Where phones send to."""
        return f"[{self.host or '::1'}]:{self.port}" if ":" in (self.host or "::1") else f"{self.host}:{self.port}"

    def set(self, name: str, value: object) -> None:
        """Add a setting; the last one of a name counts."""
        self._lines += f"{name} = {value}\n"

    def rule(self, pattern: str, output: str) -> None:
        """Add a translation rule."""
        self.set("TranslationPattern", pattern)
        self.set("TranslationOutput", output)

    def rules(self, phonePort: int, phoneHost: str = "127.0.0.1", transport: str = "") -> None:
        """Numbers lead to a phone at C{phonePort}; users of SIP are those of the XMPP server."""
        self.rule(rf"^xmpp:(\d+)@{COMPONENT}$", f"sip:$1@{phoneHost}:{phonePort}{transport}")
        self.rule(r"^sips?:([a-z]+)@", f"xmpp:$1@{DOMAIN}")

    async def start(self, arguments: tuple[str, ...] = ("-n",), *, tac: Path | None = None) -> None:
        """
        Fires when it serves.

        @param arguments: options of C{twistd} itself, e.g. C{--reactor}.
        @param tac: serve by this application file instead of the plugin.
        """
        self.write()
        what = ["-y", str(tac)] if tac is not None else ["ichatgw", "--config", "ichat-gw.config"]
        self.program.arguments = [*self.within, "twistd", *arguments, "--pidfile", "", *what]
        self.program.start()
        await self.linked(30.0)  # on a busy machine Python takes its time

    async def reload(self, last: str) -> None:
        """Let it read its settings again.  Fires when it has said C{last}."""
        self.write()
        self.program.signal("HUP")
        await self.program.said(last)

    async def linked(self, patience: float = 25.0, times: int = 1) -> None:
        """Fires when the XMPP server has taken it as its component, for the first time or the next ones."""
        await self.program.said(rf"(?s)({LINKED}.*?){{{times}}}", patience)

    def write(self) -> None:
        """Write its configuration."""
        self._directory.mkdir(parents=True, exist_ok=True)
        (self._directory / "ichat-gw.config").write_text(self._lines)

    async def stop(self) -> float:
        """
        End it as an administrator does.

        @return: how many seconds that took.
        """
        return await self.program.stop(10.0)

    def said(self, text: str) -> int:
        """How often its log holds C{text}."""
        return self.program.output.count(text)

    async def tells(self, text: str) -> None:
        """Wait until its log holds C{text}, which others may know of before we have read it."""
        await self.program.said(re.escape(text))

    def faults(self) -> list[str]:
        """Lines of its output that should not be there: what no log wrote, and what the log calls critical."""
        lines = self.program.output.splitlines()
        return [line for line in lines if not _LINE.match(line) or " CRIT " in line or "Traceback" in line]
