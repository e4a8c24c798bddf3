"""What services of a certain style do: ids that spell paths, keys among params, cursors of odd names."""

import re
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos_runtime.importers.api import Losses
from agentos_runtime.importers.openapi.operations import read_openapi
from agentos_runtime.jsontext import dump
from tests.importers.workshop import NOTHING, Workshop, answer, body, query, service
from tests.sizes import examples

SPELLED = [
    ("get", "/v1/customers/{customer}", "GetCustomersCustomer", "get_customer"),
    ("post", "/v1/accounts/{account}", "PostAccountsAccount", "update_account"),
    ("get", "/files/{file_id}/content", "get_files_id_content", "get_file_content"),
    ("post", "/v4/projects/{id}/import", "postApiV4ProjectsIdImport", "import_project"),
    ("post", "/v1/charges/{charge}/refunds/{refund}", "PostChargesChargeRefundsRefund", "update_charge_refund"),
    ("post", "/queries/execute_read", "post_queries_execute_read", "execute_queries"),
]


@pytest.mark.parametrize(("method", "path", "own", "name"), SPELLED)
def test_an_id_that_only_spells_the_path_is_read_as_the_path(
    workshop: Workshop, method: str, path: str, own: str, name: str
) -> None:
    names = re.findall(r"\{(\w+)\}", path)
    parameters = [{"name": one, "in": "path", "required": True, "schema": {"type": "string"}} for one in names]
    operation = {"operationId": own, "parameters": parameters, "responses": answer({"type": "object"})}
    assert list(workshop.imported(service({path: {method: operation}}))["utilities"]) == [name]


def test_a_key_among_the_params_is_the_credential(workshop: Workshop) -> None:
    token = query("token", required=True, description="Authentication token. Requires scope: `read`")
    header = {**token, "in": "header"}
    form = body(
        {"type": "object", "properties": {"token": {"type": "string", "description": "Access token"}, "a": {}}}
    )
    paths = {"/a": {"get": {"parameters": [token]}}, "/b": {"post": {"parameters": [header], "requestBody": form}}}
    scheme = {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}}
    front = workshop.imported(service(paths, components=scheme, security=[{"bearer": []}]))
    assert "params" not in front["utilities"]["get_a"]
    assert list(front["utilities"]["create_b"]["params"]) == ["a"]
    assert "token=********" in workshop.request("get_a", {})
    front = workshop.imported(
        service({"/a": {"get": {"parameters": [query("api_key", required=True)]}}}), skill="other"
    )
    assert front["auth"] == {"type": "api_key", "query": "api_key"}
    assert "params" not in front["utilities"]["get_a"]


def test_a_token_that_is_what_the_call_is_about_stays_a_param(workshop: Workshop) -> None:
    paths = {"/revoke": {"post": {"parameters": [query("token", required=True, description="Of the device")]}}}
    assert list(workshop.imported(service(paths))["utilities"]["revoke"]["params"]) == ["token"]


BEARER = {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}}
PUBLIC: dict[str, Any] = {"/p": {"get": {}}, "/q": {"get": {}}, "/r": {"get": {}}}
OTHERS = [
    ("get", query("key", required=True, description="Your key of the issue, such as ABC-1")),
    ("get", query("token", description="Access token of the next page")),
    ("get", query("token", description="The API token to look up")),
    ("get", query("api_key", description="The API key to be verified")),
    ("post", {"token": {"type": "string", "description": "The access token to revoke"}}),
    ("post", {"token": {"type": "string", "description": "The Slack API token. For example: `xoxb-…`"}}),
    ("post", {"key": {"type": "string", "description": "Authentication key of a device"}}),
    ("post", {"api_key": {"type": "string", "description": "API key"}}),
]


@pytest.mark.parametrize(("method", "said"), OTHERS, ids=lambda each: str(each)[:40])
@pytest.mark.parametrize("secured", [True, False])
def test_a_key_of_another_service_or_of_a_thing_is_never_the_credential(
    workshop: Workshop, method: str, said: dict[str, Any], secured: bool
) -> None:
    given = (
        {"parameters": [said]} if method == "get" else {"requestBody": body({"type": "object", "properties": said})}
    )
    more: dict[str, Any] = {"components": BEARER, "security": [{"bearer": []}]} if secured else {}
    name = said["name"] if method == "get" else next(iter(said))
    front = workshop.imported(service({**PUBLIC, "/a": {method: given}}, **more))
    assert list(front["utilities"]["get_a" if method == "get" else "create_a"]["params"]) == [name]


