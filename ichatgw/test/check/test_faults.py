"""Faults of the configuration and of the host that are planted: each is named in one line, with the remedy."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from ichatgw.check.asking.interfaces import Unreachable
from ichatgw.check.finding import Level
from ichatgw.model import TransportAddress
from ichatgw.test.check.scene import COMPONENT, SceneTestCase

_RUNS = {"component": COMPONENT, "link": "up", "mediaPorts": 1000, "mediaPortsFree": 998}


class WellTests(SceneTestCase):
    """A configuration in which all is well."""

    def test_allWell(self) -> None:
        """Nothing is wrong with it, and each subject has a line."""
        found = self.look()
        self.assertEqual([each for each in found if each.level is not Level.OK], [])
        self.assertEqual(
            {each.subject for each in found},
            {
                "configuration",
                "rules",
                "files",
                "certificate",
                "ports",
                "media ports",
                "versions",
                "open files",
                "clock",
                "XMPP link",
                "DNS",
                "SIP server",
                "SIP login",
                "STUN",
            },
        )

    def test_besideTheGateway(self) -> None:
        """Beside a gateway that runs nobody logs in, and the ports that it has are no fault."""
        self.network.said = _RUNS
        for port in (5070, *range(8000, 8100)):
            self.taken("udp", port)
            self.taken("tcp", port)
        self.assertEqual(self.faults(), [])
        self.assertEqual(self.network.logins, 0)


class ConfigurationFaults(SceneTestCase):
    """Faults of the configuration."""

    subject = "configuration"

    def test_misspelt(self) -> None:
        """A misspelt setting."""
        self.more = "LogLvel = DEBUG"
        self.assertDoubt(self.subject, r"config:\d+: LogLvel: unknown setting$", "^write LogLevel$")

    def test_wrongValue(self) -> None:
        """A value that is none."""
        self.lines["UDPTCPPort"] = "many"
        self.assertFault(self.subject, r"UDPTCPPort = many", "make it a whole number from 0 to 65535")

    def test_missing(self) -> None:
        """A setting that must be there."""
        del self.lines["JabberComponentPassword"]
        self.assertFault(self.subject, "JabberComponentPassword is missing", "add it: Password of the component")

    def test_contradiction(self) -> None:
        """Two settings that exclude each other."""
        self.lines["UDPTCPPort"] = "8100"
        self.assertFault(self.subject, "UDPTCPPort = 8100", "a port outside those of media")

    def test_several(self) -> None:
        """All faults of the configuration are named at once, each in a line of its own."""
        self.lines["UDPTCPPort"] = "many"
        self.lines["LogLevel"] = "LOUD"
        self.more = "Jingel = on"
        said = [each.what.rpartition(": ")[2] for each in self.faults()]
        self.assertEqual(sorted(said), ["LogLevel = LOUD", "UDPTCPPort = many", "unknown setting"])

    def test_pattern(self) -> None:
        """A pattern that is no regular expression."""
        self.rules.append(("^xmpp:(", "sip:$1@pbx.example.com"))
        self.assertFault(self.subject, r"TranslationPattern = \^xmpp:\(", "a rule that works, but missing")

    def test_half(self) -> None:
        """A pattern without an output."""
        self.more = "TranslationPattern = ^sip:a@"
        self.assertFault(self.subject, r"TranslationPattern = \^sip:a@", "a TranslationOutput to follow")

    def test_twice(self) -> None:
        """A setting that stands twice, though the last one only counts."""
        self.more = "LogLevel = INFO\nLogLevel = DEBUG"
        self.assertDoubt(self.subject, "LogLevel stands there 2 times, and the last one counts", "leave one")
        self.more = "STUNServer = other.example.com\nSTUNServer = stun.example.com:3478"
        self.assertDoubt(self.subject, "STUNServer stands there 3 times, and the last one counts", "leave one")

    def test_lists(self) -> None:
        """Several lines of a list add up."""
        self.more = "CodecIdFilterList = 3\nCodecIdFilterList = 4"
        self.assertEqual(self.faults(), [])

    def test_noForm(self) -> None:
        """A line without an equals sign."""
        self.more = "Jingle on"
        self.assertDoubt(self.subject, "not of the form Name = value", "put a # before it")

    def test_readable(self) -> None:
        """A file with a password that everybody can read."""
        self.mode = 0o644
        self.assertDoubt(self.subject, "holds a password and everybody on this host can read it", "chmod o-r")

    def test_obsolete(self) -> None:
        """A setting of the older gateway."""
        self.more = "HttpAuth = x"
        self.assertDoubt(self.subject, "HttpAuth: not needed", "take the line out")

    def test_pipe(self) -> None:
        """A pipe in the place of a file, which could keep us waiting for ever."""
        os.mkfifo(self.folder / "pipe")
        for name in ("TLSCertificate", "SIPUsers", "PhoneBook"):
            with self.subTest(name):
                before, self.lines = self.lines, {**self.lines, name: self.folder / "pipe"}
                self.assertFault(self.subject, f"{name} = ", "make it the name of a plain file")
                self.lines = before

    def test_secretInAPipe(self) -> None:
        """A pipe in the place of the file of a password; and one in the place of what is written."""
        os.mkfifo(self.folder / "pipe")
        for name, what, remedy in (
            ("HTTPTokenFile", "HTTPTokenFile = ", "one line of text, but it is no plain file"),
            ("LogFilename", "LogFilename = ", "a file that can be written"),
            ("CallRecords", "CallRecords = ", "a file that can be written"),
        ):
            with self.subTest(name):
                before, self.lines = self.lines, {**self.lines, name: self.folder / "pipe"}
                self.assertFault(self.subject, what, remedy)
                self.lines = before

    def test_unknownOption(self) -> None:
        """An option on the command line that there is not."""
        found = self.faults("--udptcport", "5080")
        self.assertEqual(len(found), 1)
        self.assertRegex(found[0].what, "did you mean --udptcpport")

    def test_commandLine(self) -> None:
        """Options count as they do for the gateway."""
        self.taken("udp", 5082)
        self.assertEqual([each.subject for each in self.faults("--udptcpport", "5082")][:1], ["ports"])


class RuleFaults(SceneTestCase):
    """Faults of the rules and of the phone book."""

    def test_neverReached(self) -> None:
        """A rule whose pattern stands before."""
        self.rules.append((self.rules[0][0], "sip:$1@other.example.com"))
        self.records.names["other.example.com"] = ("203.0.113.9",)
        self.assertDoubt("rules", "rule 4 is never reached, rule 1 has the same pattern", "take one")

    def test_behindAWiderOne(self) -> None:
        """A rule that is for less than one before it."""
        self.rules.append((r"^sip:([a-z]+)@example\.com$", "xmpp:$1@other.example"))
        found = self.assertDoubt("rules", "rule 4 is hardly ever reached: rule 3 comes first", "narrower rule before")
        self.assertIn("as for sip:a@example.com", found.what)

    def test_neverAnAddress(self) -> None:
        """A rule that ends before the @, and one for a domain that is nearly the gateway's."""
        self.rules.append((r"^sip:\+49(\d+)$", "xmpp:$1@example.com"))
        self.assertDoubt("rules", "rule 4 ends before the @", "end the pattern with @")
        self.rules[-1] = (r"^xmpp:9(\d+)@gw\.exmaple\.com$", "sip:$1@pbx.example.com")
        self.assertDoubt("rules", "rule 4 is for gw.exmaple.com, and users of XMPP call gw.example.com", "the domain")

    def test_allTheWorld(self) -> None:
        """Hosts that may call, and are all there are."""
        for hosts in ("any", "private, 0.0.0.0/0", "private, 203.0.113.0/24, ::/0"):
            self.lines["AllowedSIPPeers"] = hosts
            self.assertDoubt("AllowedSIPPeers", "it lets in all the world", "SIPUsers")

    def test_itself(self) -> None:
        """A rule that leads to the gateway itself."""
        self.rules.append(("^sip:7@", f"xmpp:7@{COMPONENT}"))
        self.assertDoubt("configuration", "that is the gateway itself", "domain of the users")

    def test_unknownTrunk(self) -> None:
        """A rule that names a trunk that there is not."""
        self.rules.append(("^xmpp:9(.*)@", "sip:$1@provider,bakcup"))
        self.assertDoubt("configuration", "there is no trunk bakcup", "declare that Trunk")

    def test_noRules(self) -> None:
        """No rules at all."""
        self.rules = []
        self.assertDoubt("configuration", "there are no translation rules", "add a TranslationPattern")

    def test_phoneBook(self) -> None:
        """A phone book with a line that is none."""
        book = self.folder / "book.csv"
        book.write_text("number,jid\n+49301234,kim@example.com\n7x7x,\n")
        self.lines["PhoneBook"] = book
        self.assertFault("phone book", "book.csv", "docs/phonebook.rst")

    def test_noWay(self) -> None:
        """A sample address that no rule matches."""
        self.calls = ("sip:72@elsewhere",)
        self.assertFault("call", "sip:72@elsewhere: leads nowhere: no translation rule", "add a TranslationPattern")


