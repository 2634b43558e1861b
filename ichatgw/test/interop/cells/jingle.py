"""
Jingle clients and a phone: calls, both ways, with all that is done in them.
"""

from __future__ import annotations

from functools import partial

from ichatgw.test.e2e.support.moment import pause, until
from ichatgw.test.interop.cell import Cell, Matrix, Record
from ichatgw.test.interop.clients import Aiortc, Chromium, Client
from ichatgw.test.interop.testbed import USER, Phone, Testbed

CALLS, CALLED = "client calls", "client is called"
KINDS: tuple[type[Client], ...] = (Chromium, Aiortc)
ENOUGH = 1.5
"""Seconds of a tone that make a call with sound."""

KEYS = "159#"


async def home(record: Record, family: str, **settings: object) -> Testbed:
    """The servers."""
    key = ("testbed", family, tuple(sorted(settings.items())))
    testbed: Testbed = await record.stage(
        key, lambda directory: Testbed(record.reactor, directory, family, settings=settings)
    )
    return testbed


async def connect(record: Record, client: Client, phone: Phone) -> None:
    """The client calls, and the phone answers."""
    client.order("call", phone.number)
    await phone.told("CALL_INCOMING")
    await client.told("ringing")
    phone.command("accept")
    proceeded = (await client.told("proceed"))["at"]
    await client.told("accepted")
    media = (await client.told("media"))["at"]
    await phone.told("CALL_ESTABLISHED")
    record.measured("proceed to media", media - proceeded)
    await sound(record, client, phone)
    assert client.ear.first is not None and phone.wire.firstHeard is not None
    record.measured("proceed to sound at the client", client.ear.first - proceeded)
    record.measured("proceed to sound at the phone", phone.wire.firstHeard - proceeded)


async def beConnected(record: Record, testbed: Testbed, client: Client, phone: Phone) -> None:
    """The phone calls, and the client answers."""
    phone.command("dial", f"sip:{USER}@{testbed.gateway.address}")
    await client.told("propose")
    await phone.told("CALL_RINGING")
    await pause(record.reactor, 0.3)
    client.order("accept")
    took = (await client.told("took"))["at"]
    await client.told("incoming")
    accepted = (await client.told("accepting"))["at"]
    media = (await client.told("media"))["at"]
    established, _ = await phone.told("CALL_ESTABLISHED")
    record.measured("proceed to media", media - took)
    await sound(record, client, phone)
    assert client.ear.first is not None and phone.wire.firstHeard is not None
    record.measured("accept to sound at the client", client.ear.first - accepted)
    record.measured("accept to sound at the phone", phone.wire.firstHeard - accepted)


async def sound(record: Record, client: Client, phone: Phone, seconds: float = ENOUGH) -> None:
    """Wait until each has heard the other for so much longer."""
    goals = client.ear.heard + seconds, phone.wire.heard + seconds
    await until(
        record.reactor, lambda: client.ear.heard >= goals[0], f"{seconds} s of sound at the client ({client.ear})"
    )
    await until(record.reactor, lambda: phone.wire.heard >= goals[1], f"{seconds} s of sound at the phone")


async def quiet(record: Record, client: Client, phone: Phone, *, atClient: bool, atPhone: bool) -> None:
    """Wait until one, or each, has not heard the other for a second."""

    def isQuiet() -> bool:
        now = record.reactor.seconds()
        lasts = [client.ear.last] * atClient + [phone.wire.lastHeard] * atPhone
        return all(last is None or now - last > 1.0 for last in lasts)

    await until(record.reactor, isQuiet, "silence", 5.0)


async def asked(record: Record, phone: Phone, since: int, directions: tuple[str, ...]) -> None:
    """Wait until the phone is asked to send, or not to."""

    def isAsked() -> bool:
        return any(
            request.method in ("INVITE", "UPDATE") and request.direction in directions
            for request in phone.wire.requests[since:]
        )

    await until(record.reactor, isAsked, f"a new offer to the phone, {' or '.join(directions)}")


async def call(record: Record, kind: type[Client], family: str, calls: bool) -> None:
    """A whole call: with keys, both ends hold it, and the party called hangs up."""
    testbed = await home(record, family)
    client = await testbed.client(record, kind)
    phone = await testbed.phone(record)
    with record.check("call"):
        if calls:
            await connect(record, client, phone)
        else:
            await beConnected(record, testbed, client, phone)
    with record.check("way"):
        await checkWay(client, family)
    with record.check("keys"):
        client.order("press", KEYS)
        await client.told("pressing")
        await until(record.reactor, lambda: phone.wire.pressed == KEYS, f"{KEYS} at the phone")
        await sound(record, client, phone, 0.5)
    with record.check("hold by client"):
        since = len(phone.wire.requests)
        client.order("hold")
        await asked(record, phone, since, ("sendonly", "inactive"))
        await quiet(record, client, phone, atClient=True, atPhone=False)
        since = len(phone.wire.requests)
        client.order("resume")
        await asked(record, phone, since, ("sendrecv",))
        await sound(record, client, phone)
    with record.check("hold by phone"):
        since = len(client.news)
        phone.command("hold")
        await client.told("info", name="hold", since=since)
        await quiet(record, client, phone, atClient=True, atPhone=True)
        phone.command("resume")
        await client.told("info", name="active", since=since)
        await sound(record, client, phone)
    with record.check("end"):
        if calls:
            await phoneEnds(record, client, phone)
        else:
            await clientEnds(record, client, phone)


async def checkWay(client: Client, family: str) -> None:
    """Media takes the way that it should."""
    found = await client.statistics()
    for way in ("in", "out"):
        if not found.get(way, {}).get("packets"):
            raise AssertionError(f"no packets {way}: {found}")
    remote = found.get("remote")
    if remote is not None and (":" in remote) != (family == "IPv6"):
        raise AssertionError(f"media goes to {remote}")


async def clientEnds(record: Record, client: Client, phone: Phone) -> None:
    """The client hangs up, and the phone is told."""
    begun = record.reactor.seconds()
    client.order("hangup", "success")
    closed, _ = await phone.told("CALL_CLOSED")
    record.measured("hang-up to BYE", closed - begun)
    await nothingLeft(record, client)


async def phoneEnds(record: Record, client: Client, phone: Phone) -> None:
    """The phone hangs up, and the client is told."""
    begun = record.reactor.seconds()
    phone.command("hangup")
    over = await client.told("terminated")
    record.measured("BYE to the end at the client", over["at"] - begun)
    if over["reason"] != "success":
        raise AssertionError(f"the client was told {over['reason']!r}")
    await nothingLeft(record, client)


async def nothingLeft(record: Record, client: Client) -> None:
    """Time for last words; the client has nothing to complain of."""
    await pause(record.reactor, 0.5)
    problems = [each for each in client.news if each["event"] in ("problem", "refused")]
    if problems:
        raise AssertionError(f"the client: {problems[0]}")


JINGLE = Matrix(
    "Jingle clients and a phone (baresip)",
    ("client", "ICE over"),
    ("call", "way", "keys", "hold by client", "hold by phone", "end"),
    tuple(
        Cell((kind.kind, family), column, partial(call, kind=kind, family=family, calls=column == CALLS), limit=90.0)
        for kind in KINDS
        for family in ("IPv4", "IPv6")
        for column in (CALLS, CALLED)
    ),
)
