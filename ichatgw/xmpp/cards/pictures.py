# -*- test-case-name: ichatgw.test.xmpp.cards.test_pictures -*-
"""
The pictures of the phone book: small files that are read without waiting for the disk.
"""

from __future__ import annotations

import os
import stat
from functools import partial

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ichatgw.runtime.disk import Disk
from ichatgw.runtime.ratelimit import Complaints
from ichatgw.texts.memory import Remembered

MAX_PICTURE = 48 * 1024
"""Octets of a picture: in base64 it has to fit into a stanza, of which some servers take 64 KiB."""

PICTURE_LIFE, MAX_PICTURES = 60.0, 64
"""Seconds for which pictures are kept, and how many are: clients ask for the same one several times."""

MAX_READ = 16
"""How many files are read at a time; who asks for more has no picture now."""

_SIGNS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)

_log = Logger()


@frozen
class Picture:
    """
    @ivar kind: its media type.
    """

    kind: str
    content: bytes = field(repr=False)


class NoPicture(Exception):
    """A file is none that can be shown; the text says why."""


@define(eq=False)
class Pictures:
    """Reads pictures, some at a time."""

    _clock: IReactorTime
    _disk: Disk
    _known: Remembered[Picture | None] = field(init=False)
    _complaints: Complaints = field(init=False)
    _reading: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._known = Remembered(self._clock, PICTURE_LIFE, MAX_PICTURES)
        self._complaints = Complaints(self._clock)

    @property
    def isBusy(self) -> bool:
        """Are as many read now as may be?"""
        return self._reading >= MAX_READ

    def find(self, path: str) -> Deferred[Picture | None]:
        """The picture in a file; C{None} if C{path} is empty, or there is none that can be shown."""
        if not path or self.isBusy:
            return succeed(None)
        known = self._known.get(path)
        if known is not None:
            return succeed(known)
        self._reading += 1
        return self._disk.run(partial(read, path)).addBoth(self._read, path)

    def _read(self, result: Picture | Failure, path: str) -> Picture | None:
        self._reading -= 1
        if isinstance(result, Failure):
            result.trap(NoPicture)
            if self._complaints.allow(path):
                _log.warn("No picture in the phone book's {path!r}: {why}", path=path, why=result.getErrorMessage())
            return None
        self._known.put(path, result)
        return result


def read(path: str) -> Picture:
    """
    Read a file, at most L{MAX_PICTURE} octets of it.  To be run in the thread of the disk.

    @raise NoPicture: if it is none.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe must not hold up the disk
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise NoPicture("it is no plain file")
            content = file.read(MAX_PICTURE + 1)
    except (OSError, ValueError) as problem:
        raise NoPicture(f"it cannot be read: {problem}"[:200]) from None
    if len(content) > MAX_PICTURE:
        raise NoPicture(f"it has more than {MAX_PICTURE} octets: make it smaller")
    kind = next((kind for sign, kind in _SIGNS if content.startswith(sign)), "")
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        kind = "image/webp"
    if not kind:
        raise NoPicture("it is neither PNG, JPEG, GIF nor WebP")
    return Picture(kind, content)
