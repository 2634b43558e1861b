# -*- test-case-name: ichatgw.test.gateway.test_build,ichatgw.test.config.test_reloadable -*-
"""
Where calls lead: rules, phone book, trunks, calls for help, and who may dial what.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from attrs import frozen

from ichatgw.calls.dialplan import DialPlan, Source
from ichatgw.config.reload import LongReloadable, Part, Reloadable
from ichatgw.config.settings import Settings
from ichatgw.gateway.common import Common
from ichatgw.phonebook.book import PhoneBook
from ichatgw.phonebook.numbers import Numbering
from ichatgw.phonebook.setup import routesOf
from ichatgw.runtime.steps import Steps
from ichatgw.selfservice.testnumber import TestNumber
from ichatgw.sip.trunk.trunks import Trunks
from ichatgw.trunks.emergency import Emergency
from ichatgw.trunks.rights import Rights
from ichatgw.trunks.routes import TrunkRoutes


@frozen
class Routing:
    """
    @ivar routes: lead from one address to another.
    @ivar rights: who may dial what.
    @ivar nameOf: the name that the phone book has for an address; empty if it has none.
    @ivar isAboutXMPP: tells whether calls from XMPP, or to it, may be led anywhere.
    @ivar book: the phone book.
    @ivar reloadables: what can change while it runs.
    """

    routes: TrunkRoutes
    rights: Rights
    nameOf: Callable[[str], str]
    isAboutXMPP: Callable[[], bool]
    book: PhoneBook
    reloadables: tuple[Part, ...]


def routingOf(common: Common, trunks: Trunks) -> Routing:
    """
    Put it together.

    @raise ConfigError: if a translation rule can never work, or the phone book cannot be read.
    """
    settings = common.settings
    plan = DialPlan(settings.translationRules)
    byBook, reloadsBook = routesOf(common.turns, plan, settings)
    component = settings.jabberComponentName.lower()
    emergency = Emergency(settings.emergencyNumbers, settings.emergencyOutput, lambda domain: domain == component)
    trunks.isUrgent = emergency.isFor
    rights = Rights(byBook.book, emergency)
    rights.adopt(settings.dialRule, Numbering(settings.country))
    reloadables = (
        LongReloadable(("translationRules",), partial(newRules, plan)),
        reloadsBook,
        Reloadable(("dialRule", "country"), lambda new: partial(rights.adopt, new.dialRule, Numbering(new.country))),
        Reloadable(
            ("emergencyNumbers", "emergencyOutput"),
            lambda new: partial(emergency.adopt, new.emergencyNumbers, new.emergencyOutput),
        ),
    )
    return Routing(
        TrunkRoutes(_tested(settings, byBook), trunks.isTrunk, emergency),
        rights,
        byBook.nameOf,
        lambda: byBook.isAboutXMPP,
        byBook.book,
        reloadables,
    )


def testAddress(settings: Settings) -> str:
    """The address of test calls, C{user@domain}; empty if there are none."""
    node = settings.testCallUsername if settings.selfService else "none"
    return "" if node == "none" else f"{node}@{settings.jabberComponentName}".lower()


def _tested(settings: Settings, routes: Source) -> Source:
    address = testAddress(settings)
    return TestNumber(routes, address) if address else routes


def newRules(plan: DialPlan, settings: Settings) -> Steps[Callable[[], None]]:
    """
    Have C{plan} use the rules of other settings, in steps; see L{LongReloadable}.

    @raise ConfigError: if one can never work.
    """
    made = yield from DialPlan.steps(settings.translationRules)
    return partial(plan.adopt, made)
