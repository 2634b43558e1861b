# -*- test-case-name: ichatgw.test.media.dtls.test_cookie -*-
"""
The exchange of cookies that begins DTLS: a client from an address that is not proved has to show that it receives there
(RFC 6347 section 4.2.1).

Else a few octets with a forged source address would have our certificate sent to that address, and memory held here.
"""

from __future__ import annotations

from OpenSSL import SSL

from ichatgw.media.dtls.dtls import Identity
from ichatgw.media.sockets.port import Source


class Greeting:
    """
    Answers each C{ClientHello} with a cookie (C{HelloVerifyRequest}), and keeps no state for it.
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._next: SSL.Connection | None = None

    def heard(self, datagram: bytes, source: Source) -> tuple[bytes, SSL.Connection | None]:
        """
        A datagram of DTLS.  Never raises.

        @return: the octets of the answer, empty for none, never more than came; and the association to go on with,
            once the hello comes with our cookie.
        """
        connection = self._next or self._identity.connection(active=False)
        self._next = connection
        connection.set_app_data(repr(source[:2]).encode())
        try:
            connection.bio_write(datagram)
            connection.DTLSv1_listen()
        except SSL.WantReadError:
            answer = _written(connection)
            return (answer if len(answer) <= len(datagram) else b""), None
        except SSL.Error:
            self._next = None
            return b"", None
        self._next = None
        return b"", connection


def _written(connection: SSL.Connection) -> bytes:
    try:
        return bytes(connection.bio_read(16384))
    except SSL.Error:
        return b""
