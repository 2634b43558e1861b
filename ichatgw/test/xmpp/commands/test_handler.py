"""
Tests for L{ichatgw.xmpp.commands.handler}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from ichatgw.selfservice.history import CallHistory
from ichatgw.selfservice.orders import Command
from ichatgw.selfservice.service import Budget, Numbers, SelfService
from ichatgw.test.marks import slow
from ichatgw.test.support.streams import StubLink, parse
from ichatgw.users.preferences import Forwarding, MemoryPreferences, Preferences, When
from ichatgw.xmpp.commands.catalogue import NS_COMMANDS, Catalogue
from ichatgw.xmpp.commands.handler import MAX_SESSION, AdHocCommands
from ichatgw.xmpp.presence.access import XMPPAccess
from ichatgw.xmpp.stanzas import parseJID

KIM = "kim@x.example"


class HandlerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.preferences = MemoryPreferences()
        service = SelfService(
            self.clock, self.preferences, CallHistory(lambda user: True), lambda user: Numbers("+4930", "+4930")
        )
        self.budget = Budget(self.clock, perMinute=30, perSecond=0)
        catalogue = Catalogue(parseJID("control@gw.example"), XMPPAccess("gw.example", ("x.example",)))
        self.link = StubLink(AdHocCommands(catalogue, service, lambda: self.budget))
        self.link.up()

    def receive(
        self,
        node: str,
        inner: str = "",
        more: str = "",
        by: str = f"{KIM}/phone",
        to: str = "control@gw.example",
        tag: str = "",
    ) -> list[str]:
        """What is answered to a command."""
        language = f" xml:lang='{tag}'" if tag else ""
        self.link.receive(
            f"<iq type='set' id='1' from='{by}' to='{to}'{language}>"
            f"<command xmlns='{NS_COMMANDS}' node='{node}' {more}>{inner}</command></iq>"
        )
        return self.link.take()

    def run_(self, node: str, inner: str = "", more: str = "", tag: str = "") -> Element:
        """The command in a result."""
        (answer,) = self.receive(node, inner, more, tag=tag)
        self.assertIn("type='result'", answer)
        found = next(parse(answer).elements())
        assert isinstance(found, Element)
        return found

    def refused(self, condition: str, node: str, inner: str = "", more: str = "", by: str = f"{KIM}/phone") -> None:
        """The command is answered by that error."""
        (answer,) = self.receive(node, inner, more, by)
        self.assertIn("type='error'", answer)
        self.assertIn(f"<{condition} ", answer)

    def form(self, **values: str) -> str:
        """A form as it is submitted."""
        fields = "".join(f"<field var='{name}'><value>{value}</value></field>" for name, value in values.items())
        return f"<x xmlns='jabber:x:data' type='submit'>{fields}</x>"

    def text(self, command: Element, name: str) -> str:
        """What a child of a command says."""
        return next(str(child) for child in command.elements() if child.name == name)

    def test_atOnce(self) -> None:
        """Commands that ask nothing are completed at once, with a note and a form that say the same."""
        command = self.run_("number")
        self.assertEqual((command["status"], command["node"]), ("completed", "number"))
        self.assertTrue(command["sessionid"])
        self.assertEqual(self.text(command, "note"), "Your number is +4930.")
        self.assertIn("<value>Your number is +4930.</value>", command.toXml())
        self.assertIn("Ihre Nummer", self.text(self.run_("number", tag="de"), "note"))
        for each in (Command.HELP, Command.CALLS, Command.TEST):
            self.assertEqual(self.run_(each.value)["status"], "completed")

    def test_forward(self) -> None:
        """A form asks for the rule; submitted, it is kept, and shown in the form of the next time."""
        asked = self.run_("forward")
        self.assertEqual(asked["status"], "executing")
        for part in ("<actions execute='complete'><complete/></actions>", "var='target'", "<value>always</value>"):
            self.assertIn(part, asked.toXml())
        session = asked["sessionid"]
        done = self.run_(
            "forward",
            self.form(when="no answer", target="030 123", seconds="9"),
            f"sessionid='{session}' action='complete'",
        )
        self.assertEqual((done["status"], done["sessionid"]), ("completed", session))
        self.assertEqual(self.preferences.of(KIM).forwardings, (Forwarding(When.NO_ANSWER, "030123", 9),))
        again = self.run_("forward").toXml()
        for value in ("no answer", "030123", "9"):
            self.assertIn(f"<value>{value}</value>", again)
        self.run_("forward", self.form(when="no answer", target=" "))
        self.assertEqual(self.preferences.of(KIM), Preferences())

    def test_doNotDisturb(self) -> None:
        """A form has a switch, as it is now."""
        self.assertIn("<value>0</value>", self.run_("dnd").toXml())
        self.assertIn("is on", self.text(self.run_("dnd", self.form(dnd="true"), "action='next'"), "note"))
        self.assertIn("<value>1</value>", self.run_("dnd").toXml())
        self.run_("dnd", self.form(dnd="0"))
        self.assertFalse(self.preferences.of(KIM).doNotDisturb)

    def test_wrongValues(self) -> None:
        """A form that cannot be carried out comes back as it was filled in, with what is wrong."""
        for node, values in (
            ("forward", {"when": "tomorrow", "target": "1"}),
            ("forward", {"when": "always", "target": "&lt;b&gt;"}),
            ("forward", {"when": "always", "target": "1", "seconds": "-1"}),
            ("dnd", {"dnd": "perhaps"}),
            ("dnd", {}),
        ):
            command = self.run_(node, self.form(**values))
            self.assertEqual(command["status"], "executing")
            self.assertIn("<note type='error'>", command.toXml())
        (shown,) = self.receive("forward", self.form(when="busy", target="what i meant"))
        self.assertIn("<value>what i meant</value>", shown)
        self.assertEqual(self.preferences.of(KIM), Preferences())

    def test_cancel(self) -> None:
        """A command can be cancelled, which changes nothing."""
        command = self.run_("dnd", self.form(dnd="1"), "sessionid='abc' action='cancel'")
        self.assertEqual((command["status"], command["sessionid"]), ("canceled", "abc"))
        self.assertFalse(self.preferences.of(KIM).doNotDisturb)

    def test_ownOnly(self) -> None:
        """What a user orders is for their own address, whatever else the form says."""
        self.run_("dnd", self.form(dnd="1", user="lee@x.example", jid="lee@x.example"))
        self.assertTrue(self.preferences.of(KIM).doNotDisturb)
        self.assertFalse(self.preferences.of("lee@x.example").doNotDisturb)

    def test_strangers(self) -> None:
        """Those who may not call may not order anything."""
        for each in Command:
            self.refused("forbidden", each.value, by="eve@stranger.example/a")
            self.refused("forbidden", each.value, by="eve@gw.example/a")

    def test_malformed(self) -> None:
        """Unknown commands and what no client sends are refused, each with one error."""
        self.refused("item-not-found", "reboot")
        self.refused("item-not-found", "")
        self.refused("bad-request", "help", more="action='prev'")
        self.refused("bad-request", "help", more=f"sessionid='{'x' * (MAX_SESSION + 1)}'")
        self.refused("bad-request", "forward", "<x xmlns='jabber:x:data' type='form'/>")
        self.refused("bad-request", "forward", self.form(**{f"f{n}": "1" for n in range(10_000)}))
        self.refused("bad-request", "number", self.form(target="x" * 100_000))

    def test_elsewhere(self) -> None:
        """Numbers have no commands: that is for others to answer."""
        self.assertEqual(self.receive("help", to="72@gw.example"), [])
        self.assertEqual(self.receive("help", by="@"), [])
        self.assertIn("type='result'", self.receive("help", to="gw.example")[0])

    def test_flood(self) -> None:
        """A user has some commands in a minute; those beyond get an error that is shorter than what they sent."""
        answers = [self.receive("help")[0] for _ in range(100)]
        self.assertEqual(sum("type='result'" in answer for answer in answers), 30)
        self.assertIn("<resource-constraint ", answers[-1])
        self.assertIn("type='result'", self.receive("help", by="lee@x.example/a")[0])

    @slow
    def test_neverFinished(self) -> None:
        """A thousand forms that are not sent back leave nothing here."""
        self.budget = Budget(self.clock, 0, 0)
        before = set(vars(self.link.handler))
        sessions = {self.run_("forward")["sessionid"] for _ in range(1000)}
        self.assertEqual(len(sessions), 1000)
        self.assertEqual(set(vars(self.link.handler)), before)
        self.assertEqual(self.clock.getDelayedCalls(), [])
