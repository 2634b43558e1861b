# -*- test-case-name: ichatgw.test.sip.dialog.test_requests -*-
"""
Calls over SIP that are answered, and a phone that goes on speaking in plain text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from ichatgw.interfaces import ILeg
from ichatgw.model import Codec, SessionDescription
from ichatgw.sip.leg.leg import SipLeg
from ichatgw.test.support.fakes import OFFER, FakeCall
from ichatgw.test.support.legs import ANSWER
from ichatgw.test.support.media.fakerelays import FakeSide
from ichatgw.test.support.sip.sipwire import PHONE_SDP, Rig, ackFor, ackWithin, header, request, respond

PCMA = Codec("PCMA", 8000, 8)
G722 = Codec("G722", 8000, 9)
HELD = PHONE_SDP.replace("a=sendrecv", "a=sendonly")
WIDE = PHONE_SDP.replace(" 0 8 101", " 9")
ALAW = PHONE_SDP.replace(" 0 8 101", " 8")
ULAW = PHONE_SDP.replace(" 0 8 101", " 0")


def news(leg: ILeg) -> FakeCall:
    """What it has said."""
    return cast(FakeCall, leg.call)


def side(leg: ILeg) -> FakeSide:
    """Its side of the relay."""
    return cast(FakeSide, leg.side)


class Talk:
    """
    A phone in an answered call.

    @ivar leg: ours.
    @ivar accepted: the 200 that began it, ours or the phone's.
    """

    def __init__(self, rig: Rig, leg: SipLeg, accepted: str, ours: str, theirs: str, cseq: int) -> None:
        self.rig = rig
        self.leg = leg
        self.accepted = accepted
        self._ours = ours
        self._theirs = theirs
        self._callId = header(accepted, "Call-ID")
        self.cseq = cseq

    @classmethod
    def inbound(cls, rig: Rig, answer: SessionDescription = ANSWER, **changes: object) -> Talk:
        """The phone called."""
        rig.invite(**changes)
        leg = rig.invitations.legs[-1]
        leg.answer(answer)
        ok = rig.wire.take()[-1]
        rig.receive(ackFor(ok).replace("call-1@192.0.2.77", header(ok, "Call-ID")))
        return cls(rig, leg, ok, header(ok, "To"), header(ok, "From"), 1)

    @classmethod
    def outbound(cls, rig: Rig, offer: SessionDescription = OFFER, body: str = PHONE_SDP, extra: str = "") -> Talk:
        """The phone was called."""
        leg = rig.dial()
        leg.start(offer)
        invite = rig.wire.take()[-1]
        ok = respond(invite, 200, "OK", body=body, extra=extra)
        rig.receive(ok)
        return cls(rig, leg, ok, header(ok, "From"), header(ok, "To"), 0)

    @property
    def news(self) -> FakeCall:
        """What the leg has said."""
        return news(self.leg)

    @property
    def side(self) -> FakeSide:
        """The leg's side of the relay."""
        return side(self.leg)

    def text(self, method: str, **changes: object) -> str:
        """The phone's next request."""
        self.cseq += 1
        fields: dict[str, object] = {
            "uri": "sip:scott@192.0.2.10:5070",
            "to": self._ours,
            "from_": self._theirs,
            "callId": self._callId,
            "cseq": self.cseq,
            "branch": f"{method}{self.cseq}{self._callId.partition('@')[0]}",
        }
        return request(method, **{**fields, **changes})  # type: ignore[arg-type]

    def send(self, method: str, **changes: object) -> list[str]:
        """The phone sends its next request; what went out because of it?"""
        return self.rig.receive(self.text(method, **changes))

    def acknowledge(self, ok: str, body: str | None = None) -> list[str]:
        """The phone's ACK to a 200."""
        number = header(ok, "CSeq").split()[0]
        return self.rig.receive(ackWithin(ok, f"ack{number}", body))


def both(**arguments: object) -> Iterator[Talk]:
    """A call each way, each at an endpoint of its own (one after the other, as sippy knows only one clock)."""
    yield Talk.inbound(Rig(**arguments))
    yield Talk.outbound(Rig(**arguments))


def directionOf(message: str) -> str:
    """Which way media flows, as a description says."""
    return next(line[2:] for line in message.split("\r\n") if line[:6] in ("a=send", "a=recv", "a=inac"))


def formats(message: str) -> str:
    """The formats of the first media line."""
    return next(line for line in message.split("\r\n") if line.startswith("m=")).split(" ", 3)[3]


def versionOf(message: str) -> tuple[str, int]:
    words = next(line for line in message.split("\r\n") if line.startswith("o=")).split()
    return words[1], int(words[2])
