"""What descriptions say in passing, or do not say: defaults, servers, credentials, replies, choices, old forms."""

from typing import Any

import pytest

from tests.importers.workshop import NOTHING, Workshop, answer, body, query, service

OK = {"200": {"description": "ok"}}


def test_a_documented_default_is_the_services_and_is_not_sent(workshop: Workshop) -> None:
    fields = {
        "prompt": {"type": "string"},
        "stop": {"oneOf": [{"type": "string", "default": "x"}, {"type": "array", "items": {"type": "string"}}]},
        "effort": {"type": "string", "enum": ["low", "high"], "default": "low"},
        "kind": {"const": "text"},
        "level": {"type": "integer", "default": 3},
    }
    schema = {"type": "object", "required": ["prompt", "level"], "properties": fields}
    parameters = [query("sort", {"type": "string", "default": "new"})]
    post = {"operationId": "generate", "parameters": parameters, "requestBody": body(schema), "responses": OK}
    front = workshop.imported(service({"/gen": {"post": post}}))
    (name,) = front["utilities"]
    sent = workshop.request(name, {"prompt": "x"})
    assert sent.startswith("POST https://api.example.com/v1/gen\n")
    assert """--data-binary '{"prompt":"x","kind":"text","level":3}'""" in sent or (
        """'{"prompt":"x","level":3,"kind":"text"}'""" in sent
    )
    assert front["utilities"][name]["params"]["effort"]["description"] == "Default: low"


def test_an_answer_that_nobody_described_is_handed_on(workshop: Workshop) -> None:
    paths = {"/a": {"get": {"responses": OK}, "delete": {"responses": NOTHING}, "head": {"responses": OK}}}
    utilities = workshop.imported(service(paths))["utilities"]
    assert utilities["get_a"] == {
        "description": "GET /a",
        "rest": {"url": "/a", "response": {"as": "any"}},
    }
    assert utilities["delete_a"]["returns"] == utilities["check_a"]["returns"] == "void"


@pytest.mark.parametrize(
    ("kind", "form"),
    [("text/csv", "csv"), ("text/plain", "text"), ("application/xml", "xml"), ("application/x-ndjson", "ndjson")],
)
def test_answers_of_other_forms_are_read(workshop: Workshop, kind: str, form: str) -> None:
    paths = {"/a": {"get": {"responses": answer({"type": "string"}, kind)}}}
    assert workshop.imported(service(paths))["utilities"]["get_a"]["rest"]["response"] == {"as": form}


def test_paths_that_differ_in_a_name_or_a_query_are_different_calls(workshop: Workshop) -> None:
    paths = {
        "/contacts/{id}": {"get": {"operationId": "getContactById", "responses": OK}},
        "/contacts/{email}": {"get": {"operationId": "getContactByEmail", "responses": OK}},
        "/answers": {"post": {"operationId": "createAnswer", "responses": OK}},
        "/answers?beta=true": {"post": {"operationId": "createBetaAnswer", "responses": OK}},
    }
    for _ in range(2):
        utilities = workshop.imported(service(paths))["utilities"]
        assert {name: one["rest"]["url"] for name, one in utilities.items()} == {
            "create_answer": "/answers",
            "create_beta_answer": "/answers?beta=true",
            "get_contact_by_email": "/contacts/{email}",
            "get_contact_by_id": "/contacts/{id}",
        }


SERVERS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (
        {"servers": []},
        {"servers": [{"url": "https://a.example.com"}, {"url": "https://b.example.com"}]},
        "https://a.example.com",
    ),
    ({"servers": [{"url": "/api/v3"}]}, {"servers": [{"url": "https://a.example.com"}]}, "https://a.example.com"),
]


@pytest.mark.parametrize(("top", "item", "base"), SERVERS)
def test_a_server_that_only_a_path_names_is_enough(
    workshop: Workshop, top: dict[str, Any], item: dict[str, Any], base: str
) -> None:
    front = workshop.imported({**service({"/v1/a": {**item, "get": {"responses": OK}}}), **top})
    assert front["api"]["base_url"] == base
    assert front["utilities"]["get_a"]["rest"]["url"] == "/v1/a"


