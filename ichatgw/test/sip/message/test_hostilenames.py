"""
Names, subjects and addresses of XMPP users in messages of SIP: whatever they hold, they add no header and no line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.declared.trunks import ASSERTED, FROM, PREFERRED, REMOTE_PARTY
from ichatgw.errors import CallError
from ichatgw.model import PCMU, Diversion, Party, SessionDescription
from ichatgw.sip.leg.telling import Telling
from ichatgw.sip.message.gate import Admitted, Gate
from ichatgw.test.marks import slow
from ichatgw.test.support.fakes import FakeCall
from ichatgw.test.support.sip.sipwire import PHONE, Rig, request, respond
from ichatgw.test.support.sip.trunks import SERVER, TrunkRig, trunk
from ichatgw.test.support.texts import hostileTexts
from ichatgw.texts.interfaces import Text

_NEVER_IN_USERS = re.compile("[/@]")

OFFER = SessionDescription((PCMU,))
TO = "sip:100@192.0.2.77"

FEW: tuple[str, ...] = (
    'a" <sip:evil@evil>;tag=1',
    "a\r\nVia: evil",
    "\r\n\r\nbody",
    "\0\u2028\ud800\udc80",
    "<>@;:,?=&%\\",
)
"""Of each kind one: what ends a quotation, a line, a header; what no line has; what an address has."""


def userOf(name: str) -> Party:
    """A user of XMPP of that name, by address and for people; their server sees to it that no / or @ is in it."""
    return Party(f"xmpp:{_NEVER_IN_USERS.sub('', name)[:300]}@chat.example", name)


def shape(message: str) -> tuple[Any, ...]:
    """What a name must not change: the start line, but for its URI, and how many headers of each name there are."""
    head = message.partition("\r\n\r\n")[0].split("\r\n")
    names = Counter(line.partition(":")[0] for line in head[1:])
    return head[0].split(" ")[0], head[0].split(" ")[-1], tuple(sorted(names.items()))


class HostileNameTests(SynchronousTestCase):
    """
    Each message passes our own gate, and has the headers that it has with a name like Anna's.

    @cvar names: those that are tried.
    """

    names = FEW

    def check(self, send: Callable[[str], str]) -> None:
        """@param send: sends something with that name; gives what went out."""
        expected = shape(send("Anna"))
        for text in self.names:
            message = send(text)
            self.assertEqual(shape(message), expected, ascii(text))
            data = message.encode("utf-8", "surrogateescape")
            verdict = Gate().admit(data, PHONE)
            assert isinstance(verdict, Admitted), (ascii(text), verdict)
            self.assertFalse(verdict.fault, ascii(text))
            for line in message.partition("\r\n\r\n")[0].split("\r\n")[1:]:
                self.assertNotRegex(line, r"[\0-\x08\x0a-\x1f\x7f]", ascii(text))
                plain = re.sub(r"\\.", "", line)
                self.assertTrue(plain.count('"') % 2 == 0 or line.startswith("Subject:"), ascii(text))
                if line.startswith("From:"):
                    self.assertRegex(line, r"<sip:[^<>\"\s]*>;tag=\w+\Z", ascii(text))

    def sent(self, rig: Rig, method: str) -> str:
        """The one request of that method that has gone out."""
        found = [text for text in (*rig.wire.take(), *rig.streams.take()) if text.startswith(f"{method} ")]
        self.assertEqual(len(set(found)), 1)
        return found[0].replace("SIP/2.0/TCP", "SIP/2.0/UDP")  # so goes a large one

    def test_invite(self) -> None:
        """The caller's name, in From and P-Asserted-Identity."""

        def send(name: str) -> str:
            rig = Rig(assertsIdentity=True)
            rig.dial(TO, Party("sip:anna@gw.example", name)).start(OFFER)
            return self.sent(rig, "INVITE")

        self.check(send)

    def test_user(self) -> None:
        """The user part of the caller's address."""

        def send(name: str) -> str:
            rig = Rig()
            rig.dial(TO, userOf(name)).start(OFFER)
            return self.sent(rig, "INVITE")

        self.check(send)

    def test_trunk(self) -> None:
        """Both, in all headers of a trunk that may have the number."""

        def send(name: str) -> str:
            rig = TrunkRig(
                trunk(registrationTime=0, callerNumber=(FROM, ASSERTED, PREFERRED, REMOTE_PARTY), numbers=("4930100",))
            )
            leg = rig.dial("sip:100@one", userOf(name))
            leg.start(OFFER)
            return self.sent(rig, "INVITE")

        self.check(send)

    def test_text(self) -> None:
        """Name and subject of a text; its body is what it was, but for what is no text."""

        def send(name: str) -> str:
            rig = Rig()
            writer = userOf(name)
            sent = rig.endpoint.messages.carry(Text(writer, TO, f"say {name}", f"on {name}"))
            sent.addErrback(lambda failure: failure.trap(CallError))
            return self.sent(rig, "MESSAGE")

        self.check(send)

    def test_connected(self) -> None:
        """The called user's name, in a response to a phone."""

        def send(name: str) -> str:
            rig = Rig()
            rig.endpoint.tell(Telling.ANSWERS)
            rig.invite()
            leg = rig.invitations.legs[-1]
            assert isinstance(leg.call, FakeCall)
            leg.call.other = userOf(name)
            rig.wire.take()
            leg.ring()
            (ringing,) = rig.wire.take()
            # The gate takes responses to requests of ours only, so it is read as a request.
            return "OPTIONS sip:a@b SIP/2.0\r\n" + ringing.partition("\r\n")[2].replace("INVITE\r\n", "OPTIONS\r\n")

        self.check(send)

    def test_diversion(self) -> None:
        """The user who has sent a call on, and who has referred it."""

        def send(text: str) -> str:
            rig, name = Rig(), text[:150]
            caller = Party("sip:anna@gw.example", "Anna", referredBy=f"sip:{name}@gw.example")
            caller = evolve(caller, diversions=(Diversion(f"sip:{name}@gw.example", (("reason", "user-busy"),)),))
            rig.dial(TO, caller).start(OFFER)
            return self.sent(rig, "INVITE")

        self.check(send)

    def test_throughUs(self) -> None:
        """What a phone says of itself, quoted, half quoted or not, adds nothing to what another phone is told."""
        for name in self.names:
            line = name.replace("\r", "").replace("\n", "").encode("utf-8", "replace").decode()
            for from_ in (f'"{line}" <sip:a@192.0.2.77>;tag=1', f"{line} <sip:a@192.0.2.77>;tag=1"):
                rig = Rig(assertsIdentity=True)
                rig.receive(request("INVITE", from_=from_, extra=f'Diversion: "{line}" <sip:b@c>;reason="{line}"\r\n'))
                for leg in rig.invitations.legs:
                    rig.dial(TO, leg.party).start(OFFER)
                    invite = self.sent(rig, "INVITE")
                    self.assertIsInstance(Gate().admit(invite.encode(), PHONE), Admitted, ascii(from_))
                    self.assertEqual(invite.count("\r\nVia:"), 1)


