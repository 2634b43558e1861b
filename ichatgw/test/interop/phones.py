"""
SIP phones, called and calling.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ichatgw.sim.ichatcall import IChatCall
from ichatgw.test.interop.cell import Cell, Matrix, Record
from ichatgw.test.interop.peers import PEERS, Peer
from ichatgw.test.interop.scene import HOSTS, USER, Scene, hears

CALLS, CALLED = "phone calls", "phone is called"
TRANSPORTS = ("UDP", "TCP", "TLS")
OLD = ("baresip", "sipp")
"""They know no other digest than MD5, and give up when it is not the first that is offered."""


async def play(record: Record, peer: str, transport: str, family: str, login: bool, called: bool) -> None:
    """One call: tones, hold and resume, and whoever was called hangs up."""
    key = (family, login, login and peer in OLD)
    scene: Scene = await record.stage(key, lambda logs: Scene(record.reactor, logs, HOSTS[family], *key[1:]))
    line = scene.line(transport, called)
    phone: Peer = PEERS[peer](record, line)
    scene.ichat.listenFor = phone.says
    await phone.start()
    number = await scene.callable(line, phone.port) if called else ""
    call: IChatCall
    with record.check("call"):
        if called:
            call = scene.ichat.call(number)
            await phone.answer()
            await record.awaited("the phone's answer", call.whenAnswered())
        else:
            arrival = scene.ichat.whenCalled()
            await phone.dial(scene.address(USER, transport))
            arrived = await record.awaited("a call at the iChat", arrival)
            await record.awaited("the iChat's answer", arrived.whenAnswered())
            call = arrived
        await phone.established()
    with record.check("tone"):
        await hears(record.reactor, call.media, 1.0)
    with record.check("hold"):
        await phone.hold(call)
    with record.check("bye"):
        if called:
            await phone.hangup()
        else:
            call.hangup()
        await record.awaited("the end of the iChat's call", call.whenEnded())
        await phone.closed()
    with record.check("tone"):
        await phone.heard()


def lacking(peer: str, transport: str, called: bool) -> str:
    """What a phone cannot do."""
    if peer == "sipp" and transport == "TLS":
        return "sipp 3.6.1 of Debian is built without TLS"
    if peer == "linphonec" and transport == "TLS" and called:
        return "linphonec 5.1 takes no connections over TLS (it is called through Kamailio, see there)"
    return ""


def cells() -> Iterator[Cell]:
    """All of them."""
    for peer in PEERS:
        for transport in TRANSPORTS:
            for family in HOSTS:
                for login in (False, True):
                    for column in (CALLS, CALLED):
                        called = column == CALLED
                        if login and called:  # a phone asks nobody to log in
                            continue
                        yield Cell(
                            (peer, transport, family, "RTP", "yes" if login else "no"),
                            column,
                            partial(play, peer=peer, transport=transport, family=family, login=login, called=called),
                            lacking(peer, transport, called),
                        )


PHONES = Matrix(
    "SIP phones", ("peer", "transport", "family", "media", "login"), ("call", "tone", "hold", "bye"), tuple(cells())
)
