"""`rest.response.as`: what an answer is written in, and what cannot stand beside it."""

from collections.abc import Mapping

from agentos_runtime.manifest.model import AnswerFormat
from agentos_runtime.manifest.sections.reading import Scope
from agentos_runtime.manifest.yaml.values import Cursor

_OF_FORMAT: Mapping[str, str] = {"csv": "CSV", "xml": "XML"}
_IN_UTF_8 = frozenset({"json", "ndjson"})
_UNKNOWN = ("root", "transform", "mapping", "charset")
"""What needs to know what the answer is."""
_LISTS = frozenset({"lines", "csv", "ndjson"})


def read_answer_format(response: Cursor, scope: Scope) -> AnswerFormat:
    """How the answer of `rest.response` is read; reports keys that nothing would read."""
    kind = response.text("as") or "json"
    for name, word in _OF_FORMAT.items():
        below = response.get(name)
        if below is not None and kind != name:
            message = f"`{name}` says how {word} is read, and this answer is read as {kind}"
            _report(below, message, f"Add `as: {name}`, or remove `{name}`", scope)
    _check_neighbours(response, kind, scope)
    table = response.get("csv")
    return AnswerFormat(
        kind=kind,  # type: ignore[arg-type]  # the manifest's schema allows only the model's choices
        simple=response.text("xml") == "simple",
        delimiter=(table.text("delimiter") if table else None) or ",",
        header=not (table is not None and table.get("header") is not None and not table.flag("header")),
        charset=response.text("charset"),
    )


def _check_neighbours(response: Cursor, kind: str, scope: Scope) -> None:
    if kind == "any":
        _check_unknown(response, scope)
        return
    charset, root = response.get("charset"), response.get("root")
    if charset is not None and kind in _IN_UTF_8:
        message = f"`charset` is of texts, and {kind.upper()} is always UTF-8"
        _report(charset, message, "Remove `charset`, or say what the answer is with `as`", scope)
    if root is not None and kind in ("text", "lines"):
        what = "one text" if kind == "text" else "a list of texts"
        _report(
            root, f"the answer is {what}: there is nothing in it that `root` could point at", "Remove it", scope
        )
    for name in ("as", "empty"):
        below = response.get(name)
        if below is not None and response.flag("raw"):
            message = f"`raw` hands the answer on unread, so `{name}` says nothing"
            _report(below, message, "Remove one of the two", scope)


def _check_unknown(response: Cursor, scope: Scope) -> None:
    for name in (*_UNKNOWN, *(["raw"] if response.flag("raw") else [])):
        below = response.get(name)
        if below is not None:
            message = f"`as: any` hands on what is no JSON as it comes, so `{name}` cannot be"
            _report(below, message, f"Remove `{name}`, or say with `as` what the answer is", scope)


def check_rows(rest: Cursor, kind: str, scope: Scope) -> None:
    """Report what cannot be where a list in pages is read as something else than JSON."""
    items, transform = rest.at("paginate").get("items"), rest.at("response").get("transform")
    if kind == "any":
        message = "pages are lists of rows, and this answer may be anything"
        _report(rest.at("response", "as"), message, "Say what the answer is, or remove `paginate`", scope)
        return
    if kind in _LISTS and items is not None:
        _report(items, f"the answer, read as {kind}, is the list of rows itself", "Remove `items`", scope)
    if kind == "text" and transform is None:
        below = rest.at("response", "as")
        fix = "Write `as: lines`, or a `transform` that makes a list of it"
        _report(below, "pages are lists of rows, and this answer is one text", fix, scope)


def _report(cursor: Cursor, message: str, fix: str, scope: Scope) -> None:
    scope.report.error(cursor.key_place, message, fix, cursor.key_length)
