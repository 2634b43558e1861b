# -*- test-case-name: ichatgw.test.phonebook.test_routes,ichatgw.test.texts.test_gateway -*-
"""
Where called addresses lead: the translation rules and the phone book as one, in the order that the administrator wants.
"""

from __future__ import annotations

import re
from typing import Protocol

from attrs import define, evolve

from ichatgw.errors import NoRoute
from ichatgw.model import Party
from ichatgw.phonebook.book import PhoneBook

_HOST = re.compile(r"\[[^\]]*\]|[^:;?]+")


class Source(Protocol):
    """What leads from one address to another, as L{ichatgw.calls.dialplan.DialPlan} does."""

    @property
    def isAboutXMPP(self) -> bool:
        """May calls from XMPP, or to it, be led anywhere?"""

    def matches(self, address: str) -> bool:
        """Does it know C{address}?"""

    def translate(self, address: str) -> str:
        """
        The address that C{address} stands for.

        @raise NoRoute: if it does not know it, or that leads nowhere.
        """


@define(eq=False)
class Routes:
    """
    The rules and the book.

    @ivar rules: the translation rules.
    @ivar book: the phone book, which may be empty.
    @ivar bookFirst: whether the book decides where both know an address.
    """

    rules: Source
    book: PhoneBook
    bookFirst: bool = True

    @property
    def isAboutXMPP(self) -> bool:
        """May calls from XMPP, or to it, be led anywhere?  If not, no link is needed."""
        return bool(self.book) or self.rules.isAboutXMPP

    def matches(self, address: str) -> bool:
        """Does either know C{address}?"""
        return self.rules.matches(address) or self.book.matches(address)

    def translate(self, address: str) -> str:
        """
        The address that C{address} stands for, by the first that knows it: if that makes no use of it the other one is
        not asked.

        @raise NoRoute: if neither knows it, or it leads nowhere.
        """
        if not self.book:
            return self.rules.translate(address)
        if self.bookFirst:
            return (self.book if self.book.matches(address) else self.rules).translate(address)
        return (self.book if not self.rules.matches(address) else self.rules).translate(address)

    def nameOf(self, address: str) -> str:
        """The name that the book has for the number in C{address}; empty if it has none."""
        entry = self.book.called(address) if self.book else None
        return "" if entry is None else entry.name

    def introduced(self, caller: Party, route: str) -> Party:
        """
        The caller as the book shows it to the called party: by the name that it has for the caller and, for a user who
        calls by SIP, by their own number.  The number is at the host that the rules give their address, so that they
        can be called back there, or at the one that is called.

        @param route: the address that is called.
        """
        entry = self.book.entryOf(caller)
        if entry is None:
            return caller
        caller = evolve(caller, name=entry.name or caller.name)
        if not caller.uri.startswith("xmpp:") or not route.startswith("sip"):
            return caller
        host = self._hostOf(caller) or _host(route)
        return evolve(caller, uri=f"sip:{entry.shown}@{host}") if host else caller

    def _hostOf(self, caller: Party) -> str:
        try:
            own = self.rules.translate(caller.uri)
        except NoRoute:
            return ""
        return _host(own) if own.startswith("sip") else ""


def _host(address: str) -> str:
    """The host of a SIP address, without port and parameters; empty if there is none."""
    rest = address.partition(":")[2]
    found = _HOST.match(rest.rpartition("@")[2])
    return found[0] if found is not None else ""
