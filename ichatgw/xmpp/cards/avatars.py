# -*- test-case-name: ichatgw.test.xmpp.cards.test_avatars -*-
# mypy: allow-untyped-calls
"""
That there is a picture, said in presence (XEP-0153): clients fetch the visiting card when they see a hash that is new.

The hash is that of the file.  Until it has been read the presence says that the picture is not known yet, and comes
again when it is.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha1

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element

from ichatgw.errors import MalformedError
from ichatgw.texts.memory import Remembered
from ichatgw.xmpp.cards.pictures import Picture, Pictures
from ichatgw.xmpp.presence.presence import Presence
from ichatgw.xmpp.stanzas import recipient, sender

NS_UPDATE = "vcard-temp:x:update"

HASH_LIFE, MAX_HASHES = 3600.0, 50_000
"""Seconds for which the hash of a file is taken for that of its picture, and of how many."""

MAX_WAITING = 5000
"""How many presences can come again; of further ones the picture is seen the next time."""

PAUSE = 0.02
"""Seconds from one of these to the next."""

_log = Logger()


@define(eq=False)
class Avatars:
    """
    @ivar photoOf: the file of the picture of who is behind our address, empty if there is none; C{None} if nothing is
        known of them at all.
    @ivar shown: sends presence again; set before the first is sent.
    """

    _clock: IReactorTime
    _pictures: Pictures
    photoOf: Callable[[JID], str | None]
    shown: Presence = field(init=False)
    _hashes: Remembered[str] = field(init=False)
    _waiting: dict[tuple[JID, JID], None] = field(factory=dict, init=False)
    _timer: IDelayedCall | None = field(default=None, init=False)
    _isReading: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._hashes = Remembered(self._clock, HASH_LIFE, MAX_HASHES)

    def adding(self, addCaps: Callable[[Element], None]) -> Callable[[Element], None]:
        """Adds the hash to a presence of ours beside what C{addCaps} does."""

        def add(presence: Element) -> None:
            addCaps(presence)
            try:
                self._add(presence, recipient(presence), sender(presence))
            except MalformedError:  # it goes to no valid address
                return

        return add

    def _add(self, presence: Element, user: JID, ours: JID) -> None:
        path = self.photoOf(ours)
        if path is None:
            return
        update = presence.addElement((NS_UPDATE, "x"))
        known = self._hashes.get(path) if path else ""
        if known is not None:
            update.addElement("photo", content=known or None)  # an empty one: there is no picture
        elif len(self._waiting) < MAX_WAITING:
            self._waiting[user, ours] = None
            self._later()

    def _later(self) -> None:
        if self._timer is None and not self._isReading and self._waiting:
            self._timer = self._clock.callLater(PAUSE, self._next)

    def _next(self) -> None:
        self._timer = None
        user, ours = pair = next(iter(self._waiting))
        del self._waiting[pair]
        path = self.photoOf(ours)
        if not path or self._hashes.get(path) is not None:
            self._show(user, ours)
        elif self._pictures.isBusy:
            self._waiting[pair] = None
            self._later()
        else:
            self._isReading = True
            self._pictures.find(path).addErrback(_unreadable).addCallback(self._read, path, user, ours)

    def _read(self, picture: Picture | None, path: str, user: JID, ours: JID) -> None:
        self._isReading = False
        self._hashes.put(path, "" if picture is None else sha1(picture.content, usedforsecurity=False).hexdigest())
        self._show(user, ours)

    def _show(self, user: JID, ours: JID) -> None:
        self._later()
        if self.shown.xmlstream is not None:
            self.shown.showPhone(user, ours)


def _unreadable(failure: Failure) -> None:
    _log.failure("A picture could not be read", failure)
