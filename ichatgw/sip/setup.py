# -*- test-case-name: ichatgw.test.sip.test_setup,ichatgw.test.gateway.test_build -*-
"""
The SIP side, as the settings want it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from socket import gethostname
from typing import Any, TypeVar

from twisted.logger import Logger

from ichatgw.config.declared.sip import TO
from ichatgw.config.reading.credentials import Keyring, loadUsers
from ichatgw.config.reload import LongReloadable, Part, Reloadable
from ichatgw.config.settings import Settings
from ichatgw.model import Fingerprint
from ichatgw.net.dns import Records
from ichatgw.net.localaddresses import LocalAddresses
from ichatgw.runtime.steps import TakesSteps, atOnce
from ichatgw.runtime.turns import Sweep, Turns
from ichatgw.sip.auth.verifier import Verifier
from ichatgw.sip.endpoint import Endpoint
from ichatgw.sip.leg.mediasecurity import Encryption, Keys, MediaPolicy
from ichatgw.sip.leg.telling import Telling
from ichatgw.sip.options import SIPOptions
from ichatgw.sip.sippylib import selfcheck
from ichatgw.sip.transaction.way import Place
from ichatgw.sip.transport.resolver import Resolver
from ichatgw.sip.transport.streams import StreamWire
from ichatgw.sip.transport.target import Transport
from ichatgw.sip.transport.tls import Files, Security
from ichatgw.sip.transport.udp import UDPWire

_CERTIFICATES = (
    "tlsCertificate",
    "tlsPrivateKey",
    "tlsPrivateKeyPassPhrase",
    "tlsDHParamsFilename",
    "tlsCAFile",
    "tlsCADirectory",
    "tlsVerify",
    "tlsAcceptAddresses",
)

_log = Logger()

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def endpointOf(
    reactor: Any,
    turns: Turns,
    settings: Settings,
    addresses: LocalAddresses,
    wire: UDPWire,
    userAgent: str,
    messageLog: Callable[[str, str], None] | None,
    fingerprint: Fingerprint | None = None,
) -> tuple[Endpoint, list[Part]]:
    """
    The endpoint, and what of it can change while it runs.

    @param turns: when messages and timers have their turn.
    @param fingerprint: that of our certificate for DTLS with phones.
    @raise ConfigError: if a file cannot be used, or the sippy that is installed.
    """
    warning = selfcheck.check()
    if warning:
        _log.warn("{text}", text=warning)
    security = Security(filesOf(settings))
    keyring = _keyring(settings)
    verifier = Verifier(settings.jabberComponentName, _users(settings), reactor, settings.digestAlgorithms)
    policy = MediaPolicy(fingerprint=fingerprint, reaches=addresses.reaches)
    _demand(policy, settings)
    endpoint = Endpoint(
        turns,
        wire,
        _resolverOf(reactor, settings),
        _optionsOf(settings, userAgent, policy),
        messageLog=messageLog,
        streams=StreamWire(reactor, addresses, lambda: wire.port, settings.tlsPort, security, turns),
        keyring=keyring,
        verifier=verifier,
    )
    endpoint.trunks.forget = addresses.forget
    endpoint.keepAlives.sweep = _inParts(turns)
    endpoint.trunks.mailboxes.sweep = _inParts(turns)
    endpoint.mailboxes.sweep = _inParts(turns)
    endpoint.letToDecide(settings.calledParty == TO)
    endpoint.tell(Telling(settings.connectedIdentity))
    return endpoint, [
        _trunksOf(endpoint, turns, settings),
        *_reloadsEndpoint(endpoint, policy),
        *_reloadsFiles(security, keyring, verifier),
    ]


def _resolverOf(reactor: Any, settings: Settings) -> Resolver:
    transports = Transport.UDP, Transport.TCP, Transport.TLS
    return Resolver(reactor, Records(reactor, settings.dnsServers), settings.preferIPv6, transports)


def _optionsOf(settings: Settings, userAgent: str, policy: MediaPolicy) -> SIPOptions:
    return SIPOptions(
        settings.sipGatewayIdentity,
        userAgent,
        outboundProxy=_place(settings),
        filtered=frozenset(settings.codecIdFilterList),
        assertsIdentity=settings.assertIdentity,
        policy=policy,
        sessionExpires=settings.sessionExpires,
        keepAlives=settings.keepAlives,
        registrationsPerSecond=settings.registrationsPerSecond,
        subscribesMailboxes=settings.subscribeMailboxes,
    )


def _trunksOf(endpoint: Endpoint, turns: Turns, settings: Settings) -> LongReloadable:
    """Let there be the trunks of the settings; what changes them."""
    trunks = endpoint.trunks.accounts
    atOnce(trunks.prepare(settings.trunks))()
    trunks.sweep = _inParts(turns)
    return LongReloadable(("trunks",), lambda new: trunks.prepare(new.trunks))


def _inParts(turns: Turns) -> TakesSteps:
    """Takes the steps of some work in several turns."""
    sweep: Sweep[None] = turns.sweep(lambda step: None)
    return sweep.start


def _reloadsEndpoint(endpoint: Endpoint, policy: MediaPolicy) -> tuple[Reloadable, ...]:
    return (
        Reloadable(("connectedIdentity",), lambda new: partial(endpoint.tell, Telling(new.connectedIdentity))),
        Reloadable(("calledParty",), lambda new: partial(endpoint.letToDecide, new.calledParty == TO)),
        Reloadable(("sessionExpires",), lambda new: partial(setattr, endpoint.terms, "interval", new.sessionExpires)),
        Reloadable(("keepAlives",), lambda new: partial(setattr, endpoint.keepAlives, "enabled", new.keepAlives)),
        Reloadable(
            ("sipMediaEncryption", "sipMediaKeys", "sipMediaKeysInClear", "sipOffersICE"),
            lambda new: partial(_demand, policy, new),
        ),
    )


def _reloadsFiles(security: Security, keyring: Keyring, verifier: Verifier) -> tuple[Part, ...]:
    return (
        LongReloadable(_CERTIFICATES, lambda new: security.prepare(filesOf(new))),
        Reloadable(("sipCredentials",), lambda new: partial(_adopt, keyring.entries, _keyring(new).entries)),
        Reloadable(("sipUsers",), lambda new: partial(_adoptUsers, verifier, _users(new))),
        Reloadable(("digestAlgorithms",), lambda new: partial(setattr, verifier, "algorithms", new.digestAlgorithms)),
    )


def filesOf(settings: Settings) -> Files:
    """Where the certificates are: as the settings say, or in the files of those names that ichat-gw looked for."""
    certificate, key = settings.tlsCertificate, settings.tlsPrivateKey
    if not certificate:
        domain = settings.tlsDomain or gethostname()
        named = f"domain_cert_{domain}.pem"
        if os.path.exists(named):
            certificate = named
            own = f"domain_key_{domain}.pem"
            key = key or (own if os.path.exists(own) else "")
    return Files(
        certificate,
        key,
        settings.tlsPrivateKeyPassPhrase,
        settings.tlsDHParamsFilename,
        settings.tlsCAFile,
        settings.tlsCADirectory,
        settings.tlsVerify,
        settings.tlsAcceptAddresses,
        settings.tlsDomain,
    )


def _place(settings: Settings) -> Place | None:
    proxy = settings.outboundProxy
    if proxy is None:
        return None
    return proxy.host, proxy.port, Transport(proxy.transport) if proxy.transport else None, False


def _keyring(settings: Settings) -> Keyring:
    return Keyring.load(settings.sipCredentials) if settings.sipCredentials else Keyring()


def _users(settings: Settings) -> dict[str, str]:
    return loadUsers(settings.sipUsers) if settings.sipUsers else {}


def _demand(policy: MediaPolicy, settings: Settings) -> None:
    """Calls to come are judged so."""
    policy.encryption = Encryption(settings.sipMediaEncryption)
    policy.keys = Keys(settings.sipMediaKeys)
    policy.inClear = settings.sipMediaKeysInClear
    policy.offersChecks = settings.sipOffersICE


def _adopt(old: dict[_Key, _Value], new: dict[_Key, _Value]) -> str | None:
    """Take over what a file holds now."""
    if old == new:
        return None
    old.clear()
    old.update(new)
    return "the passwords in its file"


def _adoptUsers(verifier: Verifier, users: dict[str, str]) -> str | None:
    return "the passwords in its file" if verifier.adopt(users) else None
