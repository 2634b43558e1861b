# -*- test-case-name: ichatgw.test.config.test_reloadable -*-
"""
Each setting does at a reload what its declaration says.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.declared.forwarding import ForwardRule
from ichatgw.config.declared.phonebook import RULES_FIRST
from ichatgw.config.declared.rights import DialRule
from ichatgw.config.declared.sip import TO
from ichatgw.config.declared.trunks import Trunk
from ichatgw.config.reading.kinds import Proxy
from ichatgw.config.reading.reader import Reload
from ichatgw.config.reload import RESTART
from ichatgw.config.settings import TABLE, Settings
from ichatgw.gateway.administration import ordered, reloading
from ichatgw.gateway.build import gateway
from ichatgw.gateway.service import Gateway
from ichatgw.log.logfile import LineObserver
from ichatgw.log.redaction import Content
from ichatgw.model import Party, TransportAddress
from ichatgw.net.networks import PRIVATE
from ichatgw.sip.leg.mediasecurity import Encryption, Keys
from ichatgw.sip.leg.telling import Telling
from ichatgw.test.marks import slow
from ichatgw.test.support.configs import ready
from ichatgw.test.support.sip.certificates import Authority
from ichatgw.users.preferences import When
from ichatgw.web.setup import Web
from ichatgw.xmpp.presence.registrations import PresenceRegistrations
from ichatgw.xmpp.presence.staying import Who
from ichatgw.xmpp.stanzas import parseJID

TOKEN = "0123456789abcdef"
SETTINGS = Settings(
    jabberServer="127.0.0.1",
    jabberComponentName="gw.example",
    jabberComponentPassword="s3cret",
    subscriptionDatabase="none",
    httpPort=8088,
    httpToken=TOKEN,
    controlSocket="none",
)

PARAMETERS = """\
-----BEGIN X9.42 DH PARAMETERS-----
MIICDAKCAQEA///////////JD9qiIWjCNMTGYouA3BzRKQJOCIpnzHQCC76mOxOb
IlFKCHmONATd75UZs806QxswKwpt8l8UN0/hNW1tUcJF5IW1dmJefsb0TELppjft
awv/XLb0Brft7jhr+1qJn6WunyQRfEsf5kkoZlHs5Fs9wgB8uKFjvwWY2kg2HFXT
mmkWP6j9JM9fg2VdI9yjrZYcYvNWIIVSu57VKQdwlpZtZww1Tkq8mATxdGwIyhgh
fDKQXkYuNs474553LBgOhgObJ4Oi7Aeij7XFXfBvTFLJ3ivL9pVYFxg5lUl86pVq
5RXSJhiY+gUQFXKOWoqsqmj//////////wIBAgKCAQB//////////+SH7VEQtGEa
YmMxRcBuDmiUgScERTPmOgEF31Mdic2RKKUEPMcaAm73yozZ5p0hjZgVhTb5L4ob
p/Catrao4SLyQtq7MS8/Y3omIXTTG/a1hf+uW3oDW/b3HDX9rUTP0tdPkgi+JY/z
JJQzKPZyLZ7hAD5cULHfgsxtJBsOKunNNIsf1H6SZ6/Bsq6R7lHWyw4xeasQQqld
z2qUg7hLSzazhhqnJV5MAni6NgRlDBC+GUgvIxcbZx3xzzuWDAdDAc2TwdF2A9FH
2uKu+DemKWTvFeX7SqwLjBzKpL51SrVyiukTDEx9AogKuUctRVZVNH//////////
-----END X9.42 DH PARAMETERS-----
"""
"""Parameters of Diffie and Hellman that are known to be good (RFC 3526 section 3)."""

OTHERS: dict[str, Any] = {
    "advertisedAddress": ("192.0.2.1",),
    "codecIdFilterList": (8,),
    "dnsServers": (TransportAddress("192.0.2.53", 53),),
    "outboundProxy": Proxy("192.0.2.10"),
    "sipGatewayIdentity": Party("sip:x@y"),
    "stunServer": ("stun.example", 3478),
}

Case = tuple[Any, Callable[[], Any], Any]

RELOADED = sorted({setting.attribute for setting in TABLE} - RESTART)


def other(value: Any, attribute: str) -> Any:
    """Another value of a setting than this one."""
    if attribute in OTHERS:
        return OTHERS[attribute]
    return not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else f"{value}x"


class DeclarationTests(SynchronousTestCase):
    """What declarations say of a reload."""

    def test_restart(self) -> None:
        """A setting whose declaration says nothing of a reload needs a restart."""
        self.assertIn("udpTcpPort", RESTART)
        self.assertIs({each.attribute: each.reload for each in TABLE}["udpTcpPort"], Reload.RESTART)

    def test_together(self) -> None:
        """Settings that make one value are declared alike."""
        kinds = {setting.attribute: setting.reload for setting in TABLE}
        self.assertEqual([each.name for each in TABLE if kinds[each.attribute] is not each.reload], [])


class GatewayTests(SynchronousTestCase):
    """A whole gateway, with all that can be turned on."""

    def setUp(self) -> None:
        authority = Authority(Path(self.mktemp()))
        self.authority = authority
        certificate, key = self.certificates = authority.issue("gw.example")
        book = self.file("number,jid,name,outgoing,trunk,groups\n030 1234,kim@example.com,Kim,,,\n")
        self.settings = evolve(
            SETTINGS,
            tlsCertificate=certificate,
            tlsPrivateKey=key,
            phoneBook=book,
            callRecords=self.file(""),
            callHistoryDatabase=self.mktemp(),
            hepServer=("192.0.2.60", 9060, "udp"),
            translationRules=((r"^sip:0301234@", "sip:rule@192.0.2.77"),),
        )
        self.wanted = self.settings
        self.reactor = MemoryReactorClock()
        self.gateway: Gateway = gateway(self.reactor, self.settings)
        self.log = LineObserver(lambda line: None, "INFO")
        reloading(self.reactor, self.gateway, self.settings, lambda: ready(self.wanted), self.log)
        ordered(self.reactor, self.gateway, self.settings, self.log, {})

    def file(self, text: str) -> str:
        """A file of that content."""
        path = Path(self.mktemp()).absolute()
        path.write_text(text)
        os.chmod(path, 0o600)
        return str(path)

    def reload(self, **changed: Any) -> list[str]:
        """Read settings with these changes; what the log says of it."""
        self.wanted = evolve(self.settings, **changed)
        reloader = self.gateway.reloader
        assert reloader is not None
        with capturedLogs() as events:
            reloader.reload()
            self.reactor.pump([0.01] * 20)
        return [str(formatEvent(each)) for each in events]

    def test_parts(self) -> None:
        """The parts of a gateway take exactly the settings that are declared to need no restart."""
        reloader = self.gateway.reloader
        assert reloader is not None
        taken = {attribute for part in reloader.parts for attribute in part.attributes}
        self.assertEqual(sorted(taken), RELOADED)

    @slow
    def test_restart(self) -> None:
        """Each changed setting that needs a restart is said to do so, and stays as it was."""
        names = {setting.attribute: setting.name for setting in TABLE}
        for attribute in sorted(RESTART):
            lines = self.reload(**{attribute: other(getattr(self.settings, attribute), attribute)})
            line = rf"^Settings read again: {names[attribute]} would be .*, but stays .* until a restart$"
            self.assertTrue(any(re.match(line, each) for each in lines), f"{attribute}: {lines}")
            assert self.gateway.reloader is not None
            self.assertEqual(self.gateway.reloader.settings, self.settings)

    @slow
    def test_reachesItsReader(self) -> None:
        """Each setting that needs no restart reaches what reads it."""
        cases = self.cases()
        self.assertEqual(sorted(cases), RELOADED)
        for attribute, (value, read, expected) in cases.items():
            self.reload()
            self.assertNotEqual(read(), expected, f"{attribute}: this test would prove nothing")
            lines = self.reload(**{attribute: value})
            self.assertEqual(read(), expected, f"{attribute}: {lines}")

    def cases(self) -> dict[str, Case]:
        """Of each attribute another value, what its reader has of it, and what that has to be then."""
        return {**self.casesOfCalls(), **self.casesOfSIP(), **self.casesOfTheRest()}

    def casesOfCalls(self) -> dict[str, Case]:
        """Where calls lead, who may make them, and how many there may be."""
        switch: Any = self.gateway.switch
        endpoint: Any = self.gateway.endpoint
        limits = switch.limits

        def routed(address: str) -> Callable[[], Any]:
            return lambda: switch.plan.translate(address) if switch.plan.matches(address) else None

        def emergency() -> Any:
            return switch.plan.emergency

        rights = switch.directed.__self__.rights
        book = self.file("number,jid,name,outgoing,trunk,groups\n030 1235,lee@example.com,Lee,,,\n")
        rule = DialRule(False, ("0900...",))
        forward = ForwardRule(When.BUSY, "72")
        forwarding = switch._dialers["xmpp"]
        return {
            "translationRules": ((("^xmpp:72@", "sip:x@y"),), routed("xmpp:72@gw.example"), "sip:x@y"),
            "phoneBook": (book, routed("sip:0301235@gw.example"), "xmpp:lee@example.com"),
            "phoneBookOrder": (RULES_FIRST, routed("sip:0301234@gw.example"), "sip:rule@192.0.2.77"),
            "country": ("DE", routed("sip:+49301234@gw.example"), "xmpp:kim@example.com"),
            "dialRule": ((rule,), lambda: [each for each, *_ in rights._rules], [rule]),
            "forwardRule": (
                (forward,),
                lambda: forwarding.choices.of("a@gw.example").forward(When.BUSY) is None,
                False,
            ),
            "forwardsOfUsers": (False, lambda: forwarding.choices.ofUsers, False),
            "voicemailOutput": ("sip:$1@x", lambda: forwarding.routes.voicemail, "sip:$1@x"),
            "emergencyNumbers": (("112",), lambda: emergency().numbers, ("112",)),
            "emergencyOutput": ("sip:$1@x", lambda: emergency().output, "sip:$1@x"),
            "allowedSIPPeers": (PRIVATE[1:2], lambda: endpoint._legs.admits("127.0.0.1"), False),
            "alwaysRelayIChatMedia": (False, lambda: switch.alwaysRelay, False),
            "maxCalls": (7, lambda: switch.maxCalls, 7),
            "callsPerCaller": (7, lambda: limits.perCaller, 7),
            "callsPerSecond": (7, lambda: limits.perSecond, 7),
        }

    def casesOfSIP(self) -> dict[str, Case]:
        """SIP, its media and its certificates."""
        endpoint: Any = self.gateway.endpoint
        policy = endpoint._requests._policy
        verifier = endpoint._admission._verifier
        keyring = endpoint._requests._logins.keyring
        trunk = Trunk("provider", Proxy("sip.example"))
        files = endpoint._streams._security
        certificate, key = (self.file(Path(path).read_text()) for path in self.certificates)
        parameters, directory = self.file(PARAMETERS), str(self.authority.directory)

        def file(name: str) -> Callable[[], Any]:
            return lambda: getattr(files.files, name)

        return {
            "trunks": ((trunk,), lambda: endpoint.trunks.isTrunk("provider"), True),
            "connectedIdentity": ("changes", lambda: endpoint._legs.telling, Telling.CHANGES),
            "calledParty": (TO, lambda: endpoint._requests.toDecides, True),
            "sessionExpires": (90, lambda: endpoint.terms.interval, 90),
            "keepAlives": (False, lambda: endpoint.keepAlives.enabled, False),
            "sipMediaEncryption": ("never", lambda: policy.encryption, Encryption.NEVER),
            "sipMediaKeys": ("dtls", lambda: policy.keys, Keys.DTLS),
            "sipMediaKeysInClear": (True, lambda: policy.inClear, True),
            "sipOffersICE": (True, lambda: policy.offersChecks, True),
            "sipCredentials": (self.file("sip.example - x\n"), lambda: len(keyring.entries), 1),
            "sipUsers": (self.file("alice x\n"), lambda: len(verifier.users), 1),
            "digestAlgorithms": (("MD5",), lambda: verifier.algorithms, ("MD5",)),
            "tlsCertificate": (certificate, file("certificate"), certificate),
            "tlsPrivateKey": (key, file("key"), key),
            "tlsPrivateKeyPassPhrase": ("sesame", file("passPhrase"), "sesame"),
            "tlsDHParamsFilename": (parameters, file("parameters"), parameters),
            "tlsCAFile": (self.authority.path, file("authorities"), self.authority.path),
            "tlsCADirectory": (directory, file("directory"), directory),
            "tlsVerify": ("optional", file("clients"), "optional"),
            "tlsAcceptAddresses": (True, file("addresses"), True),
        }

    def casesOfTheRest(self) -> dict[str, Case]:
        """XMPP, texts, the log, what watches, and HTTP."""
        made: Any = self.gateway
        guests = made.endpoint.matchers[0]._allows
        root = next(each for each in made.ordering if isinstance(each, Web))._site.resource
        logins, pages = root._logins, root._routes.error.__self__
        recording, capturing = made.watchers.recording, made.watchers.capturing
        records = str(Path(self.mktemp()).absolute())

        registering = next(each for each in made._presence.listeners if isinstance(each, PresenceRegistrations))

        def terms() -> Any:
            return made.texts.terms

        return {
            "jabberComponentPassword": ("other", lambda: made.link.secret, "other"),
            "registerUsers": ("subscribed", lambda: registering.staying.who, Who.SUBSCRIBED),
            "allowedXMPPDomains": (("example.org",), lambda: guests(parseJID("a@example.org/x")), True),
            "texts": (False, lambda: terms().on, False),
            "longestText": (200, lambda: terms().longest, 200),
            "textsPerMinute": (7, lambda: terms().perMinute, 7),
            "textsPerSecond": (7, lambda: terms().perSecond, 7),
            "logLevel": ("CRIT", lambda: self.log.level, "CRIT"),
            "logFormat": ("json", lambda: self.log.format, "json"),
            "logHides": ("none", lambda: pages.hides, Content.NONE),
            "callHistory": (7, lambda: made.watchers.calls.most, 7),
            "callHistoryDays": (7, lambda: made.watchers.archive and made.watchers.archive.days, 7),
            "callRecords": (records, lambda: recording.file and recording.file.path, records),
            "callRecordsFormat": ("csv", lambda: recording.file and recording.file._head[:5], "call,"),
            "hepServer": (("192.0.2.61", 9060, "udp"), lambda: capturing._server.place[0], "192.0.2.61"),
            "hepCaptureId": (7, lambda: capturing._server.captureId, 7),
            "hepPassword": ("sesame", lambda: capturing._server.password, "sesame"),
            "httpUsers": (self.file("alice:sesame-open\n"), lambda: list(logins.users), ["alice"]),
            "httpToken": (f"{TOKEN}x", lambda: logins.token, f"{TOKEN}x"),
        }
