# -*- test-case-name: ichatgw.test.sim.xmpp.test_scram -*-
"""
Tests of SCRAM, with the examples of its RFCs.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.sim.xmpp.scram import Scram

SHA1 = (
    "fyko+d2lbbFgONRv9qkxdawL",
    b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
    b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
)
SHA256 = (
    "rOprNGfwEbeRWgbNEkqO",
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
)


class ScramTests(SynchronousTestCase):
    def test_examples(self) -> None:
        """The exchanges of RFC 5802 section 5 and RFC 7677 section 3 come out to the letter."""
        for name, (nonce, challenge, proof, verifier) in (("SCRAM-SHA-1", SHA1), ("SCRAM-SHA-256", SHA256)):
            scram = Scram(name, "user", "pencil", nonce)
            self.assertEqual(scram.getInitialResponse(), f"n,,n=user,r={nonce}".encode())
            self.assertEqual(scram.getResponse(challenge), proof)
            self.assertEqual(scram.getResponse(verifier), b"")

    def test_impostor(self) -> None:
        """A server that cannot prove that it knows the password is found out."""
        scram = Scram("SCRAM-SHA-1", "user", "pencil", SHA1[0])
        self.assertRaises(MalformedError, scram.verify, SHA1[3])
        scram.getResponse(SHA1[1])
        for final in (b"v=AAAA", b"", b"e=other-error", b"v=!"):
            self.assertRaises(MalformedError, scram.verify, final)

    def test_badChallenge(self) -> None:
        """A nonce that is not ours with more behind it, no salt, and absurd counts are refused."""
        for bad in (
            b"",
            b"r=other,s=QSXCR+Q6sek8bf92,i=4096",
            b"r=fyko+d2lbbFgONRv9qkxdawL,s=QSXCR+Q6sek8bf92,i=4096",
            SHA1[1].replace(b"i=4096", b"i=0"),
            SHA1[1].replace(b"i=4096", b"i=99999999999"),
            SHA1[1].replace(b",s=QSXCR+Q6sek8bf92", b""),
        ):
            self.assertRaises(MalformedError, Scram("SCRAM-SHA-1", "user", "pencil", SHA1[0]).getResponse, bad)

    def test_escaped(self) -> None:
        """Commas and equals signs in a name are escaped."""
        self.assertIn(b"n=a=2Cb=3Dc,", Scram("SCRAM-SHA-1", "a,b=c", "x").getInitialResponse())
