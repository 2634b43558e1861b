# -*- test-case-name: ichatgw.test.texts.test_exchange -*-
"""Tests for L{ichatgw.texts.exchange}."""

from __future__ import annotations

from attrs import evolve
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import CallError, Congested, NoRoute, Refused
from ichatgw.model import Ending, EndReason, Party
from ichatgw.test.support.texts import FakePort
from ichatgw.texts.exchange import TALK_LIFE, Terms, TextExchange
from ichatgw.texts.interfaces import Fate, NotCarried, Text, TooLong

KIM = Party("xmpp:kim@example", "Kim")
SHOWN = Party("sip:+4930100@192.0.2.77", "Kim Brandt")
HELLO = Text(KIM, "xmpp:72@gw.example", "hello")


def translate(called: str) -> str:
    """The rules."""
    if "nowhere" in called:
        raise NoRoute("no rule")
    return {"mailto": "mailto:x"}.get(called.partition(":")[0], "sip:72@192.0.2.77")


class ExchangeTests(SynchronousTestCase):
    """Where texts go, and which do not."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.port = FakePort()
        self.trouble: CallError | None = None
        self.exchange = TextExchange(
            self.clock,
            {"sip": self.port},
            translate,
            lambda writer, route: SHOWN,
            Terms(perMinute=0, perSecond=0),
            lambda: self.trouble,
        )

    def write(self, text: Text = HELLO) -> Fate:
        return self.successResultOf(self.exchange.arrived(text))

    def refused(self, text: Text = HELLO) -> CallError:
        problem = self.failureResultOf(self.exchange.arrived(text), CallError).value
        assert isinstance(problem, CallError)
        return problem

    def test_carried(self) -> None:
        """A text goes where the rules lead, and its reader sees who has written as called parties see callers."""
        self.assertIs(self.write(), Fate.DELIVERED)
        self.assertEqual(self.port.carried, [evolve(HELLO, writer=SHOWN, to="sip:72@192.0.2.77")])

    def test_rights(self) -> None:
        """Who may not call an address may not write to it; whose own trunk leads there writes by that."""
        asked: list[tuple[Party, str, str]] = []

        def directed(writer: Party, to: str, route: str) -> str:
            asked.append((writer, to, route))
            if len(asked) == 2:
                raise Refused("not that one")
            return "sip:72@own"

        self.exchange.directed = directed
        self.write()
        self.assertEqual(self.port.carried[0].to, "sip:72@own")
        self.assertEqual(str(self.refused()), "not that one")
        self.assertEqual(asked, [(KIM, HELLO.to, "sip:72@192.0.2.77")] * 2)
        self.assertEqual(len(self.port.carried), 1)

    def test_back(self) -> None:
        """The answer to a text leaves by the trunk that this came by, for the one who got it, if the rule has it."""
        names = "one,Two,three"
        self.exchange.translate = lambda to: "xmpp:kim@example" if "4930" in to else f"sip:+4917@{names}"
        self.exchange.ports = {"sip": self.port, "xmpp": self.port}
        there = Text(Party("sip:%2B4917@p.example", trunk="two"), "trunk:4930100@two", "hi")
        answer, other = evolve(HELLO, body="1"), evolve(HELLO, body="2", writer=Party("xmpp:lee@example"))
        self.write(answer)
        self.write(there)
        self.write(answer)
        self.write(other)
        names = "one,three"
        self.write(answer)
        names = "one,two"
        self.clock.advance(TALK_LIFE)
        self.write(answer)
        sent = [text.to.partition("@")[2] for text in self.port.carried if text.to.startswith("sip")]
        self.assertEqual(sent, ["one,Two,three", "two,one,three", "one,Two,three", "one,three", "one,two"])

    def test_noWay(self) -> None:
        """What no rule knows, or leads to where no texts go, comes back."""
        self.assertIsInstance(self.refused(evolve(HELLO, to="xmpp:nowhere@gw.example")), NoRoute)
        self.assertIsInstance(self.refused(evolve(HELLO, to="mailto:x@y")), NoRoute)

    def test_off(self) -> None:
        """Texts can be switched off, while it runs."""
        self.exchange.terms = Terms(on=False)
        self.assertIn("Texts is off", str(self.refused()))
        self.exchange.terms = Terms()
        self.write()

    def test_trouble(self) -> None:
        """Nothing is begun while the gateway is not ready."""
        self.trouble = Congested("stopping")
        self.assertEqual(str(self.refused()), "stopping")

    def test_longest(self) -> None:
        """Octets count, not characters."""
        self.exchange.terms = Terms(longest=160)
        self.write(evolve(HELLO, body="a" * 160))
        self.write(evolve(HELLO, body="\u00e4" * 80))
        problem = self.refused(evolve(HELLO, body="\u00e4" * 81))
        self.assertIsInstance(problem, TooLong)
        self.assertIn("162 octets, LongestText allows 160", str(problem))

    def test_perMinute(self) -> None:
        """One writer has only so many; another one's are not fewer for that, and later there are more."""
        self.exchange.terms = Terms(perMinute=3, perSecond=0)
        for number in range(3):
            self.write(evolve(HELLO, body=str(number)))
        resource = evolve(HELLO, writer=Party("xmpp:kim@example/other"), body="x")
        self.assertIsInstance(self.refused(resource), Refused)
        self.write(evolve(HELLO, writer=Party("xmpp:lee@example")))
        self.write(evolve(HELLO, body="2 new messages", isNotice=True))
        self.clock.advance(20)
        self.write(evolve(HELLO, body="y"))

    def test_perSecond(self) -> None:
        """All together have only so many, of which the last half is for those who have written little."""
        self.exchange.terms = Terms(perMinute=0, perSecond=8)
        fates = [self.exchange.arrived(evolve(HELLO, body=str(number))) for number in range(20)]
        refused = [self.failureResultOf(each, Congested) for each in fates[6:]]
        self.assertEqual((len(self.port.carried), len(refused)), (6, 14))
        self.write(evolve(HELLO, writer=Party("xmpp:lee@elsewhere")))
        self.clock.advance(1)
        self.write(evolve(HELLO, body="later"))

    def test_loop(self) -> None:
        """The same text to the same reader comes to rest; another text of the same writer does not suffer."""
        for _ in range(5):
            self.write()
        self.assertIn("again and again", str(self.refused()))
        self.write(evolve(HELLO, body="something else"))
        self.clock.advance(20)
        self.write()

    def test_reasons(self) -> None:
        """Why a network does not take it comes back; a fault of ours is logged, and says no more."""
        self.port.refusal = NotCarried(Ending(EndReason.BUSY, "486 Busy Here", cause=17))
        problem = self.refused()
        self.assertEqual((problem.reason, problem.cause, str(problem)), (EndReason.BUSY, 17, "486 Busy Here"))
        self.port.refusal, self.port.fault = None, ValueError("x")
        self.assertEqual(str(self.refused()), "internal error")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_log(self) -> None:
        """The log says who has written to whom, and never what; refusals of one writer have few lines."""
        with capturedLogs() as events:
            self.write(evolve(HELLO, body="secret"))
            self.exchange.terms = Terms(on=False)
            for _ in range(20):
                self.refused(evolve(HELLO, body="secret"))
        lines = [str(formatEvent(each)) for each in events]
        expected = "text from 'xmpp:kim@example' to 'xmpp:72@gw.example' as 'sip:72@192.0.2.77': delivered"
        self.assertEqual((lines[0], len(lines)), (expected, 6))
        self.assertNotIn("secret", "".join(lines))
        self.assertNotIn("hello", repr(HELLO))
