"""What utilities are called, and which lists go on page by page: tables of what documents say in the wild."""

from typing import Any

import pytest

from agentos_runtime.importers.api import Field, Operation, Reply
from agentos_runtime.importers.names.choosing import utility_names
from agentos_runtime.importers.paging import pagination
from tests.importers.workshop import Workshop, answer, query, service
from tests.importers.workshop import body as json_body

LIST = Reply("json", None, "/data", "thing")

NAMES = [
    ("GET", "/things", "", LIST, "list_things"),
    ("GET", "/things/{id}", "", Reply(), "get_thing"),
    ("POST", "/v1/things", "", Reply(), "create_thing"),
    ("PUT", "/api/things/{id}", "", Reply(), "update_thing"),
    ("DELETE", "/things/{id}", "", Reply(), "delete_thing"),
    ("HEAD", "/things", "", Reply("void"), "check_things"),
    ("POST", "/things/{id}/cancel", "", Reply(), "cancel_thing"),
    ("POST", "/search", "", Reply(), "search"),
    ("GET", "/users/{id}/things", "", LIST, "list_user_things"),
    ("GET", "/", "", Reply(), "get_root"),
    ("GET", "/things", "getThings", LIST, "list_things"),
    ("GET", "/things", "listThings", Reply(), "list_things"),
    ("GET", "/things/{id}/content", "listThingsContent", Reply("raw"), "get_things_content"),
    ("GET", "/things/{id}", "things_retrieve", Reply(), "get_thing"),
    ("GET", "/things", "ThingsController_findAll", LIST, "list_things"),
    ("GET", "/things/{id}", "ThingsController_findOne", Reply(), "get_thing"),
    ("GET", "/things/", "read_things_things__get", LIST, "list_things"),
    ("GET", "/things", "acmeListThings", LIST, "list_things"),
    ("GET", "/things", "list_acme_things", LIST, "list_things"),
    ("GET", "/things", "things.list", LIST, "list_things"),
    ("POST", "/things", "things/create", Reply(), "create_thing"),
    ("POST", "/chat/completions", "sendChatCompletionRequest", Reply(), "send_chat_completion"),
    ("GET", "/things", "allThings", LIST, "list_things"),
    ("GET", "/2fa", "2fa", Reply(), "get_2_fa"),
    ("GET", "/x/things", "get-/x/things_getPage", LIST, "list_x_things"),
    ("POST", "/things/batch/archive", "post-/things/batch/archive_archive", Reply(), "archive_things_batch"),
    ("GET", "/things/{thingId}", "get-/things/{thingId}_getById", Reply(), "get_thing"),
    ("GET", "/lists/{list_id}/things/{hash}", "getListsIdThingsId", Reply(), "get_list_thing"),
    ("POST", "/things/{id}/actions/send", "", Reply(), "send_thing"),
    ("POST", "/things/{id}/actions/delete-permanent", "", Reply(), "delete_thing_permanent"),
    ("POST", "/things/{id}/test-runs", "", Reply(), "create_thing_test_run"),
    ("GET", "/search-things", "", LIST, "search_things"),
    ("GET", "/admin/2024-01/things", "", LIST, "list_admin_things"),
    ("GET", "/things", "get-multiple-things", LIST, "list_things"),
    ("GET", "/things/show_many", "ThingsShowMany", LIST, "list_things"),
    ("POST", "/things/{id}/parts", "manageThing", Reply(), "manage_thing"),
    ("POST", "/Things/{id}/Email", "emailThing", Reply(), "email_thing"),
    ("POST", "/chat/completions", "chatCompletion", Reply(), "create_chat_completion"),
    ("POST", "/things/{id}/query", "post-thing-query", Reply(), "query_thing"),
    (
        "DELETE",
        "/registry/{name}/tags/{tag}",
        "registry_delete_repositoryTag",
        Reply(),
        "delete_registry_repository_tag",
    ),
    ("POST", "/notes?beta=true", "beta_notes_post", Reply(), "create_beta_notes"),
    (
        "POST",
        "/v1/notes/{id}/archive?beta=true",
        "beta_archive_note_v1_notes__id__archive_post",
        Reply(),
        "archive_beta_note",
    ),
    ("PUT", "/notes", "activity/mark-notes-as-read", Reply(), "mark_activity_notes_as_read"),
    (
        "POST",
        "/jobs/{id}/rerun",
        "actions/re-run-job-for-workflow-run",
        Reply(),
        "rerun_action_job_for_workflow_run",
    ),
    ("POST", "/runs/{id}/gates", "actions/review-gates-for-run", Reply(), "review_action_gates_for_run"),
    ("PUT", "/secrets/{name}", "vault/create-or-update-secret", Reply(), "create_vault_secret"),
    ("GET", "/codes/{key}", "codes-of-conduct/get-conduct-code", Reply(), "get_conduct_code"),
    ("POST", "/v2/chat", "chatv2", Reply(), "create_chat"),
    ("GET", "/apps/v1beta1/things/{id}", "readAppsV1beta1Thing", Reply(), "get_apps_thing"),
    ("POST", "/api/chat.postMessage", "", Reply(), "create_chat_message"),
    ("GET", "/api/things.list", "", LIST, "list_things"),
    ("GET", "/things.json", "", LIST, "list_things"),
    ("GET", "/2.0/files/{id}", "", Reply(), "get_file"),
    ("PUT", "/files/{id}#add_shared_link", "put_files_id#add_shared_link", Reply(), "add_file_shared_link"),
    ("POST", "/v1/jobs/{name}:cancel", "", Reply(), "cancel_job"),
    ("POST", "/v1/jobs:batchGet", "", Reply(), "batch_jobs_get"),
    ("POST", "/2/files/upload", "", Reply(), "upload_files"),
    ("GET", "/oauth2/s3", "getOAuth2S3IPv4", Reply(), "get_oauth2_s3_ipv4"),
]


