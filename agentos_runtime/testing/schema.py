"""A case's shape, checked with the JSON Schema that editors use too (`schemas/case.schema.json`).

The schema says with `oneOf` which keys exclude each other; here each of those mistakes is one sentence.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from agentos_runtime.errors import UpstreamError
from agentos_runtime.jsontext import Json, describe
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.schema import report_error
from agentos_runtime.manifest.yaml.values import Cursor
from agentos_runtime.regexes import regex
from agentos_runtime.suggest import suggest

_MEANT: Mapping[str, str] = {
    **dict.fromkeys(("input", "inputs", "args", "arguments", "parameters", "given"), "params"),
    **dict.fromkeys(
        (
            "expected",
            "expect",
            "expects",
            "expectation",
            "output",
            "outputs",
            "result",
            "returns",
            "assert",
            "then",
        ),
        "reply",
    ),
    **dict.fromkeys(("name", "title", "summary", "it", "test"), "description"),
    **dict.fromkeys(("tool", "function", "operation", "action", "endpoint", "call", "method"), "utility"),
    **dict.fromkeys(("mock", "upstream", "answer", "fixture"), "response"),
    **dict.fromkeys(("failure", "fails", "raises"), "error"),
}
"""What other tests call the keys of a case."""
_OF_RULES = ("url", "utility", "code")
_A_KIND: Mapping[str, str] = {"object": "a map", "string": "text"}
_PAIR = regex(r"([a-z_]\w{0,60})=([\w.-]{1,60})")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
_IN_AN_ANSWER: Mapping[str, str] = {
    **dict.fromkeys(("json", "data", "content", "payload", "value", "result"), "body"),
    **dict.fromkeys(("code", "status_code", "statuscode"), "status"),
    **dict.fromkeys(("header", "head"), "headers"),
    **dict.fromkeys(("stream", "chunks", "sse"), "events"),
}
"""What other tests call the keys of an answer."""
_ANSWER_KEYS = ("status", "headers", "body", "text", "events")
EVENT_KEYS = ("data", "comment", "raw")
BODY_KEYS = ("body", "text", "events")


class CaseSchema:
    """The compiled schema of a case."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._validator = Draft202012Validator(schema)
        self._top: Mapping[str, Any] = schema["properties"]

    def check(self, root: Cursor, report: Report) -> None:
        """Report every way in which the values are not a case."""
        if _is_told_whole(root, report):
            return
        for error in self._validator.iter_errors(root.json):
            self._translate(error, root, report)
        self._check_choices(root, report)

    def _translate(self, error: ValidationError, root: Cursor, report: Report) -> None:
        if error.validator == "oneOf" or (error.validator == "pattern" and error.absolute_path[-1] in _OF_RULES):
            return  # `rules` say it with the skill's own address, its utilities and all codes
        fix = _other_kind(root.at(*error.absolute_path)) if error.validator == "type" else None
        if fix is not None:
            cursor = root.at(*error.absolute_path)
            message = f"`{cursor.name}` must be {_A_KIND[str(error.validator_value)]}, is {describe(cursor.json)}"
            report.error(cursor.place, message, fix, cursor.length)
            return
        if error.validator is None and "then" in error.absolute_schema_path:
            _not_beside_exchanges(root, report)
        elif error.validator is None:
            _stream_is_no_param(root, report)
        elif not error.absolute_path and error.validator in ("required", "additionalProperties"):
            self._check_top(root, report)
        elif error.validator == "additionalProperties" and error.absolute_path[-1] == "request":
            _check_request(root.at(*error.absolute_path), report)
        elif error.validator == "additionalProperties" and isinstance(error.absolute_path[-1], int):
            _check_exchange(root.at(*error.absolute_path), report)
        elif error.validator == "additionalProperties" and error.absolute_path[-1] == "response":
            _check_response(root.at(*error.absolute_path), report)
        else:
            report_error(error, root, report)

    def _check_top(self, root: Cursor, report: Report) -> None:
        for name, cursor in root.items():
            if name not in self._top:
                guess = _MEANT.get(name.lower()) or suggest(name, self._top)
                fix = f"Did you mean `{guess}`?" if guess else f"Known keys: {', '.join(self._top)}"
                if guess and root.get(guess) is not None:
                    fix = f"Remove it: `{guess}` is there already"
                below = _home(name, cursor.json)
                fix = f"Write it below `{below}`" if below else fix
                report.error(cursor.key_place, f"`{name[:60]}` is not a key of a case", fix, cursor.key_length)
        whole = ("exchanges",) if root.get("exchanges") else ("request", "response")
        meant = meant_keys(root)
        for name in ("description", "utility", *whole):
            if root.get(name) is None and name not in meant:
                hint = self._top[name]["description"].partition(". ")[0].rstrip(".")
                report.error(root.place, f"a case needs `{name}`", f"Add `{name}: …` ({_lowered(hint)})")

    def _check_choices(self, root: Cursor, report: Report) -> None:
        listed = root.get("exchanges")
        if listed is not None and listed.json == [] and root.get("error") is None:
            fix = "List what is sent; only a call that fails before has nothing to list, and then an `error`"
            report.error(listed.key_place, "`exchanges` is empty", fix, listed.key_length)
        told = meant_keys(root) & {"reply", "error"}
        said = None if told else "Say what the caller gets: `reply: …`, or `error: {code: …}`"
        _one_of(root, ("reply", "error"), report, said)
        for response in (below for each in exchanges_of(root) if (below := each.get("response"))):
            _one_of(response, BODY_KEYS, report, None)
            events = response.get("events")
            for event in events.elements() if events else ():
                _one_of(event, EVENT_KEYS, report, "Write `data: …`, `comment: …` or `raw: …`")
                _check_event_keys(event, report)


