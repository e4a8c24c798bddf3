"""Documents of any size in which each operation is written in another of the ways that services write them."""

import random
from typing import Any

TEXT: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "integer"}
WORDS = ("pet", "toy", "order", "invoice", "team", "role", "webhook", "report", "job", "file", "label", "zone")
DOING = ("cancel", "archive", "send", "retry", "search", "pause")
STYLES = ("form", "pipeDelimited", "spaceDelimited")
NOTHING = {"description": "Fine"}


def schemas(version: str) -> dict[str, Any]:
    """What operations refer to: combined, told by discriminators, holding themselves, and said in odd ways."""
    maybe = {"type": ["string", "null"]} if version >= "3.1" else {"type": "string", "nullable": True}
    kinds = {name: {"$ref": f"#/components/schemas/{name}"} for name in ("Cat", "Dog")}
    pet = {
        "type": "object",
        "required": ["kind", "name"],
        "discriminator": {"propertyName": "kind", "mapping": {"cat": kinds["Cat"]["$ref"], "dog": "Dog"}},
        "properties": {
            "kind": TEXT,
            "name": {**TEXT, "minLength": 1, "x-order": 1},
            "id": {**TEXT, "readOnly": True},
        },
    }
    return {
        "Pet": pet,
        "Cat": {"allOf": [{"$ref": "#/components/schemas/Pet"}, {"properties": {"lives": NUMBER}}]},
        "Dog": {
            "allOf": [{"$ref": "#/components/schemas/Pet"}, {"allOf": [{"properties": {"tricks": _list(TEXT)}}]}]
        },
        "Either": {"oneOf": [*kinds.values()], "discriminator": {"propertyName": "kind"}},
        "Value": {"anyOf": [TEXT, NUMBER, _list({"$ref": "#/components/schemas/Value"})]},
        "Tree": {
            "type": "object",
            "properties": {"below": _list({"$ref": "#/components/schemas/Tree"}), "v": maybe},
        },
        "State": {**maybe, "enum": ["on", "off", None]},
        "Open": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Value"}},
        "Odd": {
            "type": "object",
            "properties": {
                "ref": {"$ref": "#/components/schemas/State", "description": "Beside a reference"},
                "map": {"type": "object", "additionalProperties": TEXT},
                "deep": _deep(8),
                "secret": {**TEXT, "writeOnly": True, "format": "password"},
                "not": {"not": {"type": "string"}},
            },
            "x-anything": {"a": [1, None]},
        },
        "email": {"type": "object", "properties": {"address": {**TEXT, "format": "email"}}},
    }


def document(count: int, *, version: str = "3.0.3", seed: int = 1, padding: int = 0) -> dict[str, Any]:
    """`padding`: characters of prose in each operation, as vendors' documents have it."""
    writer = _Writer(random.Random(seed), version, "word " * (padding // 5))
    paths: dict[str, Any] = {}
    for number in range(count):
        path, method, operation = writer.operation(number)
        item = paths.setdefault(path, {"x-group": number})
        if number % 9 == 0:
            item["parameters"] = [{"name": "trace", "in": "header", "schema": TEXT}]
        item[method] = operation
    made = {
        "openapi": version,
        "info": {"title": "Everything API", "version": "1", "description": "All of it.\n\n# Errors\n---\nNone."},
        "servers": [
            {"url": "https://{region}.example.com/v1", "variables": {"region": {"default": "eu", "enum": ["eu"]}}}
        ],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": schemas(version),
            "parameters": {"page": {"name": "page", "in": "query", "schema": NUMBER}},
            "responses": {"gone": NOTHING},
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
                "basic": {"type": "http", "scheme": "basic"},
                "login": {
                    "type": "oauth2",
                    "flows": {"implicit": {"authorizationUrl": "https://id.example.com", "scopes": {}}},
                },
            },
        },
    }
    if version >= "3.1":
        made["webhooks"] = {"called": {"post": {"responses": {"200": NOTHING}}}}
    return made