@pytest.mark.parametrize(("method", "path", "own", "reply", "expected"), NAMES)
def test_a_utility_is_called_verb_noun(method: str, path: str, own: str, reply: Reply, expected: str) -> None:
    one = Operation(method, path, "", id=own, reply=reply)
    assert list(utility_names([one], ("acme", "Acme API"), {}, {}).values()) == [expected]


def test_the_version_that_all_paths_begin_with_is_in_no_name() -> None:
    paths = ["/shop/admin/2024-01/keys", "/shop/admin/2024-01/keys/{id}", "/shop/admin/2024-01/keys/{id}/uses"]
    operations = [Operation("GET", path, "", reply=LIST) for path in paths]
    assert [*utility_names(operations, ("acme",), {}, {}).values()] == ["list_keys", "get_key", "list_key_uses"]
    assert [*utility_names(operations[:2], ("acme",), {}, {}).values()] == [
        "list_shop_admin_keys",
        "get_shop_admin_key",
    ]


def test_names_that_collide_are_told_apart_the_same_way_in_any_order() -> None:
    paths = ["/key", "/keys/{hash}", "/old/key", "/older/key"]
    operations = [Operation("GET", path, "", id="" if "old" not in path else "getKey") for path in paths]
    expected = {
        ("GET", "/key"): "get_key",
        ("GET", "/keys/{hash}"): "get_key_by_hash",
        ("GET", "/old/key"): "get_old_key",
        ("GET", "/older/key"): "get_older_key",
    }
    assert utility_names(operations, ("acme",), {}, {}) == expected
    assert utility_names(operations[::-1], ("acme",), {}, {}) == expected


VERSIONS = {
    "/apis/apps.things.io/v1/nodes/{id}": "get_apps_node",
    "/apis/apps.things.io/v1beta1/nodes/{id}": "get_apps_node_v1beta1",
    "/apis/apps.things.io/v1beta2/nodes/{id}": "get_apps_node_v1beta2",
    "/apis/of/some/other/nodes/{id}": "get_apps_node_by_id",
}


def test_versions_of_one_call_are_told_apart_by_them() -> None:
    operations = [Operation("GET", path, "", id="readAppsNode") for path in VERSIONS]
    assert [*utility_names(operations, ("acme",), {}, {}).values()] == [*VERSIONS.values()]


def test_a_name_that_is_too_long_loses_its_first_words_and_no_more_than_it_must() -> None:
    long = "getActionsCacheRetentionLimitForEnterprise", "getActionsCacheStorageLimitForEnterprise"
    operations = [Operation("GET", f"/limits/{path}", "", id=one) for path, one in zip("ab", long, strict=True)]
    for skill, names in {
        "github": ["get_cache_retention_limit_enterprise", "get_cache_storage_limit_enterprise"],
        "a-service-with-a-long-name": ["get_limit_enterprise", "get_cache_enterprise"],
        "a-service-with-a-name-that-is-longer-still": ["get_enterprise", "get_b_enterprise"],
    }.items():
        assert [*utility_names(operations, (skill,), {}, {}).values()] == names


