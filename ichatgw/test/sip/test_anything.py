"""Many phones that do anything at any time: call, transfer, pick up, take over, hold, cancel, hang up."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from urllib.parse import quote

from attrs import define, field
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.switch import Switch
from ichatgw.errors import NoRoute
from ichatgw.test.marks import slow
from ichatgw.test.support.media.fakerelays import FakeMediaEngine
from ichatgw.test.support.sip.sipwire import PHONE_SDP, Rig, header, request, respond, status

PLAIN = PHONE_SDP.replace(" 0 8 101", " 0 8").replace("a=rtpmap:101 telephone-event/8000\r\n", "")
BODIES = (PLAIN, PLAIN, PLAIN, PLAIN.replace(" 0 8", " 0"), PLAIN.replace(" 0 8", " 8"))
DIRECTIONS = ("sendrecv", "sendrecv", "sendonly", "inactive")


class Plan:
    """Knows all users but one."""

    def translate(self, address: str) -> str:
        user = address.partition(":")[2].partition("@")[0]
        if user == "nobody":
            raise NoRoute("no translation rule matches")
        return f"sip:{user}@192.0.2.77"


@define(eq=False)
class Line:
    """
    A phone's end of a dialog.

    @ivar branch: that of its INVITE, if it called.
    """

    ours: str
    theirs: str
    callId: str
    branch: str = ""


@define(eq=False)
class World:
    """
    The phones.

    @ivar lines: those that may be up.
    @ivar asked: requests of ours that are not answered.
    """

    random: Random
    rig: Rig = field(init=False)
    media: FakeMediaEngine = field(factory=FakeMediaEngine)
    switch: Switch = field(init=False)
    lines: list[Line] = field(factory=list)
    asked: list[str] = field(factory=list)
    _made: int = 0

    def __attrs_post_init__(self) -> None:
        self.rig = Rig(sessionExpires=self.random.choice((0, 300)))
        self.switch = Switch(self.rig.clock, Plan(), self.media, {"sip": self.rig.endpoint})
        self.switch.startService()
        self.rig.endpoint.arrivals = self.switch

    def body(self) -> str:
        return self.random.choice(BODIES).replace("sendrecv", self.random.choice(DIRECTIONS))

    def number(self) -> int:
        self._made += 1
        return self._made

    def sort(self, sent: list[str]) -> None:
        """Requests wait for an answer; what we answer to an INVITE is acknowledged, most of the time."""
        for message in sent:
            if not status(message):
                if message.strip() and not message.startswith("ACK"):
                    self.asked.append(message)
                if message.startswith("BYE"):
                    self.forget(header(message, "Call-ID"), header(message, "To"))
            elif header(message, "CSeq").endswith("INVITE"):
                for line in list(self.lines):
                    if line.branch and header(message, "Call-ID") == line.callId:
                        line.ours = header(message, "To")
                        if header(message, "CSeq") == "1 INVITE" and status(message) >= 300:
                            self.lines.remove(line)
                if status(message) >= 200 and self.random.random() < 0.98:
                    self.acknowledge(message)

    def forget(self, callId: str, theirs: str) -> None:
        self.lines = [line for line in self.lines if (line.callId, line.theirs) != (callId, theirs)]

    def acknowledge(self, answer: str) -> None:
        late = None if "m=audio" in answer and self.random.random() < 0.5 else self.body()
        branch = header(answer, "Via").partition("branch=z9hG4bK")[2].partition(";")[0]
        number = header(answer, "CSeq").split()[0]
        text = request(
            "ACK",
            to=header(answer, "To"),
            from_=header(answer, "From"),
            callId=header(answer, "Call-ID"),
            cseq=int(number),
            branch=branch if status(answer) >= 300 else f"ack{self.number()}",
            body=late if status(answer) < 300 else None,
        )
        self.sort(self.rig.receive(text))

    # What phones do

    def call(self) -> None:
        """Somebody calls somebody, or wants the place of somebody."""
        number = self.number()
        extra = self.random.choice(("", "", "Supported: timer\r\n", "Require: 100rel\r\n"))
        if self.lines and self.random.random() < 0.3:
            line = self.random.choice(self.lines)
            early = self.random.choice(("", "", ";early-only"))
            extra += f"Replaces: {self.name(line)}{early}\r\n"
        line = Line("<sip:x@192.0.2.10:5070>", f"<sip:p{number}@sip.example>;tag=p{number}", f"in-{number}")
        line.branch = f"call{number}"
        self.lines.append(line)
        self.sort(
            self.rig.receive(
                request(
                    "INVITE",
                    uri=f"sip:{self.user()}@192.0.2.10:5070",
                    to=f"<sip:{self.user()}@192.0.2.10:5070>",
                    from_=line.theirs,
                    callId=line.callId,
                    cseq=1,
                    branch=line.branch,
                    body=self.random.choice((self.body(), self.body(), None)),
                    extra=extra,
                )
            )
        )

    def user(self) -> str:
        return self.random.choice(("bob", "carol", "dave", "nobody"))

    def name(self, line: Line) -> str:
        tags = [each.partition(";tag=")[2] or "none" for each in (line.ours, line.theirs)]
        return f"{line.callId};to-tag={tags[0]};from-tag={tags[1]}"

    def send(self, method: str, line: Line | None = None, **changes: object) -> None:
        if line is None:
            if not self.lines:
                return
            line = self.random.choice(self.lines)
        fields: dict[str, object] = {
            "to": line.ours,
            "from_": line.theirs,
            "callId": line.callId,
            "cseq": self.number() + 1,
            "branch": f"{method}{self._made}",
            **changes,
        }
        self.sort(self.rig.receive(request(method, **fields)))  # type: ignore[arg-type]

    def refer(self) -> None:
        """Blind or attended, by a known name or not."""
        headers = ""
        if self.random.random() < 0.5 and self.lines:
            headers = "?Replaces=" + quote(self.name(self.random.choice(self.lines)), safe="")
        extra = f"Refer-To: <sip:{self.user()}@192.0.2.10{headers}>\r\n"
        self.send("REFER", extra=extra + self.random.choice(("", "Refer-Sub: false\r\n")))

    def offer(self) -> None:
        self.send(self.random.choice(("INVITE", "UPDATE")), body=self.body())

    def info(self) -> None:
        if self.random.random() < 0.5:
            self.send("INFO", body="Signal=7\r\nDuration=90", contentType="application/dtmf-relay")
        else:
            self.send(self.random.choice(("INFO", "MESSAGE")), body="hi", contentType="text/plain")

    def hangUp(self) -> None:
        known = [line for line in self.lines if ";tag=" in line.ours]
        if known:
            line = self.random.choice(known)
            self.send("BYE", line)
            self.forget(line.callId, line.theirs)

    def cancel(self) -> None:
        calls = [line for line in self.lines if line.branch]
        if calls:
            line = self.random.choice(calls)
            text = request(
                "CANCEL", to="<sip:x@192.0.2.10:5070>", from_=line.theirs, callId=line.callId, branch=line.branch
            )
            self.sort(self.rig.receive(text))

    def reply(self) -> None:
        """A phone answers something that we have asked."""
        if not self.asked:
            return
        asked = self.asked.pop(self.random.randrange(len(self.asked)))
        code = self.random.choice((200, 200, 200, 200, 180, 183, 488, 491, 500, 422, 302, 486, 481))
        if not asked.startswith("INVITE") and self.random.random() < 0.8:
            code = 200
        isNew = asked.startswith("INVITE") and ";tag=" not in header(asked, "To")
        tag = self.random.choice(("b1", "b1", "b2"))
        body = self.body() if code in (200, 183) and asked.startswith(("INVITE", "UPDATE")) else ""
        extra = self.random.choice(("", "Retry-After: 1\r\n", "Min-SE: 900\r\n"))
        if code == 302:
            extra += f"Contact: <sip:e{self.number()}@192.0.2.77>\r\n"
        if code in (180, 183):
            self.asked.append(asked)
            if self.random.random() < 0.3:
                extra += f"Require: 100rel\r\nRSeq: {self.random.choice((1, 1, 2))}\r\n"
        answer = respond(asked, code, "By Chance", tag=tag, body=body, extra=extra)
        if isNew and code in (180, 183, 200):
            line = Line(header(answer, "From"), header(answer, "To"), header(answer, "Call-ID"))
            self.forget(line.callId, line.theirs)
            self.lines.append(line)
        self.sort(self.rig.receive(answer))

    def wait(self) -> None:
        self.rig.clock.advance(self.random.choice((0.0, 0.1, 0.5, 2, 5, 30)))
        self.sort(self.rig.wire.take())

    def step(self) -> None:
        steps: tuple[tuple[Callable[[], None], int], ...] = (
            (self.call, 3),
            (self.refer, 4),
            (self.offer, 3),
            (self.info, 2),
            (self.hangUp, 1),
            (self.cancel, 1),
            (self.reply, 10),
            (self.wait, 3),
        )
        (step,) = self.random.choices([each for each, _ in steps], [weight for _, weight in steps])
        step()

    def end(self) -> None:
        """All hang up, and answer what is asked."""
        for _ in range(6):
            for line in list(self.lines):
                self.send("BYE", line)
            self.lines.clear()
            asked, self.asked = self.asked, []
            for each in asked:
                code = 486 if each.startswith("INVITE") else 200
                self.sort(self.rig.receive(respond(each, code, "At The End")))
            self.rig.clock.advance(1)
            self.sort(self.rig.wire.take())


class AnythingTests(SynchronousTestCase):
    """No call is left half open, and of those that are over nothing remains."""

    FEW, WORLDS = 3, 30
    STEPS = 80

    def test_anything(self) -> None:
        """Whatever phones do, in whatever order, and whatever they answer."""
        self.live(range(self.FEW))

    @slow
    def test_muchElse(self) -> None:
        """The same in many more worlds."""
        self.live(range(self.FEW, self.WORLDS))

    def live(self, seeds: range) -> None:
        """In worlds made by chance."""
        for seed in seeds:
            with capturedLogs() as events:
                self._judge(World(Random(seed)), seed)
            bad = [formatEvent(event) for event in events if event["log_level"] >= LogLevel.error]
            self.assertEqual(bad, [], seed)

    def _judge(self, world: World, seed: int) -> None:
        for _ in range(self.STEPS):
            world.step()
        world.end()
        world.rig.clock.pump([1] * 70 + [64] * 6)
        endpoint = world.rig.endpoint
        self.assertEqual(tuple(world.switch.calls), (), seed)
        self.assertEqual(endpoint.legs, frozenset(), seed)
        self.assertEqual(endpoint.transactions, 0, seed)
        self.assertEqual(endpoint._transactions.req_consumers, {}, seed)
        self.assertEqual(endpoint._referrals._subscriptions, {}, seed)
        self.assertEqual([relay.closed for relay in world.media.relays], [1] * len(world.media.relays), seed)
        # The keepalives' and the transactions' own.
        self.assertEqual(len(world.rig.clock.getDelayedCalls()), 2, seed)
