# -*- test-case-name: ichatgw.test.forwarding.test_gateway,ichatgw.test.phonebook.test_setup -*-
"""
Forwarding, as the settings want it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from attrs import define
from twisted.internet.interfaces import IReactorTime

from ichatgw.calls.switch import Switch
from ichatgw.config.reload import Reloadable
from ichatgw.config.settings import Settings
from ichatgw.forwarding.choices import Choices
from ichatgw.forwarding.dialer import ForwardingDialer, Ways
from ichatgw.forwarding.targets import Targets
from ichatgw.interfaces import IDialer
from ichatgw.trunks.rights import Rights
from ichatgw.users.preferences import IPreferences
from ichatgw.xmpp.presence.access import XMPPAccess


@define(eq=False)
class Forwards:
    """
    What forwards calls to users.

    @ivar dialer: dials users.
    """

    choices: Choices
    targets: Targets
    dialer: ForwardingDialer

    @property
    def reloadable(self) -> Reloadable:
        """What takes its settings anew."""
        attributes = ("forwardRule", "forwardsOfUsers", "voicemailOutput", "country")
        return Reloadable(attributes, lambda new: partial(self.adopt, new))

    def adopt(self, settings: Settings) -> None:
        """Forward by these from now on."""
        self.choices.adopt(settings.forwardRule, settings.forwardsOfUsers)
        self.targets.country, self.targets.voicemail = settings.country, settings.voicemailOutput


def forwardsOf(
    clock: IReactorTime,
    settings: Settings,
    users: IDialer,
    dialers: Mapping[str, IDialer],
    switch: Switch,
    preferences: IPreferences,
    rights: Rights,
    guests: XMPPAccess,
) -> Forwards:
    """
    Put it together.

    @param users: dials users without more ado.
    @param dialers: URI scheme to the maker of legs of that kind, as the switch has it.
    """

    def numberOf(user: str) -> str:
        entry = rights.book.of(user)
        return "" if entry is None else entry.number

    component = settings.jabberComponentName.lower()
    targets = Targets(component, switch.translate, switch.directed, guests.admits, numberOf, rights.emergency)
    choices = Choices(preferences, rights.names)
    dialer = ForwardingDialer(
        clock,
        Ways(users, dialers, switch.presented),
        choices,
        targets,
        switch.limits,
        component,
        lambda: switch.reports,
    )
    made = Forwards(choices, targets, dialer)
    made.adopt(settings)
    return made
