# -*- test-case-name: ichatgw.test.media.dtls.test_dtls,ichatgw.test.media.dtls.test_cookie,ichatgw.test.media.transport.test_candidates -*-  # noqa: E501
"""
DTLS-SRTP (RFC 5763, RFC 5764) by pyOpenSSL: datagrams in, datagrams out, and at the end keys for SRTP.

No socket; time is a clock, but for the moment at which OpenSSL sends a flight again, which it decides by its own.  Who
is at the far end is known by the fingerprint of its certificate, which came with the signalling (RFC 8122); keys are
given out only after that was compared.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta, timezone

from attrs import define, field
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ichatgw.media.srtp.srtp import MasterKey, Suite
from ichatgw.model import Fingerprint
from ichatgw.runtime.ratelimit import RateLimit

HANDSHAKE_TIMEOUT = 20.0
"""Seconds that a handshake may take."""

LAST_FLIGHT_TIMEOUT = 30.0
"""
Seconds after the handshake in which a flight of the peer that comes again is answered, since our last one may have been
lost (RFC 6347 section 4.2.4; peers give up sooner than in its four minutes).  After that the association is let go:
only its keys are in use, and OpenSSL needs 70 to 80 KiB for it.
"""

MTU = 1200
"""Octets of a datagram of ours."""

MAX_DATAGRAMS = 100
"""How many datagrams are looked at in a second: a handshake takes a dozen, and what comes after it nothing."""

CERTIFICATE_LIFE = 3650
"""Days that our certificate holds: it is made when the process starts, and proves nothing but itself."""

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha-256": hashes.SHA256(),
    "sha-384": hashes.SHA384(),
    "sha-512": hashes.SHA512(),
    "sha-1": hashes.SHA1(),  # noqa: S303  (old clients; a second preimage is what it would take)
}

_PROFILES = b"SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80"
_SUITES = {
    b"SRTP_AEAD_AES_128_GCM": Suite.AEAD_AES_128_GCM,
    b"SRTP_AEAD_AES_256_GCM": Suite.AEAD_AES_256_GCM,
    b"SRTP_AES128_CM_SHA1_80": Suite.AES_CM_128_HMAC_SHA1_80,
}
_LABEL = b"EXTRACTOR-dtls_srtp"
_RECORD_HEADER = 13


@define(eq=False)
class Identity:
    """
    Our key and certificate for DTLS.

    @ivar fingerprint: what signalling tells of it.
    """

    _secret: bytes = field(factory=lambda: os.urandom(32), init=False, repr=False)
    _key: ec.EllipticCurvePrivateKey = field(factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False)
    _certificate: x509.Certificate = field(init=False)
    fingerprint: Fingerprint = field(init=False)
    context: SSL.Context = field(init=False)

    def __attrs_post_init__(self) -> None:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ichatgw")])
        now = datetime.now(timezone.utc)
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=CERTIFICATE_LIFE))
            .sign(self._key, hashes.SHA256())
        )
        self.fingerprint = fingerprintOf(self._certificate, "sha-256")
        context = self.context = SSL.Context(SSL.DTLS_METHOD)
        # Each call has a handshake of its own: what would let one be taken up again only costs memory and octets.
        context.set_options(SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_QUERY_MTU | SSL.OP_NO_TICKET)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_cipher_list(b"ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL:!MD5")
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        context.set_tlsext_use_srtp(_PROFILES)
        context.use_certificate(self._certificate)
        context.use_privatekey(self._key)
        context.set_cookie_generate_callback(self._cookie)
        context.set_cookie_verify_callback(
            lambda connection, cookie: hmac.compare_digest(cookie, self._cookie(connection))
        )

    def connection(self, active: bool) -> SSL.Connection:
        """An association that has not begun."""
        made = SSL.Connection(self.context, None)
        made.set_ciphertext_mtu(MTU)
        if active:
            made.set_connect_state()
        else:
            made.set_accept_state()
        return made

    def _cookie(self, connection: SSL.Connection) -> bytes:
        """For the place that stands in the connection's data; see L{ichatgw.media.dtls.cookie}."""
        return hmac.digest(self._secret, connection.get_app_data(), "sha256")


def fingerprintOf(certificate: x509.Certificate, algorithm: str) -> Fingerprint:
    """
    @raise ValueError: if we do not know the hash.
    """
    known = _HASHES.get(algorithm)
    if known is None:
        raise ValueError(f"no hash called {algorithm[:40]!r}")
    return Fingerprint(algorithm, certificate.fingerprint(known).hex(":").upper())


def isKnownHash(algorithm: str) -> bool:
    """Can a fingerprint by this algorithm be compared?"""
    return algorithm in _HASHES


