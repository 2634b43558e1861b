# -*- test-case-name: ichatgw.test.sim.xmpp.test_scram -*-
"""
Logging in without giving the password away: SCRAM (RFC 5802, RFC 7677), without channel binding.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from base64 import b64decode, b64encode

from ichatgw.errors import MalformedError

MAX_ITERATIONS = 1_000_000


class Scram:
    """
    The client's side of one exchange; a SASL mechanism as Twisted wants one.

    @ivar name: C{SCRAM-SHA-1} or C{SCRAM-SHA-256}.
    """

    def __init__(self, name: str, user: str, password: str, nonce: str = "") -> None:
        self.name = name
        self._hash = name.removeprefix("SCRAM-").replace("-", "").lower()
        self._password = unicodedata.normalize("NFKC", password).encode("utf-8")
        escaped = unicodedata.normalize("NFKC", user).replace("=", "=3D").replace(",", "=2C")
        self._nonce = nonce or secrets.token_urlsafe(18)
        self._first = f"n={escaped},r={self._nonce}"
        self._signature = b""

    def getInitialResponse(self) -> bytes:
        """The client-first-message."""
        return f"n,,{self._first}".encode()

    def getResponse(self, challenge: bytes) -> bytes:
        """
        The answer to the server-first-message, or an empty one to the server-final-message.

        @raise MalformedError: if the server's words make no sense, or it does not know the password.
        """
        fields = _fields(challenge)
        if "v" in fields:
            self.verify(challenge)
            return b""
        try:
            nonce, salt, iterations = fields["r"], b64decode(fields["s"]), int(fields["i"])
        except (KeyError, ValueError):
            raise MalformedError("bad SCRAM challenge") from None
        if not nonce.startswith(self._nonce) or nonce == self._nonce or not 0 < iterations <= MAX_ITERATIONS:
            raise MalformedError("bad SCRAM challenge")
        salted = hashlib.pbkdf2_hmac(self._hash, self._password, salt, iterations)
        final = f"c=biws,r={nonce}"
        exchange = ",".join((self._first, challenge.decode("utf-8"), final)).encode("utf-8")
        clientKey = self._mac(salted, b"Client Key")
        signature = self._mac(hashlib.new(self._hash, clientKey).digest(), exchange)
        proof = bytes(a ^ b for a, b in zip(clientKey, signature, strict=True))
        self._signature = self._mac(self._mac(salted, b"Server Key"), exchange)
        return f"{final},p={b64encode(proof).decode('ascii')}".encode()

    def verify(self, final: bytes) -> None:
        """
        Does the server know the password too?

        @raise MalformedError: if not.
        """
        try:
            given = b64decode(_fields(final)["v"])
        except (KeyError, ValueError):
            raise MalformedError("no SCRAM verifier from the server") from None
        if not self._signature or not hmac.compare_digest(given, self._signature):
            raise MalformedError("the server does not know the password")

    def _mac(self, key: bytes, text: bytes) -> bytes:
        return hmac.new(key, text, self._hash).digest()


def _fields(message: bytes) -> dict[str, str]:
    parts = message.decode("utf-8", "replace").split(",")
    return {part[:1]: part[2:] for part in parts if part[1:2] == "="}
