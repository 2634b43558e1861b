# -*- test-case-name: ichatgw.test.command.test_calls -*-
"""Tests for L{ichatgw.command.calls}."""

from __future__ import annotations

import io
import sys
from argparse import Namespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.command import calls
from ichatgw.command.gateway import Told
from ichatgw.test.command.test_command import Run

CALL: dict[str, Any] = {
    "id": "abc-1",
    "state": "talking",
    "caller": "sip:a\033@b",
    "called": "sip:72@gw",
    "route": "xmpp:kim@example",
    "age": 75,
    "talked": 62,
    "codecs": ["PCMU"],
    "legs": [{"id": "in-1", "role": "caller", "kind": "sip", "party": "sip:a@b", "state": "talking"}],
    "media": {
        "caller": {
            "startedAfter": 3.0,
            "ice": "",
            "encryption": "",
            "packets": 150,
            "lost": 3,
            "jitter": 0.0041,
            "arrivalJitter": 0.0123,
            "lostBeyond": 1,
            "roundTrip": 0.02,
            "dropped": {"strangers": 2},
        },
        "callee": {"startedAfter": None, "ice": "connected 192.0.2.1:9", "encryption": "DTLS"},
    },
    "why": "",
}
LADDER: list[dict[str, Any]] = [
    {"at": 0.0, "side": "caller", "way": "in", "title": "INVITE sip:72@gw", "text": "INVITE\r\nVia: \033x\r\n"},
    {"at": 0.1, "side": "callee", "way": "out", "title": "iq set vc:request", "text": "<iq/>"},
    {"at": 0.2, "side": "callee", "way": "in", "title": "iq result", "text": "<iq/>"},
    {"at": 0.3, "side": "", "way": "", "title": "rings"},
    {"at": 0.4, "side": "caller", "way": "out", "title": "486 Busy Here", "text": "SIP/2.0 486"},
]


class CallsTests(SynchronousTestCase):
    """The commands."""

    def setUp(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.told = Told({}, [])
        self.patch(calls, "ask", self.ask)

    def ask(self, arguments: Namespace, order: str, **words: str) -> Told:
        self.asked.append((order, words))
        return self.told

    def test_calls(self) -> None:
        """Each call has some lines; what a stranger wrote does nothing to the terminal."""
        self.told.items.append(CALL)
        said = Run("calls")
        self.assertEqual(
            said.out.splitlines(),
            [
                "abc-1  talking 1:02  sip:a\\x1b@b -> sip:72@gw  PCMU",
                "    as xmpp:kim@example",
                "    caller sip leg=in-1 sip:a@b talking",
                "    caller sends 150 packets, 3 lost, jitter 12.3 ms on the way here,"
                " jitter 4.1 ms, 1 lost on the way on, round trip 20 ms,"
                " 2 dropped (strangers)",
                "    callee sends nothing so far",
            ],
        )
        self.assertEqual(Run("calls", "--json").json, [CALL])
        self.assertEqual(self.asked, [("calls", {})] * 2)

    def test_none(self) -> None:
        """Where there is none that is said."""
        self.assertEqual(Run("calls").out, "there are no calls\n")
        self.assertEqual(Run("calls", "--past").out, "no call is known that is over\n")
        Run("calls", "--past", "7")
        self.assertEqual(self.asked[1:], [("calls", {"past": "20"}), ("calls", {"past": "7"})])
        for wrong in ("-3", "x", "1e9", "99999999"):
            self.patch(sys, "stderr", io.StringIO())
            self.assertEqual(self.assertRaises(SystemExit, Run, "calls", "--past", wrong).code, 2)

    def test_ladder(self) -> None:
        """A ladder has a line for each entry, in which the gateway stands between the two."""
        self.told.data.update({**CALL, "why": "the callee is busy"})
        self.told.items.extend(LADDER)
        said = Run("call", "abc-1")
        self.assertIn("    the callee is busy\n\n", said.out)
        self.assertEqual(
            said.out.splitlines()[-5:],
            [
                "     0.000  caller --> o            INVITE sip:72@gw",
                "     0.100             o --> callee iq set vc:request",
                "     0.200             o <-- callee iq result",
                "     0.300             o            rings",
                "     0.400  caller <-- o            486 Busy Here",
            ],
        )
        self.assertEqual(self.asked, [("call", {"id": "abc-1"})])
        self.assertEqual(Run("call", "abc-1", "--json").json, {**self.told.data, "ladder": LADDER})

    def test_full(self) -> None:
        """Messages can be shown in full, line by line."""
        self.told.data.update(CALL)
        self.told.items.extend(LADDER)
        said = Run("call", "--full", "abc-1")
        self.assertIn(f"INVITE sip:72@gw\n{'':38}INVITE\n{'':38}Via: \\x1bx\n", said.out)

    def test_colours(self) -> None:
        """On a terminal each side has a colour, and so has what went wrong."""
        self.patch(calls, "hasColours", lambda: True)
        self.told.data.update(CALL)
        self.told.items.extend(LADDER)
        codes = [line[:5] for line in Run("call", "abc-1").out.splitlines()[-5:]]
        self.assertEqual(codes, ["\033[36m", "\033[33m", "\033[33m", "\033[2m ", "\033[31m"])

    def test_hangup(self) -> None:
        """A call that is ended is named."""
        self.told.data["text"] = "call abc-1 ends"
        self.assertEqual(Run("hangup", "abc-1").out, "call abc-1 ends\n")
        self.assertEqual(self.asked, [("hangup", {"id": "abc-1"})])

    def test_trace(self) -> None:
        """Whose messages are written is said after each change; who wants one has to name somebody."""
        self.told.data["parties"] = ["kim@example", "72"]
        self.assertEqual(Run("trace", "on", "72").out, "kim@example\n72\n")
        Run("trace")
        self.assertEqual(self.asked, [("trace", {"wish": "on", "party": "72"}), ("trace", {})])
        said = Run("trace", "off")
        self.assertEqual((said.status, "name a number" in said.err), (1, True))
        self.told.data["parties"] = []
        self.assertEqual(Run("trace").out, "no party is traced\n")
