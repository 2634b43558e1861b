# -*- test-case-name: ichatgw.test.test_marks -*-
"""
Marks of tests, and a way to run those that have a mark or have it not.

C{python -m ichatgw.test.marks --without slow -j2 ichatgw} runs all quick tests in two processes.  The tests themselves
are run by trial, which takes all other options.  Names of modules, classes and tests are as for trial, and trial by
itself runs all of them, whatever their marks.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from twisted.scripts import trial
from twisted.trial.runner import ErrorHolder, TestLoader

_T = TypeVar("_T")

MARKS = ("slow", "alone")


def slow(test: _T) -> _T:
    """
    Mark a test, or all of a class: it takes more than a sixth of a second of a processor, so C{make unit} leaves it to
    C{make slow}.
    """
    test.slow = True  # type: ignore[attr-defined]
    return test


def alone(test: _T) -> _T:
    """Mark a test, or all of a class: it measures time, so that nothing else may run beside it."""
    test.alone = True  # type: ignore[attr-defined]
    return test


def has(test: Any, mark: str) -> bool:
    """Does a test have a mark, by itself or by its class?"""
    method = getattr(test, getattr(test, "_testMethodName", "run"), None)
    return bool(getattr(method, mark, getattr(test, mark, False)))


def loaded(names: Iterable[str]) -> list[Any]:
    """
    The tests of some names, each only once.

    @raise SystemExit: if something cannot be loaded, with the reason.
    """
    found: dict[str, Any] = {}
    for test in _each(TestLoader().loadByNames(list(names), recurse=True)):
        if isinstance(test, ErrorHolder):
            raise SystemExit(f"{test.id()} cannot be loaded: {test.error[1]}")
        found[test.id()] = test
    return list(found.values())


def _each(suite: Any) -> Iterator[Any]:
    for test in getattr(suite, "_tests", ()):
        if hasattr(test, "_tests"):
            yield from _each(test)
        else:
            yield test


def chosen(names: Iterable[str], *, wanted: Iterable[str] = (), unwanted: Iterable[str] = ()) -> list[str]:
    """
    The names of single tests.

    @param names: of packages, modules, classes or tests.
    @param wanted: the marks of which they have all.
    @param unwanted: the marks of which they have none.
    """
    return [
        test.id()
        for test in loaded(names)
        if all(has(test, mark) for mark in wanted) and not any(has(test, mark) for mark in unwanted)
    ]


def shuffled(tests: Sequence[str], seed: int) -> list[str]:
    """The same tests in an order that the seed determines, whatever their modules and classes."""
    return random.Random(seed).sample(sorted(tests), len(tests))


def command(arguments: Sequence[str]) -> list[str]:
    """
    What is asked of trial.

    @param arguments: of the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m ichatgw.test.marks", allow_abbrev=False)
    parser.add_argument("--with", dest="wanted", action="append", choices=MARKS, default=[])
    parser.add_argument("--without", dest="unwanted", action="append", choices=MARKS, default=[])
    parser.add_argument("--shuffle", metavar="SEED", help="run them in this order: a number, or `any'")
    options, rest = parser.parse_known_args(arguments)
    names = [word for word in rest if not word.startswith("-")]
    tests = chosen(names, wanted=options.wanted, unwanted=options.unwanted)
    if not tests:
        raise SystemExit(f"no tests of {' '.join(names)} are so marked")
    if options.shuffle is not None:
        seed = random.randrange(10**6) if options.shuffle == "any" else int(options.shuffle)
        sys.stdout.write(f"The order of the tests is that of --shuffle={seed}\n")
        tests = shuffled(tests, seed)
    return [*(word for word in rest if word.startswith("-")), *tests]


if __name__ == "__main__":
    sys.argv = ["trial", *command(sys.argv[1:])]
    trial.run()
