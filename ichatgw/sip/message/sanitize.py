# -*- test-case-name: ichatgw.test.sip.message.test_sanitize -*-
"""
Cleans what people wrote on the XMPP side before it becomes part of a SIP header.

XML lets C{&#13;&#10;} through in a nickname, a subject or a resource, and sippy writes a display name or a header as it
is given.  What leaves these functions is one line for every parser, and stays within the quotes that sippy puts
around it.
"""

from __future__ import annotations

import re

from ichatgw.sip.message.syntax import userOfText

_UNSAFE = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_INVISIBLE = re.compile("[\u202a-\u202e\u2066-\u2069\ufeff]+")
_QUOTABLE = re.compile(r'["\\]')

MAX_NAME = 64
MAX_USER = 128


def headerText(text: str, limit: int = 128) -> str:
    """
    Free text for a header such as C{Subject} or a reason phrase: at most C{limit} characters of one line.

    Control characters, line breaks of any kind and lone surrogates become a space, marks that turn the direction of
    writing go (they can make one name look like another).
    """
    flat = _UNSAFE.sub(" ", _INVISIBLE.sub("", text[: 4 * limit]))
    return " ".join(flat.split())[:limit].rstrip()


def displayName(text: str) -> str:
    """
    A display name for sippy's C{SipAddress}, which writes it as it is, between quotes if it holds anything but letters,
    digits and a few marks.

    So quotes and backslashes come escaped (RFC 3261 section 25.1, quoted-pair), after the cutting, lest it cut an
    escape in two.  A name of non-ASCII letters alone would go out without the quotes that the grammar asks for; a space
    at its end brings them.
    """
    name = _QUOTABLE.sub(r"\\\g<0>", headerText(text, MAX_NAME))
    return f"{name} " if not name.isascii() and name.isalnum() else name


def userPart(text: str) -> str:
    """
    The user part of a SIP URI, escaped.

    What cannot stand in an address goes, and so may all of it: the caller decides what an empty one means.
    """
    return userOfText(_UNSAFE.sub("", _INVISIBLE.sub("", text[: 4 * MAX_USER])).strip()[:MAX_USER])
