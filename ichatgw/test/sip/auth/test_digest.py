# -*- test-case-name: ichatgw.test.sip.auth.test_digest -*-
"""
Tests for L{ichatgw.sip.auth.digest}.
"""

from __future__ import annotations

import hashlib

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.reading.credentials import Credentials
from ichatgw.errors import MalformedError
from ichatgw.sip.auth.digest import Challenge, answer, challenges, nextNonce, readParameters

MUFASA = Credentials("Mufasa", "Circle Of Life")
NONCE = "dcd98b7102dd2f0e8b11d0f600bfb0c093"


class AnswerTests(SynchronousTestCase):
    """What we say to a challenge."""

    def test_rfc2617(self) -> None:
        """The example of RFC 2617 section 3.5."""
        challenge = Challenge("testrealm@host.com", NONCE, opaque="5ccc069c403ebaf9f0171e9517f40e41")
        text = answer(challenge, Credentials("Mufasa", "Circle Of Life"), "GET", "/dir/index.html", lambda: "0a4f113b")
        (parameters,) = [each for _, each in readParameters(text)]
        self.assertEqual(parameters["response"], "6629fae49393a05397450978507c4ef1")
        self.assertEqual((parameters["qop"], parameters["nc"], parameters["cnonce"]), ("auth", "00000001", "0a4f113b"))
        self.assertEqual(parameters["opaque"], "5ccc069c403ebaf9f0171e9517f40e41")

    def test_rfc7616(self) -> None:
        """The example of RFC 7616 section 3.9.1, with SHA-256."""
        challenge = Challenge("http-auth@example.org", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "SHA-256")
        text = answer(
            challenge,
            Credentials("Mufasa", "Circle of Life"),
            "GET",
            "/dir/index.html",
            lambda: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        )
        self.assertIn("753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", text)

    def test_old(self) -> None:
        """Without qop the answer is that of RFC 2069, with no count; MD5-sess needs our nonce all the same."""
        text = answer(Challenge("r", "n", quality=""), MUFASA, "REGISTER", "sip:a")
        self.assertNotIn("qop", text)
        self.assertNotIn("cnonce", text)
        self.assertIn("cnonce", answer(Challenge("r", "n", session=True, quality=""), MUFASA, "REGISTER", "sip:a"))

    def test_count(self) -> None:
        """A nonce that is used again is counted, and each answer is another one."""
        one, two = (answer(Challenge("r", "n"), MUFASA, "INVITE", "sip:a", lambda: "c", count) for count in (1, 0x1F))
        self.assertIn("nc=0000001f", two)
        self.assertNotEqual(one.partition("response=")[2][:34], two.partition("response=")[2][:34])

    def test_integrity(self) -> None:
        """Who wants C{auth-int} alone gets it, with the body in the digest (RFC 7616 section 3.4.3)."""
        (asked,) = challenges(['Digest realm="r", nonce="n", qop="auth-int"'])
        text = answer(asked, MUFASA, "INVITE", "sip:a", lambda: "c", body="v=0")
        ((_, found),) = readParameters(text)
        self.assertEqual(found["qop"], "auth-int")

        def md5(*parts: str) -> str:
            return hashlib.md5(":".join(parts).encode()).hexdigest()

        what = md5("INVITE", "sip:a", md5("v=0"))
        secret = md5("Mufasa", "r", "Circle Of Life")
        self.assertEqual(found["response"], md5(secret, "n", "00000001", "c", "auth-int", what))

    def test_next(self) -> None:
        """The next nonce is read from Authentication-Info, whatever else stands there; garbage has none."""
        self.assertEqual(nextNonce(['qop=auth, rspauth="a,b", nextnonce="x\\"y", nc=00000001']), 'x"y')
        for text in ("", "nextnonce", "nextnonce=", '"', "Digest x", "," * 3000):
            self.assertEqual(nextNonce([text]), "", text)

    def test_quoted(self) -> None:
        """No name or realm breaks out of its quotes."""
        text = answer(Challenge('a"b\\', "n"), Credentials('x", y="z', "p"), "REGISTER", "sip:a")
        ((_, parameters),) = readParameters(text)
        self.assertEqual((parameters["realm"], parameters["username"]), ('a"b\\', 'x", y="z'))
        self.assertNotIn("y", parameters)

    def test_secret(self) -> None:
        """A password does not show in what is logged."""
        self.assertNotIn("Circle", repr(MUFASA))


class ChallengeTests(SynchronousTestCase):
    """What others write."""

    def test_best(self) -> None:
        """The best algorithm that we know comes first, however many headers there are; others are passed over."""
        found = challenges(
            [
                'Digest realm="a", nonce="1", algorithm=MD5, qop="auth,auth-int"',
                'Basic realm="b"',
                'Digest realm="a",nonce="2",algorithm=SHA-256,qop="auth"',
                'Digest realm="a", nonce="3", algorithm=WHIRLPOOL',
                'Digest realm="a", nonce="4", qop="auth-conf"',
                'Digest realm="a", nonce="5", algorithm=SHA-512-256',
            ]
        )
        self.assertEqual(
            [(each.nonce, each.algorithm) for each in found], [("5", "SHA-512-256"), ("2", "SHA-256"), ("1", "MD5")]
        )

    def test_spellings(self) -> None:
        """Odd spellings of real servers are understood."""
        (one,) = challenges(['digest  Realm = "a b" ,nonce=abc,opaque="",stale=TRUE,algorithm=md5-sess,domain="x,y=z"'])
        self.assertEqual(one, Challenge("a b", "abc", "MD5", True, "", "", True))
        two = challenges(['Digest realm="a", nonce="1", Digest realm="b", nonce="2"'])
        self.assertEqual([each.realm for each in two], ["a", "b"])

    def test_tickets(self) -> None:
        """Schemes that have no parameters are passed over, whatever stands in their place (RFC 9110 section 11.2)."""
        for other in ("Negotiate YII/abc+x==", "NTLM", "Negotiate oYG", "GSS 4/=", 'Bearer realm="x", scope="a b"'):
            for text in (f'{other}, Digest realm="a", nonce="1"', f'Digest realm="a", nonce="1",{other}'):
                self.assertEqual([(each.realm, each.nonce) for each in challenges([text])], [("a", "1")], text)

    def test_long(self) -> None:
        """A nonce may be a whole signed document."""
        (found,) = challenges([f'Digest realm="a", nonce="{"x" * 3000}", qop="auth"'])
        self.assertEqual((len(found.nonce), found.quality), (3000, "auth"))

    def test_hostile(self) -> None:
        """What is no challenge is none, and nothing is raised."""
        for text in (
            "",
            "Digest",
            "Digest ",
            "Digest realm",
            "Digest =",
            'Digest realm="a',
            'Digest nonce="1"',
            "Basic abc==",
            '"',
            "Digest realm=a,nonce=\x00" * 300,
            "=" * 4000,
            "a " * 2000,
            "a b=" * 1000,
            ("Digest " * 280),
        ):
            for challenge in challenges([text]):
                self.assertTrue(challenge.nonce or challenge.realm, text)
        self.assertRaises(MalformedError, readParameters, 'Digest realm="a')
