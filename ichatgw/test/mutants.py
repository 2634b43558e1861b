# -*- test-case-name: ichatgw.test.test_mutants -*-
"""
How much the tests would notice: small faults are put into the code, one at a time, and the tests that the first line of
the module names are run.

C{make mutants} takes a random sample (C{N=150 SEED=number MODULES=pattern}).  A fault is made in memory only; no file
is changed.  Each one runs in a process of its own, the quick tests first, until one fails.  A fault that all tests pass
with survives: there is a rule that no test shows, or the code has more than it needs.

mutmut runs pytest alone, and cosmic-ray runs one command for all modules and writes into the sources; this needs trial,
the tests that a module names, and sources that stay as they are.
"""

from __future__ import annotations

import argparse
import ast
import importlib.abc
import importlib.machinery
import importlib.util
import os
import random
import resource
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from io import StringIO
from pathlib import Path
from types import CodeType, ModuleType

from attrs import frozen
from twisted.python.log import startLoggingWithObserver
from twisted.scripts.trial import getTestModules
from twisted.trial.reporter import Reporter
from twisted.trial.runner import TestSuite

from ichatgw.test.marks import has, loaded
from ichatgw.test.support.sources import ROOT

ANSWER_TIMEOUT = 120
"""Seconds after which tests that do not end have noticed the fault."""

MEMORY = 3 << 30

LARGE = 20
"""From here on a number that a text is cut at, or that a length is compared with, is a limit, and no place in it."""

_SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
}
_LOGGERS = ("log", "_log")


@frozen
class Fault:
    """
    @ivar node: what is changed in the tree of a module; C{field} of it becomes C{value}.
    @ivar what: the change in words.
    """

    node: ast.AST
    field: str
    value: object
    line: int
    what: str

    def apply(self) -> None:
        """Change the tree."""
        setattr(self.node, self.field, self.value)


def faults(tree: ast.Module) -> list[Fault]:
    """All faults that are known for a module, in a fixed order; none is in what only logs, or only types."""
    _markLines(tree)
    found: list[Fault] = []
    for statement in tree.body:
        found += _within(statement)
    return found


def _markLines(tree: ast.Module) -> None:
    """Mark the calls of a module's own functions that do nothing but write log lines."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    writers = {each.name for each in functions if _writesLines(each.body[ast.get_docstring(each) is not None :])}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).removeprefix("self.") in writers:
            node.writesLine = True  # type: ignore[attr-defined]


def _writesLines(statements: Sequence[ast.stmt]) -> bool:
    """Do they write log lines, or decide whether one is written, and nothing else?"""
    return bool(statements) and all(
        _decidesOnLines(each)
        or (isinstance(each, ast.Expr) and isinstance(each.value, ast.Call) and _isIdle(each.value))
        for each in statements
    )


def _within(node: ast.AST) -> Iterator[Fault]:
    if _isIdle(node):
        return
    yield from _faultsOf(node)
    limits = [node.left, *node.comparators] if isinstance(node, ast.Compare) and _bounds(node) else []
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "type_params", "format_spec"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not (
                child in limits and isinstance(child, ast.Constant) and _isLimit(child)
            ):
                yield from _within(child)


def _isIdle(node: ast.AST) -> bool:
    """Does it do nothing that anybody depends on: an import, a text alone, a log line, an error's words?"""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr | ast.Assert):
        return True
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return True
    if _isChoice(node) or _decidesOnLines(node):
        return True
    if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Interface" for base in node.bases):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.Slice):
        return all(bound is None or _isLimit(bound) for bound in (node.lower, node.upper, node.step))
    if isinstance(node, ast.keyword) and node.arg in ("init", "repr", "kw_only", "strict"):
        # How a constructor is called is no behaviour, nor is what stands in a log; and that things to zip are equally
        # many is an assertion.
        return True
    return isinstance(node, ast.Call) and _isIdleCall(node)


def _isIdleCall(node: ast.Call) -> bool:
    """Does it write a log line, or say something of types?"""
    if hasattr(node, "writesLine"):
        return True
    if isinstance(node.func, ast.Attribute):
        return ast.unparse(node.func.value).rpartition(".")[2] in _LOGGERS
    return isinstance(node.func, ast.Name) and node.func.id in ("TypeVar", "Logger", "cast")


def _isLimit(node: ast.expr) -> bool:
    """
    Is it a limit: a constant, which is a choice by L{_isChoice}, or a number of letters or things?  One more or less
    is a choice as well.
    """
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int) and node.value >= LARGE
    return isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node).rpartition(".")[2].lstrip("_").isupper()


def _decidesOnLines(node: ast.AST) -> bool:
    """Does it only decide whether a log line is written?"""
    return isinstance(node, ast.If) and _writesLines([*node.body, *node.orelse])


