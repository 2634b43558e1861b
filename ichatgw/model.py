# -*- test-case-name: ichatgw.test.test_model,ichatgw.test.jingle.session.test_session,ichatgw.test.sip.dialog.test_midcall,ichatgw.test.sip.leg.test_mediasecurity,ichatgw.test.test_formats -*-  # noqa: E501
"""
The neutral values that pass between legs, calls and media.  All are frozen; none knows a protocol.
"""

from __future__ import annotations

from enum import Enum
from functools import cached_property, lru_cache
from ipaddress import ip_address
from typing import ClassVar

from attrs import evolve, field, frozen

from ichatgw import formats
from ichatgw.address import Address


class EndReason(Enum):
    """
    Why a leg or a call ended, in words that every protocol can say.

    Each adapter owns two tables, reason to wire and wire to reason; the first is total.
    """

    HANGUP = "normal end of an answered call"
    CANCELLED = "the caller gave up before the answer"
    ANSWERED_ELSEWHERE = "another device of the callee took the call"
    BUSY = "the callee is busy"
    DECLINED = "the callee declined"
    NOT_FOUND = "no such address"
    UNAVAILABLE = "the callee cannot be reached now"
    TIMEOUT = "nobody answered in time"
    EXPIRED = "the call lasted longer than allowed"
    FORBIDDEN = "the call is not allowed"
    INCOMPATIBLE = "the parties share no codec or transport"
    CONGESTED = "the gateway has no room for the call"
    NO_LINK = "the server by which the callee is reached is not connected"
    CONNECTIVITY = "the far end vanished or its media never came"
    SECURITY = "the far end's keys or certificate are wrong"
    SHUTDOWN = "the gateway is stopping"
    FAILED = "something went wrong"


