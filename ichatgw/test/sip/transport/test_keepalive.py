# -*- test-case-name: ichatgw.test.sip.transport.test_keepalive -*-
"""
Tests for L{ichatgw.sip.transport.keepalive}.
"""

from __future__ import annotations

from aioice.stun import Class, Message, Method
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.media.ice.stun import mapped, parse
from ichatgw.model import PCMU, Ending, EndReason, Party, SessionDescription, TransportAddress
from ichatgw.runtime.steps import Steps
from ichatgw.sip.register.bindings import Binding
from ichatgw.sip.register.schedule import Registrations
from ichatgw.sip.transport.keepalive import DATAGRAM_PERIOD, LOOK, STREAM_PERIOD, KeepAlives
from ichatgw.sip.transport.target import Target, Transport
from ichatgw.test.support.fakes import OFFER, FakeCall
from ichatgw.test.support.sip.sipwire import PHONE, PHONE_SDP, Rig, ackFor, request, respond

PING = "\r\n\r\n"
FAR = Target(Transport.TLS, TransportAddress("192.0.2.77", 40000))


class KeepAlivesTests(SynchronousTestCase):
    """When pings are due."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.flows: list[Target] = []
        self.pinged: list[tuple[float, Target]] = []
        self.keeper = KeepAlives(
            self.clock, lambda: self.flows, lambda target: self.pinged.append((self.clock.seconds(), target))
        )
        self.keeper.start()

    def run_(self, seconds: float) -> list[float]:
        """When pings were sent in that time."""
        self.pinged.clear()
        began = self.clock.seconds()
        self.clock.pump([0.5] * int(seconds * 2))
        return [when - began for when, _ in self.pinged]

    def test_datagrams(self) -> None:
        """Over UDP it is every 30 seconds, never later and hardly earlier, however often a place is named."""
        self.flows += [Target(Transport.UDP, PHONE)] * 2
        times = self.run_(200)
        gaps = [later - earlier for earlier, later in zip([0.0, *times], times, strict=False)]
        self.assertTrue(all(DATAGRAM_PERIOD - LOOK <= gap <= DATAGRAM_PERIOD for gap in gaps), gaps)
        self.assertGreaterEqual(len(times), 6)

    def test_streams(self) -> None:
        """Over a connection it is at once, to learn whether the far end answers, and then every 180 seconds."""
        self.flows.append(FAR)
        first, second = self.run_(STREAM_PERIOD + 3)
        self.assertLessEqual(first, LOOK)
        self.assertTrue(STREAM_PERIOD - LOOK <= second - first <= STREAM_PERIOD)

    def test_most(self) -> None:
        """A place that wants to hear of us more often does, by datagrams and connections; a longer time changes
        nothing."""
        for transport, usual in ((Transport.UDP, DATAGRAM_PERIOD), (Transport.TLS, STREAM_PERIOD)):
            self.flows[:] = [Target(transport, PHONE)]
            for most, period in ((18.0, 18.0), (1000.0, usual), (0.0, LOOK)):
                self.keeper.most = lambda target, most=most: most  # type: ignore[misc]
                self.run_(2 * period)
                times = self.run_(4 * period + LOOK)
                gaps = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
                self.assertTrue(gaps and all(period - LOOK <= gap <= period for gap in gaps), (transport, most, gaps))

    def test_inParts(self) -> None:
        """
        Each place is a step of its own; no look begins before the last has come to its end, and one that is overtaken
        by a stop sends nothing more.
        """
        self.flows += [Target(Transport.TLS, TransportAddress("192.0.2.77", port)) for port in range(4)]
        works: list[Steps[None]] = []
        self.keeper.sweep = works.append
        self.run_(3 * LOOK)
        (work,) = works
        for count in range(1, 4):
            next(work)
            self.assertEqual([target.address.port for _, target in self.pinged], list(range(count)))
        self.keeper.stop()
        self.assertEqual(list(work), [])
        self.assertEqual(len(self.pinged), 3)
        self.keeper.start()
        self.assertEqual(len(works), 2)

    def test_gone(self) -> None:
        """What is used no more is not kept, and nothing is remembered of it."""
        self.flows.append(Target(Transport.UDP, PHONE))
        self.run_(DATAGRAM_PERIOD - 5)
        self.flows.clear()
        self.assertEqual(self.run_(60), [])
        self.assertEqual(self.keeper._due, {})

    def test_off(self) -> None:
        """Off is off; on again begins anew."""
        self.keeper.enabled = False
        self.flows += [Target(Transport.UDP, PHONE), FAR]
        self.assertEqual(self.run_(400), [])
        self.keeper.enabled = True
        self.assertEqual(len(self.run_(DATAGRAM_PERIOD + LOOK)), 2)

    def test_stop(self) -> None:
        """After a stop nothing is left."""
        self.flows.append(FAR)
        self.keeper.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.keeper.stop()

    def test_failure(self) -> None:
        """One failure is logged and does not end all."""
        self.flows.append(FAR)
        self.patch(self.keeper, "_ping", lambda target: 1 / 0)
        self.run_(5)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)


class FlowTests(SynchronousTestCase):
    """Who is kept."""

    def setUp(self) -> None:
        self.rig = Rig()

    def minute(self) -> list[tuple[str, TransportAddress]]:
        """What goes out over UDP within a minute."""
        self.rig.wire.take()
        self.rig.clock.pump([0.5] * 120)
        return self.rig.wire.sent

    def arrive(self, rport: int = 1062) -> None:
        """A phone behind a router is in a call."""
        self.phone = TransportAddress("8.8.4.4", rport)
        self.rig.endpoint.admit(lambda host: host == "8.8.4.4")
        text = request("INVITE", contact="<sip:alice@192.168.1.5:5060>")
        self.rig.receive(text, self.phone)
        (self.leg,) = self.rig.invitations.legs
        self.leg.answer(SessionDescription((PCMU,)))
        (ok,) = self.rig.wire.take()
        self.rig.receive(ackFor(ok), self.phone)

    def test_phone(self) -> None:
        """A phone in a call is kept, where its messages come from, until the call is over."""
        self.arrive()
        self.assertEqual(self.minute(), [(PING, self.phone)] * 2)
        self.leg.hangup(Ending(EndReason.HANGUP))
        self.assertNotIn((PING, self.phone), self.minute())

    def test_off(self) -> None:
        """KeepAlives off sends nothing."""
        self.rig = Rig(keepAlives=False)
        self.arrive()
        self.assertEqual(self.minute(), [])

    def test_iChat(self) -> None:
        """So is an iChat, at the one address that it has."""
        leg = self.rig.endpoint.pinned().dial("sip:user@192.0.2.77:16402", Party("sip:a@b"))
        leg.call, leg.side = FakeCall(), self.rig.dial().side
        leg.start(OFFER)
        (invite,) = self.rig.wire.take()
        iChat = TransportAddress("192.0.2.77", 16402)
        self.rig.receive(respond(invite, 200, "OK", body=PHONE_SDP), iChat)
        self.assertIn((PING, iChat), self.minute())

    def test_silent(self) -> None:
        """One who has said nothing yet is not kept."""
        self.rig.dial().start(OFFER)
        self.assertNotIn(PING, [text for text, _ in self.minute()])

    def test_connection(self) -> None:
        """A phone that is connected is kept over its connection."""
        text = request("INVITE").replace("SIP/2.0/UDP", "SIP/2.0/TLS")
        self.rig.stream(text, FAR)
        self.rig.invitations.legs[0].answer(SessionDescription((PCMU,)))
        self.minute()
        self.assertEqual(self.rig.streams.pings, [FAR])

    def register(self, over: Target | None = None) -> Registrations:
        """Two users are registered at one registrar."""
        registrar = self.rig.endpoint.registrar()
        registrations = Registrations(self.rig.clock, registrar, 3600, 120, 50)
        registrar.cut = registrations.cut
        for user in ("scott", "anna"):
            tail = "" if over is None else ";transport=tls"
            registrations.add(user, f"sip:{user}@192.0.2.77{tail}")
            self.rig.clock.advance(1)
            if over is None:
                self.rig.receive(respond(self.rig.wire.take()[-1], 200, "OK"))
            else:
                self.rig.stream(respond(self.rig.streams.take()[-1], 200, "OK"), over)
        self.assertEqual(len(registrations.registered), 2)
        return registrations

    def test_registrar(self) -> None:
        """A registrar is kept while somebody is registered there."""
        registrations = self.register()
        self.assertEqual(self.minute(), [(PING, PHONE)] * 2)
        registrations.remove("scott")
        self.rig.clock.advance(1)
        self.rig.receive(respond(self.rig.wire.take()[-1], 200, "OK"))
        self.assertEqual(self.minute(), [(PING, PHONE)] * 2)
        registrations.remove("anna")
        self.rig.clock.advance(1)
        self.rig.receive(respond(self.rig.wire.take()[-1], 200, "OK"))
        self.assertEqual(self.minute(), [])

    def test_registrarGone(self) -> None:
        """
        When the connection is cut over which users were registered they are registered anew, once each; if it is cut
        again meanwhile, what is under way goes on over another one.
        """
        there = Target(Transport.TLS, TransportAddress("192.0.2.77", 5061))
        self.register(there)
        self.rig.streams.gone(Target(Transport.TLS, PHONE), "")
        self.rig.clock.advance(1)
        self.assertEqual(self.rig.streams.sent, [])
        self.rig.streams.gone(there, "")
        self.rig.clock.advance(1)
        self.rig.streams.gone(there, "")
        self.rig.clock.advance(1)
        sent = self.rig.streams.take()
        self.assertEqual([text.split()[1] for text in sent[:2]], ["sip:192.0.2.77;transport=tls"] * 2)
        self.assertEqual(sent[2:], sent[:2])

    def test_refused(self) -> None:
        """Where nobody got registered nothing is kept, nor where nobody answered."""
        registrar = self.rig.endpoint.registrar()
        binding = Binding("sip:scott@192.0.2.77")
        registrar.register(binding, 60)
        self.rig.receive(respond(self.rig.wire.take()[0], 403, "No"))
        self.assertEqual(registrar.flows, ())
        registrar.register(binding, 60)
        self.rig.clock.pump([1] * 40)
        self.assertEqual(registrar.flows, ())


class StunTests(SynchronousTestCase):
    """Phones that keep their own door open by STUN (RFC 5626 section 4.4.2)."""

    def test_binding(self) -> None:
        """They are told where they come from, and nothing else that looks like STUN is answered."""
        rig = Rig()
        asked = Message(Method.BINDING, Class.REQUEST, b"x" * 12)
        answers: list[bytes] = []
        self.patch(rig.wire, "send", lambda datagram, address: answers.append(datagram))
        rig.endpoint.received(bytes(asked), PHONE)
        (answer,) = answers
        message = parse(answer)
        self.assertEqual((message.message_class, message.transaction_id), (Class.RESPONSE, b"x" * 12))
        self.assertEqual(mapped(message), PHONE)
        for wrong in (answer, bytes(asked)[:-1] + b"", b"\0" * 40, bytes(Message(Method.BINDING, Class.INDICATION))):
            rig.endpoint.received(wrong, PHONE)
        self.assertEqual(len(answers), 1)