def test_a_key_that_one_of_many_operations_takes_is_asked_for_and_told(workshop: Workshop) -> None:
    one = {"/a": {"get": {"parameters": [query("api_key", required=True, description="API key")]}}}
    document = service({**PUBLIC, **one}, components=BEARER, security=[{"bearer": []}])
    assert list(workshop.imported(document)["utilities"]["get_a"]["params"]) == ["api_key"]
    assert "GET /a api_key" in str(workshop.losses(document))


def test_a_key_whose_description_speaks_of_a_project_is_the_credential(workshop: Workshop) -> None:
    said = "API key. Your API key identifies your project and provides you with API access, quota, and reports."
    front = workshop.imported(service({"/a": {"get": {"parameters": [query("key", description=said)]}}}))
    assert front["auth"] == {"type": "api_key", "query": "key"}


def holds(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


TEXT = {"type": "string"}
CURSORS: list[tuple[str, Any, str]] = [
    ("continue", {"metadata": holds(**{"continue": TEXT})}, ".metadata.continue"),
    ("offset", {"next_page": holds(offset=TEXT, uri=TEXT)}, ".next_page.offset"),
    ("marker", {"next_marker": TEXT}, ".next_marker"),
    ("cursor", {"about": holds(next_cursor=TEXT), "b": {}, "c": {}}, ".about.next_cursor"),
]


@pytest.mark.parametrize(("name", "more", "following"), CURSORS)
def test_a_cursor_of_any_name_is_followed(workshop: Workshop, name: str, more: Any, following: str) -> None:
    reply = {"type": "object", "properties": {"items": {"type": "array", "items": {"type": "object"}}, **more}}
    document = service({"/a": {"get": {"parameters": [query(name)], "responses": answer(reply)}}})
    paginate = workshop.imported(document)["utilities"]["list_a"]["rest"]["paginate"]
    assert (paginate["style"], paginate["next"]) == ("cursor", following)


MAIL = {"type": "array", "items": holds(id=TEXT)}
MESSAGES: list[tuple[dict[str, Any], str | None]] = [
    ({"messages": MAIL}, "/messages"),
    ({"messages": {"type": "array", "items": TEXT}}, None),
    ({"messages": MAIL, "errors": MAIL, "result": {"type": "object"}}, None),
    ({"messages": MAIL, "items": MAIL}, "/items"),
]


@pytest.mark.parametrize(("fields", "rows"), MESSAGES)
def test_messages_are_the_rows_where_a_reply_has_no_other_list(
    workshop: Workshop, fields: dict[str, Any], rows: str | None
) -> None:
    reply = answer(holds(nextPageToken=TEXT, **fields))
    document = service({"/messages": {"get": {"parameters": [query("pageToken")], "responses": reply}}})
    (one,) = workshop.imported(document)["utilities"].values()
    assert one["rest"].get("paginate", {}).get("items") == rows


URI = {"type": "string", "format": "uri"}
RELATED = {"type": "array", "items": holds(rel=TEXT, href=TEXT)}
EITHER = '.links.next | if type == "object" then .href else . end'
LINKED: list[tuple[str, dict[str, Any], Any]] = [
    ("cursor", {"next": URI}, {"link": ".next"}),
    ("cursor", {"next": {"type": "string", "description": "URL of the next page"}}, {"link": ".next"}),
    ("per_page", {"next_page_uri": TEXT, "first_page_uri": TEXT}, {"link": ".next_page_uri"}),
    ("$top", {"@odata.nextLink": TEXT}, {"link": '.["@odata.nextLink"]'}),
    ("q", {"links": holds(next=TEXT, prev=TEXT)}, {"link": ".links.next"}),
    ("q", {"_links": holds(next=holds(href=TEXT))}, {"link": "._links.next.href"}),
    ("q", {"links": holds(pages={"anyOf": [holds(next=TEXT), {"type": "object"}]})}, {"link": ".links.pages.next"}),
    ("q", {"links": holds(next={"oneOf": [URI, holds(href=URI)]})}, {"link": EITHER}),
    ("q", {"paging": holds(next=holds(after=TEXT, link=TEXT))}, {"link": ".paging.next.link"}),
    ("after", {"paging": holds(next=holds(after=TEXT, link=TEXT))}, ".paging.next.after"),
    ("limit", {"links": RELATED}, {"link": 'first(.links[]? | select(.rel == "next") | .href)'}),
    ("q", {"links": RELATED}, None),
    ("page[after]", {"links": holds(next=TEXT), "meta": holds(after_cursor=TEXT)}, {"link": ".links.next"}),
    ("q", {"next": {"type": "integer"}}, None),
    ("q", {"next": holds(id=TEXT)}, None),
    ("cursor", {"next_cursor": {"type": "string", "description": "For the URL of the next call"}}, ".next_cursor"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "more", "following"), LINKED)
def test_an_address_of_the_next_page_is_followed(
    workshop: Workshop, name: str, more: dict[str, Any], following: Any
) -> None:
    reply = holds(results={"type": "array", "items": {"type": "object"}}, **more)
    document = service({"/a": {"get": {"parameters": [query(name)], "responses": answer(reply)}}})
    rest = workshop.imported(document)["utilities"]["list_a"]["rest"]
    assert rest.get("paginate", {}).get("next") == following


@pytest.mark.parametrize(("said", "followed"), [("Pagination links", True), ("Where it is described", False)])
def test_a_header_that_leads_to_the_next_page_is_followed(workshop: Workshop, said: str, followed: bool) -> None:
    reply = answer({"type": "array", "items": {"type": "object"}})
    reply["200"]["headers"] = {"link": {"description": said, "schema": TEXT}}
    document = service({"/a": {"get": {"parameters": [query("page_info")], "responses": reply}}})
    rest = workshop.imported(document)["utilities"]["list_a"]["rest"]
    assert rest.get("paginate") == ({"style": "cursor", "next": "link"} if followed else None)
    assert "page_info" in rest["query"]


def test_an_empty_form_is_no_param_and_a_list_of_files_has_a_name(workshop: Workshop) -> None:
    empty = body({"type": "object", "properties": {}}, "application/x-www-form-urlencoded", required=False)
    files = body({"type": "array", "items": {"type": "string", "format": "binary"}}, "multipart/form-data")
    paths = {
        "/a": {"get": {"requestBody": empty}, "delete": {"requestBody": empty, "responses": NOTHING}},
        "/b": {"post": {"requestBody": files}},
    }
    front = workshop.imported(service(paths))
    assert "params" not in front["utilities"]["delete_a"]
    assert front["utilities"]["create_b"]["params"]["file"] == {
        "type": "array", "required": True, "items": {"type": "file"},
    }  # fmt: skip
    assert "a body of a GET is not sent" not in workshop.losses(service(paths))


def test_accept_is_sent_as_the_document_demands(workshop: Workshop) -> None:
    accept = {
        "name": "Accept",
        "in": "header",
        "required": True,
        "schema": {"type": "string", "default": "a/b;version=2"},
    }
    rest = workshop.imported(service({"/a": {"get": {"parameters": [accept]}}}))["utilities"]["get_a"]["rest"]
    assert rest["headers"] == {"Accept": "a/b;version=2"}


LOOP = {"$ref": "#/components/schemas/Loop"}
WAYS = st.sampled_from(["oneOf", "anyOf", "allOf"])
schemas = st.recursive(
    st.sampled_from([
        {}, {"type": "string"}, {"type": "integer"}, {"type": "object"}, {"type": ["string", "null"]},
        LOOP, {"type": "string", "format": "binary"}, {"const": 1}, {"enum": ["a"]},
    ]),
    lambda below: st.builds(lambda one: {"type": "array", "items": one}, below)
    | st.builds(lambda one, two: {"type": "object", "properties": {"a": one, "b[]": two}}, below, below)
    | st.builds(lambda way, one, two: {way: [one, two]}, WAYS, below, below),
    max_leaves=5,
)  # fmt: skip
parameters = st.builds(
    lambda name, place, style, explode, schema: {
        "name": name, "in": place, "required": place == "path", "style": style, "explode": explode,
        "schema": schema,
    },
    st.sampled_from(["id", "a[b]", "X-Y", "token", "page", ""]),
    st.sampled_from(["query", "path", "header", "cookie", "body", "nowhere"]),
    st.sampled_from(["form", "simple", "deepObject", "label", "matrix", "pipeDelimited", "odd"]),
    st.booleans(),
    schemas,
)  # fmt: skip
kinds = st.sampled_from(
    ["application/json", "multipart/form-data", "application/x-www-form-urlencoded", "text/csv", "a/b"]
)
operations = st.builds(
    lambda own, given, kind, schema: {
        "operationId": own, "parameters": given, "requestBody": {"content": {kind: {"schema": schema}}},
        "responses": answer(schema, kind),
    },
    st.sampled_from(["", "getId", "list", "PostAB", "v1/x.y", "é"]),
    st.lists(parameters, max_size=3),
    kinds,
    schemas,
)  # fmt: skip
items = st.dictionaries(
    st.sampled_from(["get", "post", "put", "delete", "options", "head", "x-other"]), operations, max_size=3
)


@pytest.mark.slow
@settings(max_examples=examples(200), deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["/a", "/a/{id}", "/{id}/b", "a?b=c", "/v1/a.json"]), items, min_size=1, max_size=3
    )
)
def test_every_operation_is_read_or_told(paths: dict[str, Any]) -> None:
    loop = {
        "type": "object",
        "properties": {"self": {"$ref": "#/components/schemas/Loop"}},
        "allOf": [{"$ref": "#/components/schemas/Loop"}],
    }
    document = service(paths, components={"schemas": {"Loop": loop}})
    losses = Losses()
    api = read_openapi(dump(document), "file:///service.json", lambda address: b"", losses)
    spoken = [
        (method, path) for path, item in paths.items() for method in item if method not in ("options", "x-other")
    ]
    assert len(api.operations) == len(spoken)
    told = losses.found.get("OPTIONS is no method of a manifest", {})
    assert len(told) == sum("options" in item for item in paths.values())


