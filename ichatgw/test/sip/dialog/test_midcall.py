# -*- test-case-name: ichatgw.test.sip.dialog.test_midcall -*-
"""
Changes in the middle of a call between two SIP phones, from end to end of the gateway.
"""

from __future__ import annotations

from random import Random
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.call import Call
from ichatgw.model import Direction, EndReason, Tone
from ichatgw.test.marks import slow
from ichatgw.test.support.media.fakerelays import FakeRelay, FakeSide
from ichatgw.test.support.sip.siptalks import directionOf, formats
from ichatgw.test.support.sip.sipwire import PHONE_SDP, Rig, ackFor, ackWithin, header, request, respond, status

PLAIN = PHONE_SDP.replace(" 0 8 101", " 0 8").replace("a=rtpmap:101 telephone-event/8000\r\n", "")
ULAW = PLAIN.replace(" 0 8", " 0")
ALAW = PLAIN.replace(" 0 8", " 8")
WIDE = PLAIN.replace(" 0 8", " 9")


def way(text: str, direction: str) -> str:
    """The same description with another direction."""
    return text.replace("sendrecv", direction)


class Joined:
    """
    Alice has called Bob, and he has answered.

    @ivar ok: our 200 to Alice's INVITE.
    @ivar bobs: Bob's 200 to ours.
    """

    def __init__(self, offered: str = PLAIN, answered: str = ULAW, sessionExpires: int = 0) -> None:
        self.rig = Rig(sessionExpires=sessionExpires)
        self.rig.invite(body=offered, extra="Supported: timer\r\n")
        alice = self.rig.invitations.legs[-1]
        bob = self.rig.dial()
        self.relay = FakeRelay()
        self.closed: list[Call] = []
        self.call = Call("c1", alice, bob, self.relay, self.rig.clock, self.closed.append)
        self.call.start(self.rig.invitations.offers[-1])
        (invite,) = self.rig.wire.take()
        self.bobs = respond(invite, 200, "OK", body=answered)
        sent = self.rig.receive(self.bobs)
        self.ok = next(m for m in sent if status(m) == 200)
        self.rig.receive(ackFor(self.ok))
        self.cseq = {"alice": 1, "bob": 0}

    def send(self, who: str, method: str, body: str | None = None, **changes: object) -> list[str]:
        """One of them sends a request; what went out because of it, answers first?"""
        self.cseq[who] += 1
        number = self.cseq[who]
        ends = {
            "alice": (header(self.ok, "To"), header(self.ok, "From"), header(self.ok, "Call-ID")),
            "bob": (header(self.bobs, "From"), header(self.bobs, "To"), header(self.bobs, "Call-ID")),
        }
        to, from_, callId = ends[who]
        fields: dict[str, object] = {
            "to": to,
            "from_": from_,
            "callId": callId,
            "cseq": number,
            "branch": f"{who}{method}{number}",
            "body": body,
            **changes,
        }
        sent = self.rig.receive(request(method, **fields))  # type: ignore[arg-type]
        return sorted(sent, key=lambda message: not status(message))

    def reinvite(self, who: str, body: str | None) -> tuple[str, list[str]]:
        """One makes an offer, and acknowledges what it is answered; what went to the other one?"""
        sent = self.send(who, "INVITE", body)
        answer = next(m for m in sent if status(m) >= 200)
        if status(answer) == 200:
            sent += self.acknowledge(who, answer)
        return answer, [m for m in sent if not status(m)]

    def acknowledge(self, who: str, ok: str, body: str | None = None) -> list[str]:
        number = header(ok, "CSeq").split()[0]
        return self.rig.receive(ackWithin(ok, f"{who}ack{number}", body))

    @property
    def sides(self) -> tuple[Direction, Direction]:
        """Which way each party lets media flow, as the relay was told last."""
        sides = (cast(FakeSide, self.relay.caller), cast(FakeSide, self.relay.callee))
        return sides[0].remotes[-1].direction, sides[1].remotes[-1].direction


