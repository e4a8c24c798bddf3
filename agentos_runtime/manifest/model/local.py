"""What a callable runs on the machine itself, as its file says it."""

from collections.abc import Mapping
from dataclasses import field
from typing import Literal as Choice
from typing import TypeAlias

from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json

Executor: TypeAlias = Choice["sql", "command", "python", "steps"]
KEEPS_PATH = 'PATH="$PATH:$AGENTOS_PATH"; '
"""Before the script of a login shell: the profile that it reads may have set another PATH."""


@dataclass(frozen=True, slots=True)
class PathPart:
    """A piece of a path that is not in the file: one segment of a param, or what the operator set."""

    source: Choice["params", "settings"]
    name: str


PathText: TypeAlias = tuple["str | PathPart", ...]


@dataclass(frozen=True, slots=True)
class DatabasePath:
    """Where a database lies, by platform (`linux`, `macos`); `""` stands for all others."""

    by_platform: Mapping[str, PathText]

    def on(self, platform: str) -> PathText | None:
        """The path there; None when the file names none."""
        return self.by_platform.get(platform) or self.by_platform.get("")


@dataclass(frozen=True, slots=True)
class Argument:
    """One word that a program is given."""

    text: str | None
    """As it stands; None for one that a call gives."""
    is_numbered: bool = False
    """It is one of a script's `$1`, `$2`, …: one that is not set is an empty text, so the others keep theirs."""
    options: tuple[str, ...] = ()
    """What it may begin with although that is an option: texts of the file."""


@dataclass(frozen=True, slots=True)
class Step:
    """One of `steps`. `name` and `skip` are inner callables of the same skill."""

    id: str
    name: str
    skip: str | None


@dataclass(frozen=True, slots=True)
class Local:
    """What runs here, once the operator has approved it."""

    executor: Executor
    source: Json = field(repr=False)
    """As the file says it: what is shown and pinned."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """`query`, `binary`, `module`, `function`, `working_dir`: texts of the file that no call changes."""
    arguments: tuple[Argument, ...] = ()
    databases: Mapping[str, DatabasePath] = field(default_factory=dict)
    """By the name that they are attached as; the first, without one, is the main one."""
    write: bool = False
    env: tuple[str, ...] = ()
    """Variables of the runtime's own that the program gets to see."""
    no_option: frozenset[str] = frozenset()
    """Names of variables (and numbers of arguments) whose text stands where an option could."""
    no_splitting: frozenset[str] = frozenset()
    """Those that a shell would split and expand."""
    steps: tuple[Step, ...] = ()