def meant_keys(root: Cursor) -> set[str]:
    """The keys of a case that stand there under another name."""
    return {_MEANT[name.lower()] for name, _ in root.items() if name.lower() in _MEANT}


def _is_told_whole(root: Cursor, report: Report) -> bool:
    """Report a file that is no case as a whole, once."""
    if root.json == {}:
        fix = "Write `description`, `utility`, `request`, `response` and `reply`"
        report.error(root.place, "this case is empty", fix)
        return True
    several = next((below for name in ("cases", "tests") if (below := root.get(name)) is not None), None)
    if several is None or root.get("utility") is not None:
        return False
    fix = "Write what stands in it as the keys of the file, and each further case as a file of its own"
    report.error(several.key_place, f"a file is one case, and has no `{several.name}`", fix, several.key_length)
    return True


def _check_request(request: Cursor, report: Report) -> None:
    known = ("method", "url", "headers", "body")
    for name, cursor in request.items():
        if name in known:
            continue
        guess = suggest(name, known)
        fix = f"Did you mean `{guess}`?" if guess else f"Known keys: {', '.join(known)}"
        if name in ("query", "params", "querystring"):
            fix = "Write it into the `url`, as it is sent: `https://api.example.com/things?q=cats`"
        report.error(cursor.key_place, f"`{name[:60]}` is not a key of `request`", fix, cursor.key_length)


def _check_response(response: Cursor, report: Report) -> None:
    for name, cursor in response.items():
        if name in _ANSWER_KEYS:
            continue
        guess = _IN_AN_ANSWER.get(name.lower()) or suggest(name, _ANSWER_KEYS)
        fix = (
            f"Did you mean `{guess}`?"
            if guess
            else f"What the service answers stands in `body`: `body: {{{name}: …}}`"
        )
        if guess and response.get(guess) is not None:
            fix = f"Remove it: `{guess}` is there already"
        report.error(cursor.key_place, f"`{name[:60]}` is not a key of `response`", fix, cursor.key_length)


def _check_exchange(exchange: Cursor, report: Report) -> None:
    for name, cursor in exchange.items():
        if name in ("request", "response"):
            continue
        guess, below = suggest(name, ("request", "response")), _home(name, cursor.json)
        fix = f"Write it below `{below}`" if below else "Known keys: request, response"
        fix = f"Did you mean `{guess}`?" if guess else fix
        report.error(cursor.key_place, f"`{name[:60]}` is not a key of an exchange", fix, cursor.key_length)


def _home(name: str, value: Json) -> str | None:
    """What a key at the top stands below."""
    if name == "url" or (name == "method" and isinstance(value, str) and value.upper() in _METHODS):
        return "request"
    return "response" if name in _ANSWER_KEYS else None


def _other_kind(cursor: Cursor) -> str | None:
    """What to write for a value of another kind, where a case has words of its own for it."""
    value = cursor.json
    if cursor.name == "response" and isinstance(value, list):
        return "Write what the service answers below `body`: `response: {body: […]}`"
    if cursor.name == "request" and isinstance(value, str):
        method, _, url = value.strip().partition(" ")
        known = method.upper() in _METHODS and url.strip()
        said = f'{{method: {method.upper()}, url: "{url.strip()}"}}' if known else "{method: GET, url: https://…}"
        return f"Write `request: {said}`"
    if cursor.name == "params" and isinstance(value, str) and (pair := _PAIR.fullmatch(value)):
        return f"Write `params: {{{pair[1]}: {pair[2]}}}`"
    if cursor.path == "error" and isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        return f"Write `error: {{code: {value[0]}}}`"
    if cursor.name == "params" and isinstance(value, list):
        return "Write the value of each param behind its name: `params: {q: cats}`"
    if cursor.path == "error.code" and isinstance(value, int):
        return f"Write `code: {_code_of(value)}`"
    return None


def _code_of(status: int) -> str:
    """The code of an answer with this status."""
    said = {kind.status: kind.code for kind in UpstreamError.__subclasses__()} | {502: "upstream_failed"}
    return said.get(status, "upstream_rejected" if status < 500 else "upstream_failed")


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