class HoldTests(SynchronousTestCase):
    """One puts the other on hold."""

    def test_bothWays(self) -> None:
        """No matter who holds and resumes, and however often: the other one is told, and in the end they talk."""
        for who in ("alice", "bob"):
            joined = Joined()
            for _ in range(3):
                answer, (told,) = joined.reinvite(who, way(PLAIN, "sendonly"))
                self.assertEqual((directionOf(answer), directionOf(told)), ("recvonly", "sendonly"))
                joined.rig.receive(respond(told, 200, "OK", body=way(ULAW, "recvonly")))
                answer, (told,) = joined.reinvite(who, PLAIN)
                self.assertEqual((directionOf(answer), directionOf(told)), ("sendrecv", "sendrecv"))
                joined.rig.receive(respond(told, 200, "OK", body=ULAW))
                self.assertEqual(joined.sides, (Direction.SENDRECV, Direction.SENDRECV))
            self.assertEqual(joined.rig.wire.take(), [])

    def test_each(self) -> None:
        """When both hold, each takes off only his own; afterwards they talk."""
        joined = Joined()
        _, (told,) = joined.reinvite("alice", way(PLAIN, "sendonly"))
        joined.rig.receive(respond(told, 200, "OK", body=way(ULAW, "recvonly")))
        answer, (told,) = joined.reinvite("bob", way(ULAW, "sendonly"))
        self.assertEqual((directionOf(answer), directionOf(told)), ("inactive", "inactive"))
        joined.rig.receive(respond(told, 200, "OK", body=way(ULAW, "inactive")))
        answer, (told,) = joined.reinvite("alice", PLAIN)
        self.assertEqual((directionOf(answer), directionOf(told)), ("sendonly", "recvonly"))
        joined.rig.receive(respond(told, 200, "OK", body=way(ULAW, "sendonly")))
        answer, (told,) = joined.reinvite("bob", ULAW)
        self.assertEqual((directionOf(answer), directionOf(told)), ("sendrecv", "sendrecv"))
        joined.rig.receive(respond(told, 200, "OK", body=ULAW))
        self.assertEqual(joined.sides, (Direction.SENDRECV, Direction.SENDRECV))

    def test_refused(self) -> None:
        """A phone that refuses to be held stays in the call, and so does the other."""
        joined = Joined()
        _, (told,) = joined.reinvite("alice", way(PLAIN, "sendonly"))
        joined.rig.receive(respond(told, 488, "Not Acceptable Here"))
        self.assertEqual(joined.closed, [])
        answer, told_ = joined.reinvite("alice", PLAIN)
        self.assertEqual((directionOf(answer), told_), ("sendrecv", []), "it has never heard of the hold")

    def test_lost(self) -> None:
        """If the other phone does not know the call any more, the call is over at both ends."""
        joined = Joined()
        _, (told,) = joined.reinvite("alice", way(PLAIN, "sendonly"))
        sent = joined.rig.receive(respond(told, 481, "Call/Transaction Does Not Exist"))
        self.assertEqual(sorted(m.split()[0] for m in sent), ["ACK", "BYE", "BYE"])
        self.assertEqual(joined.call._parties.ending.reason, EndReason.CONNECTIVITY)  # type: ignore[union-attr]


class FormatTests(SynchronousTestCase):
    """One changes formats."""

    def test_other(self) -> None:
        """Who wants a format that the other one does not speak is answered when that one has been asked."""
        joined = Joined()
        trying, asked = joined.send("alice", "INVITE", WIDE)
        self.assertEqual((status(trying), formats(asked)), (100, "9"))
        sent = joined.rig.receive(respond(asked, 200, "OK", body=WIDE))
        ok = next(m for m in sent if status(m) == 200)
        self.assertEqual(formats(ok), "9")
        self.assertEqual(joined.acknowledge("alice", ok), [])

    def test_otherRefused(self) -> None:
        """If that one refuses, so do we, and they talk as before."""
        joined = Joined()
        _, asked = joined.send("alice", "INVITE", WIDE)
        sent = joined.rig.receive(respond(asked, 488, "No", extra='Warning: 305 bob "no G.722 here"\r\n'))
        refusal = next(m for m in sent if status(m))
        self.assertEqual(status(refusal), 488)
        self.assertTrue(header(refusal, "Warning").startswith("305 "))
        answer, told = joined.reinvite("alice", ULAW)
        self.assertEqual((formats(answer), told), ("0", []))

    def test_fewer(self) -> None:
        """Who gives up one of two formats is answered at once; the other one is told to use what is left."""
        joined = Joined(answered=PLAIN)
        answer, (told,) = joined.reinvite("alice", ALAW)
        self.assertEqual((formats(answer), formats(told)), ("8", "8 0"))

    def test_crossing(self) -> None:
        """When both ask at once both are refused, and nothing hangs."""
        joined = Joined()
        joined.send("alice", "INVITE", ALAW)
        sent = joined.send("bob", "INVITE", ALAW)
        self.assertEqual([status(m) for m in sent], [491])
        self.assertEqual(joined.closed, [])


