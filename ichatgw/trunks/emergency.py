# -*- test-case-name: ichatgw.test.trunks.test_rights,ichatgw.test.trunks.test_directions -*-
"""
Calls for help: they have a rule of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote

from attrs import define

from ichatgw.address import Address
from ichatgw.escaping import toSIP

MARKS = str.maketrans("", "", " \t-.()/")
"""What is written in numbers for the eye."""

SERVICE = "urn:service:sos"
"""What phones call for help by, alone or with a kind of help behind it (RFC 5031)."""


@define(eq=False)
class Emergency:
    """
    @ivar numbers: of emergency services.
    @ivar output: where they are called; C{$1} is the number.
    @ivar isOurs: tells whether an XMPP domain is that of the gateway.
    """

    numbers: tuple[str, ...] = ()
    output: str = ""
    isOurs: Callable[[str], bool] = lambda domain: True

    def adopt(self, numbers: tuple[str, ...], output: str) -> None:
        """Use these numbers and this output from now on."""
        self.numbers, self.output = numbers, output

    def route(self, address: str) -> str | None:
        """Where a call for help goes; C{None} if C{address} is not that of one."""
        if not self.numbers or not self.output:
            return None
        number = self._number(address)
        return self.output.replace("$1", number) if number else None

    def isFor(self, number: str) -> bool:
        """Is it the number of an emergency service?"""
        return bool(self.output) and number in self.numbers

    def _number(self, address: str) -> str:
        said, text = Address(address), address.lower()
        if text == SERVICE or text.startswith(f"{SERVICE}."):
            return self.numbers[0]
        if said.scheme not in ("xmpp", "sip", "sips", "tel"):
            return ""  # one that comes by a trunk is for a local user
        if said.scheme == "xmpp" and not self.isOurs(said.bare.rpartition("@")[2]):
            return ""
        number = numberIn(address).removeprefix("+")
        return number if number in self.numbers else ""


def numberIn(address: str) -> str:
    """What is dialled, in an address of any kind."""
    said = Address(address)
    user = said.rest if said.scheme in ("tel", "urn") else said.user or said.rest
    return unquote(toSIP(user)).partition(";")[0].translate(MARKS)
