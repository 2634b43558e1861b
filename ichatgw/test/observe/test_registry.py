"""Tests for L{ichatgw.observe.registry}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import Ending, EndReason
from ichatgw.observe import registry as module
from ichatgw.observe.events import (
    CallArrived,
    CallEnded,
    DtlsState,
    Event,
    IceState,
    MediaStarted,
    MediaStats,
    Message,
    TrailBegan,
)
from ichatgw.observe.snapshots import CallSnapshot
from ichatgw.test.support.events import HUNG_UP, NOON, PHONE, Scene, sip


class RegistryCase(SynchronousTestCase):
    """Live calls that read a stream."""

    def setUp(self) -> None:
        self.scene = Scene()
        self.calls, self.stop = self.scene.follow(3)

    def found(self, call: str = "c-1") -> CallSnapshot:
        found = self.calls.find(call)
        assert found is not None
        return found

    def messages(self, call: str = "c-1") -> list[tuple[str, str]]:
        """The start line of each message of the ladder, and whose side it is at."""
        return [
            (rung.role, rung.event.text.split(" ")[0])
            for rung in self.calls.ladder(call)
            if isinstance(rung.event, Message)
        ]


class CallTests(RegistryCase):
    """One call, from its arrival to its end and after."""

    def test_states(self) -> None:
        """A call is seen in each of its states, with its times since the arrival."""
        states = []
        for step in (self.scene.arrives, self.scene.routes, self.scene.talks, self.scene.ends):
            step()
            states.append((self.found().state, [leg.state for leg in self.found().legs]))
        self.assertEqual(
            states,
            [
                ("arrived", ["calling"]),
                ("calling", ["calling", "calling"]),
                ("talking", ["talking", "talking"]),
                ("ended", ["ended", "ended"]),
            ],
        )

    def test_figures(self) -> None:
        """What a call is: who, whom, before and after the rules, from where, when, with what, and why it is over."""
        self.scene.clock.advance(100)
        for step in (self.scene.arrives, self.scene.routes, self.scene.talks):
            step()
        self.scene.clock.advance(3)
        live = self.found()
        self.assertEqual((live.age, live.talked, live.why), (5, 3, ""))
        self.scene.ends()
        self.scene.clock.advance(50)
        call = self.found()
        self.assertEqual((call.caller, call.called), ("sip:alice@example.net", "sip:72@gw"))
        self.assertEqual((call.presented, call.route, call.source), ("sip:alice@gw", "sip:bob@pbx", PHONE))
        self.assertEqual((call.arrived, call.rangAfter, call.answeredAfter, call.endedAfter), (NOON + 100, 0, 2, 5))
        self.assertEqual((call.age, call.talked, call.codecs, call.offered), (5, 3, ("PCMU",), ("PCMU", "opus")))
        self.assertEqual((call.endedBy, call.ending), ("the callee", HUNG_UP))
        self.assertEqual([leg.ending for leg in call.legs], [HUNG_UP, HUNG_UP])
        self.assertEqual(call.why, "normal end of an answered call, ended by the callee (BYE)")

    def test_liveAndPast(self) -> None:
        """Calls are listed as long as they live, and then among those that are over, the latest first."""
        for name in ("c-1", "c-2", "c-3"):
            self.scene.arrives(name, callId=f"{name}@phone")
        self.scene.ends("c-1")
        self.scene.ends("c-3")
        self.assertEqual([call.id for call in self.calls.live], ["c-2"])
        self.assertEqual([call.id for call in self.calls.past], ["c-3", "c-1"])
        self.assertEqual(self.calls.count, 1)

    def test_endsWhileListed(self) -> None:
        """Who goes through the live calls over several turns may do so while some end and are forgotten."""
        self.calls.most = 0
        for name in ("c-1", "c-2"):
            self.scene.arrives(name, callId=f"{name}@phone")
        listed = self.calls.live
        self.scene.ends("c-2")
        self.assertEqual([call.id for call in listed], ["c-1"])

    def test_media(self) -> None:
        """The latest figures of each side are shown, those before, and what guards it."""
        self.scene.arrives()
        self.scene.clock.advance(1)
        self.scene.publish(MediaStarted, "c-1", "caller", PHONE)
        stats = [
            self.scene.publish(MediaStats, "c-1", "caller", n, 172 * n, 0, None, None, None, (), PHONE)
            for n in (500, 1000)
        ]
        self.scene.publish(IceState, "c-1", "callee", "connected", "192.0.2.9:7000")
        self.scene.publish(DtlsState, "c-1", "callee", "secured", "AES_CM_128_HMAC_SHA1_80")
        media = self.found().media
        self.assertEqual((media["caller"].startedAt, media["caller"].stats), (1, stats[1]))
        self.assertEqual(media["caller"].history, tuple(stats))
        self.assertEqual(media["callee"].ice, "connected 192.0.2.9:7000")
        self.assertEqual(media["callee"].encryption, "AES_CM_128_HMAC_SHA1_80")

    def test_refused(self) -> None:
        """A call that is refused at once is among those that are over, with what was said to the caller."""
        self.scene.arrives()
        refusal = Ending(EndReason.NOT_FOUND, "no rule")
        self.scene.says(sip("SIP/2.0 404 Not Found", "one@phone"), sent=True)
        self.scene.publish(CallEnded, "c-1", "the gateway", refusal, False)
        self.assertEqual([(call.id, call.ending, call.talked) for call in self.calls.past], [("c-1", refusal, 0)])
        self.assertEqual(self.messages(), [("caller", "INVITE"), ("caller", "SIP/2.0")])

    def test_unknown(self) -> None:
        """What is said of calls that are not known changes nothing, and asking for them gives nothing."""
        self.scene.routes("c-9")
        self.scene.talks("c-9")
        self.scene.publish(MediaStarted, "c-9", "caller", None)
        self.scene.ends("c-9")
        self.assertEqual((self.calls.find("c-9"), self.calls.ladder("c-9")), (None, ()))
        self.assertEqual((list(self.calls.live), list(self.calls.past)), ([], []))

    def test_kindIsSeenLater(self) -> None:
        """A leg whose kind shows only when its first message goes out is of that kind from then on."""
        self.scene.arrives()
        self.scene.publish(TrailBegan, "c-1", "sip-in-1", "ichat", "a b")
        self.assertEqual(self.found().legs[0].kind, "ichat")
        self.scene.publish(TrailBegan, "c-1", "sip-in-1", "", "inner@gw")
        self.assertEqual(self.found().legs[0].kind, "ichat")

    def test_stopped(self) -> None:
        """Who has stopped reading keeps what there is."""
        self.scene.arrives()
        self.stop()
        self.scene.arrives("c-2")
        self.assertEqual([call.id for call in self.calls.live], ["c-1"])
        self.assertFalse(self.scene.events.isOn(CallArrived))


class LadderTests(RegistryCase):
    """What was said in a call."""

    def test_all(self) -> None:
        """Every message is there, in order, at its side: also those that came before their call was known."""
        self.scene.arrives()
        self.scene.routes()
        self.scene.says(sip("SIP/2.0 180 Ringing", "two@gw"))
        self.scene.says(sip("SIP/2.0 180 Ringing", "one@phone"), sent=True)
        self.scene.says(sip("OPTIONS sip:gw SIP/2.0", "other@phone"))
        self.scene.talks()
        self.scene.ends()
        self.scene.says(sip("BYE sip:bob@pbx SIP/2.0", "two@gw"))
        self.assertEqual(
            self.messages(),
            [
                ("caller", "INVITE"),
                ("callee", "INVITE"),
                ("callee", "SIP/2.0"),
                ("caller", "SIP/2.0"),
                ("callee", "BYE"),
            ],
        )
        kinds = [type(rung.event).__name__ for rung in self.calls.ladder("c-1")]
        self.assertIn("CallRang", kinds)
        self.assertIn("CallEnded", kinds)

    def test_oneCallIsBounded(self) -> None:
        """Of a call that goes on talking only the beginning is kept, and how much is not is told."""
        self.patch(module, "MAX_RUNGS", 20)
        self.scene.arrives()
        for _ in range(50):
            self.scene.says(sip("INFO sip:gw SIP/2.0", "one@phone"))
        self.assertEqual(len(self.calls.ladder("c-1")), 20)
        self.assertEqual(self.found().omitted, 50 + 3 - 20)

    def test_longMessages(self) -> None:
        """So it is if the messages are long."""
        self.patch(module, "CALL_OCTETS", 8_000)
        self.scene.arrives()
        for _ in range(5):
            self.scene.says(sip("INFO sip:gw SIP/2.0", "one@phone", "X-Long: " + 4000 * "x"))
        self.assertEqual(self.messages().count(("caller", "INFO")), 1)

    def test_manyCalls(self) -> None:
        """Of the calls that are over the latest are kept, as many as are wished."""
        for number in range(10):
            self.scene.arrives(f"c-{number}", callId=f"{number}@phone")
            self.scene.ends(f"c-{number}")
        self.assertEqual([call.id for call in self.calls.past], ["c-9", "c-8", "c-7"])

    def test_allTogetherAreBounded(self) -> None:
        """All ladders together have a bound: the oldest calls that are over go, and live ones are cut short."""
        self.patch(module, "HISTORY_OCTETS", 12_000)
        self.calls.most = 100
        long = "X-Long: " + 3000 * "x"
        for number in range(10):
            self.scene.arrives(f"c-{number}", callId=f"{number}@phone")
            self.scene.says(sip("INFO sip:gw SIP/2.0", f"{number}@phone", long))
            self.scene.ends(f"c-{number}")
        self.assertEqual([call.id for call in self.calls.past][0], "c-9")
        self.assertTrue(1 <= len(list(self.calls.past)) <= 3)
        self.scene.arrives("live", callId="live@phone")
        for _ in range(20):
            self.scene.says(sip("INFO sip:gw SIP/2.0", "live@phone", long))
        self.assertTrue(self.found("live").omitted > 10)

    def test_lateMessages(self) -> None:
        """What comes late for a call that would have to be forgotten for it is not kept, and not counted for ever."""
        self.patch(module, "HISTORY_OCTETS", 8000)
        self.scene.arrives("c-0", callId="0@phone")
        self.scene.ends("c-0")
        for _ in range(50):
            self.scene.says(sip("INFO sip:gw SIP/2.0", "0@phone", "X-Long: " + 3000 * "x"))
        self.assertTrue(self.found("c-0").omitted > 40)
        self.calls.most = 0
        self.scene.arrives("c-1")
        self.scene.ends("c-1")
        self.assertEqual(self.calls._octets, 0)

    def test_strangersFloods(self) -> None:
        """Messages that belong to no call are forgotten, however many Call-IDs a stranger makes up."""
        self.patch(module, "MAX_EARLY", 10)
        for number in range(1000):
            self.scene.says(sip("OPTIONS sip:gw SIP/2.0", f"{number}@stranger"))
        self.scene.publish(CallArrived, "c-1", "leg", "sip", "sip:a", "sip:b", None, ())
        self.scene.publish(TrailBegan, "c-1", "leg", "sip", "1@stranger")
        self.scene.publish(TrailBegan, "c-1", "leg", "sip", "999@stranger")
        self.assertEqual([name for _, name in self.messages()], ["OPTIONS"])

    def test_longStrangers(self) -> None:
        """They are few if they are long; those that have found their call make place for others."""
        self.patch(module, "EARLY_OCTETS", 10_000)
        long = "X-Long: " + 3000 * "x"
        for number in range(20):
            self.scene.says(sip("OPTIONS sip:gw SIP/2.0", f"{number}@stranger", long))
            self.calls.messages.flush()
            self.scene.publish(CallArrived, f"c-{number}", "leg", "sip", "sip:a", "sip:b", None, ())
            self.scene.publish(TrailBegan, f"c-{number}", "leg", "sip", f"{number}@stranger")
        self.assertEqual([self.messages(f"c-{number}") for number in range(20)], [[("caller", "OPTIONS")]] * 20)
        for number in range(9):
            self.scene.says(sip("OPTIONS sip:gw SIP/2.0", f"late{number}@stranger", long))
        self.calls.messages.flush()
        self.scene.publish(CallArrived, "last", "leg", "sip", "sip:a", "sip:b", None, ())
        for number in range(9):
            self.scene.publish(TrailBegan, "last", "leg", "sip", f"late{number}@stranger")
        self.assertEqual(len(self.messages("last")), 3)

    def test_order(self) -> None:
        """A ladder is in the order of time, also where messages were attributed late."""
        self.scene.publish(CallArrived, "c-1", "leg", "sip", "sip:a", "sip:b", None, ())
        self.scene.says(sip("INVITE sip:b SIP/2.0", "late@gw"), sent=True)
        self.scene.clock.advance(1)
        self.scene.publish(MediaStarted, "c-1", "caller", None)
        self.scene.publish(TrailBegan, "c-1", "leg", "sip", "late@gw")
        events: list[Event] = [rung.event for rung in self.calls.ladder("c-1")]
        self.assertEqual([type(event).__name__ for event in events], ["CallArrived", "MessageSent", "MediaStarted"])
