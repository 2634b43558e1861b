# -*- test-case-name: ichatgw.test.media.ice.test_stun -*-
"""
Tests for L{ichatgw.media.ice.stun} and L{ichatgw.media.ice.stunrequests}.
"""

from __future__ import annotations

import os
from zlib import crc32

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.media.ice import stun
from ichatgw.media.ice.stunrequests import WAITS, Requests
from ichatgw.model import TransportAddress

PEER = TransportAddress("192.0.2.1", 5000)
# RFC 5769 section 2.1: a request with USERNAME, MESSAGE-INTEGRITY and FINGERPRINT.
RFC5769 = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9b1"
    "51263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)
PASSWORD = "VOkJxbRl1RmTxUk/WvJxBt"


class MessageTests(SynchronousTestCase):
    """STUN messages."""

    def test_rfc5769(self) -> None:
        """The sample request of RFC 5769 is understood, and its sender is who it says."""
        message = stun.parse(RFC5769)
        self.assertEqual(message.attributes["USERNAME"], "evtj:h6vY")
        self.assertTrue(stun.isAuthentic(message, PASSWORD))
        self.assertFalse(stun.isAuthentic(message, PASSWORD[:-1]))

    def test_changed(self) -> None:
        """No octet can be changed without being noticed."""
        for place in range(len(RFC5769)):
            changed = bytearray(RFC5769)
            changed[place] ^= 0x55
            try:
                message = stun.parse(bytes(changed))
            except MalformedError:
                continue
            self.assertFalse(stun.isAuthentic(message, PASSWORD), place)

    def test_unsigned(self) -> None:
        """
        What follows MESSAGE-INTEGRITY, as its SHA-256 kind or by one who changes messages on their way, is passed over.
        """
        signed = stun.check(bytes(12), "a:b", "pw", 7, (True, 99))[: -len(RFC5769[-8:])]
        for more in ("001c0004ffffffff", "00250000", "002400040badf00d", "0008001400" + 19 * "11"):
            longer = signed + bytes.fromhex(more)
            longer = longer[:2] + (len(longer) + 8 - 20).to_bytes(2, "big") + longer[4:]
            whole = longer + bytes.fromhex("80280004") + (crc32(longer) ^ 0x5354554E).to_bytes(4, "big")
            message = stun.parse(whole)
            self.assertTrue(stun.isAuthentic(message, "pw"), more)
            self.assertEqual(message.attributes["PRIORITY"], 7)
            self.assertNotIn("USE-CANDIDATE", message.attributes)

    def test_withoutSeal(self) -> None:
        """A message without MESSAGE-INTEGRITY is by anybody."""
        self.assertFalse(stun.isAuthentic(stun.parse(stun.query(bytes(12))), ""))

    def test_hostile(self) -> None:
        """What is no STUN is refused in one way."""
        for datagram in (b"", bytes(19), bytes(20), RFC5769[:-4], RFC5769 + b"x", bytes(600), os.urandom(100)):
            self.assertRaises(MalformedError, stun.parse, datagram)
        for length in range(20, len(RFC5769)):
            self.assertRaises(MalformedError, stun.parse, RFC5769[:length])

    def test_check(self) -> None:
        """A check says who asks, and what for; its answer says where it came from, and is not longer."""
        data = stun.check(bytes(12), "a:b", "pw", 7, (True, 99), nominates=True)
        message = stun.parse(data)
        self.assertTrue(stun.isAuthentic(message, "pw"))
        self.assertEqual((message.attributes["PRIORITY"], message.attributes["ICE-CONTROLLING"]), (7, 99))
        self.assertIn("USE-CANDIDATE", message.attributes)
        answer = stun.success(message, PEER, "pw")
        self.assertEqual(stun.mapped(stun.parse(answer)), PEER)
        self.assertTrue(len(answer) <= len(data))
        self.assertIn("ICE-CONTROLLED", stun.parse(stun.check(bytes(12), "a:b", "pw", 7, (False, 1))).attributes)
        conflict = stun.parse(stun.roleConflict(message, "pw"))
        self.assertEqual(conflict.attributes["ERROR-CODE"][0], 487)

    def test_query(self) -> None:
        """A question to a server needs no credentials; an answer without an address has none."""
        self.assertIsNone(stun.mapped(stun.parse(stun.query(bytes(12)))))


class RequestsTests(SynchronousTestCase):
    """Requests on their way."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.requests = Requests(self.clock, os.urandom)
        self.sent: list[bytes] = []
        self.answers: list[stun.Message] = []
        self.lost = 0

    def send(self, accepts: bool = True) -> None:
        def lost() -> None:
            self.lost += 1

        self.requests.send(
            lambda transaction: stun.check(transaction, "a:b", "pw", 1, (True, 1)),
            self.sent.append,
            PEER,
            lambda message: accepts,
            self.answers.append,
            lost,
        )

    def answer(self) -> stun.Message:
        return stun.parse(stun.success(stun.parse(self.sent[-1]), PEER, "pw"))

    def test_answered(self) -> None:
        """An answer counts once, and ends it."""
        self.send()
        self.assertTrue(self.requests.received(self.answer(), PEER))
        self.assertFalse(self.requests.received(self.answer(), PEER))
        self.assertEqual((len(self.answers), self.requests.open, self.clock.getDelayedCalls()), (1, 0, []))

    def test_lost(self) -> None:
        """Without an answer it is sent again, always later, and given up."""
        self.send()
        self.clock.pump([0.5] * int(sum(WAITS) * 2 + 1))
        self.assertEqual((len(self.sent), self.lost, self.requests.open), (7, 1, 0))
        self.assertEqual(len(set(self.sent)), 1)

    def test_notGenuine(self) -> None:
        """An answer from elsewhere, or that is not accepted, is none; nor is a request."""
        self.send(accepts=False)
        self.assertFalse(self.requests.received(self.answer(), PEER))
        self.assertFalse(self.requests.received(self.answer(), TransportAddress("192.0.2.1", 5001)))
        self.assertFalse(self.requests.received(stun.parse(self.sent[-1]), PEER))
        self.assertEqual(self.requests.open, 1)
        self.requests.close()
        self.requests.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])
