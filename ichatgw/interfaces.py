# -*- test-case-name: ichatgw.test.calls.test_call -*-
"""
The borders between the parts.  Orders go down to a leg, news comes up from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen
from zope.interface import Attribute, Interface

from ichatgw.model import (
    Candidate,
    Checks,
    Codec,
    Direction,
    Ending,
    Farewell,
    InCall,
    Invitation,
    Party,
    Protection,
    Receipt,
    SessionDescription,
    Tone,
    TransportAddress,
    TransportDescription,
    TransportKind,
    Whereabouts,
)


class ILeg(Interface):
    """
    One party's side of a call, whatever its protocol.

    It says C{ended} to its C{call} exactly once, whichever side hung up, and nothing after that; this may happen inside
    the very method that causes it.  Its methods never raise: what fails ends the leg.

    A leg owns its side of the relay: it tells the side where its party is, and writes the side's own address into
    what it sends to the party.
    """

    id: str = Attribute("A short name for logs, unique while the leg lives.")
    kind: str = Attribute(
        "C{sip}, C{jingle} or C{ichat}; C{xmpp} if it is to be seen which of the last two; C{echo} for test calls."
    )
    party: Party = Attribute("Who is at the far end.")
    call: ICall = Attribute("Whom the leg reports to; set before the first order.")
    side: IMediaSide = Attribute("Its side of the relay; set before the first order.")

    def change(change: IChange) -> None:
        """
        The other party's media has changed within the answered call.

        The leg tells its party, and answers when the last of the changes is settled; a leg that cannot tell its party,
        or need not, says at once whether it can go on with that.
        """

    def hand(message: IMessage) -> None:
        """The other party says this; a leg that cannot tell it to its party says that it is undeliverable."""

    def farewells() -> tuple[Farewell, ...]:
        """What there is to say to its party if the process were gone; nothing if no word is waited for."""

    def hangup(ending: Ending) -> None:
        """End the leg, in whatever state it is.  C{ended} follows, now or later."""


class IInboundLeg(ILeg):
    """The leg of a party that calls."""

    trail: str = Attribute("By what its messages are known, see L{ichatgw.observe.events.TrailBegan}; may be empty.")

    def ring() -> None:
        """Tell the party that the far end is alerting.  May come more than once."""

    def progress(answer: SessionDescription) -> None:
        """Give the party early media; a leg that cannot do so ignores it."""

    def answer(answer: SessionDescription) -> None:
        """Accept the party's offer."""


class IOutboundLeg(ILeg):
    """The leg of a party that is called."""

    isTaken: bool = Attribute("Is it known that its party has taken the call, so that the answer follows in a moment?")

    def start(offer: SessionDescription) -> None:
        """Call the party.  C{offer} is the other party's; only its formats matter here."""


class ICall(Interface):
    """What a leg reports to: the call, or another leg that contains it."""

    id: str = Attribute("The name of the call in logs; legs put it in each line.")

    def peer(leg: ILeg) -> Party | None:
        """
        Who is at the other end now, as the party of C{leg} may see it; marked as private if it does not want to be
        shown.  C{None} if there is no party.
        """

    def ringing(leg: ILeg) -> None:
        """The party is alerting (outbound legs only).  May come more than once."""

    def progressing(leg: ILeg, answer: SessionDescription) -> None:
        """The party sends early media (outbound legs only)."""

    def answered(leg: ILeg, answer: SessionDescription) -> None:
        """The party accepted (outbound legs only)."""

    def changed(leg: ILeg, change: IChange) -> None:
        """The party's media has changed within the answered call."""

    def handed(leg: ILeg, message: IMessage) -> None:
        """The party says something to the other one within the call."""

    def referred(leg: ILeg, referral: IReferral) -> None:
        """The party wants its peer to be connected to another party."""

    def ended(leg: ILeg, ending: Ending) -> None:
        """The leg is over.  It says nothing after this."""


class IChange(Interface):
    """
    A change of a party's media within the answered call: it puts the call on hold, resumes it, or changes its formats.

    It takes the other party's answer: one of C{agree} and C{refuse} is said, now or later, unless the call ends.  If
    another change of the same party follows before that, the answer to the later one is the answer to both.
    """

    offer: SessionDescription = Attribute(
        "What the party speaks now; its C{direction} is what the party itself allows, whatever the other one does."
    )
    isSettled: bool = Attribute("The two have agreed to this already, and the other party has only to know.")

    def agree(answer: SessionDescription) -> None:
        """
        The other party goes on with that.

        @param answer: what it speaks, as in C{offer}.
        """

    def refuse(ending: Ending) -> None:
        """The other party does not, and goes on as before."""


class IMessage(Interface):
    """
    Something that a party says to the other one within the call, and who waits for the answer: one of C{answered} and
    C{undeliverable} is said, now or later; what is said after that is not heard.
    """

    value: InCall = Attribute("What is said.")

    def answered(receipt: Receipt) -> None:
        """The other party has said this, or cannot be reached."""

    def undeliverable() -> None:
        """The other party cannot take such things."""


