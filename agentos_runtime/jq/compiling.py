"""jq's compile errors, as places in what the author wrote and words to act on."""

import re
from collections.abc import Mapping

from agentos_runtime.frozen import dataclass
from agentos_runtime.regexes import regex

LARGEST_SOURCE = 1 << 17
"""Characters of an expression, or of definitions: about twice what the largest bundled skill has."""


@dataclass(frozen=True, slots=True)
class CompileProblem:
    """Where and why an expression does not compile; line, column count from 1, column and length in characters."""

    message: str
    line: int
    column: int
    length: int
    in_definitions: bool = False
    """The place is in the definitions, not in the source."""


_ERROR = regex(r"jq: error: (.*?) at <top-level>, line (\d+), column (\d+):\n(?:    [^\n]*\n +(\^+))?", re.DOTALL)
_TOKENS = (
    (regex(r"unexpected (?:import|include|module)\b.*"), "modules are not available in a skill"),
    (regex(r"memory exhausted"), "nested too deeply for jq"),
    (regex(r"Invalid escape at .*"), "a string has an escape that JSON does not know"),
    (regex(r"end of file"), "end"),
    (regex(r"QQSTRING_START|QQSTRING_TEXT"), "a string"),
    (regex(r"QQSTRING_INTERP_START"), "`\\(`"),
    (regex(r"QQSTRING_INTERP_END"), "`)`"),
    (regex(r"QQSTRING_END"), '`"`'),
    (regex(r"\bIDENT\b"), "a name"),
    (regex(r"\bBINDING\b"), "a $variable"),
    (regex(r"\bFIELD\b"), "a .field"),
    (regex(r"\bLITERAL\b"), "a number"),
    (regex(r"\bFORMAT\b"), "an @format"),
)
_STRANGE: Mapping[str, str] = {
    "'": "jq strings stand in double quotes",
    "&": "jq writes `and`",
    "!": "jq writes `not` after a pipe, and `!=`",
    ")": "no `(` is open here",
    "]": "no `[` is open here",
    "}": "no `{` is open here",
}
_UNDEFINED = regex(r"(\S+)/(\d+) is not defined")
_SEALED_VARIABLE = regex(r"\$sealed_(\w+) is not defined")


def unreadable_source(text: str, what: str = "expression") -> CompileProblem | None:
    """What jq would misread instead of refusing: it stops at a NUL and cannot be given half a surrogate pair."""
    definitions = what == "definitions"
    if not definitions and not text.strip():
        return CompileProblem("the expression is empty", 1, 1, 0)
    if len(text) > LARGEST_SOURCE:
        return CompileProblem(f"jq of more than {LARGEST_SOURCE} characters is refused", 1, 1, 1, definitions)
    strange = re.search("[\0\ud800-\udfff]", text)
    if strange is None:
        return None
    line = text.count("\n", 0, strange.start()) + 1
    column = strange.start() - (text.rfind("\n", 0, strange.start()) + 1) + 1
    return CompileProblem("a character that jq cannot read", line, column, 1, definitions)


def locate_problem(
    said: str, definitions: str, source: str, before_definitions: int, before_source: int
) -> CompileProblem:
    """The first thing wrong, where the author wrote it.

    `said` are jq's words; `before_…` are the numbers of lines in front of each in what was compiled.
    """
    found = _ERROR.findall(said)
    if not found:
        return CompileProblem("does not compile", 1, 1, 1)
    if sealed := _SEALED_VARIABLE.search(said):
        return _sealed_name(sealed[1], definitions, source)
    message, line, column, carets = found[0]
    in_definitions = int(line) <= before_source
    text = definitions if in_definitions else source
    row = int(line) - (before_definitions if in_definitions else before_source)
    lines = text.split("\n")
    if not 1 <= row <= len(lines):
        row, column = len(lines), str(len(lines[-1].encode()) or 1)
    at, length = _characters(lines[row - 1], int(column), len(carets))
    marked = lines[row - 1][at - 1 : at - 1 + length]
    return CompileProblem(_friendly(message, marked, found), row, at, length, in_definitions)


def _characters(line: str, column: int, length: int) -> tuple[int, int]:
    """jq counts bytes."""
    raw = line.encode()
    start = len(raw[: column - 1].decode("utf-8", "ignore"))
    marked = len(raw[column - 1 : column - 1 + max(length, 1)].decode("utf-8", "ignore"))
    return start + 1, max(marked, 1)


def _sealed_name(name: str, definitions: str, source: str) -> CompileProblem:
    word = re.compile(rf"(?<![\w.$@]){name}\b")
    for text, in_definitions in ((source, False), (definitions, True)):
        if at := word.search(text):
            line = text.count("\n", 0, at.start()) + 1
            column = at.start() - text.rfind("\n", 0, at.start())
            return CompileProblem(f"`{name}` is not available in a skill", line, column, len(name), in_definitions)
    return CompileProblem(f"`{name}` is not available in a skill", 1, 1, 1)


def _friendly(message: str, marked: str, found: list[tuple[str, str, str, str]]) -> str:
    hints = [other for other, *_ in found[1:] if other.startswith(("try ", "Possibly "))]
    if hints:
        return hints[0][0].lower() + hints[0][1:]
    if undefined := _UNDEFINED.fullmatch(message):
        name, count = undefined.groups()
        arguments = "" if count == "0" else f" with {count} argument{'s' if count != '1' else ''}"
        return f"`{name}`{arguments} is not defined, neither in jq nor in `definitions`"
    if "INVALID_CHARACTER" in message and marked:
        character = marked[0]
        return f"unexpected `{character}`" + (f": {_STRANGE[character]}" if character in _STRANGE else "")
    if marked == ";" and "end of file" in message:
        return "ends after a definition: say after it what the expression gives"
    for pattern, words in _TOKENS:
        message = pattern.sub(words, message)
    return message.removeprefix("syntax error, ")
