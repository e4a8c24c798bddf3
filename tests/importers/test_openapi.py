"""OpenAPI documents become skills that a person would write: names, params, where they go, what comes back."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.importers.documents import COMBINED, FORMS, KENNEL
from tests.importers.workshop import NOTHING, Workshop, answer, body, query, service


def test_a_service_in_the_style_of_the_petstore(workshop: Workshop) -> None:
    front = workshop.imported(KENNEL, "--deprecated")
    assert list(front["utilities"]) == [
        "get_bed_photo", "list_dogs", "add_dog", "get_dog", "update_dog", "delete_dog",
    ]  # fmt: skip
    assert front["name"] == "Kennel"
    assert front["description"] == "Dogs, and where they sleep"
    assert front["api"] == {"base_url": "https://eu.kennel.example.com/v2"}
    assert front["auth"] == {"type": "api_key", "header": "X-Kennel-Key"}
    assert front["utilities"]["add_dog"] == {
        "description": "Add a dog",
        "params": {
            "name": {
                "type": "string",
                "required": True,
                "description": "What it answers to. See names",
                "example": "Rex",
            },
            "size": {"type": "string", "enum": ["small", "large"], "description": "Default: small"},
            "born": {"type": "string", "description": "YYYY-MM-DD"},
            "mother": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "required": True, "description": "What it answers to"},
                    "size": {"type": "string", "enum": ["small", "large"], "description": "Default: small"},
                    "born": {"type": "string", "description": "YYYY-MM-DD"},
                    "mother": {
                        "type": "object",
                        "properties": {
                            "name": {"type": "string", "required": True, "description": "What it answers to"},
                            "size": {"type": "string", "enum": ["small", "large"], "description": "Default: small"},
                            "born": {"type": "string", "description": "YYYY-MM-DD"},
                            "mother": {"type": "object"},
                        },
                    },
                },
            },
        },
        "returns": {
            "id": "integer",
            "name": {"type": "string", "description": "What it answers to"},
            "size": {"type": "string", "description": "small, large"},
            "born": "string",
            "mother": "object",
        },
        "rest": {"method": "POST", "url": "/dogs", "body": ".params"},
    }


def test_a_list_by_pages_leaves_the_position_to_the_runtime(workshop: Workshop) -> None:
    utility = workshop.imported(KENNEL)["utilities"]["list_dogs"]
    assert utility["rest"]["paginate"] == {"style": "page", "limit": "per_page", "size": 50, "start": 0}
    assert list(utility["params"]) == ["size", "trace_id"]
    assert utility["returns"] == "dog[]"
    assert utility["rest"]["headers"] == {"X-Trace-Id": ".params.trace_id"}


def test_a_partial_update_sends_no_defaults(workshop: Workshop) -> None:
    utility = workshop.imported(KENNEL)["utilities"]["update_dog"]
    assert utility["params"]["size"] == {
        "type": "string",
        "enum": ["small", "large"],
        "description": "Default: small",
    }
    sent = workshop.request("update_dog", {"dogId": 7, "name": "Ann"})
    assert sent.startswith("PATCH https://eu.kennel.example.com/v2/dogs/7\n")
    assert '{"name":"Ann"}' in sent


def test_a_deprecated_call_without_content_or_id(workshop: Workshop) -> None:
    utility = workshop.imported(KENNEL, "--deprecated")["utilities"]["delete_dog"]
    assert utility["description"] == "Deprecated. Let a dog go"
    assert utility["returns"] == "void"
    assert utility["params"]["dogId"] == {
        "type": "integer",
        "required": True,
        "minimum": 1,
        "description": "The dog's number",
    }


def test_bytes_are_handed_on_raw_and_a_public_call_carries_no_key(workshop: Workshop) -> None:
    utility = workshop.imported(KENNEL)["utilities"]["get_bed_photo"]
    assert utility["auth"] == "none"
    assert utility["rest"]["response"] == {"raw": True}
    assert "returns" not in utility


def test_what_a_manifest_cannot_say_is_listed_and_stays_in_the_file(workshop: Workshop) -> None:
    losses = workshop.losses(KENNEL)
    assert losses["the server's variable `region` is eu, or us (--server region=VALUE)"] == ["servers"]
    assert losses["deprecated operations are left out (--deprecated takes them)"] == ["DELETE /dogs/{dogId}"]
    assert losses["a null cannot be sent, since null leaves a param out"] == ["PATCH /dogs/{dogId} born"]
    text = workshop.text()
    assert "## Not expressed" in text
    assert all(loss in text for loss in losses)


def test_alternatives_stay_apart_where_something_tells_them(workshop: Workshop) -> None:
    front = workshop.imported(COMBINED)
    assert list(front["utilities"]) == ["list_shapes", "label_shapes", "create_shape"]
    circle, square = front["utilities"]["create_shape"]["params"]["body"]["one_of"]
    assert circle["properties"]["kind"] == {"type": "string", "required": True, "enum": ["circle"]}
    assert circle["properties"]["radius"] == {"type": "number", "required": True, "description": "More than 0"}
    assert square["properties"]["side"] == {"type": "integer", "required": True, "minimum": 1}
    assert front["utilities"]["create_shape"]["rest"]["body"] == ".params.body"
    assert front["auth"] == {"type": "api_key", "header": "Authorization", "prefix": "Bearer "}
    label = front["utilities"]["label_shapes"]["params"]
    assert label["text"] == {
        "type": ["string", "array"],
        "required": True,
        "description": "One or several",
        "items": {"type": "string"},
    }
    assert label["align"] == {"enum": ["left", "right"]}
    assert label["weight"] == {"type": "number", "minimum": 0, "maximum": 1, "description": "Default: 0.5"}
    assert label["any"] == {}


def test_a_cursor_that_the_body_names_is_followed(workshop: Workshop) -> None:
    utility = workshop.imported(COMBINED)["utilities"]["list_shapes"]
    assert utility["rest"]["paginate"] == {
        "style": "cursor",
        "limit": "limit",
        "items": "/items",
        "next": ".next_cursor",
    }
    assert utility["returns"] == "shape[]"
    assert list(utility["params"]) == ["group"]


def test_forms_files_texts_and_several_credentials(workshop: Workshop) -> None:
    front = workshop.imported(FORMS)
    utilities = front["utilities"]
    assert list(utilities) == [
        "create_fax", "update_logo", "create_message", "create_note", "create_order", "cancel_report",
    ]  # fmt: skip
    assert front["auth"]["credentials"] == {
        "default": {"type": "basic"},
        "app": {"type": "api_key", "query": "app_key"},
    }
    assert utilities["create_fax"]["credential"] == "app"
    assert utilities["create_fax"]["params"] == {
        "document": {"type": "file", "required": True, "description": "The pages"},
        "cover_page": {"type": "string"},
        "extras": {"type": "array", "items": {"type": "file"}},
    }
    assert utilities["create_fax"]["rest"]["encoding"] == "multipart"
    assert utilities["create_fax"]["rest"]["body"]["cover-page"] == ".params.cover_page"
    assert utilities["update_logo"]["rest"]["encoding"] == "binary"
    assert utilities["update_logo"]["params"]["content"]["type"] == "file"
    assert utilities["create_note"]["rest"] == {
        "method": "POST",
        "url": "/api/notes",
        "encoding": "text",
        "body": ".params.text",
        "response": {"as": "text"},
    }
    assert utilities["create_order"]["rest"]["headers"] == {"Content-Type": "application/xml"}
    assert utilities["cancel_report"]["rest"]["url"] == "/api/reports/{id}/cancel"


def test_a_form_is_sent_as_one(workshop: Workshop) -> None:
    workshop.imported(FORMS)
    sent = workshop.request("create_message", {"To": "+1", "MediaUrl": ["a", "b"], "Options": {"a": "x"}})
    assert "To=%2B1&MediaUrl=a&MediaUrl=b&Options=%7B%22a%22%3A%22x%22%7D" in sent


# ------------------------------------------------------------------ where params go


STYLES: list[tuple[dict[str, Any], Any, str]] = [
    (query("tags", {"type": "array", "items": {"type": "string"}}), ["a", "b"], "?tags=a&tags=b"),
    (query("tags", {"type": "array"}, explode=False), ["a", "b"], "?tags=a%2Cb"),
    (query("tags", {"type": "array"}, style="pipeDelimited", explode=False), ["a", "b"], "?tags=a%7Cb"),
    (query("tags[]", {"type": "array"}), ["a"], "?tags%5B%5D=a"),
    (query("odd-name"), "x", "?odd-name=x"),
    (
        {"name": "f", "in": "query", "content": {"application/json": {"schema": {}}}},
        {"a": 1},
        "?f=%7B%22a%22%3A1%7D",
    ),
    (query("m", {"type": "object", "properties": {"a": {}}}, explode=False), {"a": 1}, "?m=a%2C1"),
]


@pytest.mark.parametrize(("parameter", "value", "expected"), STYLES)
def test_a_query_is_written_in_the_style_that_the_document_asks_for(
    workshop: Workshop, parameter: dict[str, Any], value: Any, expected: str
) -> None:
    document = service({"/things": {"get": {"operationId": "getThing", "parameters": [parameter]}}})
    params = workshop.imported(document)["utilities"]["get_thing"]["params"]
    sent = workshop.request("get_thing", {next(iter(params)): value})
    assert sent.startswith(f"GET https://api.example.com/v1/things{expected}\n")
    assert workshop.request("get_thing", {}).startswith("GET https://api.example.com/v1/things\n")


def test_an_object_in_the_query_becomes_one_param_for_each_key(workshop: Workshop) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}
    document = service({"/things": {"get": {"parameters": [query("filter", schema, style="deepObject")]}}})
    workshop.imported(document)
    sent = workshop.request("get_things", {"filter_name": "x", "filter_age": 3})
    assert sent.startswith("GET https://api.example.com/v1/things?filter%5Bname%5D=x&filter%5Bage%5D=3\n")


MONEY = {"type": "object", "properties": {"amount": {"type": "integer"}, "currency": {"type": "string"}}}
PRICES = {"type": "array", "items": MONEY}


def test_maps_in_a_query_are_written_with_brackets_at_any_depth(workshop: Workshop) -> None:
    created = {"anyOf": [{"type": "object", "properties": {"gte": {"type": "integer"}}}, {"type": "integer"}]}
    parameters = [
        query("created", created, style="deepObject", explode=True),
        query("expand", {"type": "array", "items": {"type": "string"}}, style="deepObject", explode=True),
        query("limit", {"type": "integer"}),
    ]
    document = service({"/things": {"get": {"parameters": parameters}}})
    rest = workshop.imported(document)["utilities"]["get_things"]["rest"]
    assert rest["nested"] == "brackets"
    sent = workshop.request("get_things", {"created": {"gte": 5}, "expand": ["a", "b"], "limit": 3})
    assert "/things?created%5Bgte%5D=5&expand%5B0%5D=a&expand%5B1%5D=b&limit=3\n" in sent
    assert "/things?created=5\n" in workshop.request("get_things", {"created": 5})


def test_a_form_is_written_with_brackets_where_the_document_says_deep_object(workshop: Workshop) -> None:
    schema = {"type": "object", "properties": {"items": PRICES, "metadata": {"type": "object"}, "name": {}}}
    deep = {"style": "deepObject", "explode": True}
    content = {"schema": schema, "encoding": {"items": deep, "metadata": deep}}
    form = {"content": {"application/x-www-form-urlencoded": content}}
    workshop.imported(service({"/pay": {"post": {"requestBody": form, "responses": NOTHING}}}))
    params = {"items": [{"amount": 3, "currency": "eur"}], "metadata": {"a": "b"}, "name": "x"}
    sent = workshop.request("pay", params)
    assert "\nitems%5B0%5D%5Bamount%5D=3&items%5B0%5D%5Bcurrency%5D=eur&metadata%5Ba%5D=b&name=x\n" in sent


def test_maps_beside_lists_that_are_repeated_have_a_param_for_each_key(workshop: Workshop) -> None:
    inner = {"type": "object", "properties": {"price": MONEY, "free": {"type": "object"}}}
    parameters = [
        query("filter", inner, style="deepObject", required=True),
        query("tag", {"type": "array", "items": {"type": "string"}}),
    ]
    document = service({"/things": {"get": {"parameters": parameters}}})
    workshop.imported(document)
    sent = workshop.request("get_things", {"filter_price_amount": 3, "tag": ["a", "b"]})
    assert "/things?filter%5Bprice%5D%5Bamount%5D=3&tag=a&tag=b\n" in sent
    losses = workshop.losses(document)
    assert losses["maps have a param for each key, since lists beside them are repeated"] == ["GET /things"]
    lost = "a map of any keys, or a list of maps, cannot be sent beside a list that is repeated"
    assert losses[lost] == ["GET /things filter.free"]


def test_a_map_that_holds_itself_has_a_param_for_each_key_but_that(workshop: Workshop) -> None:
    loop = {"$ref": "#/components/schemas/Loop"}
    inner = {"type": "object", "properties": {"name": {"type": "string"}, "all": loop, "mixed": {"allOf": [loop]}}}
    parameters = [
        query("filter", loop, style="deepObject"),
        query("tag", {"type": "array", "items": {"type": "string"}}),
    ]
    document = service({"/things": {"get": {"parameters": parameters}}}, components={"schemas": {"Loop": inner}})
    workshop.imported(document)
    sent = workshop.request("get_things", {"filter_name": "x", "tag": ["a", "b"]})
    assert "/things?filter%5Bname%5D=x&tag=a&tag=b\n" in sent
    where = workshop.losses(document)["a map that holds itself, or is deep in others, is left out"]
    assert "GET /things filter.all" in where


def test_an_optional_map_needs_none_of_its_keys(workshop: Workshop) -> None:
    schema = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
    parameters = [query("deep", schema, style="deepObject"), query("spread", schema)]
    params = workshop.imported(service({"/a": {"get": {"parameters": parameters}}}))["utilities"]["get_a"]["params"]
    assert params == {"deep_name": {"type": "string"}, "name": {"type": "string"}}


def test_two_fields_of_one_name_are_two_params(workshop: Workshop) -> None:
    path = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    schema = {"type": "object", "properties": {"id": {"type": "string"}}}
    document = service({"/things/{id}": {"put": {"parameters": [path], "requestBody": body(schema)}}})
    utility = workshop.imported(document)["utilities"]["update_thing"]
    assert utility["rest"]["url"] == "/things/{id}"
    assert utility["rest"]["body"] == {"id": ".params.body_id"}


def test_a_list_or_a_map_of_anything_is_the_whole_body(workshop: Workshop) -> None:
    document = service(
        {
            "/a": {"post": {"requestBody": body({"type": "array", "items": {"type": "integer"}})}},
            "/b": {"post": {"requestBody": body({"type": "object", "additionalProperties": {"type": "string"}})}},
        }
    )
    workshop.imported(document)
    assert "\n[\n  1\n]\n" in workshop.request("create_a", {"body": [1]})
    assert '"x": "y"' in workshop.request("create_b", {"body": {"x": "y"}})


def test_an_idempotency_key_is_the_runtimes_to_send(workshop: Workshop) -> None:
    header = {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string"}}
    document = service({"/pay": {"post": {"parameters": [header], "responses": NOTHING}}})
    utility = workshop.imported(document)["utilities"]["pay"]
    assert utility["rest"]["retry"] == {"idempotency_header": "Idempotency-Key"}
    assert "params" not in utility


def test_cookies_are_one_header_of_what_is_given(workshop: Workshop) -> None:
    one, other = ({"name": name, "in": "cookie", "schema": dict[str, Any]()} for name in ("theme", "sid.2"))
    workshop.imported(service({"/a": {"get": {"parameters": [one, other]}}}))
    assert "Cookie: theme=a%3Bb; sid.2=7\n" in workshop.request("get_a", {"theme": "a;b", "sid_2": 7})
    assert "Cookie: sid.2=x\n" in workshop.request("get_a", {"sid_2": "x"})
    assert "Cookie" not in workshop.request("get_a", {})


def test_cookies_beside_a_key_that_is_one_are_left_out_and_told(workshop: Workshop) -> None:
    scheme = {"securitySchemes": {"session": {"type": "apiKey", "in": "cookie", "name": "sid"}}}
    cookie = {"name": "theme", "in": "cookie", "schema": {"type": "string"}}
    document = service({"/a": {"get": {"parameters": [cookie]}}}, components=scheme, security=[{"session": []}])
    assert "params" not in workshop.imported(document)["utilities"]["get_a"]
    assert workshop.losses(document)["a cookie beside a key that is a cookie is not sent"] == ["GET /a theme"]


PATH_STYLES: list[tuple[str, Any, Any, str]] = [
    ("label", {"type": "integer"}, 5, ".5"),
    ("matrix", {"type": "string"}, "a b", ";id=a%20b"),
    ("simple", {"type": "array", "items": {"type": "integer"}}, "3,4", "3%2C4"),
    ("label", {"type": "array", "items": {"type": "integer"}}, "3.4", ".3.4"),
]


@pytest.mark.parametrize(("style", "schema", "value", "expected"), PATH_STYLES)
def test_a_path_is_written_in_its_style(
    workshop: Workshop, style: str, schema: Any, value: Any, expected: str
) -> None:
    parameter = {"name": "id", "in": "path", "required": True, "style": style, "schema": schema}
    workshop.imported(service({"/a/{id}/b": {"get": {"operationId": "getB", "parameters": [parameter]}}}))
    assert f"/v1/a/{expected}/b\n" in workshop.request("get_b", {"id": value})


@pytest.mark.parametrize("name", ["a\nb", "a\u202eb", "a\x1b[2Jb"])
def test_a_parameter_whose_name_does_not_show_as_itself_is_left_out_and_told(workshop: Workshop, name: str) -> None:
    document = service({"/a": {"get": {"parameters": [{"name": name, "in": "query", "schema": {}}]}}})
    what = "a field whose name holds a character that does not show as itself is not sent"
    assert workshop.losses(document)[what] == ["GET /a"]


# ------------------------------------------------------------------ what comes back


def test_a_stream_is_asked_for_as_the_document_says(workshop: Workshop) -> None:
    schema = {"type": "object", "properties": {"text": {"type": "string"}, "stream": {"type": "boolean"}}}
    events = {"text/event-stream": {"schema": {"description": "Events, then [DONE]"}}}
    responses = answer({"type": "object", "properties": {"reply": {"type": "string"}}})
    responses["200"]["content"] |= events
    document = service({"/tell": {"post": {"requestBody": body(schema), "responses": responses}}})
    utility = workshop.imported(document)["utilities"]["create_tell"]
    assert utility["rest"]["stream"] == {
        "body": {"stream": True},
        "delta": ".",
        "accumulate": "list",
        "reply": "{events: .}",
        "done": "[DONE]",
    }
    assert list(utility["params"]) == ["text"]


def test_a_stream_that_only_words_speak_of_is_asked_for(workshop: Workshop) -> None:
    said = {"type": "boolean", "description": "Whether to stream the answer using server-sent events."}
    schema = {"type": "object", "properties": {"text": {"type": "string"}, "stream": said}}
    document = service({"/say": {"post": {"requestBody": body(schema), "responses": answer({"type": "object"})}}})
    utility = workshop.imported(document)["utilities"]["create_say"]
    assert utility["rest"]["stream"] == {
        "body": {"stream": True},
        "delta": ".",
        "accumulate": "list",
        "done": "[DONE]",
    }
    assert "stream" not in utility["params"]
    assert "that `stream` asks for events is said in words only" in workshop.losses(document)


def test_a_stream_that_cannot_be_read_is_not_offered(workshop: Workshop) -> None:
    schema = {"type": "object", "properties": {"text": {"type": "string"}, "stream": {"type": "boolean"}}}
    document = service({"/tell": {"post": {"requestBody": body(schema), "responses": answer({})}}})
    utility = workshop.imported(document)["utilities"]["create_tell"]
    assert list(utility["params"]) == ["text"]
    assert "stream" not in utility["rest"]


def test_choices_of_a_reply_are_words_since_new_ones_appear_unannounced(workshop: Workshop) -> None:
    schema = {"type": "object", "properties": {"state": {"type": "string", "enum": ["on", "off"]}}}
    document = service({"/a": {"get": {"responses": answer(schema)}}})
    assert workshop.imported(document)["utilities"]["get_a"]["returns"] == {
        "state": {"type": "string", "description": "on, off"}
    }


def test_a_job_that_is_only_accepted_is_told(workshop: Workshop) -> None:
    document = service({"/jobs": {"post": {"responses": answer({"type": "object"}, status="202")}}})
    assert any(loss.startswith("202 only accepts the job") for loss in workshop.losses(document))


# ------------------------------------------------------------------ credentials


def test_a_key_of_another_kind_that_descriptions_ask_for_is_a_credential(workshop: Workshop) -> None:
    schemes = {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}}
    document = service(
        {
            "/a": {"get": {"description": "Usage. [Management key](/docs) required."}},
            "/b": {"get": {"description": "Usage of others. [Management key](/docs) required."}},
            "/c": {"get": {"description": "Anything"}},
        },
        components=schemes,
        security=[{"key": []}],
    )
    front = workshop.imported(document)
    assert list(front["auth"]["credentials"]) == ["default", "management"]
    assert front["utilities"]["get_a"]["credential"] == "management"
    assert "credential" not in front["utilities"]["get_c"]


SCHEMES: list[tuple[dict[str, Any], Any]] = [
    ({"type": "apiKey", "in": "query", "name": "k"}, {"type": "api_key", "query": "k"}),
    ({"type": "apiKey", "in": "cookie", "name": "sid"}, {"header": {"Cookie": "sid={key}"}}),
    ({"type": "http", "scheme": "Basic"}, {"type": "basic"}),
    (
        {"type": "openIdConnect", "openIdConnectUrl": "https://example.com"},
        {"type": "api_key", "header": "Authorization", "prefix": "Bearer ", "label": "Access token"},
    ),
    (
        {
            "type": "oauth2",
            "flows": {
                "authorizationCode": {
                    "authorizationUrl": "https://example.com/authorize",
                    "tokenUrl": "https://example.com/token",
                    "scopes": {"read": "Read"},
                }
            },
        },
        {
            "type": "oauth",
            "authorize_url": "https://example.com/authorize",
            "token_url": "https://example.com/token",
            "scopes": ["read"],
            "pkce": True,
        },
    ),
]


@pytest.mark.parametrize(("scheme", "auth"), SCHEMES)
def test_security_schemes(workshop: Workshop, scheme: dict[str, Any], auth: Any) -> None:
    document = service(
        {"/a": {"get": {}}}, components={"securitySchemes": {"way": scheme}}, security=[{"way": ["read"]}]
    )
    assert workshop.imported(document)["auth"] == auth


def test_schemes_that_are_needed_together_are_one_credential_of_two_fields(workshop: Workshop) -> None:
    schemes = {
        "Id": {"type": "apiKey", "in": "header", "name": "X-Id"},
        "Secret": {"type": "http", "scheme": "bearer"},
    }
    document = service(
        {"/a": {"get": {"security": [{"Id": [], "Secret": []}, {}]}}}, components={"securitySchemes": schemes}
    )
    assert workshop.imported(document)["auth"] == {
        "header": {"X-Id": "{id}", "Authorization": "Bearer {secret}"},
        "optional": True,
    }


# ------------------------------------------------------------------ the document


def test_only_what_is_asked_for_is_imported(workshop: Workshop) -> None:
    assert list(workshop.imported(KENNEL, "--include", "Beds", "--include", "delete *")["utilities"]) == [
        "get_bed_photo", "delete_dog",
    ]  # fmt: skip
    done = workshop.run("openapi", workshop.document(KENNEL), "--include", "cats", skill="other")
    assert (done.code, "The tags are: Beds, Dogs" in done.err) == (1, True)


def test_paths_and_operations_may_lie_in_files_of_their_own(workshop: Workshop) -> None:
    files = {
        "things/list.yml": {
            "operationId": "things_list",
            "summary": "All things",
            "parameters": [{"$ref": "../shared.yml#/page"}],
            "security": [{"key": []}],
            "responses": answer({"type": "array", "items": {"$ref": "models/parcel.yml"}}),
        },
        "things/models/parcel.yml": {"type": "object", "properties": {"name": {"type": "string"}}},
        "shared.yml": {"page": query("page", {"type": "integer"})},
        "others.yml": {"delete": {"operationId": "others_remove", "responses": NOTHING}},
    }
    for name, content in files.items():
        workshop.document(content, name)
    scheme = {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}
    paths = {"/things": {"get": {"$ref": "things/list.yml"}}, "/others": {"$ref": "others.yml"}}
    front = workshop.imported(service(paths, components={"securitySchemes": scheme}))
    assert front["auth"] == {"type": "api_key", "header": "X-Key"}
    assert front["utilities"]["list_things"] == {
        "description": "All things",
        "returns": "parcel[]",
        "rest": {"url": "/things", "paginate": {"style": "page"}},
    }
    assert {*front["utilities"]} == {"list_things", "remove_others"}


def test_references_into_files_beside_the_document_are_followed_and_others_are_not(workshop: Workshop) -> None:
    workshop.document(
        {"Thing": {"type": "object", "properties": {"own": {"$ref": "#/Text"}}}, "Text": {"type": "string"}},
        "parts/things.yaml",
    )
    (workshop.folder.parent / "secret.yaml").write_text("Thing: {type: object, properties: {secret: {}}}")
    document = service(
        {
            "/a": {"post": {"requestBody": body({"$ref": "parts/things.yaml#/Thing"})}},
            "/b": {"post": {"requestBody": body({"$ref": "../secret.yaml#/Thing"})}},
        }
    )
    front = workshop.imported(document)
    assert front["utilities"]["create_a"]["params"] == {"own": {"type": "string"}}
    assert "secret" not in front["utilities"]["create_b"]["params"]
    assert any("lies outside the folder" in loss for loss in workshop.losses(document))


def test_references_that_run_in_circles_or_lead_nowhere_are_told(workshop: Workshop) -> None:
    schemas = {
        "A": {"$ref": "#/components/schemas/B"},
        "B": {"$ref": "#/components/schemas/A"},
        "C": {"allOf": [{"$ref": "#/components/schemas/C"}, {"type": "object", "properties": {"x": {}}}]},
    }
    names = ("A", "C", "Missing")
    paths = {
        f"/{name.lower()}": {"post": {"requestBody": body({"$ref": f"#/components/schemas/{name}"})}}
        for name in names
    }
    document = service(paths, components={"schemas": schemas})
    assert workshop.imported(document)["utilities"]["create_c"]["params"] == {"x": {}}
    losses = workshop.losses(document)
    assert "a reference leads back to itself" in losses
    assert losses["a reference leads nowhere, so what it names is missing"] == ["#/components/schemas/Missing"]


BOMB = "a: &a [1, 1, 1]\n" + "\n".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
REFUSED = [
    ('{"swagger": "1.2", "paths": {}}', "it says swagger: 1.2"),
    ("openapi: 2.5.0\npaths: {}", "it says openapi: 2.5.0"),
    ("{info: {name: a}, item: []}", "which `agentos import postman` reads"),
    ("{log: {entries: []}}", "which `agentos import har` reads"),
    ("{asyncapi: 2.6.0, info: {title: a}}", "no calls"),
    ('{kind: "discovery#restDescription", rootUrl: "https://a.example.com/"}', "Google's own format"),
    ("{swaggerVersion: '1.2', apis: []}", "it is Swagger 1"),
    ("{schema_version: v1, api: {url: 'https://a.example.com/o.json'}}", "It names one: https://a.example.com/o.json"),
    ("title: nothing", "it has no `openapi` key"),
    ("- a", "no map of keys"),
    ("a: [", "line 2, column 1"),
    ("openapi: 3.1.0\npaths: {}", "--base-url"),
    ("[" * 5000, "nested too deeply"),
    ("a: &a [*a]", "holds itself"),
    (
        BOMB,
        "aliases stand for too much",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_a_document_that_cannot_be_read_is_refused_with_the_reason(
    workshop: Workshop, text: str, words: str
) -> None:
    done = workshop.run("openapi", workshop.document(text))
    assert done.code == 1
    assert words in done.err
    assert not workshop.file().exists()


def test_yaml_is_read_as_openapi_asks_for(workshop: Workshop) -> None:
    text = """
