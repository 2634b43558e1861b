# -*- test-case-name: ichatgw.test.check.test_faults -*-
"""
Our certificate for TLS: chain, name, days left, whether the key fits, and who can read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from OpenSSL import crypto

from ichatgw.check.files import isWorldReadable
from ichatgw.check.finding import Finding, Tell, error, ok, warning
from ichatgw.check.given import Given
from ichatgw.errors import ConfigError
from ichatgw.net.authorities import ofSystem
from ichatgw.sip.setup import filesOf
from ichatgw.sip.transport.certificateexpiry import WARNED
from ichatgw.sip.transport.tls import Files, Security, faultOf, mismatch

SUBJECT = "certificate"

_INCOMPLETE = (20, 21)
_SELF_SIGNED = (18, 19)


async def look(given: Given, tell: Tell) -> None:
    """Look at it."""
    files = filesOf(given.settings)
    try:
        Security(files)
    except (ConfigError, OSError) as problem:
        tell(error(SUBJECT, str(problem), "put the file there that it names, or correct the setting"))
        return
    if not files.certificate:
        if given.settings.httpTLS and given.settings.httpPort:
            tell(error(SUBJECT, "HTTPTLS is on, and there is no TLSCertificate", "set TLSCertificate"))
        else:
            tell(ok(SUBJECT, "there is none, so TLSPort is not served"))
        return
    findings = list(_faults(files, given.host.now()))
    for finding in findings:
        tell(finding)
    if not findings:
        chain = _read(files.certificate)
        left = (min(each.not_valid_after_utc for each in chain) - given.host.now()).days
        tell(ok(SUBJECT, f"{files.certificate}: {left} days left, the key fits, the chain is complete"))


def _faults(files: Files, now: datetime) -> Iterator[Finding]:
    try:
        chain = _read(files.certificate)
        yield from _dates(files.certificate, chain, now)
        problem = mismatch(chain[0], files.domain, addresses=True) if files.domain else ""
        if problem:
            what = f"{files.certificate}: {problem} (TLSDomain)"
            yield error(SUBJECT, what, "get a certificate with that name, or correct TLSDomain")
        yield from _chain(files, chain, now)
    except (ValueError, OSError, IndexError) as problem:
        yield error(SUBJECT, f"{files.certificate}: cannot be read: {problem}", "put a certificate in PEM there")
    key = files.key or files.certificate
    if isWorldReadable(key):
        yield warning(SUBJECT, f"everybody on this host can read the key in {key}", f"chmod o-r {key}")


def _read(path: str) -> Sequence[x509.Certificate]:
    with open(path, "rb") as file:
        return x509.load_pem_x509_certificates(file.read())


def _dates(path: str, chain: Sequence[x509.Certificate], now: datetime) -> Iterator[Finding]:
    for certificate in chain:
        begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if begin > now:
            what = f"{path}: a certificate in it begins on {begin:%Y-%m-%d %H:%M} UTC, and it is {now:%Y-%m-%d %H:%M}"
            yield error(SUBJECT, what, "see whether the clock of this host is right")
        elif end <= now:
            yield error(SUBJECT, f"{path}: a certificate in it has ended on {end:%Y-%m-%d}", "put a new one there")
        elif end - now <= WARNED:
            what = f"{path}: a certificate in it ends in {(end - now).days} days"
            yield warning(SUBJECT, what, "put a new one there, and send SIGHUP")


def _chain(files: Files, chain: Sequence[x509.Certificate], now: datetime) -> Iterator[Finding]:
    """Does the chain lead to an authority that we know?  Far ends mostly know the same."""
    for lower, upper in zip(chain, chain[1:], strict=False):
        try:
            lower.verify_directly_issued_by(upper)
        except (ValueError, TypeError, InvalidSignature):
            what = f"{files.certificate}: the certificates in it do not follow each other"
            yield error(SUBJECT, what, "put ours first, then that which has signed it, and so on")
            return
    store = crypto.X509Store()
    store.set_time(max(now, chain[0].not_valid_before_utc).replace(tzinfo=None))
    _trust(store, files)
    ours, *others = map(crypto.X509.from_cryptography, chain)
    try:
        crypto.X509StoreContext(store, ours, others).verify_certificate()
    except crypto.X509StoreContextError as problem:
        number = int(problem.errors[0]) if problem.errors else 0
        if number in _INCOMPLETE:
            what = f"{files.certificate}: its chain leads to no authority that this system knows"
            yield warning(SUBJECT, what, "add the certificates of those between, or name the authority in TLSCAFile")
        elif number in _SELF_SIGNED:
            what = f"{files.certificate}: it is self-signed"
            yield warning(SUBJECT, what, "get one of an authority, or have phones trust this one")
        elif number not in (9, 10):  # these have been said
            yield error(SUBJECT, f"{files.certificate}: {faultOf(number)}", "get another certificate")


def _trust(store: crypto.X509Store, files: Files) -> None:
    file, directory = (files.authorities, files.directory) if files.authorities or files.directory else ofSystem()
    if file or directory:
        store.load_locations(file or None, directory or None)
