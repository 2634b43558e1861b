# -*- test-case-name: ichatgw.test.sip.leg.test_inbound -*-
"""
A SIP endpoint on a wire of memory and a clock, and a far end that speaks in plain text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from attrs import fields
from twisted.internet.task import Clock
from zope.interface import implementer

from ichatgw.calls.admission import NOT_ADMITTED
from ichatgw.interfaces import Arrival, IArrivals, IInboundLeg, IInvitationMatcher
from ichatgw.model import Ending, Invitation, Party, SessionDescription, TransportAddress
from ichatgw.sip.endpoint import Endpoint
from ichatgw.sip.leg.inbound import InboundSipLeg
from ichatgw.sip.leg.outbound import OutboundSipLeg
from ichatgw.sip.options import SIPOptions
from ichatgw.sip.transport.resolver import Resolver
from ichatgw.sip.transport.streams import StreamWire
from ichatgw.sip.transport.target import Target, Transport
from ichatgw.sip.transport.udp import UDPWire
from ichatgw.test.support.fakes import FakeCall
from ichatgw.test.support.media.fakerelays import FakeSide
from ichatgw.test.support.names import FakeNames, fakeRecords

GATEWAY = TransportAddress("192.0.2.10", 5070)
PHONE = TransportAddress("192.0.2.77", 5060)

PHONE_SDP = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.77\r\ns=-\r\nc=IN IP4 192.0.2.77\r\nt=0 0\r\n"
    "m=audio 30000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
)


class FakeWire:
    """
    Remembers what was sent.

    @ivar raw: the same in octets.
    """

    missing = ""

    port = 5070

    def __init__(self) -> None:
        self.sent: list[tuple[str, TransportAddress]] = []
        self.raw: list[tuple[bytes, TransportAddress]] = []
        self.received: Callable[[bytes, TransportAddress], None] | None = None
        self.unreachable: set[str] = set()

    admits: Callable[[str], bool]

    def listen(self, received: Callable[[bytes, TransportAddress], None]) -> None:
        self.received = received

    def isCrowded(self, host: str) -> bool:
        return False

    def send(self, datagram: bytes, address: TransportAddress) -> None:
        self.raw.append((datagram, address))
        self.sent.append((datagram.decode("utf-8", "replace"), address))

    def towards(self, host: str) -> TransportAddress:
        if host in self.unreachable:
            raise OSError("Network is unreachable")
        return TransportAddress("2001:db8::10", 5070) if ":" in host else GATEWAY

    def close(self) -> None:
        self.received = None

    def take(self) -> list[str]:
        """What was sent since the last time."""
        taken, self.sent = self.sent, []
        self.raw.clear()
        return [text for text, _ in taken]


class FakeStreams:
    """
    Connections, as far as an endpoint sees them.

    @ivar sent: what was sent, with its target.
    @ivar opened: the targets to which there is a connection.
    @ivar mayCall: who always finds a place.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[str, Target]] = []
        self.opened: set[Target] = set()
        self.aliases: list[tuple[Target, int]] = []
        self.pings: list[Target] = []
        self.gone: Callable[[Target, str], None] = lambda target, why: None
        self.mayCall: Callable[[str], bool] = lambda host: False
        self.expected: list[Target] = []
        self.suggested: list[Target] = []
        self.unreachable: Callable[[Target, str], None] = lambda target, why: None

    def listen(
        self, received: Any, unreachable: Callable[[Target, str], None], gone: Callable[[Target, str], None]
    ) -> None:
        self.unreachable = unreachable
        self.gone = gone

    def admit(self, mayCall: Callable[[str], bool], pays: Callable[[str, int], bool]) -> None:
        self.mayCall = mayCall

    def ping(self, target: Target) -> None:
        self.pings.append(target)

    def send(self, data: bytes, target: Target) -> None:
        self.sent.append((data.decode("utf-8"), target))

    def towards(self, host: str, transport: Transport) -> TransportAddress:
        return TransportAddress(GATEWAY.host, 5071 if transport is Transport.TLS else GATEWAY.port)

    def isOpen(self, target: Target) -> bool:
        return target in self.opened

    presents = False

    def alias(self, source: Target, port: int) -> None:
        self.aliases.append((source, port))

    def expect(self, target: Target) -> None:
        self.expected.append(target)

    def suggest(self, target: Target) -> None:
        self.suggested.append(target)

    def close(self) -> None:
        self.opened.clear()

    def take(self) -> list[str]:
        """What was sent since the last time."""
        taken, self.sent = self.sent, []
        return [text for text, _ in taken]


