"""Texts with blanks: what stands for a value that the caller has to give (`$ID`, `{id}`, `<id>`, `YOUR_ID`).

A blank is written as a mark of two private characters with the name between them, from the moment it is known to be
one: text that merely looks like a variable, and was quoted, cannot be taken for it later.
"""

import re

from agentos_runtime.importers.messages import snake
from agentos_runtime.regexes import regex

OPEN, CLOSE = "\ue000", "\ue001"
_BLANK = regex(f"{OPEN}([^{OPEN}{CLOSE}]*){CLOSE}")
_TYPED = regex(
    r"\$\{\{?\s*([A-Za-z_][\w.-]*)\s*\}?\}|\{\{\s*([$A-Za-z_][\w.$ -]*?)\s*\}\}|\$([A-Z_][A-Z0-9_]+)\b"
    r"|<([A-Za-z][\w .:-]{0,60})>|\[((?:YOUR|INSERT|MY)[\w .-]{0,60})\]"
)
"""Blanks that are told by their form, in any text."""
_VARIABLES = regex(
    r"\$\{([A-Z_][A-Z0-9_]*)\}|\$([A-Z_][A-Z0-9_]+)\b|(?<![A-Za-z0-9_])(YOUR_[A-Z0-9_]*[A-Z0-9])(?![a-z])"
)
"""Blanks that are told by their form inside prose."""
_BRACES = regex(r"\{([A-Za-z_][\w.-]*(?: [\w.-]+){0,4})\}")
_WHOLE = regex(r"(?:YOUR|MY|INSERT|REPLACE|ENTER)[-_ ][A-Za-z0-9_ -]+|(?:your|insert|replace)[-_][a-z0-9_-]+")
"""Whole values that are blanks."""
_NAMED = regex(r":([A-Za-z_][\w-]*)((?:\.[a-z]{2,5})?)")
"""`:id`, `:user-id`, and `:id.json`, where an ending stands behind the name."""
_SEGMENT = regex(
    r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|(?:OWNER|REPO|ORG|ORGANIZATION|USER|USERNAME|ACCOUNT|PROJECT|TEAM|WORKSPACE"
    r"|BRANCH|REF|SHA|TAG|ENTERPRISE|ID|UUID|GUID|NAME|SLUG|KEY|TOKEN|PATH|DOMAIN|BUCKET|CUSTOMER|DATABASE|INDEX"
    r"|CHANNEL|GUILD|TENANT|REGION|APP|CLUSTER|NAMESPACE|INSTANCE|MODEL|DATASET|COLLECTION|STORE|SHOP|ITEM|ORDER)"
)
"""Segments of a path that documentation means as blanks."""


def blank(name: str) -> str:
    return f"{OPEN}{name}{CLOSE}"


def with_blanks(text: str, *, braces: bool = True) -> str:
    """The text with marks where it is written as one with blanks; `braces`: `{id}` is one too."""
    text = _TYPED.sub(lambda found: blank(next(group for group in found.groups() if group)), text)
    if braces:
        text = _BRACES.sub(lambda found: blank(found[1]), text)
    return blank(text) if _WHOLE.fullmatch(text) else text


def segment_with_blanks(segment: str) -> str:
    """A segment of a path; `:id` and `OWNER` are blanks there."""
    if (named := _NAMED.fullmatch(segment)) is not None:
        return blank(named[1]) + named[2]
    if re.fullmatch(r"[Xx]{6,}", segment):
        return blank("value")
    if re.fullmatch(r"\[[A-Za-z][A-Za-z_ -]*\]", segment):
        return blank(segment[1:-1])
    return blank(segment) if _SEGMENT.fullmatch(segment) else with_blanks(segment)


def has_blank(text: str) -> bool:
    return OPEN in text


def blank_names(text: str) -> list[str]:
    """The names of a text's blanks, as params are called."""
    return [_called(found[1]) for found in _BLANK.finditer(text)]


def filled(text: str, opening: str = "<", closing: str = ">") -> str:
    """The text as people read it: `<id>` for each blank."""
    return _BLANK.sub(lambda found: f"{opening}{_called(found[1])}{closing}", text)


def split_at_blanks(text: str) -> list[tuple[str, str]]:
    """The text in pieces: (literal, "") or ("", the name of a blank)."""
    pieces: list[tuple[str, str]] = []
    for index, piece in enumerate(_BLANK.split(text)):
        if piece or index % 2:
            pieces.append(("", _called(piece)) if index % 2 else (piece, ""))
    return pieces


def _called(name: str) -> str:
    called = snake(re.sub(r"^(?:YOUR|MY|INSERT|REPLACE|ENTER|your|my|insert|replace)[-_ ]+", "", name))
    return called if called[:1].isalpha() else f"value_{called}".rstrip("_")


def value_with_blanks(text: str) -> str:
    """A value of a query, a header or a body: prose may hold `<b>` and `{name}`, so these are blanks only alone."""
    whole = with_blanks(text)
    if _BLANK.fullmatch(whole):
        return whole
    return _VARIABLES.sub(lambda found: blank(found[1] or found[2] or found[3]), text)
