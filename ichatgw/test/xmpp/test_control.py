"""
Tests for L{ichatgw.xmpp.control}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID

from ichatgw.test.support.streams import StubLink
from ichatgw.xmpp.control import Greeter

REPLY = (
    "<message type='chat' to='scott@jabber.example/iChat' from='{}'>"
    "<body>You have reached the iChat gateway</body></message>"
)


class GreeterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.link = StubLink(Greeter(self.clock, JID("control@gw.test")))
        self.link.up()

    def receive(
        self,
        kind: str | None = "chat",
        body: str = "<body>hello</body>",
        to: str = "control@gw.test",
        sender: str = "scott@jabber.example/iChat",
    ) -> list[str]:
        attribute = "" if kind is None else f" type='{kind}'"
        self.link.receive(f"<message from='{sender}' to='{to}'{attribute}>{body}</message>")
        return self.link.take()

    def test_answer(self) -> None:
        """The answer goes to the client that wrote, from the address it wrote to."""
        self.assertEqual(self.receive(), [REPLY.format("control@gw.test")])
        self.assertEqual(self.receive(None, to="control@gw.test/x"), [REPLY.format("control@gw.test/x")])
        self.assertEqual(self.receive("normal"), [REPLY.format("control@gw.test")])
        self.assertEqual(self.receive(to="gw.test"), [REPLY.format("gw.test")])

    def test_numbers(self) -> None:
        """What is written to a number is for who has that number, and is not answered here."""
        for number in ("72@gw.test", "+49301234@gw.test/gw", "control2@gw.test"):
            self.assertEqual(self.receive(to=number), [])

    def test_noAnswer(self) -> None:
        """Errors, rooms and headlines get no answer, nor do messages without text."""
        for kind in ("error", "groupchat", "headline", "nonsense"):
            self.assertEqual(self.receive(kind), [])
        for body in ("", "<body/>", "<body> \n</body>", "<composing/>", "<body><a>x</a></body>"):
            self.assertEqual(self.receive(body=body), [])

    def test_loop(self) -> None:
        """A program that answers each answer is told only some times a minute; others are told still."""
        self.assertEqual(sum(len(self.receive(sender=f"bot@a/{n}")) for n in range(1000)), 5)
        self.assertEqual(len(self.receive()), 1)
        self.clock.advance(60)
        self.assertEqual(len(self.receive(sender="bot@a/x")), 1)

    def test_malformed(self) -> None:
        """Nonsense is dropped."""
        self.assertEqual(self.receive(sender="@") + self.receive(to="@"), [])

    def test_orders(self) -> None:
        """An order is answered with what comes of it, and not greeted; its writer and language are told."""
        asked: list[tuple[str, str, str]] = []

        def ordered(user: JID, text: str, language: str) -> str | None:
            asked.append((user.full(), text, language))
            return {"help": "you can <write>", "again": ""}.get(text)

        self.link.handler.ordered = ordered
        (answer,) = self.receive(body="<body>help</body>")
        self.assertIn("from='control@gw.test'><body>you can &lt;write&gt;</body>", answer)
        self.assertEqual(self.receive(body="<body>again</body>"), [])
        self.assertEqual(self.receive(body="<body xml:lang='de'>hallo</body>"), [REPLY.format("control@gw.test")])
        self.receive(to="72@gw.test", body="<body>help</body>")
        self.assertEqual(
            asked,
            [
                ("scott@jabber.example/iChat", "help", ""),
                ("scott@jabber.example/iChat", "again", ""),
                ("scott@jabber.example/iChat", "hallo", "de"),
            ],
        )
