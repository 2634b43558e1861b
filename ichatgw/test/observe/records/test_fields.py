"""
Tests for L{ichatgw.observe.records.fields}.
"""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

import ichatgw
from ichatgw.model import Ending, EndReason
from ichatgw.observe.events import CallArrived, CallEnded, DtlsState, LegStarted, MediaStats, TurnedAway
from ichatgw.observe.records.fields import CSV, FIELDS, JSON, CallRecords, head
from ichatgw.test.support.events import PHONE, Scene

PAGE = Path(ichatgw.__file__).parent.parent / "docs" / "callrecords.rst"
_ROW = re.compile(r'^   "(\w+)", "(.+)"$', re.MULTILINE)


class RecordTests(SynchronousTestCase):
    """What a record says."""

    def setUp(self) -> None:
        self.scene = Scene()
        self.calls, _ = self.scene.follow(0)
        self.lines: list[str] = []
        self.calls.listeners.append(CallRecords(self.lines.append).ended)

    def record(self) -> dict[str, Any]:
        """The only one."""
        [line] = self.lines
        found = json.loads(line)
        assert isinstance(found, dict)
        return found

    def stats(self, side: str, packets: int, lost: int, *more: Any) -> None:
        jitter, lostBeyond, roundTrip = more or (None, None, None)
        self.scene.publish(
            MediaStats, "c-1", side, packets, 172 * packets, lost, jitter, lostBeyond, roundTrip, (), PHONE, True
        )

    def test_turnedAway(self) -> None:
        """An attempt that was refused before it was a call has no name, but all else that is known; it is not kept."""
        self.scene.clock.advance(60)
        full = Ending(EndReason.CONGESTED, "503 too much to do")
        self.scene.publish(TurnedAway, full, "sip", "sip:alice@example.net", "sip:72@gw", PHONE)
        record = self.record()
        self.assertEqual(
            {name: record.get(name) for name in ("caller", "called", "endedBy", "reason", "text", "talked", "call")},
            {
                "caller": "sip:alice@example.net",
                "called": "sip:72@gw",
                "endedBy": "the gateway",
                "reason": "congested",
                "text": "503 too much to do",
                "talked": 0.0,
                "call": None,
            },
        )
        self.assertEqual((record["source"], record["arrived"], record["ended"]), (str(PHONE), *[record["ended"]] * 2))
        self.assertEqual((record["callerKind"], record["callerReason"]), ("sip", "congested"))
        self.assertEqual((list(self.calls.past), self.calls.count), ([], 0))

    def test_whole(self) -> None:
        """A call that was answered: who, whom, when, with what, how well, and why it ended at each end."""
        self.scene.arrives()
        self.scene.routes()
        self.scene.clock.advance(0.25)
        self.scene.talks()
        self.scene.publish(DtlsState, "c-1", "callee", "secured", "AES_CM_128_HMAC_SHA1_80")
        self.scene.clock.advance(10)
        self.stats("caller", 500, 5, 0.002, 7, 0.04)
        self.stats("callee", 500, 0)
        self.scene.ends()
        record = self.record()
        self.assertEqual(
            {name: record[name] for name in ("call", "caller", "called", "presented", "route", "source")},
            {
                "call": "c-1",
                "caller": "sip:alice@example.net",
                "called": "sip:72@gw",
                "presented": "sip:alice@gw",
                "route": "sip:bob@pbx",
                "source": "192.0.2.7:5060",
            },
        )
        self.assertEqual(
            [record[name] for name in ("arrived", "rang", "answered", "ended", "talked")],
            [
                "2023-11-14T22:13:20.000Z",
                "2023-11-14T22:13:20.250Z",
                "2023-11-14T22:13:22.250Z",
                "2023-11-14T22:13:32.250Z",
                10,
            ],
        )
        self.assertEqual([record[name] for name in ("endedBy", "reason", "text")], ["the callee", "hangup", "BYE"])
        self.assertEqual([record[name] for name in ("callerReason", "calleeReason")], ["hangup", "hangup"])
        self.assertEqual([record[name] for name in ("callerKind", "calleeKind", "legs")], ["sip", "sip", 2])
        self.assertEqual([record[name] for name in ("offered", "codecs")], ["PCMU opus", "PCMU"])
        self.assertEqual(record["calleeEncryption"], "AES_CM_128_HMAC_SHA1_80")
        self.assertEqual([record[f"caller{name}"] for name in ("Packets", "Octets", "Lost")], [500, 86000, 5])
        self.assertEqual([record[f"caller{name}"] for name in ("Jitter", "LostBeyond", "RoundTrip")], [0.002, 7, 0.04])
        self.assertEqual(record["callerAddress"], "192.0.2.7:5060")
        self.assertTrue(1 < record["callerMOS"] < record["calleeMOS"] <= 4.5)

    def test_refused(self) -> None:
        """A call that was refused at once has a record, which says nothing of what it never had."""
        self.scene.arrives()
        self.scene.publish(CallEnded, "c-1", "the gateway", Ending(EndReason.NOT_FOUND, "no rule", cause=1), False)
        record = self.record()
        self.assertEqual([record[name] for name in ("reason", "text", "cause")], ["not_found", "no rule", 1])
        self.assertEqual((record["talked"], record["legs"]), (0, 1))
        for name in ("route", "rang", "answered", "codecs", "calleeLeg", "callerPackets", "callerMOS"):
            self.assertNotIn(name, record)

    def test_each(self) -> None:
        """Each attempt has one record, and no two the same name."""
        for number in range(5):
            self.scene.arrives(f"c-{number}", callId=f"{number}@phone")
        for number in range(5):
            self.scene.ends(f"c-{number}")
        self.assertEqual([json.loads(line)["call"] for line in self.lines], [f"c-{number}" for number in range(5)])

    def test_transferred(self) -> None:
        """After a transfer the legs at the end are those of the record, which says how many there were."""
        self.scene.arrives()
        self.scene.routes()
        self.scene.talks()
        self.scene.publish(LegStarted, "c-1", "third", "callee", "jingle", "xmpp:juliet@example.com")
        self.scene.ends()
        record = self.record()
        self.assertEqual((record["legs"], record["calleeLeg"], record["calleeKind"]), (3, "third", "jingle"))

    def test_csv(self) -> None:
        """As CSV a record has as many fields as the first line, in its order."""
        self.calls.listeners[:] = [CallRecords(self.lines.append, CSV).ended]
        self.scene.arrives()
        self.scene.ends()
        names, values = csv.reader(io.StringIO("\n".join([head(CSV), *self.lines])))
        self.assertEqual(len(names), len(values))
        record = dict(zip(names, values, strict=True))
        self.assertEqual((record["call"], record["reason"], record["route"]), ("c-1", "hangup", ""))
        self.assertEqual(head(JSON), "")

    def test_strangersNames(self) -> None:
        """What strangers choose breaks no line, and is no formula to a spreadsheet."""
        for name in ('=HYPERLINK("http://evil")', "a\r\nb", '"', "+1", "a,b", "\x00\x1b[2J", "\u2028x"):
            for format in (JSON, CSV):
                self.lines.clear()
                self.calls.listeners[:] = [CallRecords(self.lines.append, format).ended]
                self.scene.publish(CallArrived, "c-1", "leg", "sip", name, name, None, ())
                self.scene.ends()
                [line] = self.lines
                self.assertEqual(len(line.splitlines()), 1, line)
                if format == CSV:
                    [values] = csv.reader(io.StringIO(line))
                    self.assertEqual(len(values), len(FIELDS))
                    self.assertNotIn(values[6][:1], "=+-@")
                else:
                    self.assertEqual(json.loads(line)["caller"], name)


class SchemaTests(SynchronousTestCase):
    """C{docs/callrecords.rst}."""

    def test_fields(self) -> None:
        """The page has each field, in order, and says what the code says of it."""
        if not PAGE.exists():
            raise SkipTest("not a source checkout")
        text = PAGE.read_text("utf-8")
        self.assertEqual(_ROW.findall(text), [(field.name, field.about.replace('"', '""')) for field in FIELDS])

    def test_reasons(self) -> None:
        """It lists each word of a reason, and no other."""
        if not PAGE.exists():
            raise SkipTest("not a source checkout")
        words = re.findall(r"^``(\w+)``\n    ", PAGE.read_text("utf-8"), re.MULTILINE)
        self.assertEqual(words, [reason.name.lower() for reason in EndReason])
