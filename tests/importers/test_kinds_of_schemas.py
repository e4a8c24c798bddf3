"""What documents of services combine: kinds told by a discriminator, alternatives, merged YAML, names of rows."""

from typing import Any

import pytest

from tests.importers.workshop import Workshop, answer, body, query, service

TEXT = {"type": "string"}


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def kind(**properties: Any) -> dict[str, Any]:
    return {"allOf": [ref("Pet"), {"type": "object", "properties": properties}]}


MAPPING = {"cat": "#/components/schemas/Cat", "dog": "Dog"}
PETS = {
    "Pet": {
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"type": "string", "enum": ["cat", "dog"]}, "name": TEXT, "friend": ref("Pet")},
        "discriminator": {"propertyName": "kind", "mapping": MAPPING},
    },
    "Cat": kind(lives={"type": "integer"}),
    "Dog": kind(breed=TEXT),
}


def fields(alternatives: list[dict[str, Any]]) -> list[tuple[Any, list[str]]]:
    return [(one["properties"]["kind"]["enum"], [*one["properties"]]) for one in alternatives]


@pytest.mark.parametrize(
    "schema", [ref("Pet"), {"anyOf": [ref("Cat"), ref("Dog")], "discriminator": PETS["Pet"]["discriminator"]}]
)
def test_kinds_that_a_discriminator_names_keep_their_fields_apart(workshop: Workshop, schema: Any) -> None:
    document = service({"/pets": {"post": {"requestBody": body(schema)}}}, components={"schemas": PETS})
    given = workshop.imported(document)["utilities"]["create_pet"]["params"]["body"]["one_of"]
    assert fields(given) == [
        (["cat"], ["kind", "name", "friend", "lives"]),
        (["dog"], ["kind", "name", "friend", "breed"]),
    ]
    sent = workshop.request("create_pet", {"body": {"kind": "dog", "breed": "pug"}})
    assert """--data-binary '{"kind":"dog","breed":"pug"}'""" in sent


def test_what_only_one_of_many_alternatives_has_can_be_sent(workshop: Workshop) -> None:
    several = [{"type": "object", "properties": {"name": TEXT, own: TEXT}} for own in "abcd"]
    document = service({"/pets/{id}": {"put": {"requestBody": body({"oneOf": several})}}})
    params = workshop.imported(document)["utilities"]["update_pet"]["params"]
    assert params["body"]["properties"] == {"name": TEXT}
    assert """--data-binary '{"c":"x"}'""" in workshop.request("update_pet", {"id": "1", "body": {"c": "x"}})


def test_alternatives_that_only_one_required_property_tells_stay_apart(workshop: Workshop) -> None:
    def place(own: str) -> dict[str, Any]:
        return {"type": "object", "required": [own], "properties": {own: TEXT, "note": TEXT}}

    both = [place("page"), place("folder")]
    fields = {"one": {"oneOf": both}, "any": {"anyOf": both}, "wide": {"oneOf": [place("page"), {**place("note")}]}}
    document = service({"/a": {"post": {"requestBody": body({"type": "object", "properties": fields})}}})
    params = workshop.imported(document)["utilities"]["create_a"]["params"]
    assert [list(one["properties"]) for one in params["one"]["one_of"]] == [["page", "note"], ["folder", "note"]]
    assert (list(params["any"]["properties"]), "one_of" in params["wide"]) == (["page", "note", "folder"], False)


BYTES = {"type": "string", "format": "binary"}


def part(name: str, schema: Any) -> dict[str, Any]:
    return {"type": "object", "required": [name], "properties": {name: schema, "note": TEXT}}


UPLOADS: dict[str, tuple[Any, set[str]]] = {
    "a file or an address": ({"oneOf": [part("file", BYTES), part("url", TEXT)]}, {"file", "url", "note"}),
    "a file among four": (
        {"oneOf": [part(name, BYTES if name == "file" else TEXT) for name in ("a", "b", "c", "file")]},
        {"a", "b", "c", "file", "note"},
    ),
    "kinds with a discriminator": (
        {"oneOf": [ref("Scan"), ref("Link")], "discriminator": {"propertyName": "kind"}},
        {"kind", "file", "url"},
    ),
    "one part as a file or an address": (
        part("file", {"oneOf": [BYTES, {**TEXT, "format": "uri"}]}),
        {"file", "note"},
    ),
    "one part as bytes in some kinds": ({"anyOf": [part("file", BYTES), part("file", TEXT)]}, {"file", "note"}),
}
KINDS = {
    "Scan": {"type": "object", "required": ["kind", "file"], "properties": {"kind": TEXT, "file": BYTES}},
    "Link": {"type": "object", "required": ["kind", "url"], "properties": {"kind": TEXT, "url": TEXT}},
}


