# -*- test-case-name: ichatgw.test.test_garbage -*-
# mypy: allow-untyped-calls
"""
What is over lets go of all that it knew: nothing of a call with an iChat or a Jingle client, or of its way for media,
has to wait for the garbage collector.  (L{ichatgw.test.gateway.test_leaks} asks the same of calls between phones.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.dialplan import DialPlan
from ichatgw.calls.switch import Switch
from ichatgw.model import PCMU, Ending, EndReason, Party, SessionDescription, TransportAddress
from ichatgw.test.marks import slow
from ichatgw.test.support.clients import ichats, jingles
from ichatgw.test.support.fakes import OFFER, FakeDialer, FakeLeg, arrivalOf
from ichatgw.test.support.garbage import remainder
from ichatgw.test.support.media.fakerelays import FakeMediaEngine
from ichatgw.test.support.media.mediahosts import World


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
        switch.arrived(phone, arrivalOf(phone, f"sip:{user}@gw", OFFER))
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

    @slow
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

    @slow
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


class TransportGarbageTests(World):
    """Two hosts that find each other by ICE, and have keys by DTLS."""

    @slow
    def test_transports(self) -> None:
        """Whichever is closed first, relay or transport, both let go of all that served them."""
        for first in ("relay", "transport"):

            def talk(first: str = first) -> None:
                self.setUp()
                self.join()
                self.run_(0.3)
                self.assertTalking()
                for host in (self.one, self.two):
                    ends = [host.relay.close, host.transport.close]
                    for end in ends if first == "relay" else reversed(ends):
                        end()
                del self.one, self.two

            left = remainder(talk)
            # The engines of the hosts, which never end, are no part of a call.
            ended = {
                "Relay",
                "Side",
                "Flow",
                "Control",
                "Transport",
                "ICEGuard",
                "SRTPFilter",
                "Agent",
                "Consent",
                "DTLS",
            }
            self.assertEqual({name for name in left if name.rpartition(".")[2] in ended}, set(), first)
