# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
sipp: a SIP phone that follows a script; C{ichatgw/test/data/sipp} holds the scripts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ichatgw.test.e2e.programs.program import Program, ProgramFailed
from ichatgw.test.e2e.support.moment import until
from ichatgw.test.e2e.support.ports import Ports, isOpen

_SCRIPTS = Path(__file__).parents[2] / "data" / "sipp"


class Sipp:
    """
    One phone for one call.  It echoes the RTP it gets.

    @ivar port: where it listens for SIP, over UDP or TCP.
    @ivar login: the name and the password for those who challenge it.
    @param patience: seconds that the whole script may take; 10 less for each message that it waits for.
    """

    def __init__(
        self,
        reactor: Any,
        directory: Path,
        ports: Ports,
        script: str,
        host: str = "127.0.0.1",
        transport: str = "udp",
        login: tuple[str, str] | None = None,
        patience: int = 30,
    ) -> None:
        self._reactor = reactor
        self._directory = directory.absolute()
        self._script = _SCRIPTS / f"{script}.xml"
        self._host = host
        self._stream = transport == "tcp"
        self._login = login
        self._patience = patience
        self.port = ports.take(2)
        self._mediaPort = ports.take(4)
        self.program: Program | None = None

    async def start(self, target: str = "", user: str = "", **words: object) -> None:
        """
        Begin the script; fires when it listens.

        @param target: whom to send to, C{host:port}; empty if it waits for a call.
        @param user: the user part of the address to call.
        @param words: what to write for C{@NAME@} in the script.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        text = self._script.read_text()
        for name, value in words.items():
            text = text.replace(f"@{name}@", str(value))
        script = self._directory / self._script.name
        script.write_text(text)
        arguments = ["sipp", "-sf", str(script), "-i", self._host, "-p", str(self.port), "-mi", self._host]
        arguments += ["-mp", str(self._mediaPort), "-rtp_echo", "-m", "1", "-nostdin", "-timeout", f"{self._patience}s"]
        arguments += ["-timeout_error", "-trace_err", "-trace_msg", "-recv_timeout", f"{self._patience - 10}000"]
        if self._stream:
            arguments += ["-t", "t1"]
        if self._login is not None:
            arguments += ["-au", self._login[0], "-ap", self._login[1]]
            # By itself it names the host alone, no matter who is called.
            arguments += ["-auth_uri", f"{user}@{target}"] if target else []
        if target:
            arguments += ["-s", user, target]
        self.program = Program(self._reactor, f"sipp-{script.stem}", arguments, self._directory)
        self.program.start()
        if not (self._stream and target):
            await until(self._reactor, self._isUp, f"sipp listening on {self.port}")

    def _isUp(self) -> bool:
        return isOpen(self.port, "tcp" if self._stream else "udp") or (
            self.program is not None and self.program.status is not None
        )

    async def succeeded(self, patience: float = 25.0) -> None:
        """
        Wait for the end of the script.

        @raise ProgramFailed: if it did not go as written.
        """
        if self.program is None:
            raise ProgramFailed("sipp was never started")
        status = await self.program.ended(patience)
        if status != 0:
            errors = "".join(path.read_text() for path in sorted(self._directory.glob("*_errors.log")))
            raise ProgramFailed(f"sipp {self._script.stem} ended with {status}\n{errors[-1500:]}")

    async def stop(self) -> None:
        if self.program is not None:
            await self.program.stop(1.0)
