"""
SIP phones, called and calling.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ichatgw.sim.ichat.call import IChatCall
from ichatgw.test.interop.cell import Cell, Matrix, Record
from ichatgw.test.interop.peers import PEERS, Peer
from ichatgw.test.interop.scene import HOSTS, Names, Scene, Way, hears

CALLS, CALLED = "phone calls", "phone is called"
TRANSPORTS = ("UDP", "TCP", "TLS")
MEDIA = ("RTP", "SDES")
OLD = ("baresip", "sipp")
"""They know no other digest than MD5, and give up when it is not the first that is offered."""


async def play(record: Record, peer: str, way: Way, called: bool) -> None:
    """One call: tones, hold and resume, and the party called hangs up."""
    names: Names = await record.stage("names", lambda logs: Names(record.reactor), lasting=True)
    scene: Scene = await record.stage(way.stage, lambda logs: Scene(record.reactor, logs, way.stage, names))
    line = scene.line(way, called)
    phone: Peer = PEERS[peer](record, line)
    scene.ichat.listenFor = phone.says
    await phone.start()
    if scene.kamailio is not None:
        await scene.kamailio.saved(line.user)
    number = await scene.callable(line, phone.port) if called else ""
    call: IChatCall
    with record.check("call"):
        if called:
            sent = f"INVITE to {way.transport.lower()}:"
            before = scene.gateway.said(sent)
            call = scene.ichat.call(number)
            await phone.answer()
            await record.awaited("the phone's answer", call.whenAnswered())
            if scene.gateway.said(sent) == before:
                raise AssertionError(f"the phone was not called over {way.transport}")
        else:
            arrival = scene.ichat.whenCalled()
            await phone.dial(scene.address(way))
            arrived = await record.awaited("a call at the iChat", arrival)
            await record.awaited("the iChat's answer", arrived.whenAnswered())
            call = arrived
        await phone.established()
    with record.check("tone"):
        await hears(record.reactor, call.media, 1.5)
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


def lacking(peer: str, way: Way, called: bool) -> str:
    """What a phone cannot do."""
    if peer == "sipp" and way.transport == "TLS":
        return "sipp 3.6.1 of Debian is built without TLS"
    if peer == "sipp" and way.media == "SDES":
        return "sipp 3.6.1 knows no SRTP"
    if way.login and called and not way.proxied:
        return "a phone asks nobody to log in; Kamailio does, see there"
    if peer == "linphonec" and way.transport == "TLS" and called and not way.proxied:
        return "linphonec 5.1 takes no connections over TLS; it is called over its own one, through Kamailio"
    return ""


def ways(peer: str) -> Iterator[Way]:
    """All ways to and from a phone."""
    for proxied in (False, True) if peer != "sipp" else (False,):
        for transport in TRANSPORTS:
            for family in HOSTS:
                for media in MEDIA:
                    for login in (False, True):
                        yield Way(transport, family, media, login, login and peer in OLD and not proxied, proxied)


def cells() -> Iterator[Cell]:
    """All of them."""
    for peer in PEERS:
        for way in ways(peer):
            via = "Kamailio" if way.proxied else ""
            row = (peer, via, way.transport, way.family, way.media, "digest" if way.login else "")
            for column in (CALLS, CALLED):
                called = column == CALLED
                doing = partial(play, peer=peer, way=way, called=called)
                yield Cell(row, column, doing, lacking(peer, way, called), turn=repr(way.stage))


PHONES = Matrix(
    "SIP phones",
    ("peer", "through", "transport", "family", "media", "login"),
    ("call", "tone", "hold", "bye"),
    tuple(cells()),
)
