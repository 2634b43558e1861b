"""Tests for L{ichatgw.observe.trails}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import Ending, EndReason
from ichatgw.observe import trails as module
from ichatgw.observe.events import CallEnded, LegStarted, TrailBegan, pair
from ichatgw.observe.trails import Owner, Trails, callIdOf
from ichatgw.test.support.events import Scene, sip

JINGLE = "<iq type='set' id='i1' from='{}' to='{}'><jingle xmlns='urn:xmpp:jingle:1' action='x' sid='s&amp;1'/></iq>"
USER, US = "juliet@example.com/phone", "72@gw.example.com/us"


class TrailTests(SynchronousTestCase):
    """To whom messages belong."""

    def setUp(self) -> None:
        self.scene = Scene()
        self.trails = Trails()
        self.trails.read(self.scene.events)

    def stanza(self, text: str, sent: bool = False) -> str:
        return self.trails.trailOf(self.scene.says(text.encode(), "XMPP", sent))

    def test_callId(self) -> None:
        """A message of SIP is known by its Call-ID, whatever the header's form; one without is of no call."""
        for line in ("Call-ID: a@b", "call-id:a@b", "i : a@b", "CALL-ID:\ta@b  "):
            self.assertEqual(callIdOf(f"BYE sip:x SIP/2.0\r\nTo: x\r\n{line}\r\n\r\n".encode()), "a@b", line)
        self.assertEqual(callIdOf(b"BYE sip:x SIP/2.0\r\nTo: x\r\n\r\n"), "")
        self.assertEqual(callIdOf(b"Call-ID"), "")

    def test_owner(self) -> None:
        """Who has said by what its messages are known owns them, from then on."""
        message = self.scene.says(sip("INVITE sip:x SIP/2.0", "a@b"))
        self.assertEqual(self.trails.of(self.trails.trailOf(message)), None)
        self.scene.publish(TrailBegan, "c-1", "leg-1", "sip", "a@b")
        self.assertEqual(self.trails.of(self.trails.trailOf(message)), Owner("c-1", "leg-1"))
        self.scene.publish(LegStarted, "c-2", "leg-2", "caller", "sip", "sip:a", ("c@d", "e@f"))
        self.assertEqual(self.trails.of("e@f"), Owner("c-2", "leg-2"))

    def test_jingle(self) -> None:
        """A stanza of Jingle is known by its session, a proposal by its id."""
        self.assertEqual(self.stanza(JINGLE.format(USER, US)), "s&1")
        proposal = f"<message from='{USER}' to='{US}'><propose xmlns='urn:xmpp:jingle-message:0' id=\"p1\"/></message>"
        self.assertEqual(self.stanza(proposal), "p1")

    def test_iChat(self) -> None:
        """A stanza of an iChat is known by the two addresses, no matter who writes, from whichever client."""
        body = "<query xmlns='apple:iq:vc:request'/></iq>"
        theirs = self.stanza(f"<iq type='set' from='{USER}' to='{US}'>{body}")
        ours = self.stanza(f"<iq type='set' to='juliet@example.com/other' from='72@gw.example.com'>{body}", sent=True)
        self.assertEqual((theirs, ours), (pair(USER, US), pair(USER, US)))

    def test_answers(self) -> None:
        """The answer to a stanza, which has nothing but an id, belongs where that does; another one does not."""
        self.stanza(JINGLE.format(USER, US))
        self.assertEqual(self.stanza(f"<iq type='result' id='i1' to='{USER}' from='{US}'/>", sent=True), "s&1")
        self.assertEqual(self.stanza(f"<iq type='error' id='i1' to='{USER}' from='{US}'/>", sent=True), "s&1")
        self.assertEqual(self.stanza("<iq type='result' id='i1' to='romeo@example.com' from='72@gw'/>", sent=True), "")
        self.assertEqual(self.stanza(f"<iq type='result' id='i2' to='{USER}' from='{US}'/>", sent=True), "")

    def test_receipts(self) -> None:
        """A receipt belongs where the message does that has come, whichever side sends it; others to no call."""
        body = "<propose xmlns='urn:xmpp:jingle-message:0' id='p1'/><request xmlns='urn:xmpp:receipts'/></message>"
        self.assertEqual(self.stanza(f"<message id='m1' from='{USER}' to='{US}'>{body}"), "p1")
        self.assertEqual(self.stanza(f"<message id='m2' to='{USER}' from='{US}'>{body}", sent=True), "p1")
        receipt = "<message to='{}' from='{}'><received xmlns='urn:xmpp:receipts' id='{}'/></message>"
        self.assertEqual(self.stanza(receipt.format(USER, US, "m1"), sent=True), "p1")
        self.assertEqual(self.stanza(receipt.format(US, USER, "m2")), "p1")
        self.assertEqual(self.stanza(receipt.format(USER, US, "m3"), sent=True), "")
        self.assertEqual(self.stanza(receipt.format("romeo@example.com", US, "m1"), sent=True), "")

    def test_others(self) -> None:
        """Presence, other requests and what is no stanza are of no call."""
        for text in (f"<presence from='{USER}'/>", "<handshake/>", "", "<iq", f"<iq id='i1' from='{USER}'><a/></iq>"):
            self.assertEqual(self.stanza(text), "", text)

    def test_bounded(self) -> None:
        """However many marks and requests there are, only the latest are remembered."""
        self.patch(module, "MAX_TRAILS", 10)
        self.patch(module, "MAX_OVER", 5)
        self.patch(module, "MAX_ASKED", 10)
        for number in range(100):
            self.scene.publish(TrailBegan, f"c-{number}", "leg-1", "sip", f"{number}@b")
            self.stanza(JINGLE.format(USER, US).replace("i1", f"i{number}"))
        known = [number for number in range(100) if self.trails.of(f"{number}@b") is not None]
        self.assertEqual(known, list(range(85, 100)))
        self.assertEqual(self.stanza(f"<iq type='result' id='i89' to='{USER}' from='{US}'/>", sent=True), "")

    def test_over(self) -> None:
        """Marks of a call that is up stay, however many others come and go; those of one that is over for a while."""
        self.patch(module, "MAX_OVER", 5)
        ending = Ending(EndReason.HANGUP)
        self.scene.publish(TrailBegan, "long", "leg-1", "sip", "long@b")
        for number in range(100):
            self.scene.publish(TrailBegan, f"c-{number}", "leg-1", "sip", f"{number}@b")
            self.scene.publish(TrailBegan, f"c-{number}", "leg-1", "sip", f"{number}@b")
            self.scene.publish(CallEnded, f"c-{number}", "the caller", ending, True)
        self.assertEqual(self.trails.of("long@b"), Owner("long", "leg-1"))
        self.assertEqual((self.trails.of("94@b"), self.trails.of("95@b")), (None, Owner("c-95", "leg-1")))

    def test_again(self) -> None:
        """A mark that another call has by now, as with two calls of an iChat, stays that one's."""
        self.patch(module, "MAX_OVER", 0)
        ending = Ending(EndReason.HANGUP)
        for call in ("c-1", "c-2"):
            self.scene.publish(TrailBegan, call, "leg-1", "ichat", "a b")
        self.scene.publish(CallEnded, "c-1", "the caller", ending, True)
        self.assertEqual(self.trails.of("a b"), Owner("c-2", "leg-1"))
        self.scene.publish(CallEnded, "c-2", "the caller", ending, True)
        self.assertIs(self.trails.of("a b"), None)
        for call in ("c-3", "c-4"):
            self.scene.publish(TrailBegan, call, "leg-1", "ichat", "a b")
        for call in ("c-4", "c-3"):
            self.scene.publish(CallEnded, call, "the caller", ending, True)
        self.assertIs(self.trails.of("a b"), None)
