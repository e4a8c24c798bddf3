"""Python source, line by line."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from keyword import iskeyword
from typing import TypeAlias

from agentos_runtime.frozen import dataclass
from agentos_runtime.regexes import regex

_FIELD = regex(r"\x00(\w+)\x01([^\x02]*)\x02([^\x03]*)\x03")
"""A field of the value with a name, until all the places are known that take one of it. `repr` gives no such
characters."""
_BORN = "\x04"
"""Begins the line where a value gets its name, behind which no other value has it."""
_SEVERAL = 6
"""Fields of one value, from which on it is looked once whether it is an object."""


@dataclass(slots=True)
class Cost:
    """How many nodes one pass through a block evaluates; known when the block is complete."""

    nodes: int = 3


@dataclass(frozen=True, slots=True)
class Line:
    indent: int
    before: str
    cost: Cost | None = None
    after: str = ""

    @property
    def text(self) -> str:
        cost = "" if self.cost is None else str(self.cost.nodes)
        return " " * self.indent + self.before + cost + self.after


Lines: TypeAlias = "list[Line | Lines]"


class Writer:
    """Collects lines; blocks are indented, and each block that is evaluated by itself has a cost."""

    def __init__(self) -> None:
        self.lines: Lines = []
        self.indent = 0
        self.cost = Cost()
        self.names = 0

    def fresh(self, kind: str = "v") -> str:
        """A name that nothing else has."""
        self.names += 1
        return f"{kind}{self.names}"

    def line(self, before: str, cost: Cost | None = None, after: str = "") -> None:
        self.lines.append(Line(self.indent, before, cost, after))

    def set(self, value: str) -> str:
        """A name for a value; itself when it is a name already. `None` is none: Python warns of `None[0]`."""
        if value.isidentifier() and not iskeyword(value):
            return value
        name = self.fresh()
        self.line(f"{name} = {value}")
        self.born(name)
        return name

    def born(self, name: str) -> None:
        """From here on the name has its value."""
        self.line(f"{_BORN}{name}")

    def place(self) -> Lines:
        """A place in the source that lines can be added to later."""
        lines: Lines = []
        self.lines.append(lines)
        return lines

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Lines below a head."""
        self.line(head)
        self.indent += 1
        start = len(self.lines)
        yield
        if len(self.lines) == start:
            self.line("pass")
        self.indent -= 1

    @contextmanager
    def counted(self, head: str, cost: Cost | None = None, after: str = "") -> Iterator[Lines]:
        """A block that charges what one pass costs: where it begins, or in its head, which has the cost then.

        Gives the lines that charge it.
        """
        inner = Cost() if cost is None else cost
        outer, self.cost = self.cost, inner
        if cost is None:
            with self.block(head):
                charge = self.place()
                charge.append(Line(self.indent, "meter.left -= ", inner))
                charge.append(Line(self.indent, "if meter.left < 0: meter.more()"))
                yield charge
        else:
            self.line(head, inner, after)
            self.indent += 1
            yield []
            self.line("pass")
            self.indent -= 1
        self.cost = outer

    @contextmanager
    def aside(self) -> Iterator[Lines]:
        """What is written stands nowhere yet; it belongs one block further in."""
        lines: Lines = []
        before, self.lines = self.lines, lines
        self.indent += 1
        yield lines
        self.lines = before
        self.indent -= 1

    @contextmanager
    def elsewhere(self, lines: Lines, indent: int) -> Iterator[None]:
        """Write to another place."""
        before = self.lines, self.indent, self.cost
        self.lines, self.indent, self.cost = lines, indent, Cost()
        yield
        self.lines, self.indent, self.cost = before

    def mentions(self, word: str) -> bool:
        """Whether a word stands in what was written."""
        return any(word in line.before for line in _flat(self.lines))

    def written_since(self, start: int) -> int:
        """About as many characters as the lines of this place have from that one on."""
        return sum(len(line.before) for line in self.lines[start:] if isinstance(line, Line))

    def source(self) -> str:
        lines = [*_flat(self.lines)]
        texts = [line.text for line in lines]
        wanted = Counter(found[1] for found in _FIELD.finditer("\n".join(texts)))
        born = {line.before[1:] for line in lines if line.before.startswith(_BORN)}
        often = {name for name, times in wanted.items() if times >= _SEVERAL and name in born}
        return "".join(f"{text}\n" for text in _with_fields(lines, texts, often))


def field_of(target: str, name: str, call: str) -> str:
    """A field of the value with that name, as `repr` writes the field's; `call` for what is no object."""
    return f"\0{target}\1{name}\2{call}\3"


def _with_fields(lines: list[Line], texts: list[str], often: set[str]) -> Iterator[str]:
    """The lines with the code for fields in them. often: values that are looked at once."""

    def code(found: re.Match[str]) -> str:
        target, name, call = found.groups()
        if target in often:
            return f"of_{target}({name})"
        # most of what expressions do
        return f"({target}.get({name}) if {target}.__class__ is dict else None if {target} is None else {call})"

    for line, text in zip(lines, texts, strict=True):
        if not line.before.startswith(_BORN):
            yield _FIELD.sub(code, text) if "\0" in text else text
        elif (name := line.before[1:]) in often:
            other = f"{{}}.get if {name} is None else jq_fields({name})"
            yield f"{' ' * line.indent}of_{name} = {name}.get if {name}.__class__ is dict else {other}"


def _flat(lines: Lines) -> Iterator[Line]:
    for line in lines:
        if isinstance(line, Line):
            yield line
        else:
            yield from _flat(line)
