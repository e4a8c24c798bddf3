"""The examples of a description become tests of the skill."""

import json
from typing import Any

import pytest

from tests.importers.workshop import Workshop, answer, body, query, service

THING = {"type": "object", "properties": {"id": {"type": "string"}, "size": {"type": "integer", "default": 3}}}
ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "example": "t1"}}


def shown(schema: Any, example: Any, status: str = "200") -> dict[str, Any]:
    made = answer(schema, status=status)
    made[status]["content"]["application/json"]["example"] = example
    return made


def document(example: Any) -> dict[str, Any]:
    sent = body(THING)
    sent["content"]["application/json"]["examples"] = {"one": {"value": {"id": "a"}}}
    page = {"type": "object", "properties": {"data": {"type": "array", "items": THING}}}
    return service(
        {
            "/things": {
                "post": {"requestBody": sent, "responses": shown(THING, example, "201")},
                "get": {
                    "parameters": [query("offset"), query("kind", {"enum": ["big"]}, required=True)],
                    "responses": shown(page, {"data": [{"id": "x"}]}),
                },
            },
            "/things/{id}": {
                "delete": {"parameters": [ID], "responses": {"204": {"description": "Gone"}}},
                "get": {"parameters": [ID], "responses": answer(THING)},
            },
        }
    )


def test_cases_pass_and_say_what_is_sent_and_what_comes_of_it(workshop: Workshop) -> None:
    workshop.imported(document({"id": "a", "size": 3}), "--cases")
    done = workshop.console.run("test", "service", "--json")
    assert (done.code, len(json.loads(done.out)["cases"])) == (0, 3)
    text = workshop.text(name="cases/create-thing.imported.yaml")
    assert "url: https://api.example.com/v1/things" in text
    assert "body: {id: a, size: 3}" in text
    assert "reply: [{id: x}]" in workshop.text(name="cases/list-things.imported.yaml")
    assert "?kind=big" in workshop.text(name="cases/list-things.imported.yaml")
    assert "reply: null" in workshop.text(name="cases/delete-thing.imported.yaml")
    assert not workshop.file(name="cases/get-thing.imported.yaml").exists()


def test_cases_of_the_import_follow_it_and_those_of_people_stay(workshop: Workshop) -> None:
    workshop.imported(document({"id": "a"}), "--cases")
    own = workshop.file(name="cases/mine.yaml")
    own.write_text(workshop.text(name="cases/create-thing.imported.yaml"), encoding="utf-8")
    workshop.edit("      id: {type: string}\n", "      id: {type: string, default: z}\n")
    workshop.imported(document({"id": "b"}))
    assert "id: a" in workshop.text(name="cases/create-thing.imported.yaml")
    workshop.imported(document({"id": "b"}), "--cases")
    assert not workshop.file(name="cases/create-thing.imported.yaml").exists()
    assert own.exists()


def test_an_example_that_looks_like_a_key_is_written_nowhere(workshop: Workshop) -> None:
    key = "sk-" + "x" * 30
    content = document({"id": key})
    content["info"]["description"] = f"Send {key} along."
    content["paths"]["/things/{id}"]["get"]["parameters"] = [{**ID, "schema": {"type": "string", "example": key}}]
    workshop.imported(content, "--cases")
    written = [file.read_text() for file in (workshop.folder / "skills").rglob("*") if file.is_file()]
    assert not any(key in text for text in written)


@pytest.mark.parametrize("place", ["cases", ".imported"])
def test_nothing_is_written_or_removed_where_a_link_leads_out_of_the_skills(workshop: Workshop, place: str) -> None:
    workshop.imported(document({"id": "a"}), "--cases")
    elsewhere = workshop.folder / "elsewhere"
    workshop.file(name=place).rename(elsewhere)
    workshop.file(name=place).symlink_to(elsewhere)
    (elsewhere / "own.imported.yaml").write_text("mine", encoding="utf-8")
    before = {file: file.read_bytes() for file in (*elsewhere.iterdir(), workshop.file())}
    more = document({"id": "b"})
    more["paths"]["/more"] = {"get": {"operationId": "getMore", "summary": "More", "responses": answer(THING)}}
    done = workshop.run("openapi", workshop.document(more), "--cases", "--force")
    assert done.code == 1
    assert "leads out of" in done.err
    assert {file: file.read_bytes() for file in (*elsewhere.iterdir(), workshop.file())} == before


def test_nothing_is_written_into_a_folder_that_a_link_brings_from_elsewhere(workshop: Workshop) -> None:
    """It is empty, so that nothing of it had to be read before."""
    elsewhere = workshop.folder / "elsewhere"
    elsewhere.mkdir()
    (workshop.folder / "skills").mkdir(exist_ok=True)
    (workshop.folder / "skills" / "service").symlink_to(elsewhere)
    done = workshop.run("openapi", workshop.document(document({"id": "a"})), "--cases")
    assert done.code == 1
    assert "leads out of" in done.err
    assert [*elsewhere.iterdir()] == []
