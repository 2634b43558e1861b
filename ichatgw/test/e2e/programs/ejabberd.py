# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
ejabberd: another make of XMPP server, with the same virtual host, accounts and component as Prosody.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ichatgw.test.e2e.programs.program import Program
from ichatgw.test.e2e.programs.prosody import ACCOUNTS, COMPONENT, DOMAIN, SECRET, password
from ichatgw.test.e2e.support.ports import Ports

_CONFIGURATION = """\
hosts: ["{DOMAIN}"]
acme: {{auto: false}}
loglevel: info
auth_method: internal
auth_password_format: plain
listen:
  - {{port: {clientPort}, ip: "127.0.0.1", module: ejabberd_c2s, starttls: false, access: all}}
  - port: {componentPort}
    ip: "127.0.0.1"
    module: ejabberd_service
    access: all
    hosts: {{"{COMPONENT}": {{password: "{SECRET}"}}}}
modules:
  mod_caps: {{}}
  mod_disco: {{}}
  mod_ping: {{}}
  mod_roster: {{}}
"""

_BEGIN = """\
ejabberd:start(),
[ejabberd_auth:try_register(User, <<"{DOMAIN}">>, Word) || {{User, Word}} <- [{accounts}]],
io:format("ready~n").
"""


class Ejabberd:
    """
    The server, as a child of the test.  It does without Erlang's own network, so nothing else listens.

    @ivar clientPort: where clients log in, without TLS.
    @ivar componentPort: where the gateway connects.
    """

    def __init__(self, reactor: Any, directory: Path, ports: Ports) -> None:
        self.clientPort = ports.take()
        self.componentPort = ports.take()
        self._directory = directory.absolute()
        (self._directory / "mnesia").mkdir(parents=True)
        configuration = self._directory / "ejabberd.yml"
        configuration.write_text(
            _CONFIGURATION.format(
                clientPort=self.clientPort,
                componentPort=self.componentPort,
                DOMAIN=DOMAIN,
                COMPONENT=COMPONENT,
                SECRET=SECRET,
            )
        )
        accounts = ",".join(f'{{<<"{account}">>, <<"{password(account)}">>}}' for account in ACCOUNTS)
        begin = _BEGIN.format(DOMAIN=DOMAIN, accounts=accounts)
        self.program = Program(
            reactor,
            "ejabberd",
            ["erl", "-noshell", "-noinput", "-mnesia", "dir", f'"{self._directory}/mnesia"', "-eval", begin],
            self._directory,
            {
                "EJABBERD_CONFIG_PATH": str(configuration),
                "EJABBERD_LOG_PATH": str(self._directory / "ejabberd.log"),
                "ERL_LIBS": _libraries(),
                "ERL_CRASH_DUMP_BYTES": "0",
                "HOME": str(self._directory),
            },
        )

    async def start(self) -> None:
        """Fires when clients and components can connect."""
        self.program.start()
        await self.program.said("^ready", 90)

    async def stop(self) -> None:
        await self.program.stop()


def _libraries() -> str:
    """Where the system keeps ejabberd's modules: below a directory named after the machine's kind."""
    return ":".join(sorted({str(path.parent) for path in Path("/usr/lib").glob("*/ejabberd-*")}))
