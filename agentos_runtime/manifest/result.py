"""What became of a skill file, for those who read none themselves."""

import re
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from agentos_runtime.diagnostics import Place, Position, Problem
from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.model import Skill

if TYPE_CHECKING:  # a file that is known already is served without what reads files
    from agentos_runtime.manifest.report import Report
    from agentos_runtime.manifest.yaml.values import Cursor


class ShapeCheck(Protocol):
    """Reports what is wrong with the keys and types of a file's values: see ManifestSchema."""

    def check(self, root: "Cursor", report: "Report") -> None: ...

    def check_part(self, root: "Cursor", report: "Report") -> None: ...


@dataclass(frozen=True, slots=True)
class ExpressionCheck:
    """A jq source that must compile, and where each of its characters stands in the file.

    `locate` takes a line and a column inside `source`, both from 1.
    """

    place: Place
    source: str
    definitions: str
    request: bool
    """Whether it is part of a request, where there is no `$response`."""
    locate: Callable[[int, int], Position]


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What became of a file.

    `skill` is None when there are errors; then `problems` holds them and the warnings, in the order of the file.
    When it loads, its warnings are on `skill.warnings` and `problems` is empty. `checks` are the expressions still
    to be compiled.
    """

    skill: Skill | None
    problems: tuple[Problem, ...]
    id: str
    name: str
    description: str
    checks: tuple[ExpressionCheck, ...]
    doubtful: Skill | None = None
    """Where there are errors that concern nothing but where they stand, what could be read beside them."""
    keep: Callable[[], None] | None = None
    """Has it found by later processes, once its expressions are known to be right; None where it was found so."""


def slug(name: str) -> str:
    """A skill id made of a file's or folder's name."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return words if words[:1].isalpha() else f"skill-{words}".rstrip("-")


def digest_of(files: Sequence[str]) -> str:
    """A skill's digest: that of its file; or sha256 over its digest and those of its parts when it has some."""
    return files[0] if len(files) == 1 else sha256(b"".join(map(bytes.fromhex, files))).hexdigest()
