"""
What it costs to judge a SIP message and to let sippy parse it: C{python bench/gate.py}.

At the end, what it costs to drop a message of a stranger above the budget, before it is judged: at most 50 us.

First a usual INVITE, then the dearest of some thousand hostile datagrams of up to 64 KiB: one thing repeated, in each
header and outside of them, in one line or in as many as are allowed.  No message may cost more than 5 ms.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import cycle

from twisted.internet.task import Clock

import ichatgw.sip.message.sippypatches  # noqa: F401
from ichatgw.model import TransportAddress
from ichatgw.sip.message.gate import Admitted, Gate
from ichatgw.sip.strangers import Strangers

# Importing ichatgw.sip readies sippy, and so comes first.
# isort: split
from sippy.SipRequest import SipRequest

SOURCE = TransportAddress("198.51.100.7", 5070)
BODY = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0 101\r\n"
    b"a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
)
USUAL = (
    b"INVITE sip:100@gw.example.com:5060;transport=udp SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKPjabc12345678\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "Alice Jones" <sip:alice@example.com>;tag=a6c85cf\r\n'
    b"To: <sip:100@gw.example.com>\r\n"
    b"Contact: <sip:alice@192.0.2.1:5060;ob>\r\n"
    b"Call-ID: 3848276298220188511@atlanta.example.com\r\n"
    b"CSeq: 2 INVITE\r\n"
    b"Allow: PRACK, INVITE, ACK, BYE, CANCEL, UPDATE, INFO, SUBSCRIBE, NOTIFY, REFER, MESSAGE, OPTIONS\r\n"
    b"Supported: replaces, 100rel, timer, norefersub\r\n"
    b"Session-Expires: 1800\r\n"
    b"Min-SE: 90\r\n"
    b"User-Agent: phone/3.21.3\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: %d\r\n\r\n%s"
) % (len(BODY), BODY)
SMALL = (
    b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\n"
    b"Call-ID: x\r\nCSeq: 1 OPTIONS\r\nContact: <sip:a@b>\r\n"
)
HEADERS = (
    *(
        "",
        "Via: ",
        "Via: SIP/2.0/UDP h;",
        "Contact: ",
        'Contact: "',
        "Contact: <sip:a",
        "Contact: <sip:a@b>;",
        "From: ",
    ),
    *("To: ", "Route: ", "Subject: ", "Reason: ", "Warning: ", "Content-Type: a/b;", "Authorization: D ", "Allow: "),
    *("WWW-Authenticate: D ", "Diversion: ", "Call-ID: ", "CSeq: ", "Replaces: ", "Expires: ", "Content-Length: "),
    *("Require: ", "P-Asserted-Identity: ", "Record-Route: "),
)
THINGS = (
    *(",", "\r\n", '"', ";", "\\", '\\"', '"\\', "<", ">", "<>", '"<', "\r\n ", "\r\n\t", " ", "\t", "a:\r\n", "a;"),
    *(";a=b", "%00", "%", "=", "[", ":", "@", "&", "?", "\0", "\x80", "é", "\u2028", "(", "\n", "\r", "<sip:a@b>,"),
    *('"a" <sip:a@b>;x="1;2",', ',"', "<tel:+1>,", '"<" <sip:a@b>,', "SIP/2.0/UDP h,", "S;cause=1,", '399 a "",'),
)


def hostile() -> Iterator[tuple[str, bytes]]:
    """Names and datagrams."""
    for thing in THINGS:
        unit = thing.encode()
        for size in (65000, 15800):
            flood = unit * (size // len(unit))
            yield f"{size} octets of {thing!r}", flood
            for header in HEADERS:
                yield f"{header!r} + {size} octets of {thing!r}", SMALL + header.encode() + flood + b"\r\n\r\n"
        for size in (4000, 140, 40):
            for header in HEADERS:
                line = header.encode() + unit * (size // len(unit)) + b"\r\n"
                lines = line * min(90, 15800 // len(line))
                yield f"lines of {header!r} + {size} octets of {thing!r}", SMALL + lines + b"\r\n"


class Ours:
    """A gateway that has something going on with half of those who send."""

    def __init__(self, hosts: set[str]) -> None:
        self._hosts = hosts

    def knows(self, host: str) -> bool:
        """Of one host in two something is known."""
        return host in self._hosts

    def hasDialog(self, tag: str, host: str) -> bool:
        """No dialog is this one."""
        return False

    def hasAsked(self, branch: str, host: str) -> bool:
        """No request is answered by this."""
        return False


def dropped() -> Iterator[tuple[float, str, int]]:
    """Seconds, the message and from how many sources: for messages that make the search for a token long."""
    for message in (
        USUAL,
        b"\r\nTo:" * 3000,
        b"\r\nTo: ;" + b"; tag" * 3000,
        b"\r\nTo: ;" + b" " * 15000,
        b";" * 15000,
        b"\r" * 15000,
        b"SIP/2.0 200 OK\r\nVia: " + b";branch" * 2000,
    ):
        for sources in (1, 1024):
            hosts = [f"203.0.{each // 250}.{each % 250}" for each in range(sources)]
            strangers = Strangers(Clock(), Ours(set(hosts[::2])), lambda host: False)
            turn = cycle(hosts)
            for _ in range(3000):
                strangers.lets(message, next(turn))
            yield seconds(lambda: strangers.lets(message, next(turn)), 1000), repr(message[:30]), sources  # noqa: B023


def seconds(action: Callable[[], object], times: int) -> float:
    """The least CPU time of one run."""
    best = 1.0
    for _ in range(5):
        start = time.process_time()
        for _ in range(times):
            action()
        best = min(best, (time.process_time() - start) / times)
    return best


def main() -> None:
    gate = Gate()
    admitted = gate.admit(USUAL, SOURCE)
    assert isinstance(admitted, Admitted)
    text = admitted.text
    judged, parsed = seconds(lambda: gate.admit(USUAL, SOURCE), 2000), seconds(lambda: SipRequest(text), 2000)
    print(f"usual INVITE ({len(USUAL)} octets): gate {judged * 1e6:.0f} us, sippy's parser {parsed * 1e6:.0f} us\n")

    costs = []
    for name, datagram in hostile():
        start = time.process_time()
        verdict = gate.admit(datagram, SOURCE)
        if isinstance(verdict, Admitted):
            for header in SipRequest(verdict.text).headers:
                header.getBody()
        costs.append((time.process_time() - start, type(verdict).__name__, name))
    costs.sort(reverse=True)
    print(f"the dearest of {len(costs)} hostile datagrams:\n{'ms':>6}  verdict   what")
    for cost, kind, name in costs[:10]:
        print(f"{cost * 1e3:6.2f}  {kind:<8}  {name}")

    print(f"\ndropped, for the budget is spent:\n{'us':>6}  sources  what")
    for cost, name, sources in dropped():
        print(f"{cost * 1e6:6.1f}  {sources:7d}  {name}")


if __name__ == "__main__":
    main()
