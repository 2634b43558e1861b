# -*- test-case-name: ichatgw.test.sip.message.test_sippyshortcuts -*-
"""
Whether what stands in the place of sippy's functions gives what these give.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.sip.message import sippypatches, sippyshortcuts
from ichatgw.test.support.sip.sipwire import PHONE_SDP, request

# Importing ichatgw.sip readies sippy, and so comes first.
# isort: split
from sippy.ESipHeaderCSV import ESipHeaderCSV
from sippy.SipAddress import SipAddress
from sippy.SipContact import SipContact
from sippy.SipFrom import SipFrom
from sippy.SipHeader import SipHeader
from sippy.SipMsg import SipMsg
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipURL import SipURL
from sippy.SipVia import SipVia
from sippy.Time.MonoTime import MonoTime

LOCAL = (("192.0.2.10", 5070), "tcp")

ROUTED = request(
    "INVITE",
    extra="Via: SIP/2.0/TCP proxy.example:5070;branch=z9hG4bK2;received=192.0.2.9\r\n"
    "Record-Route: <sip:[2001:db8::1]:5070;lr>\r\nRecord-Route: <sip:192.0.2.9;lr>\r\n"
    'X-Strange: a, b\r\nSubject: \r\nReason: Q.850;cause=16;text="bye"\r\n',
)
OK = "SIP/2.0 200 OK\r\n" + ROUTED.partition("\r\n")[2]


def original(function: Callable[..., Any]) -> Any:
    """sippy's."""
    return function.__wrapped__  # type: ignore[attr-defined]


def shown(message: Any) -> tuple[Any, ...]:
    """All that a message holds."""
    return (
        message.getSL(),
        [(header.name, type(header.body).__name__, str(header.getBody())) for header in message.headers],
        None if message.body is None else (str(message.body), message.body.getType()),
    )


