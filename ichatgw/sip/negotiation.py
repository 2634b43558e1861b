# -*- test-case-name: ichatgw.test.test_sip_negotiation -*-
"""
The offers and answers of one dialog (RFC 3264).
"""

from __future__ import annotations

from collections.abc import Callable
from secrets import randbits

from attrs import define, evolve, field

from ichatgw import sdp
from ichatgw.interfaces import IMediaSide
from ichatgw.model import PCMU, Codec, Direction, SessionDescription, TransportAddress


def _newOrigin() -> sdp.Origin:
    return sdp.Origin(randbits(31))


@define(eq=False)
class Negotiation:
    """
    What was offered and answered in one dialog, by whichever end; our side of the relay is told of it.

    SDP goes in and comes out; who carries it (INVITE, ACK, UPDATE, early or final responses) is the leg's matter.
    The version of our description goes up when it says something new, and only then (RFC 3264 section 8).

    @ivar side: our side of the relay; set before the first offer or answer.
    @ivar codecs: what was agreed on, or is offered as long as nothing is.
    @ivar remote: the party's last description, with those codecs that both have, in our order; C{None} before that.
    @ivar awaitsAnswer: we have made an offer, and it has neither been answered for good nor refused.
    """

    side: IMediaSide = field(init=False)
    codecs: tuple[Codec, ...] = (PCMU,)
    remote: SessionDescription | None = field(default=None, init=False)
    _origin: sdp.Origin = field(factory=_newOrigin)
    _written: str = field(default="", init=False)
    _offered: tuple[Codec, ...] | None = field(default=None, init=False)

    @property
    def awaitsAnswer(self) -> bool:
        return self._offered is not None

    def offer(
        self, host: str, codecs: tuple[Codec, ...] | None = None, direction: Direction = Direction.SENDRECV
    ) -> str:
        """
        Our offer, the first or a later one; it awaits its answer.

        @param host: where the party's messages come from, which counts as long as it has not said where its media is.
        @param codecs: what is offered; by default those that were agreed on.
        @param direction: seen from us.
        @return: SDP.
        @raise Congested: if no port is left.
        """
        offered = sdp.withEvents(self.codecs if codecs is None else codecs)
        ours = SessionDescription(offered, self._local(host), None, direction)
        text = self._versioned(lambda origin: sdp.writeOffer(ours, origin))
        self._offered = offered
        return text

    def accept(self, text: str, final: bool = True) -> SessionDescription:
        """
        The party's answer to our offer.

        @param final: no other answer to the same offer may follow, as it may after one in a provisional response.
        @return: the party's description as it stands.
        @raise MalformedError: if it is no SDP.
        @raise NoCommonCodec: if it holds nothing of what we offered.
        """
        answer = sdp.parse(text).plain().description
        codecs = self.codecs if self._offered is None else self._offered
        self._connect(answer, codecs)
        self.codecs = codecs
        if final:
            self._offered = None
        return answer

    def settle(self) -> None:
        """
        No answer to our offer is awaited any more: it has come before, or was refused, and then what was agreed on
        before still holds (RFC 3261 section 14.1).
        """
        self._offered = None

    def forget(self) -> None:
        """Somebody else is called now, in another dialog: what the last one said does not hold."""
        self.remote = self._offered = None

    def answer(self, offer: sdp.ParsedSDP, host: str, codecs: tuple[Codec, ...] | None = None) -> str:
        """
        Our answer to an offer of the party.

        @param host: where the party's messages come from.
        @param codecs: what may be agreed on, in the order of preference; by default what was agreed on before.
        @return: SDP.
        @raise NoCommonCodec: if the offer has none of the codecs.
        @raise Congested: if no port is left.
        """
        theirs = offer.description
        agreed = self.codecs if codecs is None else sdp.commonCodecs(codecs, theirs)
        ours = SessionDescription(agreed, self._local(host, theirs), None, theirs.direction.mirrored)
        text = self._versioned(lambda origin: sdp.writeAnswer(ours, origin, offer))
        self._connect(theirs, agreed)
        self.codecs = agreed
        return text

    def _local(self, host: str, offered: SessionDescription | None = None) -> TransportAddress:
        """Our address for the party."""
        for described in (offered, self.remote):
            if described is not None and described.address is not None:
                return self.side.local(described.address.host)
        return self.side.local(host)

    def _connect(self, remote: SessionDescription, codecs: tuple[Codec, ...]) -> None:
        """Tell our side where the party is, and what of ours it speaks, by its numbers and by ours."""
        self.remote = evolve(remote, codecs=sdp.commonCodecs(codecs, remote))
        self.side.connect(self.remote, tuple(codec for codec in codecs if remote.find(codec) is not None))

    def _versioned(self, write: Callable[[sdp.Origin], str]) -> str:
        text = write(self._origin)
        if self._written and text != self._written:
            self._origin = evolve(self._origin, version=self._origin.version + 1)
            text = write(self._origin)
        self._written = text
        return text
