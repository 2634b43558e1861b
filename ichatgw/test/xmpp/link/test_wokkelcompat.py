"""
Tests for L{ichatgw.xmpp.link.wokkelcompat}.
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module

from twisted.python import compat
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.xmpp.link.wokkelcompat import restore


class RestoreTests(SynchronousTestCase):
    def test_wokkelLoads(self) -> None:
        """Every wokkel module of use loads, also those that ask for what Twisted dropped."""
        for name in ("subprotocols", "generic", "disco", "ping", "xmppim", "data_form", "muc"):
            self.assertEqual(import_module("wokkel." + name).__name__, "wokkel." + name)

    def test_idempotent(self) -> None:
        """Restoring twice leaves what the first time put there."""
        before = sys.modules["twisted.python.constants"]
        restore()
        self.assertIs(sys.modules["twisted.python.constants"], before)
        self.assertTrue(compat._PY3)  # type: ignore[attr-defined]

    def test_absent(self) -> None:
        """The module comes back when it is gone."""
        module = sys.modules.pop("twisted.python.constants")
        restore()
        self.assertIs(sys.modules["twisted.python.constants"], module)

    def test_quiet(self) -> None:
        """What wokkel does with deprecated names is not warned of; others are warned still."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            restore()
            warnings.warn_explicit("old", DeprecationWarning, "x.py", 1, module="wokkel.disco")
            self.assertEqual(caught, [])
            warnings.warn_explicit("old", DeprecationWarning, "x.py", 1, module="ours")
        self.assertEqual(len(caught), 1)
