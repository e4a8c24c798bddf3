"""The files of entities, read."""

from collections.abc import Iterator
from typing import Any

from agentos_runtime.manifest.report import Report
from agentos_runtime.manifest.source import decode_text
from agentos_runtime.manifest.yaml.guard import read_yaml
from agentos_runtime.manifest.yaml.positions import Lines
from agentos_runtime.manifest.yaml.values import Document


def documents_of(data: bytes, file: str) -> Iterator[dict[str, Any]]:
    """The documents of a file that have an id, parted by `---`."""
    report = Report()
    text = decode_text(data, file, report)
    if text is None:
        return
    document = Document(text, Lines(file, text))
    start = 0
    for end in [*_ends(text), len(text)]:
        value = read_yaml(document, start, end, report) if text[start:end].strip() else None
        found: Any = value.value if value is not None else None
        if isinstance(found, dict) and isinstance(found.get("id"), str):
            yield found
        start = text.find("\n", end) + 1 if end < len(text) else end


def _ends(text: str) -> Iterator[int]:
    """Where the lines `---` begin."""
    at = 0
    for line in text.splitlines(keepends=True):
        if line.rstrip() == "---":
            yield at
        at += len(line)
