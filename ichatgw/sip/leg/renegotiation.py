# -*- test-case-name: ichatgw.test.sip.dialog,ichatgw.test.sip.leg.test_encryption,ichatgw.test.sip.leg.test_contract -*-  # noqa: E501
"""
What changes in the middle of a call, between a SIP leg's call and its dialog.

Media is anchored, so a party that holds, resumes or narrows its formats is answered at once, and the other one is told
afterwards.  Nothing is transcoded but the laws of G.711: if a party wants to go on with formats that the other one does
not speak now, that one is asked first, and the party is answered as it was.
"""

from __future__ import annotations

from functools import partial
from typing import cast

from attrs import evolve, frozen
from twisted.logger import Logger

from ichatgw import sdp
from ichatgw.calls.changes import Change
from ichatgw.calls.nulls import NoCall
from ichatgw.errors import CallError, MalformedError, NoCommonCodec
from ichatgw.interfaces import IChange
from ichatgw.model import (
    ANY_PACKING,
    PCMU,
    Codec,
    Direction,
    Ending,
    EndReason,
    Form,
    Packing,
    Party,
    SessionDescription,
    TransportAddress,
)
from ichatgw.runtime.nulls import unheard
from ichatgw.sip.dialog.reinvite import Verdict
from ichatgw.sip.dialog.requests import Reply
from ichatgw.sip.leg.interfaces import ISipLeg
from ichatgw.sip.leg.mediasecurity import Unprotected
from ichatgw.sip.leg.negotiation import Accord, Negotiation, speech
from ichatgw.sip.message.status import warningFor
from ichatgw.sip.transport.target import Transport

CROSSING = Ending(EndReason.INCOMPATIBLE, "both parties want to change at once")

_log = Logger()

_State = tuple[frozenset[Form], Direction, TransportAddress | None, tuple[int, int | None]]


@frozen
class _Gone:
    """In the place of a leg that has ended."""

    id: str
    party: Party
    call: NoCall
    reoffers: None = None
    dialog: None = None
    isAnswered: bool = False
    signallingHost: str = ""

    hangup = guarded = unheard


