# -*- test-case-name: ichatgw.test.sim.test_options -*-
"""
Tests of the simulators' command line.
"""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError
from collections.abc import Awaitable, Callable
from io import StringIO
from typing import Any

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactor
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber import sasl, xmlstream
from twisted.words.protocols.jabber.error import StreamError

from ichatgw.model import TransportAddress
from ichatgw.sim.options import PASSWORD_VARIABLE, address, parse, place
from ichatgw.sim.run import exitWith
from ichatgw.sim.talk import Late, within
from ichatgw.sim.xmpp.client import Security, causeOf


class ExitTests(SynchronousTestCase):
    def exitCode(self, play: Callable[[Any], Awaitable[bool]], interrupted: bool = False) -> object:
        """How the program ends, on a reactor whose run is over at once."""
        reactor = MemoryReactor()
        ending = self.assertRaises(SystemExit, exitWith, play, interrupted=interrupted, reactor=reactor)
        return ending.code

    def test_exitCodes(self) -> None:
        """It exits with 0 if the play says that all is well, with 1 if not."""

        async def play(reactor: object) -> bool:
            return reactor is not None

        async def fail(reactor: object) -> bool:
            return False

        self.assertEqual((self.exitCode(play), self.exitCode(fail)), (0, 1))

    def test_interrupted(self) -> None:
        """Who is interrupted has failed, unless that is the usual end."""

        async def play(reactor: object) -> bool:
            await Deferred()
            return True

        self.assertEqual((self.exitCode(play), self.exitCode(play, interrupted=True)), (1, 0))


class CauseTests(SynchronousTestCase):
    """Why something failed is said in words that help."""

    def cause(self, error: Exception, security: Security = Security()) -> str:  # noqa: B008
        return causeOf(Failure(error), security)

    def test_certificate(self) -> None:
        """A certificate that is not trusted is said to be that, and what can be done."""
        error = SSL.Error([("SSL routines", "", "certificate verify failed")])
        self.assertIn("another authority than those that this system trusts", self.cause(error))
        self.assertIn("than that in ca.pem", self.cause(error, Security(trust="ca.pem")))
        self.assertIn("--ca, or take any certificate by --insecure", self.cause(error))
        self.assertIn("another domain", self.cause(VerificationError([])))

    def test_others(self) -> None:
        """So is what else keeps one from logging in."""
        refused = sasl.SASLAuthError()
        refused.condition = "not-authorized"
        for error, words in (
            (SSL.Error([("SSL routines", "", "wrong version number")]), "TLS: wrong version number"),
            (SSL.Error(), "TLS: it failed"),
            (refused, "(not-authorized): is the password right?"),
            (sasl.SASLAuthError(), "does not know the password itself"),
            (StreamError("host-unknown", text="not here"), "the server says host-unknown: not here"),
            (ConnectionDone(), "the server closed the connection; its log says why"),
            (ConnectionRefusedError("no"), "no"),
            (xmlstream.TLSRequired(), "the server demands TLS, without --tls off"),
            (xmlstream.FeatureNotAdvertized(), "--tls off does without"),
            (ZeroDivisionError(), "ZeroDivisionError"),
        ):
            self.assertIn(words, self.cause(error))

    def test_late(self) -> None:
        """What did not come in time is named."""
        clock = Clock()
        waited = within(10, clock, "answer to the call", Deferred())
        clock.advance(10)
        self.assertEqual(self.failureResultOf(waited, Late).getErrorMessage(), "no answer to the call within 10 s")
        self.assertEqual(self.successResultOf(within(10, clock, "x", succeed(3))), 3)
        self.assertEqual(clock.getDelayedCalls(), [])


