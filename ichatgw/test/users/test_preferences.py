# -*- test-case-name: ichatgw.test.users.test_preferences -*-
"""
What users choose, as values, and kept in memory.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.users.preferences import (
    MAX_SECONDS,
    NONE_CHOSEN,
    VOICEMAIL,
    Forwarding,
    IPreferences,
    MemoryPreferences,
    Preferences,
    When,
    readTarget,
)

SCOTT, ANNA, GUEST = "scott@chat.example", "anna@chat.example", "guest@other.example"
TO_PHONE = Forwarding(When.BUSY, "72")


class TargetTests(SynchronousTestCase):
    """L{readTarget} and L{Forwarding}."""

    def test_numbers(self) -> None:
        """Numbers lose what is written in them for the eye."""
        for text, number in (
            ("72", "72"),
            (" +49 30 123-45 ", "+493012345"),
            ("(030) 12/34", "0301234"),
            ("*97#", "*97#"),
            ("tel:+4930", "+4930"),
        ):
            self.assertEqual(readTarget(text), number)

    def test_addresses(self) -> None:
        """Addresses of XMPP are compared without case, and need no scheme."""
        self.assertEqual(readTarget("xmpp:Anna@Chat.Example"), "anna@chat.example")
        self.assertEqual(readTarget("72@gw.chat.example"), "72@gw.chat.example")

    def test_voicemail(self) -> None:
        """The word stands for the mailbox, in any case."""
        self.assertEqual(readTarget("VoiceMail "), VOICEMAIL)

    def test_others(self) -> None:
        """What is none of these is refused in words: SIP addresses (rules say what may be called), resources, lists."""
        for text in (
            "",
            "mailbox",
            "sip:72@pbx.example",
            "anna@chat.example/phone",
            "72,73",
            "1" * 33,
            "a" * 300 + "@chat.example",
            "a\x00b@chat.example",
            "a@b@chat.example",
            "anna@",
            "72\r\nX: y",
        ):
            self.assertRaises(ValueError, readTarget, text)
            self.assertRaises(ValueError, Forwarding, When.ALWAYS, text)

    def test_seconds(self) -> None:
        """A call rings for a bounded time before it is forwarded."""
        self.assertEqual(Forwarding(When.NO_ANSWER, "72", MAX_SECONDS).seconds, MAX_SECONDS)
        for seconds in (0, -1, MAX_SECONDS + 1):
            self.assertRaises(ValueError, Forwarding, When.NO_ANSWER, "72", seconds)


class PreferencesTests(SynchronousTestCase):
    """L{Preferences}."""

    def test_oneForEachTime(self) -> None:
        """A later rule takes the place of that for the same time; the others stay."""
        chosen = NONE_CHOSEN.including(TO_PHONE).including(Forwarding(When.ALWAYS, SCOTT))
        changed = chosen.including(Forwarding(When.BUSY, "73"))
        busy = changed.forwarding(When.BUSY)
        assert busy is not None
        self.assertEqual((busy.target, len(changed.forwardings)), ("73", 2))
        self.assertIsNone(changed.forwarding(When.OFFLINE))

    def test_order(self) -> None:
        """The same rules are the same choice, in whatever order they were made."""
        one, other = Forwarding(When.OFFLINE, "72"), Forwarding(When.ALWAYS, "73")
        self.assertEqual(Preferences((one, other)), Preferences((other, one)))

    def test_without(self) -> None:
        """A rule can be taken back; without any the user has chosen nothing."""
        self.assertEqual(Preferences((TO_PHONE,)).without(When.BUSY), NONE_CHOSEN)
        self.assertEqual(NONE_CHOSEN.without(When.BUSY), NONE_CHOSEN)


class MemoryTests(SynchronousTestCase):
    """L{MemoryPreferences}."""

    def test_interface(self) -> None:
        """It is a store of preferences."""
        verifyObject(IPreferences, MemoryPreferences())

    def test_remembered(self) -> None:
        """Each user has what they have chosen, and strangers nothing."""
        store = MemoryPreferences()
        self.assertTrue(store.set(SCOTT, Preferences((TO_PHONE,), True)))
        self.assertEqual(store.of(SCOTT), Preferences((TO_PHONE,), True))
        self.assertEqual(store.of(ANNA), NONE_CHOSEN)

    def test_room(self) -> None:
        """There is room for so many users, and for so many of a domain; those who are known can always choose anew."""
        store = MemoryPreferences(maxUsers=2, maxUsersPerDomain=1)
        busy = Preferences(doNotDisturb=True)
        self.assertTrue(store.set(SCOTT, busy))
        self.assertFalse(store.set(ANNA, busy))
        self.assertTrue(store.set(GUEST, busy))
        self.assertFalse(store.set("one@third.example", busy))
        self.assertTrue(store.set(SCOTT, Preferences((TO_PHONE,))))
        self.assertTrue(store.set(SCOTT, NONE_CHOSEN))
        self.assertTrue(store.set(ANNA, busy))
        self.assertEqual(store.of("one@third.example"), NONE_CHOSEN)

    def test_nothingChosen(self) -> None:
        """Who chooses nothing takes no room, however often."""
        store = MemoryPreferences(maxUsers=1)
        for number in range(3):
            self.assertTrue(store.set(f"u{number}@chat.example", NONE_CHOSEN))
        self.assertTrue(store.set(SCOTT, Preferences((TO_PHONE,))))