def test_a_server_without_a_host_is_named(workshop: Workshop) -> None:
    document = {**service({"/a": {"get": {"responses": OK}}}), "servers": [{"url": "/api/v3"}]}
    done = workshop.run("openapi", workshop.document(document))
    assert "The server is given as /api/v3: say the host with --base-url https://HOST/api/v3" in done.err


def schemes(**named: dict[str, Any]) -> dict[str, Any]:
    return {"components": {"securitySchemes": named}}


KEY = {"type": "apiKey", "in": "header", "name": "Authorization"}
PREFIXES = [
    ("Format: `Token token=<API_KEY>`", "Token token="),
    ("Send `Authorization: Bot <token>`", "Bot "),
    ("Use 'GenieKey YOUR_KEY' as the value", "GenieKey "),
    ("A bearer token", "Bearer "),
]


@pytest.mark.parametrize(("description", "prefix"), PREFIXES)
def test_a_prefix_that_only_the_description_names_is_sent(
    workshop: Workshop, description: str, prefix: str
) -> None:
    paths = {"/a": {"get": {"security": [{"key": []}], "responses": OK}}}
    auth = workshop.imported(service(paths, **schemes(key={**KEY, "description": description})))["auth"]
    assert auth["prefix"] == prefix
    assert auth["label"]


def test_a_scheme_is_asked_for_once_optional_or_not(workshop: Workshop) -> None:
    paths = {
        "/closed": {"get": {"security": [{"key": []}], "responses": OK}},
        "/open": {"get": {"security": [{}, {"key": []}], "responses": OK}},
    }
    auth = workshop.imported(service(paths, **schemes(key={**KEY, "name": "X-Key"})))["auth"]
    assert auth == {"type": "api_key", "header": "X-Key", "optional": True}


def test_a_description_without_credentials_says_so_and_is_told_how(workshop: Workshop) -> None:
    document = service({"/a": {"get": {"responses": OK}}})
    assert any("--auth bearer" in line for line in workshop.losses(document))
    for way, auth in (
        ("bearer", {"type": "api_key", "header": "Authorization", "prefix": "Bearer "}),
        ("header:X-Key", {"type": "api_key", "header": "X-Key"}),
        ("query:key", {"type": "api_key", "query": "key"}),
        ("basic", {"type": "basic"}),
    ):
        skill = f"service-{way.partition(':')[0]}"
        front = workshop.imported(document, "--auth", way, skill=skill)
        assert front["auth"] == auth
        assert workshop.imported(document, skill=skill)["auth"] == auth
    refused = workshop.run("openapi", workshop.document(document), "--auth", "header:Host", skill="other")
    assert "--auth is bearer" in refused.err


def test_one_of_several_ways_can_be_chosen(workshop: Workshop) -> None:
    paths = {"/a": {"get": {"security": [{"one": []}, {"two": []}], "responses": OK}}}
    document = service(paths, **schemes(one={"type": "http", "scheme": "basic"}, two={**KEY, "name": "X-Two"}))
    assert any("(one, two)" in line for line in workshop.losses(document))
    assert workshop.imported(document, "--auth", "two")["auth"] == {"type": "api_key", "header": "X-Two"}


CHOICES = [
    (("--methods", "GET"), {"list_things", "get_thing"}),
    (("--read-only",), {"list_things", "get_thing"}),
    (("--exclude", "delete_*", "--exclude", "Old"), {"list_things", "get_thing", "create_thing"}),
    (("--deprecated",), {"list_things", "get_thing", "create_thing", "delete_thing", "get_old"}),
    ((), {"list_things", "get_thing", "create_thing", "delete_thing"}),
    (("--names", "operation-id", "--include", "GET /things*"), {"things_all", "things_one"}),
]


