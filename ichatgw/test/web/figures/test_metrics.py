"""Tests for L{ichatgw.web.figures.metrics}."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

import ichatgw
from ichatgw.model import Ending, EndReason
from ichatgw.observe.events import (
    CallEnded,
    Limit,
    MediaStats,
    Refused,
    Registered,
    RegistrationFailed,
    Stall,
    Unregistered,
)
from ichatgw.test.support.events import Scene, sip
from ichatgw.test.support.web import FIGURES, TRUNK
from ichatgw.web.figures.metrics import Metrics


class MetricsCase(SynchronousTestCase):
    """Figures of a scene."""

    def setUp(self) -> None:
        self.scene = Scene()
        self.trouble = ""
        self.scene.messages.read(self.scene.events)
        self.metrics = Metrics(self.scene.events, self.scene.messages)
        self.metrics.figures(lambda: FIGURES, lambda: self.trouble)

    def value(self, name: str, **labels: str) -> float | None:
        """One figure."""
        self.scene.messages.flush()
        return self.metrics.registry.get_sample_value(name, labels)

    def everything(self) -> None:
        """Something of each kind happens."""
        self.scene.arrives()
        self.scene.routes()
        self.scene.talks()
        self.scene.says(b"<iq type='error' id='1'/>", "XMPP")
        self.scene.says(b"SIP/2.0 486 Busy Here\r\n\r\n")
        self.scene.publish(MediaStats, "c-1", "caller", 10, 1600, 1, 0.004, 0, 0.03, (("flood", 2),), None)
        self.scene.publish(Registered, "sip:a@b", 60)
        self.scene.publish(RegistrationFailed, "sip:c@b", "403", 60.0)
        self.scene.publish(Refused, EndReason.FORBIDDEN, "no", "192.0.2.1")
        self.scene.publish(Limit, "MaxCalls", "full")
        self.scene.publish(Stall, 0.05, "a job")
        self.scene.ends()


class CallTests(MetricsCase):
    """Calls."""

    def live(self) -> dict[str, float | None]:
        """How many there are in each state, of those that there are."""
        states = ("arrived", "calling", "ringing", "talking")
        return {state: count for state in states if (count := self.value("ichatgw_calls", state=state))}

    def test_states(self) -> None:
        """A call is counted in the state that it has, and in no other; when it is over in none."""
        found = []
        for step in (self.scene.arrives, self.scene.routes, self.scene.talks, self.scene.ends):
            step()
            found.append(self.live())
        self.assertEqual(found, [{"arrived": 1.0}, {"calling": 1.0}, {"talking": 1.0}, {}])

    def test_ends(self) -> None:
        """A call that is over is counted by direction, kinds of legs, reason, and whether it was answered."""
        self.scene.arrives()
        self.scene.routes()
        self.scene.talks()
        self.scene.ends()
        self.scene.arrives("c-2", callId="other")
        self.scene.publish(CallEnded, "c-2", "the gateway", Ending(EndReason.NOT_FOUND), False)
        first = {"direction": "sip_to_sip", "caller": "sip", "callee": "sip", "reason": "hangup", "answered": "yes"}
        second = {
            "direction": "sip_to_none",
            "caller": "sip",
            "callee": "none",
            "reason": "not_found",
            "answered": "no",
        }
        self.assertEqual(self.value("ichatgw_calls_ended_total", **first), 1)
        self.assertEqual(self.value("ichatgw_calls_ended_total", **second), 1)
        self.assertEqual(self.metrics._calls, {})

    def test_times(self) -> None:
        """The wait for ringing and for the answer are in their buckets."""
        self.scene.arrives()
        self.scene.routes()
        self.scene.talks()  # rings at once, is answered after 2 s
        for name, bound, count in (
            ("ichatgw_call_post_dial_delay_seconds_bucket", "0.1", 1),
            ("ichatgw_call_setup_seconds_bucket", "1.0", 0),
            ("ichatgw_call_setup_seconds_bucket", "2.5", 1),
        ):
            self.assertEqual(self.value(name, direction="sip_to_sip", le=bound), count)

    def test_unknown(self) -> None:
        """Events of calls that are not known, and the same event twice, change nothing."""
        self.scene.routes("c-9")
        self.scene.talks("c-9")
        self.scene.ends("c-9")
        self.assertEqual(self.live(), {})
        self.scene.arrives()
        self.scene.ends()
        self.scene.ends()
        self.assertEqual(self.live(), {})


class OtherTests(MetricsCase):
    """All else."""

    def test_media(self) -> None:
        """Figures of a stream, which say what has come since its beginning, are counted once."""
        for packets, lost in ((10, 1), (25, 1), (40, 3)):
            isLast = packets == 40
            self.scene.publish(
                MediaStats, "c-1", "caller", packets, 160 * packets, lost, None, None, None, (), None, isLast
            )
        self.assertEqual(self.value("ichatgw_media_packets_total", sender="caller"), 40)
        self.assertEqual(self.value("ichatgw_media_lost_packets_total", sender="caller"), 3)
        self.assertEqual(len(self.metrics._sides), 0)

    def test_messages(self) -> None:
        """Messages are counted by what they are; what strangers make up is C{other}, and adds no label."""
        for data in (sip("INVITE sip:a SIP/2.0", "1"), b"EVIL1 x", b"EVIL2 x", b"SIP/2.0 200 OK", b"SIP/2.0 9x9", b""):
            self.scene.says(data)
        for data in (b"<iq type='error'/>", b'<message to="a">', b"</stream>", b"<evil/>", b"\xff"):
            self.scene.says(data, "XMPP", sent=True)
        self.scene.messages.flush()
        counted = {
            (sample.name, *sample.labels.values()): sample.value
            for family in self.metrics.registry.collect()
            if family.name.startswith(("ichatgw_sip", "ichatgw_xmpp_s"))
            for sample in family.samples
        }
        self.assertEqual(
            counted,
            {
                ("ichatgw_sip_requests_total", "received", "INVITE"): 1,
                ("ichatgw_sip_requests_total", "received", "other"): 3,
                ("ichatgw_sip_responses_total", "received", "200"): 1,
                ("ichatgw_sip_responses_total", "received", "other"): 1,
                ("ichatgw_xmpp_stanzas_total", "sent", "iq", "error"): 1,
                ("ichatgw_xmpp_stanzas_total", "sent", "message", "other"): 1,
                ("ichatgw_xmpp_stanzas_total", "sent", "other", "other"): 3,
            },
        )

    def test_registrations(self) -> None:
        """An address that is registered again is one."""
        for _ in range(2):
            self.scene.publish(Registered, "sip:a@b", 60)
        self.assertEqual(self.value("ichatgw_registrations"), 1)
        self.scene.publish(Unregistered, "sip:a@b")
        self.assertEqual(self.value("ichatgw_registrations"), 0)

    def test_figures(self) -> None:
        """What the status says, and whether calls can be taken, is asked for when somebody wants it."""
        self.assertEqual(self.value("ichatgw_media_port_pairs_free"), 98)
        self.assertEqual(self.value("ichatgw_ready"), 1)
        self.trouble = "draining"
        self.assertEqual(self.value("ichatgw_ready"), 0)

    def test_pieces(self) -> None:
        """Figures are written family by family, so that no turn is long, and none twice."""
        self.everything()
        pieces = list(self.metrics.pieces())
        self.assertGreater(len(pieces), 20)
        heads = [line for piece in pieces for line in piece.decode().splitlines() if line.startswith("# HELP")]
        self.assertEqual(len(heads), len(set(heads)))

    def test_lint(self) -> None:
        """C{promtool} has nothing against names, units and words."""
        if shutil.which("promtool") is None:
            raise SkipTest("apt-get install prometheus")
        self.everything()
        text = b"".join(self.metrics.pieces())
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout.decode() + done.stderr.decode()), (0, ""))


class DashboardTests(MetricsCase):
    """C{etc/grafana/ichatgw.json}."""

    def test_names(self) -> None:
        """Each figure that the dashboard asks for is one that there is, with such labels."""
        path = Path(ichatgw.__file__).parent.parent / "etc" / "grafana" / "ichatgw.json"
        if not path.exists():
            raise SkipTest("not a source checkout")
        self.everything()
        self.metrics.trunks = lambda: iter([TRUNK])
        known = set(re.findall(r"^ichatgw_\w+", b"".join(self.metrics.pieces()).decode(), re.MULTILINE))
        wanted = set(
            re.findall(
                r"ichatgw_\w+",
                " ".join(
                    target["expr"] for panel in json.loads(path.read_text())["panels"] for target in panel["targets"]
                ),
            )
        )
        self.assertGreater(len(wanted), 10)
        self.assertEqual(wanted - known, set())
