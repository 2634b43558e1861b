"""Tests for L{ichatgw.phonebook.setup}."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.dialplan import DialPlan
from ichatgw.config.declared.phonebook import RULES_FIRST
from ichatgw.config.settings import Settings
from ichatgw.errors import ConfigError, NoRoute
from ichatgw.gateway.administration import reloading
from ichatgw.gateway.build import gateway
from ichatgw.model import Party
from ichatgw.phonebook.setup import routesOf
from ichatgw.runtime.steps import atOnce
from ichatgw.runtime.turns import Turns
from ichatgw.test.support.configs import ready

SETTINGS = Settings(
    jabberServer="127.0.0.1",
    jabberComponentName="gw.example",
    jabberComponentPassword="s3cret",
    translationRules=((r"^xmpp:(\d+)@gw", "sip:$1@192.0.2.77"),),
    subscriptionDatabase="none",
    country="DE",
)


class RoutesOfTests(SynchronousTestCase):
    """L{routesOf}."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.settings = evolve(SETTINGS, phoneBook=str(self.path))
        self.turns = Turns(MemoryReactorClock())

    def test_wrong(self) -> None:
        """The gateway does not start on a book with a mistake."""
        self.path.write_text("number,jid\nx,y\n")
        problem = self.assertRaises(ConfigError, routesOf, self.turns, DialPlan(()), self.settings)
        self.assertIn(f"{self.path}, line 2: number 'x' is no telephone number", str(problem))

    def test_reload(self) -> None:
        """Book, order and country change together, once the book is found to be right."""
        self.path.write_text("number,jid\n030 1234,kim@example.com\n")
        routes, reloads = routesOf(self.turns, DialPlan(()), self.settings)
        self.assertTrue(routes.matches("sip:0301234@x"))
        self.path.write_text("number,jid\n030 1234,kim@example.com\n030 1235,lee@example.com\n")
        change = atOnce(reloads.steps(evolve(self.settings, country="", phoneBookOrder=RULES_FIRST)))
        self.assertEqual((len(routes.book), routes.bookFirst), (1, True))
        self.assertEqual(change(), "numbers in the phone book: 2, before: 1")
        self.assertFalse(routes.matches("sip:+49301234@x"))
        self.assertTrue(routes.matches("sip:0301235@x"))
        self.assertFalse(routes.bookFirst)
        self.assertEqual(atOnce(reloads.steps(SETTINGS))(), "numbers in the phone book: 0, before: 2")
        self.assertIsNone(atOnce(reloads.steps(SETTINGS))())


class GatewayTests(SynchronousTestCase):
    """The book in a whole gateway."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.path.write_text("number,jid,name,outgoing\n030 1234,kim@example,Kim,030 100\n")
        settings = evolve(SETTINGS, phoneBook=str(self.path))
        reactor: Any = MemoryReactorClock()
        self.gateway = gateway(reactor, settings)
        reloading(reactor, self.gateway, settings, lambda: ready(settings))

    def reload(self) -> list[str]:
        assert self.gateway.reloader is not None
        with capturedLogs() as events:
            self.gateway.reloader.reload()
        return [str(formatEvent(each)) for each in events]

    def test_calls(self) -> None:
        """A number of the book leads to its user, others by the rules; users call by their numbers and names."""
        switch = self.gateway.switch
        self.assertEqual(switch.plan.translate("sip:+49301234@gw.example"), "xmpp:kim@example")
        self.assertEqual(switch.plan.translate("xmpp:72@gw.example"), "sip:72@192.0.2.77")
        presented = switch.presented(Party("xmpp:kim@example"), "sip:72@192.0.2.77")
        self.assertEqual(presented, Party("sip:+4930100@192.0.2.77", "Kim"))

    def test_reload(self) -> None:
        """At SIGHUP the file is read again; a wrong one leaves all as it was, and says what is wrong."""
        translate = self.gateway.switch.plan.translate
        self.path.write_text("number,jid\n030 1235,lee@example\n")
        self.assertIn("Settings read again: numbers in the phone book: 1, before: 1", self.reload())
        self.assertEqual(translate("sip:0301235@x"), "xmpp:lee@example")
        self.assertRaises(NoRoute, translate, "sip:0301234@x")
        self.path.write_text("number,jid\n030 1236,sam@example\n030 1237,sam\n")
        (line,) = self.reload()
        self.assertIn(f"Settings stay as they were: {self.path}, line 3: jid 'sam' is no address", line)
        self.assertEqual(translate("sip:0301235@x"), "xmpp:lee@example")
        self.path.unlink()
        self.assertIn("cannot be read", self.reload()[0])
        self.assertEqual(translate("sip:0301235@x"), "xmpp:lee@example")
