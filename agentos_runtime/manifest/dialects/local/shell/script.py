"""A bash script as commands of words: enough to follow where values go, and no more.

What is not understood raises NotUnderstood, and the script is not run when a param stands in it.
"""

from dataclasses import field
from typing import Literal as Choice

from agentos_runtime.frozen import dataclass
from agentos_runtime.regexes import regex

OPEN, CLOSE = "\ue000", "\ue001"
"""Around the number of a placeholder that was taken out of the script."""
PLACEHOLDER = regex(f"{OPEN}(\\d+){CLOSE}")
META = frozenset(" \t\n;&|()<>")
"""What ends a word."""
NAME = regex(r"[A-Za-z_]\w*")
Quoting = Choice["bare", "double", "here"]


class NotUnderstood(ValueError):
    """The script has something that is not followed here; the message says what and where."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a word."""

    kind: Choice["text", "variable", "param", "inner"]
    text: str = ""
    """The text; the variable's name; the number of the placeholder."""
    quoted: bool = False
    inside: "tuple[Word, ...]" = ()
    """What stands in `$(…)`."""
    computed: frozenset[str] = frozenset()
    """Names that the shell would compute with, as numbers or as names of variables."""


@dataclass(frozen=True, slots=True)
class Word:
    parts: tuple[Part, ...] = ()

    @property
    def literal(self) -> str | None:
        """The text, when there is nothing else in it."""
        if any(part.kind != "text" for part in self.parts):
            return None
        return "".join(part.text for part in self.parts)


@dataclass(slots=True)
class Command:
    line: int
    words: list[Word] = field(default_factory=list)
    assigned: list[tuple[str, Word]] = field(default_factory=list)
    piped: bool = False
    """It reads what another command writes."""
    inputs: list[Word] = field(default_factory=list)
    """Here-documents, here-strings, and files that it reads."""
    outputs: list[Word] = field(default_factory=list)
    """Files that it writes."""


@dataclass(slots=True)
class Script:
    commands: list[Command] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)
    computed: list[tuple[int, frozenset[str]]] = field(default_factory=list)
    """Names in arithmetic, with their lines."""