class FileFaults(SceneTestCase):
    """Faults of files."""

    subject = "files"

    def test_noDatabase(self) -> None:
        """A database that is none."""
        (self.folder / "store.sqlite").write_text("subscriptions: none")
        self.assertFault(self.subject, "store.sqlite is no database of SQLite", "its backup")

    def test_noHistory(self) -> None:
        """The same for that of calls that are over."""
        path = self.folder / "letter"
        path.write_text("Dear friend, " * 20)
        self.lines["CallHistoryDatabase"] = path
        self.assertFault("files", "CallHistoryDatabase: .*letter is no database of SQLite", "move it away")

    def test_damaged(self) -> None:
        """A database of which a part is broken."""
        (self.folder / "store.sqlite").write_bytes(b"SQLite format 3\0 and so on")
        self.host.damages["store.sqlite"] = "database disk image is malformed"
        self.assertFault(self.subject, "SubscriptionDatabase: .* is damaged: database", "stop the gateway")

    def test_controlSocket(self) -> None:
        """A place for the control socket where none can be."""
        folder = Path(tempfile.mkdtemp())  # that of the test may be too long for a socket itself
        self.addCleanup(shutil.rmtree, folder)
        (folder / "file").write_text("")
        for path, what, remedy in (
            (folder / "none" / "s", "there is no directory .*/none$", "make it"),
            (folder / "file", "file is no socket", "remove it"),
            (folder / ("x" * 120), "longer than the 107 octets", "name another file"),
        ):
            with self.subTest(path):
                self.lines["ControlSocket"] = path
                self.assertFault(self.subject, f"ControlSocket: .*{what}", remedy)

    def test_webUsers(self) -> None:
        """Logins of HTTP that are none, and a token that can be guessed."""
        path = self.folder / "users"
        path.write_text("kim:short\n")
        path.chmod(0o600)
        self.lines["HTTPUsers"] = path
        self.assertFault(self.subject, "HTTPUsers .*users line 1: it should be name:password", "correct it")
        del self.lines["HTTPUsers"]
        self.lines["HTTPToken"] = "short"
        self.assertFault(self.subject, "HTTPToken: a token has at least", "correct it")

    def test_noDirectory(self) -> None:
        """A database in a directory that is not there."""
        self.lines["SubscriptionDatabase"] = self.folder / "lib" / "store.sqlite"
        self.lines["CallDatabase"] = "none"
        self.assertFault(self.subject, "SubscriptionDatabase: there is no directory .*/lib$", "make it")

    def test_isDirectory(self) -> None:
        """A directory in the place of a database."""
        (self.folder / "store.sqlite").mkdir()
        self.assertFault(self.subject, "store.sqlite is no file", "name another one")

    def test_notWritable(self) -> None:
        """A directory in which nothing can be written."""
        self.patch(os, "access", lambda path, mode: not (str(path).endswith("calls") and mode & os.W_OK))
        (self.folder / "calls").mkdir()
        self.lines["CallDatabase"] = self.folder / "calls" / "db"
        self.assertFault(self.subject, "CallDatabase: .*/calls cannot be written", "gateway's user")

    def test_sameFile(self) -> None:
        """Two settings that name one file."""
        self.lines["CallRecords"] = self.lines["LogFilename"]
        self.assertFault(self.subject, "LogFilename and CallRecords name the same file", "each a file of its own")

    def test_full(self) -> None:
        """A disk without room."""
        self.host.free = 1 << 20
        self.assertDoubt(self.subject, "less than 50 MiB are free", "make room")

    def test_credentials(self) -> None:
        """Passwords that everybody can read."""
        path = self.folder / "credentials"
        path.write_text("")
        path.chmod(0o644)
        self.lines["SIPCredentials"] = path
        self.assertFault(self.subject, "SIPCredentials: .*everybody on this host can read it", "chmod o-r")

    def test_credentialsLine(self) -> None:
        """A line of the passwords that is none."""
        path = self.folder / "credentials"
        path.write_text("example.net onlyname\n")
        path.chmod(0o600)
        self.lines["SIPCredentials"] = path
        self.assertFault(self.subject, "credentials, line 1: expected an address", "correct it")


