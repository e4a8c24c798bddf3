"""The version of the manifest language that a file is written in; older files are read as if they were new.

A change of the language that older files would not survive raises `VERSION`, and adds the step that makes a front
matter of the version before into one of the new: on the values as they were read, so that every problem is still
reported where it stands in the file.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.yaml.values import Cursor

VERSION = 1
"""The newest version."""
FIRST = 1
"""The version of a file that names none."""
KEY = "manifest_version"

Step: TypeAlias = Callable[[Cursor], Cursor]
"""Makes the root of a front matter into that of the next version; what does not fit is left as it is."""


@dataclass(frozen=True, slots=True)
class Language:
    """What this runtime can read: `newest`, and for each older version the step to the next."""

    newest: int
    steps: Mapping[int, Step]

    def version_of(self, root: Cursor, report: Report) -> int | None:
        """The version that the file is written in; None, after reporting, for one that cannot be read."""
        written = root.get(KEY)
        if written is None:
            return FIRST
        version = written.json
        if isinstance(version, bool) or not isinstance(version, int) or version < FIRST:
            fix = f"Write `{KEY}: {self.newest}`, or leave it out"
            report.error(written.place, f"`{KEY}` must be a whole number from 1", fix, written.length)
            return None
        if version > self.newest:
            message = f"this file is written in version {version} of the manifest language, this runtime reads"
            known = "version 1" if self.newest == 1 else f"versions 1 to {self.newest}"
            fix = f"Install a newer agentos-runtime, or write the file in version {self.newest}"
            report.error(written.place, f"{message} {known}", fix, written.length)
            return None
        return version

    def newest_form(self, root: Cursor, version: int) -> Cursor:
        """The root as if it had been written in the newest version."""
        for older in range(version, self.newest):
            root = self.steps[older](root)
        return root


LANGUAGE = Language(VERSION, {})