class Direction(Enum):
    """Which way media flows, seen from the party that describes itself (RFC 3264 section 5.1)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @classmethod
    def of(cls, sends: bool, listens: bool) -> Direction:
        """The direction of a party that does so."""
        return _BY_FLOW[sends, listens]

    @property
    def sends(self) -> bool:
        """Does the party send?"""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def listens(self) -> bool:
        """Does the party want to be sent anything?"""
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    def within(self, other: Direction) -> Direction:
        """What both this and C{other} allow."""
        return _WITHIN[self, other]

    @property
    def mirrored(self) -> Direction:
        """The same flow seen from the other end."""
        return _MIRROR.get(self, self)


_BY_FLOW = {(direction.sends, direction.listens): direction for direction in Direction}
_WITHIN = {
    (one, other): _BY_FLOW[one.sends and other.sends, one.listens and other.listens]
    for one in Direction
    for other in Direction
}
_MIRROR = {Direction.SENDONLY: Direction.RECVONLY, Direction.RECVONLY: Direction.SENDONLY}


@frozen
class Ending:
    """
    How a leg ended.

    @ivar reason: the neutral reason.
    @ivar text: the far end's or our own words for the log and for C{<text/>}; never parsed.
    @ivar retryAfter: seconds after which trying again makes sense, if known.
    @ivar cause: the cause of Q.850, if known; it may say more than the reason.
    """

    reason: EndReason
    text: str = ""
    retryAfter: int | None = None
    cause: int | None = None


@lru_cache(maxsize=4096)  # the same few hosts send every packet
def _checkLiteral(host: str) -> None:
    ip_address(host)


@frozen
class TransportAddress:
    """
    An IP literal and a port, as a socket sees them (no brackets).

    @raise ValueError: if C{host} is not an IP literal or C{port} not within 0..65535.
    """

    host: str
    port: int

    def __attrs_post_init__(self) -> None:
        _checkLiteral(self.host)
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port {self.port} is not within 0..65535")

    @property
    def isIPv6(self) -> bool:
        return ":" in self.host

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if self.isIPv6 else f"{self.host}:{self.port}"


Form = tuple[str, int, int, formats.Marks]
"""What one format is, whatever its number and whatever else is said of it."""


CODECS_KEPT = 256
"""Of how many formats what they are in the other law is remembered."""

_LAWS = {"pcmu": ("PCMA", 8), "pcma": ("PCMU", 0)}


@frozen
class Codec:
    """
    One audio format.

    @ivar name: the encoding name as registered, e.g. C{PCMU}; compared without case.
    @ivar clockRate: the RTP clock in Hz.
    @ivar payloadType: the number its owner gave it, 0..127.
    @ivar parameters: the text of C{a=fmtp}, without the payload type.
    """

    name: str
    clockRate: int
    payloadType: int
    channels: int = 1
    parameters: str = ""

    @cached_property
    def form(self) -> Form:
        """Equal if packets look the same."""
        return self.name.lower(), self.clockRate, self.channels, formats.fixedMarks(self.name, self.parameters)

    @cached_property
    def variant(self) -> tuple[Form, formats.Marks]:
        """Equal if there is no use for both in one offer."""
        return self.form, formats.toldMarks(self.name, self.parameters)

    def matches(self, other: Codec) -> bool:
        """Is it the same format, whatever its number?"""
        return self.form == other.form

    @cached_property
    def otherLaw(self) -> Codec | None:
        """
        The same in the other law of G.711, by the number that it usually has: its octets are made of these one by one.
        """
        return _inOtherLaw(self)

    @cached_property
    def isEvent(self) -> bool:
        """Does it carry keys that are pressed (RFC 4733), and no audio?"""
        return self.name.lower() == formats.EVENTS


@lru_cache(maxsize=CODECS_KEPT)
def _inOtherLaw(codec: Codec) -> Codec | None:
    usual = _LAWS.get(codec.name.lower())
    return None if usual is None else evolve(codec, name=usual[0], payloadType=usual[1])


PCMU = Codec("PCMU", 8000, 0)
PCMA = Codec("PCMA", 8000, 8)


@frozen
class Part:
    """
    What a party sends with its description, and is of use to parties of its kind only (RFC 5621).

    @ivar contentType: with parameters.
    @ivar disposition: the text of C{Content-Disposition}; empty if it has none.
    @ivar id: by which others refer to it; empty if it has none.
    """

    contentType: str
    disposition: str
    content: bytes = field(repr=False)
    id: str = ""


@frozen
class Packing:
    """
    How much audio a party wants to have in a packet (RFC 8866 section 6.4); C{None} for what it has not said.

    @ivar usual: milliseconds, C{ptime}.
    @ivar most: milliseconds, C{maxptime}.
    """

    usual: int | None = None
    most: int | None = None

    @property
    def effective(self) -> tuple[int, int | None]:
        """The same, with what goes without saying (RFC 3551 section 4.2)."""
        return self.usual or 20, self.most


ANY_PACKING = Packing()

MAX_PACKET = 1000
"""Milliseconds: of what a party says beyond that nothing is believed."""


def packetTime(text: str) -> int | None:
    """
    Milliseconds as C{a=ptime} and C{a=maxptime} give them, at times with a fraction; C{None} for anything else.
    """
    whole = text.strip().partition(".")[0]
    if not (whole.isascii() and whole.isdigit() and len(whole) <= 4 and 1 <= int(whole) <= MAX_PACKET):
        return None
    return int(whole)


@frozen
class SessionDescription:
    """
    What a party says of its audio: an offer or an answer, free of any wire format.

    @ivar codecs: in the party's order of preference.
    @ivar address: where it wants RTP; C{None} as long as it has not said (an iChat names it only in its own INVITE).
    @ivar rtcp: where it wants RTCP; C{None} means the port above (RFC 3605).
    @ivar direction: seen from the party.
    @ivar packing: how long it wants packets to be.
    @ivar parts: what came with it.
    @ivar isSupposed: the party has not said this yet, but is taken to speak these formats; perhaps not all.
    """

    codecs: tuple[Codec, ...]
    address: TransportAddress | None = None
    rtcp: TransportAddress | None = None
    direction: Direction = Direction.SENDRECV
    packing: Packing = ANY_PACKING
    isSupposed: bool = False
    parts: tuple[Part, ...] = ()

    def find(self, wanted: Codec) -> Codec | None:
        """
        This party's own numbering of C{wanted}, or C{None} if it does not have it.  Of several that would do, it is the
        one that says the same of itself.
        """
        form = wanted.form
        same = [codec for codec in self.codecs if codec.form == form]
        if len(same) < 2:
            return same[0] if same else None
        return next((codec for codec in same if codec.variant == wanted.variant), same[0])

    def hears(self, wanted: Codec) -> Codec | None:
        """
        The format in which this party can be told what comes in C{wanted}: that one, or else the other law of G.711,
        which the relay makes of it; C{None} if it has neither.
        """
        found = self.find(wanted)
        if found is not None or wanted.otherLaw is None:
            return found
        return self.find(wanted.otherLaw)

    def withAddress(self, address: TransportAddress) -> SessionDescription:
        """The same, seen at another address (RTCP on the port above)."""
        return evolve(self, address=address, rtcp=None)


@frozen
class Whereabouts:
    """
    Where a party is by what its signalling shows, whatever it says of its media.

    @ivar hosts: IP literals: where its messages come from, and where the servers between have seen it.
    @ivar isSure: the party, or its NAT, is one of these hosts; else there are servers between that do not say.
    """

    hosts: tuple[str, ...] = ()
    isSure: bool = False


KEYS = frozenset("0123456789*#ABCD")
"""The events of RFC 4733 section 3.2 that a telephone has keys for; the sixteenth event, flash, is none of these."""


@frozen
class Tone:
    """
    A key that a party has pressed, told in the signalling and not in its media.

    @ivar key: one of L{KEYS}.
    @ivar milliseconds: for how long.
    """

    isEarly: ClassVar[bool] = False

    key: str
    milliseconds: int = 160


@frozen
class Candidate:
    """
    A transport address at which a party may be reached (RFC 8445 section 5.3).

    @ivar foundation: tells which candidates have a common origin; any text.
    @ivar component: 1 for RTP, 2 for RTCP.
    @ivar protocol: C{udp}; others are not used.
    @ivar kind: C{host}, C{srflx}, C{prflx} or C{relay}.
    @ivar related: for other kinds than C{host}, the address it derives from, if said.
    """

    foundation: str
    component: int
    priority: int
    address: TransportAddress
    protocol: str = "udp"
    kind: str = "host"
    related: TransportAddress | None = None


@frozen
class Fingerprint:
    """
    The hash of the certificate that a party will present (RFC 8122 section 5).

    @ivar algorithm: lower case, e.g. C{sha-256}.
    @ivar value: upper-case hexadecimal octets with colons between them.
    """

    algorithm: str
    value: str


class Setup(Enum):
    """Who opens the DTLS connection (RFC 4145 section 4), as the party says of itself."""

    ACTIVE = "active"
    PASSIVE = "passive"
    ACTPASS = "actpass"
    HOLDCONN = "holdconn"


class TransportKind(Enum):
    """
    What a transport can be made of; who offers one has to choose.
    """

    DTLS = "ICE, and keys for SRTP that DTLS agrees on"
    KEYS = "ICE, and keys for SRTP in the signalling"
    RAW = "plain RTP between two addresses"


@frozen
class CryptoKey:
    """
    A key for SRTP that travels with the description (RFC 4568 section 4).

    @ivar parameters: the key parameters, C{inline:...}.
    """

    tag: str
    suite: str
    parameters: str = field(repr=False)
    session: str = ""


@frozen
class Protection:
    """
    How the media of a party is protected, as both ends have agreed in the signalling: by keys that went with it (RFC
    4568), or by those of DTLS (RFC 5763).

    @ivar ours: the key with which we send.
    @ivar theirs: the key with which the party does.
    @ivar fingerprint: without these, that of the certificate by which the party proves in DTLS who it is.
    @ivar active: we begin DTLS.
    """

    ours: CryptoKey | None = None
    theirs: CryptoKey | None = None
    fingerprint: Fingerprint | None = None
    active: bool = False

    @property
    def keys(self) -> tuple[CryptoKey, CryptoKey] | None:
        """Ours and theirs; C{None} if DTLS gives them."""
        return None if self.ours is None or self.theirs is None else (self.ours, self.theirs)


@frozen
class Checks:
    """
    By what the checks of a party are known with which it finds a way to us (RFC 8445), if we are the lite end of ICE.

    @ivar ufrag: our user name fragment.
    @ivar password: ours.
    @ivar peer: the party's user name fragment.
    """

    ufrag: str
    password: str = field(repr=False)
    peer: str


@frozen
class TransportDescription:
    """
    How a party can be reached, and how its media is protected; free of any wire format.

    @ivar ufrag: the user name fragment of ICE; empty means no ICE: the candidates are the addresses themselves.
    @ivar candidates: those known so far; more may follow.
    @ivar fingerprint: if given, media is protected by DTLS-SRTP.
    @ivar keys: without a fingerprint, the keys for SRTP, the best first; without either, media is plain RTP.
    @ivar muxed: RTCP goes where RTP goes (RFC 5761).
    """

    ufrag: str = ""
    password: str = field(default="", repr=False)
    candidates: tuple[Candidate, ...] = ()
    fingerprint: Fingerprint | None = None
    setup: Setup | None = None
    keys: tuple[CryptoKey, ...] = ()
    muxed: bool = True


@frozen
class Diversion:
    """
    A station that has sent a call on (RFC 5806).

    @ivar uri: its address.
    @ivar parameters: what is said of it, C{reason} and C{counter} say: names in lower case and values, which may be
        empty and hold their quotes.
    """

    uri: str
    parameters: tuple[tuple[str, str], ...] = ()


@frozen
class Party:
    """
    Who is at the far end of a leg.

    @ivar uri: the address as a URI, C{sip:user@host} or C{xmpp:node@domain}, without parameters or resource.
    @ivar name: what to show to people; may be empty.
    @ivar private: the called party must not be told who this is (RFC 3323).
    @ivar diversions: where the call was sent on, the latest first.
    @ivar referredBy: the party that referred the caller (RFC 3892), as a URI; empty if none did.
    @ivar forwards: how often the call was sent on, as far as its signalling tells.
    @ivar hops: how many more servers the call may pass (RFC 7332); C{None} if there is no Max-Forwards.
    @ivar origin: where it calls from, as far as it cannot choose that; empty: from the domain of its address.
    @ivar trunk: the name of the trunk by which it has come; empty if it has come by none.
    """

    uri: str
    name: str = ""
    private: bool = False
    diversions: tuple[Diversion, ...] = ()
    referredBy: str = ""
    forwards: int = field(default=0, eq=False)
    hops: int | None = field(default=None, eq=False)
    origin: str = field(default="", eq=False)
    trunk: str = field(default="", eq=False)

    @property
    def user(self) -> str:
        """The part before the C{@}, empty if there is none."""
        return Address(self.uri).user

    @property
    def domain(self) -> str:
        """The part after the C{@}."""
        return Address(self.uri).place

    def __str__(self) -> str:
        return self.uri


TELEPHONE_HOST = "tel.invalid"
"""The host of a telephone number that was said without one, where a SIP address is needed."""

ANONYMOUS = Party("sip:anonymous@anonymous.invalid", "Anonymous")
"""Who calls if that is not to be told (RFC 3323 section 4.1)."""


@frozen
class Invitation:
    """
    The outer marks of an arriving SIP INVITE, for a leg that waits for a particular one.

    @ivar source: where the datagram came from.
    @ivar userAgent: the C{User-Agent}; empty if absent.
    @ivar callerName: the display name of C{From}.
    @ivar calledName: the display name of C{To}.
    @ivar writtenAt: the hosts, IP literals, that it names as its own.
    """

    source: TransportAddress
    userAgent: str = ""
    callerName: str = ""
    calledName: str = ""
    writtenAt: frozenset[str] = frozenset()


@frozen
class Enclosed:
    """
    What a party says to the other one within the call, in a form that is theirs alone.

    @ivar method: in what it is said: C{INFO} or C{MESSAGE}.
    @ivar content: text of the type C{contentType}.
    """

    isEarly: ClassVar[bool] = False

    method: str
    contentType: str
    content: str = field(repr=False)


@frozen
class Connected:
    """Who is at the other end is somebody else now, or has another name: L{ichatgw.interfaces.ICall.peer} tells who."""

    isEarly: ClassVar[bool] = False


CONNECTED = Connected()


@frozen
class SentOn:
    """
    The call leads on from the called party to another place.

    @cvar isEarly: it may be said before the call is answered, to the caller.
    """

    isEarly: ClassVar[bool] = True


SENT_ON = SentOn()

InCall = Enclosed | Tone | Connected | SentOn
"""What one party can say to the other within the call, beside a change of its media."""

Farewell = tuple[str, ...]
"""
A message that ends a party's call: first the way, the name that an adapter has for it, then what that needs (addresses,
tags, numbers).
"""


@frozen
class Receipt:
    """
    What the other party has to say to it.

    @ivar code: as in SIP.
    @ivar content: text of the type C{contentType}; empty for none.
    @ivar accepts: the types that it would have taken; empty if it has not said so.
    """

    code: int
    phrase: str
    contentType: str = ""
    content: str = field(default="", repr=False)
    accepts: str = ""
