# -*- test-case-name: ichatgw.test.command.test_gateway -*-
"""Tests for L{ichatgw.command.gateway}."""

from __future__ import annotations

import os
import socket
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.command import gateway
from ichatgw.command.gateway import ask, pathOf, takesPlace
from ichatgw.errors import ConfigError


def here(**values: object) -> Namespace:
    """Arguments."""
    return Namespace(**{"socket": "/run/x", "config": None, **values})


class AskTests(SynchronousTestCase):
    """L{ask}."""

    def setUp(self) -> None:
        self.asked: list[tuple[str, bytes]] = []
        self.problem: Exception | None = None
        self.lines: list[bytes] = []
        self.patch(gateway, "_lines", self.answer)

    def answer(self, path: str, order: bytes) -> Iterator[bytes]:
        self.asked.append((path, order))
        if self.problem is not None:
            raise self.problem
        yield from self.lines

    def fail(self) -> str:  # type: ignore[override]
        return str(self.assertRaises(ConfigError, ask, here(), "status"))

    def test_answer(self) -> None:
        """The order goes to the socket; what comes are items, and data at last."""
        self.lines = [b'{"item": 1}', b'{"item": 2}', b'{"done": {"count": 2}}', b"never read"]
        told = ask(here(), "calls", past="2")
        self.assertEqual((told.items, told.data), ([1, 2], {"count": 2}))
        self.assertEqual(self.asked, [("/run/x", b'{"order": "calls", "words": {"past": "2"}}')])

    def test_refused(self) -> None:
        """What the gateway says is wrong is said."""
        self.lines = [b'{"error": "no such call: see calls"}']
        self.assertEqual(self.fail(), "no such call: see calls")

    def test_trouble(self) -> None:
        """Whatever goes wrong on the way is said, with the remedy."""
        for problem, words in (
            (FileNotFoundError(2, "x"), "no gateway listens at /run/x: is it running?"),
            (ConnectionRefusedError(111, "x"), "no gateway listens at /run/x: is it running?"),
            (PermissionError(13, "x"), "be the user as whom the gateway runs, or root"),
            (TimeoutError(), "has said nothing for 30 s: see its log"),
            (OSError(107, "Ouch"), "does not answer as a gateway does: [Errno 107] Ouch"),
        ):
            self.problem = problem
            self.assertIn(words, self.fail())

    def test_nobody(self) -> None:
        """Where nobody listens it is said whether there ever was a gateway, or something else is there."""
        folder = tempfile.mkdtemp()
        self.problem = ConnectionRefusedError(111, "x")
        stale, file = os.path.join(folder, "stale"), os.path.join(folder, "file")
        with closing(socket.socket(socket.AF_UNIX)) as left:
            left.bind(stale)
        open(file, "w").close()
        for path, words in (
            (os.path.join(folder, "none"), "none: is it running?"),
            (stale, f"no gateway listens at {stale} any more: it was killed; start it"),
            (file, f"{file} is no socket of a gateway"),
            (folder, f"{folder} is no socket of a gateway"),
        ):
            self.assertIn(words, str(self.assertRaises(ConfigError, ask, here(socket=path), "status")))

    def test_otherProgram(self) -> None:
        """Another program that listens there is no gateway; one that goes is said to have gone."""
        for line in (b"220 mail", b"[]", b"{}", b'{"done": 1}', b"null"):
            self.lines = [line]
            self.assertIn("does not answer as a gateway does", self.fail(), line)
        self.lines = []
        self.assertIn("has closed the connection", self.fail())


class LinesTests(SynchronousTestCase):
    """The socket itself."""

    def connected(self) -> socket.socket:
        """The end of the gateway."""
        ours, theirs = socket.socketpair()

        class Connected(socket.socket):
            def connect(self, address: object) -> None:
                """It is."""

        self.addCleanup(theirs.close)
        self.patch(socket, "socket", lambda family: Connected(fileno=ours.detach()))
        return theirs

    def test_turnedAway(self) -> None:
        """A gateway that closes before it is asked is heard all the same."""
        theirs = self.connected()
        theirs.sendall(b'{"error": "too many"}\n')
        theirs.close()
        self.assertEqual(next(gateway._lines("/x", b"order")), b'{"error": "too many"}')

    def test_lines(self) -> None:
        """What comes is cut into lines, however it comes."""
        theirs = self.connected()
        theirs.sendall(b"one\ntw")
        lines = gateway._lines("/x", b"order")
        self.assertEqual(next(lines), b"one")
        self.assertEqual(theirs.recv(100), b"order\n")
        theirs.sendall(b"o\nrest")
        theirs.shutdown(socket.SHUT_WR)
        self.assertEqual(list(lines), [b"two"])


class PathTests(SynchronousTestCase):
    """L{pathOf}."""

    def setUp(self) -> None:
        self.folder, self.run_ = tempfile.mkdtemp(), tempfile.mkdtemp()
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.folder)
        self.patch(gateway, "RUN_DIRECTORY", self.run_)

    def write(self, name: str, text: str) -> str:
        with open(name, "w") as file:
            file.write(text)
        return name

    def test_given(self) -> None:
        """One that is given is taken, whatever there is."""
        self.write("ichat-gw.config", "ControlSocket = /a\n")
        self.assertEqual(pathOf("/b", None), "/b")
        for path in ("", "/" + 200 * "x"):
            self.assertIn("has 1 to 107 octets", str(self.assertRaises(ConfigError, pathOf, path, None)))

    def test_configured(self) -> None:
        """Else the one that the configuration names, the one here or the one that is given."""
        self.write("ichat-gw.config", "JabberServer = x\nControlSocket = /a\n")
        self.assertEqual(pathOf(None, None), "/a")
        self.assertEqual(pathOf(None, self.write("other", "ControlSocket = /o\n")), "/o")

    def test_lookedFor(self) -> None:
        """Else it is looked for: here, beside the configuration, where systemd makes a directory."""
        there = os.path.join(self.run_, "ichatgw.sock")
        self.assertEqual(pathOf(None, None), there)
        os.mkdir("etc")
        config = self.write("etc/x.config", "JabberServer = x\n")
        self.write("etc/ichatgw.sock", "")
        self.assertEqual(pathOf(None, config), "etc/ichatgw.sock")
        self.write("ichatgw.sock", "")
        self.assertEqual(pathOf(None, None), "ichatgw.sock")
        self.patch(gateway, "RUN_DIRECTORY", "/nowhere")
        os.unlink("ichatgw.sock")
        self.assertEqual(pathOf(None, None), "ichatgw.sock")

    def test_none(self) -> None:
        """A gateway that has none cannot be asked, and a file that is not there not be read."""
        self.write("ichat-gw.config", "ControlSocket = none\n")
        self.assertIn("take ControlSocket = none out", str(self.assertRaises(ConfigError, pathOf, None, None)))
        self.assertIn("there is no gone", str(self.assertRaises(ConfigError, pathOf, None, "gone")))

    def test_arguments(self) -> None:
        """Each command takes both."""
        parser = ArgumentParser()
        takesPlace(parser)
        self.assertEqual(parser.parse_args([]), Namespace(socket=None, config=None))
        given = parser.parse_args(["--socket", "/s", "--config", "c"])
        self.assertEqual(given, Namespace(socket="/s", config="c"))