def test_a_list_in_a_form_is_joined_where_a_swagger_document_says_csv(workshop: Workshop) -> None:
    def listed(name: str, **more: str) -> dict[str, Any]:
        return {"name": name, "in": "formData", "type": "array", "items": {"type": "string"}, **more}

    fields = [listed("a", collectionFormat="csv"), listed("b", collectionFormat="multi"), listed("c")]
    document = {
        "swagger": "2.0", "info": {"title": "Service", "version": "1"}, "host": "api.example.com",
        "paths": {"/a": {"post": {"parameters": fields, "responses": {"204": {"description": "Done"}}}}},
    }  # fmt: skip
    workshop.imported(document)
    sent = workshop.request("create_a", {name: ["x", "y"] for name in "abc"})
    assert "a=x%2Cy&b=x&b=y&c=x&c=y" in sent
    assert workshop.losses(document)["a list in a form is sent as a repeated field"] == ["c"]


LISTS = [
    ("query", "tsv", 'join("\\t")', ""),
    ("query", "pipes", 'join("|")', ""),
    ("header", "ssv", 'join(" ")', ""),
    ("path", "csv", "", "One or several, joined with commas"),
    ("path", "pipes", "", "One or several, joined with `|`"),
    ("path", "tsv", "", "One or several, joined with tabs"),
]