def number(name: str, **more: Any) -> Field:
    return Field(name, "query", {"type": "integer", **more})


def text(name: str) -> Field:
    return Field(name, "query", {"type": "string"})


def body(*names: str, rows: str | None = "/data") -> Reply:
    return Reply("json", dict.fromkeys(names, "any"), rows)


PAGES: list[tuple[list[Field], Reply, Any]] = [
    ([number("offset"), number("limit")], LIST, {"style": "offset", "limit": "limit", "items": "/data"}),
    ([number("skip")], LIST, {"style": "offset", "position": "skip", "items": "/data"}),
    ([number("page", minimum=1)], body(rows=""), {"style": "page"}),
    ([number("page", default=0)], body(rows=""), {"style": "page", "start": 0}),
    (
        [text("cursor"), number("limit", maximum=20)],
        body("data", "next_cursor"),
        {"style": "cursor", "limit": "limit", "items": "/data", "next": ".next_cursor", "size": 20},
    ),
    (
        [text("pageToken")],
        Reply("json", {"meta": {"properties": {"nextPageToken": "string"}}}, "/data"),
        {"style": "cursor", "position": "pageToken", "items": "/data", "next": ".meta.nextPageToken"},
    ),
    (
        [text("after")],
        body("data", "has_more", "last_id"),
        {
            "style": "cursor",
            "position": "after",
            "items": "/data",
            "next": "if .has_more then .last_id else null end",
        },
    ),
    (
        [text("starting_after")],
        body("data", "has_more"),
        {
            "style": "cursor",
            "position": "starting_after",
            "items": "/data",
            "next": "if .has_more then .data[-1].id else null end",
        },
    ),
    ([text("cursor")], body("data"), None),
    ([text("after")], body("data"), None),
    ([Field("size", "query", {"type": "string", "enum": ["big"]})], LIST, None),
    ([number("page")], Reply(), None),
    ([], LIST, None),
]


def test_what_a_list_needs_in_each_call_is_sent_without_being_asked_for(workshop: Workshop) -> None:
    rows = {"type": "object", "properties": {"items": {"type": "array", "items": {"type": "object"}}}}
    paged = [query("page", {"type": "integer"}, required=True), query("limit", {"type": "integer"}, required=True)]
    sized = [
        query("offset", {"type": "integer"}),
        query("limit", {"type": "integer", "default": 20}, required=True),
    ]
    paths = {
        "/a": {"get": {"parameters": paged, "responses": answer(rows)}},
        "/b": {"get": {"parameters": sized, "responses": answer(rows)}},
    }
    utilities = workshop.imported(service(paths))["utilities"]
    assert [("params" in utilities[name], utilities[name]["rest"]["query"]) for name in ("list_a", "list_b")] == [
        (False, {"page": "1", "limit": "100"}),
        (False, {"limit": "20"}),
    ]
    assert "GET https://api.example.com/v1/a?page=1&limit=7\n" in workshop.request("list_a", {"limit": 7})


SINCE = "Give the cursor of the last sync to get what is new since your last request."
KEPT_UP: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("/things/sync", query("cursor"), {"added": {"type": "array"}, "next_cursor": {}, "has_more": {}}),
    ("/users/delta", query("page_token"), {"value": {"type": "array"}, "next_page_token": {}}),
    ("/events", query("page_token"), {"items": {"type": "array"}, "next_page_token": {}, "next_sync_token": {}}),
    ("/moves", query("cursor", description=SINCE), {"moves": {"type": "array"}, "cursor": {"type": "string"}}),
]


@pytest.mark.parametrize(("path", "cursor", "fields"), KEPT_UP, ids=[each[0] for each in KEPT_UP])
def test_who_keeps_up_with_changes_keeps_the_cursor(
    workshop: Workshop, path: str, cursor: dict[str, Any], fields: dict[str, Any]
) -> None:
    document = service({path: {"get": {"parameters": [cursor], "responses": answer({"properties": fields})}}})
    (utility,) = workshop.imported(document)["utilities"].values()
    assert "paginate" not in utility["rest"]
    assert cursor["name"] in utility["params"]
    assert {*utility["returns"]} == {*fields}
    (told,) = (what for what in workshop.losses(document) if "keeps the cursor" in what)
    assert told


