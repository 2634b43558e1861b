"""
Tests for L{ichatgw.xmpp.link.stream}.
"""

from __future__ import annotations

import gc
import weakref
from typing import Any

from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element
from zope.interface.verify import verifyObject

from ichatgw.runtime.turns import Turns
from ichatgw.test.marks import slow
from ichatgw.test.support.streams import HEADER, ServerSide
from ichatgw.xmpp.link.stream import MAX_UNSENT, ComponentStream, StreamLost

PING = "<iq type='get' id='p' from='xmpp.test' to='gw.test'><ping xmlns='urn:xmpp:ping'/></iq>"
UNKNOWN = "<iq type='{}' id='1' from='eve@a/b' to='100@gw.test'><q xmlns='n'/></iq>"


def mayCall(user: JID) -> bool:
    return user.host != "evil.test"


class StreamCase(SynchronousTestCase):
    """Mixin of a stream with a server at its end."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.stream = ComponentStream(Turns(self.clock), "gw.test", "test", 60, mayCall)
        self.why: list[str] = []
        self.stream.lost.addCallback(self.why.append)
        self.server = ServerSide(self.stream)

    def up(self) -> None:
        self.server.shakeHands()
        self.successResultOf(self.stream.ready)

    def observe(self, path: str) -> list[Element]:
        seen: list[Element] = []
        self.stream.addObserver(path, seen.append)
        return seen


class HandshakeTests(StreamCase):
    def test_handshake(self) -> None:
        """The stream opens for the component, and proves the secret with its SHA-1 digest (the example of XEP-0114)."""
        self.assertIn("to='gw.test'", self.server.take())
        self.server.send(HEADER)
        self.assertEqual(self.server.take(), "<handshake>aaee83c26aeeafcbabeabfcbcd50df997e0a2a1e</handshake>")
        self.assertNoResult(self.stream.ready)
        self.server.send("<handshake/>")
        self.assertIsNone(self.successResultOf(self.stream.ready))

    def test_refused(self) -> None:
        """A stream error is the reason for the loss."""
        self.server.send(HEADER)
        self.server.send(
            "<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
        )
        self.failureResultOf(self.stream.ready, StreamLost)
        self.assertEqual(self.why, ["stream error 'not-authorized'"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_silence(self) -> None:
        """A server that does not shake hands is given up after 10 seconds, even if it sends something."""
        self.server.send(HEADER)
        self.clock.advance(9)
        self.server.send(" ")
        self.assertFalse(self.server.aborted)
        self.clock.advance(1)
        self.assertTrue(self.server.aborted)
        self.failureResultOf(self.stream.ready, StreamLost)

    def test_noStreamId(self) -> None:
        """A header without an id fails the handshake, and nothing else."""
        self.server.send(HEADER.replace(" id='3BF96D32'", ""))
        self.failureResultOf(self.stream.ready, StreamLost)
        self.assertTrue(self.server.aborted)

    def test_malformedHeader(self) -> None:
        """A header with a nonsensical address fails the handshake."""
        self.server.send(HEADER.replace("gw.test", "@@"))
        self.failureResultOf(self.stream.ready, StreamLost)
        self.assertEqual(len(self.flushLoggedErrors()), 1)
        self.assertTrue(self.server.aborted)

    def test_notXML(self) -> None:
        """What is no XML ends the stream."""
        self.up()
        self.server.send("<<<")
        self.assertEqual(len(self.why), 1)
        self.server.send("<late/>")

    def test_closedByServer(self) -> None:
        """The end of the server's stream is the end of ours."""
        self.up()
        self.server.send("</stream:stream>")
        self.assertEqual(self.why, ["the server closed the stream"])