@pytest.mark.parametrize(("options", "names"), CHOICES)
def test_a_part_of_a_service_is_taken(workshop: Workshop, options: tuple[str, ...], names: set[str]) -> None:
    rows = answer({"type": "array", "items": {"type": "object"}})
    paths = {
        "/things": {"get": {"operationId": "thingsAll", "responses": rows}, "post": {"responses": OK}},
        "/things/{id}": {"get": {"operationId": "thingsOne", "responses": OK}, "delete": {"responses": NOTHING}},
        "/old": {"get": {"deprecated": True, "tags": ["Old"], "responses": OK}},
    }
    found = workshop.imported(service(paths), *options)
    assert set(found["utilities"]) == names
    assert set(workshop.imported(service(paths))["utilities"]) == names


SWAGGER = {
    "swagger": "2.0",
    "info": {"title": "Old", "version": "1"},
    "host": "api.example.com",
    "basePath": "/v1",
    "schemes": ["http", "https"],
    "securityDefinitions": {"token": {"type": "apiKey", "in": "header", "name": "Private-Token"}},
    "security": [{"token": []}],
    "definitions": {"Pet": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}},
    "parameters": {"page": {"name": "page", "in": "query", "type": "integer"}},
    "paths": {
        "/pets": {
            "get": {
                "operationId": "getV1Pets",
                "parameters": [
                    {"$ref": "#/parameters/page"},
                    {"name": "ids", "in": "query", "type": "array", "items": {"type": "integer"}},
                    {
                        "name": "tag",
                        "in": "query",
                        "type": "array",
                        "items": {"type": "string"},
                        "collectionFormat": "multi",
                    },
                ],
                "responses": {
                    "200": {
                        "description": "ok",
                        "schema": {"type": "array", "items": {"$ref": "#/definitions/Pet"}},
                    }
                },
            },
            "post": {
                "parameters": [
                    {"name": "pet", "in": "body", "required": True, "schema": {"$ref": "#/definitions/Pet"}}
                ],
                "responses": {"201": {"description": "ok", "schema": {"$ref": "#/definitions/Pet"}}},
            },
        },
        "/pets/{id}/photo": {
            "parameters": [{"name": "id", "in": "path", "required": True, "type": "integer"}],
            "put": {
                "parameters": [
                    {"name": "photo", "in": "formData", "type": "file", "required": True},
                    {"name": "title", "in": "formData", "type": "string"},
                ],
                "responses": {"204": {"description": "ok"}},
            },
        },
    },
}


def test_swagger_is_read(workshop: Workshop) -> None:
    front = workshop.imported(SWAGGER)
    assert front["api"]["base_url"] == "https://api.example.com/v1"
    assert front["auth"] == {"type": "api_key", "header": "Private-Token"}
    assert set(front["utilities"]) == {"list_pets", "create_pet", "update_pet_photo"}
    photo = front["utilities"]["update_pet_photo"]
    assert photo["params"]["photo"] == {"type": "file", "required": True}
    assert photo["rest"]["encoding"] == "multipart"
    assert front["utilities"]["list_pets"]["rest"]["paginate"] == {"style": "page"}
    sent = workshop.request("list_pets", {"ids": [1, 2], "tag": ["a", "b"]})
    assert sent.startswith("GET https://api.example.com/v1/pets?ids=1%2C2&tag=a&tag=b\n")
    assert """--data-binary '{"name":"Rex"}'""" in workshop.request("create_pet", {"name": "Rex"})


STYLES = [
    (
        {"name": "f", "style": "deepObject", "schema": {"type": "object", "properties": {"a": {"type": "string"}}}},
        {"f_a": "x"},
        "f%5Ba%5D=x",
    ),
    (
        {"name": "e", "style": "deepObject", "schema": {"type": "array", "items": {"type": "string"}}},
        {"e": ["x", "y"]},
        "e%5B%5D=x&e%5B%5D=y",
    ),
    (
        {
            "name": "o",
            "schema": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}},
        },
        {"a": "1", "b": "2"},
        "a=1&b=2",
    ),
    (
        {"name": "l", "explode": False, "schema": {"type": "array", "items": {"type": "string"}}},
        {"l": ["x", "y"]},
        "l=x%2Cy",
    ),
]


@pytest.mark.parametrize(("parameter", "params", "sent"), STYLES)
def test_a_query_is_written_in_the_style_that_is_said(
    workshop: Workshop, parameter: dict[str, Any], params: dict[str, Any], sent: str
) -> None:
    workshop.imported(service({"/a": {"get": {"parameters": [{"in": "query", **parameter}], "responses": OK}}}))
    assert workshop.request("get_a", params).startswith(f"GET https://api.example.com/v1/a?{sent}\n")


