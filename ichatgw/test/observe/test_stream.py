"""Tests for L{ichatgw.observe.stream} and L{ichatgw.observe.events}."""

from __future__ import annotations

from attrs.exceptions import FrozenInstanceError
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.log.redaction import HIDDEN, Content
from ichatgw.observe.events import CallEvent, CallRang, Event, LinkDown, LinkUp, MessageSent, kindsOf
from ichatgw.observe.stream import UNREAD
from ichatgw.test.support.events import NOON, Scene, sip


class StreamTests(SynchronousTestCase):
    """Who publishes and who reads."""

    def setUp(self) -> None:
        self.scene = Scene()
        self.events = self.scene.events

    def test_nobodyReads(self) -> None:
        """Without a reader no kind is on, and what is published all the same is lost without a trace."""
        self.assertFalse(any(self.events.isOn(kind) for kind in kindsOf(Event)))
        self.scene.publish(LinkDown, "xmpp:5347", "refused")

    def test_onlyWhatIsRead(self) -> None:
        """A reader turns on the kinds that it reads and no others, and gets each event of them once, in order."""
        seen: list[Event] = []
        self.events.subscribe(seen.append, LinkUp, LinkDown)
        published = [
            self.scene.publish(LinkDown, "xmpp:5347", "refused"),
            self.scene.publish(LinkUp, "xmpp:5347", "gw.example"),
            self.scene.publish(CallRang, "c-1", "leg"),
        ]
        self.assertEqual(seen, published[:2])
        self.assertEqual((self.events.isOn(LinkUp), self.events.isOn(CallRang)), (True, False))

    def test_classes(self) -> None:
        """Who reads a class reads all kinds below it, and one that it names twice once."""
        seen: list[Event] = []
        self.events.subscribe(seen.append, CallEvent, CallRang)
        self.scene.publish(CallRang, "c-1", "leg")
        self.scene.publish(LinkUp, "xmpp:5347", "gw.example")
        self.assertEqual([type(event) for event in seen], [CallRang])

    def test_unsubscribed(self) -> None:
        """Who has ended its reading hears nothing more, the others go on, and after the last the kind is off."""
        first: list[Event] = []
        second: list[Event] = []
        end = self.events.subscribe(first.append, LinkUp)
        endSecond = self.events.subscribe(second.append, LinkUp)
        end()
        end()
        self.scene.publish(LinkUp, "xmpp:5347", "gw.example")
        self.assertEqual((len(first), len(second)), (0, 1))
        endSecond()
        self.assertFalse(self.events.isOn(LinkUp))

    def test_readerFails(self) -> None:
        """A reader that raises disturbs neither the other readers nor who publishes, and fills no log."""
        seen: list[Event] = []

        def fail(event: Event) -> None:
            raise ZeroDivisionError

        self.events.subscribe(fail, LinkUp)
        self.events.subscribe(seen.append, LinkUp)
        for _ in range(100):
            self.scene.publish(LinkUp, "xmpp:5347", "gw.example")
        self.assertEqual(len(seen), 100)
        self.assertTrue(1 <= len(self.flushLoggedErrors(ZeroDivisionError)) <= 5)

    def test_times(self) -> None:
        """An event has the time of the monotonic clock and of the one on the wall."""
        self.scene.clock.advance(5)
        event = self.scene.publish(LinkUp, "xmpp:5347", "gw.example")
        self.assertEqual((event.time, event.wall), (5, NOON + 5))

    def test_frozen(self) -> None:
        """No reader can change what others read."""
        event = self.scene.publish(LinkUp, "xmpp:5347", "gw.example")
        self.assertRaises(FrozenInstanceError, setattr, event, "time", 1)

    def test_unread(self) -> None:
        """The stream of parts that nobody watches cannot be read by mistake."""
        self.assertRaises(ValueError, UNREAD.subscribe, print, LinkUp)

    def test_secrets(self) -> None:
        """A message is carried as it went, and shown without its secrets, and without texts if these are unwanted."""
        login = 'Authorization: Digest username="a", response="0123456789abcdef"'
        message = self.scene.says(sip("MESSAGE sip:a@b SIP/2.0", "x", login) + b"our secret", sent=True)
        self.assertIsInstance(message, MessageSent)
        self.assertIn("0123456789abcdef", message.text)
        self.assertNotIn("0123456789abcdef", message.shown())
        self.assertIn("our secret", message.shown())
        self.assertNotIn("our secret", message.shown(Content.TEXTS))
        self.assertIn(HIDDEN, message.shown(Content.TEXTS))

    def test_hostileBytes(self) -> None:
        """Octets that are no text can be shown too."""
        self.assertIn("INVITE", self.scene.says(b"INVITE \xff\xfe\r\n").shown())
