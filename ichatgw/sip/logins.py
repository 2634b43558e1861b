# -*- test-case-name: ichatgw.test.test_sip_indialog,ichatgw.test.test_sip_outside -*-
"""
Requests of ours that are challenged (RFC 3261 section 22).
"""

from __future__ import annotations

from typing import Any

from sippy.SipHeader import SipHeader

from ichatgw.passwords import Keyring
from ichatgw.sip.digest import answer, challenges

MOST_LOGINS = 3
"""How often one request is sent again with a login: for the proxy, for the server, and once as a nonce was too old."""

_HEADERS = {401: ("www-authenticate", "authorization"), 407: ("proxy-authenticate", "proxy-authorization")}


class Logins:
    """
    Answers challenges.

    A password is used only towards the server that it is for: the domain that a request is addressed to, or the proxy
    that we send all through.  Whoever else we call gets no answer that he could guess at, or hand on.

    @param proxy: the host of the proxy.
    """

    def __init__(self, keyring: Keyring | None = None, proxy: str | None = None) -> None:
        self.keyring = Keyring() if keyring is None else keyring
        self._proxy = proxy

    def headers(self, request: Any, response: Any) -> list[Any] | None:
        """
        The headers of all logins with which C{request} should be sent again; C{None} if that is no use.

        @param response: a 401 or 407.
        """
        code = response.getSCode()[0]
        if code not in _HEADERS:
            return None
        asked, given = _HEADERS[code]
        found = challenges(_raw(response, asked))
        before = [header for header in request.headers if header.name in ("authorization", "proxy-authorization")]
        if any(header.name == given for header in before) and not any(challenge.stale for challenge in found):
            return None  # it was wrong
        url = request.getRURI()
        user = request.getHFBody("from").getUri().url.username or ""
        for domain in (url.host, self._proxy):
            credentials = self.keyring.find(user, domain.strip("[]")) if domain else None
            if credentials is not None and found:
                value = answer(found[0], credentials, request.getMethod(), str(url))
                return [*(each for each in before if each.name != given), SipHeader(name=given, bodys=value)]
        return None


def authorization(request: Any) -> str:
    """What a request says of who sends it; empty if nothing."""
    return next(iter(_raw(request, "authorization")), "")


def _raw(message: Any, name: str) -> list[str]:
    """The text of headers, as it came: sippy's own reading of these fails on odd ones."""
    return [str(header.body.body) for header in message.headers if header.name == name]
