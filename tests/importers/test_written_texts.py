"""Texts that a document writes without quotes: what is sent is what stands there."""

import json

from tests.importers.workshop import Workshop

VERSIONS = """
openapi: 3.0.3
info: {title: Versions, version: 1.10}
servers: [{url: "https://api.example.com/{v}", variables: {v: {default: 1.10, enum: [1.10, 1.20]}}}]
paths:
  /things/{kind}:
    get:
      operationId: listThings
      parameters:
        - {name: kind, in: path, required: true, schema: {type: string, default: 1.10, enum: [1.10, 1.20, 2]}}
        - {name: zip, in: query, required: true, schema: {type: string, default: 10}, example: 0.50}
        - {name: on, in: query, required: true, schema: {type: [string, "null"], enum: [true, false, null], default: true}}
        - {name: e, in: query, required: true, schema: {type: string, default: &e 1e3}}
        - {name: n, in: query, required: true, schema: {type: number, default: *e}}
      responses: {'200': {description: ok}}
"""  # noqa: E501
PLAIN = {
    "swagger": "2.0",
    "info": {"title": "Plain", "version": "1"},
    "host": "api.example.com",
    "schemes": ["https"],
    "paths": {
        "/v": {
            "get": {
                "operationId": "getV",
                "parameters": [
                    {"name": "a", "in": "query", "type": "string", "required": True, "default": 10},
                    {"name": "b", "in": "query", "type": "integer", "required": True, "default": "20"},
                ],
                "responses": {"200": {"description": "ok"}},
            }
        }
    },
}


def test_a_value_of_a_text_is_as_the_document_writes_it(workshop: Workshop) -> None:
    front = workshop.imported(VERSIONS)
    params = front["utilities"]["list_things"]["params"]
    assert params["kind"] == {"type": "string", "enum": ["1.10", "1.20", "2"], "default": "1.10"}
    assert (params["zip"]["default"], params["zip"]["example"]) == ("10", "0.50")
    assert params["on"] == {"type": "string", "enum": ["true", "false"], "default": "true"}
    assert (params["e"]["default"], params["n"]["default"]) == ("1e3", 1000.0)
    assert front["sources"]["openapi"]["version"] == "1.10"
    assert front["api"] == {"base_url": "https://api.example.com/1.10"}


def test_a_default_of_another_type_than_declared_is_sent_as_declared(workshop: Workshop) -> None:
    params = workshop.imported(json.dumps(PLAIN))["utilities"]["get_v"]["params"]
    assert (params["a"]["default"], params["b"]["default"]) == ("10", 20)