class PackingTests(SynchronousTestCase):
    """One of them wants other packets."""

    def test_longer(self) -> None:
        """The other one is told, once, and is not asked again because it repeats it."""
        joined = Joined(offered=PLAIN + "a=ptime:20\r\n", answered=ULAW + "a=ptime:20\r\n")
        answer, told = joined.reinvite("bob", ULAW + "a=ptime:30\r\na=maxptime:60\r\n")
        self.assertIn("a=ptime:20\r\n", answer)
        (offer,) = told
        self.assertIn("a=ptime:30\r\na=maxptime:60\r\n", offer)
        sent = joined.rig.receive(respond(offer, 200, "OK", body=ULAW + "a=ptime:30\r\n"))
        self.assertEqual([message.split()[0] for message in sent], ["ACK"])

    def test_repeated(self) -> None:
        """An offer that says the same again is no news for the other one."""
        joined = Joined(answered=ULAW + "a=ptime:30\r\n")
        self.assertEqual(joined.reinvite("bob", ULAW + "a=ptime:30\r\n")[1], [])


class KeyTests(SynchronousTestCase):
    """One presses keys."""

    def test_info(self) -> None:
        """A key told by INFO is told to the other one."""
        joined = Joined()
        reply, told = joined.send("alice", "INFO", "Signal=7\r\nDuration=90", contentType="application/dtmf-relay")
        self.assertEqual(status(reply), 200)
        self.assertTrue(told.startswith("INFO ") and "Signal=7\r\nDuration=90\r\n" in told)

    def test_inMedia(self) -> None:
        """A phone that takes keys in its media is told of them there, and not by INFO as well."""
        joined = Joined()
        callee = cast(FakeSide, joined.relay.callee)
        callee.takesKeys = True
        reply, *told = joined.send("alice", "INFO", "Signal=7\r\nDuration=90", contentType="application/dtmf-relay")
        self.assertEqual((status(reply), told), (200, []))
        self.assertEqual(callee.tones, [Tone("7", 90)])


class EndTests(SynchronousTestCase):
    """One hangs up in the middle of it."""

    def test_whileAsking(self) -> None:
        """No matter who hangs up while a re-INVITE is under way, both are told, and nothing remains."""
        for who in ("alice", "bob"):
            joined = Joined()
            joined.send("alice", "INVITE", WIDE)
            sent = joined.send(who, "BYE")
            self.assertIn("BYE", [m.split()[0] for m in sent])
            self.assertEqual(sorted(status(m) for m in sent if status(m))[-1], 487)
            for bye in (m for m in sent if m.startswith("BYE")):
                joined.rig.receive(respond(bye, 200, "OK"))
            self.assertEqual(len(joined.closed), 1)
            joined.rig.clock.pump([1] * 40 + [64] * 6)
            self.assertEqual(joined.rig.endpoint.legs, frozenset())
            self.assertEqual(joined.rig.endpoint._transactions.req_consumers, {})
            self.assertEqual(joined.rig.endpoint.transactions, 0)