def test_the_list_of_objects_is_the_rows_beside_lists_of_texts(workshop: Workshop) -> None:
    things, texts = {"type": "array", "items": {"type": "object"}}, {"type": "array", "items": {"type": "string"}}
    fields = {"things": things, "names": texts, "notices": texts, "startAt": {"type": "integer"}}
    asked = [query("startAt", {"type": "integer"})]
    document = service({"/x": {"get": {"parameters": asked, "responses": answer({"properties": fields})}}})
    (utility,) = workshop.imported(document)["utilities"].values()
    assert utility["rest"]["paginate"] == {"style": "offset", "position": "startAt", "items": "/things"}


def test_a_list_that_is_asked_for_with_a_post_goes_on_by_its_body(workshop: Workshop) -> None:
    def asked(**fields: Any) -> Any:
        return json_body({"type": "object", "properties": fields})

    text, number = {"type": "string"}, {"type": "integer"}
    rows = {"type": "array", "items": {"type": "object"}}
    more = answer({"type": "object", "properties": {"results": rows, "next_cursor": text}})
    paths = {
        "/search": {
            "post": {"requestBody": asked(query=text, start_cursor=text, page_size=number), "responses": more}
        },
        "/query": {"post": {"requestBody": asked(cursor=text), "responses": more}},
        "/find": {"post": {"requestBody": asked(offset=number, count=number, q=text), "responses": more}},
        "/things": {"post": {"requestBody": asked(page=number, name=text), "responses": more}},
    }
    utilities = workshop.imported(service(paths))["utilities"]
    assert {name: utility["rest"].get("paginate") for name, utility in utilities.items()} == {
        "search": {
            "style": "cursor", "position": {"body": "/start_cursor"}, "limit": {"body": "/page_size"},
            "items": "/results", "next": ".next_cursor",
        },
        "query": {"style": "cursor", "position": {"body": "/cursor"}, "items": "/results", "next": ".next_cursor"},
        "find": {
            "style": "offset", "position": {"body": "/offset"}, "limit": {"body": "/count"}, "items": "/results",
        },
        "create_thing": None,
    }  # fmt: skip
    assert utilities["query"]["rest"]["body"] == {}
    assert """--data-binary '{"query":"x"}'""" in workshop.request("search", {"query": "x"})


@pytest.mark.parametrize(("fields", "reply", "expected"), PAGES)
def test_pages_are_found_by_what_query_and_body_are_called(
    fields: list[Field], reply: Reply, expected: Any
) -> None:
    assert pagination(fields, reply) == expected


def test_what_has_no_counterpart_is_told(workshop: Workshop) -> None:
    responses = answer({"type": "object"}) | answer({"type": "object"}, "application/json", "201")
    document = service(
        {
            "/a": {
                "options": {},
                "get": {
                    "requestBody": {"content": {}},
                    "callbacks": {"done": {}},
                    "security": [{"odd": []}, {"missing": []}],
                    "responses": responses,
                },
                "post": {"security": [{"odd": [], "basic": []}], "responses": answer({}, "text/event-stream")},
            },
            "/b": {"get": {"parameters": [query("q", {"type": "object"})]}},
        },
        webhooks={"called": {}},
        components={
            "securitySchemes": {"odd": {"type": "mutualTLS"}, "basic": {"type": "http", "scheme": "basic"}}
        },
    )
    assert set(workshop.losses(document)) == {
        "OPTIONS is no method of a manifest",
        "a body of a GET is not sent",
        "a map of any keys in the query (style form) is sent as JSON text",
        "a security scheme is not declared",
        "callbacks are calls from the service, not to it",
        "it answers only as a stream: call it with `stream: true`",
        "the answers to 201 may look different from the one to 200",
        "the security scheme of type mutualtls has no counterpart",
        "webhooks are calls from the service, not to it",
    }
    workshop.check()


def test_params_of_a_path_whose_names_are_alike_keep_their_places(workshop: Workshop) -> None:
    names = ["user-id", "user_id", "path_user_id"]
    parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
    operation = {"parameters": parameters, "responses": answer({"type": "object"})}
    path = "/a/{user_id}/{user-id}/{path_user_id}"
    (utility,) = workshop.imported(service({path: {"get": operation}}))["utilities"].values()
    assert utility["rest"]["url"] == "/a/{path_user_id}/{user_id}/{path_path_user_id}"
