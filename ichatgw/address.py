# -*- test-case-name: ichatgw.test.test_model,ichatgw.test.calls,ichatgw.test.trunks -*-
"""
An address that can be called, of whichever kind: C{sip:} and C{sips:} (RFC 3261 section 19.1), C{xmpp:} (RFC 5122),
C{tel:} (RFC 3966) and C{urn:} (RFC 5031).

Nothing is unescaped or written anew here: each part is a piece of the text, and what is not changed goes out as it
came.
"""

from __future__ import annotations

import re

from attrs import frozen

_HOST = re.compile(r"\[[^\]]*\]|[^:;?/]*")


@frozen
class Address:
    """
    @ivar text: what it is read from; any text is one, be it without a scheme or a user.
    """

    text: str

    @property
    def scheme(self) -> str:
        """In small letters; all of the text if there is none."""
        return self.text.partition(":")[0].lower()

    @property
    def rest(self) -> str:
        """What follows the scheme: parameters, a resource and a query are part of it."""
        return self.text.partition(":")[2]

    @property
    def user(self) -> str:
        """The part before the C{@}, with its escapes; empty if there is none."""
        return self._parts[0]

    @property
    def _parts(self) -> tuple[str, str, str]:
        """
        What stands before the last C{@}, it, and what stands behind it; there may be others in a resource of XMPP.
        """
        if self.scheme != "xmpp":
            return self.rest.rpartition("@")
        bare, slash, resource = self.rest.partition("/")
        user, at, host = bare.rpartition("@")
        return user, at, f"{host}{slash}{resource}"

    @property
    def place(self) -> str:
        """The part after it, which is all that there is without one: a host, its port, and parameters."""
        return self._parts[2]

    @property
    def host(self) -> str:
        """C{place} in small letters, without port, parameters, a resource and a query."""
        found = _HOST.match(self.place.lower())
        return "" if found is None else found[0]

    @property
    def bare(self) -> str:
        """Who it is: user, if there is one, and host, in small letters, without what says how they are reached."""
        if self.scheme == "xmpp":  # what may stand in a resource stands in no user
            return self.rest.lower().partition("/")[0]
        user = self.user.lower()
        return f"{user}@{self.host}" if user else self.host

    @property
    def names(self) -> tuple[str, ...]:
        """
        What stands behind the C{@}, in small letters: a host, or trunks in their order with commas between them; none
        without a user.
        """
        _, at, place = self._parts
        return tuple(place.lower().split(",")) if at else ()

    def withUser(self, user: str) -> Address:
        """The same for another user, if it has one at all; the rest stays as it came."""
        scheme, colon, _ = self.text.partition(":")
        _, at, place = self._parts
        return Address(f"{scheme}{colon}{user}{at}{place}") if at else self

    def at(self, *names: str) -> Address:
        """The same user at other trunks or another host; C{names} are what stands behind the C{@} then."""
        scheme, colon, _ = self.text.partition(":")
        return Address(f"{scheme}{colon}{self.user}@{','.join(names)}")

    def __str__(self) -> str:
        return self.text


def inFull(number: str) -> str:
    """
    A telephone number without its parameters; one that counts within a country or an exchange (RFC 3966 section 5.1.5)
    with what says which that is.

    @param number: what follows C{tel:}, or stands before the C{@} of a SIP address, without escapes.
    """
    written, *parameters = number.split(";")
    for each in parameters:
        name, _, context = each.partition("=")
        if name.strip().lower() == "phone-context" and context.startswith("+") and not written.startswith("+"):
            return context + written
    return written
