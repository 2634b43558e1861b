"""Tests for L{ichatgw.command}."""

from __future__ import annotations

import io
import json
import sys
from argparse import ArgumentParser, Namespace
from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase

from ichatgw import __version__, command
from ichatgw.command.result import Result
from ichatgw.errors import ConfigError


class Run:
    """
    A run of C{ichatgw}.

    @ivar status: the exit status.
    """

    def __init__(self, *arguments: str) -> None:
        out, err = io.StringIO(), io.StringIO()
        self.status = command.main(arguments, out, err)
        self.out, self.err = out.getvalue(), err.getvalue()

    @property
    def json(self) -> object:
        return json.loads(self.out)


def declare(parser: ArgumentParser) -> None:
    parser.add_argument("word", nargs="?")


def run(arguments: Namespace) -> Result:
    if arguments.word is None:
        raise ConfigError("there is no word: say one")
    return Result(f"{arguments.word}!", {"word": arguments.word}, 3 if arguments.word == "ouch" else 0)


class MainTests(SynchronousTestCase):
    """L{command.main}."""

    def setUp(self) -> None:
        self.patch(command, "COMMANDS", {"say": "said"})
        self.patch(command, "import_module", lambda name: SimpleNamespace(HELP="say it", declare=declare, run=run))

    def test_result(self) -> None:
        """What a command has to say goes to the output, for people or as JSON; the status is its own."""
        said = Run("say", "höy")
        self.assertEqual((said.status, said.out, said.err), (command.OK, "höy!\n", ""))
        self.assertEqual(Run("say", "--json", "höy").json, {"word": "höy"})
        self.assertEqual(Run("say", "ouch").status, 3)

    def test_error(self) -> None:
        """What is wrong goes to the error output, as JSON to the output as well, and the status is 1."""
        said = Run("say")
        self.assertEqual((said.status, said.out), (command.FAILED, ""))
        self.assertEqual(said.err, "ichatgw say: there is no word: say one\n")
        said = Run("say", "--json")
        self.assertEqual((said.status, said.json), (command.FAILED, {"error": "there is no word: say one"}))

    def test_part(self) -> None:
        """A command may be a part of a module."""
        part = SimpleNamespace(HELP="say it", declare=declare, run=run)
        self.patch(command, "COMMANDS", {"say": "said:part"})
        self.patch(command, "import_module", lambda name: {"said": SimpleNamespace(part=part)}[name])
        self.assertEqual(Run("say", "x").out, "x!\n")

    def test_onlyNamed(self) -> None:
        """The modules of other commands are not imported, as each takes a good part of a second."""
        imported = []
        module = SimpleNamespace(HELP="say it", declare=declare, run=run)

        def importing(name: str) -> SimpleNamespace:
            imported.append(name)
            return module

        self.patch(command, "COMMANDS", {"say": "said", "sing": "sung"})
        self.patch(command, "import_module", importing)
        Run("say", "x")
        self.assertEqual(imported, ["said"])
        self.assertRaises(SystemExit, Run, "dance")
        self.assertEqual(imported, ["said", "said", "sung"])

    def test_usage(self) -> None:
        """A wrong command line ends with 2, a question for help or the version with 0."""
        for arguments, status in (
            ((), 2),
            (("sing",), 2),
            (("say", "--loud"), 2),
            (("--help",), 0),
            (("--version",), 0),
        ):
            with self.subTest(arguments):
                out, err = io.StringIO(), io.StringIO()
                self.patch(sys, "stdout", out)
                self.patch(sys, "stderr", err)
                end = self.assertRaises(SystemExit, command.main, arguments)
                self.assertEqual(end.code, status)
        self.assertIn(__version__, out.getvalue())

    def test_interrupted(self) -> None:
        """Who waits no longer sees a line, and no traceback; the status is that of a program that was interrupted."""

        def interrupted(arguments: Namespace) -> None:
            raise KeyboardInterrupt

        self.patch(command, "import_module", lambda name: SimpleNamespace(HELP="", declare=declare, run=interrupted))
        said = Run("say", "it")
        self.assertEqual((said.status, said.out), (command.INTERRUPTED, ""))
        self.assertEqual(said.err, "ichatgw say: interrupted; an order that was sent is carried out\n")

    def test_notWritable(self) -> None:
        """An output that takes nothing, such as a full disk, is a failure in words."""

        class Full(io.StringIO):
            def write(self, text: str) -> int:
                raise OSError(28, "No space left on device")

        err = io.StringIO()
        self.assertEqual(command.main(["say", "it"], Full(), err), command.FAILED)
        self.assertEqual(err.getvalue(), "ichatgw say: the output cannot be written: No space left on device\n")

    def test_narrowEncoding(self) -> None:
        """What the terminal has no character for is escaped."""
        for encoding, written in (("ascii", b"h\\xf6y \\u263a!\n"), ("latin-1", b"h\xf6y \\u263a!\n")):
            octets = io.BytesIO()
            out = io.TextIOWrapper(octets, encoding)
            self.assertEqual(command.main(["say", "h\xf6y \u263a"], out), command.OK)
            self.assertEqual(octets.getvalue(), written)

    def test_nobodyReads(self) -> None:
        """It is no failure if nobody reads to the end."""

        class Closed(io.StringIO):
            def write(self, text: str) -> int:
                raise BrokenPipeError

        self.assertEqual(command.main(["say", "it"], Closed(), io.StringIO()), command.OK)
