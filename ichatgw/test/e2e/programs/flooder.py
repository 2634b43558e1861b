# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
A program that floods a SIP port: C{python -m ichatgw.test.e2e.programs.flooder SPECIFICATION}.

It is a process of its own so that what is measured elsewhere does not wait for it.  At its end it writes one line: how
many messages and octets it sent, and how many octets it heard.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count

from attrs import asdict, define, field, frozen

TICK = 0.01
"""Seconds between two bursts."""

IP_PKTINFO, IPV6_PKTINFO = 8, 50
"""Linux: the address that a datagram is sent from."""

IPV6_FREEBIND = 78
"""Linux: that address need be none of an interface."""

NETWORK = "fd69:6368:6174:1::/64"
"""Where strangers are who use IPv6; all of it has to lead here."""

METHODS = ("INVITE", "OPTIONS", "REGISTER", "REFER", "ACK")

RETRY_LATER = b"\r\nRetry-After:"
"""A header of refusals."""

_SDP = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 9000 RTP/AVP 0\r\n"


@frozen
class Flood:
    """
    What is sent.

    @ivar port: of the target at 127.0.0.1, or at ::1.
    @ivar transport: C{udp}, C{tcp} or C{tls}.
    @ivar sources: from how many addresses.
    @ivar isIPv6: they are all of L{NETWORK}.
    @ivar rate: messages a second.
    @ivar seconds: for how long.
    @ivar same: what all messages have in common: C{callId}, C{tag}, C{branch}.
    @ivar size: octets of a message, at least; 0 for as many as it has.
    @ivar garbage: no SIP at all.
    @ivar pieces: a connection brings a message in pieces of an octet, that end never.
    @ivar mayCall: the source is one that may call.
    @ivar methods: of its requests, one after the other.
    """

    port: int
    transport: str = "udp"
    sources: int = 1
    isIPv6: bool = False
    rate: int = 2000
    seconds: float = 10.0
    same: tuple[str, ...] = ()
    size: int = 0
    garbage: bool = False
    pieces: bool = False
    mayCall: bool = False
    methods: tuple[str, ...] = METHODS

    def argument(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))


def source(number: int, isIPv6: bool = False) -> str:
    """An address of a stranger; all of 127.0.0.0/8 is this host."""
    if isIPv6:
        return f"{NETWORK.partition('::')[0]}:{number * 7919 % 0x10000:x}::{number:x}"
    return f"127.1.{number // 250}.{number % 250 + 1}"


def messages(flood: Flood) -> Iterator[tuple[str, bytes]]:
    """The messages, and where each comes from."""
    for number in count():
        host = "127.0.0.1" if flood.mayCall else source(number % flood.sources, flood.isIPv6)
        shown = f"[{host}]" if flood.isIPv6 else host
        if flood.pieces:
            yield host, b"A"
            continue
        if flood.garbage:
            yield host, (os.urandom(40), b"A" * 300, b"INVITE sip:x SIP/2.0\r\n\r\n", b"\0\1" + b"\0" * 30)[number % 4]
            continue
        method = flood.methods[number % len(flood.methods)]
        branch, tag, callId = ("same" if name in flood.same else f"{number:x}" for name in ("branch", "tag", "callId"))
        body = _SDP if method == "INVITE" else ""
        kind = "Content-Type: application/sdp\r\n" if body else ""
        text = (
            f"{method} sip:100@127.0.0.1:{flood.port} SIP/2.0\r\n"
            f"Via: SIP/2.0/{flood.transport.upper()} {shown}:5060;branch=z9hG4bK{branch};rport\r\n"
            f"From: <sip:stranger@{shown}>;tag={tag}\r\nTo: <sip:100@127.0.0.1>\r\nCall-ID: {callId}@{shown}\r\n"
            f"CSeq: {number + 1} {method}\r\nContact: <sip:stranger@{shown}>\r\nMax-Forwards: 70\r\n"
            f"Refer-To: <sip:101@127.0.0.1>\r\n{kind}"
        )
        while len(text) < flood.size:
            text += f"Subject: {'x' * 3000}\r\n"
        yield host, f"{text}Content-Length: {len(body)}\r\n\r\n{body}".encode()


