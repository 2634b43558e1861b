# -*- test-case-name: ichatgw.test.test_sip_transports -*-
"""
What has to be mended in sippy itself, as it copies URIs and writes headers wherever it goes.
"""

from __future__ import annotations

from typing import Any

from sippy.SipGenericHF import SipGenericHF
from sippy.SipHeader import hf_types
from sippy.SipURL import SipURL

_copy = SipURL.getCopy


def _copyWithScheme(url: Any) -> Any:
    """sippy 2.5 makes C{sip} of C{sips}: the call that was to be secure would go on in the clear."""
    made = _copy(url)
    made.scheme = url.scheme
    return made


if SipURL("sips:a@b").getCopy().scheme != "sips":
    SipURL.getCopy = _copyWithScheme


_TITLES = {"min-se": "Min-SE", "www-authenticate": "WWW-Authenticate"}


def _inTitleCase(body: Any, name: str, compact: bool = False) -> str:
    """sippy writes C{Subscription-state}; there are parsers that look for C{Subscription-State}."""
    return _TITLES.get(name.lower()) or "-".join(word.capitalize() for word in name.split("-"))


if SipGenericHF("").getCanName("refer-sub") != "Refer-Sub":
    SipGenericHF.getCanName = _inTitleCase


# sippy cuts challenges and credentials at each comma, quoted or not; L{ichatgw.sip.digest} reads their text.
for _name in ("authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate"):
    hf_types.pop(_name, None)


class Forgiving(dict[Any, Any]):
    """A table of transactions: sippy's timers sometimes remove one that has already gone."""

    def __delitem__(self, key: object) -> None:
        self.pop(key, None)
