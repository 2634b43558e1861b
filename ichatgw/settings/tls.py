# -*- test-case-name: ichatgw.test.test_config -*-
"""
Settings of SIP over TLS.
"""

from __future__ import annotations

from attrs import frozen

from ichatgw.configvalues import DOMAIN, FILE, TEXT
from ichatgw.settings.declare import PORT, setting

_TLS = "TLS"


@frozen(kw_only=True, slots=False)
class TLSSettings:
    """What the administrator has decided about SIP over TLS."""

    tlsPort: int = setting(_TLS, "TLSPort", PORT, 5071, "Port for SIP over TLS.", served=False)
    tlsDomain: str = setting(
        _TLS,
        "TLSDomain",
        DOMAIN,
        "",
        "Domain of this server in its certificate.",
        served=False,
        aliases=("TLSDomainName",),
    )
    tlsCertificate: str = setting(_TLS, "TLSCertificate", FILE, "", "Certificate of this server, PEM.", served=False)
    tlsPrivateKey: str = setting(_TLS, "TLSPrivateKey", FILE, "", "Private key of the certificate, PEM.", served=False)
    tlsPrivateKeyPassPhrase: str = setting(
        _TLS, "TLSPrivateKeyPassPhrase", TEXT, "", "Pass phrase of the private key.", served=False, secret=True
    )
    tlsDHParamsFilename: str = setting(
        _TLS, "TLSDHParamsFilename", FILE, "", "Diffie-Hellman parameters, PEM.", served=False
    )
