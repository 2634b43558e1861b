"""Tests for L{ichatgw.sip.message.status}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import Ending, EndReason
from ichatgw.sip.message.status import (
    _MEANINGS,
    TO_CAUSE,
    TO_STATUS,
    fromHeader,
    fromStatus,
    toHeader,
    toResponse,
    toStatus,
    warning,
    warningFor,
)

SAME_WORD = {
    EndReason.HANGUP: EndReason.UNAVAILABLE,
    EndReason.ANSWERED_ELSEWHERE: EndReason.CANCELLED,
    EndReason.EXPIRED: EndReason.UNAVAILABLE,
    EndReason.CONNECTIVITY: EndReason.UNAVAILABLE,
    EndReason.SECURITY: EndReason.FORBIDDEN,
    EndReason.NO_LINK: EndReason.CONGESTED,
    EndReason.SHUTDOWN: EndReason.CONGESTED,
}
"""Reasons for which SIP has no word of their own, and what comes back instead."""

#: What each cause of Q.850 says after the answer, and before it; the others say nothing that the status does not.
OF_CAUSES = (
    ((1, 2, 3, 5, 22, 28, 90, 91), EndReason.HANGUP, EndReason.NOT_FOUND),
    ((17,), EndReason.BUSY, EndReason.BUSY),
    ((18, 19), EndReason.TIMEOUT, EndReason.TIMEOUT),
    ((20, 23, 63), EndReason.HANGUP, EndReason.UNAVAILABLE),
    ((21,), EndReason.DECLINED, EndReason.DECLINED),
    ((25, 47, 96, 97, 98, 99, 100, 101), EndReason.HANGUP, EndReason.CONNECTIVITY),
    ((26,), EndReason.ANSWERED_ELSEWHERE, EndReason.ANSWERED_ELSEWHERE),
    ((27,), EndReason.CONNECTIVITY, EndReason.UNAVAILABLE),
    ((29, 50, 52, 53, 54, 55, 57, 87), EndReason.HANGUP, EndReason.FORBIDDEN),
    ((34, 39, 40, 42, 43, 44, 46), EndReason.HANGUP, EndReason.CONGESTED),
    ((38, 41), EndReason.CONNECTIVITY, EndReason.CONNECTIVITY),
    ((58, 66, 69, 70), EndReason.HANGUP, EndReason.INCOMPATIBLE),
    ((65, 79, 88), EndReason.INCOMPATIBLE, EndReason.INCOMPATIBLE),
    ((81, 82, 83, 84, 85, 86, 95, 103, 110, 111), EndReason.HANGUP, EndReason.FAILED),
    ((102,), EndReason.EXPIRED, EndReason.TIMEOUT),
)

#: What each status says, and the cause that is told a party of SIP beside; the others are as the first of their class.
OF_STATUSES = {
    (300, *range(301, 400)): (EndReason.UNAVAILABLE, 23),
    (401, 407): (EndReason.FORBIDDEN, 57),
    (403,): (EndReason.FORBIDDEN, None),
    (404, 485, 604): (EndReason.NOT_FOUND, None),
    (405, 406): (EndReason.INCOMPATIBLE, 79),
    (408, 504): (EndReason.TIMEOUT, None),
    (410,): (EndReason.NOT_FOUND, 22),
    (415, 488, 606): (EndReason.INCOMPATIBLE, 88),
    (430, 480): (EndReason.UNAVAILABLE, None),
    (433, *range(601, 604), 605, *range(607, 700)): (EndReason.DECLINED, None),
    (482, 483): (EndReason.FAILED, 25),
    (484,): (EndReason.NOT_FOUND, 28),
    (486, 600): (EndReason.BUSY, None),
    (487,): (EndReason.CANCELLED, None),
    (502,): (EndReason.CONNECTIVITY, 38),
    (503,): (EndReason.CONGESTED, 41),
}

#: The status and the cause of Q.850 that a party of SIP is told for each reason that has no cause of its own.
TOLD = {
    EndReason.HANGUP: (480, 16),
    EndReason.CANCELLED: (487, 16),
    EndReason.ANSWERED_ELSEWHERE: (487, 26),
    EndReason.BUSY: (486, 17),
    EndReason.DECLINED: (603, 21),
    EndReason.NOT_FOUND: (404, 1),
    EndReason.UNAVAILABLE: (480, 20),
    EndReason.TIMEOUT: (408, 18),
    EndReason.EXPIRED: (480, 102),
    EndReason.FORBIDDEN: (403, 21),
    EndReason.INCOMPATIBLE: (488, 79),
    EndReason.CONGESTED: (503, 34),
    EndReason.NO_LINK: (503, 38),
    EndReason.CONNECTIVITY: (480, 41),
    EndReason.SECURITY: (403, 57),
    EndReason.SHUTDOWN: (503, 41),
    EndReason.FAILED: (500, 31),
}


class TableTests(SynchronousTestCase):
    """What stands for what, in full."""

    def test_causes(self) -> None:
        """Each cause after the answer, and before it where the status says little (RFC 3398, RFC 6432)."""
        meanings = {cause: (after, before) for causes, after, before in OF_CAUSES for cause in causes}
        for cause in range(1, 128):
            after, before = meanings.get(cause, (EndReason.HANGUP, EndReason.UNAVAILABLE))
            self.assertEqual(fromHeader(f"Q.850;cause={cause}", True).reason, after, cause)
            self.assertEqual(fromStatus(480, "", reasons=f"Q.850;cause={cause}").reason, before, cause)

    def test_statuses(self) -> None:
        """Each status from 300 to 699 (RFC 3261 section 21)."""
        meanings = {code: meaning for codes, meaning in OF_STATUSES.items() for code in codes}
        for code in range(300, 700):
            expected = meanings.get(code, (EndReason.FAILED, 127 if code < 500 else None))
            ending = fromStatus(code, "")
            self.assertEqual((ending.reason, ending.cause), expected, code)
        for code in (0, 299, 700, 999):
            self.assertEqual(fromStatus(code, "").reason, EndReason.FAILED)

    def test_told(self) -> None:
        """Each reason as a response and in the Reason of a BYE."""
        self.assertEqual({each: (TO_STATUS[each][0], TO_CAUSE[each]) for each in EndReason}, TOLD)

    def test_warnings(self) -> None:
        """Each warning about a session that does not fit (RFC 3261 section 20.43), and the others."""
        for code, cause in ((300, 58), (301, 58), (302, 65), (303, 88), (304, 79), (305, 88), (306, 88), (399, 88)):
            self.assertEqual(fromStatus(488, "", f'{code} x "y"').cause, cause, code)
        for cause, code in ((58, 301), (65, 302), (79, 304), (88, 305), (57, 399), (66, 399)):
            told = warningFor(Ending(EndReason.INCOMPATIBLE, "x", cause=cause))
            self.assertEqual(told, f'{code} ichat-gw "x"')

    def test_exactly(self) -> None:
        """The causes that are told by a status of their own, and what is next to them is not."""
        for reason, cause, code in (
            (EndReason.NOT_FOUND, 22, 410),
            (EndReason.NOT_FOUND, 28, 484),
            (EndReason.CONNECTIVITY, 38, 502),
            (EndReason.FAILED, 25, 482),
            (EndReason.FAILED, 127, 400),
        ):
            self.assertEqual(toStatus(Ending(reason, cause=cause))[0], code)
            for other in (cause - 1, cause + 1):
                self.assertEqual(toStatus(Ending(reason, cause=other)), TO_STATUS[reason])

    def test_cut(self) -> None:
        """Words of others are cut short before they are told on."""
        self.assertEqual(len(warningFor(Ending(EndReason.FORBIDDEN, "x" * 500))), len('399 ichat-gw ""') + 100)
        self.assertEqual(len(warning("x" * 500)), len('399 ichat-gw ""') + 200)


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

    def test_notOurs(self) -> None:
        """Nobody who calls takes the congestion of another for ours; of all else he hears what it is."""
        self.assertEqual(toStatus(fromStatus(503, "Service Unavailable"))[0], 500)
        self.assertEqual(toStatus(Ending(EndReason.CONGESTED))[0], 503)
        for reason in EndReason:
            self.assertEqual(toStatus(Ending(reason, cause=None)), TO_STATUS[reason])

    def test_loop(self) -> None:
        """That a call goes round a caller is told as such, whichever way a server has noticed it."""
        for code in (482, 483):
            ending = fromStatus(code, "Loop")
            self.assertEqual((toStatus(ending), toResponse(ending)), ((482, "Loop Detected"), "Q.850;cause=25"))

    def test_anyCode(self) -> None:
        """Every status from 300 has a reason; none of them is a normal end; redirects are not followed."""
        for code in range(300, 700):
            self.assertNotIn(fromStatus(code, "").reason, (EndReason.HANGUP, EndReason.SHUTDOWN), code)
        self.assertIs(fromStatus(302, "Moved").reason, EndReason.UNAVAILABLE)
        self.assertIs(fromStatus(499, "What").reason, EndReason.FAILED)
        self.assertIs(fromStatus(500, "Oh").reason, EndReason.FAILED)

    def test_unknown(self) -> None:
        """
        A status that nobody knows is as the x00 of its class (RFC 3261 section 8.1.3.2); 6xx, and 433 which says that
        the caller hides, are the callee's no.
        """
        for code, told in ((305, 480), (380, 480), (399, 480), (433, 603), (499, 400), (421, 400), (599, 500)):
            self.assertEqual(toStatus(fromStatus(code, "x"))[0], told, code)
        for code in (601, 602, 603, 605, 607, 608, 699):
            self.assertEqual(toStatus(fromStatus(code, "x"))[0], 603, code)

    def test_words(self) -> None:
        """The far end's words are kept for the log, cut short; a promise to retry is not ours to make."""
        ending = fromStatus(486, "Busy " * 100)
        self.assertTrue(ending.text.startswith("486 Busy "))
        self.assertEqual(len(ending.text), 100)
        self.assertIsNone(ending.retryAfter)


