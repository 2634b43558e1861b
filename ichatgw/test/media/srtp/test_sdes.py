# -*- test-case-name: ichatgw.test.media.srtp.test_sdes -*-
"""
Tests for L{ichatgw.media.srtp.sdes}.
"""

from __future__ import annotations

import os
from base64 import b64encode

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.media.srtp.sdes import OfferedKeys, answerTo, choose, masterKey, newKey
from ichatgw.media.srtp.srtp import Suite
from ichatgw.model import CryptoKey

KEY = b64encode(bytes(range(30))).decode()


class KeyTests(SynchronousTestCase):
    """Keys in signalling."""

    def test_understood(self) -> None:
        """The example of RFC 4568 section 9.1, and other spellings that are met."""
        for parameters, session in (
            (f"inline:{KEY}", ""),
            (f"inline:{KEY}|2^20", ""),
            (f"inline:{KEY}|1048576", "WSH=64"),
            (f"inline:{KEY}|2^48", "wsh=64"),
            (f" INLINE:{KEY} ", "KDR=0 -x"),
        ):
            key = masterKey(CryptoKey("1", "aes_cm_128_hmac_sha1_80", parameters, session))
            self.assertEqual((key.suite, key.octets), (Suite.AES_CM_128_HMAC_SHA1_80, bytes(range(30))))

    def test_notUnderstood(self) -> None:
        """What would have to be done in a way that we do not know is refused, and so is nonsense."""
        for suite, parameters, session in (
            ("F8_128_HMAC_SHA1_80", f"inline:{KEY}", ""),
            ("AES_CM_128_HMAC_SHA1_80", f"inline:{KEY}|2^20|1:4", ""),
            ("AES_CM_128_HMAC_SHA1_80", f"inline:{KEY};inline:{KEY}", ""),
            ("AES_CM_128_HMAC_SHA1_80", f"inline:{KEY}|1:4", ""),
            ("AES_CM_128_HMAC_SHA1_80", f"inline:{KEY}|0", ""),
            ("AES_CM_128_HMAC_SHA1_80", f"inline:{KEY}|2^49", ""),
            ("AES_CM_128_HMAC_SHA1_80", f"inline:{KEY}|999999999999999", ""),
            ("AES_CM_128_HMAC_SHA1_80", f"inline:{KEY}", "KDR=1"),
            ("AES_CM_128_HMAC_SHA1_80", f"inline:{KEY}", "UNENCRYPTED_SRTP"),
            ("AES_CM_128_HMAC_SHA1_80", f"inline:{KEY}", "UNENCRYPTED_SRTCP"),
            ("AES_CM_128_HMAC_SHA1_80", f"inline:{KEY}", "UNAUTHENTICATED_SRTP"),
            ("AES_CM_128_HMAC_SHA1_80", f"inline:{KEY}", "WHATEVER=1"),
            ("AES_CM_128_HMAC_SHA1_80", f"inline:{KEY}", "FEC_ORDER=FEC_SRTP"),
            ("AES_CM_128_HMAC_SHA1_80", f"inline:{KEY[:-4]}", ""),
            ("AES_CM_128_HMAC_SHA1_80", "inline:====", ""),
            ("AES_CM_128_HMAC_SHA1_80", "inline:a", ""),
            ("AES_CM_128_HMAC_SHA1_80", KEY, ""),
            ("AEAD_AES_256_GCM", f"inline:{KEY}", ""),
            ("", "", ""),
        ):
            self.assertRaises(MalformedError, masterKey, CryptoKey("1", suite, parameters, session))

    def test_choice(self) -> None:
        """The first that we can use."""
        wrong = CryptoKey("1", "F8_128_HMAC_SHA1_80", f"inline:{KEY}")
        right = CryptoKey("2", "AES_CM_128_HMAC_SHA1_32", f"inline:{KEY}")
        chosen = choose([wrong, right])
        assert chosen is not None
        self.assertEqual((chosen[0].tag, chosen[1].suite), ("2", Suite.AES_CM_128_HMAC_SHA1_32))
        self.assertIsNone(choose([wrong]))
        self.assertIsNone(choose([]))

    def test_ours(self) -> None:
        """Ours are understood too, and each is another one."""
        for suite in Suite:
            key, master = newKey(suite, "7", os.urandom)
            self.assertEqual((key.tag, masterKey(key)), ("7", master))
            self.assertNotEqual(newKey(suite, "7", os.urandom)[1], master)


class AgreementTests(SynchronousTestCase):
    """Keys that are offered, and keys that answer them."""

    def test_taken(self) -> None:
        """The key of ours that has the tag of the answer, and the party's."""
        offered = OfferedKeys.make(Suite, os.urandom)
        self.assertEqual([key.tag for key in offered.keys], ["1", "2", "3", "4", "5", "6"])
        for ours in offered.keys:
            answer, theirs = answerTo([ours], os.urandom) or self.fail()
            self.assertIs(theirs, ours)
            self.assertEqual(offered.taken([answer]), (ours, answer))
            self.assertNotEqual(masterKey(ours), masterKey(answer))

    def test_notTaken(self) -> None:
        """A key under no tag of ours, of another suite than was offered under it, or none, is no answer."""
        offered = OfferedKeys.make([Suite.AES_CM_128_HMAC_SHA1_80], os.urandom)
        for tag, suite in (("2", Suite.AES_CM_128_HMAC_SHA1_80), ("1", Suite.AES_CM_128_HMAC_SHA1_32)):
            self.assertIsNone(offered.taken([newKey(suite, tag, os.urandom)[0]]))
        self.assertIsNone(offered.taken([]))

    def test_current(self) -> None:
        """The key in use is offered again, first, and stays if it is answered or its suite is offered again."""
        current, _ = newKey(Suite.AES_CM_128_HMAC_SHA1_32, "4", os.urandom)
        offered = OfferedKeys.make(Suite, os.urandom, current)
        self.assertEqual((offered.keys[0].tag, offered.keys[0].parameters), ("1", current.parameters))
        self.assertEqual(len({key.suite for key in offered.keys}), 6)
        before = newKey(Suite.AES_CM_128_HMAC_SHA1_32, "4", os.urandom)[0]
        for suite, stays in ((Suite.AES_CM_128_HMAC_SHA1_32, True), (Suite.AES_CM_128_HMAC_SHA1_80, False)):
            theirs, _ = newKey(suite, "9", os.urandom)
            answer, _ = answerTo([theirs], os.urandom, (current, before)) or self.fail()
            self.assertEqual(answer.tag, "9")
            self.assertEqual(masterKey(answer) == masterKey(current), stays)

    def test_stays(self) -> None:
        """The party's key in use, offered again behind others, is not given up for these."""
        ours, theirs, other = (
            newKey(suite, tag, os.urandom)[0]
            for suite, tag in (
                (Suite.AES_256_CM_HMAC_SHA1_80, "3"),
                (Suite.AES_256_CM_HMAC_SHA1_80, "3"),
                (Suite.AES_CM_128_HMAC_SHA1_80, "1"),
            )
        )
        self.assertEqual(answerTo([other, theirs], os.urandom, (ours, theirs)), (ours, theirs))
        answer, taken = answerTo([other, theirs], os.urandom) or self.fail()
        self.assertIs(taken, other)

    def test_noAnswer(self) -> None:
        """To nothing that we can use there is no answer."""
        self.assertIsNone(answerTo([CryptoKey("1", "F8_128_HMAC_SHA1_80", f"inline:{KEY}")], os.urandom))
