"""
Tests for L{ichatgw.selfservice.orders}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.selfservice.orders import MAX_LENGTH, Command, Order, Unclear, read
from ichatgw.selfservice.words import ENGLISH, GERMAN
from ichatgw.users.preferences import Forwarding, When


class OrderTests(SynchronousTestCase):
    def order(self, text: str) -> Order:
        """What that text orders."""
        found = read(text)
        assert found is not None, text
        return found[0]

    def test_words(self) -> None:
        """Commands are known by their words, in capitals, with blanks and marks around them, or as bots have them."""
        for text, command, language in (
            ("help", Command.HELP, ENGLISH),
            (" HELP! ", Command.HELP, ENGLISH),
            ("?", Command.HELP, ENGLISH),
            ("/help", Command.HELP, ENGLISH),
            ("Hilfe", Command.HELP, GERMAN),
            ("number", Command.NUMBER, ENGLISH),
            ("my  number", Command.NUMBER, ENGLISH),
            ("Nummer.", Command.NUMBER, GERMAN),
            ("test", Command.TEST, ENGLISH),
            ("Testanruf", Command.TEST, GERMAN),
            ("missed", Command.CALLS, ENGLISH),
            ("who\ncalled", Command.CALLS, ENGLISH),
            ("anrufe", Command.CALLS, GERMAN),
        ):
            self.assertEqual(read(text), (Order(command), language), text)

    def test_noOrder(self) -> None:
        """All else is no order, even if it begins with the letters or the word of one."""
        for text in (
            "",
            "hello",
            "You have reached the iChat gateway",
            "tester",
            "forwarder 1",
            "help me please",
            "number 7",
            "dndon",
            "test\u00fcbung",
            "\x00",
            "forward " + "1" * MAX_LENGTH,
        ):
            self.assertIsNone(read(text), text)

    def test_doNotDisturb(self) -> None:
        """It is switched on and off, or asked for."""
        for text, isOn in (("dnd", None), ("dnd on", True), ("DND OFF", False), ("ruhe an", True), ("ruhe aus", False)):
            self.assertEqual(self.order(text), Order(Command.DND, isOn=isOn))
        self.assertRaises(Unclear, read, "dnd perhaps")

    def test_forward(self) -> None:
        """A target, which may be written with blanks, and when; always, if that is not said."""
        for text, when, target, seconds in (
            ("forward 030123", When.ALWAYS, "030123", 20),
            ("forward to 030 123-4 busy", When.BUSY, "0301234", 20),
            ("forward +49 30 1234 offline", When.OFFLINE, "+49301234", 20),
            ("forward Kim@Example.com always", When.ALWAYS, "kim@example.com", 20),
            ("forward voicemail no answer", When.NO_ANSWER, "voicemail", 20),
            ("forward 1 no answer 35", When.NO_ANSWER, "1", 35),
            ("forward 1 no answer after 35 seconds", When.NO_ANSWER, "1", 35),
            ("umleiten an mailbox keine antwort nach 9 sekunden", When.NO_ANSWER, "voicemail", 9),
            ("weiterleiten 030123 besetzt", When.BUSY, "030123", 20),
        ):
            self.assertEqual(self.order(text), Order(Command.FORWARD, Forwarding(when, target, seconds)), text)

    def test_forwardNoMore(self) -> None:
        """All rules end, or that for one time."""
        self.assertEqual(self.order("forward"), Order(Command.FORWARD))
        self.assertEqual(self.order("forward off"), Order(Command.FORWARD, ends=tuple(When)))
        self.assertEqual(self.order("umleiten aus besetzt"), Order(Command.FORWARD, ends=(When.BUSY,)))

    def test_forwardUnclear(self) -> None:
        """What cannot be a rule is told what is wrong with it, and never raises anything else."""
        for text, message in (
            ("forward to", "badTarget"),
            ("forward <script>", "badTarget"),
            ("forward kim@", "badTarget"),
            ("forward 1 tomorrow", "unclear"),
            ("forward off tomorrow", "unclear"),
            ("forward 1 no answer 0", "badSeconds"),
            ("forward 1 no answer 601", "badSeconds"),
            ("forward 1 no answer 99999999999999999999", "badSeconds"),
            ("forward 1 no answer \u0663", "badSeconds"),
            ("forward 1 no answer soon", "badSeconds"),
            ("forward \u0663\u0663", "badTarget"),
        ):
            self.assertEqual(self.assertRaises(Unclear, read, text).message, message, text)
