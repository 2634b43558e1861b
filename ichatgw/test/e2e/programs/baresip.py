# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
baresip: a SIP phone with real media; it plays a tone and records what it hears.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory
from twisted.protocols.basic import NetstringReceiver

from ichatgw.test.e2e.programs.program import Program, ProgramFailed
from ichatgw.test.e2e.support.moment import pause, within
from ichatgw.test.e2e.support.ports import Ports

# Its snd_path has room for 100 characters: it is relative, to the directory that baresip runs in.
_CONFIGURATION = """\
sip_listen {shown}:{port}
call_local_timeout 120
call_max_calls 4
audio_path /usr/share/baresip
audio_player aubridge,nil
audio_source ausine,{tone}
audio_alert aubridge,nil
ausrc_srate 48000
auplay_srate 48000
ausrc_channels 2
auplay_channels 2
rtp_ports {firstRTP}-{lastRTP}
rtcp_mux no
jitter_buffer_type off
net_interface {host}
module_path {modules}
module g711.so
module ausine.so
module aubridge.so
module sndfile.so
module_app account.so
module_app contact.so
module_app menu.so
module_app ctrl_tcp.so
module_app debug_cmd.so
snd_path snd
ctrl_tcp_listen 127.0.0.1:{control}
"""


class _Control(NetstringReceiver):
    """The JSON that baresip speaks on its control port."""

    MAX_LENGTH = 1_000_000

    def __init__(self, phone: Baresip) -> None:
        self._phone = phone

    def stringReceived(self, string: bytes) -> None:
        try:
            message = json.loads(string)
        except ValueError:
            return
        if message.get("event"):
            self._phone.happened(message["type"], message.get("param") or "")
        elif message.get("token"):
            self._phone.replied(message["token"], message.get("data") or "")

    def command(self, name: str, parameters: str = "", token: str = "") -> None:
        message = {"command": name}
        message.update({key: value for key, value in (("params", parameters), ("token", token)) if value})
        self.sendString(json.dumps(message).encode())


class Baresip:
    """
    @ivar port: where it listens for SIP.
    @ivar securePort: where it listens for SIP over TLS, if C{more}, lines of its configuration, gives it a certificate.
    @ivar mediaPorts: where it may be sent RTP.
    @ivar events: what it told so far, with what it told about it.
    """

    def __init__(
        self,
        reactor: Any,
        directory: Path,
        ports: Ports,
        user: str,
        tone: int,
        host: str = "127.0.0.1",
        more: str = "",
        codecs: str = "PCMU/8000/1",
        account: str = "",
        encryption: str = "",
    ) -> None:
        """
        @param encryption: what baresip calls C{mediaenc}: C{srtp}, C{srtp-mand}, C{dtls_srtp}; its modules go with it.
        @param more: lines of its configuration.
        @param account: its account, if it is not that of a phone without a server.
        """
        self._reactor = reactor
        self._directory = directory.absolute()
        self.port = ports.take(2)
        self.securePort = self.port + 1
        self._control = ports.take()
        self._connection: _Control | None = None
        self.events: list[tuple[str, str]] = []
        self._waiting: list[tuple[str, Deferred[str]]] = []
        self._asked: dict[str, Deferred[str]] = {}
        media = ports.take(20)
        self.mediaPorts = range(media, media + 20)
        shown = f"[{host}]" if ":" in host else host
        (self._directory / "snd").mkdir(parents=True)
        (self._directory / "config").write_text(
            _CONFIGURATION.format(
                host=host,
                shown=shown,
                port=self.port,
                tone=tone,
                firstRTP=media,
                lastRTP=media + 19,
                control=self._control,
                modules=_modulePath(),
            )
            + "".join(f"module {module}.so\n" for module in ("srtp", "dtls_srtp") if encryption)
            + more
        )
        manner = "answermode=manual" + (f";mediaenc={encryption}" if encryption else "")
        account = account or f"<sip:{user}@{shown}:{self.port}>;regint=0"
        (self._directory / "accounts").write_text(f"{account};audio_codecs={codecs};ptime=20;{manner}\n")
        (self._directory / "contacts").write_text("")
        self.program = Program(
            reactor,
            f"baresip-{user}",
            ["baresip", "-6" if ":" in host else "-4", "-f", str(self._directory), "-s", "-v"],
            self._directory,
            {"HOME": str(self._directory)},
        )

    async def start(self) -> None:
        """Fires when it takes commands."""
        self.program.start()
        endpoint = TCP4ClientEndpoint(self._reactor, "127.0.0.1", self._control)
        last = self._reactor.seconds() + 10
        while self._connection is None:
            try:
                connected: Any = await endpoint.connect(Factory.forProtocol(lambda: _Control(self)))
                self._connection = connected
            except ConnectError:
                if self._reactor.seconds() > last or self.program.status is not None:
                    raise ProgramFailed(f"baresip does not answer\n{self.program.output[-1500:]}") from None
                await pause(self._reactor, 0.05)

    def command(self, name: str, parameters: str = "") -> None:
        """C{dial}, C{accept}, C{hangup}, C{hold} and whatever else it knows."""
        if self._connection is None:
            raise ProgramFailed("baresip was never started")
        self._connection.command(name, parameters)

    async def asked(self, name: str) -> str:
        """What it replies to a command, such as C{audio_debug}."""
        if self._connection is None:
            raise ProgramFailed("baresip was never started")
        token = str(len(self._asked))
        reply = self._asked[token] = Deferred()
        self._connection.command(name, token=token)
        return await within(self._reactor, 5, reply)

    async def told(self, event: str, patience: float = 10.0) -> str:
        """
        Wait for an event, past ones included.

        @return: what was told about it, e.g. C{486 Busy Here} with C{CALL_CLOSED}.
        """
        for name, about in self.events:
            if name == event:
                return about
        waiting: Deferred[str] = Deferred()
        self._waiting.append((event, waiting))
        try:
            return await within(self._reactor, patience, waiting)
        except Exception as e:
            raise ProgramFailed(f"baresip never told {event}: {self.events}\n{self.program.output[-1500:]}") from e

    def happened(self, event: str, about: str) -> None:
        """Called for each event."""
        self.events.append((event, about))
        due = [w for w in self._waiting if w[0] == event]
        self._waiting = [w for w in self._waiting if w[0] != event]
        for _, waiting in due:
            waiting.callback(about)

    def replied(self, token: str, data: str) -> None:
        """Called for each reply."""
        waiting = self._asked.get(token)
        if waiting is not None and not waiting.called:
            waiting.callback(data)

    def recording(self) -> Path:
        """What it heard in its last call."""
        found = sorted((self._directory / "snd").glob("*dec.wav"))
        if not found:
            raise ProgramFailed(f"baresip recorded nothing\n{self.program.output[-1500:]}")
        return found[-1]

    async def stop(self) -> None:
        if self._connection is not None and self._connection.transport is not None:
            self._connection.transport.loseConnection()
        await self.program.stop(3.0)


def _modulePath() -> str:
    """Debian keeps the modules in one place, other systems in others."""
    places = [
        Path("/usr/lib/baresip/modules"),
        Path("/usr/local/lib/baresip/modules"),
        Path("/usr/lib64/baresip/modules"),
    ]
    return str(next((place for place in places if place.is_dir()), places[0]))
