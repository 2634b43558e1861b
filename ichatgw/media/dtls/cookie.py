# -*- test-case-name: ichatgw.test.media.dtls.test_cookie -*-
"""
Who begins DTLS from a place that nobody has vouched for first has to show that he is there (RFC 6347 section 4.2.1).

Else a few octets under the address of somebody else would have our certificate sent to him, and hold our memory.
"""

from __future__ import annotations

from OpenSSL import SSL

from ichatgw.media.dtls.dtls import Identity
from ichatgw.media.sockets.port import Source


class Greeting:
    """
    Answers hellos with a cookie, and remembers nothing of it.
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._next: SSL.Connection | None = None

    def heard(self, datagram: bytes, source: Source) -> tuple[bytes, SSL.Connection | None]:
        """
        A datagram of DTLS.  Never raises.

        @return: what is to be answered, if anything, never more than came; and the association to go on with, once
            the hello comes with our cookie.
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
