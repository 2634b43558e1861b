# -*- test-case-name: ichatgw.test.media.rtp.test_reportjson -*-
"""
Reports of RTCP as JSON, as captured by HEP (kind 5): the names are those that Homer shows.
"""

from __future__ import annotations

import json
from typing import Any

from ichatgw.errors import MalformedError
from ichatgw.media.rtp.reports import UNIT, Report, readReports
from ichatgw.media.rtp.rtcp import RECEIVER_REPORT, SENDER_REPORT


def reportJSON(datagram: bytes) -> bytes | None:
    """
    @return: C{None} if the compound has no report, or cannot be read.
    """
    try:
        reports = readReports(datagram)
    except MalformedError:
        return None
    if reports.sent is None and not reports.heard:
        return None
    found: dict[str, Any] = {
        "type": RECEIVER_REPORT if reports.sent is None else SENDER_REPORT,
        "ssrc": int.from_bytes(datagram[4:8], "big"),
        "report_count": len(reports.heard),
        "report_blocks": [_block(report) for report in reports.heard],
    }
    if reports.sent is not None:
        found["sender_information"] = {
            "ntp_timestamp_sec": reports.sent >> 16,
            "packets": reports.packets,
            "octets": reports.octets,
        }
    return json.dumps(found, separators=(",", ":")).encode()


def _block(report: Report) -> dict[str, int]:
    return {
        "source_ssrc": report.ssrc,
        "fraction_lost": round(report.fraction * 256),
        "packets_lost": report.lost,
        "highest_seq_no": report.highest,
        "ia_jitter": report.jitter,
        "lsr": report.lastReport,
        "dlsr": round(report.delay / UNIT),
    }
