# -*- test-case-name: ichatgw.test.sdp.test_sdp,ichatgw.test.jingle.session.test_session,ichatgw.test.sip.dialog.test_offerless -*-  # noqa: E501
"""
Which formats two parties have in common.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve, frozen

from ichatgw import formats
from ichatgw.errors import NoCommonCodec
from ichatgw.model import Codec, SessionDescription

# The numbers that most give events.
_EVENT_TYPES = {8000: 101, 48000: 110}


@frozen
class Match:
    """
    The formats that both have, in our order.

    @ivar common: as the other party has them, with its numbers and parameters.
    @ivar answer: as an answer says them: with its numbers, and with our parameters as far as these keep to what was
        offered.
    """

    common: tuple[Codec, ...]
    answer: tuple[Codec, ...]


def match(ours: tuple[Codec, ...], theirs: SessionDescription, isRelayed: bool = True) -> Match:
    """
    @param ours: what the answer says.
    @param theirs: the offer.
    @param isRelayed: media passes here, so that without any in common the one law of G.711 may do for the other.
    @raise NoCommonCodec: if there is none.
    """
    common, answer = [], []
    for codec, found in _pairs(ours, theirs, isRelayed):
        common.append(found)
        answer.append(_answered(codec, found))
    return Match(tuple(common), tuple(answer))


def _answered(codec: Codec, found: Codec) -> Codec:
    parameters = formats.answering(found.name, codec.parameters, found.parameters)
    return found if parameters == found.parameters else evolve(found, parameters=parameters)


def commonCodecs(ours: tuple[Codec, ...], theirs: SessionDescription) -> tuple[Codec, ...]:
    """
    The codecs that both have, in our order, with their numbers and parameters.

    Events come last.  Each party may have them by a clock of its own; they are told by that of the audio, if they can.

    @raise NoCommonCodec: if there is none.
    """
    return tuple(found for _, found in _pairs(ours, theirs))


def answerCodecs(ours: tuple[Codec, ...], theirs: SessionDescription, isRelayed: bool = True) -> tuple[Codec, ...]:
    """
    For an answer.  See L{match}.

    @raise NoCommonCodec: if there is none.
    """
    return match(ours, theirs, isRelayed).answer


def makeable(codecs: tuple[Codec, ...]) -> tuple[Codec, ...]:
    """What a relay can make of these and is not among them: of one law of G.711 the other one."""
    others = [other for codec in codecs if (other := codec.otherLaw) is not None]
    taken = {codec.payloadType for codec in codecs}
    fresh = [each for each in others if not any(each.matches(codec) for codec in codecs)]
    return distinct(tuple(each for each in fresh if each.payloadType not in taken))


def withMore(codecs: tuple[Codec, ...], more: tuple[Codec, ...]) -> tuple[Codec, ...]:
    """C{more} audio as the last, but before events."""
    audio = tuple(codec for codec in codecs if not codec.isEvent)
    return (*audio, *more, *(codec for codec in codecs if codec.isEvent)) if more else codecs


def _pairs(ours: tuple[Codec, ...], theirs: SessionDescription, isRelayed: bool = False) -> list[tuple[Codec, Codec]]:
    """
    Ours and theirs of each format that both have; two of ours may be one of theirs, which is there once then.

    @param isRelayed: see L{answerCodecs}.
    """
    pairs = _found(ours, theirs.find) or (_found(ours, theirs.hears) if isRelayed else {})
    if not pairs:
        raise NoCommonCodec(f"no common codec: {_names(ours)} here, {_names(theirs.codecs)} there")
    told = [codec for codec in ours if codec.isEvent]
    if not told:
        return list(pairs.values())
    rates = {found.clockRate for _, found in pairs.values()}
    known = distinct(tuple(codec for codec in theirs.codecs if codec.isEvent))
    events = [codec for codec in known if codec.clockRate in rates] or known[:1]
    return [*pairs.values(), *((_byClock(told, each.clockRate), each) for each in events)]


def _found(ours: tuple[Codec, ...], find: Callable[[Codec], Codec | None]) -> dict[int, tuple[Codec, Codec]]:
    pairs: dict[int, tuple[Codec, Codec]] = {}
    for codec in ours:
        found = None if codec.isEvent else find(codec)
        if found is not None:
            pairs.setdefault(found.payloadType, (codec, found))
    return pairs


def _byClock(events: list[Codec], clockRate: int) -> Codec:
    return next((event for event in events if event.clockRate == clockRate), events[0])


def distinct(codecs: tuple[Codec, ...]) -> tuple[Codec, ...]:
    """
    Without those that say again what one before has said; events of one clock become one.
    """
    found: dict[object, Codec] = {}
    for codec in codecs:
        first = found.setdefault(codec.variant, codec)
        if first is not codec and codec.isEvent and codec.parameters != first.parameters:
            events = formats.merged(first.parameters, codec.parameters)
            found[codec.variant] = evolve(first, parameters=events)
    return tuple(found.values())


def asOffered(answer: SessionDescription, offered: tuple[Codec, ...]) -> SessionDescription:
    """
    An answer whose formats go by the numbers of the offer: what it leaves unsaid of them is as it was offered
    (RFC 3264 section 6.1: a number means there what it means here).
    """
    numbers = {codec.payloadType: codec for codec in offered}
    codecs = []
    for codec in answer.codecs:
        ours = numbers.get(codec.payloadType)
        if ours is not None and ours.form[:3] == codec.form[:3]:
            parameters = formats.completed(codec.name, codec.parameters, ours.parameters)
            codec = evolve(codec, parameters=parameters)
        codecs.append(codec)
    return evolve(answer, codecs=tuple(codecs))


def eventful(codecs: tuple[Codec, ...]) -> tuple[Codec, ...]:
    """With events, whether or not there are any: what a party says by them that no other one hears, is told it."""
    if any(codec.isEvent for codec in codecs):
        return codecs
    taken = {codec.payloadType for codec in codecs}
    number = next((each for each in (_EVENT_TYPES[8000], *range(96, 128)) if each not in taken), None)
    if number is None:
        return codecs
    return (*codecs, Codec(formats.EVENTS, 8000, number, 1, formats.ALL_EVENTS))


def withEvents(codecs: tuple[Codec, ...]) -> tuple[Codec, ...]:
    """
    For an offer: if there are events, then by the clock of each format (RFC 4733 section 2.1), as some who take them
    know them by one clock and some by another.
    """
    known = {codec.clockRate: codec for codec in reversed(codecs) if codec.isEvent}
    if not known:
        return codecs
    parameters = next(codec.parameters for codec in codecs if codec.isEvent) or formats.ALL_EVENTS
    taken = {codec.payloadType for codec in codecs}
    more = []
    for rate in dict.fromkeys(codec.clockRate for codec in codecs if not codec.isEvent):
        if rate not in known:
            free = (number for number in (_EVENT_TYPES.get(rate, 96), *range(96, 128)) if number not in taken)
            number = next(free, None)
            if number is not None:
                taken.add(number)
                more.append(Codec(formats.EVENTS, rate, number, 1, parameters))
    return (*codecs, *more)


def _names(codecs: tuple[Codec, ...]) -> str:
    return " ".join(codec.name for codec in codecs if not codec.isEvent)[:60] or "none"
