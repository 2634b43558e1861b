# -*- test-case-name: ichatgw.test.net.test_authorities -*-
"""
The authorities whose certificates are trusted.

All their files are read before the first handshake.  OpenSSL would look into a directory during each handshake, for the
issuer of whatever certificate is shown, and the reactor would wait for the disk.
"""

from __future__ import annotations

import os
import re
import ssl
import stat
from collections.abc import Iterable, Sequence
from hashlib import sha256

from OpenSSL import SSL
from twisted.logger import Logger

from ichatgw.errors import ConfigError
from ichatgw.runtime.steps import Steps

MAX_FILES = 2000
"""Files of a directory that are read: several times as many as there are public authorities."""

MAX_OCTETS = 256 * 1024
"""Octets that one of them has: it is to hold one certificate."""

_NAMED = re.compile(r"[0-9a-f]{8}\.\d{1,4}").fullmatch
"""The names that C{openssl rehash} gives to certificates; all others are ignored, as OpenSSL does."""

_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where systems keep the authorities they trust, if this Python was built for another system."""

_log = Logger()


def ofSystem() -> tuple[str, str]:
    """
    Where the authorities are that this system trusts.

    @return: a file; if there is none a directory, else empty; both are empty if there is neither.
    """
    known = ssl.get_default_verify_paths()
    file = known.cafile or next(filter(os.path.isfile, _BUNDLES), "")
    return file, "" if file else known.capath or ""


def trustSystem(context: SSL.Context) -> None:
    """Have C{context} trust those of the file of L{ofSystem}, if there is one."""
    file = ofSystem()[0]
    if file:
        try:
            context.load_verify_locations(file)
        except SSL.Error:
            _log.warn("{file}: it holds no certificate of an authority", file=file)


def trust(contexts: Sequence[SSL.Context], directory: str) -> Steps[bytes]:
    """
    Have certificates be trusted that are signed by the authorities in a directory.  A step reads one file at most.

    What holds no certificate is left out, and said in one line.

    @param contexts: of connections to come.
    @return: something that changes when a file does.
    @raise ConfigError: if there is no such directory, or it cannot be read.
    """
    seal = sha256()
    try:
        names = sorted(filter(_NAMED, os.listdir(directory)))
    except OSError as problem:
        raise ConfigError(f"TLSCADirectory {directory}: {problem.strerror}") from problem
    skipped = names[MAX_FILES:]
    for name in names[:MAX_FILES]:
        yield
        found = _read(contexts, os.path.join(directory, name))
        seal.update(f"{name} {found}\0".encode())
        if found is None:
            skipped.append(name)
    if skipped:
        _log.warn(
            "TLSCADirectory {directory}: {count} files are left out, {name} for one: each is to hold one certificate in"
            " PEM, and there may be {most}",
            directory=directory,
            count=len(skipped),
            name=skipped[0],
            most=MAX_FILES,
        )
    elif not names:
        _log.warn("TLSCADirectory {directory}: no file has a name as openssl rehash gives it", directory=directory)
    return seal.digest()


def _read(contexts: Iterable[SSL.Context], path: str) -> tuple[int, int, int] | None:
    """
    Take one file in.

    @return: something that changes when the file does; C{None} if it is none, or holds no certificate.
    """
    try:
        about = os.stat(path)
        if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_OCTETS:
            return None
        for context in contexts:
            context.load_verify_locations(path)
    except (OSError, SSL.Error):
        return None
    return about.st_ino, about.st_mtime_ns, about.st_size
