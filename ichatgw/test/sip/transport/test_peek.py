# -*- test-case-name: ichatgw.test.sip.transport.test_peek -*-
"""
Tokens in messages that are not parsed.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.sip.transport.peek import LOOKED_AT, topBranch, toTag
from ichatgw.test.support.sip.sipwire import request, respond


class PeekTests(SynchronousTestCase):
    """L{toTag} and L{topBranch}."""

    def test_tag(self) -> None:
        """The tag in the To, by whatever name and in whatever form, and no other."""
        for to, tag in (
            ("<sip:a@b>;tag=0a1b", "0a1b"),
            ("sip:a@b;tag=0a1b", "0a1b"),
            ('"x;tag=no" <sip:a@b;tag=no> ; TAG = 0a1b;other', "0a1b"),
            ("<sip:a@b;tag=no>", None),
            ("<sip:a@b>", None),
            ("", None),
        ):
            message = request("INVITE", to=to).encode()
            self.assertEqual(toTag(message), tag, to)
            self.assertEqual(toTag(message.replace(b"\r\nTo:", b"\r\nt :")), tag, to)

    def test_branch(self) -> None:
        """The branch of the first Via."""
        response = respond(request("INVITE", branch="one"), 200, "OK").encode()
        self.assertEqual(topBranch(response), "z9hG4bKone")
        self.assertEqual(topBranch(b"SIP/2.0 200 OK\r\nv: SIP/2.0/UDP a ; BRANCH = x.y\r\nVia: b;branch=c\r\n"), "x.y")
        self.assertIsNone(topBranch(response.replace(b"branch", b"twig")))

    def test_garbage(self) -> None:
        """What is no SIP, is cut off, or has the header too far behind, has none."""
        far = request("INVITE", to="<sip:a@b>;tag=1").replace("Via:", f"Subject: {'x' * LOOKED_AT}\r\nVia:").encode()
        for message in (b"", b"\0" * 3000, b"\r\nTo: <sip:a@b>;tag=1", b"\r\nVia: a;branch=b", far):
            self.assertEqual((toTag(message), topBranch(message)), (None, None), message[:40])