class HostFaults(SceneTestCase):
    """Faults of the host."""

    def test_portTaken(self) -> None:
        """Another program has the port for TCP."""
        self.taken("tcp", 5070)
        self.assertFault("ports", "UDPTCPPort: another program has TCP port 5070", "ss -tlnp")

    def test_portTakenForUDP(self) -> None:
        """Another program has the port for UDP: it may be a gateway, so nobody logs in."""
        self.taken("udp", 5070)
        found = self.faults()
        self.assertEqual([each.subject for each in found], ["ports", "XMPP link"])
        self.assertRegex(found[0].remedy, "ss -ulnp 'sport = :5070'")
        self.assertRegex(found[1].what, "not tried, as another program has the SIP port")
        self.assertEqual(self.network.logins, 0)

    def test_lowPort(self) -> None:
        """A port for which the user has no right."""
        self.lines["TLSPort"] = "443"
        self.taken("tcp", 443, errno.EACCES)
        self.assertFault("ports", "TLSPort: this user may not open TCP port 443", "CAP_NET_BIND_SERVICE")

    def test_notOurAddress(self) -> None:
        """An address that this host has not."""
        self.lines["IPAddress"] = "192.0.2.77"
        self.taken("udp", 0, errno.EADDRNOTAVAIL)
        self.assertFault("addresses", "IPAddress 192.0.2.77 is no address of this host", "ip address")

    def test_notOurHTTPAddress(self) -> None:
        """The same for HTTP."""
        path = self.folder / "users"
        path.write_text("kim:long enough\n")
        path.chmod(0o600)
        self.lines |= {"HTTPAddress": "192.0.2.77", "HTTPPort": "8088", "HTTPUsers": path}
        self.taken("tcp", 8088, errno.EADDRNOTAVAIL)
        self.assertFault("addresses", "HTTPPort: 192.0.2.77 is no address of this host", "leave HTTPAddress blank")

    def test_privateAdvertised(self) -> None:
        """An address for the Internet that is a private one."""
        self.lines["AdvertisedAddress"] = "10.0.0.7"
        found = self.faults()
        self.assertRegex(found[0].what, "AdvertisedAddress 10.0.0.7 is a private one")
        self.assertRegex(found[1].what, "sees us as 198.51.100.10, and AdvertisedAddress is 10.0.0.7")

    def test_mediaTaken(self) -> None:
        """Media ports that other programs have."""
        for port in range(9000, 9007):
            self.taken("udp", port)
        what = "other programs have 7 of them: 9000, 9001, 9002, 9003, 9004 and others"
        self.assertDoubt("media ports", what, "move the range")

    def test_tooNarrow(self) -> None:
        """Fewer media ports than MaxCalls takes."""
        self.lines["MaxCalls"] = "600"
        what = "ports 8000 to 9999 are enough for 500 calls, and MaxCalls is 600"
        self.assertDoubt("media ports", what, "MediaRelayPortRangeMax = 10400")

    def test_wideEnough(self) -> None:
        """As many as it takes are no doubt."""
        self.lines["MaxCalls"] = "500"
        self.assertEqual(self.faults(), [])

    def test_veryNarrow(self) -> None:
        """Media ports for a call or two."""
        self.lines["MediaRelayPortRangeMax"] = "8007"
        self.assertDoubt("media ports", "enough for 2 calls", "four ports more")

    def test_systemPorts(self) -> None:
        """Media ports that the system gives to any program, unless they are reserved."""
        self.host.span = (9000, 60999)
        what = "the system gives ports 9000 to 60999 to any program"
        self.assertDoubt("media ports", what, "ip_local_reserved_ports=8000-9999")
        self.host.reserved = "5,7000-12000"
        self.assertEqual(self.faults(), [])

    def test_openFiles(self) -> None:
        """Fewer files than calls take."""
        self.host.limit = 1024
        self.assertDoubt("open files", "1024 may be open, and calls on all media ports need 2100", "LimitNOFILE=2100")

    def test_clockNeverSet(self) -> None:
        """A clock that was never set."""
        self.lines = {name: value for name, value in self.lines.items() if not name.startswith("TLS")}
        self.host.time = datetime(1970, 1, 2, tzinfo=timezone.utc)
        self.assertFault("clock", "it is 1970-01-02", "NTP")

    def test_sippy(self) -> None:
        """A version of sippy that does not fit, or is not known."""
        self.host.misfit = "sippy 9 does not fit, install sippy 2.5.0: x is gone"
        self.assertFault("versions", "sippy 9 does not fit", "install that version")
        self.host.misfit, self.host.doubt = "", "sippy 2.6 is not known to fit"
        self.assertDoubt("versions", "not known to fit", "the version of sippy that is known")

    def test_library(self) -> None:
        """A library that is not there."""
        self.host.known["wokkel"] = ""
        self.assertFault("versions", "wokkel is not installed", "install ichatgw anew")