class AnyOrderTests(SynchronousTestCase):
    """Two phones that do anything at any time."""

    FEW, CALLS = 4, 40
    STEPS = 60

    def test_anything(self) -> None:
        """
        Whatever two phones do, in whatever order, and whatever they answer: no call is left half open, and when both
        have hung up nothing of it remains.
        """
        for seed in range(self.FEW):
            Walk(self, Random(seed)).walk(self.STEPS)

    @slow
    def test_muchElse(self) -> None:
        """The same in many more calls."""
        for seed in range(self.FEW, self.CALLS):
            Walk(self, Random(seed)).walk(self.STEPS)


class Walk:
    """One call in which things happen by chance."""

    def __init__(self, case: SynchronousTestCase, random: Random) -> None:
        self.case = case
        self.random = random
        self.joined = Joined(sessionExpires=300)
        self.asked: list[str] = []

    def walk(self, steps: int) -> None:
        joined = self.joined
        for _ in range(steps):
            step = self.random.choice((self.offer, self.offer, self.ask, self.reply, self.reply, self.reply, self.wait))
            self.sort(step())
            if joined.closed:
                break
        if not joined.closed:
            self.sort(joined.send(self.random.choice(("alice", "bob")), "BYE"))
        self.case.assertEqual(len(joined.closed), 1)
        for _ in range(3):
            for request_ in self.asked:
                self.sort(joined.rig.receive(respond(request_, 200, "OK", body="")))
            self.asked.clear()
        joined.rig.clock.pump([1] * 70 + [64] * 6)
        endpoint = joined.rig.endpoint
        self.case.assertEqual(endpoint.legs, frozenset())
        self.case.assertEqual(endpoint.transactions, 0)
        self.case.assertEqual(endpoint._transactions.req_consumers, {})
        self.case.assertEqual(joined.relay.closed, 1)

    def sort(self, sent: list[str]) -> None:
        """Requests wait for an answer by chance; a 200 to an INVITE is acknowledged, most of the time."""
        for message in sent:
            if not status(message):
                if message.strip() and not message.startswith("ACK"):
                    self.asked.append(message)
            elif status(message) == 200 and header(message, "CSeq").endswith("INVITE") and self.random.random() < 0.99:
                who = "alice" if header(message, "Call-ID") == header(self.joined.ok, "Call-ID") else "bob"
                late = self.random.choice((None, PLAIN, way(PLAIN, "sendonly"), way(PLAIN, "inactive")))
                self.sort(self.joined.acknowledge(who, message, late))

    def offer(self) -> list[str]:
        who = self.random.choice(("alice", "bob"))
        body = self.random.choice((PLAIN, ULAW, ALAW, None, "v=0\r\nrubbish"))
        if body is not None:
            body = way(body, self.random.choice(("sendrecv", "sendonly", "recvonly", "inactive")))
        return self.joined.send(who, self.random.choice(("INVITE", "INVITE", "UPDATE")), body)

    def ask(self) -> list[str]:
        who = self.random.choice(("alice", "bob"))
        method = self.random.choice(("INFO", "OPTIONS", "MESSAGE", "PRACK", "NOTIFY", "CANCEL", "FROB"))
        if method == "CANCEL":
            number = self.joined.cseq[who]
            self.joined.cseq[who] -= 1
            return self.joined.send(who, "CANCEL", branch=f"{who}INVITE{number}")
        return self.joined.send(who, method)

    def reply(self) -> list[str]:
        if not self.asked:
            return []
        asked = self.asked.pop(self.random.randrange(len(self.asked)))
        code = self.random.choice((200, 200, 200, 200, 180, 488, 491, 500, 422, 405))
        if self.random.random() < 0.02:
            code = self.random.choice((481, 408))
        body = way(
            self.random.choice((PLAIN, PLAIN, PLAIN, ULAW, ALAW)),
            self.random.choice(("sendrecv", "recvonly", "inactive")),
        )
        if code == 180:
            self.asked.append(asked)
        extra = self.random.choice(("", "Retry-After: 1\r\n", "Min-SE: 900\r\n"))
        return self.joined.rig.receive(respond(asked, code, "By Chance", body=body if code == 200 else "", extra=extra))

    def wait(self) -> list[str]:
        self.joined.rig.clock.advance(self.random.choice((0.1, 0.5, 2, 5, 30)))
        return self.joined.rig.wire.take()
