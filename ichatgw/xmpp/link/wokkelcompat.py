# -*- test-case-name: ichatgw.test.xmpp.link.test_wokkelcompat -*-
"""
Lets wokkel 18.0.0 load on a current Twisted.  Import this before any wokkel module.

Twisted dropped two names that wokkel asks for: C{twisted.python.compat._PY3}, and the module
C{twisted.python.constants}, which lives on as the package C{constantly}.  Both are put back here, and what wokkel still
uses that Twisted calls deprecated is not warned of: only wokkel can change it.

Importing this again, or on a Twisted that has the names, changes nothing.
"""

from __future__ import annotations

import sys
import warnings
from importlib.util import find_spec

import constantly  # type: ignore[import-untyped]
from twisted.python import compat


def restore() -> None:
    """Put back what is missing."""
    if not hasattr(compat, "_PY3"):
        compat._PY3 = True  # type: ignore[attr-defined]
    if "twisted.python.constants" not in sys.modules and find_spec("twisted.python.constants") is None:
        sys.modules["twisted.python.constants"] = constantly
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"wokkel(\..*)?\Z")
    warnings.filterwarnings("ignore", category=SyntaxWarning, module=r"wokkel(\..*)?\Z")


restore()
