# -*- test-case-name: ichatgw.test.gateway.test_build -*-
"""
What all sides of the gateway are made with.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from attrs import frozen

from ichatgw import __version__
from ichatgw.config.settings import Settings
from ichatgw.log.messagelog import MessageLog
from ichatgw.log.redaction import Content
from ichatgw.media.dtls.dtls import Identity
from ichatgw.net.localaddresses import LocalAddresses
from ichatgw.observe.events import MessageReceived, MessageSent
from ichatgw.observe.trails import Trails
from ichatgw.runtime.disk import Disk, DiskThread
from ichatgw.runtime.turns import Turns

USER_AGENT = f"ichat-gw/{__version__}"


@frozen
class Common:
    """
    @ivar reactor: provides time, TCP and sockets.
    @ivar turns: when what has its turn.
    @ivar settings: those of the start.
    @ivar addresses: our own.
    @ivar identity: our certificate for DTLS.
    @ivar disk: writes files.
    @ivar trails: tells to which call a message belongs.
    """

    reactor: Any
    turns: Turns
    settings: Settings
    addresses: LocalAddresses
    identity: Identity
    disk: Disk
    trails: Trails

    @classmethod
    def of(cls, reactor: Any, settings: Settings) -> Common:
        """As the settings say."""
        addresses = LocalAddresses(settings.ipAddress, advertised=settings.advertisedAddress)
        return cls(reactor, Turns(reactor), settings, addresses, Identity(), DiskThread(reactor), Trails())


def messageLogOf(settings: Settings, trails: Trails) -> Callable[[str, str], None] | None:
    """The log of whole messages; C{None} unless C{LogLevel} is C{STACK}."""
    return MessageLog(Content(settings.logHides), partial(_ownerOf, trails)) if settings.logLevel == "STACK" else None


def _ownerOf(trails: Trails, what: str, text: str) -> tuple[str, str]:
    """The call and the leg of a message in the log; empty if it is of none, or the first of one."""
    kind = MessageSent if what.startswith("SENDING") else MessageReceived
    protocol = "XMPP" if text.startswith("<") else "SIP"
    owner = trails.of(trails.trailOf(kind(0.0, 0.0, protocol, "", text.encode("utf-8", "replace"), None)))
    return ("", "") if owner is None else (owner.call, owner.leg)