@pytest.mark.parametrize(("place", "form", "written", "said"), LISTS)
def test_lists_of_swagger_are_joined_as_it_says(
    workshop: Workshop, place: str, form: str, written: str, said: str
) -> None:
    parameter = {"name": "id", "in": place, "required": place == "path", "type": "array", "collectionFormat": form}
    operation = {"parameters": [{**parameter, "items": {"type": "string"}}], "responses": {"200": {}}}
    document = {
        "swagger": "2.0", "info": {"title": "Service", "version": "1"}, "host": "api.example.com",
        "paths": {"/a/{id}" if place == "path" else "/a": {"get": operation}},
    }  # fmt: skip
    (utility,) = workshop.imported(document)["utilities"].values()
    assert utility["params"]["id"].get("description", "") == said
    sent = utility["rest"].get("query") or utility["rest"].get("headers") or {"id": ""}
    assert written in sent["id"]


MAPS = [
    ("simple", False, "Key and value of each in turn, joined with commas"),
    ("simple", True, "`key=value` of each, joined with commas"),
    ("label", True, "`key=value` of each, joined with dots"),
]


@pytest.mark.parametrize(("style", "explode", "said"), MAPS)
def test_a_map_in_a_path_is_described_as_its_style_writes_it(
    workshop: Workshop, style: str, explode: bool, said: str
) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    parameter = {"name": "id", "in": "path", "required": True, "style": style, "explode": explode, "schema": schema}
    front = workshop.imported(service({"/a/{id}": {"get": {"parameters": [parameter]}}}))
    assert front["utilities"]["get_a"]["params"]["id"]["description"] == said


