# -*- test-case-name: ichatgw.test.selfservice.test_testcalls -*-
"""
Where the test address leads.
"""

from __future__ import annotations

from attrs import frozen

from ichatgw.calls.dialplan import Source
from ichatgw.model import Party
from ichatgw.selfservice.testcalls import BACK, SCHEME


@frozen
class TestNumber:
    """
    The rules and the book, with the test address before them.

    @ivar inner: the others; where these lead to the test address, the test call is meant too.
    @ivar address: the test address, C{user@domain}, bare.
    """

    inner: Source
    address: str

    def matches(self, address: str) -> bool:
        """Is it the test address, or do others know it?"""
        return self._isTest(address) or address.startswith(f"{BACK}:") or self.inner.matches(address)

    def translate(self, address: str) -> str:
        """See L{Source}."""
        if address.startswith(f"{BACK}:"):
            return address
        found = address if self._isTest(address) else self.inner.translate(address)
        return f"{SCHEME}:{self.address}" if self._isTest(found) else found

    def introduced(self, caller: Party, route: str) -> Party:
        """See L{Source}."""
        return self.inner.introduced(caller, route)

    def _isTest(self, address: str) -> bool:
        scheme, _, rest = address.partition(":")
        return scheme == "xmpp" and rest.partition("?")[0].partition("/")[0].lower() == self.address
