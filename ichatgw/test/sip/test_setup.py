# -*- test-case-name: ichatgw.test.sip.test_setup -*-
"""
Tests for L{ichatgw.sip.setup}.
"""

from __future__ import annotations

import os
from pathlib import Path

from attrs import evolve
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.reload import Reloadable
from ichatgw.config.settings import Settings
from ichatgw.errors import ConfigError
from ichatgw.net.localaddresses import LocalAddresses
from ichatgw.runtime.steps import Steps
from ichatgw.runtime.turns import SWEEP_INTERVAL, SWEEP_ITEMS, Turns
from ichatgw.sip import setup
from ichatgw.sip.leg.mediasecurity import Encryption, Keys
from ichatgw.sip.setup import endpointOf, filesOf
from ichatgw.sip.sippylib import selfcheck
from ichatgw.sip.transport.udp import UDPWire
from ichatgw.test.support.sip.certificates import Authority

SETTINGS = Settings(jabberServer="127.0.0.1", jabberComponentName="gw.example", jabberComponentPassword="x")


class FilesTests(SynchronousTestCase):
    """Where certificates are."""

    def setUp(self) -> None:
        self.addCleanup(os.chdir, os.getcwd())
        directory = Path(self.mktemp())
        directory.mkdir()
        os.chdir(directory)

    def test_named(self) -> None:
        """The settings say it."""
        files = filesOf(evolve(SETTINGS, tlsCertificate="a.pem", tlsPrivateKey="a.key", tlsDomain="x.example"))
        self.assertEqual((files.certificate, files.key), ("a.pem", "a.key"))

    def test_asBefore(self) -> None:
        """Without, the files that ichat-gw looked for are taken if they are there."""
        settings = evolve(SETTINGS, tlsDomain="x.example")
        self.assertEqual(filesOf(settings).certificate, "")
        Path("domain_cert_x.example.pem").touch()
        self.assertEqual((filesOf(settings).certificate, filesOf(settings).key), ("domain_cert_x.example.pem", ""))
        Path("domain_key_x.example.pem").touch()
        self.assertEqual(filesOf(settings).key, "domain_key_x.example.pem")

    def test_hostName(self) -> None:
        """The domain is the name of this host if none is set."""
        self.patch(setup, "gethostname", lambda: "gw.example")
        self.assertEqual(filesOf(SETTINGS).certificate, "")
        Path("domain_cert_gw.example.pem").touch()
        self.addCleanup(Path("domain_cert_gw.example.pem").unlink)
        self.assertEqual(filesOf(SETTINGS).certificate, "domain_cert_gw.example.pem")


class EndpointTests(SynchronousTestCase):
    """The endpoint, and what can change."""

    def make(self, settings: Settings) -> list[Reloadable]:
        reactor = self.reactor = MemoryReactorClock()
        addresses = LocalAddresses("127.0.0.1")
        self.endpoint, parts = endpointOf(
            reactor, Turns(reactor), settings, addresses, UDPWire(reactor, addresses, 0), "x", None
        )
        return [part for part in parts if isinstance(part, Reloadable)]

    def passwords(self, text: str) -> str:
        path: str = self.mktemp()
        Path(path).write_text(text)
        os.chmod(path, 0o600)
        return path

    def test_refused(self) -> None:
        """What cannot be used stops the start."""
        for settings in (
            evolve(SETTINGS, tlsCertificate="/nowhere"),
            evolve(SETTINGS, sipCredentials="/nowhere"),
            evolve(SETTINGS, sipUsers="/nowhere"),
        ):
            self.assertRaises(ConfigError, self.make, settings)

    def test_sippy(self) -> None:
        """A sippy that is not known is warned of; one that does not fit stops the start."""
        self.patch(selfcheck, "installed", lambda: "9.9.9")
        with capturedLogs() as events:
            self.make(SETTINGS)
        self.assertIn("sippy 9.9.9 is not known", str(formatEvent(events[0])))
        self.patch(selfcheck, "ATTRIBUTES", {"UA.UA": "noSuchThing"})
        self.assertRaises(ConfigError, self.make, SETTINGS)

    def test_apart(self) -> None:
        """What is done in parts for many places, trunks or mailboxes is done to its end, though the others begin."""
        self.make(SETTINGS)
        done: list[str] = []

        def steps(name: str) -> Steps[None]:
            for _ in range(2 * SWEEP_ITEMS):
                yield
            done.append(name)

        trunks = self.endpoint.trunks
        for name, parts in (
            ("places", self.endpoint.keepAlives.sweep),
            ("trunks", trunks.accounts.sweep),
            ("mailboxes", trunks.mailboxes.sweep),
            ("mailboxes of users", self.endpoint.mailboxes.sweep),
        ):
            parts(steps(name))
        self.assertEqual(done, [])
        self.reactor.pump([SWEEP_INTERVAL] * 3)
        self.assertEqual(done, ["places", "trunks", "mailboxes", "mailboxes of users"])

    def test_keepAlives(self) -> None:
        """Keepalives are turned off and on while it runs."""
        (part,) = [part for part in self.make(SETTINGS) if part.attributes == ("keepAlives",)]
        for enabled in (False, True):
            self.assertEqual(self.endpoint.keepAlives.enabled, not enabled)
            part.prepare(evolve(SETTINGS, keepAlives=enabled))()
            self.assertEqual(self.endpoint.keepAlives.enabled, enabled)

    def test_encryption(self) -> None:
        """What is demanded of media changes for the calls to come."""
        (part,) = [part for part in self.make(SETTINGS) if "sipMediaEncryption" in part.attributes]
        policy = self.endpoint._requests._policy
        self.assertIs(policy, self.endpoint._dialer._offering.policy)
        self.assertEqual((policy.encryption, policy.keys, policy.inClear), (Encryption.OPTIONAL, Keys.SDES, False))
        new = evolve(SETTINGS, sipMediaEncryption="required", sipMediaKeys="dtls", sipMediaKeysInClear=True)
        part.prepare(new)()
        self.assertEqual((policy.encryption, policy.keys, policy.inClear), (Encryption.REQUIRED, Keys.DTLS, True))

    def test_changes(self) -> None:
        """Certificates and passwords are read anew, and what has changed in their files is said."""
        certificate, key = Authority(Path(self.mktemp())).issue("gw.example")
        settings = evolve(
            SETTINGS,
            tlsCertificate=certificate,
            tlsPrivateKey=key,
            sipCredentials=self.passwords("sip.example - x\n"),
            sipUsers=self.passwords("alice x\n"),
        )
        parts = {part.attributes[0]: part for part in self.make(settings)}
        self.assertEqual({part.prepare(settings)() for part in parts.values()}, {None})
        for name, new in (
            ("sipCredentials", evolve(settings, sipCredentials=self.passwords("sip.example - y\n"))),
            ("sipUsers", evolve(settings, sipUsers=self.passwords("bob y\n"))),
        ):
            self.assertIn("passwords", parts[name].prepare(new)() or "")
        self.assertRaises(ConfigError, parts["sipUsers"].prepare, evolve(settings, sipUsers="/nowhere"))
