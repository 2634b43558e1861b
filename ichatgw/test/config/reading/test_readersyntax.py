"""Tests for L{ichatgw.config.reading.reader}: the lines of the file, and the translation rules in it."""

from __future__ import annotations

import os

from ichatgw.config.reading import reader
from ichatgw.config.reading.kinds import NAME_SERVERS
from ichatgw.config.reading.reader import OBSOLETE
from ichatgw.config.settings import Settings
from ichatgw.errors import ConfigError
from ichatgw.test.support.configs import REQUIRED, RULES, ConfigTestCase


class SyntaxTests(ConfigTestCase):
    """The lines of the file."""

    def test_caseAndBlanks(self) -> None:
        """Names have no case; blanks and tabs around names and values do not count."""
        self.assertEqual(self.load(" \t udptcpPORT\t=\t 5060 \t\n").udpTcpPort, 5060)

    def test_comments(self) -> None:
        """Comments stand on lines of their own; elsewhere the sign is part of the value."""
        self.assertEqual(self.load("  # UDPTCPPort = 1\nLogFilename = a#b # c\n").logFilename, "a#b # c")

    def test_equalsSigns(self) -> None:
        """The first equals sign ends the name; others belong to the value."""
        self.assertEqual(self.load("LogFilename=a = b=c\n").logFilename, "a = b=c")

    def test_laterLines(self) -> None:
        """A later line replaces an earlier one."""
        self.assertEqual(self.load("UDPTCPPort = 1\nUDPTCPPort = 2\n").udpTcpPort, 2)
        self.assertEqual(self.load("STUNServer = a.org\nSTUNServer = b.org:3479\n").stunServer, ("b.org", 3479))
        hep = self.load("HEPServer = a.org:1\nHEPServer = b.org;transport=tcp\n").hepServer
        self.assertEqual(hep, ("b.org", 0, "tcp"))

    def test_empty(self) -> None:
        """An empty value is the default, even after another one."""
        self.assertEqual(self.load("UDPTCPPort = 1\nUDPTCPPort =\nOutboundProxy=\n"), self.load())

    def test_lists(self) -> None:
        """Lines of a list add up, in place of the default; an empty line empties it."""
        self.assertEqual(
            self.load("CodecIdFilterList = 8,9\nCodecIdFilterList = 18 ; 8\n").codecIdFilterList, (8, 9, 18)
        )
        self.assertEqual(self.load("CodecIdFilterList = 8\nCodecIdFilterList =\n").codecIdFilterList, ())

    def test_listSeparators(self) -> None:
        """Blanks, commas and semicolons separate, in any number."""
        self.assertEqual(
            NAME_SERVERS.show(self.load("DNSServers = 192.0.2.1 , 192.0.2.2;;2001:db8::1,\n").dnsServers),
            "192.0.2.1, 192.0.2.2, 2001:db8::1",
        )

    def test_alias(self) -> None:
        """C{TLSDomainName}, as the manual calls it, is C{TLSDomain}."""
        self.assertEqual(self.load("TLSDomainName = x.org\n").tlsDomain, "x.org")

    def test_unknownName(self) -> None:
        """An unknown name is reported with the nearest known one; its value is not shown."""
        self.assertEqual(
            self.warnings("JabberComponentPasword = hunter2\nXyzzyqqq = 1\nTranslationPatern = x"),
            [
                "FILE:1: JabberComponentPasword: unknown setting, did you mean JabberComponentPassword?",
                "FILE:2: Xyzzyqqq: unknown setting",
                "FILE:3: TranslationPatern: unknown setting, did you mean TranslationPattern?",
            ],
        )

    def test_otherLines(self) -> None:
        """A line of another form is passed over with a warning that does not show it."""
        self.assertEqual(
            self.warnings("JabberComponentPassword hunter2\nhunter2\n= hunter2\na b = hunter2"),
            [f"FILE:{n}: not of the form Name = value, ignored" for n in (1, 2, 3, 4)],
        )

    def test_hostileName(self) -> None:
        """What is no plain text is escaped and cut in messages."""
        (warning,) = self.warnings("\x1b[2J" + "x" * 5000 + " = 1")
        self.assertTrue(warning.isprintable())
        self.assertLess(len(warning), 200)

    def test_obsolete(self) -> None:
        """Settings that tied the original's processes together, or did nothing, are accepted, whatever their value."""
        for name, why in OBSOLETE.items():
            self.assertEqual(
                self.warnings(f"{name} = nonsense"),
                [f"FILE:1: {name}: {why}"],
            )

    def test_byteOrderMark(self) -> None:
        """A byte order mark, as some editors write it, tells the encoding and does not spoil the first name."""
        Settings.load(self.write("\ufeff" + REQUIRED))
        text = (REQUIRED + RULES + "LogFilename = caf\u00e9\n").replace("\n", "\r\n")
        settings, warnings = Settings.load(self.write(text.encode("utf-16")))
        self.assertEqual((settings.logFilename, warnings), ("caf\u00e9", []))

    def test_latin1(self) -> None:
        """A file that is not UTF-8 is read as ISO 8859-1, with a warning."""
        path = self.write((REQUIRED + RULES + "LogFilename = caf\u00e9\n").encode("latin-1"))
        settings, warnings = Settings.load(path)
        self.assertEqual(settings.logFilename, "caf\u00e9")
        self.assertEqual(warnings, [f"{path}: not valid UTF-8, read as ISO 8859-1"])

    def test_lineSeparators(self) -> None:
        """Only line feeds end lines: other separators cannot smuggle in a setting."""
        self.assertEqual(len(self.problems("LogFilename = a\u2028UDPTCPPort = 1")), 1)
        self.assertEqual(len(self.problems("LogFilename = a\rUDPTCPPort = 1")), 1)

    def test_handedOver(self) -> None:
        """A shell may hand over what is kept nowhere, by a pipe; one into which nothing comes is given up."""
        self.patch(reader, "PIPE_TIMEOUT", 0.0)
        out, into = os.pipe()
        self.addCleanup(os.close, out)
        os.write(into, b"UDPTCPPort = 5071\n")
        os.close(into)
        entries = list(reader.readFile(f"/dev/fd/{out}", reader.Reader(())))
        self.assertEqual([(each.name, each.value) for each in entries], [("UDPTCPPort", "5071")])
        path = self.mktemp()
        os.mkfifo(path)
        error = self.assertRaises(ConfigError, list, reader.readFile(path, reader.Reader(())))
        self.assertEqual(str(error), f"{path}: cannot be read: nothing has come into this pipe for 0 s")

    def test_unreadable(self) -> None:
        """A file that is not there, or no file, or far too long, is an error that names it."""
        error = self.assertRaises(ConfigError, Settings.load, "/nowhere/gw.config")
        self.assertEqual(str(error), "/nowhere/gw.config: cannot be read: No such file or directory")
        self.assertRaises(ConfigError, Settings.load, "/")
        self.assertEqual(self.problems(b"#" * ((1 << 20) + 1)), ["FILE: longer than 1048576 bytes"])

    def test_binary(self) -> None:
        """Any bytes at all give an error or warnings, and nothing else."""
        self.assertEqual(len(self.problems(bytes(range(256)) * 100)), 3)