class DTLS:
    """
    One association.

    @param active: we begin.
    @param expected: the fingerprint that the peer's signalling gave.
    @param transmit: sends a datagram to the peer.
    @param agreed: told our key and the peer's, once.
    @param failed: told why there are none, once.
    @param greeted: an association that the peer has begun already, if we are passive.
    """

    def __init__(
        self,
        clock: IReactorTime,
        identity: Identity,
        active: bool,
        expected: Fingerprint,
        transmit: Callable[[bytes], None],
        agreed: Callable[[MasterKey, MasterKey], None],
        failed: Callable[[str], None],
        greeted: SSL.Connection | None = None,
    ) -> None:
        self._clock = clock
        self._active = active
        self._expected = expected
        self._transmit = transmit
        self._agreed = agreed
        self._failed = failed
        self._connection: SSL.Connection = identity.connection(active) if greeted is None else greeted
        self._begins = active or greeted is not None
        self._timer: IDelayedCall | None = None
        self._deadline: IDelayedCall | None = None
        self._limit = RateLimit(clock, MAX_DATAGRAMS, MAX_DATAGRAMS)
        self._over = False
        self._done = False

    def start(self) -> None:
        """Begin, or wait for the peer to begin."""
        self._deadline = self._clock.callLater(HANDSHAKE_TIMEOUT, self._late)
        if self._begins:
            self._advance()

    def received(self, datagram: bytes) -> None:
        """A datagram of the peer that is neither RTP nor STUN.  Never raises."""
        if self._over or not self._limit.allow(None):
            return
        try:
            self._connection.bio_write(datagram)
        except SSL.Error:
            return
        if self._done:
            self._drain()
        else:
            self._advance()

    def close(self) -> None:
        """Idempotent; says nothing."""
        self._over = True
        self._stopTimers()

    def _late(self) -> None:
        self._deadline = None
        self._fail("the DTLS handshake took too long")

    def _advance(self) -> None:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            self._flush()
            self._schedule()
        except SSL.Error as problem:
            self._flush()
            self._fail(f"DTLS: {_words(problem)}")
        else:
            self._flush()
            self._finish()

    def _schedule(self) -> None:
        """OpenSSL's own timer for sending a flight again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wait = self._connection.DTLSv1_get_timeout()
        if wait is not None:
            self._timer = self._clock.callLater(wait, self._again)

    def _again(self) -> None:
        self._timer = None
        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error as problem:
            self._fail(f"DTLS: {_words(problem)}")
            return
        self._flush()
        self._schedule()

    def _finish(self) -> None:
        certificate = self._peerCertificate()
        profile = self._connection.get_selected_srtp_profile()
        suite = _SUITES.get(profile)
        if certificate is None or not self._isExpected(certificate):
            self._fail("the certificate is not the one that the signalling announced")
        elif suite is None:
            self._fail("the peer knows no way to protect RTP that we know")
        else:
            self._done = True
            self._stopTimers()
            self._deadline = self._clock.callLater(LAST_FLIGHT_TIMEOUT, self._letGo)
            ours, theirs = self._keys(suite)
            self._agreed(ours, theirs)

    def _letGo(self) -> None:
        """The peer has had our last flight."""
        self._deadline = None
        self.close()
        del self._connection

    def _peerCertificate(self) -> bytes | None:
        """As it came: a stranger's certificate is looked at only when it is known to be the party's, if at all."""
        certificate = self._connection.get_peer_certificate()
        return None if certificate is None else crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)

    def _isExpected(self, certificate: bytes) -> bool:
        digest = hashes.Hash(_HASHES[self._expected.algorithm])
        digest.update(certificate)
        found = digest.finalize().hex(":").upper()
        return hmac.compare_digest(found.encode(), self._expected.value.upper().encode("utf-8", "replace"))

    def _keys(self, suite: Suite) -> tuple[MasterKey, MasterKey]:
        """Ours and the peer's (RFC 5764 section 4.2)."""
        key, salt = suite.keyOctets, suite.saltOctets
        material = self._connection.export_keying_material(_LABEL, 2 * (key + salt))
        client = MasterKey(suite, material[:key] + material[2 * key : 2 * key + salt])
        server = MasterKey(suite, material[key : 2 * key] + material[2 * key + salt :])
        return (client, server) if self._active else (server, client)

    def _drain(self) -> None:
        """After the handshake: answer a last flight that comes again; all else is of no interest."""
        with suppress(SSL.Error):
            self._connection.recv(MTU)
        self._flush()

    def _flush(self) -> None:
        """Send what OpenSSL has written, as many records to a datagram as there is room for."""
        written = bytearray()
        while True:
            try:
                written += self._connection.bio_read(16384)
            except SSL.Error:
                break
        datagram = b""
        while len(written) >= _RECORD_HEADER:
            size = _RECORD_HEADER + int.from_bytes(written[11:13], "big")
            record = bytes(written[:size])
            del written[:size]
            if datagram and len(datagram) + len(record) > MTU:
                self._transmit(datagram)
                datagram = b""
            datagram += record
        if datagram:
            self._transmit(datagram)

    def _stopTimers(self) -> None:
        for timer in (self._timer, self._deadline):
            if timer is not None:
                timer.cancel()
        self._timer = self._deadline = None

    def _fail(self, why: str) -> None:
        if not self._over:
            self.close()
            self._failed(why)


def _words(problem: SSL.Error) -> str:
    reasons = [str(entry[-1]) for entry in problem.args[0]] if problem.args and problem.args[0] else []
    return (", ".join(reasons) or "it failed")[:200]
