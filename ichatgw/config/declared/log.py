# -*- test-case-name: ichatgw.test.config.test_settings,ichatgw.test.config.reading.test_kinds -*-
"""
Settings of the log.
"""

from __future__ import annotations

from attrs import frozen

from ichatgw.config.declared.declare import setting
from ichatgw.config.reading.kinds import WRITABLE, choice, whole
from ichatgw.config.reading.reader import Reload
from ichatgw.log.lines import FORMATS, LEVELS, TEXT
from ichatgw.log.redaction import Content

_LOG = "Log"


@frozen(kw_only=True, slots=False)
class LogSettings:
    """What the administrator has decided about the log."""

    logLevel: str = setting(
        _LOG,
        "LogLevel",
        choice(*LEVELS),
        "INFO",
        "How much is logged. STACK is DEBUG and every message of SIP and XMPP in full, but for passwords and keys.",
        reload=Reload.AT_ONCE,
    )
    logFormat: str = setting(
        _LOG,
        "LogFormat",
        choice(*FORMATS),
        TEXT,
        "How a line is written: text, or json (an object with time, level, logger and message, and the call and leg"
        " that it is about). Where the log goes to the journal of systemd, each line tells it its level.",
        reload=Reload.AT_ONCE,
    )
    logHides: str = setting(
        _LOG,
        "LogHides",
        choice(*(each.value for each in Content)),
        Content.DIGITS.value,
        "What STACK leaves out besides: digits stands for those that people key in during a call (INFO), texts for"
        " those and what people write (MESSAGE, and messages of XMPP), none for nothing.",
        reload=Reload.AT_ONCE,
    )
    logFilename: str = setting(
        _LOG,
        "LogFilename",
        WRITABLE,
        "",
        "File to log to. If left blank the log goes where twistd sends it: to the standard output or to twistd.log, or"
        " where its option --logfile says.",
    )
    logFileMaxLines: int = setting(
        _LOG,
        "LogFileMaxLines",
        whole(0, 100_000_000, "lines"),
        50000,
        "After how many lines a new log file is started; 50000 lines are some 5 MB. The old ones are kept as"
        " LogFilename.1 to LogFilename.5, .1 being the newest. 0 for never.",
    )
