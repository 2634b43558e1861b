# -*- test-case-name: ichatgw.test.gateway.test_logging -*-
"""
What all that is logged has in common: lines about a call name it, and no line holds a secret.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

import ichatgw
from ichatgw.config.settings import TABLE, Settings
from ichatgw.errors import ConfigError
from ichatgw.gateway.administration import reloading
from ichatgw.gateway.build import gateway
from ichatgw.gateway.service import Gateway
from ichatgw.log.lines import LEVELS
from ichatgw.log.logfile import LineObserver
from ichatgw.test.marks import slow
from ichatgw.test.support.configs import ready
from ichatgw.test.support.sip.sipwire import PHONE, PHONE_SDP, request
from ichatgw.test.support.streams import ServerSide, acceptLast

ROOT = Path(ichatgw.__file__).parent
METHODS = ("debug", "info", "warn", "error", "failure", "critical")

# Where every line is about a call.
OF_CALLS = ("call", "inbound", "outbound", "leg", "side", "relay")

PASSWORD = "Pa55-of-the-component"
PHRASE = "Phrase-of-the-key"
KEY = "S2V5T2ZUaGVNZWRpYTAxMjM0NTY3ODkwMTIzNDU2"
DIGEST = "d1935700000000000000000000abcdef"


class LogCall:
    """A place in the sources that logs."""

    def __init__(self, module: str, node: ast.Call) -> None:
        self.place = f"{module}:{node.lineno}"
        self.module = module
        first = node.args[0]
        self.text = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
        self.fields = [keyword.arg or "" for keyword in node.keywords]
        self.names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        self.names |= {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}


@cache
def logCalls() -> tuple[LogCall, ...]:
    """All of them."""
    return tuple(_logCalls())


def _logCalls() -> Iterator[LogCall]:
    for path in sorted(ROOT.rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        text = path.read_text("utf-8")
        if module.partition(".")[0] in ("test", "sim") or "log." not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
                target = node.func.value
                name = target.id if isinstance(target, ast.Name) else getattr(target, "attr", "")
                if name in ("log", "_log"):
                    yield LogCall(module, node)


@slow
class SourceTests(SynchronousTestCase):
    """The places that log."""

    def test_all(self) -> None:
        """They are found, in every part."""
        parts = {call.module.partition(".")[0] for call in logCalls()}
        self.assertTrue({"calls", "sip", "ichat", "jingle", "xmpp", "media", "tap"} <= parts, parts)

    def test_namesTheCall(self) -> None:
        """Where legs and calls are at work, every line names the call; a leg's line names the leg as well."""
        for call in logCalls():
            parts = call.module.split(".")
            if parts[-1] in OF_CALLS:
                self.assertIn("call={call}", call.text, call.place)
                if parts[-1] in ("inbound", "outbound", "leg"):
                    self.assertIn("leg={leg}", call.text, call.place)

    def test_fields(self) -> None:
        """What a line speaks of it is given; names that Twisted's older log takes for itself are not used."""
        for call in logCalls():
            for name in ("call", "leg"):
                if f"{{{name}}}" in call.text and "" not in call.fields:  # "" is **
                    self.assertIn(name, call.fields, call.place)
            self.assertEqual({"warning", "message", "time", "isError"} & set(call.fields), set(), call.place)

    def test_noSecretIsNamed(self) -> None:
        """No line is given what is called a password, a key, or all settings at once."""
        for call in logCalls():
            for name in call.names:
                for word in ("password", "secret", "passphrase", "credential", "settings"):
                    self.assertNotIn(word, name.lower(), call.place)


