"""Generated documents: every operation is imported or listed, the skill is in order, and its calls go out."""

import json
import os
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agentos_runtime import Call, Settings, open_runtime_sync
from agentos_runtime.runtime import Runtime
from tests.importers.calling import params_of
from tests.importers.generated import document, swagger
from tests.importers.workshop import Workshop
from tests.reading import as_yaml

COUNT, PADDING = (int(number) for number in os.environ.get("AGENTOS_TEST_OPERATIONS", "40,0").split(","))
"""Operations of each document, and characters of prose in each: `1200,9000` make 13 MB."""
CALLED = 40
"""Utilities of each that are called."""


def apart(made: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The document without its schemas, which lie in a file beside it."""
    shared = made["components"].pop("schemas")
    text = json.dumps({"components": {"schemas": shared}})
    (folder / "shared.json").write_text(text, encoding="utf-8")
    moved: dict[str, Any] = json.loads(
        json.dumps(made).replace("#/components/schemas/", "shared.json#/components/schemas/")
    )
    return moved


def texts(folder: Path, kind: str) -> tuple[dict[str, Any], str]:
    """A document, and how it is written."""
    made = {
        "2.0": lambda: swagger(COUNT),
        "3.0": lambda: document(COUNT, padding=PADDING),
        "3.0 in YAML": lambda: document(COUNT, seed=2, padding=PADDING // 10),
        "3.1": lambda: document(COUNT, version="3.1.0", seed=3, padding=PADDING),
        "3.2": lambda: document(COUNT, version="3.2.0", seed=4, padding=PADDING),
        "several files": lambda: apart(document(COUNT, seed=5, padding=PADDING), folder),
    }[kind]()
    return made, as_yaml(made) if kind.endswith("YAML") else json.dumps(made)


def _preview(call: Call, runtime: Runtime) -> Any:
    return runtime.preview(call)


async def _loaded(runtime: Runtime) -> None:
    """A large skill on a busy machine is tried again."""
    for _ in range(20):
        await runtime.registry.refresh()
        entry = runtime.registry.find("service")
        if entry is not None and entry.skill is not None:
            return


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["2.0", "3.0", "3.0 in YAML", "3.1", "3.2", "several files"])
@pytest.mark.timeout(900)
def test_every_operation_of_a_generated_document_can_be_called_or_is_listed(workshop: Workshop, kind: str) -> None:
    made, text = texts(workshop.folder, kind)
    file = workshop.document(text, "service.yaml" if kind.endswith("YAML") else "service.json")
    done = workshop.run("openapi", file, "--json")
    assert done.code == 0, done.err
    assert not any("leads nowhere" in each["what"] for each in done.json["not_expressed"])
    described = [
        (method, path) for path, item in made["paths"].items() for method in item if method != "parameters"
    ]
    described = [(method, path) for method, path in described if not method.startswith("x-")]
    assert done.json["utilities"] == len(described)
    workshop.check()
    assert "nothing changed" in workshop.run("openapi", file).out
    here = Settings(home=workshop.folder / "home", skills=(workshop.folder / "skills",), only_skills=True)
    with open_runtime_sync(here, environ={}) as runtime:
        runtime.run(_loaded)
        utilities = runtime.run(lambda it: it.catalog("tests").detail("service"))["utilities"]
        routes = {re.sub(r"\{[^}]*\}", "{}", path) for _, path in described}
        for name in [*utilities][:: max(1, len(utilities) // CALLED)]:
            params = params_of(utilities[name]["params"], full=True)
            request = runtime.run(partial(_preview, Call("service", name, params, agent="tests"))).request
            target = re.sub(r"^https://(?:eu|other|old)\.example\.com/(?:v1|api)(?=/)", "", request.url)
            parts = target.partition("?")[0].split("/")
            assert any(len(route.split("/")) == len(parts) for route in routes), request.url
            assert "{" not in target.partition("?")[0]
