# -*- test-case-name: ichatgw.test.sip.sippylib.test_selfcheck -*-
"""
Whether the sippy that is installed fits.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from types import ModuleType

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import ConfigError
from ichatgw.sip.dialog import dialog, states
from ichatgw.sip.message import sippypatches, sippyshortcuts
from ichatgw.sip.sippylib import clock, selfcheck
from ichatgw.sip.transaction import layer

# Importing ichatgw.sip readies sippy, and so comes first.
# isort: split
import sippy.Time.Timeout
from sippy.SipTransactionManager import SipTransactionManager
from sippy.UA import UA

OURS = (dialog, states, layer)


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


def patches(module: ModuleType) -> Iterator[str]:
    """What C{module} sets in sippy, by its path."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        for target in node.targets if isinstance(node, ast.Assign) else ():
            for each in target.elts if isinstance(target, ast.Tuple) else (target,):
                path = ast.unparse(each)
                if isinstance(each, ast.Attribute) and path.startswith(("Sip", "sippy.")):
                    yield path.removeprefix("sippy.")
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "substitute":
            yield from (f"{ast.unparse(node.args[0])}.{each.arg}" for each in node.keywords)


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

    def test_patched(self) -> None:
        """What is patched in sippy itself is compared with sippy's own text, in which our patches do not stand."""
        text = ast.parse(
            "class SipURL:\n"
            "    def __init__(self, uri, *, scheme): quote(uri)\n"
            "    def copy(self): pass\n"
            "    def localStr(self, local_addr = None): pass\n"
        )
        for read in (selfcheck._used, selfcheck._written):
            read.cache_clear()
            self.addCleanup(read.cache_clear)
        self.patch(selfcheck, "_text", lambda module: text if module == "SipURL" else ast.Module([], []))
        found = selfcheck.differences()
        self.assertIn("SipURL.SipURL.getCopy is gone", found)
        self.assertIn("SipURL does not use unquote", found)
        self.assertIn("Core.Exceptions.dump_exception is gone", found)
        (made,) = [each for each in found if "__init__" in each]
        self.assertTrue(made.startswith("SipURL.SipURL.__init__ takes 'self uri scheme', not 'self url "), made)
        self.assertFalse([each for each in found if "localStr" in each or "use quote" in each])

    def test_allPatches(self) -> None:
        """Each patch of ours is among those that are compared."""
        compared = {*selfcheck.PATCHED, *selfcheck.PARAMETERS}
        for table in (selfcheck.USED, selfcheck.ATTRIBUTES):
            compared |= {f"{path}.{name}" for path, names in table.items() for name in names.split()}
        found = {path for module in (sippypatches, sippyshortcuts, clock) for path in patches(module)}
        self.assertGreater(len(found), 6)
        for path in found:
            self.assertTrue(any(f".{each}".endswith(f".{path}") for each in compared), path)

    def test_loop(self) -> None:
        """So is one that has got its own event loop."""
        self.patch(sippy.Time.Timeout, "ED2", object())
        self.assertEqual(selfcheck.differences(), ["sippy.Time.Timeout has an event loop of its own"])
