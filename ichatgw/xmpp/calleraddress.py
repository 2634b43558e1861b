# -*- test-case-name: ichatgw.test.jingle.test_selection -*-
# mypy: allow-untyped-calls
"""
Under which address a caller of SIP is seen by XMPP clients.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote

from twisted.words.protocols.jabber.jid import JID

from ichatgw.calls.limits import callerKey
from ichatgw.errors import CallError, MalformedError
from ichatgw.escaping import fromSIP
from ichatgw.model import Party
from ichatgw.xmpp.presence.speeddials import PHONE_RESOURCE
from ichatgw.xmpp.stanzas import parseJID

RESOURCE = "gw"
"""The resource of each of our addresses: clients talk to a full address, and read of exactly that one what it can."""

ANONYMOUS = "anonymous"


def callerJID(caller: Party, component: str, translate: Callable[[str], str]) -> JID:
    """
    The address, with our resource, under which C{caller} calls.

    It is C{user@component} if the rules translate that back to the caller, so that a call back reaches the caller, by
    whatever port and parameters a rule writes; else C{user\\40domain@component} (XEP-0106), which says all of it.  An
    XMPP user who is called through us has their own address, folded in the same way.  Who has come by a trunk has the
    short address only if that leads to this trunk, whatever host it names.
    """
    user, domain = caller.user, caller.domain
    if user and domain and domain != "anonymous.invalid":
        short = _address(fromSIP(user), component)
        if short is not None and _leadsBack(translate, short, caller):
            return short
        folded = _address(fromSIP(f"{user}@{domain}"), component)
        if folded is not None:
            return folded
    return parseJID(f"{ANONYMOUS}@{component}/{PHONE_RESOURCE}")


def _address(user: str, component: str) -> JID | None:
    try:
        return parseJID(f"{user}@{component}/{PHONE_RESOURCE}")
    except MalformedError:
        return None


def _leadsBack(translate: Callable[[str], str], address: JID, caller: Party) -> bool:
    try:
        back = Party(translate(f"xmpp:{address.userhost()}"))
    except CallError:
        return False
    if caller.trunk:  # what it says of its host counts for nothing, be it that of a phone here
        isThere = back.uri.startswith("sip") and caller.trunk in back.domain.lower().split(",")
        return isThere and unquote(back.user) == unquote(caller.user)
    return unquote(callerKey(back)) == unquote(callerKey(caller))
