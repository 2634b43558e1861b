"""
Jingle clients and those who are no SIP phones: an iChat (a simulated one), and another Jingle client; and clients that
are set up in another way than usual.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from ichatgw.sim.ichat.call import IChatCall
from ichatgw.sim.ichat.ichat import IChat
from ichatgw.test.e2e.programs.prosody import COMPONENT, DOMAIN, password
from ichatgw.test.e2e.support.login import Login
from ichatgw.test.e2e.support.moment import pause, until, within
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
from ichatgw.test.interop.place import HOSTS
from ichatgw.test.interop.scene import ICHAT_TONE, hears
from ichatgw.test.interop.testbed import Testbed

OTHER = "anna"
OTHER_TONE = 550


async def _iChat(record: Record, testbed: Testbed) -> IChat:
    ichat = IChat(record.reactor, f"{OTHER}@{DOMAIN}/iChat", host=HOSTS[2], say=ICHAT_TONE, listenFor=TONE)
    ichat.start()
    login = Login(ichat)
    record.ending(Stopped(login.stop))
    record.ending(Stopped(ichat.stop))
    await login.start(record.reactor, testbed.server.clientPort, password(OTHER))
    for contact in (f"control@{COMPONENT}", testbed.user("scott")):
        await within(record.reactor, 5, ichat.account.subscribe(contact))
    return ichat


class Stopped:
    """What stops at once, as what stops in time."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act = act

    async def stop(self) -> None:
        self._act()


async def iChat(record: Record, kind: type[Client], calls: bool) -> None:
    """A call between the client and an iChat; the iChat hangs up."""
    testbed = await home(record, "IPv4")
    ichat = await _iChat(record, testbed)
    client = await testbed.client(record, kind, listens=ICHAT_TONE)
    call: IChatCall
    with record.check("call"):
        if calls:
            arrival = ichat.whenCalled()
            client.order("call", testbed.user(OTHER))
            incoming = await record.awaited("a call at the iChat", arrival)
            call = incoming
            await record.awaited("the iChat's answer", call.whenAnswered())
        else:
            await within(record.reactor, 5, ichat.account.whenCallable(testbed.user("scott")))
            call = ichat.call(testbed.user("scott"))
            await client.told("propose")
            client.order("accept")
            await record.awaited("the client's answer", call.whenAnswered())
        await client.told("media")
    with record.check("sound"):
        await hears(record.reactor, call.media, ENOUGH)
        await until(record.reactor, lambda: client.ear.heard >= ENOUGH, f"{ENOUGH} s of sound ({client.ear})")
    with record.check("end"):
        call.hangup()
        await client.told("terminated", reason="success")
        await nothingLeft(record, client)
        if ichat.complaints:
            raise AssertionError(f"the iChat: {ichat.complaints[0]}")


async def otherClient(record: Record, kind: type[Client], calls: bool) -> None:
    """Two clients, of different kinds, through the gateway; the one who is called hangs up."""
    testbed = await home(record, "IPv4")
    caller = await testbed.client(record, kind, listens=OTHER_TONE)
    callee = await testbed.client(
        record, Aiortc if kind is Chromium else Chromium, "other", account=OTHER, tone=OTHER_TONE, listens=TONE
    )
    with record.check("call"):
        caller.order("call", testbed.user(OTHER))
        await callee.told("propose")
        callee.order("accept")
        await callee.told("media")
        await caller.told("media")
    with record.check("sound"):
        await until(record.reactor, lambda: caller.ear.heard >= ENOUGH, f"{ENOUGH} s of sound at the caller")
        await until(record.reactor, lambda: callee.ear.heard >= ENOUGH, f"{ENOUGH} s of sound at the callee")
    with record.check("end"):
        callee.order("hangup", "success")
        await caller.told("terminated", reason="success")
        await nothingLeft(record, caller)


async def hidden(record: Record, kind: type[Client], calls: bool) -> None:
    """The browser hides its addresses behind names of mDNS: only its checks show where it is (peer-reflexive)."""
    testbed = await home(record, "IPv4")
    client, phone = await testbed.client(record, kind, hides=True), await testbed.phone(record)
    with record.check("call"):
        if calls:
            await connect(record, client, phone)
        else:
            await beConnected(record, testbed, client, phone)
        if ".local" not in (client.directory / "stanzas.xml").read_text():
            raise AssertionError("the browser did not hide its addresses")
    with record.check("sound"):
        await sound(record, client, phone)
    with record.check("end"):
        await clientEnds(record, client, phone)


