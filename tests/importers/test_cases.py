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


def test_a_case_is_made_of_no_example_that_would_fail(workshop: Workshop) -> None:
    """What it sends does not fit, is a secret, or goes out otherwise; or what comes back is no success."""
    file = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
    misfit, secret, form = body(THING), body(THING), body(file, "multipart/form-data")
    misfit["content"]["application/json"]["example"] = {"id": 1}
    secret["content"]["application/json"]["example"] = {"id": "sk-" + "x" * 30}
    page = {"type": "object", "properties": {"data": {"type": "array", "items": THING}}}
    token = "2c0vfj61pmah3efbgpcz2x9vzcy1ycskfkyqy0kgk1fv014880f4"
    revoked = {"name": "token", "in": "path", "required": True, "schema": {"type": "string", "example": token}}
    offset = {"parameters": [query("offset")]}
    failed = shown(THING, {"error": {"code": "400", "message": "no"}}, "default")
    content = service(
        {
            "/misfits": {"post": {"requestBody": misfit, "responses": shown(THING, {"id": "a"})}},
            "/secrets": {"post": {"requestBody": secret, "responses": shown(THING, {"id": "a"})}},
            "/tokens/{token}": {"delete": {"parameters": [revoked], "responses": {"204": {"description": "Gone"}}}},
            "/forms": {"post": {"requestBody": form, "responses": shown(THING, {"id": "a"})}},
            "/failures": {"get": {"responses": failed}},
            "/pages": {"get": {**offset, "responses": shown(page, {"nothing": []})}},
            "/lists": {"get": {**offset, "responses": shown(page, [{"id": "a"}])}},
            "/rows": {"get": {**offset, "responses": shown(page, {"data": {"id": "a"}})}},
            "/good": {"get": {"responses": shown(THING, {"id": "a", "error": None})}},
        }
    )
    workshop.imported(content, "--cases")
    assert sorted(one.name for one in workshop.file(name="cases").iterdir()) == [
        "create-secret.imported.yaml",
        "get-good.imported.yaml",
    ]
    done = workshop.console.run("test", "service", "--json")
    assert (done.code, len(json.loads(done.out)["cases"])) == (0, 2)
    told = workshop.losses(content, "--cases", "--force")
    misfits = "an example does not fit its own description: it becomes no case"
    assert told[misfits] == ["GET /failures", "GET /lists", "POST /misfits", "GET /pages", "GET /rows"]
    assert told["an example that holds what looks like a key becomes no case"] == ["DELETE /tokens/{token}"]


def test_an_example_that_is_json_in_a_text_is_what_it_says(workshop: Workshop) -> None:
    sent = body(THING)
    sent["content"]["application/json"]["example"] = '{"id": "a"}'
    text = {"type": "string"}
    content = service(
        {
            "/things": {"post": {"requestBody": sent, "responses": shown(THING, '{"id": "a", "size": 3}')}},
            "/words": {"get": {"responses": shown(text, '{"id": "a"}')}},
            "/cut": {"get": {"responses": shown(THING, '{"id": "a", …')}},
            "/others": {"get": {"responses": shown(THING, {"$ref": "#/components/examples/One/value"})}},
        },
        components={"examples": {"One": {"value": {"id": "b"}}}},
    )
    workshop.imported(content, "--cases")
    assert "body: {id: a}}" in workshop.text(name="cases/create-thing.imported.yaml")
    assert "response: {body: {id: a, size: 3}}" in workshop.text(name="cases/create-thing.imported.yaml")
    assert 'reply: \'{"id": "a"}\'' in workshop.text(name="cases/get-words.imported.yaml")
    assert "reply: {id: b}" in workshop.text(name="cases/get-others.imported.yaml")
    assert not workshop.file(name="cases/get-cut.imported.yaml").exists()
    assert workshop.console.run("test", "service").code == 0
