# -*- test-case-name: ichatgw.test.sip.trunk -*-
"""
Trunks on a wire of memory.
"""

from __future__ import annotations

from typing import Any

from ichatgw.config.declared.trunks import Trunk
from ichatgw.config.reading.kinds import Proxy
from ichatgw.model import TransportAddress
from ichatgw.runtime.steps import atOnce
from ichatgw.sip.trunk.account import Account
from ichatgw.test.support.sip.sipwire import Rig, header, respond

SERVER = TransportAddress("198.51.100.1", 5060)
OTHER = TransportAddress("198.51.100.2", 5060)

ASKED = 'WWW-Authenticate: Digest realm="r", nonce="n{}", algorithm=MD5, qop="auth"\r\n'


def trunk(name: str = "one", host: str = SERVER.host, **values: Any) -> Trunk:
    """A trunk that registers and is not probed, unless C{values} say otherwise."""
    return Trunk(**{"name": name, "server": Proxy(host), "user": "4930", "password": "tiger", "probeTime": 0, **values})


class TrunkRig(Rig):
    """
    A gateway with trunks.

    @param trunks: these.
    """

    def __init__(self, *trunks: Trunk, **arguments: Any) -> None:
        super().__init__(registrationsPerSecond=1000, **arguments)
        self.endpoint.trunks.accounts.registrations.draw = lambda: 0.0
        self.adopt(*trunks)

    def adopt(self, *trunks: Trunk) -> None:
        """There are these trunks from now on."""
        atOnce(self.endpoint.trunks.accounts.prepare(trunks))()

    def account(self, name: str = "one") -> Account:
        """The trunk of that name."""
        account = self.endpoint.trunks.accounts.get(name)
        assert account is not None
        return account

    def sent(self, method: str) -> list[str]:
        """The requests of that method that have gone out since the last time."""
        return [message for message in self.wire.take() if message.startswith(f"{method} ")]

    def reply(self, to: str, code: int = 200, extra: str = "", source: TransportAddress = SERVER) -> list[str]:
        """The server answers; what goes out because of it?"""
        return self.receive(respond(to, code, "Word", extra=extra), source)

    def register(self, extra: str = "", source: TransportAddress = SERVER) -> str:
        """The one REGISTER that has gone out is granted; its Contact."""
        (register,) = self.sent("REGISTER")
        contact = header(register, "Contact")
        self.reply(register, 200, f"Contact: {contact};expires=600\r\n{extra}", source)
        return contact.strip("<>")
