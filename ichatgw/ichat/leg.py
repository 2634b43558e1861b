# -*- test-case-name: ichatgw.test.ichat.test_contract,ichatgw.test.ichat.test_outbound -*-
"""
What the two kinds of iChat legs have in common.

An iChat is reached in two steps: first by stanzas, then by a SIP call between it and the gateway.  An iChat leg
therefore contains an I{inner} leg, which is a SIP one: it takes the place of a L{Call} for the inner leg, and lends
it its own side of the relay.  Who looks from outside sees one leg.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from attrs import define
from twisted.words.protocols.jabber.jid import JID
from zope.interface import implementer

from ichatgw.interfaces import ICall, IEnclosure, ILeg, IReferral
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


def judge(leg: ILeg, offer: SessionDescription) -> None:
    """
    What there is to say of an update: no iChat can be put on hold, the relay feeds it silence meanwhile, and it has one
    format.
    """
    if offer.hears(PCMU) is None:
        leg.call.refused(leg, Ending(EndReason.INCOMPATIBLE, "an iChat has no other format than G.711"))
    else:
        leg.call.agreed(leg, SessionDescription((PCMU,)))


@implementer(ICall)
@define(eq=False)
class Inside:
    """The call that an inner leg sees: its news becomes inputs of the outer leg's machine."""

    outer: ILeg
    machine: InnerNews

    @property
    def id(self) -> str:
        """The inner leg's log lines carry the name of the real call."""
        return self.outer.call.id

    def ringing(self, leg: ILeg) -> None:
        self.machine.innerRang()

    def progressing(self, leg: ILeg, answer: SessionDescription) -> None:
        self.machine.innerProgressed(answer)

    def answered(self, leg: ILeg, answer: SessionDescription) -> None:
        self.machine.innerAnswered(answer)

    def updated(self, leg: ILeg, offer: SessionDescription) -> None:
        self.outer.call.updated(self.outer, offer)

    def agreed(self, leg: ILeg, answer: SessionDescription) -> None:
        """It is not told of updates."""

    def refused(self, leg: ILeg, ending: Ending) -> None:
        """It is not told of updates."""

    def info(self, leg: ILeg, tone: Tone) -> None:
        self.outer.call.info(self.outer, tone)

    def handed(self, leg: ILeg, enclosure: IEnclosure) -> None:
        """An iChat has nothing to say that a phone would understand."""
        enclosure.undeliverable()

    def referred(self, leg: ILeg, referral: IReferral) -> None:
        """No iChat refers."""
        referral.declined()

    def ended(self, leg: ILeg, ending: Ending) -> None:
        self.machine.innerEnded(ending)
