"""
Tests for L{ichatgw.sip.texts.notices}.
"""

from __future__ import annotations

from random import Random

from sippy.SipRequest import SipRequest
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.sip.texts.notices import MAX_SECONDS, Standing, isAboutMailbox, standing
from ichatgw.test.support.sip.sipwire import request


def notify(*lines: str) -> SipRequest:
    """A NOTIFY with those headers."""
    return SipRequest(request("NOTIFY", extra="".join(f"{line}\r\n" for line in lines)))


class StandingTests(SynchronousTestCase):
    """What Subscription-State says."""

    def test_values(self) -> None:
        """State, time, reason and pause are read in any case and order, quoted or not."""
        for text, expected in (
            ("active;expires=60", Standing(60)),
            ("ACTIVE ; Expires = 60", Standing(60)),
            ("pending", Standing()),
            ("terminated;reason=probation;retry-after=5", Standing(None, True, "probation", 5)),
            ('Terminated;Retry-After="5";Reason=GiveUp', Standing(None, True, "giveup", 5)),
            ("active;expires=999999999", Standing(MAX_SECONDS)),
            ("active;expires=soon", Standing()),
        ):
            self.assertEqual(standing(notify(f"Subscription-State: {text}")), expected, text)
        self.assertEqual(standing(notify()), Standing())

    def test_anything(self) -> None:
        """Whatever stands there, it is read, and no time is longer than the longest."""
        chance = Random(3842)
        pieces = [
            "active",
            "terminated",
            ";",
            "=",
            '"',
            "expires",
            "retry-after",
            "reason",
            "9" * 12,
            "-1",
            " ",
            "\u2028",
        ]
        for _ in range(500):
            text = "".join(chance.choice(pieces) for _ in range(chance.randrange(12)))
            found = standing(notify(f"Subscription-State: {text}"))
            self.assertLessEqual(found.left or 0, MAX_SECONDS, text)
            self.assertLessEqual(found.retryAfter or 0, MAX_SECONDS, text)

    def test_event(self) -> None:
        """The event counts, and not its parameters."""
        for text, expected in (("message-summary", True), ("Message-Summary;id=1", True), ("presence", False)):
            self.assertIs(isAboutMailbox(notify(f"Event: {text}")), expected)
        self.assertIs(isAboutMailbox(notify()), False)
