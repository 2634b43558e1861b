# -*- test-case-name: ichatgw.test.test_sim_options -*-
"""
What the commands of C{python -m ichatgw.sim} do.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.task import deferLater
from twisted.words.xish.domish import Element

from ichatgw.sim.client import Client, Security
from ichatgw.sim.ichat import IChat, Link
from ichatgw.sim.ichatcall import IChatCall
from ichatgw.sim.ladder import SIP, XMPP, Trace
from ichatgw.sim.media import Media
from ichatgw.sim.options import address, parse
from ichatgw.sim.phone import Answering, Phone, PhoneCall
from ichatgw.sim.profile import PROFILES, Action, Taking
from ichatgw.sim.router import Router
from ichatgw.sim.run import exitWith
from ichatgw.sim.xml import domainOf, element, get

say = partial(print, flush=True)

HEARD_ENOUGH = 0.5
"""Which share of the talk the tone has to fill."""

STEP = 10.0


@frozen
class _Watched:
    """A link whose outgoing stanzas are seen."""

    link: Link
    trace: Trace
    domain: str

    def send(self, stanza: Element) -> None:
        self.trace.stanza(stanza, self.domain, domainOf(get(stanza, "to")))
        self.link.send(stanza)


async def runIChat(reactor: Any, options: Namespace) -> bool:
    """
    Log in, call or answer, talk.

    @return: whether the call went through and the tone was heard.
    """
    trace = Trace(reactor, domainOf(options.jid))
    ichat = IChat(
        reactor,
        options.jid if "/" in options.jid else f"{options.jid}/iChat",
        port=options.port,
        profile=PROFILES[options.profile],
        taking=Taking(Action(options.decline or "accept")),
        say=options.tone,
        listenFor=options.expect or options.tone,
        observer=trace.sip(XMPP),
    )

    def received(stanza: Element) -> None:
        trace.stanza(stanza, domainOf(get(stanza, "from")), domainOf(options.jid))
        ichat.received(stanza)

    security = Security(options.tls, options.ca, options.insecure)
    host, port = options.server
    client = Client(reactor, ichat.jid, options.password, host, port, received, security)
    jid = await client.connect().addTimeout(STEP, reactor)
    say(f"logged in as {jid}")
    ichat.host = options.bind or client.localHost
    ichat.start()
    try:
        ichat.connected(_Watched(client, trace, domainOf(jid)), jid)
        return await _useIChat(reactor, options, ichat)
    finally:
        ichat.account.logout()
        say(trace.draw())
        for complaint in ichat.complaints:
            say(f"not as it should be: {complaint}")
        client.close()
        await client.whenLost().addTimeout(STEP, reactor)
        ichat.stop()


async def _useIChat(reactor: Any, options: Namespace, ichat: IChat) -> bool:
    wanted = options.call or options.control
    granted = await ichat.account.subscribe(wanted).addTimeout(STEP, reactor)
    say(f"{wanted} {'may be seen' if granted else 'does not let itself be seen'}")
    if not granted:
        return False
    call: IChatCall
    if options.call:
        await ichat.account.whenCallable(wanted).addTimeout(STEP, reactor)
        say("it shows a green telephone; calling")
        call = ichat.call(wanted)
    else:
        say(f"waiting for a call, at {ichat.address}")
        call = await ichat.whenCalled().addTimeout(options.wait, reactor)
        say(f"called by {call.peer}")
        if options.decline:
            await call.whenEnded().addTimeout(STEP, reactor)
            return True
    await call.whenAnswered().addTimeout(options.wait, reactor)
    heard = await _talk(reactor, options, call, call.media)
    return heard and not ichat.complaints


async def runPhone(reactor: Any, options: Namespace) -> bool:
    """
    Call or answer, talk.

    @return: whether the call went through and the tone was heard.
    """
    trace = Trace(reactor, "")
    phone = Phone(
        reactor,
        options.bind,
        options.port,
        Answering(code=options.reject or 200, delay=1.0),
        options.tone,
        options.expect or options.tone,
        options.user,
        proxy=address(options.proxy),
        observer=trace.sip(SIP),
    )
    phone.start()
    try:
        if options.call:
            call = phone.call(options.call)
        else:
            say(f"waiting for a call, at {phone.uri}")
            call = await phone.whenCalled().addTimeout(options.wait, reactor)
            if options.reject:
                await call.whenEnded().addTimeout(STEP, reactor)
                return bool(call.status == options.reject)
        await call.whenAnswered().addTimeout(options.wait, reactor)
        heard = await _talk(reactor, options, call, call.media)
        return heard and not phone.faults
    finally:
        say(trace.draw())
        for fault in (*phone.faults, *phone.agent.malformed):
            say(f"not as it should be: {fault}")
        phone.stop()


async def runRouter(reactor: Any, options: Namespace) -> bool:
    """Serve until interrupted."""
    router = Router(reactor, {options.component: options.password}, options.users)
    port = router.listen(*options.listen)
    say(f"components may connect to {options.listen[0]}:{port}")
    for user in options.ichat:
        ichat = IChat(reactor, f"{user}@{options.users}/iChat", options.listen[0])
        ichat.start()
        ichat.connected(router.attach(ichat.jid, ichat.received))
        say(f"{ichat.jid} at {ichat.address}")
    await router.whenConnected(options.component)
    for login in list(router.users.logins.values()):
        login.send(element("presence", type="subscribe", to=f"control@{options.component}"))
    say(f"{options.component} is connected")
    await Deferred()
    return True


async def _talk(reactor: Any, options: Namespace, call: IChatCall | PhoneCall, media: Media) -> bool:
    """Talk until the time is over or the other side hangs up."""
    say("the call is up")
    began = reactor.seconds()
    ended: Deferred[Any] = call.whenEnded()
    await ended.addTimeout(options.duration, reactor, onTimeoutCancel=lambda result, limit: None)
    if not call.over:
        call.hangup()
        await deferLater(reactor, 0.5)
    talked = min(reactor.seconds() - began, options.duration)
    say(f"{media.detector} of {talked:.1f} s; {media.received} packets came, {media.sent} went")
    for fault in media.faults[:5]:
        say(f"not as it should be: {fault}")
    heard: float = media.detector.seconds if media.detector is not None else 0.0
    return bool(heard >= HEARD_ENOUGH * talked > 0)


_COMMANDS: dict[str, Callable[[Any, Namespace], Awaitable[bool]]] = {
    "ichat": runIChat,
    "phone": runPhone,
    "router": runRouter,
}


def main(arguments: list[str]) -> None:
    """Do what the command line says, and exit."""
    options = parse(arguments)

    async def run(reactor: Any) -> bool:
        try:
            fine = await _COMMANDS[options.command](reactor, options)
        except TimeoutError:
            say("it failed: nothing came in time")
            fine = False
        except (ConnectionDone, CannotListenError, ValueError, OSError) as error:
            say(f"it failed: {str(error) or type(error).__name__}")
            fine = False
        say("it went through, and the tone was heard" if fine else "it did not go as it should")
        return fine

    exitWith(run, interrupted=options.command == "router")
