# -*- test-case-name: ichatgw.test.sip.sippylib.test_selfcheck -*-
"""
Whether the sippy that is installed fits.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import ModuleType

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import ConfigError
from ichatgw.sip.dialog import core, dialog, remotetarget, requests, states
from ichatgw.sip.sippylib import selfcheck
from ichatgw.sip.transaction import known, layer, transporterrors

# Importing ichatgw.sip readies sippy, and so comes first.
# isort: split
import sippy.Time.Timeout
from sippy.SipTransactionManager import SipTransactionManager
from sippy.UA import UA

OURS = (dialog, states, remotetarget, requests, known, core, layer, transporterrors)


def replaced(module: ModuleType) -> Iterator[str]:
    """The methods of sippy's classes that our classes in C{module} replace, by their paths."""
    for ours in vars(module).values():
        if not inspect.isclass(ours) or not ours.__module__.startswith("ichatgw."):
            continue
        names = {name for base in ours.__mro__ if base.__module__.startswith("ichatgw.") for name in vars(base)}
        for base in ours.__mro__:
            if base.__module__.startswith("sippy."):
                for name in names & {name for name, thing in vars(base).items() if inspect.isfunction(thing)}:
                    yield f"{base.__module__.removeprefix('sippy.')}.{base.__name__}.{name}"


class CheckTests(SynchronousTestCase):
    """L{sippycheck}."""

    def test_fits(self) -> None:
        """The one that the tests run with fits, and is named."""
        self.assertEqual(selfcheck.differences(), [])
        self.assertIn(selfcheck.installed(), selfcheck.KNOWN)
        self.assertEqual(selfcheck.check(), "")

    def test_all(self) -> None:
        """Each method of sippy's that a class of ours replaces is compared."""
        every = {path for module in OURS for path in replaced(module)}
        self.assertGreater(len(every), 20)
        self.assertEqual(
            {path for path in every if path not in selfcheck.PARAMETERS and "UaStateGeneric.__init__" not in path},
            set(),
        )

    def test_unknown(self) -> None:
        """A version that is not known is warned of."""
        self.assertIn("sippy 2.6.0 is not known", selfcheck.check("2.6.0"))
        self.assertIn("unknown version", selfcheck.check(""))

    def test_parameters(self) -> None:
        """A method with other parameters is refused, in whatever version."""
        self.patch(SipTransactionManager, "sendResponse", lambda self, resp, transaction, ack=None: None)
        for version in ("2.6.0", selfcheck.KNOWN[0]):
            refusal = self.assertRaises(ConfigError, selfcheck.check, version)
            self.assertIn("sendResponse takes 'self resp transaction ack', not", str(refusal))
            self.assertIn(f"install sippy {selfcheck.KNOWN[0]}", str(refusal))

    def test_gone(self) -> None:
        """So is one without a method, an attribute or a module that is needed."""
        self.patch(UA, "processChallenge", None)
        self.patch(selfcheck, "ATTRIBUTES", {"UA.UA": "lTag noSuchThing", "UA.Nobody": "x", "NoModule.X": "y"})
        self.assertEqual(
            selfcheck.differences(),
            ["UA.UA.processChallenge is gone", "UA.UA has no noSuchThing", "UA.Nobody is gone", "NoModule.X is gone"],
        )

    def test_loop(self) -> None:
        """So is one that has got its own event loop."""
        self.patch(sippy.Time.Timeout, "ED2", object())
        self.assertEqual(selfcheck.differences(), ["sippy.Time.Timeout has an event loop of its own"])
