# -*- test-case-name: ichatgw.test.trunks.test_routes,ichatgw.test.trunks.test_rights -*-
"""
Calls that come by trunks, as the rules see them: C{sip:number@trunk}.

Between the SIP endpoint and here such a call has an address with a scheme of its own, which no far
end can send: a caller that writes the name of a trunk in the place of a host has no call that came by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrs import define, field

from ichatgw.address import Address
from ichatgw.calls.dialplan import Source
from ichatgw.errors import NoRoute
from ichatgw.model import Party
from ichatgw.trunks.emergency import Emergency

TRUNK = "trunk:"
"""What such an address begins with."""


def calledBy(trunk: str, number: str) -> str:
    """The address that a call by a trunk has until it is translated."""
    return f"{TRUNK}{number}@{trunk}"


@define(eq=False)
class TrunkRoutes:
    """
    @ivar inner: the rules, and the phone book.
    @ivar isTrunk: is that, in lower case, the name of a trunk?
    @ivar emergency: knows where calls for help go, whatever the rules say.
    """

    inner: Source
    isTrunk: Callable[[str], bool]
    emergency: Emergency = field(factory=Emergency)

    def matches(self, address: str) -> bool:
        """Is there a rule for C{address}, or is it in the phone book?"""
        return self.emergency.route(address) is not None or self._known(address) is not None

    def translate(self, address: str) -> str:
        """
        The address that C{address} stands for.

        @raise NoRoute: if there is none.
        """
        helped = self.emergency.route(address)
        if helped is not None:
            return helped
        known = self._known(address)
        if known is None:
            raise NoRoute("no translation rule matches")
        return self.inner.translate(known)

    def registrable(self, address: str) -> str:
        """
        The address at which a user is to be registered: what C{address} stands for, if that is at a server of its own.

        @raise NoRoute: if there is none, or calls to it go by trunks, which are registered for all.
        """
        found = self.translate(address)
        if any(map(self.isTrunk, Address(found).names)):
            raise NoRoute("it is reached by a trunk")
        return found

    def introduced(self, caller: Party, route: str) -> Party:
        """See L{Source.introduced}."""
        return self.inner.introduced(caller, route)

    def _known(self, address: str) -> str | None:
        """How the rules know C{address}; C{None} if they do not."""
        if address.startswith(TRUNK):
            return next((each for each in _spellings(address[len(TRUNK) :]) if self.inner.matches(each)), None)
        return address if not self._isClaimed(address) and self.inner.matches(address) else None

    def _isClaimed(self, address: str) -> bool:
        """Does it say that it came by a trunk, and did not?"""
        said = Address(address)
        if said.scheme not in ("sip", "sips"):
            return False
        host = said.place.partition(";")[0].partition(":")[0]
        return self.isTrunk(host.rstrip(".").lower())


def _spellings(place: str) -> Iterator[str]:
    """How a number may be written in a rule: as it came, or as an international one is."""
    number, _, trunk = place.rpartition("@")
    yield f"sip:{place}"
    digits = number[1:] if number.startswith("+") else number[2:] if number.startswith("00") else ""
    if digits.isdigit():
        for each in (f"+{digits}", f"00{digits}", digits):
            if each != number:
                yield f"sip:{each}@{trunk}"
    elif number.isdigit():
        yield f"sip:+{number}@{trunk}"
