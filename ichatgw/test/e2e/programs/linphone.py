# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
linphonec: another make of SIP phone, of liblinphone, with files for a sound card.
"""

from __future__ import annotations

import math
import wave
from array import array
from pathlib import Path
from typing import Any

from ichatgw.test.e2e.programs.program import Program, ProgramFailed
from ichatgw.test.e2e.support.moment import pause, until
from ichatgw.test.e2e.support.ports import Ports
from ichatgw.test.e2e.support.tone import secondsOf

_CONFIGURATION = """\
[sip]
sip_port={udp}
sip_tcp_port={tcp}
sip_tls_port={tls}
bind_address={host}
default_proxy={proxy}
use_ipv6={six}
guess_hostname=0
contact=sip:{user}@{shown}
media_encryption={encryption}
media_encryption_mandatory={mandatory}
verify_server_certs=1
verify_server_cn=1
keepalive_period=30000
root_ca={authority}
[net]
firewall_policy=0
nat_policy_ref={nat}
mtu=1300
[rtp]
audio_rtp_port={media}
bind_address={host}
[sound]
echocancellation=0
echolimiter=0
[video]
enabled=0
capture=0
display=0
[misc]
prevent_colliding_calls=0
{more}
[nat_policy_0]
ref=ice
protocols=ice
[audio_codec_0]
mime=PCMU
rate=8000
channels=1
enabled=1
"""
_OTHERS = (
    ("PCMA", 8000, 1),
    ("opus", 48000, 2),
    ("speex", 8000, 1),
    ("speex", 16000, 1),
    ("speex", 32000, 1),
    ("GSM", 8000, 1),
    ("G722", 8000, 1),
    ("BV16", 8000, 1),
    ("L16", 44100, 1),
    ("L16", 44100, 2),
)
RATE = 16000


class Linphone:
    """
    linphonec.  With C{ice} it offers candidates, but none of the loopback interface: it needs another one, then.

    @ivar port: where it listens for SIP, by the one transport that it uses.
    """

    def __init__(
        self,
        reactor: Any,
        directory: Path,
        ports: Ports,
        user: str,
        tone: int,
        host: str = "127.0.0.1",
        transport: str = "udp",
        *,
        authority: str = "",
        encryption: str = "none",
        mandatory: bool = False,
        ice: bool = False,
        more: str = "",
    ) -> None:
        self._reactor = reactor
        self._directory = directory.absolute()
        self.port = ports.take(2)
        self._recording = self._directory / "heard.wav"
        self._directory.mkdir(parents=True)
        (self._directory / ".local/share/linphone").mkdir(parents=True)
        shown = f"[{host}]" if ":" in host else host
        text = _CONFIGURATION.format(
            **{kind: self.port if kind == transport else 0 for kind in ("udp", "tcp", "tls")},
            host=host,
            shown=f"{shown}:{self.port}",
            six=int(":" in host),
            user=user,
            encryption=encryption,
            mandatory=int(mandatory),
            nat="ice" if ice else "",
            authority=authority,
            media=ports.take(4),
            more=more,
            proxy=0 if "[proxy_0]" in more else -1,
        )
        for number, (name, rate, channels) in enumerate(_OTHERS, 1):
            text += f"[audio_codec_{number}]\nmime={name}\nrate={rate}\nchannels={channels}\nenabled=0\n"
        (self._directory / "linphonerc").write_text(text)
        _write(self._directory / "says.wav", tone, 60)
        self.program = Program(
            reactor,
            f"linphonec-{user}",
            ["linphonec", "-c", "linphonerc", "-d", "6", "-l", "core.log"],
            self._directory,
            {"HOME": str(self._directory), "XDG_DATA_HOME": str(self._directory / ".local/share")},
        )

    async def start(self) -> None:
        """Fires when it takes commands."""
        self.program.start()
        await self.program.said("linphonec>")
        self.command("soundcard use files")
        self.command(f"play {self._directory / 'says.wav'}")
        self.command(f"record {self._recording}")
        await pause(self._reactor, 0.3)

    def command(self, line: str) -> None:
        """C{call}, C{answer}, C{terminate}, C{pause}, C{resume} and whatever else it knows."""
        transport: Any = self.program.transport
        if transport is None or self.program.status is not None:
            raise ProgramFailed("linphonec does not run")
        transport.writeToChild(0, line.encode() + b"\n")

    def heard(self, frequency: int) -> float:
        """Seconds of a tone that it has recorded so far."""
        try:
            return secondsOf(self._recording, frequency)
        except (EOFError, OSError, wave.Error):
            return 0.0

    async def logged(self, text: str, patience: float = 10.0) -> None:
        """Wait until its own log holds C{text}."""
        log = self._directory / "core.log"
        await until(
            self._reactor,
            lambda: log.exists() and text in log.read_text("utf-8", "replace"),
            f"{text!r} in linphonec's log",
            patience,
        )

    async def stop(self) -> None:
        if self.program.status is None and self.program.transport is not None:
            self.command("quit")
        await self.program.stop(3.0)


def _write(path: Path, frequency: int, seconds: int) -> None:
    """A tone to say."""
    one = array("h", (round(8000 * math.sin(2 * math.pi * frequency * n / RATE)) for n in range(RATE)))
    with wave.open(str(path), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(one.tobytes() * seconds)
