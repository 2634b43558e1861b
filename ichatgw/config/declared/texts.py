# -*- test-case-name: ichatgw.test.config.test_settings,ichatgw.test.config.reading.test_kinds -*-
"""
Settings of texts, and of what users can do for themselves by them.
"""

from __future__ import annotations

from attrs import frozen

from ichatgw.config.declared.declare import setting
from ichatgw.config.reading.kinds import NODE, SWITCH, whole
from ichatgw.config.reading.reader import Reload

_TEXTS = "Texts"
_SELF = "Self-service"


@frozen(kw_only=True, slots=False)
class TextSettings:
    """What the administrator has decided about texts."""

    texts: bool = setting(
        _TEXTS,
        "Texts",
        SWITCH,
        True,
        "Whether texts are carried between XMPP users (chat messages) and SIP (MESSAGE). Who may call may write. See"
        " docs/texts.rst.",
        reload=Reload.AT_ONCE,
    )
    longestText: int = setting(
        _TEXTS,
        "LongestText",
        whole(160, 60_000, "octets"),
        4000,
        "The longest text, in octets of UTF-8; longer ones come back to their senders. What does not fit into a"
        " datagram of 1300 octets goes to phones over TCP or TLS, and comes back if they have neither.",
        reload=Reload.AT_ONCE,
    )
    textsPerMinute: int = setting(
        _TEXTS,
        "TextsPerMinute",
        whole(0, 100_000, "texts"),
        30,
        "The most texts that one sender may send in a minute; further ones come back (403). 0 for any number.",
        reload=Reload.AT_ONCE,
    )
    textsPerSecond: int = setting(
        _TEXTS,
        "TextsPerSecond",
        whole(0, 100_000, "texts"),
        20,
        "The most texts in a second, of all senders together; further ones come back (503). 0 for any number.",
        reload=Reload.AT_ONCE,
    )


@frozen(kw_only=True, slots=False)
class SelfServiceSettings:
    """What the administrator has decided about self-service."""

    selfService: bool = setting(
        _SELF,
        "SelfService",
        SWITCH,
        True,
        "Whether users who may call can ask the control user for their number and their calls, and have it forward"
        " calls and call them for a test, by chat messages and by ad-hoc commands. If not, it only says what it is."
        " TextsPerMinute and TextsPerSecond count for it too. See docs/selfservice.rst.",
    )
    testCallUsername: str = setting(
        _SELF,
        "TestCallUsername",
        NODE,
        "echo",
        "User part of the address whom users call to hear a tone and then themselves; a translation rule to it makes a"
        " number of it for phones. It is there if SelfService is on. none for no test calls.",
    )
