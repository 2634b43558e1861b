# -*- test-case-name: ichatgw.test.config.test_settings -*-
"""
Configuration files that are written, and loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.settings import Settings
from ichatgw.errors import ConfigError
from ichatgw.runtime.steps import Steps

REQUIRED = "JabberServer = localhost\nJabberComponentName = gw.example.com\nJabberComponentPassword = sesame\n"
RULES = "TranslationPattern = ^xmpp:(.*)@gw$\nTranslationOutput = sip:$1@pbx\n"


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
