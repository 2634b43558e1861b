"""
Tests for L{ichatgw.xmpp.link.component}.
"""

from __future__ import annotations

import hashlib
from typing import Any, cast

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import ILogObserver, LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element
from wokkel.generic import Request
from wokkel.subprotocols import XMPPHandler

from ichatgw.runtime.turns import Turns
from ichatgw.test.support.streams import HEADER, ServerSide, acceptLast, refuseLast
from ichatgw.xmpp.link.component import MAX_DELAY, Account, Backoff, Link

SECRET = "s3cret-word"
REFUSAL = "<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"


class NotingHandler(XMPPHandler):  # type: ignore[misc]
    """Notes what it is told, and fails at that if asked to."""

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.news: list[str] = []
        self.fails = fails

    def connectionInitialized(self) -> None:
        self.note("up")

    def connectionLost(self, reason: Failure) -> None:
        super().connectionLost(reason)
        self.note("lost")

    def note(self, what: str) -> None:
        self.news.append(what)
        if self.fails:
            raise ZeroDivisionError


class LinkCase(SynchronousTestCase):
    """Mixin of a link that has been started."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.link = Link(
            self.reactor, Turns(self.reactor), Account("192.0.2.1", 5275, "GW.test", SECRET), random=lambda: 1.0
        )
        self.handler = NotingHandler()
        self.link.addHandler(self.handler)
        self.lines: list[str] = []
        self.text = ""
        observer = cast(ILogObserver, self._log)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.link.startService()

    def _log(self, event: Any) -> None:
        self.text += repr(event)
        if event["log_namespace"].startswith("ichatgw.xmpp") and event["log_level"] >= LogLevel.info:
            self.lines.append(event["log_format"].format(**event))

    def up(self) -> ServerSide:
        server = acceptLast(self.reactor)
        server.shakeHands()
        return server


class BackoffTests(SynchronousTestCase):
    def test_growth(self) -> None:
        """Delays double up to five seconds, and start anew after a success."""
        backoff = Backoff(lambda: 1.0)
        self.assertEqual([backoff.next() for _ in range(6)], [0.5, 1.0, 2.0, 4.0, 5.0, 5.0])
        backoff.reset()
        self.assertEqual(backoff.next(), 0.5)

    def test_jitter(self) -> None:
        """Chance only shortens a delay, at most by half."""
        backoff = Backoff(lambda: 0.0)
        self.assertEqual([backoff.next() for _ in range(6)], [0.25, 0.5, 1.0, 2.0, 2.5, 2.5])


class ReconnectTests(LinkCase):
    def waitForAttempt(self) -> float:
        """How long it takes until the next attempt."""
        start = self.reactor.seconds()
        while not self.reactor.tcpClients:
            self.assertLess(self.reactor.seconds() - start, 60)
            self.reactor.advance(0.25)
        return self.reactor.seconds() - start

    def test_delays(self) -> None:
        """However long the server is away, the next attempt comes within five seconds."""
        delays = []
        for _ in range(50):
            refuseLast(self.reactor)
            delays.append(self.waitForAttempt())
        self.assertEqual(delays[:5], [0.5, 1.0, 2.0, 4.0, 5.0])
        self.assertEqual(max(delays), MAX_DELAY)

    def test_resets(self) -> None:
        """A handshake that succeeds, and nothing less, starts the delays anew."""
        for _ in range(5):
            refuseLast(self.reactor)
            self.waitForAttempt()
        acceptLast(self.reactor).loseConnection()
        self.assertEqual(self.waitForAttempt(), 5.0)
        self.up().loseConnection()
        self.assertEqual(self.waitForAttempt(), 0.5)

    def test_failed(self) -> None:
        """If trying itself has failed that is told, and it can begin anew; a link that is merely down is no failure."""
        refuseLast(self.reactor)
        self.assertEqual(self.link.missing, "")
        self.patch(self.link, "_complain", lambda why: 1 // 0)
        self.waitForAttempt()
        refuseLast(self.reactor)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.link.missing, "the link to the XMPP server 192.0.2.1:5275 is not tried any more")
        self.patch(self.link, "_complain", lambda why: None)
        self.link.revive()
        self.assertEqual(self.link.missing, "")
        self.up()
        self.assertTrue(self.link.connected)

    def test_hungServer(self) -> None:
        """A server that accepts connections and says nothing is tried again and again."""
        for _ in range(3):
            server = acceptLast(self.reactor)
            self.reactor.advance(10)
            self.assertTrue(server.aborted)
            self.waitForAttempt()
        self.up()
        self.assertTrue(self.link.connected)

    def test_handlers(self) -> None:
        """Handlers are told of each stream and its loss, and of no other."""
        self.up().loseConnection()
        self.waitForAttempt()
        self.up()
        self.assertEqual(self.handler.news, ["up", "lost", "up"])
        late = NotingHandler()
        self.link.addHandler(late)
        self.assertEqual(late.news, ["up"])

    def test_failingHandler(self) -> None:
        """A handler that fails at the news does not keep it from the others."""
        self.link.handlers.insert(0, NotingHandler(fails=True))
        self.up().loseConnection()
        self.assertEqual(self.handler.news, ["up", "lost"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.waitForAttempt()


class LogTests(LinkCase):
    def test_otherPassword(self) -> None:
        """A password that has changed is used from the next stream on; the one that there is stays."""
        server = acceptLast(self.reactor)
        server.shakeHands()
        self.link.secret = "other-word"
        self.assertTrue(self.link.connected)
        server.abortConnection()
        self.reactor.advance(MAX_DELAY)
        server = acceptLast(self.reactor)
        server.send(HEADER)
        self.assertIn(hashlib.sha1(b"3BF96D32other-word").hexdigest(), server.take())

    def test_wrongPassword(self) -> None:
        """
        A wrong password gives one clear line in a minute, and the attempts go on.  The secret is in no log event.
        """
        attempts = 0
        for _ in range(240):
            if self.reactor.tcpClients:
                server = acceptLast(self.reactor)
                server.send(HEADER)
                server.send(REFUSAL)
                attempts += 1
            self.reactor.advance(0.5)
        self.assertGreater(attempts, 20)
        self.assertEqual(len(self.lines), 2)
        self.assertEqual(
            self.lines[0],
            "No link to the XMPP server 192.0.2.1:5275 as gw.test: stream error 'not-authorized': "
            "it refuses the password (JabberComponentPassword); trying again, which is said once a minute",
        )
        self.assertNotIn(SECRET, self.text)
        self.assertNotIn(SECRET, repr(self.link))

    def test_otherRefusals(self) -> None:
        """A name that the server does not have, or that is taken, is told with the settings to look at."""
        for condition, hint in (("host-unknown", "JabberComponentName"), ("conflict", "under this name")):
            self.link._complain(f"stream error {condition!r}")
            self.assertIn(hint, self.lines[-1])

    def test_flapping(self) -> None:
        """A server that takes the component in and throws it out again and again does not fill the log."""
        for _ in range(100):
            if self.reactor.tcpClients:
                self.up().loseConnection()
            self.reactor.advance(0.5)
        self.assertLessEqual(len(self.lines), 3)
        self.assertIn("is up as gw.test", self.lines[0])

    def test_comeback(self) -> None:
        """After trouble that was logged, it is logged that the link is up."""
        refuseLast(self.reactor)
        self.reactor.advance(0.5)
        self.up()
        self.assertIn("No link", self.lines[0])
        self.assertIn("is up as gw.test", self.lines[1])


class StanzaTests(LinkCase):
    def test_droppedWhileDown(self) -> None:
        """What is sent while there is no link is dropped, not kept."""
        self.handler.send(Element((None, "message")))
        server = acceptLast(self.reactor)
        self.handler.send(Element((None, "message")))
        self.assertNotIn("message", server.take())
        server.shakeHands()
        self.assertEqual(server.take(), "")
        self.handler.send(Element((None, "message")))
        self.assertEqual(server.take(), "<message from='gw.test'/>")

    def test_ping(self) -> None:
        """A ping is answered (XEP-0199)."""
        server = self.up()
        server.send("<iq type='get' id='p' from='xmpp.test' to='gw.test'><ping xmlns='urn:xmpp:ping'/></iq>")
        self.assertEqual(server.take(), "<iq to='xmpp.test' from='gw.test' id='p' type='result'/>")

    def test_request(self) -> None:
        """A request of a handler gets its answer, or fails when the link is lost."""
        server = self.up()
        first, second = (self.handler.request(Request()) for _ in range(2))
        ids = [part.split("'")[0] for part in server.take().split("id='")[1:]]
        server.send(f"<iq type='result' id='{ids[0]}' from='a@b' to='gw.test'/>")
        self.assertEqual(self.successResultOf(first)["from"], "a@b")
        server.loseConnection()
        self.failureResultOf(second)


class StopTests(LinkCase):
    def test_inGoodOrder(self) -> None:
        """What was sent goes out, the stream is closed, and no attempt follows."""
        server = self.up()
        self.handler.send(Element((None, "presence")))
        stopped = self.link.stopService()
        self.assertEqual(server.take(), "<presence from='gw.test'/></stream:stream>")
        self.assertNoResult(stopped)
        server.send("</stream:stream>")
        self.successResultOf(stopped)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertEqual(self.handler.news, ["up", "lost"])

    def test_deafServer(self) -> None:
        """A server that does not close its end holds up the stop by two seconds."""
        self.up()
        stopped = self.link.stopService()
        self.reactor.advance(2)
        self.successResultOf(stopped)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_whileWaiting(self) -> None:
        """Between two attempts a stop is done at once."""
        refuseLast(self.reactor)
        self.successResultOf(self.link.stopService())
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_whileConnecting(self) -> None:
        """An attempt to connect is given up."""
        self.successResultOf(self.link.stopService())

    def test_inHandshake(self) -> None:
        """A handshake is cut short."""
        server = acceptLast(self.reactor)
        self.successResultOf(self.link.stopService())
        self.assertTrue(server.aborted)

    def test_notStarted(self) -> None:
        """A link that was never started is stopped already."""
        link = Link(self.reactor, Turns(self.reactor), Account("192.0.2.1", 5275, "gw.test", SECRET))
        self.successResultOf(link.stopService())

    def test_again(self) -> None:
        """A link that was stopped can be started again."""
        refuseLast(self.reactor)
        self.link.stopService()
        self.link.startService()
        self.up()
        self.assertTrue(self.link.connected)


class MessageLogTests(LinkCase):
    """Stanzas in full."""

    def test_stanzas(self) -> None:
        """What comes and goes is shown to its readers, in the stream that is up and in the next."""
        shown: list[str] = []

        def show(what: str, text: str) -> None:
            shown.append(what.partition(" ")[0] + text)

        first = self.up()
        self.link.logMessages(show)
        first.send("<message from='a@test' to='72@gw.test'><body>hello</body></message>")
        self.assertEqual([line[:16] for line in shown], ["RECEIVED<message"])
        self.assertIn("hello", shown.pop())
        presence = Element((None, "presence"))
        self.link.send(presence)
        self.assertEqual(shown.pop(), "SENDING<presence from='gw.test'/>")
        first.loseConnection()
        self.reactor.advance(MAX_DELAY)
        self.up()
        self.assertTrue(any("handshake" in line for line in shown))
        self.link.logMessages(None)
        del shown[:]
        self.link.send(presence)
        self.assertEqual(shown, [])