class ShortcutTests(SynchronousTestCase):
    """L{sippyshortcuts}."""

    def bySippy(self, kind: type[Any], text: str) -> Any:
        """A message as sippy itself reads it."""
        self.patch(SipMsg, "__init__", original(sippyshortcuts._read))
        self.patch(SipHeader, "__init__", original(sippyshortcuts._makeHeader))
        try:
            return kind(text)
        finally:
            self.patch(SipMsg, "__init__", sippyshortcuts._read)
            self.patch(SipHeader, "__init__", sippyshortcuts._makeHeader)

    def test_read(self) -> None:
        """A message has the headers and the body that sippy finds in it."""
        for kind, text in (
            (SipRequest, request("INVITE")),
            (SipRequest, request("BYE", body="")),
            (SipRequest, ROUTED),
            (SipResponse, OK),
            (SipResponse, OK.replace("200 OK", "404 Not Found")),
        ):
            self.assertEqual(shown(kind(text)), shown(self.bySippy(kind, text)))

    def test_notPlain(self) -> None:
        """What has folded lines, or other line ends, is read as well."""
        bare = request("BYE", body="")
        for text in (ROUTED.replace("X-Strange: a", "X-Strange:\r\n\ta"), bare.replace("\r\n", "\n")):
            self.assertEqual(shown(SipRequest(text)), shown(self.bySippy(SipRequest, text)))

    def test_lists(self) -> None:
        """Several addresses in one header are several headers; a header by itself says that there are several."""
        text = ROUTED.replace("Record-Route: <sip:192.0.2.9;lr>", "Record-Route: <sip:192.0.2.9;lr>,<sip:b.example;lr>")
        self.assertEqual(len(SipRequest(text).getHFs("record-route")), 3)
        self.assertEqual(shown(SipRequest(text)), shown(self.bySippy(SipRequest, text)))
        self.assertEqual(self.assertRaises(ESipHeaderCSV, SipHeader, "Route: <sip:a>,<sip:b>").name, "route")

    def test_names(self) -> None:
        """The names by which transactions are known are sippy's, of the first Via and of each."""
        message = SipRequest(ROUTED)
        for flags in (
            {},
            {"wCSM": True, "wBRN": True},
            {"wBRN": True},
            {"wTTG": True},
            {"wCSM": True, "wBRN": True, "wTTG": True},
        ):
            self.assertEqual(message.getTId(**flags), original(sippyshortcuts._getTId)(message, **flags))
        self.assertEqual(message.getTIds(), original(sippyshortcuts._getTIds)(message))
        self.assertEqual(len(message.getTIds()), 2)

    def test_headersByName(self) -> None:
        """The first header of a name, or the one that is asked for; none is an error."""
        message = SipRequest(ROUTED)
        self.assertEqual(str(message.getHFBody("record-route")), "<sip:[2001:db8::1]:5070;lr>")
        self.assertEqual(str(message.getHFBody("record-route", 1)), "<sip:192.0.2.9;lr>")
        self.assertEqual(str(message.getHFBCopy("record-route", 1)), "<sip:192.0.2.9;lr>")
        self.assertIsNot(message.getHFBCopy("via"), message.getHFBody("via"))
        for get in (message.getHFBody, message.getHFBCopy):
            self.assertRaises(IndexError, get, "route")
            self.assertRaises(IndexError, get, "via", 2)

    def test_written(self) -> None:
        """A header is written as sippy writes it, in full and in short."""
        headers = [
            *SipRequest(ROUTED).headers,
            SipHeader(name="via"),
            SipHeader(name="user-agent"),
            SipHeader(name="contact"),
            SipHeader(name="session-expires", bodys="1800"),
        ]
        for header in headers:
            for local in (None, LOCAL):
                for isCompact in (False, True):
                    self.assertEqual(
                        header.localStr(local, isCompact),
                        original(sippyshortcuts._writeHeader)(header, local, isCompact),
                    )

    def test_copies(self) -> None:
        """What is copied is the same, and changes by itself."""
        address = SipAddress('"Alice B." <sip:alice@192.0.2.1;transport=tcp>;tag=1;x')
        via = SipRequest(ROUTED).getHFBody("via")
        for thing, replaced in ((address, sippyshortcuts._copyAddress), (via, sippyshortcuts._copyVia)):
            copy, theirs = thing.getCopy(), original(replaced)(thing)
            self.assertEqual((str(copy), set(vars(copy))), (str(theirs), set(vars(theirs)) | set(vars(copy))))
            copy.params["branch"] = "other"
            self.assertNotIn("other", str(thing))
        copy = address.getCopy()
        copy.url.host = "192.0.2.2"
        copy.setParam("tag", "2")
        self.assertEqual(str(address), '"Alice B." <sip:alice@192.0.2.1;transport=tcp>;tag=1;x')

    def test_responses(self) -> None:
        """A response to a request, and a copy of it, hold what sippy's do, and nothing of the request itself."""
        message = SipRequest(ROUTED)
        for values in ((100, "Trying"), (200, "OK", message.getBody(), "gw"), (487, "Gone", None, None, "why")):
            theirs = original(sippyshortcuts._genResponse)(message, *values)
            made = message.genResponse(*values)
            self.assertEqual(shown(made), shown(theirs))
            self.assertEqual(shown(made.getCopy()), shown(theirs))
            made.getCopy().getHFBody("to").setTag("other")
            made.getHFBody("to").setTag("ours")
            self.assertIsNone(message.getHFBody("to").getTag())
            self.assertEqual(made.getHFBody("to").getTag(), "ours")

    def test_addressesAreOnesOwn(self) -> None:
        """An address that was read before is nobody else's: a tag that one of them gets, another does not have."""
        first, second = SipFrom("<sip:alice@192.0.2.1>"), SipFrom("<sip:alice@192.0.2.1>")
        for header in (first, second):
            header.parse()
        first.setTag("1")
        first.getUrl().host = "192.0.2.2"
        self.assertEqual(str(second), "<sip:alice@192.0.2.1>")
        self.assertIsNone(second.getTag())

    def test_misspelt(self) -> None:
        """An address that cannot be read is an error each time."""
        for _ in range(2):
            self.assertRaises(ValueError, SipContact("nonsense").parse)
        self.assertRaises(ValueError, SipContact(f"<sip:alice@192.0.2.1:{'1' * 5000}x>").parse)

    def test_uris(self) -> None:
        """A URI of ours is written for the way it goes; one that has changed is written anew."""
        url = SipURL(username="scott", port=5070)
        self.assertEqual(url.localStr(LOCAL), sippypatches._write(url, LOCAL))
        self.assertEqual(url.localStr((("192.0.2.11", 5070), "udp")), "sip:scott@192.0.2.11:5070")
        url.username, url.other = "tiger", ["ob"]
        self.assertEqual(url.localStr(LOCAL), sippypatches._write(url, LOCAL))
        self.assertIn("tiger", url.localStr(LOCAL))
        read = SipURL("sip:alice@192.0.2.1?Subject=x")
        read.port = 5080
        self.assertEqual(str(read), "sip:alice@192.0.2.1:5080?Subject=x")

    def test_memory(self) -> None:
        """What is kept of URIs and addresses is short, whatever its parts."""
        sippypatches._writtenBefore.cache_clear()
        long = "x" * 300
        for url in (
            SipURL(username=long),
            SipURL(host=f"{long}.example"),
            SipURL(host="a.example", tag=long),
            SipURL(host="a.example", maddr=long),
            SipURL(host="a.example", other=[long]),
            SipURL(username="a", userparams=[long]),
        ):
            self.assertIn(long, str(url))
        self.assertEqual(sippypatches._writtenBefore.cache_info().currsize, 0)
        kept = sippyshortcuts._addressBefore.cache_info().currsize
        SipFrom(f"<sip:{long}@192.0.2.1>").parse()
        self.assertEqual(sippyshortcuts._addressBefore.cache_info().currsize, kept)

    def test_body(self) -> None:
        """A body is as long as its header says."""
        self.assertEqual(str(SipRequest(request("INVITE")).getBody()), PHONE_SDP)
        self.assertIsNone(SipRequest(request("BYE", body="")).getBody())

    def test_time(self) -> None:
        """The time is now, by both clocks; one that is written or computed is read as ever."""
        before, now, after = time.monotonic(), MonoTime(), time.monotonic()
        self.assertTrue(before <= now.monot <= after)
        self.assertLess(abs(now.realt - time.time()), 60)
        self.assertEqual(MonoTime("12.5-3.5").monot, 3.5)
        self.assertAlmostEqual(MonoTime(monot=now.monot + 5) - now, 5)
        self.assertRaises(TypeError, MonoTime, trust_realt=True)

    def test_via(self) -> None:
        """A Via of ours gets a branch of its own."""
        via = SipVia()
        copy = via.getCopy()
        copy.genBranch()
        self.assertIsNone(via.getBranch())
