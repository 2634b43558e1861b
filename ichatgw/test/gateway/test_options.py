"""Tests for L{ichatgw.options}."""

from __future__ import annotations

import os
import sys
from io import StringIO
from pathlib import Path
from typing import Any

from twisted.logger import ILogObserver, LogLevel
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.reading import document
from ichatgw.config.reading.reader import DEFAULT_FILE, OBSOLETE
from ichatgw.config.settings import TABLE
from ichatgw.options import Options

FILE = """\
JabberServer = localhost
JabberComponentName = gw.example.com
JabberComponentPassword = sesame
TranslationPattern = a
TranslationOutput = sip:b
"""


class OptionsTestCase(SynchronousTestCase):
    """Works in a directory of its own."""

    def setUp(self) -> None:
        directory = self.mktemp()
        os.mkdir(directory)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(directory)

    def write(self, name: str, content: str = FILE) -> None:
        Path(name).write_text(content)
        os.chmod(name, 0o600)

    def parse(self, *arguments: str, **environ: str) -> Options:
        options = Options(environ)
        options.parseOptions(list(arguments))
        return options

    def error(self, *arguments: str) -> str:
        return str(self.assertRaises(SystemExit, self.parse, *arguments).code)


class OptionsTests(OptionsTestCase):
    """L{Options}, as C{twistd ichatgw} takes them."""

    def test_defaultFile(self) -> None:
        """Without C{--config} the file of the original's name in the current directory is read."""
        self.write(DEFAULT_FILE)
        options = self.parse()
        self.assertEqual(options.settings.jabberComponentName, "gw.example.com")
        self.assertEqual(options.warnings, [])

    def test_namedFile(self) -> None:
        """C{--config} names another one."""
        self.write("other", FILE.replace("gw.", "other."))
        self.write(DEFAULT_FILE)
        for arguments in (["--config", "other"], ["-c", "other"]):
            self.assertEqual(self.parse(*arguments).settings.jabberComponentName, "other.example.com")

    def test_namedFileMissing(self) -> None:
        """A file that is named must be there."""
        self.write(DEFAULT_FILE)
        self.assertEqual(
            self.error("--config", "other"), "ichatgw cannot start:\nother: cannot be read: No such file or directory"
        )

    def test_nothingGiven(self) -> None:
        """Without any file the error says how to get one, and what is needed."""
        text = self.error()
        for word in (DEFAULT_FILE, "--config", "--sample-config", "JabberServer", "JabberComponentPassword is missing"):
            self.assertIn(word, text)

    def test_withoutFile(self) -> None:
        """No file is needed if the command line gives all."""
        self.write("secret", "sesame\n")
        options = self.parse(
            *("--jabberserver", "localhost", "--jabbercomponentname", "gw"),
            *("--jabbercomponentpasswordfile", "secret", "--udptcpport=5060"),
        )
        self.assertEqual(options.settings.jabberComponentPassword, "sesame")
        self.assertEqual(options.settings.udpTcpPort, 5060)
        self.assertEqual(len(options.warnings), 1)

    def test_everySetting(self) -> None:
        """Each setting has an option, named by one rule; secrets only have one for a file that holds them."""
        names = {parameter[0] for parameter in Options.optParameters} - {"config"}
        names |= {name.removeprefix("opt_").lower() for name in dir(Options) if name.startswith("opt_tr")}
        expected = {(setting.fileName if setting.secret else setting.name).lower() for setting in TABLE}
        expected |= {name.lower() for name in ("TLSDomainName", *OBSOLETE)}
        self.assertEqual(names, expected)
        self.write(DEFAULT_FILE)
        self.assertIn("JabberComponentPasswordFile = x", self.error("--jabbercomponentpassword", "x"))

    def test_otherNames(self) -> None:
        """What the manual of ichat-gw calls otherwise is an option, and so is what is not needed any more."""
        self.write(DEFAULT_FILE)
        options = self.parse("--tlsdomainname=x.org", "--gatewayipcport", "2078")
        self.assertEqual(options.settings.tlsDomain, "x.org")
        self.assertEqual(
            options.warnings, ["command line: GatewayIPCPort: no longer needed, the gateway is one process"]
        )

    def test_rules(self) -> None:
        """Rules may be given again and again; their order counts, and the file's are replaced."""
        self.write(DEFAULT_FILE)
        options = self.parse(
            *("--translationpattern", "x", "--translationoutput", "sip:y"),
            *("--translationpattern", "z", "--translationoutput", "xmpp:w"),
        )
        self.assertEqual(options.settings.translationRules, (("x", "sip:y"), ("z", "xmpp:w")))

    def test_environment(self) -> None:
        """Secrets may come from the environment."""
        self.write(DEFAULT_FILE)
        options = self.parse(ICHATGW_JABBERCOMPONENTPASSWORD="other")
        self.assertEqual(options.settings.jabberComponentPassword, "other")

    def test_wrongValue(self) -> None:
        """Wrong values are shown as such, without the help on all options."""
        self.write(DEFAULT_FILE, FILE + "LogLevel = LOUD\n")
        head, first, second = self.error("--udptcpport", "x").split("\n")
        self.assertEqual(head, "ichatgw cannot start:")
        self.assertTrue(first.startswith(f"{DEFAULT_FILE}:6: LogLevel = LOUD: expected one of NONE, "), first)
        self.assertEqual(second, "command line: UDPTCPPort = x: expected a whole number from 0 to 65535")

    def test_superfluous(self) -> None:
        """What is no option is refused in two lines, without the whole help."""
        self.write(DEFAULT_FILE)
        tail = "; twistd ichatgw --help names them all"
        for arguments, problem in (
            (["word"], "'word' is no option"),
            (["--udptcport=1"], "option --udptcport not recognized, did you mean --udptcpport?"),
            (["--frobnicate"], "option --frobnicate not recognized"),
            (["--loglevel"], "option --loglevel requires argument"),
        ):
            self.assertEqual(self.error(*arguments), f"ichatgw cannot start:\ncommand line: {problem}{tail}")

    def test_sample(self) -> None:
        """C{--sample-config} prints the sample file and ends."""
        stream = StringIO()
        self.patch(sys, "stdout", stream)
        self.assertRaises(SystemExit, self.parse, "--sample-config")
        self.assertEqual(stream.getvalue(), document.sample(TABLE))

    def test_version(self) -> None:
        """C{--version} prints our own."""
        stream = StringIO()
        self.patch(sys, "stdout", stream)
        self.assertRaises(SystemExit, self.parse, "--version")
        self.assertTrue(stream.getvalue().startswith("ichatgw "))

    def test_help(self) -> None:
        """The help explains each setting in lines that fit a terminal."""
        text = str(Options({}).getUsage(80))
        self.assertLessEqual(max(map(len, text.split("\n"))), 80)
        self.assertIn("--translationpattern=", text)
        words = " ".join(text.split())
        for setting in TABLE:
            self.assertIn(setting.help, words)
        self.assertIn("[default: 5070]", words)
        self.assertIn("[default: 180 seconds]", words)


