# -*- test-case-name: ichatgw.test.net.test_literals -*-
"""
IP addresses as text.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

READ_BEFORE = 4096
"""How many addresses are kept as they were read; the same few come again with each message and each call."""

MAX_KEPT = 60
"""How many characters one may have for that; a zone (RFC 4007) may be of any length."""


def ip_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:  # noqa: N802 (it stands for the library's)
    """
    As C{ipaddress.ip_address}, which takes some ten microseconds.

    @raise ValueError: if it is none.
    """
    return _readBefore(text) if len(text) <= MAX_KEPT else ipaddress.ip_address(text)


_readBefore = lru_cache(maxsize=READ_BEFORE)(ipaddress.ip_address)