class SecretTests(SynchronousTestCase):
    """A whole gateway at work, with every line of its log in view."""

    def setUp(self) -> None:
        self.lines: dict[str, list[str]] = {level: [] for level in LEVELS}
        for level, lines in self.lines.items():
            observer = LineObserver(lines.append, level)
            globalLogPublisher.addObserver(observer)
            self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.settings = Settings(
            jabberServer="127.0.0.1",
            jabberComponentName="gw.test",
            jabberComponentPassword=PASSWORD,
            tlsPrivateKeyPassPhrase=PHRASE,
            ipAddress="127.0.0.1",
            udpTcpPort=0,
            translationRules=((r"^sip:([a-z]+)@", "xmpp:$1@test"),),
            subscriptionDatabase="none",
            logLevel="STACK",
        )
        self.reactor: Any = MemoryReactorClock()
        self.wanted: Settings | None = self.settings
        self.gateway: Gateway = gateway(self.reactor, self.settings)
        reloading(self.reactor, self.gateway, self.settings, lambda: ready(*self.load()))

    def load(self) -> tuple[Settings, list[str]]:
        path = self.mktemp()
        if self.wanted is None:
            Path(path).write_text(
                f"JabberComponentPassword {PASSWORD}\nJabberComponentPassword = {PASSWORD}\x01\n"
                f"TLSPrivateKeyPassPhrase = {PHRASE}\x01\nJabberComponentPasword = {PASSWORD}\n"
            )
            return Settings.load(path)
        return self.wanted, []

    def up(self) -> ServerSide:
        self.gateway.link.startService()
        self.addCleanup(self.gateway.link.stopService)
        server = acceptLast(self.reactor)
        server.shakeHands()
        return server

    def text(self, level: str = "STACK") -> str:
        return "\n".join(self.lines[level])

    def assertHidden(self) -> None:
        """No secret, nor what proves one, stands in the log, whatever its level."""
        proof = hashlib.sha1(b"3BF96D32" + PASSWORD.encode()).hexdigest()
        for level in LEVELS:
            for secret in (PASSWORD, PHRASE, KEY, DIGEST, proof):
                self.assertNotIn(secret, self.text(level))

    def test_link(self) -> None:
        """The handshake is seen, but not what it proves; a refusal does not show the password."""
        server = self.up()
        self.assertIn("<handshake", self.text())
        server.send("<message from='a@test/x' to='72@gw.test'><body>hello</body></message>")
        self.assertIn("hello", self.text())
        self.assertNotIn("hello", self.text("DEBUG"))
        server.send("<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>")
        self.assertHidden()

    def test_sip(self) -> None:
        """Messages are seen, but neither what proves a password nor the keys of media."""
        extra = f'Authorization: Digest username="a", realm="r", nonce="n", uri="sip:b", response="{DIGEST}"\r\n'
        body = PHONE_SDP + f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20\r\n"
        message = request("INVITE", uri="sip:scott@192.0.2.10", extra=extra, body=body)
        self.gateway.endpoint.received(message.encode(), PHONE)
        self.assertIn("INVITE sip:scott@192.0.2.10", self.text())
        self.assertIn("a=crypto:1", self.text())
        self.assertHidden()

    def test_uris(self) -> None:
        """No line of any level shows the password of a URI, be it that of a caller, of a callee or of a rule."""
        extra = f"P-Asserted-Identity: <sip:a:{PHRASE}@b>\r\nDiversion: <sip:d:{PHRASE}@b>\r\n"
        message = request(
            "INVITE",
            uri=f"sip:scott:{PASSWORD}@192.0.2.10",
            to=f"<sip:scott:{PASSWORD}@192.0.2.10>",
            from_=f"<sip:phone:{PASSWORD}@192.0.2.77>;tag=1",
            contact=f"<sip:phone:{PASSWORD}@192.0.2.77>",
            extra=extra,
        )
        self.gateway.endpoint.received(message.encode(), PHONE)
        self.gateway.endpoint.received(message.replace("INVITE", "NONSENSE").encode(), PHONE)
        self.assertIn("INVITE from", self.text("INFO"))
        self.assertHidden()

    def test_digits(self) -> None:
        """What is keyed in during a call is not shown."""
        head = request("INFO", uri="sip:scott@192.0.2.10", extra="Content-Type: application/dtmf-relay\r\n")
        message = head.replace("Content-Length: 0", "Content-Length: 10") + f"Signal={DIGEST[:1]}\r\n"
        self.gateway.endpoint.received(message.encode(), PHONE)
        self.assertIn("INFO sip:scott@192.0.2.10", self.text())
        self.assertNotIn("Signal", self.text())

    def test_settings(self) -> None:
        """Neither wrong settings nor changed ones show a secret."""
        reloader = self.gateway.reloader
        assert reloader is not None
        self.wanted = evolve(
            self.settings,
            jabberComponentPassword=PASSWORD + "2",
            tlsPrivateKeyPassPhrase=PHRASE + "2",
            hepPassword=PHRASE + "3",
            httpToken=PHRASE + "4",
        )
        reloader.reload()
        self.assertIn("JabberComponentPassword is now (not shown)", self.text())
        self.wanted = None
        reloader.reload()
        self.assertIn("JabberComponentPassword", self.text("ERR"))
        self.assertRaises(ConfigError, self.load)
        self.assertHidden()
        self.assertNotIn(PASSWORD, repr(self.settings))
        self.assertNotIn(PHRASE, repr(self.settings))

    def test_everySecret(self) -> None:
        """These tests know every setting that is secret."""
        self.assertEqual(
            {setting.attribute for setting in TABLE if setting.secret},
            {"jabberComponentPassword", "tlsPrivateKeyPassPhrase", "hepPassword", "httpToken", "trunks"},
        )
