"""The rules as `config.toml` has them now: an edited file counts from the next call on."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentos_runtime.config.settings import SettingsError, read_config
from agentos_runtime.limits.rules import Rules, read_rules
from agentos_runtime.storage.glances import Glance


class RuleSource:
    """Reads `[limits]` again when the file changes; a bad save changes nothing and is told in `problem`.

    given: the table as it was when the program started. Raises SettingsError when that cannot be used.
    """

    def __init__(self, file: Path, given: Mapping[str, Any]) -> None:
        self._file = file
        self._name = os.fspath(file)
        self._rules = read_rules(given, file)
        self._stamp = self._look()
        self._glance = Glance(self._look)
        self.problem: str | None = None

    def current(self) -> Rules:
        """One `stat` in a turn of the event loop when nothing changed."""
        stamp = self._glance.now()
        if stamp != self._stamp:
            self._stamp = stamp
            self._read()
        return self._rules

    @property
    def last(self) -> Rules:
        """Those that were last read."""
        return self._rules

    def _look(self) -> tuple[int, ...] | None:
        try:
            status = os.stat(self._name)
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size

    def _read(self) -> None:
        try:
            self._rules = read_rules(read_config(self._file).get("limits", {}), self._file)
            self.problem = None
        except SettingsError as error:
            self.problem = f"{error}. The limits from before that save hold."
