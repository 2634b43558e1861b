"""
Asterisk, from a system of its own in a directory; see C{.ci/asterisk}.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from socket import gethostname
from typing import Any

from attrs import define, field

from ichatgw.test.e2e.programs.program import Program, ProgramFailed
from ichatgw.test.e2e.support.moment import pause
from ichatgw.test.interop.place import PBX

SYSTEM = Path(os.environ.get("ICHATGW_ASTERISK", "/var/cache/ichatgw-asterisk"))
"""Where the system is."""

RTP = 20000, 20200

_FILES = {
    "asterisk.conf": """\
[directories]
astetcdir => {directory}/etc
astdbdir => {directory}
astspooldir => {directory}
astrundir => {directory}
astlogdir => {directory}
""",
    "modules.conf": """\
[modules]
autoload=yes
noload => chan_iax2.so
noload => chan_unistim.so
noload => chan_mgcp.so
noload => chan_skinny.so
noload => chan_dahdi.so
noload => pbx_dundi.so
noload => pbx_ael.so
noload => pbx_lua.so
noload => cdr_csv.so
noload => res_phoneprov.so
""",
    "rtp.conf": "[general]\nrtpstart={first}\nrtpend={last}\n",
    "logger.conf": "[logfiles]\nconsole => notice,warning,error,verbose\n",
}


def lacking() -> str:
    """Why there is no Asterisk; empty if there is."""
    if not (SYSTEM / "usr/sbin/asterisk").exists():
        return f"there is no Asterisk below {SYSTEM}: .ci/asterisk makes it (docs/contributing.rst)"
    return ""


@define(eq=False)
class Asterisk:
    """
    @ivar files: what it is configured by, by name: C{pjsip.conf} and C{extensions.conf}.
    """

    reactor: Any
    logs: Path
    files: Mapping[str, str]
    program: Program = field(init=False)
    _inside: str = field(init=False)
    _configuration: str = field(init=False)
    _asked: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._inside = f"/tmp/ichatgw-{os.getpid()}-{id(self):x}"
        self._configuration = f"{self._inside}/etc/asterisk.conf"
        arguments = ["chroot", str(SYSTEM), "asterisk", "-f", "-vvv", "-C", self._configuration]
        self.program = Program(self.reactor, "asterisk", arguments, self.logs)

    async def start(self) -> None:
        """Fires when it serves."""
        directory = SYSTEM / self._inside.lstrip("/") / "etc"
        directory.mkdir(parents=True)
        words = {"directory": self._inside, "first": RTP[0], "last": RTP[1]}
        for name, text in {**_FILES, **self.files}.items():
            (directory / name).write_text(text.format(**words) if name in _FILES else text)
        # It asks for its own name, and for one elsewhere to learn its address, and waits for either.
        names = f"127.0.0.1 localhost\n{PBX} {gethostname()} a.root-servers.net\n"
        for name, text in (("hosts", names), ("resolv.conf", "nameserver 127.0.0.1\n")):
            (SYSTEM / "etc" / name).unlink(missing_ok=True)
            (SYSTEM / "etc" / name).write_text(text)
        self.program.start()
        for _ in range(60):
            if "fully booted" in await self.told("core waitfullybooted"):
                return
            await pause(self.reactor, 0.25)
        raise ProgramFailed(f"Asterisk does not start\n{self.program.output[-1500:]}")

    async def told(self, order: str) -> str:
        """What it says to an order at its console."""
        self._asked += 1
        arguments = ["chroot", str(SYSTEM), "asterisk", "-C", self._configuration, "-rx", order]
        asking = Program(self.reactor, f"order-{self._asked}", arguments, self.logs)
        asking.start()
        await asking.ended(20)
        return asking.output

    async def stop(self) -> None:
        """End it."""
        await self.program.stop()
        shutil.rmtree(SYSTEM / self._inside.lstrip("/"), ignore_errors=True)
