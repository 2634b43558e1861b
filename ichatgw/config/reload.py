# -*- test-case-name: ichatgw.test.config.test_reload,ichatgw.test.config.test_reloadable,ichatgw.test.control.test_setup -*-  # noqa: E501
"""
Settings that change while calls go on: at C{SIGHUP} they are read anew.  Which these are is said where they are
declared, see L{Reload}.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import Any

from attrs import evolve, frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger

from ichatgw.config.reading.reader import Reload, Setting
from ichatgw.config.settings import TABLE, Settings
from ichatgw.errors import ConfigError, NeedsRestart
from ichatgw.runtime.steps import Steps, atOnce
from ichatgw.runtime.turns import Sweep, Turns

Load = Callable[[], Steps[tuple[Settings, list[str]]]]
Change = Callable[[], str | None]


INTERVAL = 0.001
"""Seconds from one part of the work to the next."""

RESTART = frozenset(setting.attribute for setting in TABLE if setting.reload is Reload.RESTART)
"""The attributes that stay as they are."""

_LONGEST = 200
_COUNTED = {"translationRules": "rule", "trunks": "trunk"}

_log = Logger()


@frozen
class Reloadable:
    """
    A part that can take settings anew.

    @ivar attributes: the names of what it takes, in L{Settings}: such as need no restart.
    @ivar prepare: reads and checks what the settings need, and files they name, without changing anything; raises
        L{ConfigError} if that cannot be, L{NeedsRestart} if all of that has to wait.  It returns what makes the change,
        which must not fail; this may return words on what changed although no setting did, e.g. the content of a file.
    """

    attributes: tuple[str, ...]
    prepare: Callable[[Settings], Change]

    def steps(self, settings: Settings) -> Steps[Change]:
        """Prepare, in one step."""
        yield
        return self.prepare(settings)


@frozen
class LongReloadable:
    """
    A L{Reloadable} that takes long to prepare.

    @ivar steps: as C{prepare} there, in steps.
    """

    attributes: tuple[str, ...]
    steps: Callable[[Settings], Steps[Change]]


Part = Reloadable | LongReloadable


@frozen
class Outcome:
    """
    What became of an attempt to read settings again.

    @ivar isTaken: are they in force, as far as that can be without a restart?
    @ivar lines: what has changed; or, if they are not in force, what is wrong.
    """

    isTaken: bool
    lines: tuple[str, ...]


class Reloader(Service):
    """
    Reads the settings again when the process gets C{SIGHUP}.

    Either all that can change does, or, if anything is wrong, nothing; the log says which, and what waits for a
    restart.  It is done in parts, so that thousands of rules or numbers keep no sound waiting.  A signal that comes
    meanwhile has it begin anew.

    @ivar settings: those in force.
    @ivar parts: who takes what.
    @ivar first: called before the settings are read.
    @ivar told: called with C{True} when it begins, and with C{False} when it is over.
    """

    def __init__(
        self, reactor: IReactorFromThreads, turns: Turns, settings: Settings, load: Load, parts: Iterable[Part]
    ) -> None:
        """
        @param load: reads them as at the start.
        @raise ValueError: see L{add}.
        """
        self.settings = settings
        self.parts: list[Part] = []
        self.add(*parts)
        self.first: Callable[[], object] = lambda: None
        self.told: Callable[[bool], object] = lambda begins: None
        self._reactor = reactor
        self._load = load
        self._work: Sweep[None] = turns.sweep(lambda step: None, self._over, interval=INTERVAL)
        self._outcome = Outcome(False, ())
        self._waiting: list[Deferred[Outcome]] = []
        self._before: Any = None

    def add(self, *parts: Part) -> None:
        """
        Give settings to more parts.

        @raise ValueError: if one takes a setting that is declared to need a restart.
        """
        for part in parts:
            undeclared = RESTART.intersection(part.attributes)
            if undeclared:
                raise ValueError(f"declared to need a restart: {', '.join(sorted(undeclared))}")
            self.parts.append(part)

    def startService(self) -> None:
        """Listen to the signal.  Its handler only wakes the reactor: nothing is interrupted half way."""
        Service.startService(self)
        self._before = signal.signal(signal.SIGHUP, self._signalled)

    def stopService(self) -> None:
        """Give the signal back to the handler that it had before."""
        Service.stopService(self)
        self._work.stop()
        signal.signal(signal.SIGHUP, self._before if self._before is not None else signal.SIG_DFL)

    def reload(self) -> Deferred[Outcome]:
        """Read the settings, and use what can be used now.  Never raises.  Fires when that is done."""
        outcome: Deferred[Outcome] = Deferred()
        self._waiting.append(outcome)
        self.told(True)
        self._work.start(self._steps())
        return outcome

    def override(self, **values: Any) -> None:
        """
        Have other values of some settings used until they are read again.

        @param values: by the names of attributes of L{Settings}, of such as are quick to take.
        """
        self.settings = evolve(self.settings, **values)
        parts = [part for part in self.parts if not values.keys().isdisjoint(part.attributes)]
        list(self._change([atOnce(part.steps(self.settings)) for part in parts]))

    def _over(self) -> None:
        self.told(False)
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(self._outcome)

    def _steps(self) -> Steps[None]:
        try:
            self.first()
            wanted, warnings = yield from self._load()
            able = {attribute for part in self.parts for attribute in part.attributes}
            settings = evolve(self.settings, **{attribute: getattr(wanted, attribute) for attribute in able})
            changes, waiting, why = yield from self._prepared(settings)
            settings = evolve(settings, **{attribute: getattr(self.settings, attribute) for attribute in waiting})
        except ConfigError as e:
            self._outcome = Outcome(False, tuple(str(e).split("\n")))
            for problem in self._outcome.lines:
                _log.error("Settings stay as they were: {problem}", problem=problem)
                yield
            return
        except Exception:
            _log.failure("Settings stay as they were, for they could not be read")
            self._outcome = Outcome(False, ("they could not be read: see the log",))
            return
        for warning in warnings:
            _log.warn("{text}", text=warning)
            yield
        said = list(_differences(self.settings, settings, "{name} is now {new}, it was {old}"))
        late = [*_differences(settings, wanted, "{name} would be {new}, but stays {old} until a restart"), *why]
        self.settings = settings
        said += self._change(changes)
        lines = [*said, *late]
        if not said:
            lines.append("nothing changed" + ("" if not late else " that can change now"))
        for line in lines:
            _log.info("Settings read again: {line}", line=line)
        self._outcome = Outcome(True, (*warnings, *lines))

    def _change(self, changes: Iterable[Change]) -> Iterator[str]:
        """Make all changes; what is to be said of them."""
        for change in changes:
            try:
                word = change()
            except Exception:
                _log.failure("A change of settings failed")
            else:
                yield from [word] if word else []

    def _prepared(self, settings: Settings) -> Steps[tuple[list[Change], set[str], list[str]]]:
        """
        What makes the changes, the attributes of the parts that have to wait for a restart, and why these have to.

        @raise ConfigError: if anything is wrong.
        """
        changes, waiting, why = list[Change](), set[str](), list[str]()
        for part in self.parts:
            try:
                changes.append((yield from part.steps(settings)))
            except NeedsRestart as reason:
                waiting.update(part.attributes)
                why.append(str(reason))
        return changes, waiting, why

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self.reload)


def _differences(old: Settings, new: Settings, words: str) -> Iterator[str]:
    """A line for each attribute that differs."""
    for attribute, settings in _byAttribute().items():
        before, after = getattr(old, attribute), getattr(new, attribute)
        if before != after:
            name = " and ".join(setting.name for setting in settings if setting.group in ("", setting.name))
            was, now = _shown(settings[0], before), _shown(settings[0], after)
            if was == now and not settings[0].secret:
                now += ", others than before"
            yield words.format(name=name, old=was, new=now)


def _byAttribute() -> dict[str, list[Setting]]:
    found: dict[str, list[Setting]] = {}
    for setting in TABLE:
        found.setdefault(setting.attribute, []).append(setting)
    return found


def _shown(setting: Setting, value: Any) -> str:
    """A value for the log."""
    if setting.secret:
        return "(not shown)"
    if setting.attribute in _COUNTED:
        word = _COUNTED[setting.attribute]
        return f"{len(value)} {word}s" if len(value) != 1 else f"1 {word}"
    if value is None:
        return "(blank)"
    return setting.kind.show(value)[:_LONGEST] or "(blank)"