openapi: 3.1.0
info: {title: T, version: 1.10}
servers: [{url: https://api.example.com}]
paths:
  /a: {get: {parameters: [{name: land, in: query, schema: {enum: [no, yes, 2024-01-01]}}]}}
"""
    front = workshop.imported(text)
    assert front["utilities"]["get_a"]["params"]["land"]["enum"] == ["no", "yes", "2024-01-01"]


def test_json_and_a_server_of_the_callers_choice(workshop: Workshop) -> None:
    document = json.dumps(service({"/a": {"get": {}}}))
    front = workshop.imported(document, "--base-url", "http://localhost:8000")
    assert front["api"] == {"base_url": "http://localhost:8000"}


def test_a_utility_of_another_server_says_the_whole_address(workshop: Workshop) -> None:
    document = service({"/a": {"get": {"servers": [{"url": "https://files.example.com"}]}}})
    assert workshop.imported(document)["utilities"]["get_a"]["rest"]["url"] == "https://files.example.com/a"


def test_a_file_that_is_not_there_is_said_so(workshop: Workshop, tmp_path: Path) -> None:
    done = workshop.run("openapi", tmp_path / "missing.yaml")
    assert (done.code, "missing.yaml cannot be read" in done.err) == (1, True)


def test_a_plain_http_address_is_refused(workshop: Workshop) -> None:
    done = workshop.run("openapi", "http://api.example.com/openapi.json")
    assert (done.code, "https://" in done.err) == (1, True)


def test_a_flow_without_a_person_gets_tokens_for_a_client(workshop: Workshop) -> None:
    def secured(flows: Any) -> Any:
        schemes = {"machine": {"type": "oauth2", "flows": flows}}
        document = service({"/a": {"get": {"operationId": "list_a", "responses": NOTHING}}})
        return document | {"components": {"securitySchemes": schemes}, "security": [{"machine": []}]}

    flow = {"tokenUrl": "https://id.example.com/token", "scopes": {"read": "Read"}}
    assert workshop.imported(secured({"clientCredentials": flow}))["auth"] == {
        "type": "oauth",
        "grant": "client_credentials",
        "token_url": "https://id.example.com/token",
        "scopes": ["read"],
    }
    assert workshop.losses(secured({"clientCredentials": flow}), "--dry-run") == {}
    nowhere = workshop.losses(secured({"clientCredentials": {"tokenUrl": "/token", "scopes": {}}}), "--dry-run")
    assert list(nowhere) == ["the address that gives tokens is not said: an access token is stored and sent"]
