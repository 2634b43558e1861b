# -*- test-case-name: ichatgw.test.check -*-
"""
A configuration in which all is well, on a host and in a network that tests have made up, for one fault at a time.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from attrs import define, evolve, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.names import dns
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from ichatgw.check import config
from ichatgw.check.asking.interfaces import Accepts, IHost, INetwork, Make, Unreachable
from ichatgw.check.finding import Finding, Level
from ichatgw.check.given import Given
from ichatgw.check.run import examine
from ichatgw.errors import ConfigError
from ichatgw.model import TransportAddress
from ichatgw.net.dns import A, Unanswered
from ichatgw.sip.auth.digest import Use, digestHash, digestResponse, readParameters
from ichatgw.sip.transport.resolver import Resolver
from ichatgw.sip.transport.target import Target, Transport
from ichatgw.test.support.sip.certificates import Authority

REALM, NONCE = "example.net", "n1"
USER, PASSWORD = "4930", "sesame"
SEEN = TransportAddress("198.51.100.10", 40000)
COMPONENT = "gw.example.com"

LINES = {
    "JabberServer": "xmpp.example.com",
    "JabberComponentName": COMPONENT,
    "JabberComponentPassword": "secret",
    "AllowedSIPPeers": "private, 203.0.113.0/24",
    "STUNServer": "stun.example.com",
    "TLSDomain": COMPONENT,
}
RULES = (
    (rf"^xmpp:(\d+)@{re.escape(COMPONENT)}$", "sip:$1@pbx.example.com"),
    (rf"^xmpp:0(\d+)x@{re.escape(COMPONENT)}$", "sip:$1@provider"),
    (r"^sips?:([a-z]+)@", "xmpp:$1@example.com"),
)
TRUNK = {
    "Trunk": "provider",
    "TrunkServer": "sip:sip.example.net",
    "TrunkUser": USER,
    "TrunkPassword": PASSWORD,
}


@implementer(IHost)
@define(eq=False)
class FakeHost:
    """
    @ivar damages: what is broken in a database, by its name.
    @ivar faults: the number of C{errno} for a port, by its kind and number.
    """

    time: datetime = field(factory=lambda: datetime.now(timezone.utc))
    faults: dict[tuple[str, int], int] = field(factory=dict)
    limit: int = 0
    span: tuple[int, int] = (32768, 60999)
    reserved: str = ""
    free: int = 1 << 40
    known: dict[str, str] = field(factory=lambda: {"Python": "3.11", "sippy": "2.5.0"})
    doubt: str = ""
    misfit: str = ""
    damages: dict[str, str] = field(factory=dict)

    def now(self) -> datetime:
        return self.time

    def tryPort(self, kind: str, host: str, port: int) -> None:
        if (kind, port) in self.faults:
            raise OSError(self.faults[kind, port], "no")

    def fileLimit(self) -> int:
        return self.limit

    def systemPorts(self) -> tuple[int, int]:
        return self.span

    def reservedPorts(self) -> str:
        return self.reserved

    def room(self, path: str) -> int:
        return self.free

    def databaseFault(self, path: str) -> Deferred[str]:
        return succeed(self.damages.get(Path(path).name, ""))

    def versions(self) -> Mapping[str, str]:
        return self.known

    def sippyFault(self) -> str:
        if self.misfit:
            raise ConfigError(self.misfit)
        return self.doubt


@implementer(INetwork)
@define(eq=False)
class FakeNetwork:
    """
    @ivar said: the status of the gateway that runs.
    @ivar trouble: why the XMPP server takes no login.
    @ivar broken: why no answer comes, by the host of the target.
    @ivar codes: how each method is answered, if not by 200; a registrar that is well asks for a login.
    @ivar headers: that answers have in addition.
    @ivar requests: all of them.
    @ivar tried: where it was tried to send something, and whether over TCP.
    """

    said: Mapping[str, object] | None = None
    trouble: str = ""
    logins: int = 0
    seenAs: TransportAddress | Unreachable = SEEN
    broken: dict[str, Unreachable] = field(factory=dict)
    codes: dict[str, str] = field(factory=dict)
    headers: str = ""
    algorithm: str = "MD5"
    requests: list[str] = field(factory=list)
    tried: list[tuple[TransportAddress, bool]] = field(factory=list)

    def status(self) -> Deferred[Mapping[str, object] | None]:
        return succeed(self.said)

    def login(self, host: str, port: int, name: str, secret: str) -> Deferred[str]:
        self.logins += 1
        return succeed(self.trouble)

    def seen(self, server: TransportAddress) -> Deferred[TransportAddress]:
        return fail(self.seenAs) if isinstance(self.seenAs, Unreachable) else succeed(self.seenAs)

    def reached(self, server: TransportAddress, isStream: bool) -> Deferred[None]:
        self.tried.append((server, isStream))
        problem = self.broken.get(server.host)
        return succeed(None) if problem is None else fail(problem)

    def asked(self, server: TransportAddress, name: str) -> Deferred[None]:
        problem = self.broken.get(server.host)
        return succeed(None) if problem is None else fail(problem)

    def exchange(self, target: Target, make: Make, accepts: Accepts) -> Deferred[bytes]:
        problem = self.broken.get(target.address.host)
        if problem is not None:
            return fail(problem)
        request = make(TransportAddress("192.0.2.10", 40000)).decode()
        self.requests.append(request)
        method = request.partition(" ")[0]
        status = self.codes.get(method) or ("200 OK" if method == "OPTIONS" else self._judged(request))
        kept = re.findall(r"(?m)^(?:Via|From|To|Call-ID|CSeq):.*\r\n", request)
        asks = f'WWW-Authenticate: Digest realm="{REALM}", nonce="{NONCE}", algorithm={self.algorithm}, qop="auth"\r\n'
        more = asks if status.startswith("401") else ""
        response = f"SIP/2.0 {status}\r\n{''.join(kept)}{more}{self.headers}Content-Length: 0\r\n\r\n".encode()
        return succeed(response) if accepts(response) else fail(Unreachable("no answer", isSilent=True))

    def _judged(self, request: str) -> str:
        found = re.search(r"(?m)^Authorization: (.*)\r$", request)
        if found is None:
            return "401 Unauthorized"
        ((_, given),) = readParameters(found[1])
        secret = digestHash("MD5", USER, REALM, PASSWORD)
        use = Use(NONCE, given["cnonce"], given["nc"])
        wanted = digestResponse("MD5", secret, use, True, "REGISTER", given["uri"])
        return "200 OK" if given["response"] == wanted else "403 Forbidden"


@define(eq=False)
class FakeRecords:
    """
    @ivar names: the addresses of hosts.
    @ivar isSilent: do the name servers say nothing?
    """

    names: dict[str, tuple[str, ...]]
    isSilent: bool = False

    def local(self, name: str, kind: int) -> tuple[str, ...]:
        return ()

    def lookUp(self, name: str, kind: int) -> Deferred[tuple[Any, ...]]:
        if self.isSilent:
            return fail(Unanswered("no answer"))
        found = self.names.get(name, ()) if kind == A else ()
        return succeed(tuple(dns.Record_A(address) for address in found))


class SceneTestCase(SynchronousTestCase):
    """
    Has a configuration in which all is well, and checks it.

    @ivar lines: the settings that stand once.
    @ivar rules: the translation rules.
    @ivar trunk: the settings of the trunk.
    @ivar more: further lines, as they are.
    @ivar mode: of the file.
    """

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        authority = Authority(self.folder / "authority")
        self.authority = authority
        certificate, key = authority.issue(COMPONENT, COMPONENT)
        Path(key).chmod(0o600)
        self.lines: dict[str, object] = {
            **LINES,
            "TLSCertificate": certificate,
            "TLSPrivateKey": key,
            "TLSCAFile": authority.path,
            "SubscriptionDatabase": self.folder / "store.sqlite",
            "LogFilename": self.folder / "log",
        }
        self.rules = list(RULES)
        self.trunk: dict[str, object] = dict(TRUNK)
        self.more = ""
        self.mode = 0o600
        self.host, self.network = FakeHost(), FakeNetwork()
        verifyObject(IHost, self.host)
        verifyObject(INetwork, self.network)
        self.records: Any = FakeRecords(
            {
                "xmpp.example.com": ("192.0.2.1",),
                "pbx.example.com": ("203.0.113.5",),
                "sip.example.net": ("203.0.113.7",),
                "stun.example.com": ("192.0.2.3",),
            }
        )
        self.calls: tuple[str, ...] = ()
        self.caller = ""

    def write(self) -> str:
        """Write the configuration."""
        path = self.folder / "ichat-gw.config"
        lines = [f"{name} = {value}" for name, value in self.lines.items()]
        for pattern, output in self.rules:
            lines += [f"TranslationPattern = {pattern}", f"TranslationOutput = {output}"]
        lines += [self.more, *(f"{name} = {value}" for name, value in self.trunk.items())]
        path.write_text("\n".join(lines) + "\n")
        path.chmod(self.mode)
        return str(path)

    def look(self, *arguments: str) -> list[Finding]:
        """Check it, with more options on the command line."""
        path = self.write()
        found: list[Finding] = []
        options = config.read(["--config", path, *arguments], {}, found.append)
        if options is not None:
            clock = Clock()
            given = Given(
                options.settings,
                path,
                clock,
                self.records,
                Resolver(clock, self.records, transports=tuple(Transport)),
                self.host,
                self.network,
                calls=self.calls,
                caller=self.caller,
            )
            given = evolve(given, status=self.successResultOf(self.network.status()))
            others: list[Finding] = self.successResultOf(examine(given))
            found += others
        for each in found:
            self.assertTrue(f"{each.what}{each.remedy}".isprintable(), each)
        return found

    def faults(self, *arguments: str) -> list[Finding]:
        """What is not well."""
        return [each for each in self.look(*arguments) if each.level is not Level.OK]

    def assertFault(self, subject: str, what: str, remedy: str, level: Level = Level.ERROR) -> Finding:
        """There is one fault and no other, and it is named, with the remedy."""
        found = self.faults()
        self.assertEqual(len(found), 1, found)
        self.assertEqual((found[0].subject, found[0].level), (subject, level))
        self.assertRegex(found[0].what, what)
        self.assertRegex(found[0].remedy, remedy)
        return found[0]

    def assertDoubt(self, subject: str, what: str, remedy: str) -> Finding:
        """As L{assertFault}, for a warning."""
        return self.assertFault(subject, what, remedy, Level.WARNING)

    def taken(self, kind: str, port: int, why: int = errno.EADDRINUSE) -> None:
        """A port cannot be had."""
        self.host.faults[kind, port] = why

    def later(self, **how: float) -> None:
        """Time passes on the clock on the wall."""
        self.host.time += timedelta(**how)
