"""Faults of the network that are planted: each is named in one line, with the remedy."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

from ichatgw.check.asking.interfaces import Unreachable
from ichatgw.check.finding import Level
from ichatgw.check.sipservers import MAX_SERVERS
from ichatgw.model import TransportAddress
from ichatgw.test.check.scene import COMPONENT, SceneTestCase
from ichatgw.test.marks import slow

PBX, PROVIDER = "203.0.113.5", "203.0.113.7"
SILENT = Unreachable("no answer", isSilent=True)


class LinkFaults(SceneTestCase):
    """Faults of the link to the XMPP server."""

    subject = "XMPP link"

    def test_refusals(self) -> None:
        """Each way in which a server may refuse us has its remedy."""
        for trouble, what, remedy in (
            ("stream error 'not-authorized'", "it refuses the password", "JabberComponentPassword"),
            ("stream error 'host-unknown'", f"it has no component {COMPONENT}", "declare that component"),
            ("stream error 'conflict'", f"another program is connected to it as {COMPONENT}", "stop that one"),
            ("stream error 'invalid-namespace'", "expects clients on port 5275", "JabberComponentPort"),
            ("Connection was refused by other side: 111", "nothing listens on port 5275", "start the server"),
            ("no answer", "no answer from port 5275", "firewall"),
            ("the server closed the connection at once", "closed the connection", "log of the XMPP server"),
        ):
            with self.subTest(trouble):
                self.network.trouble = trouble
                self.assertFault(self.subject, what, remedy)

    def test_name(self) -> None:
        """The server's name is not in the DNS."""
        self.lines["JabberServer"] = "xmp.example.com"
        self.assertFault("DNS", "JabberServer xmp.example.com has no address", "correct the name")

    def test_state(self) -> None:
        """A gateway that runs without a link says why."""
        why = "stream error 'conflict': another program is connected under this name"
        self.network.said = {"component": COMPONENT, "link": why}
        found = self.assertFault(self.subject, "the running gateway has no link to .*conflict", "stop that one")
        self.assertEqual(self.network.logins, 0, found)

    def test_noDomain(self) -> None:
        """A component that is part of no domain, so that no user may call."""
        self.lines["JabberComponentName"] = "gateway"
        found = self.faults()
        self.assertIn(("XMPP link", Level.WARNING), [(each.subject, each.level) for each in found])
        self.assertRegex(next(each.remedy for each in found if each.subject == self.subject), "AllowedXMPPDomains")


class ServerFaults(SceneTestCase):
    """Faults of SIP servers."""

    subject = "SIP server"

    def test_noAddress(self) -> None:
        """The server of a trunk is not in the DNS."""
        self.trunk["TrunkServer"] = "sip:spi.example.net"
        self.assertFault("DNS", "trunk provider: 'spi.example.net' has no address", "correct the host in TrunkServer")

    def test_nameServers(self) -> None:
        """The name servers are silent: each name that cannot be looked up is said."""
        self.records.isSilent = True
        found = self.faults()
        self.assertEqual([each.subject for each in found], ["DNS", "DNS", "DNS", "STUN"])
        for each in found:
            self.assertRegex(each.what, "the name servers do not say where")

    def test_refused(self) -> None:
        """Nothing listens there."""
        self.network.broken[PBX] = Unreachable("refused: nothing listens on that UDP port")
        self.assertFault(self.subject, "pbx.example.com of rule 1 at udp:203.0.113.5:5060: refused", "start the server")

    def test_silent(self) -> None:
        """It says nothing: a firewall, perhaps."""
        self.network.broken[PROVIDER] = SILENT
        self.assertFault(self.subject, "trunk provider at .*: no answer", "let UDP .*5060 pass the firewalls")

    def test_oneOfTwo(self) -> None:
        """One of the servers of a name is silent."""
        self.records.names["pbx.example.com"] = (PBX, "203.0.113.6")
        self.network.broken["203.0.113.6"] = SILENT
        self.assertDoubt(self.subject, "203.0.113.6:5060: no answer", "firewalls")

    def test_certificate(self) -> None:
        """Its certificate is no good."""
        self.network.broken[PBX] = Unreachable("its certificate is refused: it has expired")
        self.assertFault(self.subject, "it has expired", "TLSCAFile")

    def test_forbidden(self) -> None:
        """It does not know us."""
        self.network.codes["OPTIONS"] = "403 Who Are You"
        found = self.faults()
        self.assertEqual(len(found), 2)
        self.assertRegex(found[0].what, "answers OPTIONS with 403 Who Are You")
        self.assertRegex(found[0].remedy, "take calls from our address")

    def test_anyAnswer(self) -> None:
        """A server that has no OPTIONS is there all the same."""
        self.network.codes["OPTIONS"] = "405 Method Not Allowed"
        self.assertEqual(self.faults(), [])

    def test_mayNotCall(self) -> None:
        """A server that is called and may not call back."""
        self.lines["AllowedSIPPeers"] = "private"
        self.assertDoubt("AllowedSIPPeers", "is at 203.0.113.5, whose calls are answered 403", "add 203.0.113.5")

    def test_clock(self) -> None:
        """A server whose clock says something else."""
        self.network.headers = f"Date: {format_datetime(self.host.time - timedelta(minutes=10), usegmt=True)}\r\n"
        found = self.faults()
        self.assertEqual({each.subject for each in found}, {"clock"})
        self.assertRegex(found[0].what, r"(599|600|601) s ahead of")

    @slow
    def test_manyServers(self) -> None:
        """Of thousands of servers some are asked, and the rest is said."""
        self.rules += [(f"^xmpp:{number}@", f"sip:{number}@pbx{number}.example.com") for number in range(5000)]
        found = self.look()
        self.assertEqual(len([each for each in found if each.subject == "DNS"]), MAX_SERVERS)
        self.assertIn(f"only the first {MAX_SERVERS} of 5002", " ".join(each.what for each in found))


