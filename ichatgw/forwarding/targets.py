# -*- test-case-name: ichatgw.test.forwarding.test_targets -*-
"""
Where a forwarded call leads: from what a user or a rule names to an address that can be dialled, with the rights of the
user who forwards.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define
from phonenumbers import country_code_for_region
from phonenumbers.shortnumberinfo import is_emergency_number

from ichatgw.errors import NoRoute, Refused
from ichatgw.escaping import toSIP
from ichatgw.model import Party
from ichatgw.trunks.emergency import Emergency, numberIn
from ichatgw.users.preferences import VOICEMAIL

_EVERYWHERE = frozenset({"112", "911"})
"""Numbers that mobile phones take for those of emergency services in all countries."""

_OUTSIDE = "9"
"""What a PBX may want before a number outside of it, besides zeros."""


@define(eq=False)
class Targets:
    """
    @ivar domain: that of the gateway.
    @ivar translate: the address that one stands for; raises L{NoRoute}.
    @ivar directed: where the call of a user to an address goes, which leads to another one; raises L{Refused} if they
        may not call it.
    @ivar isGuest: may users of that address call, and be called?
    @ivar numberOf: the number that the phone book has for a user; empty if it has none.
    @ivar emergency: knows emergency numbers.
    @ivar country: where the gateway stands, see C{Country}.
    @ivar voicemail: where mailboxes are, see C{VoicemailOutput}.
    """

    domain: str
    translate: Callable[[str], str]
    directed: Callable[[Party, str, str], str]
    isGuest: Callable[[str], bool]
    numberOf: Callable[[str], str]
    emergency: Emergency
    country: str = ""
    voicemail: str = ""

    def route(self, user: str, target: str) -> str:
        """
        The address to dial.

        @param user: who forwards, by the bare address.
        @param target: see L{ichatgw.forwarding.choices.Forward}.
        @raise NoRoute: if it leads nowhere.
        @raise Refused: if that user may not call it.
        """
        if target == VOICEMAIL:
            if not self.voicemail:
                raise NoRoute("there is no VoicemailOutput")
            return self.voicemail.replace("$1", self.numberOf(user) or toSIP(user.rpartition("@")[0]))
        called = target if target.startswith(("sip:", "sips:")) else self._called(target)
        if self._isForHelp(called):
            raise Refused("calls are not forwarded to emergency services")
        route = self._translated(called)
        if self._isForHelp(route):
            raise Refused("calls are not forwarded to emergency services")
        return self.directed(Party(f"xmpp:{user}"), called, route)

    def _called(self, target: str) -> str:
        """A number is called as users call it."""
        return f"xmpp:{target}" if "@" in target else f"xmpp:{target}@{self.domain}"

    def _translated(self, called: str) -> str:
        if called.startswith(("sip:", "sips:")):
            return called
        if called.rpartition("@")[2] == self.domain:
            return self.translate(called)
        if not self.isGuest(called.partition(":")[2]):
            raise Refused("calls are not forwarded to users of that domain")
        return called

    def _isForHelp(self, address: str) -> bool:
        if self.emergency.route(address) is not None:
            return True
        return any(map(self._isEmergency, self._plain(numberIn(address))))

    def _plain(self, number: str) -> tuple[str, ...]:
        """How a number may end up behind a PBX: without what leads outside, or to the country where it stands."""
        code = country_code_for_region(self.country) if self.country else 0
        home = [number.removeprefix(f"{abroad}{code}") for abroad in ("+", "00")] if code else []
        outside = number.lstrip("+0")
        return (number, outside, outside.removeprefix(_OUTSIDE), *home)

    def _isEmergency(self, number: str) -> bool:
        if number in self.emergency.numbers or number in _EVERYWHERE:
            return True
        return bool(self.country) and bool(is_emergency_number(number, self.country))