class IReferral(Interface):
    """
    The wish of a party that its peer be connected to another party (RFC 3515).  It is told the outcome: C{declined}, or
    else C{accepted}, and then once C{succeeded} or C{failed}.
    """

    called: str = Attribute("The address, to be looked up in the translation rules.")
    by: str = Attribute("Who wishes it (RFC 3892), as a URI; empty if that is not said.")
    joins: ILeg | None = Attribute("If given, the party that talks to that leg of ours is meant, and not the address.")

    def accepted() -> None:
        """It is tried."""

    def dialled(leg: IOutboundLeg) -> None:
        """
        This leg leads there; it has not started.

        @raise NoRoute: if the leg cannot replace a dialog at that place (RFC 3891), and that is wished.
        """

    def declined(busy: bool = False) -> None:
        """
        It is not.

        @param busy: it may be tried later: another one is tried now.
        """

    def rang() -> None:
        """The party that is called is alerting."""

    def succeeded() -> None:
        """The two are connected."""

    def failed(ending: Ending) -> None:
        """They are not: things are as they were."""


Place = Callable[[Callable[[ILeg], bool]], ILeg | None]
"""
Gives the leg whose place an arriving one wants (RFC 3891); C{None} if it cannot have it: then it has ended itself.
What it is given tells whether a leg is one of the two of a call.
"""


@frozen
class Arrival:
    """
    A call that arrives.

    @ivar party: who calls.
    @ivar called: the address to be looked up in the translation rules, C{xmpp:...} or C{sip:...}.
    @ivar offer: what the caller can speak.
    @ivar source: where its INVITE came from; C{None} if it did not come over SIP.
    @ivar login: the user who has logged in with it.
    @ivar place: whose place the caller wants; C{None} for a call of its own.
    @ivar direct: where its media can be sent to without us; C{None} if that has to come to us.
    @ivar objection: why the call cannot be taken, from any caller; C{None} if it can.
    """

    party: Party
    called: str
    offer: SessionDescription
    source: TransportAddress | None = None
    login: str | None = None
    place: Place | None = None
    direct: TransportAddress | None = None
    objection: Ending | None = None


class IArrivals(Interface):
    """Where an adapter takes a call that arrives from its network, of one who may call."""

    def arrived(leg: IInboundLeg, arrival: Arrival) -> None:
        """
        A call arrives.

        @param leg: the arriving leg; the taker sets C{call} and C{side} before it gives an order.
        """


class IInvitationMatcher(Interface):
    """Knows INVITEs that are no calls of phones, but belong to something that it waits for."""

    def claims(invitation: Invitation) -> bool:
        """Is this INVITE one of its kind?  Then it never becomes a call of its own."""

    def objection(invitation: Invitation) -> Ending | None:
        """
        Why an INVITE that it claims cannot be taken; C{None} if it is waited for.  Asked before a leg is made, if the
        INVITE comes from a host that may not call, and without a login.
        """

    def invited(leg: IInboundLeg, invitation: Invitation) -> None:
        """It has come, and has a leg."""


class IDialer(Interface):
    """Makes outbound legs of one kind."""

    def dial(called: str, caller: Party) -> IOutboundLeg:
        """
        Make a leg towards C{called}; nothing is sent before its C{start}.

        @param called: the translated address, with its scheme.
        @raise CallError: if no leg can be made, e.g. the address is malformed.
        """


class IMediaSide(Interface):
    """One side of a relay: the sockets that one party sends to."""

    isDirect: bool = Attribute("Media does not pass here: the party is shown where the other one is.")

    def anchor() -> IMediaSide:
        """
        Let media of both parties pass here from now on.

        @return: this side, or the one that takes its place; its party has to be told where that is.
        @raise Congested: if no port is left.
        """

    def local(towards: str) -> TransportAddress:
        """
        Where the party at C{towards} (an IP literal) shall send RTP; RTCP goes to the port above.

        The sockets of that address family are open when this returns.
        @raise Congested: if no port is left.
        @raise OutOfReach: if there is no way there.
        """

    def connect(
        remote: SessionDescription, ours: tuple[Codec, ...] | None = None, whereabouts: Whereabouts | None = None
    ) -> None:
        """
        The party has said where it is and what it speaks; may be said anew.

        @param remote: its C{address} may be C{None} (not known yet): then the side learns it from its packets.
        @param ours: the same formats with the payload types that the party was told to send, if these are others.
        @param whereabouts: where else it may be, as its signalling shows; C{None} if that shows nothing.
        """

    def protect(protection: Protection | None, failed: Callable[[Ending], None]) -> None:
        """
        Media of the party is SRTP from now on; C{None}: it is plain.  To be said right after each L{connect} to a party
        whose media may be protected.  Keys that are the same as before go on (with their rollover counters), and so
        does DTLS if neither certificate, role nor address are others.

        @param protection: with keys that can be used.
        @param failed: told if there will be no keys, because DTLS came to nothing.
        """

    def watch(silent: Callable[[], None]) -> None:
        """
        Say if the party falls silent.

        @param silent: told when the party, which was heard and may send, has sent nothing for as long as the settings
            allow; and again each time that has passed once more.
        """

    def press(tone: Tone) -> bool:
        """
        Tell the party of a key in its media (RFC 4733).

        @return: that this can be done; if not, the party has not named such a format, or is sent nothing.
        """

    def check(checks: Checks | None) -> None:
        """
        Answer the checks of the party, and send media to where it says by them (ICE, as its lite end); C{None}: it
        makes none.  To be said after C{connect}.
        """

    def listen(heard: Callable[[Tone], None] | None) -> None:
        """
        From now on tell C{heard} of the keys in the party's media (RFC 4733) as long as the other party takes none in
        its own; C{None} ends that.  For parties whose media passes here.
        """

    def hold(direction: Direction) -> None:
        """Which way the party now lets media flow (seen from the party); silence is sent where none arrives."""


