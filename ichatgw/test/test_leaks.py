# -*- test-case-name: ichatgw.test.test_leaks -*-
# mypy: allow-untyped-calls
"""
The whole gateway between two phones, in memory: hostile messages do it no harm, and nothing of a call stays.  Nor does
anything of one with an iChat or a Jingle client.
"""

from __future__ import annotations

import gc
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.dialplan import DialPlan
from ichatgw.interfaces import ILeg
from ichatgw.media.engine import MediaEngine
from ichatgw.model import PCMU, Ending, EndReason, Invitation, Party, SessionDescription, TransportAddress
from ichatgw.switch import Switch
from ichatgw.test import ichats, jingles
from ichatgw.test.fakes import OFFER, FakeDialer, FakeLeg, FakeMediaEngine
from ichatgw.test.media_fakes import FakeAddresses, FakeNetwork
from ichatgw.test.sipwire import PHONE_SDP, Rig, header, request, respond, status

DATA = Path(__file__).parent / "data"
CALLEE = TransportAddress("192.0.2.88", 5060)


def alive() -> Counter[str]:
    """How many objects of ours and of sippy there are, by their class."""
    kinds = Counter(type(each) for each in gc.get_objects())
    names = {kind: f"{kind.__module__}.{kind.__qualname__}" for kind in kinds}
    return Counter(
        {
            name: kinds[kind]
            for kind, name in names.items()
            if name.startswith(("ichatgw.", "sippy.")) and not name.startswith("ichatgw.test.")
        }
    )