class OptionsTests(SynchronousTestCase):
    def complaint(self, *arguments: str) -> str:
        """What is said of wrong arguments."""
        said = StringIO()
        self.patch(sys, "stderr", said)
        self.assertRaises(SystemExit, parse, list(arguments), {})
        return said.getvalue()

    def test_jingle(self) -> None:
        """A Jingle client is told as which program to call, and which keys to press; what it cannot be is refused."""
        words = ["jingle", "--jid", "juliet@chat.example", "--password", "x", "--call", "100"]
        options = parse([*words, "--profile", "dino", "--keys", "12a"], {})
        self.assertEqual((options.command, options.profile, options.keys), ("jingle", "dino", "12A"))
        self.assertEqual((options.call, options.server), ("100@ichat-gw.chat.example", ("chat.example", 5222)))
        self.assertEqual(parse(words, {}).profile, "conversations")
        self.assertEqual(parse([*words, "--guise", "dino"], {}).profile, "dino")
        self.assertIn("invalid choice: 'icq'", self.complaint(*words, "--profile", "icq"))
        self.assertIn("'1x' are not keys", self.complaint(*words, "--keys", "1x"))
        self.assertIn("--decline goes with --answer", self.complaint(*words, "--decline"))

    def test_call(self) -> None:
        """Without a command it is the iChat; what is left out follows from the JID."""
        options = parse(["--jid", "scott@jabber.example", "--call", "100"], {PASSWORD_VARIABLE: "pw"})
        self.assertEqual((options.command, options.password), ("ichat", "pw"))
        self.assertEqual(options.call, "100@ichat-gw.jabber.example")
        self.assertEqual(options.control, "control@ichat-gw.jabber.example")
        self.assertEqual((options.server, options.tls), (("jabber.example", 5222), "require"))

    def test_component(self) -> None:
        """The component is that of the control address, if only that is given."""
        options = parse(
            ["ichat", "--jid", "a@b", "--password", "x", "--answer", "--control", "c@gw.b", "--server", "h:5"], {}
        )
        self.assertEqual((options.component, options.control, options.server), ("gw.b", "c@gw.b", ("h", 5)))

    def test_passwordFile(self) -> None:
        """The password is the first line of a file."""
        path = self.mktemp()
        with open(path, "w") as file:
            file.write("pass word\nmore\n")
        options = parse(["--jid", "a@b", "--answer", "--password-file", path], {PASSWORD_VARIABLE: "other"})
        self.assertEqual(options.password, "pass word")
        self.assertIn("--password-file", self.complaint("--jid", "a@b", "--answer", "--password-file", path + "no"))

    def test_decline(self) -> None:
        """An iChat declines in the usual way unless another is named, and only when it answers."""
        options = parse(["--jid", "a@b", "--password", "x", "--answer", "--decline"], {})
        self.assertEqual(options.decline, "decline")
        self.assertIn("--decline", self.complaint("--jid", "a@b", "--password", "x", "--call", "1", "--decline"))

    def test_wrong(self) -> None:
        """No password, no order, and a JID without user are complained of."""
        self.assertIn("no password", self.complaint("--jid", "a@b", "--answer"))
        self.assertIn("--call", self.complaint("--jid", "a@b", "--password", "x"))
        self.assertIn("user@domain", self.complaint("--jid", "b", "--password", "x", "--answer"))

    def test_phone(self) -> None:
        """A phone needs no password."""
        options = parse(["phone", "--call", "sip:a@192.0.2.1", "--proxy", "192.0.2.2"], {})
        self.assertEqual(address(options.proxy), TransportAddress("192.0.2.2", 5060))
        self.assertIsNone(address(None))

    def test_router(self) -> None:
        """The router listens on loopback, and can have several iChats."""
        options = parse(["router", "--component", "gw.b", "--password", "x", "--ichat", "a", "--ichat", "b"], {})
        self.assertEqual((options.listen, options.ichat), (("127.0.0.1", 5275), ["a", "b"]))

    def test_place(self) -> None:
        """Hosts come with or without port, IPv6 in brackets."""
        for text, found in (("h", ("h", 0)), ("h:1", ("h", 1)), ("[::1]", ("::1", 0)), ("[::1]:2", ("::1", 2))):
            self.assertEqual(place(text), found)
        for bad in ("", ":1", "h:x", "h:0", "h:70000", "[]:1"):
            self.assertRaises(ArgumentTypeError, place, bad)
