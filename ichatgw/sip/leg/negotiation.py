# -*- test-case-name: ichatgw.test.sip.leg.test_negotiation,ichatgw.test.sip.leg.test_encryption,ichatgw.test.sip.leg.test_contract,ichatgw.test.media.relay.test_direct -*-  # noqa: E501
"""
The offers and answers of one dialog (RFC 3264).
"""

from __future__ import annotations

from collections.abc import Callable
from secrets import randbits

from attrs import define, evolve, field, frozen

from ichatgw import sdp
from ichatgw.errors import NoCommonCodec
from ichatgw.interfaces import IMediaSide
from ichatgw.model import (
    ANY_PACKING,
    PCMA,
    PCMU,
    Codec,
    Direction,
    Ending,
    Form,
    Packing,
    Protection,
    SessionDescription,
    TransportAddress,
    Whereabouts,
)
from ichatgw.runtime.nulls import unheard
from ichatgw.sip.leg.hold import Hold
from ichatgw.sip.leg.mediasecurity import MediaSecurity

Said = tuple[frozenset[Form], Direction, TransportAddress, tuple[int, int | None]]
"""
What a description of ours says that the party may care for: formats, which way media flows, where it goes, and how long
packets shall be.
"""

SUPPOSED = SessionDescription(
    (
        PCMU,
        PCMA,
        Codec("G722", 8000, 9),
        Codec("opus", 48000, 96, 2, "useinbandfec=1"),
        Codec("G729", 8000, 18),
        Codec("iLBC", 8000, 97, 1, "mode=20"),
        Codec("GSM", 8000, 3),
        Codec("telephone-event", 8000, 101, 1, "0-15"),
    ),
    isSupposed=True,
)
"""
What a caller can be taken to speak that makes no offer, but waits for ours: all that a relay can pass on as it is and
phones are likely to have, what every phone has first.
"""

_DYNAMIC = range(96, 128)
"""The numbers of RFC 3551 section 3 that anybody may give away."""


def speech(codecs: tuple[Codec, ...]) -> frozenset[Form]:
    """The formats that one can talk in, whatever their numbers and order."""
    return frozenset([each.form for each in codecs if not each.isEvent])


def _nowhere() -> Whereabouts | None:
    """Its messages do not show it."""
    return None


def _any(codec: Codec) -> bool:
    """The filter before one is set: every codec passes."""
    return True


def _newOrigin() -> sdp.Origin:
    return sdp.Origin(randbits(31))


@frozen
class Accord:
    """
    What an offer of the party comes to, worked out once: before it is known whether it can be answered.

    @ivar offer: with the stream chosen that we take part in.
    @ivar ours: the formats of ours that were looked at.
    @ivar match: those that both have, or why there is none.
    """

    offer: sdp.ParsedSDP
    ours: tuple[Codec, ...]
    match: sdp.Match | NoCommonCodec

    @property
    def isPossible(self) -> bool:
        """Is there a format in common?"""
        return isinstance(self.match, sdp.Match)


