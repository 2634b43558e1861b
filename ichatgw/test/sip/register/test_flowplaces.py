"""
Tests for L{ichatgw.sip.register.flowplaces}: flows over UDP whose way through a NAT changes.
"""

from __future__ import annotations

from aioice.stun import Method
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.media.ice.stun import Class, Message, parse
from ichatgw.model import TransportAddress
from ichatgw.sip.register.flowplaces import MAX_UNANSWERED
from ichatgw.sip.transport.target import Target, Transport
from ichatgw.test.support.sip.sipwire import header
from ichatgw.test.support.sip.trunks import OTHER, SERVER, TrunkRig, trunk

HERE, THERE = TransportAddress("203.0.113.7", 40000), TransportAddress("203.0.113.7", 40001)
PING = b"\r\n\r\n"


class FlowPlacesTests(SynchronousTestCase):
    """A trunk whose registrar keeps its flow apart."""

    def setUp(self) -> None:
        self.rig = self.registered("Require: outbound\r\n")

    def registered(self, extra: str) -> TrunkRig:
        rig = TrunkRig(trunk(extensions=("outbound",)))
        (register,) = rig.sent("REGISTER")
        rig.reply(register, 200, f"Contact: {header(register, 'Contact')};expires=600\r\n{extra}")
        rig.wire.raw.clear()
        return rig

    def asked(self, seconds: int = 28) -> list[bytes]:
        """The questions that have gone out in that time."""
        self.rig.clock.pump([1.0] * seconds)
        sent, self.rig.wire.raw[:] = [data for data, _ in self.rig.wire.raw], []
        return [data for data in sent if data[:2] == b"\x00\x01"]

    def answer(self, question: bytes, place: TransportAddress | None, source: TransportAddress = SERVER) -> None:
        """The registrar says where it sees us."""
        message = Message(Method.BINDING, Class.RESPONSE, parse(question).transaction_id)
        if place is not None:
            message.attributes["XOR-MAPPED-ADDRESS"] = (place.host, place.port)
        self.rig.endpoint.received(bytes(message), source)

    def registers(self) -> int:
        """How many REGISTERs have gone out."""
        self.rig.clock.advance(0.1)
        return len(self.rig.sent("REGISTER"))

    def ask(self, place: TransportAddress | None) -> None:
        """One question, and its answer."""
        (question,) = self.asked()
        self.answer(question, place)

    def test_same(self) -> None:
        """As long as we are seen at the same place all is well."""
        for _ in range(4):
            self.ask(HERE)
        self.assertEqual(self.registers(), 0)

    def test_moved(self) -> None:
        """When we are seen elsewhere, as after a restart of the router, the flow is registered anew, once."""
        self.ask(HERE)
        self.ask(THERE)
        self.assertEqual(self.registers(), 1)

    def test_silent(self) -> None:
        """A registrar that has answered and does so no more is registered with anew."""
        self.ask(HERE)
        for _ in range(MAX_UNANSWERED):
            self.assertEqual(len(self.asked()), 1)
            self.assertEqual(self.registers(), 0)
        self.asked()
        self.rig.clock.advance(0.1)
        self.assertIn("REGISTER", " ".join(text for text, _ in self.rig.wire.sent))

    def test_neverAnswers(self) -> None:
        """One that never answers is none that knows of this: the questions keep the way open all the same."""
        for _ in range(6):
            self.assertEqual(len(self.asked()), 1)
        self.assertEqual(self.registers(), 0)

    def test_others(self) -> None:
        """A registrar that keeps no flows apart has plain keepalives."""
        self.rig = self.registered("")
        self.rig.clock.pump([1.0] * 60)
        sent = [data for data, target in self.rig.wire.raw if target == SERVER]
        self.assertEqual(sent, [PING] * 2)

    def test_strangers(self) -> None:
        """What answers no question of ours, from there or elsewhere, changes nothing."""
        self.ask(HERE)
        (question,) = self.asked()
        self.answer(question, THERE, OTHER)
        old = Message(Method.BINDING, Class.REQUEST, b"x" * 12)
        self.answer(bytes(old), THERE)
        for wrong in (b"\x01\x01" + b"\x00" * 18, b"\x01\x01" + b"\xff" * 30, question):
            self.rig.endpoint.received(wrong, SERVER)
        self.answer(question, None)
        self.answer(question, HERE)
        self.assertEqual(self.registers(), 0)

    def test_gone(self) -> None:
        """Of a trunk that is gone nothing is remembered."""
        self.ask(HERE)
        self.rig.adopt()
        self.rig.clock.advance(0.1)
        (register,) = self.rig.sent("REGISTER")
        self.rig.reply(register)
        self.assertEqual(self.asked(60), [])
        places = self.rig.endpoint._places
        for _ in range(2):
            self.assertFalse(places.ask(Target(Transport.UDP, SERVER)))
        self.assertEqual(places._flows, {})
