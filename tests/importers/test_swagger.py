"""Swagger 2.0 as people write it, which is not always as it is specified."""

import json
from typing import Any

import pytest

from tests.importers.workshop import Workshop


def swagger(*parameters: dict[str, Any], path: str = "/a", **more: Any) -> dict[str, Any]:
    return {
        "swagger": "2.0",
        "info": {"title": "Service", "version": "1"},
        "host": "api.example.com",
        "paths": {path: {"post": {"parameters": [*parameters], "responses": {"204": {"description": "Done"}}}}},
        **more,
    }


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"host": "https://api.example.com", "basePath": "v1/"}, "https://api.example.com/v1"),
        ({"host": "http://api.example.com/"}, "http://api.example.com"),
        ({"host": "http://api.example.com", "schemes": ["https"], "basePath": "/"}, "https://api.example.com"),
        ({"host": " api.example.com/base/ ", "basePath": "/v1"}, "https://api.example.com/base/v1"),
        ({"host": "", "basePath": "https://api.example.com/v1"}, "https://api.example.com/v1"),
    ],
)
def test_an_address_with_a_scheme_or_slashes_in_other_places_is_the_address(
    workshop: Workshop, said: dict[str, Any], expected: str
) -> None:
    assert workshop.run("openapi", workshop.document(swagger(**said))).code == 0
    assert workshop.front()["api"] == {"base_url": expected}


def test_places_and_types_in_other_capitals_are_what_they_say(workshop: Workshop) -> None:
    given = [
        {"name": "id", "in": "Path", "type": "integer"},
        {"name": "q", "in": "QUERY", "type": "string"},
        {"name": "X-Size", "in": "Header", "type": "integer"},
        {"name": "photo", "in": "formdata", "type": "File"},
        {"name": "title", "in": "form", "type": "string"},
    ]
    (utility,) = workshop.imported(swagger(*given, path="/a/{id}"))["utilities"].values()
    kinds = {name: one["type"] for name, one in utility["params"].items()}
    assert kinds == {"id": "integer", "q": "string", "size": "integer", "photo": "file", "title": "string"}
    assert utility["rest"]["encoding"] == "multipart"


def test_places_in_other_capitals_are_read_in_openapi_3_too(workshop: Workshop) -> None:
    given = [{"name": "q", "in": "Query", "schema": {"type": "array", "items": {"type": "string"}}}]
    document = {
        "openapi": "3.0.0",
        "info": {"title": "A", "version": "1"},
        "servers": [{"url": "https://a.example.com"}],
    }
    workshop.imported({**document, "paths": {"/a": {"get": {"parameters": given}}}})
    assert workshop.request("get_a", {"q": ["x", "y"]}).startswith("GET https://a.example.com/a?q=x&q=y")


def test_several_bodies_are_the_fields_of_one(workshop: Workshop) -> None:
    given: list[dict[str, Any]] = [
        {"name": "email", "in": "body", "type": "string", "required": True},
        {"name": "age", "in": "body", "schema": {"type": "integer"}},
    ]
    document = swagger(*given)
    (name,) = workshop.imported(document)["utilities"]
    assert '--data-binary \'{"email":"a@example.com","age":7}\'' in workshop.request(
        name, {"email": "a@example.com", "age": 7}
    )
    told = "of several bodies a call has one: they are taken for its fields"
    assert workshop.losses(document)[told] == ["email", "age"]
    refused = workshop.console.run("call", "service", name, "--dry-run", "--json", json.dumps({"age": 7}))
    assert "email is required" in refused.err


def test_a_schema_right_beside_the_name_of_a_body_is_its_schema(workshop: Workshop) -> None:
    fields = {"a": {"type": "string"}, "b": {"type": "integer"}}
    document = swagger({"name": "body", "in": "body", "type": "object", "properties": fields})
    (utility,) = workshop.imported(document)["utilities"].values()
    assert utility["params"] == fields


def test_a_list_of_files_in_a_form_is_one(workshop: Workshop) -> None:
    given = {"name": "photos", "in": "formData", "type": "array", "items": {"type": "file"}}
    (utility,) = workshop.imported(swagger(given))["utilities"].values()
    assert utility["params"]["photos"] == {"type": "array", "items": {"type": "file"}}
    assert utility["rest"]["encoding"] == "multipart"


def test_a_path_that_stands_twice_loses_none_of_its_calls(workshop: Workshop) -> None:
    document = """
swagger: "2.0"
info: {title: Service, version: "1"}
host: api.example.com
paths:
  /dogs:
    get: {summary: All dogs, responses: {200: {description: ok}}}
  /cats:
    get: {summary: All cats, summary: Cats, responses: {200: {description: ok}}}
  /dogs:
    post: {summary: Add a dog, responses: {201: {description: ok}}}
"""
    utilities = workshop.imported(document)["utilities"]
    assert {name: one["description"] for name, one in utilities.items()} == {
        "get_cats": "Cats",
        "get_dogs": "All dogs",
        "create_dog": "Add a dog",
    }
    told = "a key stands twice in a map: the last one counts, and of maps what only one has, too"
    assert workshop.losses(document)[told] == ["/dogs (line 10)", "summary (line 9)"]


def test_what_a_document_shows_of_its_parameters_is_shown_and_becomes_cases(workshop: Workshop) -> None:
    answered = {
        "200": {"description": "ok", "schema": {"type": "object"}, "examples": {"application/json": {"id": 7}}}
    }
    given: list[dict[str, Any]] = [
        {"name": "id", "in": "path", "required": True, "type": "integer", "x-example": 7},
        {"name": "dog", "in": "body", "x-example": {"name": "Rex"}, "schema": {"$ref": "#/definitions/Dog"}},
    ]
    fields = {"type": "object", "properties": {"name": {"type": "string"}}}
    document = swagger(*given, path="/dogs/{id}", definitions={"Dog": fields})
    document["paths"]["/dogs/{id}"]["post"]["responses"] = answered
    (utility,) = workshop.imported(document, "--cases")["utilities"].values()
    assert utility["params"]["id"]["example"] == 7
    done = workshop.console.run("test", "service", "--json")
    (case,) = json.loads(done.out)["cases"]
    assert done.code == 0, case
    assert "body: {name: Rex}" in workshop.text(name="cases/update-dog.imported.yaml")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"example": 7}, 7),
        ({"example": 0}, 0),
        ({"examples": {"one": {"value": 5}, "two": {"value": 6}}}, 5),
        ({"example": "no number"}, None),
        ({"example": 8, "schema": {"type": "integer", "example": 9}}, 8),
        ({"schema": {"type": "integer", "example": 9}}, 9),
    ],
)
def test_an_example_beside_the_schema_of_a_parameter_is_shown(
    workshop: Workshop, said: dict[str, Any], shown: Any
) -> None:
    given = [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}, **said}]
    document = {
        "openapi": "3.0.0",
        "info": {"title": "A", "version": "1"},
        "servers": [{"url": "https://a.example.com"}],
    }
    (utility,) = workshop.imported({**document, "paths": {"/a/{id}": {"get": {"parameters": given}}}})[
        "utilities"
    ].values()
    assert utility["params"]["id"].get("example") == shown


def test_lists_in_a_list_of_a_query_are_listed(workshop: Workshop) -> None:
    rows = {"type": "array", "collectionFormat": "csv", "items": {"type": "integer"}}
    document = swagger({"name": "box", "in": "query", "type": "array", "collectionFormat": "pipes", "items": rows})
    assert workshop.losses(document)["lists in a list are written as JSON texts"] == ["query box"]
