"""The fields of a LAP file: `{name!: str(a/b)=a # remark, list: [map{id: int}], when: str(date-time)?}`.

A remark ends where the next field begins, or with its braces: remarks are prose, with commas and colons in it.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from agentos_runtime.frozen import dataclass
from agentos_runtime.importers.api import ImportProblem
from agentos_runtime.jsontext import Json
from agentos_runtime.regexes import regex

MAX_DEPTH = 40

_NAME = regex(r"\s*([\w$.\[\]/+@:-]*[\w$.\[\]/+@-])(!?)(\??)\s*:\s*")
_ODD_NAME = regex(r"\s*([^\s:{},#][^:{},#]*?)(!?)(\??)\s*:\s+(?=\[|[A-Za-z])")
"""Names as no program has them: `dose rate`, `Size (cm)`."""
_KIND = regex(r"([A-Za-z_]\w*)")
_GENERIC = regex(r"<[\w\s,<>\[\]?]*>")
"""`map<str,str>`: what a map holds, which a declaration does not say."""
_NEXT_FIELD = regex(
    r"\s*,\s*(?=[\w$.\[\]/+@<>-]+!?\??\s*:\s*(?:\[|(?:str|string|int|integer|num|number|float|bool|boolean|any|map|object|list"
    r"|array|enum|file|binary|bytes|date|datetime|null)\b))"
)
_AFTER_DEFAULT = regex(r"\s+#|\s*,\s*(?=[\w$.\[\]/+@<>-]+!?\??\s*:\s)")
"""A default may hold commas: it ends at a remark, at the next field, or at the brace that closes these."""


@dataclass(frozen=True, slots=True)
class LapType:
    """A type as LAP says it."""

    kind: str
    """`str`, `num`, `int`, `bool`, `any`, `map`, `list`, or a word that LAP has not said before."""
    choices: tuple[str, ...] = ()
    format: str = ""
    items: "LapType | None" = None
    fields: tuple["LapField", ...] = ()
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class LapField:
    """One field: its type, its default as text, its remark."""

    name: str
    type: LapType
    required: bool = False
    default: str | None = None
    remark: str = ""


def read_fields(text: str, line: int, odd: list[str]) -> tuple[list[LapField], str]:
    """The fields of a `{…}`, and the remark behind it; what cannot be read is told to `odd` and costs one field.

    Raises ImportProblem naming the line.
    """
    reader = _Reader(text, line, odd)
    fields = reader.fields(0)
    return fields, reader.rest().removeprefix("#").strip()


def read_type(text: str, line: int, odd: list[str]) -> tuple[LapType, str]:
    """A type that stands alone (`[map{…}] # remark`)."""
    reader = _Reader(text, line, odd)
    found = reader.type(0)
    return found, reader.rest().removeprefix("#").strip()


class _Reader:
    """Reads from left to right."""

    def __init__(self, text: str, line: int, odd: list[str]) -> None:
        self._odd = odd
        self._text = text
        self._line = line
        self._at = 0

    def rest(self) -> str:
        return self._text[self._at :].strip()

    def fields(self, depth: int) -> list[LapField]:
        self._expect("{", depth)
        found: list[LapField] = []
        while not self._take("}"):
            start = self._at
            try:
                found.append(self._field(depth))
                if not self._take(","):
                    self._expect("}", depth)
                    break
            except ImportProblem as problem:
                self._odd.append(str(problem))
                if self._at >= len(self._text):
                    break
                self._skip(max(start + 1, self._at))
        return found

    def _skip(self, start: int) -> None:
        """On to the next field, or to the brace that closes these."""
        following = _NEXT_FIELD.search(self._text, start)
        closing = self._closing(start)
        if following is not None and following.start() < closing:
            self._at = following.end()
        else:
            self._at = closing

    def type(self, depth: int) -> LapType:
        if self._take("["):
            items = self.type(self._deeper(depth))
            self._expect("]", depth)
            choices, _ = self._arguments()
            if choices and not items.choices:
                items = replace(items, choices=choices)
            return LapType("list", items=items, nullable=self._take("?"))
        kind = _KIND.match(self._text, self._at)
        if kind is None:
            raise self._problem("a type such as str, [int] or map{…}")
        self._at = kind.end()
        arguments = _GENERIC.match(self._text, self._at)
        if arguments is not None:
            self._at = arguments.end()
        nullable = self._take("?", near=True)
        choices, form = self._arguments()
        if form:  # `str(uuid)(a/b)`
            choices, _ = self._arguments()
        nullable = self._take("?", near=True) or nullable
        below = tuple(self.fields(self._deeper(depth))) if self._peek("{", near=True) else ()
        nullable = self._take("?", near=True) or nullable
        return LapType(kind[1], choices, form, None, below, nullable)

    def _field(self, depth: int) -> LapField:
        name = _NAME.match(self._text, self._at) or _ODD_NAME.match(self._text, self._at)
        if name is None:
            raise self._problem("`name: type`")
        self._at = name.end()
        return LapField(name[1], self.type(depth), bool(name[2]), self._default(), self._remark())

    def _default(self) -> str | None:
        if not self._take("=", near=True):
            return None
        start = self._at
        after = _AFTER_DEFAULT.search(self._text, start)
        self._at = min(after.start() if after else len(self._text), self._closing(start))
        return self._text[start : self._at].strip()

    def _arguments(self) -> tuple[tuple[str, ...], str]:
        """`(a/b/c)`: choices; `(uuid)`: a format."""
        if not self._peek("(", near=True):
            return (), ""
        end = self._closing(self._at + 1, "()")
        if end == len(self._text):  # a parenthesis of a choice has no pair
            end = self._text.find(")", self._at)
        if end < 0:
            raise self._problem("`)`")
        said = self._text[self._at + 1 : end]
        self._at = end + 1
        return (tuple(said.split("/")), "") if "/" in said else ((), said.strip())

    def _remark(self) -> str:
        """Prose up to the next field, or to the brace that closes these fields."""
        if not self._take("#"):
            return ""
        start = self._at
        following = _NEXT_FIELD.search(self._text, start)
        closing = self._closing(start)
        end = min(following.start() if following else len(self._text), closing)
        self._at = end
        return self._text[start:end].strip()

    def _closing(self, start: int, pair: str = "{}") -> int:
        """Where the braces close that are open at `start`; braces of the prose itself are in pairs."""
        depth = 0
        for index in range(start, len(self._text)):
            if self._text[index] == pair[0]:
                depth += 1
            elif self._text[index] == pair[1]:
                if depth == 0:
                    return index
                depth -= 1
        return len(self._text)

    def _peek(self, mark: str, *, near: bool = False) -> bool:
        if not near:
            while self._text[self._at : self._at + 1].isspace():
                self._at += 1
        return self._text.startswith(mark, self._at)

    def _take(self, mark: str, *, near: bool = False) -> bool:
        found = self._peek(mark, near=near)
        self._at += len(mark) if found else 0
        return found

    def _expect(self, mark: str, depth: int) -> None:
        if not self._take(mark):
            raise self._problem(f"`{mark}`")

    def _deeper(self, depth: int) -> int:
        if depth >= MAX_DEPTH:
            raise ImportProblem(f"Line {self._line} of the LAP file is nested more than {MAX_DEPTH} levels deep")
        return depth + 1

    def _problem(self, wanted: str) -> ImportProblem:
        found = self._text[self._at : self._at + 20] or "the end of the line"
        return ImportProblem(f"Line {self._line} of the LAP file: {wanted} is expected where it says {found!r}")


# ------------------------------------------------------------------ values

KINDS: Mapping[str, str] = {
    "str": "string", "string": "string", "enum": "string", "int": "integer", "integer": "integer", "num": "number",
    "number": "number", "float": "number", "double": "number", "bool": "boolean", "boolean": "boolean",
    "map": "object", "object": "object", "list": "array", "array": "array",
    "date": "string", "datetime": "string", "bytes": "string",
}  # fmt: skip
_BOOLS: Mapping[str, Json] = {"true": True, "false": False}


def value_of(text: str, kind: str) -> Json:
    """A default or a choice as a value of its type; None when it is none."""
    type_ = KINDS.get(kind)
    if type_ == "boolean":
        return _BOOLS.get(text.lower())
    if type_ in ("integer", "number"):
        if re.fullmatch(r"-?\d+", text):
            return int(text)
        return float(text) if type_ == "number" and re.fullmatch(r"-?\d+\.\d+", text) else None
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return (text[1:-1] if quoted else text) if type_ == "string" else None