def _isChoice(node: ast.AST) -> bool:
    """Does it say how much a limit is?  That is a choice; that it is kept is a rule."""
    if isinstance(node, ast.Assign):
        return _isAmount(node.value) and ast.unparse(node.targets[0]).isupper()
    return isinstance(node, ast.AnnAssign) and type(getattr(node.value, "value", None)) in (int, float)


def _isAmount(node: ast.expr) -> bool:
    """Is it a number, one that is reckoned from others, or a row of such?"""
    if isinstance(node, ast.Tuple):
        return all(map(_isAmount, node.elts))
    if isinstance(node, ast.BinOp):
        return _isAmount(node.left) and _isAmount(node.right)
    return isinstance(node, ast.Constant)


def _faultsOf(node: ast.AST) -> Iterator[Fault]:
    """The faults of a node itself."""
    line = getattr(node, "lineno", 0)

    def fault(field: str, value: object, what: str) -> Fault:
        return Fault(node, field, value, line, what)

    if isinstance(node, ast.Compare):
        yield from _otherwiseCompared(node)
    elif isinstance(node, ast.BoolOp | ast.BinOp | ast.AugAssign) and type(node.op) in _SWAPPED:
        swapped = _SWAPPED[type(node.op)]
        yield fault("op", swapped(), f"{_name(node.op)} is {swapped.__name__} in {_text(node)}")
    elif isinstance(node, ast.If | ast.While | ast.IfExp):
        yield fault("test", ast.UnaryOp(ast.Not(), node.test), f"if not {_text(node.test)}")
    elif isinstance(node, ast.Constant):
        yield from (fault("value", value, f"{node.value!r} is {value!r}") for value in _others(node.value))
    elif isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        yield fault("value", ast.Constant(None), f"None instead of {_text(node.value)}")
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and not _isIdle(node.value):
        yield fault("value", ast.Constant(None), f"without {_text(node.value)}")
    elif isinstance(node, ast.Call) and _isOrdered(node):
        args = [node.args[1], node.args[0], *node.args[2:]]
        yield fault("args", args, f"the first two arguments swapped in {_text(node)}")


def _others(value: object) -> tuple[object, ...]:
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int | float):
        return (value + 1,)
    return ()


def _isOrdered(call: ast.Call) -> bool:
    """Does it matter which argument comes first?"""
    if len(call.args) < 2 or any(isinstance(each, ast.Starred) for each in call.args):
        return False
    first, second = map(ast.unparse, call.args[:2])
    return first != second and ast.unparse(call.func) not in ("max", "min", "suppress", "hmac.compare_digest")


def _otherwiseCompared(node: ast.Compare) -> Iterator[Fault]:
    """One comparison of a chain is another; those with a limit stay as they are."""
    for number, operator in enumerate(node.ops):
        if _bounds(node) and isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
            continue
        swapped = _SWAPPED[type(operator)]
        ops = [*node.ops[:number], swapped(), *node.ops[number + 1 :]]
        yield Fault(node, "ops", ops, node.lineno, f"{_name(operator)} is {swapped.__name__} in {_text(node)}")


def _bounds(node: ast.Compare) -> bool:
    """Does it keep something below a limit?  A number counts as one if a length is compared with it."""
    sides = [node.left, *node.comparators]
    isLength = any(isinstance(side, ast.Call) and ast.unparse(side.func) == "len" for side in sides)
    return any(_isLimit(side) and (isLength or not isinstance(side, ast.Constant)) for side in sides)


def _name(node: ast.AST) -> str:
    return type(node).__name__


def _text(node: ast.AST) -> str:
    return ast.unparse(node)[:80].replace("\n", " ")


@frozen
class Mutant:
    """
    @ivar path: of the module, below the package.
    @ivar number: of the fault among those of the module.
    """

    path: str
    number: int
    line: int
    what: str

    def __str__(self) -> str:
        return f"ichatgw/{self.path}:{self.line}: {self.what}"

    @property
    def module(self) -> str:
        """Its name."""
        return ".".join(("ichatgw", *Path(self.path).with_suffix("").parts)).removesuffix(".__init__")

    @property
    def tests(self) -> list[str]:
        """Those that its first line names."""
        return list(getTestModules(str(ROOT / self.path)))


