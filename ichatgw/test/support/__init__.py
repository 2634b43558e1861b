"""
What several tests share: stand-ins, scenes and values.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SkipTest

import ichatgw.test


def data(*names: str) -> Path:
    """
    A file or folder below C{ichatgw/test/data}.

    @raise SkipTest: if it is not there; so the tests of a package that is installed run without it.
    """
    path = Path(ichatgw.test.__file__).parent.joinpath("data", *names)
    if not path.exists():
        raise SkipTest("test data is not installed with the package")
    return path