@implementer(IArrivals, IInvitationMatcher)
class Invitations:
    """
    Takes INVITEs and lets each leg report to a L{FakeCall}.

    @ivar refusal: if another one than this, no INVITE is the call of a phone, and those of strangers are refused so;
        C{None} if they are waited for.
    @ivar arrivals: what is said of the calls of phones.
    """

    def __init__(self) -> None:
        self.refusal: Ending | None = NOT_ADMITTED
        self.legs: list[InboundSipLeg] = []
        self.called: list[str] = []
        self.invitations: list[Invitation] = []
        self.offers: list[SessionDescription] = []
        self.arrivals: list[Arrival] = []

    def claims(self, invitation: Invitation) -> bool:
        self.invitations.append(invitation)
        return self.refusal is not NOT_ADMITTED

    def objection(self, invitation: Invitation) -> Ending | None:
        return self.refusal

    def invited(self, leg: IInboundLeg, invitation: Invitation) -> None:
        leg.call = FakeCall()
        leg.side = FakeSide()
        self.legs.append(cast(InboundSipLeg, leg))

    def arrived(self, leg: IInboundLeg, arrival: Arrival) -> None:
        leg.call = FakeCall()
        leg.side = FakeSide()
        self.legs.append(cast(InboundSipLeg, leg))
        self.called.append(arrival.called)
        self.offers.append(arrival.offer)
        self.arrivals.append(arrival)


class Rig:
    """
    An endpoint with all that it needs.

    @ivar wire: what it sends.
    @ivar clock: its time.
    @ivar names: its name server.
    """

    def __init__(self, **arguments: Any) -> None:
        self.clock = Clock()
        self.wire = FakeWire()
        self.streams = FakeStreams()
        self.names: FakeNames = arguments.pop("names", None) or FakeNames()
        self.invitations = Invitations()
        chosen = {each.name: arguments.pop(each.name) for each in fields(SIPOptions) if each.name in arguments}
        options = SIPOptions(Party("sip:ichat-gw@gw.example", "iChat-gw"), "ichat-gw/test", **chosen)
        self.endpoint = Endpoint(
            self.clock,
            cast(UDPWire, self.wire),
            Resolver(self.clock, fakeRecords(self.clock, self.names), transports=tuple(Transport)),
            options,
            streams=cast(StreamWire, self.streams),
            **arguments,
        )
        self.endpoint.arrivals = self.invitations
        self.endpoint.matchers.append(self.invitations)
        self.endpoint.admit(lambda host: host.startswith("192.0.2."))
        self.endpoint.startService()

    def receive(self, text: str, source: TransportAddress = PHONE) -> list[str]:
        """A datagram comes; what went out because of it?"""
        self.endpoint.received(text.encode("utf-8"), source)
        return self.wire.take()

    def stream(self, text: str, source: Target) -> list[str]:
        """A message comes over a connection; what went out over connections because of it?"""
        self.streams.opened.add(source)
        self.endpoint.received(text.encode("utf-8"), source.address, source.transport)
        return self.streams.take()

    def invite(self, **changes: Any) -> list[str]:
        """An INVITE comes."""
        return self.receive(request("INVITE", **changes))

    def dial(self, called: str = "sip:100@192.0.2.77", caller: Party | None = None) -> OutboundSipLeg:
        """A leg that has not started."""
        leg = self.endpoint.dial(called, caller or Party("xmpp:scott@chat.example", "scott"))
        leg.call = FakeCall()
        leg.side = FakeSide()
        return leg


