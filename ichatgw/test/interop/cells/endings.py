"""
Jingle clients and a phone: calls that end in other ways than those in which calls end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from ichatgw.test.e2e.support.moment import pause, until
from ichatgw.test.interop.cell import Cell, Matrix, Record
from ichatgw.test.interop.cells.jingle import (
    CALLED,
    CALLS,
    KINDS,
    beConnected,
    clientEnds,
    connect,
    home,
    nothingLeft,
    phoneEnds,
    sound,
)
from ichatgw.test.interop.clients import Aiortc, Chromium, Client
from ichatgw.test.interop.testbed import USER

CONSENT = 30.0
"""Seconds in which a client that has vanished has to be missed (RFC 7675)."""


async def otherEnds(record: Record, kind: type[Client], calls: bool) -> None:
    """The one who called hangs up."""
    testbed = await home(record, "IPv4")
    client, phone = await testbed.client(record, kind), await testbed.phone(record)
    with record.check("as it should"):
        if calls:
            await connect(record, client, phone)
            await clientEnds(record, client, phone)
        else:
            await beConnected(record, testbed, client, phone)
            await phoneEnds(record, client, phone)


async def busy(record: Record, kind: type[Client], calls: bool) -> None:
    """The phone says 486, or the client rejects with busy."""
    await _refused(record, kind, calls, 486, "busy")


async def declined(record: Record, kind: type[Client], calls: bool) -> None:
    """The phone says 603, or the client rejects."""
    await _refused(record, kind, calls, 603, "decline")


async def _refused(record: Record, kind: type[Client], calls: bool, status: int, reason: str) -> None:
    testbed = await home(record, "IPv4")
    client = await testbed.client(record, kind)
    with record.check("as it should"):
        if calls:
            scripted = await testbed.sipp(record, "refuse", STATUS=status)
            client.order("call", testbed.number(scripted.port))
            await client.told("reject", reason=reason)
            await scripted.succeeded()
        else:
            phone = await testbed.phone(record)
            phone.command("dial", f"sip:{USER}@{testbed.gateway.address}")
            await client.told("propose")
            await phone.told("CALL_RINGING")
            client.order("reject", reason)
            _, about = await phone.told("CALL_CLOSED")
            if not about.startswith(str(status)):
                raise AssertionError(f"the phone was told {about!r}")
        await nothingLeft(record, client)


async def abandoned(record: Record, kind: type[Client], calls: bool) -> None:
    """The caller gives up while it rings."""
    testbed = await home(record, "IPv4")
    client, phone = await testbed.client(record, kind), await testbed.phone(record)
    with record.check("as it should"):
        if calls:
            client.order("call", phone.number)
            await phone.told("CALL_INCOMING")
            await client.told("ringing")
            client.order("retract")
            await phone.told("CALL_CLOSED")
        else:
            phone.command("dial", f"sip:{USER}@{testbed.gateway.address}")
            await client.told("propose")
            await phone.told("CALL_RINGING")
            phone.command("hangup")
            await client.told("retract")
        await nothingLeft(record, client)


async def unknown(record: Record, kind: type[Client], calls: bool) -> None:
    """Nobody is there who is called."""
    testbed = await home(record, "IPv4")
    client, phone = await testbed.client(record, kind), await testbed.phone(record)
    with record.check("as it should"):
        if calls:
            client.order("call", phone.number.replace("1", "9", 1))
            await until(
                record.reactor,
                lambda: client.has("error", reason="item-not-found") or client.has("reject", reason="gone"),
                "that the client is told",
            )
        else:
            phone.command("dial", f"sip:nobody@{testbed.gateway.address}")
            _, about = await phone.told("CALL_CLOSED", 30.0)
            if about[:3] not in ("404", "480", "408"):
                raise AssertionError(f"the phone was told {about!r}")


async def frozen(record: Record, kind: type[Client], calls: bool) -> None:
    """All of the client's processes stand still in mid-call."""
    await _vanished(record, kind, calls, kill=False)


async def killed(record: Record, kind: type[Client], calls: bool) -> None:
    """The client's processes are killed in mid-call."""
    await _vanished(record, kind, calls, kill=True)


