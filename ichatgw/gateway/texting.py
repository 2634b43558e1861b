# -*- test-case-name: ichatgw.test.texts.test_gateway -*-
"""
The texts that people write.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.words.protocols.jabber.jid import JID

from ichatgw.calls.switch import Switch
from ichatgw.config.reload import Reloadable
from ichatgw.config.settings import Settings
from ichatgw.errors import CallError
from ichatgw.gateway.cards import cardsOf
from ichatgw.gateway.common import Common
from ichatgw.phonebook.book import PhoneBook
from ichatgw.sip.endpoint import Endpoint
from ichatgw.sip.texts.summary import words
from ichatgw.texts.exchange import Terms, TextExchange
from ichatgw.xmpp.cards.vcards import VCards
from ichatgw.xmpp.side import XMPPSide
from ichatgw.xmpp.texts import ChatMessages


def textsOf(
    common: Common,
    endpoint: Endpoint,
    xmpp: XMPPSide,
    switch: Switch,
    objection: Callable[[], CallError | None],
    book: PhoneBook,
) -> TextExchange:
    """
    What leads texts from one network to another, what hears them there, and who says who is there.

    @param objection: why no text can be taken now, if that is so.
    """
    link, settings = xmpp.link, common.settings
    chat = ChatMessages(
        common.turns,
        settings.jabberComponentName,
        xmpp.control,
        switch.plan.translate,
        xmpp.guests,
        lambda: link.trouble,
    )
    chat.named = xmpp.names.remember
    chat.noticed = partial(_noticed, xmpp)
    cardOf = cardsOf(book, xmpp.pictures, xmpp.names.of)
    for handler in (chat, VCards(common.turns, cardOf, xmpp.guests, xmpp.presence.serves)):
        link.addHandler(handler)
    texts = TextExchange(
        common.turns,
        {"sip": endpoint.messages, "sips": endpoint.messages, "xmpp": chat},
        switch.translate,
        switch.presented,
        termsOf(settings),
        objection,
        switch.directed,
    )
    endpoint.texts = chat.texts = texts
    endpoint.takeTexts(settings.texts)
    return texts


def _noticed(xmpp: XMPPSide, user: JID, ours: JID, notice: str) -> None:
    """A mailbox says how many messages wait: it shows that, as long as there are some."""
    xmpp.statuses.say(user, ours, "" if notice == words(0) else notice)
    xmpp.presence.showPhone(user, ours)


def termsOf(settings: Settings) -> Terms:
    """What is allowed to those who write."""
    return Terms(settings.texts, settings.longestText, settings.textsPerMinute, settings.textsPerSecond)


def reloadableOf(endpoint: Endpoint, texts: TextExchange) -> Reloadable:
    """What can change while the gateway runs."""

    def adopt(settings: Settings) -> None:
        texts.terms = termsOf(settings)
        endpoint.takeTexts(settings.texts)

    return Reloadable(
        ("texts", "longestText", "textsPerMinute", "textsPerSecond"), lambda settings: partial(adopt, settings)
    )
