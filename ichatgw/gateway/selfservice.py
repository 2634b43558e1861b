# -*- test-case-name: ichatgw.test.selfservice.test_gateway -*-
"""
What users can do for themselves: the answers of the control user.
"""

from __future__ import annotations

from functools import partial
from ipaddress import ip_address

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from attrs import define
from twisted.words.protocols.jabber.jid import JID

from ichatgw.calls.switch import Switch
from ichatgw.config.reload import Reloadable
from ichatgw.config.settings import Settings
from ichatgw.forwarding.setup import Forwards
from ichatgw.gateway.common import Common
from ichatgw.gateway.routing import Routing, testAddress
from ichatgw.interfaces import IArrivals
from ichatgw.model import Party
from ichatgw.observe.stream import Events
from ichatgw.selfservice.echomedia import EchoMedia
from ichatgw.selfservice.history import CallHistory
from ichatgw.selfservice.service import Budget, Numbers, SelfService
from ichatgw.selfservice.testcalls import TestCalls
from ichatgw.users.preferences import IPreferences
from ichatgw.xmpp.commands.catalogue import Catalogue
from ichatgw.xmpp.commands.handler import AdHocCommands
from ichatgw.xmpp.control import Greeter
from ichatgw.xmpp.presence.access import XMPPAccess
from ichatgw.xmpp.side import XMPPSide
from ichatgw.xmpp.stanzas import bareJID

_ANYWHERE = "sip:anyone@anywhere.invalid"
"""Any address of a phone, to see who calls it."""


@define(eq=False)
class Desk:
    """
    Has the orders of users carried out that come by chat.

    @ivar guests: whose users may call.
    @ivar budget: how often each may order something; may change.
    """

    guests: XMPPAccess
    service: SelfService
    budget: Budget

    def written(self, user: JID, text: str, tag: str) -> str | None:
        """See L{Greeter.ordered}.  Those who may not call are greeted like everybody."""
        if not self.guests(user) or not self.service.isOrder(text):
            return None
        name = bareJID(user).full()
        return self.service.written(name, text, tag) if self.budget.allows(name) else ""


def catalogueOf(settings: Settings, xmpp: XMPPSide) -> Catalogue | None:
    """Which commands there are; C{None} if there are none."""
    return Catalogue(xmpp.control, xmpp.guests) if settings.selfService else None


def testCallsOf(common: Common, arrivals: IArrivals) -> TestCalls | None:
    """
    The test calls; C{None} if there are none.

    @param arrivals: takes those to users.
    """
    address = testAddress(common.settings)
    host = str(ip_address(common.settings.ipAddress or "127.0.0.1"))  # as sockets write it
    media = partial(EchoMedia, common.reactor, common.reactor, host)
    return TestCalls(common.turns, address, media, arrivals) if address else None


def selfServiceOf(
    common: Common,
    routing: Routing,
    xmpp: XMPPSide,
    switch: Switch,
    events: Events,
    preferences: IPreferences,
    forwards: Forwards,
    tests: TestCalls | None,
) -> Reloadable:
    """
    Put it together, and have it heard.

    @param forwards: forwards calls as users choose.
    @param tests: calls users who want to be called for a test, if that is done.
    @return: what can change while it runs.
    """
    greeter = Greeter(common.turns, xmpp.control)
    history = CallHistory(xmpp.guests.admits)
    service = SelfService(common.turns, preferences, history, partial(numbersOf, routing, switch))
    service.forwards = lambda: forwards.choices.ofUsers
    service.hasVoicemail = lambda: bool(forwards.targets.voicemail)
    service.call = None if tests is None else tests.call
    desk = Desk(xmpp.guests, service, _budgetOf(common, common.settings))
    catalogue = catalogueOf(common.settings, xmpp)
    if catalogue is not None:
        history.observe(events)
        forwards.dialer.turnedAway = lambda user, caller: history.turnedAway(events.now()[1], user, caller.uri)
        greeter.ordered = desk.written
        xmpp.link.addHandler(AdHocCommands(catalogue, service, lambda: desk.budget))
    xmpp.link.addHandler(greeter)
    return Reloadable(
        ("textsPerMinute", "textsPerSecond"), lambda new: partial(setattr, desk, "budget", _budgetOf(common, new))
    )


def _budgetOf(common: Common, settings: Settings) -> Budget:
    return Budget(common.turns, settings.textsPerMinute, settings.textsPerSecond)


def numbersOf(routing: Routing, switch: Switch, user: str) -> Numbers:
    """The numbers of C{user@domain}, by the phone book and the rules."""
    entry = routing.book.of(user)
    caller = switch.presented(Party(f"xmpp:{user}"), _ANYWHERE)
    shown = caller.user if caller.uri.startswith("sip") else ""
    return Numbers(shown if entry is None else entry.number, shown)
