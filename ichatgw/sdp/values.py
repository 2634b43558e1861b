# -*- test-case-name: ichatgw.test.sdp.test_sdp,ichatgw.test.sdp.test_checks -*-
"""
What a description holds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from operator import attrgetter

from attrs import evolve, frozen

from ichatgw.errors import NoCommonCodec
from ichatgw.model import SessionDescription, TransportDescription

PLAIN = TransportDescription(muxed=False)
"""Media that is not protected, with RTCP at a port of its own."""


@frozen
class MediaLine:
    """
    An C{m=} line as it stands, kept because an answer has to name every one of them (with its formats).

    @ivar port: 0 means the offerer has switched it off.
    @ivar mid: by what the line is named in the session (RFC 5888); empty if it is not.
    @ivar isBundled: may its media go where that of others goes (C{a=group:BUNDLE}, RFC 9143)?
    """

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    mid: str = ""
    isBundled: bool = False


@frozen
class Stream:
    """
    An audio line that is on, over RTP in a profile that we know.

    @ivar index: which of the media lines it is.
    @ivar protocol: its profile, in capitals.
    @ivar transport: its keys, its fingerprint, and whether RTCP may go where RTP goes; neither ICE nor addresses.
    """

    index: int
    protocol: str
    description: SessionDescription
    transport: TransportDescription = PLAIN

    def within(self, reaches: Callable[[str], bool]) -> Stream:
        """See L{ParsedSDP.within}."""
        default = self.description.address
        if default is None or reaches(default.host):
            return self
        near = [each for each in self.transport.candidates if reaches(each.address.host)]
        best = max((each for each in near if each.component == 1), key=attrgetter("priority"), default=None)
        if best is None:
            return self
        rtcp = next((each.address for each in near if (each.component, each.foundation) == (2, best.foundation)), None)
        return evolve(self, description=evolve(self.description, address=best.address, rtcp=rtcp))

    @property
    def mayBePlain(self) -> bool:
        """Is media allowed to go unprotected, whatever else is offered with it (RFC 8643)?"""
        return self.protocol in ("RTP/AVP", "RTP/AVPF")

    @property
    def isDTLS(self) -> bool:
        """Is it a profile in which DTLS agrees on the keys (RFC 5764 section 8)?"""
        return self.protocol.startswith("UDP/TLS/")


@frozen
class ParsedSDP:
    """
    What a party sent.

    @ivar lines: every media line, in order.
    @ivar streams: those that we could take part in; at least one.
    @ivar taken: the index in C{streams} of the one that we do take part in: the first, or another that is chosen.
    @ivar originUser: the user name of C{o=}.
    """

    lines: tuple[MediaLine, ...]
    streams: tuple[Stream, ...]
    taken: int = 0
    originUser: str = ""

    @cached_property
    def stream(self) -> Stream:
        """The stream that we take part in."""
        return self.streams[self.taken]

    @cached_property
    def description(self) -> SessionDescription:
        """What it says of its audio."""
        return self.stream.description

    @cached_property
    def chosen(self) -> int:
        """The index of its media line."""
        return self.stream.index

    def plain(self) -> ParsedSDP:
        """
        The same, with the first stream whose media may be plain.

        @raise NoCommonCodec: if there is none.
        """
        for stream in self.streams:
            if stream.mayBePlain:
                return self.taking(stream)
        raise NoCommonCodec(f"nothing but {self.streams[0].protocol} in the description")

    def within(self, reaches: Callable[[str], bool]) -> ParsedSDP:
        """
        The same.  A stream that goes where we cannot send, but has candidates where we can, goes to the best of these:
        a party of two families names one by default, and is at home in both (RFC 8839 section 4.2.2).

        @param reaches: whether we have an address that reaches a host.
        """
        streams = tuple(stream.within(reaches) for stream in self.streams)
        return evolve(self, streams=streams) if streams != self.streams else self

    def taking(self, stream: Stream) -> ParsedSDP:
        """The same, with another of its streams."""
        index = self.streams.index(stream)
        return self if index == self.taken else evolve(self, taken=index)


@frozen
class Origin:
    """
    The identity of our description within one dialog (RFC 8866 section 5.2).

    @ivar sessionId: stays the same for the life of the dialog.
    @ivar version: one more at each change.
    """

    sessionId: int
    version: int = 1

    def renewed(self, text: str) -> tuple[Origin, str]:
        """
        The next version of a description.

        @param text: SDP with this origin.
        @return: the new origin, and the text with it.
        """
        origin = evolve(self, version=self.version + 1)
        return origin, text.replace(self.written, origin.written, 1)

    @property
    def written(self) -> str:
        """As C{o=} has it."""
        return f" {self.sessionId} {self.version} IN "
