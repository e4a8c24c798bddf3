"""Load manifests from text, as the registry does."""

import textwrap
from pathlib import Path

from agentos_runtime.diagnostics import Problem
from agentos_runtime.manifest.load import load_skill
from agentos_runtime.manifest.model import Skill, Utility
from agentos_runtime.manifest.result import LoadResult
from agentos_runtime.manifest.schema import ManifestSchema
from agentos_runtime.resources import read_schema

SCHEMA = ManifestSchema(read_schema("manifest"))
HEAD = "id: demo\nname: Demo\ndescription: A demonstration\n"


def load_bytes(
    data: bytes, *, file: str = "demo/readme.md", siblings: tuple[str, ...] = ("readme.md",)
) -> LoadResult:
    path = Path(file)
    return load_skill(data, schema=SCHEMA, file=path, folder=path.parent, siblings=siblings)


def load(front: str, *, head: str = HEAD, siblings: tuple[str, ...] = ("readme.md",)) -> LoadResult:
    """Load a front matter (dedented) after the usual first keys."""
    text = f"---\n{head}{textwrap.dedent(front)}\n---\n# Demo\n"
    return load_bytes(text.encode(), siblings=siblings)


def utility(rest: str, *, above: str = "", params: str = "", more: str = "") -> str:
    """A front matter with one utility `go`; `rest`, `params` and `more` are indented below it."""
    lines = [textwrap.dedent(above).strip("\n"), "utilities:", "  go:", "    description: Go"]
    if params:
        lines += ["    params:", textwrap.indent(textwrap.dedent(params).strip("\n"), "      ")]
    if more:
        lines.append(textwrap.indent(textwrap.dedent(more).strip("\n"), "    "))
    lines += ["    rest:", textwrap.indent(textwrap.dedent(rest).strip("\n"), "      ")]
    return "\n".join(line for line in lines if line)


def good(front: str, **options: tuple[str, ...]) -> Skill:
    """The skill; fails with all problems when there is none."""
    result = load(front, **options)  # type: ignore[arg-type]  # siblings only
    assert result.skill is not None, "\n".join(map(str, result.problems))
    return result.skill


def go(rest: str, **parts: str) -> Utility:
    """The utility `go` of a skill that loads."""
    return good(utility(rest, **parts)).utilities["go"]


def problems(front: str) -> tuple[Problem, ...]:
    """All problems, those of a skill that loads included."""
    result = load(front)
    return result.problems or (result.skill.warnings if result.skill else ())


def texts(front: str, severity: str = "error") -> list[str]:
    """Each problem of the severity as `line:column message. fix`."""
    return [
        f"{p.place.position.line}:{p.place.position.column} {p.message}. {p.fix or ''}".rstrip()
        for p in problems(front)
        if p.severity == severity
    ]
