"""Recorded and collected requests become utilities; what they carry in secret does not."""

import json
from typing import Any

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
