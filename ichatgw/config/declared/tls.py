# -*- test-case-name: ichatgw.test.config.test_settings,ichatgw.test.config.reading.test_kinds -*-
"""
Settings of SIP over TLS.
"""

from __future__ import annotations

from attrs import frozen

from ichatgw.config.declared.declare import PORT, setting
from ichatgw.config.reading.kinds import DIRECTORY, DOMAIN, READABLE, SWITCH, TEXT, choice
from ichatgw.config.reading.reader import Reload

_TLS = "TLS"


@frozen(kw_only=True, slots=False)
class TLSSettings:
    """What the administrator has decided about SIP over TLS."""

    tlsPort: int = setting(
        _TLS, "TLSPort", PORT, 5071, "Port for SIP over TLS. It is opened if there is a certificate."
    )
    tlsDomain: str = setting(
        _TLS,
        "TLSDomain",
        DOMAIN,
        "",
        "Domain of this server; if left blank, the name of this host. If TLSCertificate is not set, its certificate"
        " and key are domain_cert_DOMAIN.pem and domain_key_DOMAIN.pem in the directory that the gateway runs in, if"
        " they are there.",
        aliases=("TLSDomainName",),
    )
    tlsCertificate: str = setting(
        _TLS,
        "TLSCertificate",
        READABLE,
        "",
        "Certificate of this server, PEM, followed by those of the authorities between it and the root.",
        reload=Reload.NEW_CONNECTIONS,
    )
    tlsPrivateKey: str = setting(
        _TLS,
        "TLSPrivateKey",
        READABLE,
        "",
        "Private key of the certificate, PEM. If left blank, it stands in the same file.",
        reload=Reload.NEW_CONNECTIONS,
    )
    tlsPrivateKeyPassPhrase: str = setting(
        _TLS,
        "TLSPrivateKeyPassPhrase",
        TEXT,
        "",
        "Pass phrase of the private key.",
        secret=True,
        reload=Reload.NEW_CONNECTIONS,
    )
    tlsDHParamsFilename: str = setting(
        _TLS,
        "TLSDHParamsFilename",
        READABLE,
        "",
        "Diffie-Hellman parameters, PEM, for phones without elliptic curves.",
        reload=Reload.NEW_CONNECTIONS,
    )
    tlsCAFile: str = setting(
        _TLS,
        "TLSCAFile",
        READABLE,
        "",
        "Certificates of the authorities that we trust, PEM. If this and TLSCADirectory are left blank, those of the"
        " system.",
        reload=Reload.NEW_CONNECTIONS,
    )
    tlsCADirectory: str = setting(
        _TLS,
        "TLSCADirectory",
        DIRECTORY,
        "",
        "Directory with such certificates, named as OpenSSL's rehash does. It is read at the start and at a reload.",
        reload=Reload.NEW_CONNECTIONS,
    )
    tlsVerify: str = setting(
        _TLS,
        "TLSVerify",
        choice("require", "optional", "none"),
        "none",
        "Whether those who connect to us must show a certificate of such an authority: require, optional (one that is"
        " shown must be right) or none. A server that we connect to always must.",
        reload=Reload.NEW_CONNECTIONS,
    )
    tlsAcceptAddresses: bool = setting(
        _TLS,
        "TLSAcceptAddresses",
        SWITCH,
        False,
        "Whether a certificate may prove that a server has the IP address under which we call it (RFC 5922 knows only"
        " domains).",
        reload=Reload.NEW_CONNECTIONS,
    )
