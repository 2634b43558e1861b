# -*- test-case-name: ichatgw.test.test_marks -*-
"""
Marks of tests, and a way to run those that have a mark or have it not.

C{python -m ichatgw.test.marks --without slow --processes 2 ichatgw} runs all quick tests in two processes.  The tests
themselves are run by trial, which takes all other options.  Names of modules, classes and tests are as for trial, and
trial by itself runs all of them, whatever their marks.

C{--processes} gives each process its share at once.  C{-j} of trial hands out one test after the other: that takes
longer for many quick tests (a third of all the work), and is better for few long ones.
"""

from __future__ import annotations

import argparse
import gc
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from tempfile import TemporaryFile
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


def share(tests: Sequence[str], number: int, count: int) -> list[str]:
    """
    One of several shares, which have all tests together.  Tests of one class stay together.

    @param number: of the share, from 0.
    """
    classes = [list(each) for _, each in groupby(tests, lambda test: test.rpartition(".")[0])]
    return [test for each in classes[number::count] for test in each]


def inProcesses(count: int, arguments: Sequence[str]) -> int:
    """
    Run each share in a process of its own.  What the first one says is seen at once, what others say when they end.

    @return: the exit status: 0 if that of all is.
    """
    status = 0
    named = [word.partition("=")[2] for word in arguments if word.startswith("--temp-directory=")]
    directory = named[-1] if named else "_trial_temp"
    with ExitStack() as files:
        runs = []
        for number in range(count):
            own = [sys.executable, "-m", __spec__.name, f"--share={number}/{count}", *arguments]
            own.append(f"--temp-directory={directory}_{number}")  # two that begin at once may take the same one
            said = files.enter_context(TemporaryFile()) if number else None
            runs.append((subprocess.Popen(own, stdout=said, stderr=said and subprocess.STDOUT), said))
        for run, said in runs:
            status = run.wait() or status
            if said is not None:
                said.seek(0)
                sys.stdout.write(said.read().decode("utf-8", "replace"))
    return status


def command(arguments: Sequence[str]) -> list[str]:
    """
    What is asked of trial.

    @param arguments: of the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m ichatgw.test.marks", allow_abbrev=False)
    parser.add_argument("--with", dest="wanted", action="append", choices=MARKS, default=[])
    parser.add_argument("--without", dest="unwanted", action="append", choices=MARKS, default=[])
    parser.add_argument("--shuffle", metavar="SEED", help="run them in this order: a number, or `any'")
    parser.add_argument("--share", metavar="NUMBER/COUNT", default="0/1", help="run only one of so many shares")
    options, rest = parser.parse_known_args(arguments)
    names = [word for word in rest if not word.startswith("-")]
    tests = chosen(names, wanted=options.wanted, unwanted=options.unwanted)
    if not tests:
        raise SystemExit(f"no tests of {' '.join(names)} are so marked")
    if options.shuffle is not None:
        seed = _chance() if options.shuffle == "any" else int(options.shuffle)
        sys.stdout.write(f"The order of the tests is that of --shuffle={seed}\n")
        tests = shuffled(tests, seed)
    number, _, count = options.share.partition("/")
    tests = share(tests, int(number), int(count))
    if not tests:
        raise SystemExit(f"there are fewer classes of tests than {count}")
    return [*(word for word in rest if word.startswith("-")), *tests]


def _said(word: str) -> str:
    """An option, with the seed that all processes have instead of one by chance."""
    return f"--shuffle={_chance()}" if word == "--shuffle=any" else word


def _chance() -> int:
    return random.randrange(10**6)


def main(arguments: Sequence[str]) -> int:
    """
    @return: the exit status.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--processes", type=int, default=1)
    options, rest = parser.parse_known_args(arguments)
    if options.processes > 1:
        return inProcesses(options.processes, [_said(word) for word in rest])
    sys.argv = ["trial", *command(rest)]
    gc.freeze()  # or each run of the collector looks at all tests and modules
    trial.run()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
