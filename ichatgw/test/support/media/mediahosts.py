# -*- test-case-name: ichatgw.test.media.transport.test_transport -*-
"""
Two hosts, each with a relay, and a network of memory over which their transports find each other.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from ichatgw.interfaces import ITransportNews
from ichatgw.media.engine import MediaEngine, MediaOptions
from ichatgw.media.relay.side import Side
from ichatgw.media.rtp.rtp import RTPPacket
from ichatgw.media.transport.transport import Transport
from ichatgw.media.transport.transports import MediaTransports
from ichatgw.model import (
    PCMU,
    Candidate,
    Ending,
    SessionDescription,
    TransportAddress,
    TransportDescription,
    TransportKind,
)
from ichatgw.net.localaddresses import LocalAddresses
from ichatgw.test.support.media.fakes import FakeNetwork, Numbers

MEDIA = SessionDescription((PCMU,))
PHONE = ("198.51.100.7", 30000)


class Hosts(LocalAddresses):
    """The addresses of one host."""

    def __init__(self, *hosts: str) -> None:
        super().__init__()
        self.hosts = hosts

    def own(self) -> tuple[str, ...]:
        return self.hosts

    def towards(self, host: str) -> str:
        return next(each for each in self.hosts if (":" in each) == (":" in host))


@implementer(ITransportNews)
class News:
    """Remembers what a transport said."""

    def __init__(self) -> None:
        self.candidates: list[Candidate] = []
        self.connections = 0
        self.endings: list[Ending] = []

    def candidatesFound(self, candidates: Sequence[Candidate]) -> None:
        self.candidates += candidates

    def connected(self) -> None:
        self.connections += 1

    def failed(self, ending: Ending) -> None:
        self.endings.append(ending)


class Host:
    """A relay; the callee's side has the transport, the caller's a phone with plain RTP."""

    def __init__(self, clock: Clock, *hosts: str) -> None:
        self.network = FakeNetwork()
        self.hosts = hosts
        self.engine = MediaEngine(
            clock,
            Hosts(*hosts),
            MediaOptions(8000, 8099),
            clock=clock,
            readers=self.network,
            makeSocket=self.network.makeSocket,
            random32=Numbers(),
        )
        self.relay = self.engine.allocate("c")
        self.news = News()
        self.transports = MediaTransports(clock, os.urandom, lambda: hosts)
        self.transport: Transport

    @property
    def side(self) -> Side:
        assert isinstance(self.relay.callee, Side)
        return self.relay.callee

    def make(self, remote: TransportDescription | None = None, kind: TransportKind = TransportKind.DTLS) -> Transport:
        made = self.transports.make("c", self.relay.callee, self.news, remote, kind)
        assert isinstance(made, Transport)
        self.transport = made
        return made

    def phone(self) -> TransportAddress:
        """The phone at the other side; where it sends to."""
        local = self.relay.caller.local(PHONE[0])
        self.relay.caller.connect(SessionDescription((PCMU,), TransportAddress(*PHONE)))
        return local

    def speak(self, sequence: int) -> None:
        packet = RTPPacket(0, sequence, sequence * 160, 77, b"speech" * 20).pack()
        self.network.deliver(packet, PHONE, self.phonePort)

    def start(self) -> None:
        self.phonePort = self.phone().port

    def heard(self) -> list[RTPPacket]:
        """What the phone heard of speech."""
        found = [RTPPacket.parse(each) for each in self.network.sentTo(PHONE)]
        return [each for each in found if each.payload.startswith(b"speech")]


def source(host: str, port: int) -> tuple[object, ...]:
    return (host, port, 0, 0) if ":" in host else (host, port)


class World(SynchronousTestCase):
    """Two hosts and what is between them."""

    def setUp(self) -> None:
        self.build(("192.0.2.1",), ("192.0.2.2",))

    def allowPlain(self) -> None:
        """Plain media is allowed at both."""
        for host in (self.one, self.two):
            host.transports = MediaTransports(self.clock, os.urandom, partial(tuple, host.hosts), allowPlain=True)

    def build(self, ours: tuple[str, ...], theirs: tuple[str, ...]) -> None:
        self.clock = Clock()
        self.one = Host(self.clock, *ours)
        self.two = Host(self.clock, *theirs)
        self.lose: Callable[[bytes], bool] = lambda datagram: False
        self.disturb: Callable[[list[Any]], list[Any]] = lambda sent: sent
        self.carried: list[bytes] = []

    def carry(self) -> bool:
        """Everything on its way arrives; was there anything?"""
        moved = False
        for near, far in ((self.one, self.two), (self.two, self.one)):
            for open_ in list(near.network.sockets):
                assert open_.bound is not None
                ours = next((h for h in near.hosts if (":" in h) == (open_.family == socket.AF_INET6)), "")
                sent, kept = open_.sent, [(d, t) for d, t in open_.sent if t[0] not in far.hosts]
                open_.sent = kept
                for datagram, target in self.disturb(sent):
                    if target[0] in far.hosts:
                        moved = True
                        self.carried.append(datagram)
                        if not self.lose(datagram):
                            far.network.deliver(datagram, source(ours, open_.bound[1]), target[1])
        return moved

    def run_(self, seconds: float, step: float = 0.02) -> None:
        """Let time pass."""
        for _ in range(int(seconds / step)):
            while self.carry():
                pass
            self.clock.advance(step)
        while self.carry():
            pass

    def offer(self, kind: TransportKind = TransportKind.DTLS) -> TransportDescription:
        """Phones at both; what host one offers."""
        self.one.start()
        self.two.start()
        return self.one.make(kind=kind).local

    def introduce(self, offer: TransportDescription, answer: TransportDescription) -> None:
        """Each learns of the other."""
        self.two.transport.connect(offer, MEDIA, (PCMU,))
        self.one.transport.connect(answer, MEDIA, (PCMU,))

    def join(self) -> None:
        """Offer and answer."""
        offer = self.offer()
        self.introduce(offer, self.two.make(offer).local)

    def assertTalking(self) -> None:
        """Each phone hears the other."""
        for near, far in ((self.one, self.two), (self.two, self.one)):
            far.heard()
            for sequence in range(5):
                near.speak(sequence)
                self.run_(0.02)
            self.assertEqual(len(far.heard()), 5)
