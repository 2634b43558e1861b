# -*- test-case-name: ichatgw.test.gateway.test_reasontable -*-
"""
What each side of a call between SIP and Jingle is told when the other ends it: every row of the tables in
C{docs/jingle.rst}, from one protocol's words to the other's.
"""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

import ichatgw
from ichatgw.jingle.session.reasons import fromReason, ofCallee, toError, toReason
from ichatgw.jingle.stanzas.jingle import Reason
from ichatgw.model import EndReason
from ichatgw.sip.message.status import TO_STATUS, fromHeader, fromStatus, toHeader, warningFor

#: What a callee of Jingle says before the answer: the final response, the cause of Q.850, the code of the Warning.
FROM_JINGLE = {
    "success": (480, 16, ""),
    "busy": (486, 17, ""),
    "decline": (603, 21, ""),
    "cancel": (480, 16, ""),
    "timeout": (480, 19, ""),
    "expired": (480, 102, ""),
    "gone": (480, 20, ""),
    "alternative-session": (486, 17, ""),
    "connectivity-error": (480, 41, "399"),
    "failed-transport": (480, 41, "399"),
    "unsupported-transports": (488, 65, "302"),
    "unsupported-applications": (488, 79, "304"),
    "incompatible-parameters": (488, 88, "305"),
    "media-error": (488, 47, "399"),
    "failed-application": (500, 41, ""),
    "general-error": (500, 31, ""),
    "unheard-of": (500, 31, ""),
    "security-error": (403, 57, ""),
}

#: What a phone answers: what a Jingle party is told if it had not rung, and if it had.
FROM_STATUS = {
    **dict.fromkeys(range(300, 400), ("gone", "gone")),
    **dict.fromkeys(range(600, 700), ("decline", "decline")),
    **dict.fromkeys((403, 433), ("decline", "decline")),
    **dict.fromkeys((404, 410, 484, 485, 604), ("gone", "gone")),
    **dict.fromkeys((405, 406), ("unsupported-applications", "unsupported-applications")),
    **dict.fromkeys((408, 504), ("connectivity-error", "timeout")),
    **dict.fromkeys((415, 488, 606), ("incompatible-parameters", "incompatible-parameters")),
    **dict.fromkeys((430, 480), ("gone", "timeout")),
    **dict.fromkeys((486, 600), ("busy", "busy")),
    487: ("cancel", "cancel"),
    **dict.fromkeys((502, 503), ("connectivity-error", "connectivity-error")),
}

#: By which causes a phone's BYE says more than that it hangs up.
FROM_CAUSE = {
    16: "success",
    17: "busy",
    18: "timeout",
    19: "timeout",
    21: "decline",
    27: "connectivity-error",
    38: "connectivity-error",
    41: "connectivity-error",
    102: "expired",
    **dict.fromkeys((1, 3, 20, 22, 28, 31, 34, 42, 44, 47, 58, 127), "success"),
    0: "success",
    65: "unsupported-transports",
    79: "unsupported-applications",
    88: "incompatible-parameters",
}

#: What a client is told if a phone answers by a vague status with a cause, whether it rang or not.
FROM_VAGUE = {
    1: "gone",
    17: "busy",
    18: "timeout",
    19: "timeout",
    21: "decline",
    22: "gone",
    28: "gone",
    34: "general-error",
    41: "connectivity-error",
    47: "connectivity-error",
    50: "general-error",
    52: "general-error",
    57: "general-error",
    65: "unsupported-transports",
    79: "unsupported-applications",
    88: "incompatible-parameters",
}