def header(message: str, name: str) -> str:
    """The first header of that name, C{""} if absent."""
    for line in message.partition("\r\n\r\n")[0].split("\r\n")[1:]:
        found, _, value = line.partition(":")
        if found.strip().lower() == name.lower():
            return value.strip()
    return ""


def status(message: str) -> int:
    """The code of a response; 0 for a request."""
    words = message.split(" ", 2)
    return int(words[1]) if words[0] == "SIP/2.0" else 0


def request(
    method: str,
    uri: str = "sip:scott@192.0.2.10:5070",
    to: str = "<sip:scott@192.0.2.10:5070>",
    from_: str = '"Alice" <sip:alice@sip.example>;tag=a1',
    callId: str = "call-1@192.0.2.77",
    cseq: int = 1,
    branch: str = "",
    body: str | None = PHONE_SDP,
    contentType: str = "application/sdp",
    extra: str = "",
    contact: str = "<sip:alice@192.0.2.77:5060>",
) -> str:
    """A request as a phone sends it."""
    bare = method not in ("INVITE", "ACK", "UPDATE", "PRACK") and contentType == "application/sdp"
    text = "" if body is None or bare else body
    return (
        f"{method} {uri} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.77:5060;branch=z9hG4bK{branch or f'{method}{cseq}'};rport\r\n"
        f"Max-Forwards: 70\r\nFrom: {from_}\r\nTo: {to}\r\nCall-ID: {callId}\r\nCSeq: {cseq} {method}\r\n"
        f"Contact: {contact}\r\n{extra}"
        + (f"Content-Type: {contentType}\r\n" if text else "")
        + f"Content-Length: {len(text)}\r\n\r\n{text}"
    )


def ackFor(response: str, cseq: int = 1, body: str | None = None) -> str:
    """The ACK that the phone sends for a final response to its INVITE."""
    branch = "" if status(response) < 300 else "INVITE1"
    return request("ACK", to=header(response, "To"), cseq=cseq, branch=branch, body=body)


def ackWithin(ok: str, branch: str, body: str | None = None) -> str:
    """The ACK that the phone sends for a 200 to an INVITE of its own, within any dialog."""
    return request(
        "ACK",
        to=header(ok, "To"),
        from_=header(ok, "From"),
        callId=header(ok, "Call-ID"),
        cseq=int(header(ok, "CSeq").split()[0]),
        branch=branch,
        body=body,
    )


def byeAfter(invite: str, uri: str = "sip:scott@192.0.2.10:5070", branch: str = "") -> str:
    """The BYE of a phone that has taken an INVITE of ours."""
    return request(
        "BYE",
        uri=uri,
        from_=header(invite, "To") + ";tag=b1",
        to=header(invite, "From"),
        callId=header(invite, "Call-ID"),
        cseq=9,
        branch=branch,
    )


def respond(to: str, code: int, phrase: str, tag: str = "b1", body: str = "", extra: str = "") -> str:
    """A response as a phone sends it to the request C{to}."""
    toHeader = header(to, "To")
    if ";tag=" not in toHeader and code > 100:
        toHeader += f";tag={tag}"
    vias = "".join(
        f"{line}\r\n" for line in to.partition("\r\n\r\n")[0].split("\r\n") if line.lower().startswith("via:")
    )
    return (
        f"SIP/2.0 {code} {phrase}\r\n{vias}From: {header(to, 'From')}\r\nTo: {toHeader}\r\n"
        f"Call-ID: {header(to, 'Call-ID')}\r\nCSeq: {header(to, 'CSeq')}\r\n{extra}"
        + ("Contact: <sip:100@192.0.2.77:5060>\r\n" if "contact:" not in extra.lower() else "")
        + ("Content-Type: application/sdp\r\n" if body else "")
        + f"Content-Length: {len(body)}\r\n\r\n{body}"
    )
