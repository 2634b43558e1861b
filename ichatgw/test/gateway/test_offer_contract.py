# -*- test-case-name: ichatgw.test.gateway.test_offer_contract -*-
# mypy: allow-untyped-calls
"""
What every pair of legs promises of offers and answers: each party is told what the other one has said of its formats,
and nothing is lost on the way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Protocol

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import Invitation, SessionDescription
from ichatgw.test.support.clients import ichats
from ichatgw.test.support.clients.jingles import PHONE as CLIENT
from ichatgw.test.support.clients.jingles import SESSIONS, World, content, transport
from ichatgw.test.support.fakes import FakeCall
from ichatgw.test.support.media.fakerelays import FakeSide
from ichatgw.test.support.sip.siptalks import news
from ichatgw.test.support.sip.sipwire import Rig, respond


@frozen
class Format:
    """A format as a party writes it."""

    number: int
    name: str
    clockRate: int
    parameters: str = ""
    channels: int = 1


@frozen
class Said:
    """
    A description as a party writes it, or is shown it.

    @ivar packing: C{ptime} and C{maxptime}; empty if unsaid.
    """

    formats: tuple[Format, ...]
    packing: tuple[str, str] = ("", "")

    @property
    def speech(self) -> tuple[Format, ...]:
        """The formats that one can talk in."""
        return tuple(each for each in self.formats if each.name != "telephone-event")

    def of(self, name: str) -> list[Format]:
        """The formats of that name."""
        return [each for each in self.formats if each.name.lower() == name.lower()]


def asSDP(said: Said) -> str:
    """A phone says it."""
    numbers = " ".join(str(each.number) for each in said.formats)
    lines = ["v=0", "o=- 1 1 IN IP4 192.0.2.77", "s=-", "c=IN IP4 192.0.2.77", "t=0 0"]
    lines.append(f"m=audio 30000 RTP/AVP {numbers}")
    for each in said.formats:
        channels = f"/{each.channels}" if each.channels > 1 else ""
        lines.append(f"a=rtpmap:{each.number} {each.name}/{each.clockRate}{channels}")
        if each.parameters:
            lines.append(f"a=fmtp:{each.number} {each.parameters}")
    lines += [f"a={name}:{value}" for name, value in zip(("ptime", "maxptime"), said.packing, strict=True) if value]
    return "\r\n".join([*lines, ""])


def ofSDP(text: str) -> Said:
    """A phone is shown it."""
    numbers = re.findall(r"m=audio \d+ \S+ (.*)\r", text)[0].split()
    maps = {number: rest for number, *rest in re.findall(r"a=rtpmap:(\d+) (\S+?)/(\d+)(?:/(\d+))?\r", text)}
    parameters = dict(re.findall(r"a=fmtp:(\d+) (.*)\r", text))
    formats = []
    for number in numbers:
        name, clockRate, channels = maps[number]
        formats.append(Format(int(number), name, int(clockRate), parameters.get(number, ""), int(channels or 1)))
    packing = [next(iter(re.findall(rf"a={name}:(\d+)\r", text)), "") for name in ("ptime", "maxptime")]
    return Said(tuple(formats), (packing[0], packing[1]))


def asJingle(said: Said, setup: str = "actpass") -> str:
    """A client says it."""
    inside = ""
    for each in said.formats:
        attributes = f"id='{each.number}' name='{each.name}' clockrate='{each.clockRate}' channels='{each.channels}'"
        times = zip(("ptime", "maxptime"), said.packing, strict=True)
        attributes += "".join(f" {name}='{value}'" for name, value in times if value)
        pairs = [part.strip().partition("=") for part in each.parameters.split(";") if part]
        parts = "".join(
            f"<parameter name='{name if equals else ''}' value='{value if equals else name}'/>"
            for name, equals, value in pairs
        )
        inside += f"<payload-type {attributes}>{parts}</payload-type>"
    description = f"<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>{inside}<rtcp-mux/></description>"
    return content(description + transport(setup=setup), "audio")


def ofJingle(world: World, action: str) -> Said:
    """A client is shown it."""
    audio = next(each for each in world.last(action).elements() if each.name == "content")
    description = next(each for each in audio.elements() if each.name == "description")
    formats, packing = [], ("", "")
    for one in description.elements():
        if one.name != "payload-type":
            continue
        pairs = [(each.getAttribute("name"), each.getAttribute("value")) for each in one.elements()]
        parameters = ";".join(f"{name}={value}" if name else value for name, value in pairs)
        channels = int(one.getAttribute("channels", "1"))
        formats.append(Format(int(one["id"]), one["name"], int(one["clockrate"]), parameters, channels))
        if one["name"] != "telephone-event":
            packing = one.getAttribute("ptime", ""), one.getAttribute("maxptime", "")
    return Said(tuple(formats), packing)


class Caller(Protocol):
    """A party that calls."""

    def offers(self, said: Said) -> SessionDescription:
        """It calls with this offer; what is the other leg given?"""

    def isAnswered(self, answer: SessionDescription) -> Said:
        """The other leg gives this answer; what is the party shown?"""


class Callee(Protocol):
    """A party that is called."""

    def isOffered(self, offer: SessionDescription) -> Said:
        """It is called with this offer; what is the party shown?"""

    def answers(self, said: Said) -> SessionDescription:
        """It answers; what is the other leg given?"""


class CallingPhone:
    """Over SIP."""

    def __init__(self) -> None:
        self.rig = Rig()

    def offers(self, said: Said) -> SessionDescription:
        self.rig.invite(body=asSDP(said))
        return self.rig.invitations.offers[-1]

    def isAnswered(self, answer: SessionDescription) -> Said:
        self.rig.invitations.legs[-1].answer(answer)
        return ofSDP(self.rig.wire.take()[-1])


class CalledPhone:
    """Over SIP."""

    def __init__(self) -> None:
        self.rig = Rig()
        self.leg = self.rig.dial()

    def isOffered(self, offer: SessionDescription) -> Said:
        self.leg.start(offer)
        self.invite = self.rig.wire.take()[-1]
        return ofSDP(self.invite)

    def answers(self, said: Said) -> SessionDescription:
        self.rig.receive(respond(self.invite, 200, "OK", body=asSDP(said)))
        return news(self.leg).answers[-1]


class CallingClient:
    """Over Jingle."""

    def __init__(self) -> None:
        self.world = World()

    def offers(self, said: Said) -> SessionDescription:
        self.world.initiate(inside=asJingle(said))
        return self.world.arrivals.arrivals[-1][2]

    def isAnswered(self, answer: SessionDescription) -> Said:
        self.world.arrived.answer(answer)
        return ofJingle(self.world, "session-accept")


class CalledClient:
    """Over Jingle."""

    def __init__(self) -> None:
        self.world = World()

    def isOffered(self, offer: SessionDescription) -> Said:
        self.leg = self.world.dial(offer=offer, phone=SESSIONS)
        return ofJingle(self.world, "session-initiate")

    def answers(self, said: Said) -> SessionDescription:
        self.world.accept(CLIENT, self.world.last("session-initiate")["sid"], asJingle(said, "active"))
        return news(self.leg).answers[-1]


class CallingIChat:
    """By stanzas first, and then over SIP."""

    def __init__(self) -> None:
        self.world, self.rig = ichats.World(), Rig()

    def offers(self, said: Said) -> SessionDescription:
        self.world.request()
        self.said = said
        return self.world.arrivals.arrivals[-1][2]

    def isAnswered(self, answer: SessionDescription) -> Said:
        self.world.arrived.answer(answer)
        self.rig.invite(body=asSDP(self.said))
        (inner,) = self.rig.invitations.legs
        marks = Invitation(ichats.ICHAT_ADDRESS, "Viceroy 1.4.1", "scott@jabber.example", "72@gw.jabber.example")
        self.world.protocol.invited(inner, marks)
        return ofSDP(self.rig.wire.take()[-1])


class CalledIChat:
    """By stanzas first, and then over SIP."""

    def __init__(self) -> None:
        self.world, self.rig = ichats.World(), Rig()
        self.world.protocol._dialer = self.rig.endpoint.pinned()

    def isOffered(self, offer: SessionDescription) -> Said:
        self.world.presence.known.append(ichats.ichat())
        self.leg = self.world.protocol.dial("xmpp:scott@jabber.example", ichats.BELL)
        self.leg.call, self.leg.side = FakeCall(), FakeSide()
        self.leg.start(offer)
        self.world.accept()
        self.invite = self.rig.wire.take()[-1]
        return ofSDP(self.invite)

    def answers(self, said: Said) -> SessionDescription:
        self.rig.receive(respond(self.invite, 200, "OK", body=asSDP(said)), ichats.ICHAT_ADDRESS)
        return news(self.leg).answers[-1]


PAIRS: Iterable[tuple[Callable[[], Caller], Callable[[], Callee]]] = [
    (caller, callee) for caller in (CallingPhone, CallingClient) for callee in (CalledPhone, CalledClient)
]

PCMU = Format(0, "PCMU", 8000)
PCMA = Format(8, "PCMA", 8000)
EVENT = Format(101, "telephone-event", 8000, "0-15")
ALIGNED = Format(104, "AMR-WB", 16000, "octet-align=1;mode-change-capability=2")
EFFICIENT = Format(110, "AMR-WB", 16000, "mode-change-capability=2")


class OfferContract(SynchronousTestCase):
    """For every pair of legs."""

    def eachPair(self, offer: Said, answerTo: Callable[[Said], Said]) -> Iterable[tuple[str, Said, Said]]:
        """
        A call with each.

        @param answerTo: what the callee says to what it is shown.
        @return: which pair, what the callee was shown, and what the caller was.
        """
        for makeCaller, makeCallee in PAIRS:
            caller, callee = makeCaller(), makeCallee()
            shown = callee.isOffered(caller.offers(offer))
            told = caller.isAnswered(callee.answers(answerTo(shown)))
            yield f"{type(caller).__name__} to {type(callee).__name__}", shown, told

    def test_packing(self) -> None:
        """Each party is told how long the other one wants packets to be (RFC 8866 section 6.4)."""
        offer = Said((PCMA,), ("30", "40"))
        for pair, shown, told in self.eachPair(offer, lambda shown: Said((PCMA,), ("20", "20"))):
            self.assertEqual((shown.packing, told.packing), (("30", "40"), ("20", "20")), pair)

    def test_packingUnsaid(self) -> None:
        """Nothing is said for a party that has said nothing of it, or nonsense."""
        for nothing in (("", ""), ("0", "99999"), ("x", "-5")):
            for pair, shown, told in self.eachPair(Said((PCMA,), nothing), lambda shown: Said((PCMA,), ("", "60"))):
                self.assertEqual((shown.packing, told.packing), (("", ""), ("", "60")), pair)

    def test_parameters(self) -> None:
        """Each party is told the parameters of the other one, by its own numbers."""
        offer = Said((Format(18, "G729", 8000, "annexb=yes"), Format(97, "iLBC", 8000, "mode=30")))

        def answer(shown: Said) -> Said:
            (codec,) = shown.of("iLBC")
            return Said((Format(18, "G729", 8000, "annexb=no"), Format(codec.number, "iLBC", 8000, "mode=20")))

        for pair, shown, told in self.eachPair(offer, answer):
            self.assertEqual([each.parameters for each in shown.speech], ["annexb=yes", "mode=30"], pair)
            self.assertEqual([each.parameters for each in told.speech], ["annexb=no", "mode=20"], pair)
            self.assertEqual([each.number for each in told.speech], [18, 97], pair)

    def test_oneCodecTwice(self) -> None:
        """A codec with two sets of parameters is offered by two numbers; the one that is taken is answered."""
        both = [ALIGNED.parameters, EFFICIENT.parameters]

        def first(shown: Said) -> Said:
            return Said(shown.speech[:1])

        def second(shown: Said) -> Said:
            return Said(shown.speech[1:])

        for number, answer in ((104, first), (110, second)):
            for pair, shown, told in self.eachPair(Said((ALIGNED, EFFICIENT)), answer):
                self.assertEqual([each.parameters for each in shown.speech], both, pair)
                self.assertEqual(len({each.number for each in shown.speech}), 2, pair)
                self.assertEqual([each.number for each in told.speech], [number], pair)

    def test_bitrates(self) -> None:
        """So is G.722.1, at each of its rates, and another codec that has nothing but parameters to tell by."""
        for name, one, other in (
            ("G7221", "bitrate=24000", "bitrate=32000"),
            ("iLBC", "mode=20", "mode=30"),
            ("x-new", "version=1", "version=2"),
        ):
            offer = Said((Format(99, name, 16000, one), Format(100, name, 16000, other)))
            for pair, shown, told in self.eachPair(offer, lambda shown: Said(shown.speech[::-1])):
                self.assertEqual([each.parameters for each in shown.speech], [one, other], pair)
                self.assertEqual([each.parameters for each in told.speech], [other, one], pair)
                self.assertEqual([each.number for each in told.speech], [100, 99], pair)

    def test_sameTwice(self) -> None:
        """A format that is offered twice, and is the same, is one."""
        offer = Said((Format(109, "opus", 48000, "stereo=1", 2), Format(111, "opus", 48000, "", 2), PCMA))
        for pair, shown, told in self.eachPair(offer, lambda shown: Said(shown.speech)):
            self.assertEqual([each.name for each in shown.speech], ["opus", "PCMA", "PCMU"], pair)
            self.assertEqual([each.number for each in told.speech], [109, 8], pair)

    def test_unsaidInTheAnswer(self) -> None:
        """An answer that leaves out how packets look has taken them as they were offered."""

        def answer(shown: Said) -> Said:
            return Said((Format(shown.speech[0].number, "AMR-WB", 16000),))

        for pair, _, told in self.eachPair(Said((ALIGNED,)), answer):
            self.assertEqual([each.parameters for each in told.speech], ["octet-align=1"], pair)

    def test_severalFormats(self) -> None:
        """The order is the callee's; what it does not take is not answered; events come last."""
        wide = Format(9, "G722", 8000)
        offer = Said((Format(0, "PCMU", 8000), PCMA, wide, EVENT))
        for pair, shown, told in self.eachPair(offer, lambda shown: Said((wide, PCMA, EVENT))):
            self.assertEqual([each.name for each in shown.formats], ["PCMU", "PCMA", "G722", "telephone-event"], pair)
            self.assertEqual([each.number for each in told.formats], [9, 8, 101], pair)

    def test_eventsAlways(self) -> None:
        """A client is offered events, and answered them, whether or not the other party has any."""
        offer = Said((PCMA, EVENT))
        for pair, _, told in self.eachPair(offer, lambda shown: Said((PCMA,))):
            self.assertEqual(bool(told.of("telephone-event")), pair.startswith("CallingClient"), pair)
        for pair, shown, _ in self.eachPair(Said((PCMA,)), lambda shown: Said((PCMA,))):
            self.assertEqual(bool(shown.of("telephone-event")), pair.endswith("CalledClient"), pair)

    def test_iChats(self) -> None:
        """
        An iChat has PCMU and no wishes: it is offered and answered nothing else, whatever the other party says, and
        that one is told what it says.
        """
        offer, plain = Said((PCMU, PCMA, EVENT), ("30", "40")), Said((PCMU,))
        for makeCaller in (CallingPhone, CallingClient):
            caller, callee = makeCaller(), CalledIChat()
            self.assertEqual(callee.isOffered(caller.offers(offer)), plain)
            told = caller.isAnswered(callee.answers(Said((PCMU,), ("20", ""))))
            self.assertEqual((told.speech, told.packing), ((PCMU,), ("20", "")))
        for makeCallee in (CalledPhone, CalledClient):
            ichat, other = CallingIChat(), makeCallee()
            shown = other.isOffered(ichat.offers(plain))
            self.assertEqual(shown.speech[0], PCMU)
            told = ichat.isAnswered(other.answers(Said((PCMU,), ("30", ""))))
            self.assertEqual((told.speech, told.packing), ((PCMU,), ("", "")))

    def test_events(self) -> None:
        """The range of events is what both have."""
        offer = Said((PCMA, Format(101, "telephone-event", 8000, "0-11")))
        keys = Format(101, "telephone-event", 8000, "0-16")
        for pair, shown, told in self.eachPair(offer, lambda shown: Said((PCMA, keys))):
            for said in (shown, told):
                self.assertEqual(said.of("telephone-event")[0].parameters.removeprefix("events="), "0-11", pair)
