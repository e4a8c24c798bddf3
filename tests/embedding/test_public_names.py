"""What `import agentos_runtime` gives: every public name, and nothing that costs time before it is used."""

import ast
import importlib
import inspect
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import agentos_runtime
from agentos_runtime import errors
from tests.cli.console import PATIENCE

FRONT = Path(agentos_runtime.__file__)
HEAVY = frozenset(
    {"asyncio", "click", "httptools", "httpx", "jq", "jsonschema", "starlette", "uvicorn", "uvloop", "yaml"}
)
OF_SURFACES = frozenset({"click", "httpx", "starlette", "uvicorn"})
OPENING = """
import asyncio, sys, tempfile, pathlib
from agentos_runtime import Settings, open_runtime

async def main(folder):
    settings = Settings(home=pathlib.Path(folder, "home"), only_skills=True)
    async with open_runtime(settings, {}, watch=False) as runtime:
        print(runtime.health()["status"])

with tempfile.TemporaryDirectory() as folder:
    asyncio.run(main(folder))
"""


def loaded(program: str) -> tuple[list[str], set[str]]:
    """What a fresh interpreter prints that runs the program, and the packages that it has loaded then."""
    ending = "\nimport sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program + ending],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    *said, modules = done.stdout.splitlines()
    return said, set(modules.split())


def typed() -> Mapping[str, str]:
    """Public name → the module from which type checkers have it."""
    tree = ast.parse(FRONT.read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If) and not isinstance(node.test, ast.UnaryOp))
    return {
        alias.name: str(node.module)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_the_names_are_listed_once_and_in_order() -> None:
    assert agentos_runtime.__all__ == sorted(set(agentos_runtime.__all__))


@pytest.mark.parametrize("name", agentos_runtime.__all__)
def test_a_name_is_what_type_checkers_take_it_for(name: str) -> None:
    found = getattr(agentos_runtime, name)
    if name != "__version__":
        assert found is getattr(importlib.import_module(typed()[name]), name)
        assert inspect.getdoc(found)


def test_type_checkers_know_no_other_names() -> None:
    assert typed().keys() | {"__version__"} == set(agentos_runtime.__all__)


def test_every_error_that_a_caller_can_meet_is_public() -> None:
    kinds = {
        name for name, kind in vars(errors).items() if isinstance(kind, type) and kind.__module__ == errors.__name__
    }
    assert len(kinds) > 40
    assert kinds - set(agentos_runtime.__all__) == set()


def test_a_name_that_is_not_there_is_missed_as_in_any_module() -> None:
    with pytest.raises(AttributeError, match="'agentos_runtime' has no attribute 'open_runtim'"):
        _ = agentos_runtime.open_runtim  # type: ignore[attr-defined]


def test_names_are_completed_before_they_are_loaded() -> None:
    said, _ = loaded("import agentos_runtime; print({*agentos_runtime.__all__} <= {*dir(agentos_runtime)})")
    assert said == ["True"]


def test_a_star_gives_all_of_them() -> None:
    said, _ = loaded("from agentos_runtime import *\nprint(open_runtime.__name__, Overloaded.code, __version__)")
    assert said == [f"open_runtime overloaded {agentos_runtime.__version__}"]


def test_importing_the_package_loads_no_library() -> None:
    _, packages = loaded("import agentos_runtime; agentos_runtime.__version__")
    assert packages & HEAVY == set()


def test_opening_a_runtime_loads_neither_the_server_nor_the_command_line() -> None:
    said, packages = loaded(OPENING)
    assert said == ["ok"]
    assert packages & OF_SURFACES == set()
