# -*- test-case-name: ichatgw.test.check.test_sipservers -*-
"""
Which SIP servers the settings name, and with what we log in there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

from attrs import field, frozen

from ichatgw.config.reading.credentials import OWN_NAME, Credentials, Keyring
from ichatgw.config.reading.kinds import Proxy
from ichatgw.config.settings import Settings
from ichatgw.sip.trunk.flow import serverURI

MAX_SERVERS = 60
"""So many servers are asked."""

_OUTPUT = re.compile(
    r"(?P<scheme>sips?):(?:.*@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^@:;?,$\s\[\]]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<rest>(?:[;?][^$]*)?)",
    re.IGNORECASE | re.DOTALL,
)
_TRANSPORT = re.compile(r";transport=(udp|tcp|tls)\b", re.IGNORECASE)


@frozen
class Account:
    """
    With what we log in.

    @ivar aor: the address of record.
    @ivar registrar: the Request-URI of REGISTER.
    @ivar login: C{None} if there is no password.
    @ivar setting: where the password stands.
    """

    aor: str
    registrar: str
    login: Credentials | None
    setting: str


@frozen
class Server:
    """
    A SIP server.

    @ivar name: what it is, for the administrator.
    @ivar place: where it is reached.
    @ivar secure: by C{sips:}.
    @ivar account: to be tried; C{None} for none.
    @ivar setting: what names it.
    @ivar callsUs: does it call by its address, so that C{AllowedSIPPeers} has to name it?
    """

    name: str
    place: Proxy
    setting: str
    secure: bool = False
    account: Account | None = field(default=None)
    callsUs: bool = False


def hostOf(address: str) -> Proxy | None:
    """Where a SIP address, or the output of a rule, leads; C{None} if that is not known before the call."""
    found = _OUTPUT.fullmatch(address)
    if found is None or int(found["port"] or 0) > 65535:
        return None
    transport = _TRANSPORT.search(found["rest"])
    port = int(found["port"]) if found["port"] else None
    return Proxy(found["host"].strip("[]").lower(), port, transport[1].lower() if transport else "")


def serversOf(settings: Settings, keyring: Keyring) -> list[Server]:
    """All of them, each once."""
    found: dict[object, Server] = {}
    for server in (*_proxy(settings), *_ofTrunks(settings), *_ofRules(settings)):
        found.setdefault((server.place, server.secure, server.account), server)
    for server in _registrars(settings, keyring):
        found.setdefault((server.place, server.account), server)
    return list(found.values())


def _proxy(settings: Settings) -> Iterator[Server]:
    if settings.outboundProxy is not None:
        yield Server("OutboundProxy", settings.outboundProxy, "OutboundProxy")


def _ofTrunks(settings: Settings) -> Iterator[Server]:
    """A trunk is registered by each of its proxies."""
    for trunk in settings.trunks:
        login = Credentials(trunk.login or trunk.user, trunk.password) if trunk.password else None
        account = Account(trunk.aor, serverURI(trunk), login, "TrunkPassword") if trunk.registers else None
        for place in trunk.proxies or (trunk.server,):
            setting = "TrunkProxy" if trunk.proxies else "TrunkServer"
            yield Server(f"trunk {trunk.name}", place, setting, account=account)


def _ofRules(settings: Settings) -> Iterator[Server]:
    if settings.outboundProxy is not None:
        return
    trunks = {trunk.name for trunk in settings.trunks}
    outputs = [
        (output, f"rule {number}", "TranslationOutput", True)
        for number, (_, output) in enumerate(settings.translationRules, 1)
    ]
    outputs.append((settings.emergencyOutput, "EmergencyOutput", "EmergencyOutput", False))
    outputs.append((settings.voicemailOutput, "VoicemailOutput", "VoicemailOutput", False))
    for output, of, setting, callsUs in outputs:
        place = hostOf(output)
        if place is not None and place.host not in trunks:
            yield Server(f"{place.host} of {of}", place, setting, output.lower().startswith("sips:"), callsUs=callsUs)


def _registrars(settings: Settings, keyring: Keyring) -> Iterator[Server]:
    for address, credentials in keyring.entries.items():
        user, _, domain = address.rpartition("@")
        user = user or ("" if credentials.user == OWN_NAME else credentials.user)
        place = settings.outboundProxy or hostOf(f"sip:{domain}")
        if user and place is not None:
            login = Credentials(user, credentials.password) if credentials.user == OWN_NAME else credentials
            escaped = quote(user, safe="-_.!~*'()&=+$,;?/%")
            account = Account(f"sip:{escaped}@{domain}", f"sip:{domain}", login, "SIPCredentials")
            yield Server(f"registrar {domain}", place, "SIPCredentials", account=account)
