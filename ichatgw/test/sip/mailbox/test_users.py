"""
Tests for L{ichatgw.sip.mailbox.users}: what waits in the mailboxes of registered users is asked for.
"""

from __future__ import annotations

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.reading.credentials import Credentials, Keyring
from ichatgw.sip.register.schedule import Registrations
from ichatgw.sip.texts.summary import SUMMARY
from ichatgw.test.sip.mailbox.test_mailboxes import CONTACT, summary
from ichatgw.test.support.sip.sipwire import Rig, header, request, respond
from ichatgw.test.support.sip.trunks import ASKED, SERVER
from ichatgw.test.support.texts import FakeTexts

AOR = "sip:scott@198.51.100.1"


class UserTests(SynchronousTestCase):
    """One user, whose server asks for a login."""

    def make(self, on: bool = True) -> None:
        keyring = Keyring({"198.51.100.1": Credentials("scott", "tiger")})
        self.rig = Rig(subscribesMailboxes=on, registrationsPerSecond=1000, keyring=keyring)
        self.texts = self.rig.endpoint.texts = FakeTexts()
        self.rig.endpoint.takeTexts(True)
        registrar = self.rig.endpoint.registrar()
        self.registrations = Registrations(self.rig.clock, registrar, 600, 5, 1000)
        mailboxes = self.rig.endpoint.userMailboxes
        self.registrations.appeared, self.registrations.vanished = mailboxes.begin, mailboxes.end

    def sent(self, method: str) -> list[str]:
        """The requests of that method that have gone out since the last time."""
        return [each for each in self.rig.wire.take() if each.startswith(f"{method} ")]

    def register(self) -> list[str]:
        """The user is to be registered, and is; the SUBSCRIBEs that go out then."""
        self.registrations.add("kim@jabber.example", AOR)
        (register,) = self.sent("REGISTER")
        out = self.rig.receive(respond(register, 200, "OK", extra="Expires: 600\r\n"), SERVER)
        self.rig.clock.advance(0.01)
        return [each for each in (*out, *self.rig.wire.take()) if each.startswith("SUBSCRIBE")]

    def test_told(self) -> None:
        """A registered user is told what waits, by the mailbox of their own address there."""
        self.make()
        (sent,) = self.register()
        self.assertTrue(sent.startswith("SUBSCRIBE sip:scott@198.51.100.1 SIP/2.0\r\n"))
        self.assertTrue(header(sent, "From").startswith("<sip:scott@198.51.100.1>;tag="))
        (again,) = self.rig.receive(respond(sent, 401, "Who", extra=ASKED.format(1)), SERVER)
        self.assertIn('username="scott"', header(again, "Authorization"))
        self.rig.receive(respond(again, 200, "OK", extra="Expires: 600\r\n" + CONTACT), SERVER)
        notify = request(
            "NOTIFY",
            uri=header(again, "Contact").strip("<>"),
            to=header(again, "From"),
            from_=header(again, "To") + ";tag=b1",
            callId=header(again, "Call-ID"),
            extra="Event: message-summary\r\nSubscription-State: active\r\n",
            contentType=SUMMARY,
            body=summary(3),
        )
        self.rig.receive(notify, SERVER)
        (text,) = self.texts.taken
        self.assertEqual((text.to, text.body, text.writer.uri), (AOR, "3 new messages", AOR))

    def test_off(self) -> None:
        """Unless it is switched on nothing is asked."""
        self.make(on=False)
        self.assertEqual(self.register(), [])

    def test_gone(self) -> None:
        """When the user is not to be registered any more the subscription ends."""
        self.make()
        (sent,) = self.register()
        self.rig.receive(respond(sent, 200, "OK", extra="Expires: 600\r\n" + CONTACT), SERVER)
        self.registrations.remove("kim@jabber.example")
        self.rig.clock.advance(0.1)
        (last,) = self.sent("SUBSCRIBE")
        self.assertEqual(header(last, "Expires"), "0")
        self.rig.receive(respond(last, 200, "OK", extra=CONTACT), SERVER)

    def test_refused(self) -> None:
        """A server that does not know mailboxes is left alone, and the log says which setting that is."""
        self.make()
        (sent,) = self.register()
        with capturedLogs() as captured:
            self.rig.receive(respond(sent, 489, "Bad Event"), SERVER)
            self.rig.clock.pump([60.0] * 8)
        self.assertIn("SubscribeMailboxes", "".join(str(formatEvent(each)) for each in captured))
        self.assertEqual(self.sent("SUBSCRIBE"), [])