class CertificateFaults(SceneTestCase):
    """Faults of our own certificate."""

    subject = "certificate"

    def use(self, certificate: str, key: str) -> None:
        Path(key).chmod(0o600)
        self.lines["TLSCertificate"], self.lines["TLSPrivateKey"] = certificate, key

    def test_ended(self) -> None:
        """One that has ended."""
        self.later(days=31)
        found = self.faults()
        self.assertRegex(found[0].what, "a certificate in it has ended on")
        self.assertRegex(found[0].remedy, "put a new one there")

    def test_ends(self) -> None:
        """One that ends soon."""
        self.later(days=20)
        self.assertDoubt(self.subject, "a certificate in it ends in 9 days", "SIGHUP")

    def test_notYet(self) -> None:
        """One that is not valid yet, by this host's clock."""
        self.later(days=-100)
        found = self.faults()
        self.assertEqual({each.subject for each in found}, {"certificate"})
        self.assertRegex(found[0].remedy, "clock")

    def test_otherName(self) -> None:
        """One for another name."""
        self.use(*self.authority.issue("other.example.com", "other.example.com"))
        self.assertFault(self.subject, r"it is not for gw.example.com|TLSDomain", "correct TLSDomain")

    def test_otherKey(self) -> None:
        """A key of another certificate."""
        self.use(str(self.lines["TLSCertificate"]), self.authority.issue("other", "other")[1])
        self.assertFault(self.subject, "TLSPrivateKey .*nothing of that kind", "correct the setting")

    def test_incomplete(self) -> None:
        """One whose authority is known neither here nor in the file."""
        self.use(*self.authority.subordinate("Between").issue(COMPONENT, COMPONENT))
        self.assertDoubt(self.subject, "leads to no authority that this system knows", "TLSCAFile")

    def test_complete(self) -> None:
        """The certificate of the authority between may stand in the file."""
        between = self.authority.subordinate("Between")
        certificate, key = between.issue(COMPONENT, COMPONENT)
        with open(certificate, "a") as file:
            file.write(Path(between.path).read_text())
        self.use(certificate, key)
        self.assertEqual(self.faults(), [])

    def test_wrongOrder(self) -> None:
        """Certificates in the file that do not follow each other."""
        certificate, key = self.authority.issue(COMPONENT, COMPONENT)
        with open(certificate, "a") as file:
            file.write(Path(self.authority.issue("x", "x")[0]).read_text())
        self.use(certificate, key)
        self.assertFault(self.subject, "do not follow each other", "put ours first")

    def test_selfSigned(self) -> None:
        """One that is self-signed."""
        self.use(*self.authority.issue(COMPONENT, COMPONENT, selfSigned=True))
        self.assertDoubt(self.subject, "self-signed", "have phones trust")

    def test_readableKey(self) -> None:
        """A key that everybody can read."""
        Path(str(self.lines["TLSPrivateKey"])).chmod(0o644)
        self.assertDoubt(self.subject, "everybody on this host can read the key", "chmod o-r")

    def test_noCertificate(self) -> None:
        """HTTP over TLS without one."""
        for name in ("TLSCertificate", "TLSPrivateKey", "TLSDomain"):
            del self.lines[name]
        self.assertEqual(self.faults(), [])
        self.lines |= {"HTTPPort": "8088", "HTTPTLS": "on"}
        self.assertFault(self.subject, "HTTPTLS is on, and there is no TLSCertificate", "set TLSCertificate")


