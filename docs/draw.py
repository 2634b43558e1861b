"""
Draws the code: C{make drawings} writes what lies in C{docs/drawings}.

What a drawing shows is written as a C{.dot} file.  Graphviz makes an C{.svg} of it, which names the digest of what it
was made from.  So a test can tell without Graphviz that both fit the code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from subprocess import PIPE, run
from typing import Any

from ichatgw.test.support.sources import modules
from ichatgw.test.test_imports import arrows, folderOf

HERE = Path(__file__).parent / "drawings"

Graph = dict[str, set[str]]
"""Whom each node has an arrow to."""

MADE = 'Made from the code by "make drawings".'
TITLES = {"packages": "What imports what in {}", "machine": "The states of {}"}
HEAD = (
    f"// {MADE}\n"
    + """\
digraph {
    graph [fontname="sans-serif", nodesep=0.3, ranksep=0.4]
    node [fontname="sans-serif", fontsize=11, shape=box, height=0.3]
    edge [fontname="sans-serif", fontsize=9, arrowsize=0.6]
"""
)


def reduced(graph: Mapping[str, Iterable[str]]) -> Graph:
    """The graph without those arrows that follow from others: it is reached from each node what was reached before."""
    left = {node: set(targets) for node, targets in graph.items()}
    for node in sorted(left):
        for target in sorted(left[node]):
            left[node].discard(target)
            if target not in reached(left, node):
                left[node].add(target)
    return left


def reached(graph: Graph, start: str) -> set[str]:
    """All nodes that arrows lead to from one."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph.get(waiting.pop(), set()) - found
        found |= new
        waiting.extend(new)
    return found


def packages() -> Graph:
    """Which parts of the package import which."""
    graph: Graph = {name.partition(".")[0]: set() for name, _ in modules() if name}
    for name, other in arrows():
        part, target = name.partition(".")[0], other.partition(".")[0]
        if part and target and part != target:
            graph[part].add(target)
    return graph


def folders(part: str) -> Graph:
    """Which folders of a part import which; a module beside them stands for itself."""
    graph: Graph = {}
    for name, other in arrows():
        if name.startswith(f"{part}.") and other.startswith(f"{part}."):
            here, there = (folderOf(each) or f"{each.rpartition('.')[2]}.py" for each in (name, other))
            graph.setdefault(here, set())
            graph.setdefault(there, set())
            if here != there:
                graph[here].add(there)
    return graph


def importDrawing(graph: Graph) -> str:
    """The drawing of what imports what."""
    lines = [f'    "{node}"' + (" [style=dashed]" if node.endswith(".py") else "") for node in sorted(graph)]
    for node, targets in sorted(reduced(graph).items()):
        lines += [f'    "{node}" -> "{target}"' for target in sorted(targets)]
    return HEAD + "\n".join(lines) + "\n}\n"


def machines() -> Iterator[tuple[str, Any]]:
    """Each state machine: the module that has it, by its name below C{ichatgw}, and Automat's automaton."""
    for name, source in modules():
        if "automat.TypeMachineBuilder" in source.imported:
            for value in vars(import_module(f"ichatgw.{name}")).values():
                if hasattr(value, "__automat_automaton__"):
                    yield name, value.__automat_automaton__


def machineDrawing(automaton: Any) -> str:
    """
    The drawing of a state machine: on each arrow the inputs that take it, and what the machine does then if that has
    another name.  Inputs that change nothing are left out.
    """
    lines = [
        f'    "{state.name}" [style={"bold" if state is automaton.initialState else "rounded"}]'
        for state in sorted(automaton.states(), key=lambda state: str(state.name))
    ]
    taken: dict[tuple[str, str], set[str]] = {}
    for before, heard, after, outputs in automaton.allTransitions():
        does = [output.name for output in outputs if not output.name.startswith("returns(")]
        if before is not after or does:
            does = [each for each in does if each != heard]
            label = f"{heard} / {', '.join(does)}" if does else heard
            taken.setdefault((before.name, after.name), set()).add(label)
    for (before, after), labels in sorted(taken.items()):
        text = "".join(f"{label}\\l" for label in sorted(labels))
        lines.append(f'    "{before}" -> "{after}" [label="{text}"]')
    return HEAD + "\n".join(lines) + "\n}\n"


def drawings() -> dict[str, str]:
    """All drawings, by the names of their files without the ending."""
    parts = sorted({name.split(".")[0] for name, _ in modules() if name.count(".") == 2 or folderOf(name)})
    drawn = {"packages": importDrawing(packages())}
    drawn |= {f"packages-{part}": importDrawing(folders(part)) for part in parts}
    drawn |= {f"machine-{name.replace('.', '-')}": machineDrawing(automaton) for name, automaton in machines()}
    return drawn


def pages(names: Iterable[str]) -> dict[str, str]:
    """What the page on the architecture includes, by the names of the files: drawings, each with what it shows."""
    shown: dict[str, list[str]] = {"packages": [], "machines": []}
    for name in sorted(names):
        kind, _, subject = name.partition("-")
        subject = subject.replace("-", ".")
        image = f".. image:: drawings/{name}.svg\n   :alt: {TITLES[kind].format(subject or 'ichatgw')}\n"
        shown["machines" if kind == "machine" else kind] += [f"``{subject}``:\n", image] if subject else [image]
    return {f"{page}.txt": "\n".join([".. " + MADE, "", *parts]) for page, parts in shown.items()}


def digest(source: str) -> str:
    """What an C{.svg} says of its source."""
    return f"<!-- sha256 of the source: {sha256(source.encode()).hexdigest()} -->"


def outdated(folder: Path = HERE) -> list[str]:
    """The files that do not fit the code: those that are missing or of something else, and those of what is gone."""
    wanted = drawings()
    texts = pages(wanted) | {f"{name}.dot": source for name, source in wanted.items()}
    pictures = {f"{name}.svg": digest(source) for name, source in wanted.items()}
    there = {path.name: path.read_text("utf-8") for path in folder.iterdir()}
    wrong = {name for name, text in texts.items() if there.get(name) != text}
    wrong |= {name for name, said in pictures.items() if said not in there.get(name, "")}
    return sorted(wrong | there.keys() - texts.keys() - pictures.keys())


def draw(folder: Path = HERE) -> None:
    """Write all that does not fit, and remove what is of something that is gone."""
    wanted = drawings()
    texts = pages(wanted) | {f"{name}.dot": source for name, source in wanted.items()}
    for name in outdated(folder):
        path = folder / name
        if path.suffix == ".svg" and path.stem in wanted:
            source = wanted[path.stem]
            made = run(["dot", "-Tsvg"], input=source, stdout=PIPE, check=True, encoding="utf-8").stdout
            path.write_text(f"{made.rstrip()}\n{digest(source)}\n", "utf-8")
        elif name in texts:
            path.write_text(texts[name], "utf-8")
        else:
            path.unlink()


if __name__ == "__main__":
    draw()
