# -*- test-case-name: ichatgw.test.sim.sip.test_sdp -*-
"""
The session descriptions that a plain phone and an iChat write, and as much reading as they do (RFC 4566, RFC 3264).
"""

from __future__ import annotations

from attrs import field, frozen

from ichatgw.errors import MalformedError
from ichatgw.model import TransportAddress

KEY_TYPE = 101
"""The payload type of an ordinary phone for pressed keys."""


@frozen
class Medium:
    """One C{m=} line with the attributes below it."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    attributes: tuple[str, ...] = ()


@frozen
class Description:
    """What stands in a description of one audio stream, and perhaps a video stream beside it."""

    originUser: str
    originSession: str
    originVersion: int
    host: str
    media: tuple[Medium, ...]
    attributes: tuple[str, ...] = field(default=())

    @property
    def audio(self) -> Medium:
        """@raise MalformedError: if there is none."""
        for medium in self.media:
            if medium.kind == "audio" and medium.port:
                return medium
        raise MalformedError("no audio")

    @property
    def address(self) -> TransportAddress:
        """Where audio is wanted."""
        return TransportAddress(self.host, self.audio.port)

    @property
    def control(self) -> TransportAddress:
        """Where RTCP is wanted (RFC 3605)."""
        for attribute in self.audio.attributes:
            name, _, value = attribute.partition(":")
            if name == "rtcp" and value.split()[:1] and value.split()[0].isdecimal():
                return TransportAddress(self.host, int(value.split()[0]))
        return TransportAddress(self.host, self.audio.port + 1)

    @property
    def direction(self) -> str:
        """The direction of audio, seen from the writer."""
        for attribute in (*self.audio.attributes, *self.attributes):
            if attribute in ("sendrecv", "sendonly", "recvonly", "inactive"):
                return attribute
        return "sendrecv"

    @property
    def eventType(self) -> int | None:
        """The payload type that the writer wants to see of pressed keys (RFC 4733); C{None} if it wants none."""
        for attribute in self.audio.attributes:
            number, _, name = attribute.removeprefix("rtpmap:").partition(" ")
            if name.strip().lower() == "telephone-event/8000" and number.isdecimal():
                return int(number)
        return None

    @classmethod
    def parse(cls, text: str) -> Description:
        """
        @raise MalformedError: if it is no session description, or one that breaks the grammar (an C{m=} line
            without formats, say).
        """
        lines = [line.partition("=") for line in text.replace("\r\n", "\n").strip("\n").split("\n")]
        if not lines or lines[0] != ("v", "=", "0"):
            raise MalformedError("not SDP")
        try:
            return cls._fromLines([(kind, value) for kind, _, value in lines])
        except (IndexError, ValueError):
            raise MalformedError("bad SDP") from None

    @classmethod
    def _fromLines(cls, lines: list[tuple[str, str]]) -> Description:
        origin: list[str] = []
        host = ""
        attributes: list[str] = []
        media: list[Medium] = []
        for kind, value in lines:
            if kind == "o":
                origin = value.split()
            elif kind == "c" and (not media or media[-1].kind == "audio"):
                host = value.split()[2]
            elif kind == "m":
                name, port, protocol, *formats = value.split()
                if not formats:
                    raise MalformedError("an m= line without formats")
                media.append(Medium(name, int(port), protocol, tuple(formats)))
            elif kind == "a" and media:
                last = media[-1]
                below = (*last.attributes, value)
                media[-1] = Medium(last.kind, last.port, last.protocol, last.formats, below)
            elif kind == "a":
                attributes.append(value)
        return cls(origin[0], origin[1], int(origin[2]), host, tuple(media), tuple(attributes))


def phoneDescription(
    address: TransportAddress,
    *,
    version: int = 1,
    direction: str = "sendrecv",
    formats: tuple[str, ...] = ("0 PCMU/8000", "8 PCMA/8000", f"{KEY_TYPE} telephone-event/8000"),
) -> str:
    """What an ordinary phone says; each format is its number and its C{rtpmap}."""
    family = "IP6" if address.isIPv6 else "IP4"
    numbers = " ".join(each.split()[0] for each in formats)
    lines = [
        "v=0",
        f"o=phone 1000 {version} IN {family} {address.host}",
        "s=-",
        f"c=IN {family} {address.host}",
        "t=0 0",
        f"m=audio {address.port} RTP/AVP {numbers}",
        *(f"a=rtpmap:{each}" for each in formats),
        f"a=rtcp:{address.port + 1}",
        f"a={direction}",
        "",
    ]
    return "\r\n".join(lines)
