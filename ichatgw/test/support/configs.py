# -*- test-case-name: ichatgw.test.config.test_settings -*-
"""
Configuration files that are written, and loaded; and those that stand in the documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import ichatgw
from ichatgw.config.settings import Settings
from ichatgw.errors import ConfigError
from ichatgw.runtime.steps import Steps

REQUIRED = "JabberServer = localhost\nJabberComponentName = gw.example.com\nJabberComponentPassword = sesame\n"
RULES = "TranslationPattern = ^xmpp:(.*)@gw$\nTranslationOutput = sip:$1@pbx\n"

DOCS = Path(ichatgw.__file__).parent.parent / "docs"

_BLOCK = re.compile(r"(?:^|[^\n]*)(?:::|\.\. code-block:: \w+)\n\n((?:    .*\n|\n)+)", re.MULTILINE)
_SETTING = re.compile(r"[A-Z]\w+ = .*")


def ready(settings: Settings, warnings: Iterable[str] = ()) -> Steps[tuple[Settings, list[str]]]:
    """Settings that are loaded in one step."""
    yield
    return settings, list(warnings)


class ConfigTestCase(SynchronousTestCase):
    """Writes files and loads them."""

    def write(self, content: str | bytes, mode: int = 0o600) -> str:
        path = Path(self.mktemp())
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        path.chmod(mode)
        return str(path)

    def load(
        self, lines: str = "", overrides: dict[str, str] | None = None, environ: dict[str, str] | None = None
    ) -> Settings:
        """Load what needs no warning."""
        settings, warnings = Settings.load(self.write(REQUIRED + RULES + lines), (overrides or {}).items(), environ)
        self.assertEqual(warnings, [])
        return settings

    def warnings(self, lines: str) -> list[str]:
        """The warnings that C{lines}, from the first line on, give; without the path."""
        path = self.write(lines + "\n" + REQUIRED + RULES)
        return [warning.replace(path, "FILE") for warning in Settings.load(path)[1]]

    def problems(self, lines: str | bytes, **overrides: str) -> list[str]:
        """The problems that C{lines}, from the first line on, give; without the path."""
        content = lines if isinstance(lines, bytes) else lines + "\n" + REQUIRED
        path = self.write(content)
        error = self.assertRaises(ConfigError, Settings.load, path, overrides.items())
        return str(error).replace(path, "FILE").split("\n")


def blocks(page: str) -> Iterator[str]:
    """The literal blocks of a page, without what they are indented by."""
    for found in _BLOCK.finditer(page):
        yield "\n".join(line[4:] for line in found[1].rstrip().split("\n")) + "\n"


def block(page: str, words: str) -> str:
    """
    The first literal block behind some words.

    @raise LookupError: if there is none.
    """
    _, found, rest = page.partition(words)
    for text in blocks(rest) if found else ():
        return text
    raise LookupError(words)


def section(page: str, title: str) -> str:
    """The first literal block of a section.  @raise LookupError: if there is none"""
    return block(page, f"\n{title}\n---")


def isConfiguration(text: str) -> bool:
    """Does a block hold nothing but settings of the gateway, and comments?"""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return bool(lines) and all(map(_SETTING.fullmatch, lines))
