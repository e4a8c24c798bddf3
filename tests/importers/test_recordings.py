"""Recorded and collected requests become utilities; what they carry in secret does not."""

import json
from typing import Any

import pytest

from tests.importers.workshop import Workshop

SECRET = "canary-4711-secret"


def entry(method: str, url: str, *, kind: str = "application/json", **request: Any) -> dict[str, Any]:
    said = {"method": method, "url": url, "headers": [], **request}
    return {"request": said, "response": {"status": 200, "content": {"mimeType": kind}}}


def header(name: str, value: str) -> dict[str, str]:
    return {"name": name, "value": value}


def written(workshop: Workshop) -> str:
    return "".join(file.read_text() for file in (workshop.folder / "skills").rglob("*") if file.is_file())


def test_the_calls_of_a_har_are_utilities_and_its_pages_are_not(workshop: Workshop) -> None:
    browser = [header("user-agent", "Mozilla/5.0"), header("sec-fetch-mode", "cors")]
    key = header("Authorization", f"Bearer {SECRET}")
    posted = {"mimeType": "application/json", "text": json.dumps({"name": "Rex", "password": SECRET})}
    entries = [
        entry("GET", "https://app.example.com/", kind="text/html"),
        entry("GET", "https://app.example.com/a.js", kind="text/javascript"),
        entry("OPTIONS", "https://api.example.com/v1/dogs"),
        entry("GET", "https://api.example.com/v1/dogs?page=2", headers=[*browser, key]),
        entry("GET", "https://api.example.com/v1/dogs/7", headers=[key]),
        entry("GET", "https://api.example.com/v1/dogs/8", headers=[key]),
        entry("POST", "https://api.example.com/v1/dogs", headers=[key], postData=posted),
        entry("GET", "https://other.example.com/time"),
    ]
    front = workshop.imported(json.dumps({"log": {"entries": entries}}), kind="har")
    assert front["api"]["base_url"] == "https://api.example.com"
    assert front["auth"] == {"type": "api_key", "header": "Authorization", "prefix": "Bearer "}
    assert {name: one["rest"]["url"] for name, one in front["utilities"].items()} == {
        "get_dogs": "/v1/dogs",
        "get_dog": "/v1/dogs/{dog_id}",
        "create_dog": "/v1/dogs",
        "get_time": "https://other.example.com/time",
    }
    assert front["utilities"]["get_time"]["auth"] == "none"
    assert front["utilities"]["create_dog"]["params"]["password"] == {"type": "string", "required": True}
    assert SECRET not in written(workshop)
    assert workshop.request("get_dogs", {}).startswith("GET https://api.example.com/v1/dogs?page=2\n")