class _Writer:
    def __init__(self, chance: random.Random, version: str, prose: str) -> None:
        self._chance = chance
        self._version = version
        self._prose = prose

    def operation(self, number: int) -> tuple[str, str, dict[str, Any]]:
        one, other = WORDS[number % 12], WORDS[(number // 12) % 12]
        path = f"/v{number % 3 + 1}/{one}s/{{{one}_id}}/{other}s{number // 144}"
        method = ("get", "post", "put", "patch", "delete")[number % 5]
        if number % 7 == 0 and method == "post":
            path += f"/{{{other}Id}}/{DOING[number % 6]}"
        made: dict[str, Any] = {
            "summary": f"Do something with {one}s. Really",
            "description": f"The **{one}**, as [docs](https://example.com) say.\n\n- a list\n{self._prose}",
            "tags": [f"{one.capitalize()}s", "all"],
            "parameters": self._parameters(path, number),
            "responses": self._responses(method, number),
            "x-codeSamples": [{"lang": "curl", "source": "curl -H 'X-Key: …'"}],
        }
        made |= self._named(number, one, method)
        if method in ("post", "put", "patch"):
            made["requestBody"] = {"required": number % 2 == 0, "content": self._body(number)}
        if number % 11 == 0:
            made["security"] = [{"basic": []}, {"key": []}, {}]
        if number % 13 == 0:
            made["servers"] = [{"url": "https://other.example.com/v1"}]
        if number % 17 == 0:
            made["callbacks"] = {"done": {"{$request.body#/url}": {"post": {"responses": {"200": NOTHING}}}}}
        return path, method, made

    def _named(self, number: int, one: str, method: str) -> dict[str, Any]:
        names = (
            "",
            f"{method}{one.capitalize()}",
            f"{one}s/{method}-{one}",
            f"{method}_{one}_v1_{one}s_{method}",
            "same",
        )
        return {"operationId": names[number % 5]} if names[number % 5] else {}

    def _parameters(self, path: str, number: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = [
            {"name": name[1:-1], "in": "path", "required": True, "schema": TEXT}
            for name in path.split("/")
            if name.startswith("{") and self._chance.random() < 0.9
        ]
        choices: list[dict[str, Any]] = [
            {"$ref": "#/components/parameters/page"},
            {
                "name": "ids",
                "in": "query",
                "style": STYLES[number % 3],
                "explode": number % 2 == 0,
                "schema": _list(NUMBER),
            },
            {
                "name": "filter",
                "in": "query",
                "style": "deepObject",
                "schema": {"type": "object", "properties": {"a": TEXT}},
            },
            {"name": "q", "in": "query", "content": {"application/json": {"schema": {"type": "object"}}}},
            {"name": "X-Tenant", "in": "header", "required": number % 4 == 0, "schema": TEXT},
            {"name": "sid", "in": "cookie", "schema": TEXT},
            {"name": "state", "in": "query", "schema": {"$ref": "#/components/schemas/State"}, "x-y": 1},
            {"name": "all", "in": "query", "schema": {"type": "boolean", "default": False}},
            {"name": "limit", "in": "query", "schema": {**NUMBER, "maximum": 50, "default": 10}},
            {"name": "cursor", "in": "query", "schema": TEXT},
        ]
        return found + self._chance.sample(choices, 4)

    def _body(self, number: int) -> dict[str, Any]:
        named = ("Pet", "Either", "Odd", "Open", "Tree", "Value")[number % 6]
        whole = {"$ref": f"#/components/schemas/{named}"}
        parts = {"file": {**TEXT, "format": "binary"}, "meta": {"type": "object"}, "tags": _list(TEXT)}
        kinds: tuple[dict[str, Any], ...] = (
            {"application/json": {"schema": whole, "examples": {"one": {"value": {"name": "x"}}}}},
            {
                "multipart/form-data": {
                    "schema": {"type": "object", "properties": parts},
                    "encoding": {"file": {"contentType": "image/png"}},
                }
            },
            {
                "application/x-www-form-urlencoded": {
                    "schema": {
                        "type": "object",
                        "properties": {"a": TEXT, "b": _list(TEXT), "c": {"type": "object"}},
                    }
                }
            },
            {"application/vnd.api+json": {"schema": whole}},
            {"application/octet-stream": {"schema": {**TEXT, "format": "binary"}}},
            {"application/x-ndjson": {"schema": TEXT}},
            {"application/xml": {"schema": whole}},
        )
        return {**kinds[number % 7], **(kinds[0] if number % 10 == 0 else {})}

    def _responses(self, method: str, number: int) -> dict[str, Any]:
        rows = {
            "type": "object",
            "properties": {"data": _list({"$ref": "#/components/schemas/email"}), "next_cursor": TEXT},
        }
        link = {"Link": {"description": "The next page", "schema": TEXT}}
        answers: tuple[dict[str, Any], ...] = (
            {"200": _answer("application/json", rows)},
            {"2XX": _answer("application/vnd.things.v2+json", {"$ref": "#/components/schemas/Pet"})},
            {"default": _answer("application/json", {"$ref": "#/components/schemas/Tree"})},
            {
                "200": {
                    **_answer("application/json", _list({"$ref": "#/components/schemas/email"})),
                    "headers": link,
                }
            },
            {"200": _answer("text/csv", TEXT), "404": {"$ref": "#/components/responses/gone"}},
            {"200": _answer("application/pdf", {**TEXT, "format": "binary"})},
            {"202": _answer("application/json", {"$ref": "#/components/schemas/Value"}), "204": NOTHING},
            {"200": {**_answer("application/x-ndjson", TEXT), "links": {"next": {"operationId": "same"}}}},
        )
        return {"204": NOTHING} if method == "delete" else answers[number % 8]


def swagger(count: int, seed: int = 1) -> dict[str, Any]:
    """The like in Swagger 2.0."""
    paths: dict[str, Any] = {}
    for number in range(count):
        one = WORDS[number % 12]
        fields: list[dict[str, Any]] = [
            {"name": "id", "in": "path", "required": True, "type": "string"},
            {
                "name": "ids",
                "in": "query",
                "type": "array",
                "items": NUMBER,
                "collectionFormat": ("csv", "multi", "pipes")[number % 3],
            },
        ]
        if number % 3 == 1:
            fields.append({"name": "body", "in": "body", "schema": {"$ref": "#/definitions/Pet"}})
        if number % 3 == 2:
            fields += [
                {"name": "file", "in": "formData", "type": "file"},
                {"name": "note", "in": "formData", "type": "string"},
            ]
        method = ("get", "post", "put")[number % 3]
        answer = {
            "description": "Fine",
            "schema": {"type": "file"} if number % 5 == 0 else {"$ref": "#/definitions/Pet"},
        }
        paths[f"/{one}s{number}/{{id}}"] = {
            method: {"tags": [one], "parameters": fields, "responses": {"200": answer}}
        }
    pet = {
        "type": "object",
        "required": ["name"],
        "properties": {"name": TEXT, "tag": {**TEXT, "x-nullable": True}},
    }
    return {
        "swagger": "2.0",
        "info": {"title": "Old", "version": str(seed)},
        "host": "old.example.com",
        "basePath": "/api",
        "schemes": ["https"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "paths": paths,
        "definitions": {"Pet": pet},
        "securityDefinitions": {"key": {"type": "apiKey", "in": "query", "name": "key"}},
        "security": [{"key": []}],
    }


def _list(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _deep(levels: int) -> dict[str, Any]:
    return {"type": "object", "required": ["in"], "properties": {"in": _deep(levels - 1)}} if levels else TEXT


def _answer(kind: str, schema: Any) -> dict[str, Any]:
    return {"description": "Fine", "content": {kind: {"schema": schema}}}