class OtherServerFaults(SceneTestCase):
    """Faults of servers that are neither of XMPP nor of SIP."""

    def test_nameServer(self) -> None:
        """One of two name servers that is dead: all works, and slowly."""
        self.lines["DNSServers"] = "192.0.2.53, 192.0.2.54:5353"
        self.network.broken["192.0.2.54"] = Unreachable("no answer", isSilent=True)
        self.assertFault("DNS", r"DNSServers: 192.0.2.54:5353: no answer", "correct DNSServers")

    def test_captureServer(self) -> None:
        """A server of HEP where nothing listens; the port and the transport are those of the setting."""
        self.records.names["homer.example.com"] = ("192.0.2.60",)
        self.network.broken["192.0.2.60"] = Unreachable("refused: nothing listens on that TCP port")
        self.lines["HEPServer"] = "homer.example.com:9061;transport=tcp"
        self.assertFault("HEP", "homer.example.com at 192.0.2.60:9061: refused", "start the server")
        self.assertEqual(self.network.tried, [(TransportAddress("192.0.2.60", 9061), True)])
        self.network.broken.clear()
        self.lines["HEPServer"] = "homer.example.com"
        self.assertEqual(self.faults(), [])
        self.assertEqual(self.network.tried[-1], (TransportAddress("192.0.2.60", 9060), False))

    def test_captureServerName(self) -> None:
        """A server of HEP that has no address."""
        self.lines["HEPServer"] = "homer.example.com"
        self.assertFault("HEP", "HEPServer homer.example.com has no address", "correct HEPServer")
