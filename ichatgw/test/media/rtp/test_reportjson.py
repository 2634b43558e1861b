# -*- test-case-name: ichatgw.test.media.rtp.test_reportjson -*-
"""
Tests for L{ichatgw.media.rtp.reportjson}.
"""

from __future__ import annotations

import json
from struct import pack

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.media.rtp.reportjson import reportJSON

_BLOCK = pack("!IIIIII", 0xAAAA, 64 << 24 | 5, 1000, 160, 0x11223344, 65536)


class ReportJSONTests(SynchronousTestCase):
    """Reports for those who capture."""

    def test_receiver(self) -> None:
        """A report has the figures of the wire, in its units."""
        found = reportJSON(pack("!BBHI", 0x81, 201, 7, 0xBBBB) + _BLOCK)
        assert found is not None
        self.assertEqual(
            json.loads(found),
            {
                "type": 201,
                "ssrc": 0xBBBB,
                "report_count": 1,
                "report_blocks": [
                    {
                        "source_ssrc": 0xAAAA,
                        "fraction_lost": 64,
                        "packets_lost": 5,
                        "highest_seq_no": 1000,
                        "ia_jitter": 160,
                        "lsr": 0x11223344,
                        "dlsr": 65536,
                    }
                ],
            },
        )

    def test_sender(self) -> None:
        """One of who sends says what it has sent, also if it has heard nobody."""
        found = reportJSON(pack("!BBHIIIIII", 0x80, 200, 6, 0xBBBB, 0x55667788, 0x99AABBCC, 0, 50, 8000))
        assert found is not None
        about = json.loads(found)
        self.assertEqual((about["type"], about["report_count"]), (200, 0))
        self.assertEqual(about["sender_information"], {"ntp_timestamp_sec": 0x7788, "packets": 50, "octets": 8000})

    def test_nothing(self) -> None:
        """Compounds without reports, and what is none, are nothing."""
        for datagram in (pack("!BBHI", 0x81, 203, 1, 0xBBBB), b"", b"\x80\xc8junk"):
            self.assertIs(reportJSON(datagram), None)