async def _vanished(record: Record, kind: type[Client], calls: bool, kill: bool) -> None:
    testbed = await home(record, "IPv4")
    client, phone = await testbed.client(record, kind), await testbed.phone(record)
    with record.check("as it should"):
        if calls:
            await connect(record, client, phone)
        else:
            await beConnected(record, testbed, client, phone)
        vanished = client.vanish(kill)
        closed, _ = await phone.told("CALL_CLOSED", CONSENT + 15)
        record.measured("vanished to BYE", closed - vanished)
        if closed - vanished > CONSENT:
            raise AssertionError(f"the phone was hung up after {closed - vanished:.1f} s")


async def twoClients(record: Record, kind: type[Client], calls: bool) -> None:
    """Two clients of the user ring; the second one takes the call, and the first stops ringing."""
    testbed = await home(record, "IPv4")
    other = await testbed.client(record, Aiortc if kind is Chromium else Chromium, "other")
    client, phone = await testbed.client(record, kind), await testbed.phone(record)
    with record.check("as it should"):
        phone.command("dial", f"sip:{USER}@{testbed.gateway.address}")
        await other.told("propose")
        await client.told("propose")
        await phone.told("CALL_RINGING")
        client.order("accept")
        await client.told("media")
        await other.told("other", word="accept")
        await pause(record.reactor, 1.0)
        if other.has("incoming"):
            raise AssertionError("the other client got a session")
        await clientEnds(record, client, phone)


async def twoKinds(record: Record, kind: type[Client], calls: bool) -> None:
    """One of two clients knows no call messages: it is sent a session, which ends when the other takes the call."""
    testbed = await home(record, "IPv4")
    other = await testbed.client(record, Aiortc, "direct", direct=True)
    client, phone = await testbed.client(record, kind), await testbed.phone(record)
    with record.check("as it should"):
        phone.command("dial", f"sip:{USER}@{testbed.gateway.address}")
        await client.told("propose")
        await other.told("incoming")
        await phone.told("CALL_RINGING")
        client.order("accept")
        await client.told("media")
        await other.told("terminated")
        await clientEnds(record, client, phone)


async def direct(record: Record, kind: type[Client], calls: bool) -> None:
    """Without call messages: a session at once."""
    testbed = await home(record, "IPv4")
    client, phone = await testbed.client(record, kind, direct=True), await testbed.phone(record)
    with record.check("as it should"):
        if calls:
            client.order("initiate", f"{phone.number}/gw")
            await phone.told("CALL_INCOMING")
            await client.told("info", name="ringing")
            phone.command("accept")
            await client.told("accepted")
        else:
            phone.command("dial", f"sip:{USER}@{testbed.gateway.address}")
            await client.told("incoming")
            await phone.told("CALL_RINGING")
            client.order("take")
            await phone.told("CALL_ESTABLISHED")
        await client.told("media")
        await sound(record, client, phone)
        await clientEnds(record, client, phone)


Play = Callable[..., Awaitable[None]]

_ROWS: tuple[tuple[str, Play, tuple[str, ...]], ...] = (
    ("the caller hangs up", otherEnds, (CALLS, CALLED)),
    ("busy", busy, (CALLS, CALLED)),
    ("declined", declined, (CALLS, CALLED)),
    ("abandoned", abandoned, (CALLS, CALLED)),
    ("nobody there", unknown, (CALLS, CALLED)),
    ("no call messages", direct, (CALLS, CALLED)),
    ("two resources", twoClients, (CALLED,)),
    ("one of two knows messages", twoKinds, (CALLED,)),
    ("frozen in mid-call", frozen, (CALLS, CALLED)),
    ("killed in mid-call", killed, (CALLS, CALLED)),
)

ENDINGS = Matrix(
    "How calls of Jingle clients end",
    ("client", "what happens"),
    ("as it should",),
    tuple(
        Cell((kind.kind, name), column, partial(play, kind=kind, calls=column == CALLS), limit=120.0)
        for kind in KINDS
        for name, play, columns in _ROWS
        for column in columns
    ),
)
