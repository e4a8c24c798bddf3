"""Descriptions that no single file can hold are parted, and nothing is written that cannot be read again."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.importers.splitting import MOST_CHARACTERS, Size, homes, total
from tests.importers.workshop import NOTHING, Workshop, query, service
from tests.sizes import examples


def wide(count: int, *, tags: int = 0, prefix: str = "/r") -> dict[str, Any]:
    """Operations with so many params that about 400 of them fill a file."""
    fields = [
        query(f"p{number}", {"type": "string", "enum": ["a", "b", "c"]}, description="some words " * 8)
        for number in range(8)
    ]
    return {
        f"{prefix}{index}": {
            "get": {
                "operationId": f"listR{index}",
                "parameters": fields,
                "responses": NOTHING,
                **({"tags": [f"Group {index % tags}"]} if tags else {}),
            }
        }
        for index in range(count)
    }


def utilities(workshop: Workshop) -> list[str]:
    """The utilities of all files; a part's front matter says which it has."""
    folder = workshop.folder / "skills" / "service"
    found: list[str] = []
    for name in sorted(file.name for file in folder.glob("*.md")):
        assert (folder / name).stat().st_size < 512 * 1024
        found += workshop.front(name=name).get("utilities", {})
    return found


@pytest.mark.slow
def test_a_skill_that_outgrows_its_file_gets_parts(workshop: Workshop) -> None:
    workshop.run("openapi", workshop.document(json.dumps(service(wide(3, prefix="/v1/things/r")))))
    workshop.edit("description: GET /v1/things/r0", "description: Mine")
    document = workshop.document(json.dumps(service(wide(600, prefix="/v1/things/r"))))
    done = workshop.run("openapi", document)
    assert done.code == 0, done.err
    assert set(workshop.front()["utilities"]) == {"get_r_0", "get_r_1", "get_r_2"}
    assert "description: Mine" in workshop.text()
    assert sorted(utilities(workshop)) == sorted(f"get_r_{index}" for index in range(600))
    assert len(workshop.front()["parts"]) > 1


def test_many_tags_of_few_calls_each_are_parted_by_the_path() -> None:
    wanted = {
        f"call_{number}": (f"Api2010Thing{chr(65 + number % 26)}", f"/2010/Accounts/{{id}}/Set{number % 4}.json")
        for number in range(52)
    }
    small = dict.fromkeys(wanted, Size(8000, 100))
    assert {*homes(wanted, small, {}).values()} == {"set0.md", "set1.md", "set2.md", "set3.md"}
    asked = {*homes(wanted, small, {}, by_tag=True).values()}
    assert (len(asked), "b.md" in asked) == (26, True)


tags = st.sampled_from(["", "Pets", "Readme", "1-Click Applications", "ÄÖ", "skill"])
paths = st.lists(st.sampled_from(["v1", "pets", "toys", "{id}", "api", "ü"]), max_size=4).map("/".join)
sizes = st.builds(Size, st.integers(1, MOST_CHARACTERS), st.integers(1, 9000))


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(st.tuples(tags, paths, sizes), max_size=30), sizes)
def test_every_utility_has_a_file_and_no_file_is_too_large(
    found: list[tuple[str, str, Size]], already: Size
) -> None:
    wanted = {f"call_{index}": (tag, path) for index, (tag, path, _) in enumerate(found)}
    large = {f"call_{index}": size for index, (_, _, size) in enumerate(found)}
    goes = homes(wanted, large, {"pets.md": already})
    assert goes.keys() == wanted.keys()
    for home in set(goes.values()):
        assert re.fullmatch(r"[a-z][a-z0-9-]*\.md", home)
        assert home not in ("readme.md", "skill.md")
        members = [large[name] for name in goes if goes[name] == home]
        assert total([*members, *([already] if home == "pets.md" else [])]).fits


def test_all_files_are_written_or_none(workshop: Workshop) -> None:
    """A folder stands where a part is to be written."""
    blocked = workshop.folder / "skills" / "service" / "group-2.md"
    (blocked / "taken").mkdir(parents=True)
    document = workshop.document(json.dumps(service(wide(6, tags=3))))
    done = workshop.run("openapi", document, "--split")
    assert done.code == 1
    assert "Nothing was changed" in done.err
    left = [file for file in (workshop.folder / "skills").rglob("*") if file.is_file()]
    assert left == []
    (blocked / "taken").rmdir()
    blocked.rmdir()
    assert workshop.run("openapi", document, "--split").code == 0
    before = {file: file.read_bytes() for file in (workshop.folder / "skills").rglob("*") if file.is_file()}
    newer = workshop.document(json.dumps(service(wide(12, tags=6))))
    (workshop.folder / "skills" / "service" / "group-5.md" / "taken").mkdir(parents=True)
    assert workshop.run("openapi", newer).code == 1
    after = {file: file.read_bytes() for file in (workshop.folder / "skills").rglob("*") if file.is_file()}
    assert after == before
