"""Case files become cases, or all of their problems at file:line:column."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from agentos_runtime.cases.model import Case, CaseFile, SentRequest, SimulatedAnswer
from agentos_runtime.cases.rules import check_case
from agentos_runtime.cases.schema import CaseSchema, json_of
from agentos_runtime.diagnostics import Place, Position
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.manifest.model import Skill, Utility
from agentos_runtime.manifest.positions import Lines
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.source import decode_text
from agentos_runtime.manifest.values import Cursor, Document, Entries
from agentos_runtime.manifest.yaml_guard import read_yaml

FOLDER = "cases"
SUFFIXES = frozenset({".yaml", ".yml"})
CONTENT_TYPES: Mapping[str, str] = {
    "body": "application/json",
    "text": "text/plain; charset=utf-8",
    "events": "text/event-stream",
}


def case_files(skill_file: Path) -> list[Path]:
    """The case files of a skill that has a folder of its own, in the order of their names."""
    try:
        return sorted(file for file in (skill_file.parent / FOLDER).iterdir() if file.suffix in SUFFIXES)
    except OSError:
        return []


def load_cases(skill: Skill, schema: CaseSchema) -> tuple[CaseFile, ...]:
    """Every case of a skill."""
    return tuple(read_case(file, skill, schema) for file in case_files(skill.file))


def read_case(file: Path, skill: Skill, schema: CaseSchema) -> CaseFile:
    """Load one file from disk; that it cannot be read is a problem too."""
    try:
        return load_case(file.read_bytes(), file, skill, schema)
    except OSError as error:
        report = Report()
        reason = error.strerror or "it cannot be read"
        report.error(Place("", Position(str(file), 1, 1)), f"the file cannot be read: {reason}", "Check its rights")
        return CaseFile(file, skill.id, None, report.all())


def load_case(data: bytes, file: Path, skill: Skill, schema: CaseSchema) -> CaseFile:
    """Load a case from the bytes of its file."""
    report = Report()
    root = _read_root(data, file, report)
    utility = None
    if root is not None:
        schema.check(root, report)
        utility = check_case(root, skill, report)
    case = _case(root, file, skill, utility) if root and utility and not report.has_errors else None
    return CaseFile(file, skill.id, case, report.all())


def _read_root(data: bytes, file: Path, report: Report) -> Cursor | None:
    text = decode_text(data, str(file), report)
    if text is None:
        return None
    document = Document(text, Lines(str(file), text))
    value = read_yaml(document, 0, len(text), report)
    if value is None:
        return None
    if not isinstance(value, Entries):
        report.error(document.place("", value.start), "a case must be a map of keys", "Write `key: value` lines")
        return None
    return Cursor(document, value)


def _case(root: Cursor, file: Path, skill: Skill, utility: Utility) -> Case:
    values: Any = root.json
    request: Any = values["request"]
    return Case(
        file=file,
        skill=skill.id,
        utility=utility,
        description=values["description"],
        params=values.get("params", {}),
        request=SentRequest(
            method=request["method"],
            url=request["url"],
            headers=_headers(root.at("request").get("headers")),
            body=request.get("body"),
            states_body="body" in request,
        ),
        answer=_answer(root.at("response")),
        reply=values.get("reply"),
        deltas=values.get("deltas"),
        error=values.get("error"),
    )


def _answer(response: Cursor) -> SimulatedAnswer:
    given: Any = response.json
    kind = next((name for name in CONTENT_TYPES if name in given), None)
    headers = ({"content-type": CONTENT_TYPES[kind]} if kind else {}) | _headers(response.get("headers"))
    as_lines = headers.get("content-type", "").startswith("application/x-ndjson")
    events = None
    if kind == "events":
        events = tuple(_event(event, as_lines) for event in given["events"])
    body = given["text"].encode() if kind == "text" else dump(given["body"]) if kind == "body" else b""
    return SimulatedAnswer(given.get("status", 200), headers, body, events)


def _event(event: Mapping[str, Json], as_line: bool) -> bytes:
    if "raw" in event:
        return str(event["raw"]).encode()
    if "comment" in event:
        return f": {event['comment']}\n\n".encode()
    data = event["data"]
    text = data.encode() if isinstance(data, str) else dump(data)
    if as_line:
        return text + b"\n"
    name = f"event: {event['event']}\n".encode() if "event" in event else b""
    lines: Iterable[bytes] = (b"data: " + line + b"\n" for line in text.split(b"\n"))
    return name + b"".join(lines) + b"\n"


def _headers(cursor: Cursor | None) -> dict[str, str]:
    """As written, so that a number keeps its zeros."""
    given = json_of(cursor)
    return {str(name).lower(): str(value) for name, value in given.items()} if isinstance(given, dict) else {}
