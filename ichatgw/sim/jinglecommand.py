# -*- test-case-name: ichatgw.test.sim.test_options -*-
"""
C{python -m ichatgw.sim jingle}: log in to an XMPP server as a Jingle client, call or answer, talk.
"""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from ichatgw.sim.jingle.call import JingleCall
from ichatgw.sim.jingle.callee import JingleTaking, Pickup
from ichatgw.sim.jingle.client import JinglePhone
from ichatgw.sim.jingle.profile import CLIENT_PROFILES
from ichatgw.sim.ladder import JINGLE_TITLE, Trace
from ichatgw.sim.talk import STEP, say, talk, within
from ichatgw.sim.xmpp.login import fullJID, logIn, subscribed
from ichatgw.sim.xmpp.xml import domainOf

KEYS_AFTER = 1.0
"""Seconds of talk before keys are pressed."""


async def runJingle(reactor: Any, options: Namespace) -> bool:
    """
    Log in, call or answer, talk.

    @return: whether the call went through and the tone was heard.
    """
    trace = Trace(reactor, domainOf(options.jid), JINGLE_TITLE)
    phone = JinglePhone(
        reactor,
        fullJID(options, options.profile),
        clientProfile=CLIENT_PROFILES[options.profile],
        taking=JingleTaking(Pickup(options.decline or "accept")),
        say=options.tone,
        listenFor=options.expect or options.tone,
    )

    say(f"as {phone.clientProfile.name}")
    return await logIn(reactor, options, trace, phone, lambda: _use(reactor, options, phone))


async def _use(reactor: Any, options: Namespace, phone: JinglePhone) -> bool:
    if not await subscribed(reactor, options, phone.account):
        return False
    call: JingleCall
    if options.call:
        await within(
            STEP,
            reactor,
            f"presence of {options.call} as one who can be called",
            phone.account.whenCallable(options.call),
        )
        say("it is a phone; calling")
        call = phone.call(options.call)
    else:
        say("waiting for a call")
        call = await within(options.wait, reactor, "call", phone.whenCalled())
        say(f"called by {call.peer}")
        if options.decline:
            await within(STEP, reactor, "end of the call that was declined", call.whenEnded())
            return True
    await within(options.wait, reactor, "way for media, after the answer", call.whenConnected())
    if options.keys and call.media.eventType is None:
        say("the other side takes no keys")
        return False
    if options.keys:
        call.later(KEYS_AFTER, call.press, options.keys)
    heard = await talk(reactor, options, call, call.media)
    if call.keys or call.media.keys:
        say(f"keys pressed there: {call.media.keys}{call.keys}")
    if call.condition or call.words:
        say(f"it ended with {call.condition} {call.words}".rstrip())
    return heard and not phone.complaints