class ReasonTableTests(SynchronousTestCase):
    """All rows."""

    def test_jingleToResponse(self) -> None:
        """Each reason of Jingle has its response, with a Warning where that says more, and its cause in a BYE."""
        for condition, (status, cause, warning) in FROM_JINGLE.items():
            ending = ofCallee(fromReason(Reason(condition, "in their words"), False))
            self.assertEqual(TO_STATUS[ending.reason][0], status, condition)
            self.assertEqual(toHeader(ending), f"Q.850;cause={cause}", condition)
            self.assertEqual(warningFor(ending).partition(" ")[0], warning, condition)
            self.assertIn("in their words", ending.text)

    def test_keys(self) -> None:
        """Keys that do not fit are no attack: 488."""
        for detail in ("crypto-required", "invalid-crypto"):
            ending = fromReason(Reason("security-error", "", detail), False)
            self.assertEqual((TO_STATUS[ending.reason][0], warningFor(ending)[:3]), (488, "399"))

    def test_jingleWithout(self) -> None:
        """Without a reason an answered call has ended normally, another one has failed."""
        self.assertEqual(toHeader(fromReason(None, True)), "Q.850;cause=16")
        ending = fromReason(None, False)
        self.assertEqual((TO_STATUS[ending.reason][0], toHeader(ending)), (500, "Q.850;cause=31"))

    def test_callerWithout(self) -> None:
        """A caller who ends a call without a reason before it is answered has given up, and nothing has failed."""
        for reason in (None, Reason(""), Reason("", "in their words")):
            ending = fromReason(reason, False, byCaller=True)
            self.assertEqual((ending.reason, toHeader(ending)), (EndReason.CANCELLED, "Q.850;cause=16"))

    def test_responseToJingle(self) -> None:
        """Each response has its reason, which may depend on whether it rang; its code and phrase are the text."""
        for status in range(300, 700):
            expected = FROM_STATUS.get(status, ("general-error", "general-error"))
            ending = fromStatus(status, "As They Say")
            told = [toReason(ending, rang) for rang in (False, True)]
            self.assertEqual(tuple(reason.condition for reason in told), expected, status)
            self.assertEqual({reason.text for reason in told}, {f"{status} As They Say"})

    def test_warnings(self) -> None:
        """A Warning tells what is not acceptable."""
        for code, condition in (
            (300, "unsupported-transports"),
            (301, "unsupported-transports"),
            (302, "unsupported-transports"),
            (304, "unsupported-applications"),
            (305, "incompatible-parameters"),
            (399, "incompatible-parameters"),
        ):
            for status in (415, 488, 606):
                ending = fromStatus(status, "No", f'{code} pbx "x"')
                self.assertEqual(toReason(ending).condition, condition, (status, code))

    def test_bounced(self) -> None:
        """
        What is no word of the callee's bounces a proposal, lest clients show that he is busy; what is one rejects it.
        """
        for statuses, condition in (
            ((404, 410, 484, 485, 604), "item-not-found"),
            ((408, 504), "remote-server-timeout"),
            ((502,), "remote-server-not-found"),
            ((503,), "resource-constraint"),
            ((400, 420, 500, 501, 505, 513), "internal-server-error"),
        ):
            for status in statuses:
                self.assertEqual(toError(fromStatus(status, "")), condition, status)
        for status in (486, 480, 600, 603, 488, 302):
            self.assertIsNone(toError(fromStatus(status, "")), status)

    def test_vague(self) -> None:
        """A vague response with a cause is what the cause says: nobody is told of a no that nobody said."""
        for cause, condition in FROM_VAGUE.items():
            for status in (480, 500, 503, 603):
                ending = fromStatus(status, "x", reasons=f"Q.850;cause={cause}", rang=True)
                self.assertEqual(toReason(ending, True).condition, condition, (status, cause))

    def test_documented(self) -> None:
        """The table of causes in C{docs/jingle.rst} says what is done."""
        page = Path(ichatgw.__file__).parent.parent / "docs" / "jingle.rst"
        if not page.exists():
            raise SkipTest("the documentation is not installed with the package")
        table = page.read_text("utf-8").partition('"Cause (Q.850)", "Instead of an answer", "After a conversation"\n')[
            2
        ]
        named = set()
        for causes, before, after in re.findall(r'^   "([0-9, to]+)", "([^"]+)", "([^"]+)"$', table, re.MULTILINE):
            for first, last in re.findall(r"([0-9]+)(?: to ([0-9]+))?", causes):
                for cause in range(int(first), int(last or first) + 1):
                    named.add(cause)
                    told = [
                        toReason(fromStatus(500, "x", reasons=f"Q.850;cause={cause}", rang=rang), rang).condition
                        for rang in (True, False)
                    ]
                    words = re.findall(r"[a-z]+(?:-[a-z]+)+|timeout|gone|busy|decline|cancel", before)
                    self.assertTrue(set(told) <= set(words), (cause, told, before))
                    self.assertEqual(toReason(fromHeader(f"Q.850;cause={cause}", True)).condition, after, cause)
        self.assertGreater(len(named), 50)
        for cause in set(range(1, 128)) - named:
            self.assertEqual(fromStatus(503, "x", reasons=f"Q.850;cause={cause}"), fromStatus(503, "x"), cause)
            self.assertEqual(toReason(fromHeader(f"Q.850;cause={cause}", True)).condition, "success", cause)

    def test_bye(self) -> None:
        """A BYE is success, unless its cause says what matters after a conversation."""
        self.assertEqual(toReason(fromHeader("", True)).condition, "success")
        for cause, condition in FROM_CAUSE.items():
            ending = fromHeader(f"Q.850;cause={cause}", True)
            self.assertEqual(toReason(ending).condition, condition, cause)

    def test_cancel(self) -> None:
        """A CANCEL is cancel, also if the call was completed elsewhere."""
        for header in ("", "SIP;cause=200", "Q.850;cause=26"):
            self.assertEqual(toReason(fromHeader(header, False)).condition, "cancel")

    def test_total(self) -> None:
        """Whatever ends a call, each protocol has words for it."""
        for reason in EndReason:
            self.assertIn(reason, TO_STATUS)
