# -*- test-case-name: ichatgw.test.config.reading.test_textfile -*-
"""
The text of files that people write with whatever editor they have.
"""

from __future__ import annotations

import codecs

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decoded(data: bytes) -> str:
    """
    The text of a file in UTF-8, or in UTF-16 if it begins with the byte order mark of that, as some editors of Windows
    write it.  The mark is no part of the text (Unicode section 23.8).

    @param data: what the file holds.
    @raise UnicodeDecodeError: if it is neither.
    """
    return data.decode("utf-16" if data.startswith(_UTF_16) else "utf-8-sig")
