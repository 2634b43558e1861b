"""
SIP phones, called and calling.
"""

from __future__ import annotations

import wave
from functools import partial
from pathlib import Path

from ichatgw.test.e2e.baresip import Baresip
from ichatgw.test.e2e.moment import until
from ichatgw.test.e2e.tone import secondsOf
from ichatgw.test.interop.cell import Cell, Matrix, Record
from ichatgw.test.interop.scene import ICHAT_TONE, PHONE_TONE, PORTS, USER, Scene, hears

CALLS, CALLED = "phone calls", "phone is called"
ENOUGH = 0.6
"""Seconds of a tone that make a call with sound."""

_TRANSPORTS = {"UDP": ("1", ""), "TCP": ("2", ";transport=tcp")}
_HOSTS = {"IPv4": "127.0.0.1", "IPv6": "::1"}


async def _baresip(record: Record, transport: str, family: str) -> tuple[Scene, Baresip]:
    host = _HOSTS[family]
    scene: Scene = await record.stage(("plain", host), lambda directory: Scene(record.reactor, directory, host))
    phone = record.ending(Baresip(record.reactor, record.directory / "phone", PORTS, "phone", PHONE_TONE, host))
    await phone.start()
    return scene, phone


async def baresipCalls(record: Record, transport: str, family: str) -> None:
    """It calls, and the iChat hangs up."""
    scene, phone = await _baresip(record, transport, family)
    with record.check("call"):
        arrival = scene.ichat.whenCalled()
        phone.command("dial", f"sip:{USER}@{scene.gateway.address}{_TRANSPORTS[transport][1]}")
        call = await record.awaited("a call at the iChat", arrival)
        await record.awaited("the iChat's answer", call.whenAnswered())
        await phone.told("CALL_ESTABLISHED")
    with record.check("tone"):
        await hears(record.reactor, call.media, 1.5)
    with record.check("bye"):
        call.hangup()
        await phone.told("CALL_CLOSED")
    with record.check("tone"):
        await _phoneHeard(record, phone)


async def baresipCalled(record: Record, transport: str, family: str) -> None:
    """It is called, and hangs up."""
    scene, phone = await _baresip(record, transport, family)
    contact = await scene.callable(f"{_TRANSPORTS[transport][0]}{phone.port}")
    with record.check("call"):
        call = scene.ichat.call(contact)
        await phone.told("CALL_INCOMING")
        phone.command("accept")
        await record.awaited("the phone's answer", call.whenAnswered())
    with record.check("tone"):
        await hears(record.reactor, call.media, 1.5)
    with record.check("bye"):
        phone.command("hangup")
        await record.awaited("the end of the iChat's call", call.whenEnded())
    with record.check("tone"):
        await _phoneHeard(record, phone)


async def _phoneHeard(record: Record, phone: Baresip) -> None:
    def heard() -> float:
        try:
            return secondsOf(Path(phone.recording()), ICHAT_TONE)
        except (EOFError, OSError, wave.Error):  # not written to its end yet
            return 0.0

    await until(record.reactor, lambda: heard() >= ENOUGH, f"{ICHAT_TONE} Hz at the phone", 5)


PHONES = Matrix(
    "SIP phones",
    ("peer", "transport", "family", "media"),
    ("call", "tone", "bye"),
    tuple(
        Cell(("baresip", transport, family, "RTP"), column, partial(play, transport=transport, family=family))
        for transport in _TRANSPORTS
        for family in _HOSTS
        for column, play in ((CALLS, baresipCalls), (CALLED, baresipCalled))
    ),
)
