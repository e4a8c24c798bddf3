"""The page about OpenRouter says what the skill has: every endpoint, its utility, its key, what it gives."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from agentos_runtime.manifest.model import Literal, Skill, UrlTemplate, Utility
from tests.chat.support import load
from tests.openrouter.description import description
from tests.openrouter.support import BEYOND
from tests.recorded import seed

PAGE = Path(__file__).resolve().parents[2] / "docs" / "openrouter.md"
BASE = "https://openrouter.ai/api/v1"


class Row(NamedTuple):
    endpoint: str
    utility: str
    key: str
    gives: str


def rows() -> list[Row]:
    found = re.findall(
        r"^\| `([A-Z]+ [^`]*)` \| `(\w+)` \| (.*?) ?\| (.*?) ?\|$", PAGE.read_text("utf-8"), re.MULTILINE
    )
    return [Row(*columns) for columns in found]


@pytest.fixture(scope="module")
def skill() -> Skill:
    loaded = load("openrouter").skill
    assert loaded is not None
    return loaded


def bare(endpoint: str) -> str:
    """The endpoint whatever its path params are called."""
    return re.sub(r"\{\w+\}", "{}", endpoint)


def endpoint_of(utility: Utility) -> str:
    url = utility.rest.url
    if isinstance(url, Literal):
        text = str(url.value)
    else:
        assert isinstance(url, UrlTemplate)
        text = "".join(part if isinstance(part, str) else "{}" for part in url.parts)
    return f"{utility.rest.method} {text.removeprefix(BASE)}"


def gives(utility: Utility) -> str:
    rest = utility.rest
    said = {
        "takes a file": rest.encoding == "multipart",
        "bytes": rest.response.raw,
        "pages": rest.paginate,
        "stream": rest.stream,
        "job": rest.poll,
    }
    return ", ".join(name for name, is_so in said.items() if is_so)


def test_the_table_is_the_skill(skill: Skill) -> None:
    table = {row.utility: row for row in rows()}
    assert len(table) == len(rows())
    assert set(table) == skill.utilities.keys() | skill.gone.keys()
    for name, utility in skill.utilities.items():
        row = table[name]
        key = {"management": "management", None: "none"}.get(utility.credential, "")
        assert (bare(row.endpoint), row.key, row.gives) == (endpoint_of(utility), key, gives(utility)), name
    assert all(table[name].gives == "gone" for name in skill.gone)


def test_every_endpoint_of_the_skill_document_that_came_first_has_a_utility() -> None:
    text = seed("lap-openrouter-api.md").read_text("utf-8")
    wanted = {f"{method} {path}" for method, path in re.findall(r"^\| ([A-Z]+) \| (/\S+) \|", text, re.MULTILINE)}
    assert len(wanted) == 39
    assert {bare(one) for one in wanted} <= {bare(row.endpoint) for row in rows()}


def test_every_utility_that_is_not_gone_is_in_openrouters_own_description(skill: Skill) -> None:
    described = {bare(name): one for name, one in description().operations.items()}
    assert skill.utilities.keys() >= BEYOND
    for name, utility in skill.utilities.items():
        if name in BEYOND:
            continue
        operation = described[endpoint_of(utility)]
        assert operation.needs_management is (utility.credential == "management"), name
        assert bool(utility.rest.stream) <= ("text/event-stream" in operation.content()), name
        assert utility.rest.response.raw is ("application/json" not in operation.content()), name
