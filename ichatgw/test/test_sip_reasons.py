"""Tests for L{ichatgw.sip.reasons}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import EndReason
from ichatgw.sip.reasons import TO_STATUS, fromStatus

SAME_WORD = {
    EndReason.HANGUP: EndReason.UNAVAILABLE,
    EndReason.ANSWERED_ELSEWHERE: EndReason.CANCELLED,
    EndReason.EXPIRED: EndReason.UNAVAILABLE,
    EndReason.CONNECTIVITY: EndReason.UNAVAILABLE,
    EndReason.SECURITY: EndReason.FORBIDDEN,
    EndReason.SHUTDOWN: EndReason.CONGESTED,
}
"""Reasons for which SIP has no word of their own, and what comes back instead."""


class ReasonsTests(SynchronousTestCase):
    """Reason to status and back."""

    def test_total(self) -> None:
        """Every reason has a final failure status and a phrase of one line."""
        self.assertEqual(set(TO_STATUS), set(EndReason))
        for code, phrase in TO_STATUS.values():
            self.assertTrue(400 <= code <= 699, code)
            self.assertTrue(phrase.isprintable() and phrase)

    def test_manual(self) -> None:
        """The codes that the manual promises."""
        for reason, code in (
            (EndReason.NOT_FOUND, 404),
            (EndReason.DECLINED, 603),
            (EndReason.CANCELLED, 487),
            (EndReason.TIMEOUT, 408),
            (EndReason.CONGESTED, 503),
            (EndReason.BUSY, 486),
        ):
            self.assertEqual(TO_STATUS[reason][0], code)

    def test_roundTrip(self) -> None:
        """What one gateway says, another understands."""
        for reason, (code, phrase) in TO_STATUS.items():
            self.assertIs(fromStatus(code, phrase).reason, SAME_WORD.get(reason, reason), reason)

    def test_anyCode(self) -> None:
        """Every status from 300 has a reason; none of them is a normal end; redirects are not followed."""
        for code in range(300, 700):
            self.assertNotIn(fromStatus(code, "").reason, (EndReason.HANGUP, EndReason.SHUTDOWN), code)
        self.assertIs(fromStatus(302, "Moved").reason, EndReason.UNAVAILABLE)
        self.assertIs(fromStatus(499, "What").reason, EndReason.FAILED)
        self.assertIs(fromStatus(500, "Oh").reason, EndReason.FAILED)

    def test_words(self) -> None:
        """The far end's words are kept for the log, cut short; a promise to retry is not ours to make."""
        ending = fromStatus(486, "Busy " * 100)
        self.assertTrue(ending.text.startswith("486 Busy "))
        self.assertEqual(len(ending.text), 100)
        self.assertIsNone(ending.retryAfter)
