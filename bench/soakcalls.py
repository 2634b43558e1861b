"""
The calls of a soak: of every kind, each with a fate.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

from soakgateway import GatewayProcess, pause
from soakparties import SoakIChat, SoakPhone
from twisted.internet.defer import Deferred

from ichatgw.sim.child import freePort
from ichatgw.sim.ichat.ichat import IChat
from ichatgw.sim.ichat.profile import LEOPARD, SNOW, Action, Taking
from ichatgw.sim.sip.phone import Answering, PhoneCall
from ichatgw.sim.xmpp.router import Router

HOST = "127.0.0.1"
COMPONENT = "gw.soak.example"
DOMAIN = "soak.example"
SECRET = "soak"
ICHATS = 120
ANSWER_TIMEOUT = 15.0

SPEAKERS = 5
"""One party in so many sends sound and listens to it: the simulators have one core for all of them."""

FATES = {
    "answered": 36,
    "held": 16,
    "declined": 12,
    "abandoned": 12,
    "transferred": 6,
    "transferred blind": 6,
    "transferred in vain": 4,
    "joined": 4,
    "taken over": 4,
}

T = TypeVar("T")

_PARTS: ContextVar[list[PhoneCall]] = ContextVar("parts")
"""What phones have of the call that is placed in this context."""


class Calls:
    """
    iChats, phones, and the gateway between them.

    @ivar fates: how many calls went as they should, by kind and fate.
    @ivar failures: how many did not, with the reason.
    """

    def __init__(self, reactor: Any, folder: Path, seed: int) -> None:
        self.reactor = reactor
        self.random = random.Random(seed)
        self._others = 0
        self.fates: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.router = Router(reactor, {COMPONENT: SECRET}, DOMAIN)
        self.phones = {
            "a": SoakPhone(reactor, HOST, answering=Answering(delay=0.1), speaks=self.speaks),
            "d": SoakPhone(reactor, HOST, answering=Answering(delay=0.1, code=603), speaks=self.speaks),
            "r": SoakPhone(reactor, HOST, answering=Answering(delay=None), speaks=self.speaks),
            "caller": SoakPhone(reactor, HOST, user="caller", speaks=self.speaks),
        }
        for phone in self.phones.values():
            phone.start()
        self.ichats = [
            SoakIChat(
                reactor,
                f"user{n}@{DOMAIN}/iChat",
                HOST,
                profile=(LEOPARD, SNOW)[n % 2],
                strict=False,
                say=550 if n % SPEAKERS == 0 else None,
            )
            for n in range(ICHATS)
        ]
        self.idle: list[IChat] = []
        self.sip = freePort(HOST)
        self.gateway = GatewayProcess(
            folder,
            {
                "sip": self.sip,
                "xmpp": self.router.listen(HOST),
                "component": COMPONENT,
                "secret": SECRET,
                "domain": DOMAIN,
                "first": 20000,
                "last": 28000,
                "answering": self.phones["a"].address.port,
                "declining": self.phones["d"].address.port,
                "ringing": self.phones["r"].address.port,
            },
        )

    def speaks(self) -> bool:
        """Does the party of the next call?"""
        return self.random.randrange(SPEAKERS) == 0

    async def begin(self) -> None:
        """Everybody online."""
        await self.soon(self.router.whenConnected(COMPONENT))
        for ichat in self.ichats:
            ichat.start()
            ichat.connected(self.router.attach(ichat.jid, ichat.received))
            await self.soon(ichat.account.subscribe(f"control@{COMPONENT}"))
            self.idle.append(ichat)

    def end(self) -> None:
        """Leave nothing running."""
        self.gateway.stop()
        for phone in self.phones.values():
            phone.stop()
        for ichat in self.ichats:
            ichat.stop()
        self.router.close()

    async def call(self, number: int) -> None:
        """One call, of some kind, with some fate."""
        kind = self.random.choice((self.fromIChat, self.toIChat, self.betweenPhones))
        fate = self.random.choices(list(FATES), list(FATES.values()))[0]
        ichat: IChat | None = None
        if kind != self.betweenPhones:
            if not self.idle:
                self.fates["not placed: no iChat is idle"] += 1
                return
            ichat = self.idle.pop(0)
        name = f"{kind.__name__} {fate}"
        parts: list[PhoneCall] = []
        _PARTS.set(parts)
        try:
            await kind(number, fate, ichat)
        except Exception as problem:
            self.failures[f"{name}: {type(problem).__name__} {str(problem)[:80]}"] += 1
            for part in parts:  # what is left over shall be the gateway's fault
                if not part.over:
                    part.hangup()
            for call in ichat.calls if ichat is not None else ():
                call.hangup()
                call.finish("dropped")
        else:
            self.fates[name] += 1
        if ichat is not None:
            del ichat.calls[:]
            self.idle.append(ichat)

    async def fromIChat(self, number: int, fate: str, ichat: IChat | None) -> None:
        """An iChat calls a phone."""
        assert ichat is not None
        phone = self.phones[{"declined": "d", "abandoned": "r"}.get(fate, "a")]
        letter = {"declined": "d", "abandoned": "r"}.get(fate, "a")
        call = ichat.call(f"{letter}{number}@{COMPONENT}")
        if fate == "declined":
            await self.soon(call.whenEnded())
            expect(call.outcome, "declined")
            return
        there = await self.arrival(phone, f"{letter}{number}")
        if fate == "abandoned":
            await pause(0.2)
            call.hangup()
            await self.soon(there.whenEnded())
            expect(there.status, 487)
            return
        await self.soon(call.whenAnswered())
        await self.talk(fate, there, call)

    async def toIChat(self, number: int, fate: str, ichat: IChat | None) -> None:
        """A phone calls an iChat."""
        assert ichat is not None
        action = {"declined": Action.DECLINE, "abandoned": Action.IGNORE}.get(fate, Action.ACCEPT)
        ichat.taking = Taking(action, delay=0.1)
        arrival = ichat.whenCalled()
        call = self.dial(self.phones["caller"], f"sip:{ichat.jid.partition('@')[0]}@{HOST}:{self.sip}")
        there = await self.soon(arrival)
        if fate == "declined":
            await self.soon(call.whenEnded())
            expect(call.status, 603)
        elif fate == "abandoned":
            await self.soon(call.whenRinging())
            call.hangup()
            await self.soon(there.whenEnded())
            await self.soon(call.whenEnded())
            expect(call.status, 487)
        else:
            await self.soon(call.whenAnswered())
            await self.soon(there.whenAnswered())
            await self.talk(fate, call, there)

    async def betweenPhones(self, number: int, fate: str, ichat: IChat | None) -> None:
        """A phone calls a phone."""
        letter = {"declined": "d", "abandoned": "r"}.get(fate, "a")
        call = self.dial(self.phones["caller"], f"sip:{letter}{number}@{HOST}:{self.sip}")
        if fate == "declined":
            await self.soon(call.whenEnded())
            expect(call.status, 603)
        else:
            there = await self.arrival(self.phones[letter], f"{letter}{number}")
            if fate == "abandoned":
                await self.soon(call.whenRinging())
                call.hangup()
                await self.soon(call.whenEnded())
                await self.soon(there.whenEnded())
                expect(call.status, 487)
            else:
                await self.soon(call.whenAnswered())
                await self.talk(fate, call, there)

    async def talk(self, fate: str, phone: Any, other: Any) -> None:
        """
        Some seconds, perhaps with a hold, or with another in the place of C{phone}; then one of the two hangs up, and
        the other is told.
        """
        await pause(self.random.uniform(0.3, 2.0))
        if fate == "held":
            phone.hold()
            await pause(self.random.uniform(0.2, 1.5))
            phone.hold("sendrecv")
            await pause(0.3)
        if fate in _TRANSFERS:
            phone = await _TRANSFERS[fate](self, phone)
            await pause(self.random.uniform(0.3, 1.0))
        ender, told = (phone, other) if self.random.random() < 0.5 else (other, phone)
        ender.hangup()
        await self.soon(told.whenEnded())
        await self.soon(ender.whenEnded())

    async def transfer(self, phone: Any) -> Any:
        """C{phone} refers whom it talks to to another phone, and is hung up when that one answers."""
        number = self.another()
        phone.refer(f"sip:a{number}@{HOST}:{self.sip}")
        there = await self.arrival(self.phones["a"], f"a{number}")
        await self.soon(there.whenAnswered())
        expect(await self.soon(phone.whenReferred()), 200)
        await self.soon(phone.whenEnded())
        return there

    async def transferBlind(self, phone: Any) -> Any:
        """The same, but it does not wait."""
        number = self.another()
        phone.refer(f"sip:a{number}@{HOST}:{self.sip}")
        there = await self.arrival(self.phones["a"], f"a{number}")
        phone.hangup()
        await self.soon(there.whenAnswered())
        return there

    async def transferInVain(self, phone: Any) -> Any:
        """The party called declines, and all is as before."""
        phone.refer(f"sip:d{self.another()}@{HOST}:{self.sip}")
        expect(await self.soon(phone.whenReferred()), 603)
        return phone

    async def join(self, phone: Any) -> Any:
        """C{phone} calls another phone, and joins the two."""
        number = self.another()
        phone.hold()
        asked = self.dial(phone.phone, f"sip:a{number}@{HOST}:{self.sip}")
        there = await self.arrival(self.phones["a"], f"a{number}")
        await self.soon(asked.whenAnswered())
        await pause(0.3)
        phone.refer(f"sip:a{number}@{HOST}:{self.sip}", asked)
        expect(await self.soon(phone.whenReferred()), 200)
        await self.soon(asked.whenEnded())
        await self.soon(phone.whenEnded())
        return there

    async def takeOver(self, phone: Any) -> Any:
        """Another phone takes the place of C{phone}."""
        there = self.dial(self.phones["caller"], f"sip:a{self.another()}@{HOST}:{self.sip}", phone.name)
        await self.soon(there.whenAnswered())
        await self.soon(phone.whenEnded())
        return there

    def dial(self, phone: SoakPhone, uri: str, replaces: str = "") -> PhoneCall:
        """Let a phone call."""
        call = phone.call(uri, replaces=replaces)
        _PARTS.get().append(call)
        return call

    def another(self) -> int:
        """A number that nobody else has."""
        self._others += 1
        return 10_000_000 + self._others

    async def arrival(self, phone: SoakPhone, user: str) -> Any:
        """The call for a number."""
        call = await self.soon(phone.arrival(user))
        _PARTS.get().append(call)
        return call

    async def soon(self, what: Deferred[T]) -> T:
        return await what.addTimeout(ANSWER_TIMEOUT, self.reactor)


_TRANSFERS: dict[str, Callable[[Calls, Any], Awaitable[Any]]] = {
    "transferred": Calls.transfer,
    "transferred blind": Calls.transferBlind,
    "transferred in vain": Calls.transferInVain,
    "joined": Calls.join,
    "taken over": Calls.takeOver,
}
"""What else can happen to a call that is answered."""


def expect(found: object, wanted: object) -> None:
    """@raise ValueError: if it is another one."""
    if found != wanted:
        raise ValueError(f"{found!r} instead of {wanted!r}")
