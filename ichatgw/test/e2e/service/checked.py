# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
C{ichatgw check}, with Prosody and Kamailio, before the gateway runs and beside it.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.utils import getProcessOutputAndValue

from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.programs.kamailio import Kamailio, password
from ichatgw.test.e2e.programs.prosody import COMPONENT, SECRET
from ichatgw.test.e2e.support.case import PORTS, EndToEnd

USER = "scott"


class Checked(EndToEnd):
    """A gateway with a trunk at Kamailio."""

    async def startRegistrar(self) -> Kamailio:
        registrar = Kamailio(self.clock, self.directory("kamailio"), PORTS)
        self.ending(registrar)
        await registrar.start()
        return registrar

    def trunk(self, registrar: Kamailio) -> list[tuple[str, object]]:
        """The lines of the trunk."""
        self.socket = str(Path(tempfile.mkdtemp()) / "s")
        return [
            ("ControlSocket", self.socket),
            ("Trunk", "provider"),
            ("TrunkServer", f"sip:127.0.0.1:{registrar.port}"),
            ("TrunkUser", USER),
            ("TrunkPassword", password(USER)),
        ]

    async def check(self, directory: Path, *arguments: str, **environment: str) -> tuple[int, list[dict[str, str]]]:
        """The exit status, and what is found."""
        (directory / "ichat-gw.config").chmod(0o600)
        out, err, code = await getProcessOutputAndValue(
            "ichatgw",
            ("check", "--json", *arguments),
            env={**os.environ, **environment},
            path=str(directory),
            reactor=self.clock,
        )
        self.assertEqual(err, b"")
        return code, json.loads(out)["findings"]

    def assertNamed(self, checked: tuple[int, list[dict[str, str]]], subject: str, *words: str) -> None:
        """There is one error, and it is that."""
        status, findings = checked
        self.assertEqual(status, 2)
        (fault,) = [each for each in findings if each["level"] != "ok"]
        self.assertEqual((fault["subject"], fault["level"]), (subject, "error"))
        for word in words:
            self.assertIn(word, f"{fault['what']}; {fault['remedy']}")

    async def test_alone(self) -> None:
        """
        If all is well nothing is wrong, and the status is 0.  A wrong secret of the component, a name that the server
        does not have, a port where nothing listens and a wrong password of the trunk are each named.
        """
        registrar = await self.startRegistrar()
        folder = self.directory("gateway").absolute()
        gateway = Gateway(self.clock, folder, PORTS, self.server.componentPort)
        gateway.rules(registrar.port)
        for name, value in self.trunk(registrar):
            gateway.set(name, value)
        gateway.write()
        status, findings = await self.check(folder, "--call", f"xmpp:72@{COMPONENT}")
        self.assertEqual([each for each in findings if each["level"] != "ok"], [])
        self.assertEqual(status, 0)
        said = [f"{each['subject']}: {each['what']}" for each in findings]
        for line in (
            f"XMPP link: 127.0.0.1:{self.server.componentPort} takes {COMPONENT}",
            f"SIP login: trunk provider: sip:{USER}@127.0.0.1 may register",
            f"call: xmpp:72@{COMPONENT}: goes to udp:127.0.0.1:{registrar.port}",
        ):
            self.assertIn(line, said)
        self.assertEqual(registrar.saves(USER), ["<null>"])
        wrong = {"ICHATGW_JABBERCOMPONENTPASSWORD": f"{SECRET}-not"}
        self.assertNamed(await self.check(folder, **wrong), "XMPP link", "refuses the password")
        other = await self.check(folder, "--", "--jabbercomponentname", "other.xmpp.test")
        self.assertNamed(other, "XMPP link", "has no component other.xmpp.test")
        nobody = await self.check(folder, "--", "--jabbercomponentport", str(PORTS.take()))
        self.assertNamed(nobody, "XMPP link", "nothing listens on port")
        wrong = {"ICHATGW_TRUNKPASSWORD_PROVIDER": "guess"}
        self.assertNamed(await self.check(folder, **wrong), "SIP login", "correct TrunkPassword")

    async def test_beside(self) -> None:
        """Beside a gateway that runs all is well, and its link stays; if it cannot be asked no login is tried."""
        registrar = await self.startRegistrar()
        gateway = await self.startGateway(registrar.port, lines=self.trunk(registrar))
        await registrar.saved(USER)
        folder: Any = gateway.program.directory
        status, findings = await self.check(folder)
        self.assertEqual([each for each in findings if each["level"] != "ok"], [])
        self.assertEqual(status, 0)
        self.assertIn("the running gateway is linked", " ".join(each["what"] for each in findings))
        status, findings = await self.check(folder, "--socket", f"{self.socket}-not")
        link = next(each for each in findings if each["subject"] == "XMPP link")
        self.assertIn("not tried", link["what"])
        self.assertEqual(gateway.said("No link to the XMPP server"), 0)
        self.assertEqual(gateway.said("is up as"), 1)
