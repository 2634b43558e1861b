"""Tests for L{ichatgw.check.sipservers}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.check.sipservers import hostOf, serversOf
from ichatgw.config.declared.trunks import Trunk
from ichatgw.config.reading.credentials import Credentials, Keyring
from ichatgw.config.reading.kinds import Proxy
from ichatgw.config.settings import Settings

RULES = (
    ("^a", "sip:$1@pbx.example.com"),
    ("^b", "sip:$1@PBX.example.com"),
    ("^c", "sips:$1@pbx.example.com"),
    ("^d", "sip:$1@$2"),
    ("^e", "sip:$1@one,two"),
    ("^f", "xmpp:$1@example.com"),
)


class HostTests(SynchronousTestCase):
    """L{hostOf}."""

    def test_hosts(self) -> None:
        """Where an output leads, with port and transport; nothing if the call decides, or it is a list of trunks."""
        for output, place in (
            ("sip:$1@pbx.example.com", Proxy("pbx.example.com")),
            ("sip:$1@[2001:db8::1]:5070;transport=TCP", Proxy("2001:db8::1", 5070, "tcp")),
            ("sips:pbx.example.com;user=phone?x=y", Proxy("pbx.example.com")),
            ("sip:$1@a$2.example.com", None),
            ("sip:$1@host:99999", None),
            ("sip:$1@one,two", None),
            ("sip:", None),
            ("xmpp:a@b", None),
        ):
            self.assertEqual(hostOf(output), place, output)


class ServerTests(SynchronousTestCase):
    """L{serversOf}."""

    def names(self, settings: Settings, keyring: Keyring | None = None) -> list[str]:
        return [server.name for server in serversOf(settings, keyring or Keyring())]

    def settings(self, **more: object) -> Settings:
        values = {"jabberServer": "x", "jabberComponentName": "gw.x", "jabberComponentPassword": "p"}
        return Settings(**{**values, "translationRules": RULES, **more})  # type: ignore[arg-type]

    def test_rules(self) -> None:
        """Each place is asked once."""
        self.assertEqual(self.names(self.settings()), ["pbx.example.com of rule 1", "pbx.example.com of rule 3"])

    def test_proxy(self) -> None:
        """With a proxy all goes there."""
        self.assertEqual(self.names(self.settings(outboundProxy=Proxy("p"))), ["OutboundProxy"])

    def test_trunks(self) -> None:
        """A trunk is asked at each of its proxies, or at its server."""
        proxies = (Proxy("p1"), Proxy("p2"))
        trunks = (Trunk("a", Proxy("a.example.com"), "kim", proxies=proxies), Trunk("b", Proxy("b.example.com")))
        found = serversOf(self.settings(translationRules=(), trunks=trunks), Keyring())
        self.assertEqual(
            [(each.place.host, each.setting, each.account is not None) for each in found],
            [("p1", "TrunkProxy", True), ("p2", "TrunkProxy", True), ("b.example.com", "TrunkServer", False)],
        )

    def test_others(self) -> None:
        """Where calls for help and calls to a mailbox lead is asked, too, unless that is a trunk."""
        settings = self.settings(
            translationRules=(), emergencyOutput="sip:$1@help.example.com", voicemailOutput="sips:$1@box.example.com"
        )
        found = serversOf(settings, Keyring())
        self.assertEqual(
            [each.name for each in found], ["help.example.com of EmergencyOutput", "box.example.com of VoicemailOutput"]
        )
        self.assertEqual(
            [(each.setting, each.secure, each.callsUs) for each in found],
            [("EmergencyOutput", False, False), ("VoicemailOutput", True, False)],
        )

    def test_registrars(self) -> None:
        """A login is tried where it names a user."""
        keyring = Keyring(
            {
                "kim@a.example.com": Credentials("-", "x"),
                "b.example.com": Credentials("lee", "x"),
                "c.example.com": Credentials("-", "x"),
            }
        )
        found = serversOf(self.settings(translationRules=()), keyring)
        self.assertEqual(
            [each.account and (each.account.aor, each.account.login) for each in found],
            [
                ("sip:kim@a.example.com", Credentials("kim", "x")),
                ("sip:lee@b.example.com", Credentials("lee", "x")),
            ],
        )
