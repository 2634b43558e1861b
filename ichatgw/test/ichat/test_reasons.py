# -*- test-case-name: ichatgw.test.ichat.test_reasons -*-
# mypy: allow-untyped-calls
"""
Tests for L{ichatgw.ichat.reasons}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.error import STANZA_CONDITIONS

from ichatgw.ichat.reasons import TO_RESPONSE, fromError
from ichatgw.ichat.stanzas import ACCEPT
from ichatgw.model import EndReason


class ReasonsTests(SynchronousTestCase):
    """The two directions."""

    def test_total(self) -> None:
        """Every reason has a word for iChat, and it is never an accept."""
        self.assertEqual(set(TO_RESPONSE), set(EndReason))
        self.assertNotIn(ACCEPT, TO_RESPONSE.values())

    def test_conditions(self) -> None:
        """The conditions that say something of their own."""
        for condition, reason in (
            ("item-not-found", EndReason.NOT_FOUND),
            ("remote-server-not-found", EndReason.NOT_FOUND),
            ("forbidden", EndReason.FORBIDDEN),
            ("not-authorized", EndReason.FORBIDDEN),
            ("not-allowed", EndReason.FORBIDDEN),
            ("recipient-unavailable", EndReason.UNAVAILABLE),
            ("service-unavailable", EndReason.UNAVAILABLE),
            ("remote-server-timeout", EndReason.TIMEOUT),
        ):
            self.assertEqual(fromError(condition, 999), reason, condition)

    def test_everyCondition(self) -> None:
        """Every condition of RFC 6120, and any other, means something."""
        for condition in (*STANZA_CONDITIONS, "no-such-condition"):
            self.assertIsInstance(fromError(condition, None), EndReason)

    def test_codes(self) -> None:
        """Without a condition the code of an older server counts; without either the callee is unavailable."""
        self.assertEqual(fromError("", 404), EndReason.NOT_FOUND)
        self.assertEqual(fromError("", 403), EndReason.FORBIDDEN)
        self.assertEqual(fromError("", 504), EndReason.TIMEOUT)
        for code in (0, 200, 503, 999, None):
            self.assertEqual(fromError("", code), EndReason.UNAVAILABLE)
