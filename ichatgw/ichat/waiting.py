# -*- test-case-name: ichatgw.test.test_ichat_waiting -*-
"""
Calls of iChats that wait for the iChat's own INVITE, and the question whose INVITE has come.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import define, field
from twisted.internet.interfaces import IReactorTime
from twisted.words.protocols.jabber.jid import JID

from ichatgw.errors import CallError, Congested, MalformedError, Refused
from ichatgw.ichat.connectdata import AddressRecord, plainAddress
from ichatgw.ichat.inbound import InboundLeg
from ichatgw.model import EndReason, Invitation, TransportAddress
from ichatgw.xmpp.stanzas import bareJID, parseJID

#: How long, and of how many calls, it is remembered that they were there, for INVITEs that come too late.
MEMORY = 60.0
MOST_REMEMBERED = 256

_Names = tuple[JID, JID]


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
    _legs: dict[_Names, InboundLeg] = field(factory=dict, init=False)
    _over: dict[_Names, float] = field(factory=dict, init=False)

    def __len__(self) -> int:
        return len(self._legs)

    def find(self, caller: JID, called: JID) -> InboundLeg | None:
        """The call from this very iChat to this bare address."""
        return self._legs.get((caller, called))

    def add(self, leg: InboundLeg) -> None:
        """@raise Congested: if too many calls of the user wait already."""
        user = bareJID(leg.caller)
        if sum(1 for caller, _ in self._legs if bareJID(caller) == user) >= self.limit:
            raise Congested(f"{self.limit} calls of the user wait already")
        self._legs[leg.caller, leg.called] = leg

    def remove(self, leg: InboundLeg) -> None:
        """The leg waits no more; does nothing if it did not wait."""
        if self._legs.get((leg.caller, leg.called)) is leg:
            del self._legs[leg.caller, leg.called]
            self._remember((bareJID(leg.caller), leg.called))

    def match(self, invitation: Invitation) -> InboundLeg:
        """
        Whose INVITE is this?

        An iChat writes the two JIDs as display names, and nothing secret: who knows both, and sends an INVITE in the
        moment between our accept and the iChat's own INVITE, could pose as the iChat.  So the names must both be right
        (compared as JIDs, whatever their case), the call must be accepted, and the INVITE must come from an address
        that the iChat named in its request.  An iChat behind a NAT may not know the address it is seen at; then, and
        only if it named no public address of that family itself, the names alone will do, provided that they mean one
        call only.  Who can also forge the source of a datagram gets no further than that: our answer goes elsewhere.

        @raise CallError: if it is nobody's.  It must not become a call: any host could call any number.
        """
        names = self._namesIn(invitation)
        legs = [leg for leg in self._legs.values() if leg.awaitsInvite and (bareJID(leg.caller), leg.called) == names]
        known = [leg for leg in legs if _names(leg.records, invitation.source)]
        if known:
            return next((leg for leg in known if _namesPort(leg.records, invitation.source)), known[0])
        if len(legs) == 1 and _mayBeBehindNAT(legs[0].records, invitation.source):
            return legs[0]
        if not legs and self._remembers(names):
            raise TooLate("the call is over")
        raise Refused("no such call is expected")

    def _namesIn(self, invitation: Invitation) -> _Names:
        try:
            return bareJID(parseJID(invitation.callerName.strip())), bareJID(parseJID(invitation.calledName.strip()))
        except MalformedError as error:
            raise Refused(f"not the names of an iChat call: {error}") from error

    def _remember(self, names: _Names) -> None:
        self._over.pop(names, None)
        self._over[names] = self.clock.seconds()
        if len(self._over) > MOST_REMEMBERED:
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
    """Whoever names a public address of that family is seen at it."""
    hosts = [plainAddress(record.address.host) for record in records]
    return not any(host.is_global and host.version == plainAddress(source.host).version for host in hosts)
