# -*- test-case-name: ichatgw.test.media.transport.test_secured -*-
"""
Two hosts, each with a relay, between which media is SRTP at plain addresses; at their other sides there are phones with
plain RTP.
"""

from __future__ import annotations

import os
from itertools import count
from typing import Any

from attrs import evolve
from twisted.logger import globalLogPublisher

from ichatgw.media.srtp import sdes
from ichatgw.media.srtp.srtp import Suite
from ichatgw.model import (
    PCMU,
    CryptoKey,
    Direction,
    Ending,
    Protection,
    SessionDescription,
    TransportAddress,
)
from ichatgw.test.support.media.mediahosts import PHONE, Host, World
from ichatgw.test.support.media.relays import receiverReport

STRANGER = ("198.51.100.66", 6000)


def newKey(suite: Suite = Suite.AES_CM_128_HMAC_SHA1_80) -> CryptoKey:
    return sdes.newKey(suite, "1", os.urandom)[0]


def swapped(protection: Protection) -> Protection:
    """The same keys, as the other end sees them."""
    return evolve(protection, ours=protection.theirs, theirs=protection.ours)


class SecuredCase(World):
    """Host one and host two have described themselves to each other."""

    def setUp(self) -> None:
        super().setUp()
        self.failures: list[Ending] = []
        self.keys = Protection(newKey(), newKey())
        self.muxed = False
        self.numbers = count(1)
        self.events: list[Any] = []
        observer: Any = self.events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def lines(self, text: str) -> int:
        return sum(text in (event["log_format"] or "") for event in self.events)

    def meet(self) -> None:
        """Phones, and addresses for both."""
        self.one.start()
        self.two.start()
        self.places = [host.side.local("192.0.2.9") for host in (self.one, self.two)]
        self.describe(self.one, self.places[1])
        self.describe(self.two, self.places[0])

    def describe(self, host: Host, place: TransportAddress, direction: Direction = Direction.SENDRECV) -> None:
        host.side.connect(SessionDescription((PCMU,), place, place if self.muxed else None, direction))

    def protect(self, host: Host, protection: Protection | None) -> None:
        host.side.protect(protection, self.failures.append)

    def byKeys(self, keys: Protection | None = None) -> None:
        agreed = self.keys if keys is None else keys
        self.protect(self.one, agreed)
        self.protect(self.two, swapped(agreed))

    def byDTLS(self, oneIsActive: bool = True) -> None:
        for host, other, active in ((self.one, self.two, oneIsActive), (self.two, self.one, not oneIsActive)):
            self.protect(host, Protection(fingerprint=other.engine.identity.fingerprint, active=active))

    def assertProtected(self) -> None:
        """The phones hear each other, and nobody else does."""
        self.carried.clear()
        self.assertTalking()
        self.assertFalse([each for each in self.carried if b"speech" in each])

    def said(self, near: Host, far: Host) -> int:
        """How many of five words get through."""
        far.heard()
        for _ in range(5):
            near.speak(next(self.numbers) & 0xFFFF)
            self.run_(0.02)
        return len(far.heard())

    def assertTalking(self) -> None:
        self.assertEqual((self.said(self.one, self.two), self.said(self.two, self.one)), (5, 5))

    def reports(self) -> None:
        """Both phones send RTCP; each hears the other's."""
        self.assertTalking()
        control = (PHONE[0], PHONE[1] + 1)
        for near, far in ((self.one, self.two), (self.two, self.one)):
            far.network.sentTo(control)
            near.network.deliver(receiverReport(77, 0), control, near.phonePort + 1)
            self.run_(0.02)
            self.assertEqual(len(far.network.sentTo(control)), 1)