FORMS: list[tuple[dict[str, Any], str]] = [
    ({"style": "spaceDelimited", "explode": False}, "a b"),
    ({"style": "pipeDelimited"}, "a|b"),
    ({"style": "form", "explode": False}, "a,b"),
    ({"style": "form"}, ""),
    ({"style": "pipeDelimited", "explode": True}, ""),
]


@pytest.mark.parametrize(("said", "joined"), FORMS)
def test_a_list_in_a_form_is_written_in_its_style(workshop: Workshop, said: dict[str, Any], joined: str) -> None:
    schema = {"type": "object", "properties": {"x": {"type": "array", "items": {"type": "string"}}}}
    content = {"application/x-www-form-urlencoded": {"schema": schema, "encoding": {"x": said}}}
    workshop.imported(service({"/a": {"post": {"requestBody": {"content": content}}}}))
    sent = workshop.request("create_a", {"x": ["a", "b"]}).split("\n\n")[1]
    assert parse_qs(sent)["x"] == ([joined] if joined else ["a", "b"])


BYTES = {"type": "string", "format": "binary"}


def test_a_file_or_several_and_a_part_that_only_its_type_describes_are_files(workshop: Workshop) -> None:
    parts = {
        "image": {"anyOf": [BYTES, {"type": "array", "items": BYTES}], "description": "What is changed"},
        "mask": {},
        "title": {},
        "cover": {**BYTES, "description": "In front"},
    }
    said = body({"type": "object", "required": ["image"], "properties": parts}, "multipart/form-data")
    said["content"]["multipart/form-data"]["encoding"] = {
        "mask": {"contentType": "image/png"},
        "title": {"contentType": "text/plain"},
        "cover": {"contentType": "image/png, image/jpeg"},
    }
    front = workshop.imported(service({"/images": {"post": {"requestBody": said, "responses": NOTHING}}}))
    assert front["utilities"]["create_image"]["params"] == {
        "image": {"type": "array", "required": True, "description": "What is changed", "items": {"type": "file"}},
        "mask": {"type": "file", "description": "image/png"},
        "title": {},
        "cover": {"type": "file", "description": "In front (image/png, image/jpeg)"},
    }


def test_a_switch_is_not_set_unasked(workshop: Workshop) -> None:
    force = {"name": "force", "in": "query", "schema": {"const": True}}
    version = {"name": "version", "in": "query", "schema": {"type": "string", "const": "v2"}}
    said = body({"type": "object", "properties": {"notify": {"type": "boolean", "const": True}}}, required=False)
    one = {"parameters": [force, version], "requestBody": said, "responses": NOTHING}
    workshop.imported(service({"/dogs": {"post": one}}))
    assert workshop.request("create_dog", {}).startswith("POST https://api.example.com/v1/dogs?version=v2\n")
    assert "notify" not in workshop.request("create_dog", {})
    sent = workshop.request("create_dog", {"force": True, "notify": True})
    assert "?force=true&version=v2\n" in sent
    assert '{"notify":true}' in sent


def test_maps_in_a_list_of_a_query_are_sent_and_told(workshop: Workshop) -> None:
    items = {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}}
    document = service({"/dogs": {"get": {"parameters": [{"name": "by", "in": "query", "schema": items}]}}})
    told = workshop.losses(document)
    assert told["maps in a list in the query (style form) are sent as JSON texts"] == ["GET /dogs by"]
    sent = workshop.request("get_dogs", {"by": [{"a": "x"}, {"a": "y"}]})
    assert sent.startswith(
        "GET https://api.example.com/v1/dogs?by=%7B%22a%22%3A%22x%22%7D&by=%7B%22a%22%3A%22y%22%7D\n"
    )


def test_an_encoded_example_of_a_path_is_shown_as_it_is_given(workshop: Workshop) -> None:
    """A caller who takes it as it stands would have it encoded twice."""
    shown = {"type": "string", "example": "prod%2Faws%2Fdb-password"}
    parameters = [{"name": "id", "in": "path", "required": True, "schema": shown}]
    front = workshop.imported(service({"/secrets/{id}": {"get": {"parameters": parameters, "responses": NOTHING}}}))
    assert front["utilities"]["get_secret"]["params"]["id"]["example"] == "prod/aws/db-password"
    sent = workshop.request("get_secret", {"id": "prod/aws/db-password"})
    assert sent.startswith("GET https://api.example.com/v1/secrets/prod%2Faws%2Fdb-password\n")
