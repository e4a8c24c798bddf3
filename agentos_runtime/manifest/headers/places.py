"""The places of a manifest that name headers or write their values: each is held to the rule of `header_names`."""

import re
from collections.abc import Mapping

from agentos_runtime.manifest.headers.names import (
    BEYOND_ASCII,
    CONTROL,
    LINE_BREAK,
    SPACE,
    header_problem,
    idempotency_problem,
    value_problem,
)
from agentos_runtime.manifest.mentions import names_auth
from agentos_runtime.manifest.model import Auth, Literal, Rest
from agentos_runtime.manifest.places import expressions_at, header_place
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.requests.streamed import requests_of
from agentos_runtime.manifest.yaml.values import Cursor

_FIXES: Mapping[str, str] = {
    LINE_BREAK: "Write it on one line; a block (`|`) ends with a line break unless it is `|-`",
    CONTROL: "Remove the character",
    BEYOND_ASCII: "Percent-encode it when the API decodes that, or leave it out",
    SPACE: "Remove the space: HTTP takes it away",
}
_ONE_OF_ITS_OWN = "Name the header that the API documents for this, such as Idempotency-Key"


def check_name(cursor: Cursor, name: str, report: Report, *, is_key: bool) -> None:
    """Report a name that no manifest may set; it is the cursor's key, or its value."""
    problem = header_problem(name)
    if problem is not None:
        place, length = (cursor.key_place, cursor.key_length) if is_key else (cursor.place, cursor.length)
        fix = "Remove it" if is_key else "Name another header"
        plain, colon, text = (part.strip() for part in name.partition(":"))
        dashed = re.sub(r"\s+", "-", name.strip())
        if not colon and name.isascii() and header_problem(dashed) is None:
            fix = f"Write `{dashed}`"
        if colon and header_problem(plain) is None:
            fix = f"Write `{plain}`" if is_key or not text else f'Write `header: {plain}, prefix: "{text} "`'
        report.error(place, f"`{name[:60]}` {problem}", fix, length)
    elif (dashed := name.replace("_", "-")) != name and dashed.lower() in _DASHED:
        place, length = (cursor.key_place, cursor.key_length) if is_key else (cursor.place, cursor.length)
        report.warning(place, f"`{name}` is not the header `{dashed.title()}`", f"Write {dashed.title()}", length)


_DASHED = frozenset(
    {"content-type", "content-encoding", "content-language", "user-agent", "accept-language", "accept-encoding"}
    | {"accept-charset", "cache-control", "if-match", "if-none-match", "if-modified-since", "idempotency-key"}
    | {"x-requested-with", "x-api-key", "last-event-id", "proxy-authorization"}
)
"""Headers whose names have a `-`; many servers drop one with `_`."""


def check_value(cursor: Cursor, report: Report, *, goes_on: bool = False) -> None:
    """Report a written text that no header can hold; `goes_on`: a credential follows, so it may end in a space."""
    text = cursor.json if isinstance(cursor.json, str) else ""
    found = value_problem(text.rstrip(" ") if goes_on else text)
    if found is not None:
        index, reason = found
        place = cursor.document.place(cursor.path, cursor.offset_at(index))
        curly = reason == BEYOND_ASCII and text[index] in "\u2018\u2019\u201c\u201d"
        report.error(place, f"a header {reason}", "Write straight quotes" if curly else _FIXES[reason])


def check_idempotency_name(cursor: Cursor, report: Report) -> None:
    """Report a header that no caller may write."""
    name = cursor.json if isinstance(cursor.json, str) else None
    problem = None if name is None else idempotency_problem(name)
    if name is not None and problem is not None:
        report.error(cursor.place, f"`{name[:60]}` {problem}", _ONE_OF_ITS_OWN, cursor.length)


def check_idempotency_use(cursor: Cursor, rest: Rest, auth: Auth | None, report: Report) -> None:
    """Report an idempotency header that the call sets for something else; `cursor` is the utility's `rest`."""
    name = rest.retry.idempotency_header if rest.retry else None
    if name is None:
        return
    whose = next(filter(None, (_whose(name.lower(), one, auth) for one in requests_of(rest))), None)
    if whose is not None:
        below = cursor.at("retry", "idempotency_header")
        message = f"`{name[:60]}` carries {whose}, and a caller's Idempotency-Key would take its place"
        report.error(below.place, message, _ONE_OF_ITS_OWN, below.length)


def _whose(name: str, rest: Rest, auth: Auth | None) -> str | None:
    if auth and any(place.location == "header" and place.name.lower() == name for place in auth.templates):
        return "the credential"
    written = (expression for place, expression in expressions_at(rest) if place == header_place(name))
    if any(map(names_auth, written)):
        return "the credential"
    for header, node in rest.headers.entries:
        if header.lower() == name and isinstance(node, Literal):
            return "a value that is written in `headers`"
    return None
