# -*- test-case-name: ichatgw.test.ichat.test_waiting,ichatgw.test.ichat.test_contract -*-
"""
Calls of iChats that wait for the iChat's own INVITE, and the question whose INVITE has come.

An iChat writes the two JIDs as display names, and nothing that we have chosen but the address that it calls: there is
no room for a mark of ours in C{connectData}.  So who knows both names could pose as the iChat.  What it has is:

 - the address that the INVITE comes from, if that is one of those in the iChat's request;
 - else, for an iChat behind a NAT that knows no public address of its own, what the INVITE says of the host that it was
   written on: in C{Via}, C{Contact} and C{Call-ID} (C{uuid@192-168-1-2}).  A stranger would have to guess a private
   address that only the request has named, and can guess once;
 - else nothing: then the INVITE is held for L{HOLD}, and taken if by then no other host has sent one.

Who sends an INVITE for a call before that is accepted does not know what the iChat knows, and is not heard for a while.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence

from attrs import define, field, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.words.protocols.jabber.jid import JID

from ichatgw.errors import CallError, Congested, MalformedError, Refused
from ichatgw.ichat.connectdata import AddressRecord, plainAddress
from ichatgw.ichat.inbound import InboundLeg
from ichatgw.model import EndReason, Invitation, TransportAddress
from ichatgw.net.networks import sourceOf
from ichatgw.xmpp.stanzas import bareJID, parseJID

#: How long, and of how many calls, it is remembered that they were there, for INVITEs that come too late.
MEMORY = 60.0
MAX_REMEMBERED = 256

HOLD = 1.0
"""Seconds that an INVITE waits which may be another one's."""

MAX_CLAIMS = 16
"""How many hosts whose address says nothing are heard for one call."""

DEAF = 60.0
"""Seconds for which a host is not heard whose INVITE came too early, and how many such hosts are remembered."""

MAX_EARLY = 1024

_Names = tuple[JID, JID]


@frozen
class Match:
    """
    @ivar leg: the call whose INVITE it seems to be.
    @ivar isSure: it is; else it has to be held until it is known whether another host sends one as well.
    """

    leg: InboundLeg
    isSure: bool


class TooLate(CallError):
    """The INVITE belongs to a call that is over."""

    reason = EndReason.UNAVAILABLE


