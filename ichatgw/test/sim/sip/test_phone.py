# -*- test-case-name: ichatgw.test.sim.sip.test_phone -*-
"""
Tests of the simulated phone: one calls another over a network in memory.
"""

from __future__ import annotations

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IListeningPort, IReactorUDP
from twisted.internet.protocol import DatagramProtocol
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.model import TransportAddress
from ichatgw.sim.media.sockets import listenNear, listenPair
from ichatgw.sim.sip.phone import Answering, Phone, PhoneCall
from ichatgw.test.support.clients.simnet import MemoryPort, SimNet


class PhoneTests(SynchronousTestCase):
    """A phone, C{alice}, that says 440 Hz, and another, C{bob}, that says 600 Hz."""

    def setUp(self) -> None:
        self.net = SimNet()
        self.alice = Phone(self.net, "192.0.2.1", user="alice", say=440, listenFor=600)
        self.bob = Phone(self.net, "192.0.2.2", user="bob", say=600, listenFor=440)
        self.alice.start()
        self.bob.start()

    def tearDown(self) -> None:
        for phone in (self.alice, self.bob):
            phone.stop()
        self.assertEqual((self.net.ports, self.net.getDelayedCalls()), ({}, []))

    def call(self, answering: Answering | None = None) -> PhoneCall:
        """Alice calls Bob."""
        self.bob.answering = answering or Answering()
        return self.alice.call(self.bob.uri)

    def seconds(self, call: PhoneCall) -> float:
        """How long the tone was heard."""
        assert call.media.detector is not None
        return call.media.detector.seconds

    def test_fakes(self) -> None:
        """The network in memory is what it claims to be."""
        verifyObject(IReactorUDP, self.net)
        verifyObject(IListeningPort, MemoryPort(self.net, ("::1", 1), DatagramProtocol()))

    def test_symmetric(self) -> None:
        """A phone that is told so sends to where the other's media comes from, and not to where it says."""
        self.bob.symmetric = True
        called = self.bob.whenCalled()
        call = self.call()
        self.net.run(1.0)
        theirs = self.successResultOf(called)
        theirs.media.start(TransportAddress("192.0.2.99", 9), TransportAddress("192.0.2.99", 10))
        before = self.seconds(call)
        self.net.run(1.0)
        self.assertGreater(self.seconds(call), before + 0.8)
        call.hangup()
        self.net.run(0.5)

    def test_answered(self) -> None:
        """It rings, is answered, both hear the other's tone, one hangs up, and both are done."""
        called = self.bob.whenCalled()
        call = self.call()
        self.net.run(0.1)
        self.assertEqual(self.successResultOf(call.whenRinging()), 180)
        self.assertNoResult(call.whenAnswered())
        self.net.run(2.2)
        self.assertIs(self.successResultOf(call.whenAnswered()), call)
        theirs = self.successResultOf(called)
        self.assertGreater(self.seconds(call), 1.8)
        self.assertGreater(self.seconds(theirs), 1.8)
        call.hangup()
        self.net.run(0.1)
        self.assertEqual(self.successResultOf(call.whenEnded()).why, "we hung up")
        self.assertEqual(self.successResultOf(theirs.whenEnded()).why, "they hung up")
        self.assertEqual((self.alice.faults, self.bob.faults), ([], []))

    def test_calleeHangsUp(self) -> None:
        """The callee may hang up as well."""
        call = self.call()
        self.net.run(1)
        self.bob.calls[0].hangup()
        self.net.run(0.1)
        self.assertEqual((call.why, call.status), ("they hung up", 0))

    def test_refers(self) -> None:
        """A REFER goes out with what it needs; a phone that takes none refuses, and the refusal is told."""
        seen: list[str] = []
        self.alice.observer = self.alice.agent.observer = lambda outgoing, message: seen.append(
            message.get("Refer-To") if outgoing and message.method == "REFER" else ""
        )
        call, other = self.call(), self.alice.call(self.bob.uri)
        self.net.run(1)
        call.refer("sip:carol@192.0.2.3", other)
        referred = call.whenReferred()
        self.net.run(0.1)
        (to,) = filter(None, seen)
        callId = other.dialog.callId.replace("@", "%40")
        self.assertTrue(
            to.startswith(f"<sip:carol@192.0.2.3?Replaces={callId}%3Bto-tag%3D{other.dialog.remoteTag}"), to
        )
        self.assertEqual(self.bob.calls[0].requests, ["REFER"])
        self.assertNoResult(referred)  # it says 202 to everything, and no NOTIFY
        self.bob.calls[0].dialog.request(
            "NOTIFY",
            "SIP/2.0 180 Ringing\r\n",
            "message/sipfrag",
            headers=(("Subscription-State", "active;expires=60"),),
        )
        self.net.run(0.1)
        self.assertNoResult(referred)
        self.bob.calls[0].dialog.request(
            "NOTIFY",
            "SIP/2.0 486 Busy Here\r\n",
            "message/sipfrag",
            headers=(("Subscription-State", "terminated;reason=noresource"),),
        )
        self.net.run(0.1)
        self.assertEqual(self.successResultOf(referred), 486)
        self.assertEqual(call.progress, ["180 Ringing", "486 Busy Here"])

    def test_replaces(self) -> None:
        """An INVITE may want the place of another call."""
        self.alice.call(self.bob.uri, replaces="a;to-tag=b;from-tag=c")
        self.net.run(0.1)
        self.assertEqual(self.bob.calls[0].dialog.invite.get("Replaces"), "a;to-tag=b;from-tag=c")

    def test_refused(self) -> None:
        """A refusal reaches the caller with its code, and is acknowledged: nothing is repeated."""
        for code in (404, 486, 503, 603):
            call = self.call(Answering(code=code, delay=0))
            self.net.run(0.1)
            self.assertEqual(self.successResultOf(call.whenEnded()).status, code)
            self.failureResultOf(call.whenAnswered(), ConnectionDone)
        before = len(self.net.carried)
        self.net.run(5, 0.1)
        self.assertEqual(len(self.net.carried), before)

    def test_redirected(self) -> None:
        """A 302 names where to go."""
        self.call(Answering(code=302, delay=0, contact="sip:carol@192.0.2.3"))
        self.net.run(0.1)
        self.assertTrue(any(b"Contact: <sip:carol@192.0.2.3>" in data for _, _, data in self.net.carried))

    def test_cancelled(self) -> None:
        """A caller who gives up while it rings gets 487, and the callee stops ringing."""
        call = self.call(Answering(delay=None))
        self.net.run(0.1)
        call.hangup()
        self.net.run(0.1)
        self.assertEqual((call.status, self.bob.calls[0].status), (487, 487))

    def test_cancelledEarly(self) -> None:
        """A CANCEL waits for the first provisional answer (RFC 3261 section 9.1)."""
        call = self.call(Answering(delay=None))
        call.hangup()
        self.assertEqual(len(self.net.carried), 1)
        self.net.run(0.1)
        self.assertEqual(call.status, 487)

    def test_silentPhone(self) -> None:
        """An INVITE that nobody answers is repeated at doubling distances, and given up after 32 s."""
        call = self.call(Answering(code=0))
        self.net.run(31.8, 0.1)
        self.assertEqual(len(self.net.carried), 7)
        self.assertFalse(call.over)
        self.net.run(2, 0.1)
        self.assertEqual(call.status, 408)

    def test_lostInvite(self) -> None:
        """A lost INVITE is sent again, and makes one call."""
        self.net.lose = 1
        call = self.call()
        self.net.run(1)
        self.successResultOf(call.whenAnswered())
        self.assertEqual(len(self.bob.calls), 1)

    def test_lostAnswer(self) -> None:
        """A 200 is sent until it is acknowledged."""
        call = self.call(Answering(delay=0.05))
        self.net.run(0.04)
        self.net.lose = 1
        self.net.run(1)
        self.successResultOf(call.whenAnswered())
        self.successResultOf(self.bob.calls[0].whenAnswered())

    def test_neverAcknowledged(self) -> None:
        """A callee whose 200 is never acknowledged hangs up after 32 s."""
        self.call()
        self.net.run(0.15)
        self.alice.stop()
        self.net.run(34, 0.1)
        self.assertEqual(self.bob.calls[0].why, "no ACK came")
        self.alice.start()

    def test_earlyMedia(self) -> None:
        """A 183 with a description lets the caller hear before the answer."""
        call = self.call(Answering(ring=183, delay=None))
        self.net.run(1)
        self.assertEqual(self.successResultOf(call.whenRinging()), 183)
        self.assertGreater(self.seconds(call), 0.5)

    def test_offerless(self) -> None:
        """An INVITE without offer is answered with one, and the ACK brings the answer."""
        call = self.alice.call(self.bob.uri, offerless=True)
        self.net.run(1)
        self.assertGreater(self.seconds(call), 0.5)
        self.assertGreater(self.seconds(self.bob.calls[0]), 0.5)

    def test_hold(self) -> None:
        """A new offer within the call is answered."""
        call = self.call()
        self.net.run(0.5)
        call.hold("inactive")
        self.net.run(0.5)
        self.assertEqual(self.bob.calls[0].requests, ["INVITE"])
        self.assertTrue(call.media.muted)

    def test_options(self) -> None:
        """A request that belongs to no call is answered; garbage is noted and forgotten."""
        self.alice.agent.received(b"\r\n\r\n", self.bob.address)
        self.alice.agent.received(b"garbage", self.bob.address)
        self.assertEqual(len(self.alice.agent.malformed), 1)
        for method, status in (("OPTIONS", 200), ("PUBLISH", 405)):
            request = (
                f"{method} sip:alice SIP/2.0\r\nVia: SIP/2.0/UDP x;rport;branch=z{method}\r\nFrom: <sip:b>;tag=1\r\n"
                f"To: <sip:a>\r\nCall-ID: 1\r\nCSeq: 1 {method}\r\n\r\n"
            )
            self.alice.agent.received(request.encode(), self.bob.address)
            self.assertTrue(self.net.carried[-1][2].startswith(f"SIP/2.0 {status} ".encode()))
        self.net.run(0.1)

    def test_texts(self) -> None:
        """What one writes the other has, and the answer is heard."""
        answered = self.alice.write(self.bob.uri, "h\u00e9llo")
        self.net.run(0.1)
        self.assertEqual(self.successResultOf(answered), 200)
        self.assertEqual(self.bob.texts, [(self.alice.uri, "h\u00e9llo")])
        self.bob.takesTexts = 486
        answered = self.alice.write(self.bob.uri, "x")
        self.net.run(0.1)
        self.assertEqual(self.successResultOf(answered), 486)
        self.assertRaises(ValueError, self.alice.write, "sip:bob@example.com", "x")

    def test_nowhere(self) -> None:
        """A URI that leads to no IP address needs a proxy."""
        self.assertRaises(ValueError, self.alice.call, "sip:bob@example.com")
        self.alice.proxy = self.bob.address
        call = self.alice.call("sip:bob@example.com")
        self.net.run(1)
        self.successResultOf(call.whenAnswered())


class SocketTests(SynchronousTestCase):
    def test_near(self) -> None:
        """The highest free port is taken, and any if none is free."""
        net = SimNet()
        taken = [listenNear(net, "127.0.0.1", 16402, 16401, lambda *_: None).address.port for _ in range(3)]
        self.assertEqual(taken[:2], [16402, 16401])
        self.assertNotIn(taken[2], taken[:2])

    def test_pair(self) -> None:
        """RTP gets an even port and RTCP the next."""
        net = SimNet()
        for _ in range(3):
            first, second = listenPair(net, "::1", lambda *_: None, lambda *_: None)
            self.assertEqual(first.address.port % 2, 0)
            self.assertEqual(second.address, TransportAddress("::1", first.address.port + 1))
