# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
What tests with SIP over TLS have in common: the certificates of a private authority.
"""

from __future__ import annotations

from pathlib import Path

from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.support.case import EndToEnd
from ichatgw.test.support.sip.certificates import Authority


class SecureEndToEnd(EndToEnd):
    """
    The gateway and phones have certificates of one authority.
    """

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.authority = Authority(Path(self.mktemp()).absolute())

    def certificates(self, *names: str, days: int = 30) -> dict[str, object]:
        """Settings of the gateway."""
        certificate, key = self.authority.issue("gateway", *names, days=days)
        return {"TLSCertificate": certificate, "TLSPrivateKey": key, "TLSCAFile": self.authority.path}

    def phoneCertificates(self, name: str, days: int = 30) -> str:
        """Lines of a phone's configuration."""
        certificate, key = self.authority.issue("phone", name, days=days)
        both = Path(certificate).with_suffix(".both")
        both.write_text(Path(certificate).read_text() + Path(key).read_text())
        return f"sip_certificate {both}\nsip_cafile {self.authority.path}\nsip_verify_server yes\n"

    async def startCalled(
        self, days: int = 30, encryption: str = "", settings: dict[str, object] | None = None
    ) -> Gateway:
        """A phone that numbers lead to over TLS, and the gateway."""
        self.phone = await self.startBaresip(
            "72", more=self.phoneCertificates("localhost", days), encryption=encryption
        )
        return await self.startGateway(
            self.phone.securePort,
            phoneHost="localhost",
            transport=";transport=tls",
            settings={**self.certificates("localhost"), **(settings or {})},
        )
