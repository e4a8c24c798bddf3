"""docs/architecture.md names what there is, and all of it."""

import importlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from agentos_runtime.bootstrap import open_runtime
from agentos_runtime.jq.answer import Limits
from agentos_runtime.runtime.answering.streaming import FIRST_EVENT
from tests.docs.pages import DOCS, ROOT, cells, read, section

PAGE = DOCS / "architecture.md"
PACKAGE = ROOT / "agentos_runtime"
PATH = re.compile(r"[a-z_/]+(?:/|\.py)")
NAME = re.compile(r"[a-z_]+(?:\.[A-Za-z_]+)+")
STATE = frozenset(
    {
        "credentials.json",
        "agentos.lock",
        "agents.json",
        "activity.db",
        "limits.db",
        "idempotency.db",
        "waiting.db",
        "console.json",
        "config.toml",
        "cache",
        "replies",
    }
)
OF_THE_PROJECT = frozenset({"pyproject.toml", "tests/test_house.py"})
OF_MANIFESTS = frozenset({"stream.reply"})


def quoted(text: str) -> Iterator[str]:
    yield from (word.lstrip(".") for word in re.findall(r"`([^`\n]+)`", text))


def exists(name: str) -> bool:
    """Whether the dotted name leads somewhere below the package: a module, or what a module has."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        path = PACKAGE.joinpath(*parts[:cut])
        if path.is_dir() or path.with_suffix(".py").is_file():
            found: object = importlib.import_module(".".join(["agentos_runtime", *parts[:cut]]))
            for attribute in parts[cut:]:
                found = getattr(found, attribute, None)
            return found is not None
    return False


def test_every_path_is_there() -> None:
    paths = (
        {word for word in quoted(read(PAGE)) if PATH.fullmatch(word)}
        - OF_THE_PROJECT
        - {"skills/", "cache/", "replies/"}
    )
    assert len(paths) > 25
    assert {path for path in paths if not (PACKAGE / path).exists()} - {"agentos_runtime/"} == set()


def test_every_name_of_the_walk_is_there() -> None:
    names = {word for word in quoted(read(PAGE)) if NAME.fullmatch(word) and not word.endswith(".py")}
    names -= STATE | OF_THE_PROJECT | OF_MANIFESTS
    assert len(names) > 20
    assert {name for name in names if not exists(name)} == set()


def levels() -> list[set[str]]:
    """The packages and modules of each level, as import-linter names them, the highest first."""
    rows = cells(section(PAGE, "Packages"))
    names = [(int(row[0]), row[1].strip("`").rstrip("/").removesuffix(".py").replace("/", ".")) for row in rows]
    return [{name for at, name in names if at == level} for level in range(max(names)[0], 0, -1)]


def test_every_package_and_module_of_the_top_is_in_the_table() -> None:
    named = {name.partition(".")[0] for level in levels() for name in level}
    assert {path.stem for path in PACKAGE.iterdir() if holds_code(path)} - {"__init__"} == named


def holds_code(path: Path) -> bool:
    return path.suffix == ".py" or (path / "__init__.py").is_file()


def test_the_levels_are_those_that_are_enforced() -> None:
    settings = tomllib.loads(read(ROOT / "pyproject.toml"))["tool"]["importlinter"]
    layers = next(contract["layers"] for contract in settings["contracts"] if contract["type"] == "layers")
    enforced = [{part.strip(" ()") for part in re.split(r"[|:]", layer)} for layer in layers]
    assert levels() == enforced


def test_what_is_kept_at_home_is_what_is_said() -> None:
    sources = "\n".join(file.read_text(encoding="utf-8") for file in PACKAGE.rglob("*.py"))
    kept = {word.rstrip("/") for row in cells(section(PAGE, "Processes and state")) for word in quoted(row[0])} - {
        "skills"
    }
    assert kept == STATE
    assert {name for name in kept if f'"{name}"' not in sources} == set()
    written = set(re.findall(r'self\.home / "([\w.]+)"', sources))
    assert written - kept == set()


def test_the_limits_of_workers_and_the_first_wait_are_the_true_ones() -> None:
    state, limits = section(PAGE, "Processes and state").replace("\n", " "), Limits()
    assert f"{limits.cpu:g} s of CPU, {limits.memory >> 20} MB" in state
    most = limits.patience * limits.wall
    assert f"after {limits.wall:g} s of CPU with the kernel's work, and after {most:g} s of wall time" in state
    assert (limits.extra, "six at most" in state) == (6, True)
    assert f"waits up to {FIRST_EVENT:g} s for the first events" in section(PAGE, "One stream")


def test_the_parts_meet_where_it_is_said() -> None:
    assert open_runtime.__module__ == "agentos_runtime.bootstrap"
