# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Prosody: the XMPP server, with one virtual host, accounts and the gateway's component.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ichatgw.test.e2e.programs.program import Program
from ichatgw.test.e2e.support.ports import Ports

DOMAIN = "xmpp.test"
COMPONENT = "gw.xmpp.test"
SECRET = "component-secret"
ACCOUNTS = ("scott", "anna")

_CONFIGURATION = """\
run_as_root = true
pidfile = "{directory}/prosody.pid"
data_path = "{directory}/data"
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {clientPort} }}
component_ports = {{ {componentPort} }}
component_interfaces = {{ "{componentHost}" }}
modules_enabled = {{ "roster", "saslauth", "disco", "ping" }}
modules_disabled = {{ {disabled} }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_plain"
log = {{ info = "*console" }}
{more}VirtualHost "{DOMAIN}"
Component "{COMPONENT}"
  component_secret = "{SECRET}"
"""


def password(account: str) -> str:
    """What C{account} logs in with."""
    return f"password-of-{account}"


class Prosody:
    """
    The server, as a child of the test.

    @cvar MORE: lines for its configuration, written with the names of its attributes in braces.
    @cvar COMPONENT_HOST: where components connect; C{*} for any address.
    @cvar DISABLED: the modules that it does without.
    @ivar clientPort: where clients log in, without TLS.
    @ivar componentPort: where the gateway connects.
    """

    MORE = ""
    COMPONENT_HOST = "127.0.0.1"
    DISABLED: tuple[str, ...] = ("s2s", "tls", "offline", "posix")

    def __init__(self, reactor: Any, directory: Path, ports: Ports) -> None:
        self.clientPort = ports.take()
        self.componentPort = ports.take()
        self._directory = directory.absolute()
        self._configure()
        self.program = Program(
            reactor, "prosody", ["prosody", "--config", str(self._directory / "prosody.cfg.lua"), "-F"], self._directory
        )

    def _configure(self) -> None:
        accounts = self._directory / "data" / DOMAIN.replace(".", "%2e") / "accounts"
        accounts.mkdir(parents=True)
        for account in ACCOUNTS:
            (accounts / f"{account}.dat").write_text(f'return {{ ["password"] = "{password(account)}"; }};\n')
        (self._directory / "prosody.cfg.lua").write_text(
            _CONFIGURATION.format(
                more=self.MORE.format(**vars(self)),
                disabled=", ".join(f'"{module}"' for module in self.DISABLED),
                directory=self._directory,
                clientPort=self.clientPort,
                componentPort=self.componentPort,
                componentHost=self.COMPONENT_HOST,
                DOMAIN=DOMAIN,
                COMPONENT=COMPONENT,
                SECRET=SECRET,
            )
        )

    async def start(self) -> None:
        """Fires when clients and components can connect."""
        self.program.start()
        await self.program.said(r"Activated service 'c2s' on")
        await self.program.said(r"Activated service 'component' on")

    async def stop(self) -> None:
        await self.program.stop()