@define(eq=False)
class Sent:
    """
    What was sent and heard.

    @ivar count: messages.
    @ivar answers: datagrams heard; of connections, pieces.
    @ivar heard: their octets.
    @ivar refused: those that refuse a call and say when to try again.
    """

    count: int = 0
    octets: int = 0
    answers: int = 0
    heard: int = 0
    refused: int = 0

    def hears(self, piece: bytes) -> None:
        """Something has come."""
        self.answers += 1
        self.heard += len(piece)
        self.refused += piece.count(RETRY_LATER)


class Datagrams:
    """Sends over UDP, from any address."""

    def __init__(self, flood: Flood, sent: Sent) -> None:
        self._sent = sent
        self._isIPv6 = flood.isIPv6
        self._target = ("::1" if flood.isIPv6 else "127.0.0.1", flood.port)
        self._socket = socket.socket(socket.AF_INET6 if flood.isIPv6 else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        if flood.isIPv6:
            self._socket.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        self._socket.bind(("::" if flood.isIPv6 else "0.0.0.0", 0))

    def send(self, host: str, message: bytes) -> None:
        """One message."""
        with suppress(BlockingIOError):
            self._socket.sendmsg([message], [self._from(host)], 0, self._target)
            self._sent.count += 1
            self._sent.octets += len(message)

    def _from(self, host: str) -> tuple[int, int, bytes]:
        if self._isIPv6:
            return socket.IPPROTO_IPV6, IPV6_PKTINFO, socket.inet_pton(socket.AF_INET6, host) + b"\0" * 4
        return socket.IPPROTO_IP, IP_PKTINFO, struct.pack("=I4s4s", 0, socket.inet_aton(host), b"\0" * 4)

    def hear(self) -> None:
        """Take in what has come."""
        with suppress(BlockingIOError, ConnectionError):
            while True:
                self._sent.hears(self._socket.recv(65536))


@define(eq=False)
class Connections:
    """Sends over connections, one from each address; one that is closed is made anew."""

    _flood: Flood
    _sent: Sent
    _open: dict[str, socket.socket] = field(factory=dict, init=False)
    _unsent: dict[str, bytes] = field(factory=dict, init=False)
    _context: ssl.SSLContext = field(factory=lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), init=False)

    def __attrs_post_init__(self) -> None:
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE

    def send(self, host: str, message: bytes) -> None:
        """One message, if the connection takes it and nothing of the one before is left."""
        try:
            connection = self._open.get(host) or self._connect(host)
            rest = self._unsent.get(host, b"")
            if not rest:
                self._sent.count += 1
                self._sent.octets += len(message)
            self._unsent[host] = rest = rest or message
            self._unsent[host] = rest[connection.send(rest) :]
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass  # it is full
        except OSError:
            self._drop(host)

    def hear(self) -> None:
        """Take in what has come."""
        for host, connection in list(self._open.items()):
            try:
                heard = connection.recv(65536)
                if heard:
                    self._sent.hears(heard)
                else:
                    self._drop(host)
            except (BlockingIOError, ssl.SSLWantReadError):
                continue
            except OSError:
                self._drop(host)

    def _connect(self, host: str) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._flood.port), 2.0, (host, 0))
        if self._flood.transport == "tls":
            connection = self._context.wrap_socket(connection)
        connection.setblocking(False)
        self._open[host] = connection
        return connection

    def _drop(self, host: str) -> None:
        self._unsent.pop(host, None)
        connection = self._open.pop(host, None)
        if connection is not None:
            connection.close()


def run(flood: Flood, now: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep) -> Sent:
    """Send until the time is over."""
    sent = Sent()
    way = Datagrams(flood, sent) if flood.transport == "udp" else Connections(flood, sent)
    every = messages(flood)
    begun, due = now(), 0.0
    while now() - begun < flood.seconds:
        due = min(due + TICK * flood.rate, 4 * TICK * flood.rate)
        while due >= 1 and now() - begun < flood.seconds:
            way.send(*next(every))
            due -= 1
        way.hear()
        sleep(TICK)
    sleep(0.5)
    way.hear()
    return sent


if __name__ == "__main__":
    print(json.dumps(asdict(run(Flood(**json.loads(sys.argv[1]))))))
