# -*- test-case-name: ichatgw.test.media.srtp.test_srtp -*-
"""
SRTP without copies: packets are protected and opened where they lie.

pylibsrtp copies each packet twice and makes several objects for it, which takes longer than the ciphers do.  Its
binding can do without; where that is not as we know it, packets are copied.
"""

from __future__ import annotations

from typing import Any

from pylibsrtp import _binding

from ichatgw.errors import MalformedError
from ichatgw.media.srtp.srtp import SRTPContext

SHORTEST = 12
"""Octets of the shortest packet."""

TRAILER = 16 + 128
"""Octets that libsrtp may add to a packet: the tag, and a key identifier."""

_ffi: Any = getattr(_binding, "ffi", None)
_lib: Any = getattr(_binding, "lib", None)


class InPlace:
    """
    Protects and opens RTP in place, at the beginning of a buffer, with the keys of an L{SRTPContext}.
    """

    def __init__(self, shield: SRTPContext, buffer: bytearray) -> None:
        self._shield = shield
        self._buffer = buffer
        self._room = len(buffer) - TRAILER
        self._isDirect = self._prepare()

    def _prepare(self) -> bool:
        try:
            self._out, self._into = self._shield.handles()
            self._data = _ffi.from_buffer(self._buffer)
            self._length = _ffi.new("int *")
            self._protectIt, self._openIt = _lib.srtp_protect, _lib.srtp_unprotect
        except AttributeError:
            return False
        return True

    def protect(self, size: int) -> int:
        """
        @param size: how long the packet in the buffer is.
        @return: how long it is now.
        @raise MalformedError: if libsrtp does not take it.
        """
        if not self._isDirect:
            return self._put(self._shield.protect(bytes(self._buffer[:size])))
        length = self._length
        length[0] = size
        if not SHORTEST <= size <= self._room or self._protectIt(self._out, self._data, length):
            raise MalformedError("SRTP: not protected")
        return int(length[0])

    def copied(self, packet: bytes) -> bytes:
        """
        The same for a packet that lies elsewhere.

        @raise MalformedError: if libsrtp does not take it.
        """
        return self._shield.protect(packet)

    def open(self, size: int) -> int:
        """
        What cannot be opened is not to be used afterwards, in whatever state it is.

        @param size: how long the packet in the buffer is.
        @return: how long it is now.
        @raise MalformedError: if it is not the party's, or came before.
        """
        if not self._isDirect or self._shield.isChanging:
            return self._put(self._shield.open(bytes(self._buffer[:size])))
        length = self._length
        length[0] = size
        if not SHORTEST <= size <= self._room or self._openIt(self._into, self._data, length):
            raise MalformedError("SRTP: not opened")
        return int(length[0])

    def _put(self, packet: bytes) -> int:
        self._buffer[: len(packet)] = packet
        return len(packet)
