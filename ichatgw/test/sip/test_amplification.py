# -*- test-case-name: ichatgw.test.sip.test_amplification -*-
"""
Nobody is flooded by our answers to somebody who writes another's address on what is sent.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.reading.credentials import Credentials
from ichatgw.model import TransportAddress
from ichatgw.sip.auth.digest import answer, challenges
from ichatgw.sip.auth.verifier import Verifier
from ichatgw.test.marks import slow
from ichatgw.test.sip.message.test_gate_corpora import PIECES
from ichatgw.test.support.sip.sipwire import Rig, request, respond

REQUESTS = 100_000
SEED = 20261130

METHODS = ("INVITE", "OPTIONS", "REGISTER", "REFER", "ACK", "BYE", "CANCEL", "MESSAGE", "SUBSCRIBE", "INFO", "FROB")
SHORT = (
    ("Via:", "v:"),
    ("From:", "f:"),
    ("To:", "t:"),
    ("Call-ID:", "i:"),
    ("Contact:", "m:"),
    ("Content-Length:", "l:"),
)
HOSTS = (
    *(f"203.0.113.{each}" for each in range(200)),
    *(f"2001:db8:{each:x}::{each + 1:x}" for each in range(100)),
    "::ffff:198.51.100.7",
)


class Messages:
    """What strangers may send, by chance."""

    def __init__(self, random: Random, verifier: Verifier) -> None:
        self._random = random
        self._verifier = verifier

    def next(self, host: str) -> bytes:
        """One of them."""
        random = self._random
        if random.random() < 0.05:
            return bytes([0, 1, 0, 0]) + b"\x21\x12\xa4\x42" + random.randbytes(12)
        text = self._request(host)
        if random.random() < 0.05:
            text = respond(text, random.choice((100, 200, 302, 401, 486)), "Words")
        if random.random() < 0.3:
            for long, short in SHORT:
                text = text.replace(long, short)
            text = text.replace("Max-Forwards: 70\r\n", "").replace("sip:scott@192.0.2.10:5070", "sip:a")
        message = text.encode()
        for _ in range(random.choice((0, 0, 0, 1, 2))):
            at = random.randrange(len(message))
            message = message[:at] + random.choice(PIECES) * random.choice((1, 1, 30)) + message[at:]
        if random.random() < 0.05:
            message = message[: random.randrange(len(message))]
        return message

    def _request(self, host: str) -> str:
        random = self._random
        name = f"{random.randrange(1000)}"
        extra = "".join(
            random.choice(
                (
                    "",
                    f"Subject: {'x' * random.choice((1, 500, 3000))}\r\n",
                    "Require: x, y\r\n",
                    "Via: SIP/2.0/UDP a\r\n",
                )
            )
            for _ in range(random.randrange(4))
        )
        if random.random() < 0.2:
            (asked, *_) = challenges(self._verifier.challenge(host))
            extra += f"Authorization: {answer(asked, Credentials('alice', 'wrong'), 'INVITE', 'sip:a')}\r\n"
        return request(
            random.choice(METHODS),
            callId=name,
            branch=name,
            to="<sip:scott@192.0.2.10:5070>" + random.choice(("", "", ";tag=x")),
            cseq=random.randrange(1, 10),
            body=random.choice((None, "v=0\r\n")),
            extra=extra,
        )


class AmplificationTests(SynchronousTestCase):
    """Strangers over UDP."""

    @slow
    def test_octets(self) -> None:
        """Of thousands of messages by chance none makes us send more octets to its source than it has."""
        self.send(REQUESTS // 20)

    @slow
    def test_manyOctets(self) -> None:
        """Nor does any of a hundred thousand."""
        self.send(REQUESTS)

    def send(self, requests: int) -> None:
        """So many messages by chance."""
        random, clock = Random(SEED), Clock()
        verifier = Verifier("gw.example", {"alice": "wonder"}, clock)
        rig = Rig(verifier=verifier)
        rig.endpoint.admit(lambda host: False)
        messages = Messages(random, verifier)
        came: Counter[str] = Counter()
        went: Counter[str] = Counter()
        answered = 0

        def send(datagram: bytes, address: TransportAddress) -> None:
            nonlocal answered
            answered += 1
            went[address.host] += len(datagram)

        self.patch(rig.wire, "send", send)
        prepared = [(host, messages.next(host)) for host in random.choices(HOSTS, k=requests // 20)]
        for _ in range(requests):
            host, message = random.choice(prepared)
            came[host] += len(message)
            rig.endpoint.received(message, TransportAddress(host, 5060))
            self.assertLessEqual(went[host], came[host], message)
            rig.clock.advance(0.003)
        self.assertGreater(answered, requests / 20)
        self.assertEqual(set(went) - set(came), set())
        self.assertEqual((rig.endpoint.transactions, rig.endpoint.legs), (0, frozenset()))
