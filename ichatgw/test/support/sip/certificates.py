"""
Certificates for tests, made on the spot.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

from attrs import define, field
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID


def named(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def identities(names: Iterable[str]) -> list[x509.GeneralName]:
    """C{sip:...} and others become URIs, C{mailto:} an e-mail address, a literal an address, all else a DNS name."""
    found: list[x509.GeneralName] = []
    for name in names:
        if name.startswith("sip:") or "://" in name:
            found.append(x509.UniformResourceIdentifier(name))
        elif name.startswith("mailto:"):
            found.append(x509.RFC822Name(name[7:]))
        elif name.replace(".", "").isdigit() or ":" in name:
            found.append(x509.IPAddress(ip_address(name)))
        else:
            found.append(x509.DNSName(name))
    return found


@define(eq=False)
class Authority:
    """
    A private authority.

    @ivar directory: where files are written.
    @ivar path: the file with its own certificate.
    """

    directory: Path
    name: str = "Test Authority"
    key: ec.EllipticCurvePrivateKey = field(factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    certificate: x509.Certificate = field(init=False)
    path: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.certificate = self._sign(named(self.name), self.key, (), 30, authority=True)
        self.path = str(self._write("authority.pem", self.certificate.public_bytes(Encoding.PEM)))

    def issue(
        self, name: str, *names: str, days: int = 30, selfSigned: bool = False, passPhrase: str = ""
    ) -> tuple[str, str]:
        """
        A certificate for some names; the first is its common name, and no identity if there are others.

        @param days: how long it holds; negative for one that has expired, 60 and more for one that does not hold yet.
        @return: the files of the certificate and of its key.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._sign(named(name), key, names, days, selfSigned=selfSigned)
        encryption = BestAvailableEncryption(passPhrase.encode()) if passPhrase else NoEncryption()
        stem = f"{name}-{made.serial_number:x}"[:60].replace(":", "-").replace("*", "any")
        return (
            str(self._write(f"{stem}.pem", made.public_bytes(Encoding.PEM))),
            str(
                self._write(f"{stem}.key", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)),
            ),
        )

    def subordinate(self, name: str) -> Authority:
        """An authority whose certificate we have signed."""
        made = Authority(self.directory / name, name)
        made.certificate = self._sign(named(name), made.key, (), 30, authority=True, alone=False)
        made.path = str(made._write("authority.pem", made.certificate.public_bytes(Encoding.PEM)))
        return made

    def make(self, name: str, *names: str) -> x509.Certificate:
        """A certificate that is in no file."""
        return self._sign(named(name), ec.generate_private_key(ec.SECP256R1()), names, 30)

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        names: Iterable[str],
        days: int,
        authority: bool = False,
        selfSigned: bool = False,
        alone: bool | None = None,
    ) -> x509.Certificate:
        now = datetime.now(timezone.utc)
        alone = authority or selfSigned if alone is None else alone
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if alone else self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60) if days < 60 else now + timedelta(days=days - 60))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        found = identities(names)
        if found:
            builder = builder.add_extension(x509.SubjectAlternativeName(found), critical=False)
        return builder.sign(key if alone else self.key, SHA256())

    def _write(self, name: str, data: bytes) -> Path:
        path = self.directory / name
        path.write_bytes(data)
        return path
