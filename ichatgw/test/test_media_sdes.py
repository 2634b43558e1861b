# -*- test-case-name: ichatgw.test.test_media_sdes -*-
"""
Tests for L{ichatgw.media.sdes}.
"""

from __future__ import annotations

import os
from base64 import b64encode

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.media.sdes import choose, masterKey, newKey
from ichatgw.media.srtp import Suite
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