async def early(record: Record, kind: type[Client], calls: bool) -> None:
    """With JingleEarlyMedia the client hears what comes before the answer, and is told of the refusal after it."""
    testbed = await home(record, "IPv4", JingleEarlyMedia="on")
    client = await testbed.client(record, kind, listens=TONE)
    with record.check("call"):
        phone = await testbed.sipp(record, "early", RINGING=6000)
        client.order("call", testbed.number(phone.port))
        await client.told("proceed")
        await client.told("media")
    with record.check("sound"):
        await until(
            record.reactor, lambda: client.ear.heard >= ENOUGH, f"{ENOUGH} s of the client's own ({client.ear})"
        )
    with record.check("end"):
        await client.told("terminated", reason="gone")
        await phone.succeeded()
        await nothingLeft(record, client)


async def late(record: Record, kind: type[Client], calls: bool) -> None:
    """With JingleAnswerWithMedia the phone's call is answered when the client has media."""
    testbed = await home(record, "IPv4", JingleAnswerWithMedia="on")
    client, phone = await testbed.client(record, kind), await testbed.phone(record)
    with record.check("call"):
        await beConnected(record, testbed, client, phone)
    with record.check("sound"):
        await sound(record, client, phone)
    with record.check("end"):
        await clientEnds(record, client, phone)


async def minute(record: Record, kind: type[Client], calls: bool) -> None:
    """
    A minute: no packet is lost, and no sound is missing.

    What a page hears jumps now and then, since its script takes the samples from the browser in pieces, on a thread
    that does other things; so silence counts here, and what the browser says that it had to make up.
    """
    testbed = await home(record, "IPv4")
    client, phone = await testbed.client(record, kind), await testbed.phone(record)
    with record.check("call"):
        await connect(record, client, phone)
    with record.check("sound"):
        before, silent, atPhone = (await client.statistics())["in"], client.ear.silent, phone.wire.heard
        await pause(record.reactor, 60.0)
        after = (await client.statistics())["in"]
        missing: tuple[float, ...] = (client.ear.silent - silent, 60.0 - (phone.wire.heard - atPhone))
        record.measured("silence at the client", missing[0])
        record.measured("gaps at the phone", missing[1])
        if "samples" in after:
            madeUp = 60.0 * (after["concealed"] - before["concealed"]) / (after["samples"] - before["samples"])
            record.measured("made up by the client", madeUp)
            missing = (*missing, madeUp)
        if max(missing) > 1.0 or after["lost"]:
            raise AssertionError(f"missing: {missing}, and {after['lost']} packets lost")
    with record.check("end"):
        await clientEnds(record, client, phone)


async def restarted(record: Record, kind: type[Client], calls: bool) -> None:
    """The XMPP server restarts in mid-call: the sound goes on, and the next call works."""
    testbed = await home(record, "IPv4")
    client, phone = await testbed.client(record, kind), await testbed.phone(record)
    with record.check("call"):
        await connect(record, client, phone)
    with record.check("sound"):
        links = testbed.gateway.said("is up as")
        await testbed.server.stop()
        await sound(record, client, phone)
        await testbed.server.start()
        await testbed.gateway.linked(10.0, times=links + 1)
        await pause(record.reactor, 2.0)
        await sound(record, client, phone)
    with record.check("end"):
        phone.command("hangup")
        await phone.told("CALL_CLOSED")
        again = await testbed.client(record, kind, "again")
        other = await testbed.phone(record, name="other")
        await connect(record, again, other)
        await clientEnds(record, again, other)


Play = Callable[..., Awaitable[None]]

_ROWS: tuple[tuple[str, Play, tuple[str, ...], tuple[type[Client], ...]], ...] = (
    ("an iChat", iChat, (CALLS, CALLED), KINDS),
    ("the other Jingle client", otherClient, (CALLS,), KINDS),
    ("addresses hidden by mDNS", hidden, (CALLS, CALLED), (Chromium,)),
    ("JingleEarlyMedia, then 404", early, (CALLS,), KINDS),
    ("JingleAnswerWithMedia", late, (CALLED,), KINDS),
    ("the server restarts", restarted, (CALLS,), KINDS),
    ("a minute", minute, (CALLS,), KINDS),
)

OTHERS = Matrix(
    "Jingle clients, others than phones, and other ways to be set up",
    ("client", "what"),
    ("call", "sound", "end"),
    tuple(
        Cell((kind.kind, name), column, partial(play, kind=kind, calls=column == CALLS), limit=120.0)
        for name, play, columns, kinds in _ROWS
        for kind in kinds
        for column in columns
    ),
)
