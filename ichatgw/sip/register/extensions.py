# -*- test-case-name: ichatgw.test.sip.register.test_extensions -*-
"""
What a registration can ask for beyond RFC 3261: flows that the registrar keeps apart (RFC 5626), addresses that lead to
us from anywhere (RFC 5627), and one Contact for all numbers of a PBX (RFC 6140).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import frozen
from sippy.SipAddress import SipAddress
from sippy.SipContact import SipContact
from sippy.SipHeader import SipHeader
from sippy.SipResponse import SipResponse
from sippy.SipURL import SipURL

from ichatgw.sip.message.syntax import SEMICOLON
from ichatgw.sip.message.uris import Misaddressed, parse

BULK_TAG = "gin"
"""The option tag of RFC 6140."""

NO_OUTBOUND = "439"
"""First Hop Lacks Outbound Support (RFC 5626 section 11.6)."""

MAX_FLOW_TIMER = 3600
"""The longest time between keepalives that a server can set, in seconds."""

SHARE = 0.9
"""The share of the time between keepalives that is used."""

_GRUU = re.compile(r";\s*(pub|temp)-gruu\s*=\s*\"\s*(sips?:[^\"\s<>]{1,400})\s*\"", re.IGNORECASE).findall
_TIMER = re.compile(r"\s*([0-9]{1,9})\s*")


@frozen
class Extensions:
    """
    @ivar instance: the URN of this user agent, the same after each start (RFC 5626 section 4.1); empty to say none.
    @ivar flow: the C{reg-id} of this flow, from 1 on; 0 to ask for none.
    @ivar gruu: whether addresses that lead to us from anywhere are wanted.
    @ivar bulk: whether the Contact is for all numbers that the registrar knows of the address.
    """

    instance: str = ""
    flow: int = 0
    gruu: bool = False
    bulk: bool = False

    def address(self, contact: SipContact) -> None:
        """
        Add to our Contact, sippy's C{SipContact}, what it has to say.

        The one for many numbers has no user (RFC 6140 section 5.2); the caller makes it without.
        """
        if self.bulk:
            contact.getUrl().other.append("bnc")
        if self.instance:
            contact.address.setParam("+sip.instance", f'"<{self.instance}>"')
        if self.flow:
            contact.address.setParam("reg-id", str(self.flow))

    def headers(self) -> list[SipHeader]:
        """The headers of a REGISTER that say so, sippy's C{SipHeader}."""
        tags = ["path", *(["outbound"] if self.flow else []), *(["gruu"] if self.gruu else [])]
        needed = [("require", BULK_TAG), ("proxy-require", BULK_TAG)] if self.bulk else []
        named = [*needed, ("supported", ", ".join(tags))]
        return [SipHeader(name=name, bodys=value) for name, value in named]


NONE = Extensions()


@frozen
class Granted:
    """
    What a registrar has granted of it.

    @ivar public: the address that leads to us from anywhere, a URI; empty if there is none.
    @ivar temporary: the same, without telling who we are.
    @ivar outbound: it keeps flows apart.
    @ivar flowTimer: seconds after which it takes a flow that is silent for dead; C{None} if it has not said.
    """

    public: str = ""
    temporary: str = ""
    outbound: bool = False
    flowTimer: int | None = None

    def silence(self, reliable: bool) -> float:
        """
        The most seconds between two keepalives on a flow that the registrar keeps apart (RFC 5626 section 4.4).

        @param reliable: over a connection.
        """
        longest = 120 if reliable else 29
        return SHARE * (longest if self.flowTimer is None else self.flowTimer)

    def contact(self, plain: SipContact, number: str, isPrivate: bool) -> tuple[SipContact, tuple[SipHeader, ...]]:
        """
        The Contact for a dialog, sippy's C{SipContact}, and the headers that go with it.

        @param plain: what it is without extensions.
        @param number: who is at our end, for an address that holds for many numbers; an escaped user part.
        @param isPrivate: the caller does not want to be known.
        """
        address = self._chosen(number, isPrivate)
        if address is not None:
            return SipContact(address=SipAddress(url=address)), _supporting("gruu")
        if not self.outbound:
            return plain, ()
        contact = plain.getCopy()
        contact.getUrl().other.append("ob")  # what follows in the dialog is to come over this flow (section 4.3)
        return contact, _supporting("outbound")

    def _chosen(self, number: str, isPrivate: bool) -> SipURL | None:
        uri = self.temporary if isPrivate else self.public
        try:
            url = parse(uri) if uri else None
        except Misaddressed:
            return None
        if url is not None and "bnc" in url.other:  # it stands for those of all numbers (RFC 6140 section 7.1.1)
            if not number:
                return None
            url.username = number
            url.other = [each for each in url.other if each != "bnc"]
        return url


NOTHING = Granted()


def _supporting(tag: str) -> tuple[SipHeader, ...]:
    return (SipHeader(name="supported", bodys=tag),)


def granted(response: SipResponse, contacts: Iterable[str]) -> Granted:
    """
    Read what a registrar grants with a 2xx.

    @param response: sippy's C{SipResponse}.
    @param contacts: those Contacts of it that are ours, as text.
    """
    texts = (contact.replace(SEMICOLON, ";") for contact in contacts)
    found = {kind.lower(): uri for text in texts for kind, uri in _GRUU(text)}
    timer = _TIMER.fullmatch(_text(response, "flow-timer"))
    seconds = int(timer[1]) if timer is not None else 0
    return Granted(
        found.get("pub", ""),
        found.get("temp", ""),
        "outbound" in re.split(r"[\s,]+", _text(response, "require").lower()),
        min(seconds, MAX_FLOW_TIMER) if seconds else None,
    )


def _text(response: SipResponse, name: str) -> str:
    return ",".join(str(header.body.body or header.body) for header in response.headers if header.name == name)
