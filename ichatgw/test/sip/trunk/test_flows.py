"""
Tests for L{ichatgw.sip.trunk.flow}: trunks that are registered by several proxies, and what registrars grant them.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.reading.kinds import Proxy
from ichatgw.model import TransportAddress
from ichatgw.sip.transport.target import Target, Transport
from ichatgw.sip.trunk.flow import extensionsOf
from ichatgw.sip.trunk.probing import best
from ichatgw.sip.trunk.registrations import MAX_WAIT, OTHER_WAIT
from ichatgw.sip.trunk.states import states
from ichatgw.test.sip.trunk.test_dialer import SCOTT, TrunkCalls
from ichatgw.test.support.fakes import OFFER
from ichatgw.test.support.sip.sipwire import header, request, respond, status
from ichatgw.test.support.sip.trunks import OTHER, SERVER, TrunkRig, trunk

BACKUP = TransportAddress("198.51.100.9", 5060)
PROXIES = (Proxy(SERVER.host), Proxy(BACKUP.host))
GRUU = 'pub-gruu="sip:4930@198.51.100.1;gr={0}";temp-gruu="sip:tgruu.x==@198.51.100.1;gr"'


def flows(**values: Any) -> Any:
    """A trunk with two proxies."""
    return trunk(proxies=PROXIES, host="192.0.2.200", **values)


class AskingTests(SynchronousTestCase):
    """What a registrar is asked for."""

    def test_default(self) -> None:
        """Nothing is asked for that was not wanted: there are registrars that refuse those who ask."""
        (register,) = TrunkRig(trunk()).sent("REGISTER")
        for word in ("sip.instance", "reg-id", "gruu", "outbound", "gin"):
            self.assertNotIn(word, register)

    def test_instance(self) -> None:
        """The instance is the same after each start, and another for each host, trunk and address."""
        one = trunk(extensions=("gruu",))
        same = {extensionsOf(one, 1, "host-a").instance for _ in range(2)}
        self.assertEqual(len(same), 1)
        self.assertRegex(same.pop(), "^urn:uuid:[0-9a-f-]{36}$")
        others = [extensionsOf(each, 1, "host-a") for each in (one, evolve(one, name="x"), evolve(one, user="1"))]
        others.append(extensionsOf(one, 1, "host-b"))
        self.assertEqual(len({each.instance for each in others}), 4)

    def test_bulk(self) -> None:
        """A PBX registers all its numbers at once; calls to each come by the trunk (RFC 6140)."""
        rig = TrunkRig(trunk(user="pbx", extensions=("bulk",)))
        (register,) = rig.sent("REGISTER")
        token = header(register, "Contact").partition("rinstance=")[2].partition(";")[0]
        self.assertEqual(header(register, "Contact"), f"<sip:192.0.2.10:5070;rinstance={token};bnc>")
        for name in ("Require", "Proxy-Require"):
            self.assertEqual(header(register, name), "gin")
        self.assertEqual(header(register, "Supported"), "path")
        self.assertEqual(header(register, "To"), "<sip:pbx@198.51.100.1>")
        rig.reply(register, 200, f"Contact: {header(register, 'Contact')};expires=7200\r\n")
        for number in ("+12145550105", "+12145550106"):
            uri = f"sip:{number}@192.0.2.10:5070;rinstance={token}"
            text = request("INVITE", uri, f"<sip:{number}@ssp.example.com>", callId=number, branch=f"b{number}")
            self.assertEqual(status(rig.receive(text, OTHER)[0]), 100)
            self.assertEqual(rig.invitations.called[-1], f"trunk:{number}@one")

    def test_bulkUnknown(self) -> None:
        """A registrar that does not know RFC 6140 says so, and the trunk says it."""
        rig = TrunkRig(trunk(extensions=("bulk",)))
        (register,) = rig.sent("REGISTER")
        rig.reply(register, 420, "Unsupported: gin\r\n")
        (found,) = states(rig.endpoint.trunks.accounts)
        self.assertEqual((found["works"], found["trouble"]), (False, "420 Word"))


class GrantedTests(SynchronousTestCase):
    """What becomes of what a registrar grants."""

    def registered(self, extra: str, **values: Any) -> TrunkRig:
        rig = TrunkRig(trunk(**values))
        (register,) = rig.sent("REGISTER")
        contact, _, parameters = header(register, "Contact").partition(">")
        given = extra.format("urn:x")
        rig.reply(register, 200, f"Contact: {contact}>{parameters};{given};expires=600\r\nRequire: outbound\r\n")
        self.contact = contact.strip("<")
        return rig

    def answered(self, rig: TrunkRig) -> str:
        """The Contact of our answer to a call that comes."""
        text = request("INVITE", self.contact, "<sip:4930@198.51.100.1>", callId="in", branch="bin")
        rig.receive(text, SERVER)
        rig.invitations.legs[-1].ring()
        (ringing,) = [each for each in rig.wire.take() if status(each) == 180]
        return header(ringing, "Contact")

    def test_gruu(self) -> None:
        """The address that leads to us from anywhere is our Contact in calls, both ways (RFC 5627)."""
        rig = self.registered(GRUU, extensions=("gruu",))
        self.assertEqual(self.answered(rig), "<sip:4930@198.51.100.1;gr=urn:x>")
        for isPrivate, expected in ((False, "sip:4930@198.51.100.1;gr=urn:x"), (True, "sip:tgruu.x==@198.51.100.1;gr")):
            leg = rig.dial("sip:77@one", evolve(SCOTT, private=isPrivate))
            leg.start(OFFER)
            (invite,) = rig.sent("INVITE")
            self.assertEqual(header(invite, "Contact"), f"<{expected}>")
            self.assertIn("Supported: gruu\r\n", invite)

    def test_notGranted(self) -> None:
        """Without a grant the Contact is our own."""
        rig = TrunkRig(trunk(extensions=("gruu",)))
        self.contact = rig.register().partition(">")[0]
        self.assertTrue(self.answered(rig).startswith("<sip:4930@192.0.2.10:5070"))

    def test_lost(self) -> None:
        """When the registration is gone so is what it granted."""
        rig = self.registered(GRUU, extensions=("gruu",))
        rig.clock.advance(580)
        (register,) = rig.sent("REGISTER")
        rig.reply(register, 500)
        self.assertEqual(rig.account().flows[0].binding.granted.public, "")

    def test_outbound(self) -> None:
        """Without it, what follows in a call is wanted over the flow that it came by (RFC 5626)."""
        rig = self.registered("x=y", extensions=("outbound",))
        self.assertIn(";ob>", self.answered(rig))

    def test_keepAlives(self) -> None:
        """A registrar that says how often it wants to hear of us does (section 4.4)."""
        rig = TrunkRig(trunk(extensions=("outbound",)))
        rig.register("Require: outbound\r\nFlow-Timer: 20\r\n")
        target = Target(Transport.UDP, SERVER)
        self.assertEqual(rig.endpoint.keepAlives.most(target), 18)
        self.assertIsNone(rig.endpoint.keepAlives.most(Target(Transport.UDP, OTHER)))
        rig.clock.pump([1.0] * 100)
        pings = [data for data, target in rig.wire.raw if target == SERVER and data[:2] == b"\0\1"]
        self.assertGreaterEqual(len(pings), 5)

    def test_firstHop(self) -> None:
        """A first hop that does not know RFC 5626 (439) is registered with as ever, at once."""
        rig = TrunkRig(trunk(extensions=("outbound",)))
        (register,) = rig.sent("REGISTER")
        self.assertIn(";reg-id=1", header(register, "Contact"))
        rig.reply(register, 439)
        rig.clock.advance(0.01)
        (again,) = rig.sent("REGISTER")
        self.assertNotIn("reg-id", again)
        rig.reply(again, 200, f"Contact: {header(again, 'Contact')};expires=600\r\n")
        (found,) = states(rig.endpoint.trunks.accounts)
        self.assertTrue(found["works"])


class SeveralTests(SynchronousTestCase):
    """Two proxies."""

    def setUp(self) -> None:
        self.rig = TrunkRig(flows())
        self.rig.clock.advance(0.01)

    def registers(self) -> dict[str, str]:
        """The REGISTERs that have gone out, by where they went."""
        sent, self.rig.wire.sent = self.rig.wire.sent, []
        return {target.host: text for text, target in sent if text.startswith("REGISTER")}

    def grant(self, register: str, source: TransportAddress) -> None:
        contact = header(register, "Contact")
        self.rig.reply(register, 200, f"Contact: {contact};expires=600\r\nRequire: outbound\r\n", source)

    def state(self) -> tuple[object, ...]:
        (found,) = states(self.rig.endpoint.trunks.accounts)
        return found["works"], found["flows"], found["flowsRegistered"]

    def test_each(self) -> None:
        """It is registered by each, as one instance with flows of its own (RFC 5626 section 4.2)."""
        found = self.registers()
        self.assertEqual(set(found), {SERVER.host, BACKUP.host})
        for number, host in ((1, SERVER.host), (2, BACKUP.host)):
            register = found[host]
            self.assertTrue(register.startswith("REGISTER sip:192.0.2.200 SIP/2.0\r\n"))
            self.assertEqual(header(register, "Route"), f"<sip:{host};lr>")
            self.assertTrue(header(register, "Contact").endswith(f";reg-id={number}"))
            self.assertEqual(header(register, "Supported"), "path, outbound")
        contacts = [header(each, "Contact") for each in found.values()]
        instances = {contact.partition("+sip.instance=")[2].partition(";")[0] for contact in contacts}
        self.assertEqual(len(instances), 1)

    def test_oneFails(self) -> None:
        """It works as long as one is registered; the other is tried again, in the time of RFC 5626 section 4.5."""
        found = self.registers()
        self.grant(found[SERVER.host], SERVER)
        self.assertEqual(self.state(), (True, 2, 1))
        self.rig.reply(found[BACKUP.host], 500, source=BACKUP)
        self.rig.clock.pump([1.0] * int(OTHER_WAIT - 2))
        self.assertEqual(self.registers(), {})
        self.rig.clock.pump([1.0] * 5)
        again = self.registers()
        self.assertEqual(set(again), {BACKUP.host})
        self.grant(again[BACKUP.host], BACKUP)
        self.assertEqual(self.state(), (True, 2, 2))

    def test_bothFail(self) -> None:
        """If none is registered each is tried again soon."""
        for host, register in self.registers().items():
            self.rig.reply(register, 500, source=evolve(SERVER, host=host))
        self.assertEqual(self.state(), (False, 2, 0))
        self.rig.clock.pump([1.0] * 6)
        self.assertEqual(set(self.registers()), {SERVER.host, BACKUP.host})
        self.assertLess(MAX_WAIT, OTHER_WAIT * 2)

    def test_oneRefused(self) -> None:
        """One that is refused by one registrar, and registered by another, is not refused."""
        found = self.registers()
        self.rig.reply(found[BACKUP.host], 401, source=BACKUP)
        self.assertFalse(self.rig.account().isRefused)
        self.grant(found[SERVER.host], SERVER)
        self.assertTrue(self.rig.account().works)

    def test_arrivals(self) -> None:
        """Calls come by either, and are answered with the Contact of that flow."""
        found = self.registers()
        for host, register in found.items():
            self.grant(register, evolve(SERVER, host=host))
        for host, register in found.items():
            uri = header(register, "Contact").partition(">")[0].strip("<")
            text = request("INVITE", uri, "<sip:4930@192.0.2.200>", callId=host, branch=f"b{host}")
            self.rig.receive(text, evolve(SERVER, host=host))
        self.assertEqual(len(self.rig.invitations.legs), 2)
        self.assertEqual(self.rig.invitations.called, ["trunk:4930@one"] * 2)

    def test_reload(self) -> None:
        """When the trunk goes, both are taken off the list."""
        for host, register in self.registers().items():
            self.grant(register, evolve(SERVER, host=host))
        self.rig.adopt()
        self.rig.clock.advance(0.1)
        self.assertEqual({header(each, "Expires") for each in self.registers().values()}, {"0"})


class CallTests(TrunkCalls):
    """Calls by trunks with two proxies."""

    def setUp(self) -> None:
        self.make({"proxies": PROXIES})

    def hear(self, to: str, code: int, source: TransportAddress) -> None:
        """A proxy answers."""
        self.rig.wire.take()
        self.rig.endpoint.received(respond(to, code, "Word").encode(), source)

    def test_next(self) -> None:
        """The second proxy is tried if the first cannot, and then the next trunk."""
        self.dial()
        invite = self.invite()
        self.assertEqual(header(invite, "Route"), f"<sip:{SERVER.host};lr>")
        self.hear(invite, 503, SERVER)
        invite = self.invite(BACKUP.host)
        self.assertEqual(header(invite, "Route"), f"<sip:{BACKUP.host};lr>")
        self.hear(invite, 430, BACKUP)
        self.invite(OTHER.host)

    def test_trunkRefuses(self) -> None:
        """What holds for the whole account has the next trunk tried, not the next proxy."""
        self.dial()
        self.hear(self.invite(), 403, SERVER)
        self.invite(OTHER.host)

    def test_silence(self) -> None:
        """Both have the time of one trunk together: the next one is called within 4 s."""
        self.dial()
        self.invite()
        hosts: list[str] = []
        for _ in range(40):
            self.rig.clock.advance(0.1)
            hosts += [host for text, host in self.invites() if host not in hosts]
        self.assertEqual(hosts[-2:], [BACKUP.host, OTHER.host])

    def test_registeredFirst(self) -> None:
        """The proxy by which it is registered is called first."""
        self.make({"proxies": PROXIES, "registrationTime": 600})
        self.rig.clock.advance(0.01)
        sent, self.rig.wire.sent = self.rig.wire.sent, []
        (register,) = [text for text, target in sent if target.host == BACKUP.host and text.startswith("REGISTER")]
        self.rig.reply(register, 200, f"Contact: {header(register, 'Contact')};expires=600\r\n", BACKUP)
        self.dial("sip:77@one")
        self.invite(BACKUP.host)


class ProbingTests(SynchronousTestCase):
    """Whether the server of a trunk with several flows is there."""

    def setUp(self) -> None:
        self.asked: list[Deferred[int]] = [Deferred(), Deferred()]
        self.found = best(self.asked)

    def test_one(self) -> None:
        """One good answer is enough, whatever the other says."""
        self.asked[0].callback(503)
        self.assertNoResult(self.found)
        self.asked[1].callback(404)
        self.assertEqual(self.successResultOf(self.found), 404)

    def test_none(self) -> None:
        """If none gives one, there is none."""
        self.asked[0].callback(408)
        self.asked[1].errback(OSError("no way"))
        self.assertEqual(self.successResultOf(self.found), 503)

    def test_cancelled(self) -> None:
        """Who stops asking stops all."""
        self.found.addErrback(lambda failure: None)
        self.found.cancel()
        for each in self.asked:
            self.assertTrue(each.called)