class LogTests(OptionsTestCase):
    """Where C{twistd}'s log goes."""

    def observerFor(self, lines: str, **twistd: Any) -> Any:
        """What C{twistd} would log to, or C{None} for its own default."""
        self.write(DEFAULT_FILE, FILE + lines)
        options = Options({})
        options.parent = usage.Options()
        options.parent.update(twistd)
        options.parseOptions([])
        return options.logObserver()

    def test_file(self) -> None:
        """C{LogFilename} takes C{twistd}'s whole log."""
        observer = self.observerFor("LogFilename = gw.log\n", logfile="other.log")
        self.assertTrue(ILogObserver.providedBy(observer))
        observer({"log_level": LogLevel.info, "log_format": "hello", "log_time": 0.0})
        self.assertIn("hello", Path("gw.log").read_text())

    def test_foreground(self) -> None:
        """Without it a C{twistd} in the foreground logs to the standard output, at C{LogLevel}."""
        stream = StringIO()
        self.patch(sys, "stdout", stream)
        observer = self.observerFor("LogLevel = WARNING\n", nodaemon=1)
        observer({"log_level": LogLevel.info, "log_format": "quiet", "log_time": 0.0})
        observer({"log_level": LogLevel.warn, "log_format": "loud", "log_time": 0.0})
        self.assertIn("loud", stream.getvalue())
        self.assertNotIn("quiet", stream.getvalue())

    def test_daemon(self) -> None:
        """One in the background logs to C{twistd.log}, or where C{--logfile} says."""
        for name in ("twistd.log", "other.log"):
            given = {} if name == "twistd.log" else {"logfile": name}
            self.observerFor("", **given)({"log_level": LogLevel.warn, "log_format": "hello", "log_time": 0.0})
            self.assertIn("hello", Path(name).read_text())

    def test_daemonToOutput(self) -> None:
        """That a daemon cannot log to the standard output is left to C{twistd} to say."""
        self.assertIsNone(self.observerFor("", logfile="-"))

    def test_twistdsOwn(self) -> None:
        """What C{twistd} is told about C{--logger} and C{--syslog} holds."""
        self.assertIsNone(self.observerFor("LogFilename = gw.log\n", logger="some.where"))
        self.assertIsNone(self.observerFor("LogFilename = gw.log\n", syslog=1))

    def test_withoutTwistd(self) -> None:
        """Without C{twistd} around it the log goes to C{LogFilename} as well."""
        self.write(DEFAULT_FILE, FILE + "LogFilename = gw.log\n")
        self.assertTrue(ILogObserver.providedBy(self.parse().logObserver()))