@define(eq=False)
class WaitingLegs:
    """
    The legs of iChats that have asked, until their INVITE comes or they are over.

    @ivar clock: tells the time.
    @ivar limit: how many calls of one user may wait at once.
    """

    clock: IReactorTime
    limit: int
    _legs: dict[_Names, dict[JID, InboundLeg]] = field(factory=dict, init=False)
    _users: Counter[JID] = field(factory=Counter, init=False)
    _claims: dict[InboundLeg, dict[str, bool]] = field(factory=dict, init=False)
    _early: OrderedDict[str, float] = field(factory=OrderedDict, init=False)
    _over: dict[_Names, float] = field(factory=dict, init=False)

    def __len__(self) -> int:
        return sum(self._users.values())

    def find(self, caller: JID, called: JID) -> InboundLeg | None:
        """The call from this very iChat to this bare address."""
        return self._legs.get((bareJID(caller), called), {}).get(caller)

    def add(self, leg: InboundLeg) -> None:
        """@raise Congested: if too many calls of the user wait already."""
        user = bareJID(leg.caller)
        if self._users[user] >= self.limit:
            raise Congested(f"{self.limit} calls of the user wait already")
        self._users[user] += 1
        self._legs.setdefault((user, leg.called), {})[leg.caller] = leg

    def remove(self, leg: InboundLeg) -> None:
        """The leg waits no more; does nothing if it did not wait."""
        user = bareJID(leg.caller)
        names = user, leg.called
        there = self._legs.get(names, {})
        if there.get(leg.caller) is not leg:
            return
        del there[leg.caller]
        if not there:
            del self._legs[names]
        self._users[user] -= 1
        if not self._users[user]:
            del self._users[user]
        self._claims.pop(leg, None)
        self._remember(names)

    def match(self, invitation: Invitation) -> Match:
        """
        Whose INVITE is this?

        The names must both be right (compared as JIDs, whatever their case), the call must be accepted, and the INVITE
        must come from an address that the iChat named in its request.  An iChat behind a NAT may not know the address
        it is seen at; then, and only if it named no public address of that family itself, it is known as the head of
        this module says, provided that the names mean one call only or that it shows which.  Who can also forge the
        source of a datagram gets no further than that: our answer goes elsewhere.

        To ask twice about one INVITE changes nothing.

        @raise CallError: if no call waits for it.  It must not become a call: any host could call any number.
        """
        names = self._namesIn(invitation)
        waiting = self._legs.get(names, {}).values()
        legs = [leg for leg in waiting if leg.awaitsInvite]
        known = [leg for leg in legs if _names(leg.records, invitation.source)]
        if known:
            return Match(next((leg for leg in known if _namesPort(leg.records, invitation.source)), known[0]), True)
        if not legs and self._remembers(names):
            raise TooLate("the call is over")
        source = sourceOf(invitation.source.host)
        if waiting and not legs:
            self._comesEarly(source)
        if not legs or self._wasEarly(source):
            raise Refused("no such call is expected")
        return self._unknown(legs, invitation, source)

    def isContested(self, leg: InboundLeg) -> bool:
        """Have several hosts sent an INVITE for the call whose addresses say nothing?"""
        return len(self._claims.get(leg, ())) > 1

    def _unknown(self, legs: Sequence[InboundLeg], invitation: Invitation, source: str) -> Match:
        """An INVITE from an address that no iChat has named."""
        possible = [leg for leg in legs if _mayBeBehindNAT(leg.records, invitation.source)]
        shown = [leg for leg in possible if _isWrittenAt(leg.records, invitation)]
        if len(shown) == 1:
            leg = shown[0]
        elif len(possible) == len(legs) == 1:
            leg = possible[0]
        else:
            raise Refused("no such call is expected")
        claims = self._claims.setdefault(leg, {})
        if source not in claims and len(claims) < MAX_CLAIMS:
            claims[source] = bool(shown)  # what it says later would be another guess
        if source not in claims or not (claims[source] or len(claims) == 1):
            raise Refused("several hosts send an INVITE for one call")
        return Match(leg, claims[source])

    def _comesEarly(self, source: str) -> None:
        self._early[source] = self.clock.seconds()
        self._early.move_to_end(source)
        if len(self._early) > MAX_EARLY:
            self._early.popitem(last=False)

    def _wasEarly(self, source: str) -> bool:
        since = self._early.get(source)
        return since is not None and self.clock.seconds() - since < DEAF

    def _namesIn(self, invitation: Invitation) -> _Names:
        try:
            return bareJID(parseJID(invitation.callerName.strip())), bareJID(parseJID(invitation.calledName.strip()))
        except MalformedError as error:
            raise Refused(f"not the names of an iChat call: {error}") from error

    def _remember(self, names: _Names) -> None:
        self._over.pop(names, None)
        self._over[names] = self.clock.seconds()
        if len(self._over) > MAX_REMEMBERED:
            del self._over[next(iter(self._over))]

    def _remembers(self, names: _Names) -> bool:
        since = self._over.get(names)
        return since is not None and self.clock.seconds() - since < MEMORY


def _names(records: Iterable[AddressRecord], source: TransportAddress) -> bool:
    """Is the host among those named?"""
    host = plainAddress(source.host)
    return any(plainAddress(record.address.host) == host for record in records)


def _namesPort(records: Sequence[AddressRecord], source: TransportAddress) -> bool:
    """Is the very address among those named?"""
    return _names([record for record in records if record.address.port == source.port], source)


def _mayBeBehindNAT(records: Iterable[AddressRecord], source: TransportAddress) -> bool:
    """An iChat that names a public address of that family is seen at it."""
    hosts = [plainAddress(record.address.host) for record in records]
    return not any(host.is_global and host.version == plainAddress(source.host).version for host in hosts)


def _isWrittenAt(records: Iterable[AddressRecord], invitation: Invitation) -> bool:
    """
    Does an INVITE name hosts where it was written, and none but those of the iChat?  Some routers replace them by the
    address that the INVITE comes from.
    """
    source = plainAddress(invitation.source.host)
    named = {plainAddress(host) for host in invitation.writtenAt} - {source}
    return bool(named) and named <= {plainAddress(record.address.host) for record in records}
