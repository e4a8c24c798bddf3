"""Imports through the command line, and what came of them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli.console import Console, Done
from tests.reading import as_yaml, read_yaml


@dataclass(frozen=True)
class Workshop:
    """A folder with documents, and skills that are imported from them."""

    folder: Path
    console: Console

    @classmethod
    def at(cls, folder: Path) -> "Workshop":
        (folder / "skills").mkdir()
        return cls(folder, Console(folder / "home", folder / "skills"))

    def document(self, content: Any, name: str = "service.yaml") -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else as_yaml(content)
        file.write_text(text, encoding="utf-8")
        return file

    def run(self, kind: str, *args: object, skill: str = "service") -> Done:
        return self.console.run("import", kind, *args, "--id", skill)

    def imported(
        self, content: Any, *args: object, kind: str = "openapi", skill: str = "service"
    ) -> dict[str, Any]:
        """Import, check that the result has no problem and no warning, and give its front matter."""
        done = self.run(kind, self.document(content), *args, skill=skill)
        assert done.code == 0, done.err
        self.check(skill)
        return self.front(skill)

    def check(self, skill: str = "service") -> None:
        done = self.console.run("check", self.folder / "skills" / skill, "--strict", "--json")
        assert done.code == 0, done.out

    def report(self, content: Any, *args: object, kind: str = "openapi") -> dict[str, Any]:
        """What an import says in JSON."""
        done = self.run(kind, self.document(content), *args, "--json")
        assert done.code == 0, done.err
        found: dict[str, Any] = json.loads(done.out)
        return found

    def losses(self, content: Any, *args: object, kind: str = "openapi") -> dict[str, list[str]]:
        report = self.report(content, *args, kind=kind)
        return {entry["what"]: entry["where"] for entry in report["not_expressed"]}

    def file(self, skill: str = "service", name: str = "readme.md") -> Path:
        return self.folder / "skills" / skill / name

    def text(self, skill: str = "service", name: str = "readme.md") -> str:
        return self.file(skill, name).read_text(encoding="utf-8")

    def front(self, skill: str = "service", name: str = "readme.md") -> dict[str, Any]:
        found: dict[str, Any] = read_yaml(self.text(skill, name).split("---\n")[1])
        return found

    def edit(self, old: str, new: str, skill: str = "service", name: str = "readme.md") -> None:
        """Change the file by hand."""
        text = self.text(skill, name)
        assert old in text
        self.file(skill, name).write_text(text.replace(old, new, 1), encoding="utf-8")

    def request(self, utility: str, params: dict[str, Any], skill: str = "service") -> str:
        """What a call would send."""
        done = self.console.run("call", skill, utility, "--dry-run", "--json", json.dumps(params))
        assert done.code == 0, done.err
        return done.out


def service(paths: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A small OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Service", "version": "1"},
        "servers": [{"url": "https://api.example.com/v1"}],
        "paths": paths,
        **more,
    }


def answer(schema: Any, kind: str = "application/json", status: str = "200") -> dict[str, Any]:
    return {status: {"description": "Fine", "content": {kind: {"schema": schema}}}}


def body(schema: Any, kind: str = "application/json", *, required: bool = True) -> dict[str, Any]:
    return {"required": required, "content": {kind: {"schema": schema}}}


def query(name: str, schema: Any = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema or {"type": "string"}, **more}


NOTHING = {"204": {"description": "Done"}}
