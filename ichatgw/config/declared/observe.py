# -*- test-case-name: ichatgw.test.config.test_settings,ichatgw.test.config.reading.test_kinds -*-
"""
Settings of what watches calls.
"""

from __future__ import annotations

from attrs import frozen

from ichatgw.config.declared.declare import setting
from ichatgw.config.reading.kinds import HEP_SERVER, TEXT, WRITABLE, choice, whole
from ichatgw.config.reading.reader import Reload
from ichatgw.observe.records.fields import CSV, JSON

_OBSERVE = "Watching calls"


@frozen(kw_only=True, slots=False)
class ObserveSettings:
    """What the administrator has decided about what is kept of calls."""

    callHistory: int = setting(
        _OBSERVE,
        "CallHistory",
        whole(0, 100_000, "calls"),
        1000,
        "Of how many calls that are over all messages and events are kept in memory, to be looked at: at most 64 MB,"
        " beyond which the oldest go. One takes about 7 KB. 0 for none.",
        reload=Reload.AT_ONCE,
    )
    callHistoryDatabase: str = setting(
        _OBSERVE,
        "CallHistoryDatabase",
        WRITABLE,
        "",
        "File (SQLite) in which they are kept as well, to be looked at on the page also after a restart and when they"
        " are no longer in memory. Passwords and keys, and what LogHides says, are not in it. If left blank, there is"
        " none.",
    )
    callHistoryDays: int = setting(
        _OBSERVE,
        "CallHistoryDays",
        whole(1, 3650, "days"),
        30,
        "For how long they are kept there.",
        reload=Reload.AT_ONCE,
    )
    callRecords: str = setting(
        _OBSERVE,
        "CallRecords",
        WRITABLE,
        "",
        "File to which a line is appended for each attempt to call, when it is over: who called whom, when, how it went"
        " and why it ended. A file that is moved away is followed by a new one. If left blank, there are none.",
        reload=Reload.AT_ONCE,
    )
    callRecordsFormat: str = setting(
        _OBSERVE,
        "CallRecordsFormat",
        choice(JSON, CSV),
        JSON,
        "How a line is written: json (an object) or csv (the first line of the file names the fields).",
        reload=Reload.AT_ONCE,
    )
    hepServer: tuple[str, int, str] | None = setting(
        _OBSERVE,
        "HEPServer",
        HEP_SERVER,
        None,
        "Server (Homer) to which all messages of SIP, as they were sent and received, and the reports of RTCP go by"
        " HEP 3. What logins prove and keys of media are in it: the way there has to be trusted. If left blank, none"
        " does.",
        example="homer.example.com:9060",
        reload=Reload.AT_ONCE,
    )
    hepCaptureId: int = setting(
        _OBSERVE,
        "HEPCaptureId",
        whole(0, 2**32 - 1),
        2001,
        "The number by which that server knows this gateway.",
        reload=Reload.AT_ONCE,
    )
    hepPassword: str = setting(
        _OBSERVE,
        "HEPPassword",
        TEXT,
        "",
        "The password that the server wants to see, if it wants one.",
        secret=True,
        reload=Reload.AT_ONCE,
    )
