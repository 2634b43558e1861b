# -*- test-case-name: ichatgw.test.forwarding.test_gateway -*-
"""
Forwarding in a whole gateway, with its rights, its book, and its trunks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from attrs import evolve
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.declared.forwarding import ForwardRule
from ichatgw.config.declared.rights import DialRule
from ichatgw.config.declared.trunks import Trunk
from ichatgw.config.reading.kinds import Proxy
from ichatgw.config.settings import Settings
from ichatgw.forwarding.dialer import NotForwarded
from ichatgw.forwarding.leg import ForwardingLeg
from ichatgw.gateway.build import gateway
from ichatgw.gateway.service import Gateway
from ichatgw.interfaces import IOutboundLeg
from ichatgw.jingle.protocol import JingleProtocol
from ichatgw.model import EndReason, Party
from ichatgw.test.support.fakes import OFFER, FakeLeg, arrivalOf
from ichatgw.users.preferences import Forwarding, Preferences, When

SETTINGS = Settings(
    jabberServer="127.0.0.1",
    jabberComponentName="GW.chat.example",
    jabberComponentPassword="s3cret",
    translationRules=(
        (r"^xmpp:(\d+)@gw", "sip:$1@192.0.2.77"),
        (r"^sip:7000@", "xmpp:kim@chat.example"),
        (r"^xmpp:help@gw", "sip:112@192.0.2.77"),
    ),
    subscriptionDatabase="none",
    country="DE",
    dialRule=(
        DialRule(False, ("0900...",)),
        DialRule(True, ("0190...",), ("kim@chat.example",)),
        DialRule(False, ("0190...",)),
    ),
    trunks=(Trunk("provider", Proxy("192.0.2.1"), numbers=("+4930100", "+49301234")),),
)
KIM, LEE = "kim@chat.example", "lee@chat.example"
CALLER = Party("sip:+44123@192.0.2.9", "Caller")


class GatewayCase(SynchronousTestCase):
    """A gateway with a phone book; nothing is sent."""

    changes: dict[str, Any] = {}

    def setUp(self) -> None:
        book = Path(self.mktemp())
        book.write_text("number,jid,name,outgoing,trunk,groups\n030 1234,kim@chat.example,Kim,,provider,sales\n")
        self.gateway: Gateway = gateway(MemoryReactorClock(), evolve(SETTINGS, phoneBook=str(book), **self.changes))
        link: Any = self.gateway.link
        self.patch(type(link), "trouble", "")
        self.dialer: Any = self.gateway.switch._dialers["xmpp"]

    def choose(self, user: str, when: When, target: str) -> None:
        self.gateway.preferences.set(user, Preferences((Forwarding(when, target),)))

    def dial(self, user: str, caller: Party = CALLER) -> IOutboundLeg:
        leg = self.dialer.dial(f"xmpp:{user}", caller)
        self.addCleanup(leg.over, leg) if isinstance(leg, ForwardingLeg) else None
        return cast(IOutboundLeg, leg)

    def leadsTo(self, user: str) -> str:
        return self.dial(user).party.uri


class UserTests(GatewayCase):
    """What users choose."""

    def test_untouched(self) -> None:
        """Calls to users who have chosen nothing have the legs that they had."""
        self.assertNotIsInstance(self.dial(KIM), ForwardingLeg)

    def test_rights(self) -> None:
        """Users forward to where they themselves may dial, whatever the caller may; as users dial, by their trunk."""
        self.choose(KIM, When.ALWAYS, "72")
        self.assertEqual(self.leadsTo(KIM), "sip:72@192.0.2.77")
        for user, target in ((KIM, "0900123"), (KIM, "+49900123"), (LEE, "0190123")):
            self.choose(user, When.ALWAYS, target)
            self.assertRaises(NotForwarded, self.dial, user)
        self.choose(KIM, When.ALWAYS, "0190123")
        self.assertEqual(self.leadsTo(KIM), "sip:0190123@192.0.2.77")

    def test_emergency(self) -> None:
        """Nobody forwards to emergency services, whether their numbers are set or not, nor by a rule."""
        for target in ("112", "110", "0112", "help@gw.chat.example"):
            self.choose(KIM, When.ALWAYS, target)
            self.assertRaises(NotForwarded, self.dial, KIM)

    def test_toUsers(self) -> None:
        """Numbers that lead to users, and users, are called as such; strangers are not."""
        self.choose(LEE, When.ALWAYS, KIM)
        self.assertEqual(self.leadsTo(LEE), "xmpp:kim@chat.example")
        self.choose(LEE, When.ALWAYS, "0301234")
        self.assertEqual(self.leadsTo(LEE), "xmpp:kim@chat.example")
        self.choose(LEE, When.ALWAYS, "eve@evil.example")
        self.assertRaises(NotForwarded, self.dial, LEE)

    def test_bookRound(self) -> None:
        """Users whose own number is where they forward to go round."""
        self.choose(KIM, When.ALWAYS, "030 1234")
        problem = self.assertRaises(NotForwarded, self.dial, KIM)
        self.assertIn("goes round", str(problem))

    def test_refused(self) -> None:
        """A caller hears 480, and not that somebody else may not dial something."""
        self.choose(KIM, When.ALWAYS, "0900123")
        self.gateway.switch.startService()
        leg = FakeLeg(CALLER)
        self.gateway.switch.arrived(leg, arrivalOf(leg, "sip:7000@192.0.2.9", OFFER))
        self.assertEqual([each.reason for each in leg.hangups], [EndReason.UNAVAILABLE])

    def test_ringsOn(self) -> None:
        """Calls to users without clients ring on, unless they lead on."""
        (jingle,) = (each for each in self.gateway._presence.listeners if isinstance(each, JingleProtocol))
        self.assertTrue(jingle.ringsOn(KIM))
        self.choose(KIM, When.OFFLINE, "72")
        self.assertFalse(jingle.ringsOn(KIM))


class RuleTests(GatewayCase):
    """The administrator's rules."""

    changes = {  # noqa: RUF012
        "forwardRule": (
            ForwardRule(When.ALWAYS, "voicemail", who=("@sales",)),
            ForwardRule(When.ALWAYS, "sip:99@provider", who=(LEE,)),
            ForwardRule(When.ALWAYS, "sip:0900123@192.0.2.5", who=("max@chat.example",)),
            ForwardRule(When.ALWAYS, "sip:112@192.0.2.5", who=("moe@chat.example",)),
        ),
        "voicemailOutput": "sip:*97$1@192.0.2.6",
    }

    def test_rules(self) -> None:
        """A rule leads to what it names, by a trunk if that is named; the rights of the user count, and no more."""
        self.assertEqual(self.leadsTo(LEE), "sip:99@provider")
        for user in ("max@chat.example", "moe@chat.example"):
            self.assertRaises(NotForwarded, self.dial, user)
        self.assertNotIsInstance(self.dial("tim@chat.example"), ForwardingLeg)

    def test_voicemail(self) -> None:
        """The mailbox of a user of the book, by their group, has their number."""
        self.assertEqual(self.leadsTo(KIM), "sip:*97+49301234@192.0.2.6")

    def test_ownFirst(self) -> None:
        """What a user has chosen goes before."""
        self.choose(KIM, When.ALWAYS, "72")
        self.assertEqual(self.leadsTo(KIM), "sip:72@192.0.2.77")
