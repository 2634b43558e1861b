"""
Tests for L{ichatgw.observe.archive.codec}.
"""

from __future__ import annotations

import json
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.log.redaction import HIDDEN, Content
from ichatgw.model import Ending, EndReason
from ichatgw.observe.archive.codec import packed, packedCall, read, readCall
from ichatgw.observe.events import DtlsState, IceState, MediaStarted, MediaStats, Message
from ichatgw.observe.snapshots import CallSnapshot, Rung
from ichatgw.test.support.events import PHONE, Scene, sip


class CodecTests(SynchronousTestCase):
    """A call as text, and back."""

    def setUp(self) -> None:
        scene = Scene()
        calls, _ = scene.follow()
        scene.arrives()
        scene.routes()
        scene.publish(MediaStarted, "c-1", "caller", PHONE)
        for packets in (500, 1000):
            scene.publish(
                MediaStats, "c-1", "caller", packets, 80_000, 3, 0.01, None, 0.2, (("strangers", 2),), PHONE, False, 0.1
            )
        scene.publish(IceState, "c-1", "callee", "connected", "to ä")
        scene.publish(DtlsState, "c-1", "callee", "secured", "by AES")
        scene.talks()
        scene.says(b"<message from='a@b' to='c@d'>\xff\xe4</message>", "XMPP")
        scene.ends(ending=Ending(EndReason.BUSY, "486 \N{SNOWMAN}", 7, 17))
        found = calls.find("c-1")
        assert found is not None
        self.call: CallSnapshot = found
        self.rungs = calls.ladder("c-1")

    def test_whole(self) -> None:
        """All that is known of a call comes back as it was, with figures over time, and each entry of its ladder."""
        call, rungs = read(packed(self.call, self.rungs, Content.NONE))
        self.assertEqual(call, self.call)
        self.assertEqual(rungs, self.rungs)
        self.assertEqual(len(call.media["caller"].history), 2)

    def test_forLists(self) -> None:
        """Without its ladder a call is short, however long it was."""
        call = readCall(packedCall(self.call))
        self.assertEqual(call.media["caller"].history, ())
        media = {side: evolve(each, history=()) for side, each in self.call.media.items()}
        self.assertEqual(call, evolve(self.call, media=media))

    def message(self, data: bytes, content: Content = Content.DIGITS) -> str:
        """What is written of a message."""
        scene = Scene()
        rung = Rung(0.0, "sip-in-1", "caller", scene.says(data))
        text = packed(self.call, (rung,), content)
        _, [back] = read(text)
        assert isinstance(back.event, Message)
        self.assertEqual(back.event.protocol, "SIP")
        return text + back.event.text

    def test_secrets(self) -> None:
        """Passwords, proofs of them and keys are not written; nor is what is not to be shown besides."""
        login = 'Authorization: Digest username="a", response="5ec7e7"'
        written = self.message(sip("INVITE sip:b@c SIP/2.0", "1@a", login, "X: sip:alice:5ec7e7@example.com"))
        self.assertNotIn("5ec7e7", written)
        self.assertIn(HIDDEN, written)
        digits = sip("INFO sip:b@c SIP/2.0", "1@a", "Content-Type: application/dtmf-relay") + b"Signal=4711"
        self.assertNotIn("4711", self.message(digits))
        self.assertIn("4711", self.message(digits, Content.NONE))

    def test_other(self) -> None:
        """What a later version has more is left out; what is no call is an error, and makes nothing else."""
        text = packed(self.call, self.rungs, Content.NONE)
        self.assertEqual(read(text.replace('"_":"Rung"', '"_":"Rung","mood":[1,{"a":2}]')), (self.call, self.rungs))
        whole: Any = json.loads(text)
        for wrong in (
            "",
            "[]",
            "{}",
            "null",
            "[1,2]",
            json.dumps([whole[0], 5]),
            json.dumps([whole[0], [5]]),
            json.dumps([whole[0]]),
            json.dumps(whole[0]),
            text.replace('"_":"Rung"', '"_":"os.system"'),
            text.replace('"_":"Rung"', '"_":["Rung"]'),
            text.replace('"name":"BUSY"', '"name":"HAPPY"'),
            text.replace('"port":5060', '"port":"many"'),
            text.replace('"data":', '"date":'),
            "[" * 100_000,
        ):
            self.assertRaises(ValueError, read, wrong)
            self.assertRaises(ValueError, readCall, wrong if wrong != json.dumps(whole[0]) else "[]")
