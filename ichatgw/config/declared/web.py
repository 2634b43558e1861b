# -*- test-case-name: ichatgw.test.config.test_settings,ichatgw.test.control.test_place,ichatgw.test.web.test_setup -*-
"""
Settings of what administrators can ask and order while the gateway runs: by the command, and over HTTP.
"""

from __future__ import annotations

from ipaddress import ip_address

from attrs import frozen

from ichatgw.config.declared.declare import PORT, setting
from ichatgw.config.reading.kinds import FILE, READABLE, SWITCH, TEXT, Kind
from ichatgw.config.reading.reader import Reload

_HTTP = "HTTP"


def _address(text: str) -> str:
    address = ip_address(text)
    if address.is_multicast:
        raise ValueError(text)
    return text


LISTENING: Kind[str] = Kind(_address, "an IPv4 or IPv6 address of this host, or 0.0.0.0 or :: for all of them")


@frozen(kw_only=True, slots=False)
class ControlSettings:
    """What the administrator has decided about the command C{ichatgw}."""

    controlSocket: str = setting(
        "Control",
        "ControlSocket",
        FILE,
        "",
        "UNIX socket at which the command ichatgw reaches the gateway. Only the user as whom the gateway runs, and"
        " root, may connect. If left blank, ichatgw.sock in the run directory that systemd makes for it, else in the"
        " current directory. none for no socket.",
        example="/run/ichatgw/ichatgw.sock",
    )


@frozen(kw_only=True, slots=False)
class WebSettings:
    """What the administrator has decided about HTTP."""

    httpPort: int = setting(
        _HTTP,
        "HTTPPort",
        PORT,
        0,
        "Port for HTTP: health, metrics, a JSON API and a page that shows all calls. 0 for none. See docs/web.rst.",
        example="8088",
    )
    httpAddress: str = setting(
        _HTTP,
        "HTTPAddress",
        LISTENING,
        "127.0.0.1",
        "Address for HTTP. One that is not of the loopback needs HTTPUsers or HTTPToken.",
    )
    httpUsers: str = setting(
        _HTTP,
        "HTTPUsers",
        READABLE,
        "",
        "File with a line name:password for each who may use HTTP. Nobody else may be able to read it.",
        reload=Reload.AT_ONCE,
    )
    httpToken: str = setting(
        _HTTP,
        "HTTPToken",
        TEXT,
        "",
        "Token by which programs may use HTTP (Authorization: Bearer), of at least 16 characters.",
        secret=True,
        reload=Reload.AT_ONCE,
    )
    httpTLS: bool = setting(
        _HTTP,
        "HTTPTLS",
        SWITCH,
        False,
        "Whether HTTP is spoken over TLS, with the certificate of TLSCertificate.",
    )

    @property
    def httpIsOpen(self) -> bool:
        """May others than this host connect, without a login?"""
        return bool(
            self.httpPort and not ip_address(self.httpAddress).is_loopback and not (self.httpUsers or self.httpToken)
        )
