"""Tests for L{ichatgw.command.check}."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.check.finding import Finding, error, ok, warning
from ichatgw.command import check
from ichatgw.test.command.test_command import Run
from ichatgw.test.support.configs import REQUIRED, RULES


class CheckTests(SynchronousTestCase):
    """The command."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute()
        self.path.write_text(REQUIRED + RULES)
        self.path.chmod(0o600)
        self.found: list[Finding] = []
        self.begun: list[check.Begin] = []
        self.patch(check, "inReactor", self.inReactor)

    def inReactor(self, begin: check.Begin) -> list[Finding]:
        self.begun.append(begin)
        return self.found

    def check(self, *arguments: str) -> Run:
        return Run("check", "--config", str(self.path), *arguments)

    def test_well(self) -> None:
        """If all is well the status is 0, and each subject has a line."""
        self.found = [ok("files", "fine")]
        said = self.check()
        self.assertEqual(said.status, 0)
        self.assertEqual(said.out.splitlines()[1:], ["ok       files            fine", "0 errors, 0 warnings"])
        self.assertEqual(self.check("--quiet").out, "")

    def test_faults(self) -> None:
        """Faults are shown with the remedy, what strangers say without control characters; errors count most."""
        self.found = [warning("files", "full", "make room"), ok("a", "b")]
        said = self.check("--quiet")
        self.assertEqual(said.status, 1)
        self.assertEqual(said.out, "warning  files            full; make room\n0 errors, 1 warning\n")
        self.found.append(error("SIP server", "says \033[2J", "look"))
        said = self.check("--quiet")
        self.assertEqual(said.status, 2)
        self.assertIn("error    SIP server       says \\x1b[2J; look\n1 error, 1 warning\n", said.out)

    def test_json(self) -> None:
        """Programs get the same as JSON."""
        self.found = [error("files", "full", "make room")]
        said = self.check("--json", "--quiet")
        self.assertEqual(said.status, 2)
        finding = {"subject": "files", "level": "error", "what": "full", "remedy": "make room"}
        self.assertEqual(said.json, {"findings": [finding], "errors": 1, "warnings": 0})

    def test_configuration(self) -> None:
        """If the gateway could not start, nothing else is tried; options behind -- count as for the gateway."""
        said = self.check("--", "--udptcpport", "many")
        self.assertEqual((said.status, self.begun), (2, []))
        self.assertIn("udptcpport = many", said.out.lower())
        self.check("--", "--udptcpport", "5090")
        self.assertEqual(len(self.begun), 1)

    def test_finished(self) -> None:
        """The reactor runs until all is found; one that is interrupted, or a check that fails, is an error."""

        class Reactor:
            def callWhenRunning(self, call: Any) -> None:
                self.call = call

            def run(self) -> None:
                self.call()

            def stop(self) -> None:
                stopped.append(True)

        stopped: list[bool] = []
        reactor: Any = Reactor()
        found = [ok("a", "b")]
        self.assertEqual(check.finished(lambda reactor: succeed(found), reactor), found)
        for begin, words in (
            (lambda reactor: fail(RuntimeError("ouch")), "this has failed: RuntimeError: ouch"),
            (
                lambda reactor: reactor.ouch(),
                "this has failed: AttributeError: 'Reactor' object has no attribute 'ouch'",
            ),
        ):
            self.assertEqual([each.what for each in check.finished(begin, reactor)], [words])
        self.assertEqual(len(stopped), 3)
        self.assertEqual([each.what for each in check.finished(lambda reactor: Deferred(), reactor)], ["interrupted"])

    def test_otherGateway(self) -> None:
        """A gateway that runs counts if it has the same component."""
        settings: Any = type("", (), {"jabberComponentName": "GW.example.com"})
        for status, counts in (
            ({"component": "gw.example.com"}, True),
            ({"component": "other.example.com"}, False),
            ({}, True),
            (None, False),
        ):
            self.assertEqual(check._ours(status, settings) is not None, counts, status)

    def test_socket(self) -> None:
        """The gateway is asked at its socket, as the settings or the command line name it."""
        given: Any = type("", (), {"socket": None, "config": str(self.path)})
        settings: Any = type("", (), {"controlSocket": ""})
        self.assertTrue(check._socketOf(settings, given).endswith("ichatgw.sock"))
        settings.controlSocket = "none"
        self.assertEqual(check._socketOf(settings, given), "")
        settings.controlSocket = "/x"
        self.assertEqual(check._socketOf(settings, given), "/x")
        given.socket = "/y"
        self.assertEqual(check._socketOf(settings, given), "/y")
