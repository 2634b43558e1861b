# -*- test-case-name: ichatgw.test.sim.test_options -*-
"""
From the command line to a login at an XMPP server, and back.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from twisted.words.xish.domish import Element

from ichatgw.sim.ichat.account import Account
from ichatgw.sim.ichat.ichat import Link
from ichatgw.sim.ladder import Trace
from ichatgw.sim.talk import STEP, Watched, say, within
from ichatgw.sim.xmpp.client import Client, Security
from ichatgw.sim.xmpp.xml import domainOf, get


class XMPPPhone(Protocol):
    """A phone that is a login at an XMPP server."""

    jid: str
    host: str
    complaints: list[str]

    @property
    def account(self) -> Account:
        """Its subscriptions and presence."""

    def received(self, stanza: Element) -> None:
        """Take in a stanza."""

    def start(self) -> None:
        """Listen on C{host}."""

    def connected(self, link: Link, jid: str = "") -> None:
        """The server took the login."""

    def stop(self) -> None:
        """Drop everything without a word."""


def fullJID(options: Namespace, resource: str) -> str:
    """Who is to log in: the resource is ours unless the command line names one."""
    return str(options.jid) if "/" in options.jid else f"{options.jid}/{resource}"


async def logIn(
    reactor: Any, options: Namespace, trace: Trace, phone: XMPPPhone, use: Callable[[], Awaitable[bool]]
) -> bool:
    """
    Log in, let the phone be used, and log out; then draw what happened, and say what was not as it should be.

    @param use: told once the login is there, before any stanza comes; its answer is given back.
    """
    domain = domainOf(options.jid)

    def received(stanza: Element) -> None:
        trace.stanza(stanza, domainOf(get(stanza, "from")), domain)
        phone.received(stanza)

    security = Security(options.tls, options.ca, options.insecure)
    host, port = options.server
    client = Client(reactor, phone.jid, options.password, host, port, received, security)
    jid = await within(STEP, reactor, f"login at {host}:{port}", client.connect())
    say(f"logged in as {jid}")
    phone.host = options.bind or client.localHost
    phone.start()
    try:
        phone.connected(Watched(client, trace, domainOf(jid)), jid)
        return await use()
    finally:
        phone.account.logout()
        say(trace.draw())
        for complaint in phone.complaints:
            say(f"not as it should be: {complaint}")
        client.close()
        await within(STEP, reactor, "end of the connection", client.whenLost())
        phone.stop()


async def subscribed(reactor: Any, options: Namespace, account: Account) -> bool:
    """
    Subscribe to whom the command line wants to call, or else to the control address.

    @return: whether that was granted.
    """
    wanted = options.call or options.control
    granted = await within(
        STEP,
        reactor,
        f"answer to the subscription to {wanted} (is the gateway {options.component} connected to the server?)",
        account.subscribe(wanted),
    )
    say(f"{wanted} {'may be seen' if granted else 'does not let itself be seen'}")
    return bool(granted)
