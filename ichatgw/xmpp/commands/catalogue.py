# -*- test-case-name: ichatgw.test.xmpp.commands.test_catalogue -*-
# mypy: allow-untyped-calls
"""
Which commands there are (XEP-0050 section 2.1), in answers of service discovery.
"""

from __future__ import annotations

from collections.abc import Callable

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from attrs import frozen
from twisted.words.protocols.jabber.jid import JID
from wokkel.disco import DiscoFeature, DiscoIdentity, DiscoInfo, DiscoItem, DiscoItems

from ichatgw.selfservice.orders import Command
from ichatgw.selfservice.words import said
from ichatgw.xmpp.discoinfo import NS_DATA
from ichatgw.xmpp.stanzas import bareJID

NS_COMMANDS = "http://jabber.org/protocol/commands"

COMMANDS = {each.value: each for each in Command}
"""By their nodes."""


def title(command: Command, language: str) -> str:
    """What a command is called."""
    return said(language, f"title{command.value.capitalize()}")


@frozen
class Catalogue:
    """
    @ivar control: the control address, bare, which has the commands; the component names the same.
    @ivar allows: who may call, and so may use them.
    """

    control: JID
    allows: Callable[[JID], bool]

    def has(self, asked: JID) -> bool:
        """Are there commands at this address?"""
        return not asked.user and asked.host == self.control.host or bareJID(asked) == self.control

    def items(self, user: JID, asked: JID, node: str, language: str) -> DiscoItems | None:
        """
        What there is at a node of an address, or, with an empty node, at the address.

        @return: C{None} if there is no such node.
        """
        found = DiscoItems()
        if not node:
            return found
        if not self.has(asked) or (node != NS_COMMANDS and node not in COMMANDS):
            return None
        found.nodeIdentifier = node
        if node == NS_COMMANDS and self.allows(user):
            for name, each in COMMANDS.items():
                found.append(DiscoItem(asked, name, title(each, language)))
        return found

    def info(self, asked: JID, node: str, language: str) -> DiscoInfo | None:
        """What a node is; C{None} if it is none of these."""
        if not self.has(asked) or (node != NS_COMMANDS and node not in COMMANDS):
            return None
        found = DiscoInfo()
        found.nodeIdentifier = node
        if node == NS_COMMANDS:
            found.append(DiscoIdentity("automation", "command-list"))
        else:
            found.append(DiscoIdentity("automation", "command-node", title(COMMANDS[node], language)))
            found.append(DiscoFeature(NS_DATA))
        found.append(DiscoFeature(NS_COMMANDS))
        return found
