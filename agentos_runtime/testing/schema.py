"""A case's shape, checked with the JSON Schema that editors use too (`schemas/case.schema.json`).

The schema says with `oneOf` which keys exclude each other; here each of those mistakes is one sentence.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from agentos_runtime.jsontext import Json
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.schema import report_error
from agentos_runtime.manifest.yaml.values import Cursor
from agentos_runtime.suggest import suggest

EVENT_KEYS = ("data", "comment", "raw")
BODY_KEYS = ("body", "text", "events")


class CaseSchema:
    """The compiled schema of a case."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._validator = Draft202012Validator(schema)
        self._top: Mapping[str, Any] = schema["properties"]

    def check(self, root: Cursor, report: Report) -> None:
        """Report every way in which the values are not a case."""
        for error in self._validator.iter_errors(root.json):
            self._translate(error, root, report)
        self._check_choices(root, report)

    def _translate(self, error: ValidationError, root: Cursor, report: Report) -> None:
        if error.validator == "oneOf" or (error.validator == "pattern" and error.absolute_path[-1] == "url"):
            return  # `rules` say it with the skill's own address
        if error.validator is None and "then" in error.absolute_schema_path:
            _not_beside_exchanges(root, report)
        elif error.validator is None:
            _stream_is_no_param(root, report)
        elif not error.absolute_path and error.validator in ("required", "additionalProperties"):
            self._check_top(root, report)
        else:
            report_error(error, root, report)

    def _check_top(self, root: Cursor, report: Report) -> None:
        for name, cursor in root.items():
            if name not in self._top:
                guess = suggest(name, self._top)
                fix = f"Did you mean `{guess}`?" if guess else f"Known keys: {', '.join(self._top)}"
                report.error(cursor.key_place, f"`{name[:60]}` is not a key of a case", fix, cursor.key_length)
        whole = ("exchanges",) if root.get("exchanges") else ("request", "response")
        for name in ("description", "utility", *whole):
            if root.get(name) is None:
                hint = self._top[name]["description"].partition(". ")[0].rstrip(".")
                report.error(root.place, f"a case needs `{name}`", f"Add `{name}: …` ({_lowered(hint)})")

    def _check_choices(self, root: Cursor, report: Report) -> None:
        listed = root.get("exchanges")
        if listed is not None and listed.json == [] and root.get("error") is None:
            fix = "List what is sent; only a call that fails before has nothing to list, and then an `error`"
            report.error(listed.key_place, "`exchanges` is empty", fix, listed.key_length)
        _one_of(root, ("reply", "error"), report, "Say what the caller gets: `reply: …`, or `error: {code: …}`")
        for response in (below for each in exchanges_of(root) if (below := each.get("response"))):
            _one_of(response, BODY_KEYS, report, None)
            events = response.get("events")
            for event in events.elements() if events else ():
                _one_of(event, EVENT_KEYS, report, "Write `data: …`, `comment: …` or `raw: …`")
                _check_event_keys(event, report)


def exchanges_of(root: Cursor) -> tuple[Cursor, ...]:
    """What holds a `request` and its `response`: each of the `exchanges`, or the case itself."""
    listed = root.get("exchanges")
    return (root,) if listed is None else tuple(listed.elements())


def _one_of(owner: Cursor, names: Sequence[str], report: Report, missing: str | None) -> None:
    given = [below for name in names if (below := owner.get(name))]
    if not given and missing and isinstance(owner.json, dict):
        what = " or ".join(f"`{name}`" for name in names)
        report.error(owner.key_place, f"{_named(owner)} needs one of {what}", missing, owner.key_length)
    for other in given[1:]:
        report.error(
            other.key_place,
            f"`{other.name}` does not stand beside `{given[0].name}`",
            "Keep one of them",
            other.key_length,
        )


def _check_event_keys(event: Cursor, report: Report) -> None:
    if not isinstance(event.json, dict):
        report.error(event.place, "an event is a map", "Write `- data: …`", event.length)
    for name, cursor in event.items():
        if name not in EVENT_KEYS and (name != "event" or event.get("data") is None):
            fix = "Known keys: data (with its event), comment, raw"
            report.error(cursor.key_place, f"`{name[:60]}` is not a key of this event", fix, cursor.key_length)


def _not_beside_exchanges(root: Cursor, report: Report) -> None:
    for cursor in (below for name in ("request", "response") if (below := root.get(name))):
        message = f"`{cursor.name}` does not stand beside `exchanges`"
        report.error(cursor.key_place, message, "Make it one of the `exchanges`, or remove it", cursor.key_length)


def _stream_is_no_param(root: Cursor, report: Report) -> None:
    cursor = root.at("params", "stream")
    report.error(
        cursor.key_place,
        "`stream` does not stand in a case's params",
        "Remove it; a case whose response has `events` is a streamed call",
        cursor.key_length,
    )


def _named(cursor: Cursor) -> str:
    return f"`{cursor.name}`" if cursor.path else "a case"


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def json_of(cursor: Cursor | None) -> Json:
    return None if cursor is None else cursor.json
