"""
Jingle clients and phones: ways of media and codecs other than the first ones.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from types import MappingProxyType

from ichatgw.test.e2e.programs.linphone import Linphone
from ichatgw.test.e2e.support.moment import pause, until
from ichatgw.test.e2e.support.tone import secondsOf
from ichatgw.test.interop.cell import Cell, Matrix, Record
from ichatgw.test.interop.cells.jingle import (
    CALLED,
    CALLS,
    ENOUGH,
    KINDS,
    beConnected,
    clientEnds,
    connect,
    home,
    nothingLeft,
    sound,
)
from ichatgw.test.interop.clients import TONE, Aiortc, Chromium, Client
from ichatgw.test.interop.testbed import USER, Phone, Testbed


async def trickled(record: Record, kind: type[Client], calls: bool) -> None:
    """The client's candidates come one by one, after its description."""
    testbed = await home(record, "IPv4")
    client, phone = await testbed.client(record, kind, trickles=True), await testbed.phone(record)
    await _soundAndEnd(record, testbed, client, phone, calls)


async def lossy(record: Record, kind: type[Client], calls: bool) -> None:
    """Of the client's datagrams, both ways, every tenth is lost, as many come twice, and all come late."""
    testbed = await home(record, "IPv4")
    client, phone = await testbed.client(record, kind, loses=0.1), await testbed.phone(record)
    await _soundAndEnd(record, testbed, client, phone, calls)


async def restarted(record: Record, kind: type[Client], calls: bool) -> None:
    """The client restarts ICE in mid-call, and the sound goes on."""
    testbed = await home(record, "IPv4")
    client, phone = await testbed.client(record, kind), await testbed.phone(record)
    with record.check("call"):
        await connect(record, client, phone)
    with record.check("sound"):
        before = len(testbed.gateway.program.output)
        client.order("restart")
        await until(
            record.reactor,
            lambda: "media goes to" in testbed.gateway.program.output[before:],
            "a new way of media",
        )
        await sound(record, client, phone)
        # A client that still looks for the old way gives it up by now.
        await pause(record.reactor, 7.0)
        await sound(record, client, phone)
    with record.check("end"):
        await clientEnds(record, client, phone)


async def video(record: Record, kind: type[Client], calls: bool) -> None:
    """The client proposes and offers video as well, and has a call with audio."""
    testbed = await home(record, "IPv4")
    client, phone = await testbed.client(record, kind, video=True), await testbed.phone(record)
    await _soundAndEnd(record, testbed, client, phone, calls)


async def videoAtOnce(record: Record, kind: type[Client], calls: bool) -> None:
    """The same, with a session that it begins at once."""
    testbed = await home(record, "IPv4")
    client, phone = await testbed.client(record, kind, video=True, direct=True), await testbed.phone(record)
    with record.check("call"):
        client.order("initiate", f"{phone.number}/gw")
        await phone.told("CALL_INCOMING")
        phone.command("accept")
        await client.told("accepted")
        await client.told("media")
    with record.check("sound"):
        await sound(record, client, phone)
    with record.check("end"):
        await clientEnds(record, client, phone)


async def opus(record: Record, kind: type[Client], calls: bool) -> None:
    """Opus from end to end."""
    await _codec(record, kind, calls, "opus/48000/2")


async def alaw(record: Record, kind: type[Client], calls: bool) -> None:
    """PCMA from end to end."""
    await _codec(record, kind, calls, "PCMA/8000/1")


async def wideband(record: Record, kind: type[Client], calls: bool) -> None:
    """G722 from end to end."""
    await _codec(record, kind, calls, "G722/16000/1")


async def encrypted(record: Record, kind: type[Client], calls: bool) -> None:
    """Opus, encrypted on the phone's side too, with keys in the signalling."""
    settings = {"SIPMediaEncryption": "required", "SIPMediaKeys": "sdes", "SIPMediaKeysInClear": "on"}
    await _codec(record, kind, calls, "opus/48000/2", "srtp-mand", settings)


async def byDTLS(record: Record, kind: type[Client], calls: bool) -> None:
    """Opus, with DTLS-SRTP on both sides."""
    settings = {"SIPMediaEncryption": "required", "SIPMediaKeys": "dtls"}
    await _codec(record, kind, calls, "opus/48000/2", "dtls_srtp", settings)


async def _codec(
    record: Record,
    kind: type[Client],
    calls: bool,
    codec: str,
    encryption: str = "",
    settings: Mapping[str, object] = MappingProxyType({}),
) -> None:
    testbed = await home(record, "IPv4", **settings)
    client, phone = await testbed.client(record, kind), await testbed.phone(record, codec, encryption)
    with record.check("call"):
        if calls:
            client.order("call", phone.number)
            await phone.told("CALL_INCOMING")
            phone.command("accept")
        else:
            phone.command("dial", f"sip:{USER}@{testbed.gateway.address}")
            await client.told("propose")
            client.order("accept")
        await client.told("media")
        await phone.told("CALL_ESTABLISHED")
    with record.check("sound"):
        await until(record.reactor, lambda: client.ear.heard >= ENOUGH, f"{ENOUGH} s of sound ({client.ear})")
        await pause(record.reactor, 1.0)
    with record.check("end"):
        await clientEnds(record, client, phone)
    with record.check("sound"):
        await until(
            record.reactor, lambda: secondsOf(phone.baresip.recording(), TONE) >= ENOUGH, "sound at the phone", 3.0
        )


