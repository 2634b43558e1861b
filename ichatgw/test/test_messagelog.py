# -*- test-case-name: ichatgw.test.test_messagelog -*-
"""
Messages in full, without their secrets.
"""

from __future__ import annotations

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.logfile import isWanted
from ichatgw.messagelog import HIDDEN, logMessage, redacted

SECRET = "Xk9vT0pS3cretW0rdQ"


class RedactedTests(SynchronousTestCase):
    """L{redacted}."""

    def test_secrets(self) -> None:
        """What proves a password, and the keys of media, are left out, however they are written."""
        for text in (
            f"<handshake>{SECRET}</handshake>",
            f"<handshake xmlns='jabber:component:accept'>{SECRET}</handshake>",
            f'INVITE sip:a@b SIP/2.0\r\nAuthorization: Digest username="a", response="{SECRET}", uri="sip:b"\r\n\r\n',
            f"Proxy-authorization : Digest a=b,response = {SECRET}\r\n",
            f"Authorization: Basic {SECRET}\r\n",
            f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{SECRET}|2^20|1:4\r\n",
            f"<crypto crypto-suite='AES_CM_128_HMAC_SHA1_80' key-params='inline:{SECRET}' tag='1'/>",
            f"v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:{SECRET}\r\n",
            f"<transport ufrag='a' pwd='{SECRET}'/>",
            f'<transport pwd="{SECRET}" ufrag="a"/>',
        ):
            shown = redacted(text)
            self.assertNotIn(SECRET, shown)
            self.assertIn(HIDDEN, shown)
            self.assertEqual(shown.count(HIDDEN), 1, shown)

    def test_rest(self) -> None:
        """All else stays as it is, around a secret too."""
        text = "INVITE sip:a@b SIP/2.0\r\nX-Response: response=1\r\n\r\nv=0\r\nm=audio 8000 RTP/AVP 0\r\n"
        self.assertEqual(redacted(text), text)
        self.assertEqual(
            redacted("a=crypto:1 S inline:abc|2^20\r\na=crypto:2 T inline:def\r\n"),
            f"a=crypto:1 S inline:{HIDDEN}|2^20\r\na=crypto:2 T inline:{HIDDEN}\r\n",
        )

    def test_hostile(self) -> None:
        """Long lines made to be dear to search are not."""
        for text in ("Authorization:" + "response " * 7000, "inline:" * 9000, "<handshake" * 6000, "pwd='" * 9000):
            redacted(text)

    def test_level(self) -> None:
        """Messages are for C{STACK} only."""
        with capturedLogs() as events:
            logMessage("RECEIVED from x:\n", f"<handshake>{SECRET}</handshake>")
        self.assertEqual(formatEvent(events[0]), f"RECEIVED from x:\n<handshake>{HIDDEN}</handshake>")
        self.assertTrue(isWanted(events[0], "STACK"))
        self.assertFalse(isWanted(events[0], "DEBUG"))
