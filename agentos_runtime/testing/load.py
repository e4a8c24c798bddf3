"""Case files become cases, or all of their problems at file:line:column."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from agentos_runtime.diagnostics import Place, Position
from agentos_runtime.jsontext import Json, dump
from agentos_runtime.manifest.model import Skill, Utility
from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.source import decode_text
from agentos_runtime.manifest.yaml.guard import read_yaml
from agentos_runtime.manifest.yaml.positions import Lines
from agentos_runtime.manifest.yaml.values import Cursor, Document, Entries, Sequence
from agentos_runtime.skills.files import MOST_ENTRIES, NotRead, SkillFile, SkillFolder, is_there
from agentos_runtime.testing.model import Case, CaseFile, Exchange, SentRequest, SimulatedAnswer
from agentos_runtime.testing.rules import check_case
from agentos_runtime.testing.schema import CaseSchema, exchanges_of, json_of

FOLDER = "cases"
MOST_CASES = 1000
"""Of one skill."""
SUFFIXES = frozenset({".yaml", ".yml"})
_NEARLY = frozenset({*SUFFIXES, ".json"})
CONTENT_TYPES: Mapping[str, str] = {
    "body": "application/json",
    "text": "text/plain; charset=utf-8",
    "events": "text/event-stream",
}


def case_files(skill_file: SkillFile) -> list[SkillFile]:
    """The case files of a skill, in the order of their names. Raises OSError when they cannot be listed."""
    folder = skill_file.path.parent / FOLDER
    if not is_there(folder):
        return []
    entries = skill_file.folder.entries(folder)
    names = [entry.name for entry in entries if Path(entry.name).suffix in SUFFIXES and entry.name[0] != "."]
    if len(names) > MOST_CASES or len(entries) > MOST_ENTRIES:
        raise NotRead(f"there are more than {MOST_CASES} cases", "Keep those that tell something new")
    return [SkillFile(skill_file.folder, folder / name) for name in names]


def unread_cases(skill: Skill, folder: SkillFolder) -> Iterator[CaseFile]:
    """What lies among the cases of a skill as if it were one, and is never read; nothing that cannot be listed."""
    cases = skill.file.parent / FOLDER
    try:
        entries = folder.entries(cases) if is_there(cases) else []
        below = [
            f"{one.name}/{each.name}"
            for one in entries
            if one.is_folder and one.name[0] != "."
            for each in folder.entries(cases / one.name)
            if Path(each.name).suffix.lower() in SUFFIXES
        ]
    except OSError:
        return
    others = [
        one.name
        for one in entries
        if not one.is_folder and Path(one.name).suffix not in SUFFIXES and Path(one.name).suffix.lower() in _NEARLY
    ]
    for name in [*others, *below]:
        report = Report()
        said = f"Move it to `{FOLDER}/{Path(name).stem.lower()}.yaml`, or away from the cases"
        report.warning(
            Place("", Position(str(cases / name), 1, 1)), "this is not read: a case is a file cases/NAME.yaml", said
        )
        yield CaseFile(cases / name, skill.id, None, report.all())


def load_cases(skill: Skill, folder: SkillFolder, schema: CaseSchema) -> tuple[CaseFile, ...]:
    """Every case of a skill of the folder; that they cannot be listed is a problem of the folder of cases."""
    try:
        files = case_files(SkillFile(folder, skill.file))
    except OSError as error:
        return (unreadable_case(skill.file.parent / FOLDER, skill, error),)
    return tuple(read_case(file, skill, schema) for file in files)


def read_case(file: SkillFile, skill: Skill, schema: CaseSchema) -> CaseFile:
    """Load one file from disk; that it cannot be read is a problem too."""
    try:
        return load_case(file.read(), file.path, skill, schema)
    except OSError as error:
        return unreadable_case(file.path, skill, error)


def unreadable_case(file: Path, skill: Skill, error: OSError) -> CaseFile:
    """A file or a folder of cases that cannot be read, and why."""
    report = Report()
    reason = error.strerror or "it cannot be read"
    fix = error.fix if isinstance(error, NotRead) else "Check its rights"
    report.error(Place("", Position(str(file), 1, 1)), f"this cannot be read: {reason}", fix)
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
    return CaseFile(file, skill.id, case, report.all(), data)


def _read_root(data: bytes, file: Path, report: Report) -> Cursor | None:
    text = decode_text(data, str(file), report)
    if text is None:
        return None
    document = Document(text, Lines(str(file), text))
    value = read_yaml(document, 0, len(text), report)
    if value is None:
        return None
    if not isinstance(value, Entries):
        fix = "Write `key: value` lines"
        if isinstance(value, Sequence):
            fix = "Remove the `- `: each further case is a file of its own"
        report.error(document.place("", value.start), "a case must be a map of keys", fix)
        return None
    return Cursor(document, value)


def _case(root: Cursor, file: Path, skill: Skill, utility: Utility) -> Case:
    values: Any = root.json
    return Case(
        file=file,
        skill=skill.id,
        utility=utility,
        description=values["description"],
        params=values.get("params", {}),
        exchanges=tuple(map(_exchange, exchanges_of(root))),
        listed="exchanges" in values,
        live=values.get("live", False),
        reply=values.get("reply"),
        deltas=values.get("deltas"),
        error=values.get("error"),
    )


def _exchange(cursor: Cursor) -> Exchange:
    written = cursor.at("request")
    request: Any = written.json
    sent = SentRequest(
        method=request["method"],
        url=request["url"],
        headers=_headers(written.get("headers")),
        body=request.get("body"),
        states_body="body" in request,
    )
    return Exchange(sent, _answer(cursor.at("response")), written.key_place.position.line)


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
