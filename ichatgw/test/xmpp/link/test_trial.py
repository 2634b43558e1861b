"""Tests for L{ichatgw.xmpp.link.trial}."""

from __future__ import annotations

from typing import Any

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.runtime.turns import Turns
from ichatgw.test.support.streams import HEADER, acceptLast, refuseLast
from ichatgw.xmpp.link.trial import SILENCE, tryLogin

ANSWER_TIMEOUT = 6.0


class TrialTests(SynchronousTestCase):
    """L{tryLogin}."""

    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.tried: Deferred[str] = tryLogin(
            self.reactor, Turns(self.reactor), "192.0.2.1", 5347, "gw.example.com", "secret", ANSWER_TIMEOUT
        )

    def test_taken(self) -> None:
        """A server that takes the login is left at once, in good order."""
        server = acceptLast(self.reactor)
        server.shakeHands()
        self.assertNoResult(self.tried)
        server.send("</stream:stream>")
        self.assertEqual(self.successResultOf(self.tried), "")
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_stays(self) -> None:
        """A server that does not let go is cut off."""
        acceptLast(self.reactor).shakeHands()
        self.assertNoResult(self.tried)
        self.reactor.advance(ANSWER_TIMEOUT)
        self.assertEqual(self.successResultOf(self.tried), "")

    def test_refused(self) -> None:
        """Why a server refuses is told."""
        for condition in ("not-authorized", "host-unknown", "conflict"):
            self.setUp()
            server = acceptLast(self.reactor)
            server.send(HEADER)
            namespace = "urn:ietf:params:xml:ns:xmpp-streams"
            server.send(f"<stream:error><{condition} xmlns='{namespace}'/></stream:error></stream:stream>")
            self.assertIn(condition, self.successResultOf(self.tried))

    def test_nobody(self) -> None:
        """Nothing listens there."""
        refuseLast(self.reactor)
        self.assertIn("refused", self.successResultOf(self.tried))

    def test_silent(self) -> None:
        """A server that says nothing is left after a while, before or after it has taken the connection."""
        self.reactor.advance(ANSWER_TIMEOUT)
        self.assertEqual(self.successResultOf(self.tried), SILENCE)
        self.setUp()
        acceptLast(self.reactor)
        self.reactor.advance(ANSWER_TIMEOUT)
        self.assertEqual(self.successResultOf(self.tried), SILENCE)

    def test_garbage(self) -> None:
        """A server that is none is told from one that refuses."""
        for text in ("220 mail.example.com\r\n", "<html>", "<stream:stream", "\0\xff" * 5000):
            self.setUp()
            server = acceptLast(self.reactor)
            server.send(text)
            server.loseConnection()
            self.assertNotEqual(self.successResultOf(self.tried), "")
            self.flushLoggedErrors()