def test_what_only_the_service_checks_is_said_in_words(workshop: Workshop) -> None:
    parameters = [
        query("id", {"type": "string", "format": "uuid"}),
        query("sid", {"type": "string", "pattern": "^AC[0-9a-f]{32}$", "minLength": 34, "maxLength": 34}),
        query("n", {"type": "integer", "multipleOf": 5}),
    ]
    params = workshop.imported(service({"/a": {"get": {"parameters": parameters, "responses": OK}}}))["utilities"][
        "get_a"
    ]["params"]
    assert params["id"]["description"] == "Uuid"
    assert params["sid"]["description"] == "Matches ^AC[0-9a-f]{32}$ (34 characters)"
    assert params["n"]["description"] == "A multiple of 5"


def test_a_body_in_base64_is_text_where_it_has_a_type_and_bytes_where_it_has_none(workshop: Workshop) -> None:
    byte = {"type": "string", "format": "byte"}
    kinds = {"/picture": "image/jpeg", "/file": "application/octet-stream"}
    document = service({path: {"put": {"requestBody": body(byte, kind)}} for path, kind in kinds.items()})
    utilities = workshop.imported(document)["utilities"]
    assert utilities["update_picture"]["params"] == {
        "text": {"type": "string", "required": True, "description": "Base64"}
    }
    assert utilities["update_picture"]["rest"]["headers"] == {"Content-Type": "image/jpeg"}
    assert utilities["update_file"]["params"]["content"]["type"] == "file"
    told = workshop.losses(document)
    assert told["the body is described as base64: it is sent as bytes, which services mean by that"] == [
        "PUT /file"
    ]


def test_what_a_runtime_calls_a_param_of_its_own_is_called_by_its_place(workshop: Workshop) -> None:
    rows = answer({"type": "array", "items": {"$ref": "#/components/schemas/email"}})
    asked = [query("all", {"type": "boolean"}), query("page", {"type": "integer"}), query("per_page")]
    mail = {"email": {"type": "object", "properties": {"address": {"type": "string"}}}}
    paths = {"/mails": {"get": {"parameters": asked, "responses": rows}}}
    front = workshop.imported(service(paths, components={"schemas": mail}))
    (name,) = front["utilities"]
    assert front["utilities"][name]["params"] == {"query_all": {"type": "boolean"}}
    assert front["utilities"][name]["returns"] == "array"  # `email` would be read as a type
    assert "/mails?all=true" in workshop.request(name, {"query_all": True})


IMPLICIT = {"implicit": {"authorizationUrl": "https://id.example.com/authorize", "scopes": {}}}
LOGINS = [
    ({"login": {"type": "oauth2", "flows": IMPLICIT}}, "Authorization"),
    ({"login": {"type": "oauth2", "flows": IMPLICIT}, "other": {**KEY, "name": "X-Key"}}, "X-Key"),
]


@pytest.mark.parametrize(("named", "header"), LOGINS, ids=["alone", "beside a key"])
def test_a_login_without_its_addresses_is_a_token_that_is_stored(
    workshop: Workshop, named: dict[str, Any], header: str
) -> None:
    paths = {"/a": {"get": {"security": [{name: []} for name in named], "responses": OK}}}
    assert workshop.imported(service(paths, **schemes(**named)))["auth"]["header"] == header


def test_a_call_that_is_described_twice_is_told(workshop: Workshop) -> None:
    same = {"get": {"responses": OK}}
    paths = {"/a": same, "/a/": same, "/b?action=list": {"get": {"parameters": [query("action")], "responses": OK}}}
    front = workshop.imported(service(paths))
    assert {name: one["rest"]["url"] for name, one in front["utilities"].items()} == {
        "get_a": "/a",
        "get_b": "/b?action=list",
    }
    assert "params" not in front["utilities"]["get_b"]
    losses = workshop.losses(service(paths))
    assert losses["it is the same call as GET /a, which is imported"] == ["GET /a/"]
    assert losses["a parameter that the path says already is left out"] == ["GET /b?action=list action"]


