# -*- test-case-name: ichatgw.test.sip.register.test_bindings -*-
"""
Which of our Contacts lead to whom: a call to one of them is for the user who is registered there, whatever else the
INVITE says (RFC 3261 section 8.2.2.1).
"""

from __future__ import annotations

from collections.abc import Iterable
from secrets import token_hex

from attrs import Factory, define, field
from sippy.SipURL import SipURL

from ichatgw.sip.auth.authorization import Answers
from ichatgw.sip.register.extensions import NONE, NOTHING, Extensions, Granted
from ichatgw.sip.transaction.way import Way
from ichatgw.sip.transport.target import Transport

TOKEN = "rinstance="
"""The parameter of our Contacts that no two of them share."""

MAX_PLACES = 3
"""How many spellings of one Contact are remembered."""

_Place = tuple[str, str, int]


@define(eq=False)
class Binding:
    """
    An address of record, and where its user is reached: here.

    @ivar aor: C{sip:user@domain}.
    @ivar instance: what tells our Contact for it from others.
    @ivar sequence: the CSeq that the next REGISTER has.
    @ivar answers: what its registrar has asked for.
    @ivar way: on which its registrar is reached; C{None} for that of all requests.
    @ivar registrar: the URI of its registrar, if that is not just the host of the address.
    @ivar extensions: what it asks for beyond RFC 3261.
    @ivar granted: what of that the registrar has granted, as long as it is registered.
    @ivar key: by which it is known to who wants it.
    """

    aor: str
    callId: str = field(factory=lambda: token_hex(16))
    instance: str = field(factory=lambda: token_hex(8))
    sequence: int = field(default=1, init=False)
    answers: Answers | None = field(default=None, init=False)
    way: Way | None = None
    registrar: str = ""
    extensions: Extensions = NONE
    granted: Granted = field(default=NOTHING, init=False)
    key: str = field(default=Factory(lambda self: self.aor, takes_self=True))


@define(eq=False)
class Bindings:
    """The bindings that hold now."""

    _byToken: dict[str, Binding] = field(factory=dict, init=False)
    _byPlace: dict[_Place, dict[Binding, str]] = field(factory=dict, init=False)
    _places: dict[Binding, tuple[_Place, ...]] = field(factory=dict, init=False)

    def add(self, binding: Binding, contacts: Iterable[SipURL], registrar: str) -> None:
        """
        @param contacts: how its Contact may be spelt, as sippy's C{SipURL}: by us, and by the registrar.
        @param registrar: the host, an IP literal, where it is registered.
        """
        self.discard(binding)
        self._byToken[binding.instance] = binding
        places = self._places[binding] = tuple(dict.fromkeys(map(_place, contacts)))[:MAX_PLACES]
        for place in places:
            self._byPlace.setdefault(place, {})[binding] = registrar

    def discard(self, binding: Binding) -> None:
        """The binding holds no longer."""
        self._byToken.pop(binding.instance, None)
        for place in self._places.pop(binding, ()):
            there = self._byPlace[place]
            del there[binding]
            if not there:
                del self._byPlace[place]

    def find(self, url: SipURL, source: str, onlyThere: bool = False) -> Binding | None:
        """
        The one whose Contact C{url} is: by its token, or if that is lost (parameters that only one of two URIs has do
        not tell them apart, RFC 3261 section 19.1.4) by user, host and port.

        @param source: who calls it, an IP literal: of several, the one that is registered there.
        @param onlyThere: without the token, nothing but one that is registered there will do.
        """
        token = next((each.removeprefix(TOKEN) for each in url.other if each.startswith(TOKEN)), "")
        if token in self._byToken:
            return self._byToken[token]
        there = self._byPlace.get(_place(url), {})
        known = [binding for binding, registrar in there.items() if registrar == source]
        known = known or ([] if onlyThere else list(there))
        return known[0] if len(known) == 1 else None


def _place(url: SipURL) -> _Place:
    port = Transport.of(url.transport or "", url.scheme == "sips").defaultPort if url.port is None else int(url.port)
    return url.username or "", url.host.lower(), port