LIMIT = [{"key": "limit", "value": "5"}, {"key": "off", "value": "1", "disabled": True}]
DOG = {"mode": "raw", "raw": '{"name": "{{name}}", "age": 3}', "options": {"raw": {"language": "json"}}}
FILE = {"mode": "formdata", "formdata": [{"key": "file", "type": "file"}, {"key": "note", "value": "hi"}]}
COLLECTION = {
    "info": {"name": "Dogs", "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},
    "auth": {"type": "apikey", "apikey": [{"key": "key", "value": "X-Key"}, {"key": "value", "value": SECRET}]},
    "variable": [{"key": "baseUrl", "value": "https://api.example.com/v1"}, {"key": "token", "value": SECRET}],
    "item": [
        {
            "name": "Dogs",
            "item": [
                {
                    "name": "List dogs",
                    "request": {
                        "method": "GET",
                        "url": {
                            "raw": "{{baseUrl}}/dogs?limit=5&off=1",
                            "query": [
                                {"key": "limit", "value": "5"},
                                {"key": "off", "value": "1", "disabled": True},
                            ],
                        },
                    },
                },
                {
                    "name": "Update a dog",
                    "request": {
                        "method": "PATCH",
                        "url": "{{baseUrl}}/dogs/:dogId",
                        "header": [{"key": "X-Trace", "value": "{{trace}}"}],
                        "body": {
                            "mode": "raw",
                            "raw": '{"name": "{{name}}", "age": 3}',
                            "options": {"raw": {"language": "json"}},
                        },
                    },
                },
            ],
        },
        {
            "name": "Upload",
            "event": [{"listen": "test"}],
            "request": {
                "method": "POST",
                "url": "{{baseUrl}}/files",
                "auth": {"type": "noauth"},
                "body": {
                    "mode": "formdata",
                    "formdata": [{"key": "file", "type": "file"}, {"key": "note", "value": "hi"}],
                },
            },
        },
    ],
}


PROOFS = {
    "header": ("X-Tenant-Ref", None, {"type": "api_key", "header": "X-Tenant-Ref"}),
    "query": ("ref", "query", {"type": "api_key", "query": "ref"}),
}


@pytest.mark.parametrize("where", PROOFS)
def test_what_postman_calls_the_proof_of_a_call_is_the_credential_whatever_its_name(
    workshop: Workshop, where: str
) -> None:
    name, place, auth = PROOFS[where]
    said = {"key": name, "value": SECRET} | ({"in": place} if place else {})
    document = {
        "info": {"name": "Dogs", "schema": "v2.0"},
        "auth": {"type": "apikey", "apikey": said},
        "item": [{"name": "Dogs", "request": {"method": "GET", "url": "https://api.example.com/dogs?a=1"}}],
    }
    front = workshop.imported(json.dumps(document), kind="postman")
    assert front["auth"] == auth
    assert [list(one.get("params", {})) for one in front["utilities"].values()] == [["a"]]
    assert SECRET not in written(workshop)


def test_a_postman_collection_becomes_a_skill(workshop: Workshop) -> None:
    front = workshop.imported(json.dumps(COLLECTION), kind="postman")
    assert front["name"] == "Dogs"
    assert front["api"]["base_url"] == "https://api.example.com"
    assert front["auth"] == {"type": "api_key", "header": "X-Key"}
    utilities = front["utilities"]
    assert set(utilities) == {"list_dogs", "update_dog", "upload_files"}
    assert utilities["list_dogs"]["rest"] == {"url": "/v1/dogs", "query": {"limit": ".params.limit"}}
    assert {name for name, one in utilities["update_dog"]["params"].items() if one.get("required")} == {
        "dog_id", "trace", "name",
    }  # fmt: skip
    assert utilities["upload_files"]["auth"] == "none"
    assert utilities["upload_files"]["params"]["file"] == {"type": "file", "required": True}
    assert SECRET not in written(workshop)
    assert "scripts of a collection are not run" in workshop.text()


def test_files_of_other_kinds_are_refused(workshop: Workshop) -> None:
    assert "no HAR file" in workshop.run("har", workshop.document("{}", "a.har")).err
    assert "not JSON" in workshop.run("har", workshop.document("a: b", "b.har")).err
    assert "no Postman collection" in workshop.run("postman", workshop.document("{}", "c.json")).err


def collection(*items: dict[str, Any]) -> str:
    said = [{"name": f"Go {number}", "request": {"method": "POST", **one}} for number, one in enumerate(items)]
    return json.dumps({"info": {"name": "Dogs"}, "item": said})


URL = "https://api.example.com/dogs"


def test_variables_of_graphql_in_a_collection_are_sent(workshop: Workshop) -> None:
    query = {"query": "query Dogs($n: Int) { dogs(n: $n) }", "operationName": "Dogs"}
    items = [
        {"url": URL, "body": {"mode": "graphql", "graphql": {**query, "variables": '{"n": 3}'}}},
        {"url": f"{URL}/2", "body": {"mode": "graphql", "graphql": {**query, "variables": ""}}},
        {"url": f"{URL}/a", "body": {"mode": "graphql", "graphql": {"query": "{ a }", "variables": "{n: 3}"}}},
    ]
    utilities = workshop.imported(collection(*items), kind="postman")["utilities"]
    sent = workshop.request("create_go_0", {}).split("\n\n", 1)[1].split("\n\n")[0]
    assert json.loads(sent) == {**query, "variables": {"n": 3}}
    assert [[*one["params"]] for one in utilities.values()][1:] == [
        ["dog_id", "query", "operationName"], ["query"],
    ]  # fmt: skip
    assert "variables of GraphQL that are no JSON are left out" in workshop.text()


def test_a_raw_text_of_a_collection_is_no_form(workshop: Workshop) -> None:
    items = [
        {"url": URL, "body": {"mode": "raw", "raw": "hello"}},
        {"url": f"{URL}/a", "body": {"mode": "raw", "raw": '{"a": 1}'}},
        {"url": f"{URL}/b", "body": {"mode": "raw", "raw": "<p>", "options": {"raw": {"language": "html"}}}},
    ]
    utilities = workshop.imported(collection(*items), kind="postman")["utilities"]
    first, second, third = (one["rest"] for one in utilities.values())
    assert first == {"method": "POST", "url": "/dogs", "encoding": "text", "body": ".params.text"}
    assert "encoding" not in second
    assert third["headers"] == {"Content-Type": "text/html"}


def test_a_key_that_is_switched_off_takes_away_no_other_of_its_name(workshop: Workshop) -> None:
    pairs = [("a", "1", True), ("a", "2", False), ("b", "3", True)]
    query = [{"key": key, "value": value, "disabled": off} for key, value, off in pairs]
    for raw in ("a=1&a=2&b=3", "a=2"):
        items = [{"url": {"raw": f"{URL}?{raw}", "query": query}}]
        front = workshop.imported(collection(*items), kind="postman", skill=f"s{len(raw)}")
        assert front["utilities"]["create_go_0"]["params"] == {"a": {"type": "integer", "default": 2}}


MULTIPART = (
    '--{0}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n\r\n'
    '--{0}\r\nContent-Disposition: form-data; name="note"\r\n\r\nhi\r\nthere\r\n--{0}--\r\n'
)


def test_a_multipart_body_that_a_browser_recorded_as_text_is_read(workshop: Workshop) -> None:
    said = [
        ("multipart/form-data; boundary=----WebKitX", MULTIPART.format("----WebKitX")),
        ("multipart/form-data", MULTIPART.format("-----1")),
        ("multipart/form-data; boundary=x", ""),
    ]
    entries = [
        entry("POST", f"https://api.example.com/{name}", postData={"mimeType": kind, "text": text})
        for name, (kind, text) in zip("abc", said, strict=True)
    ]
    utilities = workshop.imported(json.dumps({"log": {"entries": entries}}), kind="har")["utilities"]
    params = {"file": {"type": "file", "required": True}, "note": {"type": "string", "default": "hi\nthere"}}
    assert [one.get("params") for one in utilities.values()] == [params, params, None]
    assert utilities["create_a"]["rest"]["encoding"] == "multipart"
    assert "a multipart body of which the recording does not hold the fields is left out" in workshop.text()


def collected(*items: Any, **more: Any) -> str:
    return json.dumps({"info": {"name": "Dogs"}, "item": [*items], **more})


def request(name: str, method: str, url: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "request": {"method": method, "url": url, **more}}


def test_what_stands_for_a_segment_in_a_collection_is_its_default_with_what_is_said_of_it(
    workshop: Workshop,
) -> None:
    url = {
        "raw": "https://api.example.com/dogs/:id/toys/:toy/:token?size=2",
        "query": [{"key": "size", "value": "2", "description": "How large."}],
        "variable": [
            {"key": "id", "value": "7", "description": "Which dog"},
            {"key": "toy", "value": "<string>"},
            {"key": "token", "value": SECRET},
        ],
    }
    front = workshop.imported(collected(request("Get toy", "GET", url)), kind="postman")
    assert front["utilities"]["get_toy"]["params"] == {
        "toy": {"type": "string", "required": True},
        "token": {"type": "string", "required": True},
        "id": {"type": "integer", "default": 7, "description": "Which dog"},
        "size": {"type": "integer", "default": 2, "description": "How large"},
    }
    sent = workshop.request("get_toy", {"toy": "ball", "token": "t"})
    assert sent.startswith("GET https://api.example.com/dogs/7/toys/ball/t?size=2\n")
    assert SECRET not in written(workshop)


def test_remarks_in_json_of_a_collection_are_not_sent(workshop: Workshop) -> None:
    raw = '{\n // who\n "name": "Rex", /* in years */ "age": {{age}},\n "home": "https://example.com/a" // end\n}'
    body = {"mode": "raw", "raw": raw, "options": {"raw": {"language": "json"}}}
    item = request("Add dog", "POST", "https://api.example.com/dogs", body=body)
    workshop.imported(collected(item), kind="postman")
    sent = workshop.request("add_dog", {"age": 3})
    assert '{"age":3,"name":"Rex","home":"https://example.com/a"}' in sent


def test_base_url_stands_for_the_variable_that_addresses_of_a_collection_begin_with(workshop: Workshop) -> None:
    items = [
        request("List dogs", "GET", "{{protocol}}://{{api_host}}:{{port}}/dogs"),
        request("List cats", "GET", {"host": ["{{api_host}}"], "path": ["cats", ""]}),
        request("Log in", "POST", "{{login}}/start"),
    ]  # fmt: skip
    refused = workshop.run("postman", workshop.document(collected(*items)))
    assert refused.code == 1
    assert "the variable `api_host` of an address has no value in the collection: --base-url says" in refused.err
    front = workshop.imported(collected(*items), "--base-url", "https://dogs.example.com/v2", kind="postman")
    assert front["api"]["base_url"] == "https://dogs.example.com/v2"
    assert {name: one["rest"]["url"] for name, one in front["utilities"].items()} == {
        "list_dogs": "/dogs",
        "list_cats": "/cats/",
    }
    assert "the variable `login` of an address has no value in the collection: Log in" in workshop.text()


def test_folders_of_a_collection_say_variables_and_no_auth_is_not_the_same_as_none_said(
    workshop: Workshop,
) -> None:
    folder = {
        "name": "Dogs",
        "auth": None,
        "variable": [{"key": "area", "value": "v3"}, {"key": "old", "value": "v2", "disabled": True}],
        "item": [
            request("List dogs", "GET", "https://api.example.com/{{area}}/dogs", auth=None),
            request("Show news", "GET", "https://api.example.com/{{area}}/news", auth={"type": "noauth"}),
            request("List old", "GET", "https://api.example.com/{{old}}/old"),
        ],
    }
    token = {"type": "oauth2", "oauth2": [{"key": "headerPrefix", "value": "Token"}]}
    front = workshop.imported(collected(folder, auth=token), kind="postman")
    assert front["auth"] == {"type": "api_key", "header": "Authorization", "prefix": "Token "}
    assert {name: (one["rest"]["url"], one.get("auth")) for name, one in front["utilities"].items()} == {
        "list_dogs": ("/v3/dogs", None),
        "get_news": ("/v3/news", "none"),
        "get_old": ("/{old}/old", None),
    }


def test_what_postman_itself_does_not_send_is_not_sent(workshop: Workshop) -> None:
    body = {"mode": "raw", "raw": '{"a": 1}', "options": {"raw": {"language": "json"}}}
    kept = {"protocolProfileBehavior": {"disableBodyPruning": True}}
    script = [{"listen": "prerequest", "script": {"exec": ["pm.variables.set('x', 1)"]}}]
    empty = [{"listen": "test", "script": {"exec": [""]}}]
    content = collected(
        {**request("Find dogs", "GET", "https://api.example.com/dogs", body=body), "event": empty},
        {**request("Find cats", "GET", "https://api.example.com/cats", body=body), **kept},
        event=script,
    )
    said = workshop.losses(content, kind="postman")
    assert said["scripts of a collection are not run"] == []
    assert said["Postman sends no body with a GET or HEAD: it is left out"] == ["Find dogs"]
    rest = {name: one["rest"] for name, one in workshop.front()["utilities"].items()}
    assert rest["find_dogs"] == {"url": "/dogs"}
    assert rest["find_cats"]["body"] == ".params"


def test_a_part_of_a_collection_that_is_json_is_sent_as_json(workshop: Workshop) -> None:
    parts = [{"key": "meta", "type": "text", "value": '{"a": 1}', "contentType": "application/json"}]
    body = {"mode": "formdata", "formdata": parts}
    front = workshop.imported(
        collected(request("Send", "POST", "https://api.example.com/send", body=body)), kind="postman"
    )
    assert front["utilities"]["send"]["params"] == {"meta": {"type": "object", "default": {"a": 1}}}


def form(*pairs: tuple[str, str]) -> dict[str, Any]:
    params = [{"name": name, "value": value} for name, value in pairs]
    return {"mimeType": "application/x-www-form-urlencoded", "params": params}


def test_fields_of_a_recorded_form_are_what_was_sent_however_they_were_written_down(workshop: Workshop) -> None:
    entries = [
        entry("POST", "https://api.example.com/cats", postData=form(("a", "x & y=1+1"), ("b", "50%"))),
        entry("POST", "https://api.example.com/dogs", postData=form(("a", "x+%26+y"), ("b[]", "%C3%BC"))),
    ]
    workshop.imported(json.dumps({"log": {"entries": entries}}), kind="har")
    assert "\na=x+%26+y%3D1%2B1&b=50%25\n" in workshop.request("create_cat", {})
    assert "\na=x+%26+y&b%5B%5D=%C3%BC\n" in workshop.request("create_dog", {})


def test_an_answer_that_had_not_changed_is_still_one_of_a_service(workshop: Workshop) -> None:
    cats, page = entry("GET", "https://api.example.com/cats"), entry("GET", "https://api.example.com/", kind="")
    cats["response"]["status"] = page["response"]["status"] = 304
    front = workshop.imported(json.dumps({"log": {"entries": [cats, page]}}), kind="har")
    assert [*front["utilities"]] == ["get_cats"]


def test_base_url_says_where_the_recorded_service_is(workshop: Workshop) -> None:
    entries = [
        entry("GET", "https://api.example.com/v1/dogs"),
        entry("GET", "https://api.example.com/v1/cats"),
        entry("GET", "https://other.example.com/time"),
    ]
    recorded = json.dumps({"log": {"entries": entries}})
    front = workshop.imported(recorded, "--base-url", "https://stage.example.com/v1/", kind="har")
    assert front["api"]["base_url"] == "https://stage.example.com/v1"
    assert {name: one["rest"]["url"] for name, one in front["utilities"].items()} == {
        "get_dogs": "/dogs",
        "get_cats": "/cats",
        "get_time": "https://other.example.com/time",
    }


def test_bytes_in_a_recording_are_a_file_that_the_caller_gives(workshop: Workshop) -> None:
    entries = [
        entry("PUT", "https://api.example.com/cats", postData={"mimeType": "image/png", "text": "\ufffdPNG"}),
        entry(
            "PUT", "https://api.example.com/dogs", postData={"mimeType": "", "text": "AAAA", "encoding": "base64"}
        ),
    ]
    front = workshop.imported(json.dumps({"log": {"entries": entries}}), kind="har")
    for one in front["utilities"].values():
        assert one["params"]["content"]["type"] == "file"
        assert one["rest"]["encoding"] == "binary"
    assert [one["rest"].get("headers") for one in front["utilities"].values()] == [
        {"Content-Type": "image/png"},
        None,
    ]


def test_a_secret_beside_a_user_is_named_where_it_is_not_sent(workshop: Workshop) -> None:
    user = {"type": "basic", "basic": [{"key": "username", "value": "u"}, {"key": "password", "value": "p"}]}
    one = request("A", "GET", f"https://a.example.com/a?proxyPassword={SECRET}&q=1", auth=user)
    assert workshop.imported(collected(one), kind="postman")["auth"] == {"type": "basic"}
    told = workshop.losses(collected(one), kind="postman")
    assert told["user name and password are asked for; what else proves the call is not"] == ["proxyPassword"]
    assert SECRET not in written(workshop)
