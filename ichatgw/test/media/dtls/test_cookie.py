# -*- test-case-name: ichatgw.test.media.dtls.test_cookie -*-
"""
Tests for L{ichatgw.media.dtls.cookie}.
"""

from __future__ import annotations

import os

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.media.dtls.cookie import Greeting
from ichatgw.media.dtls.dtls import Identity

PLACE, ELSEWHERE = ("192.0.2.9", 4000), ("192.0.2.66", 4000)


class GreetingTests(SynchronousTestCase):
    """L{Greeting}."""

    def setUp(self) -> None:
        self.greeting = Greeting(Identity())
        self.peer = Identity().connection(active=True)

    def says(self, heard: bytes = b"") -> bytes:
        """What the peer says next."""
        if heard:
            self.peer.bio_write(heard)
        self.assertRaises(SSL.WantReadError, self.peer.do_handshake)
        return bytes(self.peer.bio_read(16384))

    def test_cookie(self) -> None:
        """A hello is answered by less than it is; with the cookie, from the same place, it is one."""
        hello = self.says()
        for _ in range(3):
            answer, greeted = self.greeting.heard(hello, PLACE)
            self.assertIsNone(greeted)
            self.assertLess(len(answer), len(hello))
        again = self.says(answer)
        self.assertIsNone(self.greeting.heard(again, ELSEWHERE)[1])
        answer, greeted = self.greeting.heard(again, (*PLACE, 0, 0))
        self.assertEqual(answer, b"")
        self.assertIsNotNone(greeted)
        self.assertIsNot(self.greeting.heard(again, PLACE)[1], greeted)

    def test_garbage(self) -> None:
        """What is no hello has no answer, and spoils nothing."""
        for garbage in (b"", b"\x16", b"\x16\xfe\xfd" + os.urandom(200), b"\x16" * 2000, self.says()[:100]):
            for _ in range(20):
                self.assertEqual(self.greeting.heard(garbage, ELSEWHERE), (b"", None))
        self.setUp()
        for _ in range(50):
            self.greeting.heard(b"\x16\xfe\xfd" + os.urandom(200), ELSEWHERE)
        answer, _ = self.greeting.heard(self.says(), PLACE)
        self.assertIsNotNone(self.greeting.heard(self.says(answer), PLACE)[1])
