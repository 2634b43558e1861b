"""
How pydoctor reads the package: C{[tool.pydoctor]} in C{pyproject.toml} names what is here.  Nothing is fetched.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path
from pydoc import locate
from sys import stdlib_module_names

from pydoctor.epydoc2stan import ensure_parsed_docstring, format_docstring
from pydoctor.extensions import ClassMixin, ExtRegistrar
from pydoctor.model import Attribute, Class, Documentable, Package, System
from pydoctor.options import Options
from pydoctor.sphinx import SphinxInventory
from pydoctor.stanutils import flatten
from pydoctor.templatewriter import IWriter, TemplateLookup
from zope.interface.interface import InterfaceClass

ATTRS = {"attrs.define", "attrs.frozen", "attrs.mutable"}
PYTHON = "https://docs.python.org/3/library"
TWISTED = "https://docs.twisted.org/en/stable/api"


class Installed(SphinxInventory):
    """
    Links to the pages of Twisted and of Python.  What is installed says what there is, so that no inventory has to be
    fetched.
    """

    def getLink(self, name: str) -> str | None:
        """
        @param name: a full dotted name.
        @return: the address of what describes it, or C{None} if there is no such thing.
        """
        package = name.partition(".")[0]
        if package in stdlib_module_names:
            module = name.rpartition(".")[0] or name
            return None if locate(name) is None else f"{PYTHON}/{module}.html#{name}"
        if package != "twisted":
            return None
        if locate(name) is not None:
            return f"{TWISTED}/{name}.html"
        owner, _, member = name.rpartition(".")
        interface = locate(owner)
        if isinstance(interface, InterfaceClass) and member in interface:
            return f"{TWISTED}/{owner}.html#{member}"
        return None


class Made(ClassMixin, Class):
    """A class of attrs has a constructor with a parameter for each field, and none with an underscore in front."""

    @property
    def constructor_params(self) -> Mapping[str, ast.expr | None]:
        """See L{Class}."""
        found = dict(super().constructor_params)
        if any(name in ATTRS for name, _ in self.decorators):
            fields = (each for each in self.contents.values() if isinstance(each, Attribute))
            found |= {each.name.lstrip("_"): each.annotation for each in fields}
        return found


def setup_pydoctor_extension(registrar: ExtRegistrar) -> None:
    """What pydoctor calls, as L{Product} names this module."""
    registrar.register_mixin(Made)


class Product(System):
    """The package without its tests."""

    custom_extensions = [__name__]

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options)
        self.intersphinx = Installed(self.msg)

    def addPackage(self, package_path: Path, parent: Package | None = None, is_namespace_package: bool = False) -> None:
        """See L{System}."""
        if parent is None or package_path.name != "test":
            super().addPackage(package_path, parent, is_namespace_package)


class Check(IWriter):
    """
    Looks up the references in all docstrings, which is where warnings come from, and writes nothing: pages take ten
    times as long.
    """

    def __init__(self, build_directory: Path, template_lookup: TemplateLookup) -> None:
        """See L{IWriter}."""

    def prepOutputDirectory(self) -> None:
        """See L{IWriter}."""

    def writeIndividualFiles(self, obs: Iterable[Documentable]) -> None:
        """Read the docstrings of C{obs} and of all that they contain."""
        for ob in obs:
            ensure_parsed_docstring(ob)
            # The others have neither references nor fields.
            if "{" in (ob.docstring or "") or "@" in (ob.docstring or ""):
                flatten(format_docstring(ob))
            self.writeIndividualFiles(ob.contents.values())

    def writeSummaryPages(self, system: System) -> None:
        """See L{IWriter}."""

    def writeLinks(self, system: System) -> None:
        """See L{IWriter}."""