def test_further_fields_of_a_body_are_taken_beside_other_params(workshop: Workshop) -> None:
    schema = {"type": "object", "additionalProperties": True, "properties": {"a": {"type": "string"}}}
    path = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    clash = {**schema, "properties": {"id": {"type": "string"}}}
    document = service(
        {
            "/a/{id}": {"put": {"parameters": [path, query("q")], "requestBody": body(schema)}},
            "/b/{id}": {"put": {"parameters": [path], "requestBody": body(clash)}},
        }
    )
    utilities = workshop.imported(document)["utilities"]
    sent = workshop.request("update_a", {"id": "1", "q": "2", "a": "3", "more": 4})
    assert sent.startswith("PUT https://api.example.com/v1/a/1?q=2\n")
    assert '--data-binary \'{"a":"3","more":4}\'' in sent
    assert "additional_params" not in utilities["update_b"]
    assert "further fields of a body (additionalProperties) are not taken: PUT /b/{id}" in workshop.text()


GIVEN = [
    ("api.example.com/v1", "https://api.example.com/v1"),
    ("//api.example.com/v1", "https://api.example.com/v1"),
    ("https://api.example.com/v1?x=1", "https://api.example.com/v1"),
    ("wss://api.example.com", "https://api.example.com"),
]


@pytest.mark.parametrize(("url", "meant"), GIVEN)
def test_a_server_that_cannot_be_used_is_named_with_what_it_was_meant_to_be(
    workshop: Workshop, url: str, meant: str
) -> None:
    done = workshop.run("openapi", workshop.document(service({"/a": {"get": {}}}, servers=[{"url": url}])))
    assert done.code == 1
    assert f"The server is given as {url}: say it with --base-url {meant}\n" in done.err


def test_nulls_that_a_service_takes_are_sent_or_listed(workshop: Workshop) -> None:
    text = {"type": ["string", "null"]}
    choice = {"type": "object", "required": ["k"], "properties": {"k": {**text, "enum": ["a", None]}}}
    schema = {
        "type": "object",
        "required": ["end", "deep", "more"],
        "properties": {"end": text, "deep": choice, "more": {"type": "array", "items": text}},
    }
    document = service({"/a": {"post": {"requestBody": body(schema)}}})
    params = workshop.imported(document)["utilities"]["create_a"]["params"]
    assert params["deep"]["properties"]["k"] == {
        "type": "string", "enum": ["a"], "description": "Needed, and may be null",
    }  # fmt: skip
    assert '"deep":{"k":null}' in workshop.request("create_a", {"end": "x", "deep": {"k": None}, "more": []})
    told = workshop.losses(document)
    assert told["a null cannot be sent, since null leaves a param out"] == ["POST /a end"]
    assert told["a null among the entries of a list cannot be sent"] == ["POST /a more[]"]


def test_what_documents_write_in_other_words_is_read_as_it_is_meant(workshop: Workshop) -> None:
    parameters = [
        {"name": "id", "in": "path", "schema": {"type": "int"}},
        {"name": "since", "in": "query", "schema": {"type": "date"}},
        {"name": "rate", "in": "query", "schema": {"type": "Float"}},
        {"name": "sort", "in": "query", "type": "string", "enum": ["up", "down"]},
    ]
    front = workshop.imported(service({"/dogs/{id}": {"GET": {"parameters": parameters}}}))
    assert front["utilities"]["get_dog"]["params"] == {
        "id": {"type": "integer", "required": True},
        "since": {"type": "string"},
        "rate": {"type": "number"},
        "sort": {"type": "string", "enum": ["up", "down"]},
    }


def test_a_body_without_content_and_a_relative_server_are_told(workshop: Workshop) -> None:
    unsaid = {"schema": {"type": "object", "properties": {"a": {"type": "string"}}}}
    paths = {"/dogs": {"servers": [{"url": "/other"}], "post": {"requestBody": unsaid}, "Trace": {}}}
    told = workshop.losses(service(paths))
    assert told["a body is not sent, since its `content` is not described"] == ["POST /dogs"]
    assert told["TRACE is no method of a manifest"] == ["/dogs"]
    relative = "a relative server is not used, since nothing says where the document is from: /other"
    assert told[relative] == ["POST /dogs"]


