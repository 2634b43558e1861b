# -*- test-case-name: ichatgw.test.selfservice.test_gateway -*-
# mypy: allow-untyped-calls
"""Self-service in a whole gateway."""

from __future__ import annotations

from typing import Any, cast

from attrs import evolve
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.reload import Reloadable
from ichatgw.config.settings import Settings
from ichatgw.errors import NoRoute
from ichatgw.gateway.build import gateway
from ichatgw.gateway.service import Gateway
from ichatgw.model import Ending, EndReason, Party
from ichatgw.observe.events import CallEnded, CallRouted
from ichatgw.test.phonebook.test_setup import SETTINGS
from ichatgw.xmpp.commands.handler import AdHocCommands
from ichatgw.xmpp.control import Greeter
from ichatgw.xmpp.stanzas import parseJID


class GatewayTests(SynchronousTestCase):
    """The parts of a gateway that is not started."""

    def make(self, **settings: Any) -> Gateway:
        """A gateway with a phone book."""
        path = self.mktemp()
        with open(path, "w") as file:
            file.write("number,jid,outgoing\n+49301234,kim@example.com,+49300\n")
        reactor: Any = MemoryReactorClock()
        rules = ((r"^xmpp:lee@example.com$", "sip:77@192.0.2.77"), *SETTINGS.translationRules)
        changed: Settings = evolve(
            SETTINGS, phoneBook=path, translationRules=rules, allowedXMPPDomains=("example.com",), **settings
        )
        return gateway(reactor, changed)

    def say(self, made: Gateway, text: str, user: str = "kim@example.com/phone") -> str | None:
        """What a user is told."""
        (greeter,) = (each for each in made.link if isinstance(each, Greeter))
        return greeter.ordered(parseJID(user), text, "")

    def test_numbers(self) -> None:
        """Numbers are those of the phone book, or those that the rules make."""
        made = self.make()
        self.assertEqual(self.say(made, "number"), "Your number is +49301234. Those whom you call see +49300.")
        self.assertEqual(self.say(made, "number", "Lee@example.com"), "Your number is 77.")
        self.assertIn("no number", str(self.say(made, "number", "max@example.com")))

    def test_strangers(self) -> None:
        """Those who may not call are told nothing but where they are, and cost no line of a table."""
        made = self.make()
        for user in ("kim@stranger.example/a", "kim@gw.example", "stranger.example"):
            for text in ("help", "number", "calls", "test", "dnd on", "forward 1"):
                self.assertIsNone(self.say(made, text, user))

    def test_flood(self) -> None:
        """A user has as many answers in a minute as they may write texts; this can change while it runs."""
        made = self.make(textsPerMinute=3)
        self.assertEqual([bool(self.say(made, "help")) for _ in range(5)], [True] * 3 + [False] * 2)
        self.assertIsNone(self.say(made, "hello"))
        for part in made.reloadables:
            if part.attributes == ("textsPerMinute", "textsPerSecond"):
                cast(Reloadable, part).prepare(evolve(SETTINGS, textsPerMinute=2))()
        self.assertEqual([bool(self.say(made, "help")) for _ in range(5)], [True] * 2 + [False] * 3)

    def test_calls(self) -> None:
        """Calls are seen in the gateway's stream of events."""
        made = self.make()
        assert made.watchers is not None
        events = made.watchers.events
        events.publish(CallRouted(*events.now(), "a", "l", "xmpp", "sip:72@x", "xmpp:kim@example.com"))
        events.publish(CallEnded(*events.now(), "a", "the caller", Ending(EndReason.CANCELLED), False))
        self.assertIn("72 (missed)", str(self.say(made, "calls")))
        self.assertIn("Nobody", str(self.say(made, "calls", "lee@example.com")))

    def test_preferences(self) -> None:
        """What is ordered is kept with the other choices of users."""
        made = self.make()
        self.say(made, "dnd on")
        self.assertTrue(made.preferences.of("kim@example.com").doNotDisturb)

    def test_off(self) -> None:
        """It can be switched off: then the control user only greets."""
        made = self.make(selfService=False)
        self.assertIsNone(self.say(made, "help"))
        self.assertEqual([each for each in made.link if isinstance(each, AdHocCommands)], [])

    def test_testAddress(self) -> None:
        """The test address leads to a test call, whether a client calls it or a rule leads there; it can be none."""
        made = self.make()
        for address, route in (
            ("xmpp:echo@gw.example", "echo:echo@gw.example"),
            ("xmpp:72@gw.example", "sip:72@192.0.2.77"),
        ):
            self.assertEqual(made.switch.translate(address), route)
        self.assertEqual(made.switch.presented(Party("echo:echo@gw.example"), "xmpp:kim@example.com").user, "echo")
        for without in ({"testCallUsername": "none"}, {"selfService": False}):
            other = self.make(**without)
            self.assertRaises(NoRoute, other.switch.translate, "xmpp:echo@gw.example")
            self.assertEqual(self.say(other, "test") is None, "selfService" in without)

    def test_nobodyIsCalled(self) -> None:
        """Without a link a test call says why there is none, and leaves nothing."""
        made = self.make()
        self.assertIn("could not be made", str(self.say(made, "test")))
        self.assertEqual((made.switch.live, made.media.live), (0, 0))