class CauseTests(SynchronousTestCase):
    """The causes of Q.850."""

    def test_total(self) -> None:
        """Every reason has a cause, which a BYE says and another gateway understands."""
        self.assertEqual(set(TO_CAUSE), set(EndReason))
        for reason, cause in TO_CAUSE.items():
            self.assertTrue(1 <= cause <= 127)
            header = toHeader(Ending(reason))
            if reason is EndReason.ANSWERED_ELSEWHERE:
                self.assertEqual(fromHeader(header, False).reason, reason)
            else:
                self.assertEqual(header, f"Q.850;cause={cause}")
        self.assertEqual(toHeader(Ending(EndReason.UNAVAILABLE, cause=19)), "Q.850;cause=19")

    def test_bye(self) -> None:
        """Why a BYE comes: any order and spelling, and none for a normal end."""
        for header, reason, cause in (
            ("", EndReason.HANGUP, None),
            ("SIP;cause=200", EndReason.HANGUP, None),
            ("Q.850;cause=16", EndReason.HANGUP, 16),
            ('q.850 ;text="no, really";cause=17', EndReason.HANGUP, None),
            ('Q.850;cause=17;text="busy"', EndReason.BUSY, 17),
            ("SIP;cause=480, Q.850 ; cause = 19", EndReason.TIMEOUT, 19),
            ("Q.850;cause=18", EndReason.TIMEOUT, 18),
            ("Q.850;cause=21", EndReason.DECLINED, 21),
            ("Q.850;cause=102", EndReason.EXPIRED, 102),
            *((f"Q.850;cause={cause}", EndReason.CONNECTIVITY, cause) for cause in (27, 38, 41)),
            *(
                (f"Q.850;cause={cause}", EndReason.HANGUP, cause)
                for cause in (1, 3, 16, 20, 22, 28, 31, 34, 42, 44, 47, 58, 127)
            ),
            *((f"Q.850;cause={cause}", EndReason.INCOMPATIBLE, cause) for cause in (65, 79, 88)),
            # 0 is "not defined", and what is no cause is none
            *((f"Q.850;cause={cause}", EndReason.HANGUP, None) for cause in (0, 128, 999)),
            ("Q.850;cause=99999", EndReason.HANGUP, None),
            ("Q.850;" * 10_000, EndReason.HANGUP, None),
        ):
            ending = fromHeader(header, True)
            self.assertEqual((ending.reason, ending.cause), (reason, cause), header[:50])

    def test_everyCause(self) -> None:
        """Each of the 128 causes has a meaning, after the answer and before; mostly a conversation ended as they do."""
        self.assertEqual(sorted(_MEANINGS), list(range(128)))
        after = [fromHeader(f"Q.850;cause={cause}", True) for cause in range(128)]
        self.assertEqual([ending.cause for ending in after], [cause or None for cause in range(128)])
        self.assertGreater(sum(ending.reason is EndReason.HANGUP for ending in after), 110)
        for status in (480, 500, 503, 603):
            for cause in range(128):
                ending = fromStatus(status, "x", reasons=f"Q.850;cause={cause}")
                self.assertNotIn(ending.reason, (EndReason.HANGUP, EndReason.SHUTDOWN), (status, cause))
                self.assertTrue(400 <= toStatus(ending)[0] <= 699)

    def test_vague(self) -> None:
        """Where a status says little the cause decides (RFC 6432); 0 and what says nothing itself do not."""
        for causes, reason in (
            ((18, 19), EndReason.TIMEOUT),
            ((17,), EndReason.BUSY),
            ((21,), EndReason.DECLINED),
            ((1, 2, 3, 22, 28), EndReason.NOT_FOUND),
            ((20, 27), EndReason.UNAVAILABLE),
            ((34, 42, 44), EndReason.CONGESTED),
            ((65, 79, 88), EndReason.INCOMPATIBLE),
            ((41, 47, 38), EndReason.CONNECTIVITY),
            ((50, 52, 57), EndReason.FORBIDDEN),
        ):
            for cause in causes:
                for status in (480, 500, 503, 603, 433):
                    ending = fromStatus(status, "x", reasons=f"SIP;cause=500, Q.850;cause={cause}")
                    self.assertEqual((ending.reason, ending.cause), (reason, cause))
        for cause in (0, 4, 16, 31, 127, 128, 999):
            for status in (480, 500, 503, 603):
                self.assertEqual(fromStatus(status, "x", reasons=f"Q.850;cause={cause}"), fromStatus(status, "x"))

    def test_clear(self) -> None:
        """A status that says what it is about is not overruled."""
        for status in (403, 404, 408, 486, 488, 600):
            self.assertEqual(fromStatus(status, "x", reasons="Q.850;cause=34"), fromStatus(status, "x"))

    def test_gaveUp(self) -> None:
        """A 603 for no cause, after it rang, is a PBX that has given up; before, or without a word, it is a no."""
        for cause in (0, 16):
            ending = fromStatus(603, "Declined", reasons=f"Q.850;cause={cause}", rang=True)
            self.assertEqual((ending.reason, ending.cause), (EndReason.TIMEOUT, 19))
            self.assertIs(fromStatus(603, "x", reasons=f"Q.850;cause={cause}").reason, EndReason.DECLINED)
        self.assertIs(fromStatus(603, "x", rang=True).reason, EndReason.DECLINED)
        self.assertIs(fromStatus(603, "x", reasons="Q.850;cause=21", rang=True).reason, EndReason.DECLINED)

    def test_exact(self) -> None:
        """Between two SIP parties a status for which there is no reason of its own stays what it is."""
        for status in (410, 484, 502):
            self.assertEqual(toStatus(fromStatus(status, "x"))[0], status)

    def test_cancel(self) -> None:
        """A caller who gives up is told from one who was answered elsewhere (RFC 3326)."""
        self.assertIs(fromHeader("", False).reason, EndReason.CANCELLED)
        self.assertEqual(
            fromHeader("Q.850;cause=17", False), Ending(EndReason.CANCELLED, "the caller gave up", cause=17)
        )
        self.assertIsNone(fromHeader("Q.850;cause=0", False).cause)
        self.assertIs(
            fromHeader('SIP ;cause=200 ;text="Call completed elsewhere"', False).reason, EndReason.ANSWERED_ELSEWHERE
        )

    def test_warnings(self) -> None:
        """What a 488 is about is told by a warning, and read from one."""
        for cause, code in ((65, 302), (79, 304), (88, 305), (None, 304), (47, 399)):
            warning = warningFor(Ending(EndReason.INCOMPATIBLE, 'no "common"\r\ncodec', cause=cause))
            self.assertEqual(warning, f'{code} ichat-gw "no  common   codec"')
            if code != 399:
                self.assertEqual(fromStatus(488, "", warning).cause, cause or 79)
        self.assertEqual(warningFor(Ending(EndReason.INCOMPATIBLE)), '304 ichat-gw "Incompatible"')
        self.assertEqual(warningFor(Ending(EndReason.FORBIDDEN, "not you")), '399 ichat-gw "not you"')
        for ending in (Ending(EndReason.BUSY, "x"), Ending(EndReason.FORBIDDEN)):
            self.assertEqual(warningFor(ending), "")
        self.assertEqual((fromStatus(488, "").cause, fromStatus(488, "", "what").cause), (88, 88))
        self.assertIsNone(fromStatus(486, "", "304 x").cause)
