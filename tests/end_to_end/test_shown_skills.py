"""What is shown of the skills: written once per change, packed, cut to what was asked for."""

import asyncio
import gzip
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_runtime.jsontext import Json
from agentos_runtime.server.documents import Documents, names_tag, takes_gzip
from tests.cli.console import Console
from tests.end_to_end.house import House, house
from tests.limits.support import limited_house

UTILITIES = 40


def manifest(described: str = "Says", utilities: int = UTILITIES) -> str:
    each = "\n".join(
        f"  say_{number}:\n"
        f"    description: {described} number {number}\n"
        "    params: {word: {type: string}}\n"
        "    returns: object\n"
        "    rest: {url: 'https://toy.test/say', query: {word: .params.word}}"
        for number in range(utilities)
    )
    return (
        "---\nid: toy\nname: Toy\ndescription: A toy\nauth: {type: api_key, header: X-Key}\n"
        f"utilities:\n{each}\n---\nA toy.\n"
    )


@pytest.fixture
def toys(tmp_path: Path) -> Any:
    (tmp_path / "skills").mkdir()
    (tmp_path / "skills" / "toy.md").write_text(manifest())
    with house(tmp_path, environ={}) as running:
        yield running


def shown(house: House, path: str, **headers: str) -> Any:
    named = {"Accept-Encoding": "identity"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return house.client.get(path, headers=named)


@pytest.mark.parametrize("path", ["/api/skills", "/api/skills/toy", "/api/skills/toy?fields=name,utilities"])
def test_who_has_the_newest_version_is_told_so_and_who_has_an_older_one_gets_it(toys: House, path: str) -> None:
    first = shown(toys, path)
    tag = first.headers["etag"]
    assert shown(toys, path).headers["etag"] == tag
    unchanged = shown(toys, path, If_None_Match=f'"other", {tag}')
    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", tag)
    assert shown(toys, path, If_None_Match='"other"').content == first.content

    (toys.skills / "toy.md").write_text(manifest("Sings", utilities=UTILITIES + 1))
    while (changed := shown(toys, path, If_None_Match=tag)).status_code == 304:
        pass
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
    assert f"say_{UTILITIES}" in changed.text


def test_a_key_that_is_stored_changes_what_is_shown_at_once(toys: House) -> None:
    paths = ("/api/skills", "/api/skills/toy")
    tags = [shown(toys, path).headers["etag"] for path in paths]
    assert all('"needs_credential"' in shown(toys, path).text for path in paths)
    console = Console(toys.home, toys.skills)
    assert console.run("keys", "set", "toy", stdin="a-key-0123456789\n").code == 0
    for path, tag in zip(paths, tags, strict=True):
        answer = shown(toys, path, If_None_Match=tag)
        assert (answer.status_code, '"ready"' in answer.text) == (200, True)


def test_who_may_call_less_is_never_shown_what_was_written_for_somebody_else(tmp_path: Path) -> None:
    rules = {"agents": {"narrow": {"allow": ["toy/ask"]}, "other": {"allow": ["toy/fetch"]}}}
    with limited_house(tmp_path, limits=rules) as (house, _):
        for path in ("/api/skills", "/api/skills/toy", "/api/skills/toy?fields=utilities"):
            for _ in range(2):
                seen = {
                    agent: shown(house, path, X_Agent=agent, If_None_Match='"none"').text
                    for agent in ("anyone", "narrow", "other")
                }
                assert [('"ask"' in text, '"fetch"' in text) for text in seen.values()] == [
                    (True, True),
                    (True, False),
                    (False, True),
                ]


@pytest.mark.parametrize("versions", [[1, 1, 1], [1, 2, 2], [1, 2, 1], [None, None, None]])
def test_a_document_is_written_once_for_each_version(versions: list[int | None]) -> None:
    documents, written = Documents(), list[int | None]()

    def write(version: int | None) -> Json:
        written.append(version)
        return {"version": version}

    async def go() -> None:
        for version in versions:
            answer = await documents.answer({}, "key", version, partial(write, version))
            assert json.loads(answer.body) == {"version": version}

    asyncio.run(go())
    changes = [new for old, new in zip([..., *versions], versions, strict=False) if new != old or new is None]
    assert written == changes


def test_what_is_kept_has_a_bound(tmp_path: Path) -> None:
    documents, written = Documents(most=1000), list[int]()

    def write(number: int) -> Json:
        written.append(number)
        return "x" * 90

    async def go() -> None:
        for number in (*range(100), 99, 0):
            await documents.answer({}, number, 1, partial(write, number))

    asyncio.run(go())
    assert written == [*range(100), 0]


CODINGS = st.sampled_from(["gzip", "x-gzip", "br", "identity", "*", "deflate"])
WEIGHTS = st.sampled_from(["", ";q=0", ";q=0.0", "; q=0.5", ";q=1", ";Q=0.000", ";q=0.001"])


@given(st.lists(st.tuples(CODINGS, WEIGHTS), max_size=5))
def test_gzip_is_taken_where_it_is_named_and_not_refused(entries: list[tuple[str, str]]) -> None:
    header = " , ".join(coding + weight for coding, weight in entries)
    last = {coding: weight.lower().strip("; ") not in ("q=0", "q=0.0", "q=0.000") for coding, weight in entries}
    expected = next((last[name] for name in ("gzip", "x-gzip", "*") if name in last), False)
    assert takes_gzip(header.encode()) == expected


@given(st.lists(st.text("abc1-_", min_size=1, max_size=4), max_size=4), st.sampled_from(["", "W/"]))
def test_a_tag_is_known_among_others_whether_weak_or_not(tags: list[str], weak: str) -> None:
    header = ", ".join(f'{weak}"{tag}"' for tag in tags).encode()
    assert names_tag(header, b'W/"abc"') == ("abc" in tags)
    assert names_tag(b" * ", b'W/"abc"')


def test_a_large_document_is_packed_for_those_who_take_it_and_says_the_same(toys: House) -> None:
    plain = shown(toys, "/api/skills/toy")
    assert "content-encoding" not in plain.headers
    assert "accept-encoding" in plain.headers["vary"].lower()
    with toys.client.stream("GET", "/api/skills/toy", headers={"Accept-Encoding": "br, gzip"}) as packed:
        raw = b"".join(packed.iter_raw())
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert len(raw) * 4 < len(plain.content)
    assert packed.headers["etag"] == plain.headers["etag"]
    refusing = shown(toys, "/api/skills/toy", Accept_Encoding="gzip;q=0, *")
    assert refusing.content == plain.content
    small = shown(toys, "/api/skills/toy?fields=name", Accept_Encoding="gzip")
    assert (small.json(), "content-encoding" in small.headers) == ({"name": "Toy"}, False)


def test_fields_cut_a_skill_and_each_of_its_utilities(toys: House) -> None:
    whole = shown(toys, "/api/skills/toy").json()
    described = {name: {"description": each["description"]} for name, each in whole["utilities"].items()}
    for fields, expected in (
        ("name", {"name": "Toy"}),
        ("state, id", {"id": "toy", "state": "needs_credential"}),
        ("utilities", {"utilities": whole["utilities"]}),
        (
            "utilities.description",
            {"utilities": described},
        ),
        ("requires", {}),
        ("", whole),
    ):
        assert shown(toys, f"/api/skills/toy?fields={fields}").json() == expected


@pytest.mark.parametrize("fields", ["nmae", "utilities.nothing", "name.x", "utilities.description.x"])
def test_a_field_that_no_skill_has_is_refused_by_its_name(toys: House, fields: str) -> None:
    answer = shown(toys, f"/api/skills/toy?fields=id,{fields}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_params")
    assert fields in answer.json()["problems"][0]["message"]


def test_a_broken_skill_shows_what_there_is_of_the_fields(toys: House) -> None:
    (toys.skills / "torn.md").write_text(manifest().replace("id: toy", "id: torn").replace("rest:", "rset:"))
    while "torn" not in shown(toys, "/api/skills").text:
        pass
    answer = shown(toys, "/api/skills/torn?fields=id,instructions,problems")
    assert answer.status_code == 200
    assert answer.json()["id"] == "torn"
    assert answer.json()["problems"]