async def echoed(record: Record, kind: type[Client], calls: bool) -> None:
    """sipp, which sends back what it gets; it hangs up if it has called."""
    testbed = await home(record, "IPv4")
    client = await testbed.client(record, kind, listens=TONE)
    with record.check("call"):
        if calls:
            phone = await testbed.sipp(record, "answer", RINGING=200)
            client.order("call", testbed.number(phone.port))
        else:
            phone = await testbed.sipp(record, "call", testbed.gateway.address, TALKING=6000)
            await client.told("propose")
            client.order("accept")
        await client.told("media")
    with record.check("sound"):
        await until(
            record.reactor, lambda: client.ear.heard >= ENOUGH, f"{ENOUGH} s of the client's own ({client.ear})"
        )
    with record.check("end"):
        if calls:
            client.order("hangup", "success")
        else:
            await client.told("terminated", reason="success")
        await phone.succeeded()
        await nothingLeft(record, client)


async def byICE(record: Record, kind: type[Client], calls: bool) -> None:
    """linphonec with ICE at its side too: it finds the way to the gateway by checks, holds, and takes the call back."""
    testbed = await home(record, "IPv4", SIPOffersICE="on")
    client, phone = await testbed.client(record, kind), await testbed.linphone(record)
    with record.check("call"):
        if calls:
            client.order("call", testbed.number(phone.port))
            await phone.program.said("Receiving new incoming call")
            phone.command("answer")
        else:
            phone.command(f"call sip:{USER}@{testbed.gateway.address}")
            await client.told("propose")
            client.order("accept")
        await client.told("media")
        await phone.program.said("Media streams established")
        await phone.logged("Finished ICE check list")
    with record.check("sound"):
        await _clientHears(record, client)
        phone.command("pause")
        await phone.program.said("is now paused")
        await _phoneHeard(record, phone, ENOUGH)
        goal = phone.heard(TONE) + ENOUGH
        phone.command("resume")
        await phone.program.said("(?s)is now paused.*Media streams established")
        await _clientHears(record, client)
    with record.check("end"):
        if calls:
            phone.command("terminate")
            await client.told("terminated", reason="success")
        else:
            client.order("hangup", "success")
        await phone.program.said(r"Call 1 with .* ended")
        await nothingLeft(record, client)
    with record.check("sound"):
        await _phoneHeard(record, phone, goal)


async def _clientHears(record: Record, client: Client) -> None:
    goal = client.ear.heard + 2 * ENOUGH
    await until(record.reactor, lambda: client.ear.heard >= goal, f"{ENOUGH} s of sound ({client.ear})")


async def _phoneHeard(record: Record, phone: Linphone, seconds: float) -> None:
    """Its recording is written when it pauses, and when its call is over."""
    await until(record.reactor, lambda: phone.heard(TONE) >= seconds, f"{seconds} s of sound at the phone")


async def _soundAndEnd(record: Record, testbed: Testbed, client: Client, phone: Phone, calls: bool) -> None:
    with record.check("call"):
        if calls:
            await connect(record, client, phone)
        else:
            await beConnected(record, testbed, client, phone)
    with record.check("sound"):
        await sound(record, client, phone)
    with record.check("end"):
        await clientEnds(record, client, phone)


Play = Callable[..., Awaitable[None]]

_BOTH = (CALLS, CALLED)
_ROWS: tuple[tuple[str, Play, tuple[str, ...], tuple[type[Client], ...]], ...] = (
    ("sipp echoes PCMU", echoed, _BOTH, KINDS),
    ("baresip, Opus", opus, _BOTH, KINDS),
    ("baresip, PCMA", alaw, _BOTH, KINDS),
    ("baresip, G722", wideband, _BOTH, KINDS),
    ("baresip, Opus, SRTP", encrypted, _BOTH, KINDS),
    ("baresip, Opus, DTLS-SRTP", byDTLS, _BOTH, KINDS),
    ("linphonec, ICE", byICE, _BOTH, KINDS),
    ("candidates one by one", trickled, _BOTH, (Aiortc,)),
    ("a tenth of all is lost", lossy, _BOTH, (Aiortc,)),
    ("ICE restart", restarted, (CALLS,), (Chromium,)),
    ("video is offered", video, (CALLS,), (Chromium,)),
    ("video is offered at once", videoAtOnce, (CALLS,), (Chromium,)),
)

_LACKING: dict[tuple[Play, str], str] = {
    (wideband, CALLS): "who proposes a call says its codecs after the answer; that it has G722 is not assumed"
}

SCENARIOS = Matrix(
    "Jingle clients: codecs and ways of media",
    ("client", "what"),
    ("call", "sound", "end"),
    tuple(
        Cell(
            (kind.kind, name), column, partial(play, kind=kind, calls=column == CALLS), _LACKING.get((play, column), "")
        )
        for name, play, columns, kinds in _ROWS
        for kind in kinds
        for column in columns
    ),
)
