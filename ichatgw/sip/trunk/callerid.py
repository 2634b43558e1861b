# -*- test-case-name: ichatgw.test.sip.trunk.test_callerid -*-
"""
Who calls, as the server of a trunk wants to be told: the account in From, and the caller's number in the headers that
were chosen for it (RFC 3261, RFC 3323, RFC 3325, and Remote-Party-ID, which never became one).
"""

from __future__ import annotations

import re

from sippy.SipAddress import SipAddress
from sippy.SipHeader import SipHeader

from ichatgw.config.declared.trunks import ASSERTED, FROM, PREFERRED, REMOTE_PARTY, Trunk
from ichatgw.model import ANONYMOUS, Party
from ichatgw.sip.message.identity import headerOf, identityHeaders
from ichatgw.sip.message.sanitize import displayName
from ichatgw.sip.message.syntax import escaped
from ichatgw.sip.message.uris import identity, parse
from ichatgw.sip.trunk.flow import serverURI

_PLAIN = re.compile(r"\+?[0-9]+")


def numberOf(trunk: Trunk, caller: Party) -> str:
    """
    The number under which a user calls by a trunk: their own if it is one of the trunk's, else that of who has sent
    the call on, else its first; any if it is not known which it has.  Empty if there is none.
    """
    given = caller.user if caller.uri.startswith("sip") else ""  # the name of an XMPP user is no number
    if not trunk.numbers:
        return given if _PLAIN.fullmatch(given) else ""
    stations = (Party(each.uri).user for each in caller.diversions[:1])
    known = (trunk.own(number) for number in (given, *stations))
    return next(filter(None, known), trunk.numbers[0])


def presented(trunk: Trunk, caller: Party, otherwise: str) -> tuple[SipAddress, tuple[SipHeader, ...]]:
    """
    The address for From, sippy's C{SipAddress}, and the headers that say more.

    @param otherwise: the user part of From if the trunk has no user and the caller no number.
    """
    number = escaped(numberOf(trunk, caller))
    name = displayName(caller.name)
    account = escaped(trunk.user) or number or escaped(otherwise)
    if caller.private:
        from_ = SipAddress(name=displayName(ANONYMOUS.name), url=parse(ANONYMOUS.uri))
    else:
        user = number if FROM in trunk.callerNumber and number else account
        from_ = SipAddress(name=name, url=identity(parse(serverURI(trunk, user))))
    stated = (f'"{name}" ' if name else "") + f"<{_address(trunk, number or account)}>"
    headers = [(each.lower(), stated) for each in (ASSERTED, PREFERRED) if each in trunk.callerNumber]
    if REMOTE_PARTY in trunk.callerNumber:
        privacy = "full" if caller.private else "off"
        headers.append((REMOTE_PARTY.lower(), f"{stated};party=calling;privacy={privacy}"))
    made = tuple(headerOf(header, value) for header, value in headers)
    return from_, (*made, *identityHeaders(caller, asserts=False))


def _address(trunk: Trunk, user: str) -> str:
    return str(identity(parse(serverURI(trunk, user))))


def dialled(trunk: Trunk, number: str) -> str:
    """The number as the server wants it: with the prefix, after which an international one begins with 00."""
    if not trunk.dialPrefix or not re.fullmatch(r"\+?[0-9*#]+", number):
        return number
    return trunk.dialPrefix + re.sub(r"^\+", "00", number)
