# -*- test-case-name: ichatgw.test.sim.test_options -*-
"""
What the commands of C{python -m ichatgw.sim} do.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError, ConnectionDone

from ichatgw.sim.ichat.call import IChatCall
from ichatgw.sim.ichat.ichat import IChat
from ichatgw.sim.ichat.profile import PROFILES, Action, Taking
from ichatgw.sim.jingle.client import JinglePhone
from ichatgw.sim.jingle.profile import CONVERSATIONS
from ichatgw.sim.jinglecommand import runJingle
from ichatgw.sim.ladder import SIP, XMPP, Trace
from ichatgw.sim.options import address, parse
from ichatgw.sim.run import exitWith
from ichatgw.sim.sip.phone import Answering, Phone
from ichatgw.sim.talk import STEP, Late, say, talk, within
from ichatgw.sim.xmpp.login import fullJID, logIn, subscribed
from ichatgw.sim.xmpp.router import Router
from ichatgw.sim.xmpp.xml import domainOf, element


async def runIChat(reactor: Any, options: Namespace) -> bool:
    """
    Log in, call or answer, talk.

    @return: whether the call went through and the tone was heard.
    """
    trace = Trace(reactor, domainOf(options.jid))
    ichat = IChat(
        reactor,
        fullJID(options, "iChat"),
        port=options.port,
        profile=PROFILES[options.profile],
        taking=Taking(Action(options.decline or "accept")),
        say=options.tone,
        listenFor=options.expect or options.tone,
        observer=trace.sip(XMPP),
    )
    return await logIn(reactor, options, trace, ichat, lambda: _useIChat(reactor, options, ichat))


async def _useIChat(reactor: Any, options: Namespace, ichat: IChat) -> bool:
    if not await subscribed(reactor, options, ichat.account):
        return False
    call: IChatCall
    if options.call:
        await within(
            STEP,
            reactor,
            f"presence of {options.call} as one who can be called",
            ichat.account.whenCallable(options.call),
        )
        say("it shows a green telephone; calling")
        call = ichat.call(options.call)
    else:
        say(f"waiting for a call, at {ichat.address}")
        call = await within(options.wait, reactor, "call", ichat.whenCalled())
        say(f"called by {call.peer}")
        if options.decline:
            await within(STEP, reactor, "end of the call that was declined", call.whenEnded())
            return True
    await within(options.wait, reactor, "answer to the call", call.whenAnswered())
    heard = await talk(reactor, options, call, call.media)
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
            call = await within(options.wait, reactor, "call", phone.whenCalled())
            if options.reject:
                await within(STEP, reactor, "end of the call that was refused", call.whenEnded())
                return bool(call.status == options.reject)
        await within(options.wait, reactor, "answer to the call", call.whenAnswered())
        heard = await talk(reactor, options, call, call.media)
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
    for user in options.jingle:
        phone = JinglePhone(reactor, f"{user}@{options.users}/phone", options.listen[0], CONVERSATIONS)
        phone.connected(router.attach(phone.jid, phone.received))
        say(f"{phone.jid}, by Jingle")
    await router.whenConnected(options.component)
    for login in list(router.users.logins.values()):
        login.send(element("presence", type="subscribe", to=f"control@{options.component}"))
    say(f"{options.component} is connected")
    await Deferred()
    return True


_COMMANDS: dict[str, Callable[[Any, Namespace], Awaitable[bool]]] = {
    "ichat": runIChat,
    "jingle": runJingle,
    "phone": runPhone,
    "router": runRouter,
}


def main(arguments: list[str]) -> None:
    """Do what the command line says, and exit."""
    options = parse(arguments)

    async def run(reactor: Any) -> bool:
        try:
            fine = await _COMMANDS[options.command](reactor, options)
        except (Late, ConnectionDone, CannotListenError, ValueError, OSError) as error:
            say(f"it failed: {str(error) or type(error).__name__}")
            fine = False
        say("it went through, and the tone was heard" if fine else "it did not go as it should")
        return fine

    exitWith(run, interrupted=options.command == "router")