class LoginFaults(SceneTestCase):
    """Faults of logins."""

    subject = "SIP login"

    def test_asksOnly(self) -> None:
        """A login is tried without touching the bindings that there are: REGISTER has no Contact and no Expires."""
        self.assertEqual(self.faults(), [])
        registers = [text for text in self.network.requests if text.startswith("REGISTER")]
        self.assertEqual(len(registers), 2)
        for text in registers:
            self.assertNotIn("\r\nContact:", text)
            self.assertNotIn("\r\nExpires:", text)

    def test_wrongPassword(self) -> None:
        """A wrong password."""
        self.trunk["TrunkPassword"] = "wrong"
        self.assertFault(self.subject, "sip:4930@sip.example.net is refused .*: 403 Forbidden", "correct TrunkPassword")

    def test_refusedAgain(self) -> None:
        """A registrar that asks again refuses the password, too, and is not asked for ever."""
        self.network.codes["REGISTER"] = "401 Unauthorized"
        self.assertFault(self.subject, "is refused with the name 4930: 401", "correct TrunkPassword")
        self.assertEqual(len([text for text in self.network.requests if text.startswith("REGISTER")]), 2)

    def test_unknownUser(self) -> None:
        """A user that the registrar does not know."""
        self.network.codes["REGISTER"] = "404 Not Found"
        self.assertFault(self.subject, "is not known there: 404", "correct the user")

    def test_noPassword(self) -> None:
        """A registrar that wants a login, and no password."""
        del self.trunk["TrunkPassword"]
        self.assertFault(self.subject, "wants a login, and there is no password", "set TrunkPassword")

    def test_otherKind(self) -> None:
        """A registrar that wants a login that nobody here can give."""
        self.network.algorithm = "ROT13"
        self.assertFault(self.subject, "of a kind that is not known here", "SHA-256")

    def test_trouble(self) -> None:
        """A registrar in trouble."""
        self.network.codes["REGISTER"] = "500 Ouch"
        self.assertDoubt(self.subject, "REGISTER is answered 500 Ouch", "log of that server")

    def test_withoutLogin(self) -> None:
        """A registrar that wants none."""
        self.network.codes["REGISTER"] = "200 OK"
        self.assertIn("without a login", " ".join(each.what for each in self.look()))

    def test_credentials(self) -> None:
        """The logins of SIPCredentials are tried as well."""
        path = self.folder / "credentials"
        path.write_text("kim@sip.example.net - sesame\n")
        path.chmod(0o600)
        self.lines["SIPCredentials"] = path
        self.assertFault(self.subject, "sip:kim@sip.example.net is refused", "correct SIPCredentials")


class STUNFaults(SceneTestCase):
    """Faults of STUN."""

    subject = "STUN"

    def test_silent(self) -> None:
        """A server that says nothing."""
        self.network.seenAs = SILENT
        self.assertFault(self.subject, "STUNServer stun.example.com at 192.0.2.3:3478: no answer", "firewall")

    def test_noAddress(self) -> None:
        """A server that is not in the DNS."""
        self.lines["STUNServer"] = "stnu.example.com:3479"
        self.assertFault(self.subject, "STUNServer stnu.example.com has no address", "correct STUNServer")

    def test_otherAddress(self) -> None:
        """It sees us elsewhere than we say."""
        self.lines["AdvertisedAddress"] = "9.9.9.9"
        what = "sees us as 198.51.100.10, and AdvertisedAddress is 9.9.9.9"
        self.assertDoubt(self.subject, what, "AdvertisedAddress = 198.51.100.10")
        self.network.seenAs = TransportAddress("9.9.9.9", 3)
        self.assertEqual(self.faults(), [])
