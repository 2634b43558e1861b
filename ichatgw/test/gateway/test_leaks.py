# -*- test-case-name: ichatgw.test.gateway.test_leaks -*-
"""
The whole gateway between two phones, in memory: hostile messages do it no harm, and nothing of a call stays.
"""

from __future__ import annotations

import random
from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.dialplan import DialPlan
from ichatgw.calls.switch import Switch
from ichatgw.media.engine import MediaEngine, MediaOptions
from ichatgw.model import Ending, EndReason, TransportAddress
from ichatgw.test.marks import slow
from ichatgw.test.support import data
from ichatgw.test.support.garbage import remainder
from ichatgw.test.support.media.fakes import FakeAddresses, FakeNetwork
from ichatgw.test.support.sip.sipwire import PHONE_SDP, Rig, byeAfter, header, request, respond, status

CALLEE = TransportAddress("192.0.2.88", 5060)


REMEMBERED = ("ichatgw.sip.dialog.replaces.DialogId", "sippy.SipAddress.SipAddress", "sippy.SipURL.SipURL")
"""Of these a bounded number is remembered: names of dialogs that are over, and addresses as they were read."""


class WholeGatewayTests(SynchronousTestCase):
    """Endpoint, switch, calls and relays together."""

    def setUp(self) -> None:
        self.rig = Rig()
        self.network = FakeNetwork()
        self.media = MediaEngine(
            self.rig.clock,
            FakeAddresses(""),
            MediaOptions(8000, 20000),
            readers=self.network,
            makeSocket=self.network.makeSocket,
            random32=partial(random.Random(1).getrandbits, 32),
        )
        plan = DialPlan([(r"^sip:(\w+)@192\.0\.2\.10", "sip:$1@192.0.2.88")])
        self.switch = Switch(self.rig.clock, plan, self.media, {"sip": self.rig.endpoint})
        self.switch.startService()
        self.rig.endpoint.arrivals = self.switch
        self.rig.endpoint.matchers.clear()
        self.calls = 0
        self.rest = self.count()

    def count(self) -> dict[str, int]:
        """All that could be left over."""
        transactions = self.rig.endpoint._transactions
        return {
            "calls": len(tuple(self.switch.calls)),
            "legs": len(self.rig.endpoint.legs),
            "relays": self.media.live,
            "ports lent": self.media._pool.lent,
            "sockets": len(self.network.bound()),
            "transactions": self.rig.endpoint.transactions,
            "dialogs": len(transactions.req_consumers),
            "timers": len(self.rig.clock.getDelayedCalls()),
            "responses kept": len(transactions.l1rcache),
        }

    def settle(self) -> None:
        """Let everything that waits run out."""
        self.rig.clock.pump([0.5] * 100 + [32] * 14)
        self.rig.wire.take()
        self.rig.streams.expected.clear()

    def call(self, ending: str) -> list[int]:
        """
        One call.

        @param ending: C{caller} or C{callee} hangs up, it is C{declined} or C{abandoned}.
        @return: the codes that the caller got.
        """
        self.calls += 1
        callId = f"leak-{self.calls}"
        sent = self.rig.receive(request("INVITE", callId=callId))
        codes = self.codes(sent)
        invite = next(message for message in sent if message.startswith("INVITE"))
        codes += self.codes(self.rig.receive(respond(invite, 180, "Ringing"), CALLEE))
        if ending == "declined":
            sent = self.rig.receive(respond(invite, 603, "Decline"), CALLEE)
            final = next(message for message in sent if status(message) == 603)
            self.rig.receive(request("ACK", to=header(final, "To"), callId=callId, branch="INVITE1", body=None))
            return codes + self.codes(sent)
        if ending == "abandoned":
            sent = self.rig.receive(request("CANCEL", callId=callId, branch="INVITE1"))
            cancel = next(message for message in sent if message.startswith("CANCEL"))
            self.rig.receive(respond(cancel, 200, "OK"), CALLEE)
            self.rig.receive(respond(invite, 487, "Request Terminated"), CALLEE)
            final = next(message for message in sent if status(message) == 487)
            self.rig.receive(request("ACK", to=header(final, "To"), callId=callId, branch="INVITE1", body=None))
            return codes + self.codes(sent)
        sent = self.rig.receive(respond(invite, 200, "OK", body=PHONE_SDP.replace("30000", "30010")), CALLEE)
        ok = next(message for message in sent if status(message) == 200)
        codes.append(200)
        self.rig.receive(request("ACK", to=header(ok, "To"), callId=callId, branch=f"ack{self.calls}", body=None))
        if ending == "caller":
            sent = self.rig.receive(request("BYE", to=header(ok, "To"), callId=callId, cseq=2))
        else:
            bye = byeAfter(invite, "sip:alice@192.0.2.10:5070", f"bye{self.calls}")
            sent = self.rig.receive(bye, CALLEE)
        ours = next(message for message in sent if message.startswith("BYE"))
        self.rig.receive(respond(ours, 200, "OK"), CALLEE)
        return codes

    def converse(self, method: str, body: str | None, extra: str = "") -> None:
        """An answered call in which the caller sends one request, and each question is answered with yes."""
        self.calls += 1
        callId = f"leak-{self.calls}"
        invite = next(m for m in self.rig.receive(request("INVITE", callId=callId)) if m.startswith("INVITE"))
        sent = self.rig.receive(respond(invite, 200, "OK", body=PHONE_SDP), CALLEE)
        to = header(next(m for m in sent if status(m) == 200), "To")
        self.rig.receive(request("ACK", to=to, callId=callId, branch=f"ack{self.calls}", body=None))
        sent = self.rig.receive(request(method, to=to, callId=callId, cseq=2, body=body, extra=extra))
        self.assertIn(next(status(m) for m in sent if status(m) >= 200), (200, 202))
        self.rig.receive(request("ACK", to=to, callId=callId, cseq=2, branch=f"again{self.calls}", body=None))
        (call,) = self.switch.calls
        caller = call.caller
        self.agree(sent)
        self.assertEqual(call.caller is caller, method == "INVITE")
        call.hangup(Ending(EndReason.HANGUP))
        self.agree(self.rig.wire.take())

    def agree(self, sent: list[str]) -> None:
        """To all that is asked, and to what is asked because of that, for some seconds."""
        for _ in range(5):
            asked = [message for message in sent if not status(message) and not message.startswith("ACK")]
            self.rig.clock.advance(0.8)
            sent = self.rig.wire.take()
            for message in asked:
                body = PHONE_SDP if message.startswith("INVITE") else ""
                sent += self.rig.receive(respond(message, 200, "OK", body=body), CALLEE)

    def codes(self, sent: list[str]) -> list[int]:
        """The codes of the responses to the INVITE."""
        return [status(m) for m in sent if status(m) and header(m, "CSeq").endswith("INVITE")]

    def test_calls(self) -> None:
        """After answered, declined and abandoned calls nothing is left: no call, leg, port, timer or transaction."""
        self.assertEqual(self.call("caller"), [100, 180, 200])
        self.assertEqual(self.call("callee"), [100, 180, 200])
        self.assertEqual(self.call("declined"), [100, 180, 603])
        self.assertEqual(self.call("abandoned"), [100, 180, 487])
        self.assertEqual(self.count()["calls"], 0)
        self.settle()
        self.assertEqual(self.count(), self.rest)

    @slow
    def test_manyCalls(self) -> None:
        """Nor is after a hundred of them."""
        for _ in range(25):
            for ending in ("caller", "callee", "declined", "abandoned"):
                self.call(ending)
        self.settle()
        self.assertEqual(self.count(), self.rest)

    @slow
    def test_garbage(self) -> None:
        """What is over lets go of all that it knew: nothing of a call has to wait for the garbage collector."""
        for ending in ("caller", "callee", "declined", "abandoned"):

            def calls(ending: str = ending) -> None:
                for _ in range(5):
                    self.call(ending)
                self.settle()

            left = remainder(calls)
            for kind in REMEMBERED:
                del left[kind]
            self.assertEqual(left, {}, ending)

    @slow
    def test_garbageOfChanges(self) -> None:
        """Nor has anything of one in which a party was put on hold, or is another one now."""
        held = PHONE_SDP.replace("sendrecv", "sendonly")
        for method, body, extra in (("INVITE", held, ""), ("REFER", None, "Refer-To: <sip:carol@192.0.2.10>\r\n")):

            def calls(method: str = method, body: str | None = body, extra: str = extra) -> None:
                for _ in range(3):
                    self.converse(method, body, extra)
                self.settle()

            left = remainder(calls)
            for kind in REMEMBERED:
                del left[kind]
            self.assertEqual(left, {}, method)
            self.assertEqual(self.count(), self.rest)

    def chat(self, answers: bool, whoEnds: str) -> None:
        """An answered call in which the caller sends a text, and hears of it before the end or at the end."""
        self.calls += 1
        callId = f"leak-{self.calls}"
        invite = next(m for m in self.rig.receive(request("INVITE", callId=callId)) if m.startswith("INVITE"))
        ok = next(m for m in self.rig.receive(respond(invite, 200, "OK", body=PHONE_SDP), CALLEE) if status(m) == 200)
        to = header(ok, "To")
        self.rig.receive(request("ACK", to=to, callId=callId, branch=f"ack{self.calls}", body=None))
        text = request("MESSAGE", to=to, callId=callId, cseq=2, body="Hi!", contentType="text/plain")
        (asked,) = self.rig.receive(text)
        sent = self.rig.receive(respond(asked, 200, "OK"), CALLEE) if answers else []
        if whoEnds == "caller":
            sent += self.rig.receive(request("BYE", to=to, callId=callId, cseq=3))
        elif whoEnds == "callee":
            sent += self.rig.receive(byeAfter(invite, "sip:alice@192.0.2.10:5070", f"bye{self.calls}"), CALLEE)
        else:
            (call,) = self.switch.calls
            self.rig.clock.pump([1] * 40)
            sent += self.rig.wire.take()
            call.hangup(Ending(EndReason.HANGUP))
        self.assertEqual(len([m for m in sent if status(m) and header(m, "CSeq").endswith("MESSAGE")]), 1)
        self.agree([*sent, *self.rig.wire.take()])

    @slow
    def test_garbageOfTexts(self) -> None:
        """Nor has anything of one in which something was handed on, whether it was answered or not."""
        for answers in (True, False):
            for whoEnds in ("caller", "callee", "nobody"):

                def calls(answers: bool = answers, whoEnds: str = whoEnds) -> None:
                    for _ in range(3):
                        self.chat(answers, whoEnds)
                    self.settle()

                left = remainder(calls)
                for kind in REMEMBERED:
                    del left[kind]
                self.assertEqual(left, {}, f"{answers}, {whoEnds}")
                self.assertEqual(self.count(), self.rest)

    def test_vanished(self) -> None:
        """A caller and a callee of whom nothing is heard any more leave nothing either."""
        for number in range(10):
            self.rig.receive(request("INVITE", callId=f"gone-{number}"))
        self.assertEqual(self.count()["calls"], 10)
        self.settle()
        self.assertEqual(self.count(), self.rest)

    @slow
    def test_corpora(self) -> None:
        """After each of the messages that others wrote to break such as us, a normal call goes through."""
        messages = sorted(path for folder in ("rfc4475", "rfc5118", "jain") for path in data(folder).iterdir())
        fed = 0
        for path in messages:
            if path.suffix == ".tsv" or path.name.startswith(("README", ".")):
                continue
            fed += 1
            self.rig.endpoint.received(path.read_bytes(), CALLEE)
            self.rig.wire.take()
            self.assertEqual(self.call("caller"), [100, 180, 200], path.name)
        self.assertTrue(fed > 430, fed)
        self.settle()
        self.assertEqual(self.count(), self.rest)