class LifeTests(StreamCase):
    def test_halfOpen(self) -> None:
        """A server that says nothing is asked, and given up within 40 seconds of its last byte."""
        self.up()
        self.clock.advance(29)
        self.assertIn("<ping xmlns='urn:xmpp:ping'/>", self.server.take())
        self.clock.advance(9)
        self.assertFalse(self.server.aborted)
        self.clock.advance(1)
        self.assertTrue(self.server.aborted)
        self.assertEqual(self.why, ["the server does not answer"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_spaceAndPing(self) -> None:
        """The sign of life is asked for by a space and a ping to ourselves, through the server."""
        self.up()
        self.clock.advance(29)
        sent = self.server.take()
        self.assertTrue(sent.startswith(" <iq"), sent)
        self.assertIn("from='gw.test' to='gw.test'", sent)

    def test_anyByte(self) -> None:
        """Any byte is a sign of life, and starts the wait anew."""
        self.up()
        self.clock.advance(29)
        self.server.take()
        self.clock.advance(9)
        self.server.send(" ")
        self.clock.advance(28)
        self.assertEqual((self.server.aborted, self.server.take()), (False, ""))
        self.clock.advance(1)
        self.assertIn("urn:xmpp:ping", self.server.take())

    def test_configured(self) -> None:
        """A shorter interval is honoured; none at all means the longest."""
        self.assertEqual(ComponentStream(Turns(self.clock), "gw.test", "", 7, mayCall).pingInterval, 7)
        self.assertEqual(ComponentStream(Turns(self.clock), "gw.test", "", 0, mayCall).pingInterval, 29)

    @slow
    def test_unsent(self) -> None:
        """A server that takes in nothing is given up before memory is; what it takes in does not count."""
        self.up()
        verifyObject(IPushProducer, self.stream)
        self.assertFalse(self.stream.congested)
        for _ in range(2):
            self.server.producer.resumeProducing()
            self.assertFalse(self.stream.congested)
            for _ in range(2 * MAX_UNSENT // 1024**2):
                self.stream.send("x" * 1024 * 1024)
            self.server.clear()
            self.server.producer.pauseProducing()
            self.assertTrue(self.stream.congested)
            for _ in range(MAX_UNSENT // 1024**2):
                self.stream.send("x" * 1024 * 1024)
        self.assertFalse(self.server.aborted)
        self.stream.send("x" * 1024 * 1024)
        self.assertTrue(self.server.aborted)
        self.assertEqual(self.why, ["the server takes in nothing"])


class IntakeTests(StreamCase):
    """How stanzas come in."""

    def test_slices(self) -> None:
        """One large read is dealt with in many turns, in its order, and the server waits meanwhile."""
        self.up()
        seen = self.observe("/message")
        text = "".join(f"<message from='u{n}@a.test/x' to='1@gw.test' id='{n}'/>" for n in range(1000))
        self.server.send(text)
        self.assertLess(len(seen), 200)
        self.assertEqual(self.server.producerState, "paused")
        self.clock.pump([0.0] * 100)
        self.assertEqual([one["id"] for one in seen], [str(number) for number in range(1000)])
        self.assertEqual(self.server.producerState, "producing")

    def test_strangers(self) -> None:
        """What a stranger sends beyond its share is refused, a user's stanza is not, and a request hears of it."""
        self.up()
        seen = self.observe("/message")
        iq = "<iq type='get' id='{}' from='eve@evil.test/x' to='1@gw.test'><q xmlns='n'/></iq>"
        self.server.send("".join(iq.format(number) for number in range(300)))
        self.server.send("<message from='u@a.test/x' to='1@gw.test'/>")
        self.clock.pump([0.0] * 100)
        answers = self.server.take()
        self.assertEqual(answers.count("<iq"), 300)
        self.assertGreater(answers.count("<resource-constraint"), 50)
        self.assertGreater(answers.count("<service-unavailable"), 50)
        self.assertEqual(len(seen), 1)

    def test_strangersMessages(self) -> None:
        """What needs no answer is refused without one."""
        self.up()
        self.server.send("<message from='eve@evil.test/x' to='1@gw.test'/>" * 300)
        self.clock.pump([0.0] * 100)
        self.assertEqual(self.server.take(), "")

    def test_lost(self) -> None:
        """What has not been dealt with when the connection is lost never is."""
        self.up()
        seen = self.observe("/message")
        self.server.send("<message from='u@a.test/x' to='1@gw.test'/>" * 1000)
        before = len(seen)
        self.server.loseConnection()
        self.clock.pump([0.0] * 100)
        self.assertEqual((len(seen), self.clock.getDelayedCalls()), (before, []))

    def test_waitingIsNoSilence(self) -> None:
        """A server that we have wait is not given up because nothing is heard of it."""
        self.up()
        self.clock.advance(29)
        self.stream._intake.waits = True
        self.clock.pump([1.0] * 30)
        self.assertFalse(self.server.aborted)
        self.stream._intake.waits = False
        self.clock.pump([1.0] * 10)
        self.assertEqual(self.why, ["the server does not answer"])

    def test_outOfProportion(self) -> None:
        """A request that is too large to be read is answered, and a message is not (RFC 6120 section 8.2.3)."""
        self.up()
        for inside in ("<a/>" * 600, "<a>" * 60 + "</a>" * 60, f"<a>{'x' * 70_000}</a>"):
            self.server.send(f"<iq type='set' id='7' from='u@a.test/x' to='1@gw.test'>{inside}</iq>")
            self.server.send(f"<message id='8' from='u@a.test/x' to='1@gw.test'>{inside}</message>")
            self.clock.pump([0.0] * 100)
            answer = self.server.take()
            self.assertIn("<iq to='u@a.test/x' from='1@gw.test' id='7' type='error'><error type='modify'>", answer)
            self.assertEqual((answer.count("<policy-violation"), answer.count("<iq")), (1, 1))

    def test_outOfProportionFromNobody(self) -> None:
        """One that has no address to answer to, or is not for us, is not answered."""
        self.up()
        for head in ("id='7'", "id='7' from='u@a.test/x' to='1@other.test'", "id='7' from='@' to='1@gw.test'"):
            self.server.send(f"<iq type='set' {head}>{'<a/>' * 600}</iq>")
            self.server.send(f"<iq type='result' {head}>{'<a/>' * 600}</iq>")
        self.clock.pump([0.0] * 100)
        self.assertEqual(self.server.take(), "")


class CloseTests(StreamCase):
    def test_inGoodOrder(self) -> None:
        """The stream is closed, and the connection when the server has closed it too."""
        self.up()
        self.stream.close(2)
        self.assertEqual(self.server.take(), "</stream:stream>")
        self.assertEqual(self.why, [])
        self.server.send("</stream:stream>")
        self.assertEqual(self.why, ["closed by us"])
        self.assertFalse(self.server.aborted)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_deafServer(self) -> None:
        """A server that does not close its end is cut off, whatever else it sends."""
        self.up()
        self.stream.close(2)
        self.clock.advance(1)
        self.server.send(PING)
        self.clock.advance(1)
        self.assertTrue(self.server.aborted)

    def test_early(self) -> None:
        """Before the handshake there is nothing to close but the connection."""
        self.stream.close(2)
        self.failureResultOf(self.stream.ready, StreamLost)


class DispatchTests(StreamCase):
    def test_forUs(self) -> None:
        """Stanzas to our domain and to addresses in it are dispatched, whatever their case."""
        self.up()
        seen = self.observe("/message")
        for to in ("gw.test", "100@gw.test", "100@GW.test/x"):
            self.server.send(f"<message from='a@b' to='{to}'/>")
        self.assertEqual(len(seen), 3)

    def test_dropped(self) -> None:
        """What is for others, from nobody, malformed, from ourselves, or no stanza is dropped and not answered."""
        self.up()
        seen = self.observe("/*")
        for attributes in (
            "from='a@b' to='100@other.test'",
            "from='a@b' to='100@sub.gw.test'",
            "from='a@b'",
            "to='100@gw.test'",
            "from='@' to='100@gw.test'",
            "from='a@b' to='@gw.test'",
            f"from='{'a' * 600}@b' to='100@gw.test'",
        ):
            self.server.send(f"<message {attributes}/><iq type='get' id='1' {attributes}/>")
        self.server.send("<presence from='100@gw.test' to='control@gw.test'/>")
        self.server.send("<message xmlns='jabber:client' from='a@b' to='100@gw.test'/><stuff from='a@b' to='gw.test'/>")
        self.assertEqual(seen, [])
        self.assertEqual(self.server.take(), "")
        self.assertEqual(self.why, [])

    def test_hostile(self) -> None:
        """A stanza out of proportion is dropped; the stream goes on."""
        self.up()
        seen = self.observe("/message")
        self.server.send("<message from='a@b' to='gw.test'>" + "<a>" * 5000 + "</a>" * 5000 + "</message>")
        self.server.send("<message from='a@b' to='gw.test'><body>" + "x" * 70_000 + "</body></message>")
        self.server.send("<message from='a@b' to='gw.test'/>")
        self.assertEqual(len(seen), 1)
        self.assertEqual(self.why, [])

    def test_unhandled(self) -> None:
        """A request nobody deals with is answered C{service-unavailable} from the address that was asked."""
        self.up()
        for kind in ("get", "set"):
            self.server.send(UNKNOWN.format(kind))
            answer = self.server.take()
            self.assertIn("to='eve@a/b' from='100@gw.test' id='1' type='error'", answer)
            self.assertIn("<service-unavailable", answer)

    def test_neverAnswered(self) -> None:
        """Results and errors are never answered, nor is an IQ of no known type."""
        self.up()
        for kind in ("result", "error", "nonsense"):
            self.server.send(UNKNOWN.format(kind))
        self.server.send("<iq id='1' from='eve@a/b' to='100@gw.test'/>")
        self.assertEqual(self.server.take(), "")

    def test_handled(self) -> None:
        """A request that an observer deals with is left to it; a child cannot pass for the mark."""
        self.up()

        def deal(iq: Any) -> None:
            iq.handled = True

        self.server.send("<iq type='get' id='1' from='a@b' to='gw.test'><handled/></iq>")
        self.assertIn("service-unavailable", self.server.take())
        self.stream.addObserver("/iq", deal)
        self.server.send(PING)
        self.assertEqual(self.server.take(), "")

    def test_failingObserver(self) -> None:
        """An observer's failure is logged and answered; the stream and the other observers go on."""
        self.up()
        self.stream.addObserver("/iq", lambda iq: 1 // 0)
        seen = self.observe("/iq")
        self.server.send(UNKNOWN.format("get"))
        self.assertIn("<internal-server-error", self.server.take())
        self.server.send(UNKNOWN.format("result"))
        self.assertEqual(self.server.take(), "")
        self.assertEqual(len(seen), 2)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.assertEqual(self.why, [])

    def test_failingDispatch(self) -> None:
        """The same holds for what fails on the way to the observers."""
        self.up()
        self.patch(self.stream, "dispatch", lambda stanza: 1 // 0)
        self.server.send(PING)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.why, [])

    def test_removeObserver(self) -> None:
        """An observer can be removed."""
        self.up()
        seen: list[Element] = []
        observer = seen.append
        self.stream.addObserver("/message", observer)
        self.stream.removeObserver("/message", observer)
        self.server.send("<message from='a@b' to='gw.test'/>")
        self.assertEqual(seen, [])


class SendTests(StreamCase):
    def message(self, **attributes: str) -> Element:
        element = Element((None, "message"))
        for name, value in attributes.items():
            element[name.rstrip("_")] = value
        return element

    def test_fromComponent(self) -> None:
        """What names no sender is from the component."""
        self.up()
        self.stream.send(self.message(to="a@b"))
        self.assertEqual(self.server.take(), "<message to='a@b' from='gw.test'/>")

    def test_foreignSender(self) -> None:
        """What claims a foreign sender is not sent, for the server would close the stream."""
        self.up()
        self.stream.send(self.message(to="a@b", from_="a@b"))
        self.stream.send(self.message(to="a@b", from_="x@gw.test/r@b"))
        self.assertEqual(self.server.take(), "<message to='a@b' from='x@gw.test/r@b'/>")

    def test_notXML(self) -> None:
        """Characters that XML cannot hold are left out, for the server would close the stream."""
        self.up()
        message = self.message()
        message.addElement("body", content="a\x00b\x1b\ud800\uffffc\td\U0001f600")
        self.stream.send(message)
        self.assertEqual(self.server.take(), "<message from='gw.test'><body>abc\td\U0001f600</body></message>")


class MemoryTests(StreamCase):
    """What is left of stanzas that have been dealt with."""

    @slow
    def test_freedAtOnce(self) -> None:
        """Nothing: they are freed without Python's collector, those that are answered or dropped too."""
        self.up()
        inner = "<a xmlns='urn:x'><b><c/></b><b/></a>"
        seen: list[weakref.ref[Element]] = []
        self.stream.addObserver("/*", lambda stanza: seen.append(weakref.ref(stanza)))
        gc.disable()
        self.addCleanup(gc.enable)
        before = len([each for each in gc.get_objects() if isinstance(each, Element)])
        for sender in ("scott@chat.test/x", "e@evil.test", "nobody@gw.test", "@"):
            for kind in ("message", "presence", "iq type='get' id='1'"):
                name = kind.partition(" ")[0]
                self.server.send(f"<{kind} from='{sender}' to='gw.test'>{inner}</{name}>")
        for _ in range(20):
            self.clock.advance(0.1)
        self.assertGreaterEqual(len(seen), 6)
        self.assertEqual([ref for ref in seen if ref() is not None], [])
        self.assertEqual(len([each for each in gc.get_objects() if isinstance(each, Element)]), before)
