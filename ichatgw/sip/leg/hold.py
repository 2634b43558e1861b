# -*- test-case-name: ichatgw.test.sip.leg.test_hold,ichatgw.test.sip.dialog.test_midcall -*-
"""
Hold and resume (RFC 3264 section 8.4): which way media flows with the party of a SIP leg.

A party holds the other one by an offer that is C{sendonly} or C{inactive}, or by an address of zeros, which
L{ichatgw.sdp.reading} reads as the same.  It is answered at once, and the other party is told by a C{change} whose
offer has that direction.  Only the party that holds can resume: each direction limits the other one, and none is ever
widened by the far end of the call.
"""

from __future__ import annotations

from attrs import define, field

from ichatgw.model import Direction


@define
class Hold:
    """
    @ivar far: which way the other party of the call lets media flow, seen from it.
    @ivar wish: which way this party would let media flow if the other one did not limit it, seen from it.
    """

    far: Direction = Direction.SENDRECV
    wish: Direction = field(default=Direction.SENDRECV, init=False)

    def answering(self, offered: Direction) -> Direction:
        """
        What an offer of the party is answered with.

        @param offered: seen from the party.
        @return: seen from us, as all that we say.
        """
        return offered.mirrored.within(self.far)

    def offering(self) -> Direction:
        """What we offer within the call: no more than the party allows by itself."""
        return self.far.within(self.wish.mirrored)

    def offered(self, direction: Direction) -> None:
        """The party's offer is answered: it has said what it would let flow."""
        self.wish = direction

    def answered(self, said: Direction, answer: Direction) -> Direction:
        """
        The party has answered our offer.  It could not allow more than it was offered: of what was not, it has said
        nothing.

        @param said: what we have offered.
        @param answer: seen from the party.
        @return: what holds now, seen from us.
        """
        allowed = said.mirrored
        self.wish = Direction.of(
            answer.sends if allowed.sends else self.wish.sends,
            answer.listens if allowed.listens else self.wish.listens,
        )
        return answer.mirrored.within(said)

    def forget(self) -> None:
        """Another target is called now."""
        self.wish = Direction.SENDRECV
