"""Python source, line by line."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

from agentos_runtime.frozen import dataclass


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
        """A name for a value; itself when it is a name already."""
        if value.isidentifier():
            return value
        name = self.fresh()
        self.line(f"{name} = {value}")
        return name

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
    def counted(self, head: str, cost: Cost | None = None, after: str = "") -> Iterator[None]:
        """A block that charges what one pass costs: where it begins, or in its head, which has the cost then."""
        inner = Cost() if cost is None else cost
        outer, self.cost = self.cost, inner
        if cost is None:
            with self.block(head):
                self.line("meter.left -= ", inner)
                self.line("if meter.left < 0: meter.more()")
                yield
        else:
            self.line(head, inner, after)
            self.indent += 1
            yield
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

    def source(self) -> str:
        return "\n".join(_flat(self.lines)) + "\n"


def _flat(lines: Lines) -> Iterator[str]:
    for line in lines:
        if isinstance(line, Line):
            yield line.text
        else:
            yield from _flat(line)