class RuleTests(ConfigTestCase):
    """Translation rules in the file."""

    def test_inOrder(self) -> None:
        """Rules are kept in their order, as they stand."""
        path = self.write(REQUIRED + "TranslationPattern = (a)$\nTranslationOutput = sip:$1\n" + RULES)
        self.assertEqual(
            Settings.load(path)[0].translationRules, (("(a)$", "sip:$1"), ("^xmpp:(.*)@gw$", "sip:$1@pbx"))
        )

    def test_pairs(self) -> None:
        """A pattern without output, or an output without pattern, is a problem at its own line."""
        self.assertEqual(
            self.problems(
                "TranslationOutput = sip:a\nTranslationPattern = b\nTranslationPattern = c\nTranslationOutput = sip:c\n"
                "TranslationOutput = sip:d\nTranslationPattern = e"
            ),
            [
                "FILE:1: TranslationOutput = sip:a: expected a TranslationPattern before it",
                "FILE:2: TranslationPattern = b: expected a TranslationOutput to follow",
                "FILE:5: TranslationOutput = sip:d: expected a TranslationPattern before it",
                "FILE:6: TranslationPattern = e: expected a TranslationOutput to follow",
            ],
        )

    def test_logFilename(self) -> None:
        """A log that cannot be written is a problem, and looking does not make it."""
        directory = self.mktemp()
        os.mkdir(directory)
        for path in (directory, "/nowhere/at/all"):
            self.assertEqual(
                self.problems(f"LogFilename = {path}"),
                [f"FILE:1: LogFilename = {path}: expected the name of a file that can be written"],
            )
        path = os.path.join(directory, "log")
        self.assertEqual(self.load(f"LogFilename = {path}\n").logFilename, path)
        self.assertFalse(os.path.exists(path))
        for name in ("-", "/dev/null"):
            self.assertEqual(self.load(f"LogFilename = {name}\n").logFilename, name)

    def test_otherFiles(self) -> None:
        """A file that is named and cannot be read is a problem at its line, and so is a directory that is none."""
        here = self.write("x")
        for name in (
            *("SIPCredentials", "SIPUsers", "TLSCertificate", "TLSPrivateKey", "TLSDHParamsFilename", "TLSCAFile"),
            "TLSCADirectory",
        ):
            wrong, kind = (
                (here, "directory") if name == "TLSCADirectory" else (os.path.dirname(here) or ".", "plain file")
            )
            for path in (wrong, "/nowhere"):
                self.assertEqual(
                    self.problems(f"{name} = {path}"),
                    [f"FILE:1: {name} = {path}: expected the name of a {kind} that can be read"],
                )
        self.assertEqual(self.load(f"SIPUsers = {here}\n").sipUsers, here)

    def test_pipes(self) -> None:
        """A pipe is no file, where it would keep us waiting: neither to read, nor to write, nor for a password."""
        pipe = self.write("x") + "pipe"
        os.mkfifo(pipe)
        self.addCleanup(os.unlink, pipe)
        for line, expected in (
            (f"SIPUsers = {pipe}", "the name of a plain file that can be read"),
            (f"CallRecords = {pipe}", "the name of a file that can be written"),
            (f"HTTPTokenFile = {pipe}", "a file that holds one line of text, but it is no plain file"),
            (f"JabberComponentPasswordFile = {pipe}", "a file that holds one line of text, but it is no plain file"),
        ):
            self.assertEqual(self.problems(line)[0], f"FILE:1: {line}: expected {expected}")

    def test_badRules(self) -> None:
        """A rule that can never work is a problem at the line that is at fault."""
        self.assertEqual(
            self.problems("TranslationPattern = a(b\nTranslationOutput = bob"),
            [
                "FILE:1: TranslationPattern = a(b: expected a rule that works, but missing closing parenthesis at"
                " character 3 of the pattern",
                "FILE:2: TranslationOutput = bob: expected a rule that works, but the output does not start with sip:,"
                " sips: or xmpp:",
            ],
        )

    def test_noSuchGroup(self) -> None:
        """An output that refers to brackets that the pattern lacks is a problem at its line."""
        self.assertEqual(
            self.problems("TranslationPattern = ^xmpp:(.*)@(.*)$\nTranslationOutput = sip:$3@pbx"),
            [
                "FILE:2: TranslationOutput = sip:$3@pbx: expected a rule that works, but $3 is nothing, the pattern has"
                " 2 brackets"
            ],
        )

    def test_doubtfulRules(self) -> None:
        """A rule that works and is hardly meant is warned of at its line."""
        (warning,) = self.warnings("TranslationPattern = ^xmpp:(.*)@x\nTranslationOutput = sip:\\1@pbx")
        self.assertTrue(warning.startswith("FILE:2: TranslationOutput = sip:\\1@pbx: \\1 stands for itself"), warning)
        (warning,) = self.warnings("TranslationPattern = ^xmpp:(.*)@x\nTranslationOutput = xmpp:$1@GW.example.com")
        self.assertIn("that is the gateway itself", warning)

    def test_meantName(self) -> None:
        """When the start fails since a name was mistyped, what was meant is said too."""
        path = self.write(REQUIRED.replace("JabberServer", "JaberServer"))
        problem = str(self.assertRaises(ConfigError, Settings.load, path))
        self.assertIn("JabberServer is missing", problem)
        self.assertIn("JaberServer: unknown setting, did you mean JabberServer?", problem)

    def test_quoted(self) -> None:
        """Quotation marks around a password are warned of, and count; the password is not shown."""
        for text in ('"sesame"', "'sesame'"):
            path = self.write(REQUIRED.replace("sesame", text) + RULES)
            settings, (warning,) = Settings.load(path)
            self.assertEqual(settings.jabberComponentPassword, text)
            self.assertIn("JabberComponentPassword: the quotation marks count as part of it", warning)
            self.assertNotIn("sesame", warning)

    def test_otherPorts(self) -> None:
        """A port of clients or servers is hardly that of components."""
        for port in (5222, 5269):
            (warning,) = self.warnings(f"JabberComponentPort = {port}")
            self.assertIn(f"JabberComponentPort: {port} is usually the port for", warning)
        self.assertEqual(self.warnings("JabberComponentPort = 5347"), [])

    def test_noRules(self) -> None:
        """Without rules the gateway starts, with a warning."""
        _, warnings = Settings.load(self.write(REQUIRED))
        self.assertEqual(
            warnings, ["TranslationPattern: there are no translation rules, so every call will be refused"]
        )
