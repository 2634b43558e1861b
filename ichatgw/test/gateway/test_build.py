# -*- test-case-name: ichatgw.test.gateway.test_build -*-
"""
How the parts are put together.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from attrs import evolve
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.settings import Proxy, Settings
from ichatgw.errors import ConfigError
from ichatgw.gateway.administration import reloading
from ichatgw.gateway.build import gateway
from ichatgw.gateway.ending import MAX_END, endProcess
from ichatgw.ichat.connectdata import AddressRecord
from ichatgw.ichat.protocol import IChatProtocol
from ichatgw.log.logfile import observer
from ichatgw.model import Ending, EndReason, TransportAddress
from ichatgw.observe.events import LegStarted
from ichatgw.runtime.pulse import Pulse
from ichatgw.runtime.turns import SWEEP_ITEMS, Turns
from ichatgw.test.marks import slow
from ichatgw.test.support.configs import ready
from ichatgw.test.support.fakes import OFFER, FakeLeg, arrivalOf
from ichatgw.test.support.streams import acceptLast
from ichatgw.users.preferences import MemoryPreferences
from ichatgw.users.sqlite import SQLitePreferences
from ichatgw.xmpp.presence.registrations import PresenceRegistrations
from ichatgw.xmpp.presence.sqlitestore import SQLiteStore
from ichatgw.xmpp.stanzas import parseJID

SETTINGS = Settings(
    jabberServer="127.0.0.1",
    jabberComponentName="gw.example",
    jabberComponentPassword="s3cret",
    translationRules=((r"^xmpp:(\d+)@", "sip:$1@192.0.2.77"), (r"^sip:([a-z]+)@", "xmpp:$1@example")),
)


class WiringTests(SynchronousTestCase):
    """The real parts, not started."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        os.mkdir(self.folder)
        self.settings = evolve(SETTINGS, subscriptionDatabase=os.path.join(self.folder, "x.sqlite"))

    def test_memoryOnly(self) -> None:
        """Who wants no database gets none."""
        made = gateway(MemoryReactorClock(), evolve(SETTINGS, subscriptionDatabase="none"))
        self.assertEqual(set(made), {made.switch, made.endpoint, made.link})

    def test_messageLog(self) -> None:
        """A message in the log has the names of its call and leg, as soon as these are known, whatever reads events."""
        made: Any = gateway(MemoryReactorClock(), evolve(SETTINGS, subscriptionDatabase="none", logLevel="STACK"))
        events = made.watchers.events
        events.publish(LegStarted(0.0, 0.0, "c-1", "in-1", "caller", "sip", "sip:kim@x", ("a1@x",)))
        texts = {
            "RECEIVED message from udp:192.0.2.1:5060:\n": "INVITE sip:72@x SIP/2.0\r\nCall-ID: a1@x\r\n\r\n",
            "SENDING message to udp:192.0.2.1:5060:\n": "SIP/2.0 200 OK\r\nCall-ID: a2@x\r\n\r\n",
        }
        with capturedLogs() as logs:
            for what, text in texts.items():
                made.endpoint._transactions._log.write(what, text)
                made.link._messageLog(what, text)
        self.assertEqual([event["call"] for event in logs], ["c-1", "c-1", "", ""])

    def test_lostPort(self) -> None:
        """A call of which a media port is gone for good ends, and a line says why; it may be over already."""
        made = gateway(MemoryReactorClock(), evolve(SETTINGS, subscriptionDatabase="none"))
        ended: list[Ending] = []
        live: Any = SimpleNamespace(hangup=ended.append)
        self.patch(made.switch, "find", {"r-1": live}.get)
        with capturedLogs() as logs:
            for call in ("r-1", "r-2"):
                made.media.lost(call, "media port 8000 was lost")
        self.assertEqual(ended, [Ending(EndReason.FAILED, "media port 8000 was lost")])
        self.assertEqual([formatEvent(event) for event in logs], ["call=r-1 ends: media port 8000 was lost"])

    @slow
    def test_overload(self) -> None:
        """New calls are refused as soon as what has to be done is late."""
        made = gateway(MemoryReactorClock(), evolve(SETTINGS, subscriptionDatabase="none"))
        for late in (False, True):
            self.patch(Turns, "isLate", late)
            self.assertEqual(made.endpoint.isOverloaded, late)
            leg = FakeLeg()
            made.switch.arrived(leg, arrivalOf(leg, "sip:nobody@192.0.2.1", OFFER))
            self.assertEqual(any("too much to do" in ending.text for ending in leg.hangups), late)

    def test_gateway(self) -> None:
        """All parts are made and know each other; nothing is opened or timed before the start."""
        reactor = MemoryReactorClock()
        made = gateway(reactor, self.settings)
        self.assertEqual(list(made)[1:], [made.endpoint, made.link, made.switch])
        self.assertIsInstance(next(iter(made)), SQLiteStore)
        self.assertEqual(os.listdir(self.folder), [])
        self.assertIs(made.endpoint.arrivals, made.switch)
        self.assertIs(cast(Any, made.endpoint.matchers[0]).arrivals, made.switch)
        admits = cast(Any, made.endpoint)._legs.admits
        self.assertEqual((admits("192.168.1.1"), admits("203.0.113.7")), (True, False))
        self.assertEqual(reactor.tcpClients, [])

    def test_watched(self) -> None:
        """The sockets of SIP, the link and the media ports are looked after; memory is asked before a call is taken."""
        made = gateway(MemoryReactorClock(), self.settings)
        assert made.watch is not None and made.memory is not None
        pulse, *others = made.watch.vitals
        self.assertIsInstance(pulse, Pulse)
        self.assertEqual(tuple(others), (*made.endpoint.vitals, made.link, made.media))
        self.assertEqual(len(made.endpoint.vitals), 2)
        self.assertTrue(all(vital.missing == "" for vital in made.watch.vitals))
        self.assertEqual(made.switch.limits.hasRoom, made.memory.hasRoom)

    def test_presenceIsHeard(self) -> None:
        """The calls of iChats and the registrations hear who comes and goes; milliseconds become seconds."""
        made = gateway(MemoryReactorClock(), evolve(self.settings, iChatProceedingTimeout=1500))
        heard = made._presence.listeners
        (iChat,) = (each for each in heard if isinstance(each, IChatProtocol))
        self.assertEqual(iChat._options.proceedingTimeout, 1.5)
        self.assertEqual(len([each for each in heard if isinstance(each, PresenceRegistrations)]), 1)

    def test_log(self) -> None:
        """At SIGHUP the log goes on in a new file, if the one that there was has been moved away."""
        path = os.path.join(self.folder, "gw.log")
        made = gateway(MemoryReactorClock(), self.settings)
        log = observer("INFO", path, 0)
        reloading(MemoryReactorClock(), made, self.settings, lambda: ready(self.settings), log)
        assert made.reloader is not None
        log({"log_format": "one"})
        os.rename(path, path + ".1")
        made.reloader.reload()
        log({"log_format": "two"})
        self.assertIn("two", Path(path).read_text())
        self.assertNotIn("two", Path(path + ".1").read_text())

    @slow
    def test_names(self) -> None:
        """The names of calls differ from one run to the next."""
        runs = {gateway(MemoryReactorClock(), self.settings).switch.run for _ in range(20)}
        self.assertEqual(len(runs), 20)
        self.assertTrue(all(re.fullmatch("[a-z2-7]{6}-", run) for run in runs), runs)

    @slow
    def test_callDatabase(self) -> None:
        """Calls are kept beside the subscriptions, or where a setting says; nowhere, if there is to be no file."""
        beside = f"{self.settings.subscriptionDatabase}-calls"
        for settings, expected in (
            (self.settings, beside),
            (evolve(self.settings, callDatabase="elsewhere.sqlite"), "elsewhere.sqlite"),
            (evolve(self.settings, callDatabase="none"), ""),
            (evolve(self.settings, subscriptionDatabase="none"), ""),
            (evolve(self.settings, subscriptionDatabase="none", callDatabase="x"), "x"),
        ):
            made = gateway(MemoryReactorClock(), settings)
            self.assertEqual("" if made.journal is None else made.journal.path, expected)
            self.assertIs(made.switch.journal, made.journal)
        self.assertEqual(os.listdir(self.folder), [])

    def test_preferences(self) -> None:
        """What users choose is kept in the file of the subscriptions, or in memory if there is none."""
        for settings, kind in (
            (self.settings, SQLitePreferences),
            (evolve(self.settings, subscriptionDatabase="none"), MemoryPreferences),
        ):
            self.assertIsInstance(gateway(MemoryReactorClock(), settings).preferences, kind)

    def test_end(self) -> None:
        """A process that ends by itself says why, stops in good order, and its exit status tells that it failed."""
        stopped, atExit = [], []

        class Reactor(Clock):
            def stop(self) -> None:
                stopped.append(1)

        reactor = Reactor()
        with capturedLogs() as events:
            endProcess(reactor, "the socket was lost", lambda *call: atExit.append(call))
        self.assertEqual((stopped, atExit), ([1], [(os._exit, 1)]))
        anyway: Any
        (anyway,) = reactor.getDelayedCalls()
        self.assertEqual((anyway.getTime(), anyway.func, anyway.args), (MAX_END, os._exit, (1,)))
        self.assertEqual([str(formatEvent(event)) for event in events], ["ichatgw ends: the socket was lost"])

    def test_badRule(self) -> None:
        """A rule that can never work is an error at once."""
        settings = Settings(
            jabberServer="h",
            jabberComponentName="gw.example",
            jabberComponentPassword="x",
            translationRules=(("(", "sip:x"),),
        )
        self.assertRaises(ConfigError, gateway, MemoryReactorClock(), settings)

    def test_proxyMayCall(self) -> None:
        """The outbound proxy may call if it is given as an address, else where it was found."""
        for host, allowed in (("203.0.113.7", True), ("proxy.example", False)):
            made = gateway(MemoryReactorClock(), evolve(SETTINGS, outboundProxy=Proxy(host)))
            self.assertIs(cast(Any, made.endpoint)._legs.admits("203.0.113.7"), allowed)
            cast(Any, made.endpoint)._dialer._way._addresses["203.0.113.8"] = None
            self.assertTrue(cast(Any, made.endpoint)._legs.admits("203.0.113.8"))

    @slow
    def test_domains(self) -> None:
        """The users of the domains that are allowed may call, and by default those of the server's own."""
        for domains, allowed in (((), "example"), (("other.example",), "other.example")):
            made = gateway(MemoryReactorClock(), evolve(SETTINGS, allowedXMPPDomains=domains))
            may = cast(Any, made.endpoint.matchers[0])._allows
            self.assertEqual(
                [may(parseJID(f"a@{domain}")) for domain in ("example", "other.example")],
                [allowed == "example", allowed == "other.example"],
            )

    def test_chooses(self) -> None:
        """PreferIPv6, which is in the file of ichat-gw, leads no call to where a gateway of IPv4 alone cannot send."""
        theirs = [
            AddressRecord("en0", TransportAddress("2001:db8::7", 16402)),
            AddressRecord("en1", TransportAddress("198.51.100.7", 16402)),
        ]
        for ours, chosen in (("192.0.2.10", theirs[1]), ("2001:db8::10", theirs[0])):
            made = gateway(MemoryReactorClock(), evolve(SETTINGS, ipAddress=ours, preferIPv6=True))
            self.assertEqual(cast(Any, made.endpoint.matchers[0])._options.choose(theirs), chosen)

    @slow
    def test_greetsEverybody(self) -> None:
        """What is said to all subscribers when the link is up waits for a server that is slow to take it in."""
        clock = MemoryReactorClock()
        made = gateway(clock, evolve(self.settings, jabberComponentName="ichat-gw.jabber.company.com"))
        presence: Any = made._presence
        number = parseJID("4915112345678@ichat-gw.jabber.company.com")
        for each in range(1000):
            presence._store._memory.add(parseJID(f"user{each}@jabber.company.com"), number)
        made.link.startService()
        server = acceptLast(clock)
        server.shakeHands()
        server.producer.pauseProducing()
        server.clear()
        clock.pump([0.1] * 100)
        self.assertEqual(server.take(), "")
        server.producer.resumeProducing()
        clock.pump([0.1] * 100)
        self.assertEqual(server.take().count("'probe'"), 1000 - SWEEP_ITEMS // 2)
