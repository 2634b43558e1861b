# -*- test-case-name: ichatgw.test.check.asking.test_host -*-
"""
A program that reads all of a database, and prints what is broken in it: C{python database.py PATH}.

It is one of its own because a large file on a slow disk would hold up its reader.  It needs nothing of the
package, and is ended by the system after L{QUERY_TIMEOUT} seconds.
"""

from __future__ import annotations

import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

QUERY_TIMEOUT = 10
"""Seconds that it may take."""


def faultOf(path: str) -> str:
    """What is broken; empty if nothing is, or if another process has the file for itself now."""
    try:
        with closing(sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, timeout=1)) as database:
            [told] = database.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as problem:
        return "" if "locked" in str(problem) else str(problem)
    except sqlite3.DatabaseError as problem:
        return str(problem)
    return "" if told == "ok" else str(told).replace("\n", " ")


if __name__ == "__main__":
    signal.alarm(QUERY_TIMEOUT)
    sys.stdout.write(faultOf(sys.argv[1]))
