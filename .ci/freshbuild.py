"""
Builds the package as setuptools does, but from nothing.

What C{pip install .} leaves in C{build} would go into the next package too: modules and plugins that there are no more.
"""

import os
import shutil
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import build_sdist, get_requires_for_build_sdist, get_requires_for_build_wheel

__all__ = ["build_sdist", "build_wheel", "get_requires_for_build_sdist", "get_requires_for_build_wheel"]
__all__ += ["prepare_metadata_for_build_wheel"]

prepare_metadata_for_build_wheel = build_meta.prepare_metadata_for_build_wheel


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    """See PEP 517."""
    forget()
    try:
        made: str = build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)
        return made
    finally:
        forget()


def forget() -> None:
    """Remove what is left of an earlier build in the current directory, if it is that of setuptools."""
    if os.path.isdir("build/lib"):
        shutil.rmtree("build")
