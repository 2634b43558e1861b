# -*- test-case-name: ichatgw.test.trunks.test_directions -*-
"""
Where the call of one caller goes, once it is known where such calls go.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from ichatgw.address import Address
from ichatgw.model import Party
from ichatgw.trunks.rights import Rights


@frozen
class Directions:
    """
    @ivar rights: who may dial what; its phone book knows who has a trunk of their own.
    @ivar isTrunk: is that, in lower case, the name of a trunk?
    """

    rights: Rights
    isTrunk: Callable[[str], bool]

    def route(self, caller: Party, called: str, route: str) -> str:
        """
        Where a call goes: by the trunk that the phone book has for the caller first, if it goes by trunks at all.

        @param called: the address that is called, and C{route} what it was translated to.
        @raise Refused: if that caller may not dial it.
        """
        self.rights.check(caller, called, route)
        names = Address(route).names
        if not any(map(self.isTrunk, names)) or self.rights.emergency.route(called) is not None:
            return route
        entry = self.rights.book.entryOf(caller)
        own = entry.trunk.lower() if entry is not None else ""
        if not own or not self.isTrunk(own):
            return route
        return str(Address(route).at(*dict.fromkeys((own, *names))))
