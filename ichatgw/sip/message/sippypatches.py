# -*- test-case-name: ichatgw.test.sip.test_transports,ichatgw.test.sip.message.test_sippyshortcuts,ichatgw.test.sip.message.test_gate_corpora,ichatgw.test.sip.test_endpoint -*-  # noqa: E501
"""
What has to be mended in sippy itself, as it copies URIs and writes headers wherever it goes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from operator import attrgetter
from typing import Any

import sippy.SipURL
from sippy.SipGenericHF import SipGenericHF
from sippy.SipHeader import hf_types
from sippy.SipTransactionManager import SipTransaction
from sippy.SipURL import SipURL
from sippy.SipVia import SipVia

from ichatgw.errors import MalformedError
from ichatgw.sip.message.sippyshortcuts import LocalAddress, TransactionId, substitute
from ichatgw.sip.message.syntax import UnknownScheme, borrowed, escaped, uri, via

URIS_KEPT, MAX_KEPT = 2048, 200
"""
How many URIs are kept as they were read, and how many characters one may have for that: those of a dialog come again
with each of its messages.
"""

_make, _write = SipURL.__init__, SipURL.localStr
_SAYS = (
    "scheme",
    "username",
    "password",
    "host",
    "port",
    "usertype",
    "transport",
    "ttl",
    "maddr",
    "method",
    "tag",
    "lr",
)
_plain = attrgetter(*_SAYS)


def _stated(url: SipURL) -> tuple[object, ...]:
    """All that a URI says."""
    return (*_plain(url), url.headers, tuple(url.userparams), tuple(url.other))


def _makeAsWritten(self: SipURL, url: str | None = None, *args: Any, **kwargs: Any) -> None:
    """
    sippy writes a URI anew from what it has read, in another order and with other escapes: others would not know theirs
    again.  So it keeps the text.  A URI of another scheme is read as what L{borrowed} makes of it.
    """
    self.written = None
    if url is None:
        _make(self, None, *args, **kwargs)
        return
    read = (_readBefore if len(url) <= MAX_KEPT else _read)(url, *args, **kwargs)
    vars(self).update(vars(read))
    self.userparams, self.other = list(read.userparams), list(read.other)


def _read(url: str, *args: Any, **kwargs: Any) -> SipURL:
    made = SipURL.__new__(SipURL)
    try:
        plain = uri(url, keepHeaders=True)
    except UnknownScheme:
        plain = borrowed(url)
    except MalformedError:
        _make(made, url, *args, **kwargs)
        return made
    _make(made, plain, *args, **kwargs)
    made.written, made.stated = url, _stated(made)
    return made


_readBefore = lru_cache(maxsize=URIS_KEPT)(_read)


def _copyAsWritten(url: SipURL) -> SipURL:
    """sippy makes C{sip} of C{sips} here: the call that was to be secure would go on in the clear."""
    made = SipURL.__new__(SipURL)
    vars(made).update(vars(url))
    made.userparams, made.other = list(url.userparams), list(url.other)
    return made


def _writeAsWritten(url: SipURL, local_addr: LocalAddress | None = None) -> str:
    """As it came, unless something in it has been changed since."""
    if url.written is not None and _stated(url) == url.stated:
        return str(url.written)
    plain = _plain(url)
    length = sum([len(each) for each in plain if isinstance(each, str)])
    if url.headers or url.userparams or url.other or length > MAX_KEPT:
        return str(_write(url, local_addr))
    return _writtenBefore(plain, local_addr)


@lru_cache(maxsize=URIS_KEPT)
def _writtenBefore(plain: tuple[object, ...], local: LocalAddress | None) -> str:
    """A URI of ours, which is written with each message of its dialog."""
    url = SipURL.__new__(SipURL)
    vars(url).update(zip(_SAYS, plain, strict=True), userparams=(), other=())
    return str(_write(url, local))


substitute(SipURL, __init__=_makeAsWritten, getCopy=_copyAsWritten, localStr=_writeAsWritten)
# The user part, and the headers in a URI, stay escaped as they are.
sippy.SipURL.unquote = lambda text: text
sippy.SipURL.quote = lambda text, safe="": escaped(text)


_TITLES = {"min-se": "Min-SE", "www-authenticate": "WWW-Authenticate"}


def _inTitleCase(body: SipGenericHF, name: str, compact: bool = False) -> str:
    """sippy writes C{Subscription-state}; there are parsers that look for C{Subscription-State}."""
    return _TITLES.get(name.lower()) or "-".join(word.capitalize() for word in name.split("-"))


if SipGenericHF("").getCanName("refer-sub") != "Refer-Sub":
    substitute(SipGenericHF, getCanName=_inTitleCase)


_READ_BY_SIPPY = re.compile(
    r"SIP/2\.0/[A-Z]+ [A-Za-z0-9.\-]+(?::[0-9]+)?(?:;[a-z]+(?:=[A-Za-z0-9.:_+*~\-]+)?)*"
).fullmatch


class WrittenVia(SipVia):
    """
    A Via that is written as it came, unless something in it has been changed since: the host that gets it back compares
    it.  sippy would read parameters out of quoted values.
    """

    def __init__(self, body: str | None = None, cself: SipVia | None = None) -> None:
        self.written: str | None = None
        self.stated: tuple[object, ...] = ()
        if body is not None:
            SipGenericHF.__init__(self, body)  # the gate has put each value in a line of its own
            return
        super().__init__(cself=cself)
        if isinstance(cself, WrittenVia):
            self.written, self.stated = cself.written, cself.stated

    def parse(self) -> None:
        """sippy wants to know what it says."""
        self.written = self.body
        try:
            self.body = self.body if _READ_BY_SIPPY(self.body) else via(self.body)
        except MalformedError:  # one that no gate has seen
            self.written = None
        super().parse()
        self.stated = self._says()

    def _says(self) -> tuple[object, ...]:
        return self.transport, self.hostname, self.port, *self.params.items()

    def localStr(self, local_addr: LocalAddress | None = None) -> str:
        """As a header holds it."""
        if self.parsed and self.written is not None and self.stated == self._says():
            return self.written
        return str(super().localStr(local_addr))

    def getCopy(self) -> WrittenVia:
        """Another one that says the same."""
        return WrittenVia(cself=self) if self.parsed else WrittenVia(self.body)


hf_types["via"] = hf_types["v"] = WrittenVia

# sippy cuts challenges and credentials at each comma, quoted or not; L{ichatgw.sip.auth.digest} reads their text.
for _name in ("authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate"):
    hf_types.pop(_name, None)


class Forgiving(dict[TransactionId, SipTransaction]):
    """A table of transactions: sippy's timers sometimes remove one that has already gone."""

    def __delitem__(self, key: TransactionId) -> None:
        self.pop(key, None)