@contextmanager
def uncollected() -> Iterator[None]:
    """Garbage that holds itself stays where it is."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def remainder(calls: Callable[[], None]) -> Counter[str]:
    """What C{calls} leave in memory if nobody collects garbage; the second time, as some things are made but once."""
    with uncollected():
        calls()
        before = alive()
        calls()
        return alive() - before


class WholeGatewayTests(SynchronousTestCase):
    """Endpoint, switch, calls and relays together."""

    def setUp(self) -> None:
        self.rig = Rig()
        self.network = FakeNetwork()
        self.media = MediaEngine(
            self.rig.clock,
            FakeAddresses(""),
            8000,
            20000,
            readers=self.network,
            makeSocket=self.network.makeSocket,
            random32=partial(random.Random(1).getrandbits, 32),
        )
        plan = DialPlan([(r"^sip:(\w+)@192\.0\.2\.10", "sip:$1@192.0.2.88")])
        self.switch = Switch(self.rig.clock, plan, self.media, {"sip": self.rig.endpoint})
        self.switch.startService()
        self.rig.endpoint.invitations = self  # type: ignore[assignment]
        self.calls = 0
        self.rest = self.count()

    def invited(self, leg: ILeg, called: str, offer: SessionDescription, invitation: Invitation) -> None:
        """As the doors before the switch do."""
        self.switch.arrived(leg, called, offer)

    def count(self) -> dict[str, int]:
        """All that could be left over."""
        transactions = self.rig.endpoint._transactions
        return {
            "calls": len(tuple(self.switch.calls)),
            "legs": len(self.rig.endpoint.legs),
            "relays": self.media.live,
            "ports lent": self.media._pool.lent,
            "sockets": len(self.network.bound()),
            "transactions": self.rig.endpoint.transactions,
            "dialogs": len(transactions.req_consumers),
            "timers": len(self.rig.clock.getDelayedCalls()),
            "responses kept": len(transactions.l1rcache) + len(transactions.l2rcache),
        }

    def settle(self) -> None:
        """Let everything that waits run out."""
        self.rig.clock.pump([0.5] * 100 + [32] * 14)
        self.rig.wire.take()
        self.rig.streams.expected.clear()

    def call(self, ending: str) -> list[int]:
        """
        One call.

        @param ending: C{caller} or C{callee} hangs up, it is C{declined} or C{abandoned}.
        @return: the codes that the caller got.
        """
        self.calls += 1
        callId = f"leak-{self.calls}"
        sent = self.rig.receive(request("INVITE", callId=callId))
        codes = self.codes(sent)
        invite = next(message for message in sent if message.startswith("INVITE"))
        codes += self.codes(self.rig.receive(respond(invite, 180, "Ringing"), CALLEE))
        if ending == "declined":
            sent = self.rig.receive(respond(invite, 603, "Decline"), CALLEE)
            final = next(message for message in sent if status(message) == 603)
            self.rig.receive(request("ACK", to=header(final, "To"), callId=callId, branch="INVITE1", body=None))
            return codes + self.codes(sent)
        if ending == "abandoned":
            sent = self.rig.receive(request("CANCEL", callId=callId, branch="INVITE1"))
            cancel = next(message for message in sent if message.startswith("CANCEL"))
            self.rig.receive(respond(cancel, 200, "OK"), CALLEE)
            self.rig.receive(respond(invite, 487, "Request Terminated"), CALLEE)
            final = next(message for message in sent if status(message) == 487)
            self.rig.receive(request("ACK", to=header(final, "To"), callId=callId, branch="INVITE1", body=None))
            return codes + self.codes(sent)
        sent = self.rig.receive(respond(invite, 200, "OK", body=PHONE_SDP.replace("30000", "30010")), CALLEE)
        ok = next(message for message in sent if status(message) == 200)
        codes.append(200)
        self.rig.receive(request("ACK", to=header(ok, "To"), callId=callId, branch=f"ack{self.calls}", body=None))
        if ending == "caller":
            sent = self.rig.receive(request("BYE", to=header(ok, "To"), callId=callId, cseq=2))
        else:
            bye = request(
                "BYE",
                uri="sip:alice@192.0.2.10:5070",
                from_=header(invite, "To") + ";tag=b1",
                to=header(invite, "From"),
                callId=header(invite, "Call-ID"),
                cseq=9,
                branch=f"bye{self.calls}",
            )
            sent = self.rig.receive(bye, CALLEE)
        ours = next(message for message in sent if message.startswith("BYE"))
        self.rig.receive(respond(ours, 200, "OK"), CALLEE)
        return codes

    def codes(self, sent: list[str]) -> list[int]:
        """The codes of the responses to the INVITE."""
        return [status(m) for m in sent if status(m) and header(m, "CSeq").endswith("INVITE")]

    def test_calls(self) -> None:
        """After answered, declined and abandoned calls nothing is left: no call, leg, port, timer or transaction."""
        self.assertEqual(self.call("caller"), [100, 180, 200])
        self.assertEqual(self.call("callee"), [100, 180, 200])
        self.assertEqual(self.call("declined"), [100, 180, 603])
        self.assertEqual(self.call("abandoned"), [100, 180, 487])
        for _ in range(25):
            for ending in ("caller", "callee", "declined", "abandoned"):
                self.call(ending)
        self.assertEqual(self.count()["calls"], 0)
        self.settle()
        self.assertEqual(self.count(), self.rest)

    def test_garbage(self) -> None:
        """What is over lets go of all that it knew: nothing of a call has to wait for the garbage collector."""
        for ending in ("caller", "callee", "declined", "abandoned"):

            def calls(ending: str = ending) -> None:
                for _ in range(5):
                    self.call(ending)
                self.settle()

            left = remainder(calls)
            del left["ichatgw.sip.replaces.DialogId"]  # so many names of dialogs that are over are remembered
            self.assertEqual(left, {}, ending)

    def test_vanished(self) -> None:
        """A caller and a callee of whom nothing is heard any more leave nothing either."""
        for number in range(10):
            self.rig.receive(request("INVITE", callId=f"gone-{number}"))
        self.assertEqual(self.count()["calls"], 10)
        self.settle()
        self.assertEqual(self.count(), self.rest)

    def test_corpora(self) -> None:
        """After each of the messages that others wrote to break such as us, a normal call goes through."""
        messages = sorted(path for folder in ("rfc4475", "rfc5118", "jain") for path in (DATA / folder).iterdir())
        fed = 0
        for path in messages:
            if path.suffix == ".tsv" or path.name.startswith(("README", ".")):
                continue
            fed += 1
            self.rig.endpoint.received(path.read_bytes(), CALLEE)
            self.rig.wire.take()
            self.assertEqual(self.call("caller"), [100, 180, 200], path.name)
        self.assertTrue(fed > 430, fed)
        self.settle()
        self.assertEqual(self.count(), self.rest)


class ClientGarbageTests(SynchronousTestCase):
    """Calls between phones, whose legs are faked, and clients of XMPP."""

    def setUp(self) -> None:
        self.phones = FakeDialer()
        self.media = FakeMediaEngine()
        self.calls = 0

    def switchFor(self, world: ichats.World | jingles.World) -> Switch:
        """With the real parts of one protocol."""
        plan = DialPlan([(r"^xmpp:72@", "sip:72@sip.example"), (r"^sip:(\w+)@gw", "xmpp:$1@jabber.example")])
        switch = Switch(world.clock, plan, self.media, {"sip": self.phones, "xmpp": world.protocol})
        switch.startService()
        world.protocol.arrivals = switch
        return switch

    def phoneCalls(self, switch: Switch, user: str) -> FakeLeg:
        """A phone calls a client."""
        phone = FakeLeg(Party("sip:bell@sip.example", "Bell"))
        switch.arrived(phone, f"sip:{user}@gw", OFFER)
        return phone

    def assertNoGarbage(self, world: ichats.World | jingles.World, *kinds: Callable[[], None]) -> None:
        """After calls of each kind nothing is left but what the fakes remember, which they forget."""
        for kind in kinds:

            def calls(kind: Callable[[], None] = kind) -> None:
                for _ in range(3):
                    kind()
                self.assertTrue(world.isEmpty(), kind.__name__)
                world.words.clear()
                fakes: list[list[Any]] = [self.phones.legs, self.phones.dialled, self.media.relays]
                if isinstance(world, ichats.World):
                    fakes += [world.dialer.legs, world.dialer.dialled, world.link.stanzas, world.presence.known]
                else:
                    fakes += [world.transports.made, world.transports.sides, world.transports.kinds, world.stanzas]
                for seen in fakes:
                    seen.clear()

            self.assertEqual(remainder(calls), {}, kind.__name__)

    def test_iChats(self) -> None:
        """An iChat calls or is called; it hangs up or the phone does, declines, or gives up."""
        world = ichats.World()
        switch = self.switchFor(world)

        def calls() -> None:
            world.request()
            self.phones.legs[-1].partyAnswers()
            world.invite()
            self.phones.legs[-1].partyHangsUp()

        def hangsUp() -> None:
            world.request()
            self.phones.legs[-1].partyAnswers()
            world.invite().partyHangsUp()

        def isRefused() -> None:
            world.request()
            self.phones.legs[-1].partyHangsUp(Ending(EndReason.NOT_FOUND))

        def givesUp() -> None:
            world.request()
            world.cancel()

        def isCalled() -> None:
            world.presence.known[:] = [ichats.ichat()]
            phone = self.phoneCalls(switch, "scott")
            world.accept()
            world.dialer.legs[-1].partyAnswers()
            phone.partyHangsUp()

        def declines() -> None:
            world.presence.known[:] = [ichats.ichat()]
            self.phoneCalls(switch, "scott")
            world.decline()

        def isAbandoned() -> None:
            world.presence.known[:] = [ichats.ichat()]
            self.phoneCalls(switch, "scott").partyHangsUp(Ending(EndReason.CANCELLED))

        self.assertNoGarbage(world, calls, hangsUp, isRefused, givesUp, isCalled, declines, isAbandoned)

    def test_jingle(self) -> None:
        """The same of Jingle clients, with and without a proposal first."""
        world = jingles.World()
        switch = self.switchFor(world)

        def number() -> str:
            self.calls += 1
            return f"s{self.calls}"

        def proposes() -> None:
            sid = number()
            world.message("propose", _AUDIO, sid)
            self.phones.legs[-1].partyAnswers(_ANSWER)
            world.initiate(sid)
            world.jingle("session-terminate", _SUCCESS, sid)

        def initiates() -> None:
            world.initiate(number())
            self.phones.legs[-1].partyAnswers(_ANSWER)
            self.phones.legs[-1].partyHangsUp()
            world.answerRequest("result")

        def isRefused() -> None:
            world.message("propose", _AUDIO, number())
            self.phones.legs[-1].partyHangsUp(Ending(EndReason.BUSY))

        def givesUp() -> None:
            sid = number()
            world.message("propose", _AUDIO, sid)
            world.message("retract", sid=sid)

        def isCalled() -> None:
            phone = self.phoneCalls(switch, "alice")
            sid = world.stanzas[-1].propose["id"]
            world.message("proceed", sid=sid, to=jingles.BELL_JID)
            world.accept(jingles.PHONE, sid)
            phone.partyHangsUp()

        def declines() -> None:
            self.phoneCalls(switch, "alice")
            world.message("reject", sid=world.stanzas[-1].propose["id"], to=jingles.BELL_JID)

        def isAbandoned() -> None:
            self.phoneCalls(switch, "alice").partyHangsUp(Ending(EndReason.CANCELLED))

        def settled(kind: Callable[[], None]) -> Callable[[], None]:
            def call() -> None:
                kind()
                world.clock.pump([1.0] * 60)

            call.__name__ = kind.__name__
            return call

        world.clients.known[jingles.PHONE] = jingles.MESSAGES
        kinds = (proposes, initiates, isRefused, givesUp, isCalled, declines, isAbandoned)
        self.assertNoGarbage(world, *(settled(kind) for kind in kinds))


_AUDIO = "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/>"
_SUCCESS = "<reason><success/></reason>"
_ANSWER = SessionDescription((PCMU,), TransportAddress("192.0.2.77", 30000))
