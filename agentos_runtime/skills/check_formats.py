"""What a check found, for programs that show it beside the code: SARIF 2.1.0, and GitHub's workflow commands."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from agentos_runtime.diagnostics import Problem
from agentos_runtime.jsontext import Json
from agentos_runtime.skills.checking import CheckReport
from agentos_runtime.version import __version__

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_RULES: Mapping[str, str] = {
    "manifest": "What a skill file says must be the manifest language",
    "case": "What a case says must fit its skill",
    "jq": "Every expression must compile",
    "secret": "No secret stands in a file that is shared",
}


def sarif(report: CheckReport, root: Path) -> dict[str, Json]:
    """One run of SARIF 2.1.0; files below `root` are named from there."""
    rules: list[Json] = [{"id": name, "shortDescription": {"text": text}} for name, text in _RULES.items()]
    results: list[Json] = [_result(problem, root) for each in report.files for problem in each.problems]
    driver: dict[str, Json] = {
        "name": "agentos check",
        "version": __version__,
        "rules": rules,
    }
    run: dict[str, Json] = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}


def workflow_commands(report: CheckReport, root: Path) -> Iterator[str]:
    """A line for each problem, which GitHub shows at its place."""
    for each in report.files:
        for problem in each.problems:
            position = problem.place.position
            properties = {
                "file": _path(position.file, root),
                "line": str(position.line),
                "col": str(position.column),
                "endColumn": str(position.column + problem.length),
                "title": f"agentos check: {problem.place.key}" if problem.place.key else "agentos check",
            }
            written = ",".join(f"{name}={_property(text)}" for name, text in properties.items())
            yield f"::{problem.severity} {written}::{_data(_text(problem))}"


def _result(problem: Problem, root: Path) -> dict[str, Json]:
    position = problem.place.position
    region: dict[str, Json] = {
        "startLine": position.line,
        "startColumn": position.column,
        "endColumn": position.column + problem.length,
    }
    place: dict[str, Json] = {"artifactLocation": _location(position.file, root), "region": region}
    location: dict[str, Json] = {"physicalLocation": place}
    if problem.place.key:
        location["logicalLocations"] = [{"fullyQualifiedName": problem.place.key}]
    return {
        "ruleId": _rule(problem),
        "level": problem.severity,
        "message": {"text": _text(problem)},
        "locations": [location],
    }


def _rule(problem: Problem) -> str:
    if problem.message.startswith("jq: "):
        return "jq"
    if "looks like a secret" in problem.message:
        return "secret"
    return "manifest" if problem.place.position.file.endswith(".md") else "case"


def _text(problem: Problem) -> str:
    return f"{problem.message}. {problem.fix}" if problem.fix else problem.message


def _path(file: str, root: Path) -> str:
    path = Path(file).absolute()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def _location(file: str, root: Path) -> dict[str, Json]:
    path = Path(file).absolute()
    if path.is_relative_to(root):
        return {"uri": quote(os.fsencode(path.relative_to(root).as_posix())), "uriBaseId": "%SRCROOT%"}
    return {"uri": path.as_uri()}


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