@define(eq=False)
class Negotiation:
    """
    What was offered and answered in one dialog, by whichever end; our side of the relay is told of it.

    SDP goes in and comes out; who carries it (INVITE, ACK, UPDATE, early or final responses) is the leg's matter.
    The version of our description goes up when it says something new, and only then (RFC 3264 section 8).

    @ivar side: our side of the relay; set before the first offer or answer.
    @ivar codecs: what was agreed on, or is offered as long as nothing is.
    @ivar remote: the party's last description, with those codecs that both have, in our order; C{None} before that.
    @ivar hold: which way media flows.
    @ivar packing: how long the other party of the call wants packets to be.
    @ivar protecting: how its media is protected.
    @ivar failed: told if the keys for it cannot be agreed on.
    @ivar whereabouts: where the party is, as its latest message shows.
    @ivar allowed: may the party be offered that format?
    """

    side: IMediaSide = field(init=False)
    codecs: tuple[Codec, ...] = (PCMU,)
    remote: SessionDescription | None = field(default=None, init=False)
    hold: Hold = field(factory=Hold)
    packing: Packing = ANY_PACKING
    protecting: MediaSecurity = field(factory=MediaSecurity)
    failed: Callable[[Ending], None] = field(default=unheard)
    whereabouts: Callable[[], Whereabouts | None] = field(default=_nowhere)
    allowed: Callable[[Codec], bool] = field(default=_any)
    _origin: sdp.Origin = field(factory=_newOrigin)
    _agreed: tuple[Codec, ...] = field(default=(), init=False)
    _speech: frozenset[Form] = field(default=frozenset(), init=False)
    _written: str = field(default="", init=False)
    _offered: tuple[Codec, ...] | None = field(default=None, init=False)
    _said: Said | None = field(default=None, init=False)
    _saidBefore: Said | None = field(default=None, init=False)
    _numbers: dict[int, Codec] = field(factory=dict, init=False)
    _lines: tuple[sdp.MediaLine, ...] = field(default=(), init=False)
    _place: int = field(default=0, init=False)
    _host: str = field(default="", init=False)
    _offersMux: bool = field(default=False, init=False)
    _isWide: bool = field(default=False, init=False)
    _more: tuple[Codec, ...] = field(default=(), init=False)

    def letGo(self) -> None:
        """The leg has ended: what fails from now on is not reported."""
        self.failed = unheard
        self.whereabouts = _nowhere
        self.allowed = _any

    @property
    def agreed(self) -> tuple[Codec, ...]:
        """What both can, with the numbers that the party was told to send."""
        return self.codecs if self.remote is None else self._agreed

    @property
    def agreedSpeech(self) -> frozenset[Form]:
        """Those of L{agreed} that one can talk in."""
        return speech(self.codecs) if self.remote is None else self._speech

    @property
    def place(self) -> TransportAddress | None:
        """Where the other party of the call sends its media, if not to us."""
        return self.remote.address if self.side.isDirect and self.remote is not None else None

    def offer(
        self,
        host: str,
        codecs: tuple[Codec, ...] | None = None,
        direction: Direction | None = None,
        isWide: bool = False,
    ) -> str:
        """
        Our offer, the first or a later one; it awaits its answer.

        @param host: where the party's messages come from, which counts as long as it has not said where its media is.
        @param codecs: what is offered; by default those that were agreed on.
        @param direction: seen from us; by default that of the other party.
        @param isWide: so are formats that the relay makes of these.
        @return: SDP.
        @raise Congested: if no port is left.
        """
        if self.remote is None:
            self.protecting.beginChecks()
        if self.side.isDirect and (self.protecting.wantsKeys or self.protecting.checks is not None):
            self.side = self.side.anchor()
        codecs = self.codecs if codecs is None else codecs
        self._isWide = isWide and not self.side.isDirect
        self._more = self._makeable(codecs) if self._isWide else ()
        offered = self._numbered(sdp.distinct(sdp.withEvents(sdp.withMore(codecs, self._more))))
        far = self.hold.far if direction is None else direction
        ours = SessionDescription(offered, self._local(host), None, far, self.packing)
        profile, transport = self.protecting.offer()
        transport = self.protecting.withChecks(transport)
        self._write(sdp.writeOffer(ours, self._origin, profile, transport, self._lines, self._place))
        self._offersMux = transport.muxed
        self._offered = offered
        self._saidBefore = self._said
        self._say(ours, speech(offered))
        return self._written

    def _makeable(self, codecs: tuple[Codec, ...]) -> tuple[Codec, ...]:
        return tuple(codec for codec in sdp.makeable(codecs) if self.allowed(codec))

    def offerable(self, codecs: tuple[Codec, ...]) -> tuple[Codec, ...]:
        """Those of C{codecs} that may be offered; if that leaves no speech, what the relay can make of them."""
        allowed = tuple(codec for codec in codecs if self.allowed(codec))
        return allowed if speech(allowed) or self.side.isDirect else sdp.withMore(allowed, self._makeable(codecs))

    def canWiden(self, codecs: tuple[Codec, ...]) -> bool:
        """Would more than C{codecs} be offered if media passed here?"""
        return self.side.isDirect and bool(self._makeable(codecs))

    def reoffer(self, host: str, codecs: tuple[Codec, ...] | None = None, isWide: bool = False) -> str | None:
        """
        Our offer within the call, after something has changed at the other end.  It asks the party for no more than it
        allows by itself: only the party itself ends its hold.

        @param codecs: what is offered; by default what both can.
        @param isWide: see L{offer}.
        @return: SDP; C{None} if it would say nothing new.
        @raise Congested: if no port is left.
        """
        codecs = self.agreed if codecs is None else codecs
        direction = self.hold.offering()
        saying = speech(codecs), direction, self._local(host), self.packing.effective
        return None if self._said == saying else self.offer(host, codecs, direction, isWide)

    def repeat(self, host: str) -> str:
        """
        Our offer that says what was said last.

        @raise Congested: if no port is left.
        """
        return self.offer(host, self.agreed, self.hold.far if self._said is None else self._said[1], self._isWide)

    def accept(self, text: str, final: bool = True) -> SessionDescription:
        """
        The party's answer to our offer.

        @param final: no other answer to the same offer may follow, as it may after one in a provisional response.
        @return: the party's description as it stands.
        @raise MalformedError: if it is no SDP.
        @raise CallError: if it holds nothing of what we offered.
        """
        offered = self.codecs if self._offered is None else self._offered
        parsed = sdp.parse(text, offered).within(self.protecting.policy.reaches)
        stream = next((each for each in parsed.streams if each.index == self._place), parsed.stream)
        protection = self.protecting.accept(stream)
        answer = sdp.asOffered(stream.description, offered)
        codecs = self._preferred(offered, answer)
        self.protecting.checksAgreed(stream.transport)
        common = sdp.commonCodecs(codecs, answer)
        told = tuple(codec for codec in offered if answer.find(codec) is not None)
        self._connect(answer, common, told, protection, self._offersMux and stream.transport.muxed)
        self.protecting.agreed(protection)
        known = evolve(answer, codecs=common)
        self._agree(codecs, tuple(codec for codec in codecs if known.find(codec) is not None))
        if self._said is not None:
            direction = self.hold.answered(self._said[1], answer.direction)
            self._said = self._speech, direction, *self._said[2:]
        if final:
            self._offered = None
        return evolve(answer, direction=self.hold.wish)

    def _preferred(self, offered: tuple[Codec, ...], answer: SessionDescription) -> tuple[Codec, ...]:
        """What is sent as it comes goes before what is made of it."""
        more = self._more
        asTheyCome = tuple(codec for codec in offered if not any(codec.matches(each) for each in more))
        isSpeech = any(answer.find(codec) is not None for codec in asTheyCome if not codec.isEvent)
        return asTheyCome if isSpeech else offered

    def refused(self) -> tuple[Codec, ...] | None:
        """
        Our offer was refused: what was agreed on before still holds (RFC 3261 section 14.1).

        @return: what was offered.
        """
        offered, self._offered = self._offered, None
        if offered is not None:
            self._said = self._saidBefore
        return offered

    def insist(self) -> bool:
        """
        The party has refused our first offer, and gets another one if that held keys beside plain media: phones that
        take nothing but C{RTP/SAVP} do not look at the keys in C{RTP/AVP}.

        @return: is it worth another offer?
        """
        if not self.protecting.mayInsist:
            return False
        self.forget()
        self.protecting.insists = True
        return True

    def forget(self) -> None:
        """Another target is called now, in another dialog: what the last one said does not hold."""
        self.remote = self._offered = self._said = None
        self.protecting.forget()
        self.hold.forget()
        self._numbers.clear()
        self._lines, self._place, self._host = (), 0, ""

    def weigh(self, offer: sdp.ParsedSDP, codecs: tuple[Codec, ...] | None = None) -> Accord:
        """
        An offer of the party, with the stream chosen that we take part in.

        @param codecs: what may be agreed on, in the order of preference; by default what was agreed on before.
        @raise CallError: if no stream of it can be used, whatever its formats.
        """
        ours = self.codecs if codecs is None else codecs
        return self._weighed(self.protecting.choose(offer, ours), ours)

    def _weighed(self, offer: sdp.ParsedSDP, ours: tuple[Codec, ...]) -> Accord:
        try:
            return Accord(offer, ours, sdp.match(ours, offer.description, not self.side.isDirect))
        except NoCommonCodec as problem:
            return Accord(offer, ours, problem)

    def answer(self, offer: sdp.ParsedSDP | Accord, host: str, codecs: tuple[Codec, ...] | None = None) -> str:
        """
        Our answer to an offer of the party.

        @param offer: what it has said, or what L{weigh} has made of it.
        @param host: where the party's messages come from.
        @param codecs: see L{weigh}.
        @return: SDP.
        @raise CallError: if the offer has none of the codecs, or no protection that is demanded; if no port is left.
        """
        accord = offer if isinstance(offer, Accord) else self.weigh(offer, codecs)
        offer = accord.offer
        stream = offer.stream
        checks = self.protecting.checksFor(stream.transport)
        if self.side.isDirect and (checks is not None or self.protecting.protects(stream)):
            self.side = self.side.anchor()
            accord = self._weighed(offer, accord.ours)
        match = accord.match
        if isinstance(match, NoCommonCodec):
            raise match
        theirs = stream.description
        direction = self.hold.answering(theirs.direction)
        described = SessionDescription(match.answer, self._local(host, theirs), None, direction, self.packing)
        # Who does ICE is to begin DTLS: it knows the way first.
        isNear = checks is None and theirs.address is not None and theirs.address.host == host
        transport, protection = self.protecting.answer(stream, isNear)
        transport = self.protecting.withChecks(transport)
        self._write(sdp.writeAnswer(described, self._origin, offer, transport, isMatched=True))
        self._lines, self._place = offer.lines, stream.index
        self._connect(theirs, match.common, match.answer, protection, transport.muxed)
        self.protecting.agreed(protection, stream.protocol)
        self._agree(match.answer, match.answer)
        self.hold.offered(theirs.direction)
        self._say(described, self._speech)
        return self._written

    def _local(self, host: str, offered: SessionDescription | None = None) -> TransportAddress:
        """Our address for the party; one that holds by an address of zeros is still where it was."""
        if offered is not None and offered.address is not None:
            return self.side.local(offered.address.host)
        return self.side.local(self._host or host)

    def _connect(
        self,
        remote: SessionDescription,
        common: tuple[Codec, ...],
        ours: tuple[Codec, ...],
        protection: Protection | None,
        muxed: bool,
    ) -> None:
        """
        Tell our side where the party is, what of ours it speaks, by its numbers and by ours, and what protects it.

        @param common: by its numbers.
        @param ours: what it may send, by ours.
        @param muxed: RTCP goes where RTP goes.
        """
        self.remote = evolve(remote, codecs=common, rtcp=remote.address if muxed else remote.rtcp)
        if remote.address is not None:
            self._host = remote.address.host
        for codec in common:
            self._numbers.setdefault(codec.payloadType, codec)
        self.side.connect(self.remote, ours, self.whereabouts())
        self.side.protect(protection, self.failed)
        self.side.check(self.protecting.checks)

    def _agree(self, codecs: tuple[Codec, ...], agreed: tuple[Codec, ...]) -> None:
        """
        @param codecs: what we have said.
        @param agreed: those of them that the party has.
        """
        self.codecs, self._agreed, self._speech = codecs, agreed, speech(agreed)

    def _say(self, ours: SessionDescription, spoken: frozenset[Form]) -> None:
        assert ours.address is not None
        self._said = spoken, ours.direction, ours.address, ours.packing.effective
        for codec in ours.codecs:
            self._numbers.setdefault(codec.payloadType, codec)

    def _numbered(self, codecs: tuple[Codec, ...]) -> tuple[Codec, ...]:
        """
        The formats with numbers that mean nothing else in this dialog (RFC 3264 section 8.3.2).  Those who call and
        those who are called number differently.
        """
        taken = dict(self._numbers)
        used: set[int] = set()
        numbered = []
        for codec in codecs:
            known = [number for number, other in taken.items() if other.matches(codec) and number not in used]
            same = (number for number in known if taken[number].variant == codec.variant)
            number = next(same, known[0] if known else None)
            if number is None:
                number = codec.payloadType
                if number in taken:
                    number = next((free for free in _DYNAMIC if free not in taken), number)
            taken[number] = codec
            used.add(number)
            numbered.append(evolve(codec, payloadType=number))
        return tuple(numbered)

    def _write(self, text: str) -> None:
        """
        That is what we say now, as another version if it is not what we said last.

        @param text: by the version that we said last.
        """
        if self._written and text != self._written:
            self._origin, text = self._origin.renewed(text)
        self._written = text
