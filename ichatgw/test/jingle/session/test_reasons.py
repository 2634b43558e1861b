# -*- test-case-name: ichatgw.test.jingle.session.test_reasons -*-
"""
Tests for L{ichatgw.jingle.session.reasons}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.jingle.session.reasons import fromError, fromReason, toError, toReason
from ichatgw.jingle.stanzas.jingle import Reason
from ichatgw.model import Ending, EndReason

#: Every reason of XEP-0166: how it ends a call, with which cause, and what another Jingle party is then told.
ROWS = (
    ("success", EndReason.HANGUP, 16, "success"),
    ("busy", EndReason.BUSY, 17, "busy"),
    ("decline", EndReason.DECLINED, 21, "decline"),
    ("cancel", EndReason.CANCELLED, 16, "cancel"),
    ("timeout", EndReason.UNAVAILABLE, 19, "timeout"),
    ("expired", EndReason.EXPIRED, 102, "expired"),
    ("gone", EndReason.UNAVAILABLE, 20, "gone"),
    ("alternative-session", EndReason.BUSY, 17, "busy"),
    ("connectivity-error", EndReason.CONNECTIVITY, 41, "connectivity-error"),
    ("failed-transport", EndReason.CONNECTIVITY, 41, "connectivity-error"),
    ("failed_transport", EndReason.CONNECTIVITY, 41, "connectivity-error"),
    ("unsupported-transports", EndReason.INCOMPATIBLE, 65, "unsupported-transports"),
    ("unsupported-applications", EndReason.INCOMPATIBLE, 79, "unsupported-applications"),
    ("incompatible-parameters", EndReason.INCOMPATIBLE, 88, "incompatible-parameters"),
    ("media-error", EndReason.INCOMPATIBLE, 47, "media-error"),
    ("failed-application", EndReason.FAILED, 41, "failed-application"),
    ("failed_application", EndReason.FAILED, 41, "failed-application"),
    ("general-error", EndReason.FAILED, 31, "general-error"),
    ("never-heard-of", EndReason.FAILED, 31, "general-error"),
    ("security-error", EndReason.SECURITY, 57, "security-error"),
)

#: Every reason of ours without a cause: what a party is told if the other did not ring, and if it did.
TOLD = {
    EndReason.HANGUP: ("success", "success"),
    EndReason.CANCELLED: ("cancel", "cancel"),
    EndReason.ANSWERED_ELSEWHERE: ("cancel", "cancel"),
    EndReason.BUSY: ("busy", "busy"),
    EndReason.DECLINED: ("decline", "decline"),
    EndReason.NOT_FOUND: ("gone", "gone"),
    EndReason.UNAVAILABLE: ("gone", "timeout"),
    EndReason.TIMEOUT: ("connectivity-error", "timeout"),
    EndReason.EXPIRED: ("expired", "expired"),
    EndReason.FORBIDDEN: ("decline", "decline"),
    EndReason.INCOMPATIBLE: ("unsupported-applications", "unsupported-applications"),
    EndReason.CONGESTED: ("general-error", "general-error"),
    EndReason.NO_LINK: ("connectivity-error", "connectivity-error"),
    EndReason.CONNECTIVITY: ("connectivity-error", "connectivity-error"),
    EndReason.SECURITY: ("security-error", "security-error"),
    EndReason.SHUTDOWN: ("gone", "gone"),
    EndReason.FAILED: ("general-error", "general-error"),
}


class FromTests(SynchronousTestCase):
    """What a party says."""

    def test_rows(self) -> None:
        """Each word ends the call for its reason, and another Jingle party is told as much of it as can be."""
        for condition, reason, cause, told in ROWS:
            ending = fromReason(Reason(condition, "words"), False)
            self.assertEqual((ending.reason, ending.cause), (reason, cause), condition)
            self.assertIn("words", ending.text)
            self.assertEqual(toReason(ending).condition, told, condition)

    def test_none(self) -> None:
        """Without a reason, an answered call has ended as calls do, and another one has failed."""
        for reason in (None, Reason("")):
            self.assertEqual(fromReason(reason, True).reason, EndReason.HANGUP)
            self.assertEqual(fromReason(reason, False).reason, EndReason.FAILED)

    def test_keys(self) -> None:
        """A party that wants other keys is incompatible; one that has seen wrong ones has seen an attack."""
        ending = fromReason(Reason("security-error", "", "crypto-required"), False)
        self.assertEqual((ending.reason, ending.cause), (EndReason.INCOMPATIBLE, 57))
        self.assertEqual(toReason(ending).condition, "incompatible-parameters")


class ToTests(SynchronousTestCase):
    """What a party is told."""

    def test_total(self) -> None:
        """Every reason of ours has its word, whether the other party rang or not."""
        self.assertEqual(set(TOLD), set(EndReason))
        for reason, told in TOLD.items():
            ending = Ending(reason, "480 Later")
            self.assertEqual((toReason(ending).condition, toReason(ending, rang=True).condition), told, reason)
            self.assertEqual(toReason(ending).text, "480 Later")

    def test_causes(self) -> None:
        """A cause that says more than the reason is heeded."""
        for reason, cause, told in (
            (EndReason.UNAVAILABLE, 18, "timeout"),
            (EndReason.FORBIDDEN, 57, "general-error"),
            (EndReason.CONGESTED, 41, "connectivity-error"),
            (EndReason.BUSY, 99, "busy"),
        ):
            self.assertEqual(toReason(Ending(reason, cause=cause)).condition, told)

    def test_gone(self) -> None:
        """A callee that rang, and then logged off, is gone all the same."""
        self.assertEqual(toReason(Ending(EndReason.UNAVAILABLE, cause=20), rang=True).condition, "gone")


class ErrorTests(SynchronousTestCase):
    """Error stanzas."""

    def test_from(self) -> None:
        """An error tells why a call cannot be; one that is not known is a failure."""
        for condition, reason in (
            ("item-not-found", EndReason.NOT_FOUND),
            ("service-unavailable", EndReason.UNAVAILABLE),
            ("forbidden", EndReason.FORBIDDEN),
            ("remote-server-timeout", EndReason.TIMEOUT),
            ("feature-not-implemented", EndReason.INCOMPATIBLE),
            ("", EndReason.FAILED),
            ("undefined-condition", EndReason.FAILED),
        ):
            self.assertEqual(fromError(condition).reason, reason)

    def test_to(self) -> None:
        """A proposal bounces if the number is wrong, so that the caller is not shown that somebody declined."""
        self.assertEqual(toError(Ending(EndReason.NOT_FOUND)), "item-not-found")
        self.assertEqual(toError(Ending(EndReason.CONGESTED)), "resource-constraint")
        self.assertIsNone(toError(Ending(EndReason.BUSY)))
