"""The recorded exchanges beside the project, when they are there."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "openrouter" / "recorded"
SEEDS = Path(__file__).resolve().parents[2] / "shared" / "seeds"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One recorded request and what came back; `events` are the raw bytes of a stream."""

    name: str
    request: dict[str, Any]
    status: int
    headers: dict[str, str]
    body: bytes
    streamed: bool


def exchanges(pattern: str = "*") -> list[Exchange]:
    """Those whose file name (without ending) matches the glob, sorted; skips the test when the folder is absent."""
    if not FOLDER.is_dir():
        pytest.skip("the recorded exchanges are not beside this checkout")
    return [_read(file) for file in sorted(FOLDER.glob(f"{pattern}.json"))]


def seed(name: str) -> Path:
    """The path of a seed document; skips the test when it is absent."""
    file = SEEDS / name
    if not file.is_file():
        pytest.skip("the seed documents are not beside this checkout")
    return file


def _read(file: Path) -> Exchange:
    record = json.loads(file.read_text(encoding="utf-8"))
    response = record["response"]
    events = file.with_suffix(".sse")
    streamed = events.is_file()
    headers = {k: v[0] if isinstance(v, list) else v for k, v in response.get("headers", {}).items()}
    body = response.get("body")
    raw = body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()
    return Exchange(
        name=file.stem,
        request=record["request"],
        status=response["status"],
        headers={k: v for k, v in headers.items() if k.lower() not in _HOP_BY_HOP},
        body=events.read_bytes() if streamed else raw,
        streamed=streamed,
    )


_HOP_BY_HOP = {"transfer-encoding", "content-length", "content-encoding", "connection"}
