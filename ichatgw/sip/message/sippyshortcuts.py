# -*- test-case-name: ichatgw.test.sip.message.test_sippyshortcuts -*-
"""
What sippy does most often, in fewer steps.

A call reads and writes some hundred headers.  Nothing here changes what is read or written: each function stands in the
place of one of sippy's, with its name and its parameters, and gives what that gives for messages in the plain form that
the gate lets through (L{ichatgw.sip.message.gate}).  C{docs/performance.rst} says what that saves.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from sippy.ESipHeaderCSV import ESipHeaderCSV
from sippy.MsgBody import MsgBody
from sippy.SipAddress import SipAddress
from sippy.SipAddressHF import SipAddressHF
from sippy.SipGenericHF import SipGenericHF
from sippy.SipHeader import SipHeader, hf_types
from sippy.SipMsg import SipMsg
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipVia import SipVia
from sippy.Time.MonoTime import MonoTime

NAMES_KEPT = 512
"""How many names of headers are kept as they are written."""

LINES_KEPT, ADDRESSES_KEPT, MAX_KEPT = 4096, 2048, 200
"""
How many header lines and addresses are kept as they were read, and how many characters one may have for that: those of
a dialog come again with each of its messages.
"""

_END = "\r\n\r\n"
_REPEATED = ("via", "record-route", "from", "to", "call-id", "cseq")
"""The headers of a request that its responses repeat, in this order."""

LocalAddress = tuple[tuple[str, int], str]
"""What stands for "my address" in what is written: host and port, and the transport."""

TransactionId = tuple[str | int | None, ...]
"""What sippy knows a transaction by: Call-ID, From tag, CSeq, and what else tells it from others."""

_FOLDED = ("\r\n ", "\r\n\t")

_readMessage, _readTime, _answer = SipMsg.__init__, MonoTime.__init__, SipRequest.genResponse


# Messages.


def _read(self: SipMsg, buf: str | None = None) -> None:
    """A message; one that is not in plain form is left to sippy."""
    self.headers = []
    if buf is None:
        return
    head, end, body = buf.partition(_END)
    if not end or any(fold in head for fold in _FOLDED):
        _readMessage(self, buf)
        return
    startLine, *lines = head.split("\r\n")
    self.setSL(startLine)
    told: dict[str, SipHeader | None] = dict.fromkeys(("content-type", "content-length"))
    for line in lines:
        for header in _headers(line):
            if header.name in told:
                told[header.name] = header
            else:
                self.headers.append(header)
    # These are what sippy's C{init_body} looks at.
    kind, length = told.values()
    vars(self).update(_SipMsg__mbody=body or None, _SipMsg__content_type=kind, _SipMsg__content_length=length)


def _headers(line: str) -> list[SipHeader]:
    """The headers of one line."""
    name, kind, value = (_partsBefore if len(line) <= MAX_KEPT else _parts)(line)
    try:
        body = SipGenericHF(value, name) if kind is None else kind(value)
    except ESipHeaderCSV as several:
        return [SipHeader(name=name.lower(), bodys=each, fixname=True) for each in several.bodys]
    made = SipHeader.__new__(SipHeader)
    made.name, made.body = body.hf_names[0], body
    return [made]


def _parts(line: str) -> tuple[str, type[SipGenericHF] | None, str]:
    """The name, what reads it, if not as any, and the value."""
    name, _, value = line.partition(":")
    name = name.strip()
    return name, hf_types.get(name.lower()), value.strip()


_partsBefore = lru_cache(maxsize=LINES_KEPT)(_parts)


def _getHFBody(self: SipMsg, name: str, idx: int = 0) -> SipGenericHF:
    """@raise IndexError: if there is none."""
    for header in self.headers:
        if header.name == name:
            if not idx:
                return header.getBody()
            idx -= 1
    raise IndexError(name)


def _getHFBCopy(self: SipMsg, name: str, idx: int = 0) -> SipGenericHF:
    """@raise IndexError: if there is none."""
    for header in self.headers:
        if header.name == name:
            if not idx:
                return header.body.getCopy()
            idx -= 1
    raise IndexError(name)


def _getTId(self: SipMsg, wCSM: bool = False, wBRN: bool = False, wTTG: bool = False) -> TransactionId:
    number, method = self.getHFBody("cseq").getCSeq()
    begin: TransactionId = (str(self.getHFBody("call-id")), self.getHFBody("from").getTag(), number)
    if wCSM:
        begin = (*begin, method)
    if wBRN:
        begin = (*begin, self.getHFBody("via").getBranch())
    return (*begin, self.getHFBody("to").getTag()) if wTTG else begin


def _getTIds(self: SipMsg) -> tuple[TransactionId, ...]:
    begin = self.getTId(wCSM=True)
    return tuple([(*begin, via.getBranch()) for via in self.getHFBodys("via")])


def _genResponse(
    self: SipRequest,
    scode: int,
    reason: str,
    body: MsgBody | None = None,
    server: str | None = None,
    ext_reason: str | None = None,
) -> SipResponse:
    if ext_reason is not None:
        return _answer(self, scode, reason, body, server, ext_reason)
    kept: dict[str, list[SipHeader]] = {name: [] for name in _REPEATED}
    for header in self.headers:
        if header.name in kept:
            kept[header.name].append(_copyHeader(header))
    made = SipResponse(scode=scode, reason=reason, sipver=self.sipver, server=server, body=body)
    made.headers[:0] = [header for headers in kept.values() for header in headers]
    return made


def _copyMessage(self: SipMsg) -> SipMsg:
    made = type(self)()
    made.headers = [_copyHeader(header) for header in self.headers]
    if self.body is not None:
        made.body = self.body.getCopy()
    for name in ("startline", "target", "source", "nated", "rtime"):
        setattr(made, name, getattr(self, name))
    return made


# Headers.


def _copyHeader(self: SipHeader) -> SipHeader:
    made = SipHeader.__new__(SipHeader)
    made.name, made.body = self.name, self.body.getCopy()
    return made


def _makeHeader(
    self: SipHeader,
    s: str | None = None,
    name: str | None = None,
    body: SipGenericHF | None = None,
    bodys: str | None = None,
    fixname: bool = False,
) -> None:
    if s is not None:
        name, _, bodys = s.partition(":")
        name, bodys = name.strip(), bodys.strip()
    if name is not None:
        self.name = name.lower()
    if body is None:
        kind = hf_types.get(self.name)
        try:
            body = SipGenericHF(bodys, name) if kind is None else kind(bodys)
        except ESipHeaderCSV as several:
            several.name = self.name
            raise
    self.body = body
    if fixname or self.name is None:
        self.name = body.hf_names[0]


def _writeHeader(self: SipHeader, local_addr: LocalAddress | None = None, compact: bool = False) -> str:
    kind: Any = type(self.body)
    return f"{_written(kind, self.name, compact)}: {self.body.localStr(local_addr)}"


@lru_cache(maxsize=NAMES_KEPT)
def _written(kind: Any, name: str, compact: bool) -> str:
    """The name of a header, as it is sent."""
    return str(kind.getCanName(None, name, compact))


# Addresses.


def _parseAddress(self: SipAddressHF) -> None:
    read = _addressBefore if len(self.body) <= MAX_KEPT else _address
    self.address = read(self.body, self.relaxedparser).getCopy()
    self.parsed = True


def _address(text: str, isRelaxed: bool) -> SipAddress:
    return SipAddress(text, relaxedparser=isRelaxed)


_addressBefore = lru_cache(maxsize=ADDRESSES_KEPT)(_address)


def _copyAddress(self: SipAddress) -> SipAddress:
    made = SipAddress.__new__(SipAddress)
    made.name, made.url, made.hadbrace = self.name, self.url.getCopy(), self.hadbrace
    made.params, made.params_order = self.params.copy(), self.params_order[:]
    return made


def _copyVia(self: SipVia) -> SipVia:
    made = SipVia.__new__(SipVia)
    vars(made).update(vars(self))
    if self.params is not None:
        made.params = self.params.copy()
    return made


# Time.


def _makeTime(
    self: MonoTime,
    s: str | None = None,
    monot: float | None = None,
    realt: float | None = None,
    trust_realt: bool = False,
) -> None:
    """sippy smoothes the difference between its two clocks, for those who write both of them down."""
    if s is None and monot is None and realt is None and not trust_realt:
        self.monot, self.realt = time.monotonic(), time.time()
    else:
        _readTime(self, s, monot, realt, trust_realt)


def substitute(kind: type, **ours: Callable[..., object]) -> None:
    """
    Put our functions in the place of a class's methods.

    Each names what it stands for as C{__wrapped__}, so that L{ichatgw.sip.sippylib.selfcheck} sees sippy's.
    """
    for name, function in ours.items():
        vars(function)["__wrapped__"] = getattr(kind, name)
        setattr(kind, name, function)


substitute(SipMsg, __init__=_read, getHFBody=_getHFBody, getHFBCopy=_getHFBCopy, getTId=_getTId, getTIds=_getTIds)
substitute(MonoTime, __init__=_makeTime)
substitute(SipMsg, getCopy=_copyMessage)
substitute(SipRequest, genResponse=_genResponse)
substitute(SipHeader, __init__=_makeHeader, localStr=_writeHeader, getCopy=_copyHeader)
substitute(SipAddress, getCopy=_copyAddress)
substitute(SipAddressHF, parse=_parseAddress)
substitute(SipVia, getCopy=_copyVia)