@pytest.mark.parametrize("shape", UPLOADS)
def test_a_file_among_alternatives_of_a_multipart_body_is_sent_as_a_file(workshop: Workshop, shape: str) -> None:
    schema, names = UPLOADS[shape]
    paths = {"/scans": {"post": {"requestBody": body(schema, "multipart/form-data")}}}
    params = workshop.imported(service(paths, components={"schemas": KINDS}))["utilities"]["create_scan"]["params"]
    assert (set(params), params["file"]["type"]) == (names, "file")
    needed = {name: "Scan" for name, one in params.items() if one.get("required") and name != "file"}
    sent = workshop.request("create_scan", {**needed, "file": "aGk="})
    assert 'name="file"; filename="file"' in sent


def needs(name: str) -> dict[str, Any]:
    return {"type": "object", "required": [name], "properties": {name: TEXT}}


EITHER = {"oneOf": [needs("page"), needs("folder")]}
BESIDE = {
    "fields of its own": {**needs("note"), **EITHER},
    "fields before": {"allOf": [needs("note"), EITHER]},
    "fields after": {"allOf": [EITHER, needs("note")]},
}


@pytest.mark.parametrize("shape", BESIDE)
def test_fields_beside_alternatives_are_kept_and_what_one_of_these_needs_is_said(
    workshop: Workshop, shape: str
) -> None:
    paths = {"/a": {"post": {"requestBody": body(BESIDE[shape])}}}
    params = workshop.imported(service(paths))["utilities"]["create_a"]["params"]
    assert params == {
        "note": {"type": "string", "required": True},
        "page": {"type": "string", "description": "Needed unless folder is given"},
        "folder": {"type": "string", "description": "Needed unless page is given"},
    }
    assert "POST /a" in str(workshop.losses(service(paths), "--dry-run"))


@pytest.mark.parametrize("first", [True, False])
def test_many_alternatives_have_the_fields_beside_them_each(workshop: Workshop, first: bool) -> None:
    several = {"oneOf": [needs(name) for name in "abcd"]}
    schema = {"allOf": [needs("note"), several] if first else [several, needs("note")]}
    paths = {"/a": {"post": {"requestBody": body(schema)}}}
    ways = workshop.imported(service(paths))["utilities"]["create_a"]["params"]["body"]["one_of"]
    assert [{*way["properties"]} for way in ways] == [{name, "note"} for name in "abcd"]


def test_two_choices_at_once_are_all_their_fields(workshop: Workshop) -> None:
    schema = {"allOf": [EITHER, {"oneOf": [needs("x"), needs("y")]}]}
    paths = {"/a": {"post": {"requestBody": body(schema)}}}
    assert {*workshop.imported(service(paths))["utilities"]["create_a"]["params"]} == {"page", "folder", "x", "y"}


def test_what_a_file_may_also_be_is_listed(workshop: Workshop) -> None:
    schema = part("file", {"anyOf": [BYTES, {**TEXT, "format": "uri"}]})
    paths = {"/scans": {"post": {"requestBody": body(schema, "multipart/form-data")}}}
    words = "a file that may also be given as a text is taken as a file only"
    assert workshop.losses(service(paths))[words] == ["POST /scans file"]


def test_numbers_that_a_document_writes_as_texts_count_and_texts_that_it_writes_as_numbers(
    workshop: Workshop,
) -> None:
    schemas = {
        "level": {"type": "integer", "enum": ["1", "2"]},
        "part": {"type": "number", "minimum": "0.5", "maximum": "10"},
        "year": {"type": "string", "enum": [2025, 2026]},
        "on": {"type": "boolean", "enum": ["true"]},
        "odd": {"type": "integer", "enum": ["1", "many"], "minimum": "none"},
    }
    parameters = [query(name, schema) for name, schema in schemas.items()]
    document = service({"/a": {"get": {"parameters": parameters}}})
    assert workshop.imported(document)["utilities"]["get_a"]["params"] == {
        "level": {"type": "integer", "enum": [1, 2]},
        "part": {"type": "number", "minimum": 0.5, "maximum": 10},
        "year": {"type": "string", "enum": ["2025", "2026"]},
        "on": {"type": "boolean", "enum": [True]},
        "odd": {"type": "integer", "enum": [1]},
    }


def test_what_one_of_several_alternatives_needs_is_said_of_each(workshop: Workshop) -> None:
    def needs(*names: str, **properties: Any) -> dict[str, Any]:
        return {"type": "object", "required": ["x", *names], "properties": {"x": TEXT, **properties}}

    ways = [needs("name", name={**TEXT, "description": "Of one"}), needs("names", names={"type": "array"})]
    gist: dict[str, Any] = {"type": "object", "properties": {"files": TEXT, "text": TEXT, "free": TEXT}}
    gist["anyOf"] = [{"required": ["files"]}, {"required": ["text"]}]
    paths = {"/a": {"post": {"requestBody": body({"anyOf": ways})}}, "/b": {"post": {"requestBody": body(gist)}}}
    utilities = workshop.imported(service(paths))["utilities"]
    said = {
        name: one.get("description")
        for call in ("create_a", "create_b")
        for name, one in utilities[call]["params"].items()
    }
    assert said == {
        "x": None, "name": "Of one (needed unless names is given)", "names": "Needed unless name is given",
        "files": "Needed unless text is given", "text": "Needed unless files is given", "free": None,
    }  # fmt: skip