class Renegotiation:
    def __init__(self, leg: ISipLeg, negotiation: Negotiation) -> None:
        self._leg = leg
        self._negotiation = negotiation
        self._far = SessionDescription((PCMU,))
        self._wanted: tuple[Codec, ...] | None = None
        self._owed: IChange | None = None
        self._asked: sdp.ParsedSDP | None = None
        self._asking = False
        self._verdict: Verdict | None = None
        self._told: _State | None = None

    def letGo(self) -> None:
        """The leg has ended: what its dialog still says is no news for it."""
        self._owed = None
        self._leg = cast(ISipLeg, _Gone(self._leg.id, self._leg.party, NoCall(self._leg.call.id)))

    # Orders of the call, given to the leg

    def meet(self, far: SessionDescription) -> None:
        """What the other party speaks, and which way it lets media flow, as far as is known before the answer."""
        self._far = far
        self._negotiation.hold.far = far.direction
        self._negotiation.packing = far.packing

    def change(self, change: IChange) -> None:
        """See L{ichatgw.interfaces.ILeg}."""
        offer, reoffers = change.offer, self._leg.reoffers
        if change.isSettled:
            self.agree(offer)
            return
        if reoffers is None or self._asked is not None:
            change.refuse(CROSSING)
            return
        codecs = self._negotiation.offerable(offer.codecs)
        if not speech(codecs):
            change.refuse(Ending(EndReason.INCOMPATIBLE, "no codec is left to offer"))
            return
        self._remember()
        self.meet(evolve(offer, codecs=codecs))
        if speech(codecs) != self._negotiation.agreedSpeech:
            self._wanted = codecs
        self._owed = change
        reoffers.offer()

    def follow(self, far: SessionDescription) -> None:
        """The other party has answered, after the party was given an early answer that is for good."""
        self._remember()
        self.meet(far)
        if speech(far.codecs) != self._negotiation.agreedSpeech:
            self._wanted = far.codecs
        if self._leg.reoffers is not None:
            self._leg.reoffers.offer()

    def agree(self, answer: SessionDescription) -> None:
        """The other party goes along with what was told it last, or has agreed to the same with us."""
        turned = answer.direction is not self._far.direction
        self.meet(answer)
        offer = self._asked
        if offer is not None:
            self._decide(self._answerAsked(offer))
        elif turned and self._leg.reoffers is not None:
            self._remember()
            self._leg.reoffers.offer()

    def refuse(self, ending: Ending) -> None:
        """The other party does not go along."""
        if self._asked is not None:
            self._decide(_refusal(ending))
        elif not self._sharesSpeech():
            self._leg.hangup(ending)  # it has answered our offer with what the other party does not go over to

    def _sharesSpeech(self) -> bool:
        remote = self._negotiation.remote
        return remote is None or any(remote.hears(codec) for codec in self._far.codecs if not codec.isEvent)

    @property
    def _isWide(self) -> bool:
        """May the party be offered what the relay makes of the other one's formats?  An iChat has but one."""
        return self._leg.dialog is not None and self._leg.dialog.pinned is None

    # News of the dialog, see L{ichatgw.sip.dialog.reinvite.Changes}

    def offered(self, text: str | None, mayWait: bool) -> Verdict | None:
        self._remember()
        host = self._leg.signallingHost
        try:
            if text is None:
                self._keepSecret()
                return self._negotiation.offer(host, self._far.codecs, isWide=self._isWide)
            offer = sdp.parse(text)
            accord = self._negotiation.weigh(offer, self._far.codecs)
        except (MalformedError, CallError) as problem:
            return self._refusedHere(str(problem), getattr(problem, "cause", None))
        if mayWait and not accord.isPossible and accord.offer.description.codecs:
            return self._ask(accord.offer)
        return self._answer(accord)

    def withdrawn(self) -> None:
        """The other party has been asked in vain, and may have gone along by now."""
        self._asked = None
        self._told = None
        self._tell()

    def answerSent(self) -> None:
        self._tell()

    def nextOffer(self) -> str | None:
        wanted, self._wanted = self._wanted, None
        try:
            self._keepSecret()
            isWide = self._isWide and wanted is not None
            text = self._negotiation.reoffer(self._leg.signallingHost, wanted, isWide)
        except CallError as problem:
            self.offerRefused(Ending(problem.reason, str(problem)))
            return None
        if text is None:
            self._agreed()
        return text

    def sameOffer(self) -> str | None:
        try:
            self._keepSecret()
            return self._negotiation.repeat(self._leg.signallingHost)
        except CallError:
            return None

    def offerAnswered(self, text: str | None) -> None:
        if text is None and self._negotiation.remote is not None:
            self.offerRefused(Ending(EndReason.INCOMPATIBLE, "no answer came to our offer"))
            return
        try:
            if text is None:
                raise NoCommonCodec("no answer came to our offer")
            self._negotiation.accept(text)
        except (MalformedError, CallError) as problem:
            self._leg.hangup(Ending(EndReason.INCOMPATIBLE, str(problem), cause=getattr(problem, "cause", None)))
            return
        if self._owed is not None and self._leg.reoffers is not None:
            self._leg.reoffers.offer()  # until there is nothing new to say
        else:
            self._tell()

    def offerCrossed(self) -> None:
        """Our offer crossed one of the party's, and is made again soon."""
        self._wanted = self._negotiation.refused()

    def offerRefused(self, ending: Ending) -> None:
        self._negotiation.refused()
        self._far = evolve(self._far, codecs=self._negotiation.agreed)
        owed = self._owed
        if owed is not None and not (self._leg.reoffers is not None and self._leg.reoffers.isDue):
            self._owed = None
            owed.refuse(ending)

    # Inside

    def _keepSecret(self) -> None:
        """
        A party that has been called over TLS may want to hear all else by another way: not our keys.

        @raise Unprotected: if they would stand in the next request.
        """
        protecting, dialog = self._negotiation.protecting, self._leg.dialog
        if not protecting.isPrivate or protecting.policy.inClear or dialog is None or not protecting.signalsKeys:
            return
        hop = dialog.hop
        if hop is None or hop.transport is Transport.TLS:
            return
        if protecting.current is None:
            protecting.isPrivate = False  # it has taken none, and is offered none any more
        else:
            raise Unprotected(f"keys are not sent to {hop}, where anybody could read them")

    def _ask(self, offer: sdp.ParsedSDP) -> Verdict | None:
        """The other party has to say first whether it can go along; it may do so at once."""
        self._asked, self._asking = offer, True
        theirs = offer.description
        _log.info(
            "call={call} leg={leg} {party!r:.120} asks for other formats: {formats}",
            call=self._leg.call.id,
            leg=self._leg.id,
            party=self._leg.party.uri,
            formats=" ".join(codec.name for codec in theirs.codecs)[:80],
        )
        self._change(evolve(theirs, address=None, rtcp=None))
        self._asking = False
        return self._verdict if self._asked is None else None

    def _decide(self, verdict: Verdict) -> None:
        self._asked, self._verdict = None, verdict
        self._told = self._state()
        if not self._asking and self._leg.reoffers is not None:
            self._leg.reoffers.answer(verdict)

    def _answerAsked(self, offer: sdp.ParsedSDP) -> Verdict:
        """The other party has said what it speaks now."""
        try:
            return self._answer(self._negotiation.weigh(offer, self._far.codecs))
        except CallError as problem:
            return self._refusedHere(str(problem), problem.cause)

    def _answer(self, accord: Accord) -> Verdict:
        try:
            text = self._negotiation.answer(accord, self._leg.signallingHost)
        except CallError as problem:
            return self._refusedHere(str(problem), problem.cause)
        direction = accord.offer.description.direction
        self._negotiation.side.hold(direction)
        _log.info(
            "call={call} leg={leg} {party!r:.120} new offer answered: it is {direction}",
            call=self._leg.call.id,
            leg=self._leg.id,
            party=self._leg.party.uri,
            direction=direction.value,
        )
        return text

    def _refusedHere(self, why: str, cause: int | None = None) -> Reply:
        _log.info(
            "call={call} leg={leg} {party!r:.120} new offer refused: {why}",
            call=self._leg.call.id,
            leg=self._leg.id,
            party=self._leg.party.uri,
            why=why,
        )
        return _refusal(Ending(EndReason.INCOMPATIBLE, why, cause=cause))

    def _agreed(self) -> None:
        owed, self._owed = self._owed, None
        if owed is not None:
            self._told = self._state()
            owed.agree(self.description)

    def answered(self) -> None:
        """The call is answered: what has changed before may be told now."""
        if self._told is not None:
            self._tell()

    def known(self) -> None:
        """The other party is being told how things are."""
        self._told = self._state()

    def _tell(self) -> None:
        """The other party is told what it does not know; not before the answer."""
        if not self._leg.isAnswered:
            return
        state = self._state()
        if self._told != state:
            self._told = state
            self._change(self.description)

    def _change(self, description: SessionDescription) -> None:
        guarded = self._leg.guarded
        change = Change(description, partial(guarded, self.agree), partial(guarded, self.refuse))
        self._leg.call.changed(self._leg, change)

    def _remember(self) -> None:
        """What was agreed on when the call was answered, the other party knows."""
        if self._told is None:
            self._told = self._state()

    def _state(self) -> _State:
        negotiation = self._negotiation
        return negotiation.agreedSpeech, negotiation.hold.wish, negotiation.place, self._packing.effective

    @property
    def _packing(self) -> Packing:
        remote = self._negotiation.remote
        return ANY_PACKING if remote is None else remote.packing

    @property
    def description(self) -> SessionDescription:
        """What the party speaks, and which way it lets media flow."""
        remote = self._negotiation.remote
        codecs = self._negotiation.agreed if remote is None else remote.codecs
        return SessionDescription(codecs, direction=self._negotiation.hold.wish, packing=self._packing)


def _refusal(ending: Ending) -> Reply:
    warning = warningFor(Ending(EndReason.INCOMPATIBLE, ending.text, cause=ending.cause))
    return Reply(488, "Not Acceptable Here", (("warning", warning),))