@pytest.mark.parametrize(
    ("kind", "sent", "told"),
    [
        ("application/form-data", "multipart", "is sent as multipart/form-data"),
        ("application/x-www-form-urlencode", "form", "is sent as application/x-www-form-urlencoded"),
        ("", "json", ""),
        ("application/x-json", "json", ""),
        ("application/vnd.acme.v1", "json", "is sent as JSON, since its fields are described"),
        ("application/xml", "text", "are not said: it is asked for as a text"),
        ("application/octet-stream", "binary", "are not said: it is asked for as a file"),
    ],
)
def test_fields_of_a_body_of_an_odd_type_are_sent_or_listed(
    workshop: Workshop, kind: str, sent: str, told: str
) -> None:
    schema = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
    content = service(
        {"/a": {"post": {"operationId": "createA", "requestBody": body(schema, kind), "responses": OK}}}
    )
    utility = workshop.imported(content)["utilities"]["create_a"]
    assert utility["rest"].get("encoding", "json") == sent
    assert ("name" in utility["params"]) == (sent in ("json", "form", "multipart"))
    losses = [sentence for sentence, places in workshop.losses(content).items() if places == ["POST /a"]]
    assert [told in sentence for sentence in losses] == ([True] if told else [])


def test_a_description_without_operations_is_refused_as_what_it_is(workshop: Workshop) -> None:
    done = workshop.run("openapi", workshop.document(service({"/a": {"parameters": []}})))
    assert (done.code, "describes no operation" in done.err) == (1, True), done.err


def test_what_a_call_changes_is_named_by_its_caller(workshop: Workshop) -> None:
    """A default in the path of a call that writes is mostly an example; one of a few choices is none."""

    def path(name: str, schema: dict[str, Any]) -> dict[str, Any]:
        return {"name": name, "in": "path", "required": True, "schema": {"type": "string", **schema}}

    parameters = [path("id", {"default": "1234"}), path("form", {"default": "json", "enum": ["json", "xml"]})]
    front = workshop.imported(
        service({"/rules/{id}.{form}": {m: {"parameters": parameters, "responses": OK} for m in ("get", "delete")}})
    )
    form = {"type": "string", "enum": ["json", "xml"], "default": "json"}
    assert front["utilities"]["get_rule"]["params"] == {"id": {"type": "string", "default": "1234"}, "form": form}
    assert front["utilities"]["delete_rule"]["params"] == {
        "id": {"type": "string", "required": True, "description": "Default: 1234"},
        "form": form,
    }
    assert workshop.console.run("call", "service", "delete_rule", "--dry-run").code != 0


def test_two_params_of_one_name_are_told(workshop: Workshop) -> None:
    fields = {"type": "object", "properties": {"tags": {"type": "string"}, "size": {"type": "string"}}}
    parameters = [
        query("tags", {"type": "array", "items": {"type": "string"}}),
        query("filter", fields, style="form", explode=True),
    ]
    document = service({"/dogs": {"get": {"operationId": "listDogs", "parameters": parameters, "responses": OK}}})
    workshop.imported(document)
    sent = workshop.request("list_dogs", {"tags": ["a", "b"], "size": "s"})
    assert sent.startswith("GET https://api.example.com/v1/dogs?tags=a&tags=b&size=s\n")
    told = workshop.losses(document)
    assert told["two params are sent under one name: the first is kept"] == ["GET /dogs tags"]


def test_a_header_whose_name_begins_with_a_digit_is_a_param(workshop: Workshop) -> None:
    code = {"name": "X-2FA-Code", "in": "header", "required": True, "schema": {"type": "string"}}
    workshop.imported(service({"/me": {"get": {"operationId": "getMe", "parameters": [code], "responses": OK}}}))
    (name,) = workshop.front()["utilities"]["get_me"]["params"]
    assert "X-2FA-Code: 123" in workshop.request("get_me", {name: "123"})