class IRelay(Interface):
    """Two sides; what comes in at one goes out at the other."""

    caller: IMediaSide = Attribute("The side of the leg that arrived.")
    callee: IMediaSide = Attribute("The side of the leg that was dialled.")

    def another() -> IMediaSide:
        """
        One more side, for a party that may take the place of one of the two.  Until then what comes in at it goes
        nowhere.

        @raise Congested: if no port is left.
        """

    def exchange(old: IMediaSide, new: IMediaSide) -> None:
        """
        Let C{new} take the place of C{old}.  The party that stays goes on sending where it sends, and hears one stream;
        so does the new one, if it has heard something before.

        @param old: one of the two; from now on it is none of them, and has no part in the call.
        @param new: what L{another} has made, or a side of another relay, which is without it from now on.
        """

    def drop(side: IMediaSide) -> None:
        """Give back the ports of a side that is none of the two."""

    def close() -> None:
        """Give the ports back, those of all sides.  Idempotent."""


class IMediaEngine(Interface):
    """Makes relays."""

    hasRoom: bool = Attribute("Is there room for another call?")

    def allocate(callId: str) -> IRelay:
        """
        @param callId: for logs.
        @raise Congested: if there is no room for another call.
        """


class IMediaTransport(Interface):
    """
    The way of one party's media, between the party and its side of the relay.

    It knows no stanza.  Its methods never raise: what fails is told to its L{ITransportNews}.  News may come from
    within the very method that causes it, but none after L{close}.
    """

    local: TransportDescription = Attribute(
        "What we say of ourselves now: our ufrag and password, the candidates known so far (host candidates are known"
        " at once), fingerprint and setup (actpass if we offer, active if we answer), or keys, or plain addresses."
    )

    def connect(remote: TransportDescription, media: SessionDescription, ours: tuple[Codec, ...]) -> None:
        """
        Both have described themselves: find a way, agree on keys, and let media flow.

        @param remote: the party's transport, with the candidates known so far.
        @param media: what the party speaks, with the payload types it wants to be sent; its C{address} is C{None}.
        @param ours: the same formats with the payload types that the party was told to send.
        """

    def addCandidates(candidates: Sequence[Candidate]) -> None:
        """The party has found more ways to reach it.  Before L{connect} they are kept for it."""

    def restart(remote: TransportDescription) -> TransportDescription:
        """
        The party starts ICE anew, with another ufrag and password (RFC 8445 section 9).

        @return: what we say of ourselves now, with another ufrag and password as well.
        """

    def hold(direction: Direction) -> None:
        """Which way the party now lets media flow, seen from the party."""

    def close() -> None:
        """
        Stop, without a word to the party.  The side remains, and may be used by another transport.  Idempotent.
        """


class ITransportNews(Interface):
    """Who is told by a transport."""

    def candidatesFound(candidates: Sequence[Candidate]) -> None:
        """More ways to reach us are known; they are in C{local} as well."""

    def connected() -> None:
        """Media can flow: there is a pair of candidates that works, and the keys are agreed.  Said once."""

    def failed(ending: Ending) -> None:
        """
        There is no way, or no more: no pair works, the keys are wrong, consent was lost (RFC 7675).  Said once; the
        transport is of no more use.
        """


class IMediaTransports(Interface):
    """Makes transports."""

    def make(
        callId: str,
        side: IMediaSide,
        news: ITransportNews,
        remote: TransportDescription | None,
        kind: TransportKind = TransportKind.DTLS,
    ) -> IMediaTransport:
        """
        @param callId: for logs.
        @param side: the party's side of the relay.  It may have several transports, of which the one that is
            connected has it.
        @param remote: what the party has offered, if it called; C{None} if we offer.  Who offers controls ICE.
        @param kind: what is offered.
        @raise CallError: if there can be none: no port is left, or the party offers nothing that we may use.
        """