def mutants(pattern: str = "*") -> Iterator[Mutant]:
    """Of all modules that name their tests, and whose path below the package fits the pattern."""
    for path in sorted(ROOT.rglob("*.py")):
        name = str(path.relative_to(ROOT))
        if name.startswith(("test/", "sim/")) or not fnmatch(name, pattern) or not getTestModules(str(path)):
            continue
        for number, fault in enumerate(faults(ast.parse(path.read_text("utf-8")))):
            yield Mutant(name, number, fault.line, fault.what)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the module that has the fault; all others are found as ever."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._mutant.module:
            return None
        file = str(ROOT / self._mutant.path)
        package = [os.path.dirname(file)] if file.endswith("__init__.py") else None
        loader = _Loader(fullname, file, self._mutant.number)
        return importlib.util.spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=package)


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles the module with the fault."""

    def __init__(self, fullname: str, path: str, number: int) -> None:
        super().__init__(fullname, path)
        self._number = number

    def get_code(self, fullname: str) -> CodeType:
        return faulty(Path(self.path).read_text("utf-8"), self._number, self.path)


def faulty(text: str, number: int, path: str = "<mutant>") -> CodeType:
    """The code of a module with one of its faults."""
    tree = ast.parse(text)
    faults(tree)[number].apply()
    return compile(ast.fix_missing_locations(tree), path, "exec")


def noticed(names: Iterable[str]) -> str:
    """
    Run tests in this process, the quick ones first, until one fails.

    @return: the first one that does; empty if none does.
    """
    startLoggingWithObserver(lambda event: None, setStdout=False)
    tests = sorted(loaded(names), key=lambda test: has(test, "slow"))
    for test in tests:
        result = Reporter(StringIO(), realtime=False)
        TestSuite([test]).run(result)
        if not result.wasSuccessful():
            return str(test.id())
    return ""


def tried(mutant: Mutant, directory: Path) -> str:
    """
    Run the tests of a mutant in a process of its own.

    @return: what noticed the fault: a test, or how the process ended; empty if nothing did.
    """
    command = [sys.executable, "-m", "ichatgw.test.mutants", "--one", mutant.path, str(mutant.number)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    directory.mkdir(parents=True, exist_ok=True)
    try:
        run = subprocess.run(
            command, cwd=directory, env=environment, capture_output=True, text=True, timeout=ANSWER_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return "no end"
    words = run.stdout.splitlines()
    return "" if words and words[-1] == "SURVIVED" else (words or [f"status {run.returncode}"])[-1]


def forget() -> None:
    """Import the product anew from now on: this module's own package has imported some of it already."""
    for name in list(sys.modules):
        if name.partition(".")[0] in ("ichatgw", "sippy"):
            del sys.modules[name]


def one(path: str, number: int) -> None:
    """In a process of its own: say which test has noticed the fault."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    mutant = Mutant(path, number, 0, "")
    sys.meta_path.insert(0, _Finder(mutant))
    forget()
    try:
        seen = noticed(mutant.tests)
    except BaseException as problem:
        seen = f"{type(problem).__name__}: {problem}"[:200].replace("\n", " ")
    sys.stdout.write(f"\n{seen or 'SURVIVED'}\n")
    sys.stdout.flush()
    os._exit(0)


def judge(sample: Sequence[Mutant], jobs: int, directory: Path) -> list[Mutant]:
    """
    Try mutants, and say of each what became of it.

    @return: those that survived.
    """
    survived = []
    with ThreadPoolExecutor(jobs) as pool:
        results = pool.map(lambda item: tried(item[1], directory / str(item[0])), enumerate(sample))
        for mutant, seen in zip(sample, results, strict=True):
            sys.stdout.write(f"{'noticed ' if seen else 'SURVIVED'} {mutant}{f'  ({seen})' if seen else ''}\n")
            sys.stdout.flush()
            if not seen:
                survived.append(mutant)
    return survived


def main(arguments: Sequence[str]) -> int:
    """
    @return: the exit status: 1 if less of the sample were noticed than were asked for.
    """
    parser = argparse.ArgumentParser(prog="python -m ichatgw.test.mutants")
    parser.add_argument("--count", type=int, default=150, help="how many of all mutants are tried")
    parser.add_argument("--seed", default="any", help="which: a number, or `any'")
    parser.add_argument("--modules", default="*", help="a pattern for paths below the package, as sip/dialog/*")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--least", type=float, default=90.0, help="percent that have to be noticed")
    parser.add_argument("--directory", type=Path, default=Path("_trial_temp_mutants"))
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        one(options.one[0], int(options.one[1]))
    every = list(mutants(options.modules))
    seed = random.randrange(10**6) if options.seed == "any" else int(options.seed)
    sample = random.Random(seed).sample(every, min(options.count, len(every)))
    sys.stdout.write(f"{len(sample)} of {len(every)} mutants, those of --seed={seed}\n")
    names = sorted({name for mutant in sample for name in mutant.tests})
    directory = options.directory.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    os.chdir(directory)
    failing = noticed(names)
    if failing:
        sys.stdout.write(f"{failing} fails without any fault\n")
        return 2
    survived = judge(sample, options.jobs, directory)
    share = 100 * (1 - len(survived) / max(1, len(sample)))
    sys.stdout.write(f"{share:.1f} % of {len(sample)} were noticed; these were not:\n")
    sys.stdout.write("".join(f"{mutant}\n" for mutant in survived))
    return 0 if share >= options.least else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