@slow
class ManyHostileNameTests(HostileNameTests):
    """Likewise with each piece alone, and mixtures of them."""

    names = tuple(hostileTexts(5626, 150))


class AnswerTests(SynchronousTestCase):
    """
    What servers say in reason phrases.

    @cvar phrases: those that are tried.
    """

    phrases = FEW

    def test_phrase(self) -> None:
        """The phrase of a refusal is one line of text when it is told on."""
        for text in self.phrases:
            rig = TrunkRig(trunk(registrationTime=0))
            sent = rig.endpoint.messages.carry(Text(Party("xmpp:a@b"), "sip:1@one", "hello"))
            line = re.sub(r"[\0-\x08\n-\x1f\x7f-\x9f\u2028\u2029]", "", text)  # with these it would not be taken
            line = line.encode("utf-8", "replace").decode()
            rig.receive(respond(self.sent(rig), 404, line), SERVER)
            problem = self.failureResultOf(sent, CallError).getErrorMessage()
            self.assertNotRegex(problem, r"[\0-\x1f\ud800-\udfff]", ascii(text))

    def sent(self, rig: Rig) -> str:
        """What has gone out."""
        (message,) = rig.wire.take()
        return message


@slow
class ManyAnswerTests(AnswerTests):
    """Likewise with each piece alone, and mixtures of them."""

    phrases = tuple(hostileTexts(3428, 100))
