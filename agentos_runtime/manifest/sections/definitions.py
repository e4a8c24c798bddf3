"""`definitions`: the jq `def`s that all expressions of a skill may use."""

from collections.abc import Callable, Sequence

from agentos_runtime.diagnostics import Position
from agentos_runtime.frozen import dataclass
from agentos_runtime.manifest.mentions import named_fields
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.result import ExpressionCheck
from agentos_runtime.manifest.yaml.values import Cursor
from agentos_runtime.regexes import regex

_WORD = regex(r"[A-Za-z_]\w*")
_CALL = regex(r"(?<![\w.$@])[A-Za-z_]\w*")
"""A word that may call a definition: no field, variable or format."""
_STRING_OR_COMMENT = regex(r'"(?:[^"\\]|\\.)*"|#[^\n]*')
_TOKEN = regex(r"(?<![\w.$])def\s+([A-Za-z_]\w*)\s*(\([^)]*\))?|[()\[\]{};]")
_OPENING, _CLOSING = "([{", ")]}"
_HEAD = regex(r"([A-Za-z_]\w*)\s*(\(\s*\$?[A-Za-z_]\w*(?:\s*;\s*\$?[A-Za-z_]\w*)*\s*\))?")


@dataclass(frozen=True, slots=True)
class Definition:
    """One `def`, with the words in it: what it may use."""

    name: str
    text: str
    words: frozenset[str]
    auth: frozenset[str]
    """The credential's fields that it names."""

    @classmethod
    def of(cls, name: str, text: str) -> "Definition":
        return cls(name, text, frozenset(_WORD.findall(text)), named_fields(text))


@dataclass(frozen=True, slots=True)
class Definitions:
    """jq text that stands before every expression (ends with a newline unless empty), and the names it defines."""

    text: str = ""
    names: frozenset[str] = frozenset()
    checks: tuple[ExpressionCheck, ...] = ()
    each: tuple[Definition, ...] = ()
    """In the order of the text."""

    def used_by(self, source: str) -> str:
        """The part of the text that an expression may use: jq compiles it in a fraction of the time.

        A definition sees itself and those before it, so one look from the last to the first finds all.
        """
        words = set(_WORD.findall(source))
        used: list[str] = []
        for definition in reversed(self.each):
            if definition.name in words:
                used.append(definition.text)
                words |= definition.words
        return "".join(reversed(used))

    def auth_of(self, source: str) -> frozenset[str]:
        """The credential's fields that definitions name which an expression uses, itself or through others."""
        fields: frozenset[str] = frozenset()
        if not any(definition.auth for definition in self.each):
            return fields
        calls = set(_CALL.findall(source))
        for definition in reversed(self.each):
            if definition.name in calls:
                fields |= definition.auth
                calls.update(_CALL.findall(definition.text))
        return fields


def read_definitions(roots: Sequence[Cursor], report: Report) -> Definitions:
    """The definitions of all files, in their order; later ones may use earlier ones."""
    total = Definitions()
    for root in roots:
        cursor = root.get("definitions")
        if cursor is None:
            continue
        read = _from_text if isinstance(cursor.json, str) else _from_map
        own = read(cursor, total, report)
        twice = sorted(own.names & total.names)
        if twice:
            message = f"`{twice[0]}` is also defined in an earlier file of the skill"
            report.error(cursor.key_place, message, "Keep one, or give it another name", cursor.key_length)
        total = Definitions(
            total.text + own.text, total.names | own.names, total.checks + own.checks, total.each + own.each
        )
    return total


def _from_text(cursor: Cursor, before: Definitions, report: Report) -> Definitions:
    text = str(cursor.json)
    code = _STRING_OR_COMMENT.sub(lambda found: " " * len(found[0]), text)
    if not code.strip():
        return Definitions()
    heads = _top_level(code)
    if not heads:
        report.error(cursor.place, "there is no `def` in here", "Write `def name: …;`, or a map from name to body")
    source = f"{text.rstrip()}\n{_calls([(head.name, head.arguments) for head in heads])}"
    names = frozenset(head.name for head in heads)
    ends = [*(head.start for head in heads[1:]), len(text)]
    each = [
        Definition.of(head.name, text[head.start : end].rstrip() + "\n")
        for head, end in zip(heads, ends, strict=False)
    ]
    check = _check(cursor, source, before.used_by(text), _within(cursor, text.rstrip()))
    return Definitions(text.rstrip() + "\n", names, (check,), tuple(each))


@dataclass(frozen=True, slots=True)
class _Head:
    name: str
    arguments: int
    start: int


def _top_level(code: str) -> list[_Head]:
    """Each definition that is not inside another.

    A definition ends at the `;` that stands in as many brackets as its `def`.
    """
    heads: list[_Head] = []
    open_definitions: list[int] = []
    brackets = 0
    for token in _TOKEN.finditer(code):
        text = token[0]
        if token[1]:
            if not open_definitions:
                heads.append(_Head(token[1], _arguments(token[2]), token.start()))
            open_definitions.append(brackets)
        elif text in _OPENING:
            brackets += 1
        elif text in _CLOSING:
            brackets -= 1
        elif open_definitions and open_definitions[-1] == brackets:
            open_definitions.pop()
    return heads


def _arguments(written: str | None) -> int:
    return written.count(";") + 1 if written else 0


def _calls(heads: list[tuple[str, int]]) -> str:
    """A program that uses each definition: jq does not look for mistakes in those that nothing uses."""
    calls = (f"{name}({'; '.join(['.'] * arguments)})" if arguments else name for name, arguments in heads)
    return ", ".join(calls) or "."


def _from_map(cursor: Cursor, before: Definitions, report: Report) -> Definitions:
    each: list[Definition] = []
    checks: list[ExpressionCheck] = []
    for head, body in cursor.items():
        found = _HEAD.fullmatch(head)
        if not found:
            fix = "Write `name`, or `name(first; $second)` with semicolons"
            report.error(body.key_place, f"`{head[:60]}` is not the head of a jq definition", fix, body.key_length)
        if not found or not isinstance(body.json, str):
            continue
        opening = f"def {head}: "
        definition = f"{opening}{body.json}\n;\n"
        call = _calls([(found[1], _arguments(found[2]))])
        known = Definitions(each=(*before.each, *each)).used_by(definition)
        checks.append(_check(body, f"{definition}{call}", known, _shifted(body, len(opening))))
        each.append(Definition.of(found[1], definition))
    names = frozenset(definition.name for definition in each)
    return Definitions("".join(definition.text for definition in each), names, tuple(checks), tuple(each))


def _check(
    cursor: Cursor, source: str, definitions: str, locate: Callable[[int, int], Position]
) -> ExpressionCheck:
    return ExpressionCheck(cursor.place, source, definitions, False, locate)


def _within(cursor: Cursor, text: str) -> Callable[[int, int], Position]:
    """Where the text stands; what goes wrong behind it is where it ends."""
    inside = cursor.locator()
    lines = text.split("\n")
    return lambda line, column: inside(*((line, column) if line <= len(lines) else (len(lines), len(lines[-1]))))


def _shifted(body: Cursor, columns: int) -> Callable[[int, int], Position]:
    inside = body.locator()
    return lambda line, column: inside(line, column - columns if line == 1 else column)
