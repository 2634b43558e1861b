# -*- test-case-name: ichatgw.test.ichat.test_contract,ichatgw.test.ichat.test_outbound -*-
"""
What the two kinds of iChat legs have in common.

An iChat is reached in two steps: first by stanzas, then by a SIP call between it and the gateway.  An iChat leg
therefore contains an I{inner} leg, which is a SIP one: it takes the place of a L{Call<ichatgw.calls.call.Call>} for
the inner leg, and lends it its own side of the relay.  Who looks from outside sees one leg.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from attrs import define
from twisted.words.protocols.jabber.jid import JID

from ichatgw.calls.inner import InnerCall
from ichatgw.interfaces import IChange, ILeg, IMessage, IReferral
from ichatgw.model import PCMU, Ending, EndReason, SessionDescription, Tone
from ichatgw.xmpp.presence.presence import Resource


class PresenceView(Protocol):
    """What a leg wants of L{ichatgw.xmpp.presence.presence.Presence}."""

    def resources(self, bare: JID) -> Sequence[Resource]:
        """The user's clients that are known."""

    def probe(self, user: JID) -> None:
        """Ask the user's server for its presence."""

    def show(self, to: JID, from_: JID, withCaps: bool) -> None:
        """Send directed presence."""


class InnerNews(Protocol):
    """The inputs of a leg's machine that its inner leg causes."""

    def innerRang(self) -> None: ...

    def innerProgressed(self, answer: SessionDescription) -> None: ...

    def innerAnswered(self, answer: SessionDescription) -> None: ...

    def innerEnded(self, ending: Ending) -> None: ...


def judge(change: IChange, inner: ILeg | None) -> None:
    """
    What there is to say to a change: no iChat can be put on hold, the relay feeds it silence meanwhile, and it has one
    format.
    """
    if change.isSettled:
        if inner is not None:
            inner.change(change)
    elif change.offer.hears(PCMU) is None:
        change.refuse(Ending(EndReason.INCOMPATIBLE, "an iChat has no other format than G.711"))
    else:
        change.agree(SessionDescription((PCMU,)))


class Ends(Protocol):
    """The machine of a leg, as far as both kinds know it."""

    def hangup(self, ending: Ending) -> None: ...


class IChatLeg:
    """What both kinds of legs do with the orders that all legs get."""

    machine: Ends

    def hand(self, message: IMessage) -> None:
        """See L{ILeg}.  An iChat cannot be told."""
        message.undeliverable()

    def hangup(self, ending: Ending) -> None:
        """See L{ILeg}."""
        self.machine.hangup(ending)


@define(eq=False)
class Inside(InnerCall):
    """The call that an inner leg sees: its news becomes inputs of the outer leg's machine."""

    machine: InnerNews

    def ringing(self, leg: ILeg) -> None:
        self.machine.innerRang()

    def progressing(self, leg: ILeg, answer: SessionDescription) -> None:
        self.machine.innerProgressed(answer)

    def answered(self, leg: ILeg, answer: SessionDescription) -> None:
        self.machine.innerAnswered(answer)

    def handed(self, leg: ILeg, message: IMessage) -> None:
        """But for keys, an iChat has nothing to say that a phone would understand."""
        if isinstance(message.value, Tone):
            super().handed(leg, message)
        else:
            message.undeliverable()

    def referred(self, leg: ILeg, referral: IReferral) -> None:
        """No iChat refers."""
        referral.declined()

    def ended(self, leg: ILeg, ending: Ending) -> None:
        self.machine.innerEnded(ending)
