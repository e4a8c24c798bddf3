"""The values of a front matter, each knowing where it stands; and a cursor that walks them without ever failing."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from typing import TypeAlias

from agentos_runtime.diagnostics import Place, Position
from agentos_runtime.frozen import dataclass
from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.yaml.positions import Lines, index_of, origins


@dataclass(frozen=True, slots=True)
class Scalar:
    """A string, number, boolean or null; `text` is how the author wrote it, unquoted (`1.10` stays `1.10`)."""

    value: Json
    text: str
    style: str
    """`""` plain, `'`, `"`, `|` or `>`."""
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Key:
    text: str
    start: int
    end: int
    shown: str | None = None
    """What stands for it in a path, where its author wrote no such key."""


@dataclass(frozen=True, slots=True)
class Entries:
    """A map, in the author's order."""

    value: dict[str, Json]
    entries: Mapping[str, tuple[Key, "Value"]]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sequence:
    value: list[Json]
    entries: tuple["Value", ...]
    start: int
    end: int


Value: TypeAlias = Scalar | Entries | Sequence


@dataclass(frozen=True, slots=True)
class Document:
    """A file's text and its lines."""

    text: str
    lines: Lines = field(repr=False)

    def place(self, path: str, offset: int) -> Place:
        return Place(path, self.lines.position(offset))


@dataclass(frozen=True, slots=True)
class Cursor:
    """A value of the document and the path of keys that leads to it.

    Asking for what is not there, or is of another type, gives None or nothing: the schema has already said so.
    """

    document: Document
    value: Value
    parent: "Cursor | None" = None
    key: Key | int | None = None
    """The key or index under which the parent holds it."""

    @property
    def path(self) -> str:
        if self.parent is None:
            return ""
        above = self.parent.path
        if not isinstance(self.key, Key):
            return f"{above}[{self.key}]"
        return join(above, self.key.text) if self.key.shown is None else f"{above}.{self.key.shown}"

    @property
    def name(self) -> str:
        """The last step of the path: `url`, `enum[1]`."""
        if isinstance(self.key, Key):
            return self.key.text
        return f"{self.parent.name}[{self.key}]" if self.parent else ""

    @property
    def place(self) -> Place:
        return self.document.place(self.path, self.value.start)

    @property
    def key_place(self) -> Place:
        """Where the key stands that holds this value; the value itself for entries of a list."""
        return self.document.place(self.path, self.key.start if isinstance(self.key, Key) else self.value.start)

    @property
    def key_length(self) -> int:
        return self.key.end - self.key.start if isinstance(self.key, Key) else 1

    @property
    def length(self) -> int:
        """How many characters of the value's first line a caret underlines."""
        written = self.document.text[self.value.start : self.value.end]
        return max(1, len(written.split("\n", 1)[0].rstrip()))

    @property
    def json(self) -> Json:
        return self.value.value

    @property
    def source(self) -> str | None:
        """A scalar as its author wrote it, without quotes."""
        return self.value.text if isinstance(self.value, Scalar) else None

    def get(self, key: str) -> "Cursor | None":
        if not isinstance(self.value, Entries) or key not in self.value.entries:
            return None
        found, value = self.value.entries[key]
        return Cursor(self.document, value, self, found)

    def at(self, *keys: str | int) -> "Cursor":
        """The value under these keys, or the nearest one above that exists."""
        cursor = self
        for key in keys:
            below = cursor.get(key) if isinstance(key, str) else cursor.element(key)
            if below is None:
                break
            cursor = below
        return cursor

    def items(self) -> Iterator[tuple[str, "Cursor"]]:
        """Key and value of a map; nothing for other values."""
        if isinstance(self.value, Entries):
            for name, (key, value) in self.value.entries.items():
                yield name, Cursor(self.document, value, self, key)

    def element(self, index: int) -> "Cursor | None":
        if not isinstance(self.value, Sequence) or index >= len(self.value.entries):
            return None
        return Cursor(self.document, self.value.entries[index], self, index)

    def elements(self) -> Iterator["Cursor"]:
        if isinstance(self.value, Sequence):
            for index, value in enumerate(self.value.entries):
                yield Cursor(self.document, value, self, index)

    def text(self, key: str) -> str | None:
        """The string under a key."""
        below = self.get(key)
        return below.json if below and isinstance(below.json, str) else None

    def texts(self, key: str) -> tuple[str, ...]:
        """The strings of the list under a key."""
        below = self.get(key)
        return tuple(e.json for e in below.elements() if isinstance(e.json, str)) if below else ()

    def number(self, key: str, default: float) -> float:
        below = self.get(key)
        value = below.json if below else None
        return value if isinstance(value, int | float) and not isinstance(value, bool) else default

    def whole(self, key: str, default: int) -> int:
        return int(self.number(key, default))

    def flag(self, key: str) -> bool:
        below = self.get(key)
        return below is not None and below.json is True

    def locator(self) -> Callable[[int, int], Position]:
        """A function from line and column inside this string (both from 1) to the position in the file."""
        value = self.value
        if not isinstance(value, Scalar):
            return lambda line, column: self.place.position

        def locate(line: int, column: int) -> Position:
            offsets = origins(self.document.text, value.start, value.end, value.style, value.text)
            return self.document.lines.position(offsets[index_of(value.text, line, column)])

        return locate

    def offset_at(self, index: int) -> int:
        """The offset in the document of the character `index` (from 0) of this string."""
        value = self.value
        if not isinstance(value, Scalar):
            return value.start
        offsets = origins(self.document.text, value.start, value.end, value.style, value.text)
        return offsets[min(index, len(value.text))]


def join(path: str, key: str) -> str:
    """`a.b`; a key that would be unclear in a path is put in brackets."""
    if not key.replace("_", "").replace("-", "").replace("$", "").isalnum():
        return f"{path}[{_quoted(key)}]"
    return f"{path}.{key}" if path else key


def _quoted(key: str) -> str:
    shown = key if len(key) <= 60 else key[:57] + "…"
    return '"' + shown.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
