"""What libyaml complains about, in words that help an author."""

from collections.abc import Mapping

import yaml

from agentos_runtime.manifest.mistakes.indentation import outlier
from agentos_runtime.manifest.mistakes.quoting import (
    Unquoted,
    badly_quoted,
    glued,
    is_bare,
    unindented,
    unseparated,
)
from agentos_runtime.regexes import regex

_HEXADECIMAL = "Write it as \\u00e9; a backslash that is meant is doubled, or stands in single quotes"
_EXPLANATIONS = (
    (
        "mapping values are not allowed",
        "a `:` stands where no key can be",
        "Quote the whole value when it contains `: `; else check the indentation, and the `:` of the line before",
    ),
    ("found unexpected end of stream", "a quote that opens {opened} is never closed", "Close it"),
    ("found unexpected document indicator", "a quote that opens {opened} is never closed", "Close it"),
    (
        "found unknown escape character",
        "this backslash begins no escape that YAML knows",
        "Use single quotes (jq is best written in them), or double the backslash",
    ),
    ("did not find expected hexdecimal number", "this escape needs hexadecimal digits", _HEXADECIMAL),
    ("did not find expected hexadecimal number", "this escape needs hexadecimal digits", _HEXADECIMAL),
    (
        "did not find expected ',' or ']'",
        "the list that opens {opened} goes wrong here",
        "Add the missing `,` or `]`",
    ),
    (
        "did not find expected ',' or '}'",
        "the map that opens {opened} goes wrong here",
        "Add the missing `,` or `}`",
    ),
    (
        "did not find expected key",
        "this line does not fit the map that begins {opened}",
        "Check the indentation and the quotes just before it",
    ),
    (
        "did not find expected '-' indicator",
        "this line does not fit the list that begins {opened}",
        "Check the indentation: the entries of a list begin with `- `",
    ),
    (
        "could not find expected ':'",
        "this line has no `:` after its key",
        "Write `key: value`; where Markdown begins, end the front matter with a line `---` above it",
    ),
    (
        "did not find expected alphabetic or numeric character",
        "a value cannot begin with `*` or `&`",
        "Put it in quotes",
    ),
    ("mapping keys are not allowed", "a value cannot begin with `? `", "Put it in quotes"),
    ("found a tab character", "a tab is used for indentation", "Use spaces"),
    ("block sequence entries are not allowed", "a list cannot begin here", "Begin it on the next line"),
    (
        "did not find expected comment or line break",
        "something follows the `|` or `>`",
        "Begin the text on the next line",
    ),
    ("found an indentation indicator equal to 0", "the indentation after `|` or `>` cannot be 0", "Leave it out"),
)
_POINT_AT_OPENING = (
    "found unexpected end of stream",
    "found unexpected document indicator",
    "could not find expected ':'",
)
_FIRST_CHARACTERS: Mapping[str, tuple[str, str]] = {
    "\t": ("a tab is used for indentation", "Use spaces"),
    "@": ("a value cannot begin with `@`", "Put it in quotes"),
    "`": ("a value cannot begin with a backtick", "Put it in quotes"),
    "%": ("a value cannot begin with `%`", "Put it in quotes"),
}


def explain(text: str, error: yaml.MarkedYAMLError, first_line: int) -> tuple[str, str, int]:
    """Message, fix and offset of what libyaml found wrong in `text`, which begins on `first_line` of its file."""
    mark = error.problem_mark or error.context_mark
    offset = min(mark.index, len(text)) if mark else 0
    problem = error.problem or "something is wrong"
    found = _of_lines(text, offset, problem)
    if found is not None:
        return found.message, found.fix, found.offset
    unquoted = badly_quoted(text, offset)
    if unquoted is not None and not unquoted.follows:
        return unquoted.message, unquoted.fix, unquoted.offset
    if (
        problem.startswith("found character that cannot start any token")
        and text[offset : offset + 1] in _FIRST_CHARACTERS
    ):
        return *_FIRST_CHARACTERS[text[offset]], offset
    if problem.startswith("did not find expected ','") and error.context_mark:
        start = error.context_mark.index
        within = _semicolon(text, start, offset) or _remark(text, start, offset)
        if within is not None:
            return within
    for beginning, message, fix in _EXPLANATIONS:
        if problem.startswith(beginning):
            if beginning in _POINT_AT_OPENING and error.context_mark:
                offset = error.context_mark.index
            said = message.format(opened=_opened(error, first_line))
            if unquoted is not None:
                return f"{said}: {unquoted.message}", unquoted.fix, offset
            return said, fix, offset
    return f"this is not YAML: {problem}", "Check the indentation and the quotes around it", offset


def _semicolon(text: str, start: int, end: int) -> tuple[str, str, int] | None:
    found = _SEMICOLON.search(text, start, end)
    if found is None or "\n" in found[0]:
        return None
    return "a `;` parts nothing in YAML", "Write `,`", found.start(1)


def _remark(text: str, start: int, end: int) -> tuple[str, str, int] | None:
    """A `#` in what opens at `start` and goes wrong at `end`, which hides what was to close it."""
    for found in _HIDDEN.finditer(text, start, end):
        line = text[text.rfind("\n", 0, found.start()) + 1 : found.start()]
        if is_bare(line):
            message = f"`{found[1].strip()[:60]}` is a remark to YAML, and hides what closes the line"
            return message, "Put the text that holds the `#` in quotes", found.start(1)
    return None


_SEMICOLON = regex(r"[{\[][^'\"#]*?(;)\s")
_HIDDEN = regex(r"[ \t](#[^\n]*[\]}][^\n]*)")


def _of_lines(text: str, offset: int, problem: str) -> Unquoted | None:
    """What is wrong with this line or with one above it, where libyaml only sees what came of that."""
    found = unindented(text, offset)
    if problem.startswith("mapping values are not allowed"):
        found = found or glued(text, offset) or unseparated(text, offset) or _misplaced(text, offset)
    if problem.startswith("did not find expected key"):
        found = found or _misplaced(text, offset)
    if problem.startswith("did not find expected node content") and text[offset : offset + 1] == ",":
        found = found or Unquoted("there is nothing before this `,`", "Remove one of the commas", offset)
    if problem.startswith("could not find expected ':'") and found is None:
        found = glued(text, offset) or (None if badly_quoted(text, offset) else unseparated(text, offset))
    return found


def _misplaced(text: str, offset: int) -> Unquoted | None:
    """A line that is not as far in as those beside it."""
    found = outlier(text, offset)
    if found is None:
        return None
    at, wanted = found
    indent = at - (text.rfind("\n", 0, at) + 1)
    how = "further in" if indent > wanted else "less far in"
    message = f"this line is {how} than the lines that stand beside it"
    return Unquoted(message, f"Begin it with {wanted} spaces, as they do", at)


def _opened(error: yaml.MarkedYAMLError, first_line: int) -> str:
    return f"on line {error.context_mark.line + first_line}" if error.context_mark else "before it"