MERGED = """
openapi: 3.0.0
info: {title: Service, version: '1'}
servers: [{url: https://api.example.com}]
x-all: &all
  tags: [Things]
  security: [{key: []}]
  responses: {'204': {description: Done}}
components: {securitySchemes: {key: {type: http, scheme: bearer}}}
paths:
  /a: {put: {<<: *all, operationId: saveThing, responses: {'200': {description: Fine}}}}
  /b: {delete: {<<: [*all, {security: []}], summary: '<<'}}
"""


def test_keys_that_yaml_merges_count(workshop: Workshop) -> None:
    front = workshop.imported(MERGED)
    assert front["auth"]["prefix"] == "Bearer "
    assert front["utilities"]["save_thing"]["rest"]["response"] == {"as": "any"}
    delete = front["utilities"]["delete_b"]
    assert (delete["returns"], delete["description"], "auth" in delete) == ("void", "<<", False)


@pytest.mark.parametrize(("name", "returns"), [("AlbumObject", "album[]"), ("Member", "array"), ("Pet", "pet[]")])
def test_rows_are_not_called_what_reads_like_a_type(workshop: Workshop, name: str, returns: str) -> None:
    rows = {"type": "array", "items": ref(name)}
    document = service({"/a": {"get": {"responses": answer(rows)}}}, components={"schemas": {name: holds()}})
    assert workshop.imported(document)["utilities"]["list_a"]["returns"] == returns


def holds() -> dict[str, Any]:
    return {"type": "object", "properties": {"id": TEXT}}


def test_a_schema_that_holds_itself_ends(workshop: Workshop) -> None:
    """A list of lists of itself, and a value that is a text or a list of such values."""
    schemas = {
        "Tree": {"type": "array", "items": ref("Tree")},
        "Value": {"oneOf": [TEXT, {"type": "array", "items": ref("Value")}, {"type": "object"}]},
        "Node": {"type": "object", "properties": {"name": TEXT, "next": ref("Node"), "all": ref("Tree")}},
    }
    sent = {"type": "object", "properties": {name.lower(): ref(name) for name in schemas}}
    paths = {"/a": {"post": {"requestBody": body(sent), "responses": answer(ref("Value"))}}}
    front = workshop.imported(service(paths, components={"schemas": schemas}))
    (utility,) = front["utilities"].values()
    assert utility["params"]["tree"] == {"type": "array", "items": {"type": "array", "items": {"type": "array"}}}
    assert utility["params"]["node"]["properties"]["next"]["properties"]["name"] == {"type": "string"}
    assert "what holds itself without end is described once" in workshop.losses(
        service(paths, components={"schemas": schemas})
    )


def nested(levels: int, wide: int) -> dict[str, Any]:
    if levels == 0:
        return {"type": "string", "description": "The last"}
    below = {f"side{number}": TEXT for number in range(wide)}
    return {"type": "object", "required": ["in"], "properties": {"in": nested(levels - 1, wide), **below}}


def test_what_is_small_is_described_deeper(workshop: Workshop) -> None:
    def described(param: Any) -> int:
        return 1 + described(param["properties"]["in"]) if "properties" in param else 0

    fields = {"small": nested(5, 1), "large": nested(5, 20), "deep": nested(9, 0)}
    paths = {"/a": {"post": {"requestBody": body({"type": "object", "properties": fields}), "responses": {}}}}
    params = workshop.imported(service(paths))["utilities"]["create_a"]["params"]
    assert [described(params[name]) for name in fields] == [5, 2, 5]


def test_a_long_pattern_of_base64_is_said_in_one_word(workshop: Workshop) -> None:
    four = "[A-Za-z0-9+/]"
    pattern = f"^(?:{four}{{4}})*(?:{four}{{2}}==|{four}{{3}}=|{four}{{4}})$"
    fields = {"sealed": {**TEXT, "pattern": pattern}, "other": {**TEXT, "pattern": "a" * 70}}
    paths = {"/a": {"post": {"requestBody": body({"type": "object", "properties": fields}), "responses": {}}}}
    params = workshop.imported(service(paths))["utilities"]["create_a"]["params"]
    assert params["sealed"] == {"type": "string", "description": "Base64"}
    assert workshop.losses(service(paths))["a pattern is too long to be said; only the service checks it"] == [
        "POST /a other"
    ]
